// Goal: signals on a real Redis are what a Backbeat sends and reads, and a pause takes effect however signals are lost, doubled or reordered,
// and while Redis is away. Method: servers of this file alone, and a second client that speaks Redis' protocol by hand.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { DependencyError } from '../../src/base/dependency.ts'
import { Secret } from '../../src/base/secret.ts'
import { realWorld } from '../../src/base/world.ts'
import { SharedState } from '../../src/control/memory/state-store.ts'
import { signalChannel } from '../../src/control/paths.ts'
import { openRedisSignalBus, type RedisSignalBus } from '../../src/control/redis/signal-bus.ts'
import type { SignalBus } from '../../src/control/signal-bus.ts'
import { SiteController } from '../../src/control/site-controller.ts'
import { SiteGate } from '../../src/control/site-gate.ts'
import { runCommand } from '../../src/services/command.ts'
import { type RedisOptions, type RunningRedis, startRedis } from '../../src/services/redis.ts'
import { freePort } from '../../src/services/service-process.ts'
import { nobody, RecordingProcessor } from '../control/control-plane.ts'
import { redisServer } from '../services/available.ts'
import { until } from '../until.ts'
import { startSwallowingProxy } from './swallowing-proxy.ts'

const available = await redisServer()
await available.stop()
const [site, topic] = ['awsbackend', 'backbeat-replication']
const closers: (() => Promise<unknown>)[] = []

async function startServer(options: RedisOptions = {}): Promise<RunningRedis> {
  const server = await startRedis(options)
  closers.push(() => server.stop())
  return server
}

async function openBus(address: { readonly url: string }): Promise<RedisSignalBus> {
  const bus = await openRedisSignalBus({ ...address, world: realWorld })
  closers.push(() => bus.close())
  return bus
}

/** A gate and a controller, as two processes: each with its own bus, over one state store whose watches tell nothing. */
async function openControl(gateBus: SignalBus, controllerBus: SignalBus, reconcileMs: number) {
  const shared = new SharedState(realWorld.timers)
  const processor = new RecordingProcessor()
  const common = { topic, world: realWorld }
  const deaf = { ...shared.session(), watch: () => () => undefined }
  const gate = new SiteGate({ ...common, site, processor, stateStore: deaf, signals: gateBus, reconcileMs })
  const controller = new SiteController({
    ...common,
    sites: [site],
    stateStore: shared.session(),
    signals: controllerBus,
  })
  await controller.start()
  await gate.start()
  closers.push(
    () => controller.close(),
    () => gate.close(),
  )
  return { processor, controller }
}

const isPaused = (processor: RecordingProcessor) => () => processor.state().consumers === 'paused'
const isRunning = (processor: RecordingProcessor) => () => processor.state().consumers === 'running'
const never = 3_600_000

