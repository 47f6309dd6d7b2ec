// UploadPart and UploadPartCopy: bytes of one part, stored like an object's, named by the upload until it is completed or aborted.
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { type DataLocation, inlineKey } from '../../domain/object-metadata.ts'
import type { InlineData, Upload, UploadPart } from '../../metadata/metadata-store.ts'
import { type OpenBucket, openBucket } from '../access.ts'
import { invalidArgument, xmlAnswer } from '../answer.ts'
import { openPayload, type PayloadFacts } from '../auth/payload-check.ts'
import type { ByteRange } from '../byte-range.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { checksumContent } from '../checksum-request.ts'
import { copyBytes, findCopySource } from '../copy-source.ts'
import { findUpload, noSuchUpload, requestedPartNumber, settingsOf } from '../multipart.ts'
import { type ReceivedData, receiveData } from '../object-data.ts'
import { quoted, shownVersionId } from '../object-headers.ts'
import { refuseUnsupported } from '../object-settings.ts'
import type { HeaderMap } from '../request-head.ts'
import { s3Namespace } from '../xml/writer.ts'
import { checkUploadSize, pushChecksum } from './put-object.ts'

/** The headers a part's body is checked by: the upload's algorithm is computed even where the client states no checksum. */
function headersOfPart(call: Call, upload: Upload): HeaderMap {
  const { checksum } = settingsOf(upload)
  const { headers } = call
  if (checksum === undefined || headers.has('x-amz-trailer')) return headers
  for (const name of headers.keys()) if (/^x-amz-(?:sdk-)?checksum-/.test(name)) return headers
  return new Map([...headers, ['x-amz-checksum-algorithm', checksum.algorithm]])
}

function checkAlgorithm(upload: Upload, facts: PayloadFacts): void {
  const expected = settingsOf(upload).checksum?.algorithm
  const actual = facts.checksum?.algorithm
  if (expected === undefined || actual === undefined || expected === actual) return
  throw serviceError('InvalidRequest', {
    message:
      `Checksum Type mismatch occurred, expected checksum Type: ${expected.toLowerCase()}, ` +
      `actual checksum Type: ${actual.toLowerCase()}`,
  })
}

/** A part of zero bytes has a place too, as every part has. */
function placeOf(call: Call, open: OpenBucket, data: ReceivedData, partNumber: number): [DataLocation, InlineData?] {
  if (data.location !== null) return data.inline === undefined ? [data.location] : [data.location, data.inline]
  const key = inlineKey(call.services.inlineName())
  const dataStoreETag = `${partNumber}:${data.facts.md5Hex}`
  const location = { key, size: 0, start: 0, dataStoreName: open.bucket.locationConstraint, dataStoreETag }
  return [location, { key, bytes: new Uint8Array(0) }]
}

async function storePart(
  call: Call,
  open: OpenBucket,
  data: ReceivedData,
  partNumber: number,
  uploadId: string,
): Promise<UploadPart> {
  const { facts } = data
  const [location, inline] = placeOf(call, open, data, partNumber)
  const part: UploadPart = {
    partNumber,
    etag: facts.md5Hex,
    size: facts.size,
    lastModified: new Date(call.services.world.clock.now()).toISOString(),
    crc32: Buffer.from(facts.crc32, 'base64').toString('hex'),
    ...(facts.checksum === undefined ? undefined : { checksum: facts.checksum }),
    location,
  }
  const outcome = await call.services.store.putPart(open.bucket.name, call.key, uploadId, part, inline)
  if (outcome === 'stored') return part
  await data.discard()
  throw noSuchUpload(uploadId)
}

export async function uploadPart(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  refuseUnsupported(call.headers)
  const partNumber = requestedPartNumber(call)
  const upload = await findUpload(call)
  const check = openPayload(call.auth.payload, headersOfPart(call, upload))
  checkUploadSize(check.decodedLength, limits.partBytesMax)
  const data = await receiveData(call, open.bucket, check, partNumber)
  try {
    checkAlgorithm(upload, data.facts)
  } catch (error) {
    await data.discard()
    throw error
  }
  await storePart(call, open, data, partNumber, upload.uploadId)
  const headers: FlatHeaders = ['ETag', quoted(data.facts.md5Hex)]
  pushChecksum(headers, data.facts)
  return { status: 200, headers }
}

/** Reads x-amz-copy-source-range, which is stricter than Range. Throws InvalidArgument. */
function requestedCopyRange(call: Call, size: number): ByteRange {
  const text = call.headers.get('x-amz-copy-source-range')
  if (text === undefined) return { start: 0, end: size }
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text)
  const start = Number(match?.[1])
  const end = Number(match?.[2]) + 1
  if (match === null || end <= start) {
    const message =
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the ' +
      'zero-based offsets of the first and last bytes to copy'
    throw invalidArgument(message, 'x-amz-copy-source-range', text)
  }
  if (end <= size) return { start, end }
  throw invalidArgument(
    `Range specified is not valid for source object of size: ${size}`,
    'x-amz-copy-source-range',
    text,
  )
}

export async function uploadPartCopy(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  refuseUnsupported(call.headers)
  const partNumber = requestedPartNumber(call)
  const upload = await findUpload(call)
  for (let attempt = 0; attempt < 3; attempt++) {
    const source = await findCopySource(call, open)
    const range = requestedCopyRange(call, source.record.metadata['content-length'])
    checkUploadSize(range.end - range.start, limits.partBytesMax)
    const data = await copyBytes(call, {
      source: source.record,
      range,
      target: open.bucket,
      partNumber,
      algorithm: settingsOf(upload).checksum?.algorithm,
    })
    if (data === null) continue
    const part = await storePart(call, open, data, partNumber, upload.uploadId)
    const headers: FlatHeaders = []
    const sourceVersion = shownVersionId(source.bucket, source.record)
    if (sourceVersion !== undefined) headers.push('x-amz-copy-source-version-id', sourceVersion)
    const content = { LastModified: part.lastModified, ETag: quoted(part.etag), ...checksumContent(part.checksum) }
    return xmlAnswer('CopyPartResult', content, headers, s3Namespace)
  }
  throw new Error(`the data of the copy source of ${call.bucket}/${call.key} is missing`)
}
