// The part of the metadata store's suite about what its journal tells of events, in buckets that want to know.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { journalStart } from '../../src/domain/entry.ts'
import type { MetadataStore } from '../../src/metadata/metadata-store.ts'
import { attemptReport, claimed, complete, makeBucket, put, statusMessage } from './store-fixtures.ts'
import { opened, type StoreAdapter } from './store-subject.ts'

async function told(store: MetadataStore) {
  const entries = await store.journal(journalStart, 100)
  return entries.flatMap(({ type, event }) => {
    if (event === undefined) return []
    const { sequencer: _, ...rest } = event
    return [{ type, ...rest }]
  })
}

async function notify(store: MetadataStore): Promise<void> {
  await store.changeBucket('b', { settings: { notification: { rules: [], eventBridge: true } } })
}

const etag = '900150983cd24fb0d6963f7d28e17f72'
const created = { type: 'put', name: 's3:ObjectCreated:Put', version: 'own', size: 3, etag }

export function eventSuite(adapter: StoreAdapter): void {
  it('tells what happened to versions from the moment on at which the bucket wants to know', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k')
    assert.deepEqual(await told(store), [])
    await notify(store)
    const version = await put(store, 'b', 'k')
    const fields = { tags: { a: '1' } }
    const change = { bucket: 'b', key: 'k', version, fields, replication: null, seenRevision: 0 }
    await store.changeVersion({ ...change, originOp: 's3:ObjectTagging:Put' })
    await put(store, 'b', 'k', { deleteMarker: true })
    await store.deleteVersion({ bucket: 'b', key: 'k', version })
    const last = await put(store, 'b', 'other')
    await store.deleteVersion({ bucket: 'b', key: 'other', version: last, onlyIf: 'current' })
    assert.deepEqual(await told(store), [
      created,
      { ...created, name: 's3:ObjectTagging:Put' },
      { type: 'put', name: 's3:ObjectRemoved:DeleteMarkerCreated', version: 'own', etag },
      { type: 'delete', name: 's3:ObjectRemoved:Delete', version: 'own' },
      created,
      { type: 'delete', name: 's3:LifecycleExpiration:Delete', version: 'own' },
    ])
    const sequencers = (await store.journal(journalStart, 100)).flatMap(({ event }) => event?.sequencer ?? [])
    assert.deepEqual(sequencers, [...new Set(sequencers)].sort())
    await store.changeBucket('b', { settings: { notification: null } })
    await put(store, 'b', 'k')
    assert.equal((await told(store)).length, 6)
  })

  it('tells how a version is shown', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b', 'Unversioned')
    await notify(store)
    await put(store, 'b', 'k')
    await store.changeBucket('b', { versioning: 'Suspended' })
    await put(store, 'b', 'k')
    await store.deleteVersion({ bucket: 'b', key: 'k', version: 'null' })
    assert.deepEqual(
      (await told(store)).map(event => event.version),
      ['none', 'null', 'null'],
    )
  })

  it('tells of copies that failed or came late, and of no others', async test => {
    const { store, world } = await opened(adapter, test)
    await makeBucket(store, 'b')
    await notify(store)
    await put(store, 'b', 'k', { sites: ['aws', 'azure', 'late'] })
    await complete(store, 'aws', 'b', 'k')
    const claim = await claimed(store, 'azure', 'b', 'k')
    const reason = { class: 'object', code: 'EntityTooLarge', message: 'too large', at: 5 } as const
    await store.ledger.report([attemptReport(claim, { kind: 'quarantined', reason })])
    await store.ledger.fold([statusMessage(claim.row, 'FAILED')])
    await store.ledger.fold([statusMessage(claim.row, 'FAILED')])
    world.advance(16 * 60_000)
    await complete(store, 'late', 'b', 'k')
    const version = { version: 'own', size: 3, etag } as const
    assert.deepEqual(await told(store), [
      created,
      {
        ...{ type: 'event', name: 's3:Replication:OperationFailedReplication', ...version },
        ...{ site: 'azure', reason: 'EntityTooLarge' },
      },
      { type: 'event', name: 's3:Replication:OperationReplicatedAfterThreshold', ...version, site: 'late' },
    ])
  })

  it('forgets no entry that one of its readers has not passed', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    for (const key of ['a', 'b', 'c', 'd']) await put(store, 'b', key)
    const positions = (await store.journal(journalStart, 10)).map(entry => entry.position)
    const keys = async () => (await store.journal(journalStart, 10)).map(entry => entry.key)
    await store.trimJournal(positions[2] ?? '', journalStart)
    assert.deepEqual(await keys(), ['a', 'b', 'c', 'd'])
    await store.trimJournal(positions[2] ?? '', positions[0] ?? '')
    assert.deepEqual(await keys(), ['b', 'c', 'd'])
  })
}
