// One live session with ZooKeeper at a time. Guarantees: a session that the servers have not confirmed within most of its time-out, by our own
// monotonic clock, is given up before they can give it up; then, and when they say that it expired, a new one is opened, for as long as it
// takes. The client underneath reconnects within a session; it is never trusted to do so (it has states that it does not leave by itself).
import type { Secret } from '../../base/secret.ts'
import type { Timer, World } from '../../base/world.ts'
import { codes, type NativeClient, type NativeHandle } from './native.ts'
import { resolveServers } from './server-addresses.ts'
import { ZookeeperError } from './zookeeper-error.ts'

export interface ConnectionOptions {
  readonly client: NativeClient
  /** `host:port,host:port` */
  readonly servers: string
  readonly sessionTimeoutMs: number
  readonly auth?: { readonly scheme: string; readonly credentials: Secret }
  readonly world: World
}

export interface ConnectionListener {
  /** Calls go through again; `fresh` when the session is new, and with it everything of the old one is gone. */
  connected(fresh: boolean): void
  /** A watched path has changed. */
  changed(path: string): void
  /** The session is over: nothing that depends on it may be taken for granted from now on. */
  ended(why: Error): void
}

/** What a call was answered with. */
export interface Reply<Result> {
  readonly code: number
  readonly result: Result | null
}

/** A period in which the servers keep what is ours. */
export interface Session {
  readonly ended: boolean
}

/** What a handle needs to go on with the session of another. */
interface SessionKey {
  readonly client_id: string
  readonly client_password: string
}

class LiveSession implements Session {
  handle: NativeHandle
  /** Handles since the last connection that got no answer. */
  silences = 0
  established = false
  connected = false
  ended = false
  /** When the last call that was answered had been sent: the servers heard of us not before. */
  confirmedAt: number
  timeoutMs: number

  constructor(handle: NativeHandle, now: number, timeoutMs: number) {
    this.handle = handle
    this.confirmedAt = now
    this.timeoutMs = timeoutMs
  }
}

/** The part of the session's time-out after which we give it up: the rest is for a timer that runs late. */
const trustedPart = 0.85
const heartbeatPart = 1 / 5
/** How long a handle may take to connect when it is not refused: doubled with each that has failed so. */
const connectWithinMs = { first: 500, most: 5_000 }
const lookEveryMs = 200
const handleSettings = {
  // The client's own log would go to our standard error.
  debug_level: 0,
  // An answer may come in any number of pieces: whether the servers are silent is found out here.
  response_counter_limit: 2 ** 31 - 1,
}
const reopenDelayMs = 300
const refusedDelayMs = 3_000

