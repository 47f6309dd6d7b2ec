// What a group has read of one partition: records fetched and not handed out, handed out and not finished, and the low-water mark that may be
// committed. Offsets need not be contiguous: some belong to records that nobody is given.
import type { TopicRecord } from '../topic-log.ts'

export class PartitionProgress {
  /** Fetched, not handed out; from `#bufferStart` on. */
  #buffer: TopicRecord[] = []
  #bufferStart = 0
  #bufferedChars = 0
  /** Offsets handed out, ascending; from `#outStart` on, the first of which is not finished. */
  #out: number[] = []
  #outStart = 0
  readonly #finished = new Set<number>()
  #fetchFrom: number

  constructor(start: number) {
    this.#fetchFrom = start
  }

  /** The offset to fetch from. */
  get fetchFrom(): number {
    return this.#fetchFrom
  }

  get buffered(): number {
    return this.#buffer.length - this.#bufferStart
  }

  get bufferedChars(): number {
    return this.#bufferedChars
  }

  /** Everything below is finished: what may be committed. */
  get low(): number {
    return this.#out[this.#outStart] ?? this.#next
  }

  /** The next offset that may be handed out. */
  get #next(): number {
    return this.#buffer[this.#bufferStart]?.offset ?? this.#fetchFrom
  }

  /** Offsets that the group has not finished, given the end of the partition. */
  lag(end: number): number {
    return Math.max(0, end - this.low - this.#finished.size)
  }

  /** The records that were fetched, and the offset behind the last of them or behind what was skipped. */
  add(records: readonly TopicRecord[], next: number): void {
    for (const record of records) {
      this.#buffer.push(record)
      this.#bufferedChars += record.value.length
    }
    this.#fetchFrom = Math.max(this.#fetchFrom, next)
  }

  isFull(windowMax: number): boolean {
    return this.#next - this.low >= windowMax
  }

  /** Hands out up to `max` records, in order, none of them further from the low-water mark than the window. */
  take(max: number, windowMax: number): TopicRecord[] {
    const taken: TopicRecord[] = []
    while (taken.length < max) {
      const record = this.#buffer[this.#bufferStart]
      if (record === undefined || record.offset - this.low >= windowMax) break
      this.#bufferStart += 1
      this.#bufferedChars -= record.value.length
      this.#out.push(record.offset)
      taken.push(record)
    }
    if (this.#bufferStart * 2 >= this.#buffer.length) {
      this.#buffer = this.#buffer.slice(this.#bufferStart)
      this.#bufferStart = 0
    }
    return taken
  }

  finish(offset: number): void {
    // What was handed out by a former owner of the partition is not ours to count.
    if (offset < this.low || offset >= this.#next || this.#finished.has(offset)) return
    this.#finished.add(offset)
    for (let lowest = this.#out[this.#outStart]; lowest !== undefined; lowest = this.#out[this.#outStart]) {
      if (!this.#finished.delete(lowest)) break
      this.#outStart += 1
    }
    if (this.#outStart < 1_024 || this.#outStart * 2 < this.#out.length) return
    this.#out = this.#out.slice(this.#outStart)
    this.#outStart = 0
  }
}
