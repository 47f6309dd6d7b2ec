// Goal: an object can be had at every front end, whichever of them has its data on its disk; a front end that is away makes its data late, never
// gone. Method: front ends with folders of their own over one metadata store, signed requests, the SDK; nodes that stop, move and lose things.
import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Secret } from '../../../src/base/secret.ts'
import { realWorld as world } from '../../../src/base/world.ts'
import { announceNode } from '../../../src/control/node-directory.ts'
import type { VersionRecord } from '../../../src/domain/object-metadata.ts'
import { createMemoryCloud } from '../../../src/locations/memory/cloud.ts'
import { createMemoryLocation } from '../../../src/locations/memory/location.ts'
import { createDirectGateway } from '../../../src/replicate/gateway-direct.ts'
import { createGarbageCollector } from '../../../src/status/garbage-collector.ts'
import { failsWith, patterned } from '../../conformance/location-subject.ts'
import { type FrontEnd, type Layout, openLayout, serviceCredentials } from './data-node.ts'
import { errorCode, startTestServer, type TestServer, testMasterKeys } from './test-server.ts'

let base: TestServer
let layout: Layout
let a: FrontEnd
let b: FrontEnd

before(async () => {
  base = await startTestServer()
  layout = await openLayout(base.store)
  a = await layout.start('a')
  b = await layout.start('b')
  assert.equal((await a.server.send({ method: 'PUT', path: '/shared' })).status, 200)
})

after(async () => {
  await a.close()
  await b.close()
  await layout.close()
  await base.close()
})

async function put(front: FrontEnd, key: string, body: Uint8Array): Promise<void> {
  await front.server.client().send(new PutObjectCommand({ Bucket: 'shared', Key: key, Body: body }))
}

async function get(front: FrontEnd, key: string, range?: string): Promise<Buffer> {
  const { Body } = await front.server.client().send(new GetObjectCommand({ Bucket: 'shared', Key: key, Range: range }))
  return Buffer.from((await Body?.transformToByteArray()) ?? [])
}

async function statusOf(front: FrontEnd, key: string): Promise<string> {
  const answer = await front.server.send({ method: 'GET', path: `/shared/${key}` })
  return `${answer.status} ${errorCode(answer)}`.trim()
}

async function versionOf(key: string): Promise<VersionRecord> {
  const record = await base.store.version({ bucket: 'shared', key, version: 'latest' })
  assert.ok(record !== null)
  return record
}

async function filesOf(folder: string): Promise<readonly string[]> {
  const files = await readdir(join(layout.path(folder), 'objects'), { recursive: true, withFileTypes: true })
  return files.filter(file => file.isFile()).map(file => file.name)
}

test('what one front end took, the other gives: whole, in ranges and as the source of a copy', async () => {
  const bytes = patterned(900_001)
  await put(a, 'one', bytes)
  assert.ok((await versionOf('one')).metadata.location?.[0]?.key.startsWith(`${a.nodeId}-`))
  assert.ok(bytes.equals(await get(b, 'one')))
  assert.ok(bytes.subarray(300_000, 700_000).equals(await get(b, 'one', 'bytes=300000-699999')))
  await b.server.client().send(new CopyObjectCommand({ Bucket: 'shared', Key: 'copy', CopySource: 'shared/one' }))
  assert.ok((await versionOf('copy')).metadata.location?.[0]?.key.startsWith(`${b.nodeId}-`))
  assert.ok(bytes.equals(await get(a, 'copy')))
})

test('parts of an upload may lie at different front ends', async () => {
  const parts = [patterned(5 * 1024 ** 2, 2), patterned(300_000, 3)]
  const place = { Bucket: 'shared', Key: 'parts' }
  const { UploadId } = await a.server.client().send(new CreateMultipartUploadCommand(place))
  const fronts = [a, b]
  const etags: (string | undefined)[] = []
  for (const [index, Body] of parts.entries()) {
    const front = fronts[index] ?? a
    const part = { ...place, UploadId, PartNumber: index + 1, Body }
    etags.push((await front.server.client().send(new UploadPartCommand(part))).ETag)
  }
  const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }))
  const complete = { ...place, UploadId, MultipartUpload: { Parts } }
  await b.server.client().send(new CompleteMultipartUploadCommand(complete))
  const whole = Buffer.concat(parts)
  for (const front of fronts) {
    assert.ok(whole.equals(await get(front, 'parts')))
    const [from, to] = [5 * 1024 ** 2 - 10, 5 * 1024 ** 2 + 10]
    assert.ok(whole.subarray(from, to).equals(await get(front, 'parts', `bytes=${from}-${to - 1}`)))
  }
})

