// Reads records from the brokers that lead the partitions: at most one request per broker at a time, each for all partitions that want some.
// A request is a long poll: it waits at the broker until there is something.
import type { ClusterTopicMetadata, Consumer } from '@platformatic/kafka'
import type { Timer, World } from '../../base/world.ts'
import { type BaseOptions, type KafkaModule, Renewable, within } from './client.ts'
import { isKafkaError, isTopicGone } from './problems.ts'
import type { KafkaTiming } from './settings.ts'

export interface FetchedRecord {
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export interface FetcherOptions {
  readonly topic: string
  readonly group: string
  readonly world: World
  readonly timing: KafkaTiming
  /** Partitions that want records, with the offset to read from. */
  readonly wanted: () => ReadonlyMap<number, number>
  /** Records from the offset that was asked for, and the offset behind them. */
  readonly fetched: (partition: number, from: number, records: readonly FetchedRecord[], next: number) => void
  /** Some of these offsets do not exist. */
  readonly outOfRange: (partitions: readonly number[]) => void
  /** The topic has another id than before, or none any more. */
  readonly topicChanged: (topicId: string | null) => void
  readonly trouble: (error: unknown | null) => void
}

/** Compressed: in memory it may be ten times as much. */
const partitionBytesMax = 256 * 1024
const requestBytesMax = 2 * 1024 ** 2
const isControl = 1 << 5

export class Fetcher {
  readonly #options: FetcherOptions
  readonly #client: Renewable<Consumer>
  /** Brokers that are asked at this moment, or that have just failed and are left alone for a while. */
  readonly #busy = new Set<number>()
  readonly #delays = new Map<number, number>()
  readonly #pauses = new Set<Timer>()
  #topic: ClusterTopicMetadata | null = null
  #isStale = true
  #refreshing = false
  #closed = false

  constructor(kafka: KafkaModule, base: (turn: number) => BaseOptions, options: FetcherOptions) {
    this.#options = options
    this.#client = new Renewable(
      options.world,
      turn => {
        const client = new kafka.Consumer({
          ...base(turn),
          groupId: options.group,
          requestTimeout: options.timing.requestTimeoutMs + options.timing.fetchWaitMs,
        })
        client.topics.track(options.topic)
        client.on('error', () => {})
        return client
      },
      client => client.close(true),
    )
  }

