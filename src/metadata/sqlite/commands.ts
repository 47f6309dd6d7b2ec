// The commands that the writer takes: plain cloneable values with what the writer needs already flattened (JSON text, column values), so
// that crossing to its thread is cheap and the handlers do little but SQL. Times come with the command: the writer reads no clock.

import type { SetResult } from '../../control/state-store.ts'
import type { BucketIdentity } from '../../domain/bucket.ts'
import type { StatusMessage, VersionRef } from '../../domain/entry.ts'
import type { LockCheck } from '../../domain/object-lock.ts'
import type {
  AppliedKind,
  AttemptReport,
  Claim,
  DestinationUpload,
  FoldResult,
  KeyRef,
  ReportResult,
} from '../ledger.ts'
import type {
  BucketChange,
  ChangeBucketResult,
  ChangeVersionResult,
  DeleteVersionResult,
  InlineData,
  NewBucket,
  PutReplicaResult,
  PutVersionResult,
  SeenRetention,
  Upload,
  UploadPart,
  VersionFields,
  VersionStanding,
  WriteCondition,
} from '../metadata-store.ts'
import type { VersionBody } from '../version-form.ts'

/** A claim as it crosses to the thread that asked: values without names, which would be copied with each of them. */
export type StoredClaim =
  | Exclude<Claim, { outcome: 'claimed' }>
  | {
      readonly outcome: 'claimed'
      /** As it was before. */
      readonly row: RowValues
      readonly upload: string | null
      readonly applied: AppliedValues | null
      readonly token: string
      /** Undefined: not asked for; null: it is gone. */
      readonly version: VersionValues | null | undefined
    }

/** The columns of `rowColumns` (ledger-rows.ts). */
export type RowValues = readonly [
  bucketId: number,
  key: string,
  versionId: string,
  site: string,
  revision: number,
  state: number,
  isDeleteMarker: number,
  size: number,
  attempts: number,
  createdAt: number,
  at: number | null,
  unsettled: number,
  uploading: number,
  token: string | null,
  destinationVersionId: string | null,
  reason: string | null,
]

export type AppliedValues = readonly [
  versionId: string,
  kind: AppliedKind,
  destinationVersionId: string,
  destinationEtag: string,
]

/** The columns of a version that its task needs; behind them those that its result needs. */
export type VersionValues = readonly [
  versionId: string,
  nullKind: number,
  originOp: string,
  metadata: string,
  replication: string | null,
  revision: number,
  integrity: string | null,
  bytes: Uint8Array | null,
  id: number,
  size: number,
  etag: string,
]

export interface PutVersionCommand {
  readonly bucket: string
  readonly seenBucket: BucketIdentity | null
  readonly key: string
  readonly body: VersionBody
  readonly inline: InlineData | null
  readonly condition: WriteCondition | null
  readonly uploadId: string | null
  readonly expires: string | null
  readonly bypassGovernance: boolean
}

export interface PutReplicaCommand {
  readonly bucket: string
  readonly seenBucket: BucketIdentity | null
  readonly key: string
  readonly versionId: string | null
  readonly keepLocation: boolean
  readonly body: VersionBody
}

export interface ChangeVersionCommand {
  readonly bucket: string
  readonly seenBucket: BucketIdentity | null
  readonly key: string
  readonly version: string
  readonly fields: VersionFields
  readonly originOp: string
  readonly replication: string | null
  readonly sites: readonly string[]
  readonly seenRevision: number
  readonly seenRetention: SeenRetention | null
}

export interface DeleteVersionCommand {
  readonly bucket: string
  readonly seenBucket: BucketIdentity | null
  readonly key: string
  readonly version: string
  readonly condition: WriteCondition | null
  readonly unlessLocked: LockCheck | null
  readonly onlyIf: VersionStanding | null
  readonly whileUnversioned: boolean
}

export interface PutPartCommand {
  readonly bucket: string
  readonly key: string
  readonly uploadId: string
  readonly part: UploadPart
  readonly inline: InlineData | null
}

