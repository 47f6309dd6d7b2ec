// The way of records into one topic: one request at a time, so that nothing overtakes, each with everything that has gathered meanwhile. What
// fails is sent again until the append's time is up; then the append rejects and its caller decides. A record that no message can hold goes
// without its metadata.
import type { MessageToProduce, Producer } from '@platformatic/kafka'
import { sleep, type Timer, type World } from '../../base/world.ts'
import { leanRecord } from '../entry-format.ts'
import type { TopicMessage } from '../topic-log.ts'
import { type BaseOptions, type KafkaModule, Renewable, within } from './client.ts'
import { partitionHash } from './partitioner.ts'
import { isKafkaError, isTopicGone } from './problems.ts'
import type { KafkaTiming } from './settings.ts'

/** Records of one request. */
const recordsMax = 2_000
/** What Kafka adds to a batch and to each record, generously. */
const batchOverhead = 512
const recordOverhead = 64
/** Whoever was refused and wants to write tries again within this time. */
const forgetAfterMs = 10_000

interface Append {
  /** Records that are not in the log yet. */
  left: number
  readonly deadline: number
  failed: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Waiting {
  readonly append: Append
  readonly message: PlacedMessage
  readonly bytes: number
}

/** A record whose partition is not decided by its key. */
interface PlacedMessage extends TopicMessage {
  readonly partition?: number
}

/** What a consumer sends to the partitions that it begins to read; the fields are Backbeat's (interop E.4). */
export const canary = { key: 'canary', value: '{"canary":true}' } as const

export interface ProducerLaneOptions {
  readonly topic: string
  readonly world: World
  readonly timing: KafkaTiming
  /** Largest message of the topic. */
  readonly messageBytes: () => number
  /** Makes the topic when it has gone. */
  readonly ensureTopic: () => Promise<void>
  /** Null: it works again. */
  readonly trouble: (error: unknown | null) => void
}

export class ProducerLane {
  readonly #options: ProducerLaneOptions
  readonly #producer: Renewable<Producer<Buffer, Buffer, Buffer, Buffer>>
  #queue: Waiting[] = []
  #running: Promise<void> | null = null
  /** Halved when a batch was too large after all. */
  #recordsMax = recordsMax
  #closed = false
  #expiry: Timer | null = null
  #forgetting: Timer | null = null

  constructor(kafka: KafkaModule, base: (turn: number) => BaseOptions, options: ProducerLaneOptions) {
    this.#options = options
    this.#producer = new Renewable(
      options.world,
      turn => {
        const producer = new kafka.Producer<Buffer, Buffer, Buffer, Buffer>({
          ...base(turn),
          idempotent: true,
          acks: kafka.ProduceAcks.ALL,
          compression: 'zstd',
          // Sent again under the same sequence number, which the broker knows if it had it already.
          retries: 2,
          retryDelay: options.timing.backoffMinMs,
          partitioner: (_message, key) => (key === undefined ? 0 : partitionHash(key)),
        })
        producer.on('error', () => {})
        return producer
      },
      producer => producer.close(true),
    )
  }

