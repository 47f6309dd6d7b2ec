// Between the port's form of ledger rows and their columns. Shared by the stores, which keep the same ones.
import { storedVersionId } from '../domain/version-id.ts'
import type { DestinationUpload, LedgerRow, RowReason, RowState } from './ledger.ts'

/** Stored states; `loose` is a pending row that no topic entry will bring. */
export const state = {
  pending: 0,
  loose: 1,
  claimed: 2,
  waiting: 3,
  blocked: 4,
  reported: 5,
  completed: 6,
  skipped: 7,
  quarantined: 8,
} as const

const stateNames: readonly RowState[] = [
  'pending',
  'pending',
  'claimed',
  'waiting',
  'blocked',
  'reported',
  'completed',
  'skipped',
  'quarantined',
]

export interface StoredRow {
  readonly bucket_id: number
  readonly key: string
  readonly version_id: string
  readonly site: string
  readonly revision: number
  readonly state: number
  readonly is_delete_marker: number
  readonly size: number
  readonly attempts: number
  readonly created_at: number
  readonly at: number | null
  readonly unsettled: number
  readonly uploading: number
  readonly token: string | null
  readonly destination_version_id: string | null
  readonly reason: string | null
}

/** The port's form of a stored row, or of what it has just been `changed` to. */
export function ledgerRow(
  bucket: string,
  row: StoredRow,
  uploadJson: string | null,
  changed: Pick<StoredRow, 'state' | 'attempts' | 'unsettled'> = row,
): LedgerRow {
  const reason: RowReason | undefined = row.reason === null ? undefined : JSON.parse(row.reason)
  const upload: DestinationUpload | undefined = uploadJson === null ? undefined : JSON.parse(uploadJson)
  return {
    bucket,
    key: row.key,
    versionId: storedVersionId(row.version_id),
    site: row.site,
    revision: row.revision,
    state: stateNames[changed.state] ?? 'pending',
    isDeleteMarker: row.is_delete_marker === 1,
    size: row.size,
    attempts: changed.attempts,
    createdAt: row.created_at,
    ...(changed.state === state.waiting && row.at !== null && { nextAttemptAt: row.at }),
    ...(reason !== undefined && { reason }),
    ...(upload !== undefined && { upload }),
    ...(row.destination_version_id !== null && { destinationVersionId: row.destination_version_id }),
    unsettled: changed.unsettled === 1,
  }
}

export function isOpen(rowState: number): boolean {
  return rowState <= state.reported
}

export function sourceGone(at: number): string {
  const reason: RowReason = {
    class: 'source-gone',
    code: 'SourceGone',
    message: 'The version was deleted at the source before it was copied',
    at,
  }
  return JSON.stringify(reason)
}
