// The request headers of the cloud routes: checked in the order of the original, so that a request with several faults gets the same answer,
// and read into what the destinations take. Nothing in them can throw anything but the refusal their field knows.
import { isJsonObject, wireHeaders } from '../../domain/backbeat-wire.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { ObjectLock, Precondition } from '../../locations/location.ts'
import type { CopiedAttributes, Destination } from '../../locations/multiple-backend.ts'
import { headerText } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'
import { parseLockDate } from '../objects/object-lock.ts'
import type { BackbeatCall } from './backbeat-call.ts'

/** Where a cloud operation goes. */
export type CloudPlace =
  | { readonly kind: 'cloud'; readonly name: string; readonly destination: Destination }
  /** A location that keeps bytes on this server. */
  | { readonly kind: 'file'; readonly name: string }

function missing(what: string): ServiceError {
  return serviceError('BadRequest', { message: `bad request: missing ${what}` })
}

/** Operations that name a stored version at the destination. */
const taggingOperations: ReadonlySet<string> = new Set(['puttagging', 'deleteobjecttagging', 'putobjectlock'])
const partOperations: ReadonlySet<string> = new Set(['putpart', 'completempu', 'abortmpu'])
/** Storage types whose copies have no version ids of their own to be named. */
const versionlessTypes: ReadonlySet<string> = new Set(['azure', 'gcp'])

/**
 * Checks the headers of a cloud operation (Backbeat wire format, "Request headers of the cloud routes"). `storageType` is given where it came
 * under another name. Throws BadRequest for a missing one and InvalidRequest for a location that is not there or of another type.
 */
export function checkCloudHeaders(call: BackbeatCall, operation: string, storageType?: string): CloudPlace {
  const { headers } = call
  const types = storageType ?? headers.get('x-scal-storage-type')
  if (types === undefined) throw missing('x-scal-storage-type header')
  if (operation === 'putpart' && !headers.has('x-scal-part-number')) throw missing('part-number header')
  if (partOperations.has(operation) && !headers.has('x-scal-upload-id')) throw missing('upload-id header')
  if (operation === 'putobject' && !headers.has('x-scal-canonical-id')) throw missing('x-scal-canonical-id header')
  if (taggingOperations.has(operation)) checkTaggingHeaders(call, types)
  if (operation === 'putobject' && !headers.has('content-md5')) throw missing('content-md5 header')
  const name = headers.get('x-scal-storage-class')
  if (name === undefined) throw missing('x-scal-storage-class header')
  const place = placeOf(call, name)
  const type = place?.kind === 'cloud' ? place.destination.location.type : 'file'
  if (place === undefined || !listed(types).includes(type)) {
    throw serviceError('InvalidRequest', { message: 'invalid request: invalid location constraint in request' })
  }
  return place
}

function listed(types: string): string[] {
  return types.split(',').map(type => type.trim())
}

function checkTaggingHeaders(call: BackbeatCall, types: string): void {
  const { headers } = call
  // The list names the types of all sites of the object: what counts is the one that is written to.
  const written = call.destinations.get(headers.get('x-scal-storage-class') ?? '')?.location.type ?? types
  if (versionlessTypes.has(types) || versionlessTypes.has(written)) return
  for (const name of ['x-scal-data-store-version-id', 'x-scal-source-bucket', 'x-scal-replication-endpoint-site']) {
    if (!headers.has(name)) throw missing(`${name} header`)
  }
}

function placeOf(call: BackbeatCall, name: string): CloudPlace | undefined {
  const destination = call.destinations.get(name)
  if (destination !== undefined) return { kind: 'cloud', name, destination }
  return call.services.dataStores.has(name) ? { kind: 'file', name } : undefined
}

/** A JSON object of strings in a header; {} when it is absent. Throws MalformedPOSTRequest. */
function textRecord(headers: HeaderMap, name: string): Readonly<Record<string, string>> {
  const text = headers.get(name)
  if (text === undefined || text === '') return {}
  const value = parsedJson(headerText(text))
  if (!isJsonObject(value)) throw serviceError('MalformedPOSTRequest')
  const record: Record<string, string> = {}
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'string') throw serviceError('MalformedPOSTRequest')
    Object.defineProperty(record, key, { value: item, enumerable: true, configurable: true, writable: true })
  }
  return record
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw serviceError('MalformedPOSTRequest')
  }
}

