// A consumer of the topic log on Kafka: what its group member is given is fetched ahead, handed out behind the gate of pause and window, and
// committed up to the lowest unfinished record. Whatever happens to brokers, topics or offsets, it goes on; what it can no longer get is told
// as a gap before newer records are handed out.
import { isUtf8 } from 'node:buffer'
import { pipelineNotices } from '../../base/channels.ts'
import { sleep, type Timer } from '../../base/world.ts'
import type { ConsumerOptions, TopicConsumer, TopicRecord } from '../topic-log.ts'
import { type BaseOptions, type KafkaModule, within } from './client.ts'
import { type FetchedRecord, Fetcher } from './fetcher.ts'
import { GroupMember } from './group-member.ts'
import { OffsetMirror } from './offset-mirror.ts'
import { PartitionProgress } from './partition-progress.ts'
import { isKafkaError } from './problems.ts'
import { canary } from './producer-lane.ts'
import type { KafkaTiming, KafkaTopicLogOptions } from './settings.ts'
import { beginningOf, type MirroredOffset } from './start-offset.ts'
import type { TopicState, Topics } from './topics.ts'

export interface KafkaConsumerOptions extends ConsumerOptions {
  readonly kafka: KafkaModule
  readonly base: (turn: number) => BaseOptions
  readonly log: KafkaTopicLogOptions
  readonly timing: KafkaTiming
  readonly topics: Topics
  /** What does not work; null: it does again. */
  readonly trouble: (about: 'membership' | 'reading', error: unknown | null) => void
  /** Keeps the bytes of a record whose text does not say them. */
  readonly keepBytes: (record: TopicRecord, value: Uint8Array) => void
  /** Tells those who watch the topic that somebody reads the partition. Not waited for. */
  readonly sendCanary?: (partition: number) => void
  readonly closed: () => void
}

/** A partition that was given to us, from one beginning to the next. */
interface Assigned {
  readonly partition: number
  /** Where it was, when it has to begin anew. */
  readonly former: MirroredOffset | null
  /** Null until it is known where to begin. */
  progress: PartitionProgress | null
  committed: number
  committedAt: number
  mirrored: number
  /** Monotonic time of the last records, for the watchdog. */
  movedAt: number
}

const bufferedRecordsMax = 1_000
const bufferedCharsMax = 16 * 1024 ** 2
const bufferedCharsMin = 256 * 1024
const closeWithinMs = 3_000

export class KafkaConsumer implements TopicConsumer {
  readonly #options: KafkaConsumerOptions
  readonly #member: GroupMember
  readonly #fetcher: Fetcher
  readonly #mirror: OffsetMirror
  readonly #partitions = new Map<number, Assigned>()
  /** From which beginning of its partition a record is. */
  readonly #origins = new WeakMap<TopicRecord, Assigned>()
  readonly #wakes: (() => void)[] = []
  #topicId: string | null = null
  #paused = false
  #closing: Promise<void> | null = null
  #beginning: Promise<void> | null = null
  #committing: Promise<void> | null = null
  #mirroredAt: number
  #tick: Timer | null = null
  #turn = 0

  readonly #reading = (error: unknown | null): void => this.#options.trouble('reading', error)

