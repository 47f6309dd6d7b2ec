// Goal: deletions hold only under their conditions: ETag, time and size, of the current version or of the one that is named, one by one and in
// DeleteObjects. Method: raw signed requests over the real server.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { md5Hex } from '../../../src/base/hash.ts'
import { errorCode, startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
  for (const name of ['plain', 'versioned']) await server.send({ method: 'PUT', path: `/${name}` })
  await server.send({ method: 'PUT', path: '/versioned?versioning=', body: versioningEnabled })
})

after(() => server.close())

async function put(bucket: string, key: string, body = 'abc') {
  const { headers } = await server.send({ method: 'PUT', path: `/${bucket}/${key}`, body })
  const head = await server.send({ method: 'HEAD', path: `/${bucket}/${key}` })
  return { versionId: headers['x-amz-version-id'] ?? '', modified: head.headers['last-modified'] ?? '' }
}

const etag = `"${md5Hex('abc')}"`
const longAgo = 'Wed, 01 Jan 2020 00:00:00 GMT'

for (const bucket of ['plain', 'versioned']) {
  test(`delete-object/conditions: of the current version (${bucket})`, async () => {
    const { modified } = await put(bucket, 'k')
    const attempt = (headers: Record<string, string>) =>
      server.send({ method: 'DELETE', path: `/${bucket}/k`, headers })
    for (const headers of [
      { 'if-match': '"other"' },
      { 'x-amz-if-match-size': '4' },
      { 'x-amz-if-match-last-modified-time': longAgo },
      { 'if-match': etag, 'x-amz-if-match-size': '4' },
    ]) {
      const answer = await attempt(headers)
      assert.deepEqual([answer.status, errorCode(answer)], [412, 'PreconditionFailed'], JSON.stringify(headers))
    }
    const all = { 'if-match': etag, 'x-amz-if-match-size': '3', 'x-amz-if-match-last-modified-time': modified }
    assert.equal((await attempt(all)).status, 204)
    assert.equal((await server.send({ method: 'HEAD', path: `/${bucket}/k` })).status, 404)
    const absent = await server.send({ method: 'DELETE', path: `/${bucket}/none`, headers: { 'if-match': '"other"' } })
    assert.equal(absent.status, 204, 'what is not there is deleted')
  })
}

test('delete-object/conditions: of the version that is named, not of the current one', async () => {
  const { versionId } = await put('versioned', 'named')
  await put('versioned', 'named', 'newer')
  const attempt = (match: string) =>
    server.send({ method: 'DELETE', path: `/versioned/named?versionId=${versionId}`, headers: { 'if-match': match } })
  assert.equal((await attempt(`"${md5Hex('newer')}"`)).status, 412)
  assert.equal((await attempt(etag)).status, 204)
})

test('delete-object/conditions: what is deleted already is no object of any ETag, time or size, but it is there', async () => {
  const { modified } = await put('versioned', 'gone')
  await server.send({ method: 'DELETE', path: '/versioned/gone' })
  const attempt = (headers: Record<string, string>) =>
    server.send({ method: 'DELETE', path: '/versioned/gone', headers })
  for (const headers of [
    { 'if-match': etag },
    { 'x-amz-if-match-size': '3' },
    { 'x-amz-if-match-last-modified-time': modified },
  ]) {
    const answer = await attempt(headers)
    assert.deepEqual([answer.status, errorCode(answer)], [412, 'PreconditionFailed'], JSON.stringify(headers))
  }
  const answer = await attempt({ 'if-match': '*' })
  assert.deepEqual([answer.status, answer.headers['x-amz-delete-marker']], [204, 'true'])
})

test('delete-object/conditions: times and sizes that are none are bad arguments', async () => {
  for (const headers of [{ 'x-amz-if-match-size': 'x' }, { 'x-amz-if-match-last-modified-time': 'tomorrow' }]) {
    const answer = await server.send({ method: 'DELETE', path: '/plain/k', headers })
    assert.deepEqual([answer.status, errorCode(answer)], [400, 'InvalidArgument'], JSON.stringify(headers))
  }
})

test('delete-objects/conditions: each entry under its own', async () => {
  const { modified } = await put('plain', 'a')
  for (const key of ['b', 'c', 'd']) await put('plain', key)
  const entry = (key: string, condition: string) => `<Object><Key>${key}</Key>${condition}</Object>`
  const time = new Date(modified).toISOString()
  const body = `<Delete>${[
    entry('a', `<ETag>${etag}</ETag><LastModifiedTime>${time}</LastModifiedTime><Size>3</Size>`),
    entry('b', '<ETag>other</ETag>'),
    entry('c', '<Size>4</Size>'),
    entry('d', `<LastModifiedTime>${longAgo}</LastModifiedTime>`),
  ].join('')}</Delete>`
  const headers = { 'content-md5': Buffer.from(md5Hex(body), 'hex').toString('base64') }
  const answer = await server.send({ method: 'POST', path: '/plain?delete=', body, headers })
  assert.match(answer.body, /<Deleted><Key>a<\/Key><\/Deleted>/)
  assert.equal(answer.body.match(/<Code>PreconditionFailed<\/Code>/g)?.length, 3)
})
