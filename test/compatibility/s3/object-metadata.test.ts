// Goal: what is stored of a version has the names, defaults and values the original programs read, and HEAD shows of it what theirs does.
// Method: a table of writes, each with the answer, the headers of a HEAD and the stored metadata that must follow; then what others write.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test, { after, before } from 'node:test'
import type { ObjectMetadata } from '../../../src/domain/object-metadata.ts'
import { noReplication } from '../../../src/domain/replication-info.ts'
import { decodeVersionId } from '../../../src/domain/version-id.ts'
import { newMetadata, noSettings } from '../../../src/s3/objects/object-settings.ts'
import { accounts, replicationXml, startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

interface Vector {
  readonly name: string
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
  }
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly head?: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, unknown>>
  readonly content: readonly string[]
}

const vectors: readonly Vector[] = JSON.parse(readFileSync(new URL('object-metadata.json', import.meta.url), 'utf8'))

/** What every version has, whatever was written. */
const defaults = {
  'owner-display-name': 'bart',
  'owner-id': 'canonical-bart',
  'x-amz-version-id': 'null',
  'x-amz-server-version-id': '',
  'x-amz-storage-class': 'STANDARD',
  'x-amz-server-side-encryption': '',
  'x-amz-server-side-encryption-aws-kms-key-id': '',
  'x-amz-server-side-encryption-customer-algorithm': '',
  'x-amz-website-redirect-location': '',
  'x-amz-scal-transition-in-progress': false,
  acl: { Canned: 'private', FULL_CONTROL: [], WRITE_ACP: [], READ: [], READ_ACP: [] },
  dataStoreName: 'us-east-1',
  deleted: false,
  isPHD: false,
  'md-model-version': 6,
}

let server: TestServer

before(async () => {
  server = await startTestServer()
  await server.send({ method: 'PUT', path: '/meta' })
  await server.send({ method: 'PUT', path: '/meta?versioning=', body: versioningEnabled })
  const body = replicationXml([{ prefix: 'both/' }])
  assert.equal((await server.send({ method: 'PUT', path: '/meta?replication=', body })).status, 200)
})

after(() => server.close())

function withoutNames(metadata: ObjectMetadata): Readonly<Record<string, unknown>> {
  const location = metadata.location?.map(({ key, ...piece }) => {
    assert.ok(key.length > 0)
    return piece
  })
  return { ...metadata, location: location ?? null }
}

async function stored(key: string, shown: string | undefined): Promise<ObjectMetadata> {
  const id = decodeVersionId(shown ?? '')
  assert.ok(id !== null, shown)
  const record = await server.store.version({ bucket: 'meta', key, version: id })
  assert.ok(record !== null)
  assert.equal(record.metadata.versionId, id)
  return record.metadata
}

for (const vector of vectors) {
  test(`object-metadata/${vector.name}`, async () => {
    const { request } = vector
    const answer = await server.send(request)
    assert.equal(answer.status, vector.status, answer.body)
    assert.equal(answer.body, '')
    for (const [name, value] of Object.entries(vector.headers)) assert.equal(answer.headers[name], value, name)
    // A write says nothing of replication yet.
    assert.equal(answer.headers['x-amz-replication-status'], undefined)
    const path = request.path.split('?', 1)[0] ?? ''
    const metadata = await stored(path.slice('/meta/'.length), answer.headers['x-amz-version-id'])
    const found = withoutNames(metadata)
    for (const [name, value] of Object.entries({ ...defaults, ...vector.metadata })) {
      assert.deepEqual(found[name], value, name)
    }
    assert.deepEqual(metadata.replicationInfo, {
      status: 'PENDING',
      backends: [
        { site: 'awsbackend', status: 'PENDING', dataStoreVersionId: '' },
        { site: 'azurebackend', status: 'PENDING', dataStoreVersionId: '' },
      ],
      content: vector.content,
      destination: 'arn:aws:s3:::target',
      storageClass: 'awsbackend,azurebackend',
      role: 'arn:aws:iam::123456789012:role/source',
      storageType: 'aws_s3,azure',
      dataStoreVersionId: '',
      isNFS: null,
    })
    if (vector.head === undefined) return
    const head = await server.send({ method: 'HEAD', path })
    for (const [name, value] of Object.entries(vector.head)) assert.equal(head.headers[name], value, name)
    assert.equal(head.headers['x-amz-version-id'], answer.headers['x-amz-version-id'])
    assert.equal(head.headers['last-modified'], new Date(metadata['last-modified']).toUTCString())
  })
}

test('object-metadata/a key that no rule takes has the blank info and no headers of it', async () => {
  const put = await server.send({ method: 'PUT', path: '/meta/other', body: 'x' })
  const metadata = await stored('other', put.headers['x-amz-version-id'])
  assert.equal(metadata.replicationInfo.status, '')
  assert.deepEqual(metadata.replicationInfo.backends, [])
  const head = await server.send({ method: 'HEAD', path: '/meta/other' })
  assert.ok(!Object.keys(head.headers).some(name => name.includes('replication')))
})

test('object-metadata/what a service account writes is not replicated on', async () => {
  const put = await server.send({ method: 'PUT', path: '/meta/both/service', body: 'x', as: 'replication' })
  assert.equal(put.status, 200, put.body)
  const metadata = await stored('both/service', put.headers['x-amz-version-id'])
  assert.equal(metadata.replicationInfo.status, '')
  const marker = await server.send({ method: 'DELETE', path: '/meta/both/service', as: 'replication' })
  const markerMetadata = await stored('both/service', marker.headers['x-amz-version-id'])
  assert.equal(markerMetadata.replicationInfo.status, '')
})

