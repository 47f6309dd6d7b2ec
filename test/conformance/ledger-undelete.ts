// The part of the ledger's suite about delete markers that are deleted: at a site without versions (`azure` here) the marker has removed the
// object, and the version that is current again has to go there once more.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { journalStart } from '../../src/domain/entry.ts'
import type { VersionId } from '../../src/domain/version-id.ts'
import type { AttemptReport, Claim, RowReason } from '../../src/metadata/ledger.ts'
import type { MetadataStore } from '../../src/metadata/metadata-store.ts'
import { attemptReport, claimed, makeBucket, put, statusMessage, sumsOf } from './store-fixtures.ts'
import { opened, type StoreAdapter } from './store-subject.ts'

const key = { bucket: 'b', key: 'k' }
const superseded: RowReason = { class: 'superseded', code: 'superseded', message: 'newer', at: 5 }

type Taken = Claim & { outcome: 'claimed' }

/** As a task ends at a site without versions. */
function written(claim: Taken): AttemptReport {
  const appliedKind = claim.row.isDeleteMarker ? 'removal' : 'object'
  const destinationEtag = claim.row.isDeleteMarker ? '' : 'etag'
  return attemptReport(claim, {
    kind: 'done',
    destinationVersionId: '',
    destinationEtag,
    appliedKind,
    becomesApplied: true,
  })
}

/** Works off the key's next row at the site. */
async function arrive(store: MetadataStore): Promise<Taken> {
  const claim = await claimed(store, 'azure', 'b', 'k')
  const [reported] = await store.ledger.report([written(claim)], { fold: true })
  assert.equal(reported?.outcome, 'applied')
  return claim
}

async function arrived(store: MetadataStore, deleteMarker = false): Promise<VersionId> {
  const version = await put(store, 'b', 'k', { sites: ['azure'], deleteMarker })
  await arrive(store)
  return version
}

async function stateOf(store: MetadataStore, versionId: VersionId) {
  const row = await store.ledger.row({ ...key, versionId, site: 'azure' })
  const record = await store.version({ ...key, version: versionId })
  const backend = record?.metadata.replicationInfo.backends.find(({ site }) => site === 'azure')
  return [row?.state, backend?.status, record?.metadata.replicationInfo.status]
}

const sent = ['completed', 'COMPLETED', 'COMPLETED']
const toSend = ['pending', 'PENDING', 'PENDING']

