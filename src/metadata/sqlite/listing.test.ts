// Goal: a listing over very many deleted keys finds what is left of them and lets others have their turn. Method: more delete markers than are
// passed over in one go, with live keys before, between and behind them.
import assert from 'node:assert/strict'
import test from 'node:test'
import { realWorld } from '../../base/world.ts'
import { noReplication } from '../../domain/replication-info.ts'
import { type NewVersion, newMetadata, noSettings } from '../../s3/objects/object-settings.ts'
import { openSqlite } from './engine.ts'
import { sqliteMetadataStore } from './sqlite-metadata-store.ts'

const markers = 10_500

test('deleted keys by the thousand are passed over in steps', async () => {
  let turns = 0
  const timers = {
    ...realWorld.timers,
    immediate(run: () => void) {
      turns += 1
      realWorld.timers.immediate(run)
    },
  }
  const world = { ...realWorld, timers }
  const engine = await openSqlite({ path: ':memory:', inline: true, world, group: 'RG001', bootId: 'test' })
  const store = sqliteMetadataStore(engine)
  const owner = { ownerId: 'o', ownerDisplayName: 'o' }
  await store.createBucket({ name: 'b', ...owner, creationDate: '2030-01-01T00:00:00.000Z', locationConstraint: 'l' })
  const put = (key: string, isDeleteMarker: boolean): Promise<unknown> =>
    store.putVersion({
      bucket: 'b',
      key,
      integrity: null,
      metadata: metadataOf(key, isDeleteMarker),
    })
  const keys = Array.from({ length: markers }, (_, index) => `k${String(index).padStart(6, '0')}`)
  await Promise.all(keys.map(key => put(key, key !== 'k007000')))
  await Promise.all(['a', 'z/1', 'z/2'].map(key => put(key, false)))
  turns = 0
  const options = { bucket: 'b', prefix: '', after: '', maxKeys: 1000, what: 'current' } as const
  const listing = await store.list({ ...options, delimiter: '/' })
  const found = listing.entries.map(entry => (entry.kind === 'version' ? entry.version.key : entry.prefix))
  assert.deepEqual(found, ['a', 'k007000', 'z/'])
  assert.equal(listing.truncated, false)
  assert.equal(turns, 2)
  const page = await store.list({ ...options, delimiter: '', maxKeys: 2 })
  assert.deepEqual([page.truncated, page.next?.key], [true, 'k007000'])
  await store.close()
})

function metadataOf(key: string, isDeleteMarker: boolean) {
  const version: NewVersion = {
    key,
    account: { canonicalId: 'o', displayName: 'o' },
    settings: noSettings,
    size: 0,
    etag: 'd41d8cd98f00b204e9800998ecf8427e',
    location: null,
    dataStoreName: 'l',
    replicationInfo: noReplication,
    originOp: 's3:ObjectCreated:Put',
    now: 0,
    isDeleteMarker,
  }
  return newMetadata(version)
}
