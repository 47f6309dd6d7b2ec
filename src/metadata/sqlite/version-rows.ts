// Rows of versions and of what hangs on them (data, journal, ledger rows): the steps that the version commands are made of. Each runs inside
// the transaction of its command.
import type { JournalEntry } from '../../domain/entry.ts'
import type { DataLocation } from '../../domain/object-metadata.ts'
import { isInlineKey } from '../../domain/object-metadata.ts'
import type { VersionId } from '../../domain/version-id.ts'
import { eventText, type StoredEvent } from '../event-form.ts'
import { isOpen, type StoredRow, sourceGone, state } from '../ledger-form.ts'
import type { InlineData, VersionStanding, WriteCondition } from '../metadata-store.ts'
import { type DataReference, dataOfPieces, type VersionBody } from '../version-form.ts'
import { changeRow, endRow, insertRow, moveSums, rowColumns, unblockNext } from './ledger-rows.ts'
import type { WriteContext } from './write-context.ts'

export interface StoredVersion {
  readonly id: number
  readonly version_id: string
  readonly null_kind: number
  readonly is_delete_marker: number
  readonly revision: number
  readonly etag: string
  readonly key: string
  readonly size: number
  readonly last_modified: string
}

/** With its metadata text. */
export type WholeVersion = StoredVersion & { readonly metadata: string }

const versionColumns = 'id, key, version_id, null_kind, is_delete_marker, revision, etag, size, last_modified'

export function newestOf(context: WriteContext, bucketId: number, key: string): StoredVersion | undefined {
  return context.connection.get<StoredVersion>(
    `SELECT ${versionColumns} FROM versions WHERE bucket_id = ? AND key = ? ORDER BY version_id LIMIT 1`,
    bucketId,
    key,
  )
}

/** Finds a version by `null`, `latest` or its id. */
export function versionAt(
  context: WriteContext,
  bucketId: number,
  key: string,
  address: string,
): StoredVersion | undefined {
  if (address === 'latest') return newestOf(context, bucketId, key)
  if (address === 'null')
    return context.connection.get<StoredVersion>(
      `SELECT ${versionColumns} FROM versions WHERE bucket_id = ? AND key = ? AND null_kind > 0`,
      bucketId,
      key,
    )
  return context.connection.get<StoredVersion>(
    `SELECT ${versionColumns} FROM versions WHERE bucket_id = ? AND key = ? AND version_id = ?`,
    bucketId,
    key,
    address,
  )
}

/** The null version of a key. */
export function nullVersion(context: WriteContext, bucketId: number, key: string): WholeVersion | undefined {
  return context.connection.get<WholeVersion>(
    `SELECT ${versionColumns}, metadata FROM versions WHERE bucket_id = ? AND key = ? AND null_kind > 0`,
    bucketId,
    key,
  )
}

/** Whether a write's condition holds for a version; a delete marker is as good as nothing. */
export function conditionHolds(condition: WriteCondition | null, stored: StoredVersion | undefined): boolean {
  if (condition === null) return true
  const { ifMatch, ifNoneMatch, ifModified, ifSize } = condition
  const orAbsent = condition.orAbsent === true
  if (stored === undefined && orAbsent) return true
  if (stored === undefined || stored.is_delete_marker === 1) {
    const anyMatches = ifMatch === undefined || (orAbsent && ifMatch.includes('*'))
    return anyMatches && ifModified === undefined && ifSize === undefined
  }
  const matches = (wanted: readonly string[]): boolean => wanted.includes('*') || wanted.includes(stored.etag)
  return (
    (ifMatch === undefined || matches(ifMatch)) &&
    (ifNoneMatch === undefined || !matches(ifNoneMatch)) &&
    (ifModified === undefined || stored.last_modified.startsWith(ifModified)) &&
    (ifSize === undefined || stored.size === ifSize)
  )
}