export function undeleteSuite(adapter: StoreAdapter): void {
  it('sends the version again that is current once the marker over it is deleted', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await arrived(store)
    const marker = await arrived(store, true)
    assert.deepEqual(await stateOf(store, first), sent)
    const before = (await store.journal(journalStart, 100)).at(-1)?.position ?? journalStart
    await store.deleteVersion({ ...key, version: marker })
    assert.deepEqual(await stateOf(store, first), toSend)
    const entries = await store.journal(before, 100)
    const published = entries.find(({ type, versionId }) => type === 'put' && versionId === first)
    assert.notEqual(published?.metadataJson ?? null, null, 'its entry brings it to the topic')
    const { objects, bytes } = await sumsOf(store, 'azure')
    assert.deepEqual([objects, bytes], [1, 3])

    const again = await claimed(store, 'azure', 'b', 'k')
    assert.deepEqual([again.row.versionId, again.row.attempts], [first, 1])
    assert.deepEqual([again.applied?.versionId, again.applied?.kind], [first, 'removal'])
    await store.ledger.report([written(again)], { fold: true })
    assert.deepEqual(await stateOf(store, first), sent)
    assert.equal((await sumsOf(store, 'azure')).objects, 0)
    assert.equal(await store.ledger.recount(), false)
    assert.equal((await store.ledger.claim('azure', [key], 'owner', 60_000))[0]?.outcome, 'nothing')
  })

  it('sends nothing again while a marker is left on top, and the right one when the last is gone', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await arrived(store)
    const second = await arrived(store)
    const lower = await arrived(store, true)
    const upper = await arrived(store, true)
    await store.deleteVersion({ ...key, version: upper })
    assert.deepEqual([await stateOf(store, first), await stateOf(store, second)], [sent, sent])
    await store.deleteVersion({ ...key, version: lower })
    assert.deepEqual([await stateOf(store, first), await stateOf(store, second)], [sent, toSend])
    await store.deleteVersion({ ...key, version: second })
    assert.deepEqual(await stateOf(store, first), toSend)
    assert.equal((await arrive(store)).row.versionId, first)
  })

  it('sends nothing again for a marker that never arrived, below a newer version, or with no version under it', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await arrived(store)
    const unsent = await put(store, 'b', 'k', { sites: ['azure'], deleteMarker: true })
    await store.deleteVersion({ ...key, version: unsent })
    assert.deepEqual(await stateOf(store, first), sent)
    const below = await arrived(store, true)
    const newer = await arrived(store)
    await store.deleteVersion({ ...key, version: below })
    assert.deepEqual([await stateOf(store, first), await stateOf(store, newer)], [sent, sent])
    const last = await arrived(store, true)
    for (const version of [first, newer, last]) await store.deleteVersion({ ...key, version })
    assert.equal((await store.ledger.claim('azure', [key], 'owner', 60_000))[0]?.outcome, 'nothing')
  })

  it('leaves the copy of an object where it is when the object is deleted for good', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await arrived(store)
    const second = await arrived(store)
    await store.deleteVersion({ ...key, version: second })
    assert.deepEqual(await stateOf(store, first), sent)
  })

  it('takes the marker of a site with versions for no removal', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await arrived(store)
    const marker = await put(store, 'b', 'k', { sites: ['azure'], deleteMarker: true })
    const claim = await claimed(store, 'azure', 'b', 'k')
    const applied = { appliedKind: 'delete-marker', becomesApplied: true } as const
    const end = { kind: 'done', destinationVersionId: 'marker', destinationEtag: '', ...applied } as const
    await store.ledger.report([attemptReport(claim, end)], { fold: true })
    await store.deleteVersion({ ...key, version: marker })
    assert.deepEqual(await stateOf(store, first), sent)
  })

  it('sends it again, too, when the marker was deleted while its task was at work', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await arrived(store)
    const marker = await put(store, 'b', 'k', { sites: ['azure'], deleteMarker: true })
    const claim = await claimed(store, 'azure', 'b', 'k')
    await store.deleteVersion({ ...key, version: marker })
    assert.deepEqual(await stateOf(store, first), sent)
    assert.deepEqual(await store.ledger.report([written(claim)], { fold: true }), [{ outcome: 'applied', more: true }])
    assert.deepEqual(await stateOf(store, first), toSend)
    assert.equal((await arrive(store)).row.versionId, first)
    assert.deepEqual(await stateOf(store, first), sent)
  })

  it('sends again what was skipped for the marker, even if that is reported after the marker went', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const first = await arrived(store)
    const marker = await arrived(store, true)
    const retagged = { fields: { tags: { a: '1' } }, originOp: 's3:ObjectTagging:Put' }
    const record = await store.version({ ...key, version: first })
    assert.ok(record)
    const { replicationInfo } = record.metadata
    const backends = replicationInfo.backends.map(backend => ({ ...backend, status: 'PENDING' as const }))
    const replication = { ...replicationInfo, status: 'PENDING' as const, backends }
    await store.changeVersion({ ...key, version: first, ...retagged, replication, seenRevision: 1 })
    const claim = await claimed(store, 'azure', 'b', 'k')
    assert.equal(claim.applied?.versionId, marker)
    await store.deleteVersion({ ...key, version: marker })
    const skip = attemptReport(claim, { kind: 'skipped', reason: superseded })
    assert.deepEqual(await store.ledger.report([skip], { fold: true }), [{ outcome: 'changed-meanwhile', more: true }])
    assert.deepEqual(await stateOf(store, first), toSend)
    const again = await claimed(store, 'azure', 'b', 'k')
    assert.deepEqual([again.row.versionId, again.applied?.versionId], [first, first])
  })

  it('is not told by an old message that the version has arrived', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['azure'] })
    const claim = await claimed(store, 'azure', 'b', 'k')
    await store.ledger.report([written(claim)])
    const message = { ...statusMessage(claim.row), dataStoreVersionId: '' }
    const marker = await arrived(store, true)
    // Reported, and its message is on its way: it comes after the copy was removed again.
    await store.deleteVersion({ ...key, version: marker })
    assert.deepEqual(await stateOf(store, version), toSend)
    assert.deepEqual(await store.ledger.fold([message]), ['newer-revision'])
    assert.deepEqual(await store.ledger.fold([{ ...message, status: 'SKIPPED' }]), ['newer-revision'])
    assert.deepEqual(await stateOf(store, version), toSend)
    const again = await claimed(store, 'azure', 'b', 'k')
    await store.ledger.report([written(again)])
    assert.deepEqual(await store.ledger.fold([message]), ['folded'])
    assert.deepEqual(await stateOf(store, version), sent)
  })

  it('leaves a version in quarantine there, to be sent when it is taken out', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['azure'] })
    const claim = await claimed(store, 'azure', 'b', 'k')
    const reason: RowReason = { class: 'object', code: 'EntityTooLarge', message: 'too large', at: 5 }
    await store.ledger.report([attemptReport(claim, { kind: 'quarantined', reason })], { fold: true })
    const marker = await arrived(store, true)
    await store.deleteVersion({ ...key, version: marker })
    assert.deepEqual(await stateOf(store, version), ['quarantined', 'FAILED', 'FAILED'])
    assert.deepEqual(await store.ledger.retry([{ ...key, versionId: version, site: 'azure' }]), [true])
    const again = await claimed(store, 'azure', 'b', 'k')
    assert.deepEqual([again.row.versionId, again.applied?.versionId], [version, version])
  })

  it('concerns the site alone whose copy was removed', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const version = await put(store, 'b', 'k', { sites: ['aws', 'azure'] })
    const elsewhere = await claimed(store, 'aws', 'b', 'k')
    await arrive(store)
    const marker = await arrived(store, true)
    await store.deleteVersion({ ...key, version: marker })
    const { metadata } = (await store.version({ ...key, version })) ?? {}
    assert.equal(metadata?.replicationInfo.status, 'PENDING')
    assert.deepEqual(await store.ledger.report([written(elsewhere)], { fold: true }), [
      { outcome: 'applied', more: false },
    ])
    await arrive(store)
    assert.deepEqual(await stateOf(store, version), sent)
    assert.deepEqual(await sumsOf(store, 'aws'), { ...(await sumsOf(store, 'aws')), objects: 0 })
  })

  it('keeps ids growing over a marker that was undone', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await arrived(store)
    const marker = await arrived(store, true)
    await store.deleteVersion({ ...key, version: marker })
    world.advance(1)
    const next = await put(store, 'b', 'k', { sites: ['azure'] })
    assert.ok(next < marker)
    await arrive(store)
    assert.equal((await arrive(store)).row.versionId, next)
  })
}
