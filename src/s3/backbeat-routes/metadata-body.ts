// Reads the metadata of a version as another server of this family writes it (Backbeat wire format, "Object metadata JSON"): every field that
// is used is checked, fields we do not know are kept, and what cannot be right is refused before anything is stored.
import { checksumAlgorithms } from '../../base/hash.ts'
import { isJsonObject, type JsonObject } from '../../domain/backbeat-wire.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { LockFields } from '../../domain/object-lock.ts'
import { type DataLocation, type Integrity, metadataModelVersion } from '../../domain/object-metadata.ts'
import type {
  Backend,
  BackendStatus,
  OverallStatus,
  ReplicationContent,
  ReplicationInfo,
} from '../../domain/replication-info.ts'
import { isStorable } from '../../domain/storable-text.ts'
import type { NewMetadata } from '../../metadata/metadata-store.ts'
import { isRetentionMode, parseLockDate } from '../objects/object-lock.ts'

/** What the store decides itself, and what only other stores know. */
const storeFields: ReadonlySet<string> = new Set([
  'versionId',
  'isNull',
  'isNull2',
  'nullVersionId',
  'nullUploadId',
  'deleted',
  'isPHD',
])

/** The refusal of a body that is not the metadata of a version. */
export function malformedMetadata(what: string): ServiceError {
  return serviceError('MalformedPOSTRequest', { message: `The metadata is not well-formed: ${what}.` })
}

/** Parses a metadata body: a JSON object with `replicationInfo`. Throws MalformedPOSTRequest. */
export function parseMetadata(text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw serviceError('MalformedPOSTRequest')
  }
  if (!isJsonObject(value)) throw malformedMetadata('it is not an object')
  if (!isJsonObject(value['replicationInfo'])) throw malformedMetadata('replicationInfo is missing')
  // It is parsed whatever its depth, but could not be written again.
  if (isDeeper(value, depthMax)) throw malformedMetadata('it is nested too deeply')
  // Only escapes can make what UTF-8 cannot hold, so nearly every body is not searched.
  if (unstorableEscape.test(text) && !isStorable(value))
    throw malformedMetadata('it has a zero character or half a surrogate pair')
  return value
}

const unstorableEscape = /\\u(?:0000|d[89a-f])/i
const depthMax = 32

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some(item => isDeeper(item, depth - 1))
}

/** The version's metadata as the store takes it, under the key of the request. Throws MalformedPOSTRequest. */
export function readMetadata(body: JsonObject, key: string): NewMetadata {
  const text = textReader(body)
  const contentLength = body['content-length']
  if (typeof contentLength !== 'number' || !Number.isSafeInteger(contentLength) || contentLength < 0) {
    throw malformedMetadata('content-length is not a size')
  }
  const lastModified = text('last-modified')
  if (Number.isNaN(Date.parse(lastModified))) throw malformedMetadata('last-modified is not a date')
  const isDeleteMarker = body['isDeleteMarker'] === true
  const metadata: NewMetadata = {
    'owner-display-name': text('owner-display-name', ''),
    'owner-id': text('owner-id', ''),
    ...contentFields(body),
    'last-modified': new Date(lastModified).toISOString(),
    'content-length': contentLength,
    'content-md5': text('content-md5', isDeleteMarker ? 'd41d8cd98f00b204e9800998ecf8427e' : undefined),
    'x-amz-version-id': text('x-amz-version-id', 'null'),
    'x-amz-server-version-id': text('x-amz-server-version-id', ''),
    'x-amz-storage-class': text('x-amz-storage-class', 'STANDARD'),
    'x-amz-server-side-encryption': text('x-amz-server-side-encryption', ''),
    'x-amz-server-side-encryption-aws-kms-key-id': text('x-amz-server-side-encryption-aws-kms-key-id', ''),
    'x-amz-server-side-encryption-customer-algorithm': text('x-amz-server-side-encryption-customer-algorithm', ''),
    'x-amz-website-redirect-location': text('x-amz-website-redirect-location', ''),
    'x-amz-scal-transition-in-progress': body['x-amz-scal-transition-in-progress'] === true,
    acl: readAcl(body['acl']),
    key,
    location: readLocations(body['location']),
    isDeleteMarker,
    tags: readTags(body['tags']),
    replicationInfo: readReplicationInfo(body['replicationInfo']),
    dataStoreName: text('dataStoreName', ''),
    originOp: text('originOp', ''),
    deleted: false,
    isPHD: false,
    'md-model-version': metadataModelVersion,
    ...readLockFields(body),
  }
  return Object.assign(metadata, unknownFields(body, metadata))
}

