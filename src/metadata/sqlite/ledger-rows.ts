// Ledger rows as stored, and the moves between their states that keep the sums right. Used by the commands of the ledger and by those of
// versions, which make and end rows in their own transaction.

import { isOpen, type StoredRow, state } from '../ledger-form.ts'
import type { RowValues } from './commands.ts'
import { activitySlotMs, type WriteContext } from './write-context.ts'

/** The columns of a StoredRow; the others follow from the state. */
export const rowColumns = [
  'bucket_id',
  'key',
  'version_id',
  'site',
  'revision',
  'state',
  'is_delete_marker',
  'size',
  'attempts',
  'created_at',
  'at',
  'unsettled',
  'uploading',
  'token',
  'destination_version_id',
  'reason',
]
  .map(column => `ledger.${column}`)
  .join(', ')

function isUnfinished(rowState: number): boolean {
  return rowState <= state.blocked
}

export function rowOf(
  context: WriteContext,
  bucketId: number,
  key: string,
  versionId: string,
  site: string,
): StoredRow | undefined {
  return context.connection.get<StoredRow>(rowSql, bucketId, key, versionId, site)
}

// Texts of statements that are made once: they are looked up by their text, whose hash only a text that stays remembers.
const rowSql = `SELECT ${rowColumns} FROM ledger WHERE bucket_id = ? AND key = ? AND version_id = ? AND site = ?`

/**
 * The row of the key that is to be worked on next: the oldest unfinished one, but first one whose last write may have taken effect unseen.
 * That can be a newer row when an older one was taken out of quarantine: what it left has to be known before anything is written.
 */
export function oldestUnfinished(
  context: WriteContext,
  site: string,
  bucketId: number,
  key: string,
): StoredRow | undefined {
  const found = oldestAndAlone(context, site, bucketId, key)
  return found === undefined ? undefined : storedRow(found.row)
}

/** The same row, and whether it is certain that no other one of the key is unfinished. */
export function oldestAndAlone(
  context: WriteContext,
  site: string,
  bucketId: number,
  key: string,
): { readonly row: RowValues; readonly alone: boolean } | undefined {
  if (context.hasUnsettled) {
    const [row] = context.connection.values<RowValues>(oldestUnsettledSql, site, bucketId, key)
    if (row !== undefined) return { row, alone: false }
  }
  const found = context.connection.values<RowValues>(oldestTwoSql, site, bucketId, key)
  const [first] = found
  return first === undefined ? undefined : { row: first, alone: !context.hasUnsettled && found.length === 1 }
}

export function storedRow(values: RowValues): StoredRow {
  return {
    bucket_id: values[0],
    key: values[1],
    version_id: values[2],
    site: values[3],
    revision: values[4],
    state: values[5],
    is_delete_marker: values[6],
    size: values[7],
    attempts: values[8],
    created_at: values[9],
    at: values[10],
    unsettled: values[11],
    uploading: values[12],
    token: values[13],
    destination_version_id: values[14],
    reason: values[15],
  }
}

const oldestUnsettledSql = `SELECT ${rowColumns} FROM ledger INDEXED BY ledger_unsettled
  WHERE site = ? AND bucket_id = ? AND key = ? AND unsettled = 1 AND unfinished = 1 ORDER BY version_id DESC LIMIT 1`
const oldestTwoSql = `SELECT ${rowColumns} FROM ledger INDEXED BY ledger_unfinished
  WHERE site = ? AND bucket_id = ? AND key = ? AND unfinished = 1 ORDER BY version_id DESC LIMIT 2`

/** One step of a row's life; columns not named stay. */
export interface RowChange {
  readonly state: number
  readonly at: number
  readonly revision?: number
  readonly attempts?: number
  readonly createdAt?: number
  readonly unsettled?: number
  readonly token?: string | null
  readonly destinationVersionId?: string | null
  readonly reason?: string | null
  /** The version is gone, and the row goes after a while. */
  readonly isOrphan?: boolean
}

