// Records under numbers, sent as the populator sends (in order, again until it is told that they are in the log) and counted as they arrive:
// of every key each record at least once, and for the first time in order.
import assert from 'node:assert/strict'
import { realWorld, sleep } from '../../src/base/world.ts'
import type { TopicConsumer, TopicLog, TopicRecord } from '../../src/queue/topic-log.ts'
import { until } from '../until.ts'

export class Traffic {
  readonly #keys: number
  /** The next number of each key, and the next that is expected to arrive. */
  readonly #sent: number[]
  readonly #arrived: number[]
  readonly #wrong: string[] = []
  readonly #stops: (() => Promise<void>)[] = []
  repeated = 0
  readonly consumers: TopicConsumer[] = []
  /** Values of keys that are not counted. */
  readonly others: string[] = []
  /** Appends that were refused and made again. */
  refused = 0

  constructor(keys = 20) {
    this.#keys = keys
    this.#sent = Array.from({ length: keys }, () => 0)
    this.#arrived = Array.from({ length: keys }, () => 0)
  }

  get sent(): number {
    return this.#sent.reduce((sum, count) => sum + count, 0)
  }

  get arrived(): number {
    return this.#arrived.reduce((sum, count) => sum + count, 0)
  }

  /** A record was handed to somebody. */
  note(key: string, value: string): void {
    const index = Number(key.slice(4))
    if (Number.isNaN(index)) return void this.others.push(value)
    const number = Number(value)
    const expected = this.#arrived[index] ?? 0
    if (number === expected) this.#arrived[index] = number + 1
    else if (number < expected) this.repeated += 1
    else this.#wrong.push(`${key}: ${number} came before ${expected}`)
  }

  /** Sends until it is stopped. */
  send(log: TopicLog, topic: string): void {
    let stopped = false
    const run = async (): Promise<void> => {
      while (!stopped) {
        const batch = Array.from({ length: this.#keys }, (_, index) => ({
          key: `key-${index}`,
          value: String(this.#sent[index]),
        }))
        while (!(await this.#appended(log, topic, batch))) this.refused += 1
        for (let index = 0; index < this.#keys; index += 1) this.#sent[index] = (this.#sent[index] ?? 0) + 1
        await sleep(realWorld.timers, 2)
      }
    }
    const running = run()
    this.#stops.push(async () => {
      stopped = true
      await running
    })
  }

  async #appended(log: TopicLog, topic: string, batch: readonly { key: string; value: string }[]): Promise<boolean> {
    try {
      await log.append(topic, batch)
      return true
    } catch {
      return false
    }
  }

  /** Takes and finishes, a few records late, until the consumer is closed. */
  receive(consumer: TopicConsumer): void {
    this.consumers.push(consumer)
    let closed = false
    const unfinished: TopicRecord[] = []
    const run = async (): Promise<void> => {
      while (!closed) {
        const records = await consumer.take(50)
        for (const record of records) this.note(record.key, record.value)
        unfinished.push(...records)
        for (const record of unfinished.splice(0, Math.max(0, unfinished.length - 5))) consumer.finish(record)
        if (records.length === 0) await sleep(realWorld.timers, 10)
      }
    }
    const running = run()
    this.#stops.push(async () => {
      closed = true
      await consumer.close()
      await running
    })
  }

  async stopSending(): Promise<void> {
    await this.#stops.shift()?.()
  }

  /** Closes the consumers. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop()
    assert.deepEqual(this.#wrong, [])
  }

  /** Stops sending, waits until everything has arrived, and says what was wrong. */
  async end(): Promise<void> {
    await this.stopSending()
    assert.deepEqual(this.#wrong, [])
    await until('everything arrives', () => this.arrived === this.sent || this.#wrong.length > 0)
    await this.stop()
    assert.equal(this.arrived, this.sent)
  }
}
