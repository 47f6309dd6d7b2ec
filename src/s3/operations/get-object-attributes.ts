// GetObjectAttributes: what a client asks to be told of a version without its data: ETag, checksum, parts, storage class, size.
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { openBucket, requireActionOn } from '../access/open-bucket.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { keyOfRead } from '../encryption/customer-key.ts'
import { errorAnswer, invalidArgument, xmlAnswer } from '../http/answer.ts'
import { checksumContent } from '../objects/checksum-request.ts'
import { checksumOf, httpDate } from '../objects/object-headers.ts'
import { findVersion, requestedVersion } from '../objects/version-address.ts'
import { versionHeaders } from '../objects/version-change.ts'
import { storedParts } from '../uploads/stored-parts.ts'
import { s3Namespace, type XmlContent } from '../xml/writer.ts'

const attributes = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const
type Attribute = (typeof attributes)[number]

const header = 'x-amz-object-attributes'

/** Throws InvalidRequest (none), InvalidArgument (others). */
function requestedAttributes(call: Call): ReadonlySet<Attribute> {
  const names = (call.headers.get(header) ?? '')
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  if (names.length === 0) {
    const message = `The ${header} header specifying the attributes to be retrieved is either missing or empty`
    throw serviceError('InvalidRequest', { message })
  }
  const wanted = new Set<Attribute>()
  for (const name of names) {
    const known = attributes.find(attribute => attribute === name)
    if (known === undefined) throw invalidArgument('Invalid attribute name specified.', header, name)
    wanted.add(known)
  }
  return wanted
}

function countHeader(call: Call, name: string, absent: number): number {
  const text = call.headers.get(name)
  if (text === undefined) return absent
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw invalidArgument(`Argument ${name} must be an integer between 0 and 2147483647`, name, text)
}

export async function getObjectAttributes(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const wanted = requestedAttributes(call)
  const page = {
    max: Math.min(countHeader(call, 'x-amz-max-parts', limits.listKeysMax), limits.listKeysMax),
    after: countHeader(call, 'x-amz-part-number-marker', 0),
  }
  const address = requestedVersion(call)
  const record = await findVersion(call, open, address)
  // Whoever may not read an object learns nothing of it here (S3 API Reference, GetObjectAttributes, "Permissions").
  requireActionOn(call, open, address === 'latest' ? 's3:GetObject' : 's3:GetObjectVersion', record)
  if (record.isDeleteMarker) {
    const error =
      address === 'latest'
        ? serviceError('NoSuchKey', { details: { Key: call.key } })
        : serviceError('MethodNotAllowed', { details: { Method: call.head.method, ResourceType: 'DeleteMarker' } })
    const marked = ['x-amz-delete-marker', 'true', ...versionHeaders(open, record)]
    return errorAnswer(error, call.requestId, call.target.rawPath, marked)
  }
  keyOfRead(call.headers, record)
  const headers: FlatHeaders = ['Last-Modified', httpDate(record.metadata['last-modified'])]
  headers.push(...versionHeaders(open, record))
  return xmlAnswer('GetObjectAttributesResponse', describe(record, wanted, page), headers, s3Namespace)
}

interface Page {
  readonly max: number
  /** Parts up to this number are left out. */
  readonly after: number
}

function describe(record: VersionRecord, wanted: ReadonlySet<Attribute>, page: Page): XmlContent {
  const { metadata } = record
  const checksum = checksumOf(record)
  return {
    ...(wanted.has('ETag') && { ETag: metadata['content-md5'] }),
    ...(wanted.has('Checksum') &&
      checksum !== undefined && { Checksum: { ...checksumContent(checksum), ChecksumType: checksum.type } }),
    ...(wanted.has('ObjectParts') && partsContent(record, page)),
    ...(wanted.has('StorageClass') && { StorageClass: metadata['x-amz-storage-class'] }),
    ...(wanted.has('ObjectSize') && { ObjectSize: metadata['content-length'] }),
  }
}

function partsContent(record: VersionRecord, { max, after }: Page): XmlContent {
  const parts = storedParts(record)
  if (parts === null) return {}
  const { integrity } = record
  const algorithm = integrity?.checksum?.algorithm
  const all = parts.map(({ size }, index) => {
    const value = integrity?.parts?.[index]
    const checksum = value === undefined || algorithm === undefined ? undefined : { algorithm, value }
    return { PartNumber: index + 1, Size: size, ...checksumContent(checksum) }
  })
  const shown = all.slice(after, after + max)
  const ObjectParts = {
    PartsCount: all.length,
    PartNumberMarker: after,
    NextPartNumberMarker: shown.at(-1)?.PartNumber ?? after,
    MaxParts: max,
    IsTruncated: max > 0 && after + shown.length < all.length,
    Part: shown,
  }
  return { ObjectParts }
}
