// What a client says about an object besides its bytes: content headers, user metadata, tags, storage class. Reads it from request
// headers, refuses what asks for functions this server does not have, and makes the stored metadata of it.

import type { Account } from '../../accounts/account-directory.ts'
import { decodeWords } from '../../domain/encoded-word.ts'
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { LockFields } from '../../domain/object-lock.ts'
import { type AccessControlList, type DataLocation, metadataModelVersion } from '../../domain/object-metadata.ts'
import type { ReplicationInfo } from '../../domain/replication-info.ts'
import { isStorableText } from '../../domain/storable-text.ts'
import type { NewMetadata } from '../../metadata/metadata-store.ts'
import { privateAcl } from '../access/acl.ts'
import { encryptionFields, type VisibleEncryption } from '../encryption/sealing.ts'
import { headerText, invalidArgument, notImplemented } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'
import { readRedirectLocation } from '../website/redirect-location.ts'
import { type RequestedLock, readLock } from './object-lock.ts'
import { noTags, parseTagHeader, type TagSet } from './tag-set.ts'

/** The headers that describe the content and are kept and given back as they came. */
export const contentHeaders = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
] as const
type ContentHeader = (typeof contentHeaders)[number]
type UserMetadata = Readonly<Record<`x-amz-meta-${string}`, string>>

export interface ObjectSettings {
  readonly content: Readonly<Partial<Record<ContentHeader, string>>>
  /** Names with their prefix, lower-case; values decoded. */
  readonly userMetadata: UserMetadata
  readonly storageClass: string
  readonly tags: TagSet
  readonly lock: RequestedLock
  /** Where a website sends those who ask for the object. */
  readonly websiteRedirect?: string
}

/** Headers that would change what is stored, in ways this server cannot. */
const refusedHeaders = new Set(['x-amz-write-offset-bytes', 'x-amz-mfa', 'x-amz-rename-source', 'x-scal-s3-version-id'])
/** Kept as labels: whoever reads gets the bytes at once, as from these classes of S3. Those of archives, which do not give them at once, are none here. */
const storageClasses = new Set([
  'STANDARD',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'REDUCED_REDUNDANCY',
])

/** Throws NotImplemented for headers of functions that are not here. */
export function refuseUnsupported(headers: HeaderMap): void {
  for (const name of headers.keys()) {
    if (!name.startsWith('x-')) continue
    if (refusedHeaders.has(name)) throw notImplemented(name)
  }
}

/**
 * Reads settings of a new object. Throws NotImplemented, InvalidStorageClass, MetadataTooLarge, InvalidArgument, InvalidTag,
 * InvalidRedirectLocation.
 */
export function readSettings(headers: HeaderMap, nowMs: number): ObjectSettings {
  refuseUnsupported(headers)
  const tagging = headers.get('x-amz-tagging')
  return {
    content: readContentHeaders(headers),
    userMetadata: readUserMetadata(headers),
    storageClass: readStorageClass(headers),
    tags: tagging === undefined ? noTags : parseTagHeader(tagging),
    lock: readLock(headers, nowMs),
    ...readWebsiteRedirect(headers),
  }
}

/** Throws InvalidRedirectLocation. */
export function readWebsiteRedirect(headers: HeaderMap): Pick<ObjectSettings, 'websiteRedirect'> {
  const websiteRedirect = readRedirectLocation(headers)
  return websiteRedirect === undefined ? {} : { websiteRedirect }
}

export function readStorageClass(headers: HeaderMap): string {
  const storageClass = headers.get('x-amz-storage-class') ?? 'STANDARD'
  if (!storageClasses.has(storageClass)) throw serviceError('InvalidStorageClass')
  return storageClass
}

export function readContentHeaders(headers: HeaderMap): ObjectSettings['content'] {
  const content: Partial<Record<ContentHeader, string>> = {}
  for (const name of contentHeaders) {
    const value = headers.get(name)
    if (value === undefined) continue
    const text = name === 'content-encoding' ? withoutChunking(value) : headerText(value)
    if (text !== '') content[name] = text
  }
  return content
}

