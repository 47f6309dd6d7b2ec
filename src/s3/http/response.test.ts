// A client may take an answer as slowly as it likes; one that takes nothing is given up: test/compatibility/s3/server-life.test.ts. Over a socket of the
// file system, whose buffers are small, so that what the client has not read is seen here. And what is left of its request is taken from it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { realWorld, sleep } from '../../base/world.ts'
import { writeAnswer } from './response.ts'

const periodMs = 1_500
const chunk = Buffer.alloc(2.5 * 1024 ** 2, 'x')

/** What a client gets that waits `paceMs` after each 64 KiB of the first chunk. */
async function takenBy(paceMs: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-answer-'))
  const socketPath = join(folder, 'socket')
  async function* body(): AsyncIterable<Uint8Array> {
    yield chunk
    yield chunk
  }
  const options = { requestId: '1', close: true, idle: { periodMs }, timers: realWorld.timers }
  const server = createServer((_, response) => {
    void writeAnswer(response, { status: 200, body: body(), length: 2 * chunk.length }, options)
  })
  await new Promise<void>(resolve => server.listen(socketPath, resolve))
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest({ socketPath }, resolve).on('error', reject).end()
    })
    let taken = 0
    for await (const piece of answer) {
      taken += piece.length
      if (taken < chunk.length) await sleep(realWorld.timers, paceMs)
    }
    return taken
  } finally {
    server.close()
    await rm(folder, { recursive: true })
  }
}

test('a client that takes longer over a chunk than a silent one is waited for gets all of it', async () => {
  const began = performance.now()
  assert.equal(await takenBy(100), 2 * chunk.length)
  assert.ok(performance.now() - began > 2 * periodMs, 'it was slow enough to tell')
})

test('a client that still writes when its connection is to be closed reads the whole answer, and may write to the end', async () => {
  const options = { requestId: '1', close: true, idle: { periodMs }, timers: realWorld.timers }
  const server = createServer((_, response) => void writeAnswer(response, { status: 404, body: 'no' }, options))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const socket = connect({ host: '127.0.0.1', port: address.port })
  try {
    socket.write(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 * chunk.length}\r\n\r\n`)
    socket.write(chunk)
    let text = ''
    socket.setEncoding('latin1').on('data', part => {
      text += part
    })
    await once(socket, 'data')
    // Whoever had closed by now, or did not read, would answer this with a reset or take none of it.
    const ended = once(socket, 'end')
    socket.write(chunk)
    await ended
    assert.match(text, /^HTTP\/1\.1 404 .*\r\n\r\nno$/s)
  } finally {
    socket.destroy()
    server.close()
  }
})
