// The part of the metadata store's suite about uploads, the journal, replicas and changes of stored versions.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { journalStart } from '../../src/domain/entry.ts'
import { makeVersionId } from '../../src/domain/version-id.ts'
import type { Upload, VersionFields } from '../../src/metadata/metadata-store.ts'
import { dataAt, makeBucket, newMetadata, pendingAt, put } from './store-fixtures.ts'
import { opened, type StoreAdapter } from './store-subject.ts'

export function replicaSuite(adapter: StoreAdapter): void {
  const replica = (key: string, choice: Parameters<typeof newMetadata>[1] = {}) => ({
    bucket: 'b',
    key,
    metadata: newMetadata(key, {
      replicationInfo: { ...pendingAt([]), status: 'REPLICA' },
      ...choice,
    }),
    keepLocation: false,
    integrity: null,
  })

  it('stores a replica under its id, and an older one does not become the latest', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const own = await put(store, 'b', 'k')
    const older = makeVersionId({ epochMs: world.clock.now() - 5000, sequence: 0 }, 'RG002')
    const newer = makeVersionId({ epochMs: world.clock.now() + 5000, sequence: 0 }, 'RG002')
    assert.deepEqual(await store.putReplica({ ...replica('k'), versionId: older }), {
      outcome: 'stored',
      versionId: older,
      isNull: false,
    })
    assert.equal((await store.version({ bucket: 'b', key: 'k', version: 'latest' }))?.versionId, own)
    await store.putReplica({ ...replica('k'), versionId: newer })
    const latest = await store.version({ bucket: 'b', key: 'k', version: 'latest' })
    assert.equal(latest?.versionId, newer)
    assert.equal(latest?.metadata.replicationInfo.status, 'REPLICA')
    const next = await put(store, 'b', 'k')
    assert.ok(next < newer, 'a later write comes after a replica from the future')
    const elsewhere = await put(store, 'b', 'other')
    assert.ok(elsewhere > newer, 'other keys are not drawn into the future')
    assert.deepEqual(await store.ledger.rowsOf({ bucket: 'b', key: 'k', versionId: newer }), [])
  })

  it('replaces a stored version, gives up its former data, and does nothing the second time', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const versionId = await put(store, 'b', 'k', { location: dataAt('d1') })
    const given = { ...replica('k', { location: dataAt('d2'), etag: 'e2' }), versionId }
    assert.equal((await store.putReplica(given)).outcome, 'stored')
    const before = await store.journal(journalStart, 100)
    assert.equal((await store.putReplica(given)).outcome, 'stored')
    assert.equal((await store.journal(journalStart, 100)).length, before.length)
    const stored = await store.version({ bucket: 'b', key: 'k', version: versionId })
    assert.equal(stored?.metadata['content-md5'], 'e2')
    assert.deepEqual(
      (await store.garbage(10)).map(item => item.dataKey),
      ['d1'],
    )
  })

  it('keeps the stored data when only metadata is replicated', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const absent = makeVersionId({ epochMs: 1, sequence: 0 }, 'RG002')
    const changed = { ...replica('k', { tags: { a: '1' } }), keepLocation: true }
    assert.equal((await store.putReplica({ ...changed, versionId: absent })).outcome, 'no-such-version')
    const versionId = await put(store, 'b', 'k', { location: dataAt('d1') })
    assert.equal((await store.putReplica({ ...changed, versionId })).outcome, 'stored')
    const stored = await store.version({ bucket: 'b', key: 'k', version: versionId })
    assert.deepEqual(stored?.metadata.location, dataAt('d1'))
    assert.deepEqual(stored?.metadata.tags, { a: '1' })
    assert.deepEqual(await store.garbage(10), [])
    assert.equal((await store.putReplica({ ...changed, bucket: 'nowhere', versionId })).outcome, 'no-such-bucket')
  })

  it('stores a replica of the null version', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    const made = await store.putReplica({ ...replica('k', { etag: 'e1' }), versionId: null })
    assert.ok(made.outcome === 'stored' && made.isNull)
    const again = await store.putReplica({ ...replica('k', { etag: 'e2' }), versionId: null })
    assert.ok(again.outcome === 'stored' && again.versionId === made.versionId)
    assert.equal((await store.version({ bucket: 'b', key: 'k', version: 'null' }))?.metadata['content-md5'], 'e2')
  })
}

