// The embedded engine's database: one writer (a thread of its own, or inline under a simulation's timers), a checkpoint thread, and a reading
// connection on this thread. Metadata, topics and state are adapters on top of it. Opening fails with a plain error; a failure of the disk
// later on is final: everything is refused and `onFatal` is called once.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Timer, World } from '../../base/world.ts'
import { type BucketChanges, newBucketChanges } from './bucket-cache.ts'
import type { CheckpointMessage } from './checkpoint-thread.ts'
import type { CommandClass, CommandKind, Reply, Request } from './commands.ts'
import { Connection } from './connection.ts'
import { type BatchRunner, Dispatcher, StoreClosedError, StoreFailedError } from './dispatcher.ts'
import {
  type Batch,
  type BatchOutcome,
  type BatchReply,
  type CrashPoint,
  Writer,
  type WriterOptions,
} from './writer.ts'
import type { WriterMessage, WriterOrder } from './writer-thread.ts'

/** A database in memory that outlives the engines opened on it, so that a simulated restart finds what was committed. */
export class MemoryDatabase {
  readonly connection = new Connection(':memory:')
}

export interface SqliteOptions {
  /** The file; or a database in memory (`:memory:` is a fresh one), which is always inline. */
  readonly path: string | MemoryDatabase
  readonly world: World
  /** Replication group of new version ids. */
  readonly group: string
  /** No threads: batches run on this thread by `timers.immediate`. */
  readonly inline?: boolean
  /** Identity of this boot of the machine (see data-dir.ts). */
  readonly bootId: string
  /** False only for measurements: an acknowledged write is then not safe. */
  readonly flush?: boolean
  /** The database failed; the process has to end. */
  readonly onFatal?: (error: Error) => void
  /** Inline only. Called with `before-commit` and `after-commit`; throwing is a crash at that moment. */
  readonly inject?: { readonly crashPoint: CrashPoint }
}

/** So many pages of the log are worth a checkpoint; so many when nothing has been written for a moment, so that what comes next does not pay for them. */
const checkpointPages = 8_000
const idleCheckpointPages = 1_000
const idleMs = 250

interface Backend extends BatchRunner {
  readonly epoch: number
  /** Null where there is no other thread that writes: nothing is remembered. */
  readonly bucketChanges: BucketChanges | null
  /** Lets another thread give batches through this port; only where the writer has a thread of its own. */
  readonly join?: (port: MessagePort, left: () => void) => void
  /** Somebody else's: closing it is not the end of the database. */
  readonly isJoined?: true
  close(): Promise<void>
  /** Ends at once, in the middle of whatever it does. */
  abandon(): Promise<void>
}

export class SqliteEngine {
  readonly world: World
  /** For reads only. */
  readonly reader: Connection
  readonly epoch: number
  /** Counts what changes buckets; null where nobody counts. */
  readonly bucketChanges: BucketChanges | null
  readonly #dispatcher: Dispatcher
  readonly #backend: Backend
  readonly #ownsReader: boolean
  readonly #journalListeners = new Set<() => void>()
  readonly #checkpoints: Checkpoints | null
  /** Of the log, as last told. */
  #logPages = 0
  #idle: { readonly timer: Timer; wrote: boolean } | null = null
  #closing: Promise<void> | null = null

