// The writer's side of multipart uploads and of data that nobody needs any more.
import type { DataLocation } from '../../domain/object-metadata.ts'
import { isInlineKey } from '../../domain/object-metadata.ts'
import type { DataReference } from '../version-form.ts'
import type { PutPartCommand, Request } from './commands.ts'
import { discard, insertInline, refer } from './version-rows.ts'
import type { WriteContext } from './write-context.ts'

function hasUpload(context: WriteContext, bucketId: number, key: string, uploadId: string): boolean {
  const found = context.connection.get(
    'SELECT 1 FROM uploads WHERE bucket_id = ? AND key = ? AND upload_id = ?',
    bucketId,
    key,
    uploadId,
  )
  return found !== undefined
}

function referenceOf(locationJson: string): DataReference {
  const location: DataLocation = JSON.parse(locationJson)
  return { key: location.key, location: location.dataStoreName }
}

export function createUpload(context: WriteContext, request: Request<'create-upload'>): 'created' | 'no-such-bucket' {
  const { upload, seen } = request
  const bucket = context.bucket(upload.bucket, seen)
  if (bucket === null) return 'no-such-bucket'
  context.connection.run(
    'INSERT INTO uploads (bucket_id, key, upload_id, initiated, owner_id, owner_name, settings) VALUES (?, ?, ?, ?, ?, ?, ?)',
    bucket.id,
    upload.key,
    upload.uploadId,
    upload.initiated,
    upload.ownerId,
    upload.ownerDisplayName,
    upload.settings,
  )
  return 'created'
}

export function putPart(context: WriteContext, put: PutPartCommand): 'stored' | 'no-such-upload' {
  const bucket = context.bucket(put.bucket)
  if (bucket === null || !hasUpload(context, bucket.id, put.key, put.uploadId)) return 'no-such-upload'
  const { part } = put
  const former = context.connection.get<{ location: string }>(
    'SELECT location FROM parts WHERE upload_id = ? AND part_number = ?',
    put.uploadId,
    part.partNumber,
  )
  if (former !== undefined) discard(context, [referenceOf(former.location)])
  context.connection.run(
    'INSERT OR REPLACE INTO parts (upload_id, part_number, etag, size, last_modified, crc32, checksum, location) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    put.uploadId,
    part.partNumber,
    part.etag,
    part.size,
    part.lastModified,
    part.crc32,
    part.checksum === undefined ? null : JSON.stringify(part.checksum),
    JSON.stringify(part.location),
  )
  if (put.inline !== null) insertInline(context, put.inline)
  refer(context, part.location.key)
  return 'stored'
}

/**
 * Ends an upload: data of its parts that is not to be kept becomes garbage. False, with nothing changed, when there is no such upload or when
 * data to be kept is no longer that of a part: it was replaced since the caller read it, and may be removed any moment.
 */
export function endUpload(
  context: WriteContext,
  bucketId: number,
  key: string,
  uploadId: string,
  keep: ReadonlySet<string>,
): boolean {
  if (!hasUpload(context, bucketId, key, uploadId)) return false
  const parts = context.connection.all<{ location: string }>('SELECT location FROM parts WHERE upload_id = ?', uploadId)
  const references = parts.map(part => referenceOf(part.location))
  const present = new Set(references.map(item => item.key))
  for (const dataKey of keep) if (!present.has(dataKey)) return false
  discard(
    context,
    references.filter(item => !keep.has(item.key)),
  )
  context.connection.run('DELETE FROM parts WHERE upload_id = ?', uploadId)
  context.connection.run(
    'DELETE FROM uploads WHERE bucket_id = ? AND key = ? AND upload_id = ?',
    bucketId,
    key,
    uploadId,
  )
  return true
}

export function abortUpload(context: WriteContext, request: Request<'abort-upload'>): 'aborted' | 'no-such-upload' {
  const bucket = context.bucket(request.bucket)
  if (bucket === null) return 'no-such-upload'
  return endUpload(context, bucket.id, request.key, request.uploadId, new Set()) ? 'aborted' : 'no-such-upload'
}

/** Forgets garbage whose data was removed. Inline data is removed here: it lies in this database. */
export function forgetGarbage(context: WriteContext, request: Request<'forget-garbage'>): null {
  for (const id of request.ids) {
    const row = context.connection.get<{ data_key: string }>('SELECT data_key FROM garbage WHERE id = ?', id)
    if (row === undefined) continue
    if (isInlineKey(row.data_key)) context.connection.run('DELETE FROM inline_data WHERE data_key = ?', row.data_key)
    context.connection.run('DELETE FROM garbage WHERE id = ?', id)
  }
  return null
}

/** Most entries that one command trims, so that a long journal does not hold up the batch that is rid of it. */
const trimMax = 2_000

/** Answers whether there is more to trim. The newest entry stays: its sequence number must never come again. */
export function trimJournal(context: WriteContext, request: Request<'trim-journal'>): boolean {
  const bounds = context.connection.get<{ oldest: number | null; newest: number | null }>(
    'SELECT (SELECT min(sequence) FROM journal) AS oldest, (SELECT max(sequence) FROM journal) AS newest',
  )
  const { oldest = null, newest = null } = bounds ?? {}
  if (oldest === null || newest === null) return false
  const end = Math.min(request.sequence, newest - 1)
  const upTo = Math.min(end, oldest + trimMax - 1)
  context.connection.run('DELETE FROM journal WHERE sequence <= ?', upTo)
  return upTo < end
}