export function changeSuite(adapter: StoreAdapter): void {
  it('changes tags, raises the revision when replication is needed, and refuses a change of something else', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const versionId = await put(store, 'b', 'k', { sites: ['aws'] })
    const change = {
      bucket: 'b',
      key: 'k',
      version: versionId,
      fields: { tags: { a: '1' } },
      originOp: 's3:ObjectTagging:Put',
      replication: pendingAt(['aws', 'azure']),
      seenRevision: 1,
    }
    assert.deepEqual(await store.changeVersion(change), { outcome: 'changed', revision: 2 })
    assert.deepEqual(await store.changeVersion(change), { outcome: 'conflict' })
    const stored = await store.version({ bucket: 'b', key: 'k', version: versionId })
    assert.equal(stored?.revision, 2)
    assert.deepEqual(stored?.metadata.tags, { a: '1' })
    assert.equal(stored?.metadata.originOp, 's3:ObjectTagging:Put')
    assert.equal(stored?.metadata['x-amz-meta-color'], 'blue')
    const rows = await store.ledger.rowsOf({ bucket: 'b', key: 'k', versionId })
    assert.deepEqual(
      rows.map(row => [row.site, row.revision, row.state]),
      [
        ['aws', 2, 'pending'],
        ['azure', 2, 'pending'],
      ],
    )
    const plain = { ...change, fields: { tags: {} }, replication: null, seenRevision: 2 }
    assert.deepEqual(await store.changeVersion(plain), { outcome: 'changed', revision: 2 })
    const absent = makeVersionId({ epochMs: 1, sequence: 0 }, 'RG001')
    assert.deepEqual(await store.changeVersion({ ...plain, version: absent }), { outcome: 'no-such-version' })
    assert.deepEqual(await store.changeVersion({ ...plain, bucket: 'nowhere' }), { outcome: 'no-such-bucket' })
  })
}

export function settingsSuite(adapter: StoreAdapter): void {
  const objectLock = { defaultRetention: { mode: 'GOVERNANCE', period: { days: 3 } } } as const

  it('keeps what a bucket is told, entry by entry, until it is forgotten', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    assert.deepEqual((await store.bucket('b'))?.settings, {})
    assert.equal(await store.changeBucket('b', { settings: { objectLock } }), 'changed')
    assert.deepEqual((await store.bucket('b'))?.settings, { objectLock })
    assert.equal(await store.changeBucket('b', { settings: {} }), 'changed')
    assert.deepEqual((await store.bucket('b'))?.settings, { objectLock })
    assert.equal(await store.changeBucket('b', { settings: { objectLock: null } }), 'changed')
    assert.deepEqual((await store.bucket('b'))?.settings, {})
    assert.equal(await store.changeBucket('nowhere', { settings: {} }), 'no-such-bucket')
  })

  it('holds versioning on under object lock, and refuses object lock without versioning', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    assert.equal(await store.changeBucket('b', { settings: { objectLock } }), 'refused')
    const made = { ownerId: 'o', ownerDisplayName: 'o', creationDate: '2026-01-01T00:00:00.000Z' }
    const place = { name: 'locked', locationConstraint: 'us-east-1', versioning: 'Enabled' } as const
    assert.equal(await store.createBucket({ ...made, ...place, settings: { objectLock: {} } }), 'created')
    const bucket = await store.bucket('locked')
    assert.deepEqual([bucket?.versioning, bucket?.settings], ['Enabled', { objectLock: {} }])
    assert.equal(await store.changeBucket('locked', { versioning: 'Suspended' }), 'refused')
  })

  it('changes fields of a version one by one, and deletes none that object lock keeps', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { location: dataAt('d1') })
    const address = { bucket: 'b', key: 'k', version }
    const change = async (fields: VersionFields): Promise<void> => {
      const asked = { ...address, fields, originOp: 's3:ObjectRetention:Put', replication: null, seenRevision: 0 }
      assert.equal((await store.changeVersion(asked)).outcome, 'changed')
    }
    const lock = (at: string, bypassGovernance = false) => ({ ...address, unlessLocked: { at, bypassGovernance } })
    const [early, late] = ['2030-01-01T00:00:00.000Z', '2031-01-01T00:00:00.000Z']
    await change({ retentionMode: 'COMPLIANCE', retentionDate: '2030-06-01T00:00:00.000Z' })
    assert.equal((await store.deleteVersion(lock(early, true))).outcome, 'locked')
    await change({ legalHold: true, tags: { a: '1' } })
    assert.equal((await store.deleteVersion(lock(late, true))).outcome, 'locked')
    await change({ legalHold: false, retentionMode: 'GOVERNANCE' })
    assert.equal((await store.deleteVersion(lock(early))).outcome, 'locked')
    const metadata = (await store.version(address))?.metadata
    assert.deepEqual(
      [metadata?.retentionMode, metadata?.retentionDate, metadata?.legalHold, metadata?.tags],
      ['GOVERNANCE', '2030-06-01T00:00:00.000Z', false, { a: '1' }],
    )
    assert.deepEqual(metadata?.location, dataAt('d1'))
    const seen = { mode: 'COMPLIANCE', date: '2030-06-01T00:00:00.000Z' } as const
    const shorter = { ...address, fields: { retentionDate: early }, originOp: '', replication: null, seenRevision: 0 }
    assert.equal((await store.changeVersion({ ...shorter, seenRetention: seen })).outcome, 'conflict')
    const none = { mode: null, date: null }
    assert.equal((await store.changeVersion({ ...shorter, seenRetention: none })).outcome, 'conflict')
    const now = { ...seen, mode: 'GOVERNANCE' } as const
    assert.equal((await store.changeVersion({ ...shorter, fields: {}, seenRetention: now })).outcome, 'changed')
    await change({ retentionMode: null, retentionDate: null })
    assert.equal((await store.changeVersion({ ...shorter, fields: {}, seenRetention: none })).outcome, 'changed')
    const freed = (await store.version(address))?.metadata
    assert.ok(freed !== undefined && !('retentionMode' in freed) && !('retentionDate' in freed))
    await change({ retentionMode: 'GOVERNANCE', retentionDate: '2030-06-01T00:00:00.000Z' })
    assert.equal((await store.deleteVersion(lock(early, true))).outcome, 'deleted')
  })
}

