// What lies in Kafka, seen with a plain client, and what other programs put there: Backbeat's keys, values, canaries and groups; zstd and
// idempotent batches; entries that no message can hold; records that nobody can read.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, type TestContext, test } from 'node:test'
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  IncrementalAlterConfigOperationTypes,
  ProduceAcks,
  Producer,
  stringSerializers,
} from '@platformatic/kafka'
import { makeVersionId } from '../../src/domain/version-id.ts'
import { readReplicationEntry, readStatusMessage, replicationRecord, topicKey } from '../../src/queue/entry-format.ts'
import type { KafkaTopicLog } from '../../src/queue/kafka/kafka-topic-log.ts'
import { partitionOf } from '../../src/queue/kafka/partitioner.ts'
import { isKafkaError } from '../../src/queue/kafka/problems.ts'
import type { TopicConsumer, TopicRecord } from '../../src/queue/topic-log.ts'
import { kafkaBrokers, uniqueName } from '../services/available.ts'
import { until } from '../until.ts'
import recorded from './backbeat-records.json' with { type: 'json' }
import { calmTiming, openLog } from './kafka-logs.ts'

const kafka = await kafkaBrokers()
const { skip } = kafka
after(() => kafka.stop())

interface Opened {
  readonly topic: string
  readonly log: KafkaTopicLog
}

async function opened(test: TestContext, partitions = 5): Promise<Opened> {
  const topic = uniqueName('wire')
  const topics = { [topic]: { partitions, replication: 1 } }
  const log = await openLog({ brokers: kafka.get(), topics, timing: calmTiming })
  test.after(() => log.close())
  return { topic, log }
}

const plain = () => ({ clientId: 'plain', bootstrapBrokers: [...kafka.get()] })

/** All batches of a topic, as they lie there. */
async function batches(test: TestContext, topic: string, partitions: number) {
  const consumer = new Consumer({ ...plain(), groupId: uniqueName('reader') })
  test.after(() => consumer.close(true))
  consumer.topics.track(topic)
  const metadata = await consumer.metadata({ topics: [topic] })
  const described = metadata.topics.get(topic)
  assert.ok(described)
  const wanted = Array.from({ length: partitions }, (_, partition) => ({
    partition,
    fetchOffset: 0n,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 1024 ** 2,
  }))
  const topics = [{ topicId: described.id, partitions: wanted }]
  const node = described.partitions[0]?.leader ?? 0
  const response = await consumer.fetch({ node, topics, maxWaitTime: 100, minBytes: 1, maxBytes: 10 * 1024 ** 2 })
  return response.responses.flatMap(one =>
    one.partitions.flatMap(({ partitionIndex, records }) =>
      (records ?? []).map(batch => ({ partition: partitionIndex, ...batch })),
    ),
  )
}

async function takeAll(consumer: TopicConsumer, count: number): Promise<TopicRecord[]> {
  const records: TopicRecord[] = []
  while (records.length < count) records.push(...(await consumer.take(count - records.length)))
  return records
}

const versionId = makeVersionId({ epochMs: 1_795_313_550_172, sequence: 4 }, 'RG001')

function entry(key: string, metadata: object): { key: string; value: string } {
  const ref = { bucket: 'crr-two', key, versionId, revision: 2, timestamp: '2026-11-22T02:10:04.433Z' }
  return replicationRecord({ ...ref, metadataJson: JSON.stringify(metadata) })
}

test('keys, values and partitions are those of the original; batches are zstd and idempotent, many records each', {
  skip,
}, async test => {
  const { topic, log } = await opened(test)
  const replicationInfo = { status: 'PENDING', storageClass: 'awsbackend' }
  const keys = ['aws/o1', 'both/hdr', 'both/copy']
  await Promise.all(keys.map(key => log.append(topic, [entry(key, { 'content-length': 5, replicationInfo })])))
  const found = await batches(test, topic, 5)
  assert.deepEqual(
    found.map(({ partition, attributes, records }) => [partition, attributes & 7, records.length]),
    [[4, 4, 3]],
    'as recorded from the original: all in partition 4 of 5',
  )
  const [batch] = found
  assert.ok(batch && batch.producerId >= 0n && batch.firstSequence === 0)
  const [first] = batch.records
  assert.equal(first?.key?.toString(), 'crr-two%2Faws%2Fo1')
  const value: unknown = JSON.parse(first?.value?.toString() ?? '')
  assert.deepEqual(value, {
    type: 'put',
    bucket: 'crr-two',
    key: `aws/o1\0${versionId}`,
    value: JSON.stringify({ 'content-length': 5, replicationInfo }),
    overheadFields: { commitTimestamp: '2026-11-22T02:10:04.433Z' },
    revision: 2,
  })
  assert.deepEqual(first?.headers, [])
})

