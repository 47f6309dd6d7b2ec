// Goal: a data location that misbehaves costs its clients an error that asks for another try, never a wrong answer, and leaves nothing behind.
// Method: our server before a real S3 server, with a proxy between them that does what networks and clouds do.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { Failure } from '../../src/domain/failure.ts'
import type { DataStore } from '../../src/locations/data-store.ts'
import { openS3Source, type S3Source } from '../compatibility/s3/s3-source.ts'
import { errorCode, startTestServer, type TestServer } from '../compatibility/s3/test-server.ts'
import { patterned } from '../conformance/location-subject.ts'
import { s3Server } from '../services/available.ts'
import { type DestinationProxy, type Misbehaviour, openDestinationProxy } from './destination-proxy.ts'

const s3 = await s3Server()
const { skip } = s3
const mib = 1024 ** 2

let source: S3Source
let proxy: DestinationProxy
let store: DataStore
let server: TestServer

before(async () => {
  if (skip !== false) return
  source = await openS3Source(s3.get())
  proxy = await openDestinationProxy(new URL(s3.get().endpoint).host)
  store = source.open('e1', { through: proxy.address, partBytes: 5 * mib, requestMs: 3_000, cleanUpMs: 100 })
  server = await startTestServer({ dataStores: source.storesWith(store) })
  const body =
    '<CreateBucketConfiguration><LocationConstraint>awsbackend</LocationConstraint></CreateBucketConfiguration>'
  assert.equal((await server.send({ method: 'PUT', path: '/far', body })).status, 200)
})

after(async () => {
  if (skip === false) {
    await server.close()
    await source.close()
    await proxy.close()
  }
  await s3.stop()
})

/** Status and code of a PUT through the SDK, without its own retries. */
async function put(Key: string, Body: Uint8Array): Promise<string> {
  try {
    const { $metadata } = await server.client().send(new PutObjectCommand({ Bucket: 'far', Key, Body }))
    return String($metadata.httpStatusCode)
  } catch (error) {
    assert.ok(error instanceof Error && '$metadata' in error)
    const { httpStatusCode } = error.$metadata as { readonly httpStatusCode?: number }
    return `${httpStatusCode} ${error.name}`
  }
}

async function get(key: string): Promise<string> {
  const answer = await server.send({ method: 'GET', path: `/far/${key}` })
  return `${answer.status} ${errorCode(answer)}`.trim()
}

/** Cleaning goes on behind the answer, until the location can be reached again: looks until there is nothing. */
async function nothingIsLeft(): Promise<void> {
  while ([...(await source.keys()), ...(await source.uploads())].length > 0);
}

const misbehaviours: readonly (readonly [Misbehaviour, RegExp])[] = [
  ['refuse', /^503 ServiceUnavailable$/],
  ['reset-before', /^503 ServiceUnavailable$/],
  ['cut', /^503 ServiceUnavailable$/],
  ['reset-after', /^503 ServiceUnavailable$/],
  ['hang', /^503 ServiceUnavailable$/],
  ['error-body', /^503 (ServiceUnavailable|SlowDown)$/],
  ['throttle', /^503 SlowDown$/],
  ['lie', /^503 ServiceUnavailable$/],
  ['flip', /^503 ServiceUnavailable$/],
]

for (const size of [100_000, 12 * mib]) {
  for (const [how, expected] of misbehaviours) {
    test(`a PUT of ${size} bytes to a location that does ${how} fails for now and leaves nothing`, {
      skip,
    }, async () => {
      await proxy.misbehave(how)
      const answer = await put('never', patterned(size))
      await proxy.heal()
      assert.match(answer, expected)
      assert.equal(await get('never'), '404 NoSuchKey')
      await nothingIsLeft()
    })
  }
}

for (const how of ['refuse', 'reset-before', 'hang', 'throttle', 'error-body'] as const) {
  test(`reading from a location that does ${how} fails for now, and the object is there afterwards`, {
    skip,
  }, async () => {
    assert.equal(await put('read', patterned(100_000)), '200')
    await proxy.misbehave(how)
    const answer = await get('read')
    await proxy.heal()
    assert.match(answer, how === 'throttle' ? /^503 SlowDown$/ : /^503 (ServiceUnavailable|SlowDown)$/)
    assert.equal(await get('read'), '200')
  })
}

test('a processor that reads from a location that is away is told to try again', { skip }, async () => {
  await put('read', patterned(100_000))
  const record = await server.store.version({ bucket: 'far', key: 'read', version: 'latest' })
  const key = record?.metadata.location?.[0]?.key ?? ''
  await proxy.misbehave('reset-before')
  const error: unknown = await store.readInto(key, 0, new Uint8Array(10)).catch(caught => caught)
  await proxy.heal()
  assert.ok(error instanceof Failure)
  assert.deepEqual([error.facts.class, error.facts.outcomeUnknown], ['transient', undefined])
})