  append(messages: readonly PlacedMessage[]): Promise<void> {
    if (messages.length === 0) return Promise.resolve()
    if (this.#closed) return Promise.reject(new Error('the topic log is closed'))
    const { world, timing, messageBytes } = this.#options
    const largest = messageBytes() - batchOverhead
    return new Promise((resolve, reject) => {
      const deadline = world.clock.monotonic() + timing.appendTimeoutMs
      const append: Append = { left: messages.length, deadline, failed: false, resolve, reject }
      for (const message of messages) this.#queue.push(waiting(append, message, largest))
      this.#armExpiry()
      this.#forgetting?.cancel()
      this.#running ??= this.#run()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#expiry?.cancel()
    this.#forgetting?.cancel()
    for (const { append } of this.#queue) fail(append, new Error('the topic log is closed'))
    this.#queue = []
    await this.#producer.close()
    await this.#running
  }

  async #run(): Promise<void> {
    const { world, timing, trouble } = this.#options
    let delay = timing.backoffMinMs
    let isTroubled = false
    // The records that this turn of events brings go together.
    await new Promise<void>(resolve => world.timers.immediate(resolve))
    while (this.#queue.length > 0) {
      const batch = this.#batch()
      if (batch.length === 0) break
      try {
        await this.#send(batch)
        this.#sent(batch)
        trouble(null)
        isTroubled = false
        delay = timing.backoffMinMs
      } catch (error) {
        if (this.#closed) break
        if (this.#cutDown(batch, error)) continue
        trouble(error)
        isTroubled = true
        this.#expire(error)
        // Why a topic cannot be made again says more than that it is not there.
        if (isTopicGone(error)) await this.#options.ensureTopic().catch(trouble)
        await sleep(world.timers, delay)
        delay = Math.min(delay * 2, timing.backoffMaxMs / 4)
      }
    }
    this.#running = null
    if (this.#closed) return
    if (this.#queue.length > 0) this.#running = this.#run()
    // Another process may do the writing from now on: then nothing here would ever tell that it works again.
    else if (isTroubled) this.#forgetting = world.timers.after(forgetAfterMs, () => trouble(null), { background: true })
  }

  /** What is sent next: the front of the queue, as much as one message may hold. */
  #batch(): readonly Waiting[] {
    this.#queue = this.#queue.filter(({ append }) => !append.failed)
    const bytesMax = this.#options.messageBytes() - batchOverhead
    let bytes = 0
    let count = 0
    for (const item of this.#queue) {
      bytes += item.bytes
      if (count > 0 && (bytes > bytesMax || count >= this.#recordsMax)) break
      count += 1
    }
    return this.#queue.slice(0, count)
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const { topic, world, timing } = this.#options
    const messages: MessageToProduce<Buffer, Buffer, Buffer, Buffer>[] = batch.map(({ message }) => ({
      topic,
      key: Buffer.from(message.key),
      value: Buffer.from(message.value),
      ...(message.partition === undefined ? {} : { partition: message.partition }),
    }))
    try {
      const bound = 3 * (timing.requestTimeoutMs + timing.connectTimeoutMs)
      await within(world, Math.min(bound, timing.appendTimeoutMs), this.#producer.current.send({ messages }))
    } catch (error) {
      // Its request may still be under way. A new producer keeps the order of what is sent from now on.
      if (!isKafkaError(error, 'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE')) this.#producer.renew()
      throw error
    }
  }

  #sent(batch: readonly Waiting[]): void {
    this.#queue = this.#queue.slice(batch.length)
    this.#recordsMax = Math.min(recordsMax, this.#recordsMax * 2)
    for (const { append } of batch) {
      append.left -= 1
      if (append.left === 0 && !append.failed) append.resolve()
    }
  }

  /** The topic takes less than it said (or somebody changed it): fewer records, then a record without its metadata. Answers whether to go on at once. */
  #cutDown(batch: readonly Waiting[], error: unknown): boolean {
    if (!isKafkaError(error, 'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE')) return false
    const [only] = batch
    if (batch.length > 1) {
      this.#recordsMax = Math.max(1, Math.floor(batch.length / 2))
      return true
    }
    if (only === undefined) return false
    const lean = leanRecord(only.message)
    if (lean.value.length < only.message.value.length) {
      this.#queue[0] = { append: only.append, message: lean, bytes: sizeOf(lean) }
      return true
    }
    fail(only.append, error)
    return true
  }

  /** Appends whose time is up reject, whatever the request under way does. */
  #expire(error: unknown): void {
    const now = this.#options.world.clock.monotonic()
    for (const { append } of this.#queue) if (append.deadline <= now) fail(append, error)
  }

  /** Wakes at the oldest append's deadline. */
  #armExpiry(): void {
    const oldest = this.#queue.find(({ append }) => !append.failed)
    if (this.#expiry !== null || oldest === undefined) return
    const { world, timing } = this.#options
    const delay = Math.max(1, oldest.append.deadline - world.clock.monotonic())
    const run = (): void => {
      this.#expiry = null
      this.#expire(new Error(`Kafka did not take the records within ${timing.appendTimeoutMs} ms`))
      this.#armExpiry()
    }
    this.#expiry = world.timers.after(delay, run, { background: true })
  }
}

function waiting(append: Append, message: PlacedMessage, largest: number): Waiting {
  const bytes = sizeOf(message)
  if (bytes <= largest) return { append, message, bytes }
  const lean = leanRecord(message)
  return { append, message: lean, bytes: sizeOf(lean) }
}

function sizeOf(message: TopicMessage): number {
  return Buffer.byteLength(message.key) + Buffer.byteLength(message.value) + recordOverhead
}

function fail(append: Append, error: unknown): void {
  if (append.failed) return
  append.failed = true
  append.reject(error)
}
