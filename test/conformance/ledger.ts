// The conformance suite of the ledger: every adapter of the metadata store passes it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RowReason } from '../../src/metadata/ledger.ts'
import { foldSuite } from './ledger-fold.ts'
import { foldedSuite } from './ledger-folded.ts'
import { undeleteSuite } from './ledger-undelete.ts'
import {
  attemptReport,
  claimed,
  complete,
  done,
  makeBucket,
  pendingAt,
  put,
  retag,
  statusMessage,
  sumsOf,
} from './store-fixtures.ts'
import { opened, type StoreAdapter } from './store-subject.ts'

export function ledgerConformance(adapter: StoreAdapter, skip: false | string = false): void {
  describe(`ledger: ${adapter.name}`, { skip }, () => {
    claimSuite(adapter)
    reportSuite(adapter)
    dueSuite(adapter)
    parkSuite(adapter)
    sourceSuite(adapter)
    foldSuite(adapter)
    foldedSuite(adapter)
    undeleteSuite(adapter)
  })
}

const reason: RowReason = { class: 'transient', code: 'SlowDown', message: 'later', at: 1 }
const key = { bucket: 'b', key: 'k' }

function claimSuite(adapter: StoreAdapter): void {
  it('makes one row for each pending site of a write, in the same step, and counts it', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const doubled = pendingAt(['aws', 'aws', 'azure'])
    const versionId = await put(store, 'b', 'k', { replicationInfo: doubled, size: 10 })
    const rows = await store.ledger.rowsOf({ ...key, versionId })
    assert.deepEqual(
      rows.map(row => [row.site, row.state, row.revision, row.size, row.attempts, row.unsettled]),
      [
        ['aws', 'pending', 1, 10, 0, false],
        ['azure', 'pending', 1, 10, 0, false],
      ],
    )
    assert.deepEqual(await store.ledger.row({ ...key, versionId, site: 'aws' }), rows[0])
    assert.equal(await store.ledger.row({ ...key, versionId, site: 'gcp' }), null)
    assert.deepEqual(await sumsOf(store, 'aws'), {
      site: 'aws',
      objects: 1,
      bytes: 10,
      oldestAt: world.clock.now(),
      failedObjects: 0,
      failedBytes: 0,
    })
    assert.deepEqual(await store.ledger.due('aws', 10), [], 'its journal entry brings it')
  })

  it('gives the oldest version of a key first, to one owner at a time', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await put(store, 'b', 'k', { sites: ['aws'] })
    const second = await put(store, 'b', 'k', { sites: ['aws'] })
    await put(store, 'b', 'other', { sites: ['azure'] })
    const claims = await store.ledger.claim(
      'aws',
      [key, key, { bucket: 'b', key: 'other' }, { bucket: 'nowhere', key: 'k' }],
      'me',
      1000,
    )
    const until = world.clock.now() + 1000
    assert.deepEqual(
      claims.map(claim => claim.outcome),
      ['claimed', 'held', 'nothing', 'nothing'],
    )
    const [mine, again] = claims
    assert.ok(mine?.outcome === 'claimed' && again?.outcome === 'held')
    assert.equal(again.until, until)
    assert.equal(mine.row.versionId, first)
    assert.equal(mine.row.attempts, 1)
    assert.equal(mine.applied, null)
    const [reported] = await store.ledger.report([done(mine)])
    assert.deepEqual(reported, { outcome: 'applied', more: true })
    const next = await claimed(store, 'aws', 'b', 'k')
    assert.equal(next.row.versionId, second)
    assert.deepEqual(next.applied, {
      versionId: first,
      kind: 'object',
      destinationVersionId: 'at-aws',
      destinationEtag: 'etag',
    })
    assert.deepEqual(await store.ledger.report([done(next)]), [{ outcome: 'applied', more: false }])
    assert.deepEqual(await store.ledger.claim('aws', [key], 'me', 1000), [{ outcome: 'nothing' }])
  })

  it('takes a claim whose lease ran out from its owner, and remembers that nobody knows how far he came', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { sites: ['aws'] })
    const lost = await claimed(store, 'aws', 'b', 'k')
    assert.equal(lost.row.unsettled, false)
    world.advance(60_001)
    assert.deepEqual(await store.ledger.stranded(0, 10), [{ ...lost.row }])
    const taken = await claimed(store, 'aws', 'b', 'k')
    assert.equal(taken.row.unsettled, true)
    assert.equal(taken.row.attempts, 2)
    assert.deepEqual(await store.ledger.report([done(lost)]), [{ outcome: 'stale', more: false }])
    assert.deepEqual(await store.ledger.renew([lost.token, taken.token, 'nonsense'], 120_000), [false, true, false])
    world.advance(100_000)
    const [held] = await store.ledger.claim('aws', [key], 'else', 1000)
    assert.equal(held?.outcome, 'held')
    assert.equal((await store.ledger.report([done(taken)]))[0]?.outcome, 'applied')
  })

  it('prolongs no claim whose lease is over: another owner may be about to take it', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    world.advance(59_999)
    assert.deepEqual(await store.ledger.renew([claim.token], 1_000), [true])
    world.advance(1_000)
    assert.deepEqual(await store.ledger.renew([claim.token], 60_000), [false])
    assert.equal((await claimed(store, 'aws', 'b', 'k')).row.unsettled, true)
  })

  it('holds a key while any of its versions is claimed, even when an older one has new work', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const old = await put(store, 'b', 'k', { sites: ['aws'] })
    await complete(store, 'aws', 'b', 'k')
    await put(store, 'b', 'k', { sites: ['aws'] })
    const newer = await claimed(store, 'aws', 'b', 'k')
    await retag(store, key, old)
    assert.equal((await store.ledger.claim('aws', [key], 'else', 1000))[0]?.outcome, 'held')
    world.advance(60_001)
    assert.equal((await claimed(store, 'aws', 'b', 'k')).row.versionId, old)
    assert.deepEqual(await store.ledger.report([done(newer)]), [{ outcome: 'stale', more: false }])
    const row = await store.ledger.row({ ...key, versionId: newer.row.versionId, site: 'aws' })
    assert.deepEqual([row?.state, row?.unsettled], ['pending', true])
  })

  it('frees what a former process had claimed, as unsettled', async test => {
    const { store, subject } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { sites: ['aws'] })
    const lost = await claimed(store, 'aws', 'b', 'k')
    const again = (await subject.reopen()).store
    assert.deepEqual(await again.ledger.due('aws', 10), [key])
    assert.deepEqual(await again.ledger.report([done(lost)]), [{ outcome: 'stale', more: false }])
    assert.equal((await claimed(again, 'aws', 'b', 'k')).row.unsettled, true)
  })
}

