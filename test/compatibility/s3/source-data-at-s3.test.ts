// Goal: a bucket whose location is an S3 location behaves as any other, with its bytes there and nothing left there when they are nobody's. Method:
// our server before a real S3 server of someone else's make, through the SDK; the location is looked at beside our code.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { realWorld as world } from '../../../src/base/world.ts'
import type { VersionRecord } from '../../../src/domain/object-metadata.ts'
import type { DataStore } from '../../../src/locations/data-store.ts'
import { createMemoryCloud } from '../../../src/locations/memory/cloud.ts'
import { createMemoryLocation } from '../../../src/locations/memory/location.ts'
import { createBackbeatRoutes } from '../../../src/s3/backbeat-routes/mount.ts'
import { createGarbageCollector } from '../../../src/status/garbage-collector.ts'
import { patterned, plain } from '../../conformance/location-subject.ts'
import { s3Server } from '../../services/available.ts'
import { until } from '../../until.ts'
import { node, openS3Source, type S3Source } from './s3-source.ts'
import { errorCode, startTestServer, type TestServer } from './test-server.ts'

const s3 = await s3Server()
const { skip } = s3
const mib = 1024 ** 2

const copies = createMemoryCloud(world, { versions: true })
let source: S3Source
let store: DataStore
let server: TestServer

before(async () => {
  if (skip !== false) return
  source = await openS3Source(s3.get())
  store = source.open('e1', { partBytes: 5 * mib, memoryBytes: 12 * mib })
  // Copies go elsewhere, so that what is done to them shows.
  const location = createMemoryLocation({ name: 'awsbackend', type: 'aws_s3', cloud: copies, world })
  const routes = createBackbeatRoutes({
    destinations: new Map([['awsbackend', { location, bucketMatch: false }]]),
    world,
  })
  server = await startTestServer({ dataStores: source.storesWith(store), mountedRoutes: routes.serve })
  const body =
    '<CreateBucketConfiguration><LocationConstraint>awsbackend</LocationConstraint></CreateBucketConfiguration>'
  assert.equal((await server.send({ method: 'PUT', path: '/far', body })).status, 200)
})

after(async () => {
  if (skip === false) {
    await server.close()
    await source.close()
  }
  await s3.stop()
})

async function put(Key: string, Body: Uint8Array): Promise<void> {
  await server.client().send(new PutObjectCommand({ Bucket: 'far', Key, Body }))
}

async function get(Key: string, Range?: string): Promise<Buffer> {
  const { Body } = await server.client().send(new GetObjectCommand({ Bucket: 'far', Key, Range }))
  return Buffer.from((await Body?.transformToByteArray()) ?? [])
}

async function remove(Key: string): Promise<void> {
  await server.client().send(new DeleteObjectCommand({ Bucket: 'far', Key }))
}

async function versionOf(key: string): Promise<VersionRecord> {
  const record = await server.store.version({ bucket: 'far', key, version: 'latest' })
  assert.ok(record !== null)
  return record
}

async function collect(dataStore: DataStore = store): Promise<{ readonly garbage: number; readonly orphans: number }> {
  const dataStores = source.storesWith(dataStore)
  const collector = createGarbageCollector({ store: server.store, dataStores, world })
  const found = { orphans: await collector.sweepOrphans(), garbage: await collector.collect() }
  await collector.close()
  return found
}

test('source-data-at-s3/the bucket says where it is', { skip }, async () => {
  const { LocationConstraint } = await server.client().send(new GetBucketLocationCommand({ Bucket: 'far' }))
  assert.equal(String(LocationConstraint), 'awsbackend')
})

for (const size of [0, 1, 20_000, 300_000, 5 * mib, 5 * mib + 1, 17 * mib]) {
  test(`source-data-at-s3/${size} bytes come back, whole and in ranges`, { skip }, async () => {
    const bytes = patterned(size)
    await put('sized', bytes)
    assert.ok(bytes.equals(await get('sized')))
    if (size > 2) {
      const [from, to] = [Math.floor(size / 3), Math.floor(size / 2)]
      assert.ok(bytes.subarray(from, to + 1).equals(await get('sized', `bytes=${from}-${to}`)))
    }
    assert.deepEqual(await source.uploads(), [])
  })
}

