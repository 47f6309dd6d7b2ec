// Between the public form of a version's metadata and its columns: what the front end hands over is taken apart here, on the main thread, and
// put together again when it is read. Shared by the stores, which keep the same columns.
import {
  type AccessControlList,
  type DataLocation,
  type Integrity,
  isInlineKey,
  type ObjectMetadata,
  type VersionRecord,
} from '../domain/object-metadata.ts'
import { noReplication, type ReplicationInfo } from '../domain/replication-info.ts'
import { storedVersionId } from '../domain/version-id.ts'
import type { ClaimedVersion } from './ledger.ts'
import type { NewMetadata } from './metadata-store.ts'
import { replicationOfText } from './replication-text.ts'

export interface DataReference {
  readonly key: string
  readonly location: string
}

/** A version's metadata, taken apart into columns. */
export interface VersionBody {
  /** JSON of the public metadata without versionId, isNull, originOp and replicationInfo. */
  readonly metadata: string
  readonly originOp: string
  /** JSON; null for a version without replication. */
  readonly replication: string | null
  /** Sites whose backend is PENDING, each once. */
  readonly sites: readonly string[]
  readonly isDeleteMarker: boolean
  readonly size: number
  readonly etag: string
  readonly lastModified: string
  readonly storageClass: string
  readonly ownerId: string
  readonly ownerName: string
  /** JSON. */
  readonly integrity: string | null
  readonly data: readonly DataReference[]
  /** Name of its bytes, if they are one piece in the store's own table. */
  readonly inlineKey: string | null
}

/** How the null version came to be: decides what its public metadata shows. */
export const nullKind = { none: 0, suspended: 1, unversioned: 2 } as const

const nobody: readonly string[] = Object.freeze([])

/**
 * What fields that every version has say where they say nothing, as most do of most versions. A store may leave these out: near half of the text,
 * which is written, read and taken apart for every object. Never to be changed: stored versions rely on it. Frozen, because all of them share it.
 */
const blankFields = {
  'x-amz-version-id': 'null',
  'x-amz-server-version-id': '',
  'x-amz-storage-class': 'STANDARD',
  'x-amz-server-side-encryption': '',
  'x-amz-server-side-encryption-aws-kms-key-id': '',
  'x-amz-server-side-encryption-customer-algorithm': '',
  'x-amz-website-redirect-location': '',
  'x-amz-scal-transition-in-progress': false,
  acl: Object.freeze({ Canned: 'private', FULL_CONTROL: nobody, WRITE_ACP: nobody, READ: nobody, READ_ACP: nobody }),
  tags: Object.freeze({}),
  deleted: false,
  isPHD: false,
  'md-model-version': 6,
} as const satisfies Partial<ObjectMetadata>

const blankValues = new Map<string, unknown>(Object.entries(blankFields))

function withoutBlanks(stored: Readonly<Record<string, unknown>>, { acl, tags }: NewMetadata): object {
  const lean: Record<string, unknown> = {}
  for (const name in stored) if (stored[name] !== blankValues.get(name)) lean[name] = stored[name]
  if (isPrivate(acl)) lean['acl'] = undefined
  if (Object.keys(tags).length === 0) lean['tags'] = undefined
  return lean
}

function isPrivate(acl: AccessControlList): boolean {
  const granted = acl.FULL_CONTROL.length + acl.WRITE_ACP.length + acl.READ.length + acl.READ_ACP.length
  return acl.Canned === 'private' && granted === 0 && acl.WRITE === undefined
}

/** `lean`: without blank fields, for a store that gives versions by `publicMetadata` alone. */
export function versionBody(given: NewMetadata, integrity: Integrity | null, text: 'whole' | 'lean'): VersionBody {
  const { replicationInfo, originOp, ...rest } = given
  const stored: Record<string, unknown> = rest
  // The store says these itself; a caller that hands on metadata it has read may still carry them.
  if ('versionId' in stored) delete stored['versionId']
  if ('isNull' in stored) delete stored['isNull']
  const isDeleteMarker = given.isDeleteMarker === true
  const replicated = replicationInfo.status !== '' || replicationInfo.backends.length > 0
  return {
    metadata: JSON.stringify(text === 'lean' ? withoutBlanks(stored, given) : stored),
    originOp,
    replication: replicated ? JSON.stringify(replicationInfo) : null,
    sites: pendingSites(replicationInfo),
    isDeleteMarker,
    size: isDeleteMarker ? 0 : given['content-length'],
    etag: given['content-md5'],
    lastModified: given['last-modified'],
    storageClass: given['x-amz-storage-class'],
    ownerId: given['owner-id'],
    ownerName: given['owner-display-name'],
    integrity: integrity === null ? null : JSON.stringify(integrity),
    ...dataOfPieces(given.location ?? []),
  }
}

