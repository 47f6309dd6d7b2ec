// The writer's side of versions: put, replica, change, delete. Each reads what is there, decides, and changes version, journal, ledger rows,
// sums and garbage together; an outcome other than success has changed nothing.
import { isDeepStrictEqual } from 'node:util'
import { isLocked, keptLock, type LockFields } from '../../domain/object-lock.ts'
import type { ObjectMetadata } from '../../domain/object-metadata.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import { state } from '../ledger-form.ts'
import type {
  ChangeVersionResult,
  DeleteVersionResult,
  PutReplicaResult,
  PutVersionResult,
  SeenRetention,
  VersionFields,
} from '../metadata-store.ts'
import { dataOfPieces, nullKind, type VersionBody } from '../version-form.ts'
import type { ChangeVersionCommand, DeleteVersionCommand, PutReplicaCommand, PutVersionCommand } from './commands.ts'
import { changeRow, insertRow, moveSums, rowOf } from './ledger-rows.ts'
import { undelete } from './undelete.ts'
import { endUpload } from './upload-commands.ts'
import {
  conditionHolds,
  dataOf,
  discard,
  dropApplied,
  hasArrived,
  inlineIdOf,
  insertInline,
  insertVersion,
  journal,
  metadataOf,
  newestKnownId,
  newestOf,
  nullVersion,
  openRows,
  piecesOf,
  refer,
  removeVersion,
  type StoredVersion,
  stands,
  type VersionSlot,
  versionAt,
  type WholeVersion,
} from './version-rows.ts'
import type { WriteContext } from './write-context.ts'

const nullKinds = {
  Enabled: nullKind.none,
  Suspended: nullKind.suspended,
  Unversioned: nullKind.unversioned,
} as const

export function putVersion(context: WriteContext, put: PutVersionCommand): PutVersionResult {
  const bucket = context.bucket(put.bucket, put.seenBucket)
  if (bucket === null) return { outcome: 'no-such-bucket' }
  const { key, body } = put
  const kind = nullKinds[bucket.versioning]
  const current = newestOf(context, bucket.id, key)
  if (!conditionHolds(put.condition, current)) return { outcome: 'precondition-failed' }
  if (put.expires !== null && !canExpire(context, bucket.id, put.expires, current))
    return { outcome: 'precondition-failed' }
  const isFirst = current === undefined
  const replaced = isFirst || kind === nullKind.none ? undefined : nullVersion(context, bucket.id, key)
  const refusal = replaced === undefined ? null : refusedReplacement(context, bucket.id, put, replaced)
  if (refusal !== null) return { outcome: refusal }
  const keep = new Set(body.data.map(item => item.key))
  if (put.uploadId !== null && !endUpload(context, bucket.id, key, put.uploadId, keep))
    return { outcome: 'no-such-upload' }
  const newest =
    body.sites.length === 0 ? (current?.version_id ?? null) : newestKnownId(context, bucket.id, key, current)
  const versionId = context.newVersionId(newest)
  const slot = { bucketId: bucket.id, bucket: put.bucket, key, versionId, nullKind: kind }
  if (replaced !== undefined) removeVersion(context, bucket.id, key, replaced, keep)
  const revision = body.sites.length === 0 ? 0 : 1
  const inlineId = put.inline === null ? inlineIdOf(context, body.inlineKey) : insertInline(context, put.inline)
  insertVersion(context, slot, body, revision, inlineId)
  openRows(context, slot, body, revision, journal(context, 'put', slot, revision, written(body)))
  return { outcome: 'stored', versionId, isNull: kind !== nullKind.none, versioning: bucket.versioning }
}

/** Why a write may not replace the null version: a lock, or, if lifecycle writes, a copy of it that has not arrived. */
function refusedReplacement(
  context: WriteContext,
  bucketId: number,
  { expires, bypassGovernance }: PutVersionCommand,
  replaced: WholeVersion,
): 'locked' | 'precondition-failed' | null {
  if (isLocked(JSON.parse(replaced.metadata), { at: new Date(context.now).toISOString(), bypassGovernance }))
    return 'locked'
  return expires === null || hasArrived(context, bucketId, replaced) ? null : 'precondition-failed'
}

/** What is told of a version that was written. */
function written({ originOp: name, isDeleteMarker, etag, size }: VersionBody) {
  return isDeleteMarker ? { name, etag } : { name, etag, size }
}

function canExpire(
  context: WriteContext,
  bucketId: number,
  expires: string,
  current: StoredVersion | undefined,
): boolean {
  return current?.version_id === expires && hasArrived(context, bucketId, current)
}

