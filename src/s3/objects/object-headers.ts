// The headers that describe a stored version, as GET and HEAD show them: content headers, user metadata, version, checksums and the state of
// replication, overall and per site (Backbeat wire format, "What HEAD/GET show").
import type { Bucket } from '../../domain/bucket.ts'
import { encodeWords } from '../../domain/encoded-word.ts'
import type { ObjectMetadata, StoredChecksum, VersionRecord } from '../../domain/object-metadata.ts'
import type { ReplicationInfo } from '../../domain/replication-info.ts'
import { encodeVersionId } from '../../domain/version-id.ts'
import { checksumHeaders } from '../auth/payload-check.ts'
import type { FlatHeaders } from '../call.ts'
import { headerValue } from '../http/answer.ts'

/** The version id as clients see it; undefined where the bucket never had versions. */
export function shownVersionId(bucket: Bucket, record: VersionRecord): string | undefined {
  if (bucket.versioning === 'Unversioned') return undefined
  return record.isNull ? 'null' : encodeVersionId(record.versionId)
}

export function quoted(etag: string): string {
  return `"${etag}"`
}

/** HTTP date of an ISO time. */
export function httpDate(iso: string): string {
  return new Date(iso).toUTCString()
}

const contentHeaders = [
  ['cache-control', 'Cache-Control'],
  ['content-disposition', 'Content-Disposition'],
  ['content-encoding', 'Content-Encoding'],
  ['content-language', 'Content-Language'],
  ['expires', 'Expires'],
  ['content-type', 'Content-Type'],
] as const

/** Metadata from other servers may have names that no header can have; S3 counts those. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Of an object whose writer said nothing of it. */
const defaultContentType = 'binary/octet-stream'

/** Everything but length and range. `overrides` replace content headers (response-* parameters), names lower-case. */
export function describeVersion(
  bucket: Bucket,
  record: VersionRecord,
  overrides: ReadonlyMap<string, string>,
): FlatHeaders {
  const { metadata } = record
  const headers: FlatHeaders = []
  const replication = replicationHeaders(metadata.replicationInfo)
  let missing = 0
  for (const name in metadata) {
    if (!name.startsWith('x-amz-meta-') || replication.includes(name)) continue
    if (headerName.test(name)) headers.push(name, encodeWords(String(metadata[name as keyof ObjectMetadata])))
    else missing += 1
  }
  if (missing > 0) headers.push('x-amz-missing-meta', String(missing))
  const versionId = shownVersionId(bucket, record)
  if (versionId !== undefined) headers.push('x-amz-version-id', versionId)
  headers.push('Accept-Ranges', 'bytes')
  for (const [name, shown] of contentHeaders) {
    const value = overrides.get(name) || metadata[name] || (name === 'content-type' ? defaultContentType : '')
    if (value !== '') headers.push(shown, headerValue(value))
  }
  headers.push(
    'ETag',
    headerValue(quoted(metadata['content-md5'])),
    'Last-Modified',
    httpDate(metadata['last-modified']),
  )
  if (metadata['x-amz-storage-class'] !== 'STANDARD') {
    headers.push('x-amz-storage-class', headerValue(metadata['x-amz-storage-class']))
  }
  const redirect = metadata['x-amz-website-redirect-location']
  if (redirect) headers.push('x-amz-website-redirect-location', headerValue(redirect))
  const encryption = metadata['x-amz-server-side-encryption']
  if (encryption) headers.push('x-amz-server-side-encryption', headerValue(encryption))
  const kmsKeyId = metadata['x-amz-server-side-encryption-aws-kms-key-id']
  if (kmsKeyId) headers.push('x-amz-server-side-encryption-aws-kms-key-id', headerValue(kmsKeyId))
  headers.push(...lockHeaders(metadata))
  const tagCount = Object.keys(metadata.tags).length
  if (tagCount > 0) headers.push('x-amz-tagging-count', String(tagCount))
  return replication.length === 0 ? headers : headers.concat(replication)
}

function lockHeaders({ retentionMode, retentionDate, legalHold }: ObjectMetadata): FlatHeaders {
  const headers: FlatHeaders = []
  if (retentionMode !== undefined && retentionDate !== undefined) {
    headers.push('x-amz-object-lock-mode', retentionMode, 'x-amz-object-lock-retain-until-date', retentionDate)
  }
  if (legalHold !== undefined) headers.push('x-amz-object-lock-legal-hold', legalHold ? 'ON' : 'OFF')
  return headers
}

function replicationHeaders(info: ReplicationInfo): FlatHeaders {
  if (info.status === '' && info.backends.length === 0) return []
  const headers: FlatHeaders = []
  if (info.status !== '') headers.push('x-amz-replication-status', info.status)
  if (info.storageType === '') return headers
  for (const { site, status, dataStoreVersionId } of info.backends) {
    if (!headerName.test(site)) continue
    headers.push(`x-amz-meta-${site}-replication-status`, status)
    if (status === 'COMPLETED' && dataStoreVersionId !== '') {
      headers.push(`x-amz-meta-${site}-version-id`, headerValue(dataStoreVersionId))
    }
  }
  return headers
}

/** The checksum of the whole object: the one its writer chose, otherwise the CRC32 that is kept of every object. */
export function checksumOf({ integrity }: VersionRecord): StoredChecksum | undefined {
  if (integrity === null || integrity.checksum !== undefined) return integrity?.checksum
  return { algorithm: 'CRC32', value: Buffer.from(integrity.crc32, 'hex').toString('base64'), type: 'FULL_OBJECT' }
}

export function checksumHeadersOf(record: VersionRecord): FlatHeaders {
  const checksum = checksumOf(record)
  if (checksum === undefined) return []
  return [checksumHeaders[checksum.algorithm], checksum.value, 'x-amz-checksum-type', checksum.type]
}