interface UploadAddress {
  readonly bucket: string
  readonly key: string
  readonly uploadId: string
}

interface SeenBucket {
  readonly name: string
  readonly seen: BucketIdentity | null
}

type SiteVersion = VersionRef & { readonly site: string }

/** Every command: what it takes and what it answers. */
export interface Commands {
  'create-bucket': { request: { readonly bucket: NewBucket }; reply: 'created' | 'exists' }
  'change-bucket': { request: SeenBucket & { readonly change: BucketChange }; reply: ChangeBucketResult }
  'delete-bucket': { request: SeenBucket; reply: 'deleted' | 'no-such-bucket' | 'not-empty' }
  'put-version': { request: PutVersionCommand; reply: PutVersionResult }
  'put-replica': { request: PutReplicaCommand; reply: PutReplicaResult }
  'change-version': { request: ChangeVersionCommand; reply: ChangeVersionResult }
  'delete-version': { request: DeleteVersionCommand; reply: DeleteVersionResult }
  'create-upload': {
    request: { readonly upload: Upload; readonly seen: BucketIdentity | null }
    reply: 'created' | 'no-such-bucket'
  }
  'put-part': { request: PutPartCommand; reply: 'stored' | 'no-such-upload' }
  'abort-upload': { request: UploadAddress; reply: 'aborted' | 'no-such-upload' }
  /** Answers whether there is more to trim. */
  'trim-journal': { request: { readonly sequence: number }; reply: boolean }
  'forget-garbage': { request: { readonly ids: readonly number[] }; reply: null }

  claim: {
    request: {
      readonly site: string
      readonly keys: readonly KeyRef[]
      readonly owner: string
      readonly leaseMs: number
      readonly versions: boolean
    }
    reply: readonly StoredClaim[]
  }
  renew: { request: { readonly tokens: readonly string[]; readonly leaseMs: number }; reply: readonly boolean[] }
  report: {
    request: { readonly reports: readonly AttemptReport[]; readonly fold: boolean }
    reply: readonly ReportResult[]
  }
  'save-upload': {
    request: { readonly ref: SiteVersion; readonly token: string; readonly upload: DestinationUpload | null }
    reply: boolean
  }
  fold: { request: { readonly messages: readonly StatusMessage[] }; reply: readonly FoldResult[] }
  retry: { request: { readonly refs: readonly SiteVersion[] }; reply: readonly boolean[] }
  'make-due': { request: { readonly site: string; readonly olderThanMs: number }; reply: boolean }
  recount: { request: Readonly<Record<never, never>>; reply: boolean }

  /** Answers the offset of the first record. */
  'append-records': {
    request: { readonly topic: string; readonly keys: readonly string[]; readonly values: readonly string[] }
    reply: number
  }
  /** Stores committed offsets, then forgets a bounded number of records that every one of `readers` is past. */
  'commit-offset': {
    request: {
      readonly topic: string
      readonly group: string
      readonly committed: number
      readonly readers: readonly string[]
    }
    reply: null
  }

  'set-state': {
    request: { readonly path: string; readonly value: string | null; readonly expectedVersion: number }
    reply: SetResult
  }
  'next-lease-epoch': { request: { readonly path: string }; reply: number }
  /** The last command of an orderly end. */
  'mark-clean': { request: Readonly<Record<never, never>>; reply: null }
}

export type CommandKind = keyof Commands
export type Request<Kind extends CommandKind> = Commands[Kind]['request']
export type Reply<Kind extends CommandKind> = Commands[Kind]['reply']

/** `client` commands are flushed to disk before they are answered; `replication` ones can be done again after a power loss. */
export type CommandClass = 'client' | 'replication'

export interface Command<Kind extends CommandKind = CommandKind> {
  readonly kind: Kind
  /** Epoch milliseconds at which it was given. */
  readonly now: number
  readonly request: Request<Kind>
}
