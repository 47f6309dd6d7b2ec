// Goal: every way to sign that clients use reaches the same objects: presigned URLs, Signature V2, plain and chunked bodies. Method: one of each
// against the real server, and what happens when it is bent.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import test, { after, before } from 'node:test'
import { presignV4Query } from '../../../src/base/signature-v4.ts'
import { errorCode, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
  await server.send({ method: 'PUT', path: '/signed' })
  await server.send({ method: 'PUT', path: '/signed/o', body: 'hello' })
})

after(() => server.close())

function presigned(method: string, path: string, query = ''): string {
  const signedQuery = presignV4Query({
    method,
    host: `${server.host}:${server.port}`,
    path,
    query,
    region: 'us-east-1',
    service: 's3',
    accessKey: 'bart-key',
    secretKey: 'bart-secret',
    amzDate: new Date().toISOString().replace(/[-:]|\.\d{3}/g, ''),
    expiresSeconds: 60,
  })
  return `${path}?${signedQuery}`
}

test('presigned/GET, PUT and response parameters', async () => {
  const got = await server.send({ method: 'GET', path: presigned('GET', '/signed/o'), as: null })
  assert.equal(got.body, 'hello')
  const overridden = presigned('GET', '/signed/o', 'response-content-type=text%2Fx')
  assert.equal((await server.send({ method: 'GET', path: overridden, as: null })).headers['content-type'], 'text/x')
  const put = await server.send({ method: 'PUT', path: presigned('PUT', '/signed/put'), body: 'by link', as: null })
  assert.equal(put.status, 200, put.body)
  assert.equal((await server.send({ method: 'GET', path: '/signed/put' })).body, 'by link')
})

test('presigned/the query may ask for encryption', async () => {
  const path = presigned('PUT', '/signed/sealed', 'X-Amz-Server-Side-Encryption=AES256')
  const put = await server.send({ method: 'PUT', path, body: 'by link', as: null })
  assert.equal(put.headers['x-amz-server-side-encryption'], 'AES256')
  const head = await server.send({ method: 'HEAD', path: '/signed/sealed' })
  assert.equal(head.headers['x-amz-server-side-encryption'], 'AES256')
})

test('presigned/for another method, key or query it is worth nothing', async () => {
  const link = presigned('GET', '/signed/o')
  const bent = [
    ['DELETE', link],
    ['GET', link.replace('/signed/o', '/signed/put')],
    ['GET', `${link}&response-content-type=x`],
  ] as const
  for (const [method, path] of bent) {
    const answer = await server.send({ method, path, as: null })
    assert.equal(answer.status, 403)
    assert.equal(errorCode(answer), 'SignatureDoesNotMatch')
  }
  assert.equal((await server.send({ method: 'GET', path: '/signed/o' })).body, 'hello')
})

test('signature V2/GET of an object, with the location header that Backbeat sends', async () => {
  const date = new Date().toUTCString()
  const text = `GET\n\n\n\nx-amz-date:${date}\nx-amz-location-constraint:us-east-1\n/signed/o`
  const signature = createHmac('sha1', 'bart-secret').update(text).digest('base64')
  const headers = {
    'x-amz-date': date,
    'x-amz-location-constraint': 'us-east-1',
    authorization: `AWS bart-key:${signature}`,
  }
  const answer = await server.send({ method: 'GET', path: '/signed/o', headers, as: null })
  assert.equal(answer.body, 'hello')
})

test('signature V2/of a bucket, signed with a slash behind its name as boto3 does, or without', async () => {
  const date = new Date().toUTCString()
  const signed = (resource: string): Record<string, string> => {
    const text = `GET\n\n\n\nx-amz-date:${date}\n${resource}`
    const signature = createHmac('sha1', 'bart-secret').update(text).digest('base64')
    return { 'x-amz-date': date, authorization: `AWS bart-key:${signature}` }
  }
  for (const [path, resource, status] of [
    ['/signed', '/signed', 200],
    ['/signed', '/signed/', 200],
    ['/signed?versioning', '/signed?versioning', 200],
    ['/signed?versioning', '/signed/?versioning', 200],
    ['/signed', '/signed/o', 403],
    ['/signed/o', '/signed/o/', 403],
  ] as const) {
    const answer = await server.send({ method: 'GET', path, headers: signed(resource), as: null })
    assert.equal(answer.status, status, `${path} signed as ${resource}: ${answer.body}`)
  }
})

test('signature V2/a file name with an ampersand is given back, one that reads as a parameter is refused', async () => {
  const ask = (disposition: string) => {
    const expires = Math.floor(Date.now() / 1000) + 60
    const text = `GET\n\n\n${expires}\n/signed/o?response-content-disposition=${disposition}`
    const signature = encodeURIComponent(createHmac('sha1', 'bart-secret').update(text).digest('base64'))
    const claim = `AWSAccessKeyId=bart-key&Expires=${expires}&Signature=${signature}`
    const path = `/signed/o?response-content-disposition=${encodeURIComponent(disposition)}&${claim}`
    return server.send({ method: 'GET', path, as: null })
  }
  const named = 'attachment; filename="Q&A=1.pdf"'
  assert.equal((await ask(named)).headers['content-disposition'], named)
  assert.equal(errorCode(await ask('attachment&versionId=null')), 'SignatureDoesNotMatch')
})

