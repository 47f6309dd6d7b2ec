// Goal: lifecycle rules remove what is due and nothing else, whatever happens meanwhile. Method: walks over a real store whose clock the test
// moves; what is left is compared, and what happens between the listing and the deletion is done by hand.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { complete, newMetadata, put as putVersion } from '../../test/conformance/store-fixtures.ts'
import { createManualWorld } from '../../test/control/manual-world.ts'
import { realWorld } from '../base/world.ts'
import type { VersioningStatus } from '../domain/bucket.ts'
import type { LifecycleRule } from '../domain/lifecycle-rule.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import { openSqlite } from '../metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts'
import { createLifecycleRunner, type LifecycleRunnerOptions } from './runner.ts'

const dayMs = 86_400_000
const writtenAt = Date.UTC(2030, 0, 1, 12)

interface Stage {
  readonly store: MetadataStore
  put(key: string, choice?: Parameters<typeof putVersion>[3]): ReturnType<typeof putVersion>
  /** Walks so many days after noon of the first day. */
  walk(days: number, options?: Partial<LifecycleRunnerOptions>): Promise<void>
  /** Keys of versions, newest first, markers with a minus before them. */
  left(): Promise<readonly string[]>
}

async function staged(
  context: TestContext,
  rules: readonly Partial<LifecycleRule>[],
  versioning: VersioningStatus = 'Unversioned',
): Promise<Stage> {
  let now = writtenAt
  const world = { ...realWorld, clock: { ...realWorld.clock, now: () => now } }
  const engine = await openSqlite({ path: ':memory:', inline: true, world, group: 'RG001', bootId: 'test' })
  const store = sqliteMetadataStore(engine)
  context.after(() => store.close())
  const owner = { ownerId: 'o', ownerDisplayName: 'o', creationDate: '2026-01-01T00:00:00.000Z' }
  await store.createBucket({ name: 'b', locationConstraint: 'us-east-1', ...owner })
  if (versioning !== 'Unversioned') await store.changeBucket('b', { versioning })
  const whole = rules.map((rule, index) => ({
    id: `r${index}`,
    enabled: true,
    selector: { form: 'filter', tags: {} } as const,
    ...rule,
  }))
  const lifecycle = { rules: whole, transitionMinimum: 'all_storage_classes_128K' } as const
  await store.changeBucket('b', { settings: { lifecycle } })
  const dated = (key: string, choice: Parameters<typeof newMetadata>[1] = {}) => ({
    ...newMetadata(key, choice),
    'last-modified': new Date(now).toISOString(),
  })
  return {
    store,
    async put(key, choice = {}) {
      const metadata = dated(key, choice)
      const result = await store.putVersion({ bucket: 'b', key, metadata, integrity: null })
      assert.ok(result.outcome === 'stored')
      return result.versionId
    },
    async walk(days, options = {}) {
      now = writtenAt + days * dayMs
      const deleteMarker = (_bucket: unknown, key: string) => dated(key, { deleteMarker: true })
      await createLifecycleRunner({ store, world, deleteMarker, intervalMs: 1, dayMs, ...options }).walk()
    },
    async left() {
      const what = { bucket: 'b', prefix: '', delimiter: '', after: '', maxKeys: 1000, what: 'versions' } as const
      const { entries } = await store.list(what)
      return entries.flatMap(entry =>
        entry.kind === 'version' ? [`${entry.version.isDeleteMarker ? '-' : ''}${entry.version.key}`] : [],
      )
    },
  }
}

const afterOneDay = { expiration: { days: 1 } }

test('objects expire at the midnight after their days, not before', async context => {
  const stage = await staged(context, [{ ...afterOneDay, selector: { form: 'prefix', prefix: 'old/', tags: {} } }])
  for (const key of ['new/a', 'old/a', 'old/b']) await stage.put(key)
  await stage.walk(1.4)
  assert.deepEqual(await stage.left(), ['new/a', 'old/a', 'old/b'])
  await stage.walk(1.5)
  assert.deepEqual(await stage.left(), ['new/a'])
  await stage.walk(3)
  assert.deepEqual(await stage.left(), ['new/a'])
})

test('objects are chosen by size and by all of their tags', async context => {
  const stage = await staged(context, [
    { ...afterOneDay, selector: { form: 'filter', tags: {}, sizeGreaterThan: 100 } },
    { ...afterOneDay, selector: { form: 'and', tags: { a: '1', b: '2' } } },
  ])
  await stage.put('large', { size: 101 })
  await stage.put('one tag', { tags: { a: '1' } })
  await stage.put('small', { size: 100 })
  await stage.put('tagged', { tags: { a: '1', b: '2', c: '3' } })
  await stage.walk(2)
  assert.deepEqual(await stage.left(), ['one tag', 'small'])
})

