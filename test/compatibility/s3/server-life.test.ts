// Goal: the server starts, reports, breaks and stops in good order: a failing store or data location costs one request, a client that stops
// reading costs one connection, closing waits for what runs and not for ever. Method: the real server, with one part made to fail.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import test from 'node:test'
import { type DefectEvent, defects, type S3RequestEvent, s3Requests } from '../../../src/base/channels.ts'
import { realWorld } from '../../../src/base/world.ts'
import { serviceError } from '../../../src/domain/errors.ts'
import type { DataStore } from '../../../src/locations/data-store.ts'
import { createMemoryDataStore } from '../../../src/locations/memory/data-store.ts'
import { errorCode, signedHeaders, startTestServer, type TestServer } from './test-server.ts'

async function withServer(
  options: Parameters<typeof startTestServer>[0],
  run: (server: TestServer, seen: DefectEvent[]) => Promise<void>,
): Promise<void> {
  const server = await startTestServer(options)
  const seen: DefectEvent[] = []
  const stop = defects.subscribe(event => seen.push(event))
  try {
    assert.equal((await server.send({ method: 'PUT', path: '/bucket' })).status, 200)
    await run(server, seen)
  } finally {
    stop()
    await server.close()
  }
}

function brokenDataStore(discarded: string[]): DataStore {
  return {
    name: 'us-east-1',
    type: 'file',
    create: () => ({
      key: 'broken',
      write: async () => {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      },
      finish: async () => undefined,
      discard: async () => {
        discarded.push('broken')
      },
    }),
    read: () => assert.fail('nothing can be read'),
    readInto: () => Promise.reject(new Error('not read')),
    remove: async () => undefined,
    async *orphanCandidates() {},
    close: async () => undefined,
  }
}

test('server/a disk that is full is an InternalError of one request, and nothing is stored', async () => {
  const discarded: string[] = []
  await withServer({ dataStores: new Map([['us-east-1', brokenDataStore(discarded)]]) }, async (server, seen) => {
    const answer = await server.send({ method: 'PUT', path: '/bucket/large', body: 'x'.repeat(3_000_000) })
    assert.equal(answer.status, 500)
    assert.equal(errorCode(answer), 'InternalError')
    assert.match(answer.body, new RegExp(`<RequestId>${answer.headers['x-amz-request-id']}</RequestId>`))
    assert.doesNotMatch(answer.body, /no space/)
    assert.deepEqual(discarded, ['broken'])
    assert.equal(seen.length, 1)
    assert.equal(await server.store.version({ bucket: 'bucket', key: 'large', version: 'latest' }), null)
    assert.equal((await server.send({ method: 'PUT', path: '/bucket/small', body: 'x' })).status, 200)
  })
})

test('server/data that is missing is an InternalError, not a broken download', async () => {
  await withServer({}, async (server, seen) => {
    await server.send({ method: 'PUT', path: '/bucket/lost', body: 'x'.repeat(100_000) })
    for (const key of [...server.disk.keys()]) server.loseData(key)
    const told = new Promise<unknown>(resolve => defects.subscribe(resolve))
    const answer = await server.send({ method: 'GET', path: '/bucket/lost' })
    assert.equal(errorCode(answer), 'InternalError')
    await told
    assert.equal(seen.length, 1)
    assert.equal((await server.send({ method: 'HEAD', path: '/bucket/lost' })).status, 200)
  })
})

test('server/data that breaks half-way cuts the connection: a short body is never taken for a whole one', async () => {
  const dataStore: DataStore = {
    ...brokenDataStore([]),
    create: () => ({
      key: 'torn',
      write: async () => undefined,
      finish: async () => undefined,
      discard: async () => undefined,
    }),
    async *read() {
      yield Buffer.alloc(50_000)
      throw new Error('a bad sector')
    },
  }
  await withServer({ dataStores: new Map([['us-east-1', dataStore]]) }, async (server, seen) => {
    await server.send({ method: 'PUT', path: '/bucket/torn', body: 'x'.repeat(100_000) })
    await assert.rejects(server.send({ method: 'GET', path: '/bucket/torn' }), /aborted|hang up/)
    assert.equal(seen.length, 1)
    assert.equal((await server.send({ method: 'HEAD', path: '/bucket/torn' })).status, 200)
  })
})

