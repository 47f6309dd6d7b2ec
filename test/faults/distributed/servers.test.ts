// Goal: PostgreSQL, ZooKeeper and Redis may be killed, frozen and started again under load; a pause holds through all of it, and in the end
// everything has arrived once. Method: one layout of real processes and servers; each story ends with the count.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { realWorld } from '../../../src/base/world.ts'
import { signalChannel, signals, workChannel } from '../../../src/control/paths.ts'
import { openRedisSignalBus } from '../../../src/control/redis/signal-bus.ts'
import { until } from '../../until.ts'
import { versionList } from '../version-list.ts'
import type { Acknowledged, Load } from './load.ts'
import { openStage, rounds, type Story, seed } from './stage.ts'

const available = await openStage({ populators: 1 })

after(() => available.stop())

/** How often a process has said so. */
function sessionsLost(log: string): number {
  return log.split('keeping the session with ZooKeeper').length - 1
}

describe(`servers that fail (FAULT_SEED=${seed})`, { skip: available.skip }, () => {
  const arrived = async ({ bucket }: Story): Promise<number> =>
    (await versionList(available.get().s3, `${bucket}/`)).size
  test('PostgreSQL is killed in mid-commit under load and started again', async () => {
    const { servers } = available.get()
    const story = await available.get().story('postgres')
    const load = story.load()
    for (let kill = 0; kill < 2 * rounds; kill += 1) {
      await load.more(30)
      await servers.postgres.kill()
      await servers.postgres.restart()
    }
    await load.more(30)
    await story.end(load)
  })

  test('ZooKeeper is killed: what is published is copied without it, what is put meanwhile afterwards', async () => {
    const { servers, layout } = available.get()
    const story = await available.get().story('zookeeper')
    const load = story.load()
    await load.more(20)
    // A populator needs its lease: what is to be copied without ZooKeeper has to be in the topic before.
    const processors = [...layout.processes.values()].filter(({ options }) => options.roles.includes('processor'))
    for (const one of processors) one.freeze()
    let acknowledged: readonly Acknowledged[] = []
    try {
      acknowledged = await load.stop()
      await story.published()
      await servers.zookeeper.kill()
    } finally {
      for (const one of processors) one.thaw()
    }
    const withoutIt = async (): Promise<Load> => {
      await story.ended()
      const meanwhile = story.load()
      await meanwhile.more(20)
      return meanwhile
    }
    const more = await withoutIt().finally(() => servers.zookeeper.restart())
    await more.more(20)
    await story.end(more, acknowledged)
  })

  test('a pause holds while every session with ZooKeeper expires, and the resume works', async () => {
    const { servers, layout } = available.get()
    const story = await available.get().story('expired')
    await available.get().pause('awsbackend')
    const load = story.load()
    await load.more(20)
    const processors = ['awsbackend-1', 'awsbackend-2'].map(name => layout.process(name))
    const lostBefore = processors.map(one => sessionsLost(one.log()))
    servers.zookeeper.freeze()
    try {
      await until('both processors have given their sessions up', () =>
        processors.every((one, at) => sessionsLost(one.log()) > (lostBefore[at] ?? 0)),
      )
      await load.more(20)
    } finally {
      servers.zookeeper.thaw()
    }
    await until('it has a new one', async () => (await layout.process('awsbackend-1').ready())?.status === 200)
    await load.more(20)
    assert.equal(await arrived(story), 0, 'a paused site got something')
    await available.get().resume('awsbackend')
    await story.end(load)
  })

  test('signals that are doubled, reordered, false or garbage change nothing that was commanded', async () => {
    const { servers } = available.get()
    const bus = await openRedisSignalBus({ url: servers.engine.signals?.redis.url ?? '', world: realWorld })
    const story = await available.get().story('signals')
    const channel = signalChannel('backbeat-replication', 'awsbackend')
    const messages = [signals.pause(), signals.resume(), signals.resume(), '', '{', '{"action":"explode"}', 'null']
    let over = false
    const rogue = (async (): Promise<void> => {
      for (let turn = 0; !over; turn += 1) {
        await bus.publish(channel, messages[turn % messages.length] ?? '')
        await bus.publish(workChannel('awsbackend'), messages[(turn + 3) % messages.length] ?? '')
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    })()
    try {
      await available.get().pause('awsbackend')
      const load = story.load()
      await load.more(40)
      assert.equal(await arrived(story), 0, 'a paused site got something')
      await available.get().resume('awsbackend')
      await load.more(40)
      await story.end(load)
    } finally {
      over = true
      await rogue
      await bus.close()
    }
  })

  test('signals that are lost with Redis delay a pause and a resume, no more', async () => {
    const { servers } = available.get()
    const story = await available.get().story('lost')
    await servers.redis.kill()
    await available.get().pause('awsbackend')
    const load = story.load()
    await load.more(20)
    assert.equal(await arrived(story), 0, 'a paused site got something')
    await available.get().resume('awsbackend')
    await load.more(20)
    await servers.redis.restart()
    await load.more(20)
    await story.end(load)
  })
})