test('a date counts for objects of before and after it; a disabled rule does nothing', async context => {
  const stage = await staged(context, [
    { expiration: { date: '2030-01-03T00:00:00.000Z' }, selector: { form: 'prefix', prefix: 'x', tags: {} } },
    { ...afterOneDay, enabled: false },
  ])
  for (const key of ['x1', 'y1']) await stage.put(key)
  await stage.walk(1)
  assert.deepEqual(await stage.left(), ['x1', 'y1'])
  await stage.walk(2)
  await stage.put('x2')
  await stage.walk(2)
  assert.deepEqual(await stage.left(), ['y1'])
})

test('a current version is covered by one delete marker, which goes nowhere', async context => {
  const stage = await staged(context, [afterOneDay], 'Enabled')
  await stage.put('k')
  await stage.walk(2)
  await stage.walk(2.1)
  assert.deepEqual(await stage.left(), ['-k', 'k'])
  const marker = await stage.store.version({ bucket: 'b', key: 'k', version: 'latest' })
  assert.deepEqual(marker?.metadata.replicationInfo.backends, [])
})

test('in a suspended bucket the null version gives way to a null marker', async context => {
  const stage = await staged(context, [afterOneDay], 'Suspended')
  await stage.put('k')
  await stage.walk(2)
  assert.deepEqual(await stage.left(), ['-k'])
})

test('noncurrent versions go when newer ones are old enough, and then the marker over nothing', async context => {
  const noncurrentExpiration = { days: 1 }
  const expiration = { expiredObjectDeleteMarker: true }
  const stage = await staged(context, [{ noncurrentExpiration, expiration }], 'Enabled')
  await stage.put('k')
  await stage.walk(10)
  assert.deepEqual(await stage.left(), ['k'], 'a current version stays, however old')
  await stage.put('k', { deleteMarker: true })
  await stage.walk(11)
  assert.deepEqual(await stage.left(), ['-k', 'k'])
  await stage.walk(11.5)
  await stage.walk(11.5)
  assert.deepEqual(await stage.left(), [])
})

test('a marker over nothing also goes when it is as old as the days say', async context => {
  const stage = await staged(context, [{ expiration: { days: 5 } }], 'Enabled')
  await stage.put('k', { deleteMarker: true })
  await stage.walk(4)
  assert.deepEqual(await stage.left(), ['-k'])
  await stage.walk(6)
  assert.deepEqual(await stage.left(), [])
})

for (const pageMax of [1, 2, 500]) {
  test(`so many newer noncurrent versions stay, on pages of ${pageMax}`, async context => {
    const stage = await staged(context, [{ noncurrentExpiration: { days: 1, newerVersions: 5 } }], 'Enabled')
    for (const key of ['k1', 'k2']) for (let count = 0; count < 10; count += 1) await stage.put(key)
    await stage.walk(3, { pageMax })
    assert.deepEqual(await stage.left(), [...Array(6).fill('k1'), ...Array(6).fill('k2')])
  })
}

test('a locked version stays until its retention has ended', async context => {
  const stage = await staged(context, [{ noncurrentExpiration: { days: 1 } }], 'Enabled')
  const version = await stage.put('k')
  await stage.put('k')
  const retentionDate = new Date(writtenAt + 5 * dayMs).toISOString()
  const fields = { retentionMode: 'GOVERNANCE', retentionDate } as const
  await stage.store.changeVersion({
    ...{ bucket: 'b', key: 'k', version, fields, replication: null, seenRevision: 0 },
    originOp: 's3:ObjectRetention:Put',
  })
  await stage.walk(3)
  assert.deepEqual(await stage.left(), ['k', 'k'])
  await stage.walk(5)
  assert.deepEqual(await stage.left(), ['k'])
})

test('a version that has not arrived everywhere waits', async context => {
  const stage = await staged(context, [afterOneDay], 'Enabled')
  await stage.put('k', { sites: ['aws'] })
  await stage.walk(3)
  assert.deepEqual(await stage.left(), ['k'])
  await complete(stage.store, 'aws', 'b', 'k')
  await stage.walk(3)
  assert.deepEqual(await stage.left(), ['-k', 'k'])
})