/** Rows in other states are found by their address only. */
function needsAttention({ state: rowState, isOrphan = false }: RowChange): boolean {
  return isOrphan || (rowState !== state.blocked && rowState !== state.completed && rowState !== state.skipped)
}

/** Columns of indexes are set only where they change: setting one costs an index entry even if the value stays. */
export function changeRow(context: WriteContext, row: StoredRow, change: RowChange): void {
  const unsettled = change.unsettled ?? row.unsettled
  const indexed: readonly [string, number, number][] = [
    ['created_at', row.created_at, change.createdAt ?? row.created_at],
    ['unfinished', isUnfinished(row.state) ? 1 : 0, isUnfinished(change.state) ? 1 : 0],
    ['open', isOpen(row.state) ? 1 : 0, isOpen(change.state) ? 1 : 0],
  ]
  const moved = indexed.filter(([, before, after]) => before !== after)
  context.connection.run(
    `UPDATE ledger SET state = ?, at = ?, revision = ?, attempts = ?, unsettled = ?, token = ?, destination_version_id = ?, reason = ?
     ${moved.map(([name]) => `, ${name} = ?`).join('')} WHERE bucket_id = ? AND key = ? AND version_id = ? AND site = ?`,
    change.state,
    needsAttention(change) ? change.at : null,
    change.revision ?? row.revision,
    change.attempts ?? row.attempts,
    unsettled,
    change.token === undefined ? row.token : change.token,
    change.destinationVersionId === undefined ? row.destination_version_id : change.destinationVersionId,
    change.reason === undefined ? row.reason : change.reason,
    ...moved.map(([, , after]) => after),
    row.bucket_id,
    row.key,
    row.version_id,
    row.site,
  )
  if (unsettled === 1) context.noteUnsettled()
  if (isUnfinished(change.state) && !isUnfinished(row.state)) context.noteCompany(row.site, row.bucket_id, row.key)
}

export interface NewRow {
  readonly bucketId: number
  readonly key: string
  readonly versionId: string
  readonly site: string
  readonly revision: number
  readonly isDeleteMarker: boolean
  readonly size: number
  /** Of the journal entry that will bring it. */
  readonly sequence: number
}

export function insertRow(context: WriteContext, row: NewRow): void {
  context.connection.run(
    `INSERT INTO ledger (bucket_id, key, version_id, site, revision, state, is_delete_marker, size, attempts, created_at, at, unsettled,
     unfinished, open, uploading) VALUES (?, ?, ?, ?, ?, 0, ?, ?, 0, ?, ?, 0, 1, 1, 0)`,
    row.bucketId,
    row.key,
    row.versionId,
    row.site,
    row.revision,
    row.isDeleteMarker ? 1 : 0,
    row.size,
    context.now,
    row.sequence,
  )
  context.noteCompany(row.site, row.bucketId, row.key)
  context.sum({ site: row.site, objects: 1, bytes: row.size, failedObjects: 0, failedBytes: 0 })
}

/** Ends a row: sums and, for work that was done or failed, the activity of the hour. An ended row may end otherwise, too. */
export function endRow(context: WriteContext, row: StoredRow, ended: number, change: Omit<RowChange, 'state' | 'at'>) {
  changeRow(context, row, { ...change, state: ended, at: context.now, token: null })
  if (row.token !== null) context.dropClaim(row.token)
  countEnd(context, row, ended)
}

/** Sums and activity of a row that has ended. */
export function countEnd(context: WriteContext, row: Pick<StoredRow, 'site' | 'size' | 'state'>, ended: number): void {
  moveSums(context, row, ended)
  if (ended === state.skipped) return
  const done = ended === state.completed
  context.activity({
    site: row.site,
    slotAt: Math.floor(context.now / activitySlotMs) * activitySlotMs,
    completedObjects: done ? 1 : 0,
    completedBytes: done ? row.size : 0,
    failedObjects: done ? 0 : 1,
    failedBytes: done ? 0 : row.size,
  })
}

