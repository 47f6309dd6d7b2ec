// Goal: GET reads a finished copy where the client names its location or the rule prefers it, and never wrong bytes; whatever is the matter
// with a preferred copy, the source answers. Method: versions whose replication info says what a test needs, copies in memory that differ from
// their source only in letter case, so that every answer shows where it came from.
import assert from 'node:assert/strict'
import test, { after, before, beforeEach } from 'node:test'
import { crc32 } from 'node:zlib'
import { crc32Bytes, md5Hex } from '../../../src/base/hash.ts'
import { realWorld } from '../../../src/base/world.ts'
import { inlineKey } from '../../../src/domain/object-metadata.ts'
import { type BackendStatus, noReplication } from '../../../src/domain/replication-info.ts'
import { encodeVersionId } from '../../../src/domain/version-id.ts'
import { createMemoryCloud } from '../../../src/locations/memory/cloud.ts'
import type { LocationFault } from '../../../src/locations/memory/faults.ts'
import { createMemoryLocation } from '../../../src/locations/memory/location.ts'
import { newMetadata, noSettings } from '../../../src/s3/objects/object-settings.ts'
import {
  accounts,
  errorCode,
  errorMessage,
  type RawAnswer,
  startTestServer,
  type TestServer,
  versioningEnabled,
} from './test-server.ts'

const cloud = createMemoryCloud(realWorld, { versions: true })
let getFault: LocationFault | undefined
let headFault: LocationFault | undefined
const location = createMemoryLocation({
  name: 'awsbackend',
  cloud,
  world: realWorld,
  faults: ({ operation }) => (operation === 'get' ? getFault : operation === 'head' ? headFault : undefined),
})
let server: TestServer
let names = 0

before(async () => {
  server = await startTestServer({ destinations: new Map([['awsbackend', { location, bucketMatch: false }]]) })
  await server.send({ method: 'PUT', path: '/copies' })
  await server.send({ method: 'PUT', path: '/copies?versioning', body: versioningEnabled })
})

after(() => server.close())

beforeEach(() => {
  getFault = undefined
  headFault = undefined
})

interface Wanted {
  readonly status: BackendStatus
  readonly storageClass?: string
  /** Bytes of the copy; the source has them in lower case. */
  readonly copy?: string
  readonly marker?: string
  /** The copy's checksum is not the source's. */
  readonly spoilt?: boolean
}

/** Stores a version and its copy; answers the path. */
async function stored(wanted: Wanted): Promise<string> {
  const { status, storageClass = 'awsbackend', copy = 'ABCDEFGHIJ' } = wanted
  names += 1
  const key = `o${names}`
  const bytes = Buffer.from(copy.toLowerCase())
  const dataKey = inlineKey(`test${names}`)
  const copyId = `m${String(names).padStart(9, '0')}`
  const metadata = newMetadata({
    key,
    account: accounts.bart,
    settings: noSettings,
    size: bytes.length,
    etag: md5Hex(bytes),
    location: [{ key: dataKey, size: bytes.length, start: 0, dataStoreName: 'us-east-1', dataStoreETag: '1:x' }],
    dataStoreName: 'us-east-1',
    replicationInfo: {
      ...noReplication,
      status: status === 'COMPLETED' ? 'COMPLETED' : 'PENDING',
      backends: [{ site: 'awsbackend', status, dataStoreVersionId: status === 'COMPLETED' ? copyId : '' }],
      storageClass,
      storageType: 'aws_s3',
    },
    originOp: 's3:ObjectCreated:Put',
    now: realWorld.clock.now(),
  })
  const copied = Buffer.from(copy)
  // The checksum of the copy's bytes stands for that of the source, which is the only trick of this test.
  const integrity = { crc32: crc32Bytes(crc32(wanted.spoilt === true ? bytes : copied)).toString('hex') }
  const inline = { key: dataKey, bytes }
  const put = await server.store.putVersion({ bucket: 'copies', key, metadata, integrity, inline })
  assert.ok(put.outcome === 'stored')
  const markers = { 'scal-version-id': wanted.marker ?? encodeVersionId(put.versionId) }
  const body = {
    size: copied.length,
    open: async function* () {
      yield copied
    },
  }
  await location.put(`copies/${key}`, body, { md5: md5Hex(copied) }, { userMetadata: {}, markers, tags: {} })
  return `/copies/${key}`
}

