// The topic log's suite on the embedded engine, and what only the embedded one promises: no record outlives its readers.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { realWorld } from '../../src/base/world.ts'
import { openTopicLog } from '../../src/queue/sqlite/sqlite-topic-log.ts'
import { inlineSqlite, type SqliteAdapter, type SqliteSubject, sqliteAdapters } from './sqlite-stores.ts'
import { type TopicLogAdapter, type TopicLogSubject, topicLogConformance } from './topic-log.ts'

const topics = { work: ['one', 'two'] }

function topicLogAdapter(adapter: SqliteAdapter): TopicLogAdapter {
  const form = (opened: SqliteSubject): TopicLogSubject => {
    const log = openTopicLog(opened.engine, { topics })
    return {
      log,
      reopen: async () => {
        await log.close()
        return form(await opened.reopen())
      },
      close: async () => {
        await log.close().catch(() => {})
        await opened.close()
      },
    }
  }
  return { name: adapter.name, open: async () => form(await adapter.open(realWorld)) }
}

for (const adapter of sqliteAdapters) topicLogConformance(topicLogAdapter(adapter))

it('forgets records that every configured group has read, and never uses an offset twice', async test => {
  const subject = await inlineSqlite.open(realWorld)
  test.after(() => subject.close())
  const count = () =>
    subject.engine.reader.get<{ count: number }>('SELECT count(*) AS count FROM topic_records')?.count ?? 0
  const log = openTopicLog(subject.engine, { topics })
  await log.append(
    'work',
    Array.from({ length: 5 }, (_, index) => ({ key: 'k', value: String(index) })),
  )
  for (const [group, left] of [
    ['one', 5],
    ['two', 1],
  ] as const) {
    const consumer = await log.consumer({ topic: 'work', group, windowMax: 100 })
    for (const record of await consumer.take(10)) consumer.finish(record)
    await consumer.close()
    assert.equal(count(), left, group)
  }
  await log.close()
  await subject.reopen()
  const again = openTopicLog(subject.engine, { topics })
  await again.append('work', [{ key: 'k', value: 'new' }])
  const consumer = await again.consumer({ topic: 'work', group: 'one', windowMax: 100 })
  const [record] = await consumer.take(1)
  assert.deepEqual([record?.offset, record?.value], [5, 'new'])
  assert.equal(await consumer.lag(), 1)
})

it('does not keep records for a group that is configured no longer', async test => {
  const subject = await inlineSqlite.open(realWorld)
  test.after(() => subject.close())
  const before = openTopicLog(subject.engine, { topics })
  await before.append('work', [
    { key: 'k', value: '1' },
    { key: 'k', value: '2' },
  ])
  const two = await before.consumer({ topic: 'work', group: 'two', windowMax: 100 })
  await two.close()
  await before.close()
  const log = openTopicLog(subject.engine, { topics: { work: ['one'] } })
  const one = await log.consumer({ topic: 'work', group: 'one', windowMax: 100 })
  for (const record of await one.take(10)) one.finish(record)
  await one.close()
  const newcomer = await log.consumer({ topic: 'work', group: 'two', windowMax: 100 })
  assert.deepEqual(
    (await newcomer.take(10)).map(record => record.value),
    ['2'],
  )
})
