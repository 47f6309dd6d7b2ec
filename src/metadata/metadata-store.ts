// PORT: buckets, versions, multipart uploads and the journal. Every write is one atomic step: version, journal entry, ledger rows, sums and
// garbage change together, and the promise resolves only when the change is on disk. A condition that fails changes nothing and is an
// outcome, not an exception; exceptions mean that the store could not do its work and nothing is acknowledged.
import type { Bucket, BucketIdentity, ReplicationConfiguration, VersioningStatus } from '../domain/bucket.ts'
import type { BucketSettings, BucketSettingsChange } from '../domain/bucket-settings.ts'
import type { EntryContent, JournalEntry, JournalPosition } from '../domain/entry.ts'
import type { LockCheck } from '../domain/object-lock.ts'
import type {
  DataLocation,
  Integrity,
  ObjectMetadata,
  RetentionMode,
  VersionRecord,
} from '../domain/object-metadata.ts'
import type { ReplicationInfo } from '../domain/replication-info.ts'
import type { VersionId } from '../domain/version-id.ts'
import type { Ledger } from './ledger.ts'

/**
 * Conditions on the key's current version, or on the version that is to be deleted; ETags without quotes, `*` for "any". A delete marker counts
 * as absent, but see `orAbsent`.
 */
export interface WriteCondition {
  readonly ifMatch?: readonly string[]
  readonly ifNoneMatch?: readonly string[]
  /** When it was modified, to the second: `2026-01-02T03:04:05`. */
  readonly ifModified?: string
  readonly ifSize?: number
  /** Holds where there is nothing; where there is a delete marker only `*` does. */
  readonly orAbsent?: boolean
}

/** Metadata as the front end makes it: the store adds `versionId` (and `isNull`). */
export type NewMetadata = Omit<ObjectMetadata, 'versionId' | 'isNull'>

/** Bytes that are to be stored in the same transaction (small objects): named as in `metadata.location`. */
export interface InlineData {
  readonly key: string
  readonly bytes: Uint8Array
}

/** What a caller has decided about. Where the name is another bucket's by now, there is no such bucket. */
interface InBucket {
  readonly bucket: string
  readonly seenBucket?: BucketIdentity
}

/**
 * A write without an id of its own. It becomes a new version where the bucket's versioning is enabled in that moment, else the null version, which
 * replaces the former null version: not one that object lock keeps, outcome 'locked'.
 */
export interface PutVersion extends InBucket {
  readonly key: string
  /** `replicationInfo.backends` PENDING make one ledger row each; `isDeleteMarker` makes it a delete marker. */
  readonly metadata: NewMetadata
  readonly integrity: Integrity | null
  readonly inline?: InlineData
  readonly condition?: WriteCondition
  /**
   * Completes this upload: its parts become the version's data, unused parts become garbage, the upload ends. Outcome 'no-such-upload' also when
   * a piece of `metadata.location` is no longer that of a part (it was sent again): the caller reads the parts again.
   */
  readonly completes?: { readonly uploadId: string }
  /**
   * The delete marker that lifecycle puts over this version: only while it is the newest of its key and has arrived at every site, that is, no row
   * of it is open or in quarantine; a null version that the marker would replace, too. Otherwise 'precondition-failed'.
   */
  readonly expires?: VersionId
  /** The null version may be replaced though it is kept by governance. */
  readonly bypassGovernance?: boolean
}

export type PutVersionResult =
  | {
      readonly outcome: 'stored'
      readonly versionId: VersionId
      readonly isNull: boolean
      /** By which it found its place. */
      readonly versioning: VersioningStatus
    }
  | { readonly outcome: 'no-such-bucket' | 'precondition-failed' | 'no-such-upload' | 'locked' }

/**
 * Stores metadata under a given id: replicas from another server of this family, and restores. An older version does not become the current
 * one. `versionId` null is the null version. `keepLocation` takes data and encryption fields from the stored version (METADATA content).
 * Its own `replicationInfo` is kept as given, makes no ledger rows and is journaled. Of a stored version that object lock keeps now, what keeps it
 * and its data stay; metadata of something else, by its size or ETag, is the outcome 'locked', and 'other-data' of a version whose data would stay.
 * The checks of stored data stay with it, and only with it: `integrity` adds to them.
 */
export interface PutReplica extends InBucket {
  readonly key: string
  readonly versionId: VersionId | null
  readonly metadata: NewMetadata
  readonly keepLocation: boolean
  readonly integrity: Integrity | null
}