/** Whether a version stands so among those of its key. */
export function stands(
  context: WriteContext,
  bucketId: number,
  version: StoredVersion,
  standing: VersionStanding,
): boolean {
  const isCurrent = newestOf(context, bucketId, version.key)?.version_id === version.version_id
  if (standing === 'noncurrent') return !isCurrent
  if (!isCurrent || standing === 'current') return isCurrent
  const other = 'SELECT 1 FROM versions WHERE bucket_id = ? AND key = ? AND version_id <> ? LIMIT 1'
  return context.connection.get(other, bucketId, version.key, version.version_id) === undefined
}

/** Whether the version has come to every site that it goes to, or was skipped there. */
export function hasArrived(context: WriteContext, bucketId: number, version: StoredVersion): boolean {
  if (version.revision === 0) return true
  const { key, version_id: versionId } = version
  const missing = context.connection.get(
    `SELECT 1 FROM ledger WHERE bucket_id = ? AND key = ? AND version_id = ? AND (open = 1 OR state = ${state.quarantined}) LIMIT 1`,
    bucketId,
    key,
    versionId,
  )
  return missing === undefined
}

/**
 * The newest id that the key ever had, as far as anybody still knows: a deleted version may have been applied at a site, and the next one must
 * come after it even if the clock was set back.
 */
export function newestKnownId(
  context: WriteContext,
  bucketId: number,
  key: string,
  current: StoredVersion | undefined,
): string | null {
  const row = context.connection.get<{ ledger: string | null; applied: string | null }>(
    `SELECT (SELECT version_id FROM ledger WHERE bucket_id = ?1 AND key = ?2 ORDER BY version_id LIMIT 1) AS ledger,
     (SELECT min(version_id) FROM applied WHERE bucket_id = ?1 AND key = ?2) AS applied`,
    bucketId,
    key,
  )
  const known = [current?.version_id, row?.ledger, row?.applied].filter(id => typeof id === 'string')
  return known.length === 0 ? null : known.reduce((a, b) => (a < b ? a : b))
}

export interface VersionSlot {
  readonly bucketId: number
  readonly bucket: string
  readonly key: string
  readonly versionId: VersionId
  readonly nullKind: number
}

