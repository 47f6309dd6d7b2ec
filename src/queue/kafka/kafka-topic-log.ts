// The topic log on Kafka, for many processes: topics, keys, values and groups are those of Backbeat, so that its tools can read them.
import { pipelineNotices } from '../../base/channels.ts'
import type { DependencyHealth } from '../../base/dependency.ts'
import type {
  ConsumerOptions,
  TopicConsumer,
  TopicDescription,
  TopicLog,
  TopicMessage,
  TopicRecord,
} from '../topic-log.ts'
import { type BaseOptions, baseOptions, type KafkaModule, loadKafkaClient } from './client.ts'
import { KafkaConsumer } from './consumer.ts'
import { dependencyErrorOf, summary } from './problems.ts'
import { canary, ProducerLane } from './producer-lane.ts'
import { defaultTiming, type KafkaTiming, type KafkaTopicLogOptions } from './settings.ts'
import { Topics, unreadableSuffix } from './topics.ts'

export interface KafkaTopicLog extends TopicLog {
  /** Asks the brokers; never rejects. `ok` with a problem: it works, and something should be put right. */
  health(): Promise<DependencyHealth>
  /** How many records retention removed before the group took them: more than none after a pause that was too long. */
  removedUnread(topic: string, group: string): Promise<number>
  /** Keeps a record that nobody can read in the topic `<topic>-unreadable`, for an operator. */
  setAside(record: TopicRecord, problem: string): Promise<void>
}

/** Opens the log; throws a DependencyError when Kafka cannot be used or a topic is not as configured. */
export async function openKafkaTopicLog(options: KafkaTopicLogOptions): Promise<KafkaTopicLog> {
  const kafka = await loadKafkaClient()
  const timing = { ...defaultTiming, ...options.timing }
  const topics = new Topics(kafka, options, timing, turn => baseOptions(options, timing, turn))
  try {
    await topics.prepare()
  } catch (error) {
    await topics.close()
    throw dependencyErrorOf(error, options.brokers)
  }
  return new KafkaLog(kafka, options, timing, topics)
}

class KafkaLog implements KafkaTopicLog {
  /** Other programs read these topics. */
  readonly entryContent = 'whole'
  readonly #kafka: KafkaModule
  readonly #options: KafkaTopicLogOptions
  readonly #timing: KafkaTiming
  readonly #topics: Topics
  readonly #lanes = new Map<string, ProducerLane>()
  readonly #consumers = new Set<KafkaConsumer>()
  /** What does not work at the moment, by who has the trouble. */
  readonly #troubles = new Map<string, string>()
  readonly #bytes = new WeakMap<TopicRecord, Uint8Array>()
  #closed = false

  constructor(kafka: KafkaModule, options: KafkaTopicLogOptions, timing: KafkaTiming, topics: Topics) {
    this.#kafka = kafka
    this.#options = options
    this.#timing = timing
    this.#topics = topics
  }