export function putReplica(context: WriteContext, put: PutReplicaCommand): PutReplicaResult {
  const bucket = context.bucket(put.bucket, put.seenBucket)
  if (bucket === null) return { outcome: 'no-such-bucket' }
  const { key } = put
  const stored = versionAt(context, bucket.id, key, put.versionId ?? 'null')
  if (stored !== undefined) return replaceVersion(context, bucket.id, put, stored)
  if (put.keepLocation) return { outcome: 'no-such-version' }
  const newest = newestOf(context, bucket.id, key)?.version_id ?? null
  const versionId = put.versionId === null ? context.newVersionId(newest) : storedVersionId(put.versionId)
  const unversioned = bucket.versioning === 'Unversioned' ? nullKind.unversioned : nullKind.suspended
  const kind = put.versionId === null ? unversioned : nullKind.none
  const slot = { bucketId: bucket.id, bucket: put.bucket, key, versionId, nullKind: kind }
  insertVersion(context, slot, put.body, 0, inlineIdOf(context, put.body.inlineKey))
  journal(context, 'put', slot, 0, written(put.body))
  return { outcome: 'stored', versionId, isNull: kind !== nullKind.none }
}

/** Fields that stay with the stored bytes when only metadata is replicated. */
const dataFields = [
  'location',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-customer-algorithm',
  'dataStoreName',
] as const

function replaceVersion(
  context: WriteContext,
  bucketId: number,
  put: PutReplicaCommand,
  stored: StoredVersion,
): PutReplicaResult {
  const before = context.connection.get<{ metadata: string; replication: string | null; integrity: string | null }>(
    'SELECT metadata, replication, integrity FROM versions WHERE id = ?',
    stored.id,
  )
  const oldMetadata = before?.metadata ?? '{}'
  const isSame = tellsOf(put.body, stored)
  const metadata = replacement(context, put, oldMetadata, isSame)
  if (metadata === null) return { outcome: 'locked' }
  if (!isSame && (put.keepLocation || hasDataOf(metadata, oldMetadata))) return { outcome: 'other-data' }
  const integrity = integrityOfData(metadata, put.body.integrity, oldMetadata, before?.integrity ?? null)
  const body: VersionBody = { ...put.body, metadata, integrity }
  const result: PutReplicaResult = {
    outcome: 'stored',
    versionId: storedVersionId(stored.version_id),
    isNull: stored.null_kind !== nullKind.none,
  }
  if (oldMetadata === metadata && before?.replication === body.replication) return result
  context.versionChanged(bucketId, put.key)
  const { data: newData, inlineKey } = dataOfPieces(piecesOf(metadata))
  context.connection.run(
    `UPDATE versions SET is_delete_marker = ?, size = ?, etag = ?, last_modified = ?, storage_class = ?, owner_id = ?, owner_name = ?,
     origin_op = ?, metadata = ?, replication = ?, integrity = ?, inline_id = ? WHERE id = ?`,
    body.isDeleteMarker ? 1 : 0,
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
    inlineIdOf(context, inlineKey),
    stored.id,
  )
  const kept = new Set(newData.map(item => item.key))
  for (const item of newData) refer(context, item.key)
  discard(
    context,
    dataOf(oldMetadata).filter(item => !kept.has(item.key)),
  )
  const versionId = result.versionId
  const slot = { bucketId, bucket: put.bucket, key: put.key, versionId, nullKind: stored.null_kind }
  journal(context, 'put', slot, stored.revision, written(body))
  return result
}

/** Whether metadata tells of the very object that is stored. */
function tellsOf(body: VersionBody, stored: StoredVersion): boolean {
  const isMarker = stored.is_delete_marker === 1
  return body.isDeleteMarker === isMarker && body.size === stored.size && body.etag === stored.etag
}

/** Whether the bytes of one are those of the other. */
function hasDataOf(metadata: string, other: string): boolean {
  const data = dataOf(metadata)
  return data.length > 0 && isDeepStrictEqual(data, dataOf(other))
}

/** The metadata that takes the place of a stored version's; null where object lock keeps the version and it tells of something else. */
function replacement(
  context: WriteContext,
  { body, keepLocation }: PutReplicaCommand,
  before: string,
  isSame: boolean,
): string | null {
  const old: LockFields = JSON.parse(before)
  const at = new Date(context.now).toISOString()
  if (!isLocked(old, { at, bypassGovernance: false })) {
    return keepLocation ? withDataOf(body.metadata, before) : body.metadata
  }
  if (!isSame) return null
  // The same bytes once more (an answer was lost): those that are here stay.
  const metadata: LockFields = JSON.parse(withDataOf(body.metadata, before))
  return JSON.stringify({ ...metadata, ...keptLock(old, metadata, at) })
}

/** The checks that go with the data of this metadata: the former ones only with the former data, of which no others are as sure. */
function integrityOfData(
  metadata: string,
  given: string | null,
  oldMetadata: string,
  stored: string | null,
): string | null {
  const isSame = isDeepStrictEqual(dataOf(metadata), dataOf(oldMetadata))
  if (!isSame || stored === null) return given
  return given === null ? stored : JSON.stringify({ ...JSON.parse(given), ...JSON.parse(stored) })
}

