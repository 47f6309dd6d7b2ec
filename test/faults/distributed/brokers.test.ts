// Goal: of three brokers the leader may be killed, all of them, one may lose its disk, and one may stand still; everything arrives once, in
// order. Method: one layout of real processes on a real cluster with short times; each story ends with the count.
import { after, describe, test } from 'node:test'
import { Admin } from '@platformatic/kafka'
import type { KafkaBroker } from '../../../src/services/kafka-server.ts'
import { until } from '../../until.ts'
import { openStage, seed } from './stage.ts'

const topic = 'backbeat-replication'
/** Longer than every time-out of these brokers, and than those that Kafka has by default. */
const frozenMs = 60_000
const available = await openStage({
  brokers: 3,
  populators: 1,
  kafka: {
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'controller.quorum.election.timeout.ms': '800',
    'controller.quorum.election.backoff.max.ms': '400',
    'controller.quorum.fetch.timeout.ms': '1600',
    'replica.lag.time.max.ms': '3000',
  },
})

after(() => available.stop())

describe(`three brokers (FAULT_SEED=${seed})`, { skip: available.skip }, () => {
  async function withAdmin<Answer>(ask: (admin: Admin) => Promise<Answer>): Promise<Answer> {
    const { addresses } = available.get().servers.kafka
    const admin = new Admin({ clientId: 'plain', bootstrapBrokers: [...addresses], retries: 0, timeout: 5_000 })
    try {
      return await ask(admin)
    } finally {
      await admin.close()
    }
  }

  const partitions = () =>
    withAdmin(
      async admin => (await admin.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic)?.partitions ?? [],
    )

  function leader(): Promise<KafkaBroker> {
    const { brokers } = available.get().servers.kafka
    return until('the partition has a leader', async () => {
      const [first] = await partitions().catch(() => [])
      return brokers.find(broker => broker.id === first?.leader)
    })
  }

  /** Before the next one is taken away. */
  const inSync = (): Promise<unknown> =>
    until('all replicas are in sync', async () => {
      const found = await partitions().catch(() => [])
      return found.length > 0 && found.every(({ isr, leader: id }) => id >= 0 && isr.length === 3)
    })

  test('the leader is killed with kill -9 under load', async () => {
    const story = await available.get().story('leader')
    const load = story.load({ paceMs: 100 })
    await load.more(20)
    const broker = await leader()
    broker.kill()
    await load.more(40)
    const acknowledged = await load.stop()
    // Without it.
    await story.ended()
    const more = story.load({ paceMs: 100 })
    await broker.restart()
    await more.more(20)
    await story.end(more, acknowledged)
    await inSync()
  })

  test('all brokers are killed and started again', async () => {
    const { brokers } = available.get().servers.kafka
    const story = await available.get().story('brokers')
    const load = story.load({ paceMs: 100 })
    await load.more(20)
    for (const broker of brokers) broker.kill()
    await load.more(40)
    await Promise.all(brokers.map(broker => broker.restart()))
    await load.more(20)
    await story.end(load)
    await inSync()
  })

  test('a broker loses its disk', async () => {
    const story = await available.get().story('disk')
    const load = story.load({ paceMs: 100 })
    await load.more(20)
    const broker = await leader()
    broker.kill()
    await load.more(20)
    await broker.restart({ diskLost: true })
    await load.more(20)
    await story.end(load)
    await inSync()
  })

  test('the leader stands still for longer than every time-out, and wakes', async () => {
    const story = await available.get().story('still')
    const load = story.load({ paceMs: 100 })
    await load.more(20)
    const broker = await leader()
    const frozenAt = performance.now()
    broker.freeze()
    try {
      const acknowledged = await load.stop()
      await story.ended()
      const more = story.load({ paceMs: 100 })
      await more.more(20)
      await until('it has stood still long enough', () => performance.now() > frozenAt + frozenMs, frozenMs + 20_000)
      broker.thaw()
      await more.more(20)
      await story.end(more, acknowledged)
    } finally {
      broker.thaw()
    }
  })
})