export function uploadSuite(adapter: StoreAdapter): void {
  const upload = (uploadId: string, key: string): Upload => ({
    uploadId,
    bucket: 'b',
    key,
    initiated: '2026-01-02T03:04:05.000Z',
    ownerId: 'owner1',
    ownerDisplayName: 'Owner',
    settings: '{"tags":{}}',
  })
  const part = (partNumber: number, name: string) => ({
    partNumber,
    etag: `etag-${name}`,
    size: 3,
    lastModified: '2026-01-02T03:04:05.000Z',
    crc32: '352441c2',
    location: { key: name, size: 3, start: 0, dataStoreName: 'local', dataStoreETag: `${partNumber}:x` },
  })

  it('gathers parts, completes into a version, and gives up what was not used', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    assert.equal(await store.createUpload(upload('u1', 'k')), 'created')
    assert.equal(await store.createUpload({ ...upload('u9', 'k'), bucket: 'nowhere' }), 'no-such-bucket')
    assert.deepEqual(await store.upload('b', 'k', 'u1'), upload('u1', 'k'))
    assert.equal(await store.upload('b', 'other', 'u1'), null)
    assert.equal(await store.putPart('b', 'k', 'u1', part(2, 'p2')), 'stored')
    assert.equal(await store.putPart('b', 'k', 'u1', part(1, 'p1')), 'stored')
    assert.equal(await store.putPart('b', 'k', 'u1', part(1, 'p1b')), 'stored')
    assert.equal(await store.putPart('b', 'k', 'u1', part(3, 'p3')), 'stored')
    assert.equal(await store.putPart('b', 'k', 'u2', part(1, 'p9')), 'no-such-upload')
    assert.deepEqual(await store.parts('u1'), [part(1, 'p1b'), part(2, 'p2'), part(3, 'p3')])
    assert.deepEqual(await store.referencedData(['p1', 'p2', 'p9']), new Set(['p1', 'p2']))
    const location = [part(1, 'p1b').location, part(2, 'p2').location]
    await put(store, 'b', 'k', { location, completes: { uploadId: 'u1' } })
    assert.equal(await store.upload('b', 'k', 'u1'), null)
    assert.deepEqual(await store.parts('u1'), [])
    assert.deepEqual(
      (await store.garbage(10)).map(item => item.dataKey),
      ['p1', 'p3'],
    )
    const again = await store.putVersion({
      bucket: 'b',
      key: 'k',
      metadata: newMetadata('k'),
      integrity: null,
      completes: { uploadId: 'u1' },
    })
    assert.equal(again.outcome, 'no-such-upload')
  })

  it('does not complete an upload with data of a part that was replaced since', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await store.createUpload(upload('u1', 'k'))
    await store.putPart('b', 'k', 'u1', part(1, 'former'))
    await store.putPart('b', 'k', 'u1', part(1, 'latter'))
    const completion = (name: string) => ({
      bucket: 'b',
      key: 'k',
      metadata: newMetadata('k', { location: [part(1, name).location] }),
      integrity: null,
      completes: { uploadId: 'u1' },
    })
    assert.equal((await store.putVersion(completion('former'))).outcome, 'no-such-upload')
    assert.equal(await store.version({ bucket: 'b', key: 'k', version: 'latest' }), null)
    assert.deepEqual(await store.parts('u1'), [part(1, 'latter')])
    assert.equal((await store.putVersion(completion('latter'))).outcome, 'stored')
  })

  it('lists uploads by key and id, and aborts them', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    for (const [id, key] of [
      ['u3', 'x/1'],
      ['u1', 'x/1'],
      ['u2', 'a'],
      ['u4', 'y'],
    ] as const)
      await store.createUpload(upload(id, key))
    const ids = async (prefix: string, after: { key: string; uploadId: string } | null, max: number) =>
      (await store.uploads('b', prefix, after, max)).map(found => found.uploadId)
    assert.deepEqual(await ids('', null, 10), ['u2', 'u1', 'u3', 'u4'])
    assert.deepEqual(await ids('x/', null, 10), ['u1', 'u3'])
    assert.deepEqual(await ids('', { key: 'x/1', uploadId: 'u1' }, 1), ['u3'])
    await store.putPart('b', 'y', 'u4', part(1, 'p1'))
    assert.equal(await store.abortUpload('b', 'y', 'u4'), 'aborted')
    assert.equal(await store.abortUpload('b', 'y', 'u4'), 'no-such-upload')
    assert.deepEqual(
      (await store.garbage(10)).map(item => item.dataKey),
      ['p1'],
    )
  })

  it('ends the uploads of a bucket that is deleted', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await store.createUpload(upload('u1', 'k'))
    await store.putPart('b', 'k', 'u1', part(1, 'p1'))
    assert.equal(await store.deleteBucket('b'), 'deleted')
    assert.deepEqual(
      (await store.garbage(10)).map(item => item.dataKey),
      ['p1'],
    )
    await makeBucket(store, 'b')
    assert.deepEqual(await store.uploads('b', '', null, 10), [])
    assert.equal(await store.upload('b', 'k', 'u1'), null)
  })
}

