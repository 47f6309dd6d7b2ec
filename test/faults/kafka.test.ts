// Three Kafka brokers that are killed, emptied and frozen under load. In the end, always: of every key each record was delivered, and for the
// first time in order.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Admin, FindCoordinatorKeyTypes } from '@platformatic/kafka'
import { realWorld } from '../../src/base/world.ts'
import type { KafkaTopicLog } from '../../src/queue/kafka/kafka-topic-log.ts'
import { type KafkaBroker, type RunningKafka, startKafka } from '../../src/services/kafka-server.ts'
import { ServiceUnavailable } from '../../src/services/service-cache.ts'
import { openLog } from '../conformance/kafka-logs.ts'
import { uniqueName } from '../services/available.ts'
import { until } from '../until.ts'
import { Traffic } from './kafka-traffic.ts'

const sessionTimeoutMs = 2_000
const timing = {
  sessionTimeoutMs,
  rebalanceTimeoutMs: sessionTimeoutMs,
  requestTimeoutMs: 1_500,
  appendTimeoutMs: 8_000,
}
/** Everything that brokers wait for, made short. */
const settings = {
  'broker.session.timeout.ms': '2000',
  'broker.heartbeat.interval.ms': '400',
  'controller.quorum.election.timeout.ms': '600',
  'controller.quorum.election.backoff.max.ms': '300',
  'controller.quorum.fetch.timeout.ms': '1200',
  'replica.lag.time.max.ms': '2000',
  'group.min.session.timeout.ms': '1000',
}

const cluster = await brokersOrReason()
const skip = typeof cluster === 'string' ? cluster : false
after(async () => {
  if (typeof cluster !== 'string') await cluster.stop()
})

async function brokersOrReason(): Promise<RunningKafka | string> {
  const known = process.env['CROSSBEAT_NO_KAFKA']
  if (known) return known
  try {
    return await startKafka({ brokers: 3, settings })
  } catch (error) {
    if (error instanceof ServiceUnavailable && process.env['CI'] !== 'true') return error.message
    throw error
  }
}

interface Running {
  readonly log: KafkaTopicLog
  readonly topic: string
  readonly traffic: Traffic
  readonly cluster: RunningKafka
}

/** A topic under load, read by one consumer; all of it is known to work before anything is broken. */
async function underLoad(test: TestContext, first?: (topic: string) => Promise<KafkaBroker>): Promise<Running> {
  if (typeof cluster === 'string') throw new Error(cluster)
  const topic = uniqueName('faults')
  const asked = (await first?.(topic))?.address
  const brokers = cluster.addresses.toSorted((a, b) => Number(b === asked) - Number(a === asked))
  const log = await openLog({ brokers, topics: { [topic]: { partitions: 6, replication: 3 } }, timing })
  test.after(() => log.close())
  const traffic = new Traffic()
  traffic.send(log, topic)
  traffic.receive(await log.consumer({ topic, group: topic, windowMax: 1_000 }))
  await until('the first records arrive', () => traffic.arrived > 200)
  return { log, topic, traffic, cluster }
}

async function leaderOf({ log, topic, cluster }: Running, partition = 0): Promise<KafkaBroker> {
  const [described] = await log.describe([topic])
  const leader = cluster.brokers.find(broker => broker.id === described?.partitions[partition]?.leader)
  assert.ok(leader, 'the partition has a leader')
  return leader
}

/** The broker that looks after a group. */
async function coordinatorOf(group: string): Promise<KafkaBroker> {
  assert.ok(typeof cluster !== 'string')
  const admin = new Admin({ clientId: 'plain', bootstrapBrokers: [...cluster.addresses] })
  try {
    const [found] = await admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [group] })
    const broker = cluster.brokers.find(({ id }) => id === found?.nodeId)
    assert.ok(broker, 'the group has a coordinator')
    return broker
  } finally {
    await admin.close()
  }
}

/** Everything is replicated again: the next fault finds a whole cluster. */
async function whole({ log, topic }: Running): Promise<void> {
  await until('all replicas are in sync', async () => {
    const [described] = await log.describe([topic]).catch(() => [])
    return described?.partitions.every(({ isrs }) => isrs.length === 3) ?? false
  })
}

async function goesOn({ traffic }: Running, records = 400): Promise<void> {
  const before = traffic.arrived
  await until('records arrive again', () => traffic.arrived > before + records)
}

test('the leader is killed: the others take over, and it comes back', { skip }, async test => {
  const running = await underLoad(test)
  const leader = await leaderOf(running)
  leader.kill()
  await goesOn(running)
  await leader.restart()
  await whole(running)
  await running.traffic.end()
  test.diagnostic(
    `${running.traffic.sent} records, ${running.traffic.repeated} delivered again, ${running.traffic.refused} appends made again`,
  )
})