test('object-metadata/finished sites show the version id that the destination gave', async () => {
  const put = await server.send({ method: 'PUT', path: '/meta/both/done', body: 'x' })
  const id = decodeVersionId(put.headers['x-amz-version-id'] ?? '')
  assert.ok(id !== null)
  const metadataJson = JSON.stringify(await stored('both/done', put.headers['x-amz-version-id']))
  const done = { bucket: 'meta', key: 'both/done', versionId: id, status: 'COMPLETED', metadataJson } as const
  await server.store.ledger.fold([{ ...done, site: 'awsbackend', dataStoreVersionId: 'there-1' }])
  const half = await server.send({ method: 'HEAD', path: '/meta/both/done' })
  assert.equal(half.headers['x-amz-replication-status'], 'PROCESSING')
  assert.equal(half.headers['x-amz-meta-awsbackend-replication-status'], 'COMPLETED')
  assert.equal(half.headers['x-amz-meta-awsbackend-version-id'], 'there-1')
  assert.equal(half.headers['x-amz-meta-azurebackend-replication-status'], 'PENDING')
  await server.store.ledger.fold([{ ...done, site: 'azurebackend', dataStoreVersionId: '' }])
  const whole = await server.send({ method: 'HEAD', path: '/meta/both/done' })
  assert.equal(whole.headers['x-amz-replication-status'], 'COMPLETED')
  assert.equal(whole.headers['x-amz-meta-azurebackend-version-id'], undefined)
})

test('object-metadata/user metadata: names in lower case, values as UTF-8 or encoded words, shown as encoded words', async () => {
  const headers = { 'x-amz-meta-A': Buffer.from('grün').toString('latin1'), 'x-amz-meta-b': '=?UTF-8?Q?=C3=BC?=' }
  const answer = await server.send({ method: 'PUT', path: '/meta/words', headers, body: '' })
  assert.equal(answer.status, 200, answer.body)
  const metadata = await stored('words', answer.headers['x-amz-version-id'])
  assert.equal(metadata['x-amz-meta-a'], 'grün')
  assert.equal(metadata['x-amz-meta-b'], 'ü')
  const head = await server.send({ method: 'HEAD', path: '/meta/words' })
  assert.equal(head.headers['x-amz-meta-a'], '=?UTF-8?B?Z3LDvG4=?=')
})

test('object-metadata/content headers beyond ASCII are stored as text and shown as the bytes that came', async () => {
  const sent = Buffer.from('attachment; filename="ü.txt"').toString('latin1')
  const headers = { 'content-disposition': sent }
  const answer = await server.send({ method: 'PUT', path: '/meta/disposition', headers, body: '' })
  const metadata = await stored('disposition', answer.headers['x-amz-version-id'])
  assert.equal(metadata['content-disposition'], 'attachment; filename="ü.txt"')
  assert.equal((await server.send({ method: 'HEAD', path: '/meta/disposition' })).headers['content-disposition'], sent)
})

test('metadata from another server that no header can carry is counted, and the object is answered', async () => {
  const metadata = newMetadata({
    key: 'foreign',
    account: accounts.bart,
    settings: noSettings,
    size: 0,
    etag: 'a\r\nb',
    location: null,
    dataStoreName: 'us-east-1',
    replicationInfo: {
      ...noReplication,
      status: 'REPLICA',
      storageType: 'aws_s3',
      backends: [{ site: 'si\r\nte', status: 'REPLICA', dataStoreVersionId: '' }],
    },
    originOp: 's3:ObjectCreated:Put',
    now: 0,
  })
  const odd = { 'x-amz-meta-a\r\nx': '1', 'x-amz-meta-é': '2', 'x-amz-meta-fine': 'line\r\nbreak' }
  const address = { bucket: 'meta', key: 'foreign', versionId: null, keepLocation: false, integrity: null }
  await server.store.putReplica({ ...address, metadata: { ...metadata, ...odd } })
  for (const method of ['GET', 'HEAD']) {
    const answer = await server.send({ method, path: '/meta/foreign' })
    assert.equal(answer.status, 200, answer.body)
    assert.equal(answer.headers['x-amz-missing-meta'], '2')
    assert.equal(answer.headers['x-amz-meta-fine'], '=?UTF-8?B?bGluZQ0KYnJlYWs=?=')
    assert.equal(answer.headers['etag'], '"ab"')
  }
})

test('user metadata with a zero character, which encoded words can hide, and ids with some are refused as bad arguments', async () => {
  const before = await server.send({ method: 'PUT', path: '/meta/zero' })
  for (const value of ['=?UTF-8?B?AA==?=', '=?ISO-8859-1?Q?a=00b?=']) {
    const answer = await server.send({ method: 'PUT', path: '/meta/zero', headers: { 'x-amz-meta-a': value } })
    assert.equal(answer.status, 400)
    assert.match(answer.body.toString(), /<Code>InvalidArgument<.*<ArgumentName>x-amz-meta-a</s)
  }
  for (const method of ['GET', 'DELETE']) {
    const answer = await server.send({ method, path: `/meta/zero?versionId=${'0'.repeat(32)}` })
    assert.equal(answer.status, 400, method)
  }
  const head = await server.send({ method: 'HEAD', path: '/meta/zero' })
  assert.equal(head.headers['x-amz-version-id'], before.headers['x-amz-version-id'])
})
