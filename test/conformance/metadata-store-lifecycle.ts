// The part of the metadata store's suite about what lifecycle asks of it: buckets by a setting, and deletions that hold only while the version
// still stands where it was seen and has arrived everywhere.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { LifecycleSettings } from '../../src/domain/lifecycle-rule.ts'
import type { VersionId } from '../../src/domain/version-id.ts'
import type { MetadataStore, VersionStanding } from '../../src/metadata/metadata-store.ts'
import { attemptReport, claimed, complete, makeBucket, newMetadata, put, statusMessage } from './store-fixtures.ts'
import { opened, type StoreAdapter } from './store-subject.ts'

const lifecycle: LifecycleSettings = { rules: [], transitionMinimum: 'all_storage_classes_128K' }

async function remove(store: MetadataStore, version: VersionId, onlyIf: VersionStanding): Promise<string> {
  return (await store.deleteVersion({ bucket: 'b', key: 'k', version, onlyIf })).outcome
}

async function expire(store: MetadataStore, expires: VersionId): Promise<string> {
  const metadata = newMetadata('k', { deleteMarker: true })
  return (await store.putVersion({ bucket: 'b', key: 'k', metadata, integrity: null, expires })).outcome
}

export function lifecycleSuite(adapter: StoreAdapter): void {
  it('finds buckets that have a setting, by name', async test => {
    const { store } = await opened(adapter, test)
    for (const name of ['a', 'b', 'c', 'd']) await makeBucket(store, name)
    for (const name of ['b', 'd']) await store.changeBucket(name, { settings: { lifecycle } })
    await store.changeBucket('c', { settings: { objectLock: {} } })
    const names = async (after: string, max: number): Promise<string[]> =>
      (await store.bucketsWith('lifecycle', after, max)).map(bucket => bucket.name)
    assert.deepEqual(await names('', 10), ['b', 'd'])
    assert.deepEqual(await names('', 1), ['b'])
    assert.deepEqual(await names('b', 10), ['d'])
    assert.deepEqual((await store.bucketsWith('lifecycle', 'b', 1))[0]?.settings, { lifecycle })
  })

  it('deletes a version only while it stands as it is told', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const [first, second] = [await put(store, 'b', 'k'), await put(store, 'b', 'k')]
    assert.equal(await remove(store, second, 'noncurrent'), 'kept')
    assert.equal(await remove(store, first, 'current'), 'kept')
    assert.equal(await remove(store, second, 'only'), 'kept')
    assert.equal(await remove(store, first, 'noncurrent'), 'deleted')
    assert.equal(await remove(store, second, 'only'), 'deleted')
    assert.equal(await remove(store, second, 'current'), 'absent')
    const third = await put(store, 'b', 'k')
    assert.equal(await remove(store, third, 'current'), 'deleted')
  })

  it('puts a delete marker over a version only while it is the newest', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const [first, second] = [await put(store, 'b', 'k'), await put(store, 'b', 'k')]
    assert.equal(await expire(store, first), 'precondition-failed')
    assert.equal(await expire(store, second), 'stored')
    assert.equal(await expire(store, second), 'precondition-failed')
  })

  it('keeps a version that has not arrived at every site, or is in quarantine', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws', 'azure'] })
    assert.equal(await remove(store, version, 'current'), 'kept')
    assert.equal(await expire(store, version), 'precondition-failed')
    await complete(store, 'aws', 'b', 'k')
    const claim = await claimed(store, 'azure', 'b', 'k')
    const reason = { class: 'object', code: 'EntityTooLarge', message: 'too large', at: 5 } as const
    await store.ledger.report([attemptReport(claim, { kind: 'quarantined', reason })])
    assert.equal(await remove(store, version, 'current'), 'kept')
    await store.ledger.fold([{ ...statusMessage(claim.row, 'FAILED'), reason: 'too large' }])
    assert.equal(await remove(store, version, 'current'), 'kept')
    await store.ledger.retry([{ bucket: 'b', key: 'k', versionId: version, site: 'azure' }])
    await complete(store, 'azure', 'b', 'k')
    assert.equal(await expire(store, version), 'stored')
    assert.equal(await remove(store, version, 'noncurrent'), 'deleted')
  })
}