  append(topic: string, messages: readonly TopicMessage[]): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the topic log is closed'))
    return this.#lane(topic).append(messages)
  }

  async consumer(options: ConsumerOptions): Promise<TopicConsumer> {
    if (this.#closed) throw new Error('the topic log is closed')
    const name = `${options.group} reading ${options.topic}`
    const consumer: KafkaConsumer = new KafkaConsumer({
      ...options,
      kafka: this.#kafka,
      base: this.#base,
      log: this.#options,
      timing: this.#timing,
      topics: this.#topics,
      trouble: (about, error) => this.#trouble(`${name} (${about})`, error),
      keepBytes: (record, value) => this.#bytes.set(record, value),
      ...(this.#options.canaries === true ? { sendCanary: at => this.#sendCanary(options.topic, at) } : {}),
      closed: () => {
        this.#consumers.delete(consumer)
        for (const about of ['membership', 'reading']) this.#troubles.delete(`${name} (${about})`)
      },
    })
    this.#consumers.add(consumer)
    await consumer.start()
    return consumer
  }

  describe(topics: readonly string[]): Promise<readonly TopicDescription[]> {
    if (this.#closed) return Promise.reject(new Error('the topic log is closed'))
    return this.#topics.describe(topics)
  }

  async health(): Promise<DependencyHealth> {
    const { brokers, topics } = this.#options
    try {
      const described = await this.describe(Object.keys(topics))
      const headless = described.filter(({ partitions }) => partitions.some(({ leader }) => leader < 0))
      const problems = [
        ...headless.map(
          ({ name }) => `the topic ${name} has partitions without a leader: start the brokers that are down`,
        ),
        ...this.#troubles.values(),
      ]
      if (problems.length > 0) return { name: 'Kafka', ok: false, problem: problems.join('; ') }
      const warnings = this.#topics.warnings()
      return { name: 'Kafka', ok: true, ...(warnings.length === 0 ? {} : { problem: warnings.join('; ') }) }
    } catch (error) {
      return { name: 'Kafka', ok: false, problem: dependencyErrorOf(error, brokers).message }
    }
  }

  async removedUnread(topic: string, group: string): Promise<number> {
    const { partitions } = await this.#topics.state(topic)
    const committed = await this.#topics.committed(topic, group, partitions.length)
    const removed = partitions.map(({ start }, id) => {
      const offset = committed[id] ?? -1
      return offset < 0 ? 0 : Math.max(0, start - offset)
    })
    return removed.reduce((sum, count) => sum + count, 0)
  }

  async setAside(record: TopicRecord, problem: string): Promise<void> {
    const { topic, partition, offset, key, value } = record
    const bytes = this.#bytes.get(record)
    const kept = bytes === undefined ? { value } : keptOf(bytes)
    const at = new Date(this.#options.world.clock.now()).toISOString()
    const name = `${topic}${unreadableSuffix}`
    await this.#topics.ensure(name)
    // Every group meets the record; the topic keeps one of each key.
    const message = {
      key: `${topic}/${partition}/${offset}`,
      value: JSON.stringify({ topic, partition, offset, key, problem, at, ...kept }),
    }
    await this.append(name, [message])
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#consumers].map(consumer => consumer.close()))
    await Promise.all([...this.#lanes.values()].map(lane => lane.close()))
    await this.#topics.close()
  }

  /** Nothing depends on it: what keeps it from being sent shows as trouble with writing the topic. */
  #sendCanary(topic: string, partition: number): void {
    this.#lane(topic)
      .append([{ ...canary, partition }])
      .catch(() => {})
  }

  readonly #base = (turn: number): BaseOptions => baseOptions(this.#options, this.#timing, turn)

  #lane(topic: string): ProducerLane {
    const known = this.#lanes.get(topic)
    if (known !== undefined) return known
    const name = `writing ${topic}`
    const lane = new ProducerLane(this.#kafka, this.#base, {
      topic,
      world: this.#options.world,
      timing: this.#timing,
      messageBytes: () => this.#topics.messageBytes(topic),
      ensureTopic: () => this.#topics.ensure(topic),
      trouble: error => this.#trouble(name, error),
    })
    this.#lanes.set(topic, lane)
    return lane
  }

  /** Told once when it begins; health says it as long as it lasts. */
  #trouble(who: string, error: unknown | null): void {
    if (error === null) return void this.#troubles.delete(who)
    const isNew = !this.#troubles.has(who)
    this.#troubles.set(who, `${who}: ${summary(error)}`)
    if (isNew && !this.#closed) pipelineNotices.publish({ kind: 'failed', what: `Kafka, ${who}`, error })
  }
}

/** A record may be larger than the topic for such records takes: its beginning tells what it was, the rest is where it was found. */
const keptBytesMax = 512 * 1024

function keptOf(bytes: Uint8Array): object {
  const valueBase64 = Buffer.from(bytes.subarray(0, keptBytesMax)).toString('base64')
  return bytes.byteLength <= keptBytesMax ? { valueBase64 } : { valueBase64, cutFromBytes: bytes.byteLength }
}