/** What the store keeps beside the metadata of where a version's bytes are. */
export function dataOfPieces(pieces: readonly DataLocation[]): Pick<VersionBody, 'data' | 'inlineKey'> {
  const [first, ...more] = pieces
  const isInline = first !== undefined && more.length === 0 && isInlineKey(first.key)
  return {
    data: pieces.map(piece => ({ key: piece.key, location: piece.dataStoreName })),
    inlineKey: isInline ? first.key : null,
  }
}

/** Sites whose backend is PENDING, each once. */
export function pendingSites(info: ReplicationInfo): string[] {
  const sites = info.backends.filter(backend => backend.status === 'PENDING').map(backend => backend.site)
  return sites.length < 2 ? sites : [...new Set(sites)]
}

/** The columns that make up the public form again. */
export interface FormColumns {
  readonly version_id: string
  readonly null_kind: number
  readonly origin_op: string
  readonly metadata: string
  readonly replication: string | null
}

export const formColumns = 'version_id, null_kind, origin_op, metadata, replication'

export function publicMetadata(columns: FormColumns): ObjectMetadata {
  const stored: Omit<ObjectMetadata, 'replicationInfo' | 'originOp' | 'versionId' | 'isNull'> = JSON.parse(
    columns.metadata,
  )
  const replicationInfo: ReplicationInfo =
    columns.replication === null ? noReplication : replicationOfText(columns.replication)
  return {
    ...blankFields,
    ...stored,
    originOp: columns.origin_op,
    replicationInfo,
    ...(columns.null_kind !== nullKind.unversioned && { versionId: columns.version_id }),
    ...(columns.null_kind === nullKind.suspended && { isNull: true }),
  }
}

/** The same as JSON text, without parsing what is stored: of whole text only. */
export function publicMetadataJson(columns: FormColumns): string {
  const open = columns.metadata.slice(0, -1)
  const replication = columns.replication ?? JSON.stringify(noReplication)
  const id = columns.null_kind === nullKind.unversioned ? '' : `,"versionId":${JSON.stringify(columns.version_id)}`
  const isNull = columns.null_kind === nullKind.suspended ? ',"isNull":true' : ''
  return `${open},"originOp":${JSON.stringify(columns.origin_op)},"replicationInfo":${replication}${id}${isNull}}`
}

/** The columns of a version that is read as a whole. */
interface ReadColumns extends FormColumns {
  readonly revision: number
  readonly integrity: string | null
}

function readForm(columns: ReadColumns): Pick<VersionRecord, 'isNull' | 'revision' | 'metadata' | 'integrity'> {
  return {
    isNull: columns.null_kind !== nullKind.none,
    revision: columns.revision,
    metadata: publicMetadata(columns),
    integrity: columns.integrity === null ? null : JSON.parse(columns.integrity),
  }
}

/** The columns that a task needs. */
export interface TaskColumns extends ReadColumns {
  readonly bytes: Uint8Array | null
}

/** Undefined where it cannot be read. */
export function claimedVersion(columns: TaskColumns): ClaimedVersion | undefined {
  try {
    const version = readForm(columns)
    return columns.bytes === null ? version : { ...version, bytes: columns.bytes }
  } catch {
    return undefined
  }
}

export interface RecordColumns extends ReadColumns {
  readonly is_delete_marker: number
  readonly is_latest: number
}

export function versionRecord(bucket: string, key: string, columns: RecordColumns): VersionRecord {
  return {
    bucket,
    key,
    versionId: storedVersionId(columns.version_id),
    isDeleteMarker: columns.is_delete_marker === 1,
    isLatest: columns.is_latest === 1,
    ...readForm(columns),
  }
}