/** Corrects the sums for a row that goes from its state to another one; null: the row is no more. */
export function moveSums(
  context: WriteContext,
  row: Pick<StoredRow, 'site' | 'size' | 'state'>,
  to: number | null,
): void {
  const open = (to !== null && isOpen(to) ? 1 : 0) - (isOpen(row.state) ? 1 : 0)
  const failed = (to === state.quarantined ? 1 : 0) - (row.state === state.quarantined ? 1 : 0)
  if (open === 0 && failed === 0) return
  context.sum({
    site: row.site,
    objects: open,
    bytes: open * row.size,
    failedObjects: failed,
    failedBytes: failed * row.size,
  })
}

/** Whether the version's object was removed at the site for a delete marker that is gone, and has not been written again yet. */
export function isRemoved(context: WriteContext, row: StoredRow): boolean {
  if (row.is_delete_marker === 1) return false
  const found = context.connection.get(
    "SELECT 1 FROM applied WHERE bucket_id = ? AND key = ? AND site = ? AND version_id = ? AND kind = 'removal'",
    row.bucket_id,
    row.key,
    row.site,
    row.version_id,
  )
  return found !== undefined
}

/** Lets the key's oldest row be worked on if it was only blocked. Answers whether the key has a row that can be worked on now. */
export function unblockNext(context: WriteContext, site: string, bucketId: number, key: string): boolean {
  const next = oldestUnfinished(context, site, bucketId, key)
  if (next === undefined) return false
  if (next.state === state.blocked) changeRow(context, next, { state: state.loose, at: context.now })
  if (next.state === state.claimed) return false
  return next.state !== state.waiting || (next.at ?? 0) <= context.now
}

/** Rows of the key that wait behind this one are parked: their topic entries need not be kept. Behind an unsettled row wait older ones, too. */
export function blockOthers(context: WriteContext, first: StoredRow): void {
  context.connection.run(
    `UPDATE ledger INDEXED BY ledger_unfinished SET state = 4, at = NULL WHERE site = ? AND bucket_id = ? AND key = ?
     AND (version_id < ? OR (? = 1 AND version_id > ?)) AND unfinished = 1 AND state <= 1`,
    first.site,
    first.bucket_id,
    first.key,
    first.version_id,
    first.unsettled,
    first.version_id,
  )
}

export function uploadOf(context: WriteContext, row: StoredRow): string | null {
  if (row.uploading === 0) return null
  const found = context.connection.get<{ upload: string }>(
    'SELECT upload FROM ledger_uploads WHERE bucket_id = ? AND key = ? AND version_id = ? AND site = ?',
    row.bucket_id,
    row.key,
    row.version_id,
    row.site,
  )
  return found?.upload ?? null
}

export function saveUpload(context: WriteContext, row: StoredRow, upload: string): void {
  context.connection.run(
    `INSERT INTO ledger_uploads (bucket_id, key, version_id, site, upload) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (bucket_id, key, version_id, site) DO UPDATE SET upload = excluded.upload`,
    row.bucket_id,
    row.key,
    row.version_id,
    row.site,
    upload,
  )
  if (row.uploading === 0) markUploading(context, row, 1)
}

export function forgetUpload(context: WriteContext, row: StoredRow): void {
  if (row.uploading === 0) return
  context.connection.run(
    'DELETE FROM ledger_uploads WHERE bucket_id = ? AND key = ? AND version_id = ? AND site = ?',
    row.bucket_id,
    row.key,
    row.version_id,
    row.site,
  )
  markUploading(context, row, 0)
}

function markUploading(context: WriteContext, row: StoredRow, uploading: number): void {
  context.connection.run(
    'UPDATE ledger SET uploading = ? WHERE bucket_id = ? AND key = ? AND version_id = ? AND site = ?',
    uploading,
    row.bucket_id,
    row.key,
    row.version_id,
    row.site,
  )
}
