// The worker threads of the S3 port, as the main thread sees them: all listen on one address, and one that dies is replaced. It loses the requests
// it had; what it was writing is nobody's, and swept when it is gone.
import { flushCompileCache } from 'node:module'
import { createServer, type ListenOptions, type Server } from 'node:net'
import { Worker } from 'node:worker_threads'
import type { AccountDirectory } from '../../accounts/account-directory.ts'
import { controlEvents, defects } from '../../base/channels.ts'
import { collectAll } from '../../base/collector.ts'
import type { Timer, World } from '../../base/world.ts'
import type { Config, HostPort } from '../../config/types.ts'
import { Failure } from '../../domain/failure.ts'
import type { DataStore } from '../../locations/data-store.ts'
import type { MasterKeys } from '../../locations/master-keys.ts'
import type { SqliteEngine } from '../../metadata/sqlite/engine.ts'
import type { Answer } from '../../s3/call.ts'
import { publishBridged } from './event-bridge.ts'
import type {
  AnswerMessage,
  ApiRequest,
  Asked,
  QuestionKind,
  Questions,
  WorkerMessage,
  WorkerOrder,
  WorkerSetup,
} from './messages.ts'
import { type Plain, withPlainSecrets } from './secret-form.ts'

/** Answers requests for the control API. */
export type ControlApi = (request: ApiRequest) => Promise<Answer>

export interface WorkerPoolOptions {
  readonly config: Config
  readonly accounts: AccountDirectory
  readonly databasePath: string
  readonly sqlite: Pick<SqliteEngine, 'epoch' | 'bucketChanges' | 'portForThread'>
  /** Whose data the main thread removes. */
  readonly dataStores: ReadonlyMap<string, DataStore>
  readonly masterKeys: MasterKeys
  readonly flush: boolean
  readonly world: World
}

export interface WorkerPool {
  /** Starts the workers; all listen when it resolves, with the address. Rejects when it cannot be had. */
  start(api: ControlApi): Promise<HostPort>
  /** Whether this writer of data is a worker that lives, or one whose last commands the store may still carry out. */
  isAlive(writer: string): boolean
  /**
   * Resolves when every reader that could still see what is gone now has held what it reads. Rejects when a worker does not say so in time: then
   * nothing is known.
   */
  told(): Promise<void>
  /** The accounts are others now: all workers take them. */
  accountsChanged(): void
  /** Called after a worker has died, when its data can be swept. */
  onDeath(listener: () => void): void
  close(): Promise<void>
}

/** The pool of a process; nothing runs yet. */
export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  return new Pool(options)
}

/** An address to listen on. `free` when all listen, or none will. */
interface TakenAddress {
  readonly address: HostPort
  free(): void
}

/**
 * The address with a port of its own. Listeners that share would share with a stranger's that do, too: so it is taken alone first. A port that
 * the system has chosen, which nobody knows yet, is kept until the workers have it: the system may give it to somebody else meanwhile.
 */
async function takeAddress({ host, port }: HostPort): Promise<TakenAddress> {
  const probe = await listening({ host, port, exclusive: true })
  const bound = probe.address()
  const address = { host, port: typeof bound === 'object' && bound !== null ? bound.port : port }
  await new Promise(resolve => probe.close(resolve))
  if (port !== 0) return { address, free: () => {} }
  const keeper = await listening({ ...address, reusePort: true })
  return { address, free: () => void keeper.close() }
}

function listening(options: ListenOptions): Promise<Server> {
  // Nobody can mean it: who connects has another's address.
  const server = createServer(socket => socket.destroy())
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => resolve(server))
  })
}

/** The pause before a worker is replaced that could not start, or lived no longer than this. */
const restartMs = 1_000
const toldMs = 10_000
/** More than the S3 server's grace for running requests. */
const closeMs = 15_000
/** What a request makes is soon gone: more room for it would only be more memory. */
const resourceLimits = { maxYoungGenerationSizeMb: 12 }

interface Member {
  readonly thread: Worker
  readonly writer: string
  /** How to let go of what it holds. */
  readonly holds: Map<number, () => void>
  readonly telling: Map<number, () => void>
  readonly ended: Promise<void>
}

class Pool implements WorkerPool {
  readonly #options: WorkerPoolOptions
  #config: Plain = { plain: undefined }
  #api: ControlApi = () => Promise.reject(new Error('the control API is not there yet'))
  readonly #members = new Set<Member>()
  /** Writers that have ended, of which something may still wait for the store. */
  readonly #leaving = new Set<string>()
  readonly #restarts = new Set<Timer>()
  #listeners: (() => void)[] = []
  #count = 0
  #tellings = 0
  #closing = false

  constructor(options: WorkerPoolOptions) {
    this.#options = options
  }

