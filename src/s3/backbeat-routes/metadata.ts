// `/_/backbeat/metadata`: the metadata of one version, read and written whole (Backbeat wire format, "data and metadata"). A write is either a
// result of replication, which changes replicationInfo and nothing else, or a version that arrives from another server with its id kept.
import { asciiJson, type JsonObject, wireHeaders } from '../../domain/backbeat-wire.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { hasCustomerKey, isSealed, type VersionRecord } from '../../domain/object-metadata.ts'
import { decodeVersionId, encodeVersionId, type VersionId } from '../../domain/version-id.ts'
import type { NewMetadata, PutReplicaResult } from '../../metadata/metadata-store.ts'
import { noSuchBucket } from '../access/open-bucket.ts'
import { openPayload } from '../auth/payload-check.ts'
import type { Answer } from '../call.ts'
import { type EncryptionFields, encryptionFields, type VisibleEncryption } from '../encryption/sealing.ts'
import { jsonErrorAnswer } from '../http/answer.ts'
import { readSmallBody } from '../http/request-body.ts'
import { lockedVersion } from '../objects/object-lock.ts'
import { type BackbeatCall, bucketOf } from './backbeat-call.ts'
import { malformedMetadata, parseMetadata, readIntegrity, readMetadata } from './metadata-body.ts'
import { checkPieces, withStoredPieces } from './replica-data.ts'
import { isStatusWrite, writeStatus } from './status-write.ts'
import { jsonAnswer, versionHeaders } from './wire-answer.ts'

/** Throws InvalidArgument. */
function requestedVersion(call: BackbeatCall): VersionId | 'null' | null {
  const shown = call.query.get('versionId')
  if (shown === undefined) return null
  if (shown === 'null') return 'null'
  const id = decodeVersionId(shown)
  if (id === null) throw serviceError('InvalidArgument')
  return id
}

export async function getMetadata(call: BackbeatCall): Promise<Answer> {
  const bucket = await bucketOf(call)
  const version = requestedVersion(call) ?? 'latest'
  const record = await call.services.store.version({ bucket: bucket.name, key: call.key, version })
  if (record === null) {
    const answer = jsonErrorAnswer(serviceError('ObjNotFound'), call.requestId)
    // Tells our own gateway that the other side knows revisions, so that a result for a vanished version may be sent.
    return { ...answer, headers: [...(answer.headers ?? []), wireHeaders.revision, '0'] }
  }
  const headers = [wireHeaders.revision, String(record.revision)]
  if (record.integrity !== null)
    headers.push(wireHeaders.integrity, asciiJson({ ...record.integrity, parts: undefined }))
  return jsonAnswer({ Body: JSON.stringify(record.metadata) }, headers)
}

export async function putMetadata(call: BackbeatCall): Promise<Answer> {
  const bucket = await bucketOf(call)
  const version = requestedVersion(call)
  const check = openPayload(call.auth.payload, call.headers, { contentMd5: 'ignore' })
  const text = (await readSmallBody(call.body, check, limits.metadataPutBytes)).toString('utf8')
  const body = parseMetadata(text)
  const address = { bucket: bucket.name, key: call.key, version: version ?? 'null' } as const
  const stored = await call.services.store.version(address)
  if (isStatusWrite(body)) return writeStatus(call, { text, body, stored, version })
  return storeReplica(call, bucket, body, { stored, version: version === 'null' ? null : version })
}

interface Target {
  readonly stored: VersionRecord | null
  /** Null: the null version. */
  readonly version: VersionId | null
}

async function storeReplica(call: BackbeatCall, bucket: Bucket, body: JsonObject, target: Target): Promise<Answer> {
  const { store } = call.services
  const { stored } = target
  const keepLocation = call.headers.get('x-scal-replication-content') === 'METADATA'
  if (keepLocation && stored === null) throw serviceError('ObjNotFound')
  const read = readMetadata(body, call.key)
  const given = withStoredPieces(withNfsState(read), stored)
  requireOwnReplication(given, stored)
  if (!keepLocation) await checkPieces(call, given, stored)
  const metadata = asStoredHere(given, bucket, stored, keepLocation)
  const isNfsReplica = read.replicationInfo.isNFS === true && read.replicationInfo.status === 'REPLICA'
  const integrity = readIntegrity(call.headers.get(wireHeaders.integrity))
  if (isNfsReplica && target.version === null && bucket.versioning === 'Enabled') {
    const put = { bucket: bucket.name, seenBucket: bucket, key: call.key, metadata, integrity }
    const result = await store.putVersion(put)
    if (result.outcome === 'locked') throw lockedVersion()
    if (result.outcome !== 'stored') throw noSuchBucket(bucket.name)
    return storedAnswer(result.versionId, result.isNull)
  }
  const place = { bucket: bucket.name, seenBucket: bucket, key: call.key, versionId: target.version }
  const put = { ...place, metadata, keepLocation, integrity }
  const result = await store.putReplica(put)
  if (result.outcome === 'other-data') throw otherData(keepLocation)
  return answerOf(result, bucket.name)
}

