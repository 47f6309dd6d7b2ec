// UploadPart and UploadPartCopy: bytes that wait for the completion of their upload. A part sent again replaces the former one; one whose
// upload ended in the meantime leaves nothing behind.
import { type ChecksumAlgorithm, checksumAlgorithms } from '../../base/hash.ts'
import { limits } from '../../domain/limits.ts'
import { inlineKey } from '../../domain/object-metadata.ts'
import type { UploadPart } from '../../metadata/metadata-store.ts'
import { type OpenBucket, openBucket } from '../access/open-bucket.ts'
import { checksumHeaders, openPayload, type PayloadChecksum, type PayloadFacts } from '../auth/payload-check.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { encryptionOfPart } from '../encryption/upload-encryption.ts'
import { encryptionHeaders } from '../encryption/write-encryption.ts'
import { invalidArgument, xmlAnswer } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'
import type { ByteRange } from '../objects/byte-range.ts'
import { type ChecksumChoice, checksumContent, defaultChecksum } from '../objects/checksum-request.ts'
import {
  type CopySource,
  type CopyTask,
  checkCopySize,
  copyBytes,
  findCopySource,
  parseCopySource,
} from '../objects/copy-source.ts'
import { type ReceivedData, receiveData } from '../objects/object-data.ts'
import { quoted, shownVersionId } from '../objects/object-headers.ts'
import { refuseUnsupported } from '../objects/object-settings.ts'
import { checksumMismatch } from '../uploads/completion.ts'
import {
  encryptionOfUpload,
  findUpload,
  noSuchUpload,
  requestedPartNumber,
  settingsOfUpload,
} from '../uploads/multipart.ts'
import { requireInitiator } from '../uploads/upload-initiator.ts'
import { s3Namespace } from '../xml/writer.ts'
import { checkUploadSize } from './put-object.ts'

/** The algorithm of a checksum that the request brings along, in a header or behind the body. */
function sentAlgorithm(headers: HeaderMap): ChecksumAlgorithm | undefined {
  const trailer = headers.get('x-amz-trailer')?.trim().toLowerCase()
  return checksumAlgorithms.find(known => headers.has(checksumHeaders[known]) || trailer === checksumHeaders[known])
}

/**
 * The checksum to compute of a part whose client sends none. Throws InvalidRequest for one of another algorithm than the upload's, and for none
 * where the object's is made of the parts'.
 */
function partChecksum(headers: HeaderMap, choice: ChecksumChoice | null): ChecksumAlgorithm {
  if (choice === null) return defaultChecksum
  const sent = sentAlgorithm(headers)
  const isMissing = sent === undefined && choice.type === 'COMPOSITE'
  if (isMissing || (sent !== undefined && sent !== choice.algorithm)) throw checksumMismatch(choice.algorithm, sent)
  return choice.algorithm
}

function storedChecksum(
  { beside }: PayloadFacts,
  { algorithm, value }: PayloadChecksum,
): NonNullable<UploadPart['checksum']> {
  return algorithm === defaultChecksum || beside === undefined
    ? { algorithm, value }
    : { algorithm, value, crc64nvme: beside }
}

async function storePart(call: Call, partNumber: number, uploadId: string, data: ReceivedData): Promise<UploadPart> {
  const { services, bucket, key } = call
  const { facts } = data
  const part: UploadPart = {
    partNumber,
    etag: data.etag,
    size: facts.size,
    lastModified: new Date(services.world.clock.now()).toISOString(),
    crc32: Buffer.from(facts.crc32, 'base64').toString('hex'),
    ...(facts.checksum === undefined ? undefined : { checksum: storedChecksum(facts, facts.checksum) }),
    // A part without bytes names data that nobody reads; it does not become part of the object.
    location: data.location ?? {
      key: inlineKey(services.inlineName()),
      size: 0,
      start: 0,
      dataStoreName: '',
      dataStoreETag: `${partNumber}:${data.etag}`,
    },
  }
  const outcome = await services.store.putPart(bucket, key, uploadId, part, data.inline)
  if (outcome === 'stored') return part
  await data.discard()
  throw noSuchUpload(uploadId)
}