test('signature V2/a link for an object is none for its retention or its attributes', async () => {
  const link = (method: string, resource: string) => {
    const expires = Math.floor(Date.now() / 1000) + 60
    const signature = createHmac('sha1', 'bart-secret')
      .update(`${method}\n\n\n${expires}\n${resource}`)
      .digest('base64')
    return `AWSAccessKeyId=bart-key&Expires=${expires}&Signature=${encodeURIComponent(signature)}`
  }
  const plain = await server.send({ method: 'GET', path: `/signed/o?${link('GET', '/signed/o')}`, as: null })
  assert.equal(plain.body, 'hello')
  for (const added of ['retention', 'legal-hold', 'attributes']) {
    for (const method of ['GET', 'PUT']) {
      const path = `/signed/o?${added}&${link(method, '/signed/o')}`
      assert.equal(errorCode(await server.send({ method, path, as: null })), 'SignatureDoesNotMatch', added)
    }
  }
  const listed = await server.send({ method: 'GET', path: `/signed?list-type=2&${link('GET', '/signed/')}`, as: null })
  assert.equal(listed.status, 200, listed.body)
})

test('chunked/an unsigned body with a trailing checksum', async () => {
  const body = 'b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n'
  const headers = {
    'x-amz-decoded-content-length': '11',
    'content-encoding': 'aws-chunked,gzip',
    'x-amz-trailer': 'x-amz-checksum-crc32',
  }
  const payloadHash = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
  const put = await server.send({ method: 'PUT', path: '/signed/chunked', headers, body, payloadHash })
  assert.equal(put.status, 200, put.body)
  assert.equal(put.headers['x-amz-checksum-crc32'], 'DUoRhQ==')
  const got = await server.send({ method: 'GET', path: '/signed/chunked' })
  assert.equal(got.body, 'hello world')
  assert.equal(got.headers['content-encoding'], 'gzip')
})

test('chunked/what stands beside aws-chunked in the content encoding is kept as it was written', async () => {
  for (const [sent, kept] of [
    ['deflate, gzip,aws-chunked', 'deflate, gzip'],
    ['aws-chunked, gzip', 'gzip'],
    ['aws-chunked, aws-chunked', undefined],
  ] as const) {
    const headers = { 'content-encoding': sent }
    assert.equal((await server.send({ method: 'PUT', path: '/signed/encoded', headers, body: 'x' })).status, 200)
    const head = await server.send({ method: 'HEAD', path: '/signed/encoded' })
    assert.equal(head.headers['content-encoding'], kept, sent)
  }
})

test('chunked/only objects and parts come in chunks', async () => {
  for (const payloadHash of ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD']) {
    const answer = await server.send({ method: 'PUT', path: '/signed?versioning=', payloadHash, body: '0\r\n\r\n' })
    assert.equal(answer.status, 400)
    assert.match(answer.body, /<Code>InvalidRequest<.*The value of x-amz-content-sha256 header is invalid\./)
  }
})

test('unknown keys, wrong secrets and old clocks are refused', async () => {
  const now = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '')
  const send = (amzDate: string, authorization: string) => {
    const headers = { authorization, 'x-amz-date': amzDate, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
    return server.send({ method: 'GET', path: '/signed/o', headers, as: null })
  }
  const claim = (access: string, amzDate: string) =>
    `AWS4-HMAC-SHA256 Credential=${access}/${amzDate.slice(0, 8)}/us-east-1/s3/aws4_request, ` +
    `SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${'0'.repeat(64)}`
  assert.equal(errorCode(await send(now, claim('nobody', now))), 'InvalidAccessKeyId')
  assert.equal(errorCode(await send(now, claim('bart-key', now))), 'SignatureDoesNotMatch')
  const old = '20200101T000000Z'
  assert.equal(errorCode(await send(old, claim('bart-key', old))), 'RequestTimeTooSkewed')
  assert.equal(errorCode(await send(now, 'Bearer x')), 'InvalidArgument')
})

test('presigned/user metadata in the query counts as its header, tags and checksums there do not', async () => {
  const metadata =
    'X-Amz-Meta-Color=blue&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-meta-name=%C3%BC%0A&x-amz-tagging=a%3Db'
  const path = presigned('PUT', '/signed/with-metadata', metadata)
  assert.equal((await server.send({ method: 'PUT', path, body: 'hello', as: null })).status, 200)
  const head = await server.send({ method: 'HEAD', path: '/signed/with-metadata' })
  assert.equal(head.headers['x-amz-meta-color'], 'blue')
  assert.equal(head.headers['x-amz-meta-name'], '=?UTF-8?B?w7wK?=')
  assert.equal(head.headers['x-amz-tagging-count'], undefined)
  const added = await server.send({ method: 'PUT', path: `${path}&x-amz-meta-more=1`, body: 'hello', as: null })
  assert.equal(errorCode(added), 'SignatureDoesNotMatch')
})

test('presigned/metadata in the query of a request signed in a header means nothing', async () => {
  await server.send({ method: 'PUT', path: '/signed/plain?x-amz-meta-color=blue', body: 'hello' })
  const head = await server.send({ method: 'HEAD', path: '/signed/plain' })
  assert.deepEqual([head.status, head.headers['x-amz-meta-color']], [200, undefined])
})
