// Goal: versions and their metadata travel through `data`, `metadata` and `batchdelete` as between two servers of the family, and a result of
// replication changes replicationInfo and nothing else. Method: raw requests against the real server, and a look into its store.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { md5Hex } from '../../../src/base/hash.ts'
import { decodeVersionId } from '../../../src/domain/version-id.ts'
import { type RawAnswer, replicationXml } from '../s3/test-server.ts'
import { type BackbeatServer, jsonOf, makeBucket, refusalOf, startBackbeatServer } from './backbeat-server.ts'

let server: BackbeatServer
const bucket = 'meta-bucket'

before(async () => {
  server = await startBackbeatServer()
  await makeBucket(server, bucket)
  const rules = replicationXml([{ storageClass: 'awsbackend,azurebackend', prefix: 'both/' }])
  await server.send({ method: 'PUT', path: `/${bucket}?replication`, body: rules })
  await makeBucket(server, 'lisas-bucket', 'lisa')
})
after(() => server.close())

async function put(key: string, body: string, headers = {}): Promise<string> {
  const answer = await server.send({ method: 'PUT', path: `/${bucket}/${key}`, body, headers })
  return answer.headers['x-amz-version-id'] ?? ''
}

function getMetadata(key: string, versionId: string, of = bucket): Promise<RawAnswer> {
  return server.send({
    method: 'GET',
    path: `/_/backbeat/metadata/${of}/${key}?versionId=${versionId}`,
    as: 'replication',
  })
}

interface Metadata extends Record<string, unknown> {
  readonly replicationInfo: {
    readonly status: string
    readonly backends: readonly {
      readonly site: string
      readonly status: string
      readonly dataStoreVersionId: string
    }[]
  }
}

async function metadataOf(key: string, versionId: string, of = bucket): Promise<Metadata> {
  const metadata: Metadata = JSON.parse(String(jsonOf(await getMetadata(key, versionId, of))['Body']))
  return metadata
}

function putMetadata(
  key: string,
  versionId: string,
  metadata: unknown,
  headers: Readonly<Record<string, string>> = {},
  to = bucket,
): Promise<RawAnswer> {
  const path = `/_/backbeat/metadata/${to}/${key}?versionId=${versionId}`
  return server.send({ method: 'PUT', path, body: Buffer.from(JSON.stringify(metadata)), headers, as: 'replication' })
}

async function putData(
  key: string,
  body: string,
  to = bucket,
): Promise<{ readonly key: string; readonly dataStoreName: string }> {
  const headers = { 'content-md5': md5Hex(body), 'x-scal-canonical-id': 'peer' }
  const answer = await server.send({
    method: 'PUT',
    path: `/_/backbeat/data/${to}/${key}?v2`,
    headers,
    body,
    as: 'replication',
  })
  assert.equal(answer.status, 200, answer.body)
  const [location]: readonly { readonly key: string; readonly dataStoreName: string }[] = JSON.parse(answer.body)
  assert.ok(location !== undefined)
  assert.deepEqual(Object.keys(location), ['key', 'dataStoreName'])
  return location
}

test('the metadata of a version comes as text in JSON, with its fields as the original names them', async () => {
  const versionId = await put('both/o1', 'hello world', { 'x-amz-meta-color': 'blue', 'x-amz-tagging': 'k1=v1' })
  const answer = await getMetadata('both/o1', versionId)
  assert.equal(answer.headers['x-crossbeat-revision'], '1')
  assert.deepEqual(JSON.parse(answer.headers['x-crossbeat-integrity'] ?? ''), {
    crc32: '0d4a1185',
    checksum: { algorithm: 'CRC64NVME', type: 'FULL_OBJECT', value: 'jSnVw/bqjr4=' },
  })
  const metadata = await metadataOf('both/o1', versionId)
  assert.equal(metadata['content-md5'], '5eb63bbbe01eeed093cb22bb8f5acdc3')
  assert.equal(metadata['versionId'], decodeVersionId(versionId))
  assert.equal(metadata['md-model-version'], 6)
  assert.equal(metadata['x-amz-meta-color'], 'blue')
  assert.deepEqual(metadata['tags'], { k1: 'v1' })
  assert.deepEqual(metadata.replicationInfo, {
    status: 'PENDING',
    backends: [
      { site: 'awsbackend', status: 'PENDING', dataStoreVersionId: '' },
      { site: 'azurebackend', status: 'PENDING', dataStoreVersionId: '' },
    ],
    content: ['DATA', 'METADATA'],
    destination: 'arn:aws:s3:::target',
    storageClass: 'awsbackend,azurebackend',
    role: 'arn:aws:iam::123456789012:role/source',
    storageType: 'aws_s3,azure',
    dataStoreVersionId: '',
    isNFS: null,
  })
})

