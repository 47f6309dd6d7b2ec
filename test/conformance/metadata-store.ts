// The conformance suite of the metadata store: every adapter passes it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { journalStart } from '../../src/domain/entry.ts'
import type { VersionId } from '../../src/domain/version-id.ts'
import type { MetadataStore, WriteCondition } from '../../src/metadata/metadata-store.ts'
import { changeSuite, journalSuite, replicaSuite, settingsSuite, uploadSuite } from './metadata-store-changes.ts'
import { eventSuite } from './metadata-store-events.ts'
import { keptSuite } from './metadata-store-kept.ts'
import { lifecycleSuite } from './metadata-store-lifecycle.ts'
import { listingSuite } from './metadata-store-listing.ts'
import { placementSuite } from './metadata-store-placement.ts'
import { dataAt, inlineName, makeBucket, newMetadata, pendingAt, put } from './store-fixtures.ts'
import { opened, page, type StoreAdapter } from './store-subject.ts'

export function metadataStoreConformance(adapter: StoreAdapter, skip: false | string = false): void {
  describe(`metadata store: ${adapter.name}`, { skip }, () => {
    bucketSuite(adapter)
    versionSuite(adapter)
    nullSuite(adapter)
    placementSuite(adapter)
    replicaSuite(adapter)
    keptSuite(adapter)
    changeSuite(adapter)
    settingsSuite(adapter)
    listingSuite(adapter)
    uploadSuite(adapter)
    journalSuite(adapter)
    lifecycleSuite(adapter)
    eventSuite(adapter)
  })
}

function bucketSuite(adapter: StoreAdapter): void {
  it('makes a bucket once, shows it, and lists the owner`s buckets by name', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'zebra', 'Unversioned')
    await makeBucket(store, 'b')
    const again = { name: 'b', ownerId: 'x', ownerDisplayName: 'x', creationDate: 'x', locationConstraint: 'x' }
    assert.equal(await store.createBucket(again), 'exists')
    assert.deepEqual(await store.bucket('b'), {
      name: 'b',
      ownerId: 'owner1',
      ownerDisplayName: 'Owner',
      creationDate: '2026-01-02T03:04:05.000Z',
      locationConstraint: 'local',
      versioning: 'Enabled',
      replication: null,
      settings: {},
    })
    assert.deepEqual(
      (await store.buckets('owner1')).map(bucket => bucket.name),
      ['b', 'zebra'],
    )
    assert.equal(await store.bucket('nowhere'), null)
  })

  it('refuses replication without versioning and suspension under replication', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    const replication = { role: 'r', destination: null, rules: [] }
    assert.equal(await store.changeBucket('b', { replication }), 'refused')
    assert.equal(await store.changeBucket('b', { versioning: 'Enabled' }), 'changed')
    assert.equal(await store.changeBucket('b', { replication }), 'changed')
    assert.deepEqual((await store.bucket('b'))?.replication, replication)
    assert.equal(await store.changeBucket('b', { versioning: 'Suspended' }), 'refused')
    assert.equal(await store.changeBucket('b', { replication: null }), 'changed')
    assert.equal(await store.changeBucket('b', { versioning: 'Suspended' }), 'changed')
    assert.equal(await store.changeBucket('nowhere', { versioning: 'Enabled' }), 'no-such-bucket')
  })

  it('deletes an empty bucket only', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k')
    assert.equal(await store.deleteBucket('b'), 'not-empty')
    await store.deleteVersion({ bucket: 'b', key: 'k', version })
    assert.equal(await store.deleteBucket('b'), 'deleted')
    assert.equal(await store.deleteBucket('b'), 'no-such-bucket')
    assert.equal(await store.bucket('b'), null)
  })
}