const contentNames = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'creation-time',
  'expires',
  'uploadId',
] as const

function contentFields(body: JsonObject): Partial<Record<(typeof contentNames)[number], string>> {
  const found: Partial<Record<(typeof contentNames)[number], string>> = {}
  for (const name of contentNames) {
    const value = body[name]
    if (typeof value === 'string') found[name] = value
    else if (value !== undefined && value !== null) throw malformedMetadata(`${name} is not text`)
  }
  return found
}

/** What keeps the version; a date as S3's requests may have it becomes what dates are compared with. */
function readLockFields(body: JsonObject): LockFields {
  const [mode, date, legalHold] = [body['retentionMode'] ?? null, body['retentionDate'] ?? null, body['legalHold']]
  if (legalHold !== undefined && legalHold !== null && typeof legalHold !== 'boolean') {
    throw malformedMetadata('legalHold is neither true nor false')
  }
  const hold = typeof legalHold === 'boolean' ? { legalHold } : {}
  if (mode === null && date === null) return hold
  if (typeof mode !== 'string' || !isRetentionMode(mode)) throw malformedMetadata('retentionMode is none that we know')
  const retentionDate = typeof date === 'string' ? parseLockDate(date) : undefined
  if (retentionDate === undefined) throw malformedMetadata('retentionDate is not a date')
  return { ...hold, retentionMode: mode, retentionDate }
}

/** User metadata, and fields that newer servers of this family have. */
function unknownFields(body: JsonObject, known: NewMetadata): JsonObject {
  const found: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(body)) {
    if (storeFields.has(name) || Object.hasOwn(known, name) || name === '__proto__') continue
    if (name.startsWith('x-amz-meta-') && typeof value !== 'string') throw malformedMetadata(`${name} is not text`)
    if (value !== null) found[name] = value
  }
  return found
}

function textReader(body: JsonObject): (name: string, fallback?: string) => string {
  return (name, fallback) => {
    const value = body[name]
    if (typeof value === 'string') return value
    if ((value === undefined || value === null) && fallback !== undefined) return fallback
    throw malformedMetadata(`${name} ${value === undefined ? 'is missing' : 'is not text'}`)
  }
}

function readAcl(value: unknown): NewMetadata['acl'] {
  const acl = isJsonObject(value) ? value : {}
  const names = (list: unknown): string[] =>
    Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : []
  return {
    Canned: typeof acl['Canned'] === 'string' ? acl['Canned'] : 'private',
    FULL_CONTROL: names(acl['FULL_CONTROL']),
    WRITE_ACP: names(acl['WRITE_ACP']),
    READ: names(acl['READ']),
    READ_ACP: names(acl['READ_ACP']),
  }
}

function readTags(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {}
  if (!isJsonObject(value)) throw malformedMetadata('tags is not an object')
  for (const item of Object.values(value)) if (typeof item !== 'string') throw malformedMetadata('a tag is not text')
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, String(item)]))
}

function readLocations(value: unknown): readonly DataLocation[] | null {
  if (value === undefined || value === null) return null
  if (!Array.isArray(value)) throw malformedMetadata('location is not an array')
  const items: readonly unknown[] = value
  return items.length === 0 ? null : items.map(readLocation)
}

