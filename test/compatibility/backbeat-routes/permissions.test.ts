// Goal: the internal routes are open to service accounts and administrators and to nobody else, in either signature version; `data` and `metadata`
// open no other account's bucket to an administrator. Method: every route by every account, signed with V4 and as a real Backbeat signs.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { md5Hex } from '../../../src/base/hash.ts'
import type { AccountName, RawAnswer, RawRequest } from '../s3/test-server.ts'
import {
  type BackbeatServer,
  cloudHeaders,
  jsonOf,
  makeBucket,
  refusalOf,
  sendV2,
  startBackbeatServer,
} from './backbeat-server.ts'

let server: BackbeatServer
const apiCalls: string[] = []

before(async () => {
  server = await startBackbeatServer({
    api: async call => {
      apiCalls.push(`${call.method} ${call.target} ${call.body.toString()}`)
      return { status: 200, headers: ['Content-Type', 'application/json'], body: '{}' }
    },
  })
  await makeBucket(server, 'bart-bucket', 'bart')
  await makeBucket(server, 'admin-bucket', 'admin')
  for (const [bucket, as] of [
    ['bart-bucket', 'bart'],
    ['admin-bucket', 'admin'],
  ] as const) {
    await server.send({ method: 'PUT', path: `/${bucket}/k`, body: 'x', as })
  }
})
after(() => server.close())

const body = 'hello'
const cloud = { ...cloudHeaders('awsbackend', body), 'content-type': 'binary/octet-stream' }
const tagging = {
  ...cloudHeaders('awsbackend'),
  'x-scal-data-store-version-id': 'none',
  'x-scal-source-bucket': 'bart-bucket',
  'x-scal-replication-endpoint-site': 'awsbackend',
}
const part = { ...cloud, 'x-scal-part-number': '1', 'x-scal-upload-id': 'none' }
const multiple = '/_/backbeat/multiplebackenddata/bart-bucket/k?operation='
const metadata = JSON.stringify({
  'content-length': 0,
  'content-md5': md5Hex(''),
  'last-modified': '2026-11-22T02:10:04.309Z',
  replicationInfo: { status: 'REPLICA' },
})
const versionId = 'aJfG35aUKYOz00000000001I4j3QKItW'
const dataHeaders = { 'content-md5': md5Hex(body), 'x-scal-canonical-id': 'c', 'content-type': 'binary/octet-stream' }

/** Requests without a bucket check. */
const openRoutes: readonly RawRequest[] = [
  { method: 'PUT', path: `${multiple}putobject`, headers: cloud, body },
  { method: 'PUT', path: `${multiple}putpart`, headers: part, body },
  { method: 'POST', path: `${multiple}initiatempu`, headers: cloud },
  { method: 'POST', path: `${multiple}completempu`, headers: part, body: '[{"PartNumber":[1],"ETag":["e"]}]' },
  { method: 'DELETE', path: `${multiple}abortmpu`, headers: part },
  { method: 'DELETE', path: `${multiple}deleteobject`, headers: cloud },
  { method: 'POST', path: `${multiple}puttagging`, headers: tagging },
  { method: 'DELETE', path: `${multiple}deleteobjecttagging`, headers: tagging },
  { method: 'GET', path: `${multiple}history`, headers: cloud },
  { method: 'GET', path: `${multiple}listuploads`, headers: cloud },
  { method: 'GET', path: `${multiple}probe`, headers: cloud },
  {
    method: 'GET',
    path: '/_/backbeat/multiplebackendmetadata/bart-bucket/k',
    headers: { 'x-scal-locations': '[{"key":"k","dataStoreName":"awsbackend"}]' },
  },
  { method: 'POST', path: '/_/backbeat/batchdelete/bart-bucket/k', body: '{"Locations":[]}' },
  { method: 'PUT', path: '/_/backbeat/data/bart-bucket/k', headers: cloud, body },
]

/** Requests that a bucket's owner or a service account may make. */
const bucketRoutes = (bucket: string): readonly RawRequest[] => [
  { method: 'GET', path: `/_/backbeat/metadata/${bucket}/k` },
  { method: 'PUT', path: `/_/backbeat/metadata/${bucket}/new?versionId=${versionId}`, body: metadata },
  { method: 'PUT', path: `/_/backbeat/data/${bucket}/new?v2`, headers: dataHeaders, body },
]

const senders = {
  v4: (request: RawRequest, as: AccountName): Promise<RawAnswer> => server.send({ ...request, as }),
  v2: (request: RawRequest, as: AccountName): Promise<RawAnswer> => sendV2(server, { ...request, as }),
} as const

