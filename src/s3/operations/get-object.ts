// GetObject and HeadObject: find the version, apply conditions, range or part, describe it, and open its bytes before the answer begins, so
// that what is missing is an error and not a broken download.
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { openBucket } from '../access/open-bucket.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { customerKeyHeaders, keyOfRead } from '../encryption/customer-key.ts'
import { refuseOnRead } from '../encryption/write-encryption.ts'
import { errorAnswer, headerValue } from '../http/answer.ts'
import { type ByteRange, contentRange, parseRange } from '../objects/byte-range.ts'
import { readCondition } from '../objects/conditions.ts'
import { pushExpiration } from '../objects/expiry-headers.ts'
import { checksumHeadersOf, describeVersion, httpDate, quoted, shownVersionId } from '../objects/object-headers.ts'
import { refuseUnsupported } from '../objects/object-settings.ts'
import { chooseReplica, openBytes } from '../objects/replica-read.ts'
import { findVersion, requestedVersion } from '../objects/version-address.ts'
import { requestedPartNumber } from '../uploads/multipart.ts'
import { storedParts } from '../uploads/stored-parts.ts'

const noOverrides: ReadonlyMap<string, string> = new Map()

/** The response-* parameters, by the header they override. Throws InvalidRequest where the request is not signed. */
function readOverrides(call: Call): ReadonlyMap<string, string> {
  let found: Map<string, string> | undefined
  for (const [name, value] of call.query) {
    if (!name.startsWith('response-')) continue
    const header = name.slice('response-'.length)
    if (!/^(?:cache-control|content-(?:disposition|encoding|language|type)|expires)$/.test(header)) continue
    found ??= new Map()
    found.set(header, value)
  }
  if (found === undefined) return noOverrides
  if (call.auth.kind === 'anonymous') {
    throw serviceError('InvalidRequest', {
      message: 'Request specific response headers cannot be used for anonymous GET requests.',
    })
  }
  return found
}

/** What of the object is answered. */
interface Extent {
  readonly range: ByteRange
  readonly partial: boolean
  readonly partsCount?: number
}

/** Reads partNumber. Throws InvalidArgument, InvalidRequest (a range beside it). */
function readPartNumber(call: Call): number | undefined {
  const text = call.query.get('partNumber')
  if (text === undefined) return undefined
  if (call.headers.has('range')) {
    throw serviceError('InvalidRequest', { message: 'Cannot specify both Range header and partNumber query parameter' })
  }
  return requestedPartNumber(call)
}

/** Throws InvalidRange, InvalidPartNumber. */
function extentOf(call: Call, record: VersionRecord, partNumber: number | undefined): Extent {
  const size = record.metadata['content-length']
  if (partNumber !== undefined) return extentOfPart(record, partNumber, size)
  const range = parseRange(call.headers.get('range'), size)
  return range === null ? { range: { start: 0, end: size }, partial: false } : { range, partial: true }
}

function extentOfPart(record: VersionRecord, partNumber: number, size: number): Extent {
  const parts = storedParts(record)
  if (parts === null) {
    if (partNumber !== 1) throw serviceError('InvalidPartNumber')
    return { range: { start: 0, end: size }, partial: size > 0 }
  }
  // Parts may be numbered with gaps; readers count the parts of the finished object.
  const part = parts[partNumber - 1]
  if (part === undefined) throw serviceError('InvalidPartNumber')
  const { start } = part
  return { range: { start, end: start + part.size }, partial: true, partsCount: parts.length }
}

function deleteMarkerAnswer(call: Call, bucket: Bucket, record: VersionRecord, asked: string): Answer {
  const headers: FlatHeaders = ['x-amz-delete-marker', 'true']
  const versionId = shownVersionId(bucket, record)
  if (versionId !== undefined) headers.push('x-amz-version-id', versionId)
  if (asked === 'latest') return errorAnswer(noSuchKeyError(call.key), call.requestId, call.target.rawPath, headers)
  headers.push('Allow', 'DELETE', 'Last-Modified', httpDate(record.metadata['last-modified']))
  const error = serviceError('MethodNotAllowed', {
    details: { Method: call.head.method, ResourceType: 'DeleteMarker' },
  })
  return errorAnswer(error, call.requestId, call.target.rawPath, headers)
}

function noSuchKeyError(key: string) {
  return serviceError('NoSuchKey', { details: { Key: key } })
}

function read(withBody: boolean) {
  return async (call: Call): Promise<Answer> => {
    const open = await openBucket(call)
    const { bucket } = open
    refuseUnsupported(call.headers)
    refuseOnRead(call.headers)
    const overrides = readOverrides(call)
    const partNumber = readPartNumber(call)
    const address = requestedVersion(call)
    // Once more, as the version read may be replaced before its bytes are opened.
    for (let attempt = 0; attempt < 3; attempt++) {
      const record = await findVersion(call, open, address)
      const answer = await answerVersion(call, bucket, record, { address, overrides, partNumber, withBody })
      if (answer !== null) return answer
    }
    throw new Error(`the data of ${bucket.name}/${call.key} is missing`)
  }
}

interface ReadOptions {
  readonly address: string
  readonly overrides: ReadonlyMap<string, string>
  readonly partNumber: number | undefined
  readonly withBody: boolean
}

async function answerVersion(
  call: Call,
  bucket: Bucket,
  record: VersionRecord,
  options: ReadOptions,
): Promise<Answer | null> {
  if (record.isDeleteMarker) return deleteMarkerAnswer(call, bucket, record, options.address)
  // A location that cannot be meant is refused whatever else is asked.
  chooseReplica(call, record)
  const customerKey = keyOfRead(call.headers, record)
  const { metadata } = record
  const etag = metadata['content-md5']
  const unmet = readCondition(call.headers, { etag, lastModified: Date.parse(metadata['last-modified']) })
  if (unmet !== null) {
    const headers = ['ETag', headerValue(quoted(etag)), 'Last-Modified', httpDate(metadata['last-modified'])]
    return errorAnswer(unmet, call.requestId, call.target.rawPath, unmet.status === 304 ? headers : [])
  }
  const extent = extentOf(call, record, options.partNumber)
  const headers = describeVersion(bucket, record, options.overrides)
  if (record.isLatest) pushExpiration(headers, bucket, metadata)
  if (customerKey !== undefined) headers.push(...customerKeyHeaders(customerKey))
  if (extent.partial) headers.push('Content-Range', contentRange(extent.range, metadata['content-length']))
  else if (call.headers.get('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED')
    headers.push(...checksumHeadersOf(record))
  if (extent.partsCount !== undefined) headers.push('x-amz-mp-parts-count', String(extent.partsCount))
  const status = extent.partial ? 206 : 200
  const length = extent.range.end - extent.range.start
  if (!options.withBody) return { status, headers, length }
  const body = await openBytes(call, record, extent.range, customerKey)
  return body === null ? null : { status, headers, length, body }
}

export const getObject = read(true)
export const headObject = read(false)
