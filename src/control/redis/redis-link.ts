// One connection to Redis that is always being kept up: lost, refused or silent, it is dropped and tried again with growing pauses, for as long
// as the process lives. We do this ourselves and not the client, because a server that takes connections and never answers must count as lost,
// and because with sentinels each attempt has to ask again who the master is.
import type { Secret } from '../../base/secret.ts'
import type { Timer, World } from '../../base/world.ts'

/** Where Redis is: at one address, or wherever the sentinels say that the master of this name is. */
export type RedisAddress =
  | { readonly url: string }
  | { readonly sentinels: readonly HostAndPort[]; readonly name: string; readonly sentinelPassword?: Secret }

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** How a TLS connection is made; the certificate is always verified. */
export interface RedisTls {
  /** PEM of the authority that signed the server's certificate; without it those that Node knows. */
  readonly ca?: string
  /** The name in the certificate, where it is not the host's. */
  readonly servername?: string
}

export interface RedisLinkOptions {
  readonly client: RedisModule
  readonly address: RedisAddress
  readonly username?: string
  readonly password?: Secret
  readonly tls?: RedisTls
  readonly world: World
}

export type RedisModule = typeof import('@redis/client')
export type RedisClient = ReturnType<typeof plainClient>

interface Target extends HostAndPort {
  readonly tls: RedisTls | undefined
  readonly username: string | undefined
  readonly password: string | undefined
}

const answerWithinMs = 3_000
const pingEveryMs = 2_000
const retryMs = { first: 50, most: 2_000 }

export class RedisLink {
  readonly #options: RedisLinkOptions
  readonly #prepare: (client: RedisClient) => Promise<void>
  readonly #ready: () => void
  readonly #firstAttempt = Promise.withResolvers<void>()
  #client: RedisClient | null = null
  #timer: Timer | null = null
  #delayMs = retryMs.first
  #problem: string | null = 'not connected yet'
  #closed = false

  /** `prepare` is run on each new connection before it counts as up, `ready` after it. */
  constructor(options: RedisLinkOptions, prepare: (client: RedisClient) => Promise<void>, ready: () => void) {
    this.#options = options
    this.#prepare = prepare
    this.#ready = ready
    void this.#attempt()
  }

  /** The connection, while it is up. */
  get client(): RedisClient | null {
    return this.#client
  }

  /** Null while it is up. */
  get problem(): string | null {
    return this.#problem
  }

  /** Resolves when the first attempt has ended, well or not. */
  get firstAttempt(): Promise<void> {
    return this.#firstAttempt.promise
  }