function reportSuite(adapter: StoreAdapter): void {
  it('parks a failed attempt and everything newer of its key, and lets them go on in order', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await put(store, 'b', 'k', { sites: ['aws'] })
    const second = await put(store, 'b', 'k', { sites: ['aws'] })
    const at = world.clock.now() + 5000
    const failed = attemptReport(await claimed(store, 'aws', 'b', 'k'), {
      kind: 'retry',
      reason,
      nextAttemptAt: at,
      unsettled: true,
    })
    assert.deepEqual(await store.ledger.report([failed]), [{ outcome: 'applied', more: false }])
    const third = await put(store, 'b', 'k', { sites: ['aws'] })
    assert.deepEqual(await store.ledger.claim('aws', [key], 'me', 1000), [{ outcome: 'waiting', until: at }])
    const states = async () =>
      Promise.all(
        [first, second, third].map(
          async versionId => (await store.ledger.row({ ...key, versionId, site: 'aws' }))?.state,
        ),
      )
    assert.deepEqual(await states(), ['waiting', 'blocked', 'blocked'])
    const row = await store.ledger.row({ ...key, versionId: first, site: 'aws' })
    assert.deepEqual([row?.nextAttemptAt, row?.reason, row?.unsettled], [at, reason, true])
    assert.equal(await store.ledger.nextDueAt('aws'), at)
    assert.deepEqual(await store.ledger.due('aws', 10), [])
    world.advance(5000)
    assert.deepEqual(await store.ledger.due('aws', 10), [key])
    const again = await claimed(store, 'aws', 'b', 'k')
    assert.deepEqual([again.row.versionId, again.row.attempts, again.row.unsettled], [first, 2, true])
    assert.deepEqual(await store.ledger.report([done(again)]), [{ outcome: 'applied', more: true }])
    assert.deepEqual(await states(), ['reported', 'pending', 'blocked'])
    assert.deepEqual(await store.ledger.due('aws', 10), [key])
    await store.ledger.report([done(await claimed(store, 'aws', 'b', 'k'))])
    assert.deepEqual(await states(), ['reported', 'reported', 'pending'])
    assert.equal((await sumsOf(store, 'aws')).objects, 3, 'reported is not ended')
  })

  it('gives a row back untouched, and keeps a doubt from before', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { sites: ['aws'] })
    const release = { kind: 'released', unsettled: false } as const
    await store.ledger.report([attemptReport(await claimed(store, 'aws', 'b', 'k'), release)])
    assert.deepEqual(await store.ledger.due('aws', 10), [key])
    const second = await claimed(store, 'aws', 'b', 'k')
    assert.deepEqual([second.row.attempts, second.row.unsettled], [1, false])
    await store.ledger.report([attemptReport(second, { kind: 'released', unsettled: true })])
    const third = await claimed(store, 'aws', 'b', 'k')
    assert.equal(third.row.unsettled, true)
    await store.ledger.report([attemptReport(third, release)])
    const fourth = await claimed(store, 'aws', 'b', 'k')
    assert.equal(fourth.row.unsettled, true)
    await store.ledger.report([
      attemptReport(fourth, { kind: 'retry', reason, nextAttemptAt: world.clock.now(), unsettled: false }),
    ])
    assert.equal((await claimed(store, 'aws', 'b', 'k')).row.unsettled, false, 'the attempt has looked')
  })

  it('puts a row back to work when a newer revision came, but keeps what was applied', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const versionId = await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    await retag(store, key, versionId)
    assert.deepEqual(await store.ledger.report([done(claim)]), [{ outcome: 'changed-meanwhile', more: true }])
    assert.deepEqual(await store.ledger.fold([statusMessage(claim.row)]), ['newer-revision'])
    const again = await claimed(store, 'aws', 'b', 'k')
    assert.deepEqual([again.row.revision, again.row.attempts, again.row.destinationVersionId], [2, 1, 'at-aws'])
    assert.equal(again.applied?.versionId, versionId)
    assert.deepEqual(await store.ledger.report([done(again)]), [{ outcome: 'applied', more: false }])
    assert.deepEqual(await store.ledger.fold([statusMessage(again.row)]), ['folded'])
    assert.equal((await sumsOf(store, 'aws')).objects, 0)
  })

  it('never lets an older version become the newest applied one', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const old = await put(store, 'b', 'k', { sites: ['aws'] })
    await complete(store, 'aws', 'b', 'k')
    const marker = await put(store, 'b', 'k', { sites: ['aws'], deleteMarker: true })
    await complete(store, 'aws', 'b', 'k')
    await retag(store, key, old, {})
    const claim = await claimed(store, 'aws', 'b', 'k')
    assert.deepEqual([claim.applied?.versionId, claim.applied?.kind], [marker, 'delete-marker'])
    await store.ledger.report([done(claim, true)])
    await put(store, 'b', 'k', { sites: ['aws'] })
    assert.equal((await claimed(store, 'aws', 'b', 'k')).applied?.versionId, marker)
  })

  it('keeps a begun upload over restarts until it is forgotten or the row has ended', async test => {
    const { store, subject } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    const part = { partNumber: 1, etag: 'e', size: 5, crc32: '00000000' }
    const upload = { uploadId: 'u', partBytes: 5, parts: [part] }
    const ref = { ...key, versionId: claim.row.versionId, site: 'aws', token: claim.token }
    assert.equal(await store.ledger.saveUpload(ref, { ...upload, parts: [] }), true)
    assert.equal(await store.ledger.saveUpload(ref, upload), true)
    assert.equal(await store.ledger.saveUpload({ ...ref, token: 'nonsense' }, null), false)
    const again = (await subject.reopen()).store
    const second = await claimed(again, 'aws', 'b', 'k')
    assert.deepEqual(second.row.upload, upload)
    assert.equal(await again.ledger.saveUpload({ ...ref, token: second.token }, null), true)
    assert.equal((await again.ledger.row(ref))?.upload, undefined)
    await again.ledger.saveUpload({ ...ref, token: second.token }, upload)
    await again.ledger.report([done(second)])
    assert.equal((await again.ledger.row(ref))?.upload, undefined)
  })
}

