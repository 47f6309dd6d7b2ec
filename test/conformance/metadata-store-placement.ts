// The part of the metadata store's suite about the moment of a write: what its bucket is then decides where it goes, whatever the caller saw before.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { MetadataStore, PutVersion, PutVersionResult, VersionFields } from '../../src/metadata/metadata-store.ts'
import { complete, makeBucket, newMetadata, put } from './store-fixtures.ts'
import { opened, type StoreAdapter } from './store-subject.ts'

function attempt(store: MetadataStore, more: Partial<PutVersion> = {}): Promise<PutVersionResult> {
  return store.putVersion({ bucket: 'b', key: 'k', metadata: newMetadata('k'), integrity: null, ...more })
}

async function placeOf(store: MetadataStore): Promise<unknown> {
  const result = await attempt(store)
  assert.ok(result.outcome === 'stored', result.outcome)
  return [result.isNull, result.versioning]
}

async function change(store: MetadataStore, fields: VersionFields): Promise<void> {
  const asked = {
    bucket: 'b',
    key: 'k',
    version: 'null',
    fields,
    originOp: '',
    replication: null,
    seenRevision: 0,
  } as const
  assert.equal((await store.changeVersion(asked)).outcome, 'changed')
}

async function versionsOf(store: MetadataStore): Promise<number> {
  const page = { bucket: 'b', prefix: '', delimiter: '', after: '', maxKeys: 10, what: 'versions' } as const
  return (await store.list(page)).entries.length
}

