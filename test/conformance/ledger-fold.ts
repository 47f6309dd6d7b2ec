// The part of the ledger's suite about folding status messages, quarantine and what was done per five minutes.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { journalStart } from '../../src/domain/entry.ts'
import type { VersionId } from '../../src/domain/version-id.ts'
import type { RowReason } from '../../src/metadata/ledger.ts'
import type { MetadataStore } from '../../src/metadata/metadata-store.ts'
import {
  attemptReport,
  claimed,
  complete,
  done,
  makeBucket,
  put,
  retag,
  statusMessage,
  sumsOf,
} from './store-fixtures.ts'
import { opened, type StoreAdapter } from './store-subject.ts'

const key = { bucket: 'b', key: 'k' }
const refused: RowReason = { class: 'object', code: 'EntityTooLarge', message: 'too large', at: 5, requestId: 'r1' }

async function infoOf(store: MetadataStore, version: VersionId) {
  const record = await store.version({ ...key, version })
  assert.ok(record)
  const { status, backends } = record.metadata.replicationInfo
  return { status, backends: backends.map(backend => backend.status), originOp: record.metadata.originOp }
}

export function foldSuite(adapter: StoreAdapter): void {
  it('folds each site`s end into the version, its row and the sums', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws', 'azure'], size: 8 })
    await complete(store, 'aws', 'b', 'k')
    assert.deepEqual(await infoOf(store, version), {
      status: 'PROCESSING',
      backends: ['COMPLETED', 'PENDING'],
      originOp: 's3:Replication:OperationCompletedReplication',
    })
    assert.equal(
      (await store.version({ ...key, version }))?.metadata.replicationInfo.backends[0]?.dataStoreVersionId,
      'at-aws',
    )
    assert.equal((await store.ledger.row({ ...key, versionId: version, site: 'aws' }))?.state, 'completed')
    assert.deepEqual([(await sumsOf(store, 'aws')).objects, (await sumsOf(store, 'azure')).objects], [0, 1])
    const entry = async () => (await store.journal(journalStart, 1))[0]
    assert.notEqual((await entry())?.metadataJson ?? null, null, 'the other site may not have been told yet')
    await complete(store, 'azure', 'b', 'k')
    assert.equal((await infoOf(store, version)).status, 'COMPLETED')
    assert.equal((await entry())?.metadataJson, null)
    const slotAt = Math.floor(world.clock.now() / 300_000) * 300_000
    assert.deepEqual(
      await store.ledger.activity(0),
      ['aws', 'azure'].map(site => ({
        site,
        slotAt,
        completedObjects: 1,
        completedBytes: 8,
        failedObjects: 0,
        failedBytes: 0,
      })),
    )
    assert.deepEqual(await store.ledger.activity(slotAt + 1), [])
    assert.equal((await store.journal(journalStart, 100)).length, 1, 'status changes are not journaled')
  })

  it('takes COMPLETED for final, and a message twice for one', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    await store.ledger.report([done(claim)])
    const messages = [statusMessage(claim.row), statusMessage(claim.row), statusMessage(claim.row, 'FAILED')]
    assert.deepEqual(await store.ledger.fold(messages), ['folded', 'already', 'already'])
    assert.equal((await infoOf(store, version)).status, 'COMPLETED')
    assert.equal((await store.ledger.activity(0))[0]?.completedObjects, 1)
    const absent = { ...statusMessage(claim.row), key: 'nowhere' }
    assert.deepEqual(await store.ledger.fold([absent, { ...absent, bucket: 'nowhere' }]), [
      'no-such-version',
      'no-such-version',
    ])
    assert.deepEqual(await store.ledger.fold([statusMessage({ ...claim.row, site: 'unknown' })]), ['already'])
  })

  it('folds a message whose reason has characters that not every database can keep', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { sites: ['aws'] })
    const { row } = await claimed(store, 'aws', 'b', 'k')
    const message = { ...statusMessage(row, 'FAILED'), reason: 'half a pair \ud800 and a zero \0' }
    assert.deepEqual(await store.ledger.fold([message]), ['folded'])
    assert.match((await store.ledger.row(row))?.reason?.message ?? '', /^half a pair/)
  })

  it('quarantines what can never be accepted, and takes it out again', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws'], size: 9 })
    const claim = await claimed(store, 'aws', 'b', 'k')
    await store.ledger.report([attemptReport(claim, { kind: 'quarantined', reason: refused })])
    assert.deepEqual(await store.ledger.fold([statusMessage(claim.row, 'FAILED')]), ['folded'])
    assert.deepEqual(await infoOf(store, version), {
      status: 'FAILED',
      backends: ['FAILED'],
      originOp: 's3:Replication:OperationFailedReplication',
    })
    const sums = { site: 'aws', objects: 0, bytes: 0, oldestAt: null, failedObjects: 1, failedBytes: 9 }
    assert.deepEqual(await sumsOf(store, 'aws'), sums)
    const found = await store.ledger.quarantined('aws', world.clock.now(), 10)
    assert.deepEqual([found[0]?.versionId, found[0]?.reason], [version, refused])
    assert.deepEqual(await store.ledger.quarantined('aws', world.clock.now() - 1, 10), [])
    const ref = { ...key, versionId: version, site: 'aws' }
    assert.deepEqual(await store.ledger.retry([ref, { ...ref, site: 'azure' }, ref]), [true, false, false])
    assert.equal((await infoOf(store, version)).status, 'PENDING')
    assert.deepEqual(await store.ledger.due('aws', 10), [key])
    assert.equal(await store.ledger.recount(), false)
    await complete(store, 'aws', 'b', 'k')
    assert.equal((await infoOf(store, version)).status, 'COMPLETED')
    const after = await sumsOf(store, 'aws')
    assert.deepEqual([after.failedObjects, after.failedBytes, after.objects], [0, 0, 0])
  })

  it('gives up a skipped row with its reason, and shows no status when every site was skipped', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    const superseded: RowReason = { class: 'superseded', code: 'Superseded', message: 'a newer one is there', at: 1 }
    await store.ledger.report([attemptReport(claim, { kind: 'skipped', reason: superseded })])
    assert.deepEqual(await store.ledger.fold([statusMessage(claim.row, 'SKIPPED')]), ['folded'])
    assert.equal((await infoOf(store, version)).status, '')
    const row = await store.ledger.row({ ...key, versionId: version, site: 'aws' })
    assert.deepEqual([row?.state, row?.reason], ['skipped', superseded])
  })

  it('compares messages without a revision by content, tags and what keeps the version, and ends rows that others have worked on', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws'], etag: 'e1', tags: { a: '1' } })
    const row = { ...key, versionId: version, site: 'aws', revision: 1 }
    const { revision: _ours, ...outside } = statusMessage(row)
    const kept = { retentionMode: 'GOVERNANCE', retentionDate: '2990-01-01T00:00:00.000Z', legalHold: true } as const
    const change = {
      ...key,
      version,
      fields: kept,
      originOp: 's3:ObjectRetention:Put',
      replication: null,
      seenRevision: 1,
    }
    assert.equal((await store.changeVersion(change)).outcome, 'changed')
    const seen = (etag: string, tags: Record<string, string>, lock: Readonly<Record<string, unknown>> = kept) => ({
      ...outside,
      metadataJson: JSON.stringify({ 'content-md5': etag, tags, ...lock }),
    })
    assert.deepEqual(await store.ledger.fold([seen('e2', { a: '1' }), seen('e1', {}), seen('e1', { a: '2' })]), [
      'newer-revision',
      'newer-revision',
      'newer-revision',
    ])
    for (const lock of [{}, { ...kept, legalHold: false }, { ...kept, retentionDate: '2991-01-01T00:00:00.000Z' }])
      assert.deepEqual(await store.ledger.fold([seen('e1', { a: '1' }, lock)]), ['newer-revision'])
    assert.deepEqual(await store.ledger.fold([seen('e1', { a: '1' })]), ['folded'])
    assert.equal((await store.ledger.row(row))?.state, 'completed')
    assert.equal((await sumsOf(store, 'aws')).objects, 0)
    assert.deepEqual(await store.ledger.claim('aws', [key], 'me', 1000), [{ outcome: 'nothing' }])
  })

  it('opens a completed version again for a newer revision', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws'], size: 4 })
    await complete(store, 'aws', 'b', 'k')
    await retag(store, key, version)
    const sums = await sumsOf(store, 'aws')
    assert.deepEqual([sums.objects, sums.bytes], [1, 4])
    assert.equal((await infoOf(store, version)).status, 'PENDING')
    await complete(store, 'aws', 'b', 'k')
    assert.equal((await infoOf(store, version)).status, 'COMPLETED')
    assert.equal(await store.ledger.recount(), false)
  })
}
