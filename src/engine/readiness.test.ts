// Goal: the probes of a process say whether it can do its work, and what is wrong when it cannot, and never wait long. Method: dependencies
// that a test answers for, a real health server on a free port.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createManualWorld } from '../../test/control/manual-world.ts'
import { startHealthServer } from '../api/health-server.ts'
import type { DependencyHealth } from '../base/dependency.ts'
import type { Dependency } from './parts.ts'
import { Readiness } from './readiness.ts'

function dependency(name: string, health: () => Promise<DependencyHealth>, required = true): Dependency {
  return { name, required, health }
}

const well = (name: string) => dependency(name, async () => ({ name, ok: true }))

test('a process is ready from the moment its roles have begun until it ends', async () => {
  const readiness = new Readiness([well('Kafka')], createManualWorld())
  assert.deepEqual([(await readiness.report()).ok, (await readiness.report()).why], [false, 'the process is starting'])
  readiness.began('populator', () => 'standby')
  readiness.working()
  assert.deepEqual(await readiness.report(), {
    ok: true,
    why: null,
    roles: { populator: 'standby' },
    dependencies: [{ name: 'Kafka', ok: true }],
  })
  readiness.stopping()
  assert.equal((await readiness.report()).why, 'the process is stopping')
})

test('a server that is needed and does not answer, refuses or breaks makes it unready; one that is not needed is only shown', async () => {
  const world = createManualWorld()
  const readiness = new Readiness(
    [
      dependency('Kafka', () => new Promise(() => {})),
      dependency('ZooKeeper', async () => ({ name: 'ZooKeeper', ok: false, problem: 'refused: start it' })),
      dependency('PostgreSQL', () => Promise.reject(new Error('broken'))),
      dependency('Redis', async () => ({ name: 'Redis', ok: false, problem: 'away' }), false),
    ],
    world,
  )
  readiness.working()
  const report = readiness.report()
  await world.advance(3_000)
  const { ok, why, dependencies } = await report
  assert.equal(ok, false)
  assert.equal(why, 'Kafka: no answer within 3 s; ZooKeeper: refused: start it; PostgreSQL: broken')
  assert.deepEqual(
    dependencies.map(({ name, ok }) => [name, ok]),
    [
      ['Kafka', false],
      ['ZooKeeper', false],
      ['PostgreSQL', false],
      ['Redis', false],
    ],
  )
})

async function health(t: TestContext, ok: boolean): Promise<string> {
  const report = { ok, why: ok ? null : 'Kafka: away', roles: {}, dependencies: [] }
  const server = await startHealthServer({
    listen: { host: '127.0.0.1', port: 0 },
    ready: async () => report,
    metricsText: async () => 'sample 1\n',
  })
  t.after(() => server.close())
  return `http://127.0.0.1:${server.address.port}`
}

test('the health port answers the three probes and nothing else', async t => {
  const url = await health(t, true)
  assert.deepEqual(await (await fetch(`${url}/live`)).json(), { status: 'live' })
  assert.equal(await (await fetch(`${url}/metrics`)).text(), 'sample 1\n')
  const ready = await fetch(`${url}/ready?verbose`)
  assert.deepEqual([ready.status, await ready.json()], [200, { status: 'ready', roles: {}, dependencies: [] }])
  assert.equal((await fetch(`${url}/api/v1/locations`)).status, 404)
  assert.equal((await fetch(`${url}/ready`, { method: 'POST', body: 'x' })).status, 405)
})

test('an unready process answers 503 with the reason', async t => {
  const answer = await fetch(`${await health(t, false)}/ready`)
  assert.equal(answer.status, 503)
  assert.deepEqual(await answer.json(), { status: 'not ready', why: 'Kafka: away', roles: {}, dependencies: [] })
})
