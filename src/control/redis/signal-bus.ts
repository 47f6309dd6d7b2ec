// Adapter of SignalBus on Redis: channels and messages as Backbeat has them. Redis is only for speed: opening succeeds without it, publishing
// never waits for it and never fails, and whoever listens is told after each loss of connection that messages may have gone by.
import { DependencyError, type DependencyHealth } from '../../base/dependency.ts'
import type { Secret } from '../../base/secret.ts'
import type { World } from '../../base/world.ts'
import type { SignalBus } from '../signal-bus.ts'
import { type RedisAddress, type RedisClient, RedisLink, type RedisModule, type RedisTls } from './redis-link.ts'

export type RedisSignalBusOptions = RedisAddress & {
  readonly username?: string
  readonly password?: Secret
  readonly tls?: RedisTls
  readonly world: World
}

export type RedisSignalBus = SignalBus & { health(): Promise<DependencyHealth> }

/** Resolves when the first attempt to connect has ended, also when it failed. Rejects only for settings that can never work. */
export async function openRedisSignalBus(options: RedisSignalBusOptions): Promise<RedisSignalBus> {
  demandAddress(options)
  const bus = new RedisBus(options, await loadClient())
  await bus.firstAttempt
  return bus
}

async function loadClient(): Promise<RedisModule> {
  try {
    return await import('@redis/client')
  } catch (error) {
    const remedy = 'Run npm ci'
    throw new DependencyError('Redis', 'the npm package "@redis/client" is not installed', remedy, {
      cause: error,
      lasting: true,
    })
  }
}

function demandAddress(address: RedisAddress): void {
  if ('url' in address) {
    const url = URL.canParse(address.url) ? new URL(address.url) : null
    if (url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== '') return
    // The address itself is not shown: it may hold a password.
    throw new DependencyError(
      'Redis',
      'the address is no URL of Redis',
      'Write redis://host:port, or rediss:// for TLS',
      { lasting: true },
    )
  }
  if (address.sentinels.length > 0 && address.name !== '') return
  throw new DependencyError('Redis', 'the sentinels are incomplete', 'Name at least one sentinel, and the master', {
    lasting: true,
  })
}

class RedisBus implements RedisSignalBus {
  readonly #publisher: RedisLink
  readonly #subscriber: RedisLink
  readonly #channels = new Map<string, Set<(message: string) => void>>()
  readonly #reconnected = new Set<() => void>()
  readonly #world: World
  #subscribed = new Set<string>()
  /** Subscriptions on their way: what is published after them in this process is heard in this process. */
  #subscribing: Promise<unknown> = Promise.resolve()
  #opened = false
  #closed = false

  constructor(options: RedisSignalBusOptions, client: RedisModule) {
    const { world, username, password, tls } = options
    this.#world = world
    const address: RedisAddress = options
    const link = {
      client,
      address,
      world,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(tls === undefined ? {} : { tls }),
    }
    this.#publisher = new RedisLink(
      link,
      async () => {},
      () => {},
    )
    this.#subscriber = new RedisLink(
      link,
      made => this.#subscribeAll(made),
      () => this.#onSubscriberReady(),
    )
  }

  get firstAttempt(): Promise<void> {
    return Promise.all([this.#publisher.firstAttempt, this.#subscriber.firstAttempt]).then(() => {
      this.#opened = true
    })
  }

  async publish(channel: string, message: string): Promise<void> {
    void this.#subscribing.then(() => {
      const { client } = this.#publisher
      if (client === null || this.#closed) return
      client.publish(channel, message).catch((error: unknown) => this.#publisher.drop(client, error))
    })
  }

  subscribe(channel: string, received: (message: string) => void): () => void {
    // Wrapped, so that one function may listen twice and stop once.
    const listener = (message: string): void => received(message)
    const listeners = this.#channels.get(channel) ?? new Set()
    listeners.add(listener)
    this.#channels.set(channel, listeners)
    this.#subscribeMissing()
    // Redis may go on sending: there are few channels, and coming back to one is then simple.
    return () => {
      listeners.delete(listener)
    }
  }

  reconnected(listener: () => void): () => void {
    const one = (): void => listener()
    this.#reconnected.add(one)
    return () => {
      this.#reconnected.delete(one)
    }
  }

  async health(): Promise<DependencyHealth> {
    const problem = this.#subscriber.problem ?? this.#publisher.problem
    if (problem === null) return { name: 'Redis', ok: true }
    const effect = 'Commands work without it, only some seconds later'
    const remedy = 'check that it runs, the address, the password and TLS'
    return { name: 'Redis', ok: false, problem: `${problem.replace(/\.+$/, '')}. ${effect}; ${remedy}` }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#channels.clear()
    this.#reconnected.clear()
    this.#publisher.close()
    this.#subscriber.close()
  }

  /** On a new connection: `subscribed` is what it has been asked for. */
  async #subscribeAll(client: RedisClient): Promise<void> {
    this.#subscribed = new Set(this.#channels.keys())
    if (this.#subscribed.size > 0) await client.subscribe([...this.#subscribed], this.#deliver)
  }

  #subscribeMissing(): void {
    const { client } = this.#subscriber
    if (client === null) return
    for (const channel of this.#channels.keys()) {
      if (this.#subscribed.has(channel)) continue
      this.#subscribed.add(channel)
      const subscribed = client
        .subscribe(channel, this.#deliver)
        .catch((error: unknown) => this.#subscriber.drop(client, error))
      this.#subscribing = Promise.all([this.#subscribing, subscribed])
    }
  }

  readonly #deliver = (message: string, channel: string): void => {
    for (const listener of [...(this.#channels.get(channel) ?? [])]) listener(message)
  }

  #onSubscriberReady(): void {
    // What was asked for while the connection was being made.
    this.#subscribeMissing()
    if (!this.#opened) return
    this.#world.timers.immediate(() => {
      for (const listener of [...this.#reconnected]) listener()
    })
  }
}
