// The newest records of a topic, kept in memory where they were appended: a group that keeps up never reads them from the database again.
// Right only where all appends of an engine go through one topic log.
import type { TopicMessage, TopicRecord } from '../topic-log.ts'

const recordsMax = 512
/** Characters of the records' values. */
const sizeMax = 4 * 1024 ** 2

export class TopicTail {
  readonly #topic: string
  /** Contiguous offsets, oldest first; what lies before `#start` is forgotten. */
  #records: TopicRecord[] = []
  #start = 0
  #size = 0

  constructor(topic: string) {
    this.#topic = topic
  }

  /** The messages were appended, the first of them at this offset. */
  add(first: number, messages: readonly TopicMessage[]): void {
    const newest = this.#records.at(-1)
    if (newest !== undefined && newest.offset + 1 !== first) this.#clear()
    messages.forEach(({ key, value }, index) => {
      this.#records.push({ topic: this.#topic, partition: 0, offset: first + index, key, value })
      this.#size += value.length
    })
    while (this.#records.length - this.#start > recordsMax || this.#size > sizeMax) {
      this.#size -= this.#records[this.#start]?.value.length ?? 0
      this.#start += 1
    }
    // What is forgotten must not stay in memory behind what is not.
    if (this.#start * 2 < this.#records.length) return
    this.#records = this.#records.slice(this.#start)
    this.#start = 0
  }

  /** Up to `max` records from this offset on; null when they are not all here and the database has to be asked. */
  from(offset: number, max: number): readonly TopicRecord[] | null {
    const oldest = this.#records[this.#start]
    if (oldest === undefined || offset < oldest.offset) return null
    const at = this.#start + offset - oldest.offset
    return this.#records.slice(at, at + max)
  }

  #clear(): void {
    this.#records = []
    this.#start = 0
    this.#size = 0
  }
}
