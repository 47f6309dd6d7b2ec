// The door to the Kafka client: loaded when it is first wanted, made with our settings, thrown away and made anew when it no longer gets on.
import { isIP } from 'node:net'
import type * as Kafka from '@platformatic/kafka'
import { DependencyError } from '../../base/dependency.ts'
import type { World } from '../../base/world.ts'
import type { KafkaTiming, KafkaTopicLogOptions } from './settings.ts'

export type KafkaModule = typeof Kafka

/** Loads the client; throws a DependencyError when it is not installed. */
export async function loadKafkaClient(): Promise<KafkaModule> {
  try {
    return await import('@platformatic/kafka')
  } catch (error) {
    throw new DependencyError(
      'Kafka',
      'its client, the package @platformatic/kafka, cannot be loaded',
      'Run npm ci, with Node 24.6 or newer at run time, or choose the embedded engine',
      { cause: error, lasting: true },
    )
  }
}

/** Options that every client shares. */
export function baseOptions(
  options: Pick<KafkaTopicLogOptions, 'brokers' | 'clientId' | 'sasl' | 'tls'>,
  timing: KafkaTiming,
  turn: number,
) {
  const { brokers, clientId, sasl, tls } = options
  // The client asks the first broker first, also when that one is frozen: each new client begins with another.
  const first = turn % Math.max(1, brokers.length)
  return {
    clientId,
    bootstrapBrokers: [...brokers.slice(first), ...brokers.slice(0, first)],
    connectTimeout: timing.connectTimeoutMs,
    requestTimeout: timing.requestTimeoutMs,
    timeout: timing.requestTimeoutMs,
    retries: 0,
    metadataMaxAge: 30_000,
    autocreateTopics: false,
    // Names of hosts are sent in the handshake; addresses must not be.
    ...(tls === undefined ? {} : { tls, tlsServerName: !brokers.some(broker => isIP(hostOf(broker)) > 0) }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: { mechanism: sasl.mechanism, username: sasl.username, password: () => sasl.password.reveal() },
        }),
  }
}

function hostOf(broker: string): string {
  return broker.slice(0, broker.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}

export type BaseOptions = ReturnType<typeof baseOptions>

/** A client that can be replaced. The former one is closed behind the back of whoever still waits for it; that one gets an error. */
export class Renewable<Client> {
  readonly #make: (turn: number) => Client
  readonly #close: (client: Client) => Promise<void>
  readonly #world: World
  #client: Client | null = null
  #turn = 0
  #ended = false

  constructor(world: World, make: (turn: number) => Client, close: (client: Client) => Promise<void>) {
    this.#world = world
    this.#make = make
    this.#close = close
  }

  /** Throws when it was closed. */
  get current(): Client {
    if (this.#ended) throw new Error('the topic log is closed')
    this.#client ??= this.#make(this.#turn)
    return this.#client
  }

  /** The next use makes a new client, which begins with another broker. */
  renew(): void {
    const former = this.#client
    this.#client = null
    this.#turn += 1
    if (former !== null) void this.#discard(former)
  }

  async close(): Promise<void> {
    this.#ended = true
    const former = this.#client
    this.#client = null
    if (former !== null) await this.#discard(former)
  }

  async #discard(client: Client): Promise<void> {
    try {
      await within(this.#world, closeWithinMs, this.#close(client))
    } catch {
      // Its connections end with it, or when their requests time out.
    }
  }
}

const closeWithinMs = 3_000

/** The promise's outcome, or a rejection when it takes longer; what comes later is ignored. */
export function within<Value>(world: World, withinMs: number, promise: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`no answer within ${withinMs} ms`))
    const timer = world.timers.after(withinMs, late, { background: true })
    promise.then(
      value => {
        timer.cancel()
        resolve(value)
      },
      (error: unknown) => {
        timer.cancel()
        reject(error)
      },
    )
  })
}
