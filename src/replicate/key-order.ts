// The keys that a queue processor works on, each at most once at a time, with the topic records that mentioned them. A record is finished
// when its version's row has ended or is parked; records that arrive while a key is being worked on bring the key back once more.
import { isNewer, type VersionId } from '../domain/version-id.ts'
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
  const entries = new Map<string, Entry>()
  const queue = new Set<Entry>()
  let held = 0

  const makeReady = (entry: Entry): void => {
    entry.phase = 'ready'
    queue.add(entry)
  }

  const finishWhere = (entry: Entry, isDone: (held: HeldRecord, index: number) => boolean): void => {
    const left: HeldRecord[] = []
    entry.records.forEach((candidate, index) => {
      if (!isDone(candidate, index)) left.push(candidate)
      else {
        held -= 1
        finish(candidate.record)
      }
    })
    entry.records = left
  }

  const active = (work: KeyWork): Entry => {
    const entry = entries.get(work.id)
    if (entry === undefined || entry.phase !== 'active') throw new Error(`nobody works on ${work.id}`)
    return entry
  }

  return {
    get held() {
      return held
    },
    get ready() {
      return queue.size
    },
    offer(ref, record) {
      const id = keyId(ref)
      let entry = entries.get(id)
      if (entry === undefined) {
        entry = { ref: { bucket: ref.bucket, key: ref.key }, id, records: [], phase: 'ready', asked: 0, again: false }
        entries.set(id, entry)
        queue.add(entry)
      }
      if (record === undefined) entry.again = entry.phase === 'active'
      else {
        entry.records.push(record)
        held += 1
      }
    },
    take(max) {
      const taken: KeyWork[] = []
      for (const entry of queue) {
        if (taken.length >= max) break
        queue.delete(entry)
        entry.phase = 'active'
        taken.push(entry)
      }
      return taken
    },
    asking(work) {
      const entry = active(work)
      entry.asked = entry.records.length
      entry.again = false
    },
    ended(work) {
      const entry = active(work)
      finishWhere(entry, (_, index) => index < entry.asked)
      if (entry.records.length > 0 || entry.again) makeReady(entry)
      else entries.delete(entry.id)
    },
    next(work, ended) {
      const entry = active(work)
      if (ended !== null)
        finishWhere(entry, (record, index) => index < entry.asked && !isNewer(record.versionId, ended))
      makeReady(entry)
    },
    later(work) {
      makeReady(active(work))
    },
  }
}
