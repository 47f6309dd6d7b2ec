// Where a group begins in a partition that it was just given: at its committed offset; where Kafka has forgotten that, at the mirror of it in
// the state store; else at the earliest record. Says what was lost in between, if anything.
import type { TopicGap } from '../topic-log.ts'

/** A group's offset in the state store. It names the topic's id: a topic that was deleted and made again has other records. */
export interface MirroredOffset {
  readonly topicId: string
  readonly offset: number
}

export interface KnownOffsets {
  readonly topicId: string
  /** First and last-but-one offset of the partition. */
  readonly start: number
  readonly end: number
  /** -1 when Kafka has none. */
  readonly committed: number
  readonly mirror: MirroredOffset | null
}

export interface Beginning {
  readonly offset: number
  readonly gap: Pick<TopicGap, 'from' | 'to' | 'cause'> | null
}

export function beginningOf({ topicId, start, end, committed, mirror }: KnownOffsets): Beginning {
  // Kafka keeps no topic id with an offset: one of the former topic would skip records of this one.
  if (mirror !== null && mirror.topicId !== topicId)
    return { offset: start, gap: { from: mirror.offset, to: start, cause: 'other-topic' } }
  const known = committed >= 0 ? committed : mirror?.offset
  if (known === undefined)
    return { offset: start, gap: start === 0 ? null : { from: 0, to: start, cause: 'offset-unknown' } }
  if (known < start) return { offset: start, gap: { from: known, to: start, cause: 'removed' } }
  if (known > end) return { offset: start, gap: { from: known, to: start, cause: 'other-topic' } }
  return { offset: known, gap: null }
}
