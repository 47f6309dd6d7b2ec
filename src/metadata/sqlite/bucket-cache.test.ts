// What a thread remembers of buckets: never what was before a change that somebody has been told of.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { realWorld as world } from '../../base/world.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { countBucketChange, createBucketCache, newBucketChanges } from './bucket-cache.ts'
import { joinSqlite, openSqlite } from './engine.ts'
import { sqliteMetadataStore } from './sqlite-metadata-store.ts'

const named = (name: string): Bucket => ({
  ...{ name, ownerId: 'o', ownerDisplayName: 'O', creationDate: '2030-01-01T00:00:00.000Z' },
  ...{ locationConstraint: 'us-east-1', versioning: 'Unversioned', replication: null, settings: {} },
})

test('a bucket is read once until some bucket changes; what is not there is asked for each time', () => {
  const changes = newBucketChanges()
  const read: string[] = []
  const cached = createBucketCache(changes, name => {
    read.push(name)
    return name === 'missing' ? null : named(name)
  })
  assert.equal(cached('one'), cached('one'))
  assert.equal(cached('missing'), null)
  assert.equal(cached('missing'), null)
  countBucketChange(changes)
  assert.equal(cached('one')?.name, 'one')
  assert.deepEqual(read, ['one', 'missing', 'missing', 'one'])
})

test('a change during the reading is not overlooked', () => {
  const changes = newBucketChanges()
  let owner = 'before'
  const cached = createBucketCache(changes, name => {
    const seen = { ...named(name), ownerId: owner }
    if (owner === 'before') countBucketChange(changes)
    owner = 'after'
    return seen
  })
  assert.equal(cached('one')?.ownerId, 'before')
  assert.equal(cached('one')?.ownerId, 'after')
})

test('no names without end are remembered', () => {
  let reads = 0
  const cached = createBucketCache(newBucketChanges(), name => {
    reads += 1
    return named(name)
  })
  for (let index = 0; index < 1_001; index++) cached(`bucket-${index}`)
  cached('bucket-0')
  assert.equal(reads, 1_002)
})

test('a thread that has joined sees each change of a bucket by another once it was acknowledged', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'crossbeat-bucket-cache-'))
  const path = join(folder, 'db')
  const owner = await openSqlite({ path, world, group: 'RG001', bootId: 'test', flush: false })
  const left = Promise.withResolvers<void>()
  const { epoch, bucketChanges } = owner
  const joined = joinSqlite({ path, world, epoch, bucketChanges, port: owner.portForThread(left.resolve) })
  const [one, other] = [sqliteMetadataStore(owner), sqliteMetadataStore(joined)]
  const { versioning: _versioning, replication: _replication, ...created } = named('shared')
  for (let round = 0; round < 20; round++) {
    assert.equal(await other.createBucket(created), 'created')
    assert.equal((await one.bucket('shared'))?.versioning, 'Unversioned')
    assert.equal((await other.bucket('shared'))?.versioning, 'Unversioned')
    await one.changeBucket('shared', { versioning: 'Enabled' })
    assert.equal((await other.bucket('shared'))?.versioning, 'Enabled')
    await other.changeBucket('shared', { versioning: 'Suspended' })
    assert.equal((await one.bucket('shared'))?.versioning, 'Suspended')
    assert.equal((await other.bucket('shared'))?.versioning, 'Suspended')
    await one.deleteBucket('shared')
    assert.equal(await other.bucket('shared'), null)
    assert.equal(await one.bucket('shared'), null)
  }
  await joined.close()
  await left.promise
  await owner.close()
  rmSync(folder, { recursive: true, force: true })
})
