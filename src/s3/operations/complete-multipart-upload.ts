// CompleteMultipartUpload: joins parts into a version without touching their bytes, in one step of the store. A client whose answer was lost
// may ask again: as long as the version is there, it gets the same answer.
import type { Bucket } from '../../domain/bucket.ts'
import { ServiceError, serviceError } from '../../domain/errors.ts'
import type { StoredChecksum, VersionRecord } from '../../domain/object-metadata.ts'
import type { NewMetadata, Upload } from '../../metadata/metadata-store.ts'
import { refuseAnonymous } from '../access/anonymous.ts'
import { type OpenBucket, openBucket } from '../access/open-bucket.ts'
import { refuseBlocked } from '../access/written-object.ts'
import { openAfterBody } from '../bucket-change.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { encryptionCheck } from '../encryption/sealing.ts'
import { checkCompletion } from '../encryption/upload-encryption.ts'
import { encryptionHeadersOf } from '../encryption/write-encryption.ts'
import { xmlAnswer } from '../http/answer.ts'
import { checksumContent, statedChecksum } from '../objects/checksum-request.ts'
import { writeCondition } from '../objects/conditions.ts'
import { pushExpiration } from '../objects/expiry-headers.ts'
import { quoted, shownVersionId } from '../objects/object-headers.ts'
import { lockFields } from '../objects/object-lock.ts'
import { newMetadata } from '../objects/object-settings.ts'
import {
  checkedChecksum,
  checkObjectSize,
  checksumsOfParts,
  chooseParts,
  crc32OfParts,
  etagOfParts,
  locationOfParts,
  type NamedPart,
  readNamedParts,
  sizeOf,
} from '../uploads/completion.ts'
import { encryptionOfUpload, noSuchUpload, requestedUploadId, settingsOfUpload } from '../uploads/multipart.ts'
import { requireInitiator } from '../uploads/upload-initiator.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'
import { commitVersion, replicationOfWrite, writtenVersionId } from './put-object.ts'

/** Ten thousand parts with checksums and generous indentation. */
const bodyBytesMax = 4 * 1024 ** 2

interface Completed {
  readonly etag: string
  /** As clients see it; undefined without versioning. */
  readonly versionId: string | undefined
  readonly checksum: StoredChecksum | undefined
  readonly metadata: NewMetadata
}

async function readParts(call: Call): Promise<NamedPart[]> {
  const body = await readDocument(call, { checksums: 'ignore' }, bodyBytesMax)
  const root = parseXml(body, { ...defaultXmlLimits, bytesMax: bodyBytesMax }, 'CompleteMultipartUpload')
  return readNamedParts(root)
}

async function complete(call: Call, open: OpenBucket, upload: Upload, named: readonly NamedPart[]): Promise<Completed> {
  const { services, key } = call
  const { bucket } = open
  const { uploadId } = upload
  const settings = settingsOfUpload(upload)
  if (settings.acl !== undefined) refuseBlocked(open, settings.acl)
  const encryption = encryptionOfUpload(settings)
  checkCompletion(call.headers, encryption, bucket.settings.encryption, settings.checksum !== null)
  const parts = chooseParts(uploadId, named, await services.store.parts(uploadId), settings.checksum)
  const checksum = checkedChecksum(call.headers, settings.checksum, parts)
  const size = sizeOf(parts)
  checkObjectSize(call.headers, size)
  const etag = etagOfParts(parts.map(part => part.etag))
  const condition = writeCondition(call.headers)
  const { tags, lock } = settings.object
  const now = services.world.clock.now()
  const metadata = newMetadata({
    key,
    account: { canonicalId: upload.ownerId, displayName: upload.ownerDisplayName },
    ...(settings.acl === undefined ? undefined : { acl: settings.acl }),
    settings: settings.object,
    size,
    etag,
    location: locationOfParts(parts),
    dataStoreName: bucket.locationConstraint,
    // An upload is replicated whoever completes it.
    replicationInfo: replicationOfWrite(call, bucket, null, { key, tags, size, isMultipart: true }),
    originOp: 's3:ObjectCreated:CompleteMultipartUpload',
    lock: lockFields(bucket, lock, now),
    now,
    uploadId,
    encryption,
  })
  const result = await commitVersion(call, {
    bucket: bucket.name,
    seenBucket: bucket,
    key,
    metadata,
    integrity: {
      crc32: crc32OfParts(parts),
      ...(checksum === undefined ? undefined : { checksum, ...checksumsOfParts(checksum.algorithm, parts) }),
      ...encryptionCheck(encryption),
    },
    completes: { uploadId },
    ...(condition === undefined ? undefined : { condition }),
  })
  return { etag, versionId: writtenVersionId(result), checksum, metadata }
}

