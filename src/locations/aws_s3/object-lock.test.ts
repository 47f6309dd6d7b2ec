// What the S3 adapter sends of retentions and legal holds, and what it makes of refusals, against a scripted network.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checksumsOf, marked } from '../../../test/conformance/location-subject.ts'
import { scriptedHttp } from '../../../test/fakes/scripted-http.ts'
import { bytesSource } from '../../base/byte-source.ts'
import { Secret } from '../../base/secret.ts'
import { realWorld, type World } from '../../base/world.ts'
import { Failure } from '../../domain/failure.ts'
import type { ObjectLock } from '../location.ts'
import { createS3Location } from './location.ts'

const now = Date.UTC(2026, 0, 2)
const world: World = { ...realWorld, clock: { now: () => now, monotonic: () => 0 } }
const until = '2026-06-01T00:00:00.000Z'
const retention = { mode: 'GOVERNANCE', until } as const
const bytes = Buffer.from('hello')
const known = checksumsOf(bytes)
const crc32 = Buffer.from(known.crc32, 'hex').toString('base64')
const good = { 'x-amz-checksum-crc32': crc32, etag: `"${known.md5}"`, 'x-amz-version-id': 'v1' }

function scripted(answer: Parameters<typeof scriptedHttp>[0], supportsObjectLock = true) {
  const http = scriptedHttp(answer)
  const details = {
    ...{ awsEndpoint: 's3.example.com', bucketName: 'copies', region: 'eu-west-1', https: true, pathStyle: false },
    ...{ serverSideEncryption: false, supportsVersioning: true, supportsObjectLock },
    credentials: { accessKey: 'AKID', secretKey: new Secret('secret') },
  }
  const location = createS3Location({ name: 'awsbackend', details, http, world })
  assert.equal(location.capabilities.objectLock, supportsObjectLock)
  return { location, sent: http.sent }
}

async function lockHeadersOf(lock: ObjectLock, supportsObjectLock = true): Promise<Record<string, string>> {
  const { location, sent } = scripted(() => ({ headers: good }), supportsObjectLock)
  await location.put('key', bytesSource(bytes), known, marked('3938', { lock }))
  const headers = Object.entries(sent[0]?.headers ?? {})
  return Object.fromEntries(headers.filter(([name]) => name.startsWith('x-amz-object-lock')))
}

const refusal = (code: string, message: string) => ({
  status: code === 'AccessDenied' ? 403 : code.startsWith('Object') ? 404 : 400,
  body: `<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
})

async function factsOf(request: Promise<unknown>) {
  const error = await request.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Failure)
  return error.facts
}

test('a write carries what keeps the version, where the bucket has object lock', async () => {
  assert.deepEqual(await lockHeadersOf({ retention, legalHold: true }), {
    'x-amz-object-lock-mode': 'GOVERNANCE',
    'x-amz-object-lock-retain-until-date': until,
    'x-amz-object-lock-legal-hold': 'ON',
  })
  assert.deepEqual(await lockHeadersOf({ retention, legalHold: true }, false), {})
})

test('a retention that is over, or nearly, is not asked for: S3 would refuse the write', async () => {
  for (const ends of [now - 1, now + 1_000])
    assert.deepEqual(
      await lockHeadersOf({ retention: { mode: 'COMPLIANCE', until: new Date(ends).toISOString() }, legalHold: false }),
      {},
    )
})

test('a change is a request for the retention and one for the hold, as far as they are spoken of', async () => {
  const { location, sent } = scripted(() => ({}))
  await location.putLock?.('key', 'v1', { retention, legalHold: false })
  await location.putLock?.('key', 'v1', { retention: null })
  assert.deepEqual(
    sent.map(({ path, body }) => [path, String(body).replace(/ xmlns="[^"]*"/, '')]),
    [
      [
        '/key?retention=&versionId=v1',
        `<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`,
      ],
      ['/key?legal-hold=&versionId=v1', '<LegalHold><Status>OFF</Status></LegalHold>'],
      ['/key?retention=&versionId=v1', '<Retention></Retention>'],
    ],
  )
  assert.ok(sent.every(({ headers }) => headers['x-amz-bypass-governance-retention'] === undefined))
})

test('only what is refused is asked for as somebody who may shorten and lift', async () => {
  const { location, sent } = scripted(({ headers }) =>
    headers['x-amz-bypass-governance-retention'] === 'true' ? {} : refusal('AccessDenied', 'Access Denied'),
  )
  await location.putLock?.('key', 'v1', { retention: null })
  assert.equal(sent.length, 2)
})

test('a retention that was shortened until it is over is lifted; one of compliance cannot have been', async () => {
  const over = new Date(now - 1).toISOString()
  for (const [mode, count] of [
    ['GOVERNANCE', 1],
    ['COMPLIANCE', 0],
  ] as const) {
    const { location, sent } = scripted(() => ({}))
    await location.putLock?.('key', 'v1', { retention: { mode, until: over } })
    assert.equal(sent.length, count, mode)
    assert.ok(sent.every(({ body }) => String(body).includes('></Retention>')))
  }
})

test('a version that is locked fails to be removed for itself, not for the location', async () => {
  const { location } = scripted(() => refusal('AccessDenied', 'Access Denied because object protected by object lock.'))
  const facts = await factsOf(location.delete('key', 'v1'))
  assert.deepEqual([facts.class, facts.code], ['object', 'ObjectLocked'])
  assert.equal((await factsOf(location.delete('key', ''))).class, 'location')
})

test('a bucket without object lock is a fault of the location, told by the first write and by the probe', async () => {
  const missing = scripted(() => refusal('InvalidRequest', 'Bucket is missing Object Lock Configuration'))
  const attributes = marked('3938', { lock: { retention } })
  const written = await factsOf(missing.location.put('key', bytesSource(bytes), known, attributes))
  assert.deepEqual([written.class, written.code], ['location', 'ObjectLockNotEnabled'])
  assert.match(written.message, /supportsObjectLock: false/)
  const none = scripted(() =>
    refusal('ObjectLockConfigurationNotFoundError', 'Object Lock configuration does not exist'),
  )
  assert.equal((await factsOf(none.location.probe())).code, 'ObjectLockNotEnabled')
})

test('who may not lift what keeps a version fails for that version, not for the location', async () => {
  const { location } = scripted(() => refusal('AccessDenied', 'Access Denied because object protected by object lock.'))
  const facts = await factsOf(location.putLock?.('key', 'v1', { retention: null }) ?? Promise.resolve())
  assert.deepEqual([facts.class, facts.code], ['object', 'AccessDenied'])
})