  constructor(
    options: Pick<SqliteOptions, 'world' | 'onFatal'>,
    backend: Backend,
    reader: { readonly connection: Connection; readonly owned: boolean },
    checkpoints: Checkpoints | null,
  ) {
    this.world = options.world
    this.reader = reader.connection
    this.#ownsReader = reader.owned
    this.#backend = backend
    this.epoch = backend.epoch
    this.bucketChanges = backend.bucketChanges
    this.#checkpoints = checkpoints
    this.#dispatcher = new Dispatcher(options.world, backend, {
      carriedOut: () => this.reader.refresh(),
      journaled: () => {
        for (const listener of this.#journalListeners) listener()
      },
      grown: logPages => this.#logGrew(logPages),
      fatal: error => options.onFatal?.(error),
    })
  }

  submit<Kind extends CommandKind>(order: CommandClass, kind: Kind, request: Request<Kind>): Promise<Reply<Kind>> {
    if (this.#closing !== null) return Promise.reject(new StoreClosedError('the store is closed'))
    return this.#dispatcher.submit(order, kind, request)
  }

  /** 0: nobody has looked. */
  #logGrew(logPages: number): void {
    if (this.#checkpoints === null) return
    if (logPages > 0) this.#logPages = logPages
    if (logPages > checkpointPages) this.#checkpoint()
    else if (this.#idle !== null) this.#idle.wrote = true
    else if (this.#logPages > idleCheckpointPages) this.#checkpointWhenIdle()
  }

  #checkpoint(): void {
    this.#logPages = 0
    this.#checkpoints?.start(fatal => {
      if (fatal === null) this.#dispatcher.restartLog()
      else this.fail(new StoreFailedError(`the database failed: ${fatal}`))
    })
  }

  #checkpointWhenIdle(): void {
    const look = (): void => {
      const wrote = this.#idle?.wrote === true
      this.#idle = null
      if (wrote) this.#checkpointWhenIdle()
      else if (this.#logPages > idleCheckpointPages && this.#closing === null) this.#checkpoint()
    }
    this.#idle = { timer: this.world.timers.after(idleMs, look, { background: true }), wrote: false }
  }

  onJournal(listener: () => void): () => void {
    this.#journalListeners.add(listener)
    return () => this.#journalListeners.delete(listener)
  }

  /**
   * A port for `joinSqlite` in another thread of this process; `left` is called when that thread has closed it, or died, and all that it gave to the
   * writer is carried out and seen by `reader`. Throws where the writer runs inline.
   */
  portForThread(left: () => void): MessagePort {
    const { join } = this.#backend
    if (join === undefined) throw new Error('the writer of this database takes no other threads')
    const { port1, port2 } = new MessageChannel()
    join(port1, () => {
      this.reader.refresh()
      left()
    })
    return port2
  }

  /** Another thread's batch was carried out. */
  beside(outcome: BatchOutcome): void {
    this.#dispatcher.beside(outcome)
  }

  /** The writer is gone or broken. */
  fail(error: Error): void {
    this.#dispatcher.fail(error)
  }

  /** Waits for what is queued, marks the end as orderly, closes. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#dispatcher.settle()
    if (this.#backend.isJoined === undefined) await this.#dispatcher.submit('client', 'mark-clean', {}).catch(() => {})
    this.#dispatcher.refuse(new StoreClosedError('the store is closed'))
    this.#journalListeners.clear()
    this.#idle?.timer.cancel()
    await this.#checkpoints?.close()
    if (this.#ownsReader) this.reader.close()
    await this.#backend.close()
  }

  /**
   * The end of a process that was killed: what is not committed is refused and forgotten, nothing is marked. Inline it takes effect at once, and
   * a database in memory stays as it is for the next opener; otherwise the promise resolves when the threads are gone.
   */
  closeAbruptly(): Promise<void> {
    this.#dispatcher.refuse(new StoreClosedError('the process has ended'))
    this.#journalListeners.clear()
    this.#closing ??= this.#abandon()
    return this.#closing
  }

  async #abandon(): Promise<void> {
    if (this.#ownsReader) this.reader.close()
    await Promise.all([this.#backend.abandon(), this.#checkpoints?.abandon()])
  }
}

/** Opens the database, migrates it, and takes note of what the former process left. Throws when it cannot be used. */
export async function openSqlite(options: SqliteOptions): Promise<SqliteEngine> {
  const memory = typeof options.path === 'string' ? null : options.path
  const path = typeof options.path === 'string' ? options.path : ':memory:'
  const writerOptions: WriterOptions = {
    path,
    group: options.group,
    flush: options.flush ?? true,
    bootId: options.bootId,
    now: options.world.clock.now(),
  }
  if (options.inline || path === ':memory:') return openInline(options, writerOptions, memory?.connection)
  const thread = await startWriter(writerOptions)
  const reader = openReader(path, options.world, 16_384)
  const engine = new SqliteEngine(options, thread, reader, new Checkpoints(path))
  thread.onLost(error => engine.fail(error))
  thread.onBeside(outcome => engine.beside(outcome))
  return engine
}

/** Each commit empties the cache: it is for the pages that the reads of one turn share. */
function openReader(
  path: string,
  { timers }: World,
  cacheKib: number,
): { readonly connection: Connection; readonly owned: true } {
  const connection = new Connection(path, { readOnly: true, endOfTurn: end => timers.immediate(end) })
  connection.execute(`PRAGMA cache_size = -${cacheKib}`)
  return { connection, owned: true }
}

export interface JoinOptions extends Pick<SqliteOptions, 'world' | 'onFatal'> {
  readonly path: string
  /** Of the engine in the thread that owns the database, which outlives this one. */
  readonly port: MessagePort
  readonly epoch: number
  readonly bucketChanges: BucketChanges | null
}

/** The same database for another thread of the process: reads with a connection of its own, writes through the one writer. */
export function joinSqlite(options: JoinOptions): SqliteEngine {
  const { path, port, epoch, bucketChanges } = options
  const pending: ((reply: BatchReply) => void)[] = []
  const backend: Backend = {
    epoch,
    bucketChanges,
    isJoined: true,
    run: (batch, done) => {
      pending.push(done)
      port.postMessage(batch)
    },
    close: async () => port.close(),
    abandon: async () => port.close(),
  }
  const engine = new SqliteEngine(options, backend, openReader(path, options.world, 4096), null)
  port.on('message', (reply: BatchReply) => pending.shift()?.(reply))
  port.on('close', () => engine.fail(new StoreFailedError('the writer thread ended')))
  return engine
}

function openInline(options: SqliteOptions, writerOptions: WriterOptions, connection?: Connection): SqliteEngine {
  const writer = new Writer(writerOptions, connection, options.inject?.crashPoint)
  const backend: Backend = {
    epoch: writer.context.epoch,
    bucketChanges: null,
    run: (batch, done) => done(writer.run(batch)),
    // A database in memory is its owner's, who may open it again.
    close: async () => {
      if (connection === undefined) writer.close()
    },
    abandon: async () => {},
  }
  return new SqliteEngine(options, backend, { connection: writer.connection, owned: false }, null)
}

interface ThreadBackend extends Backend {
  onLost(listener: (error: Error) => void): void
  onBeside(listener: (outcome: BatchOutcome) => void): void
}

async function startWriter(options: WriterOptions): Promise<ThreadBackend> {
  const bucketChanges = newBucketChanges()
  const workerData: WriterOptions = { ...options, bucketChanges }
  const worker = new Worker(new URL('./writer-thread.ts', import.meta.url), { workerData })
  const pending: ((reply: BatchReply) => void)[] = []
  let closed: (() => void) | null = null
  let lost: (error: Error) => void = () => {}
  let beside: (outcome: BatchOutcome) => void = () => {}
  let joins = 0
  const joined = new Map<number, () => void>()
  const epoch = await new Promise<number>((resolve, reject) => {
    worker.on('message', (message: WriterMessage) => {
      if (message.kind === 'ready') resolve(message.epoch)
      else if (message.kind === 'failed')
        reject(message.error instanceof Error ? message.error : new Error(String(message.error)))
      else if (message.kind === 'done') pending.shift()?.(message.reply)
      else if (message.kind === 'beside') beside(message)
      else if (message.kind === 'left') {
        joined.get(message.id)?.()
        joined.delete(message.id)
      } else closed?.()
    })
    worker.on('error', error => {
      const cause = error instanceof Error ? error : new Error(String(error))
      reject(cause)
      lost(cause)
    })
    worker.on('exit', () => {
      reject(new StoreFailedError('the writer thread ended'))
      if (closed === null) lost(new StoreFailedError('the writer thread ended'))
      else closed()
    })
  })
  const order = (message: WriterOrder, port?: MessagePort): void =>
    worker.postMessage(message, port === undefined ? [] : [port])
  return {
    epoch,
    bucketChanges,
    onLost: listener => {
      lost = listener
    },
    onBeside: listener => {
      beside = listener
    },
    join: (port, left) => {
      const id = joins++
      joined.set(id, left)
      order({ kind: 'join', id, port }, port)
    },
    run: (batch: Batch, done) => {
      pending.push(done)
      order({ kind: 'batch', batch })
    },
    close: () =>
      new Promise(resolve => {
        closed = resolve
        order({ kind: 'close' })
      }),
    abandon: async () => {
      closed = () => {}
      await worker.terminate()
    },
  }
}

/** Starts the checkpoint thread when it is first needed; at most one checkpoint is under way. */
class Checkpoints {
  readonly #path: string
  #worker: Worker | null = null
  #done: ((fatal: string | null) => void) | null = null

  constructor(path: string) {
    this.#path = path
  }

  start(moved: (fatal: string | null) => void): void {
    if (this.#done !== null) return
    this.#done = moved
    this.#worker ??= this.#startThread()
    this.#worker.postMessage('checkpoint')
  }

  #startThread(): Worker {
    const worker = new Worker(new URL('./checkpoint-thread.ts', import.meta.url), { workerData: { path: this.#path } })
    worker.on('message', (message: CheckpointMessage) => {
      const done = this.#done
      this.#done = null
      done?.(message.fatal)
    })
    // Without this thread the writer empties the log itself at its hard bound: slower, not wrong.
    worker.on('error', () => {
      this.#done = null
      this.#worker = null
    })
    return worker
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = null
    if (worker === null) return
    const ended = new Promise(resolve => worker.once('exit', resolve))
    worker.postMessage('close')
    await ended
  }

  async abandon(): Promise<void> {
    await this.#worker?.terminate()
    this.#worker = null
  }
}
