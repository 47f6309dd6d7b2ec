// A process's part in a PostgreSQL metadata store: its connections, its epoch, and what it does beside its work (saying that it lives, folding
// sums). Opening throws DependencyError with what to do; later on the database may go away and come back, and the process goes on.
import { DependencyError, type DependencyHealth } from '../../base/dependency.ts'
import { sleep, type Timer, type World } from '../../base/world.ts'
import { replicationGroup } from '../../domain/version-id.ts'
import type { MetadataStore } from '../metadata-store.ts'
import { type Database, type DatabaseOptions, openDatabase, type Value } from './database.ts'
import {
  isCollision,
  isEnded,
  isTooLong,
  isUnavailable,
  NoAnswerError,
  openError,
  StoreClosedError,
  storeError,
} from './failures.ts'
import { Journal, JournalWatch } from './journal.ts'
import { postgresMetadataStore } from './postgres-metadata-store.ts'
import { Pulse, silentMs } from './pulse.ts'
import { PutLanes } from './put-lanes.ts'
import { type Identity, migrate, namespace } from './schema.ts'
import { checkServer, serverWarning } from './server-checks.ts'
import { type SharedValues, sharedValues } from './shared-values.ts'
import type { StoreContext } from './store-context.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`; never shown. */
  readonly url: string
  /** Connections of this process, three at least. */
  readonly poolMax?: number
  readonly world: World
  /** Replication group of new version ids. */
  readonly group: string
  /** Others have taken this process for dead, or the like: it has to end. */
  readonly onFatal?: (error: Error) => void
  /** Whose clock decides over leases and version ids: the database's, which all processes share, or (for tests) this world's. */
  readonly clock?: 'database' | 'world'
  /** How often commits of other processes are looked for while somebody listens to the journal; null: only those of this one are told. */
  readonly pollMs?: number | null
  /** How often sums are folded; one process that does it soon is enough. */
  readonly foldMs?: number
  /** How long a reader of the journal waits for entries that a transaction under way holds back, before it shows what there is. */
  readonly heldMs?: number
  /** A process that was not heard of for so long counts as dead. */
  readonly silenceMs?: number
  readonly answerWithinMs?: number
  /** Puts that share a transaction at most. */
  readonly putsPerCommit?: number
}

export interface PostgresEngine {
  readonly store: MetadataStore
  /** Names this start of the process, different from every other of every database; begins the names of its data. */
  readonly epoch: string
  readonly shared: SharedValues
  health(): Promise<DependencyHealth>
  /**
   * Which of these epochs are of processes that are gone for good: they can commit nothing any more, so what they wrote and nothing refers to
   * is orphaned. Epochs of other stores are never among them.
   */
  endedEpochs(epochs: readonly string[]): Promise<ReadonlySet<string>>
  /** Ends after what is under way; frees its claims. */
  close(): Promise<void>
  /** The end of a process that was killed. */
  closeAbruptly(): Promise<void>
}

const poolMaxDefault = 10
const pollMsDefault = 150
const heldMsDefault = 100
/** A database that is away must not keep a process from ending. */
const leaveWithinMs = 3_000
/** Longer than any stop of a process that goes on afterwards; a process that wakes up later than this ends. */
const silenceMsDefault = 15 * 60_000
const answerWithinMsDefault = 30_000
const putsPerCommitDefault = 64
/** Commits' worth of puts that may wait for each lane. */
const batchesWaiting = 20
const beatMs = 5_000
const foldMsDefault = 1_000
/** A transaction that folds holds back the journal while it lasts. */
const deltasAtOnce = 2_000

