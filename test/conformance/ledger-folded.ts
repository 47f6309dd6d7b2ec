// The part of the ledger's suite for processors that have the versions in reach: claims that bring their version, reports that fold at once.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { AttemptReport, RowReason } from '../../src/metadata/ledger.ts'
import {
  attemptReport,
  claimed,
  done,
  inlineName,
  makeBucket,
  pendingAt,
  put,
  retag,
  statusMessage,
  sumsOf,
} from './store-fixtures.ts'
import { opened, type StoreAdapter } from './store-subject.ts'

const key = { bucket: 'b', key: 'k' }
const reason: RowReason = { class: 'object', code: 'EntityTooLarge', message: 'too large', at: 5 }

export function foldedSuite(adapter: StoreAdapter): void {
  it('brings the version with its claim if asked, as reading it would show it', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const bytes = new Uint8Array([1, 2, 3])
    const inline = { key: inlineName('one'), bytes }
    const location = [{ key: inline.key, size: 3, start: 0, dataStoreName: 'us-east-1', dataStoreETag: '1:x' }]
    const versionId = await put(store, 'b', 'k', { sites: ['aws', 'azure'], inline, location })
    const [claim] = await store.ledger.claim('aws', [key], 'owner', 60_000, { versions: true })
    const version = claim?.outcome === 'claimed' ? claim.version?.() : undefined
    assert.ok(version)
    const { bytes: found, ...read } = version
    assert.deepEqual(new Uint8Array(found ?? []), bytes)
    const record = await store.version({ ...key, version: versionId })
    assert.ok(record)
    const { metadata, revision, integrity, isNull } = record
    assert.deepEqual(read, { metadata, revision, integrity, isNull })
    const [plain] = await store.ledger.claim('azure', [key], 'owner', 60_000)
    assert.ok(plain?.outcome === 'claimed' && plain.version === undefined)
  })

  it('brings no bytes of data that lies elsewhere, and null for a version that is gone', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws'] })
    const [first] = await store.ledger.claim('aws', [key], 'owner', 60_000, { versions: true })
    assert.ok(first?.outcome === 'claimed')
    const brought = first.version?.()
    assert.ok(brought)
    assert.equal(brought.bytes, undefined)
    await store.ledger.report([attemptReport(first, { kind: 'released', unsettled: true })])
    await store.deleteVersion({ ...key, version })
    const [second] = await store.ledger.claim('aws', [key], 'owner', 60_000, { versions: true })
    assert.ok(second?.outcome === 'claimed')
    assert.equal(second.version?.(), null)
  })

  it('leaves a large version to be read when its task begins', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { sites: ['aws'], size: 16 * 1024 + 1 })
    const [claim] = await store.ledger.claim('aws', [key], 'owner', 60_000, { versions: true })
    assert.ok(claim?.outcome === 'claimed' && claim.version === undefined)
  })

  it('keeps with a completed row what the site does not hold of its version, until that has changed', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const warning: RowReason = { class: 'not-kept', code: 'not-kept', message: 'no retention', at: 5 }
    const version = await put(store, 'b', 'k', { sites: ['aws', 'azure'] })
    const reasonAt = async (site: string) => {
      const row = await store.ledger.row({ ...key, versionId: version, site })
      return [row?.state, row?.reason]
    }
    const warned = (report: AttemptReport): AttemptReport =>
      report.end.kind === 'done' ? { ...report, end: { ...report.end, warning } } : report
    await store.ledger.report([warned(done(await claimed(store, 'aws', 'b', 'k')))], { fold: true })
    assert.deepEqual(await reasonAt('aws'), ['completed', warning])
    const sent = await claimed(store, 'azure', 'b', 'k')
    await store.ledger.report([warned(done(sent))])
    assert.deepEqual(await reasonAt('azure'), ['reported', warning])
    assert.deepEqual(await store.ledger.fold([statusMessage(sent.row)]), ['folded'])
    assert.deepEqual(await reasonAt('azure'), ['completed', warning])
    await retag(store, key, version)
    await store.ledger.report([done(await claimed(store, 'aws', 'b', 'k'))], { fold: true })
    assert.deepEqual(await reasonAt('aws'), ['completed', undefined])
  })

  it('folds what a report ends, as its status message would', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const endOf = async (name: string, end: 'done' | 'skipped' | 'quarantined') => {
      const versionId = await put(store, 'b', name, { sites: ['aws'] })
      const claim = await claimed(store, 'aws', 'b', name)
      const report = end === 'done' ? done(claim) : attemptReport(claim, { kind: end, reason })
      assert.deepEqual(await store.ledger.report([report], { fold: true }), [{ outcome: 'applied', more: false }])
      const metadata = (await store.version({ bucket: 'b', key: name, version: versionId }))?.metadata
      const row = await store.ledger.row({ bucket: 'b', key: name, versionId, site: 'aws' })
      const [backend] = metadata?.replicationInfo.backends ?? []
      return [backend?.status, backend?.dataStoreVersionId, metadata?.originOp, row?.state, row?.reason]
    }
    const completed = 's3:Replication:OperationCompletedReplication'
    assert.deepEqual(await endOf('a', 'done'), ['COMPLETED', 'at-aws', completed, 'completed', undefined])
    assert.deepEqual(await endOf('b', 'skipped'), ['SKIPPED', '', 's3:ObjectCreated:Put', 'skipped', reason])
    const failed = 's3:Replication:OperationFailedReplication'
    assert.deepEqual(await endOf('c', 'quarantined'), ['FAILED', '', failed, 'quarantined', reason])
    const sums = await sumsOf(store, 'aws')
    const [slot] = await store.ledger.activity(0)
    assert.deepEqual([sums.objects, sums.failedObjects], [0, 1])
    assert.deepEqual([slot?.completedObjects, slot?.failedObjects], [1, 1])
    assert.equal(await store.ledger.recount(), false)
  })

  for (const versions of [true, false]) {
    const read = versions ? 'read with its claim' : 'read when it is folded'
    it(`folds into what the version is by then (${read})`, async test => {
      const { store } = await opened(adapter, test)
      await makeBucket(store, 'b')
      const sites = ['aws', 'azure', 'gcp', 'peer']
      const version = await put(store, 'b', 'k', { sites })
      const [aws, azure, gcp, peer] = await Promise.all(sites.map(site => claimed(store, site, 'b', 'k', versions)))
      assert.ok(aws && azure && gcp && peer)
      const fold = { fold: true }
      await store.ledger.report([done(aws)], fold)
      await store.ledger.report([attemptReport(azure, { kind: 'quarantined', reason })], fold)
      assert.deepEqual(await store.ledger.fold([statusMessage(gcp.row)]), ['folded'])
      await store.ledger.report([done(peer)], fold)
      const statuses = async () => {
        const info = (await store.version({ ...key, version }))?.metadata.replicationInfo
        return [info?.status, ...(info?.backends ?? []).map(backend => `${backend.site} ${backend.status}`)]
      }
      const others = ['azure FAILED', 'gcp COMPLETED', 'peer COMPLETED']
      assert.deepEqual(await statuses(), ['FAILED', 'aws COMPLETED', ...others])
      await retag(store, key, version)
      const again = await claimed(store, 'aws', 'b', 'k', versions)
      await retag(store, key, version, { b: '2' }, 2)
      const answer = await store.ledger.report([done(again)], fold)
      assert.deepEqual(answer, [{ outcome: 'changed-meanwhile', more: true }])
      assert.equal((await statuses())[1], 'aws PENDING')
      assert.equal(await store.ledger.recount(), false)
    })

    it(`leaves alone what a version says since it was claimed (${read})`, async test => {
      const { store } = await opened(adapter, test)
      await makeBucket(store, 'b')
      const version = await put(store, 'b', 'k', { sites: ['aws', 'azure'] })
      const claim = await claimed(store, 'azure', 'b', 'k', versions)
      // Goes to one site only, from now on.
      await retag(store, key, version)
      await store.ledger.report([done(claim)], { fold: true })
      const info = (await store.version({ ...key, version }))?.metadata.replicationInfo
      assert.deepEqual(info, pendingAt(['aws']))
    })

    it(`folds nothing into a version that was deleted while its task ran (${read})`, async test => {
      const { store } = await opened(adapter, test)
      await makeBucket(store, 'b')
      const gone = await put(store, 'b', 'k', { sites: ['aws'] })
      const claim = await claimed(store, 'aws', 'b', 'k', versions)
      await store.deleteVersion({ ...key, version: gone })
      await store.ledger.report([done(claim)], { fold: true })
      assert.equal((await store.ledger.row({ ...key, versionId: gone, site: 'aws' }))?.state, 'skipped')
      assert.equal((await sumsOf(store, 'aws')).objects, 0)
      assert.equal(await store.ledger.recount(), false)
    })
  }

  it('keeps what was applied, and lets the next version of the key go on', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await put(store, 'b', 'k', { sites: ['aws'] })
    const second = await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    assert.deepEqual(await store.ledger.report([done(claim)], { fold: true }), [{ outcome: 'applied', more: true }])
    const next = await claimed(store, 'aws', 'b', 'k')
    assert.deepEqual([next.row.versionId, next.applied?.versionId], [second, first])
    assert.equal(next.applied?.destinationVersionId, 'at-aws')
  })

  it('tells of a row of the key that came, or was opened again, while the claimed one was worked on', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const alone = { outcome: 'applied', more: false }
    const accompanied = { outcome: 'applied', more: true }
    const reported = (claim: Parameters<typeof done>[0]) => store.ledger.report([done(claim)], { fold: true })
    await put(store, 'b', 'other', { sites: ['aws'] })
    const first = await put(store, 'b', 'k', { sites: ['aws'] })
    const older = await claimed(store, 'aws', 'b', 'k')
    const newest = await put(store, 'b', 'k', { sites: ['aws'] })
    assert.deepEqual(await reported(older), [accompanied])
    const newer = await claimed(store, 'aws', 'b', 'k')
    assert.equal(newer.row.versionId, newest)
    await retag(store, key, first)
    assert.deepEqual(await reported(newer), [accompanied])
    const again = await claimed(store, 'aws', 'b', 'k')
    assert.equal(again.row.versionId, first)
    assert.deepEqual(await reported(again), [alone])
    assert.deepEqual(await store.ledger.claim('aws', [key], 'me', 1000), [{ outcome: 'nothing' }])
  })

  it('folds nothing for a claim that was lost, nor for a revision that is no longer the version`s', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    const stale = { ...done(claim), token: 'another' }
    assert.deepEqual(await store.ledger.report([stale], { fold: true }), [{ outcome: 'stale', more: false }])
    await retag(store, key, version)
    const answer = await store.ledger.report([done(claim)], { fold: true })
    assert.deepEqual(answer, [{ outcome: 'changed-meanwhile', more: true }])
    const record = await store.version({ ...key, version })
    assert.equal(record?.metadata.replicationInfo.status, 'PENDING')
    assert.equal((await sumsOf(store, 'aws')).objects, 1)
  })

  it('ends the row of a version that was deleted while its task ran, and of one whose upload was begun', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const gone = await put(store, 'b', 'gone', { sites: ['aws'] })
    const first = await claimed(store, 'aws', 'b', 'gone')
    await store.deleteVersion({ bucket: 'b', key: 'gone', version: gone })
    await store.ledger.report([done(first)], { fold: true })
    assert.equal((await store.ledger.row({ bucket: 'b', key: 'gone', versionId: gone, site: 'aws' }))?.state, 'skipped')
    const large = await put(store, 'b', 'large', { sites: ['aws'] })
    const ref = { bucket: 'b', key: 'large', versionId: large, site: 'aws' }
    const second = await claimed(store, 'aws', 'b', 'large')
    await store.ledger.saveUpload({ ...ref, token: second.token }, { uploadId: 'u', partBytes: 5, parts: [] })
    await store.ledger.report([done(second)], { fold: true })
    const row = await store.ledger.row(ref)
    assert.deepEqual([row?.state, row?.upload], ['completed', undefined])
    assert.equal((await sumsOf(store, 'aws')).objects, 0)
  })
}