/** What the metadata of every version looks like, but for what its write says. */
function plainMetadata(key: string, metadata: Metadata): Record<string, unknown> {
  return {
    'owner-display-name': 'bart',
    'owner-id': 'canonical-bart',
    'content-length': 0,
    'content-md5': 'd41d8cd98f00b204e9800998ecf8427e',
    'content-language': '',
    'x-amz-version-id': 'null',
    'x-amz-server-version-id': '',
    'x-amz-storage-class': 'STANDARD',
    'x-amz-server-side-encryption': '',
    'x-amz-server-side-encryption-aws-kms-key-id': '',
    'x-amz-server-side-encryption-customer-algorithm': '',
    'x-amz-website-redirect-location': '',
    'x-amz-scal-transition-in-progress': false,
    acl: { Canned: 'private', FULL_CONTROL: [], WRITE_ACP: [], READ: [], READ_ACP: [] },
    key,
    location: null,
    isDeleteMarker: false,
    tags: {},
    replicationInfo: { ...metadata.replicationInfo, content: ['METADATA'] },
    dataStoreName: 'us-east-1',
    originOp: 's3:ObjectCreated:Put',
    deleted: false,
    isPHD: false,
    'last-modified': metadata['last-modified'],
    'md-model-version': 6,
    versionId: metadata['versionId'],
  }
}

test('the metadata of an empty object, of changed tags and of a delete marker has the fields of the original, and no others', async () => {
  const id = await put('both/fields', '', { 'content-type': 'text/plain', 'x-amz-meta-Mixed-Case': 'Val' })
  const written = await metadataOf('both/fields', id)
  const plain = {
    ...plainMetadata('both/fields', written),
    'content-type': 'text/plain',
    'x-amz-meta-mixed-case': 'Val',
  }
  assert.deepEqual(written, plain)
  const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>'
  await server.send({ method: 'PUT', path: `/${bucket}/both/fields?tagging`, body: tagging })
  const tagged = await metadataOf('both/fields', id)
  const content = ['METADATA', 'PUT_TAGGING']
  const replicationInfo = { ...written.replicationInfo, content }
  assert.deepEqual(tagged, { ...plain, tags: { a: 'b' }, originOp: 's3:ObjectTagging:Put', replicationInfo })
  const deleted = await server.send({ method: 'DELETE', path: `/${bucket}/both/fields` })
  const marker = await metadataOf('both/fields', deleted.headers['x-amz-version-id'] ?? '')
  const { 'creation-time': _, ...fields } = marker
  const expected = { ...plainMetadata('both/fields', marker), isDeleteMarker: true }
  assert.deepEqual(fields, { ...expected, originOp: 's3:ObjectRemoved:DeleteMarkerCreated' })
})

test('a delete marker is read by its version, an object without version by null', async () => {
  await put('both/gone', 'x')
  const deleted = await server.send({ method: 'DELETE', path: `/${bucket}/both/gone` })
  const marker = await metadataOf('both/gone', deleted.headers['x-amz-version-id'] ?? '')
  assert.equal(marker['isDeleteMarker'], true)
  await server.send({ method: 'PUT', path: '/plain-bucket' })
  await server.send({ method: 'PUT', path: '/plain-bucket/k', body: 'x' })
  assert.equal((await metadataOf('k', 'null', 'plain-bucket'))['content-length'], 1)
})

test('a replica keeps its version id, gets the owner of its bucket, and is not replicated further', async () => {
  const versionId = await put('both/origin', 'replicated bytes')
  const source = await metadataOf('both/origin', versionId)
  const location = await putData('both/copy', 'replicated bytes', 'lisas-bucket')
  const replica = {
    ...source,
    location: [{ ...location, size: 16, start: 0, dataStoreETag: `1:${md5Hex('replicated bytes')}` }],
    replicationInfo: { ...source.replicationInfo, status: 'REPLICA' },
  }
  const answer = await putMetadata('both/copy', versionId, replica, {}, 'lisas-bucket')
  assert.equal(answer.status, 200, answer.body)
  assert.deepEqual(jsonOf(answer), { versionId: decodeVersionId(versionId) })
  assert.equal(answer.headers['x-amz-version-id'], versionId)
  assert.equal(answer.headers['x-amz-scal-version-id'], versionId)
  const read = await server.send({ method: 'GET', path: '/lisas-bucket/both/copy', as: 'lisa' })
  assert.equal(read.body, 'replicated bytes')
  assert.equal(read.headers['x-amz-version-id'], versionId)
  assert.equal(read.headers['x-amz-replication-status'], 'REPLICA')
  const stored = await metadataOf('both/copy', versionId, 'lisas-bucket')
  assert.equal(stored['owner-id'], 'canonical-lisa')
  const rows = await server.store.ledger.rowsOf({
    bucket: 'lisas-bucket',
    key: 'both/copy',
    versionId: decodeVersionIdOf(versionId),
  })
  assert.deepEqual(rows, [])
  // Once more: nothing changes, and the data stays.
  assert.equal((await putMetadata('both/copy', versionId, replica, {}, 'lisas-bucket')).status, 200)
  assert.equal((await server.send({ method: 'GET', path: '/lisas-bucket/both/copy', as: 'lisa' })).status, 200)
})

