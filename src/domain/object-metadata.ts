// The public form of an object version's metadata: what `/_/backbeat/metadata` reads and writes and what topic entries carry. Field names
// and meanings are fixed by the original programs (Backbeat wire format); what Crossbeat adds lies beside it (see VersionRecord), never inside.
import type { ReplicationInfo } from './replication-info.ts'
import type { VersionId } from './version-id.ts'

export const metadataModelVersion = 6

export type RetentionMode = 'GOVERNANCE' | 'COMPLIANCE'

export interface AccessControlList {
  readonly Canned: string
  readonly FULL_CONTROL: readonly string[]
  /** Means something for buckets only; of an object it is kept and shown. */
  readonly WRITE?: readonly string[]
  readonly WRITE_ACP: readonly string[]
  readonly READ: readonly string[]
  readonly READ_ACP: readonly string[]
}

/** One stored piece of an object's bytes. */
export interface DataLocation {
  /** Name of the data: a file of the location, or an inline row of the store (see `isInlineKey`). */
  readonly key: string
  readonly size: number
  /** Offset of this piece in the whole object. */
  readonly start: number
  readonly dataStoreName: string
  readonly dataStoreType?: string
  /** `<part number>:<hex md5>` */
  readonly dataStoreETag: string
  readonly dataStoreVersionId?: string
  /** Encrypted: in which form, and its data key, wrapped under the master key of this id, or under a customer's key where there is no id. */
  readonly cryptoScheme?: number
  readonly cipheredDataKey?: string
  readonly masterKeyId?: string
}

/** The one form in which we encrypt (`base/sealed-bytes.ts`); 1 is the original's, which we cannot read. */
export const sealedScheme = 2

/** A piece that lies encrypted. */
export interface SealedLocation extends DataLocation {
  readonly cipheredDataKey: string
}

/** Whether a piece is encrypted in the form we know. */
export function isSealed(piece: DataLocation): piece is SealedLocation {
  return piece.cryptoScheme === sealedScheme && piece.cipheredDataKey !== undefined
}

export interface ObjectMetadata {
  readonly 'owner-display-name': string
  readonly 'owner-id': string
  readonly 'cache-control'?: string
  readonly 'content-disposition'?: string
  readonly 'content-encoding'?: string
  readonly 'content-language'?: string
  readonly expires?: string
  readonly 'creation-time'?: string
  readonly 'last-modified': string
  readonly 'content-length': number
  readonly 'content-type'?: string
  /** Hex MD5, or `<hex>-<parts>` for a multipart object. */
  readonly 'content-md5': string
  readonly 'x-amz-version-id': string
  readonly 'x-amz-server-version-id': string
  readonly 'x-amz-storage-class': string
  readonly 'x-amz-server-side-encryption': string
  readonly 'x-amz-server-side-encryption-aws-kms-key-id': string
  readonly 'x-amz-server-side-encryption-customer-algorithm': string
  readonly 'x-amz-website-redirect-location': string
  readonly 'x-amz-scal-transition-in-progress': boolean
  readonly acl: AccessControlList
  readonly key: string
  readonly location: readonly DataLocation[] | null
  readonly isNull?: boolean
  readonly isDeleteMarker?: boolean
  /** Internal (decoded) version id; absent on versions written without versioning. */
  readonly versionId?: string
  readonly uploadId?: string
  /** Object lock: how and until when (ISO 8601 with milliseconds) the version is kept, and whether a legal hold keeps it. */
  readonly retentionMode?: RetentionMode
  readonly retentionDate?: string
  readonly legalHold?: boolean
  readonly tags: Readonly<Record<string, string>>
  readonly replicationInfo: ReplicationInfo
  readonly dataStoreName: string
  readonly originOp: string
  readonly deleted: boolean
  readonly isPHD: boolean
  readonly 'md-model-version': number
  readonly [userMetadata: `x-amz-meta-${string}`]: string
}

/** Whole-object checksum that a client declared or asked for. Values are base64 (S3 form); composite ones end in `-<parts>`. */
export interface StoredChecksum {
  readonly algorithm:
    | `CRC${'32' | '32C' | '64NVME'}`
    | 'MD5'
    | `SHA${'1' | '256' | '512'}`
    | `XXHASH${'3' | '64' | '128'}`
  readonly value: string
  readonly type: 'FULL_OBJECT' | 'COMPOSITE'
}

/** What Crossbeat knows of the bytes beside the public form; `crc32` (hex, 8 digits) is computed for every object at its PUT. */
export interface Integrity {
  readonly crc32: string
  readonly checksum?: StoredChecksum
  /** The same of each part of a multipart object; not sent to other servers. */
  readonly parts?: readonly string[]
  /** Of a version that is encrypted with its writer's key (SSE-C): tells whether a key is that one. */
  readonly customerKeyCheck?: string
}

/** One version as the metadata store gives it. */
export interface VersionRecord {
  readonly bucket: string
  readonly key: string
  readonly versionId: VersionId
  /** The null version shows as `null`; it is replaced by the next write without versioning. */
  readonly isNull: boolean
  readonly isDeleteMarker: boolean
  readonly isLatest: boolean
  /** Raised by each change that needs replication; 0 for versions never replicated. */
  readonly revision: number
  readonly metadata: ObjectMetadata
  readonly integrity: Integrity | null
}

const inlinePrefix = 'inline.'

/** Names inline data: bytes of small objects that lie in a table of the metadata store. */
export function inlineKey(name: string): string {
  return `${inlinePrefix}${name}`
}

export function isInlineKey(dataKey: string): boolean {
  return dataKey.startsWith(inlinePrefix)
}

/** Whether a version is encrypted with a key that only its writer has (SSE-C). */
export function hasCustomerKey(
  metadata: Pick<ObjectMetadata, 'x-amz-server-side-encryption-customer-algorithm'>,
): boolean {
  // Other servers of this family may leave it out.
  const algorithm: string | undefined = metadata['x-amz-server-side-encryption-customer-algorithm']
  return algorithm !== undefined && algorithm !== ''
}

/** The user metadata of a version: names with their `x-amz-meta-` prefix, lower-case. */
export function userMetadataOf(metadata: ObjectMetadata): Record<string, string> {
  const found: Record<string, string> = {}
  // No list of all entries: this is asked for every copy, and hardly any of them has user metadata.
  for (const name in metadata) if (isUserMetadata(name)) found[name] = String(metadata[name])
  return found
}

function isUserMetadata(name: string): name is `x-amz-meta-${string}` {
  return name.startsWith('x-amz-meta-')
}