function readLocation(item: unknown): DataLocation {
  if (!isJsonObject(item)) throw malformedMetadata('an item of location is not an object')
  const { key, dataStoreName, dataStoreETag, dataStoreType, dataStoreVersionId } = item
  const { cryptoScheme, cipheredDataKey, masterKeyId } = item
  const [size, start] = [wholeNumber(item['size']), wholeNumber(item['start'])]
  if (typeof key !== 'string' || key === '') throw malformedMetadata('an item of location has no key')
  if (typeof dataStoreName !== 'string') throw malformedMetadata('an item of location has no dataStoreName')
  if (size === undefined || start === undefined) throw malformedMetadata('an item of location has no size or start')
  return {
    key,
    size,
    start,
    dataStoreName,
    dataStoreETag: typeof dataStoreETag === 'string' ? dataStoreETag : '',
    ...(typeof dataStoreType === 'string' ? { dataStoreType } : {}),
    ...(typeof dataStoreVersionId === 'string' ? { dataStoreVersionId } : {}),
    ...(typeof cryptoScheme === 'number' ? { cryptoScheme } : {}),
    ...(typeof cipheredDataKey === 'string' ? { cipheredDataKey } : {}),
    ...(typeof masterKeyId === 'string' ? { masterKeyId } : {}),
  }
}

function wholeNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

const overallStatuses: readonly OverallStatus[] = ['', 'PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'REPLICA']
const backendStatuses: readonly BackendStatus[] = ['PENDING', 'COMPLETED', 'FAILED', 'SKIPPED', 'REPLICA']
const contents: readonly ReplicationContent[] = [
  'DATA',
  'METADATA',
  'MPU',
  'PUT_TAGGING',
  'DELETE_TAGGING',
  'PUT_RETENTION',
  'PUT_LEGAL_HOLD',
]

/** Throws MalformedPOSTRequest. */
export function readReplicationInfo(value: unknown): ReplicationInfo {
  if (!isJsonObject(value)) throw malformedMetadata('replicationInfo is missing')
  const status = overallStatuses.find(known => known === (value['status'] ?? ''))
  if (status === undefined) throw malformedMetadata('replicationInfo.status is none that we know')
  const text = textReader(value)
  const list = value['backends'] ?? []
  if (!Array.isArray(list)) throw malformedMetadata('replicationInfo.backends is not an array')
  const backends: readonly unknown[] = list
  const content: readonly unknown[] = Array.isArray(value['content']) ? value['content'] : []
  return {
    status,
    backends: backends.map(readBackend),
    content: contents.filter(known => content.includes(known)),
    destination: text('destination', ''),
    storageClass: text('storageClass', ''),
    role: text('role', ''),
    storageType: text('storageType', ''),
    dataStoreVersionId: text('dataStoreVersionId', ''),
    isNFS: typeof value['isNFS'] === 'boolean' ? value['isNFS'] : null,
  }
}

function readBackend(item: unknown): Backend {
  if (!isJsonObject(item)) throw malformedMetadata('a backend is not an object')
  const { site, dataStoreVersionId } = item
  const status = backendStatuses.find(known => known === item['status'])
  if (typeof site !== 'string' || site === '') throw malformedMetadata('a backend has no site')
  if (status === undefined) throw malformedMetadata(`the status of the backend ${site} is none that we know`)
  return { site, status, dataStoreVersionId: typeof dataStoreVersionId === 'string' ? dataStoreVersionId : '' }
}

/** The checksums that our own servers send beside a replica; null for none, or for what is none. */
export function readIntegrity(header: string | undefined): Integrity | null {
  if (header === undefined) return null
  let value: unknown
  try {
    value = JSON.parse(header)
  } catch {
    return null
  }
  if (!isJsonObject(value)) return null
  const { crc32, checksum } = value
  if (typeof crc32 !== 'string' || !/^[0-9a-f]{8}$/.test(crc32)) return null
  return { crc32, ...readChecksum(checksum) }
}

function readChecksum(value: unknown): Pick<Integrity, 'checksum'> {
  if (!isJsonObject(value)) return {}
  const algorithm = checksumAlgorithms.find(known => known === value['algorithm'])
  const { value: digest, type } = value
  if (algorithm === undefined || typeof digest !== 'string' || !/^[A-Za-z0-9+/=]{1,100}(-\d+)?$/.test(digest)) return {}
  return { checksum: { algorithm, value: digest, type: type === 'COMPOSITE' ? 'COMPOSITE' : 'FULL_OBJECT' } }
}