test('server/a client that closes its connection afterwards reads why its body is refused, though it still writes', async () => {
  await withServer({}, async server => {
    const path = '/nowhere/key'
    const [begin, rest] = [Buffer.alloc(1_000_000), Buffer.alloc(1_000_000)]
    const length = { 'content-length': String(begin.length + rest.length), connection: 'close' }
    const request = { method: 'PUT', path, as: 'bart', headers: length, payloadHash: 'UNSIGNED-PAYLOAD' } as const
    const lines = Object.entries(signedHeaders(`127.0.0.1:${server.port}`, request)).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    const socket = connect({ host: '127.0.0.1', port: server.port })
    socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
    socket.write(begin)
    let text = ''
    socket.setEncoding('latin1').on('data', part => {
      text += part
    })
    await once(socket, 'data')
    assert.match(text, /^HTTP\/1\.1 404 /)
    // Whoever had closed by now would answer this with a reset.
    const ended = once(socket, 'end')
    socket.write(rest)
    await ended
    assert.match(text, /<Code>NoSuchBucket<\/Code>.*<\/Error>$/s)
    socket.destroy()
  })
})

test('server/every request is published with operation, status, size and error code', async () => {
  await withServer({}, async server => {
    const events: S3RequestEvent[] = []
    const told = Promise.withResolvers<void>()
    const stop = s3Requests.subscribe(event => {
      // That of the bucket may be told late, when the server is in other threads.
      if (event.operation !== 'CreateBucket') events.push(event)
      if (events.length === 3) told.resolve()
    })
    const answers = [
      await server.send({ method: 'PUT', path: '/bucket/o', body: 'hello' }),
      await server.send({ method: 'GET', path: '/bucket/o' }),
      await server.send({ method: 'GET', path: '/bucket/none' }),
    ]
    await told.promise
    stop()
    // Other threads tell each in its time.
    const ids = answers.map(({ headers }) => headers['x-amz-request-id'])
    events.sort((one, other) => ids.indexOf(one.requestId) - ids.indexOf(other.requestId))
    const facts = events.map(event => [event.operation, event.status, event.requestBytes, event.errorCode])
    assert.deepEqual(facts, [
      ['PutObject', 200, 5, undefined],
      ['GetObject', 200, 0, undefined],
      ['GetObject', 404, 0, 'NoSuchKey'],
    ])
    assert.equal(events[1]?.responseBytes, 5)
    assert.ok(events.every(event => event.durationMs >= 0 && event.bucket === 'bucket'))
    assert.equal(new Set(events.map(event => event.requestId)).size, 3)
  })
})

test('server/mounted routes get internal paths with the signer; their refusals are JSON', async () => {
  const mountedRoutes: NonNullable<NonNullable<Parameters<typeof startTestServer>[0]>['mountedRoutes']> = async (
    _request,
    response,
    auth,
    call,
  ) => {
    if (call.target.key === 'nothing') return false
    if (auth.kind === 'anonymous') throw serviceError('AccessDenied')
    response.writeHead(200).end(`${auth.account.name} ${call.target.key}`)
    return true
  }
  await withServer({ mountedRoutes }, async server => {
    assert.equal((await server.send({ method: 'GET', path: '/_/backbeat/x' })).body, 'bart backbeat/x')
    const denied = await server.send({ method: 'GET', path: '/_/backbeat/x', as: null })
    assert.equal(denied.status, 403)
    assert.deepEqual(JSON.parse(denied.body), {
      code: 'AccessDenied',
      message: 'Access Denied.',
      resource: null,
      requestId: denied.headers['x-amz-request-id'],
    })
    assert.equal(errorCode(await server.send({ method: 'GET', path: '/_/nothing' })), 'InvalidURI')
  })
})

