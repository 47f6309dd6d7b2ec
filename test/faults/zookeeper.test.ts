// Goal: what the state store promises holds with a real ZooKeeper that is killed, frozen or cut off, and with sessions that expire. Method: a
// server and proxies of this file alone.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { DependencyError } from '../../src/base/dependency.ts'
import { Secret } from '../../src/base/secret.ts'
import { realWorld } from '../../src/base/world.ts'
import { createInProcessSignalBus } from '../../src/control/in-process/signal-bus.ts'
import { reportsPath, statePath } from '../../src/control/paths.ts'
import { SiteController } from '../../src/control/site-controller.ts'
import { SiteGate } from '../../src/control/site-gate.ts'
import { openZookeeperStateStore, type ZookeeperStateStore } from '../../src/control/zookeeper/state-store.ts'
import { ZookeeperError } from '../../src/control/zookeeper/zookeeper-error.ts'
import { runCommand } from '../../src/services/command.ts'
import { freePort } from '../../src/services/service-process.ts'
import { obtainZookeeper, type RunningZookeeper, startZookeeper } from '../../src/services/zookeeper.ts'
import { nobody, RecordingProcessor } from '../control/control-plane.ts'
import { uniqueName, zookeeperServer } from '../services/available.ts'
import { until } from '../until.ts'
import { startSwallowingProxy } from './swallowing-proxy.ts'

/** Of sessions that are to expire. */
const sessionTimeoutMs = 2_000
/** Of the others: as long as a server with these ticks allows, so that a busy machine loses none. */
const steadyMs = 10_000
const available = await zookeeperServer()
await available.stop()

let server: RunningZookeeper
let port = 0
let dataFolder = ''
const closers: (() => Promise<unknown>)[] = []

async function openStore(
  address = `127.0.0.1:${port}`,
  folder = uniqueName('faults'),
  timeoutMs = steadyMs,
): Promise<ZookeeperStateStore> {
  const connectionString = `${address}/${folder}`
  const store = await openZookeeperStateStore({
    connectionString,
    sessionTimeoutMs: timeoutMs,
    callTimeoutMs: 5_000,
    openTimeoutMs: 60_000,
    world: realWorld,
  })
  closers.push(() => store.close())
  return store
}

async function openProxy() {
  const proxy = await startSwallowingProxy(port)
  closers.push(() => proxy.close())
  return { ...proxy, address: `127.0.0.1:${proxy.port}` }
}

async function restart(): Promise<void> {
  server.kill()
  await server.stop()
  server = await startZookeeper({ port, dataFolder })
}

/** Writes although the server comes and goes. */
async function setSoon(store: ZookeeperStateStore, path: string, value: string): Promise<void> {
  await until(`${path} is written`, async () => {
    try {
      const stored = await store.get(path)
      return (await store.set(path, value, stored?.version ?? 0)).ok
    } catch (error) {
      assert.ok(error instanceof ZookeeperError, String(error))
      return false
    }
  })
}

/** A look of another process at its lease. */
interface Look {
  readonly at: number
  readonly valid: boolean
  readonly epoch: number
}

async function startHolder(address: string) {
  const script = join(import.meta.dirname, 'zookeeper-holder.ts')
  const child = spawn(process.execPath, [script, address, '/leases/x'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', chunk => {
    output += String(chunk)
  })
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  closers.push(stop)
  const looks = (): readonly Look[] =>
    output
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))
  return { pid: child.pid ?? 0, looks, stop }
}

