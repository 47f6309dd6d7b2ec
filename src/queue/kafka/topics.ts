// The topics themselves: made when they are absent, compared with what is configured, looked up for health routes. What retention and size
// they allow is read once at the start, and again when a topic had to be made anew.
import type { Admin } from '@platformatic/kafka'
import { pipelineNotices } from '../../base/channels.ts'
import { DependencyError } from '../../base/dependency.ts'
import { sleep } from '../../base/world.ts'
import type { TopicDescription } from '../topic-log.ts'
import { type BaseOptions, type KafkaModule, Renewable, within } from './client.ts'
import { isKafkaError, isTopicGone } from './problems.ts'
import type { KafkaTiming, KafkaTopicLogOptions, TopicSettings } from './settings.ts'

/** Shorter retention may remove entries while a site is paused. */
const retentionWantedMs = 7 * 24 * 60 * 60_000
/** Kafka's own default. */
const messageBytesDefault = 1_048_588
/** Smaller ones do not take even an entry without its metadata. */
const messageBytesMin = 16 * 1024
const readyPollMs = 50

/** Where unreadable records of a topic are kept, one of each. */
export const unreadableSuffix = '-unreadable'

interface TopicLimits {
  /** -1: for ever. */
  readonly retentionMs: number
  readonly messageBytes: number
}

export interface TopicState {
  /** Changes when the topic is deleted and made again. */
  readonly id: string
  /** By partition: the first offset, and the one behind the last. */
  readonly partitions: readonly { readonly start: number; readonly end: number }[]
}

export class Topics {
  readonly #kafka: KafkaModule
  readonly #options: KafkaTopicLogOptions
  readonly #timing: KafkaTiming
  readonly #admin: Renewable<Admin>
  readonly #limits = new Map<string, TopicLimits>()
  /** Copies of the partition that has the fewest, by topic. */
  readonly #replicas = new Map<string, number>()
  readonly #making = new Map<string, Promise<void>>()