function versionSuite(adapter: StoreAdapter): void {
  it('stores versions, newest first, and reads them by id and as the latest', async test => {
    const { store, subject } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const inline = { key: inlineName('1'), bytes: Buffer.from('abc') }
    const first = await put(store, 'b', 'k', { inline, location: dataAt(inline.key) })
    const second = await put(store, 'b', 'k', { sites: ['aws'] })
    assert.ok(second < first, 'the newer id sorts first')
    const again = (await subject.reopen()).store
    const old = await again.version({ bucket: 'b', key: 'k', version: first })
    assert.deepEqual(old, {
      bucket: 'b',
      key: 'k',
      versionId: first,
      isNull: false,
      isDeleteMarker: false,
      isLatest: false,
      revision: 0,
      metadata: { ...newMetadata('k', { location: dataAt(inline.key) }), versionId: first },
      integrity: { crc32: '352441c2' },
    })
    const latest = await again.version({ bucket: 'b', key: 'k', version: 'latest' })
    assert.equal(latest?.versionId, second)
    assert.equal(latest?.isLatest, true)
    assert.equal(latest?.revision, 1)
    assert.deepEqual(latest?.metadata.replicationInfo, pendingAt(['aws']))
    assert.deepEqual(Buffer.from((await again.inlineData(inline.key)) ?? []), Buffer.from('abc'))
    assert.equal(await again.version({ bucket: 'b', key: 'K', version: 'latest' }), null)
    assert.equal(await again.version({ bucket: 'nowhere', key: 'k', version: 'latest' }), null)
  })

  it('never runs backwards with version ids, even when the newest version was deleted or the clock was set back', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const ids: VersionId[] = []
    for (let count = 0; count < 3; count += 1) ids.push(await put(store, 'b', 'k', { sites: ['aws'] }))
    await store.deleteVersion({ bucket: 'b', key: 'k', version: ids[2] ?? 'null' })
    world.advance(-10_000)
    ids.push(await put(store, 'b', 'k', { sites: ['aws'] }))
    assert.deepEqual(ids.toSorted().reverse(), ids)
    assert.equal(new Set(ids).size, ids.length)
  })

  it('checks conditions against the current version, and a delete marker counts as absent', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const attempt = async (condition: { ifMatch?: string[]; ifNoneMatch?: string[] }) =>
      (
        await store.putVersion({
          bucket: 'b',
          key: 'k',
          metadata: newMetadata('k', { etag: 'e1' }),
          integrity: null,
          condition,
        })
      ).outcome
    assert.equal(await attempt({ ifMatch: ['*'] }), 'precondition-failed')
    assert.equal(await attempt({ ifNoneMatch: ['*'] }), 'stored')
    assert.equal(await attempt({ ifNoneMatch: ['*'] }), 'precondition-failed')
    assert.equal(await attempt({ ifNoneMatch: ['e1'] }), 'precondition-failed')
    assert.equal(await attempt({ ifMatch: ['e2'] }), 'precondition-failed')
    assert.equal(await attempt({ ifMatch: ['e2', 'e1'] }), 'stored')
    await put(store, 'b', 'k', { deleteMarker: true })
    assert.equal(await attempt({ ifMatch: ['*'] }), 'precondition-failed')
    assert.equal(await attempt({ ifNoneMatch: ['*'] }), 'stored')
    assert.equal((await store.journal(journalStart, 100)).length, 4)
  })

  it('checks the condition of a deletion against the version that is to go', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { etag: 'e1', size: 3 })
    await put(store, 'b', 'k', { etag: 'e2', size: 4 })
    const attempt = async (condition: WriteCondition) =>
      (await store.deleteVersion({ bucket: 'b', key: 'k', version, condition })).outcome
    assert.equal(await attempt({ ifMatch: ['e2'], orAbsent: true }), 'precondition-failed')
    assert.equal(await attempt({ ifMatch: ['e1'], ifSize: 4 }), 'precondition-failed')
    assert.equal(await attempt({ ifModified: '2026-01-02T03:04:06' }), 'precondition-failed')
    assert.equal(await attempt({ ifMatch: ['*'], ifModified: '2026-01-02T03:04:05', ifSize: 3 }), 'deleted')
    assert.equal(await attempt({ ifSize: 3 }), 'precondition-failed')
    assert.equal(await attempt({ ifSize: 3, orAbsent: true }), 'absent')
  })

  it('takes a delete marker for nothing that a condition could be true of, except that there is something', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { etag: 'e1' })
    await put(store, 'b', 'k', { deleteMarker: true })
    const attempt = async (condition: WriteCondition) =>
      (
        await store.putVersion({
          bucket: 'b',
          key: 'k',
          metadata: newMetadata('k', { deleteMarker: true }),
          integrity: null,
          condition: { ...condition, orAbsent: true },
        })
      ).outcome
    assert.equal(await attempt({ ifMatch: ['e1'] }), 'precondition-failed')
    assert.equal(await attempt({ ifSize: 0 }), 'precondition-failed')
    assert.equal(await attempt({ ifModified: '2026-01-02T03:04:05' }), 'precondition-failed')
    assert.equal(await attempt({ ifMatch: ['*'] }), 'stored')
  })

  it('lets one of two conditional writes of the same batch win', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const write = () =>
      store.putVersion({
        bucket: 'b',
        key: 'k',
        metadata: newMetadata('k'),
        integrity: null,
        condition: { ifNoneMatch: ['*'] },
      })
    const outcomes = (await Promise.all([write(), write(), write()])).map(result => result.outcome)
    assert.deepEqual(outcomes.toSorted(), ['precondition-failed', 'precondition-failed', 'stored'])
  })

  it('makes the next version the latest when the latest is deleted', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const object = await put(store, 'b', 'k', { location: dataAt('data-1') })
    const marker = await put(store, 'b', 'k', { deleteMarker: true })
    assert.deepEqual(await currentKeys(store), [])
    assert.equal((await store.version({ bucket: 'b', key: 'k', version: 'latest' }))?.isDeleteMarker, true)
    assert.deepEqual(await store.deleteVersion({ bucket: 'b', key: 'k', version: marker }), {
      outcome: 'deleted',
      wasDeleteMarker: true,
    })
    assert.deepEqual(await currentKeys(store), ['k'])
    assert.equal((await store.version({ bucket: 'b', key: 'k', version: object }))?.isLatest, true)
    await store.deleteVersion({ bucket: 'b', key: 'k', version: object })
    assert.equal((await store.deleteVersion({ bucket: 'b', key: 'k', version: object })).outcome, 'absent')
    assert.deepEqual(
      (await store.garbage(10)).map(item => [item.dataKey, item.location]),
      [['data-1', 'local']],
    )
  })

  it('hands deleted data to the garbage table and forgets it when told', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const inline = { key: inlineName('x'), bytes: Buffer.from('abc') }
    const small = await put(store, 'b', 'small', { inline, location: dataAt(inline.key) })
    const large = await put(store, 'b', 'large', { location: dataAt('file-1') })
    assert.deepEqual(await store.referencedData(['file-1', 'file-2', inline.key]), new Set(['file-1', inline.key]))
    await store.deleteVersion({ bucket: 'b', key: 'small', version: small })
    await store.deleteVersion({ bucket: 'b', key: 'large', version: large })
    assert.deepEqual(await store.referencedData(['file-1']), new Set(['file-1']))
    const garbage = await store.garbage(10)
    assert.deepEqual(
      garbage.map(item => item.dataKey),
      [inline.key, 'file-1'],
    )
    await store.forgetGarbage(garbage.map(item => item.id))
    assert.deepEqual(await store.garbage(10), [])
    assert.equal(await store.inlineData(inline.key), null)
    assert.deepEqual(await store.referencedData(['file-1']), new Set())
  })
}

