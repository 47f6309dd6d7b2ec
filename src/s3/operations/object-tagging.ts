// PutObjectTagging, GetObjectTagging and DeleteObjectTagging. A change of tags is a change of a stored version: it needs replication of its own,
// and it is made only if nothing else has changed the version since it was read.
import { serviceError } from '../../domain/errors.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { replicationInfoFor } from '../../domain/replication-rule.ts'
import { noSuchBucket, type OpenBucket, openBucket } from '../access.ts'
import { xmlAnswer } from '../answer.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { readDocument } from '../document-body.ts'
import { shownVersionId } from '../object-headers.ts'
import { noTags, parseTagging, type TagSet } from '../tag-set.ts'
import { findVersion, requestedVersion } from '../version-address.ts'
import { s3Namespace } from '../xml/writer.ts'

async function taggedVersion(call: Call, { bucket }: OpenBucket): Promise<VersionRecord> {
  const record = await findVersion(call, bucket.name, call.key, requestedVersion(call))
  if (record.isDeleteMarker) {
    throw serviceError('MethodNotAllowed', { details: { Method: call.head.method, ResourceType: 'DeleteMarker' } })
  }
  return record
}

function versionHeaders(open: OpenBucket, record: VersionRecord): FlatHeaders {
  const versionId = shownVersionId(open.bucket, record)
  return versionId === undefined ? [] : ['x-amz-version-id', versionId]
}

/** Attempts before giving up against other writers of the same version. */
const attemptsMax = 20

async function changeTags(
  call: Call,
  open: OpenBucket,
  tags: TagSet,
  trigger: 'put-tagging' | 'delete-tagging',
): Promise<FlatHeaders> {
  const { bucket } = open
  const originOp = trigger === 'put-tagging' ? 's3:ObjectTagging:Put' : 's3:ObjectTagging:Delete'
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const record = await taggedVersion(call, open)
    const { metadata } = record
    const replication = replicationInfoFor({
      configuration: bucket.replication,
      sites: call.services.sites,
      key: call.key,
      tags,
      size: metadata['content-length'],
      isDeleteMarker: false,
      isMultipart: metadata['content-md5'].includes('-'),
      trigger,
      existing: metadata.replicationInfo,
    })
    const result = await call.services.store.changeVersion({
      bucket: bucket.name,
      key: call.key,
      version: record.versionId,
      tags,
      originOp,
      replication,
      seenRevision: record.revision,
    })
    if (result.outcome === 'changed') return versionHeaders(open, record)
    if (result.outcome === 'no-such-bucket') throw noSuchBucket(bucket.name)
  }
  throw serviceError('OperationAborted')
}

export async function putObjectTagging(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const tags = parseTagging(await readDocument(call))
  return { status: 200, headers: await changeTags(call, open, tags, 'put-tagging') }
}

export async function deleteObjectTagging(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  return { status: 204, headers: await changeTags(call, open, noTags, 'delete-tagging') }
}

export async function getObjectTagging(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const record = await taggedVersion(call, open)
  const tags = Object.entries(record.metadata.tags).map(([key, value]) => ({ Key: key, Value: value }))
  return xmlAnswer('Tagging', { TagSet: { Tag: tags } }, versionHeaders(open, record), s3Namespace)
}