// aws-chunked frames the request and is no property of the object. What is left is kept as the client wrote it.
function withoutChunking(encoding: string): string {
  if (!encoding.includes('aws-chunked')) return headerText(encoding)
  return encoding
    .split(',')
    .filter(item => !['aws-chunked', ''].includes(item.trim()))
    .join(',')
    .trim()
}

export function readUserMetadata(headers: HeaderMap): UserMetadata {
  let found: Record<`x-amz-meta-${string}`, string> | undefined
  let size = 0
  for (const [name, value] of headers) {
    if (!isUserMetadata(name)) continue
    const text = decodeWords(headerText(value))
    // Encoded words may hold what no header can.
    if (!isStorableText(text)) throw invalidArgument('User metadata cannot have zero characters', name, value)
    size += name.length - 'x-amz-meta-'.length + Buffer.byteLength(text)
    found ??= {}
    found[name] = text
  }
  if (size > limits.userMetadataBytes) {
    const details = { Size: String(size), MaxSizeAllowed: String(limits.userMetadataBytes) }
    throw serviceError('MetadataTooLarge', { details })
  }
  return found ?? {}
}

function isUserMetadata(name: string): name is `x-amz-meta-${string}` {
  return name.startsWith('x-amz-meta-')
}

export interface NewVersion {
  readonly key: string
  /** Who is named as the owner. */
  readonly account: Pick<Account, 'displayName' | 'canonicalId'>
  /** The owner's alone when left out. */
  readonly acl?: AccessControlList
  readonly settings: ObjectSettings
  readonly size: number
  /** Hex MD5, or `<hex>-<parts>`. */
  readonly etag: string
  readonly location: readonly DataLocation[] | null
  readonly dataStoreName: string
  readonly replicationInfo: ReplicationInfo
  readonly originOp: string
  /** Epoch milliseconds. */
  readonly now: number
  readonly uploadId?: string
  readonly isDeleteMarker?: boolean
  readonly lock?: LockFields
  readonly creationTime?: string
  /** Not encrypted when left out. */
  readonly encryption?: VisibleEncryption
}

/** The stored metadata of a new version (Backbeat wire format, "Object metadata JSON"). */
export function newMetadata(version: NewVersion): NewMetadata {
  const { 'content-type': contentType, 'content-language': language, ...content } = version.settings.content
  return {
    'owner-display-name': version.account.displayName,
    'owner-id': version.account.canonicalId,
    ...content,
    'content-length': version.size,
    ...(contentType === undefined ? undefined : { 'content-type': contentType }),
    'content-md5': version.etag,
    'content-language': language ?? '',
    ...(version.creationTime === undefined ? undefined : { 'creation-time': version.creationTime }),
    'x-amz-version-id': 'null',
    'x-amz-server-version-id': '',
    'x-amz-storage-class': version.settings.storageClass,
    ...encryptionFields(version.encryption ?? { kind: 'none' }),
    'x-amz-website-redirect-location': version.settings.websiteRedirect ?? '',
    'x-amz-scal-transition-in-progress': false,
    acl: version.acl ?? privateAcl,
    key: version.key,
    location: version.location,
    isDeleteMarker: version.isDeleteMarker ?? false,
    ...(version.uploadId === undefined ? undefined : { uploadId: version.uploadId }),
    ...version.lock,
    tags: version.settings.tags,
    replicationInfo: version.replicationInfo,
    dataStoreName: version.dataStoreName,
    originOp: version.originOp,
    deleted: false,
    isPHD: false,
    'last-modified': new Date(version.now).toISOString(),
    'md-model-version': metadataModelVersion,
    ...version.settings.userMetadata,
  }
}

/** Settings of a version that has none: a delete marker. */
export const noSettings: ObjectSettings = {
  content: {},
  userMetadata: {},
  storageClass: 'STANDARD',
  tags: noTags,
  lock: {},
}