/** Connects, migrates, takes note of this start. Throws DependencyError when the database cannot be used. */
export async function openPostgres(options: PostgresOptions): Promise<PostgresEngine> {
  const { timers } = options.world
  const connections = Math.max(3, options.poolMax ?? poolMaxDefault)
  const writers = Math.max(1, Math.floor((connections - 1) * 0.6))
  const open = (count: number): Promise<Database> => {
    const answerWithinMs = options.answerWithinMs ?? answerWithinMsDefault
    const given: DatabaseOptions = { url: options.url, connections: count, timers, answerWithinMs }
    return openDatabase(given, namespace)
  }
  const pools = { writes: await open(writers), reads: await open(connections - 1 - writers), aside: await open(1) }
  try {
    await checkServer(pools.aside)
    const identity = await migrate(pools.aside, Buffer.from(options.world.random.bytes(4)).toString('hex'))
    const [row] = await pools.aside.rows<{ epoch: number }>('INSERT INTO epochs DEFAULT VALUES RETURNING epoch')
    const engine = new Engine(options, pools, writers, identity, row?.epoch ?? 0)
    await engine.start()
    return engine
  } catch (error) {
    await Promise.all(Object.values(pools).map(pool => pool.abandon()))
    throw openError(error, options.url)
  }
}

interface Pools {
  readonly writes: Database
  readonly reads: Database
  /** For what must not wait behind writes that wait for a lock. */
  readonly aside: Database
}

const collisionsMax = 20
/** Waits between the attempts of a command that may be repeated: together longer than a restart of the server takes. */
const repeatWaitsMs = [100, 250, 500, 1_000, 2_000, 4_000]
/** What is of use only soon (a renewal: twice as long, twice, is less than a lease) is given up after this time. */
const soonMs = 15_000

class Engine implements PostgresEngine {
  readonly store: MetadataStore
  readonly epoch: string
  readonly shared: SharedValues
  readonly #options: PostgresOptions
  readonly #pools: Pools
  readonly #identity: Identity
  readonly #number: number
  readonly #journal: Journal
  readonly #watch: JournalWatch
  readonly #pulse: Pulse
  readonly #lanes: PutLanes<string, string>
  readonly #timers = new Map<'beat' | 'fold', Timer>()
  #underWay = 0
  #settled: (() => void)[] = []
  #aside: Promise<void> = Promise.resolve()
  /** The database's clock less this process's, milliseconds. */
  #offsetMs = 0
  #tokens = 0
  #refusal: Error | null = null
  #closing: Promise<void> | null = null

