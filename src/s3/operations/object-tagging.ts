// PutObjectTagging, GetObjectTagging and DeleteObjectTagging. A change of tags is a change of a stored version: it needs replication of its own,
// and it is made only if nothing else has changed the version since it was read.
import { serviceError } from '../../domain/errors.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { replicationInfoFor } from '../../domain/replication-rule.ts'
import { noSuchBucket, type OpenBucket, openBucket } from '../access/open-bucket.ts'
import { errorAnswer, xmlAnswer } from '../answer.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { readDocument } from '../document-body.ts'
import { shownVersionId } from '../object-headers.ts'
import { noTags, parseTagging, type TagSet } from '../tag-set.ts'
import { findVersion, requestedVersion } from '../version-address.ts'
import { s3Namespace } from '../xml/writer.ts'

/** The version with these tags, or the answer to a request for tags of a delete marker, which has none. */
type Found = { readonly record: VersionRecord } | { readonly refusal: Answer }

async function findTagged(call: Call, open: OpenBucket): Promise<Found> {
  const address = requestedVersion(call)
  const record = await findVersion(call, open, address)
  if (!record.isDeleteMarker) return { record }
  const error =
    address === 'latest' && call.head.method === 'GET'
      ? serviceError('NoSuchKey', { details: { Key: call.key } })
      : serviceError('MethodNotAllowed', { details: { Method: call.head.method, ResourceType: 'DeleteMarker' } })
  const headers = ['x-amz-delete-marker', 'true', ...versionHeaders(open, record)]
  return { refusal: errorAnswer(error, call.requestId, call.target.rawPath, headers) }
}

function versionHeaders(open: OpenBucket, record: VersionRecord): FlatHeaders {
  const versionId = shownVersionId(open.bucket, record)
  return versionId === undefined ? [] : ['x-amz-version-id', versionId]
}

/** Attempts before giving up against other writers of the same version. */
const attemptsMax = 100

async function changeTags(
  call: Call,
  open: OpenBucket,
  tags: TagSet,
  trigger: 'put-tagging' | 'delete-tagging',
): Promise<Answer> {
  const { bucket } = open
  const originOp = trigger === 'put-tagging' ? 's3:ObjectTagging:Put' : 's3:ObjectTagging:Delete'
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const found = await findTagged(call, open)
    if ('refusal' in found) return found.refusal
    const { record } = found
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
      fields: { tags },
      originOp,
      replication,
      seenRevision: record.revision,
    })
    if (result.outcome === 'changed')
      return { status: trigger === 'put-tagging' ? 200 : 204, headers: versionHeaders(open, record) }
    if (result.outcome === 'no-such-bucket') throw noSuchBucket(bucket.name)
  }
  throw serviceError('OperationAborted')
}

export async function putObjectTagging(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const tags = parseTagging(await readDocument(call))
  return changeTags(call, open, tags, 'put-tagging')
}

export async function deleteObjectTagging(call: Call): Promise<Answer> {
  return changeTags(call, await openBucket(call), noTags, 'delete-tagging')
}

export async function getObjectTagging(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const found = await findTagged(call, open)
  if ('refusal' in found) return found.refusal
  const { record } = found
  const tags = Object.entries(record.metadata.tags).map(([key, value]) => ({ Key: key, Value: value }))
  return xmlAnswer('Tagging', { TagSet: { Tag: tags } }, versionHeaders(open, record), s3Namespace)
}