test('what is deleted at one front end is removed from the disk of the other by any collector', async () => {
  await put(a, 'deleted', patterned(100_000))
  const [piece] = (await versionOf('deleted')).metadata.location ?? []
  assert.ok((await filesOf('a')).includes(piece?.key ?? ''))
  assert.equal((await b.server.send({ method: 'DELETE', path: '/shared/deleted' })).status, 204)
  const { stores } = await layout.openReader()
  const collector = createGarbageCollector({ store: base.store, dataStores: stores, world })
  await collector.collect()
  await collector.close()
  assert.ok(!(await filesOf('a')).includes(piece?.key ?? ''))
  assert.equal((await base.store.garbage(10)).length, 0)
})

test('garbage of a front end that is away stays on record until it is back', async () => {
  const away = await layout.start('away')
  await put(away, 'left', patterned(100_000))
  await b.server.send({ method: 'DELETE', path: '/shared/left' })
  await away.close()
  const collector = createGarbageCollector({ store: base.store, dataStores: b.data.stores, world })
  assert.equal(await collector.collect(), 0)
  assert.equal((await base.store.garbage(10)).length, 1)
  const back = await layout.start('away')
  assert.equal(await collector.collect(), 1)
  await collector.close()
  assert.deepEqual(await filesOf('away'), [])
  await back.close()
})

test('what one front end encrypted, the other decrypts: whole, in ranges and as the source of a copy', async () => {
  const bytes = patterned(900_001)
  const request = { Bucket: 'shared', Key: 'sealed', Body: bytes, ServerSideEncryption: 'AES256' } as const
  await a.server.client().send(new PutObjectCommand(request))
  const [piece] = (await versionOf('sealed')).metadata.location ?? []
  assert.equal(piece?.masterKeyId, 'test')
  assert.ok(bytes.equals(await get(b, 'sealed')))
  assert.ok(bytes.subarray(65_535, 700_000).equals(await get(b, 'sealed', 'bytes=65535-699999')))
  await b.server.client().send(new CopyObjectCommand({ Bucket: 'shared', Key: 'opened', CopySource: 'shared/sealed' }))
  assert.ok(bytes.equals(await get(a, 'opened')))
  // What moves between them is what lies there.
  const { stores } = await layout.openReader()
  const stored = new Uint8Array(900_001)
  await stores.get('us-east-1')?.readInto(piece?.key ?? '', 0, stored)
  assert.ok(!Buffer.from(stored).includes(bytes.subarray(0, 64)))
})

test('each front end sweeps what former starts of its own left, and nothing of others', async () => {
  const first = await layout.start('swept')
  await put(first, 'kept', patterned(100_000))
  const orphan = first.data.stores.get('us-east-1')?.create()
  await orphan?.write(patterned(50_000))
  await orphan?.finish()
  await first.close()
  const before = await filesOf('a')
  const second = await layout.start('swept')
  assert.equal(second.nodeId, first.nodeId)
  const collector = createGarbageCollector({ store: base.store, dataStores: second.data.stores, world })
  assert.equal(await collector.sweepOrphans(), 1)
  await collector.close()
  assert.ok(!(await filesOf('swept')).includes(orphan?.key ?? ''))
  assert.ok(patterned(100_000).equals(await get(b, 'kept')))
  assert.deepEqual(await filesOf('a'), before)
  await second.close()
})

test('a front end that is down makes reading fail for now, at other front ends and in processors, and never as gone', async () => {
  const owner = await layout.start('owner')
  await put(owner, 'late', patterned(400_000))
  const cloud = createMemoryCloud(world, { versions: true })
  const location = createMemoryLocation({ name: 'cloud', cloud, world })
  const { stores } = await layout.openReader()
  const destinations = new Map([['cloud', { location, bucketMatch: false }]])
  const gateway = createDirectGateway({
    store: base.store,
    dataStores: stores,
    masterKeys: testMasterKeys,
    destinations,
  })
  const record = await versionOf('late')
  const target = { bucket: 'shared', key: 'late', versionId: record.versionId, site: 'cloud' }
  const copy = () => gateway.putObject(target, record, { signal: new AbortController().signal })
  // Once while it is there, so that its address is known.
  assert.equal(await statusOf(b, 'late'), '200')
  await owner.close()
  assert.equal(await statusOf(b, 'late'), '503 ServiceUnavailable')
  const facts = await failsWith(copy(), { class: 'transient' })
  assert.equal(facts.outcomeUnknown, undefined)
  assert.deepEqual(cloud.keys(), [])
  const back = await layout.start('owner')
  assert.equal(back.nodeId, owner.nodeId)
  assert.notEqual(back.server.port, owner.server.port)
  await copy()
  assert.deepEqual(cloud.keys(), ['shared/late'])
  assert.ok(patterned(400_000).equals(await get(b, 'late')))
  await back.close()
})

