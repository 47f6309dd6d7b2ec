// A client may take an answer as slowly as it likes; one that takes nothing is given up: test/compatibility/s3/server-life.test.ts. Over a socket of the
// file system, whose buffers are small, so that what the client has not read is seen here.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
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
  const options = { requestId: '1', close: true, idle: { periodMs }, unread: undefined }
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
