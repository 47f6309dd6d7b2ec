// Entries of the journal and of the topics. Topic values are the JSON that the original programs read and write; added fields are ignored by them.
import type { BackendStatus } from './replication-info.ts'
import type { VersionId } from './version-id.ts'

/** Where an entry stands in the journal: a text that only the store that gave it out can read. What is none of its own means the beginning. */
export type JournalPosition = string

/** Before the first entry. */
export const journalStart: JournalPosition = ''

/** One change of metadata, in commit order. */
export interface JournalEntry {
  readonly position: JournalPosition
  /** ISO 8601. */
  readonly timestamp: string
  /** `event`: nothing of the version has changed; there is only something to tell. */
  readonly type: 'put' | 'delete' | 'event'
  readonly bucket: string
  readonly key: string
  readonly versionId: VersionId
  readonly revision: number
  /**
   * The version's public metadata now, as JSON, as far as was asked for; null when the version is gone or no backend of it is PENDING any more.
   */
  readonly metadataJson: string | null
  /** What happened, in buckets that tell of events. */
  readonly event?: JournalEvent
}

/** Kept with the entry: the version may be gone, or another one, by the time its event is told. */
export interface JournalEvent {
  /** `s3:ObjectCreated:Put` and the like. */
  readonly name: string
  /** How the version's id is shown: as it is, as `null`, or not at all. */
  readonly version: 'own' | 'null' | 'none'
  readonly size?: number
  readonly etag?: string
  /** Of events of replication: the site, and why it failed there. */
  readonly site?: string
  readonly reason?: string
  /** Grows from event to event of a key; compared as text. */
  readonly sequencer: string
}

/**
 * What replication entries carry of a version's metadata: `whole` where other programs read them (Backbeat wire format), `replication` for its
 * replicationInfo alone, which is all that our own roles look at.
 */
export type EntryContent = 'whole' | 'replication'

/** A version at a site, the unit of replication work. */
export interface VersionRef {
  readonly bucket: string
  readonly key: string
  readonly versionId: VersionId
}

/** Value of a `backbeat-replication` record. */
export interface ReplicationEntry extends VersionRef {
  readonly revision: number
  /** Sites that the version goes to. */
  readonly sites: readonly string[]
}

/** Value of a `backbeat-replication-status` record: how a task ended. */
export interface StatusMessage extends VersionRef {
  readonly site: string
  readonly status: Exclude<BackendStatus, 'REPLICA'>
  readonly dataStoreVersionId: string
  /** The revision the task worked on; absent in messages of a real Backbeat, which are compared by content. */
  readonly revision?: number
  /** The whole metadata as the task saw it, with the overall status in `replicationInfo.status` (JSON text). */
  readonly metadataJson: string
  /** Why a SKIPPED or FAILED row ended so. */
  readonly reason?: string
}
