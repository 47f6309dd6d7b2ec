// The part of the metadata store's suite about what stays of a stored version when metadata from elsewhere takes the place of its own: what object
// lock keeps, and the checks of its data.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { LockFields } from '../../src/domain/object-lock.ts'
import type { VersionId } from '../../src/domain/version-id.ts'
import type { MetadataStore, PutReplica } from '../../src/metadata/metadata-store.ts'
import { dataAt, type MetadataChoice, makeBucket, newMetadata, pendingAt, put } from './store-fixtures.ts'
import { opened, type StoreAdapter } from './store-subject.ts'

/** Metadata from elsewhere for `k`. */
function replica(
  versionId: VersionId,
  choice: MetadataChoice,
  more: LockFields & Partial<PutReplica> = {},
): PutReplica {
  const { keepLocation = false, integrity = null, ...lock } = more
  const replicationInfo = { ...pendingAt([]), status: 'REPLICA' as const }
  const metadata = { ...newMetadata('k', { replicationInfo, ...choice }), ...lock }
  return { bucket: 'b', key: 'k', versionId, metadata, keepLocation, integrity }
}

async function lockedVersion(store: MetadataStore, fields: LockFields): Promise<VersionId> {
  await makeBucket(store, 'b')
  const versionId = await put(store, 'b', 'k', { location: dataAt('d1') })
  const address = { bucket: 'b', key: 'k', version: versionId }
  const change = { ...address, fields, originOp: 's3:ObjectRetention:Put', replication: null, seenRevision: 0 }
  assert.equal((await store.changeVersion(change)).outcome, 'changed')
  return versionId
}

async function stored(store: MetadataStore) {
  const record = await store.version({ bucket: 'b', key: 'k', version: 'latest' })
  assert.ok(record !== null)
  const { retentionMode, retentionDate, legalHold, location, tags } = record.metadata
  const names = location?.map(piece => piece.key)
  return { lock: [retentionMode, retentionDate, legalHold], names, tags, integrity: record.integrity }
}

const [sooner, date, later] = ['2029-06-01T00:00:00.000Z', '2030-06-01T00:00:00.000Z', '2031-06-01T00:00:00.000Z']

