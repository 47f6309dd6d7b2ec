// The network against a server that behaves badly: what kind of error shows, whether the request may have arrived, and that connections of
// requests that were given up are gone.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import {
  drained,
  type FaultyServer,
  garbage,
  hang,
  resetAfterBody,
  resetAtOnce,
  startFaultyServer,
  truncated,
} from '../../test/fakes/faulty-server.ts'
import { createHttpClient, HttpError, type HttpRequest } from './http-client.ts'

let server: FaultyServer
const http = createHttpClient({ connectionsMax: 2 })
/** For those servers that let it wait; where they answer, a busy machine could take longer than this. */
const hasty = createHttpClient({ headersTimeoutMs: 100 })

before(async () => {
  server = await startFaultyServer()
})
after(async () => {
  await server.close()
  await http.close()
  await hasty.close()
})

function put(more: Partial<HttpRequest> = {}): HttpRequest {
  return {
    origin: `http://${server.host}`,
    method: 'PUT',
    path: '/a/../b//c%20?x',
    headers: {},
    body: Buffer.from('hello'),
    ...more,
  }
}

async function* manyChunks(count: number): AsyncIterable<Uint8Array> {
  for (let index = 0; index < count; index += 1) yield Buffer.alloc(64 * 1024)
}

async function errorOf(promise: Promise<unknown>): Promise<HttpError> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof HttpError, String(error))
    return error
  }
  throw new assert.AssertionError({ message: 'no error' })
}

test('path, headers and body arrive as they were given, and connections are kept', async () => {
  const accepted = server.accepted
  server.behave(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    response.setHeader('x-two', ['a', 'b'])
    response.end(
      `${request.url} ${request.headers['x-one']} ${request.headers['content-length']} ${Buffer.concat(chunks)}`,
    )
  })
  for (const body of [Buffer.from('hello'), manyStrings('hel', 'lo')]) {
    let sent = 0
    const answer = await http.request(
      put({ headers: { 'x-one': '\u00c3\u00bc' }, body, contentLength: 5, onSent: () => (sent += 1) }),
    )
    assert.equal(answer.body.toString(), '/a/../b//c%20?x \u00c3\u00bc 5 hello')
    assert.equal(answer.headers['x-two'], 'a, b')
    assert.equal(sent, 1)
  }
  assert.ok(server.accepted - accepted <= 2)
})

async function* manyStrings(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

test('a refused connection is told from one that broke', async () => {
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  await once(closed, 'close')
  const error = await errorOf(http.request(put({ origin: `http://127.0.0.1:${port}` })))
  assert.deepEqual([error.kind, error.code, error.sent], ['connect', 'ECONNREFUSED', false])
})

test('a connection that breaks before the whole body was sent leaves nothing in doubt', async () => {
  server.behave(resetAtOnce)
  const error = await errorOf(http.request(put({ body: manyChunks(1000), contentLength: 64_000 * 1024 })))
  assert.deepEqual([error.kind, error.sent], ['reset', false])
})

test('a connection that breaks after the last byte leaves the outcome in doubt', async () => {
  server.behave(resetAfterBody)
  for (const body of [Buffer.from('hello'), manyStrings('hello')]) {
    const error = await errorOf(http.request(put({ body, contentLength: 5 })))
    assert.deepEqual([error.kind, error.sent], ['reset', true])
  }
})

test('no answer in time destroys the connection and leaves the outcome in doubt', async () => {
  server.behave(hang)
  const error = await errorOf(hasty.request(put()))
  assert.deepEqual([error.kind, error.sent], ['timeout', true])
  await server.lastClosed()
})

test('a request given up under way has its connection destroyed', async () => {
  server.behave(hang)
  const giveUp = new AbortController()
  const error = await errorOf(
    http.request(put({ signal: giveUp.signal, onSent: () => setImmediate(() => giveUp.abort()) })),
  )
  assert.deepEqual([error.kind, error.sent], ['aborted', true])
  await server.lastClosed()
})

test('a request given up while it waits for a connection is never sent', async () => {
  let seen = 0
  server.behave(async request => {
    seen += 1
    await drained(request)
  })
  const giveUp = new AbortController()
  const waiting = [1, 2, 3].map(() => errorOf(http.request(put({ signal: giveUp.signal }))))
  setImmediate(() => giveUp.abort())
  const errors = await Promise.all(waiting)
  assert.deepEqual(
    errors.map(error => error.kind),
    ['aborted', 'aborted', 'aborted'],
  )
  assert.equal(errors[2]?.sent, false)
  assert.ok(seen <= 2)
  await server.lastClosed()
})

test('an answer that ends early or is no HTTP is an error', async () => {
  server.behave(truncated)
  assert.equal((await errorOf(http.request(put()))).sent, true)
  server.behave(garbage)
  assert.deepEqual([(await errorOf(http.request(put()))).kind], ['answer'])
})

test('an answer longer than expected is not collected', async () => {
  server.behave(async (request, response) => {
    await drained(request)
    response.end(Buffer.alloc(2000))
  })
  const error = await errorOf(http.request(put({ answerBytesMax: 1000 })))
  assert.deepEqual([error.kind, error.sent], ['answer', true])
})

test('an answer that arrives in drips is given up, though it never stops', async () => {
  server.behave((request, response) => {
    request.resume()
    response.write('<')
    const drip = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(drip))
  })
  // Many drips to a time-out, so that none comes too late for it.
  const slow = createHttpClient({ bodyTimeoutMs: 1_000 })
  const error = await errorOf(slow.request(put()))
  assert.deepEqual([error.kind, error.code, error.sent], ['timeout', 'AnswerTooSlow', true])
  await slow.close()
})

test('what the body throws is what the request fails with', async () => {
  server.behave(hang)
  const gone = new Error('the source is gone')
  const body = (async function* () {
    yield Buffer.from('he')
    throw gone
  })()
  await assert.rejects(http.request(put({ body, contentLength: 5 })), gone)
  await server.lastClosed()
})

test('https to a server without it is a fault of trust, not of the moment', async () => {
  const error = await errorOf(http.request(put({ origin: `https://${server.host}` })))
  assert.deepEqual([error.kind, error.sent], ['tls', false])
})

test('a header that cannot be sent says so', async () => {
  const error = await errorOf(http.request(put({ headers: { 'x-bad': 'a\nb' } })))
  assert.deepEqual([error.kind, error.sent], ['request', false])
})

test('an answer can be streamed, left early, or break', async () => {
  server.behave(async (request, response) => {
    await drained(request)
    response.writeHead(206, { 'content-length': String(640 * 1024) })
    for (let index = 0; index < 10; index += 1) response.write(Buffer.alloc(64 * 1024))
    response.end()
  })
  const { status, body } = await http.stream(put())
  assert.equal(status, 206)
  let size = 0
  for await (const chunk of body) size += chunk.byteLength
  assert.equal(size, 640 * 1024)
  for await (const chunk of (await http.stream(put())).body) {
    assert.ok(chunk.byteLength > 0)
    break
  }
  server.behave(truncated)
  const broken = await http.stream(put())
  const reading = (async () => {
    for await (const _ of broken.body);
  })()
  assert.equal((await errorOf(reading)).kind, 'reset')
})