test('what others write is read: their entries, and their canaries are passed over', { skip }, async test => {
  const { topic, log } = await opened(test, 1)
  const producer = new Producer({ ...plain(), serializers: stringSerializers })
  test.after(() => producer.close(true))
  const written = entry('theirs', { replicationInfo: { storageClass: 'awsbackend' } })
  await producer.send({
    messages: [
      { topic, key: 'canary', value: '{"canary":true}' },
      { topic, ...written },
      { topic, key: 'canary', value: '{"canary":true}' },
    ],
    acks: ProduceAcks.ALL,
    compression: 'gzip',
  })
  const consumer = await log.consumer({ topic, group: topic, windowMax: 10 })
  const [record] = await takeAll(consumer, 1)
  assert.ok(record)
  assert.deepEqual([record.offset, record.key, record.value], [1, written.key, written.value])
  consumer.finish(record)
  assert.equal(await consumer.lag(), 0, 'canaries are nobody work')
})

test('asked for canaries, a new group leaves one in each partition, passes over it, and leaves no second one', {
  skip,
}, async test => {
  const topic = uniqueName('wire')
  const log = await openLog({
    brokers: kafka.get(),
    topics: { [topic]: { partitions: 3, replication: 1 } },
    canaries: true,
    timing: calmTiming,
  })
  test.after(() => log.close())
  const first = await log.consumer({ topic, group: topic, windowMax: 10 })
  // Behind each partition's canary, since one topic is written in order.
  const keys = [0, 1, 2].map(partition => keyIn(partition, 3))
  await log.append(
    topic,
    keys.map(key => ({ key, value: '{}' })),
  )
  for (const record of await takeAll(first, 3)) {
    assert.equal(record.offset, 1, 'the canary came first')
    first.finish(record)
  }
  assert.equal(await first.lag(), 0, 'canaries are nobody work')
  await first.close()
  const second = await log.consumer({ topic, group: topic, windowMax: 10 })
  await log.append(topic, [{ key: 'last', value: '{}' }])
  await takeAll(second, 1)
  const written = (await batches(test, topic, 3)).flatMap(({ partition, records }) =>
    records.map(({ key, value }) => [partition, key?.toString(), value?.toString()]),
  )
  const canaries = written.filter(([, key]) => key === 'canary')
  assert.deepEqual(
    canaries.toSorted(),
    [0, 1, 2].map(partition => [partition, 'canary', '{"canary":true}']),
  )
})

/** A key that lies in the partition. */
function keyIn(partition: number, partitions: number): string {
  for (let number = 0; ; number += 1) if (partitionOf(`key-${number}`, partitions) === partition) return `key-${number}`
}

test('records of a real Backbeat, as recorded, lie where our keys would and are read', { skip }, async test => {
  const { topic, log } = await opened(test)
  const producer = new Producer({ ...plain(), serializers: stringSerializers })
  test.after(() => producer.close(true))
  const entries = recorded.filter(record => record.key !== 'canary')
  for (const { key, partition } of entries) assert.equal(partitionOf(key, 5), partition)
  const messages = recorded.map(({ partition, key, value }) => ({ topic, partition, key, value }))
  await producer.send({ messages, acks: ProduceAcks.ALL })
  const consumer = await log.consumer({ topic, group: topic, windowMax: 100 })
  const records = await takeAll(consumer, entries.length)
  assert.deepEqual(
    records.map(({ key, value }) => ({ key, value })),
    entries.map(({ key, value }) => ({ key, value })),
  )
  const read = records.map(({ value }, index) =>
    entries[index]?.topic === 'backbeat-replication' ? readReplicationEntry(value) : readStatusMessage(value),
  )
  assert.deepEqual(
    read.map(one => (one.kind === 'entry' ? [one.entry.bucket, one.entry.key] : one)),
    ['aws/o1', 'both/hdr', 'both/copy', 'aws/o1', 'both/hdr', 'both/copy'].map(key => ['crr-two', key]),
  )
  assert.ok(
    read.slice(3).every(one => one.kind === 'entry' && 'status' in one.entry && one.entry.status === 'COMPLETED'),
  )
})

test('groups and offsets are ordinary ones that tools can see', { skip }, async test => {
  const { topic, log } = await opened(test, 2)
  const group = `backbeat-replication-group-${topic}`
  await log.append(topic, [entry('k', { replicationInfo: {} })])
  const consumer = await log.consumer({ topic, group, windowMax: 10 })
  for (const record of await takeAll(consumer, 1)) consumer.finish(record)
  const admin = new Admin(plain())
  test.after(() => admin.close())
  const described = await admin.describeGroups({ groups: [group] })
  assert.equal(described.get(group)?.protocolType, 'consumer')
  assert.equal(described.get(group)?.members.size, 1)
  await consumer.close()
  const [offsets] = await admin.listConsumerGroupOffsets({ groups: [group] })
  const committed = offsets?.topics.flatMap(one => one.partitions.map(({ committedOffset }) => Number(committedOffset)))
  assert.deepEqual(committed?.toSorted(), [0, 1])
})

