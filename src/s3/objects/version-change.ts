// Changes of what is said about a stored version (tags, retention, legal hold): made only if nothing else has changed it since it was read, with
// the replication that they need.
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { type ReplicationTrigger, replicationInfoFor } from '../../domain/replication-rule.ts'
import type { SeenRetention, VersionFields } from '../../metadata/metadata-store.ts'
import { noSuchBucket, type OpenBucket } from '../access/open-bucket.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { errorAnswer } from '../http/answer.ts'
import { shownVersionId } from './object-headers.ts'
import { findVersion, requestedVersion, type VersionAddress } from './version-address.ts'

/** A version of the request's key, or the answer to a request about a delete marker, which has nothing of its own. */
export type Found = { readonly record: VersionRecord } | { readonly refusal: Answer }

export async function findDescribed(call: Call, open: OpenBucket, address = requestedVersion(call)): Promise<Found> {
  const record = await findVersion(call, open, address)
  if (!record.isDeleteMarker) return { record }
  const error = refusedMarker(call, address === 'latest')
  const headers = ['x-amz-delete-marker', 'true', ...versionHeaders(open, record)]
  return { refusal: errorAnswer(error, call.requestId, call.target.rawPath, headers) }
}

function refusedMarker(call: Call, isLatest: boolean): ServiceError {
  if (isLatest && call.head.method === 'GET') return serviceError('NoSuchKey', { details: { Key: call.key } })
  return serviceError('MethodNotAllowed', { details: { Method: call.head.method, ResourceType: 'DeleteMarker' } })
}

export function versionHeaders(open: OpenBucket, record: VersionRecord): FlatHeaders {
  const versionId = shownVersionId(open.bucket, record)
  return versionId === undefined ? [] : ['x-amz-version-id', versionId]
}

export interface FieldChange {
  readonly originOp: string
  /** What of it is replicated. */
  readonly trigger: Exclude<ReplicationTrigger, 'write'>
  /** The new values for a version as it is. Throws what forbids the change. */
  readonly fields: (record: VersionRecord) => VersionFields
  /** Instead of the version that the request names as it should. */
  readonly address?: VersionAddress
  /** The change depends on the version's retention. */
  readonly guardRetention?: boolean
}

/** Attempts before giving up against other writers of the same version. */
const attemptsMax = 100

/** Changes the version that the request is about. */
export async function changeFields(call: Call, open: OpenBucket, change: FieldChange): Promise<Found> {
  const { bucket } = open
  const address = change.address ?? requestedVersion(call)
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const found = await findDescribed(call, open, address)
    if ('refusal' in found) return found
    const { record } = found
    const fields = change.fields(record)
    const result = await call.services.store.changeVersion({
      bucket: bucket.name,
      seenBucket: bucket,
      key: call.key,
      version: record.versionId,
      fields,
      originOp: change.originOp,
      replication: replicationOf(call, open, record, fields, change.trigger),
      seenRevision: record.revision,
      ...(change.guardRetention === true && { seenRetention: retentionOf(record) }),
    })
    if (result.outcome === 'changed') return found
    if (result.outcome === 'no-such-bucket') throw noSuchBucket(bucket.name)
  }
  throw serviceError('OperationAborted')
}

/** What replication a changed version needs; null: none, and what it had stays. */
export function replicationOf(
  call: Call,
  { bucket }: OpenBucket,
  { metadata }: VersionRecord,
  fields: VersionFields,
  trigger: Exclude<ReplicationTrigger, 'write'>,
) {
  return replicationInfoFor({
    configuration: bucket.replication,
    sites: call.services.sites,
    key: call.key,
    tags: fields.tags ?? metadata.tags,
    size: metadata['content-length'],
    isDeleteMarker: false,
    isMultipart: metadata['content-md5'].includes('-'),
    trigger,
    existing: metadata.replicationInfo,
  })
}

function retentionOf({ metadata }: VersionRecord): SeenRetention {
  return { mode: metadata.retentionMode ?? null, date: metadata.retentionDate ?? null }
}