for (const [scheme, sendAs] of Object.entries(senders)) {
  test(`${scheme}: cloud routes let service accounts and administrators in, and nobody else`, async () => {
    for (const request of [...openRoutes, ...bucketRoutes('bart-bucket')]) {
      for (const as of ['bart', 'lisa'] as const) {
        const refusal = refusalOf(await sendAs(request, as))
        assert.deepEqual(refusal, [403, 'AccessDenied', 'Access Denied.'], `${as} ${request.method} ${request.path}`)
      }
    }
    for (const request of openRoutes) {
      for (const as of ['replication', 'admin'] as const) {
        const answer = await sendAs(request, as)
        assert.notEqual(answer.status, 403, `${as} ${request.method} ${request.path} ${answer.body}`)
        assert.notEqual(answer.status, 405, `${as} ${request.method} ${request.path} ${answer.body}`)
        assert.notEqual(answer.status, 500, `${as} ${request.method} ${request.path} ${answer.body}`)
      }
    }
  })

  test(`${scheme}: data and metadata are for the bucket's owner, if an administrator, and for service accounts`, async () => {
    for (const bucket of ['bart-bucket', 'admin-bucket']) {
      for (const request of bucketRoutes(bucket)) {
        assert.equal((await sendAs(request, 'replication')).status, 200, `${request.method} ${request.path}`)
        const asAdmin = await sendAs(request, 'admin')
        assert.equal(asAdmin.status, bucket === 'admin-bucket' ? 200 : 403, `${request.method} ${request.path}`)
      }
    }
  })
}

test('whoever did not sign is refused, and whoever signed wrongly is told how', async () => {
  for (const request of [...openRoutes, ...bucketRoutes('bart-bucket')]) {
    const answer = await server.send({ ...request, as: null })
    assert.deepEqual(refusalOf(answer), [403, 'AccessDenied', 'Access Denied.'], `${request.method} ${request.path}`)
    assert.equal(jsonOf(answer)['resource'], null)
  }
  const [request] = openRoutes
  assert.ok(request !== undefined)
  const unknown = { ...request.headers, Authorization: 'AWS nobody:AAAA', 'X-Amz-Date': new Date().toUTCString() }
  assert.deepEqual(refusalOf(await server.send({ ...request, headers: unknown, as: null })).slice(0, 2), [
    403,
    'InvalidAccessKeyId',
  ])
  const wrong = { ...unknown, Authorization: 'AWS replication-key:AAAA' }
  assert.deepEqual(refusalOf(await server.send({ ...request, headers: wrong, as: null })).slice(0, 2), [
    403,
    'SignatureDoesNotMatch',
  ])
})

test('an administrator cannot refer to the data of somebody else, a service account can remove only what nobody refers to', async () => {
  await server.send({ method: 'PUT', path: '/bart-bucket/secret', body: Buffer.alloc(100_000, 's'), as: 'bart' })
  const record = await server.store.version({ bucket: 'bart-bucket', key: 'secret', version: 'latest' })
  const stolen = JSON.stringify({ ...record?.metadata, replicationInfo: { status: 'REPLICA' } })
  const path = `/_/backbeat/metadata/admin-bucket/stolen?versionId=${versionId}`
  const answer = await server.send({ method: 'PUT', path, body: stolen, as: 'admin' })
  assert.deepEqual(refusalOf(answer).slice(0, 2), [403, 'AccessDenied'])
  const Locations = record?.metadata.location
  const batch = {
    method: 'POST',
    path: '/_/backbeat/batchdelete/bart-bucket/secret',
    body: JSON.stringify({ Locations }),
  }
  for (const as of ['admin', 'replication'] as const) {
    assert.deepEqual(refusalOf(await server.send({ ...batch, as })).slice(0, 2), [409, 'OperationAborted'])
  }
  const read = await server.send({ method: 'GET', path: '/bart-bucket/secret', as: 'bart' })
  assert.equal(read.body.length, 100_000)
})

test('the control API is for administrators', async () => {
  const request = { method: 'POST', path: '/_/backbeat/api/crr/pause/awsbackend?x=1', body: '{"a":1}' }
  for (const as of ['bart', 'lisa', 'replication', null] as const) {
    assert.equal((await server.send({ ...request, as })).status, 403, String(as))
  }
  assert.equal((await server.send({ ...request, as: 'admin' })).status, 200)
  assert.deepEqual(apiCalls, ['POST /crr/pause/awsbackend?x=1 {"a":1}'])
})