function dueSuite(adapter: StoreAdapter): void {
  it('shows as stranded what was reported and never folded, and what its site`s processor has long passed', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const passed = await put(store, 'b', 'passed', { sites: ['aws'] })
    await put(store, 'b', 'k', { sites: ['aws'] })
    await put(store, 'b', 'ahead', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    await store.ledger.report([done(claim)])
    assert.deepEqual(await store.ledger.stranded(1000, 10), [])
    world.advance(1001)
    const stranded = await store.ledger.stranded(1000, 10)
    assert.deepEqual(
      stranded.map(row => [row.versionId, row.state]).toSorted(),
      [
        [claim.row.versionId, 'reported'],
        [passed, 'pending'],
      ].toSorted(),
    )
    assert.equal((await store.ledger.stranded(1000, 1)).length, 1)
  })

  it('counts the oldest open row, and recounting changes nothing', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const start = world.clock.now()
    await put(store, 'b', 'k1', { sites: ['aws'], size: 5 })
    world.advance(1000)
    await put(store, 'b', 'k2', { sites: ['aws'], size: 7 })
    assert.deepEqual(await sumsOf(store, 'aws'), {
      site: 'aws',
      objects: 2,
      bytes: 12,
      oldestAt: start,
      failedObjects: 0,
      failedBytes: 0,
    })
    await complete(store, 'aws', 'b', 'k1')
    assert.equal((await sumsOf(store, 'aws')).oldestAt, start + 1000)
    assert.equal(await store.ledger.recount(), false)
  })
}