describe('ZooKeeper', { skip: available.skip, concurrency: false }, () => {
  before(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), 'crossbeat-zookeeper-faults-'))
    server = await startZookeeper({ dataFolder })
    port = server.port
  })
  after(async () => {
    for (const close of closers.reverse()) await close()
    await server?.stop()
    if (dataFolder !== '') await rm(dataFolder, { recursive: true, force: true })
  })

  test('values, reports and watches outlive a server that is killed and started again', async () => {
    const folder = uniqueName('killed')
    const [store, other] = [await openStore(undefined, folder), await openStore(undefined, folder)]
    assert.ok((await store.set('/a/value', 'before', 0)).ok)
    await store.setEphemeral('/live/me', 'here')
    const lease = await store.lease('/leases/x', 'me')
    assert.ok(lease)
    let seen: string | undefined
    const stop = store.watch('/a', () => {
      store.get('/a/value').then(
        stored => {
          seen = stored?.value
        },
        () => {},
      )
    })
    assert.equal((await store.get('/a/value'))?.value, 'before')
    server.kill()
    await server.stop()
    await assert.rejects(store.get('/a/value'), { name: 'ZookeeperError', code: 'unavailable' })
    await until('the health tells', async () => !(await store.health()).ok)
    server = await startZookeeper({ port, dataFolder })
    await setSoon(other, '/a/value', 'after')
    await until('the watch tells of the change', () => seen === 'after')
    await until('the report is back', async () => {
      const value = await other.get('/live/me').catch(() => null)
      return value?.value === 'here'
    })
    await until('the health tells that all is well', async () => (await store.health()).ok)
    const next = await until('the lease is to be had again', async () => {
      if (!lease.lost.aborted) await lease.release()
      return store.lease('/leases/x', 'me').catch(() => null)
    })
    assert.ok(next.epoch > lease.epoch)
    stop()
  })

  test('a server frozen past the session time-out costs the lease, not the report', async () => {
    const folder = uniqueName('frozen')
    // Long enough for a busy machine to notice in time.
    const timeoutMs = steadyMs
    const [store, other] = [await openStore(undefined, folder, timeoutMs), await openStore(undefined, folder)]
    const lease = await store.lease('/leases/x', 'me')
    assert.ok(lease)
    await store.setEphemeral('/live/me', 'here')
    process.kill(server.pid, 'SIGSTOP')
    try {
      const frozenAt = performance.now()
      await until('the lease is lost', () => lease.lost.aborted)
      const tookMs = performance.now() - frozenAt
      assert.ok(tookMs < timeoutMs, `lost after ${tookMs} ms, the session may live for ${timeoutMs} ms`)
      await assert.rejects(store.set('/a', '1', 0), { name: 'ZookeeperError' })
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
    await until('the report is back', async () => {
      const value = await other.get('/live/me').catch(() => null)
      return value?.value === 'here'
    })
    const next = await until('another gets the lease', () => other.lease('/leases/x', 'other').catch(() => null))
    assert.ok(next.epoch > lease.epoch)
  })

  test('a lease cut off by a network partition is lost before another holder gets it', async t => {
    const folder = uniqueName('partition')
    const proxy = await openProxy()
    const [far, near] = [await openStore(proxy.address, folder, sessionTimeoutMs), await openStore(undefined, folder)]
    for (let round = 0; round < 3; round += 1) {
      const held = await until('the lease is to be had', () => far.lease('/leases/x', 'far').catch(() => null))
      proxy.swallow(true)
      const cutAt = performance.now()
      let lostAt: number | undefined
      held.lost.addEventListener('abort', () => {
        lostAt = performance.now()
      })
      const next = await until('another gets the lease', async () => {
        const got = await near.lease('/leases/x', 'near')
        if (got !== null) assert.ok(held.lost.aborted, 'both hold the lease')
        return got
      })
      t.diagnostic(
        `lost after ${Math.round((lostAt ?? 0) - cutAt)} ms, given away after ${Math.round(performance.now() - cutAt)} ms`,
      )
      assert.ok(next.epoch > held.epoch)
      proxy.swallow(false)
      await held.release()
      assert.equal(next.lost.aborted, false, 'a former holder releases nothing')
      await next.release()
    }
  })

  test('a holder whose process was frozen never takes its lease for valid after another got it', async () => {
    const folder = uniqueName('woken')
    const near = await openStore(undefined, folder)
    const holder = await startHolder(`127.0.0.1:${port}/${folder}`)
    await until('the process holds the lease', () => holder.looks().some(look => look.valid))
    process.kill(holder.pid, 'SIGSTOP')
    const next = await until('another gets the lease', () => near.lease('/leases/x', 'near'))
    const grantedAt = performance.timeOrigin + performance.now()
    const before = holder.looks().length
    process.kill(holder.pid, 'SIGCONT')
    await until('the process has looked again', () => holder.looks().length > before + 10)
    assert.deepEqual(
      holder.looks().filter(look => look.valid && look.at > grantedAt),
      [],
    )
    await until('the process asks for the lease again', () => holder.looks().at(-1)?.valid === false)
    await next.release()
    await until('the process holds the lease again', () => holder.looks().at(-1)?.valid)
    assert.ok((holder.looks().at(-1)?.epoch ?? 0) > next.epoch)
    await holder.stop()
  })

  test('what another client of ZooKeeper writes is read, what we write is read by it, and access lists are kept to', async () => {
    const { path: jars } = await obtainZookeeper()
    const cli = (...words: string[]): Promise<string> =>
      runCommand('java', [
        '-cp',
        `${jars}/*`,
        'org.apache.zookeeper.ZooKeeperMain',
        '-server',
        server.connectionString,
        ...words,
      ])
    const folder = uniqueName('locked')
    const digest = createHash('sha1').update('user:password').digest('base64')
    await cli('create', `/${folder}`, '', `digest:user:${digest}:cdrwa`)
    await assert.rejects(openStore(undefined, `${folder}/below`), (error: unknown) => {
      assert.ok(error instanceof DependencyError, String(error))
      return /credentials do not allow/.test(error.message)
    })
    const store = await openZookeeperStateStore({
      connectionString: `${server.connectionString}/${folder}/below`,
      sessionTimeoutMs: steadyMs,
      auth: { scheme: 'digest', credentials: new Secret('user:password') },
      world: realWorld,
    })
    closers.push(() => store.close())
    await cli('create', `/${folder}/below/backbeat`)
    await cli('create', `/${folder}/below/backbeat/theirs`, '{"paused":false}')
    assert.equal(await store.get('/backbeat'), null, 'a node without data is a folder')
    const theirs = await store.get('/backbeat/theirs')
    assert.equal(theirs?.value, '{"paused":false}')
    assert.ok((await store.set('/backbeat/theirs', '{"paused":true}', theirs?.version ?? 0)).ok)
    assert.match(await cli('get', `/${folder}/below/backbeat/theirs`), /^\{"paused":true\}$/m)
  })

  test('a pause holds, and a resume is heard, when the session of a queue processor expires in between', async () => {
    const folder = uniqueName('pause')
    const proxy = await openProxy()
    const [far, near] = [await openStore(proxy.address, folder, sessionTimeoutMs), await openStore(undefined, folder)]
    const [site, topic] = ['awsbackend', 'backbeat-replication']
    const signals = createInProcessSignalBus(realWorld.timers)
    const processor = new RecordingProcessor()
    const common = { topic, signals, world: realWorld }
    const gate = new SiteGate({ ...common, site, processor, stateStore: far, reconcileMs: 3_600_000 })
    const controller = new SiteController({ ...common, sites: [site], stateStore: near })
    await controller.start()
    await gate.start()
    await controller.pause(site, nobody)
    await until('the pause is applied', async () => (await controller.state(site)).applied === 'paused')
    proxy.swallow(true)
    await until(
      'the report is gone with its session',
      async () => (await near.children(reportsPath(site))).length === 0,
    )
    assert.equal(processor.state().consumers, 'paused')
    assert.deepEqual(JSON.parse((await near.get(statePath(site)))?.value ?? '').paused, true)
    proxy.swallow(false)
    await until('the report is back', async () => (await controller.state(site)).applied === 'paused')
    assert.equal(processor.state().consumers, 'paused')
    proxy.swallow(true)
    await until('the report is gone again', async () => (await near.children(reportsPath(site))).length === 0)
    await controller.resume(site, nobody)
    proxy.swallow(false)
    await until('the resume is applied', () => processor.state().consumers === 'running')
    await gate.close()
    await controller.close()
  })

  test('of several watchers each sees the last of many changes, made while connections break', async () => {
    const folder = uniqueName('watchers')
    const proxy = await openProxy()
    const writer = await openStore(undefined, folder)
    const last = new Map<number, string>()
    for (let watcher = 0; watcher < 4; watcher += 1) {
      const store = await openStore(proxy.address, folder)
      const read = async (): Promise<void> => {
        try {
          const stored = await store.get('/tree/b/value')
          last.set(watcher, stored?.value ?? '')
        } catch {
          await read()
        }
      }
      store.watch('/tree', () => void read())
    }
    for (let change = 1; change <= 200; change += 1) {
      const stored = await writer.get('/tree/b/value')
      assert.ok((await writer.set('/tree/b/value', String(change), stored?.version ?? 0)).ok)
      if (change % 50 === 25) proxy.cut()
    }
    await until('all have seen the last', () => [...last.values()].filter(value => value === '200').length === 4)
  })

  test('two processes that change one value lose no change and count none twice, with connections breaking', async t => {
    const folder = uniqueName('contention')
    const proxy = await openProxy()
    const store = await openStore(undefined, folder)
    const [times, cutsWanted] = [150, 6]
    const writer = join(import.meta.dirname, 'zookeeper-writer.ts')
    // They go on until they are told: a test that fails before must not leave them behind.
    const over = new AbortController()
    t.after(() => over.abort())
    const given = { signal: over.signal }
    const run = (address: string, name: string): Promise<string> =>
      runCommand(process.execPath, [writer, `${address}/${folder}`, '/counter', name, String(times)], given)
    let running = true
    const writers = Promise.all([run(proxy.address, 'one'), run(proxy.address, 'two')]).finally(() => {
      running = false
    })
    writers.catch(() => undefined)
    let [cuts, lastCount] = [0, 0]
    await until(
      'both have ended',
      async () => {
        const count = Number(JSON.parse((await store.get('/counter'))?.value ?? '{"count":0}').count)
        if (count >= lastCount + 10) {
          proxy.cut()
          cuts += 1
          lastCount = count
          if (cuts === cutsWanted) await store.set('/counter-enough', 'yes', 0)
        }
        return !running
      },
      240_000,
    )
    const outputs = (await writers).map(output => JSON.parse(output))
    const acknowledged = outputs.reduce((sum, output) => sum + Number(output.acknowledged), 0)
    const unknown = outputs.reduce((sum, output) => sum + Number(output.unknown), 0)
    const { count } = JSON.parse((await store.get('/counter'))?.value ?? '{}')
    t.diagnostic(`${cuts} cuts, ${unknown} outcomes unknown to the end`)
    assert.ok(acknowledged >= 2 * times)
    assert.ok(count >= acknowledged && count <= acknowledged + unknown, `${count} changes are stored`)
    assert.ok(cuts >= cutsWanted)
  })

  test('a server that is killed in the middle of changes keeps every acknowledged one', async () => {
    const store = await openStore()
    for (let round = 1; round <= 3; round += 1) {
      const writes = Array.from({ length: 20 }, (_, index) => store.set(`/round-${round}/${index}`, 'x', 0))
      const results = Promise.allSettled(writes)
      await writes[round]?.catch(() => {})
      await restart()
      for (const [index, result] of (await results).entries()) {
        if (result.status === 'rejected') assert.ok(result.reason instanceof ZookeeperError, String(result.reason))
        else if (result.value.ok) {
          const { version } = result.value
          const stored = await until('the value is read', () => store.get(`/round-${round}/${index}`).catch(() => null))
          assert.equal(stored.value, 'x')
          // 1: the server died before it could be asked for the version of what it had made.
          assert.ok(stored.version === version || version === 1)
        }
      }
    }
  })

  test('opening waits for a server that is only starting', async () => {
    const later = await freePort()
    const opening = openStore(`127.0.0.1:${later}`)
    opening.catch(() => {})
    const started = await startZookeeper({ port: later })
    closers.push(() => started.stop())
    const store = await opening
    assert.ok((await store.set('/a', '1', 0)).ok)
    await store.close()
  })

  test('a server that cannot be used is named with what to do', async t => {
    const silent = await openProxy()
    silent.swallow(true)
    const open = (connectionString: string, scheme?: string): Promise<ZookeeperStateStore> =>
      openZookeeperStateStore({
        connectionString,
        sessionTimeoutMs,
        // One that refuses is to be heard; of the others there is nothing to hear.
        openTimeoutMs: scheme === undefined ? 2_500 : 10_000,
        world: realWorld,
        ...(scheme === undefined ? {} : { auth: { scheme, credentials: new Secret('user:password') } }),
      })
    const cases = [
      ['nobody there', `127.0.0.1:${await freePort()}/x`, undefined, /cannot be reached/],
      ['takes connections and never answers', `${silent.address}/x`, undefined, /cannot be reached|does not answer/],
      ['no address', 'localhost/backbeat', undefined, /is no address/],
      ['a host without an address', 'nowhere.invalid:2181', undefined, /no address was found/],
      ['an unknown way to log in', `127.0.0.1:${port}/x`, 'nonsense', /credentials were refused/],
    ] as const
    for (const [name, connectionString, scheme, message] of cases) {
      await t.test(name, async () => {
        await assert.rejects(open(connectionString, scheme), (error: unknown) => {
          assert.ok(error instanceof DependencyError, String(error))
          assert.match(error.message, message)
          assert.doesNotMatch(error.message, /ZooKeeper: ZooKeeper/)
          assert.doesNotMatch(error.message, /password/)
          return true
        })
      })
    }
  })
})
