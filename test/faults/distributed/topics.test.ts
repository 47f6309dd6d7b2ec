// Goal: what Kafka forgets (entries, offsets, topics) the ledger brings back, and a pause holds through all of it. Method: one layout of real
// processes and servers; an operator's client empties and deletes; each story ends with the count.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Admin } from '@platformatic/kafka'
import { until } from '../../until.ts'
import { versionList } from '../version-list.ts'
import { openStage, seed } from './stage.ts'

const topics = ['backbeat-replication', 'backbeat-replication-status'] as const
const [replication] = topics
const group = 'backbeat-replication-group-awsbackend'
const partitionIndexes = [0, 1, 2, 3]
const available = await openStage({ populators: 1 })

after(() => available.stop())

describe(`topics that lose what they held (FAULT_SEED=${seed})`, { skip: available.skip }, () => {
  async function asOperator<Answer>(ask: (admin: Admin) => Promise<Answer>): Promise<Answer> {
    const { addresses } = available.get().servers.kafka
    const admin = new Admin({ clientId: 'operator', bootstrapBrokers: [...addresses], retries: 3 })
    try {
      return await ask(admin)
    } finally {
      await admin.close()
    }
  }

  /** As retention does; asked again while a partition has no leader. */
  const empty = (): Promise<unknown> =>
    until('the topic is emptied', () =>
      asOperator(admin =>
        admin.deleteRecords({
          topics: [{ name: replication, partitions: partitionIndexes.map(partition => ({ partition, offset: -1n })) }],
        }),
      ).then(
        () => true,
        () => false,
      ),
    )

  test('a pause holds across a rebalance, a restarted broker, an emptied topic and forgotten offsets', async () => {
    const { layout, servers, s3 } = available.get()
    const story = await available.get().story('pause')
    const processors = [layout.process('awsbackend-1'), layout.process('awsbackend-2')] as const
    await available.get().pause('awsbackend')
    const load = story.load({ paceMs: 150 })
    await load.more(20)
    await processors[1].kill()
    await load.more(20)
    servers.kafka.brokers[0]?.kill()
    await servers.kafka.brokers[0]?.restart()
    await load.more(20)
    await processors[1].start()
    await empty()
    // Kafka forgets offsets of a group that nobody is in.
    await Promise.all(processors.map(process => process.kill()))
    await until('its offsets are forgotten', () =>
      asOperator(admin =>
        admin.deleteConsumerGroupOffsets({ groupId: group, topics: [{ name: replication, partitionIndexes }] }),
      ).then(
        () => true,
        () => false,
      ),
    )
    await Promise.all(processors.map(process => process.start()))
    await load.more(20)
    assert.equal((await versionList(s3, `${story.bucket}/`)).size, 0, 'a paused site got something')
    await available.get().resume('awsbackend')
    await load.more(20)
    await story.end(load)
  })

  test('the topic is emptied under load', async () => {
    const story = await available.get().story('emptied')
    const load = story.load()
    for (let time = 0; time < 3; time += 1) {
      await load.more(30)
      await empty()
    }
    await load.more(20)
    await story.end(load)
  })

  test('the topics are deleted altogether, and the ledger brings everything back', async () => {
    const story = await available.get().story('deleted')
    await available.get().pause('awsbackend')
    const load = story.load()
    await load.more(40)
    await asOperator(admin => admin.deleteTopics({ topics: [...topics] }))
    await load.more(40)
    await available.get().resume('awsbackend')
    await load.more(20)
    await story.end(load)
  })
})
