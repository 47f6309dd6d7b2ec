// The promises, as checks of what is left when all faults are healed and nothing moves any more: the source's versions, the ledger, and what
// lies in the clouds. Each check names the promise (design, section 3) that it holds the pipeline to.

import type { VersionRecord } from '../../src/domain/object-metadata.ts'
import { overallStatus } from '../../src/domain/replication-info.ts'
import { decodeVersionId, encodeVersionId, storedVersionId, type VersionId } from '../../src/domain/version-id.ts'
import type { MemoryCloud, MemoryVersion } from '../../src/locations/memory/cloud.ts'
import { bucket } from './client.ts'
import type { Pipeline } from './pipeline.ts'

/** A write that was acknowledged to the client. */
export interface Acknowledged {
  readonly key: string
  readonly versionId: VersionId
  /** Null for a delete marker. */
  readonly bytes: Uint8Array | null
}

export interface Evidence {
  readonly pipeline: Pipeline
  readonly clouds: ReadonlyMap<string, { readonly cloud: MemoryCloud; readonly versions: boolean }>
  readonly acknowledged: readonly Acknowledged[]
  /** Versions that a client asked to delete, whether it was told of the end or not. */
  readonly deleted: ReadonlySet<string>
  readonly disk: ReadonlyMap<string, Uint8Array>
}

interface Applied {
  readonly version_id: string
  readonly kind: string
}

function must(condition: boolean, promise: string, what: string): asserts condition {
  if (!condition) throw new Error(`promise ${promise}: ${what}`)
}

export async function check(evidence: Evidence): Promise<void> {
  const versions = await allVersions(evidence.pipeline)
  checkAcknowledged(evidence, versions)
  for (const [site, { cloud, versions: keepsVersions }] of evidence.clouds) {
    for (const version of versions) await checkEnd(evidence, site, version)
    for (const key of new Set(versions.map(version => version.key)))
      if (!keepsVersions) checkFlat(evidence, site, cloud, key, versions)
    if (!keepsVersions) continue
    for (const version of versions) checkCopy(site, cloud, version)
    for (const name of cloud.keys()) checkHistory(site, cloud, name, versions)
    must(cloud.uploads.size === 0, '5', `${cloud.uploads.size} uploads are left at ${site}`)
  }
  for (const version of versions) {
    const { status, backends } = version.metadata.replicationInfo
    must(
      status === overallStatus(backends),
      '6',
      `${name(version)} is ${status}, its backends ${JSON.stringify(backends)}`,
    )
  }
  await checkSums(evidence)
  await checkData(evidence, versions)
}

async function allVersions(pipeline: Pipeline): Promise<VersionRecord[]> {
  const found: VersionRecord[] = []
  let after = ''
  let versionAfter: VersionId | undefined
  for (;;) {
    const listing = await pipeline.store.list({
      bucket,
      prefix: '',
      delimiter: '',
      after,
      ...(versionAfter === undefined ? {} : { versionAfter }),
      maxKeys: 1_000,
      what: 'versions',
    })
    for (const entry of listing.entries) {
      if (entry.kind !== 'version') continue
      const { key, versionId } = entry.version
      const record = await pipeline.store.version({ bucket, key, version: versionId })
      if (record !== null) found.push(record)
    }
    if (!listing.truncated || listing.next === undefined) return found
    after = listing.next.key
    versionAfter = listing.next.versionId
  }
}

function name(version: Pick<VersionRecord, 'key' | 'versionId'>): string {
  return `${version.key} ${version.versionId}`
}

function checkAcknowledged(evidence: Evidence, versions: readonly VersionRecord[]): void {
  const stored = new Set(versions.map(name))
  for (const write of evidence.acknowledged) {
    const kept = stored.has(name(write)) || evidence.deleted.has(name(write))
    must(kept, '1', `the acknowledged ${name(write)} is gone`)
  }
}

async function checkEnd(evidence: Evidence, site: string, version: VersionRecord): Promise<void> {
  const backend = version.metadata.replicationInfo.backends.find(candidate => candidate.site === site)
  if (backend === undefined) return
  const row = await evidence.pipeline.store.ledger.row({ ...version, site })
  const state = row?.state ?? 'no row'
  const said = `${name(version)} at ${site} is ${backend.status}, its row ${state}`
  if (backend.status === 'COMPLETED') {
    must(state === 'completed', '3', said)
    return
  }
  must(backend.status === 'SKIPPED' && state === 'skipped' && row?.reason?.class === 'superseded', '3', said)
  const applied = appliedOf(evidence, site, version.key)
  must(
    applied !== undefined && applied.version_id < version.versionId,
    '4',
    `${name(version)} was skipped at ${site} but nothing newer is there`,
  )
}

function appliedOf(evidence: Evidence, site: string, key: string): Applied | undefined {
  return evidence.pipeline.engine.reader.get<Applied>(
    'SELECT version_id, kind FROM applied JOIN buckets ON buckets.id = bucket_id WHERE name = ? AND key = ? AND site = ?',
    bucket,
    key,
    site,
  )
}

function bytesOf(version: VersionRecord): string {
  return version.metadata['content-md5']
}

