// Sending by the system itself: every byte arrives, in order, at the client it is for, and a client that takes nothing keeps nobody.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { TLSSocket } from 'node:tls'
import { type FileOutlet, loadFileSending, type OpenOutlet } from './send-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'crossbeat-send-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const content = Buffer.from(Uint32Array.from({ length: 4 * 1024 ** 2 }, (_, index) => index * 2_654_435_761).buffer)
const path = join(folder, 'content')
writeFileSync(path, content)

/** Linux on the usual machines must have it; elsewhere there is nothing to test. */
async function fileSending(): Promise<OpenOutlet | null> {
  const openOutlet = await loadFileSending()
  const must = process.platform === 'linux' && process.arch === 'x64'
  assert.ok(openOutlet !== null || !must, 'the foreign function interface is installed')
  return openOutlet
}

interface Pair {
  readonly server: Socket
  readonly client: Socket
}

async function connected(run: (pair: Pair) => Promise<void>): Promise<void> {
  const listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  assert.ok(address !== null && typeof address === 'object')
  const accepted = once(listener, 'connection')
  const client = connect({ host: address.address, port: address.port })
  const [server] = await accepted
  assert.ok(server !== undefined)
  // A client that has all it wants leaves.
  server.on('error', () => undefined)
  try {
    await run({ server, client })
  } finally {
    server.destroy()
    client.destroy()
    listener.close()
  }
}

/** Sends [from, to), waiting by a written byte whenever the connection takes no more; those bytes are the file's, too. */
async function sendAll(outlet: FileOutlet, socket: Socket, from: number, to: number): Promise<number> {
  const file = await open(path)
  let sent = 0
  try {
    for (let position = from; position < to; ) {
      const count = await outlet.send(file.fd, position, to - position)
      sent += count
      position += count
      if (position === to) break
      await new Promise(resolve => socket.write(content.subarray(position, position + 1), resolve))
      position += 1
    }
    return sent
  } finally {
    outlet.close()
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

test('a file reaches a client whole and in order, however often the connection is full', async context => {
  const openOutlet = await fileSending()
  if (openOutlet === null) return context.skip('not on this machine')
  await connected(async ({ server, client }) => {
    const outlet = openOutlet(server)
    assert.ok(outlet !== null)
    const arriving = received(client, content.length - 1_001)
    const sent = await sendAll(outlet, server, 1_001, content.length)
    assert.ok(sent > content.length / 2, `${sent} bytes were sent by the system`)
    assert.ok((await arriving).equals(content.subarray(1_001)))
  })
})

test('what was written before is not overtaken, and a client that takes nothing keeps nobody', async context => {
  const openOutlet = await fileSending()
  if (openOutlet === null) return context.skip('not on this machine')
  await connected(async ({ server, client }) => {
    client.pause()
    const file = await open(path)
    const outlet = openOutlet(server)
    assert.ok(outlet !== null)
    let sent = 0
    for (let count = -1; count !== 0; sent += count) count = await outlet.send(file.fd, sent, content.length - sent)
    assert.ok(sent > 0 && sent < content.length, `${sent} bytes fit between`)
    // What waits in the process comes before what could be sent now.
    server.write(content.subarray(sent, sent + 500_000))
    client.resume()
    assert.equal(await outlet.send(file.fd, 0, 10), 0)
    const arriving = received(client, sent + 500_000)
    assert.ok((await arriving).equals(content.subarray(0, sent + 500_000)))
    outlet.close()
    await file.close()
  })
})

test('an encrypted and a closed socket cannot be sent to', async context => {
  const openOutlet = await fileSending()
  if (openOutlet === null) return context.skip('not on this machine')
  await connected(async ({ server, client }) => {
    assert.equal(openOutlet(new TLSSocket(client)), null)
    const file = await open(path)
    const outlet = openOutlet(server)
    assert.ok(outlet !== null)
    server.destroy()
    assert.equal(await outlet.send(file.fd, 0, 10), 0)
    outlet.close()
    assert.equal(openOutlet(server), null)
    await file.close()
  })
})

test('hundreds are sent at once, each to its client, and all that was opened for it is closed', async context => {
  const openOutlet = await fileSending()
  if (openOutlet === null) return context.skip('not on this machine')
  const before = readdirSync('/proc/self/fd').length
  await Promise.all(
    Array.from({ length: 300 }, (_, index) =>
      connected(async ({ server, client }) => {
        const outlet = openOutlet(server)
        assert.ok(outlet !== null)
        const from = index * 10_007
        const arriving = received(client, 700_000)
        await sendAll(outlet, server, from, from + 700_000)
        assert.ok((await arriving).equals(content.subarray(from, from + 700_000)), `client ${index}`)
      }),
    ),
  )
  const open = (): number => readdirSync('/proc/self/fd').length
  for (let turn = 0; open() > before && turn < 1_000; turn++) await new Promise(resolve => setImmediate(resolve))
  assert.ok(open() <= before, `${open()} descriptors are open, ${before} were before`)
})