function nullSuite(adapter: StoreAdapter): void {
  it('keeps one null version, which the next write without versioning replaces', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    await put(store, 'b', 'k', { location: dataAt('d1') })
    await put(store, 'b', 'k', { location: dataAt('d2') })
    const stored = await store.version({ bucket: 'b', key: 'k', version: 'null' })
    assert.equal(stored?.isNull, true)
    assert.equal(stored?.isLatest, true)
    assert.equal(stored?.metadata.versionId, undefined)
    assert.equal(stored?.metadata.isNull, undefined)
    assert.deepEqual(
      (await store.garbage(10)).map(item => item.dataKey),
      ['d1'],
    )
    await store.changeBucket('b', { versioning: 'Enabled' })
    const versioned = await put(store, 'b', 'k', { location: dataAt('d3') })
    assert.equal((await store.version({ bucket: 'b', key: 'k', version: 'null' }))?.isLatest, false)
    await store.changeBucket('b', { versioning: 'Suspended' })
    const suspended = await put(store, 'b', 'k', { location: dataAt('d4') })
    const now = await store.version({ bucket: 'b', key: 'k', version: 'null' })
    assert.equal(now?.versionId, suspended)
    assert.equal(now?.metadata.versionId, suspended)
    assert.equal(now?.metadata.isNull, true)
    assert.equal(now?.isLatest, true)
    assert.equal((await store.version({ bucket: 'b', key: 'k', version: versioned }))?.isLatest, false)
    assert.deepEqual(
      (await store.garbage(10)).map(item => item.dataKey),
      ['d1', 'd2'],
    )
    const result = await store.deleteVersion({ bucket: 'b', key: 'k', version: 'null' })
    assert.equal(result.outcome, 'deleted')
    assert.equal((await store.version({ bucket: 'b', key: 'k', version: 'latest' }))?.versionId, versioned)
  })

  it('keeps data that the replacing null version takes over', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    await put(store, 'b', 'k', { location: dataAt('d1') })
    await put(store, 'b', 'k', { location: dataAt('d1') })
    assert.deepEqual(await store.garbage(10), [])
  })
}

async function currentKeys(store: MetadataStore): Promise<string[]> {
  const listing = await store.list({ ...page, bucket: 'b' })
  return listing.entries.map(entry => (entry.kind === 'version' ? entry.version.key : entry.prefix))
}
