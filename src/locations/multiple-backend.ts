// From versions of our buckets to objects of a cloud: destination keys, the attributes a copy carries, and the checks before and after its
// bytes. Shared by the `/_/backbeat/multiplebackenddata` routes and the direct source gateway, so that both write exactly the same.
import type { ByteSource } from '../base/byte-source.ts'
import { crc32Combine } from '../base/crc-combine.ts'
import { Failure } from '../domain/failure.ts'
import { type ObjectMetadata, userMetadataOf } from '../domain/object-metadata.ts'
import { digestSource } from './checked-body.ts'
import type {
  CompletedPart,
  KnownChecksums,
  Location,
  ObjectAttributes,
  ObjectLock,
  Precondition,
  RequestContext,
  StoredObject,
  WriteResult,
} from './location.ts'

/** A location as the destination of a bucket's objects. */
export interface Destination {
  readonly location: Location
  /** True: keys are stored as they are; false: as `<bucket>/<key>`. */
  readonly bucketMatch: boolean
}

export interface ObjectName {
  readonly bucket: string
  readonly key: string
}

/** What a copy takes over from its source, in the source's words. */
export interface CopiedAttributes {
  readonly contentType?: string
  readonly cacheControl?: string
  readonly contentDisposition?: string
  readonly contentEncoding?: string
  readonly contentLanguage?: string
  readonly expires?: string
  /** Names with their `x-amz-meta-` prefix. */
  readonly userMetadata: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  readonly lock?: ObjectLock
  /** Encoded; 'null' for the null version. */
  readonly versionId: string
}

export type WriteContext = RequestContext & { readonly precondition?: Precondition }

const metadataPrefix = 'x-amz-meta-'

/** Names of the markers that every copy carries (Backbeat wire format). */
export const replicationStatusMarker = 'scal-replication-status'
export const versionIdMarker = 'scal-version-id'

type Writable<Of> = { -readonly [Name in keyof Of]: Of[Name] }

/** Content headers as a copy carries them, and their names in the metadata. */
const contentAttributes = [
  ['contentType', 'content-type'],
  ['cacheControl', 'cache-control'],
  ['contentDisposition', 'content-disposition'],
  ['contentEncoding', 'content-encoding'],
  ['contentLanguage', 'content-language'],
  ['expires', 'expires'],
] as const

/** What a copy of this version takes over. `versionId` is encoded, or 'null'. */
export function copiedAttributes(metadata: ObjectMetadata, versionId: string): CopiedAttributes {
  const copied: Writable<CopiedAttributes> = { userMetadata: userMetadataOf(metadata), tags: metadata.tags, versionId }
  for (const [attribute, name] of contentAttributes) {
    const value = metadata[name]
    if (value !== undefined && value !== '') copied[attribute] = value
  }
  const lock = lockOf(metadata)
  if (lock.retention !== undefined || lock.legalHold !== undefined) copied.lock = lock
  return copied
}

/** What keeps a version; a retention that was taken away is told as such while that has to be replicated. */
export function lockOf(metadata: ObjectMetadata): ObjectLock {
  const { retentionMode: mode, retentionDate: until, legalHold, replicationInfo } = metadata
  const isChanged = replicationInfo.content.includes('PUT_RETENTION')
  const retention = mode !== undefined && until !== undefined ? { mode, until } : isChanged ? null : undefined
  return { ...(retention === undefined ? {} : { retention }), ...(legalHold === undefined ? {} : { legalHold }) }
}

/** The key of a copy at its destination. */
export function destinationKey(destination: Destination, name: ObjectName): string {
  return destination.bucketMatch ? name.key : `${name.bucket}/${name.key}`
}

/** Attributes as the location takes them: prefixes off, the source's own markers dropped, ours on. */
export function objectAttributes(copied: CopiedAttributes): ObjectAttributes {
  const { versionId, userMetadata: prefixed, ...rest } = copied
  const userMetadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(prefixed)) {
    const bare = name.toLowerCase().startsWith(metadataPrefix) ? name.slice(metadataPrefix.length) : name
    const folded = bare.toLowerCase()
    if (folded !== replicationStatusMarker && folded !== versionIdMarker) userMetadata[bare] = value
  }
  const markers = { [replicationStatusMarker]: 'REPLICA', [versionIdMarker]: versionId }
  return { ...rest, userMetadata, markers }
}

/**
 * Copies a whole object. Throws Failure(object) EntityTooLarge or KeyTooLong before a byte is sent; otherwise what the location throws.
 */
export async function putObject(
  destination: Destination,
  name: ObjectName,
  body: ByteSource,
  checksums: KnownChecksums,
  copied: CopiedAttributes,
  context?: WriteContext,
): Promise<WriteResult> {
  const key = checkedKey(destination, name)
  requireSize(destination, body.size, destination.location.capabilities.partBytesMax)
  return destination.location.put(key, body, checksums, objectAttributes(copied), context)
}

/** Begins an upload of an object of `size` bytes (left out when unknown); where ids are made by the client, it makes one. */
export async function initiateUpload(
  destination: Destination,
  name: ObjectName,
  copied: CopiedAttributes,
  size?: number,
  context?: RequestContext,
): Promise<string> {
  const key = checkedKey(destination, name)
  if (size !== undefined) requireSize(destination, size, destination.location.capabilities.objectBytesMax)
  return destination.location.initiateUpload(key, objectAttributes(copied), context)
}

