// Goal: when a cloud fails, a real Backbeat gets the answers it knows (503 and the original's texts), our own gateway gets the class beside them, and
// a body that ends early never becomes an object. Method: clouds in memory with faults, requests cut off on the wire.
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import test from 'node:test'
import { crc32 } from 'node:zlib'
import { md5Hex } from '../../../src/base/hash.ts'
import type { LocationFault } from '../../../src/locations/memory/faults.ts'
import { until } from '../../until.ts'
import { type RawAnswer, signedHeaders } from '../s3/test-server.ts'
import { type BackbeatServer, cloudHeaders, refusalOf, startBackbeatServer } from './backbeat-server.ts'

const path = '/_/backbeat/multiplebackenddata/some-bucket/k?operation='
const body = 'hello'
const headers = cloudHeaders('awsbackend', body)

interface Failing {
  readonly server: BackbeatServer
  fault: LocationFault | undefined
  send(method: string, operation: string, more?: Readonly<Record<string, string>>, sent?: string): Promise<RawAnswer>
}

async function start(t: { after(end: () => Promise<void>): void }): Promise<Failing> {
  const server = await startBackbeatServer({ awsFaults: () => failing.fault })
  t.after(() => server.close())
  const failing: Failing = {
    server,
    fault: undefined,
    send: (method, operation, more = {}, sent = '') =>
      server.send({
        method,
        path: path + operation,
        headers: { ...headers, ...more },
        body: sent,
        as: 'replication',
      }),
  }
  return failing
}

function toldFacts(answer: RawAnswer): unknown {
  return JSON.parse(answer.headers['x-crossbeat-failure'] ?? 'null')
}

test('putobject is 503 with the standard text whatever happened, and the class beside it', async t => {
  const failing = await start(t)
  const cases: readonly (readonly [LocationFault, Readonly<Record<string, unknown>>])[] = [
    [
      { kind: 'error', class: 'location', code: 'AccessDenied', status: 403 },
      { class: 'location', code: 'AccessDenied' },
    ],
    [
      { kind: 'throttle', retryAfterMs: 1500 },
      { class: 'throttled', retryAfterMs: 1500 },
    ],
    [{ kind: 'reset-after' }, { class: 'transient', outcomeUnknown: true }],
    [{ kind: 'refused' }, { class: 'transient' }],
    [
      { kind: 'error', class: 'object', code: 'InvalidMetadata', status: 400 },
      { class: 'object', code: 'InvalidMetadata' },
    ],
  ]
  for (const [fault, facts] of cases) {
    failing.fault = fault
    const answer = await failing.send('PUT', 'putobject', {}, body)
    assert.deepEqual(refusalOf(answer), [503, 'ServiceUnavailable', 'Reduce your request rate.'])
    assert.partialDeepStrictEqual(toldFacts(answer), facts)
  }
  failing.fault = { kind: 'throttle', retryAfterMs: 1500 }
  assert.equal((await failing.send('PUT', 'putobject', {}, body)).headers['retry-after'], '2')
})

test('other operations say what the cloud said', async t => {
  const failing = await start(t)
  failing.fault = { kind: 'error', class: 'location', code: 'AccessDenied', status: 403 }
  const upload = { 'x-scal-upload-id': 'u', 'x-scal-part-number': '1' }
  const tagging = {
    'x-scal-data-store-version-id': 'v',
    'x-scal-source-bucket': 'some-bucket',
    'x-scal-replication-endpoint-site': 'awsbackend',
  }
  const operations: readonly (readonly [string, string, Readonly<Record<string, string>>, string])[] = [
    ['POST', 'initiatempu', {}, ''],
    ['PUT', 'putpart', upload, body],
    ['POST', 'completempu', upload, '[{"PartNumber":[1],"ETag":["e"]}]'],
    ['DELETE', 'abortmpu', upload, ''],
    ['DELETE', 'deleteobject', {}, ''],
    ['POST', 'puttagging', tagging, ''],
    ['DELETE', 'deleteobjecttagging', tagging, ''],
    ['GET', 'history', {}, ''],
    ['GET', 'probe', {}, ''],
  ]
  for (const [method, operation, more, sent] of operations) {
    const answer = await failing.send(method, operation, more, sent)
    const [status, code, message] = refusalOf(answer)
    assert.deepEqual([status, code], [503, 'ServiceUnavailable'], operation)
    assert.match(String(message), /^Error returned from AWS: /, operation)
    assert.partialDeepStrictEqual(toldFacts(answer), { class: 'location', code: 'AccessDenied' })
  }
})

test('what is wrong with the parts is told by its own code', async t => {
  const failing = await start(t)
  for (const code of ['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall']) {
    failing.fault = { kind: 'error', class: 'object', code, status: 400 }
    const list = '[{"PartNumber":[1],"ETag":["e"]}]'
    const answer = await failing.send('POST', 'completempu', { 'x-scal-upload-id': 'u' }, list)
    assert.deepEqual(refusalOf(answer).slice(0, 2), [400, code])
  }
})

test('a body that is cut off becomes no object, streamed or not', async t => {
  const { server } = await start(t)
  const whole = Buffer.alloc(3 * 1024 * 1024, 'q')
  const declared = { ...cloudHeaders('awsbackend', whole), 'content-length': String(whole.length) }
  const streamed = { ...declared, 'x-crossbeat-crc32': (crc32(whole) >>> 0).toString(16).padStart(8, '0') }
  for (const given of [declared, streamed]) {
    const request = {
      method: 'PUT',
      path: `${path}putobject`,
      headers: given,
      as: 'replication',
      payloadHash: 'UNSIGNED-PAYLOAD',
    } as const
    const signed = signedHeaders(`${server.host}:${server.port}`, request)
    const sent = httpRequest({
      host: server.host,
      port: server.port,
      method: 'PUT',
      path: request.path,
      headers: signed,
    })
    sent.on('error', () => {})
    await new Promise<void>(resolve => sent.write(whole.subarray(0, 2_000_000), () => resolve()))
    sent.destroy()
  }
  // The server is still there, and takes the same object whole.
  const answer = await server.send({
    method: 'PUT',
    path: `${path}putobject`,
    headers: streamed,
    body: whole,
    as: 'replication',
    payloadHash: 'UNSIGNED-PAYLOAD',
  })
  assert.equal(answer.status, 200, answer.body)
  await until('its bytes are given back', () => server.bytes.size === 0)
  assert.equal(server.aws.versionsOf('some-bucket/k').length, 1)
  assert.equal(server.aws.versionsOf('some-bucket/k')[0]?.etag, md5Hex(whole))
})

test('a refusal before the body was read leaves the connection in order', async t => {
  const failing = await start(t)
  failing.fault = { kind: 'refused' }
  const whole = Buffer.alloc(3 * 1024 * 1024, 'q')
  const given = {
    ...cloudHeaders('awsbackend', whole),
    'x-crossbeat-crc32': (crc32(whole) >>> 0).toString(16).padStart(8, '0'),
  }
  const { server } = failing
  const request = { method: 'PUT', path: `${path}putobject`, headers: given, body: whole, as: 'replication' } as const
  for (let round = 0; round < 3; round += 1) assert.equal((await server.send(request)).status, 503)
  failing.fault = undefined
  assert.equal((await server.send(request)).status, 200)
})