function withDataOf(metadata: string, stored: string): string {
  const fresh: Record<string, unknown> = JSON.parse(metadata)
  const before: Record<string, unknown> = JSON.parse(stored)
  for (const name of dataFields) {
    if (before[name] === undefined) delete fresh[name]
    else fresh[name] = before[name]
  }
  return JSON.stringify(fresh)
}

function withFields(metadata: string, fields: VersionFields): string {
  const changed: Record<string, unknown> = JSON.parse(metadata)
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) delete changed[name]
    else changed[name] = value
  }
  return JSON.stringify(changed)
}

function retentionIs(seen: SeenRetention | null, metadata: string): boolean {
  if (seen === null) return true
  const { retentionMode, retentionDate }: Pick<ObjectMetadata, 'retentionMode' | 'retentionDate'> = JSON.parse(metadata)
  return (retentionMode ?? null) === seen.mode && (retentionDate ?? null) === seen.date
}

export function changeVersion(context: WriteContext, change: ChangeVersionCommand): ChangeVersionResult {
  const bucket = context.bucket(change.bucket, change.seenBucket)
  if (bucket === null) return { outcome: 'no-such-bucket' }
  const { key } = change
  const stored = versionAt(context, bucket.id, key, change.version)
  if (stored === undefined) return { outcome: 'no-such-version' }
  const before = metadataOf(context, stored.id)
  if (stored.revision !== change.seenRevision || !retentionIs(change.seenRetention, before)) {
    return { outcome: 'conflict' }
  }
  const metadata = withFields(before, change.fields)
  const revision = change.replication === null ? stored.revision : stored.revision + 1
  context.versionChanged(bucket.id, key)
  context.connection.run(
    'UPDATE versions SET metadata = ?, origin_op = ?, replication = COALESCE(?, replication), revision = ? WHERE id = ?',
    metadata,
    change.originOp,
    change.replication,
    revision,
    stored.id,
  )
  const versionId = storedVersionId(stored.version_id)
  const slot = { bucketId: bucket.id, bucket: change.bucket, key, versionId, nullKind: stored.null_kind }
  const { etag, size } = stored
  const sequence = journal(context, 'put', slot, revision, { name: change.originOp, etag, size })
  for (const site of change.sites) raiseRow(context, slot, stored, site, revision, sequence)
  return { outcome: 'changed', revision }
}

/** The site's row has new work; a task that has it claimed finds the newer revision when it reports. */
function raiseRow(
  context: WriteContext,
  slot: VersionSlot,
  version: StoredVersion,
  site: string,
  revision: number,
  sequence: number,
): void {
  const { bucketId, key, versionId } = slot
  const row = rowOf(context, bucketId, key, versionId, site)
  if (row === undefined) {
    const isDeleteMarker = version.is_delete_marker === 1
    const size =
      context.connection.get<{ size: number }>('SELECT size FROM versions WHERE id = ?', version.id)?.size ?? 0
    insertRow(context, { bucketId, key, versionId, site, revision, isDeleteMarker, size, sequence })
    return
  }
  const raised = { revision, attempts: 0, createdAt: context.now, reason: null }
  if (row.state === state.claimed) {
    changeRow(context, row, { ...raised, state: row.state, at: row.at ?? context.now })
    return
  }
  moveSums(context, row, state.pending)
  changeRow(context, row, { ...raised, state: state.pending, at: sequence })
}

export function deleteVersion(context: WriteContext, remove: DeleteVersionCommand): DeleteVersionResult {
  const bucket = context.bucket(remove.bucket, remove.seenBucket)
  if (bucket === null) return { outcome: 'no-such-bucket' }
  if (remove.whileUnversioned && bucket.versioning !== 'Unversioned') return { outcome: 'versioned' }
  const { key } = remove
  const stored = versionAt(context, bucket.id, key, remove.version)
  if (!conditionHolds(remove.condition, stored)) return { outcome: 'precondition-failed' }
  if (stored === undefined) return { outcome: 'absent' }
  const metadata = metadataOf(context, stored.id)
  if (remove.unlessLocked !== null && isLocked(JSON.parse(metadata), remove.unlessLocked)) return { outcome: 'locked' }
  if (
    remove.onlyIf !== null &&
    !(stands(context, bucket.id, stored, remove.onlyIf) && hasArrived(context, bucket.id, stored))
  )
    return { outcome: 'kept' }
  removeVersion(context, bucket.id, key, { ...stored, metadata }, new Set())
  dropApplied(context, bucket.id, key)
  undelete(context, bucket, remove.bucket, key)
  const versionId = storedVersionId(stored.version_id)
  const slot = { bucketId: bucket.id, bucket: remove.bucket, key, versionId, nullKind: stored.null_kind }
  const name = remove.onlyIf === null ? 's3:ObjectRemoved:Delete' : 's3:LifecycleExpiration:Delete'
  journal(context, 'delete', slot, stored.revision, { name })
  return { outcome: 'deleted', wasDeleteMarker: stored.is_delete_marker === 1 }
}