test('another node at the address of one that has gone does not make its data gone', async () => {
  const owner = await layout.start('moved')
  await put(owner, 'elsewhere', patterned(100_000))
  await announceNode(layout.stateStore, owner.nodeId, { host: a.server.host, port: a.server.port })
  assert.equal(await statusOf(b, 'elsewhere'), '503 ServiceUnavailable')
  await announceNode(layout.stateStore, owner.nodeId, { host: owner.server.host, port: owner.server.port })
  assert.equal(await statusOf(b, 'elsewhere'), '200')
  await owner.close()
})

for (const aheadMs of [3_600_000, -3_600_000]) {
  test(`clocks that differ by ${aheadMs / 60_000} minutes keep nobody from the data`, async () => {
    const folder = `clock${aheadMs}`
    const right = await layout.start(folder)
    await put(right, folder, patterned(100_000))
    await right.close()
    const wrong = await layout.start(folder, { aheadMs })
    for (const _ of [1, 2]) assert.equal(await statusOf(b, folder), '200')
    await wrong.close()
  })
}

test('a reader whose keys are not accepted is told why, and that nothing is known of the data', async () => {
  await put(a, 'keys', patterned(100_000))
  const [piece] = (await versionOf('keys')).metadata.location ?? []
  const wrong = [
    [{ ...serviceCredentials(), secretKey: new Secret('other') }, 'SignatureDoesNotMatch'],
    [{ ...serviceCredentials(), accessKey: 'nobody' }, 'InvalidAccessKeyId'],
    [{ accessKey: 'bart-key', secretKey: new Secret('bart-secret'), sessionToken: undefined }, 'AccessDenied'],
  ] as const
  for (const [credentials, code] of wrong) {
    const store = (await layout.openReader(credentials)).stores.get('us-east-1')
    assert.ok(store !== undefined)
    await failsWith(store.readInto(piece?.key ?? '', 0, new Uint8Array(1)), { class: 'transient', code })
    await failsWith(store.remove(piece?.key ?? ''), { class: 'transient', code })
  }
})

test('a node that never said where it listens is away, not empty', async () => {
  const silent = await layout.start('silent', { announce: false })
  await put(silent, 'unheard', patterned(100_000))
  assert.equal(await statusOf(silent, 'unheard'), '200')
  assert.equal(await statusOf(b, 'unheard'), '503 ServiceUnavailable')
  await silent.close()
})

test('data that its own node has lost is missing everywhere in the same way', async () => {
  await put(a, 'lost', patterned(100_000))
  const [piece] = (await versionOf('lost')).metadata.location ?? []
  assert.ok(piece !== undefined)
  const digits = piece.key.slice(piece.key.indexOf('.') + 1)
  const [first = '', second = ''] = digits
  await rm(join(layout.path('a'), 'objects', 'us-east-1', first, second, piece.key))
  assert.equal(await statusOf(b, 'lost'), await statusOf(a, 'lost'))
  const store = b.data.stores.get('us-east-1')
  assert.ok(store !== undefined)
  await failsWith(store.readInto(piece.key, 0, new Uint8Array(1)), { class: 'source-gone' })
})

test('data named before there were nodes is read where it lies, and is not gone elsewhere', async () => {
  const store = b.data.stores.get('us-east-1')
  assert.ok(store !== undefined)
  await failsWith(store.readInto('17.00abcdef', 0, new Uint8Array(1)), { class: 'transient', code: 'DataHolderAway' })
  await failsWith(
    (async () => {
      for await (const _ of store.read('17.00abcdef', 0, 10));
    })(),
    { class: 'transient', code: 'DataHolderAway' },
  )
})