export function keptSuite(adapter: StoreAdapter): void {
  it('keeps the retention and the hold of a locked version, whatever metadata comes for it', async test => {
    const { store } = await opened(adapter, test)
    const versionId = await lockedVersion(store, { retentionMode: 'COMPLIANCE', retentionDate: date, legalHold: true })
    const replace = async (more: LockFields & Partial<PutReplica>) => {
      const result = await store.putReplica(replica(versionId, { location: dataAt('d1'), tags: { a: '1' } }, more))
      assert.equal(result.outcome, 'stored')
      return (await stored(store)).lock
    }
    const kept = ['COMPLIANCE', date, true]
    assert.deepEqual(await replace({}), kept)
    assert.deepEqual(await replace({ keepLocation: true, legalHold: false }), kept)
    assert.deepEqual(await replace({ retentionMode: 'COMPLIANCE', retentionDate: sooner }), kept)
    assert.deepEqual(await replace({ retentionMode: 'GOVERNANCE', retentionDate: later }), kept)
    const longer = await replace({ retentionMode: 'COMPLIANCE', retentionDate: later })
    assert.deepEqual(longer, ['COMPLIANCE', later, true])
    const after = await stored(store)
    assert.deepEqual([after.tags, after.names], [{ a: '1' }, ['d1']])
    assert.deepEqual(await store.garbage(10), [])
  })

  it('refuses a marker and other data for a locked version, and takes the same bytes for those that are stored', async test => {
    const { store } = await opened(adapter, test)
    const versionId = await lockedVersion(store, { retentionMode: 'GOVERNANCE', retentionDate: date })
    const outcomeOf = async (choice: MetadataChoice): Promise<string> =>
      (await store.putReplica(replica(versionId, choice))).outcome
    assert.equal(await outcomeOf({ deleteMarker: true, size: 0 }), 'locked')
    assert.equal(await outcomeOf({ location: dataAt('d2'), etag: 'other' }), 'locked')
    assert.equal(await outcomeOf({ location: dataAt('d2', 4), size: 4 }), 'locked')
    assert.equal(await outcomeOf({ location: dataAt('d2') }), 'stored')
    assert.equal(await outcomeOf({}), 'stored')
    const { lock, names, integrity } = await stored(store)
    assert.deepEqual([lock, names], [['GOVERNANCE', date, undefined], ['d1']])
    assert.deepEqual(integrity, { crc32: '352441c2' })
    assert.deepEqual(await store.garbage(10), [])
  })

  it('a retention that is over keeps nothing, a hold of its own keeps the data', async test => {
    const { store, world } = await opened(adapter, test)
    const soon = new Date(world.clock.now() + 1000).toISOString()
    const versionId = await lockedVersion(store, { retentionMode: 'COMPLIANCE', retentionDate: soon, legalHold: true })
    world.advance(2000)
    const other = replica(versionId, { location: dataAt('d2'), etag: 'other' })
    assert.equal((await store.putReplica(other)).outcome, 'locked')
    assert.equal((await store.putReplica(replica(versionId, {}))).outcome, 'stored')
    assert.deepEqual((await stored(store)).lock, [undefined, undefined, true])
    const free = { bucket: 'b', key: 'k', version: versionId, fields: { legalHold: false } }
    await store.changeVersion({ ...free, originOp: '', replication: null, seenRevision: 0 })
    assert.equal((await store.putReplica(other)).outcome, 'stored')
    assert.deepEqual((await stored(store)).names, ['d2'])
  })

  it('takes no metadata that tells of other data than what stays', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const versionId = await put(store, 'b', 'k', { location: dataAt('d1') })
    const attempt = async (choice: MetadataChoice, keepLocation: boolean) =>
      (await store.putReplica(replica(versionId, choice, { keepLocation }))).outcome
    for (const choice of [{ etag: 'other' }, { size: 4 }, { deleteMarker: true }]) {
      assert.equal(await attempt(choice, true), 'other-data')
      assert.equal(await attempt({ ...choice, location: dataAt('d1') }, false), 'other-data')
    }
    const metadata = (await store.version({ bucket: 'b', key: 'k', version: 'latest' }))?.metadata
    assert.deepEqual([metadata?.['content-length'], metadata?.['content-md5']], [3, newMetadata('k')['content-md5']])
    assert.equal(await attempt({ tags: { a: '1' } }, true), 'stored')
    assert.equal(await attempt({ etag: 'other', location: dataAt('d2') }, false), 'stored')
    assert.equal(await attempt({ size: 0, etag: 'none' }, false), 'stored')
  })

  it('keeps the checks of data that stays, adds to them, and keeps none of data that goes', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const own = { crc32: '352441c2', parts: ['a', 'b'], customerKeyCheck: 'check' }
    const put = {
      bucket: 'b',
      key: 'k',
      metadata: newMetadata('k', { location: dataAt('d1') }),
    } as const
    const made = await store.putVersion({ ...put, integrity: own })
    assert.ok(made.outcome === 'stored')
    const { versionId } = made
    const checksAfter = async (choice: MetadataChoice, more: Partial<PutReplica>) => {
      assert.equal((await store.putReplica(replica(versionId, choice, more))).outcome, 'stored')
      return (await stored(store)).integrity
    }
    const checksum = { algorithm: 'CRC32', value: 'NSRBwg==', type: 'FULL_OBJECT' } as const
    const given = { integrity: { crc32: '352441c2', checksum } }
    const same = { location: dataAt('d1') }
    assert.deepEqual(await checksAfter({ ...same, tags: { a: '1' } }, {}), own)
    assert.deepEqual(await checksAfter({ ...same, tags: { a: '2' } }, given), { ...own, checksum })
    const kept = await checksAfter({ tags: { a: '3' } }, { ...given, keepLocation: true })
    assert.deepEqual(kept, { ...own, checksum })
    assert.equal(await checksAfter({ location: dataAt('d2'), etag: 'other' }, {}), null)
    assert.deepEqual(await checksAfter({ location: dataAt('d3') }, given), given.integrity)
  })
}
