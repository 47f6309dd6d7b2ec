// Goal: what happens to a bucket while a body is on its way counts for the object. Method: a PUT whose body is held back until the bucket was
// changed.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import test, { after, before } from 'node:test'
import {
  errorCode,
  replicationXml,
  signedHeaders,
  startTestServer,
  type TestServer,
  versioningEnabled,
} from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})

after(() => server.close())

function slowPut(path: string, size: number, meanwhile: () => Promise<unknown>): Promise<string> {
  return slowly({ method: 'PUT', path, body: Buffer.alloc(size, 'x') }, meanwhile)
}

interface SlowRequest {
  readonly method: 'PUT' | 'POST'
  readonly path: string
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends half of a body, does something, sends the other half; answers status and error code. */
async function slowly(
  { method, path, body, headers: own = {} }: SlowRequest,
  meanwhile: () => Promise<unknown>,
): Promise<string> {
  const { host, port } = server
  const size = body.byteLength
  const request = { method, path, headers: own, as: 'bart', payloadHash: 'UNSIGNED-PAYLOAD' } as const
  const headers = {
    ...own,
    ...signedHeaders(`${host}:${port}`, request),
    'content-length': String(size),
    expect: '100-continue',
  }
  const sent = httpRequest({ host, port, method, path, headers, agent: false })
  const answered = new Promise<string>((resolve, reject) => {
    sent.on('error', reject)
    sent.on('response', async response => {
      const text = Buffer.concat(await response.toArray()).toString('utf8')
      resolve(`${response.statusCode} ${errorCode({ status: 0, headers: {}, body: text })}`.trim())
    })
  })
  // The server has looked at the bucket by the time it asks for the body.
  await new Promise(resolve => {
    sent.once('continue', resolve)
    sent.flushHeaders()
  })
  sent.write(body.subarray(0, size / 2))
  await meanwhile()
  sent.end(body.subarray(size / 2))
  return answered
}

for (const size of [100, 100_000]) {
  test(`slow-put/${size} bytes for a bucket that somebody else made again meanwhile are not stored there`, async () => {
    const bucket = `again-${size}`
    await server.send({ method: 'PUT', path: `/${bucket}` })
    const answer = await slowPut(`/${bucket}/o`, size, async () => {
      assert.equal((await server.send({ method: 'DELETE', path: `/${bucket}` })).status, 204)
      assert.equal((await server.send({ method: 'PUT', path: `/${bucket}`, as: 'lisa' })).status, 200)
    })
    assert.equal(answer, '404 NoSuchBucket')
    assert.equal(await server.store.version({ bucket, key: 'o', version: 'latest' }), null)
    assert.equal(server.disk.size, 0)
  })
}

test('slow-put/an object goes where the replication configuration of its end says', async () => {
  await server.send({ method: 'PUT', path: '/grows' })
  const answer = await slowPut('/grows/o', 100_000, async () => {
    await server.send({ method: 'PUT', path: '/grows?versioning', body: versioningEnabled })
    const set = await server.send({ method: 'PUT', path: '/grows?replication', body: replicationXml([{}]) })
    assert.equal(set.status, 200, set.body)
  })
  assert.equal(answer, '200')
  const head = await server.send({ method: 'HEAD', path: '/grows/o' })
  assert.equal(head.headers['x-amz-replication-status'], 'PENDING')
  assert.notEqual(head.headers['x-amz-version-id'], 'null')
})

const policy = JSON.stringify({
  Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::taken/*' }],
})

test('slow-put/a document that ends when its bucket is somebody else`s changes nothing of that one', async () => {
  const versioned = '<Delete><Object><Key>o</Key></Object></Delete>'
  const documents: readonly SlowRequest[] = [
    { method: 'PUT', path: '/taken?policy', body: Buffer.from(policy) },
    { method: 'PUT', path: '/taken?versioning', body: Buffer.from(versioningEnabled) },
    { method: 'POST', path: '/taken?delete', body: Buffer.from(versioned), headers: md5Of(versioned) },
  ]
  for (const document of documents) {
    await server.send({ method: 'PUT', path: '/taken' })
    const answer = await slowly(document, async () => {
      assert.equal((await server.send({ method: 'DELETE', path: '/taken' })).status, 204)
      assert.equal((await server.send({ method: 'PUT', path: '/taken', as: 'lisa' })).status, 200)
      assert.equal((await server.send({ method: 'PUT', path: '/taken/o', as: 'lisa', body: 'hers' })).status, 200)
    })
    assert.equal(answer, '404 NoSuchBucket', document.path)
    const bucket = await server.store.bucket('taken')
    assert.deepEqual([bucket?.settings, bucket?.versioning], [{}, 'Unversioned'])
    assert.equal((await server.send({ method: 'DELETE', path: '/taken/o', as: 'lisa' })).status, 204)
    assert.equal((await server.send({ method: 'DELETE', path: '/taken', as: 'lisa' })).status, 204)
  }
})

function md5Of(text: string): Readonly<Record<string, string>> {
  return { 'content-md5': createHash('md5').update(text).digest('base64') }
}

test('slow-put/deletions that end when their bucket keeps versions make markers', async () => {
  await server.send({ method: 'PUT', path: '/kept' })
  await server.send({ method: 'PUT', path: '/kept/o', body: 'x' })
  const text = '<Delete><Object><Key>o</Key></Object></Delete>'
  const request = { method: 'POST', path: '/kept?delete', body: Buffer.from(text), headers: md5Of(text) } as const
  const enable = () => server.send({ method: 'PUT', path: '/kept?versioning', body: versioningEnabled })
  assert.equal(await slowly(request, enable), '200')
  assert.equal((await server.send({ method: 'GET', path: '/kept/o?versionId=null' })).body, 'x')
})

test('slow-put/a public object that ends when public lists are kept out is not stored', async () => {
  await server.send({ method: 'PUT', path: '/closed' })
  const block =
    '<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>'
  const request = { method: 'PUT', path: '/closed/o', body: Buffer.alloc(100_000) } as const
  const answer = await slowly({ ...request, headers: { 'x-amz-acl': 'public-read' } }, async () => {
    const set = await server.send({ method: 'PUT', path: '/closed?publicAccessBlock', body: block })
    assert.equal(set.status, 200, set.body)
  })
  assert.equal(answer, '403 AccessDenied')
  assert.equal(await server.store.version({ bucket: 'closed', key: 'o', version: 'latest' }), null)
})