describe('Redis', { skip: available.skip, concurrency: false }, () => {
  after(async () => {
    for (const close of closers.reverse()) await close()
  })

  test('commands are published as a Backbeat reads them', async () => {
    const { url } = await startServer()
    const [bus, other] = [await openBus({ url }), await openBus({ url })]
    const heard: string[] = []
    other.subscribe('backbeat-replication-awsbackend', message => heard.push(message))
    const { controller } = await openControl(bus, bus, never)
    await until('the subscription is in place', async () => {
      await bus.publish('backbeat-replication-awsbackend', 'ready?')
      return heard.length > 0
    })
    await controller.pause(site, nobody)
    await controller.schedule(site, Date.UTC(2999, 5, 28, 5, 40, 20, 600), nobody)
    await controller.cancelSchedule(site, nobody)
    await controller.resume(site, nobody)
    const last = '{"action":"resumeService"}'
    await until('the last command is heard', () => heard.at(-1) === last)
    assert.deepEqual(
      heard.filter(message => message !== 'ready?'),
      [
        '{"action":"pauseService"}',
        '{"action":"resumeService","date":"2999-06-28T05:40:20.600Z"}',
        '{"action":"deleteScheduledResumeService"}',
        last,
      ],
    )
  })

  test('commands that another program publishes make a gate look', async () => {
    const server = await startServer()
    const bus = await openBus(server)
    const silent = {
      publish: async () => {},
      subscribe: bus.subscribe.bind(bus),
      reconnected: bus.reconnected.bind(bus),
      close: async () => {},
    }
    const { processor, controller } = await openControl(bus, silent, never)
    await controller.pause(site, nobody)
    const channel = signalChannel(topic, site)
    const ask = (...words: string[]): Promise<string> => runCommand('redis-cli', ['-p', String(server.port), ...words])
    await until('the gate has subscribed', async () => /\b1$/.test((await ask('pubsub', 'numsub', channel)).trim()))
    assert.equal((await ask('publish', channel, '{"action":"pauseService"}')).trim(), '1')
    await until('the pause is applied', isPaused(processor))
    await controller.resume(site, nobody)
    await ask('publish', channel, 'not JSON')
    await until('the resume is applied', isRunning(processor))
  })

  test('a pause takes effect by reconciliation while Redis is killed, and signals work again after', async () => {
    const server = await startServer()
    const [gateBus, controllerBus] = [await openBus(server), await openBus(server)]
    const { processor, controller } = await openControl(gateBus, controllerBus, 200)
    await until('the gate is open', isRunning(processor))
    server.kill()
    await until('the health tells', async () => !(await gateBus.health()).ok && !(await controllerBus.health()).ok)
    const began = performance.now()
    await controller.pause(site, nobody)
    const tookMs = performance.now() - began
    // Less than the three seconds for which an answer is waited.
    assert.ok(tookMs < 2_500, `the command took ${tookMs} ms without Redis`)
    await until('the pause is applied', isPaused(processor))
    await startServer({ port: server.port })
    await until(
      'the health tells that all is well',
      async () => (await gateBus.health()).ok && (await controllerBus.health()).ok,
    )
    const heard: string[] = []
    gateBus.subscribe('later', message => heard.push(message))
    await until('signals arrive', async () => {
      await controllerBus.publish('later', 'x')
      return heard.length > 0
    })
  })

  test('a gate looks at once when the connection is back, without waiting for its next look', async () => {
    const server = await startServer()
    const proxy = await startSwallowingProxy(server.port)
    closers.push(() => proxy.close())
    const gateBus = await openBus({ url: `redis://127.0.0.1:${proxy.port}` })
    const { processor, controller } = await openControl(gateBus, await openBus(server), never)
    await until('the gate is open', isRunning(processor))
    proxy.swallow(true)
    await controller.pause(site, nobody)
    await until('the silence is noticed', async () => !(await gateBus.health()).ok)
    assert.equal(isPaused(processor)(), false)
    proxy.swallow(false)
    await until('the pause is applied', isPaused(processor))
  })

  test('lost, doubled and reordered signals change nothing but the delay', async () => {
    const server = await startServer()
    const bus = await openBus(server)
    let [seed, held] = [7, [] as string[]]
    const channel = signalChannel(topic, site)
    const unruly: SignalBus = {
      ...bus,
      subscribe: bus.subscribe.bind(bus),
      reconnected: bus.reconnected.bind(bus),
      close: async () => {},
      async publish(_channel, message) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
        if (seed % 3 === 0) return
        held.push(message, ...(seed % 3 === 1 ? [message] : []))
        if (held.length < 4) return
        for (const one of held.reverse()) await bus.publish(channel, one)
        held = []
      },
    }
    const { processor, controller } = await openControl(bus, unruly, 50)
    for (let round = 0; round < 30; round += 1) {
      const pause = round % 2 === 0
      if (pause) await controller.pause(site, nobody)
      else await controller.resume(site, nobody)
      if (round % 5 === 0) await until('the command is applied', pause ? isPaused(processor) : isRunning(processor))
    }
    await until('the last command is applied', isRunning(processor))
    await controller.pause(site, nobody)
    await until('the pause is applied', isPaused(processor))
  })

  test('opening succeeds without Redis, and signals work once it is there', async () => {
    const port = await freePort()
    const bus = await openBus({ url: `redis://127.0.0.1:${port}` })
    assert.match((await bus.health()).problem ?? '', /ECONNREFUSED.*Commands work without it/)
    let [reconnections, heard] = [0, 0]
    bus.reconnected(() => {
      reconnections += 1
    })
    bus.subscribe('a', () => {
      heard += 1
    })
    await bus.publish('a', 'lost')
    await startServer({ port })
    await until('a signal arrives', async () => {
      await bus.publish('a', 'x')
      return heard > 0
    })
    assert.equal(reconnections, 1)
  })

  test('passwords and user names are used, from the address or beside it, and never shown', async () => {
    const settings = ['requirepass pass-word', 'user someone on >other-word ~* &* +@all']
    const { port } = await startServer({ settings })
    const open = (options: object, url = `redis://127.0.0.1:${port}`): Promise<RedisSignalBus> =>
      openRedisSignalBus({ url, world: realWorld, ...options })
    const good = [
      await open({ password: new Secret('pass-word') }),
      await open({ username: 'someone', password: new Secret('other-word') }),
      await open({}, `redis://someone:other-word@127.0.0.1:${port}`),
    ]
    for (const bus of good) assert.deepEqual(await bus.health(), { name: 'Redis', ok: true })
    const bad = [await open({}), await open({ password: new Secret('wrong-word') })]
    for (const bus of bad) {
      const { ok, problem = '' } = await bus.health()
      assert.equal(ok, false)
      assert.match(problem, /NOAUTH|WRONGPASS/)
      assert.doesNotMatch(problem, /-word/)
    }
    for (const bus of [...good, ...bad]) await bus.close()
    await assert.rejects(open({}, 'http://secret-word@127.0.0.1'), (error: unknown) => {
      assert.ok(error instanceof DependencyError)
      assert.doesNotMatch(error.message, /-word/)
      return true
    })
  })

  test('TLS is used, and a certificate of an unknown authority is refused', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'crossbeat-redis-tls-'))
    closers.push(() => rm(folder, { recursive: true, force: true }))
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    try {
      const subject = ['-subj', '/CN=signals.example', '-addext', 'subjectAltName=DNS:signals.example']
      const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate]
      await runCommand('openssl', [...made, ...subject])
    } catch (error) {
      if (process.env['CI'] === 'true') throw error
      return t.skip('there is no openssl to make a certificate with')
    }
    const tlsPort = await freePort()
    const files = [`tls-cert-file ${certificate}`, `tls-key-file ${key}`, `tls-ca-cert-file ${certificate}`]
    await startServer({ settings: [`tls-port ${tlsPort}`, ...files, 'tls-auth-clients no'] })
    const url = `rediss://127.0.0.1:${tlsPort}`
    const ca = await readFile(certificate, 'utf8')
    const bus = await openRedisSignalBus({ url, tls: { ca, servername: 'signals.example' }, world: realWorld })
    assert.deepEqual(await bus.health(), { name: 'Redis', ok: true })
    const wrongName = await openRedisSignalBus({ url, tls: { ca }, world: realWorld })
    assert.match((await wrongName.health()).problem ?? '', /does not match certificate/)
    const unknown = await openRedisSignalBus({ url, tls: { servername: 'signals.example' }, world: realWorld })
    assert.match((await unknown.health()).problem ?? '', /self-signed/)
    for (const one of [bus, wrongName, unknown]) await one.close()
  })

  test('sentinels lead to the master, and to the next one when it fails', async () => {
    const password = 'pass-word'
    const data = [`requirepass ${password}`, `masterauth ${password}`]
    const master = await startServer({ settings: data })
    const replica = await startServer({ settings: [...data, `replicaof 127.0.0.1 ${master.port}`] })
    const watched = [
      `sentinel monitor backbeat 127.0.0.1 ${master.port} 1`,
      `sentinel auth-pass backbeat ${password}`,
      'sentinel down-after-milliseconds backbeat 500',
      'sentinel failover-timeout backbeat 2000',
      'requirepass sentinel-word',
    ]
    const sentinel = await startServer({ sentinel: true, settings: watched })
    const bus = await openRedisSignalBus({
      sentinels: [
        { host: '127.0.0.1', port: await freePort() },
        { host: '127.0.0.1', port: sentinel.port },
      ],
      name: 'backbeat',
      sentinelPassword: new Secret('sentinel-word'),
      password: new Secret(password),
      world: realWorld,
    })
    closers.push(() => bus.close())
    assert.deepEqual(await bus.health(), { name: 'Redis', ok: true })
    let heard = 0
    bus.subscribe('a', () => {
      heard += 1
    })
    const arrives = (): Promise<boolean> =>
      until('a signal arrives', async () => {
        await bus.publish('a', 'x')
        return heard > 0
      })
    await arrives()
    const ask = (port: number, ...words: string[]): Promise<string> =>
      runCommand('redis-cli', ['-p', String(port), '--no-auth-warning', ...words])
    await until('the sentinel knows the replica', async () =>
      (await ask(sentinel.port, '-a', 'sentinel-word', 'sentinel', 'replicas', 'backbeat')).includes(
        String(replica.port),
      ),
    )
    master.kill()
    await until('the replica is the master', async () =>
      (await ask(replica.port, '-a', password, 'role')).startsWith('master'),
    )
    heard = 0
    await arrives()
  })
})