/** Tags of a copy. Throws MalformedPOSTRequest. */
export function tagsOf(headers: HeaderMap): Readonly<Record<string, string>> {
  return textRecord(headers, 'x-scal-tags')
}

/** What keeps a copy. Throws MalformedPOSTRequest. */
export function lockOf(headers: HeaderMap): ObjectLock | undefined {
  const text = headers.get(wireHeaders.lock)
  if (text === undefined || text === '') return undefined
  const value = parsedJson(headerText(text))
  if (!isJsonObject(value)) throw serviceError('MalformedPOSTRequest')
  return { ...retentionOf(value['retention']), ...holdOf(value['legalHold']) }
}

function retentionOf(value: unknown): Pick<ObjectLock, 'retention'> {
  if (value === undefined) return {}
  if (value === null) return { retention: null }
  const { mode, until } = isJsonObject(value) ? value : {}
  const isRetention = (mode === 'GOVERNANCE' || mode === 'COMPLIANCE') && typeof until === 'string'
  if (!isRetention || parseLockDate(until) !== until) throw serviceError('MalformedPOSTRequest')
  return { retention: { mode, until } }
}

function holdOf(legalHold: unknown): Pick<ObjectLock, 'legalHold'> {
  if (legalHold === undefined) return {}
  if (typeof legalHold !== 'boolean') throw serviceError('MalformedPOSTRequest')
  return { legalHold }
}

/** What a copy carries besides its bytes. Throws MalformedPOSTRequest. */
export function attributesOf(headers: HeaderMap): CopiedAttributes {
  const text = (name: string): string | undefined => {
    const value = headers.get(name)
    return value === undefined || value === '' ? undefined : headerText(value)
  }
  const optional = {
    contentType: text('x-scal-content-type'),
    cacheControl: text('x-scal-cache-control'),
    contentDisposition: text('x-scal-content-disposition'),
    contentEncoding: text('x-scal-content-encoding'),
    contentLanguage: text(wireHeaders.contentLanguage),
    expires: text(wireHeaders.expires),
  }
  const lock = lockOf(headers)
  return {
    ...(lock === undefined ? {} : { lock }),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    userMetadata: textRecord(headers, 'x-scal-user-metadata'),
    tags: tagsOf(headers),
    versionId: text('x-scal-version-id') ?? 'null',
  }
}

/** The condition that our own gateway sends; a real Backbeat sends none. */
export function preconditionOf(headers: HeaderMap): { readonly precondition?: Precondition } {
  if (headers.has(wireHeaders.ifNoneMatch)) return { precondition: { kind: 'absent' } }
  const etag = headers.get(wireHeaders.ifMatch)
  return etag === undefined ? {} : { precondition: { kind: 'etag', etag: headerText(etag) } }
}

/** Throws InvalidArgument for what is no part number. */
export function partNumberOf(headers: HeaderMap): number {
  const text = headers.get('x-scal-part-number') ?? ''
  const partNumber = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (partNumber >= 1 && partNumber <= limits.partNumberMax) return partNumber
  throw serviceError('InvalidArgument', { message: 'Part number must be an integer between 1 and 10000, inclusive' })
}

/** Throws BadRequest for an empty upload id. */
export function uploadIdOf(headers: HeaderMap): string {
  const uploadId = headerText(headers.get('x-scal-upload-id') ?? '')
  if (uploadId === '') throw missing('upload-id header')
  return uploadId
}

/** Hex CRC32 of the body, where the sender knows it; what is none is as if absent. */
export function crc32Of(headers: HeaderMap): string | undefined {
  const value = headers.get(wireHeaders.crc32)
  return value !== undefined && /^[0-9a-f]{8}$/.test(value) ? value : undefined
}

/** Bytes of the whole object, where the sender says. */
export function wholeSizeOf(headers: HeaderMap): number | undefined {
  const value = headers.get(wireHeaders.size)
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}
