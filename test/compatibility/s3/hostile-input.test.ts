// Goal: no request, however broken or spiteful, stops the server, stores anything or spoils the connection of another. Method: send each over
// a socket of its own, look at the answer's code where there can be one, then show that nothing was stored and that the server still serves.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import test, { after, afterEach, before } from 'node:test'
import { defects } from '../../../src/base/channels.ts'
import { sha256Hex } from '../../../src/base/hash.ts'
import { errorCode, signedHeaders, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer
let defectsSeen = 0
const stopCounting = defects.subscribe(() => {
  defectsSeen += 1
})

before(async () => {
  server = await startTestServer({ idleMs: 150 })
  assert.equal((await server.send({ method: 'PUT', path: '/hostile' })).status, 200)
})

after(async () => {
  stopCounting()
  await server.close()
})

afterEach(async () => {
  assert.equal((await server.send({ method: 'HEAD', path: '/hostile' })).status, 200)
  const listed = await server.store.list({
    bucket: 'hostile',
    prefix: '',
    delimiter: '',
    after: '',
    maxKeys: 10,
    what: 'versions',
  })
  assert.deepEqual(listed.entries, [])
  assert.equal(server.disk.size, 0)
  assert.equal(defectsSeen, 0)
})

/** A signed PUT as text, with headers added behind the signed ones. */
function putText(path: string, declaredBody: string, extra: string): string {
  const host = `${server.host}:${server.port}`
  const headers = signedHeaders(host, { method: 'PUT', path, as: 'bart', payloadHash: sha256Hex(declaredBody) })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `PUT ${path} HTTP/1.1\r\n${lines.join('')}${extra}\r\n`
}

test('hostile/not HTTP at all', async () => {
  const answer = await server.raw('\0\x01\x02 garbage\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 400 .*InvalidRequest/s)
  assert.match(answer, /\r\nx-amz-request-id: (\w+)\r\n.*<RequestId>\1<\/RequestId><HostId>\1<\/HostId>/s)
})

test('hostile/a TLS greeting', async () => {
  assert.match(await server.raw(Buffer.from('16030100c8010000c40303', 'hex')), /^HTTP\/1\.1 400 /)
})

test('hostile/a header of a megabyte', async () => {
  const answer = await server.raw(`GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(1_000_000)}\r\n\r\n`)
  assert.match(answer, /^HTTP\/1\.1 400 .*RequestHeaderSectionTooLarge/s)
})

test('hostile/the headers of a PUT have eight kilobytes, those of other requests more', async () => {
  const headers = { 'x-amz-custom': 'd'.repeat(8192) }
  const put = await server.send({ method: 'PUT', path: '//hostile/big', headers })
  assert.equal(put.status, 400)
  assert.equal(errorCode(put), 'RequestHeaderSectionTooLarge')
  assert.match(put.body, /<MaxSizeAllowed>8192</)
  assert.equal((await server.send({ method: 'GET', path: '/hostile', headers })).status, 200)
})

test('hostile/thousands of headers', async () => {
  const many = Array.from({ length: 5000 }, (_, index) => `X-${index}: y\r\n`).join('')
  const answer = await server.raw(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${many}\r\n`)
  assert.match(answer, /^HTTP\/1\.1 (?:400|403) /)
})

test('hostile/content-length twice, and beside transfer-encoding', async () => {
  const smuggled = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  for (const headers of ['Content-Length: 5\r\nContent-Length: 6', 'Content-Length: 5\r\nTransfer-Encoding: chunked']) {
    assert.match(
      await server.raw(`PUT /hostile/x HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${smuggled}`),
      /^HTTP\/1\.1 400 /,
    )
  }
})

for (const path of ['/%', '/hostile/%zz', '/hostile/%ff', '/hostile/a%00b', '//hostile/x', '/hostile?versionId=%zz']) {
  test(`hostile/path ${path}`, async () => {
    const answer = await server.send({ method: 'GET', path, as: null })
    assert.equal(answer.status, 400, answer.body)
    assert.equal(errorCode(answer), 'InvalidURI')
  })
}

test('hostile/a target that is no path', async () => {
  for (const target of ['*', 'hostile/x', 'ftp://x/y', '']) {
    const answer = await server.raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 400 /, target)
  }
})

test('hostile/a body shorter than declared: the client goes away', async () => {
  for (const length of [100, 100_000]) {
    const socket = connect(server.port, server.host)
    socket.write(`${putText('/hostile/cut', 'x'.repeat(length), `Content-Length: ${length}\r\n`)}xxxx`)
    await once(socket, 'connect')
    socket.end()
    socket.resume()
    await once(socket, 'close')
  }
})

test('hostile/a body that stalls is given up with RequestTimeout', async () => {
  for (const length of [100, 100_000]) {
    const answer = await server.raw(
      `${putText('/hostile/slow', 'x'.repeat(length), `Content-Length: ${length}\r\n`)}xxxx`,
    )
    assert.match(answer, /^HTTP\/1\.1 400 .*<Code>RequestTimeout<\/Code>/s)
  }
})

test('hostile/another body than was signed', async () => {
  for (const size of [10, 100_000]) {
    const request = { method: 'PUT', path: '/hostile/other', body: 'x'.repeat(size), payloadHash: sha256Hex('y') }
    assert.equal(errorCode(await server.send(request)), 'XAmzContentSHA256Mismatch')
  }
})

test('hostile/an expectation that nobody knows is passed over', async () => {
  for (const expectation of ['200', '']) {
    const path = `/hostile/expected-${expectation}`
    const head = putText(path, 'abc', `Content-Length: 3\r\nExpect: ${expectation}\r\nConnection: close\r\n`)
    assert.match(await server.raw(`${head}abc`), /^HTTP\/1\.1 200 /)
    assert.equal((await server.send({ method: 'DELETE', path })).status, 204)
  }
})

test('hostile/a hash that is not that of no bytes, where there are none: refused before anything is looked up', async () => {
  const path = '/no-such-bucket/o?tagging'
  for (const method of ['GET', 'PUT', 'DELETE']) {
    assert.equal(
      errorCode(await server.send({ method, path, payloadHash: sha256Hex('y') })),
      'XAmzContentSHA256Mismatch',
    )
  }
  const headers = { 'x-amz-content-sha256': 'incorrect_hash' }
  const unsigned = await server.send({ method: 'PUT', path, as: null, headers })
  assert.equal(errorCode(unsigned), 'XAmzContentSHA256Mismatch')
  assert.match(unsigned.body, /<ClientComputedContentSHA256>incorrect_hash</)
})

test('hostile/no length', async () => {
  const text = putText('/hostile/endless', '', 'Transfer-Encoding: chunked\r\nConnection: close\r\n')
  assert.match(await server.raw(`${text}3\r\nabc\r\n0\r\n\r\n`), /^HTTP\/1\.1 411 .*MissingContentLength/s)
})

test('hostile/more than five gigabytes is refused before it is sent', async () => {
  const text = putText('/hostile/huge', '', 'Content-Length: 5368709121\r\nExpect: 100-continue\r\n')
  const answer = await server.raw(text)
  assert.match(answer, /^HTTP\/1\.1 400 .*EntityTooLarge/s)
  assert.doesNotMatch(answer, /100 Continue/)
})

test('hostile/chunks that lie', async () => {
  const headers = {
    'x-amz-decoded-content-length': '10',
    'content-encoding': 'aws-chunked',
    'x-amz-trailer': 'x-amz-checksum-crc32',
  }
  const payloadHash = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
  const bodies = [
    '',
    'zz\r\n',
    'ffffffffffffffffffff\r\n',
    'a\r\n0123456789\r\n',
    'a\r\n0123456789\r\n0\r\n\r\n',
    'a\r\n0123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n',
    '5\r\n01234\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n',
    `${'0'.repeat(100_000)}a\r\n`,
  ]
  for (const body of bodies) {
    const answer = await server.send({ method: 'PUT', path: '/hostile/chunks', headers, body, payloadHash })
    assert.equal(answer.status, 400, `${body.slice(0, 40)}: ${answer.body}`)
  }
})

const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><ReplicationConfiguration><Role>&b;</Role></ReplicationConfiguration>`
const documents: readonly (readonly [string, string])[] = [
  ['entities', bomb],
  ['an external entity', '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'],
  ['depth', `${'<a>'.repeat(50_000)}${'</a>'.repeat(50_000)}`],
  ['many elements', `<ReplicationConfiguration>${'<Rule/>'.repeat(150_000)}</ReplicationConfiguration>`],
  ['a long text', `<ReplicationConfiguration><Role>${'x'.repeat(1_000_000)}</Role></ReplicationConfiguration>`],
  ['many attributes', `<ReplicationConfiguration ${Array.from({ length: 5000 }, (_, i) => `a${i}="x"`).join(' ')}/>`],
  ['no UTF-8', '\xff\xfe<x/>'],
  ['a processing instruction', '<?php x ?><ReplicationConfiguration/>'],
  ['a prototype', '<ReplicationConfiguration><__proto__><Rule/></__proto__><constructor/></ReplicationConfiguration>'],
]

for (const [name, xml] of documents) {
  test(`hostile/XML with ${name}`, async () => {
    const paths = [
      '/hostile?replication=',
      '/hostile?versioning=',
      '/hostile-new',
      '/hostile?delete=',
      '/hostile/k?tagging=',
    ]
    for (const path of paths) {
      const method = path.endsWith('delete=') ? 'POST' : 'PUT'
      const answer = await server.send({ method, path, body: Buffer.from(xml, 'latin1') })
      assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status} ${answer.body}`)
    }
    assert.equal((await server.send({ method: 'HEAD', path: '/hostile-new' })).status, 404)
  })
}

test('hostile/a document larger than any', async () => {
  const answer = await server.send({ method: 'PUT', path: '/hostile?replication=', body: 'x'.repeat(3_000_000) })
  assert.equal(errorCode(answer), 'MaxMessageLengthExceeded')
})

test('early-answer/the connection goes on after a body that nobody read', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const sockets = new Set<unknown>()
  for (let round = 0; round < 3; round++) {
    const body = Buffer.alloc(2_000_000)
    const sent = httpRequest({
      host: server.host,
      port: server.port,
      agent,
      method: 'PUT',
      path: '/hostile/x',
      headers: { 'content-length': body.length },
    })
    sent.on('socket', socket => sockets.add(socket))
    sent.end(body)
    const [response] = await once(sent, 'response')
    assert.equal(response.statusCode, 403)
    response.resume()
    await once(response, 'end')
  }
  assert.equal(sockets.size, 1)
  agent.destroy()
})

test('early-answer/a client that waits for 100 Continue gets the refusal instead', async () => {
  const answer = await server.raw(
    'PUT /hostile/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n',
  )
  assert.match(answer, /^HTTP\/1\.1 403 .*Connection: close.*AccessDenied/s)
})

test('early-answer/pipelined requests are answered in order', async () => {
  const one = 'GET /?n HTTP/1.1\r\nHost: x\r\n\r\n'
  const answer = await server.raw(`${one}${one}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  assert.equal(answer.match(/HTTP\/1\.1 403/g)?.length, 3)
})