export async function uploadPart(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const partNumber = requestedPartNumber(call)
  refuseUnsupported(call.headers)
  const upload = await findUpload(call)
  requireInitiator(call.auth, bucket, upload)
  const settings = settingsOfUpload(upload)
  const byDefault = partChecksum(call.headers, settings.checksum)
  const encryption = encryptionOfPart(call.headers, encryptionOfUpload(settings), bucket.settings.encryption)
  // An upload without a choice is known by the checksum that objects have by default, whatever its parts bring along.
  const check = openPayload(call.auth.payload, call.headers, {
    byDefault,
    ...(settings.checksum === null && { beside: defaultChecksum }),
  })
  checkUploadSize(check.decodedLength, limits.partBytesMax)
  const data = await receiveData(call, bucket, check, { partNumber, encryption })
  const part = await storePart(call, partNumber, upload.uploadId, data)
  const headers: FlatHeaders = ['ETag', quoted(part.etag), ...encryptionHeaders(encryption)]
  const { checksum } = data.facts
  if (checksum !== undefined && (settings.checksum !== null || sentAlgorithm(call.headers) !== undefined))
    headers.push(checksumHeaders[checksum.algorithm], checksum.value)
  return { status: 200, headers }
}

/** Reads x-amz-copy-source-range; the whole source without it. Throws InvalidArgument. */
function copyRange(call: Call, size: number): ByteRange {
  const name = 'x-amz-copy-source-range'
  const text = call.headers.get(name)
  if (text === undefined) return { start: 0, end: size }
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text.trim())
  const start = Number(match?.[1] ?? 1)
  const end = Number(match?.[2] ?? -1) + 1
  if (match === null || end <= start) {
    const message =
      `The ${name} value must be of the form bytes=first-last where first and last are the zero-based offsets ` +
      'of the first and last bytes to copy'
    throw invalidArgument(message, name, text)
  }
  if (end > size) throw invalidArgument(`Range specified is not valid for source object of size: ${size}`, name, text)
  return { start, end }
}

async function copiedPart(
  call: Call,
  open: OpenBucket,
  target: Pick<CopyTask, 'partNumber' | 'encryption' | 'algorithm'>,
): Promise<{ source: CopySource; data: ReceivedData }> {
  // Again when the source was replaced between being found and being opened.
  for (let attempt = 0; attempt < 3; attempt++) {
    const source = await findCopySource(call)
    const range = copyRange(call, source.record.metadata['content-length'])
    checkCopySize(range.end - range.start)
    const data = await copyBytes(call, { ...target, source, range, target: open.bucket })
    if (data !== null) return { source, data }
  }
  throw new Error(`the data of the copy source of ${call.bucket}/${call.key} is missing`)
}

export async function uploadPartCopy(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const partNumber = requestedPartNumber(call)
  parseCopySource(call.headers.get('x-amz-copy-source') ?? '')
  refuseUnsupported(call.headers)
  const upload = await findUpload(call)
  requireInitiator(call.auth, open.bucket, upload)
  const settings = settingsOfUpload(upload)
  const encryption = encryptionOfPart(call.headers, encryptionOfUpload(settings), open.bucket.settings.encryption)
  const algorithm = settings.checksum?.algorithm ?? defaultChecksum
  const { source, data } = await copiedPart(call, open, { partNumber, encryption, algorithm })
  const part = await storePart(call, partNumber, upload.uploadId, data)
  const sourceVersion = shownVersionId(source.bucket, source.record)
  const headers = encryptionHeaders(encryption)
  if (sourceVersion !== undefined) headers.push('x-amz-copy-source-version-id', sourceVersion)
  // What is computed for the finished object's own sake is not shown.
  const checksum = settings.checksum === null ? undefined : part.checksum
  const content = { LastModified: part.lastModified, ETag: quoted(part.etag), ...checksumContent(checksum) }
  return xmlAnswer('CopyPartResult', content, headers, s3Namespace)
}