  /** Something may be wanted now that was not before. */
  pump(): void {
    if (this.#closed) return
    const wanted = this.#options.wanted()
    if (wanted.size === 0) return
    if (this.#isStale) void this.#refresh()
    // What was known is good enough until it is known better: other brokers are not to wait for one that does not answer.
    if (this.#topic === null) return
    const byLeader = new Map<number, Map<number, number>>()
    for (const [partition, offset] of wanted) {
      const leader = this.#topic.partitions[partition]?.leader ?? -1
      if (this.#busy.has(leader)) continue
      const partitions = byLeader.get(leader) ?? new Map<number, number>()
      byLeader.set(leader, partitions.set(partition, offset))
    }
    for (const [leader, partitions] of byLeader) {
      if (leader < 0) this.#leaveAlone(leader)
      else void this.#fetch(leader, this.#topic.id, partitions)
    }
  }

  /** For the watchdog: the client is thrown away with what it has under way. */
  rebuild(): void {
    this.#client.renew()
    this.#isStale = true
    this.#busy.clear()
    this.#delays.clear()
    this.pump()
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const pause of this.#pauses) pause.cancel()
    await this.#client.close()
  }

  async #fetch(node: number, topicId: string, partitions: ReadonlyMap<number, number>): Promise<void> {
    const { world, timing, trouble } = this.#options
    const client = this.#client.current
    this.#busy.add(node)
    try {
      const topics = [{ topicId, partitions: [...partitions].map(([partition, offset]) => request(partition, offset)) }]
      const bound = timing.connectTimeoutMs + 2 * timing.requestTimeoutMs + timing.fetchWaitMs
      const response = await within(
        world,
        bound,
        client.fetch({ node, topics, maxWaitTime: timing.fetchWaitMs, minBytes: 1, maxBytes: requestBytesMax }),
      )
      if (this.#closed || client !== this.#client.current) return
      this.#busy.delete(node)
      // Records of a topic that was made anew meanwhile have the same offsets.
      for (const { partitions: answers } of this.#topic?.id === topicId ? response.responses : [])
        for (const { partitionIndex, records } of answers) {
          const from = partitions.get(partitionIndex)
          if (from !== undefined && records) this.#deliver(partitionIndex, from, records)
        }
      this.#delays.delete(node)
      trouble(null)
      this.pump()
    } catch (error) {
      if (this.#closed || client !== this.#client.current) return
      this.#busy.delete(node)
      this.#failed(node, error, [...partitions.keys()])
    }
  }

  #deliver(partition: number, from: number, batches: readonly Batch[]): void {
    const found: FetchedRecord[] = []
    let next = from
    for (const { firstOffset, lastOffsetDelta, attributes, records } of batches) {
      const first = Number(firstOffset)
      next = Math.max(next, first + lastOffsetDelta + 1)
      if ((attributes & isControl) !== 0) continue
      for (const { offsetDelta, key, value } of records) {
        // A batch begins where it was written, not where we ask.
        if (first + offsetDelta >= from) found.push({ offset: first + offsetDelta, key, value })
      }
    }
    if (next > from) this.#options.fetched(partition, from, found, next)
  }

  #failed(node: number, error: unknown, partitions: readonly number[]): void {
    if (isKafkaError(error, 'OFFSET_OUT_OF_RANGE')) this.#options.outOfRange(partitions)
    // Leaders move and sessions end; only what comes back again and again is trouble.
    else if (this.#delays.has(node)) this.#options.trouble(error)
    this.#leaveAlone(node)
  }

  /** Asks this broker (-1: a leader that is not known) again in a while, with fresh metadata; the others go on. */
  #leaveAlone(node: number): void {
    if (this.#closed) return
    const { world, timing } = this.#options
    const delay = this.#delays.get(node) ?? timing.backoffMinMs
    this.#delays.set(node, Math.min(delay * 2, timing.backoffMaxMs))
    this.#busy.add(node)
    const run = (): void => {
      this.#pauses.delete(pause)
      this.#busy.delete(node)
      this.#isStale = true
      this.pump()
    }
    const pause = world.timers.after(delay, run, { background: true })
    this.#pauses.add(pause)
  }

  async #refresh(): Promise<void> {
    if (this.#refreshing || this.#busy.has(metadataNode)) return
    this.#refreshing = true
    const { topic, world, timing, topicChanged, trouble } = this.#options
    try {
      const bound = timing.connectTimeoutMs + 2 * timing.requestTimeoutMs
      const metadata = await within(world, bound, this.#client.current.metadata({ topics: [topic], forceUpdate: true }))
      this.#refreshing = false
      if (this.#closed) return
      const found = metadata.topics.get(topic)
      if (found === undefined) return this.#leaveAlone(metadataNode)
      this.#delays.delete(metadataNode)
      this.#topic = found
      this.#isStale = false
      topicChanged(found.id)
      this.pump()
    } catch (error) {
      this.#refreshing = false
      if (this.#closed) return
      if (isTopicGone(error)) {
        this.#topic = null
        topicChanged(null)
      } else {
        trouble(error)
        // The next client asks another broker first; what is under way with this one fails, and is asked again.
        this.#client.renew()
        this.#busy.clear()
      }
      this.#leaveAlone(metadataNode)
    }
  }
}

/** Stands for whoever answers questions about the topic. */
const metadataNode = -2

interface Batch {
  readonly firstOffset: bigint
  readonly lastOffsetDelta: number
  readonly attributes: number
  readonly records: readonly {
    readonly offsetDelta: number
    readonly key: Buffer | null
    readonly value: Buffer | null
  }[]
}

function request(partition: number, offset: number) {
  return {
    partition,
    fetchOffset: BigInt(offset),
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: partitionBytesMax,
  }
}
