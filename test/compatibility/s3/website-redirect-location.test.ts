// Goal: where an object sends its visitors is kept with it, shown, and never copied. Method: raw requests.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { startTestServer, type TestServer } from './test-server.ts'

const name = 'x-amz-website-redirect-location'
let server: TestServer

before(async () => {
  server = await startTestServer()
  await server.send({ method: 'PUT', path: '/pages' })
})

after(() => server.close())

function put(key: string, headers: Record<string, string>) {
  return server.send({ method: 'PUT', path: `/pages/${key}`, headers })
}

const shown = async (key: string) => (await server.send({ method: 'HEAD', path: `/pages/${key}` })).headers[name]

test('website-redirect-location/of puts and multipart uploads', async () => {
  for (const location of ['/other', 'http://a.example/b', 'https://a.example/']) {
    assert.equal((await put('o', { [name]: location })).status, 200)
    assert.equal(await shown('o'), location)
    assert.equal((await server.send({ method: 'GET', path: '/pages/o' })).headers[name], location)
  }
  const begun = await server.send({ method: 'POST', path: '/pages/m?uploads', headers: { [name]: '/other' } })
  const uploadId = /<UploadId>([^<]*)</.exec(begun.body)?.[1]
  const part = await server.send({ method: 'PUT', path: `/pages/m?partNumber=1&uploadId=${uploadId}`, body: 'x' })
  const parts = `<Part><PartNumber>1</PartNumber><ETag>${part.headers['etag']}</ETag></Part>`
  const body = `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`
  const whole = await server.send({ method: 'POST', path: `/pages/m?uploadId=${uploadId}`, body })
  assert.equal(whole.status, 200, whole.body)
  assert.equal(await shown('m'), '/other')
})

test('website-redirect-location/a copy has its own or none', async () => {
  await put('source', { [name]: '/other' })
  const source = { 'x-amz-copy-source': '/pages/source' }
  for (const directive of ['COPY', 'REPLACE']) {
    const copy = { ...source, 'x-amz-metadata-directive': directive }
    assert.equal((await put('copy', copy)).status, 200)
    assert.equal(await shown('copy'), undefined, directive)
    assert.equal((await put('copy', { ...copy, [name]: '/own' })).status, 200)
    assert.equal(await shown('copy'), '/own', directive)
  }
  assert.equal((await put('source', source)).status, 400)
  assert.equal((await put('source', { ...source, [name]: '/changed' })).status, 200)
  assert.equal(await shown('source'), '/changed')
})