test('all brokers are killed at once: everything waits, and goes on when they are back', { skip }, async test => {
  const running = await underLoad(test)
  const { brokers, addresses } = running.cluster
  const other = await openLog({
    brokers: addresses,
    topics: { [running.topic]: { partitions: 6, replication: 3 } },
    timing,
  })
  await other.consumer({ topic: running.topic, group: `${running.topic}-other`, windowMax: 10 })
  const written = `${running.topic}-written`
  const writer = await openLog({ brokers: addresses, topics: { [written]: { partitions: 1, replication: 3 } }, timing })
  test.after(() => writer.close())
  for (const broker of brokers) broker.kill()
  const killedAt = realWorld.clock.monotonic()
  await other.close()
  assert.ok(realWorld.clock.monotonic() - killedAt < 30_000, 'closing waits for nobody who is gone')
  await until('an append is refused within its time', () => running.traffic.refused > 0)
  assert.equal((await running.log.health()).ok, false)
  await assert.rejects(writer.append(written, [{ key: 'k', value: 'v' }]))
  await Promise.all(brokers.map(broker => broker.restart()))
  await goesOn(running)
  await whole(running)
  await until('health is well again', async () => (await running.log.health()).ok)
  await until('health is well where nothing is written any more', async () => (await writer.health()).ok)
  await running.traffic.end()
  test.diagnostic(
    `${running.traffic.sent} records, ${running.traffic.repeated} delivered again, ${running.traffic.refused} appends made again`,
  )
})

test('a broker loses its disk: the others have everything', { skip }, async test => {
  const running = await underLoad(test)
  const leader = await leaderOf(running)
  leader.kill()
  await leader.restart({ diskLost: true })
  await goesOn(running)
  await whole(running)
  await running.traffic.end()
  test.diagnostic(
    `${running.traffic.sent} records, ${running.traffic.repeated} delivered again, ${running.traffic.refused} appends made again`,
  )
})

test('a broker is frozen for longer than a session lasts: the others go on, and it wakes up harmlessly', {
  skip,
}, async test => {
  // The one that knows the group, that is asked first for everything, and that leads a third of the partitions.
  let coordinator: KafkaBroker | undefined
  const running = await underLoad(test, async group => {
    coordinator = await coordinatorOf(group)
    return coordinator
  })
  assert.ok(coordinator)
  const frozen = coordinator
  const frozenAt = realWorld.clock.monotonic()
  frozen.freeze()
  test.after(() => frozen.thaw())
  await goesOn(running)
  await until('a session is over', () => realWorld.clock.monotonic() - frozenAt > 2 * sessionTimeoutMs)
  frozen.thaw()
  await goesOn(running)
  await whole(running)
  await running.traffic.end()
  test.diagnostic(
    `${running.traffic.sent} records, ${running.traffic.repeated} delivered again, ${running.traffic.refused} appends made again`,
  )
})

test('a pause holds across a leader that is killed, its return and a rebalance; then everything arrives', {
  skip,
}, async test => {
  const running = await underLoad(test)
  const { log, topic, traffic } = running
  const [consumer] = traffic.consumers
  assert.ok(consumer)
  consumer.pause()
  await until('nothing arrives any more', async () => {
    const before = traffic.arrived
    const sent = traffic.sent
    await until('more is sent', () => traffic.sent > sent + 100)
    return traffic.arrived === before
  })
  const arrived = traffic.arrived
  const leader = await leaderOf(running)
  leader.kill()
  const sent = traffic.sent
  await until('others are sent', () => traffic.sent > sent + 400)
  await leader.restart()
  const passer = await log.consumer({ topic, group: topic, windowMax: 10 })
  passer.pause()
  await whole(running)
  await passer.close()
  assert.equal(traffic.arrived, arrived)
  consumer.resume()
  await goesOn(running)
  await traffic.end()
})

test('a second consumer joins under load and is killed: its partitions come back, the others never stop', {
  skip,
}, async test => {
  const running = await underLoad(test)
  const { topic, traffic, log } = running
  const program = fileURLToPath(new URL('kafka-group-process.ts', import.meta.url))
  const child = spawn(
    process.execPath,
    [program, running.cluster.addresses.join(','), topic, String(sessionTimeoutMs)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  test.after(() => child.kill('SIGKILL'))
  let lines = 0
  createInterface({ input: child.stdout }).on('line', line => {
    const [key = '', value = ''] = line.split(' ')
    lines += 1
    traffic.note(key, value)
  })
  await until('both have records', () => lines > 200)
  const third = await log.consumer({ topic, group: topic, windowMax: 1_000 })
  traffic.receive(third)
  await goesOn(running)
  child.kill('SIGKILL')
  await once(child, 'close')
  const killedAt = realWorld.clock.monotonic()
  await goesOn(running, 2_000)
  await running.traffic.end()
  test.diagnostic(
    `the killed one had ${lines} records; all was there ${Math.round(realWorld.clock.monotonic() - killedAt)} ms later`,
  )
  test.diagnostic(`${traffic.sent} records, ${traffic.repeated} delivered again, ${traffic.refused} appends made again`)
})
