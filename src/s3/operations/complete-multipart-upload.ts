// CompleteMultipartUpload: turns the listed parts into a version in one step; the parts' bytes become its bytes where they lie. A client that
// lost the answer and asks again gets the same one.
import { serviceError } from '../../domain/errors.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import type { PutVersion, Upload } from '../../metadata/metadata-store.ts'
import { type OpenBucket, openBucket } from '../access.ts'
import { xmlAnswer } from '../answer.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { type ChecksumChoice, checksumContent, requestedType, statedChecksum } from '../checksum-request.ts'
import { assemble, chooseParts, readPartList, type WholeObject } from '../completed-parts.ts'
import { writeCondition } from '../conditions.ts'
import { readDocument } from '../document-body.ts'
import { noSuchUpload, settingsOf } from '../multipart.ts'
import { quoted, shownVersionId } from '../object-headers.ts'
import { newMetadata } from '../object-settings.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'
import { commitVersion, pushVersionId, replicationOfWrite, writeModeOf } from './put-object.ts'

/** The checksum type may be chosen anew only where it is the same. Throws InvalidRequest. */
function checkType(call: Call, choice: ChecksumChoice | undefined): void {
  const type = requestedType(call.headers)
  if (type === undefined || choice === undefined || type === choice.type) return
  throw serviceError('InvalidRequest', {
    message: `The upload was created with the ${choice.type} checksum mode. The complete request must use the same checksum mode.`,
  })
}

/** Throws BadDigest, InvalidRequest when the request states another size or checksum of the whole. */
function checkStated(call: Call, whole: WholeObject): void {
  const size = call.headers.get('x-amz-mp-object-size')
  if (size !== undefined && size !== String(whole.size)) {
    const message = `The provided 'x-amz-mp-object-size' header does not match what was computed: ${whole.size}.`
    throw serviceError('InvalidRequest', { message })
  }
  const stated = statedChecksum(call.headers)
  if (stated === undefined) return
  const { checksum } = whole.integrity
  const known =
    checksum?.algorithm === stated.algorithm
      ? checksum.value
      : stated.algorithm === 'CRC32'
        ? Buffer.from(whole.integrity.crc32, 'hex').toString('base64')
        : undefined
  if (known === stated.value) return
  const message = `The ${stated.algorithm.toLowerCase()} you specified did not match the calculated checksum.`
  throw serviceError('BadDigest', { message })
}

interface Completed {
  readonly etag: string
  readonly checksum: { readonly algorithm: string; readonly value: string; readonly type: string } | undefined
  readonly headers: FlatHeaders
}

function completedAnswer(call: Call, completed: Completed): Answer {
  const host = call.headers.get('host') ?? ''
  const content = {
    Location: `http://${host}${call.target.rawPath}`,
    Bucket: call.bucket,
    Key: call.key,
    ETag: quoted(completed.etag),
    ...checksumContent(completed.checksum),
    ChecksumType: completed.checksum?.type,
  }
  return xmlAnswer('CompleteMultipartUploadResult', content, completed.headers, s3Namespace)
}

/** The answer again, when the key's current version is what this upload became; otherwise NoSuchUpload. */
async function answerAgain(call: Call, open: OpenBucket, uploadId: string): Promise<Answer> {
  const { store } = call.services
  const current: VersionRecord | null = await store.version({
    bucket: open.bucket.name,
    key: call.key,
    version: 'latest',
  })
  if (current === null || uploadId === '' || current.metadata.uploadId !== uploadId) throw noSuchUpload(uploadId)
  const headers: FlatHeaders = []
  const versionId = shownVersionId(open.bucket, current)
  if (versionId !== undefined) headers.push('x-amz-version-id', versionId)
  return completedAnswer(call, {
    etag: current.metadata['content-md5'],
    checksum: current.integrity?.checksum,
    headers,
  })
}

function versionOf(call: Call, open: OpenBucket, upload: Upload, whole: WholeObject): PutVersion {
  const settings = settingsOf(upload)
  const now = call.services.world.clock.now()
  const condition = writeCondition(call.headers)
  const metadata = newMetadata({
    key: call.key,
    account: { displayName: upload.ownerDisplayName, canonicalId: upload.ownerId },
    settings,
    size: whole.size,
    etag: whole.etag,
    location: whole.location.length === 0 ? null : whole.location,
    dataStoreName: open.bucket.locationConstraint,
    replicationInfo: replicationOfWrite(call, open.bucket, null, {
      key: call.key,
      tags: settings.tags,
      size: whole.size,
      isMultipart: true,
    }),
    originOp: 's3:ObjectCreated:CompleteMultipartUpload',
    now,
    uploadId: upload.uploadId,
    creationTime: new Date(now).toISOString(),
  })
  return {
    bucket: open.bucket.name,
    key: call.key,
    mode: writeModeOf(open.bucket),
    metadata,
    integrity: whole.integrity,
    completes: { uploadId: upload.uploadId },
    ...(condition === undefined ? undefined : { condition }),
  }
}

export async function completeMultipartUpload(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const { store } = call.services
  const body = await readDocument(call, { checksums: 'ignore' }, defaultXmlLimits.bytesMax)
  const listed = readPartList(parseXml(body, defaultXmlLimits, 'CompleteMultipartUpload'))
  const uploadId = call.query.get('uploadId') ?? ''
  const upload = await store.upload(open.bucket.name, call.key, uploadId)
  if (upload === null) return answerAgain(call, open, uploadId)
  const choice = settingsOf(upload).checksum
  checkType(call, choice)
  const whole = assemble(chooseParts(listed, await store.parts(uploadId)), choice)
  checkStated(call, whole)
  const result = await commitVersion(call, versionOf(call, open, upload, whole))
  const headers: FlatHeaders = []
  pushVersionId(headers, open.bucket, result)
  return completedAnswer(call, { etag: whole.etag, checksum: whole.integrity.checksum, headers })
}
