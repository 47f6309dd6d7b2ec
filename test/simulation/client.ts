// What a client does to the store, as the S3 front end would put it: versions, delete markers, tags, deletions. Small bodies lie in the
// store, larger ones in the data store, as in production.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type DataLocation, inlineKey, metadataModelVersion } from '../../src/domain/object-metadata.ts'
import { noReplication, type ReplicationContent, type ReplicationInfo } from '../../src/domain/replication-info.ts'
import type { VersionId } from '../../src/domain/version-id.ts'
import type { DataStore } from '../../src/locations/data-store.ts'
import type { MetadataStore, NewMetadata, PutVersionResult, VersionFields } from '../../src/metadata/metadata-store.ts'

export interface Clients {
  readonly store: MetadataStore
  readonly dataStore: DataStore
  readonly sites: readonly string[]
  readonly now: () => number
}

/** Bodies up to this size lie in the store. */
const inlineBytes = 200

export const bucket = 'source'

export async function createBucket(store: MetadataStore): Promise<void> {
  await store.createBucket({
    name: bucket,
    ownerId: 'owner',
    ownerDisplayName: 'Owner',
    creationDate: '2026-01-01T00:00:00.000Z',
    locationConstraint: 'us-east-1',
  })
  await store.changeBucket(bucket, { versioning: 'Enabled' })
}

export function pendingInfo(sites: readonly string[], content: readonly ReplicationContent[]): ReplicationInfo {
  if (sites.length === 0) return noReplication
  return {
    ...noReplication,
    status: 'PENDING',
    backends: sites.map(site => ({ site, status: 'PENDING', dataStoreVersionId: '' })),
    content,
    destination: 'arn:aws:s3:::copies',
    storageClass: sites.join(','),
    role: 'arn:aws:iam::root:role/replication',
    storageType: sites.map(() => 'aws_s3').join(','),
  }
}

function metadataOf(
  clients: Clients,
  key: string,
  bytes: Uint8Array,
  location: readonly DataLocation[] | null,
  info: ReplicationInfo,
): NewMetadata {
  return {
    'owner-display-name': 'Owner',
    'owner-id': 'owner',
    'last-modified': new Date(clients.now()).toISOString(),
    'content-length': bytes.byteLength,
    'content-type': 'text/plain',
    'content-md5': createHash('md5').update(bytes).digest('hex'),
    'x-amz-version-id': 'null',
    'x-amz-server-version-id': '',
    'x-amz-storage-class': 'STANDARD',
    'x-amz-server-side-encryption': '',
    'x-amz-server-side-encryption-aws-kms-key-id': '',
    'x-amz-server-side-encryption-customer-algorithm': '',
    'x-amz-website-redirect-location': '',
    'x-amz-scal-transition-in-progress': false,
    acl: { Canned: 'private', FULL_CONTROL: [], WRITE_ACP: [], READ: [], READ_ACP: [] },
    key,
    location,
    tags: {},
    replicationInfo: info,
    dataStoreName: 'us-east-1',
    originOp: 's3:ObjectCreated:Put',
    deleted: false,
    isPHD: false,
    'md-model-version': metadataModelVersion,
  }
}

/** PUT of an object, as a new version or, in a suspended bucket, as the null version. */
export async function putObject(clients: Clients, key: string, bytes: Uint8Array): Promise<PutVersionResult> {
  const writer = bytes.byteLength > inlineBytes ? clients.dataStore.create() : null
  await writer?.write(bytes)
  await writer?.finish()
  const dataKey = writer?.key ?? inlineKey(`${key}-${clients.now()}-${bytes.byteLength}-${nextName()}`)
  const etag = `1:${createHash('md5').update(bytes).digest('hex')}`
  const piece = { key: dataKey, size: bytes.byteLength, start: 0, dataStoreName: 'us-east-1', dataStoreETag: etag }
  const content: ReplicationContent[] = bytes.byteLength === 0 ? ['METADATA'] : ['DATA', 'METADATA']
  const metadata = metadataOf(
    clients,
    key,
    bytes,
    bytes.byteLength === 0 ? null : [piece],
    pendingInfo(clients.sites, content),
  )
  const isInline = writer === null && bytes.byteLength > 0
  return clients.store.putVersion({
    bucket,
    key,
    metadata,
    integrity: { crc32: crc32(bytes).toString(16).padStart(8, '0') },
    ...(isInline ? { inline: { key: dataKey, bytes } } : {}),
  })
}

let names = 0
function nextName(): number {
  names += 1
  return names
}

export function deleteObject(clients: Clients, key: string): Promise<PutVersionResult> {
  const info = pendingInfo(clients.sites, ['METADATA'])
  const metadata = { ...metadataOf(clients, key, new Uint8Array(), null, info), isDeleteMarker: true }
  return clients.store.putVersion({ bucket, key, metadata, integrity: null })
}

/** PUT object tagging; false when the version is gone or changed in between. */
export function changeTags(
  clients: Clients,
  key: string,
  version: VersionId | 'latest',
  tags: Readonly<Record<string, string>>,
): Promise<boolean> {
  return change(clients, { key, version, fields: { tags }, originOp: 's3:ObjectTagging:Put', content: ['PUT_TAGGING'] })
}

/** PUT object ACL; false likewise. */
export function changeList(clients: Clients, key: string, version: VersionId, canned: string): Promise<boolean> {
  const acl = { Canned: canned, FULL_CONTROL: [], WRITE_ACP: [], READ: [], READ_ACP: [] }
  return change(clients, { key, version, fields: { acl }, originOp: 's3:ObjectAcl:Put', content: [] })
}

interface Change {
  readonly key: string
  readonly version: VersionId | 'latest'
  readonly fields: VersionFields
  readonly originOp: string
  readonly content: readonly ReplicationContent[]
}

async function change(clients: Clients, { key, version, fields, originOp, content }: Change): Promise<boolean> {
  const found = await clients.store.version({ bucket, key, version })
  if (found === null || found.isDeleteMarker) return false
  const before = found.metadata.replicationInfo
  const fresh = pendingInfo(clients.sites, ['METADATA', ...content])
  const backends = fresh.backends.map(backend => ({
    ...backend,
    dataStoreVersionId: before.backends.find(old => old.site === backend.site)?.dataStoreVersionId ?? '',
  }))
  const result = await clients.store.changeVersion({
    bucket,
    key,
    version: found.versionId,
    fields,
    originOp,
    replication: { ...fresh, backends },
    seenRevision: found.revision,
  })
  return result.outcome === 'changed'
}
