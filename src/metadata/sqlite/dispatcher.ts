// The way of a command from the main thread to the writer: commands of one turn of the event loop are gathered into a batch, one batch is
// under way at a time (what arrives meanwhile shares the next flush), client commands go first, replication's get at least a tenth.
import type { World } from '../../base/world.ts'
import type { Command, CommandClass, CommandKind, Reply, Request } from './commands.ts'
import type { Batch, BatchOutcome, BatchReply } from './writer.ts'

/** Carries out batches in order; `done` is called once for each. */
export interface BatchRunner {
  run(batch: Batch, done: (reply: BatchReply) => void): void
}

/** The store is closed or has failed: nothing was written by this call. */
export class StoreClosedError extends Error {
  override readonly name = 'StoreClosedError'
}

/** The command was refused as a whole; nothing of it is stored. */
export class StoreFailedError extends Error {
  override readonly name = 'StoreFailedError'
}

interface Waiting {
  readonly command: Command
  readonly durable: boolean
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

const batchMax = 512
const replicationShare = 0.1

export interface DispatcherEvents {
  /** A batch has been carried out; its callers are told next. */
  carriedOut(): void
  /** A batch was committed that added to the journal. */
  journaled(): void
  /** Pages of the write-ahead log that wait to be moved into the database file, after each batch. */
  grown(logPages: number): void
  /** The database can be believed no longer; called once. */
  fatal(error: Error): void
}

export class Dispatcher {
  readonly #world: World
  readonly #runner: BatchRunner
  readonly #events: DispatcherEvents
  readonly #waiting: Record<CommandClass, Waiting[]> = { client: [], replication: [] }
  #underWay: readonly Waiting[] = []
  #scheduled = false
  #busy = false
  #refusal: Error | null = null
  #idle: (() => void)[] = []
  #restartLog = false

  constructor(world: World, runner: BatchRunner, events: DispatcherEvents) {
    this.#world = world
    this.#runner = runner
    this.#events = events
  }

  /** Resolves with the reply once it is committed (`client`: and flushed); rejects when nothing of it was stored. */
  submit<Kind extends CommandKind>(order: CommandClass, kind: Kind, request: Request<Kind>): Promise<Reply<Kind>> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    return new Promise((resolve, reject) => {
      this.#waiting[order].push({
        command: { kind, now: this.#world.clock.now(), request },
        durable: order === 'client',
        resolve: value => resolve(value as Reply<Kind>),
        reject,
      })
      this.#schedule()
    })
  }

  /** The log has been moved by the checkpoint thread; the next batch ends with the rest of it. */
  restartLog(): void {
    this.#restartLog = true
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#busy) return
    this.#scheduled = true
    this.#world.timers.immediate(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  #send(): void {
    const { client, replication } = this.#waiting
    if (this.#busy || this.#refusal !== null) return
    if (client.length + replication.length === 0 && !this.#restartLog) return
    const reserved = Math.min(replication.length, Math.ceil(batchMax * replicationShare))
    const clients = client.splice(0, batchMax - reserved)
    const batch = [...clients, ...replication.splice(0, batchMax - clients.length)]
    this.#underWay = batch
    this.#busy = true
    const restartLog = this.#restartLog
    this.#restartLog = false
    this.#runner.run({ commands: batch.map(item => item.command), durable: clients.length > 0, restartLog }, reply =>
      this.#done(batch, reply),
    )
  }

  #done(batch: readonly Waiting[], reply: BatchReply): void {
    if (this.#underWay !== batch) return
    this.#underWay = []
    this.#busy = false
    this.#events.carriedOut()
    batch.forEach((item, index) => {
      const answer = reply.replies[index]
      if (answer?.ok) item.resolve(answer.value)
      else item.reject(new StoreFailedError(answer?.message ?? 'no reply'))
    })
    this.#tell(reply)
    if (reply.fatal !== null) return
    if (this.#waiting.client.length + this.#waiting.replication.length > 0) this.#schedule()
    else this.#becomeIdle()
  }

  /** A batch of another thread, over the same writer. */
  beside(outcome: BatchOutcome): void {
    this.#events.carriedOut()
    this.#tell(outcome)
  }

  #tell({ fatal, journaled, logPages }: BatchOutcome): void {
    if (fatal !== null) {
      this.fail(new StoreFailedError(`the database failed: ${fatal}`))
      return
    }
    if (journaled) this.#events.journaled()
    this.#events.grown(logPages)
  }

  #becomeIdle(): void {
    const waiting = this.#idle
    this.#idle = []
    for (const resolve of waiting) resolve()
  }

  /** After a final failure: nothing is taken any more, what waits is refused, and the owner is told once. */
  fail(error: Error): void {
    if (this.#refusal !== null) return
    this.refuse(error)
    this.#events.fatal(error)
  }

  /** Takes nothing more, and refuses what is not committed yet, without waiting for anything. */
  refuse(error: Error): void {
    if (this.#refusal !== null) return
    this.#refusal = error
    const { client, replication } = this.#waiting
    const all = [...this.#underWay, ...client.splice(0), ...replication.splice(0)]
    this.#underWay = []
    for (const item of all) item.reject(error)
    this.#becomeIdle()
  }

  /** Resolves when nothing waits and nothing is under way. */
  settle(): Promise<void> {
    const waiting = this.#waiting.client.length + this.#waiting.replication.length
    if (this.#refusal !== null || (!this.#busy && waiting === 0)) return Promise.resolve()
    return new Promise(resolve => {
      this.#idle.push(resolve)
    })
  }
}