test('an entry that no message can hold goes without its metadata, is read, and holds up nothing', {
  skip,
}, async test => {
  const { topic, log } = await opened(test, 1)
  const replicationInfo = { status: 'PENDING', storageClass: 'aws,azure', content: ['DATA'] }
  const location = Array.from({ length: 20_000 }, (_, index) => ({ key: `${Math.sin(index)}`.repeat(4), size: index }))
  await log.append(topic, [entry('small', { replicationInfo }), entry('large', { location, replicationInfo })])
  await log.append(topic, [entry('next', { replicationInfo })])
  const consumer = await log.consumer({ topic, group: topic, windowMax: 10 })
  const records = await takeAll(consumer, 3)
  assert.deepEqual(
    records.map(record => record.key),
    ['small', 'large', 'next'].map(key => topicKey({ bucket: 'crr-two', key })),
  )
  assert.ok((records[1]?.value.length ?? 0) < 1_000)
  assert.deepEqual(readReplicationEntry(records[1]?.value ?? ''), {
    kind: 'entry',
    entry: { bucket: 'crr-two', key: 'large', versionId, revision: 2, sites: ['aws', 'azure'] },
  })
})

test('a topic that takes less than it said at the start gets smaller requests and lean entries', {
  skip,
}, async test => {
  const { topic, log } = await opened(test, 1)
  const admin = new Admin(plain())
  test.after(() => admin.close())
  const limit = { name: 'max.message.bytes', configOperation: IncrementalAlterConfigOperationTypes.SET, value: '4000' }
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: [limit] }
  await admin.incrementalAlterConfigs({ resources: [resource] })
  const producer = new Producer({ ...plain(), serializers: stringSerializers })
  test.after(() => producer.close(true))
  // The broker keeps to it some time after it has said so. Canaries are passed over, however large they are.
  const large = { topic, key: 'canary', value: '{"canary":true}'.padEnd(5_000) }
  await until('the broker refuses what is larger', () =>
    producer.send({ messages: [large], acks: ProduceAcks.ALL }).then(
      () => false,
      (error: unknown) => {
        if (!isKafkaError(error, 'MESSAGE_TOO_LARGE')) throw error
        return true
      },
    ),
  )
  const replicationInfo = { status: 'PENDING', storageClass: 'aws' }
  const random = (key: number) => createHash('sha512').update(String(key)).digest('hex')
  const small = Array.from({ length: 40 }, (_, index) =>
    entry(`small-${index}`, { note: random(index), replicationInfo }),
  )
  const notes = Array.from({ length: 200 }, (_, index) => random(1_000 + index))
  await log.append(topic, [...small, entry('large', { notes, replicationInfo })])
  const consumer = await log.consumer({ topic, group: topic, windowMax: 100 })
  const records = await takeAll(consumer, 41)
  const keys = [...small.map(record => record.key), topicKey({ bucket: 'crr-two', key: 'large' })]
  assert.deepEqual(
    records.map(record => record.key),
    keys,
  )
  assert.ok((records[40]?.value.length ?? 0) < 1_000)
})

test('a record that nobody can read is kept with its bytes, once however many groups meet it', { skip }, async test => {
  const { topic, log } = await opened(test, 1)
  const producer = new Producer(plain())
  test.after(() => producer.close(true))
  const bytes = Buffer.from([0x7b, 0xff, 0x00, 0xfe])
  await producer.send({ messages: [{ topic, key: Buffer.from('k'), value: bytes }], acks: ProduceAcks.ALL })
  for (const group of ['one', 'two']) {
    const consumer = await log.consumer({ topic, group: `${topic}-${group}`, windowMax: 10 })
    const [record] = await takeAll(consumer, 1)
    assert.ok(record)
    await log.setAside(record, 'it is no JSON')
  }
  const kept = (await batches(test, `${topic}-unreadable`, 1)).flatMap(batch => batch.records)
  const keys = new Set(kept.map(record => record.key?.toString()))
  assert.deepEqual([...keys], [`${topic}/0/0`])
  const value: unknown = JSON.parse(kept[0]?.value?.toString() ?? '')
  assert.ok(typeof value === 'object' && value !== null && 'valueBase64' in value && 'problem' in value)
  assert.deepEqual([value.valueBase64, value.problem], [bytes.toString('base64'), 'it is no JSON'])
  const admin = new Admin(plain())
  test.after(() => admin.close())
  const resource = {
    resourceType: ConfigResourceTypes.TOPIC,
    resourceName: `${topic}-unreadable`,
    configurationKeys: ['cleanup.policy'],
  }
  const [described] = await admin.describeConfigs({ resources: [resource] })
  assert.equal(described?.configs[0]?.value, 'compact')
})

test('topics are described with their leaders and replicas', { skip }, async test => {
  const { topic, log } = await opened(test, 3)
  const [described] = await log.describe([topic])
  assert.deepEqual(
    described?.partitions.map(({ id }) => id),
    [0, 1, 2],
  )
  for (const { leader, replicas, isrs } of described?.partitions ?? []) {
    assert.deepEqual(replicas, [leader])
    assert.deepEqual(isrs, [leader])
  }
  assert.deepEqual(await log.health(), { name: 'Kafka', ok: true })
})
