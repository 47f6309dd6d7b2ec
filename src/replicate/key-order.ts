// The keys that a queue processor works on, each at most once at a time, with the topic records that mentioned them. A record is finished
// when its version's row has ended or is parked; records that arrive while a key is being worked on bring the key back once more.
import type { VersionId } from '../domain/version-id.ts'
import type { KeyRef } from '../metadata/ledger.ts'
import type { TopicRecord } from '../queue/topic-log.ts'

/** A record and the version it spoke of. */
export interface HeldRecord {
  readonly record: TopicRecord
  readonly versionId: VersionId
}

/** A key under work. */
export interface KeyWork {
  readonly ref: KeyRef
  readonly id: string
}

interface Entry extends KeyWork {
  records: HeldRecord[]
  phase: 'ready' | 'active'
  /** Records below this index were known when the ledger was last asked about the key. */
  asked: number
  /** Named again without a record while it was active. */
  again: boolean
}

export interface KeyOrder {
  /** Records held. */
  readonly held: number
  /** Keys that nobody works on yet. */
  readonly ready: number
  /** Brings a key in, with the record that named it or without one. */
  offer(ref: KeyRef, held?: HeldRecord): void
  /** Hands out up to `max` ready keys; each is the caller's until `ended`, `next` or `later`. */
  take(max: number): KeyWork[]
  /** The ledger is about to be asked: what it answers holds for all records known now. */
  asking(work: KeyWork): void
  /** The version's row is under a claim that goes on: at the next start the ledger will tell of it, so its records need not be kept. */
  lasting(work: KeyWork, claimed: VersionId): void
  /** Every row of the key that was there when the ledger was asked has ended or is parked. */
  ended(work: KeyWork): void
  /** The version's row has ended and another one of the key can be worked on. */
  next(work: KeyWork, ended: VersionId | null): void
  /** Nothing changed: the key is to be looked at again. Its records stay. */
  later(work: KeyWork): void
}

export function keyId(ref: KeyRef): string {
  return `${ref.bucket}/${ref.key}`
}

/** `finish` is called for each record whose work is done. */
export function createKeyOrder(finish: (record: TopicRecord) => void): KeyOrder {
  return new HeldKeys(finish)
}

class HeldKeys implements KeyOrder {
  readonly #finish: (record: TopicRecord) => void
  readonly #entries = new Map<string, Entry>()
  readonly #queue = new Set<Entry>()
  #held = 0

  constructor(finish: (record: TopicRecord) => void) {
    this.#finish = finish
  }

  get held(): number {
    return this.#held
  }

  get ready(): number {
    return this.#queue.size
  }

  offer(ref: KeyRef, held?: HeldRecord): void {
    const id = keyId(ref)
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      entry = { ref: { bucket: ref.bucket, key: ref.key }, id, records: [], phase: 'ready', asked: 0, again: false }
      this.#entries.set(id, entry)
      this.#queue.add(entry)
    }
    if (held === undefined) {
      if (entry.phase === 'active') entry.again = true
      return
    }
    entry.records.push(held)
    this.#held += 1
  }

  take(max: number): KeyWork[] {
    const taken: KeyWork[] = []
    for (const entry of this.#queue) {
      if (taken.length >= max) break
      this.#queue.delete(entry)
      entry.phase = 'active'
      taken.push(entry)
    }
    return taken
  }

  asking(work: KeyWork): void {
    const entry = this.#active(work)
    entry.asked = entry.records.length
    entry.again = false
  }

  lasting(work: KeyWork, claimed: VersionId): void {
    const entry = this.#active(work)
    const isDone = (held: HeldRecord, index: number): boolean => index < entry.asked && held.versionId === claimed
    const known = entry.records.filter(isDone).length
    this.#finishWhere(entry, isDone)
    entry.asked -= known
  }

  ended(work: KeyWork): void {
    const entry = this.#active(work)
    this.#finishWhere(entry, (_, index) => index < entry.asked)
    if (entry.records.length > 0 || entry.again) this.#makeReady(entry)
    else this.#entries.delete(entry.id)
  }

  next(work: KeyWork, ended: VersionId | null): void {
    const entry = this.#active(work)
    if (ended !== null) this.#finishWhere(entry, (held, index) => index < entry.asked && held.versionId === ended)
    this.#makeReady(entry)
  }

  later(work: KeyWork): void {
    this.#makeReady(this.#active(work))
  }

  #makeReady(entry: Entry): void {
    entry.phase = 'ready'
    this.#queue.add(entry)
  }

  #finishWhere(entry: Entry, isDone: (held: HeldRecord, index: number) => boolean): void {
    const left: HeldRecord[] = []
    entry.records.forEach((candidate, index) => {
      if (!isDone(candidate, index)) left.push(candidate)
      else {
        this.#held -= 1
        this.#finish(candidate.record)
      }
    })
    entry.records = left
  }

  #active(work: KeyWork): Entry {
    const entry = this.#entries.get(work.id)
    if (entry === undefined || entry.phase !== 'active') throw new Error(`nobody works on ${work.id}`)
    return entry
  }
}
