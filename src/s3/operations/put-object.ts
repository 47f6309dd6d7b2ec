// PutObject: one pass over the body, then one step in the store that makes the version, its journal entry and its replication work. Until
// that step nothing of the object exists; after it, it survives any crash.

import type { Account } from '../../accounts/account-directory.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { AccessControlList } from '../../domain/object-metadata.ts'
import { noReplication, type ReplicationInfo } from '../../domain/replication-info.ts'
import { replicationInfoFor } from '../../domain/replication-rule.ts'
import { encodeVersionId } from '../../domain/version-id.ts'
import type { PutVersion, PutVersionResult } from '../../metadata/metadata-store.ts'
import { noSuchBucket, noSuchKey, openBucket } from '../access/open-bucket.ts'
import { accessOfWrite, refuseBlocked } from '../access/written-object.ts'
import { checksumHeaders, openPayload, type PayloadFacts } from '../auth/payload-check.ts'
import { bucketNow } from '../bucket-change.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { encryptionCheck, storedEncryption } from '../encryption/sealing.ts'
import { encryptionHeaders, encryptionOfWrite } from '../encryption/write-encryption.ts'
import { invalidArgument } from '../http/answer.ts'
import { defaultChecksum } from '../objects/checksum-request.ts'
import { writeCondition } from '../objects/conditions.ts'
import { pushExpiration } from '../objects/expiry-headers.ts'
import { integrityOf, receiveData } from '../objects/object-data.ts'
import { quoted } from '../objects/object-headers.ts'
import { checkRequestedLock, lockedVersion, lockFields } from '../objects/object-lock.ts'
import { newMetadata, readSettings } from '../objects/object-settings.ts'

/** Replication of a written version. What service accounts write is not replicated on, except what they ingest. */
export function replicationOfWrite(
  call: Call,
  bucket: Bucket,
  account: Account | null,
  version: {
    readonly key: string
    readonly tags: Readonly<Record<string, string>>
    readonly size: number
    readonly isDeleteMarker?: boolean
    readonly isMultipart?: boolean
  },
): ReplicationInfo {
  if (bucket.replication === null) return noReplication
  if (account?.service !== undefined && account.service !== 'md-ingestion') return noReplication
  const info = replicationInfoFor({
    configuration: bucket.replication,
    sites: call.services.sites,
    key: version.key,
    tags: version.tags,
    size: version.size,
    isDeleteMarker: version.isDeleteMarker ?? false,
    isMultipart: version.isMultipart ?? false,
    trigger: 'write',
  })
  return info ?? noReplication
}

/** Stores a version; turns the store's refusals into the client's. */
export async function commitVersion(call: Call, put: PutVersion): Promise<PutVersionResult & { outcome: 'stored' }> {
  const result = await call.services.store.putVersion(put)
  switch (result.outcome) {
    case 'stored':
      return result
    case 'no-such-bucket':
      throw noSuchBucket(put.bucket)
    case 'no-such-upload':
      throw serviceError('NoSuchUpload')
    case 'locked':
      throw lockedVersion()
    case 'precondition-failed':
      throw await preconditionFailed(call, put)
  }
}

/** What must match needs an object: without one S3 answers NoSuchKey. */
async function preconditionFailed(call: Call, put: PutVersion): Promise<Error> {
  if (put.condition?.ifMatch !== undefined && !put.metadata.isDeleteMarker) {
    const current = await call.services.store.version({ bucket: put.bucket, key: put.key, version: 'latest' })
    if (current === null || current.isDeleteMarker) return noSuchKey(put.key)
  }
  const condition = put.condition?.ifNoneMatch === undefined ? 'If-Match' : 'If-None-Match'
  return serviceError('PreconditionFailed', { details: { Condition: condition } })
}

/** The id of a written version as S3 answers it: only where the bucket gives ids, not of the null version of one whose versioning is suspended. */
export function writtenVersionId(result: PutVersionResult & { outcome: 'stored' }): string | undefined {
  return result.versioning === 'Enabled' ? encodeVersionId(result.versionId) : undefined
}

/** The version id header of a write's answer. */
export function pushVersionId(headers: FlatHeaders, result: PutVersionResult & { outcome: 'stored' }): void {
  const versionId = writtenVersionId(result)
  if (versionId !== undefined) headers.push('x-amz-version-id', versionId)
}

/** The checksum header of a write's answer. */
export function pushChecksum(headers: FlatHeaders, facts: PayloadFacts): void {
  if (facts.checksum === undefined) return
  headers.push(checksumHeaders[facts.checksum.algorithm], facts.checksum.value)
  headers.push('x-amz-checksum-type', facts.checksum.type)
}