export type PutReplicaResult =
  | { readonly outcome: 'stored'; readonly versionId: VersionId; readonly isNull: boolean }
  | { readonly outcome: 'no-such-bucket' | 'no-such-version' | 'locked' | 'other-data' }

/** Fields of a stored version that change after its write; null forgets one, what is not named stays. */
export interface VersionFields {
  readonly tags?: ObjectMetadata['tags']
  readonly acl?: ObjectMetadata['acl']
  readonly retentionMode?: RetentionMode | null
  readonly retentionDate?: string | null
  readonly legalHold?: boolean
}

export interface SeenRetention {
  readonly mode: RetentionMode | null
  readonly date: string | null
}

/** A change of a stored version's metadata that may need replication again. */
export interface ChangeVersion extends VersionKey, InBucket {
  readonly fields: VersionFields
  readonly originOp: string
  /** Given the stored info, what replication it needs now is computed by the front end; null leaves it untouched. */
  readonly replication: ReplicationInfo | null
  /** The revision and info the front end saw: a change in between is the outcome 'conflict', and the caller reads again. */
  readonly seenRevision: number
  /** The same for the retention it saw (null: none), for changes that it forbids or allows. */
  readonly seenRetention?: SeenRetention
}

export type ChangeVersionResult =
  | { readonly outcome: 'changed'; readonly revision: number }
  | { readonly outcome: 'no-such-bucket' | 'no-such-version' | 'conflict' }

/** Addresses one version: an id, `null` for the null version, `latest` for the current one. */
export interface VersionKey {
  readonly bucket: string
  readonly key: string
  readonly version: VersionId | 'null' | 'latest'
}

export interface DeleteVersion extends InBucket {
  readonly key: string
  readonly version: VersionId | 'null'
  /** On this version. */
  readonly condition?: WriteCondition
  /** Not a version that object lock keeps: outcome 'locked'. */
  readonly unlessLocked?: LockCheck
  /** What lifecycle deletes: only while the version stands so and has arrived at every site (see `expires`); outcome 'kept'. */
  readonly onlyIf?: VersionStanding
  /** What is deleted for good because its bucket keeps no versions: in one that does by now, nothing; outcome 'versioned'. */
  readonly whileUnversioned?: boolean
}

/** How a version must stand among those of its key: `only` is the current one of a key that has no other. */
export type VersionStanding = 'current' | 'noncurrent' | 'only'

/** Ledger rows of the deleted version that have not ended become SKIPPED (source gone); its data becomes garbage. */
export type DeleteVersionResult =
  | { readonly outcome: 'deleted'; readonly wasDeleteMarker: boolean }
  | { readonly outcome: 'absent' | 'no-such-bucket' | 'precondition-failed' | 'locked' | 'kept' | 'versioned' }

export interface NewBucket {
  readonly name: string
  readonly ownerId: string
  readonly ownerDisplayName: string
  readonly creationDate: string
  readonly locationConstraint: string
  /** Unversioned unless told. */
  readonly versioning?: 'Enabled'
  readonly settings?: BucketSettings
}

export type BucketChange =
  | { readonly versioning: VersioningStatus }
  | { readonly replication: ReplicationConfiguration | null }
  | { readonly settings: BucketSettingsChange }

/** `refused`: suspending versioning under a replication configuration or object lock, or one of these without versioning. */
export type ChangeBucketResult = 'changed' | 'no-such-bucket' | 'refused'

export interface ListOptions {
  readonly bucket: string
  readonly prefix: string
  readonly delimiter: string
  /** Keys strictly after this one; with `versionAfter`, versions of this key after that id come first. */
  readonly after: string
  readonly versionAfter?: VersionId
  /** A common prefix equal to or before this is skipped (continuing after a common prefix). */
  readonly maxKeys: number
  /** `current`: the latest version of each key unless it is a delete marker. `versions`: all, newest first within a key. */
  readonly what: 'current' | 'versions'
}

/** What a listing needs of a version. */
export interface ListedVersion {
  readonly key: string
  readonly versionId: VersionId
  readonly isNull: boolean
  readonly isLatest: boolean
  readonly isDeleteMarker: boolean
  readonly lastModified: string
  readonly etag: string
  readonly size: number
  readonly storageClass: string
  readonly ownerId: string
  readonly ownerDisplayName: string
  readonly checksumAlgorithm?: string
  readonly checksumType?: string
}

