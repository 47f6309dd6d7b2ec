// Goal: one request, one answer. What stops being HTTP after a request was answered, or while others are, gets no answer of its own amid theirs. Method:
// bytes over a socket, the broken ones only when the server has answered, or cannot have ended its answer yet.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import test, { after, before } from 'node:test'
import { signedHeaders, startTestServer, type TestServer } from './test-server.ts'

/** Larger than what a client that reads nothing can be sent. */
const bigBytes = 32 * 1024 * 1024

let server: TestServer

before(async () => {
  server = await startTestServer()
  assert.equal((await server.send({ method: 'PUT', path: '/bucket' })).status, 200)
  assert.equal((await server.send({ method: 'PUT', path: '/bucket/big', body: Buffer.alloc(bigBytes) })).status, 200)
})

after(() => server.close())

/** The head of a request, with headers added behind the signed ones. */
function headOf(method: string, path: string, extra = ''): string {
  const request = { method, path, as: 'bart', payloadHash: 'UNSIGNED-PAYLOAD' } as const
  const lines = Object.entries(signedHeaders(`${server.host}:${server.port}`, request))
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}${extra}\r\n`
}

function opened(): Socket {
  return connect({ host: server.host, port: server.port, allowHalfOpen: true })
}

/** All that comes until the server ends the connection. */
async function restOf(socket: Socket): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of socket) pieces.push(piece)
  return Buffer.concat(pieces).toString('latin1')
}

/** What the server says once a request was refused whose body goes on like this; `undefined`: the client has no more to send. */
async function answerBefore(head: string, begin: string, rest: string | undefined): Promise<string> {
  const socket = opened()
  socket.write(`${head}${begin}`)
  const [first] = await once(socket, 'data')
  if (rest === undefined) socket.end()
  else socket.write(rest)
  const text = `${first.toString('latin1')}${await restOf(socket)}`
  socket.destroy()
  return text
}

const countOf = (text: string) => text.match(/HTTP\/1\.1 \d+/g)

for (const connection of ['keep-alive', 'close']) {
  const chunked = `Transfer-Encoding: chunked\r\nConnection: ${connection}\r\n`

  test(`one-answer/a malformed chunk of a body that was refused only ends the connection (${connection})`, async () => {
    const text = await answerBefore(headOf('PUT', '/nowhere/o', chunked), '3\r\nabc\r\n', 'no chunk\r\n')
    assert.deepEqual(countOf(text), ['HTTP/1.1 404'])
    assert.match(text, /<Code>NoSuchBucket<\/Code>.*<\/Error>$/s)
  })

  test(`one-answer/a body that was refused and is not sent to its end only ends the connection (${connection})`, async () => {
    const length = `Content-Length: 1000\r\nConnection: ${connection}\r\n`
    const text = await answerBefore(headOf('PUT', '/nowhere/o', length), 'abc', undefined)
    assert.deepEqual(countOf(text), ['HTTP/1.1 404'])
  })

  test(`one-answer/a body that is malformed before its answer has begun is refused, once (${connection})`, async () => {
    const text = await server.raw(`${headOf('PUT', '/nowhere/o', chunked)}no chunk\r\n`)
    assert.deepEqual(countOf(text), ['HTTP/1.1 400'])
    assert.match(text, /<Code>InvalidRequest<\/Code>/)
  })
}

/** What comes when a download has begun, and its client sends on before it reads on. */
async function answersAmid(download: string, rest: string): Promise<{ readonly body: string; readonly after: string }> {
  const socket = opened()
  socket.write(download)
  const [first] = await once(socket, 'data')
  socket.pause()
  await new Promise(resolve => socket.write(rest, resolve))
  const text = `${first.toString('latin1')}${await restOf(socket)}`
  socket.destroy()
  assert.match(text, /^HTTP\/1\.1 200 /)
  const begin = text.indexOf('\r\n\r\n') + 4
  return { body: text.slice(begin, begin + bigBytes), after: text.slice(begin + bigBytes) }
}

test('one-answer/what follows a request and is not HTTP is refused after its answer', async () => {
  const { body, after: next } = await answersAmid(headOf('GET', '/bucket/big'), '\0garbage\r\n\r\n')
  assert.equal(body === '\0'.repeat(bigBytes), true)
  assert.match(next, /^HTTP\/1\.1 400 .*<Code>InvalidRequest<\/Code>.*<\/Error>$/s)
})

test('one-answer/what follows the last request of a connection is passed over', async () => {
  const last = headOf('GET', '/bucket/big', 'Connection: close\r\n')
  const { body, after: next } = await answersAmid(last, '\0garbage\r\n\r\n')
  assert.equal(body === '\0'.repeat(bigBytes), true)
  assert.equal(next, '')
})

test('one-answer/a body that is malformed while another request is answered writes nothing into that answer', async () => {
  const put = headOf('PUT', '/bucket/o', 'Transfer-Encoding: chunked\r\n')
  const { body, after: next } = await answersAmid(headOf('GET', '/bucket/big'), `${put}no chunk\r\n`)
  assert.equal(body === '\0'.repeat(body.length), true)
  assert.equal(next, '')
})