/** Copies one part. Its CRC32, if it is not known, is computed by reading the range first: the location verifies it, the whole is joined from it. */
export async function putPart(
  destination: Destination,
  name: ObjectName,
  uploadId: string,
  partNumber: number,
  body: ByteSource,
  checksums: KnownChecksums = {},
  context?: RequestContext,
): Promise<CompletedPart & { readonly crc32: string }> {
  const key = checkedKey(destination, name)
  requireSize(destination, body.size, destination.location.capabilities.partBytesMax)
  const crc32 = checksums.crc32 ?? (await digestSource(body, { md5: false }, context?.signal)).crc32
  const known = { ...checksums, crc32 }
  const result = await destination.location.putPart(key, uploadId, partNumber, body, known, context)
  return { ...result, partNumber, size: body.size, crc32 }
}

/** What the finished object has to be; what is not known is not checked. */
export interface WholeObject {
  readonly size?: number
  /** Hex, 8 digits. */
  readonly crc32?: string
}

/**
 * Completes an upload, once its parts are seen to make up the object. Throws Failure(transient) ChecksumMismatch, with nothing completed, if
 * their sizes or CRC32s do not add up to the whole's.
 */
export async function completeUpload(
  destination: Destination,
  name: ObjectName,
  uploadId: string,
  parts: readonly CompletedPart[],
  whole: WholeObject,
  copied: CopiedAttributes,
  context?: WriteContext,
): Promise<WriteResult> {
  const key = checkedKey(destination, name)
  requireWhole(parts, whole)
  return destination.location.completeUpload(key, uploadId, parts, objectAttributes(copied), context)
}

export function abortUpload(
  destination: Destination,
  name: ObjectName,
  uploadId: string,
  context?: RequestContext,
): Promise<void> {
  return destination.location.abortUpload(destinationKey(destination, name), uploadId, context)
}

export function listUploads(
  destination: Destination,
  name: ObjectName,
  context?: RequestContext,
): Promise<readonly string[]> {
  return destination.location.listUploads(destinationKey(destination, name), context)
}

/** Without a version id: a delete marker where the destination has versions, else the object goes. */
export function deleteObject(
  destination: Destination,
  name: ObjectName,
  versionId = '',
  context?: WriteContext,
): Promise<WriteResult> {
  return destination.location.delete(destinationKey(destination, name), versionId, context)
}

/** Replaces the tags of a copy; none removes them. */
export function putTags(
  destination: Destination,
  name: ObjectName,
  versionId: string,
  tags: Readonly<Record<string, string>>,
  context?: WriteContext,
): Promise<WriteResult> {
  return destination.location.putTags(destinationKey(destination, name), versionId, tags, context)
}

/** Replaces what keeps a copy. Throws Failure(object) where the destination can not hold it. */
export function putLock(
  destination: Destination,
  name: ObjectName,
  versionId: string,
  lock: ObjectLock,
  context?: RequestContext,
): Promise<WriteResult> {
  const { location } = destination
  if (location.putLock === undefined) {
    const message = `${location.name} holds neither retentions nor legal holds`
    throw new Failure({ class: 'object', code: 'NotImplemented', message })
  }
  return location.putLock(destinationKey(destination, name), versionId, lock, context)
}

/** What the destination holds for the key, newest first, at most `max` entries. */
export function history(
  destination: Destination,
  name: ObjectName,
  max: number,
  context?: RequestContext,
): Promise<readonly StoredObject[]> {
  return destination.location.history(destinationKey(destination, name), max, context)
}

function checkedKey(destination: Destination, name: ObjectName): string {
  const key = destinationKey(destination, name)
  const { keyBytesMax } = destination.location.capabilities
  const keyBytes = Buffer.byteLength(key, 'utf8')
  if (keyBytes <= keyBytesMax) return key
  throw new Failure({
    class: 'object',
    code: 'KeyTooLong',
    message: `The key takes ${keyBytes} bytes at the destination (with the bucket's name), which allows ${keyBytesMax}`,
  })
}

function requireSize(destination: Destination, size: number, sizeMax: number): void {
  if (size <= Math.min(sizeMax, destination.location.capabilities.objectBytesMax)) return
  throw new Failure({
    class: 'object',
    code: 'EntityTooLarge',
    message: `${size} bytes are more than the ${sizeMax} that the destination takes`,
  })
}

function requireWhole(parts: readonly CompletedPart[], whole: WholeObject): void {
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  if (whole.size !== undefined && size !== whole.size) {
    throw mismatch(`the parts have ${size} bytes, the object ${whole.size}`)
  }
  if (whole.crc32 === undefined) return
  let combined = 0
  for (const part of parts) {
    if (part.crc32 === undefined) return
    combined = crc32Combine(combined, Number.parseInt(part.crc32, 16), part.size)
  }
  if (combined !== Number.parseInt(whole.crc32, 16)) throw mismatch('the checksums of the parts do not add up')
}

function mismatch(what: string): Failure {
  return new Failure({ class: 'transient', code: 'ChecksumMismatch', message: `The upload is not the object: ${what}` })
}