/** Checks the declared size of a body that becomes an object or a part. Throws MissingContentLength, EntityTooLarge. */
export function checkUploadSize(decodedLength: number | undefined, max: number): void {
  if (decodedLength === undefined) throw serviceError('MissingContentLength')
  if (decodedLength > max) {
    const details = { ProposedSize: String(decodedLength), MaxSizeAllowed: String(max) }
    throw serviceError('EntityTooLarge', { details })
  }
}

/** A write of an object that also names a version or a part is a mistake of its client. Throws InvalidArgument. */
export function refuseParameters(call: Call): void {
  for (const name of ['versionId', 'partNumber']) {
    const value = call.query.get(name)
    if (value === undefined) continue
    throw name === 'partNumber'
      ? invalidArgument('This operation does not accept partNumber without uploadId', name, name)
      : invalidArgument(`This operation does not accept the parameter ${name}`, name, value)
  }
}

/** `bucketNow` once the bytes are here, which are discarded where it throws; also AccessDenied for a public list that it has come to keep out. */
export async function bucketAfterData(
  call: Call,
  before: Bucket,
  { acl, discard }: { readonly acl: AccessControlList; discard(): Promise<void> },
): Promise<Bucket> {
  try {
    const bucket = await bucketNow(call, before)
    refuseBlocked({ bucket }, acl)
    return bucket
  } catch (error) {
    await discard()
    throw error
  }
}

export function putObject(call: Call): Promise<Answer> {
  refuseParameters(call)
  return storeObject(call, 's3:ObjectCreated:Put')
}

/**
 * Stores the body of a request, or the file of a form, as an object. `originOp` names in the metadata what made it; `lockOf` says what it is kept by:
 * what the request asks for, else the bucket's default.
 */
export async function storeObject(call: Call, originOp: string, lockOf = lockFields): Promise<Answer> {
  const { services, headers } = call
  const open = await openBucket(call)
  const { bucket: bucketBefore, account } = open
  const { owner, acl } = accessOfWrite(call, open)
  const settings = readSettings(headers, services.world.clock.now())
  checkRequestedLock(call, open, settings.lock)
  const condition = writeCondition(headers)
  const encryption = encryptionOfWrite(headers, bucketBefore.settings.encryption)
  const check = openPayload(call.auth.payload, headers, { byDefault: defaultChecksum })
  if (call.body.isUnmeasured !== true) checkUploadSize(check.decodedLength, limits.singlePutBytes)
  const data = await receiveData(call, bucketBefore, check, { partNumber: 1, encryption })
  const bucket = await bucketAfterData(call, bucketBefore, { acl, discard: () => data.discard() })
  const { facts, etag } = data
  const now = services.world.clock.now()
  const kept = storedEncryption(services, encryption)
  const metadata = newMetadata({
    key: call.key,
    account: owner,
    acl,
    settings,
    size: facts.size,
    etag,
    location: data.location === null ? null : [data.location],
    dataStoreName: bucket.locationConstraint,
    replicationInfo: replicationOfWrite(call, bucket, account, {
      key: call.key,
      tags: settings.tags,
      size: facts.size,
    }),
    originOp,
    lock: lockOf(bucket, settings.lock, now),
    encryption: kept,
    now,
  })
  const put: PutVersion = {
    bucket: bucket.name,
    seenBucket: bucket,
    key: call.key,
    metadata,
    integrity: { ...integrityOf(facts), ...encryptionCheck(kept) },
    ...(data.inline === undefined ? undefined : { inline: data.inline }),
    ...(condition === undefined ? undefined : { condition }),
  }
  const result = await committedOrDiscarded(call, put, data)
  const answer: FlatHeaders = ['ETag', quoted(etag), ...encryptionHeaders(encryption)]
  pushVersionId(answer, result)
  pushExpiration(answer, bucket, metadata)
  pushChecksum(answer, facts)
  answer.push('x-amz-object-size', String(facts.size))
  return { status: 200, headers: answer }
}

/** Stores a version; a definite refusal discards its data. After any other failure the sweep of orphans decides, as the outcome is unknown. */
export async function committedOrDiscarded(
  call: Call,
  put: PutVersion,
  data: { discard(): Promise<void> },
): Promise<PutVersionResult & { outcome: 'stored' }> {
  try {
    return await commitVersion(call, put)
  } catch (error) {
    if (error instanceof ServiceError) await data.discard()
    throw error
  }
}
