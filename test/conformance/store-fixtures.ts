// What the suites of the metadata store and the ledger are made of: metadata as the front end makes it, and short ways to write and read.
import assert from 'node:assert/strict'
import type { StatusMessage } from '../../src/domain/entry.ts'
import { inlineKey } from '../../src/domain/object-metadata.ts'
import { noReplication, overallStatus, type ReplicationInfo } from '../../src/domain/replication-info.ts'
import type { VersionId } from '../../src/domain/version-id.ts'
import type { AttemptEnd, AttemptReport, Claim, LedgerRow } from '../../src/metadata/ledger.ts'
import type { MetadataStore, NewMetadata, PutVersion } from '../../src/metadata/metadata-store.ts'

/** Pending at each of the sites. */
export function pendingAt(sites: readonly string[]): ReplicationInfo {
  if (sites.length === 0) return noReplication
  const backends = sites.map(site => ({ site, status: 'PENDING' as const, dataStoreVersionId: '' }))
  return {
    ...noReplication,
    status: overallStatus(backends),
    backends,
    content: ['DATA', 'METADATA'],
    storageClass: sites.join(','),
    role: 'arn:aws:iam::1:role/a,arn:aws:iam::1:role/b',
  }
}

export interface MetadataChoice {
  readonly sites?: readonly string[]
  readonly size?: number
  readonly etag?: string
  readonly deleteMarker?: boolean
  readonly tags?: Readonly<Record<string, string>>
  readonly location?: NewMetadata['location']
  readonly replicationInfo?: ReplicationInfo
}

export function newMetadata(key: string, choice: MetadataChoice = {}): NewMetadata {
  return {
    'owner-display-name': 'Owner',
    'owner-id': 'owner1',
    'last-modified': '2026-01-02T03:04:05.000Z',
    'content-length': choice.size ?? 3,
    'content-type': 'text/plain',
    'content-md5': choice.etag ?? '900150983cd24fb0d6963f7d28e17f72',
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
    location: choice.location ?? null,
    ...(choice.deleteMarker && { isDeleteMarker: true }),
    tags: choice.tags ?? {},
    replicationInfo: choice.replicationInfo ?? pendingAt(choice.sites ?? []),
    dataStoreName: 'local',
    originOp: choice.deleteMarker ? 's3:ObjectRemoved:DeleteMarkerCreated' : 's3:ObjectCreated:Put',
    deleted: false,
    isPHD: false,
    'md-model-version': 6,
    'x-amz-meta-color': 'blue',
  }
}

/** One piece of data in the location `local`. */
export function dataAt(name: string, size = 3): NonNullable<NewMetadata['location']> {
  return [{ key: name, size, start: 0, dataStoreName: 'local', dataStoreETag: '1:900150983cd24fb0d6963f7d28e17f72' }]
}

export const inlineName = inlineKey

export async function makeBucket(
  store: MetadataStore,
  name: string,
  versioning: 'Unversioned' | 'Enabled' = 'Enabled',
): Promise<string> {
  const made = await store.createBucket({
    name,
    ownerId: 'owner1',
    ownerDisplayName: 'Owner',
    creationDate: '2026-01-02T03:04:05.000Z',
    locationConstraint: 'local',
  })
  assert.equal(made, 'created')
  if (versioning === 'Enabled') assert.equal(await store.changeBucket(name, { versioning }), 'changed')
  return name
}

export async function put(
  store: MetadataStore,
  bucket: string,
  key: string,
  choice: MetadataChoice & Partial<Omit<PutVersion, 'metadata'>> = {},
): Promise<VersionId> {
  const { inline, condition, completes } = choice
  const result = await store.putVersion({
    bucket,
    key,
    metadata: newMetadata(key, choice),
    integrity: { crc32: '352441c2' },
    ...(inline !== undefined && { inline }),
    ...(condition !== undefined && { condition }),
    ...(completes !== undefined && { completes }),
  })
  assert.ok(result.outcome === 'stored', result.outcome)
  return result.versionId
}

/** Changes the tags of a version, so that it has to go to `aws` again. */
export async function retag(
  store: MetadataStore,
  ref: { readonly bucket: string; readonly key: string },
  version: VersionId,
  tags: Readonly<Record<string, string>> = { a: '1' },
  seenRevision = 1,
): Promise<void> {
  const originOp = Object.keys(tags).length === 0 ? 's3:ObjectTagging:Delete' : 's3:ObjectTagging:Put'
  const change = { ...ref, version, fields: { tags }, originOp, replication: pendingAt(['aws']), seenRevision }
  assert.equal((await store.changeVersion(change)).outcome, 'changed')
}

/** Claims one key and expects to get it. */
export async function claimed(
  store: MetadataStore,
  site: string,
  bucket: string,
  key: string,
  versions = false,
): Promise<Claim & { outcome: 'claimed' }> {
  const [claim] = await store.ledger.claim(site, [{ bucket, key }], 'owner', 60_000, { versions })
  assert.ok(claim?.outcome === 'claimed', claim?.outcome)
  return claim
}

export function attemptReport(claim: Claim & { outcome: 'claimed' }, end: AttemptEnd): AttemptReport {
  const { bucket, key, versionId, site, revision } = claim.row
  return { bucket, key, versionId, site, revision, token: claim.token, end }
}

export function done(claim: Claim & { outcome: 'claimed' }, becomesApplied = true): AttemptReport {
  return attemptReport(claim, {
    kind: 'done',
    destinationVersionId: `at-${claim.row.site}`,
    destinationEtag: 'etag',
    appliedKind: claim.row.isDeleteMarker ? 'delete-marker' : 'object',
    becomesApplied,
  })
}

export function statusMessage(
  row: Pick<LedgerRow, 'bucket' | 'key' | 'versionId' | 'site' | 'revision'>,
  status: StatusMessage['status'] = 'COMPLETED',
): StatusMessage {
  const { bucket, key, versionId, site, revision } = row
  return { bucket, key, versionId, site, status, dataStoreVersionId: `at-${site}`, revision, metadataJson: '{}' }
}

/** Works one key of a site off to its folded end. */
export async function complete(store: MetadataStore, site: string, bucket: string, key: string): Promise<VersionId> {
  const claim = await claimed(store, site, bucket, key)
  const [reported] = await store.ledger.report([done(claim)])
  assert.equal(reported?.outcome, 'applied')
  assert.deepEqual(await store.ledger.fold([statusMessage(claim.row)]), ['folded'])
  return claim.row.versionId
}

export async function sumsOf(store: MetadataStore, site: string) {
  const found = (await store.ledger.backlog()).find(sums => sums.site === site)
  return found ?? { site, objects: 0, bytes: 0, oldestAt: null, failedObjects: 0, failedBytes: 0 }
}
