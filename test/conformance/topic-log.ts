// The conformance suite of the topic log: every adapter passes it.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { TopicConsumer, TopicLog, TopicRecord } from '../../src/queue/topic-log.ts'

export interface TopicLogSubject {
  readonly log: TopicLog
  /** Closes in order and opens the same log again. */
  reopen(): Promise<TopicLogSubject>
  close(): Promise<void>
}

export interface TopicLogAdapter {
  readonly name: string
  /** Why its server cannot be had. */
  readonly skip?: false | string
  /** A log whose topic `work` is read by the groups `one` and `two`. */
  open(): Promise<TopicLogSubject>
}

const topic = 'work'
const windowMax = 100

export function topicLogConformance(adapter: TopicLogAdapter): void {
  describe(`topic log: ${adapter.name}`, { skip: adapter.skip ?? false }, () => {
    deliverySuite(adapter)
    offsetSuite(adapter)
    gateSuite(adapter)
  })
}

async function opened(adapter: TopicLogAdapter, test: TestContext): Promise<TopicLogSubject> {
  const subject = await adapter.open()
  test.after(() => subject.close())
  return subject
}

async function append(log: TopicLog, ...values: string[]): Promise<void> {
  await log.append(
    topic,
    values.map(value => ({ key: `key-${value.slice(0, 1)}`, value })),
  )
}

/** Takes until `count` records have come. */
async function takeAll(consumer: TopicConsumer, count: number): Promise<TopicRecord[]> {
  const records: TopicRecord[] = []
  while (records.length < count) {
    const taken = await consumer.take(count - records.length)
    assert.ok(taken.length > 0, 'nothing was taken')
    records.push(...taken)
  }
  return records
}

const valuesOf = (records: readonly TopicRecord[]): string[] => records.map(record => record.value)

function deliverySuite(adapter: TopicLogAdapter): void {
  it('delivers records in the order of their appending, to every group, from the earliest on', async test => {
    const { log } = await opened(adapter, test)
    await append(log, 'a1', 'b1')
    await append(log, 'a2')
    for (const group of ['one', 'two']) {
      const consumer = await log.consumer({ topic, group, windowMax })
      const records = await takeAll(consumer, 3)
      assert.deepEqual(valuesOf(records), ['a1', 'b1', 'a2'])
      assert.deepEqual(
        records.map(record => [record.topic, record.key]),
        [
          [topic, 'key-a'],
          [topic, 'key-b'],
          [topic, 'key-a'],
        ],
      )
      assert.ok(records.every((record, index) => index === 0 || record.offset > (records[index - 1]?.offset ?? -1)))
    }
  })

  it('wakes a waiting consumer when records come, and takes no more than asked', async test => {
    const { log } = await opened(adapter, test)
    const consumer = await log.consumer({ topic, group: 'one', windowMax })
    const waiting = consumer.take(2)
    await append(log, 'a1', 'a2', 'a3')
    const first = await waiting
    assert.ok(first.length >= 1 && first.length <= 2)
    assert.deepEqual(valuesOf([...first, ...(await takeAll(consumer, 3 - first.length))]), ['a1', 'a2', 'a3'])
  })

  it('tells how far a group is behind', async test => {
    const { log } = await opened(adapter, test)
    const consumer = await log.consumer({ topic, group: 'one', windowMax })
    assert.equal(await consumer.lag(), 0)
    await append(log, 'a1', 'a2', 'a3')
    assert.equal(await consumer.lag(), 3)
    const records = await takeAll(consumer, 2)
    assert.equal(await consumer.lag(), 3)
    for (const record of records) consumer.finish(record)
    assert.equal(await consumer.lag(), 1)
  })

  it('appends nothing when there is nothing to append', async test => {
    const { log } = await opened(adapter, test)
    await log.append(topic, [])
    await append(log, 'a1')
    const consumer = await log.consumer({ topic, group: 'one', windowMax })
    assert.deepEqual(valuesOf(await takeAll(consumer, 1)), ['a1'])
  })

  it('describes its topics', async test => {
    const { log } = await opened(adapter, test)
    await append(log, 'a1')
    const [description] = await log.describe([topic])
    assert.equal(description?.name, topic)
    assert.ok((description?.partitions.length ?? 0) > 0)
  })
}

