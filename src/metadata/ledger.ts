// PORT: the ledger, the truth of replication: one row per (site, bucket, key, version), from the write that made it to how it ended.
// Rows are made and ended in the same transaction as the version they speak of; sums per site likewise. Every method takes many items and
// writes them in one transaction.
import type { StatusMessage, VersionRef } from '../domain/entry.ts'
import type { FailureClass } from '../domain/failure.ts'
import type { VersionRecord } from '../domain/object-metadata.ts'
import type { VersionId } from '../domain/version-id.ts'

/**
 * Open: `pending` (journaled or queued: a topic entry will bring it), `claimed`, `waiting` (next attempt is due at `nextAttemptAt`), `blocked`
 * (behind an older row of its key), `reported` (the task has ended, the status processor has not folded it yet).
 * Ended: `completed`, `skipped` (with a reason), `quarantined` (FAILED, with a reason).
 */
export type RowState =
  | 'pending'
  | 'claimed'
  | 'waiting'
  | 'blocked'
  | 'reported'
  | 'completed'
  | 'skipped'
  | 'quarantined'

/** A multipart upload at the destination that a row has begun; goes on at the next part after a crash or a pause. */
export interface DestinationUpload {
  readonly uploadId: string
  readonly partBytes: number
  readonly parts: readonly DestinationPart[]
}

export interface DestinationPart {
  readonly partNumber: number
  readonly etag: string
  readonly size: number
  /** Hex. */
  readonly crc32: string
  /** Azure: how many blocks the part was cut into. */
  readonly subParts?: number
}

/**
 * What the newest version has left at the site: an object, a delete marker, or, where the site has no versions, nothing: there a delete marker
 * removes the object.
 */
export type AppliedKind = 'object' | 'delete-marker' | 'removal'

/**
 * The newest version of a key that a site has applied: the proof that an older one must not be written any more. A `removal` whose delete marker
 * is gone from the source while an older object is its key's current version again has that one's id: it is not at the site, and nothing older
 * may be written.
 */
export interface AppliedVersion {
  readonly versionId: VersionId
  readonly kind: AppliedKind
  readonly destinationVersionId: string
  readonly destinationEtag: string
}

export interface LedgerRow extends VersionRef {
  readonly site: string
  readonly revision: number
  readonly state: RowState
  readonly isDeleteMarker: boolean
  readonly size: number
  /** Attempts begun since the last revision. */
  readonly attempts: number
  /** Epoch ms of the write (or of the change that raised the revision). */
  readonly createdAt: number
  readonly nextAttemptAt?: number
  /** Class, code and message of the last failure, or why the row was skipped, or what of a completed one the site can not hold. */
  readonly reason?: RowReason
  readonly upload?: DestinationUpload
  readonly destinationVersionId?: string
  /** A former attempt may have taken effect: read the destination before writing. */
  readonly unsettled: boolean
}

export interface RowReason {
  readonly class: FailureClass | 'superseded' | 'not-wanted' | 'customer-key' | 'not-kept'
  readonly code: string
  readonly message: string
  readonly requestId?: string
  readonly status?: number
  /** Epoch ms. */
  readonly at: number
}

/** A version as a task needs it, read in the transaction of its claim. */
export interface ClaimedVersion extends Pick<VersionRecord, 'metadata' | 'revision' | 'integrity' | 'isNull'> {
  /** Where they lie beside the metadata (small objects). */
  readonly bytes?: Uint8Array
}

/** Answer to taking a key's oldest unfinished row. */
export type Claim =
  | {
      readonly outcome: 'claimed'
      readonly row: LedgerRow
      readonly applied: AppliedVersion | null
      readonly token: string
      /**
       * Reads what was claimed, if it was asked for and is small: to be called when it is needed, for what waits is smaller as text. Null: the
       * version is gone; undefined: what is stored cannot be read, which is its own task's to find.
       */
      readonly version?: () => ClaimedVersion | null | undefined
    }
  /** No unfinished row is left: every entry of the key is done. */
  | { readonly outcome: 'nothing' }
  /** The oldest row waits for its next attempt; newer rows of the key are now `blocked`. */
  | { readonly outcome: 'waiting'; readonly until: number }
  /** Another live owner has the key. */
  | { readonly outcome: 'held'; readonly until: number }

export interface KeyRef {
  readonly bucket: string
  readonly key: string
}

/** How an attempt ended. Applies only while the claim `token` still holds and (for `done` and `skipped`) the revision is the same. */
export type AttemptEnd =
  | {
      readonly kind: 'done'
      readonly destinationVersionId: string
      readonly destinationEtag: string
      readonly appliedKind: AppliedKind
      /** False for a change of an older version (its tags): it does not become the newest applied one. */
      readonly becomesApplied: boolean
      /** What of the version the site can not hold; kept with the row. */
      readonly warning?: RowReason
    }
  | { readonly kind: 'skipped'; readonly reason: RowReason }
  | { readonly kind: 'quarantined'; readonly reason: RowReason }
  | { readonly kind: 'retry'; readonly reason: RowReason; readonly nextAttemptAt: number; readonly unsettled: boolean }
  /** Given back untouched (shutdown, circuit open): the row is pending again; `unsettled` when a write may have taken effect. */
  | { readonly kind: 'released'; readonly unsettled: boolean }

