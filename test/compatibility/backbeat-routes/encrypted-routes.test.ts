// Goal: through `data` and `metadata` a version is stored as encrypted as it is, and nothing is acknowledged that could not be read. Method: raw
// requests of the replication account against the real server, and a look at what lies there.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { md5Hex } from '../../../src/base/hash.ts'
import { codeOf } from '../s3/multipart-steps.ts'
import type { RawAnswer } from '../s3/test-server.ts'
import { type BackbeatServer, jsonOf, makeBucket, startBackbeatServer } from './backbeat-server.ts'

const bucket = 'sealed-bucket'
const body = 'what must not be seen on any disk'
let server: BackbeatServer

before(async () => {
  server = await startBackbeatServer()
  await makeBucket(server, bucket)
  await makeBucket(server, 'plain-bucket')
  const rule =
    '<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>'
  const document = `<ServerSideEncryptionConfiguration>${rule}</ServerSideEncryptionConfiguration>`
  const answer = await server.send({ method: 'PUT', path: `/${bucket}?encryption`, body: document })
  assert.equal(answer.status, 200, answer.body)
})
after(() => server.close())

type Place = Readonly<Record<string, unknown>> & { readonly key: string; readonly dataStoreName: string }

async function putData(query: string, to = bucket): Promise<{ readonly place: Place; readonly answer: RawAnswer }> {
  const headers = { 'content-md5': md5Hex(body), 'x-scal-canonical-id': 'peer' }
  const path = `/_/backbeat/data/${to}/k${query}`
  const answer = await server.send({ method: 'PUT', path, headers, body, as: 'replication' })
  assert.equal(answer.status, 200, answer.body)
  const [place]: readonly Place[] = JSON.parse(answer.body)
  assert.ok(place !== undefined)
  return { place, answer }
}

/** The metadata of an object like it, as the server gives it. */
async function metadataOf(key: string, of = bucket): Promise<Readonly<Record<string, unknown>>> {
  const answer = await server.send({ method: 'GET', path: `/_/backbeat/metadata/${of}/${key}`, as: 'replication' })
  return JSON.parse(String(jsonOf(answer)['Body']))
}

async function putReplica(key: string, place: Place, more: Readonly<Record<string, unknown>> = {}): Promise<RawAnswer> {
  await server.send({ method: 'PUT', path: `/plain-bucket/${key}`, body })
  const like = await metadataOf(key, 'plain-bucket')
  const location = [{ ...place, size: body.length, start: 0, dataStoreETag: `1:${md5Hex(body)}` }]
  const replicationInfo = { status: 'REPLICA', backends: [], content: [], destination: '', storageClass: '', role: '' }
  const metadata = { ...like, location, replicationInfo, dataStoreName: place.dataStoreName, ...more }
  const path = `/_/backbeat/metadata/${bucket}/${key}?versionId=null`
  return server.send({ method: 'PUT', path, body: JSON.stringify(metadata), as: 'replication' })
}

/** As it lies there. */
async function stored({ dataStoreName, key }: Place): Promise<string> {
  const bytes = new Uint8Array(body.length)
  await server.dataStores.get(dataStoreName)?.readInto(key, 0, bytes)
  return Buffer.from(bytes).toString('latin1')
}

test('data for a bucket that encrypts is encrypted, and its place tells how', async () => {
  const { place, answer } = await putData('?v2')
  assert.equal(answer.headers['x-amz-server-side-encryption'], 'AES256')
  assert.deepEqual([place['cryptoScheme'], place['masterKeyId']], [2, 'test'])
  assert.notEqual(await stored(place), body)
  assert.equal((await putReplica('sealed', place)).status, 200)
  const read = await server.send({ method: 'GET', path: `/${bucket}/sealed` })
  assert.equal(read.body, body)
  assert.equal(read.headers['x-amz-server-side-encryption'], 'AES256')
})

test('who does not know of encryption gets a place of plain data, and a bucket that does not encrypt, too', async () => {
  for (const [query, to] of [
    ['', bucket],
    ['?v2', 'plain-bucket'],
  ] as const) {
    const { place, answer } = await putData(query, to)
    assert.deepEqual(Object.keys(place), ['key', 'dataStoreName'])
    assert.equal(answer.headers['x-amz-server-side-encryption'], undefined)
    assert.equal(await stored(place), body)
  }
})

test('a version of plain data does not say that it is encrypted', async () => {
  const { place } = await putData('')
  const claims = {
    'x-amz-server-side-encryption': 'AES256',
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
  }
  assert.equal((await putReplica('claims', place, claims)).status, 200)
  const read = await server.send({ method: 'GET', path: `/${bucket}/claims` })
  assert.deepEqual([read.status, read.body], [200, body])
  assert.equal(read.headers['x-amz-server-side-encryption'], undefined)
})

test('a place that is encrypted in another form, or under a key that is not here, is refused', async () => {
  const { place } = await putData('?v2')
  assert.deepEqual((await putReplica('refused', { ...place, cryptoScheme: 1 })).status, 400)
  assert.equal((await putReplica('refused', { ...place, masterKeyId: 'other' })).status, 503)
  assert.equal((await putReplica('refused', { ...place, cipheredDataKey: 'AAAA' })).status, 503)
  assert.deepEqual(codeOf(await server.send({ method: 'GET', path: `/${bucket}/refused` })), [404, 'NoSuchKey'])
})

test('metadata alone leaves the encryption as it is', async () => {
  await server.send({ method: 'PUT', path: `/${bucket}/kept`, body })
  const metadata = {
    ...(await metadataOf('kept')),
    'x-amz-server-side-encryption': '',
    'x-amz-meta-a': 'b',
    location: null,
  }
  const path = `/_/backbeat/metadata/${bucket}/kept?versionId=${String(await versionOf('kept'))}`
  const headers = { 'x-scal-replication-content': 'METADATA' }
  const answer = await server.send({ method: 'PUT', path, headers, body: JSON.stringify(metadata), as: 'replication' })
  assert.equal(answer.status, 200, answer.body)
  const read = await server.send({ method: 'GET', path: `/${bucket}/kept` })
  assert.equal(read.body, body)
  assert.equal(read.headers['x-amz-meta-a'], 'b')
  assert.equal(read.headers['x-amz-server-side-encryption'], 'AES256')
})

async function versionOf(key: string): Promise<string | undefined> {
  return (await server.send({ method: 'HEAD', path: `/${bucket}/${key}` })).headers['x-amz-version-id']
}
