// DeleteObject: a delete marker where the bucket keeps versions, a real deletion where it does not or where a version is named. The same
// work serves DeleteObjects, key by key.

import type { Account } from '../../accounts/account-directory.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import type { LockCheck } from '../../domain/object-lock.ts'
import { encodeVersionId } from '../../domain/version-id.ts'
import type { DeleteVersion, DeleteVersionResult, WriteCondition } from '../../metadata/metadata-store.ts'
import { noSuchBucket, openBucket } from '../access/open-bucket.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { headerValue, notImplemented } from '../http/answer.ts'
import { deleteCondition } from '../objects/conditions.ts'
import { lockCheck, lockedVersion } from '../objects/object-lock.ts'
import { newMetadata, noSettings } from '../objects/object-settings.ts'
import { requestedVersion, type VersionAddress } from '../objects/version-address.ts'
import { commitVersion, replicationOfWrite } from './put-object.ts'

export interface Deletion {
  readonly key: string
  readonly version: VersionAddress
  readonly condition?: WriteCondition
  readonly lock: LockCheck
}

export interface Deleted {
  /** A marker was made, or the version that was deleted was one. */
  readonly deleteMarker: boolean
  /** Id of the marker made, or of the version deleted; undefined without versioning. */
  readonly versionId?: string
}

export async function deleteOne(call: Call, bucket: Bucket, account: Account, deletion: Deletion): Promise<Deleted> {
  if (deletion.version !== 'latest') return deleteVersion(call, bucket, deletion, deletion.version)
  const isGone = bucket.versioning === 'Unversioned' && (await deleteOnly(call, bucket, deletion))
  return isGone ? { deleteMarker: false } : addDeleteMarker(call, bucket, account, deletion)
}

/** Deletes what a bucket without versions has of a key; false, with nothing done, in one that has come to keep versions. */
async function deleteOnly(call: Call, bucket: Bucket, deletion: Deletion): Promise<boolean> {
  return (await removed(call, bucket, deletion, { version: 'null', whileUnversioned: true })).outcome !== 'versioned'
}

async function deleteVersion(
  call: Call,
  bucket: Bucket,
  deletion: Deletion,
  version: Exclude<VersionAddress, 'latest'>,
): Promise<Deleted> {
  const result = await removed(call, bucket, deletion, { version })
  const deleteMarker = result.outcome === 'deleted' && result.wasDeleteMarker
  return { deleteMarker, versionId: version === 'null' ? 'null' : encodeVersionId(version) }
}

/** Throws NoSuchBucket, AccessDenied (a lock), PreconditionFailed. */
async function removed(
  call: Call,
  bucket: Bucket,
  { key, condition, lock }: Deletion,
  what: Pick<DeleteVersion, 'version' | 'whileUnversioned'>,
): Promise<DeleteVersionResult> {
  const result = await call.services.store.deleteVersion({
    ...what,
    bucket: bucket.name,
    seenBucket: bucket,
    key,
    ...(condition === undefined ? undefined : { condition }),
    unlessLocked: lock,
  })
  if (result.outcome === 'locked') throw lockedVersion()
  if (result.outcome === 'no-such-bucket') throw noSuchBucket(bucket.name)
  if (result.outcome === 'precondition-failed') {
    throw serviceError('PreconditionFailed', { details: { Condition: 'If-Match' } })
  }
  return result
}

async function addDeleteMarker(call: Call, bucket: Bucket, account: Account, deletion: Deletion): Promise<Deleted> {
  const { key, condition, lock } = deletion
  const version = { key, tags: noSettings.tags, size: 0, isDeleteMarker: true }
  const metadata = newMetadata({
    key,
    account,
    settings: noSettings,
    size: 0,
    etag: 'd41d8cd98f00b204e9800998ecf8427e',
    location: null,
    dataStoreName: bucket.locationConstraint,
    replicationInfo: replicationOfWrite(call, bucket, account, version),
    originOp: 's3:ObjectRemoved:DeleteMarkerCreated',
    now: call.services.world.clock.now(),
    isDeleteMarker: true,
  })
  const result = await commitVersion(call, {
    bucket: bucket.name,
    seenBucket: bucket,
    key,
    metadata,
    integrity: null,
    bypassGovernance: lock.bypassGovernance,
    ...(condition === undefined ? undefined : { condition }),
  })
  return { deleteMarker: true, versionId: result.isNull ? 'null' : encodeVersionId(result.versionId) }
}

export async function deleteObject(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const { bucket, account } = open
  if (call.headers.has('x-amz-mfa')) throw notImplemented('x-amz-mfa')
  const condition = deleteCondition({
    etag: call.headers.get('if-match'),
    modified: call.headers.get('x-amz-if-match-last-modified-time'),
    size: call.headers.get('x-amz-if-match-size'),
  })
  const deleted = await deleteOne(call, bucket, account, {
    key: call.key,
    version: requestedVersion(call),
    lock: lockCheck(call, open),
    ...(condition !== undefined && { condition }),
  })
  const headers: FlatHeaders = []
  if (deleted.deleteMarker) headers.push('x-amz-delete-marker', 'true')
  const versionId = call.query.get('versionId') ?? deleted.versionId
  if (versionId !== undefined) headers.push('x-amz-version-id', headerValue(versionId))
  return { status: 204, headers }
}