test('source-data-at-s3/the metadata names the location, its type and the data', { skip }, async () => {
  await put('named', patterned(100_000))
  const { metadata } = await versionOf('named')
  assert.equal(metadata.dataStoreName, 'awsbackend')
  const [piece] = metadata.location ?? []
  assert.match(piece?.key ?? '', new RegExp(`^${node}-e1\\.[0-9a-f]{32}$`))
  const { key: _, ...rest } = piece ?? {}
  const dataStoreETag = `1:${metadata['content-md5']}`
  assert.deepEqual(rest, {
    size: 100_000,
    start: 0,
    dataStoreName: 'awsbackend',
    dataStoreType: 'aws_s3',
    dataStoreETag,
  })
  assert.ok((await source.keys()).includes(`.crossbeat/data/${piece?.key}`))
})

test('source-data-at-s3/many large writes at once share little memory, and all end', { skip }, async () => {
  const bodies = Array.from({ length: 6 }, (_, index) => patterned(11 * mib + index, index + 1))
  await Promise.all(bodies.map((body, index) => put(`many-${index}`, body)))
  for (const [index, body] of bodies.entries()) assert.ok(body.equals(await get(`many-${index}`)))
})

test('source-data-at-s3/uploads, copies and deletes leave exactly what is named', { skip }, async () => {
  const { Contents = [] } = await server.client().send(new ListObjectsV2Command({ Bucket: 'far' }))
  for (const { Key = '' } of Contents) await remove(Key)
  await collect()
  assert.deepEqual(await source.keys(), [])
  const client = server.client()
  const place = { Bucket: 'far', Key: 'parts' }
  const parts = [patterned(6 * mib, 2), patterned(100_000, 3)]
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(place))
  const Parts: { readonly ETag: string | undefined; readonly PartNumber: number }[] = []
  for (const [index, Body] of parts.entries()) {
    const { ETag } = await client.send(new UploadPartCommand({ ...place, UploadId, PartNumber: index + 1, Body }))
    Parts.push({ ETag, PartNumber: index + 1 })
  }
  await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } }))
  const whole = Buffer.concat(parts)
  assert.ok(whole.equals(await get('parts')))
  assert.ok(whole.subarray(6 * mib - 5, 6 * mib + 5).equals(await get('parts', `bytes=${6 * mib - 5}-${6 * mib + 4}`)))
  await client.send(new CopyObjectCommand({ Bucket: 'far', Key: 'copy', CopySource: 'far/parts' }))
  await remove('parts')
  const aborted = await client.send(new CreateMultipartUploadCommand(place))
  const part = { ...place, UploadId: aborted.UploadId, PartNumber: 1, Body: patterned(200_000) }
  await client.send(new UploadPartCommand(part))
  await client.send(new AbortMultipartUploadCommand({ ...place, UploadId: aborted.UploadId }))
  await collect()
  assert.ok(whole.equals(await get('copy')))
  const [only] = (await versionOf('copy')).metadata.location ?? []
  assert.deepEqual(await source.keys(), [`.crossbeat/data/${only?.key}`])
  await remove('copy')
  await collect()
  assert.doesNotMatch(await source.versions(), /<(Version|DeleteMarker)>/)
})

test('source-data-at-s3/a body that is not what it says leaves nothing', { skip }, async () => {
  await collect()
  const before = await source.keys()
  const body = 'x'.repeat(100_000)
  const headers = { 'content-md5': Buffer.alloc(16).toString('base64') }
  const answer = await server.send({ method: 'PUT', path: '/far/wrong', body, headers })
  assert.equal(errorCode(answer), 'BadDigest')
  assert.deepEqual(await source.keys(), before)
})

test('source-data-at-s3/data that a crash left without a version goes at the next start, with unfinished uploads', {
  skip,
}, async () => {
  await put('kept', patterned(100_000))
  const orphan = store.create()
  await orphan.write(patterned(50_000))
  await orphan.finish()
  const cutOff = store.create()
  await cutOff.write(patterned(11 * mib))
  // A crash leaves no request under way; this writer lives on, and versitygw answers 500 to an abort beside a part that still arrives.
  await until('the two whole parts are stored', async () => (await source.storedParts()) === 2)
  assert.equal((await source.uploads()).length, 1)
  assert.equal((await collect()).orphans, 0, 'the process still lives')
  // Data of another node, dead or alive, is none of ours.
  const foreign = source.open('e1', { node: 'nffffffffffffffff-', writer: 'nffffffffffffffff-e1' }).create()
  await foreign.write(patterned(50_000))
  await foreign.finish()
  const next = source.open('e2')
  assert.equal((await collect(next)).orphans, 2, 'the data and the upload')
  assert.deepEqual(await source.uploads(), [])
  const keys = await source.keys()
  assert.ok(!keys.includes(`.crossbeat/data/${orphan.key}`))
  assert.ok(keys.includes(`.crossbeat/data/${foreign.key}`))
  assert.ok(patterned(100_000).equals(await get('kept')))
})