function decodeVersionIdOf(shown: string) {
  const id = decodeVersionId(shown)
  assert.ok(id !== null)
  return id
}

test('an older version that arrives later does not become the current one', async () => {
  const older = await put('both/order', 'older')
  const newer = await put('both/order', 'newer')
  const send = async (versionId: string, text: string): Promise<void> => {
    const location = await putData('order', text, 'lisas-bucket')
    const metadata = {
      ...(await metadataOf('both/order', versionId)),
      location: [{ ...location, size: 5, start: 0, dataStoreETag: `1:${md5Hex(text)}` }],
      replicationInfo: { status: 'REPLICA' },
    }
    assert.equal((await putMetadata('order', versionId, metadata, {}, 'lisas-bucket')).status, 200)
  }
  await send(newer, 'newer')
  await send(older, 'older')
  assert.equal((await server.send({ method: 'GET', path: '/lisas-bucket/order', as: 'lisa' })).body, 'newer')
})

test('METADATA content keeps the data, and wants the version to be there', async () => {
  const versionId = await put('both/tags', 'kept bytes')
  const metadata = await metadataOf('both/tags', versionId)
  const change = { ...metadata, location: null, tags: { a: 'b' }, replicationInfo: { status: 'REPLICA' } }
  const headers = { 'x-scal-replication-content': 'METADATA' }
  const refusal = refusalOf(await putMetadata('both/never', versionId, change, headers))
  assert.deepEqual(refusal, [404, 'ObjNotFound', 'This object does not exist'])
  assert.equal((await putMetadata('both/tags', versionId, change, headers)).status, 200)
  const read = await server.send({ method: 'GET', path: `/${bucket}/both/tags` })
  assert.deepEqual([read.body, read.headers['x-amz-tagging-count']], ['kept bytes', '1'])
  // Its own replication was still to be done, and still is.
  assert.equal((await metadataOf('both/tags', versionId)).replicationInfo.status, 'PENDING')
})

function withBackend(metadata: Metadata, site: string, status: string, dataStoreVersionId = ''): Metadata {
  const { replicationInfo } = metadata
  const backends = replicationInfo.backends.map(backend =>
    backend.site === site ? { site, status, dataStoreVersionId } : backend,
  )
  const originOp = 's3:Replication:OperationCompletedReplication'
  return { ...metadata, originOp, replicationInfo: { ...replicationInfo, status: 'PROCESSING', backends } }
}

test('a result of replication changes replicationInfo only, and ends the row of its site', async () => {
  const versionId = await put('both/result', 'x')
  const metadata = await metadataOf('both/result', versionId)
  const result = {
    ...withBackend(metadata, 'awsbackend', 'COMPLETED', 'dest-1'),
    'content-length': 99,
    'owner-id': 'thief',
  }
  const answer = await putMetadata('both/result', versionId, result)
  assert.equal(answer.status, 200, answer.body)
  const stored = await metadataOf('both/result', versionId)
  assert.equal(stored['content-length'], 1)
  assert.equal(stored['owner-id'], 'canonical-bart')
  assert.equal(stored.replicationInfo.status, 'PROCESSING')
  assert.equal(stored.replicationInfo.backends[0]?.dataStoreVersionId, 'dest-1')
  const head = await server.send({ method: 'HEAD', path: `/${bucket}/both/result` })
  assert.equal(head.headers['x-amz-meta-awsbackend-replication-status'], 'COMPLETED')
  assert.equal(head.headers['x-amz-meta-awsbackend-version-id'], 'dest-1')
  const rows = await server.store.ledger.rowsOf({ bucket, key: 'both/result', versionId: decodeVersionIdOf(versionId) })
  assert.deepEqual(rows.map(row => [row.site, row.state]).sort(), [
    ['awsbackend', 'completed'],
    ['azurebackend', 'pending'],
  ])
})

test('two results that were both read before either was written do not undo each other', async () => {
  const versionId = await put('both/race', 'x')
  const metadata = await metadataOf('both/race', versionId)
  await putMetadata('both/race', versionId, withBackend(metadata, 'awsbackend', 'COMPLETED', 'dest-2'))
  await putMetadata('both/race', versionId, withBackend(metadata, 'azurebackend', 'COMPLETED'))
  const { replicationInfo } = await metadataOf('both/race', versionId)
  assert.equal(replicationInfo.status, 'COMPLETED')
  assert.equal(replicationInfo.backends[0]?.dataStoreVersionId, 'dest-2')
})