/** What comes without its data does not belong to the data that is here: as if there were none, so that the other side sends it, too. */
function otherData(keepLocation: boolean): Error {
  if (!keepLocation) return malformedMetadata('its size or ETag is not that of the stored data that location names')
  return serviceError('ObjNotFound', { message: 'The version that is stored here has data of another size or ETag' })
}

function answerOf(result: PutReplicaResult, bucket: string): Answer {
  if (result.outcome === 'stored') return storedAnswer(result.versionId, result.isNull)
  if (result.outcome === 'locked') throw lockedVersion()
  throw result.outcome === 'no-such-bucket' ? noSuchBucket(bucket) : serviceError('ObjNotFound')
}

/** The body has the internal id, as the original's; the headers show it as S3 does. */
function storedAnswer(versionId: VersionId, isNull: boolean): Answer {
  return jsonAnswer({ versionId }, versionHeaders(isNull ? 'null' : encodeVersionId(versionId)))
}

/** An object that came by NFS says so until it is a replica. */
function withNfsState(metadata: NewMetadata): NewMetadata {
  const { replicationInfo } = metadata
  if (replicationInfo.isNFS !== true) return metadata
  return { ...metadata, replicationInfo: { ...replicationInfo, isNFS: replicationInfo.status !== 'REPLICA' } }
}

/**
 * Replication that is still to be done begins with a write on this server, which makes the work for it; metadata that merely claims it would
 * stay PENDING for ever. Throws InvalidRequest.
 */
function requireOwnReplication(metadata: NewMetadata, stored: VersionRecord | null): void {
  const { status } = metadata.replicationInfo
  const ended = status === '' || status === 'REPLICA' || status === 'COMPLETED'
  if (ended || stored !== null) return
  const message = 'replicationInfo.status of a version that is not stored here must be REPLICA or empty.'
  throw serviceError('InvalidRequest', { message })
}

function asStoredHere(
  given: NewMetadata,
  bucket: Bucket,
  stored: VersionRecord | null,
  keepLocation: boolean,
): NewMetadata {
  const isReplica = given.replicationInfo.status === 'REPLICA'
  const owner = isReplica ? { 'owner-id': bucket.ownerId, 'owner-display-name': bucket.ownerDisplayName } : {}
  const kept = keepLocation ? stored?.metadata.dataStoreName : given.location?.[0]?.dataStoreName
  return {
    ...given,
    ...owner,
    ...(keepLocation ? {} : encryptionHere(given, stored)),
    dataStoreName: kept ?? bucket.locationConstraint,
    replicationInfo: replicationHere(given, stored),
  }
}

/** What the pieces are, whatever was said of them elsewhere; of no bytes nothing can be told, so that what is stored stays. */
function encryptionHere(given: NewMetadata, stored: VersionRecord | null): EncryptionFields {
  const [first] = given.location ?? []
  if (first === undefined && stored !== null) {
    const { metadata } = stored
    if (hasCustomerKey(metadata)) return encryptionFields({ kind: 'customer' })
    return encryptionFields(metadata['x-amz-server-side-encryption'] === '' ? { kind: 'none' } : managedAs(metadata))
  }
  if (first === undefined || !isSealed(first)) return encryptionFields({ kind: 'none' })
  return encryptionFields(first.masterKeyId === undefined ? { kind: 'customer' } : managedAs(given))
}

function managedAs({ 'x-amz-server-side-encryption-aws-kms-key-id': kmsKeyId }: NewMetadata): VisibleEncryption {
  return kmsKeyId === '' ? { kind: 'managed' } : { kind: 'managed', kmsKeyId }
}

/** Work of this server's own that is still open is not lost over a change that comes from elsewhere. */
function replicationHere(given: NewMetadata, stored: VersionRecord | null): NewMetadata['replicationInfo'] {
  if (stored === null) return given.replicationInfo
  const own = stored.metadata.replicationInfo
  const hasWork = own.backends.some(backend => backend.status === 'PENDING')
  return hasWork || given.replicationInfo.status !== 'REPLICA' ? own : given.replicationInfo
}