export class Connection {
  readonly #options: ConnectionOptions
  readonly #listener: ConnectionListener
  readonly #waiting = new Set<() => void>()
  #session: LiveSession | null = null
  #watchdog: Timer | null = null
  #heartbeat: Timer | null = null
  #retry: Timer | null = null
  #reopen: Timer | null = null
  #closed = false
  #addressesTried: number
  #problem = 'not connected yet'
  #authRefused = false

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#options = options
    this.#listener = listener
    // Processes spread over the servers.
    this.#addressesTried = Math.floor(options.world.random.fraction() * 1_000)
  }

  /** The session in which calls are made now; null while there is none that is confirmed. */
  get session(): Session | null {
    this.#expireIfUnconfirmed()
    const session = this.#session
    return session?.established === true ? session : null
  }

  /** Null when all is well. */
  get problem(): string | null {
    this.#expireIfUnconfirmed()
    return this.#session?.connected === true ? null : this.#problem
  }

  /** The servers refused our credentials. */
  get authRefused(): boolean {
    return this.#authRefused
  }

  open(): void {
    if (this.#closed || this.#session !== null) return
    const { client, sessionTimeoutMs, world } = this.#options
    const session = new LiveSession(new client(), world.clock.monotonic(), sessionTimeoutMs)
    this.#session = session
    void this.#connect(session)
  }

  // A handle gets one try: after a failed one it waits for up to a third of the session's time-out, or for ever. The next handle goes on with
  // the same session, if there is one.
  async #connect(session: LiveSession, resumed?: SessionKey): Promise<void> {
    const { servers, sessionTimeoutMs, auth } = this.#options
    const { handle } = session
    // Never within the client's own call: at that moment it may have closed a socket that Node still watches, and what we do then could get a
    // new one with the same number.
    handle.emit = (event, _handle, detail) =>
      this.#options.world.timers.immediate(() => {
        if (session.handle === handle) this.#onEvent(session, event, detail)
      })
    try {
      const addresses = await resolveServers(servers)
      if (session.ended) return
      // One address for each handle: trying a second one it leaves the first one's socket watched for too long.
      const connect = addresses[this.#addressesTried % addresses.length] ?? servers
      this.#addressesTried += 1
      const made = handle.init({ connect, timeout: sessionTimeoutMs, ...handleSettings, ...resumed })
      if (made instanceof Error) throw made
      if (!session.established) this.#problem = `${servers} cannot be reached, or does not answer as ZooKeeper does`
      if (auth !== undefined) handle.add_auth(auth.scheme, auth.credentials.reveal(), () => {})
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error)
    }
    const withinMs = Math.min(connectWithinMs.most, connectWithinMs.first * 2 ** session.silences)
    this.#awaitConnection(session, withinMs, resumed)
  }

  #awaitConnection(session: LiveSession, remainingMs: number, resumed: SessionKey | undefined): void {
    if (session.ended || session.connected) return
    const look = (): void => {
      // 0: refused, or no handle could be made.
      const refused = session.handle.state === 0
      if (!refused && remainingMs > lookEveryMs) {
        this.#awaitConnection(session, remainingMs - lookEveryMs, resumed)
        return
      }
      if (!refused) session.silences += 1
      this.#tryNextHandle(session, resumed)
    }
    this.#retry?.cancel()
    this.#retry = this.#options.world.timers.after(lookEveryMs, look)
  }

  #tryNextHandle(session: LiveSession, resumed: SessionKey | undefined): void {
    this.#expireIfUnconfirmed()
    if (session.ended || session.connected) return
    const former = session.handle
    session.handle = new this.#options.client()
    // It is not connected, so this ends the handle, not the session.
    former.close()
    void this.#connect(session, resumed)
  }

  /** Ends the session in good order: what belonged to it disappears at once if the server is there. */
  async close(): Promise<void> {
    this.#closed = true
    this.#problem = 'the state store is closed'
    this.#reopen?.cancel()
    if (this.#session !== null) this.#end(this.#session, this.#problem)
    this.#wakeAll()
    // Handles are closed in the next turn, in order.
    await new Promise<void>(resolve => this.#options.world.timers.immediate(resolve))
  }

  /**
   * Waits for a connection until `deadline` (monotonic), sends, and answers with what the server says; with `gaveUp` when it says nothing in
   * time. Rejects as `unavailable` when nothing could be sent.
   */
  async call<Result>(
    deadline: number,
    send: (handle: NativeHandle, done: (code: number, result?: Result | null) => void) => number,
  ): Promise<Reply<Result>> {
    const session = await this.#connectedSession(deadline)
    const { clock, timers } = this.#options.world
    const sentAt = clock.monotonic()
    return new Promise(resolve => {
      const timer = timers.after(Math.max(0, deadline - sentAt), () => resolve({ code: codes.gaveUp, result: null }))
      const done = (code: number, result?: Result | null): void => {
        if (isServerAnswer(code)) this.#confirm(session, sentAt)
        // Never within the client's own call: see #connect.
        timers.immediate(() => {
          timer.cancel()
          resolve({ code, result: result ?? null })
        })
      }
      const taken = send(session.handle, done)
      if (taken !== codes.ok) done(taken)
    })
  }

  async #connectedSession(deadline: number): Promise<LiveSession> {
    const { clock, timers } = this.#options.world
    for (;;) {
      if (this.#closed) throw new ZookeeperError('closed', 'the state store is closed')
      this.#expireIfUnconfirmed()
      const session = this.#session
      if (session?.connected === true) return session
      const remainingMs = deadline - clock.monotonic()
      if (remainingMs <= 0) throw new ZookeeperError('unavailable', this.#problem)
      await new Promise<void>(resolve => {
        const wake = (): void => {
          timer.cancel()
          this.#waiting.delete(wake)
          resolve()
        }
        const timer = timers.after(remainingMs, wake)
        this.#waiting.add(wake)
      })
    }
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  #onEvent(session: LiveSession, event: string, detail: unknown): void {
    if (session.ended) return
    if (event === 'connect') this.#onConnected(session)
    else if (event === 'connecting') this.#onDisconnected(session)
    else if (event === 'close') this.#onClosed(session, detail)
    else if (typeof detail === 'string') this.#listener.changed(detail)
  }

  #onConnected(session: LiveSession): void {
    const fresh = !session.established
    session.connected = true
    session.silences = 0
    this.#retry?.cancel()
    session.timeoutMs = session.handle.timeout > 0 ? session.handle.timeout : this.#options.sessionTimeoutMs
    if (fresh) {
      session.established = true
      // Nothing can depend on the session yet: what does will be confirmed by a call of its own.
      session.confirmedAt = this.#options.world.clock.monotonic()
      this.#armWatchdog(session)
    }
    this.#authRefused = false
    this.#beat(session)
    this.#listener.connected(fresh)
    this.#wakeAll()
  }

  #onDisconnected(session: LiveSession): void {
    if (!session.connected) return
    session.connected = false
    const { client_id, client_password } = session.handle
    const resumed = { client_id, client_password }
    this.#retry?.cancel()
    this.#retry = this.#options.world.timers.after(1, () => this.#tryNextHandle(session, resumed))
    this.#problem = `the connection to ${this.#options.servers} was lost`
  }

  #onClosed(session: LiveSession, code: unknown): void {
    this.#authRefused = code === codes.authFailed
    const why = this.#authRefused ? 'the credentials were refused' : 'the session expired'
    this.#end(session, why)
  }

  #end(session: LiveSession, why: string): void {
    if (session.ended) return
    session.ended = true
    session.connected = false
    this.#watchdog?.cancel()
    this.#heartbeat?.cancel()
    this.#retry?.cancel()
    if (this.#session === session) this.#session = null
    if (!this.#closed) this.#problem = why
    if (session.established) this.#listener.ended(new ZookeeperError('unavailable', why))
    this.#options.world.timers.immediate(() => session.handle.close())
    if (this.#closed) return
    const delayMs = this.#authRefused ? refusedDelayMs : session.established ? 0 : reopenDelayMs
    this.#reopen = this.#options.world.timers.after(delayMs, () => this.open())
  }

  #confirm(session: LiveSession, sentAt: number): void {
    session.confirmedAt = Math.max(session.confirmedAt, sentAt)
  }

  // Also called where it matters whether the session holds, because after a pause of the whole process a timer may run too late.
  #expireIfUnconfirmed(): void {
    const session = this.#session
    if (session === null || !session.established || this.#remainingMs(session) > 0) return
    const why = `${this.#options.servers} has not answered for most of the session's time-out (${session.timeoutMs} ms)`
    this.#end(session, why)
  }

  #remainingMs(session: LiveSession): number {
    return session.confirmedAt + session.timeoutMs * trustedPart - this.#options.world.clock.monotonic()
  }

  #armWatchdog(session: LiveSession): void {
    this.#watchdog?.cancel()
    if (session.ended) return
    const look = (): void => {
      this.#expireIfUnconfirmed()
      this.#armWatchdog(session)
    }
    this.#watchdog = this.#options.world.timers.after(Math.max(1, this.#remainingMs(session)), look)
  }

  // Tells the servers that we are there, and us that they are.
  #beat(session: LiveSession): void {
    this.#heartbeat?.cancel()
    if (session.ended || !session.connected) return
    const { clock, timers } = this.#options.world
    const sentAt = clock.monotonic()
    session.handle.a_exists('/', false, code => {
      if (isServerAnswer(code)) this.#confirm(session, sentAt)
    })
    this.#heartbeat = timers.after(session.timeoutMs * heartbeatPart, () => this.#beat(session))
  }
}

/** The server has looked at the call: it was done, or will never be. */
export function isServerAnswer(code: number): boolean {
  return (
    code === codes.ok ||
    code === codes.noNode ||
    code === codes.noAuth ||
    code === codes.badVersion ||
    code === codes.nodeExists ||
    code === codes.notEmpty
  )
}