test('server/a client that stops reading is given up', async () => {
  await withServer({ idleMs: 250 }, async server => {
    await server.send({ method: 'PUT', path: '/bucket/big', body: Buffer.alloc(32 * 1024 * 1024) })
    const host = `${server.host}:${server.port}`
    const headers = signedHeaders(host, { method: 'GET', path: '/bucket/big', as: 'bart' })
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const ended = new Promise<S3RequestEvent>(resolve => {
      const stop = s3Requests.subscribe(event => {
        stop()
        resolve(event)
      })
    })
    const socket = connect(server.port, server.host)
    socket.on('error', () => undefined)
    socket.pause()
    socket.write(`GET /bucket/big HTTP/1.1\r\n${lines.join('')}\r\n`)
    const event = await ended
    assert.ok(event.responseBytes < 32 * 1024 * 1024)
    socket.destroy()
  })
})

test('server/closing waits for a request that runs, and accepts no other', async () => {
  const server = await startTestServer({ graceMs: 5_000 })
  await server.send({ method: 'PUT', path: '/bucket' })
  const path = '/bucket/late'
  const body = 'x'.repeat(50_000)
  const host = `${server.host}:${server.port}`
  const headers = { ...signedHeaders(host, { method: 'PUT', path, as: 'bart', body }), 'content-length': body.length }
  const sent = httpRequest({ host: server.host, port: server.port, method: 'PUT', path, headers, agent: false })
  sent.write(body.slice(0, 10))
  await new Promise<void>(resolve => {
    const look = async (): Promise<void> => {
      if ((await server.send({ method: 'HEAD', path: '/bucket' })).status === 200) resolve()
    }
    sent.on('socket', () => void look())
  })
  const closed = server.close()
  sent.end(body.slice(10))
  const [response] = await once(sent, 'response')
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers.connection, 'close')
  response.resume()
  await closed
  await assert.rejects(server.send({ method: 'HEAD', path: '/bucket' }), /ECONNREFUSED/)
})

test('server/closing ends a kept connection whose answer had begun before it', async () => {
  const store = createMemoryDataStore({ name: 'us-east-1', epoch: '1', random: realWorld.random, disk: new Map() })
  const closing = Promise.withResolvers<void>()
  const slow: DataStore = {
    ...store,
    async *read(...range) {
      yield* store.read(...range)
      // The client has every byte by now, the server does not know yet that these were all.
      await closing.promise
    },
  }
  const server = await startTestServer({ graceMs: 600_000, dataStores: new Map([['us-east-1', slow]]) })
  const agent = new Agent({ keepAlive: true })
  await server.send({ method: 'PUT', path: '/bucket' })
  await server.send({ method: 'PUT', path: '/bucket/o', body: 'x'.repeat(50_000) })
  const headers = signedHeaders(`${server.host}:${server.port}`, { method: 'GET', path: '/bucket/o', as: 'bart' })
  const sent = httpRequest({ host: server.host, port: server.port, path: '/bucket/o', headers, agent })
  sent.end()
  const [response] = await once(sent, 'response')
  response.resume()
  await once(response, 'end')
  const closed = server.close()
  closing.resolve()
  await closed
  agent.destroy()
})

test('server/closing cuts what does not end within the grace period', async () => {
  const server = await startTestServer({ graceMs: 20 })
  await server.send({ method: 'PUT', path: '/bucket' })
  const host = `${server.host}:${server.port}`
  const headers = signedHeaders(host, { method: 'PUT', path: '/bucket/x', as: 'bart', payloadHash: 'UNSIGNED-PAYLOAD' })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const socket = connect(server.port, server.host)
  socket.on('error', () => undefined)
  socket.write(`PUT /bucket/x HTTP/1.1\r\n${lines.join('')}Content-Length: 10\r\n\r\nx`)
  await once(socket, 'connect')
  await server.send({ method: 'HEAD', path: '/bucket' })
  const cut = once(socket, 'close')
  await server.close()
  await cut
})