/** Keys and common prefixes in one UTF-8 byte order. */
export interface Listing {
  readonly entries: ReadonlyArray<
    { readonly kind: 'version'; readonly version: ListedVersion } | { readonly kind: 'prefix'; readonly prefix: string }
  >
  readonly truncated: boolean
  /** Where to go on (`after`, `versionAfter` of the next call). */
  readonly next?: { readonly key: string; readonly versionId?: VersionId }
}

export interface Upload {
  readonly uploadId: string
  readonly bucket: string
  readonly key: string
  readonly initiated: string
  readonly ownerId: string
  readonly ownerDisplayName: string
  /** Everything the completed version takes over: content headers, user metadata, tags, checksum choice (front end's own JSON). */
  readonly settings: string
}

export interface UploadPart {
  readonly partNumber: number
  readonly etag: string
  readonly size: number
  readonly lastModified: string
  /** Hex, always computed. */
  readonly crc32: string
  /** The checksum the client chose, base64; where it is another than what its upload is known by, that of the part, too. */
  readonly checksum?: { readonly algorithm: string; readonly value: string; readonly crc64nvme?: string | undefined }
  readonly location: DataLocation
}

export interface MetadataStore {
  readonly ledger: Ledger

  createBucket(bucket: NewBucket): Promise<'created' | 'exists'>
  bucket(name: string): Promise<Bucket | null>
  buckets(ownerId: string): Promise<readonly Bucket[]>
  /** Buckets that have this setting, whoever owns them: the first `max` by name after `after`. */
  bucketsWith(setting: keyof BucketSettings, after: string, max: number): Promise<readonly Bucket[]>
  /** `seen`: the bucket that the caller may change; where the name is another one's by now, there is no such bucket. */
  changeBucket(name: string, change: BucketChange, seen?: BucketIdentity): Promise<ChangeBucketResult>
  /** `not-empty`: it has versions. Uploads under way end with it, and their parts become garbage. `seen` as of `changeBucket`. */
  deleteBucket(name: string, seen?: BucketIdentity): Promise<'deleted' | 'no-such-bucket' | 'not-empty'>

  putVersion(put: PutVersion): Promise<PutVersionResult>
  putReplica(put: PutReplica): Promise<PutReplicaResult>
  changeVersion(change: ChangeVersion): Promise<ChangeVersionResult>
  deleteVersion(remove: DeleteVersion): Promise<DeleteVersionResult>
  /** The version, delete markers included; null when absent. */
  version(address: VersionKey): Promise<VersionRecord | null>
  list(options: ListOptions): Promise<Listing>
  /** Bytes stored with a version; null when absent. */
  inlineData(dataKey: string): Promise<Uint8Array | null>

  /** `seen` as of `changeBucket`. */
  createUpload(upload: Upload, seen?: BucketIdentity): Promise<'created' | 'no-such-bucket'>
  upload(bucket: string, key: string, uploadId: string): Promise<Upload | null>
  uploads(
    bucket: string,
    prefix: string,
    after: { key: string; uploadId: string } | null,
    max: number,
  ): Promise<readonly Upload[]>
  /** Replaces a part of the same number; its former data becomes garbage. */
  putPart(
    bucket: string,
    key: string,
    uploadId: string,
    part: UploadPart,
    inline?: InlineData,
  ): Promise<'stored' | 'no-such-upload'>
  parts(uploadId: string): Promise<readonly UploadPart[]>
  abortUpload(bucket: string, key: string, uploadId: string): Promise<'aborted' | 'no-such-upload'>

  /**
   * Journal entries after a position, in commit order, at most `max`; `whole` metadata unless told. An entry that is not shown yet never comes
   * to stand before one that was.
   */
  journal(after: JournalPosition, max: number, content?: EntryContent): Promise<readonly JournalEntry[]>
  /** Calls `listener` soon after the journal has grown. Returns how to stop it. */
  onJournal(listener: () => void): () => void
  /** Forgets entries up to and including the first of these positions: every reader is past them. */
  trimJournal(...upTo: readonly [JournalPosition, ...JournalPosition[]]): Promise<void>

  /** Data names written by the deleting transactions, oldest first; to be removed from their locations, then forgotten. */
  garbage(
    max: number,
    afterId?: number,
  ): Promise<readonly { readonly id: number; readonly dataKey: string; readonly location: string }[]>
  forgetGarbage(ids: readonly number[]): Promise<void>
  /** Which of these data names are referenced by a version, a part or the garbage table. */
  referencedData(dataKeys: readonly string[]): Promise<ReadonlySet<string>>

  /** Waits for what is queued, then closes. Later calls are refused. */
  close(): Promise<void>
}