function parkSuite(adapter: StoreAdapter): void {
  it('parks older versions, too, behind one whose outcome is unknown, until somebody has looked', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const old = await put(store, 'b', 'k', { sites: ['aws'] })
    await complete(store, 'aws', 'b', 'k')
    const newer = await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    const change = { ...key, version: old, fields: { tags: {} }, originOp: 's3:ObjectTagging:Delete', seenRevision: 1 }
    await store.changeVersion({ ...change, replication: pendingAt(['aws']) })
    const retry = { kind: 'retry', reason, nextAttemptAt: world.clock.now() + 100 } as const
    const stateOfOld = async () => (await store.ledger.row({ ...key, versionId: old, site: 'aws' }))?.state
    const unknown = attemptReport(claim, { ...retry, unsettled: true })
    assert.deepEqual(await store.ledger.report([unknown]), [{ outcome: 'applied', more: false }])
    assert.equal(await stateOfOld(), 'blocked')
    world.advance(100)
    const again = await claimed(store, 'aws', 'b', 'k')
    assert.equal(again.row.versionId, newer)
    const known = attemptReport(again, { ...retry, nextAttemptAt: world.clock.now() + 100, unsettled: false })
    assert.deepEqual(await store.ledger.report([known]), [{ outcome: 'applied', more: true }])
    assert.equal((await claimed(store, 'aws', 'b', 'k')).row.versionId, old)
  })

  it('shows stranded rows of every site, however many one of them has', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    for (const name of ['k1', 'k2', 'k3']) {
      await put(store, 'b', name, { sites: ['aws', 'other'] })
      await claimed(store, 'aws', 'b', name)
    }
    await claimed(store, 'other', 'b', 'k1')
    world.advance(60_001)
    const stranded = await store.ledger.stranded(0, 2)
    assert.deepEqual(stranded.map(row => row.site).toSorted(), ['aws', 'aws', 'other'])
  })

  it('makes pending rows due that no entry will bring any more', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { sites: ['aws', 'other'] })
    world.advance(1000)
    await put(store, 'b', 'young', { sites: ['aws'] })
    await store.ledger.makeDue('aws', 500)
    assert.deepEqual(await store.ledger.due('aws', 10), [key])
    assert.deepEqual(await store.ledger.due('other', 10), [])
    assert.equal(await store.ledger.recount(), false)
  })

  it('gives rows that can go on at once their share beside any number of retries', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    for (const name of ['k1', 'k2', 'k3', 'k4', 'k5']) {
      await put(store, 'b', name, { sites: ['aws'] })
      const nextAttemptAt = world.clock.now() + 10
      const end =
        name === 'k5'
          ? ({ kind: 'released', unsettled: false } as const)
          : ({ kind: 'retry', reason, nextAttemptAt, unsettled: false } as const)
      await store.ledger.report([attemptReport(await claimed(store, 'aws', 'b', name), end)])
    }
    world.advance(10)
    const due = await store.ledger.due('aws', 4)
    assert.equal(due.length, 4)
    assert.ok(due.some(ref => ref.key === 'k5'))
    for (const name of ['k6', 'k7', 'k8', 'k9', 'k10', 'k11']) await put(store, 'b', name, { sites: ['aws'] })
    await store.ledger.makeDue('aws', 0)
    assert.equal((await store.ledger.due('aws', 11)).length, 11, 'no kind is held back without need')
  })

  it('forgets the row of a version that was deleted before its copy, a day later', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const versionId = await put(store, 'b', 'k', { sites: ['aws', 'other'] })
    await store.deleteVersion({ ...key, version: versionId })
    const ref = { ...key, versionId, site: 'aws' }
    await store.ledger.recount()
    assert.equal((await store.ledger.row(ref))?.state, 'skipped')
    world.advance(24 * 60 * 60_000 + 1)
    assert.equal(await store.ledger.recount(), false)
    assert.deepEqual(await store.ledger.rowsOf(ref), [])
  })

  it('keeps for a month what was done in five minutes', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k', { sites: ['aws'] })
    await complete(store, 'aws', 'b', 'k')
    world.advance(30 * 24 * 60 * 60_000)
    await store.ledger.recount()
    assert.equal((await store.ledger.activity(0)).length, 1)
    world.advance(2 * 24 * 60 * 60_000)
    await store.ledger.recount()
    assert.deepEqual(await store.ledger.activity(0), [])
  })
}