/** A COMPLETED version is at a location with versions exactly once, under the id the source says, with its bytes and tags. */
function checkCopy(site: string, cloud: MemoryCloud, version: VersionRecord): void {
  const backend = version.metadata.replicationInfo.backends.find(candidate => candidate.site === site)
  if (backend?.status !== 'COMPLETED') return
  const copies = cloud.versionsOf(`${bucket}/${version.key}`)
  const copy = copies.find(candidate => candidate.versionId === backend.dataStoreVersionId)
  must(copy !== undefined, '3', `${name(version)} is COMPLETED but not at ${site} as ${backend.dataStoreVersionId}`)
  must(copy.isDeleteMarker === version.isDeleteMarker, '9', `${name(version)} is of another kind at ${site}`)
  if (version.isDeleteMarker) return
  must(markerOf(copy) === shown(version), '9', `${name(version)} bears the marker of another version at ${site}`)
  checkContent(site, copy, version)
}

function checkContent(site: string, copy: MemoryVersion, version: VersionRecord): void {
  const crc32 = version.integrity?.crc32
  must(copy.crc32 === crc32, '9', `${name(version)} (${bytesOf(version)}) has other bytes at ${site}`)
  const tags = JSON.stringify(copy.attributes.tags)
  const wanted = JSON.stringify(version.metadata.tags)
  must(tags === wanted, '6', `${name(version)} has the tags ${tags} at ${site} instead of ${wanted}`)
}

function shown(version: Pick<VersionRecord, 'versionId' | 'isNull'>): string {
  return version.isNull ? 'null' : encodeVersionId(version.versionId)
}

function markerOf(copy: MemoryVersion): string {
  return copy.attributes.markers['scal-version-id'] ?? ''
}

/** At a location with versions: no version twice, and from old to new as at the source. */
function checkHistory(site: string, cloud: MemoryCloud, key: string, versions: readonly VersionRecord[]): void {
  const markers = new Map<string, VersionId>()
  for (const version of versions) {
    const backend = version.metadata.replicationInfo.backends.find(candidate => candidate.site === site)
    if (version.isDeleteMarker && backend !== undefined) markers.set(backend.dataStoreVersionId, version.versionId)
  }
  let newer: VersionId | null = null
  for (const copy of cloud.versionsOf(key)) {
    const id = copy.isDeleteMarker ? markers.get(copy.versionId) : decodeVersionId(markerOf(copy))
    // Delete markers whose source version is gone cannot be told apart.
    if (id === undefined || id === null) continue
    must(newer !== id, '5', `${key} ${id} is twice at ${site}`)
    must(newer === null || newer < id, '4', `${key} at ${site}: ${id} lies below ${newer}`)
    newer = id
  }
}

/**
 * At a location without versions: the newest version that was applied, or nothing if that was a delete marker; and never nothing under an object
 * that is current at the source.
 */
function checkFlat(
  evidence: Evidence,
  site: string,
  cloud: MemoryCloud,
  key: string,
  versions: readonly VersionRecord[],
): void {
  const current = cloud.versionsOf(`${bucket}/${key}`)[0]
  const applied = appliedOf(evidence, site, key)
  const newest = versions.find(version => version.key === key)
  if (newest === undefined) return
  must(
    applied !== undefined && applied.version_id <= newest.versionId,
    '4',
    `${name(newest)} is not applied at ${site}`,
  )
  if (applied.kind !== 'object') {
    must(
      newest.isDeleteMarker,
      '3',
      `${name(newest)} is current, and removed at ${site} for a delete marker that is gone`,
    )
    must(current === undefined, '4', `${key} is at ${site} after its delete marker`)
    return
  }
  must(current !== undefined, '4', `${key} is not at ${site}`)
  const source = versions.find(version => version.key === key && version.versionId === applied.version_id)
  const marker = source === undefined ? encodeVersionId(storedVersionId(applied.version_id)) : shown(source)
  must(markerOf(current) === marker, '4', `${key} at ${site} is not the version that was applied last`)
  if (source !== undefined) checkContent(site, current, source)
}

async function checkSums(evidence: Evidence): Promise<void> {
  const { ledger } = evidence.pipeline.store
  for (const sums of await ledger.backlog()) {
    const { site, objects, bytes, failedObjects } = sums
    const said = `${site} has a backlog of ${objects} objects, ${bytes} bytes and ${failedObjects} failed`
    must(objects === 0 && bytes === 0 && failedObjects === 0, '3', said)
  }
  must(!(await ledger.recount()), '3', 'the sums differ from the rows')
  for (const [site, processor] of evidence.pipeline.processors) {
    const { held, inFlight } = processor.state()
    must(held === 0 && inFlight === 0, '3', `${site} still holds ${held} entries, ${inFlight} in flight`)
  }
  must(evidence.pipeline.budget.held === 0, '8', 'bytes are still held')
}

/** Data of the source: everything referenced is there, nothing else is. */
async function checkData(evidence: Evidence, versions: readonly VersionRecord[]): Promise<void> {
  const referenced = new Set(versions.flatMap(version => version.metadata.location ?? []).map(piece => piece.key))
  for (const key of referenced) {
    const there = key.startsWith('inline.')
      ? (await evidence.pipeline.store.inlineData(key)) !== null
      : evidence.disk.has(key)
    must(there, '1', `the data ${key} is gone`)
  }
  for (const key of evidence.disk.keys()) must(referenced.has(key), '1', `the data ${key} belongs to nothing`)
}
