// One run of the whole pipeline from a seed: clients write, delete, tag, pause and resume; locations fail in every way they know; processes
// are killed at commits and in the middle of requests, and started again on the same database. Then all is healed, the pipeline runs until
// nothing is left to do, and the promises are checked. The same seed gives the same run.
import { createMemoryCloud, type MemoryCloud } from '../../src/locations/memory/cloud.ts'
import { type FaultPlan, type LocationFault, seededFaults } from '../../src/locations/memory/faults.ts'
import { createMemoryLocation } from '../../src/locations/memory/location.ts'
import { MemoryDatabase } from '../../src/metadata/sqlite/engine.ts'
import type { TopicMessage } from '../../src/queue/topic-log.ts'
import { type Acknowledged, check, type Evidence } from './checkers.ts'
import { bucket, type Clients, changeTags, createBucket, deleteObject, putObject } from './client.ts'
import { type Pipeline, startPipeline, topics } from './pipeline.ts'
import { seededFraction, seededRandom, type VirtualProcess, VirtualTime } from './virtual-world.ts'

export interface SimulationOptions {
  readonly seed: number
  /** Client operations. */
  readonly operations: number
  /** Prints what happens. */
  readonly verbose?: boolean
}

interface Running {
  readonly process: VirtualProcess
  readonly pipeline: Pipeline
}

const sites = ['aws', 'azure'] as const
type Site = (typeof sites)[number]

/** The kinds of trouble a run has; a share of the runs has less, so that rare paths are also met alone. */
interface Weather {
  readonly faultRate: number
  readonly crashEvery: number
  readonly commitFailureRate: number
  readonly keys: number
  readonly gapMs: number
}

const hour = 3_600_000