function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  return server.send({ method: 'GET', path, headers })
}

const fromCopy = { 'x-amz-location-constraint': 'awsbackend' }

test('replica-read/a named location with a finished copy answers from it, ranges too', async () => {
  const path = await stored({ status: 'COMPLETED' })
  assert.equal((await get(path)).body, 'abcdefghij')
  assert.equal((await get(path, fromCopy)).body, 'ABCDEFGHIJ')
  const range = await get(path, { ...fromCopy, range: 'bytes=2-4' })
  assert.deepEqual([range.status, range.body, range.headers['content-range']], [206, 'CDE', 'bytes 2-4/10'])
})

for (const status of ['PENDING', 'FAILED', 'SKIPPED'] as const) {
  test(`replica-read/a named location whose copy is ${status} silently means the source`, async () => {
    const answer = await get(await stored({ status }), fromCopy)
    assert.deepEqual([answer.status, answer.body], [200, 'abcdefghij'])
  })
}

test('replica-read/a location that is none, or that the object does not go to', async () => {
  const path = await stored({ status: 'COMPLETED' })
  const unknown = await get(path, { 'x-amz-location-constraint': 'nowhere' })
  assert.equal(unknown.status, 400)
  assert.equal(errorCode(unknown), 'InvalidLocationConstraint')
  assert.equal(errorMessage(unknown), 'Invalid location constraint specified in header')
  const other = await get(path, { 'x-amz-location-constraint': 'us-east-2' })
  assert.equal(errorCode(other), 'InvalidLocationConstraint')
  assert.equal(errorMessage(other), 'Object is not replicated to location passed in location header')
})

test('replica-read/a named copy that is gone, another version, or away', async () => {
  const replaced = await get(await stored({ status: 'COMPLETED', marker: 'of another version' }), fromCopy)
  assert.deepEqual([replaced.status, errorCode(replaced)], [424, 'LocationNotFound'])
  const path = await stored({ status: 'COMPLETED' })
  headFault = { kind: 'refused' }
  const away = await get(path, fromCopy)
  assert.deepEqual([away.status, errorCode(away)], [503, 'ServiceUnavailable'])
})

test('replica-read/a copy with other bytes is never handed out whole', async () => {
  const answer = await get(await stored({ status: 'COMPLETED', spoilt: true }), fromCopy)
  assert.deepEqual([answer.status, errorCode(answer)], [503, 'ServiceUnavailable'])
})

test('replica-read/a rule that prefers a location has its finished copies read', async () => {
  const storageClass = 'awsbackend:preferred_read'
  assert.equal((await get(await stored({ status: 'COMPLETED', storageClass }))).body, 'ABCDEFGHIJ')
  assert.equal((await get(await stored({ status: 'PENDING', storageClass }))).body, 'abcdefghij')
  const own = { 'x-amz-location-constraint': 'us-east-1' }
  assert.equal((await get(await stored({ status: 'COMPLETED', storageClass }), own)).body, 'abcdefghij')
})

test('replica-read/a preferred copy that is gone, wrong or away never fails a read', async () => {
  const storageClass = 'awsbackend:preferred_read'
  const replaced = await get(await stored({ status: 'COMPLETED', storageClass, marker: 'other' }))
  assert.deepEqual([replaced.status, replaced.body], [200, 'abcdefghij'])
  const wrong = await get(await stored({ status: 'COMPLETED', storageClass, spoilt: true }))
  assert.deepEqual([wrong.status, wrong.body], [200, 'abcdefghij'])
  const path = await stored({ status: 'COMPLETED', storageClass })
  getFault = { kind: 'reset-before' }
  assert.equal((await get(path)).body, 'abcdefghij')
  headFault = { kind: 'error', class: 'location', code: 'AccessDenied', status: 403 }
  assert.equal((await get(path)).body, 'abcdefghij')
})

test('replica-read/a preferred copy that breaks half-way is continued from the source', async () => {
  const copy = 'X'.repeat(200_000)
  const path = await stored({ status: 'COMPLETED', storageClass: 'awsbackend:preferred_read', copy, spoilt: true })
  const answer = await get(path)
  assert.equal(answer.status, 200)
  assert.equal(answer.body.toLowerCase(), copy.toLowerCase())
  assert.ok(answer.body.endsWith('x'))
})
