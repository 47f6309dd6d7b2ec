// GetObject and HeadObject: find the version, apply conditions, range or part, describe it, and open its bytes before the answer begins, so
// that what is missing is an error and not a broken download.
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import type { DataLocation, VersionRecord } from '../../domain/object-metadata.ts'
import { openBucket } from '../access/open-bucket.ts'
import { errorAnswer, headerValue, invalidArgument } from '../answer.ts'
import { type ByteRange, contentRange, parseRange } from '../byte-range.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { readCondition } from '../conditions.ts'
import { customerKeyHeaders, keyOfRead } from '../encryption/customer-key.ts'
import { refuseOnRead } from '../encryption/write-encryption.ts'
import { pushExpiration } from '../expiry-headers.ts'
import { checksumHeadersOf, describeVersion, httpDate, quoted, shownVersionId } from '../object-headers.ts'
import { refuseUnsupported } from '../object-settings.ts'
import { chooseReplica, openBytes } from '../replica-read.ts'
import { findVersion, requestedVersion } from '../version-address.ts'

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

function partNumberOf(piece: DataLocation): number {
  return Number.parseInt(piece.dataStoreETag, 10)
}

/** Throws InvalidRange, InvalidPartNumber, InvalidArgument, InvalidRequest. */
function extentOf(call: Call, record: VersionRecord): Extent {
  const size = record.metadata['content-length']
  const rangeHeader = call.headers.get('range')
  const partParameter = call.query.get('partNumber')
  if (partParameter === undefined) {
    const range = parseRange(rangeHeader, size)
    return range === null ? { range: { start: 0, end: size }, partial: false } : { range, partial: true }
  }
  if (rangeHeader !== undefined) {
    throw serviceError('InvalidRequest', { message: 'Cannot specify both Range header and partNumber query parameter' })
  }
  const partNumber = /^\d{1,5}$/.test(partParameter) ? Number(partParameter) : 0
  if (partNumber < 1 || partNumber > 10_000) {
    const message = 'Part number must be an integer between 1 and 10000, inclusive'
    throw invalidArgument(message, 'partNumber', partParameter)
  }
  return extentOfPart(record, partNumber, size)
}

function extentOfPart(record: VersionRecord, partNumber: number, size: number): Extent {
  const { metadata } = record
  const isMultipart = metadata['content-md5'].includes('-')
  if (!isMultipart) {
    if (partNumber !== 1) throw serviceError('InvalidPartNumber')
    return { range: { start: 0, end: size }, partial: size > 0 }
  }
  const pieces = metadata.location ?? []
  const numbers = [...new Set(pieces.map(partNumberOf))]
  // Parts may be numbered with gaps; readers count the parts of the finished object.
  const wanted = numbers[partNumber - 1]
  const inPart = pieces.filter(piece => partNumberOf(piece) === wanted)
  const first = inPart[0]
  const last = inPart.at(-1)
  if (first === undefined || last === undefined) throw serviceError('InvalidPartNumber')
  return { range: { start: first.start, end: last.start + last.size }, partial: true, partsCount: numbers.length }
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
    const address = requestedVersion(call)
    // Once more, as the version read may be replaced before its bytes are opened.
    for (let attempt = 0; attempt < 3; attempt++) {
      const record = await findVersion(call, open, address)
      const answer = await answerVersion(call, bucket, record, { address, overrides, withBody })
      if (answer !== null) return answer
    }
    throw new Error(`the data of ${bucket.name}/${call.key} is missing`)
  }
}

async function answerVersion(
  call: Call,
  bucket: Bucket,
  record: VersionRecord,
  options: { readonly address: string; readonly overrides: ReadonlyMap<string, string>; readonly withBody: boolean },
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
  const extent = extentOf(call, record)
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
