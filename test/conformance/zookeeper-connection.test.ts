// What the native client of ZooKeeper does with its sockets, as far as the state store depends on it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { after, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { controlEvents } from '../../src/base/channels.ts'
import { realWorld } from '../../src/base/world.ts'
import { openZookeeperStateStore, type ZookeeperStateStore } from '../../src/control/zookeeper/state-store.ts'
import { uniqueName, zookeeperServer } from '../services/available.ts'

const zookeeper = await zookeeperServer()
after(() => zookeeper.stop())

async function openStore(t: TestContext, address: string): Promise<ZookeeperStateStore> {
  const connectionString = `${address}/${uniqueName('connection')}`
  const store = await openZookeeperStateStore({ connectionString, sessionTimeoutMs: 10_000, world: realWorld })
  t.after(() => store.close())
  return store
}

/** A proxy that hands on the answers of the server in pieces of `pieceBytes`, each in a packet of its own. */
async function startCrumblingProxy(t: TestContext, target: string, pieceBytes: number): Promise<string> {
  const sockets = new Set<Socket>()
  const crumble = async (from: Socket, to: Socket): Promise<void> => {
    for await (const chunk of from) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        to.write(chunk.subarray(at, at + pieceBytes))
        await turn()
      }
    }
  }
  const [host = '', port] = target.split(':')
  const server = createServer({ noDelay: true }, near => {
    const far = connect(Number(port), host)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    near.pipe(far)
    crumble(far, near).catch(() => near.destroy())
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address !== 'string')
  return `127.0.0.1:${address.port}`
}

test('an answer that comes in very many pieces is one answer, and the session goes on', {
  skip: zookeeper.skip,
}, async t => {
  const failures: unknown[] = []
  t.after(
    controlEvents.subscribe(event => {
      if (event.kind === 'failed') failures.push(event.error)
    }),
  )
  const { connectionString } = zookeeper.get()
  const store = await openStore(t, await startCrumblingProxy(t, connectionString, 100))
  const value = 'x'.repeat(200_000)
  assert.ok((await store.set('/large', value, 0)).ok)
  assert.equal((await store.get('/large'))?.value, value)
  assert.deepEqual(failures, [])
})

// One that did would keep a connection alive that we have closed, and have the kernel report its events to whoever gets its number next.
test('a process that is started meanwhile inherits no connection', {
  skip: zookeeper.skip || (process.platform === 'linux' ? false : 'needs /proc'),
}, async t => {
  const before = socketsOf('self')
  await openStore(t, zookeeper.get().connectionString)
  const made = socketsOf('self').filter(socket => !before.includes(socket))
  assert.ok(made.length > 0)
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
  t.after(() => child.kill())
  await once(child, 'spawn')
  const inherited = socketsOf(String(child.pid)).filter(socket => made.includes(socket))
  assert.deepEqual(inherited, [])
})

function socketsOf(pid: string): readonly string[] {
  const folder = `/proc/${pid}/fd`
  const links = readdirSync(folder).flatMap(name => {
    try {
      return [readlinkSync(`${folder}/${name}`)]
    } catch {
      // The one by which the folder was read.
      return []
    }
  })
  return links.filter(link => link.startsWith('socket:'))
}