  constructor(
    kafka: KafkaModule,
    options: KafkaTopicLogOptions,
    timing: KafkaTiming,
    base: (turn: number) => BaseOptions,
  ) {
    this.#kafka = kafka
    this.#options = options
    this.#timing = timing
    this.#admin = new Renewable(
      options.world,
      turn => {
        const admin = new kafka.Admin({ ...base(turn), metadataMaxAge: 0 })
        admin.on('error', () => {})
        return admin
      },
      admin => admin.close(),
    )
  }

  /** Makes what is absent and checks the rest; throws a DependencyError when a topic is not as configured. */
  async prepare(): Promise<void> {
    const names = Object.keys(this.#options.topics)
    const existing = await this.#ask(admin => admin.listTopics())
    for (const name of names) if (!existing.includes(name)) await this.#make(name, this.#settingsOf(name))
    for (const name of names) await this.#check(name)
    await this.#readLimits(names)
    for (const warning of this.warnings()) pipelineNotices.publish({ kind: 'warning', what: warning })
  }

  /** Makes a topic that has gone, or the place of unreadable records; several may ask at once. */
  ensure(name: string): Promise<void> {
    const making = this.#making.get(name)
    if (making !== undefined) return making
    const promise = this.#ensure(name).finally(() => this.#making.delete(name))
    this.#making.set(name, promise)
    return promise
  }

  async #ensure(name: string): Promise<void> {
    const settings = this.#settingsOf(name)
    const existing = await this.#ask(admin => admin.listTopics())
    if (existing.includes(name)) return
    await this.#make(name, settings)
    if (!settings.compacted) await this.#readLimits([name])
  }

  /** Topics that are kept shorter than a pause may last, or with fewer copies than configured. */
  warnings(): readonly string[] {
    const short = [...this.#limits].filter(([, { retentionMs }]) => retentionMs >= 0 && retentionMs < retentionWantedMs)
    const few = [...this.#replicas].filter(([name, replicas]) => replicas < this.#settingsOf(name).replication)
    return [
      ...short.map(
        ([name, { retentionMs }]) =>
          `the topic ${name} keeps its records ${hours(retentionMs)} only: entries of a site that is paused for longer are ` +
          `taken from the ledger again. Raise its retention.ms to ${retentionWantedMs} (7 days) or more`,
      ),
      ...few.map(
        ([name, replicas]) =>
          `the topic ${name} has a replication of ${replicas}, the configuration says ${this.#settingsOf(name).replication}: ` +
          'what it holds is unavailable with fewer brokers than it should be. Add replicas with kafka-reassign-partitions.sh',
      ),
    ]
  }

  /** Largest message of a topic; -1 where it is not known. */
  messageBytes(name: string): number {
    return this.#limits.get(name)?.messageBytes ?? messageBytesDefault
  }

  retentionMs(name: string): number | null {
    return this.#limits.get(name)?.retentionMs ?? null
  }

  async describe(names: readonly string[]): Promise<readonly TopicDescription[]> {
    const metadata = await this.#ask(admin => admin.metadata({ topics: [...names], forceUpdate: true }))
    return names.map(name => ({
      name,
      partitions: (metadata.topics.get(name)?.partitions ?? []).map((partition, id) => ({
        id,
        leader: partition.leader,
        replicas: partition.replicas,
        isrs: partition.isr,
      })),
    }))
  }

  /** The topic as it is now. */
  async state(name: string): Promise<TopicState> {
    const metadata = await this.#ask(admin => admin.metadata({ topics: [name], forceUpdate: true }))
    const topic = metadata.topics.get(name)
    const ids = [...(topic?.partitions.keys() ?? [])]
    const ask = async (timestamp: bigint): Promise<ReadonlyMap<number, number>> => {
      const request = { name, partitions: ids.map(id => ({ partitionIndex: id, timestamp })) }
      const [answer] = await this.#ask(admin => admin.listOffsets({ topics: [request] }))
      return new Map(answer?.partitions.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]))
    }
    const [starts, ends] = await Promise.all([ask(-2n), ask(-1n)])
    return { id: topic?.id ?? '', partitions: ids.map(id => ({ start: starts.get(id) ?? 0, end: ends.get(id) ?? 0 })) }
  }

  /** Committed offsets of a group, by partition; -1 where there is none. */
  async committed(name: string, group: string, partitions: number): Promise<readonly number[]> {
    const partitionIndexes = Array.from({ length: partitions }, (_, index) => index)
    const wanted = { groupId: group, topics: [{ name, partitionIndexes }] }
    const [answer] = await this.#ask(admin => admin.listConsumerGroupOffsets({ groups: [wanted] }))
    const found = new Map(
      answer?.topics
        .find(topic => topic.name === name)
        ?.partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]),
    )
    return partitionIndexes.map(partition => found.get(partition) ?? -1)
  }

  close(): Promise<void> {
    return this.#admin.close()
  }

  #settingsOf(name: string): TopicSettings & { readonly compacted: boolean } {
    const { topics } = this.#options
    const own = topics[name]
    if (own !== undefined) return { ...own, compacted: false }
    const origin = name.endsWith(unreadableSuffix) ? topics[name.slice(0, -unreadableSuffix.length)] : undefined
    if (origin === undefined) throw new Error(`the topic ${name} is not configured`)
    return { partitions: 1, replication: origin.replication, compacted: true }
  }

  async #make(name: string, settings: TopicSettings & { readonly compacted: boolean }): Promise<void> {
    const { partitions, replication, compacted } = settings
    const configs = compacted ? [{ name: 'cleanup.policy', value: 'compact' }] : []
    try {
      await this.#ask(admin => admin.createTopics({ topics: [name], partitions, replicas: replication, configs }))
    } catch (error) {
      if (isKafkaError(error, 'INVALID_REPLICATION_FACTOR')) {
        const problem = `the topic ${name} cannot be made: there are fewer than ${replication} brokers`
        throw new DependencyError('Kafka', problem, 'Start more brokers, or configure a smaller replication', {
          cause: error,
        })
      }
      if (!isKafkaError(error, 'TOPIC_ALREADY_EXISTS')) throw error
    }
    await this.#ready(name)
  }

  /** Until every partition has a leader. */
  async #ready(name: string): Promise<void> {
    const { clock, timers } = this.#options.world
    const deadline = clock.monotonic() + 2 * this.#timing.requestTimeoutMs
    for (;;) {
      try {
        const [topic] = await this.describe([name])
        if (topic?.partitions.length && topic.partitions.every(({ leader }) => leader >= 0)) return
      } catch (error) {
        if (clock.monotonic() > deadline || !(isTopicGone(error) || isKafkaError(error, 'LEADER_NOT_AVAILABLE')))
          throw error
      }
      if (clock.monotonic() > deadline) throw new Error(`the topic ${name} has partitions without a leader`)
      await sleep(timers, readyPollMs)
    }
  }

  async #check(name: string): Promise<void> {
    const [topic] = await this.describe([name])
    const { partitions } = this.#settingsOf(name)
    this.#replicas.set(name, Math.min(...(topic?.partitions ?? []).map(({ replicas }) => replicas.length)))
    const found = topic?.partitions.length ?? 0
    if (found === partitions) return
    throw new DependencyError(
      'Kafka',
      `the topic ${name} has ${found} partitions, the configuration says ${partitions}`,
      `Configure ${found} partitions; to change the topic instead, let it run empty first, because a key's records would change their partition`,
      { lasting: true },
    )
  }

  async #readLimits(names: readonly string[]): Promise<void> {
    const resources = names.map(name => ({
      resourceType: this.#kafka.ConfigResourceTypes.TOPIC,
      resourceName: name,
      configurationKeys: ['retention.ms', 'max.message.bytes', 'cleanup.policy'],
    }))
    const described = await this.#ask(admin => admin.describeConfigs({ resources }))
    for (const { resourceName, configs } of described) {
      const settingOf = (key: string) => configs.find(config => config.name === key)?.value ?? ''
      const isDeleted = settingOf('cleanup.policy').includes('delete')
      const retentionMs = isDeleted ? Number(settingOf('retention.ms') || -1) : -1
      const messageBytes = Number(settingOf('max.message.bytes') || messageBytesDefault)
      if (messageBytes < messageBytesMin) {
        const problem = `the topic ${resourceName} takes messages of at most ${messageBytes} bytes`
        throw new DependencyError('Kafka', problem, 'Raise its max.message.bytes; 5000020 is what Backbeat asks for')
      }
      this.#limits.set(resourceName, { retentionMs, messageBytes })
    }
  }

  /** Asks once; after a failure the next question goes to another broker first. */
  async #ask<Answer>(question: (admin: Admin) => Promise<Answer>): Promise<Answer> {
    try {
      const { connectTimeoutMs, requestTimeoutMs } = this.#timing
      const brokers = Math.max(1, this.#options.brokers.length)
      const bound = connectTimeoutMs * brokers + 2 * requestTimeoutMs
      return await within(this.#options.world, bound, question(this.#admin.current))
    } catch (error) {
      this.#admin.renew()
      throw error
    }
  }
}

function hours(ms: number): string {
  const count = ms / 3_600_000
  return count >= 1 ? `${Number(count.toFixed(1))} hours` : `${Math.round(ms / 1000)} seconds`
}
