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

/** What a claim makes of its row. One that lapsed never told how far it came. */
export function claimedState(row: StoredRow): Pick<StoredRow, 'state' | 'attempts' | 'unsettled'> {
  const unsettled = row.state === state.claimed ? 1 : row.unsettled
  return { state: state.claimed, attempts: row.attempts + 1, unsettled }
}

/** What was stored as JSON; undefined for nothing, and for what cannot be read, which must not keep the row from being worked on. */
function stored<Value>(text: string | null): Value | undefined {
  try {
    return text === null ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The port's form of a stored row, or of what it has just been `changed` to. */
export function ledgerRow(
  bucket: string,
  row: StoredRow,
  uploadJson: string | null,
  changed: Pick<StoredRow, 'state' | 'attempts' | 'unsettled'> = row,
): LedgerRow {
  const reason = stored<RowReason>(row.reason)
  const upload = stored<DestinationUpload>(uploadJson)
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