function offsetSuite(adapter: TopicLogAdapter): void {
  it('delivers what was not finished again to the next consumer of the group', async test => {
    const { log } = await opened(adapter, test)
    await append(log, 'a1', 'a2', 'a3')
    const consumer = await log.consumer({ topic, group: 'one', windowMax })
    const [first] = await takeAll(consumer, 3)
    assert.ok(first)
    consumer.finish(first)
    await consumer.close()
    const next = await log.consumer({ topic, group: 'one', windowMax })
    assert.deepEqual(valuesOf(await takeAll(next, 2)), ['a2', 'a3'])
  })

  it('goes on where a group was after a restart, and finds what it had not finished', async test => {
    const subject = await opened(adapter, test)
    await append(subject.log, 'a1', 'a2', 'a3')
    const consumer = await subject.log.consumer({ topic, group: 'one', windowMax })
    const records = await takeAll(consumer, 3)
    const [first, , third] = records
    assert.ok(first && third)
    consumer.finish(third)
    consumer.finish(first)
    await consumer.close()
    const { log } = await subject.reopen()
    await append(log, 'a4')
    const again = await log.consumer({ topic, group: 'one', windowMax })
    const [next] = await again.take(1)
    assert.equal(next?.value, 'a2', 'the lowest unfinished record is where it goes on')
    const other = await log.consumer({ topic, group: 'two', windowMax })
    assert.deepEqual(valuesOf(await takeAll(other, 4)), ['a1', 'a2', 'a3', 'a4'])
  })

  it('takes nothing more when the oldest unfinished record is a window behind', async test => {
    const { log } = await opened(adapter, test)
    await append(log, 'a1', 'a2', 'a3', 'a4', 'a5')
    const consumer = await log.consumer({ topic, group: 'one', windowMax: 3 })
    const records = await takeAll(consumer, 3)
    const [first, second, third] = records
    assert.ok(first && second && third)
    consumer.finish(second)
    consumer.finish(third)
    assert.deepEqual(await consumer.take(1), [])
    consumer.finish(first)
    assert.deepEqual(valuesOf(await takeAll(consumer, 2)), ['a4', 'a5'])
  })
}

function gateSuite(adapter: TopicLogAdapter): void {
  it('gives nothing while paused, keeps its place, and goes on when resumed', async test => {
    const { log } = await opened(adapter, test)
    const consumer = await log.consumer({ topic, group: 'one', windowMax })
    const waiting = consumer.take(1)
    consumer.pause()
    assert.deepEqual(await waiting, [])
    await append(log, 'a1')
    assert.deepEqual(await consumer.take(1), [])
    assert.equal(await consumer.lag(), 1)
    consumer.resume()
    assert.deepEqual(valuesOf(await takeAll(consumer, 1)), ['a1'])
  })

  it('lets a waiting take end when the consumer or the log is closed', async test => {
    const subject = await opened(adapter, test)
    const one = await subject.log.consumer({ topic, group: 'one', windowMax })
    const two = await subject.log.consumer({ topic, group: 'two', windowMax })
    const waitingForOne = one.take(1)
    const waitingForTwo = two.take(1)
    await one.close()
    await one.close()
    assert.deepEqual(await waitingForOne, [])
    assert.deepEqual(await one.take(1), [])
    await subject.log.close()
    assert.deepEqual(await waitingForTwo, [])
    await assert.rejects(subject.log.consumer({ topic, group: 'one', windowMax }))
  })

  it('hands the records of a group to one of its consumers each', async test => {
    const { log } = await opened(adapter, test)
    const first = await log.consumer({ topic, group: 'one', windowMax })
    const second = await log.consumer({ topic, group: 'one', windowMax })
    const waiting = second.take(10)
    await append(log, 'a1', 'a2')
    const records = await takeAll(first, 2)
    const [finished] = records
    assert.ok(finished)
    first.finish(finished)
    await first.close()
    assert.deepEqual(valuesOf(await waiting), ['a2'])
  })
}
