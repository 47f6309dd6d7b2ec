// PORT: topics with consumer groups. Records of one key are delivered in the order they were appended; each at least once per group; a new
// group starts at the earliest record. Finishing is per record and in any order; the committed offset is the lowest unfinished one.
// Pausing is a gate in front of taking records: membership and offsets stay.

import type { EntryContent } from '../domain/entry.ts'

export interface TopicRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: string
}

export interface TopicMessage {
  readonly key: string
  readonly value: string
}

export interface TopicConsumer {
  /**
   * Takes up to `max` records, as many as are there; waits until there is at least one. Resolves with none when paused, interrupted or
   * closed meanwhile, or when the window (`windowMax`) is full.
   */
  take(max: number): Promise<readonly TopicRecord[]>
  /** The record's work has ended (or is parked durably elsewhere). */
  finish(record: TopicRecord): void
  pause(): void
  resume(): void
  /** Records not yet finished by this group: taken or not. */
  lag(): Promise<number>
  /** Commits what is finished and leaves. Unfinished records are delivered again to the next consumer of the group. */
  close(): Promise<void>
}

export interface ConsumerOptions {
  readonly topic: string
  readonly group: string
  /** Largest distance between the committed offset and the newest finished one; at the bound nothing more is taken. */
  readonly windowMax: number
}

export interface TopicDescription {
  readonly name: string
  readonly partitions: readonly {
    readonly id: number
    readonly leader: number
    readonly replicas: readonly number[]
    readonly isrs: readonly number[]
  }[]
}

/** Entries that a group will never get: retention or an operator removed them, the topic was made anew, or where the group was is not known. */
export interface TopicGap {
  readonly topic: string
  readonly group: string
  readonly partition: number
  /** Where the group was; the entries from here up to `to` are gone. */
  readonly from: number
  /** Where it goes on; less than `from` in a topic that was made anew. */
  readonly to: number
  readonly cause: 'removed' | 'other-topic' | 'offset-unknown'
}

export interface TopicLog {
  /** What replication entries carry here: as much as those who read the topics look at. */
  readonly entryContent: EntryContent
  /** Resolves when the records are in the log. */
  append(topic: string, messages: readonly TopicMessage[]): Promise<void>
  consumer(options: ConsumerOptions): Promise<TopicConsumer>
  /** Keeps a record that nobody can read where an operator finds it. Left out where the log has no place for that. */
  setAside?(record: TopicRecord, problem: string): Promise<void>
  /** Records that the log has removed before this group had finished them; left out where it removes none. */
  removedUnread?(topic: string, group: string): Promise<number>
  /** For health checks; rejects when the log cannot be reached. */
  describe(topics: readonly string[]): Promise<readonly TopicDescription[]>
  close(): Promise<void>
}
