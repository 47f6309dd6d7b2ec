// The writer's side of buckets. A bucket that is gone leaves nothing behind under its internal id, so a bucket made again under the same name
// never meets rows of the former one.

import { type BucketSettings, changedSettings } from '../../domain/bucket-settings.ts'
import type { StoredRow } from '../ledger-form.ts'
import type { ChangeBucketResult } from '../metadata-store.ts'
import { bucketSettings, settingsText } from '../row-forms.ts'
import type { Request } from './commands.ts'
import { moveSums } from './ledger-rows.ts'
import { endUpload } from './upload-commands.ts'
import type { WriteContext } from './write-context.ts'

export function createBucket(context: WriteContext, request: Request<'create-bucket'>): 'created' | 'exists' {
  const { bucket } = request
  const made = context.connection.run(
    `INSERT INTO buckets (name, owner_id, owner_name, creation_date, location_constraint, versioning, settings) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (name) DO NOTHING`,
    bucket.name,
    bucket.ownerId,
    bucket.ownerDisplayName,
    bucket.creationDate,
    bucket.locationConstraint,
    bucket.versioning ?? 'Unversioned',
    settingsText(bucket.settings ?? {}),
  )
  if (made === 0) return 'exists'
  context.bucketChanged(bucket.name)
  return 'created'
}

export function changeBucket(context: WriteContext, request: Request<'change-bucket'>): ChangeBucketResult {
  const { name, seen, change } = request
  const bucket = context.bucket(name, seen)
  if (bucket === null) return 'no-such-bucket'
  if ('versioning' in change) {
    const needed = bucket.replicated || settingsOf(context, bucket.id).objectLock !== undefined
    if (change.versioning !== 'Enabled' && needed) return 'refused'
    context.connection.run('UPDATE buckets SET versioning = ? WHERE id = ?', change.versioning, bucket.id)
  } else if ('settings' in change) {
    const settings = changedSettings(settingsOf(context, bucket.id), change.settings)
    if (settings.objectLock !== undefined && bucket.versioning !== 'Enabled') return 'refused'
    context.connection.run('UPDATE buckets SET settings = ? WHERE id = ?', settingsText(settings), bucket.id)
  } else {
    if (change.replication !== null && bucket.versioning !== 'Enabled') return 'refused'
    const replication = change.replication === null ? null : JSON.stringify(change.replication)
    context.connection.run('UPDATE buckets SET replication = ? WHERE id = ?', replication, bucket.id)
  }
  context.bucketChanged(name)
  return 'changed'
}

function settingsOf(context: WriteContext, bucketId: number): BucketSettings {
  const row = context.connection.get<{ settings: string | null }>('SELECT settings FROM buckets WHERE id = ?', bucketId)
  return bucketSettings(row?.settings ?? null)
}

export function deleteBucket(
  context: WriteContext,
  request: Request<'delete-bucket'>,
): 'deleted' | 'no-such-bucket' | 'not-empty' {
  const bucket = context.bucket(request.name, request.seen)
  if (bucket === null) return 'no-such-bucket'
  if (context.connection.get('SELECT 1 FROM versions WHERE bucket_id = ? LIMIT 1', bucket.id) !== undefined)
    return 'not-empty'
  const uploads = context.connection.all<{ key: string; upload_id: string }>(
    'SELECT key, upload_id FROM uploads WHERE bucket_id = ?',
    bucket.id,
  )
  for (const { key, upload_id } of uploads) endUpload(context, bucket.id, key, upload_id, new Set())
  const rows = context.connection.all<StoredRow>('SELECT * FROM ledger WHERE bucket_id = ?', bucket.id)
  for (const row of rows) {
    moveSums(context, row, null)
    if (row.token !== null) context.dropClaim(row.token)
  }
  for (const table of ['ledger', 'ledger_uploads', 'applied'])
    context.connection.run(`DELETE FROM ${table} WHERE bucket_id = ?`, bucket.id)
  context.connection.run('DELETE FROM buckets WHERE id = ?', bucket.id)
  context.bucketChanged(request.name)
  return 'deleted'
}
