// Goal: with a quorum of three ZooKeepers the loss of any one costs nobody anything: sessions move on to another server with their reports, leases
// and watches; without most of them nothing is claimed, and everything is there again with them. Method: servers of this file alone.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { realWorld } from '../../src/base/world.ts'
import { openZookeeperStateStore, type ZookeeperStateStore } from '../../src/control/zookeeper/state-store.ts'
import { ZookeeperError } from '../../src/control/zookeeper/zookeeper-error.ts'
import { freePort, onFreePorts } from '../../src/services/service-process.ts'
import { type RunningZookeeper, startZookeeper } from '../../src/services/zookeeper.ts'
import { uniqueName, zookeeperServer } from '../services/available.ts'
import { until } from '../until.ts'

const ids = [1, 2, 3] as const
/** With it servers allow sessions of twenty seconds, which outlast an election on a busy machine. */
const tickMs = 1_000
const available = await zookeeperServer()
await available.stop()

let base = ''
let members: readonly string[] = []
let servers: RunningZookeeper[] = []
const closers: (() => Promise<unknown>)[] = []

async function startMember(id: number, port: number): Promise<RunningZookeeper> {
  return startZookeeper({ port, dataFolder: join(base, `${id}-${port}`), tickMs, quorum: { id, members } })
}

async function startAll(): Promise<RunningZookeeper[]> {
  const peer = async (): Promise<string> => `127.0.0.1:${await freePort()}:${await freePort()}`
  members = await Promise.all(ids.map(peer))
  const ports = await Promise.all(ids.map(() => freePort()))
  const started = await Promise.allSettled(ports.map((port, index) => startMember(index + 1, port)))
  const running = started.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const refused = started.find(result => result.status === 'rejected')
  if (refused === undefined) return running
  await Promise.all(running.map(one => one.stop()))
  throw refused.reason
}

async function kill(server: RunningZookeeper): Promise<void> {
  server.kill()
  await server.stop()
}

async function openStore(folder: string, sessionTimeoutMs = 20_000): Promise<ZookeeperStateStore> {
  const store = await openZookeeperStateStore({
    connectionString: `${servers.map(({ connectionString }) => connectionString).join(',')}/${folder}`,
    sessionTimeoutMs,
    callTimeoutMs: 10_000,
    openTimeoutMs: 60_000,
    world: realWorld,
  })
  closers.push(() => store.close())
  return store
}

describe('three ZooKeepers', { skip: available.skip, concurrency: false }, () => {
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'crossbeat-zookeeper-quorum-'))
    servers = await onFreePorts(startAll)
  })
  after(async () => {
    for (const close of closers.reverse()) await close()
    await Promise.all(servers.map(server => server.stop()))
    if (base !== '') await rm(base, { recursive: true, force: true })
  })

  test('each of them may be killed: sessions go on at another, with their lease, report and watches', async () => {
    const folder = uniqueName('quorum')
    const stores = [await openStore(folder), await openStore(folder), await openStore(folder)] as const
    const [store, ...others] = stores
    const lease = await store.lease('/leases/x', 'me')
    assert.ok(lease)
    await store.setEphemeral('/live/me', 'here')
    let version = 0
    for (const [index, server] of [...servers].entries()) {
      const seen = others.map(() => '')
      const stops = others.map((other, watcher) =>
        other.watch('/a', () => {
          const look = other.get('/a/value').then(stored => {
            seen[watcher] = stored?.value ?? ''
          })
          look.catch(() => {})
        }),
      )
      await Promise.all(others.map(other => other.get('/a/value')))
      await kill(server)
      const written = await until('a write goes through', async () => {
        const result = await store.set('/a/value', `round ${index}`, version).catch(unavailable)
        const stored = result?.ok ? null : await store.get('/a/value').catch(unavailable)
        // Of unknown outcome, and carried out.
        if (stored?.value === `round ${index}`) return stored.version
        return result?.ok && result.version
      })
      version = written
      await until('every watch tells', () => seen.every(value => value === `round ${index}`))
      const report = await until('the report is read', () =>
        others[0]?.get('/live/me').then(stored => ({ stored }), unavailable),
      )
      assert.equal(report.stored?.value, 'here')
      assert.equal(lease.lost.aborted, false, 'the session moved on')
      for (const one of stores) await until('all is well', async () => (await one.health()).ok)
      for (const stop of stops) stop()
      servers[index] = await startMember(index + 1, server.port)
    }
    await lease.release()
  })

  test('without most of them leases are lost and calls refused, and with them all is there again', async () => {
    const folder = uniqueName('minority')
    const store = await openStore(folder, 3_000)
    const lease = await store.lease('/leases/x', 'me')
    assert.ok(lease)
    await store.setEphemeral('/live/me', 'here')
    assert.ok((await store.set('/a', 'kept', 0)).ok)
    const [first, second] = servers
    assert.ok(first && second)
    await Promise.all([kill(first), kill(second)])
    await until('the lease is lost', () => lease.lost.aborted)
    await until('the health tells', async () => !(await store.health()).ok)
    await assert.rejects(store.get('/a'), { name: 'ZookeeperError', code: 'unavailable' })
    const started = await Promise.all([startMember(1, first.port), startMember(2, second.port)])
    servers = [...started, ...servers.slice(2)]
    await until('all is well', async () => (await store.health()).ok)
    assert.equal((await store.get('/a'))?.value, 'kept')
    await until('the report is back', async () => (await store.get('/live/me').catch(unavailable))?.value === 'here')
    const next = await until('the lease is to be had', () => store.lease('/leases/x', 'me').catch(unavailable))
    assert.ok(next.epoch > lease.epoch)
  })
})

function unavailable(error: unknown): null {
  assert.ok(error instanceof ZookeeperError, String(error))
  return null
}
