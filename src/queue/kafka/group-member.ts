// Membership in a consumer group: joins, is kept alive by heartbeats however long nothing is taken, joins again after whatever happens, and
// says which partitions it has. Rebalances are cooperative: who keeps a partition goes on reading it meanwhile.
import type { Consumer } from '@platformatic/kafka'
import { sleep, type World } from '../../base/world.ts'
import { type BaseOptions, type KafkaModule, Renewable, within } from './client.ts'
import { isTopicGone } from './problems.ts'
import type { KafkaTiming } from './settings.ts'

export interface GroupMemberOptions {
  readonly topic: string
  readonly group: string
  readonly world: World
  readonly timing: KafkaTiming
  /** The partitions it has now. Of those it had before, `kept` ones were nobody else's meanwhile. */
  readonly assigned: (partitions: readonly number[], kept: ReadonlySet<number>) => void
  /** A rebalance begins: the last moment to commit. */
  readonly rebalancing: () => void
  readonly ensureTopic: () => Promise<void>
  readonly trouble: (error: unknown | null) => void
}

/** After so many failures in a row the client itself is not trusted any more. */
const failuresMax = 3
/** A broker that answers at all answers a goodbye at once. */
const goodbyeWithinMs = 2_000

/**
 * Leaves the group before it closes: to the library a client that is closed while it joins is a member still, sends heartbeats for ever, and
 * keeps partitions that nobody reads.
 */
async function leave(world: World, client: Consumer): Promise<void> {
  const left = new Promise<void>(resolve => client.leaveGroup(true, () => resolve()))
  await within(world, goodbyeWithinMs, left).catch(() => {})
  await client.close(true)
}

export class GroupMember {
  readonly #options: GroupMemberOptions
  readonly #client: Renewable<Consumer>
  readonly #first = Promise.withResolvers<void>()
  #known: { readonly memberId: string; readonly generation: number; readonly partitions: ReadonlySet<number> } | null =
    null
  #joining: Promise<void> | null = null
  #aliveAt = 0
  #closed = false

  constructor(kafka: KafkaModule, base: (turn: number) => BaseOptions, options: GroupMemberOptions) {
    this.#options = options
    const { timing, world, topic, group } = options
    this.#client = new Renewable(
      world,
      turn => {
        const client = new kafka.Consumer({
          ...base(turn),
          groupId: group,
          sessionTimeout: timing.sessionTimeoutMs,
          rebalanceTimeout: timing.rebalanceTimeoutMs,
          heartbeatInterval: timing.heartbeatMs,
          // Joining waits until all others have joined.
          requestTimeout: timing.rebalanceTimeoutMs + timing.requestTimeoutMs,
          protocols: [{ name: 'cooperative-sticky', version: 3 }],
          autocommit: false,
        })
        client.topics.track(topic)
        this.#listen(client)
        return client
      },
      client => leave(world, client),
    )
  }

  /** Begins to join, for as long as it takes. */
  start(): void {
    this.#aliveAt = this.#options.world.clock.monotonic()
    this.#join()
  }

  /** Resolves when it was given partitions (or none) for the first time. */
  get joined(): Promise<void> {
    return this.#first.promise
  }

  /** False when the group may have given its partitions to somebody else. */
  get isAlive(): boolean {
    const { world, timing } = this.#options
    return this.#known !== null && world.clock.monotonic() - this.#aliveAt < timing.sessionTimeoutMs
  }

  /** For the watchdog: neither joining nor heard of for long. */
  check(): void {
    const { world, timing } = this.#options
    const silentMs = world.clock.monotonic() - this.#aliveAt
    if (this.#closed || silentMs < 3 * timing.sessionTimeoutMs + timing.rebalanceTimeoutMs) return
    this.#aliveAt = world.clock.monotonic()
    this.#client.renew()
    this.#join()
  }

  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    if (offsets.size === 0) return
    const { topic, timing, world } = this.#options
    const list = [...offsets].map(([partition, offset]) => ({
      topic,
      partition,
      offset: BigInt(offset),
      leaderEpoch: -1,
    }))
    const bound = timing.rebalanceTimeoutMs + timing.requestTimeoutMs
    await within(world, bound, this.#client.current.commit({ offsets: list }))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#client.close()
    this.#first.resolve()
  }

  #listen(client: Consumer): void {
    const isCurrent = () => !this.#closed && this.#client.current === client
    client.on('consumer:heartbeat:end', () => {
      this.#aliveAt = this.#options.world.clock.monotonic()
      if (isCurrent()) this.#options.trouble(null)
    })
    client.on('consumer:group:join', () => {
      if (isCurrent()) this.#assigned(client)
    })
    client.on('consumer:group:rebalance', () => {
      if (!isCurrent()) return
      this.#options.rebalancing()
      this.#assigned(client)
    })
    client.on('consumer:heartbeat:error', ({ error }) => {
      if (isCurrent()) this.#options.trouble(error)
    })
    // The client has given up joining again.
    client.on('error', error => {
      if (!isCurrent()) return
      this.#options.trouble(error)
      this.#join()
    })
  }

  #join(): void {
    this.#joining ??= this.#joinUntilDone().finally(() => {
      this.#joining = null
    })
  }

  async #joinUntilDone(): Promise<void> {
    const { world, timing, trouble, ensureTopic } = this.#options
    let delay = timing.backoffMinMs
    for (let failures = 0; !this.#closed; ) {
      try {
        const bound = 2 * (timing.rebalanceTimeoutMs + timing.requestTimeoutMs + timing.connectTimeoutMs)
        const client = this.#client.current
        await within(world, bound, client.joinGroup({}))
        // To a client that was told to leave meanwhile the end of its joining is no failure.
        if (this.#client.current !== client) continue
        trouble(null)
        return
      } catch (error) {
        if (this.#closed) return
        failures += 1
        // A group's first member often has to wait for its coordinator.
        if (failures > 1) trouble(error)
        if (isTopicGone(error)) await ensureTopic().catch(() => {})
        if (failures % failuresMax === 0) this.#client.renew()
        await sleep(world.timers, delay)
        delay = Math.min(delay * 2, timing.backoffMaxMs)
      }
    }
  }

  #assigned(client: Consumer): void {
    const { memberId, generationId, assignments } = client
    if (memberId === null || assignments === null) return
    this.#aliveAt = this.#options.world.clock.monotonic()
    const { topic } = this.#options
    const partitions = assignments.filter(one => one.topic === topic).flatMap(one => one.partitions)
    const before = this.#known
    // In a generation that it has missed a partition may have been somebody else's.
    const isNext =
      before !== null && before.memberId === memberId && generationId - before.generation <= 1 && generationId > 0
    const kept = new Set(isNext ? partitions.filter(partition => before.partitions.has(partition)) : [])
    this.#known = { memberId, generation: generationId, partitions: new Set(partitions) }
    this.#options.assigned(partitions, kept)
    this.#first.resolve()
  }
}
