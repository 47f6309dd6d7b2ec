// PutObjectAcl and GetObjectAcl, of the current version or of one that is named. A change of the list is a change of a stored version, made only if nothing
// else has changed it since it was read, with the replication that it needs.
import { serviceError } from '../../domain/errors.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { privateAcl } from '../access/acl.ts'
import { requestedAcl } from '../access/acl-body.ts'
import { aclDocument } from '../access/acl-xml.ts'
import { refuseAnonymous } from '../access/anonymous.ts'
import { noSuchBucket, noSuchKey, type OpenBucket, openBucket } from '../access/open-bucket.ts'
import { objectAcl, refuseBlocked } from '../access/written-object.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { shownVersionId } from '../objects/object-headers.ts'
import { findVersion, requestedVersion } from '../objects/version-address.ts'
import { replicationOf } from '../objects/version-change.ts'

/** Throws NoSuchKey, NoSuchVersion, MethodNotAllowed (a delete marker has no list). */
async function findListed(call: Call, open: OpenBucket): Promise<VersionRecord> {
  const address = requestedVersion(call)
  const record = await findVersion(call, open, address)
  if (!record.isDeleteMarker) return record
  if (address === 'latest') throw noSuchKey(call.key)
  throw serviceError('MethodNotAllowed', { details: { Method: call.head.method, ResourceType: 'DeleteMarker' } })
}

function versionHeaders(open: OpenBucket, record: VersionRecord): FlatHeaders {
  const versionId = shownVersionId(open.bucket, record)
  return versionId === undefined ? [] : ['x-amz-version-id', versionId]
}

/** Attempts before giving up against other writers of the same version. */
const attemptsMax = 100

export async function putObjectAcl(call: Call): Promise<Answer> {
  refuseAnonymous(call)
  const open = await openBucket(call)
  const { bucket } = open
  if (bucket.settings.ownership === 'BucketOwnerEnforced') throw serviceError('AccessControlListNotSupported')
  let record = await findListed(call, open)
  const acl = await requestedAcl(call, record.metadata['owner-id'])
  refuseBlocked(open, acl)
  const fields = { acl: objectAcl(acl) }
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const result = await call.services.store.changeVersion({
      bucket: bucket.name,
      key: call.key,
      version: record.versionId,
      fields,
      originOp: 's3:ObjectAcl:Put',
      replication: replicationOf(call, open, record, fields, 'put-acl'),
      seenRevision: record.revision,
    })
    if (result.outcome === 'changed') return { status: 200, headers: versionHeaders(open, record) }
    if (result.outcome === 'no-such-bucket') throw noSuchBucket(bucket.name)
    record = await findListed(call, open)
  }
  throw serviceError('OperationAborted')
}

export async function getObjectAcl(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const record = await findListed(call, open)
  const { bucket } = open
  const { metadata } = record
  const isEnforced = bucket.settings.ownership === 'BucketOwnerEnforced'
  const owner = isEnforced ? bucket.ownerId : metadata['owner-id']
  const name = isEnforced ? bucket.ownerDisplayName : metadata['owner-display-name']
  const acl = isEnforced ? privateAcl : metadata.acl
  const body = aclDocument(acl, { owner, bucketOwner: bucket.ownerId }, name, call.services.accounts)
  return { status: 200, headers: [...versionHeaders(open, record), 'Content-Type', 'application/xml'], body }
}