test('a result for tags that have changed meanwhile leaves the change to be replicated', async () => {
  const versionId = await put('both/late', 'x')
  const metadata = await metadataOf('both/late', versionId)
  const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>'
  await server.send({ method: 'PUT', path: `/${bucket}/both/late?tagging`, body: tagging })
  const answer = await putMetadata('both/late', versionId, withBackend(metadata, 'awsbackend', 'COMPLETED', 'dest'))
  assert.deepEqual([answer.status, answer.headers['x-crossbeat-fold']], [200, 'newer-revision'])
  const stored = await metadataOf('both/late', versionId)
  assert.equal(stored.replicationInfo.status, 'PENDING')
  assert.deepEqual(stored['tags'], { a: 'b' })
})

test('a result for a version that is gone does not bring it back', async () => {
  const versionId = await put('both/back', 'x')
  const metadata = await metadataOf('both/back', versionId)
  await server.send({ method: 'DELETE', path: `/${bucket}/both/back?versionId=${versionId}` })
  const answer = await putMetadata('both/back', versionId, withBackend(metadata, 'awsbackend', 'COMPLETED'))
  assert.deepEqual(refusalOf(answer).slice(0, 2), [404, 'ObjNotFound'])
  assert.equal((await getMetadata('both/back', versionId)).status, 404)
})

test('a version that only claims to be pending is not taken: nothing would ever end it', async () => {
  const versionId = await put('both/claim', 'x')
  const metadata = { ...(await metadataOf('both/claim', versionId)), 'content-length': 0, location: null }
  const answer = await putMetadata('claimed', versionId, metadata, {}, 'lisas-bucket')
  assert.deepEqual(refusalOf(answer).slice(0, 2), [400, 'InvalidRequest'])
})

test('batchdelete removes data that nothing refers to, here and at a cloud', async () => {
  const location = await putData('unwanted', 'unwanted bytes')
  assert.ok(server.bytes.has(location.key))
  const headers = {
    'x-scal-storage-class': 'awsbackend',
    'x-scal-storage-type': 'aws_s3',
    'x-scal-canonical-id': 'c',
    'content-md5': md5Hex('x'),
  }
  const cloud = jsonOf(
    await server.send({
      method: 'PUT',
      path: `/_/backbeat/multiplebackenddata/${bucket}/stray?operation=putobject`,
      headers,
      body: 'x',
      as: 'replication',
    }),
  )
  const [stored]: readonly Record<string, unknown>[] = JSON.parse(JSON.stringify(cloud['location']))
  const body = JSON.stringify({ Locations: [{ ...location, size: 14 }, stored] })
  const answer = await server.send({ method: 'POST', path: '/_/backbeat/batchdelete', body, as: 'replication' })
  assert.deepEqual([answer.status, answer.body], [200, ''])
  assert.equal(server.bytes.has(location.key), false)
  assert.equal(server.aws.versionsOf(`${bucket}/stray`).length, 0)
})

test('with a storage class, batchdelete touches a cloud object only if it is unmodified', async () => {
  const place = { 'x-scal-storage-class': 'awsbackend', 'x-scal-storage-type': 'aws_s3', 'x-scal-canonical-id': 'c' }
  const put = { ...place, 'content-md5': md5Hex('x') }
  const path = `/_/backbeat/multiplebackenddata/${bucket}/marked?operation=putobject`
  await server.send({ method: 'PUT', path, headers: put, body: 'x', as: 'replication' })
  const body = JSON.stringify({ Locations: [{ key: `${bucket}/marked`, dataStoreName: 'awsbackend', size: 1 }] })
  const ask = (more: Readonly<Record<string, string>>) =>
    server.send({
      method: 'POST',
      path: `/_/backbeat/batchdelete/${bucket}/marked`,
      headers: { ...place, 'x-scal-tags': '{"scal-delete-marker":"true"}', ...more },
      body,
      as: 'replication',
    })
  const [stored] = server.aws.versionsOf(`${bucket}/marked`)
  assert.equal((await ask({})).status, 200)
  assert.deepEqual(stored?.attributes.tags, {})
  const before = await ask({ 'if-unmodified-since': '2001-01-01T00:00:00.000Z' })
  assert.deepEqual(refusalOf(before).slice(0, 2), [412, 'PreconditionFailed'])
  assert.equal((await ask({ 'if-unmodified-since': '2101-01-01T00:00:00.000Z' })).status, 200)
  assert.deepEqual(stored?.attributes.tags, { 'scal-delete-marker': 'true' })
})