  constructor(options: PostgresOptions, pools: Pools, lanes: number, identity: Identity, number: number) {
    this.#options = options
    this.#pools = pools
    this.#identity = identity
    this.#number = number
    this.epoch = `${identity.store}-${number}`
    const { world } = options
    this.#pulse = new Pulse(world.clock)
    this.#journal = new Journal(pools.reads, world, identity.cluster, options.heldMs ?? heldMsDefault)
    this.#watch = new JournalWatch(pools.aside, world, options.pollMs === undefined ? pollMsDefault : options.pollMs)
    this.#lanes = new PutLanes({
      timers: world.timers,
      lanes,
      batchMax: options.putsPerCommit ?? putsPerCommitDefault,
      waitingMax: lanes * (options.putsPerCommit ?? putsPerCommitDefault) * batchesWaiting,
      commit: items => this.#commitPuts(items),
    })
    this.store = postgresMetadataStore(this.#context(), () => this.close())
    this.shared = sharedValues((text, ...values) => this.#tracked(() => pools.aside.rows(text, ...values)))
  }

  async start(): Promise<void> {
    await this.#beat()
    this.#arm('beat', beatMs, () => this.#beat())
    this.#arm('fold', this.#options.foldMs ?? foldMsDefault, () => this.#fold())
  }

  #context(): StoreContext {
    return {
      epoch: this.#number,
      group: replicationGroup(this.#options.group),
      now: () => this.#now(),
      clock: { toDatabase: ms => ms + this.#offsetMs, toLocal: ms => ms - this.#offsetMs },
      read: (text, ...values) => this.#tracked(() => this.#pools.reads.rows(text, ...values)),
      write: (text, ...values) => this.#tracked(() => this.#write(text, values)),
      journaling: async (text, ...values) => {
        const rows = await this.#tracked(() => this.#write<never>(text, values))
        this.#watch.wake()
        return rows
      },
      repeat: (text, ...values) => this.#tracked(() => this.#repeat(text, values, () => false)),
      soon: (text, ...values) => this.#tracked(() => this.#soon(text, values)),
      put: item => this.#tracked(() => this.#lanes.add(item)),
      recount: () => this.#tracked(() => this.#recount()),
      heardSince: () => this.#pulse.since,
      newToken: () => {
        this.#tokens += 1
        return `${this.#number}.${this.#tokens}`
      },
      journal: this.#journal,
      watch: this.#watch,
    }
  }

  #now(): number | null {
    return this.#options.clock === 'world' ? this.#options.world.clock.now() : null
  }

  /** Refuses once closed, and lets `close` wait for what was asked before. */
  async #tracked<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#refusal !== null) throw this.#refusal
    this.#underWay += 1
    try {
      return await work()
    } catch (error) {
      if (isEnded(error)) this.#end()
      throw this.#refusal ?? storeError(error)
    } finally {
      this.#underWay -= 1
      if (this.#underWay === 0) for (const resolve of this.#settled.splice(0)) resolve()
    }
  }

  /** A transaction that collided with another one has changed nothing: it is done again. */
  async #write<Row>(text: string, values: readonly Value[]): Promise<readonly Row[]> {
    for (let collisions = 0; ; collisions += 1) {
      try {
        return await this.#pools.writes.rows<Row>(text, ...values)
      } catch (error) {
        if (!isCollision(error) || collisions === collisionsMax) throw error
        await sleep(this.#options.world.timers, this.#options.world.random.fraction() * 10 * (collisions + 1))
      }
    }
  }

  #soon<Row>(text: string, values: readonly Value[]): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      let over = false
      const giveUp = (): void => {
        over = true
        reject(new NoAnswerError(`no answer within ${soonMs} ms`))
      }
      const limit = this.#options.world.timers.after(soonMs, giveUp, { background: true })
      this.#repeat<Row>(text, values, () => over)
        .then(resolve, reject)
        .finally(() => limit.cancel())
    })
  }

  async #repeat<Row>(text: string, values: readonly Value[], isOver: () => boolean): Promise<readonly Row[]> {
    for (const waitMs of [...repeatWaitsMs, null]) {
      try {
        return await this.#write<Row>(text, values)
      } catch (error) {
        if (!isUnavailable(error) || isTooLong(error) || waitMs === null) throw error
        if (isOver() || this.#refusal !== null || this.#closing !== null) throw error
        await sleep(this.#options.world.timers, waitMs)
      }
    }
    return []
  }

  async #commitPuts(items: readonly string[]): Promise<readonly string[]> {
    const rows = await this.#write<{ value: readonly string[] }>(
      'SELECT put_versions($1::bigint, $2, $3::bigint, $4::text::json) AS value',
      [this.#number, replicationGroup(this.#options.group), this.#now(), `[${items.join(',')}]`],
    )
    this.#watch.wake()
    return rows[0]?.value ?? []
  }

  async #recount(): Promise<boolean> {
    return this.#pools.writes.transaction(async transaction => {
      const [row] = await transaction.rows<{ value: boolean }>('SELECT recount_sums() AS value')
      return row?.value ?? false
    })
  }

  async health(): Promise<DependencyHealth> {
    const name = 'PostgreSQL'
    if (this.#refusal !== null) return { name, ok: false, problem: this.#refusal.message }
    try {
      const problem = await serverWarning(this.#pools.aside)
      return problem === null ? { name, ok: true } : { name, ok: true, problem }
    } catch (error) {
      const cause = openError(error, this.#options.url)
      return { name, ok: false, problem: cause instanceof Error ? cause.message : String(cause) }
    }
  }

  async endedEpochs(epochs: readonly string[]): Promise<ReadonlySet<string>> {
    const { aside } = this.#pools
    await aside.rows('SELECT end_silent_epochs($1::bigint)', this.#options.silenceMs ?? silenceMsDefault)
    const rows = await aside.rows<{ name: string }>(
      `SELECT n AS name FROM json_array_elements_text($1::text::json) n
       WHERE EXISTS (SELECT 1 FROM epochs WHERE ended AND $2 || '-' || epoch = n)`,
      JSON.stringify(epochs),
      this.#identity.store,
    )
    return new Set(rows.map(row => row.name))
  }

  /** Says that the process lives, looks at the database's clock and timeline, and for others that live no more. */
  async #beat(): Promise<void> {
    const { clock } = this.#options.world
    const before = clock.now()
    const askedAt = clock.monotonic()
    const [found] = await this.#pools.aside.rows<{ lives: boolean; now: number; timeline: string; cluster: string }>(
      `SELECT beat($1::bigint) AS lives, moment(NULL) AS now, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline,
       (SELECT system_identifier::text FROM pg_control_system()) AS cluster`,
      this.#number,
    )
    if (found === undefined) return
    if (found.cluster !== this.#identity.cluster) return this.#end('another database cluster answers at its address')
    if (this.#options.clock !== 'world') this.#offsetMs = Math.round(found.now - (before + clock.now()) / 2)
    this.#journal.timeline = found.timeline
    if (!found.lives) return this.#end()
    this.#pulse.heard(askedAt)
    if (!this.#pulse.isSteady) return
    await this.#pools.aside.rows('SELECT free_silent_claims($1::bigint, $2::bigint)', this.#now(), silentMs)
  }

  async #fold(): Promise<void> {
    for (let folded = deltasAtOnce; folded === deltasAtOnce && this.#closing === null; ) {
      const [row] = await this.#pools.aside.rows<{ n: number }>('SELECT fold_deltas($1::integer) AS n', deltasAtOnce)
      folded = row?.n ?? 0
    }
  }

  #arm(name: 'beat' | 'fold', everyMs: number, work: () => Promise<void>): void {
    const run = (): void => {
      // A failure is the next round's to make good; health tells of it.
      this.#aside = work()
        .catch(() => {})
        .finally(() => {
          if (this.#closing === null) this.#arm(name, everyMs, work)
        })
    }
    this.#timers.set(name, this.#options.world.timers.after(everyMs, run, { background: true }))
  }

  /** Others may have swept the data of this process, or what it knows is of another database: nothing it does now can be relied on. */
  #end(problem = 'this process was not heard of for so long that others took it for dead'): void {
    if (this.#refusal !== null) return
    const error = new DependencyError('PostgreSQL', problem, 'Start it again')
    this.#refusal = error
    this.#options.onFatal?.(error)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const wasRefused = this.#refusal !== null
    // What was asked before is let through: only new calls are refused.
    this.#refusal ??= new StoreClosedError('the store is closed')
    for (const timer of this.#timers.values()) timer.cancel()
    this.#watch.close()
    if (this.#underWay > 0) await new Promise<void>(resolve => this.#settled.push(resolve))
    await this.#aside
    if (!wasRefused) await this.#leaveInTime()
    await Promise.all(Object.values(this.#pools).map(pool => pool.close()))
  }

  #leaveInTime(): Promise<void> {
    return new Promise(resolve => {
      const limit = this.#options.world.timers.after(leaveWithinMs, resolve, { background: true })
      const left = (): void => {
        limit.cancel()
        resolve()
      }
      this.#leave().then(left, left)
    })
  }

  /** Claims are given back at once; without this they end with their leases. */
  async #leave(): Promise<void> {
    await this.#pools.writes.rows('SELECT free_claims($1::bigint, $2::bigint)', this.#number, this.#now())
    await this.#pools.aside.rows('UPDATE epochs SET ended = true WHERE epoch = $1::bigint', this.#number)
  }

  closeAbruptly(): Promise<void> {
    this.#closing ??= this.#abandon()
    return this.#closing
  }

  async #abandon(): Promise<void> {
    this.#refusal ??= new StoreClosedError('the process has ended')
    for (const timer of this.#timers.values()) timer.cancel()
    this.#watch.close()
    await Promise.all(Object.values(this.#pools).map(pool => pool.abandon()))
  }
}