function sourceSuite(adapter: StoreAdapter): void {
  it('ends the rows of a deleted version as skipped, and lets the next version go on', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await put(store, 'b', 'k', { sites: ['aws'] })
    const second = await put(store, 'b', 'k', { sites: ['aws'] })
    const later = { kind: 'retry', reason, nextAttemptAt: world.clock.now() + 1000, unsettled: false } as const
    await store.ledger.report([attemptReport(await claimed(store, 'aws', 'b', 'k'), later)])
    await store.deleteVersion({ ...key, version: first })
    const row = await store.ledger.row({ ...key, versionId: first, site: 'aws' })
    assert.deepEqual([row?.state, row?.reason?.class], ['skipped', 'source-gone'])
    assert.equal((await sumsOf(store, 'aws')).objects, 1)
    assert.deepEqual(await store.ledger.due('aws', 10), [key])
    assert.equal((await claimed(store, 'aws', 'b', 'k')).row.versionId, second)
  })

  it('keeps the row of a deleted version while a task works on it, and ends it with the task`s message', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const versionId = await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    await store.deleteVersion({ ...key, version: versionId })
    await put(store, 'b', 'k', { sites: ['aws'] })
    assert.equal((await store.ledger.claim('aws', [key], 'else', 1000))[0]?.outcome, 'held')
    assert.deepEqual(await store.ledger.report([done(claim)]), [{ outcome: 'applied', more: true }])
    assert.equal((await claimed(store, 'aws', 'b', 'k')).applied?.versionId, versionId)
    assert.deepEqual(await store.ledger.fold([statusMessage(claim.row)]), ['no-such-version'])
    assert.equal((await store.ledger.row({ ...key, versionId, site: 'aws' }))?.state, 'skipped')
    assert.equal((await sumsOf(store, 'aws')).objects, 1)
  })

  it('leaves a row with a begun upload to be worked on, so that somebody aborts the upload', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const versionId = await put(store, 'b', 'k', { sites: ['aws'] })
    const claim = await claimed(store, 'aws', 'b', 'k')
    const upload = { uploadId: 'u', partBytes: 5, parts: [] }
    await store.ledger.saveUpload({ ...key, versionId, site: 'aws', token: claim.token }, upload)
    await store.ledger.report([attemptReport(claim, { kind: 'released', unsettled: true })])
    await store.deleteVersion({ ...key, version: versionId })
    assert.deepEqual(await store.ledger.due('aws', 10), [key])
    const again = await claimed(store, 'aws', 'b', 'k')
    assert.deepEqual(again.row.upload, upload)
    await store.ledger.report([attemptReport(again, { kind: 'skipped', reason: { ...reason, class: 'source-gone' } })])
    await store.ledger.fold([statusMessage(again.row, 'SKIPPED')])
    assert.equal((await sumsOf(store, 'aws')).objects, 0)
  })

  it('skips the row of a null version that is overwritten', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await store.changeBucket('b', { versioning: 'Suspended' })
    const first = await put(store, 'b', 'k', { sites: ['aws'] })
    const second = await put(store, 'b', 'k', { sites: ['aws'] })
    assert.equal((await store.ledger.row({ ...key, versionId: first, site: 'aws' }))?.state, 'skipped')
    assert.equal((await claimed(store, 'aws', 'b', 'k')).row.versionId, second)
  })
}
