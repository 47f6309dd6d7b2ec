// Sending by the system itself: every byte arrives, in order, at the client it is for, and a client that takes nothing keeps nobody.
import assert from 'node:assert/strict'
import { pbkdf2 } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { until } from '../../test/until.ts'
import { loadSendFile, type SendFile } from './send-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'crossbeat-send-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const content = Buffer.from(Uint32Array.from({ length: 4 * 1024 ** 2 }, (_, index) => index * 2_654_435_761).buffer)
const path = join(folder, 'content')
writeFileSync(path, content)

const ours = await loadSendFile()

/** A test of what Linux on the usual machines must have; elsewhere there is nothing to test. */
function testSending(name: string, run: (sendFile: SendFile) => Promise<void>): void {
  test(name, async context => {
    const must = process.platform === 'linux' && process.arch === 'x64'
    assert.ok(ours !== null || !must, 'the foreign function interface is installed')
    if (ours === null) context.skip('not on this machine')
    else await run(ours)
  })
}

interface Pair {
  readonly server: Socket
  readonly client: Socket
}

/** Runs with a way to make connections, which are ended afterwards. */
async function listening(run: (connected: () => Promise<Pair>) => Promise<void>): Promise<void> {
  const listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  assert.ok(address !== null && typeof address === 'object')
  const sockets: Socket[] = []
  try {
    await run(async () => {
      const accepted = once(listener, 'connection')
      const client = connect({ host: address.address, port: address.port })
      const [server] = await accepted
      assert.ok(server !== undefined)
      // A client that has all it wants leaves.
      server.on('error', () => undefined)
      sockets.push(server, client)
      return { server, client }
    })
  } finally {
    for (const socket of sockets) socket.destroy()
    listener.close()
  }
}

/** Runs with a connection. */
function connected(run: (pair: Pair) => Promise<void>): Promise<void> {
  return listening(async connection => run(await connection()))
}

/** Sends [from, to), waiting by a written byte whenever the connection takes no more; those bytes are the file's, too. */
async function sendAll(sendFile: SendFile, socket: Socket, from: number, to: number): Promise<number> {
  const file = await open(path)
  let sent = 0
  try {
    for (let position = from; position < to; ) {
      const count = await sendFile(socket, file.fd, position, to - position)
      sent += count
      position += count
      if (position === to) break
      await new Promise(resolve => socket.write(content.subarray(position, position + 1), resolve))
      position += 1
    }
    return sent
  } finally {
    await file.close()
  }
}

async function received(client: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of client) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= bytes) break
  }
  return Buffer.concat(chunks)
}

testSending('a file reaches a client whole and in order, however often the connection is full', async sendFile => {
  await connected(async ({ server, client }) => {
    const arriving = received(client, content.length - 1_001)
    const sent = await sendAll(sendFile, server, 1_001, content.length)
    assert.ok(sent > content.length / 2, `${sent} bytes were sent by the system`)
    assert.ok((await arriving).equals(content.subarray(1_001)))
  })
})

testSending(
  'what was written before is not overtaken, and a client that takes nothing keeps nobody',
  async sendFile => {
    await connected(async ({ server, client }) => {
      client.pause()
      const file = await open(path)
      let sent = 0
      for (let count = -1; count !== 0; sent += count)
        count = await sendFile(server, file.fd, sent, content.length - sent)
      assert.ok(sent > 0 && sent < content.length, `${sent} bytes fit between`)
      // What waits in the process comes before what could be sent now.
      server.write(content.subarray(sent, sent + 500_000))
      client.resume()
      assert.equal(await sendFile(server, file.fd, 0, 10), 0)
      const arriving = received(client, sent + 500_000)
      assert.ok((await arriving).equals(content.subarray(0, sent + 500_000)))
      await file.close()
    })
  },
)

testSending('an encrypted and a closed socket cannot be sent to', async sendFile => {
  await connected(async ({ server, client }) => {
    const file = await open(path)
    assert.equal(await sendFile(new TLSSocket(client), file.fd, 0, 10), 0)
    server.destroy()
    assert.equal(await sendFile(server, file.fd, 0, 10), 0)
    await file.close()
  })
})

testSending(
  'hundreds are sent at once, each to its client, and all that was opened for it is closed',
  async sendFile => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    const before = descriptors()
    await Promise.all(
      Array.from({ length: 300 }, (_, index) =>
        connected(async ({ server, client }) => {
          const from = index * 10_007
          const arriving = received(client, 700_000)
          await sendAll(sendFile, server, from, from + 700_000)
          assert.ok((await arriving).equals(content.subarray(from, from + 700_000)), `client ${index}`)
        }),
      ),
    )
    await until(`no more than ${before} descriptors are open`, () => descriptors() <= before)
  },
)

/** Keeps each thread of Node's pool (four) from other work for a while. */
async function poolBusy(): Promise<void> {
  const work = (): Promise<unknown> => promisify(pbkdf2)('a', 'b', 400_000, 64, 'sha512')
  await Promise.all([work(), work(), work(), work()])
}

testSending(
  'a client that leaves while a call is on its way is not mistaken for the one that gets its number',
  async sendFile => {
    const file = await open(path)
    await listening(async connection => {
      const first = await connection()
      const busy = poolBusy()
      const sent = sendFile(first.server, file.fd, 0, 1_000_000)
      // It is queued behind the work of the pool by then.
      for (let turn = 0; turn < 10; turn++) await Promise.resolve()
      const closed = once(first.server, 'close')
      first.server.destroy()
      await closed
      // The system gives the lowest free numbers: one of these gets that of the first.
      const others = [await connection(), await connection()]
      let strangers = 0
      const seen = (chunk: Buffer): void => {
        strangers += chunk.length
      }
      for (const { server, client } of others) for (const socket of [server, client]) socket.on('data', seen)
      await Promise.all([busy, sent])
      // What had come to them by mistake would arrive before what is written now.
      await Promise.all(
        others.flatMap(({ server, client }) => {
          const arrived = [once(client, 'data'), once(server, 'data')]
          server.write('!')
          client.write('!')
          return arrived
        }),
      )
      assert.equal(strangers, 4)
    })
    await file.close()
  },
)

testSending('a thread that breaks while a call is on its way ends the connection', async () => {
  const code = `
    const { createServer } = require('node:net')
    const { openSync } = require('node:fs')
    const { pbkdf2 } = require('node:crypto')
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(async ({ loadSendFile }) => {
      const sendFile = await loadSendFile()
      const listener = createServer(socket => {
        for (let work = 0; work < 4; work++) pbkdf2('a', 'b', 400_000, 64, 'sha512', () => {})
        void sendFile(socket, openSync(workerData.path), 0, 1_000_000)
        setImmediate(() => { throw new Error('broken') })
      })
      listener.listen(0, '127.0.0.1', () => parentPort.postMessage(listener.address().port))
    })`
  const workerData = { path, module: new URL('./send-file.ts', import.meta.url).href }
  const worker = new Worker(code, { eval: true, workerData })
  const failed = once(worker, 'error')
  const [port] = await once(worker, 'message')
  const client = connect({ host: '127.0.0.1', port })
  client.on('error', () => undefined)
  client.resume()
  await Promise.all([once(client, 'close'), failed])
})