test('source-data-at-s3/an upload of another thread of the process is left alone until that has ended', {
  skip,
}, async () => {
  await collect(source.open('e3'))
  const worker = source.open('e3', { writer: `${node}-e3w1`, partBytes: 5 * mib, memoryBytes: 12 * mib })
  const owner = source.open('e3')
  const underWay = worker.create()
  await underWay.write(patterned(11 * mib))
  await until('the two whole parts are stored', async () => (await source.storedParts()) === 2)
  const living = new Set([`${node}-e3w1`])
  const endedWriters = async (writers: readonly string[]) => new Set(writers.filter(writer => !living.has(writer)))
  const collector = createGarbageCollector({
    ...{ store: server.store, world, endedWriters },
    dataStores: source.storesWith(owner),
  })
  assert.equal(await collector.sweepOrphans(), 0)
  assert.deepEqual(await source.uploads(), [`.crossbeat/data/${underWay.key}`])
  living.clear()
  assert.equal(await collector.sweepOrphans(), 1)
  assert.deepEqual(await source.uploads(), [])
  await collector.close()
})

test('source-data-at-s3/a location that is used for the first time is swept from then on', { skip }, async () => {
  let begun = false
  const use = {
    hasBegun: async () => begun,
    begin: async () => {
      begun = true
    },
  }
  const owner = source.open('e4', { use })
  await collect(source.open('e4'))
  const orphan = source.open('e4', { writer: `${node}-e4w1`, use }).create()
  assert.equal((await collect(owner)).orphans, 0)
  await orphan.write(patterned(50_000))
  await orphan.finish()
  assert.equal((await collect(owner)).orphans, 1)
})

test('source-data-at-s3/batchdelete tells data of the location from copies there', { skip }, async () => {
  const unnamed = store.create()
  await unnamed.write(patterned(50_000))
  await unnamed.finish()
  const bytes = Buffer.from('copy')
  const version = { isDeleteMarker: false, bytes, crc32: '', etag: 'e', attributes: plain }
  copies.add('far/o', version)
  const body = JSON.stringify({
    Locations: [
      { key: unnamed.key, dataStoreName: 'awsbackend' },
      { key: 'far/o', dataStoreName: 'awsbackend', dataStoreVersionId: copies.versionsOf('far/o')[0]?.versionId },
    ],
  })
  const ask = { method: 'POST', path: '/_/backbeat/batchdelete', body, as: 'replication' } as const
  assert.equal((await server.send(ask)).status, 200)
  assert.ok(!(await source.keys()).includes(`.crossbeat/data/${unnamed.key}`))
  assert.equal(copies.versionsOf('far/o').length, 0)
  assert.deepEqual(copies.versionsOf(unnamed.key), [], 'no delete marker was made for it')
})

test('source-data-at-s3/a location that was never used is not asked at a start', { skip }, async () => {
  const use = { hasBegun: async () => false, begin: async () => {} }
  const unused = source.open('e9', { use, through: '127.0.0.1:9' })
  assert.equal((await collect(unused)).orphans, 0)
})

test('source-data-at-s3/an object of many pieces that is deleted during a GET is read to its end', {
  skip,
}, async () => {
  const place = { Bucket: 'far', Key: 'held' }
  const client = server.client()
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(place))
  const Parts: { readonly ETag: string | undefined; readonly PartNumber: number }[] = []
  const parts = [patterned(5 * mib, 4), patterned(5 * mib, 5), patterned(100_000, 6)]
  for (const [index, Body] of parts.entries()) {
    const { ETag } = await client.send(new UploadPartCommand({ ...place, UploadId, PartNumber: index + 1, Body }))
    Parts.push({ ETag, PartNumber: index + 1 })
  }
  await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } }))
  const { Body } = await client.send(new GetObjectCommand(place))
  await remove('held')
  await collect()
  assert.ok(Buffer.concat(parts).equals(Buffer.from((await Body?.transformToByteArray()) ?? [])))
})