export function journalSuite(adapter: StoreAdapter): void {
  it('journals every change in commit order, with the metadata as it is now', async test => {
    const { store, subject } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await put(store, 'b', 'k', { sites: ['aws'] })
    const second = await put(store, 'b', 'k')
    await store.deleteVersion({ bucket: 'b', key: 'k', version: second })
    const entries = await store.journal(journalStart, 10)
    assert.deepEqual(
      entries.map(entry => [entry.type, entry.versionId, entry.revision, entry.metadataJson !== null]),
      [
        ['put', first, 1, true],
        ['put', second, 0, false],
        ['delete', second, 0, false],
      ],
    )
    const stored = await store.version({ bucket: 'b', key: 'k', version: first })
    assert.deepEqual(JSON.parse(entries[0]?.metadataJson ?? ''), stored?.metadata)
    assert.equal(entries[0]?.timestamp, '2026-01-02T03:04:05.000Z')
    const positions = entries.map(entry => entry.position)
    for (const [index, position] of positions.entries())
      assert.deepEqual(await store.journal(position, 1), entries.slice(index + 1, index + 2))
    assert.deepEqual(await store.journal('nonsense', 10), entries, 'what is no position is the beginning')
    const last = positions[2] ?? journalStart
    await store.trimJournal(last)
    assert.ok((await store.journal(journalStart, 10)).length <= 1)
    const again = (await subject.reopen()).store
    await put(again, 'b', 'k')
    assert.equal((await again.journal(last, 10)).length, 1, 'no position comes twice')
  })

  it('calls journal listeners after each commit that added to it, until they stop', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    let calls = 0
    let called: () => void = () => {}
    const stop = store.onJournal(() => {
      calls += 1
      called()
    })
    const heard = new Promise<void>(resolve => {
      called = resolve
    })
    await put(store, 'b', 'k')
    await heard
    assert.equal(calls, 1)
    stop()
    await put(store, 'b', 'k')
    assert.equal(calls, 1)
  })

  it('refuses everything once it is closed', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const last = put(store, 'b', 'k')
    const closing = store.close()
    assert.ok(await last, 'what was queued is written')
    await closing
    await assert.rejects(put(store, 'b', 'k'))
  })
}