export function placementSuite(adapter: StoreAdapter): void {
  it('makes a version or replaces the null version as the bucket is versioned when it writes', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    assert.deepEqual(await placeOf(store), [true, 'Unversioned'])
    await store.changeBucket('b', { versioning: 'Enabled' })
    assert.deepEqual(await placeOf(store), [false, 'Enabled'])
    assert.equal(await versionsOf(store), 2)
    await store.changeBucket('b', { versioning: 'Suspended' })
    assert.deepEqual(await placeOf(store), [true, 'Suspended'])
    assert.equal(await versionsOf(store), 2)
  })

  it('deletes for want of versions only while the bucket keeps none', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    const remove = async () =>
      (await store.deleteVersion({ bucket: 'b', key: 'k', version: 'null', whileUnversioned: true })).outcome
    await put(store, 'b', 'k')
    assert.equal(await remove(), 'deleted')
    await put(store, 'b', 'k')
    for (const versioning of ['Enabled', 'Suspended'] as const) {
      await store.changeBucket('b', { versioning })
      assert.equal(await remove(), 'versioned')
    }
    assert.equal(await versionsOf(store), 1)
  })

  it('replaces no null version that object lock keeps', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    await put(store, 'b', 'k', { etag: 'kept' })
    const until = (ms: number) => new Date(world.clock.now() + ms).toISOString()
    await change(store, { legalHold: true })
    assert.deepEqual(await attempt(store), { outcome: 'locked' })
    assert.deepEqual(await attempt(store, { bypassGovernance: true }), { outcome: 'locked' })
    await change(store, { legalHold: false, retentionMode: 'COMPLIANCE', retentionDate: until(60_000) })
    await store.changeBucket('b', { versioning: 'Suspended' })
    assert.deepEqual(await attempt(store, { bypassGovernance: true }), { outcome: 'locked' })
    await change(store, { retentionMode: 'GOVERNANCE' })
    assert.deepEqual(await attempt(store), { outcome: 'locked' })
    const kept = await store.version({ bucket: 'b', key: 'k', version: 'latest' })
    assert.equal(kept?.metadata['content-md5'], 'kept')
    assert.equal((await attempt(store, { bypassGovernance: true })).outcome, 'stored')
    await change(store, { retentionMode: 'COMPLIANCE', retentionDate: until(60_000) })
    await store.changeBucket('b', { versioning: 'Enabled' })
    assert.equal((await attempt(store)).outcome, 'stored')
    await store.changeBucket('b', { versioning: 'Suspended' })
    world.advance(60_000)
    assert.equal((await attempt(store)).outcome, 'stored')
  })

  it('ends an upload only with the version that it becomes', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    await put(store, 'b', 'k')
    await change(store, { legalHold: true })
    const owner = { ownerId: 'o', ownerDisplayName: 'o', initiated: '2026-01-02T03:04:05.000Z', settings: '{}' }
    await store.createUpload({ bucket: 'b', key: 'k', uploadId: 'u', ...owner })
    assert.deepEqual(await attempt(store, { completes: { uploadId: 'u' } }), { outcome: 'locked' })
    assert.notEqual(await store.upload('b', 'k', 'u'), null)
  })

  it('does not let lifecycle replace a null version that has not arrived at every site', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    await put(store, 'b', 'k', { sites: ['aws'] })
    await store.changeBucket('b', { versioning: 'Enabled' })
    const expires = await put(store, 'b', 'k')
    await store.changeBucket('b', { versioning: 'Suspended' })
    const metadata = newMetadata('k', { deleteMarker: true })
    assert.deepEqual(await attempt(store, { metadata, expires }), { outcome: 'precondition-failed' })
    assert.equal(await versionsOf(store), 2)
    await complete(store, 'aws', 'b', 'k')
    assert.equal((await attempt(store, { metadata, expires })).outcome, 'stored')
    assert.equal(await versionsOf(store), 2)
  })

  it('takes a bucket that was made anew since it was seen for none', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const now = await store.bucket('b')
    assert.ok(now !== null)
    const version = await put(store, 'b', 'k')
    const upload = { bucket: 'b', key: 'k', uploadId: 'u', initiated: '2026-01-02T03:04:05.000Z', settings: '{}' }
    const owner = { ownerId: 'o', ownerDisplayName: 'o' }
    const former = [
      { ...now, ownerId: 'other' },
      { ...now, creationDate: '2026-01-02T03:04:05.001Z' },
    ]
    const place = { bucket: 'b', key: 'k', version }
    const changed = { ...place, fields: { tags: { a: '1' } }, originOp: '', replication: null, seenRevision: 0 }
    const replica = {
      bucket: 'b',
      key: 'k',
      versionId: null,
      metadata: newMetadata('k'),
      keepLocation: false,
      integrity: null,
    }
    for (const seen of former) {
      const outcomes = [
        (await attempt(store, { seenBucket: seen })).outcome,
        (await store.changeVersion({ ...changed, seenBucket: seen })).outcome,
        (await store.deleteVersion({ ...place, seenBucket: seen })).outcome,
        (await store.putReplica({ ...replica, seenBucket: seen })).outcome,
        await store.createUpload({ ...upload, ...owner }, seen),
        await store.changeBucket('b', { versioning: 'Suspended' }, seen),
        await store.deleteBucket('b', seen),
      ]
      assert.deepEqual(new Set(outcomes), new Set(['no-such-bucket']))
    }
    assert.equal((await store.bucket('b'))?.versioning, 'Enabled')
    assert.equal(await versionsOf(store), 1)
    assert.equal(await store.createUpload({ ...upload, ...owner }, now), 'created')
    assert.equal((await store.changeVersion({ ...changed, seenBucket: now })).outcome, 'changed')
    assert.equal((await attempt(store, { seenBucket: now })).outcome, 'stored')
    assert.equal((await store.putReplica({ ...replica, seenBucket: now })).outcome, 'stored')
    assert.equal((await store.deleteVersion({ bucket: 'b', key: 'k', version: 'null' })).outcome, 'deleted')
    assert.equal((await store.deleteVersion({ ...place, seenBucket: now })).outcome, 'deleted')
    assert.equal(await store.changeBucket('b', { versioning: 'Suspended' }, now), 'changed')
    await store.deleteVersion({
      bucket: 'b',
      key: 'k',
      version: (await store.version({ ...place, version: 'latest' }))?.versionId ?? 'null',
    })
    assert.equal(await store.deleteBucket('b', now), 'deleted')
  })
}