for (const versioning of ['Unversioned', 'Enabled'] as const) {
  test(`a write between the listing and the deletion wins (${versioning})`, async context => {
    const stage = await staged(context, [afterOneDay], versioning)
    await stage.put('k')
    const { store } = stage
    const list: MetadataStore['list'] = async options => {
      const page = await store.list(options)
      await stage.put('k', { etag: 'newer' })
      return page
    }
    await stage.walk(3, { store: { ...store, list } })
    const current = await store.version({ bucket: 'b', key: 'k', version: 'latest' })
    assert.equal(current?.metadata['content-md5'], 'newer')
  })
}

test('a noncurrent version that became the current one is not deleted', async context => {
  const stage = await staged(context, [{ noncurrentExpiration: { days: 1 } }], 'Enabled')
  await stage.put('k', { etag: 'older' })
  const newer = await stage.put('k')
  const { store } = stage
  const list: MetadataStore['list'] = async options => {
    const page = await store.list(options)
    await store.deleteVersion({ bucket: 'b', key: 'k', version: newer })
    return page
  }
  await stage.walk(3, { store: { ...store, list } })
  assert.deepEqual(await stage.left(), ['k'])
})

for (const failing of [1, 2, 3, 4]) {
  test(`a walk that is cut off at its call ${failing} of the store is made up for by the next one`, async context => {
    const rules = [{ expiration: { days: 1 }, noncurrentExpiration: { days: 1 } }]
    const stage = await staged(context, rules, 'Enabled')
    for (const key of ['k1', 'k2']) for (const size of [1, 2]) await stage.put(key, { size })
    const { store } = stage
    let calls = 0
    const cut = async <Result>(call: Promise<Result>): Promise<Result> => {
      const result = await call
      calls += 1
      if (calls >= failing) throw new Error('killed')
      return result
    }
    const killed: LifecycleRunnerOptions['store'] = {
      ...store,
      putVersion: put => cut(store.putVersion(put)),
      deleteVersion: remove => cut(store.deleteVersion(remove)),
    }
    await stage.walk(3, { store: killed })
    await stage.walk(3)
    assert.deepEqual(await stage.left(), ['-k1', 'k1', '-k2', 'k2'])
    await stage.walk(5)
    assert.deepEqual(await stage.left(), ['-k1', '-k2'])
  })
}

test('a null version of before versioning is a noncurrent one like any other', async context => {
  const stage = await staged(context, [{ noncurrentExpiration: { days: 1 } }])
  await putVersion(stage.store, 'b', 'k')
  await stage.store.changeBucket('b', { versioning: 'Enabled' })
  await stage.put('k')
  await stage.walk(3)
  assert.deepEqual(await stage.left(), ['k'])
  assert.equal(await stage.store.version({ bucket: 'b', key: 'k', version: 'null' }), null)
})

test('incomplete uploads are aborted, page by page', async context => {
  const stage = await staged(context, [
    { abortUploadAfterDays: 2, selector: { form: 'prefix', prefix: 'a', tags: {} } },
    { abortUploadAfterDays: 9, selector: { form: 'prefix', prefix: 'c', tags: {} } },
  ])
  const owner = { ownerId: 'o', ownerDisplayName: 'o', settings: '{}' }
  const initiated = new Date(writtenAt).toISOString()
  for (const key of ['a1', 'a2', 'b1', 'c1'])
    await stage.store.createUpload({ bucket: 'b', key, uploadId: key, initiated, ...owner })
  await stage.walk(4, { pageMax: 1 })
  const left = await stage.store.uploads('b', '', null, 10)
  assert.deepEqual(
    left.map(upload => upload.key),
    ['b1', 'c1'],
  )
})

test('it walks at its start and at its interval, goes on after a failure, and stops when it is closed', async () => {
  const world = createManualWorld()
  let walks = 0
  const bucketsWith = async () => {
    walks += 1
    if (walks === 1) throw new Error('the store is away')
    return []
  }
  const unused = () => Promise.reject(new Error('not asked for'))
  const rest = { list: unused, version: unused, putVersion: unused, deleteVersion: unused, uploads: unused }
  const runner = createLifecycleRunner({
    store: { bucketsWith, bucket: unused, abortUpload: unused, ...rest },
    world,
    deleteMarker: (_bucket, key) => newMetadata(key, { deleteMarker: true }),
    intervalMs: 1000,
    dayMs,
  })
  runner.start()
  await world.advance(2500)
  assert.equal(walks, 3)
  await runner.close()
  await world.advance(5000)
  assert.equal(walks, 3)
})