/** The status of a row that has ended so; null: it has not. */
export function statusOfEnd(kind: AttemptEnd['kind']): 'COMPLETED' | 'SKIPPED' | 'FAILED' | null {
  if (kind === 'done') return 'COMPLETED'
  if (kind === 'skipped') return 'SKIPPED'
  return kind === 'quarantined' ? 'FAILED' : null
}

export interface AttemptReport extends VersionRef {
  readonly site: string
  readonly revision: number
  readonly token: string
  readonly end: AttemptEnd
}

export interface ReportResult {
  /**
   * `stale`: the claim was lost, nothing changed. `changed-meanwhile`: a newer revision came, or what the version was skipped for is gone; the
   * row is pending again.
   */
  readonly outcome: 'applied' | 'changed-meanwhile' | 'stale'
  /** The key has another row that can be worked on now. */
  readonly more: boolean
}

/** How a status message was folded. `newer-revision`: the row stays PENDING, for a newer revision or because the copy was removed since. */
export type FoldResult = 'folded' | 'already' | 'newer-revision' | 'no-such-version'

export interface SiteBacklog {
  readonly site: string
  /** Accepted, not yet COMPLETED, FAILED or SKIPPED. */
  readonly objects: number
  readonly bytes: number
  /** Epoch ms of the oldest such row; null when there is none. */
  readonly oldestAt: number | null
  /** Rows in quarantine. */
  readonly failedObjects: number
  readonly failedBytes: number
}

/** Completed or failed work of a site in one 5-minute slot. */
export interface ActivitySlot {
  readonly site: string
  /** Epoch ms, floored to five minutes. */
  readonly slotAt: number
  readonly completedObjects: number
  readonly completedBytes: number
  readonly failedObjects: number
  readonly failedBytes: number
}

/**
 * What of it concerns deletions: when the delete marker goes that has removed a key's object at a site (`removal`), and an older object is the
 * current version again, that one's row of the site is pending once more in the same transaction (its row in quarantine stays there), with a
 * journal entry. When the marker is only applied after it has gone, the same happens with its report.
 */
export interface Ledger {
  /**
   * For each key, takes the oldest unfinished row of the site for `owner` until `now + leaseMs`; an unsettled row comes before older ones (they
   * were taken out of quarantine): nothing is written to a key before the outcome of its last write is known. Answers in the order of the keys,
   * `versions`: small ones with the versions themselves.
   */
  claim(
    site: string,
    keys: readonly KeyRef[],
    owner: string,
    leaseMs: number,
    options?: { readonly versions: boolean },
  ): Promise<readonly Claim[]>
  /** Prolongs claims that still hold; answers which do. */
  renew(tokens: readonly string[], leaseMs: number): Promise<readonly boolean[]>
  /**
   * Where others free the claims of a process that they do not hear of: claims that were asked for or renewed since this moment (monotonic) can
   * be relied upon, older ones may be another's; null: no claim can be relied upon now. Absent: a claim lasts as long as its lease.
   */
  heardSince?(): number | null
  /**
   * Ends attempts; unblocks the next row of the key where the row has ended or is reported. `fold`: what has ended is folded into its version in
   * the same transaction, as its status message would be.
   */
  report(reports: readonly AttemptReport[], options?: { readonly fold: boolean }): Promise<readonly ReportResult[]>
  /** Records the begun upload or its finished parts (durable progress of a large object). Null forgets it (aborted or completed). */
  saveUpload(
    ref: VersionRef & { readonly site: string; readonly token: string },
    upload: DestinationUpload | null,
  ): Promise<boolean>
  /**
   * Folds status messages into the versions' replicationInfo and ends the rows, in one transaction. `flushed`: on disk before it resolves, for
   * senders who do not tell again; our own results are found again after a power loss.
   */
  fold(messages: readonly StatusMessage[], options?: { readonly flushed: boolean }): Promise<readonly FoldResult[]>

  /** Keys of a site whose row is due now: waiting with its time come, pending with no live entry (`pending` rows unblocked or released). */
  due(site: string, max: number): Promise<readonly KeyRef[]>
  /** Epoch ms of the next waiting row's attempt; null when none waits. */
  nextDueAt(site: string): Promise<number | null>
  /**
   * Rows without a live entry, older than `olderThanMs`: pending rows whose journal sequence is at or below `publishedSequence` and that no
   * topic entry will bring, claims past their deadline, reported rows never folded. At most `max` of each site. For the sweeper.
   */
  stranded(olderThanMs: number, max: number): Promise<readonly LedgerRow[]>

  /** The site's topic has no entry left: its pending rows that are older than this are due now. */
  makeDue(site: string, olderThanMs: number): Promise<void>

  row(ref: VersionRef & { readonly site: string }): Promise<LedgerRow | null>
  rowsOf(ref: VersionRef): Promise<readonly LedgerRow[]>
  backlog(): Promise<readonly SiteBacklog[]>
  activity(sinceMs: number): Promise<readonly ActivitySlot[]>
  /**
   * Counts rows afresh and corrects the sums; answers whether they differed. Skipped rows of versions long gone are forgotten, and activity of
   * more than a month ago.
   */
  recount(): Promise<boolean>
  /** Quarantined rows of a site, newest failure first, failed at or before `beforeMs`. */
  quarantined(site: string, beforeMs: number, max: number): Promise<readonly LedgerRow[]>
  /** Takes rows out of quarantine: pending again, backend and overall status back to PENDING/PROCESSING. Answers which were in it. */
  retry(refs: readonly (VersionRef & { readonly site: string })[]): Promise<readonly boolean[]>
}