  async start(api: ControlApi): Promise<HostPort> {
    const { config } = this.#options
    const { tls } = config.s3
    const taken = await takeAddress(config.s3.listen)
    const leave = (error: unknown): never => {
      taken.free()
      throw error
    }
    const own = tls?.listen === undefined ? undefined : await takeAddress(tls.listen).catch(leave)
    const listen = taken.address
    const s3 = { ...config.s3, listen, tls: tls === undefined ? undefined : { ...tls, listen: own?.address } }
    this.#api = api
    this.#config = withPlainSecrets({ ...config, s3 })
    // What this thread has compiled the workers find, if there is a cache.
    flushCompileCache()
    try {
      await Promise.all(Array.from({ length: s3.workers }, () => this.#startOne()))
    } catch (error) {
      await this.close()
      throw error
    } finally {
      taken.free()
      own?.free()
    }
    // What a start leaves is a sixth of the memory of a process whose main thread has little to do from here on.
    collectAll()
    return listen
  }

  isAlive(writer: string): boolean {
    const living = [...this.#leaving, ...[...this.#members].map(member => member.writer)]
    return living.some(own => writer === own || writer.endsWith(`-${own}`))
  }

  async told(): Promise<void> {
    const id = this.#tellings++
    const members = [...this.#members]
    const one = (member: Member): Promise<void> =>
      new Promise(resolve => {
        member.telling.set(id, resolve)
        order(member, { kind: 'tell', id })
      })
    const late = Promise.withResolvers<never>()
    const timer = this.#options.world.timers.after(
      toldMs,
      () => late.reject(new Error(`an S3 worker has not said within ${toldMs / 1000} s what it reads`)),
      { background: true },
    )
    try {
      await Promise.race([Promise.all(members.map(one)), late.promise])
    } finally {
      timer.cancel()
      for (const member of members) member.telling.delete(id)
    }
  }

  accountsChanged(): void {
    const { accounts } = this.#options.accounts
    for (const member of this.#members) order(member, { kind: 'accounts', accounts })
  }

  onDeath(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Resolves when the new worker listens. */
  #startOne(): Promise<void> {
    const { databasePath, sqlite, flush, world } = this.#options
    const { accounts } = this.#options.accounts
    this.#count += 1
    const writer = `${sqlite.epoch}w${this.#count}`
    const left = Promise.withResolvers<void>()
    const storePort = sqlite.portForThread(left.resolve)
    const setup: WorkerSetup = {
      ...{ accounts, databasePath, storePort, writer, flush },
      config: this.#config,
      epoch: sqlite.epoch,
      bucketChanges: sqlite.bucketChanges,
    }
    const url = new URL('./worker-thread.ts', import.meta.url)
    const thread = new Worker(url, { workerData: setup, transferList: [storePort], resourceLimits })
    const ended = Promise.withResolvers<void>()
    const listening = Promise.withResolvers<void>()
    const member: Member = { thread, writer, holds: new Map(), telling: new Map(), ended: ended.promise }
    this.#members.add(member)
    let begun: number | null = null
    thread.on('message', (message: WorkerMessage) => {
      if (message.kind === 'listening') {
        begun = world.clock.monotonic()
        listening.resolve()
      } else if (message.kind === 'failed') listening.reject(message.error)
      else this.#take(member, message)
    })
    thread.on('error', error => defects.publish({ where: 'S3 worker', error }))
    thread.on('exit', () => {
      this.#members.delete(member)
      this.#leaving.add(writer)
      void left.promise.then(() => this.#left(writer))
      for (const letGo of member.holds.values()) letGo()
      for (const resolve of member.telling.values()) resolve()
      listening.reject(new Error('an S3 worker ended while it started'))
      ended.resolve()
      if (begun !== null) this.#replace(world.clock.monotonic() - begun > restartMs)
    })
    return listening.promise
  }

  #take(member: Member, message: Exclude<WorkerMessage, { kind: 'listening' | 'failed' }>): void {
    switch (message.kind) {
      case 'events':
        publishBridged(message.events)
        return
      case 'ask':
        void this.#answer(member, message.id, message.asked)
        return
      case 'hold': {
        const letGo = this.#options.dataStores.get(message.location)?.hold?.(message.dataKeys)
        if (letGo !== undefined) member.holds.set(message.id, letGo)
        return
      }
      case 'let-go':
        member.holds.get(message.id)?.()
        member.holds.delete(message.id)
        return
      case 'told':
        member.telling.get(message.id)?.()
        member.telling.delete(message.id)
        return
      default:
        message satisfies never
    }
  }

  async #answer(member: Member, id: number, asked: Asked): Promise<void> {
    let answer: AnswerMessage
    try {
      answer = { ok: true, value: await this.#answerTo(asked) }
    } catch (error) {
      if (!(error instanceof Failure)) defects.publish({ where: `S3 worker: ${asked.about}`, error })
      answer = { ok: false, failure: error instanceof Failure ? error.facts : null }
    }
    order(member, { kind: 'answer', id, answer })
  }

  #answerTo({ about, question }: Asked): Promise<Questions[QuestionKind]['answer']> {
    const { masterKeys } = this.#options
    switch (about) {
      case 'api':
        return this.#api(question)
      case 'wrap':
        return masterKeys.wrap(question)
      case 'data-key':
        return masterKeys.dataKey(question)
    }
  }

  /** Nothing of this writer can come any more. */
  #left(writer: string): void {
    this.#leaving.delete(writer)
    if (this.#closing) return
    for (const listener of this.#listeners) listener()
  }

  #replace(atOnce: boolean): void {
    if (this.#closing) return
    if (atOnce) {
      this.#startOne().catch((error: unknown) => {
        controlEvents.publish({ kind: 'failed', what: 'starting an S3 worker', error })
        this.#replace(false)
      })
      return
    }
    const timer = this.#options.world.timers.after(restartMs, () => {
      this.#restarts.delete(timer)
      this.#replace(true)
    })
    this.#restarts.add(timer)
  }

  async close(): Promise<void> {
    this.#closing = true
    for (const timer of this.#restarts) timer.cancel()
    const members = [...this.#members]
    for (const member of members) order(member, { kind: 'close' })
    // A thread that does not end by itself is ended, long after its requests were given up.
    const { timers } = this.#options.world
    const timer = timers.after(closeMs, () => {
      for (const member of this.#members) void member.thread.terminate()
    })
    await Promise.all(members.map(member => member.ended))
    timer.cancel()
  }
}

function order(member: Member, what: WorkerOrder): void {
  member.thread.postMessage(what)
}