export function insertVersion(
  context: WriteContext,
  slot: VersionSlot,
  body: VersionBody,
  revision: number,
  inlineId: number | null,
): void {
  context.connection.run(
    `INSERT INTO versions (bucket_id, key, version_id, null_kind, is_delete_marker, revision, size, etag, last_modified, storage_class,
     owner_id, owner_name, origin_op, metadata, replication, integrity, inline_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    slot.bucketId,
    slot.key,
    slot.versionId,
    slot.nullKind,
    body.isDeleteMarker ? 1 : 0,
    revision,
    body.size,
    body.etag,
    body.lastModified,
    body.storageClass,
    body.ownerId,
    body.ownerName,
    body.originOp,
    body.metadata,
    body.replication,
    body.integrity,
    inlineId,
  )
  for (const item of body.data) refer(context, item.key)
}

/** Adds bytes that are kept in the database; answers where. */
export function insertInline(context: WriteContext, { key, bytes }: InlineData): number {
  return context.connection.insert('INSERT INTO inline_data (data_key, bytes) VALUES (?, ?)', key, bytes)
}

/** Where bytes of that name are, for the version that has no others. */
export function inlineIdOf(context: WriteContext, key: string | null): number | null {
  if (key === null) return null
  return context.connection.get<{ id: number }>('SELECT id FROM inline_data WHERE data_key = ?', key)?.id ?? null
}

/** Inline data needs no entry: only files are ever looked for by the sweep. */
export function refer(context: WriteContext, dataKey: string): void {
  if (!isInlineKey(dataKey))
    context.connection.run('INSERT INTO data_references (data_key) VALUES (?) ON CONFLICT DO NOTHING', dataKey)
}

export function discard(context: WriteContext, data: readonly DataReference[]): void {
  for (const item of data) {
    context.connection.run('INSERT INTO garbage (data_key, location) VALUES (?, ?)', item.key, item.location)
    if (!isInlineKey(item.key)) context.connection.run('DELETE FROM data_references WHERE data_key = ?', item.key)
  }
}

/** What of a stored version's metadata text names its data. */
export function dataOf(metadata: string): readonly DataReference[] {
  return dataOfPieces(piecesOf(metadata)).data
}

export function piecesOf(metadata: string): readonly DataLocation[] {
  const parsed: { location?: readonly DataLocation[] | null } = JSON.parse(metadata)
  return parsed.location ?? []
}

export function metadataOf(context: WriteContext, id: number): string {
  return (
    context.connection.get<{ metadata: string }>('SELECT metadata FROM versions WHERE id = ?', id)?.metadata ?? '{}'
  )
}

/** Adds a journal entry, with what it tells (null: nothing) if its bucket tells of events; answers its sequence. */
export function journal(
  context: WriteContext,
  type: JournalEntry['type'],
  slot: VersionSlot,
  revision: number,
  event: Omit<StoredEvent, 'version'> | null,
): number {
  context.journaled = true
  const isTold = event !== null && context.bucket(slot.bucket)?.notified === true
  const told = isTold ? eventText(event, slot.nullKind) : null
  return context.connection.insert(
    'INSERT INTO journal (at, type, bucket_id, bucket, key, version_id, revision, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    context.now,
    type,
    slot.bucketId,
    slot.bucket,
    slot.key,
    slot.versionId,
    revision,
    told,
  )
}

export function openRows(
  context: WriteContext,
  slot: VersionSlot,
  body: VersionBody,
  revision: number,
  sequence: number,
): void {
  const { bucketId, key, versionId } = slot
  const { isDeleteMarker, size } = body
  for (const site of body.sites)
    insertRow(context, { bucketId, key, versionId, site, revision, isDeleteMarker, size, sequence })
}

/** Removes a version with its data and its ledger rows; `keep` names data that a new version takes over. */
export function removeVersion(
  context: WriteContext,
  bucketId: number,
  key: string,
  version: WholeVersion,
  keep: ReadonlySet<string>,
): void {
  const data = version.is_delete_marker === 1 ? [] : dataOf(version.metadata)
  context.versionChanged(bucketId, key)
  context.connection.run('DELETE FROM versions WHERE id = ?', version.id)
  discard(
    context,
    data.filter(item => !keep.has(item.key)),
  )
  if (version.revision === 0) return
  const rows = context.connection.all<StoredRow>(
    `SELECT ${rowColumns} FROM ledger WHERE bucket_id = ? AND key = ? AND version_id = ?`,
    bucketId,
    key,
    version.version_id,
  )
  for (const row of rows) endWithSource(context, row)
}

/**
 * The row of a version that is no more. One that a task has claimed stays until the task tells how it ended: no newer version may be written
 * meanwhile. One with an upload begun at the destination, or a write of unknown outcome, stays to be worked on: somebody has to abort the
 * upload, or to find out what is there.
 */
function endWithSource(context: WriteContext, row: StoredRow): void {
  if (row.state === state.claimed || row.state === state.reported) return
  if (!isOpen(row.state)) {
    moveSums(context, row, null)
    context.connection.run(
      'DELETE FROM ledger WHERE bucket_id = ? AND key = ? AND version_id = ? AND site = ?',
      row.bucket_id,
      row.key,
      row.version_id,
      row.site,
    )
    return
  }
  if (row.uploading === 1 || row.unsettled === 1) {
    changeRow(context, row, { state: state.loose, at: context.now })
    return
  }
  endRow(context, row, state.skipped, { reason: sourceGone(context.now), unsettled: 0, isOrphan: true })
  unblockNext(context, row.site, row.bucket_id, row.key)
}

/** Forgets what sites have applied of a key that is gone here and has no open row. */
export function dropApplied(context: WriteContext, bucketId: number, key: string): void {
  context.connection.run(
    `DELETE FROM applied WHERE bucket_id = ?1 AND key = ?2 AND NOT EXISTS (SELECT 1 FROM versions WHERE bucket_id = ?1 AND key = ?2)
     AND NOT EXISTS (SELECT 1 FROM ledger WHERE site = applied.site AND bucket_id = ?1 AND key = ?2 AND unfinished = 1)`,
    bucketId,
    key,
  )
}