export class Simulation {
  readonly #options: SimulationOptions
  readonly #time = new VirtualTime()
  readonly #fraction: () => number
  readonly #database = new MemoryDatabase()
  readonly #disk = new Map<string, Uint8Array>()
  readonly #clouds = new Map<Site, { cloud: MemoryCloud; versions: boolean }>()
  readonly #weather: Weather
  readonly #acknowledged: Acknowledged[] = []
  readonly #deleted = new Set<string>()
  readonly #paused = new Set<string>()
  readonly #down = new Set<string>()
  readonly #echoes = new Map<string, readonly TopicMessage[]>()
  #healed = false
  #crashIn = Number.POSITIVE_INFINITY
  #running: Running | null = null
  #written = 0
  #closing: VirtualProcess | null = null

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#fraction = seededFraction(options.seed)
    const { world } = this.#time.process(seededRandom(options.seed))
    this.#clouds.set('aws', { cloud: createMemoryCloud(world, { versions: true }), versions: true })
    this.#clouds.set('azure', { cloud: createMemoryCloud(world, { versions: false }), versions: false })
    this.#weather = {
      faultRate: this.#pick([0, 0.05, 0.2, 0.4]),
      crashEvery: this.#pick([Number.POSITIVE_INFINITY, 300, 60]),
      commitFailureRate: this.#pick([0, 0, 0.02, 0.1]),
      keys: this.#pick([1, 3, 12]),
      gapMs: this.#pick([10, 300, 4_000]),
    }
  }

  /** Throws with the seed when a promise is broken. */
  async run(): Promise<void> {
    try {
      await this.#start()
      await this.#createBucket()
      for (let count = 0; count < this.#options.operations; count += 1) {
        await this.#time.run(() => this.#current.process.isDead, Math.floor(this.#fraction() * this.#weather.gapMs))
        await this.#reviveIfDead()
        this.#operate()
      }
      await this.#heal()
      await this.#wait(check(this.#evidence()))
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      throw new Error(`SIM_SEED=${this.#options.seed}: ${message}`, { cause: error })
    }
  }

  /** Before the trouble begins. */
  async #createBucket(): Promise<void> {
    this.#healed = true
    await this.#wait(createBucket(this.#current.pipeline.store))
    this.#healed = false
  }

  get #current(): Running {
    if (this.#running === null) throw new Error('nothing runs')
    return this.#running
  }

  #pick<Choice>(choices: readonly Choice[]): Choice {
    const choice = choices[Math.floor(this.#fraction() * choices.length)]
    if (choice === undefined) throw new Error('nothing to pick from')
    return choice
  }

  #say(what: string): void {
    if (this.#options.verbose) console.log(`${this.#time.now % 100_000_000} ${what}`)
  }

  // --- processes ---

  async #start(): Promise<void> {
    const { crashEvery } = this.#weather
    for (;;) {
      // A start has commits of its own, and may be the one that is cut off.
      this.#crashIn = this.#healed ? Number.POSITIVE_INFINITY : Math.ceil(this.#fraction() * crashEvery * 2)
      const process = this.#time.process(seededRandom(Math.floor(this.#fraction() * 2 ** 31)))
      const starting = startPipeline({
        database: this.#database,
        world: process.world,
        disk: this.#disk,
        locations: sites.map(site => this.#location(site, process)),
        paused: this.#paused,
        results: this.#pick(['folded', 'folded', 'sent']),
        crashPoint: moment => {
          if (this.#mayCrash(process, moment)) throw new Error('crash')
          if (moment === 'before-commit' && this.#commitFails()) throw new Error('the disk is busy')
        },
      })
      const pipeline = await this.#waitOrDeath(starting, process)
      if (pipeline === null) continue
      this.#running = { process, pipeline }
      return
    }
  }

  #location(site: Site, process: VirtualProcess) {
    const { cloud, versions } = this.#clouds.get(site) ?? {
      cloud: createMemoryCloud(process.world, { versions: true }),
      versions: true,
    }
    const flat = { versions: false, conditionalWrites: true, clientMadeUploadIds: true }
    return createMemoryLocation({
      name: site,
      cloud,
      world: process.world,
      capabilities: { partBytesMin: 1, partBytesMax: 1_500, ...(versions ? {} : flat) },
      latencyMs: () => 1 + Math.floor(this.#fraction() * 40),
      faults: this.#faultsOf(site, process),
    })
  }

  #faultsOf(site: Site, process: VirtualProcess): FaultPlan {
    const seeded = seededFaults(this.#fraction, { rate: this.#weather.faultRate, hangMs: 120_000 })
    return call => {
      if (this.#mayCrash(process, `${call.operation} at ${site}`)) return this.#dyingRequest()
      if (this.#healed) {
        this.#say(`${call.operation} ${call.key} at ${site}`)
        return undefined
      }
      if (this.#down.has(site)) return { kind: 'refused' }
      const fault =
        this.#fraction() < this.#weather.faultRate / 20 ? refusals[Math.floor(this.#fraction() * 2)] : seeded(call)
      // Nothing can undo a write that arrives after all: the port promises that a request given up is not carried out later.
      if (fault?.kind === 'hang' && fault.effect === 'late') return { ...fault, effect: 'never' }
      const how = fault === undefined ? 'goes well' : `${fault.kind} ${'effect' in fault ? (fault.effect ?? '') : ''}`
      this.#say(`${call.operation} ${call.key} at ${site}: ${how}`)
      return fault
    }
  }

  /** The process dies in the middle of a request, which was carried out or was not. */
  #dyingRequest(): LocationFault {
    return { kind: 'hang', ms: 100 * hour, effect: this.#pick(['before', 'never']) }
  }

  #mayCrash(process: VirtualProcess, moment: string): boolean {
    this.#crashIn -= 1
    if (this.#crashIn > 0 || process.isDead || this.#healed) return false
    this.#say(`killed: ${moment}`)
    process.kill()
    return true
  }

  /** A commit that fails refuses its whole batch and changes nothing. */
  #commitFails(): boolean {
    return !this.#healed && this.#running !== null && this.#fraction() < this.#weather.commitFailureRate
  }

  async #reviveIfDead(): Promise<void> {
    if (!this.#current.process.isDead) return
    await this.#time.run(() => false, Math.floor(this.#fraction() * 10_000))
    this.#say('started again')
    await this.#start()
  }

  /** Runs the world until the promise has settled; a process that dies meanwhile is an error of the simulation. */
  async #wait<Answer>(promise: Promise<Answer>): Promise<Answer> {
    const { process } = this.#current
    const answer = await this.#waitOrDeath(
      promise.then(value => ({ value })),
      process,
    )
    if (answer === null) {
      await this.#reviveIfDead()
      throw new Error('the process died in a step that must not be interrupted')
    }
    return answer.value
  }

  /** The promise's answer, or null when the process died before it came. */
  async #waitOrDeath<Answer>(promise: Promise<Answer>, process: VirtualProcess): Promise<Answer | null> {
    let settled: { readonly answer: Answer } | { readonly error: unknown } | undefined
    promise.then(
      answer => {
        settled = { answer }
      },
      (error: unknown) => {
        settled = { error }
      },
    )
    const inTime = await this.#time.run(() => settled !== undefined || process.isDead, 10 * hour)
    if (process.isDead) return null
    if (!inTime || settled === undefined) throw new Error('a step did not end')
    if ('error' in settled) throw settled.error
    return settled.answer
  }

  // --- clients ---

  get #clients(): Clients {
    const { pipeline } = this.#current
    return { store: pipeline.store, dataStore: pipeline.dataStore, sites, now: () => this.#time.now }
  }

  /** Begins one operation of a client and does not wait for it. */
  #operate(): void {
    const dice = this.#fraction()
    const key = `key-${Math.floor(this.#fraction() * this.#weather.keys)}`
    if (dice < 0.44) this.#put(key)
    else if (dice < 0.58) this.#background(this.#deleteMarker(key))
    else if (dice < 0.7) this.#background(changeTags(this.#clients, key, 'latest', { tag: String(this.#written) }))
    else if (dice < 0.75) this.#deleteVersion()
    else if (dice < 0.8) this.#undelete()
    else if (dice < 0.83) this.#tagOlder()
    else if (dice < 0.86) this.#toggle(this.#paused, site => this.#applyPause(site))
    else if (dice < 0.91) this.#toggle(this.#down, () => {})
    else if (dice < 0.92) this.#retryFailed()
    else if (dice < 0.98) this.#background(this.#echo())
    else this.#background(this.#restart())
  }

  /** What a dying process leaves unanswered the client never hears of. */
  #background(operation: Promise<unknown>): void {
    operation.catch(error => this.#say(`refused: ${error instanceof Error ? error.message : error}`))
  }

  #put(key: string): void {
    const size = this.#pick([0, 10, 150, 500, 900, 4_000])
    this.#written += 1
    const text = `${this.#written} of ${key} `.repeat(size)
    const bytes = Buffer.from(text.slice(0, size))
    const put = async (): Promise<void> => {
      const result = await putObject(this.#clients, key, bytes)
      if (result.outcome !== 'stored') throw new Error(result.outcome)
      this.#say(`put ${key} ${result.versionId} ${size}`)
      this.#acknowledged.push({ key, versionId: result.versionId, bytes })
    }
    this.#background(put())
  }

  async #deleteMarker(key: string): Promise<void> {
    const result = await deleteObject(this.#clients, key)
    if (result.outcome !== 'stored') throw new Error(result.outcome)
    this.#say(`delete marker ${key} ${result.versionId}`)
    this.#acknowledged.push({ key, versionId: result.versionId, bytes: null })
  }

  #deleteVersion(): void {
    this.#delete(this.#acknowledged[Math.floor(this.#fraction() * this.#acknowledged.length)])
  }

  /** A delete marker that is its key's newest version goes. */
  #undelete(): void {
    const newest = new Map(
      this.#acknowledged
        .filter(write => !this.#deleted.has(`${write.key} ${write.versionId}`))
        .map(write => [write.key, write]),
    )
    const markers = [...newest.values()].filter(({ bytes }) => bytes === null)
    this.#delete(markers[Math.floor(this.#fraction() * markers.length)])
  }

  #delete(victim: Acknowledged | undefined): void {
    if (victim === undefined) return
    const { key, versionId } = victim
    this.#deleted.add(`${key} ${versionId}`)
    this.#say(`delete version ${key} ${versionId}`)
    this.#background(this.#current.pipeline.store.deleteVersion({ bucket, key, version: versionId }))
  }

  #tagOlder(): void {
    const version = this.#acknowledged[Math.floor(this.#fraction() * this.#acknowledged.length)]
    if (version === undefined) return
    const tags: Record<string, string> = this.#fraction() < 0.3 ? {} : { older: String(this.#written) }
    this.#say(`tags of ${version.key} ${version.versionId}`)
    this.#background(changeTags(this.#clients, version.key, version.versionId, tags))
  }

  #toggle(set: Set<string>, changed: (site: Site) => void): void {
    const site = this.#pick(sites)
    if (!set.delete(site)) set.add(site)
    this.#say(`${set === this.#paused ? 'paused' : 'down'}: ${[...set].join(',') || 'none'}`)
    changed(site)
  }

  #applyPause(site: Site): void {
    const processor = this.#current.pipeline.processors.get(site)
    if (this.#paused.has(site)) processor?.pause()
    else processor?.resume()
  }

  /** Old records come once more, as from a populator or a processor that was thought dead. */
  async #echo(): Promise<void> {
    const { log, engine } = this.#current.pipeline
    for (const topic of Object.values(topics)) {
      for (const old of this.#echoes.get(topic) ?? []) if (this.#fraction() < 0.3) await log.append(topic, [old])
      const sql =
        'SELECT key, value FROM topic_records JOIN topics ON topics.id = topic_records.id >> 40 WHERE name = ?'
      this.#echoes.set(topic, engine.reader.all<TopicMessage>(`${sql} LIMIT 20`, topic))
    }
    this.#say('echo')
  }

  #retryFailed(): void {
    this.#background(this.#retryAll())
  }

  async #retryAll(): Promise<void> {
    const { store, processors } = this.#current.pipeline
    for (const [site, processor] of processors) {
      const failed = await store.ledger.quarantined(site, this.#time.now, 1_000)
      if (failed.length > 0) await store.ledger.retry(failed)
      processor.wake()
    }
  }

  /** An orderly end, and a start: the process is dead to the simulation once it has closed. */
  async #restart(): Promise<void> {
    const { pipeline, process } = this.#current
    if (this.#closing === process) return
    this.#closing = process
    this.#say('closing')
    await pipeline.close()
    this.#say('closed')
    process.kill()
  }

  // --- the end ---

  async #heal(): Promise<void> {
    await this.#time.run(() => this.#current.process.isDead, 30_000)
    this.#say('healed')
    this.#healed = true
    this.#paused.clear()
    this.#down.clear()
    if (!this.#current.process.isDead) this.#current.process.kill()
    await this.#reviveIfDead()
    for (let round = 0; round < 3; round += 1) {
      await this.#untilQuiet()
      await this.#wait(this.#retryAll())
    }
    await this.#untilQuiet()
    await this.#time.run(() => false, 200_000)
    await this.#wait(this.#current.pipeline.garbage.collect())
  }

  async #untilQuiet(): Promise<void> {
    const { reader } = this.#current.pipeline.engine
    const isOpen = (): boolean => reader.get('SELECT 1 FROM ledger WHERE state <= 5 LIMIT 1') !== undefined
    if (await this.#time.run(() => !isOpen(), 5 * hour)) return
    const rows = reader.all(
      'SELECT key, version_id, site, state, at, attempts, reason FROM ledger WHERE state <= 5 LIMIT 3',
    )
    throw new Error(`promise 3: rows are still open: ${JSON.stringify(rows)} at ${this.#time.now}`)
  }

  #evidence(): Evidence {
    const { pipeline } = this.#current
    return {
      pipeline,
      clouds: this.#clouds,
      acknowledged: this.#acknowledged,
      deleted: this.#deleted,
      disk: this.#disk,
    }
  }
}

const refusals: readonly LocationFault[] = [
  { kind: 'error', class: 'object', code: 'InvalidArgument', status: 400 },
  { kind: 'error', class: 'location', code: 'AccessDenied', status: 403 },
]
