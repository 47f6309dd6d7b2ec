// PORT: the way of a replication task to the source server and, through it, to the destination. `direct` calls the same code in process,
// `http` uses the `/_/backbeat` routes of an S3 front end (ours or a real CloudServer). A task never calls a location itself.
// Failures are thrown as `Failure` with a class; `outcomeUnknown` tells that a write may have taken effect.
import type { StatusMessage, VersionRef } from '../domain/entry.ts'
import type { Integrity, ObjectMetadata } from '../domain/object-metadata.ts'
import type { Capabilities, CompletedPart, Precondition, StoredObject, WriteResult } from '../locations/location.ts'
import type { FoldResult } from '../metadata/ledger.ts'

/** The source version as it is now (never as it was when its entry was queued). */
export interface SourceVersion extends VersionRef {
  readonly metadata: ObjectMetadata
  /** Absent when the source is not ours (it has no revisions). */
  readonly revision?: number
  readonly integrity: Integrity | null
  readonly isNull: boolean
  /** The bytes, where they came with the metadata (small objects). */
  readonly bytes?: Uint8Array
}

/** One version at one site. */
export interface Target extends VersionRef {
  readonly site: string
}

export interface CallContext {
  readonly signal: AbortSignal
  /** To be called between the reading of bytes and a write with them: throws when the caller may write no more. */
  readonly demand?: () => void
  readonly precondition?: Precondition
}

/** The answer to a write of a whole copy. */
export interface CopyResult extends WriteResult {
  /** What keeps the version was to go with it, and the source does not say that it does: one that knows nothing of it (a real CloudServer). */
  readonly lockIsUntold?: true
}

export interface SourceGateway {
  /** Null: the version is gone. */
  readVersion(ref: VersionRef): Promise<SourceVersion | null>
  /** Streams [start, end) of the version's bytes from the source. */
  readData(
    version: SourceVersion,
    range: { readonly start: number; readonly end: number },
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>

  capabilities(site: string): Capabilities
  putObject(target: Target, version: SourceVersion, context: CallContext): Promise<CopyResult>
  initiateUpload(target: Target, version: SourceVersion, context: CallContext): Promise<string>
  putPart(
    target: Target,
    version: SourceVersion,
    uploadId: string,
    partNumber: number,
    range: { readonly start: number; readonly end: number },
    context: CallContext,
  ): Promise<CompletedPart>
  /** Compares the whole object's checksum (from the parts') with the source's before the upload is completed. */
  completeUpload(
    target: Target,
    version: SourceVersion,
    uploadId: string,
    parts: readonly CompletedPart[],
    context: CallContext,
  ): Promise<CopyResult>
  abortUpload(target: Target, uploadId: string, context: CallContext): Promise<void>
  /** Uploads of the target's key that nobody has completed or aborted; null when the source cannot tell. */
  listUploads(target: Target, context: CallContext): Promise<readonly string[] | null>
  deleteObject(target: Target, context: CallContext): Promise<WriteResult>
  putTags(
    target: Target,
    version: SourceVersion,
    destinationVersionId: string,
    context: CallContext,
  ): Promise<WriteResult>
  /** Replaces what keeps a version at the destination; null where the source has no way to do it (a real CloudServer). */
  putLock(
    target: Target,
    version: SourceVersion,
    destinationVersionId: string,
    context: CallContext,
  ): Promise<WriteResult | null>
  /** What the destination holds for the key, newest first, with replication markers; null when the source cannot tell (a real CloudServer). */
  destinationHistory(target: Target, context: CallContext): Promise<readonly StoredObject[] | null>
  /** Removes one version at the destination (a stray copy of ours); absent is success. Missing where the source has no way to do it. */
  removeVersion?(target: Target, destinationVersionId: string, context: CallContext): Promise<void>
  /** Does the site's location accept us now? Throws the Failure that says why not. */
  probe(site: string, signal: AbortSignal): Promise<void>

  /** Folds results into the source versions. Answers in order. */
  patchStatus(messages: readonly StatusMessage[]): Promise<readonly FoldResult[]>
}