/** Versions of a key that are looked through for one that was completed before. */
const formerVersionsMax = 100

/** What an upload that is over has become, if the version is still there and is made of these parts. */
async function completedBefore(call: Call, open: OpenBucket, named: readonly NamedPart[]): Promise<Completed | null> {
  const { store } = call.services
  const { bucket, key } = call
  const uploadId = requestedUploadId(call)
  const etag = etagOfParts(named.map(part => part.etag))
  const listing = await store.list({
    bucket,
    prefix: key,
    delimiter: '',
    after: '',
    maxKeys: formerVersionsMax,
    what: 'versions',
  })
  for (const entry of listing.entries) {
    if (entry.kind !== 'version' || entry.version.key !== key || entry.version.etag !== etag) continue
    const record = await store.version({ bucket, key, version: entry.version.versionId })
    if (record?.metadata.uploadId === uploadId) return completedForm(record, open.bucket)
  }
  return null
}

function completedForm(record: VersionRecord, bucket: Bucket): Completed {
  return {
    etag: record.metadata['content-md5'],
    versionId: shownVersionId(bucket, record),
    checksum: record.integrity?.checksum,
    metadata: record.metadata,
  }
}

/** Attempts while parts are being replaced under the hands of the one who completes. */
const attemptsMax = 5

async function completeOnce(call: Call, open: OpenBucket, named: readonly NamedPart[]): Promise<Completed> {
  const uploadId = requestedUploadId(call)
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const upload = await call.services.store.upload(call.bucket, call.key, uploadId)
    if (upload === null) {
      const before = await completedBefore(call, open, named)
      if (before === null) throw noSuchUpload(uploadId)
      return before
    }
    requireInitiator(call.auth, open.bucket, upload)
    try {
      return await complete(call, open, upload, named)
    } catch (error) {
      // Aborted, completed by somebody else, or a part was replaced since it was read: look again.
      if (!(error instanceof ServiceError) || error.code !== 'NoSuchUpload') throw error
    }
  }
  throw serviceError('OperationAborted')
}

export async function completeMultipartUpload(call: Call): Promise<Answer> {
  const before = await openBucket(call)
  refuseAnonymous(call, 'Anonymous users cannot complete multipart uploads. Please authenticate.')
  statedChecksum(call.headers)
  const named = await readParts(call)
  const open = await openAfterBody(call, before)
  const { etag, versionId, checksum, metadata } = await completeOnce(call, open, named)
  const headers: FlatHeaders = versionId === undefined ? [] : ['x-amz-version-id', versionId]
  pushExpiration(headers, open.bucket, metadata)
  headers.push(...encryptionHeadersOf(metadata, call.headers))
  const path = call.key.split('/').map(encodeURIComponent).join('/')
  const content = {
    Location: `http://${call.headers.get('host') ?? ''}/${call.bucket}/${path}`,
    Bucket: call.bucket,
    Key: call.key,
    ETag: quoted(etag),
    ...checksumContent(checksum),
    ChecksumType: checksum?.type,
  }
  return xmlAnswer('CompleteMultipartUploadResult', content, headers, s3Namespace)
}