  constructor(options: KafkaConsumerOptions) {
    this.#options = options
    const { kafka, base, log, timing, topics, topic, group } = options
    const { world } = log
    this.#mirroredAt = world.clock.monotonic()
    this.#mirror = new OffsetMirror(log.offsets, topic, group)
    const shared = { topic, group, world, timing }
    this.#member = new GroupMember(kafka, base, {
      ...shared,
      trouble: error => {
        options.trouble('membership', error)
        if (error === null) this.#wake()
      },
      ensureTopic: () => topics.ensure(topic),
      rebalancing: () => void this.#commit(),
      assigned: (partitions, kept) => this.#assign(partitions, kept),
    })
    this.#fetcher = new Fetcher(kafka, base, {
      ...shared,
      trouble: this.#reading,
      wanted: () => this.#wanted(),
      fetched: (partition, from, records, next) => this.#fetched(partition, from, records, next),
      outOfRange: partitions => void this.#outOfRange(partitions),
      topicChanged: id => this.#topicChanged(id),
    })
  }

  /** Joins the group; resolves when it knows where to begin, or after a while, and goes on trying then. */
  async start(): Promise<void> {
    const { log, timing } = this.#options
    this.#member.start()
    this.#armTick()
    const begun = this.#member.joined.then(() => this.#beginning)
    await within(log.world, 2 * timing.requestTimeoutMs, begun).catch(() => {})
  }

  async take(max: number): Promise<readonly TopicRecord[]> {
    for (;;) {
      if (this.#closing !== null || this.#paused || max <= 0) return []
      // Whoever was silent for too long may have lost its partitions and not know it.
      if (this.#member.isAlive) {
        const records = this.#collect(max)
        this.#fetcher.pump()
        if (records.length > 0) return records
        if (this.#isFull()) return []
      }
      await new Promise<void>(resolve => this.#wakes.push(resolve))
    }
  }

  finish(record: TopicRecord): void {
    const assigned = this.#partitions.get(record.partition)
    const origin = this.#origins.get(record)
    if (assigned === undefined || (origin !== undefined && origin !== assigned)) return
    assigned.progress?.finish(record.offset)
    this.#wake()
  }

  pause(): void {
    this.#paused = true
    // Nothing is read now that could say that it works again.
    this.#reading(null)
    this.#wake()
  }

  resume(): void {
    this.#paused = false
    this.#moved()
    this.#wake()
    this.#fetcher.pump()
  }

  async lag(): Promise<number> {
    const { topics, topic, group } = this.#options
    const { partitions } = await topics.state(topic)
    const isOurs = (id: number) => this.#partitions.get(id)?.progress != null
    const others = partitions.some((_, id) => !isOurs(id))
    const committed = others ? await topics.committed(topic, group, partitions.length) : []
    let lag = 0
    partitions.forEach(({ start, end }, id) => {
      const progress = this.#partitions.get(id)?.progress
      lag += progress?.lag(end) ?? Math.max(0, end - Math.max(start, committed[id] ?? start))
    })
    return lag
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#tick?.cancel()
    // Whoever waits in `take` looks at `#closing`, which is set when this function has returned its promise.
    await Promise.resolve()
    this.#wake()
    await this.#fetcher.close()
    await within(this.#options.log.world, closeWithinMs, this.#commitLast()).catch(() => {})
    await this.#member.close()
    this.#partitions.clear()
    this.#options.closed()
  }

  /** Brokers or a state store that are gone do not hold up the closing: the records are delivered again. */
  async #commitLast(): Promise<void> {
    await this.#committing
    await Promise.all([this.#commit(), this.#writeMirror()])
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake()
  }

  // --- handing out ---

  /** Takes from one partition after the other, beginning with another one each time. */
  #collect(max: number): TopicRecord[] {
    const all = [...this.#partitions.values()]
    const records: TopicRecord[] = []
    this.#turn += 1
    for (let index = 0; index < all.length && records.length < max; index += 1) {
      const assigned = all[(this.#turn + index) % all.length]
      records.push(...(assigned?.progress?.take(max - records.length, this.#options.windowMax) ?? []))
    }
    return records
  }

  #isFull(): boolean {
    const all = [...this.#partitions.values()]
    return all.length > 0 && all.every(({ progress }) => progress?.isFull(this.#options.windowMax) ?? false)
  }

  // --- fetching ---

  #wanted(): ReadonlyMap<number, number> {
    const wanted = new Map<number, number>()
    if (this.#paused || this.#closing !== null || !this.#member.isAlive) return wanted
    const charsMax = Math.max(bufferedCharsMin, bufferedCharsMax / Math.max(1, this.#partitions.size))
    for (const { partition, progress } of this.#partitions.values()) {
      if (progress === null || progress.buffered >= bufferedRecordsMax || progress.bufferedChars >= charsMax) continue
      wanted.set(partition, progress.fetchFrom)
    }
    return wanted
  }

  #fetched(partition: number, from: number, fetched: readonly FetchedRecord[], next: number): void {
    const assigned = this.#partitions.get(partition)
    // What was asked for before a rebalance or a new beginning is not what is wanted now.
    if (assigned?.progress == null || assigned.progress.fetchFrom !== from) return
    const { topic } = this.#options
    const records: TopicRecord[] = []
    for (const { offset, key, value } of fetched) {
      const record = { topic, partition, offset, key: key?.toString() ?? '', value: value?.toString() ?? '' }
      // Backbeat's consumers send these to themselves; nobody works on them.
      if (record.key === canary.key && record.value.startsWith('{"canary"')) continue
      if (value !== null && !isUtf8(value)) this.#options.keepBytes(record, value)
      this.#origins.set(record, assigned)
      records.push(record)
    }
    assigned.progress.add(records, next)
    assigned.movedAt = this.#options.log.world.clock.monotonic()
    this.#wake()
  }

  /** Entries that were not fetched yet have gone, or the topic is another. */
  async #outOfRange(partitions: readonly number[]): Promise<void> {
    const { topics, topic } = this.#options
    let state: TopicState
    try {
      state = await topics.state(topic)
    } catch (error) {
      return this.#reading(error)
    }
    for (const id of partitions) {
      const progress = this.#partitions.get(id)?.progress
      const ends = state.partitions[id]
      if (progress == null || ends === undefined) continue
      if (progress.fetchFrom >= ends.start && progress.fetchFrom <= ends.end) continue
      this.#anew(id, progress.low)
    }
    this.#beginAll()
  }

  #topicChanged(id: string | null): void {
    if (id === null) {
      // Not waited for: the fetcher asks again in a while.
      this.#options.topics.ensure(this.#options.topic).catch(this.#reading)
      return
    }
    const former = this.#topicId
    this.#topicId ??= id
    if (former === null || former === id) return
    for (const { partition, progress } of [...this.#partitions.values()])
      if (progress !== null) this.#anew(partition, progress.low)
    this.#topicId = id
    this.#beginAll()
  }

  // --- beginning ---

  #assign(partitions: readonly number[], kept: ReadonlySet<number>): void {
    for (const partition of [...this.#partitions.keys()])
      if (!partitions.includes(partition)) this.#partitions.delete(partition)
    for (const partition of partitions)
      if (!kept.has(partition) || !this.#partitions.has(partition)) this.#partitions.set(partition, newly(partition))
    this.#beginAll()
    this.#wake()
  }

  /** The partition has to begin anew, knowing where it was. */
  #anew(partition: number, low: number): void {
    this.#partitions.set(partition, newly(partition, { topicId: this.#topicId ?? '', offset: low }))
  }

  #beginAll(): void {
    this.#beginning ??= this.#begin().finally(() => {
      this.#beginning = null
      if (this.#closing === null && this.#unbegun().length > 0) this.#beginAll()
    })
  }

  #unbegun(): Assigned[] {
    return [...this.#partitions.values()].filter(({ progress }) => progress === null)
  }

  /** Until every partition knows where it begins and what was lost there is told. */
  async #begin(): Promise<void> {
    const { log, timing, topics, topic } = this.#options
    let delay = timing.backoffMinMs
    for (let left = this.#unbegun(); left.length > 0 && this.#closing === null; left = this.#unbegun()) {
      try {
        const state = await topics.state(topic)
        const committed = await topics.committed(topic, this.#options.group, state.partitions.length)
        this.#topicId ??= state.id
        for (const assigned of left) await this.#beginOne(assigned, state, committed[assigned.partition] ?? -1)
        await this.#commit()
        delay = timing.backoffMinMs
        this.#fetcher.pump()
        this.#wake()
      } catch (error) {
        this.#reading(error)
        await sleep(log.world.timers, delay)
        delay = Math.min(delay * 2, timing.backoffMaxMs)
      }
    }
  }

  async #beginOne(assigned: Assigned, state: TopicState, committed: number): Promise<void> {
    const { partition, former } = assigned
    const { log, topic, group } = this.#options
    const ends = state.partitions[partition]
    if (ends === undefined) throw new Error(`the topic ${topic} has no partition ${partition}`)
    const mirror = former ?? (await this.#readMirror(partition, committed >= 0))
    const known = { topicId: state.id, ...ends, committed: former === null ? committed : -1, mirror }
    const { offset, gap } = beginningOf(known)
    if (gap !== null) {
      const told = { topic, group, partition, ...gap }
      pipelineNotices.publish({ kind: 'gap', ...told })
      await log.onGap?.(told)
    }
    if (this.#partitions.get(partition) !== assigned) return
    assigned.progress = new PartitionProgress(offset)
    assigned.committed = gap === null ? committed : -1
    assigned.movedAt = log.world.clock.monotonic()
    if (former !== null || mirror?.topicId !== state.id) await this.#mirrorOne(assigned, state.id)
    if (former === null && committed < 0) this.#options.sendCanary?.(partition)
  }

  /** A state store that is down holds up nothing, unless only it can say where to begin. */
  async #readMirror(partition: number, isKnown: boolean): Promise<MirroredOffset | null> {
    try {
      return await this.#mirror.read(partition)
    } catch (error) {
      if (!isKnown) throw error
      return null
    }
  }

  // --- committing and watching ---

  #armTick(): void {
    const { log, timing } = this.#options
    const run = (): void => {
      if (this.#closing !== null) return
      void this.#watch()
      this.#armTick()
    }
    this.#tick = log.world.timers.after(timing.commitMs, run, { background: true })
  }

  async #watch(): Promise<void> {
    const { log, timing } = this.#options
    const now = log.world.clock.monotonic()
    await this.#commit()
    if (now - this.#mirroredAt >= timing.mirrorMs) {
      this.#mirroredAt = now
      await this.#writeMirror()
    }
    this.#member.check()
    await this.#rebuildIfStalled(now)
  }

  /** Commits what has moved, and from time to time what has not. Failures are told; the next tick commits again. */
  #commit(): Promise<void> {
    this.#committing ??= this.#commitNow().finally(() => {
      this.#committing = null
    })
    return this.#committing
  }

  async #commitNow(): Promise<void> {
    const { log, timing } = this.#options
    const now = log.world.clock.monotonic()
    const offsets = new Map<number, number>()
    const moved: Assigned[] = []
    for (const assigned of this.#partitions.values()) {
      const { progress, committed, committedAt, partition } = assigned
      if (progress === null) continue
      if (progress.low === committed && now - committedAt < timing.recommitMs) continue
      offsets.set(partition, progress.low)
      moved.push(assigned)
    }
    if (offsets.size === 0) return
    try {
      await this.#member.commit(offsets)
      for (const assigned of moved) {
        assigned.committed = offsets.get(assigned.partition) ?? assigned.committed
        assigned.committedAt = now
      }
    } catch (error) {
      // In a rebalance there is nothing wrong: who has the partition then begins at the last commit.
      const isRebalance = isKafkaError(error, 'REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID')
      if (this.#closing === null && !isRebalance) this.#options.trouble('membership', error)
    }
  }

  async #writeMirror(): Promise<void> {
    const id = this.#topicId
    if (id === null) return
    for (const assigned of [...this.#partitions.values()])
      if (assigned.progress !== null && assigned.progress.low !== assigned.mirrored) await this.#mirrorOne(assigned, id)
  }

  async #mirrorOne(assigned: Assigned, topicId: string): Promise<void> {
    const offset = assigned.progress?.low
    if (offset === undefined) return
    try {
      await this.#mirror.write(assigned.partition, { topicId, offset })
      assigned.mirrored = offset
    } catch (error) {
      pipelineNotices.publish({ kind: 'failed', what: 'keeping a group offset in the state store', error })
    }
  }

  #moved(): void {
    const now = this.#options.log.world.clock.monotonic()
    for (const assigned of this.#partitions.values()) assigned.movedAt = now
  }

  /** A client may stand still without an error: then the broker has more than we were given. */
  async #rebuildIfStalled(now: number): Promise<void> {
    const { topics, topic, timing, group } = this.#options
    const wanted = [...this.#wanted()].filter(
      ([partition]) => now - (this.#partitions.get(partition)?.movedAt ?? now) >= timing.stallMs,
    )
    if (wanted.length === 0) return
    this.#moved()
    try {
      const { partitions } = await topics.state(topic)
      const behind = wanted.filter(([partition, from]) => (partitions[partition]?.end ?? 0) > from)
      if (behind.length === 0) return
      const error = new Error(`nothing arrived for ${timing.stallMs} ms while there was something`)
      pipelineNotices.publish({ kind: 'failed', what: `reading ${topic} for ${group}: its client is made anew`, error })
      this.#fetcher.rebuild()
    } catch (error) {
      this.#reading(error)
    }
  }
}

function newly(partition: number, former: MirroredOffset | null = null): Assigned {
  return { partition, former, progress: null, committed: -1, committedAt: 0, mirrored: -1, movedAt: 0 }
}