  /** The connection cannot be trusted any more: another one is made. */
  drop(client: RedisClient, why: unknown): void {
    if (this.#client !== client) return
    this.#client = null
    destroy(client)
    this.#again(why)
  }

  close(): void {
    this.#closed = true
    this.#problem = 'closed'
    this.#timer?.cancel()
    this.#firstAttempt.resolve()
    if (this.#client !== null) destroy(this.#client)
    this.#client = null
  }

  async #attempt(): Promise<void> {
    let client: RedisClient | null = null
    try {
      const target = await this.#target()
      client = this.#make(target)
      const made = client
      await this.#within(made, made.connect())
      // A server that wants a password says so only when asked for something.
      await this.#within(made, made.ping())
      if ('name' in this.#options.address) await this.#demandMaster(made)
      await this.#within(made, this.#prepare(made))
      if (this.#closed) return destroy(made)
      made.on('error', error => this.drop(made, error))
      // It may have been lost while nobody listened for that.
      if (!made.isReady) throw new Error('the connection was lost')
      this.#client = made
      this.#problem = null
      this.#delayMs = retryMs.first
      this.#pingLater(made)
      this.#ready()
    } catch (error) {
      if (client !== null) destroy(client)
      this.#again(error)
    } finally {
      this.#firstAttempt.resolve()
    }
  }

  #again(why: unknown): void {
    if (this.#closed) return
    this.#problem = why instanceof Error ? messageOf(why) : String(why)
    this.#timer?.cancel()
    this.#timer = this.#options.world.timers.after(this.#delayMs, () => void this.#attempt(), { background: true })
    this.#delayMs = Math.min(retryMs.most, this.#delayMs * 2)
  }

  #pingLater(client: RedisClient): void {
    const ping = async (): Promise<void> => {
      if (this.#client !== client) return
      try {
        await this.#within(client, client.ping())
        if (this.#client === client) this.#pingLater(client)
      } catch (error) {
        this.drop(client, error)
      }
    }
    this.#timer?.cancel()
    this.#timer = this.#options.world.timers.after(pingEveryMs, () => void ping(), { background: true })
  }

  async #target(): Promise<Target> {
    const { address, username, password, tls } = this.#options
    const own = { username, password: password?.reveal() }
    if ('url' in address) {
      const url = new URL(address.url)
      return {
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port === '' ? 6379 : Number(url.port),
        tls: tls ?? (url.protocol === 'rediss:' ? {} : undefined),
        username: own.username ?? (decodeURIComponent(url.username) || undefined),
        password: own.password ?? (decodeURIComponent(url.password) || undefined),
      }
    }
    const refusals: string[] = []
    for (const sentinel of address.sentinels) {
      try {
        return { ...(await this.#askSentinel(sentinel, address.name, address.sentinelPassword)), tls, ...own }
      } catch (error) {
        refusals.push(`${sentinel.host}:${sentinel.port}: ${error instanceof Error ? messageOf(error) : String(error)}`)
      }
    }
    throw new Error(`no sentinel knows the master "${address.name}" (${refusals.join('; ')})`)
  }

  async #askSentinel(sentinel: HostAndPort, name: string, password: Secret | undefined): Promise<HostAndPort> {
    const { tls } = this.#options
    const client = this.#make({ ...sentinel, tls, username: undefined, password: password?.reveal() })
    try {
      await this.#within(client, client.connect())
      const asked = client.sendCommand(['SENTINEL', 'get-master-addr-by-name', name])
      const answer: unknown = await this.#within(client, asked)
      if (!Array.isArray(answer) || answer.length !== 2) throw new Error('not known here')
      return { host: String(answer[0]), port: Number(answer[1]) }
    } finally {
      destroy(client)
    }
  }

  // A former master that has not heard yet would take our messages and give them to nobody.
  async #demandMaster(client: RedisClient): Promise<void> {
    const answer: unknown = await this.#within(client, client.sendCommand(['ROLE']))
    const role = Array.isArray(answer) ? String(answer[0]) : 'unknown'
    if (role !== 'master') throw new Error(`the server that the sentinels name is not the master (its role is ${role})`)
  }

  #make(target: Target): RedisClient {
    const client = plainClient(this.#options.client, target)
    // Without a listener an error would end the process; what it means is seen where the call fails.
    client.on('error', () => {})
    return client
  }

  async #within<Result>(client: RedisClient, call: Promise<Result>): Promise<Result> {
    const late = Promise.withResolvers<never>()
    const timer = this.#options.world.timers.after(answerWithinMs, () => {
      late.reject(new Error(`no answer within ${answerWithinMs} ms`))
      destroy(client)
    })
    try {
      return await Promise.race([call, late.promise])
    } finally {
      timer.cancel()
      // The loser of the race must not be left unhandled.
      call.catch(() => {})
    }
  }
}

// The old protocol: the newer one asks for more than we need, and servers before version 6 do not speak it.
function plainClient(module: RedisModule, target: Target) {
  const { host, port, tls, username, password } = target
  const common = { host, port, connectTimeout: answerWithinMs, reconnectStrategy: false } as const
  const socket = tls === undefined ? common : { ...common, ...tls, tls: true as const }
  return module.createClient({
    socket,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    commandsQueueMaxLength: 1_000,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  })
}

function destroy(client: RedisClient): void {
  try {
    client.destroy()
  } catch {
    // It was closed already.
  }
}

/** Failures to connect to several addresses of a name come as one error without a message. */
function messageOf(error: Error): string {
  if (error.message !== '') return error.message
  if (error instanceof AggregateError) return error.errors.map(String).join('; ')
  return 'code' in error ? String(error.code) : error.name
}
