// Goal: what happens to a bucket while a body is on its way counts for the object. Method: a PUT whose body is held back until the bucket was
// changed.
import assert from 'node:assert/strict'
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

/** Sends half of a body, does something, sends the other half; answers status and error code. */
async function slowPut(path: string, size: number, meanwhile: () => Promise<unknown>): Promise<string> {
  const { host, port } = server
  const body = Buffer.alloc(size, 'x')
  const request = { method: 'PUT', path, as: 'bart', payloadHash: 'UNSIGNED-PAYLOAD' } as const
  const headers = {
    ...signedHeaders(`${host}:${port}`, request),
    'content-length': String(size),
    expect: '100-continue',
  }
  const sent = httpRequest({ host, port, method: 'PUT', path, headers, agent: false })
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
