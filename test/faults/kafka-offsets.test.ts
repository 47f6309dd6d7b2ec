// What becomes of a group whose place in a topic is lost or emptied, and of servers and settings that cannot be used: nothing is skipped without
// a word, and every failure says what to do.
import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { Admin, ConfigResourceTypes, Consumer } from '@platformatic/kafka'
import { pipelineNotices } from '../../src/base/channels.ts'
import { DependencyError } from '../../src/base/dependency.ts'
import { Secret } from '../../src/base/secret.ts'
import { realWorld } from '../../src/base/world.ts'
import { sqliteMetadataStore } from '../../src/metadata/sqlite/sqlite-metadata-store.ts'
import { replicationRecord } from '../../src/queue/entry-format.ts'
import type { KafkaTopicLog } from '../../src/queue/kafka/kafka-topic-log.ts'
import type { KafkaSasl, KafkaTiming } from '../../src/queue/kafka/settings.ts'
import type { TopicConsumer, TopicGap, TopicRecord } from '../../src/queue/topic-log.ts'
import { runCommand } from '../../src/services/command.ts'
import { startKafka } from '../../src/services/kafka-server.ts'
import { createGapFiller } from '../../src/status/gap-filler.ts'
import { type MemoryOffsets, memoryOffsets, openLog } from '../conformance/kafka-logs.ts'
import { inlineSqlite } from '../conformance/sqlite-stores.ts'
import { makeBucket, put } from '../conformance/store-fixtures.ts'
import { kafkaBrokers, uniqueName } from '../services/available.ts'
import { until } from '../until.ts'
import { Traffic } from './kafka-traffic.ts'

const kafka = await kafkaBrokers()
const { skip } = kafka
after(() => kafka.stop())

interface Opened {
  readonly topic: string
  readonly log: KafkaTopicLog
  readonly admin: Admin
  readonly offsets: MemoryOffsets
  readonly gaps: TopicGap[]
}

interface Choices {
  readonly partitions?: number
  readonly timing?: Partial<KafkaTiming>
  readonly onGap?: (gap: TopicGap) => Promise<void>
}

async function opened(
  test: TestContext,
  { partitions = 1, timing = {}, onGap = async () => {} }: Choices = {},
): Promise<Opened> {
  const topic = uniqueName('offsets')
  const offsets = memoryOffsets()
  const gaps: TopicGap[] = []
  const log = await openLog({
    brokers: kafka.get(),
    topics: { [topic]: { partitions, replication: 1 } },
    offsets,
    timing,
    onGap: async gap => {
      await onGap(gap)
      gaps.push(gap)
    },
  })
  const admin = new Admin({ clientId: 'plain', bootstrapBrokers: [...kafka.get()] })
  test.after(async () => {
    await log.close()
    await admin.close()
  })
  return { topic, log, admin, offsets, gaps }
}

function append({ log, topic }: Opened, ...values: string[]): Promise<void> {
  return log.append(
    topic,
    values.map(value => ({ key: `key-${value.slice(0, 1)}`, value })),
  )
}

function consumerOf({ log, topic }: Opened): Promise<TopicConsumer> {
  return log.consumer({ topic, group: topic, windowMax: 100 })
}

async function takeAll(consumer: TopicConsumer, count: number): Promise<TopicRecord[]> {
  const records: TopicRecord[] = []
  while (records.length < count) records.push(...(await consumer.take(count - records.length)))
  return records
}

async function work(consumer: TopicConsumer, count: number): Promise<string[]> {
  const records = await takeAll(consumer, count)
  for (const record of records) consumer.finish(record)
  return records.map(record => record.value)
}

test('a group whose offset Kafka has forgotten goes on where the state store says', { skip }, async test => {
  const place = await opened(test)
  await append(place, 'a1', 'a2', 'a3')
  const consumer = await consumerOf(place)
  await work(consumer, 2)
  await consumer.close()
  const { admin, topic } = place
  await admin.deleteConsumerGroupOffsets({ groupId: topic, topics: [{ name: topic, partitionIndexes: [0] }] })
  const again = await consumerOf(place)
  assert.deepEqual(await work(again, 1), ['a3'])
  assert.deepEqual(place.gaps, [])
})

test('what retention removed during a pause is told before newer entries are handed out', { skip }, async test => {
  const order: string[] = []
  const telling = Promise.withResolvers<void>()
  let refusals = 0
  const place = await opened(test, {
    onGap: async () => {
      refusals += 1
      // The ledger cannot be reached at first: nothing newer is handed out until it can.
      if (refusals < 3) throw new Error('not yet')
      order.push('gap')
      telling.resolve()
    },
  })
  const { admin, topic, log } = place
  await append(place, 'a1', 'a2')
  const consumer = await consumerOf(place)
  assert.deepEqual(await work(consumer, 2), ['a1', 'a2'])
  consumer.pause()
  const pausedAt = realWorld.clock.monotonic()
  await until('the offset is committed', async () => (await committed(place)) === 2)
  await until('the last request to the broker is over', () => realWorld.clock.monotonic() - pausedAt > 3_000)
  await append(place, 'a3', 'a4', 'a5', 'a6')
  await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 5n }] }] })
  await until('it shows that the pause was too long', async () => (await log.removedUnread(topic, topic)) === 3)
  consumer.resume()
  const taken = takeAll(consumer, 1).then(records => order.push(...records.map(record => record.value)))
  await telling.promise
  await taken
  assert.deepEqual(order, ['gap', 'a6'])
  assert.deepEqual(place.gaps, [{ topic, group: topic, partition: 0, from: 2, to: 5, cause: 'removed' }])
})

async function committed({ admin, topic }: Opened): Promise<number> {
  const [group] = await admin.listConsumerGroupOffsets({ groups: [topic] })
  return Number(group?.topics[0]?.partitions[0]?.committedOffset ?? -1)
}

test('a consumer is there although its ledger is not: nothing is handed out until the gap is told', {
  skip,
}, async test => {
  let answers = false
  const refusing = async (): Promise<void> => {
    if (!answers) throw new Error('the ledger is away')
  }
  const place = await opened(test, { onGap: refusing, timing: { requestTimeoutMs: 2_000 } })
  const { admin, topic } = place
  await append(place, 'a1', 'a2')
  await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 1n }] }] })
  const consumer = await consumerOf(place)
  const taken = takeAll(consumer, 1)
  await until('health tells', async () => !(await place.log.health()).ok)
  answers = true
  const [record] = await taken
  assert.equal(record?.value, 'a2')
  assert.deepEqual(place.gaps, [{ topic, group: topic, partition: 0, from: 0, to: 1, cause: 'offset-unknown' }])
})

test('a topic emptied while nobody read it is told when the group comes back', { skip }, async test => {
  const place = await opened(test)
  const { admin, topic } = place
  await append(place, 'a1', 'a2', 'a3')
  const consumer = await consumerOf(place)
  await work(consumer, 1)
  await consumer.close()
  await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 3n }] }] })
  await append(place, 'a4')
  const again = await consumerOf(place)
  assert.deepEqual(await work(again, 1), ['a4'])
  assert.deepEqual(place.gaps, [{ topic, group: topic, partition: 0, from: 1, to: 3, cause: 'removed' }])
})

test('what is lost from the topic comes due in the ledger before newer entries are handed out', {
  skip,
}, async test => {
  const subject = await inlineSqlite.open(realWorld)
  test.after(() => subject.close())
  const store = sqliteMetadataStore(subject.engine)
  await makeBucket(store, 'b')
  const topic = uniqueName('ledger')
  const topics = { replication: topic, status: `${topic}-status` }
  const woken: string[] = []
  const log = await openLog({
    brokers: kafka.get(),
    topics: { [topic]: { partitions: 1, replication: 1 } },
    onGap: createGapFiller({
      ledger: store.ledger,
      topics,
      groupId: topic,
      sites: ['aws', 'other'],
      wake: site => woken.push(site),
      sweep: async () => {},
    }),
  })
  const admin = new Admin({ clientId: 'plain', bootstrapBrokers: [...kafka.get()] })
  test.after(async () => {
    await log.close()
    await admin.close()
  })
  const publish = async (key: string): Promise<void> => {
    const versionId = await put(store, 'b', key, { sites: ['aws', 'other'] })
    const ref = { bucket: 'b', key, versionId, revision: 1, timestamp: '2026-11-22T00:00:00.000Z' }
    await log.append(topic, [replicationRecord({ ...ref, metadataJson: '{"replicationInfo":{}}' })])
  }
  const open = () => log.consumer({ topic, group: `${topic}-aws`, windowMax: 100 })
  await publish('done')
  const consumer = await open()
  await work(consumer, 1)
  await consumer.close()
  await publish('lost')
  await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 2n }] }] })
  await publish('new')
  const again = await open()
  const [record] = await takeAll(again, 1)
  assert.equal(record?.key, 'b%2Fnew')
  assert.ok((await store.ledger.due('aws', 10)).some(ref => ref.key === 'lost'))
  assert.deepEqual(await store.ledger.due('other', 10), [], 'the other site has lost nothing')
  assert.deepEqual(woken, ['aws'])
})

test('offsets are committed again when nothing moves, so that Kafka does not forget them', { skip }, async test => {
  const place = await opened(test, { timing: { recommitMs: 200 } })
  await append(place, 'a1')
  const consumer = await consumerOf(place)
  await work(consumer, 1)
  await until('the offset is committed', async () => (await committed(place)) === 1)
  let commits = 0
  const noted = (): void => {
    commits += 1
  }
  const channel = tracingChannel('plt:kafka:consumer:commits').start
  channel.subscribe(noted)
  test.after(() => channel.unsubscribe(noted))
  await until('it is committed again and again', () => commits >= 3)
})

test('a client that stands still without an error is made anew', { skip }, async test => {
  const notices: string[] = []
  test.after(
    pipelineNotices.subscribe(notice => {
      if (notice.kind === 'failed') notices.push(notice.what)
    }),
  )
  const place = await opened(test, { timing: { stallMs: 500, requestTimeoutMs: 60_000 } })
  const consumer = await consumerOf(place)
  const { fetch } = Consumer.prototype
  test.after(() => {
    Consumer.prototype.fetch = fetch
  })
  let stuck = 0
  // Its requests are swallowed: no answer, no error.
  Consumer.prototype.fetch = () => {
    stuck += 1
    return new Promise<never>(() => {})
  }
  await append(place, 'a1')
  await until('requests are swallowed', () => stuck > 0)
  Consumer.prototype.fetch = fetch
  await append(place, 'a2', 'a3')
  const values = await work(consumer, 3)
  assert.deepEqual(values, ['a1', 'a2', 'a3'])
  assert.ok(notices.some(what => what.includes('its client is made anew')))
})

test('a topic deleted under load is made again, the gap is told, and everything goes on', { skip }, async test => {
  const place = await opened(test, { partitions: 3 })
  const { admin, topic, log } = place
  const before = new Traffic()
  before.send(log, topic)
  const consumer = await log.consumer({ topic, group: topic, windowMax: 1_000 })
  before.receive(consumer)
  await until('records arrive', () => before.arrived > 200)
  await before.stopSending()
  await admin.deleteTopics({ topics: [topic] })
  await until('every partition begins anew', () => new Set(place.gaps.map(gap => gap.partition)).size === 3)
  assert.ok(place.gaps.every(gap => gap.cause === 'other-topic'))
  const [described] = await log.describe([topic])
  assert.equal(described?.partitions.length, 3)
  await append(place, 'x1', 'x2', 'x3')
  await until('new records arrive', () => before.others.length === 3)
  assert.deepEqual(before.others, ['x1', 'x2', 'x3'])
  await until('nothing is left', async () => (await consumer.lag()) <= 5)
  await before.stop()
})

test('a topic deleted while nobody read it begins anew, whatever its old offset was', { skip }, async test => {
  const place = await opened(test)
  const { admin, topic, log } = place
  await append(place, 'a1', 'a2', 'a3')
  const consumer = await consumerOf(place)
  await work(consumer, 2)
  await consumer.close()
  await admin.deleteTopics({ topics: [topic] })
  // The broker hears of it from the controller; until then it takes records for the topic that is gone.
  await until('the broker knows that it is gone', async () => !(await admin.listTopics()).includes(topic))
  await append(place, 'b1', 'b2', 'b3', 'b4')
  const again = await log.consumer({ topic, group: topic, windowMax: 100 })
  assert.deepEqual(await work(again, 4), ['b1', 'b2', 'b3', 'b4'])
  assert.deepEqual(
    place.gaps.map(gap => gap.cause),
    ['other-topic'],
  )
})

test('a pause holds for as long as it lasts: membership stays, and nothing is handed out', { skip }, async test => {
  const place = await opened(test, { partitions: 2 })
  const { admin, topic } = place
  const consumer = await consumerOf(place)
  consumer.pause()
  await append(place, 'a1', 'b1')
  const members = async (): Promise<string[]> => {
    const group = (await admin.describeGroups({ groups: [topic] })).get(topic)
    return [...(group?.members.keys() ?? [])]
  }
  const before = await members()
  const pausedAt = realWorld.clock.monotonic()
  await until('a session would be over', () => realWorld.clock.monotonic() - pausedAt > 7_000)
  assert.deepEqual(await members(), before)
  assert.deepEqual(await consumer.take(10), [])
  // A rebalance brings a paused consumer partitions: they are gated too.
  const other = await consumerOf(place)
  await other.close()
  assert.deepEqual(await consumer.take(10), [])
  assert.equal(await consumer.lag(), 2)
  consumer.resume()
  assert.deepEqual((await work(consumer, 2)).toSorted(), ['a1', 'b1'])
})

test('what was handed out before a rebalance may be finished after it, and is not committed by the former owner', {
  skip,
}, async test => {
  const place = await opened(test, { partitions: 4 })
  const values = Array.from({ length: 40 }, (_, index) => String.fromCharCode(97 + (index % 20)) + index)
  await append(place, ...values)
  const first = await consumerOf(place)
  const records = await takeAll(first, 40)
  const second = await consumerOf(place)
  const again: TopicRecord[] = []
  await until('the second consumer has some of it again', async () => {
    const taken = await Promise.race([second.take(40), first.take(1)])
    again.push(...taken)
    return again.length > 0
  })
  for (const record of records) first.finish(record)
  const partitions = new Set(again.map(record => record.partition))
  await until('its own partitions are through', async () => (await first.lag()) <= 40)
  await first.close()
  const [group] = await place.admin.listConsumerGroupOffsets({ groups: [place.topic] })
  for (const { partitionIndex, committedOffset } of group?.topics[0]?.partitions ?? [])
    if (partitions.has(partitionIndex)) assert.equal(committedOffset, 0n, `partition ${partitionIndex}`)
})

test('a topic with other partitions than configured is refused, with what to do', { skip }, async test => {
  const { topic } = await opened(test, { partitions: 2 })
  const open = openLog({ brokers: kafka.get(), topics: { [topic]: { partitions: 3, replication: 1 } } })
  await assert.rejects(open, (error: unknown) => {
    assert.ok(error instanceof DependencyError)
    assert.match(error.message, /has 2 partitions, the configuration says 3.*Configure 2 partitions/)
    return true
  })
})

test('more replicas than brokers are refused, with what to do', { skip }, async () => {
  const open = openLog({ brokers: kafka.get(), topics: { [uniqueName('many')]: { partitions: 1, replication: 3 } } })
  await assert.rejects(open, /fewer than 3 brokers.*smaller replication/)
})

test('brokers that are not there or are no brokers are refused, with what to do', { skip }, async test => {
  const server = createServer(socket => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  for (const broker of ['127.0.0.1:1', `127.0.0.1:${address.port}`]) {
    const open = openLog({ brokers: [broker], topics: { t: { partitions: 1, replication: 1 } } })
    await assert.rejects(open, (error: unknown) => {
      assert.ok(error instanceof DependencyError)
      assert.match(error.message, new RegExp(`${broker}.*Check that they run`))
      return true
    })
  }
})

test('TLS and credentials are used; refused ones say so and are not shown', { skip }, async test => {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-kafka-tls-'))
  test.after(() => rm(folder, { recursive: true }))
  const store = join(folder, 'broker.p12')
  const keytool = (...args: string[]) => runCommand('keytool', [...args, '-keystore', store, '-storepass', 'changeit'])
  await keytool(
    ...['-genkeypair', '-alias', 'broker', '-keyalg', 'EC', '-storetype', 'PKCS12', '-validity', '3'],
    ...['-dname', 'CN=localhost', '-ext', 'SAN=ip:127.0.0.1'],
  )
  const ca = await keytool('-exportcert', '-rfc', '-alias', 'broker')
  const sasl = { username: 'crossbeat', password: 'right-horse' }
  const stores = (name: string) => ({
    [`ssl.${name}.type`]: 'PKCS12',
    [`ssl.${name}.location`]: store,
    [`ssl.${name}.password`]: 'changeit',
  })
  const protocols = { 'listener.security.protocol.map': 'CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT' }
  const secured = await startKafka({ sasl, settings: { ...protocols, ...stores('keystore'), ...stores('truststore') } })
  test.after(() => secured.stop())
  const topic = uniqueName('secured')
  const shared = { brokers: secured.addresses, topics: { [topic]: { partitions: 1, replication: 1 } } }
  const openWith = (password: string, mechanism: KafkaSasl['mechanism'] = 'PLAIN') =>
    openLog({ ...shared, tls: { ca }, sasl: { mechanism, username: sasl.username, password: new Secret(password) } })
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    await assert.rejects(openWith('wrong-horse', mechanism), (error: unknown) => {
      assert.ok(error instanceof DependencyError)
      assert.match(error.message, /refuses the credentials.*Check the SASL mechanism/)
      assert.doesNotMatch(`${error.stack} ${error.cause}`, /horse/)
      return true
    })
    await (await openWith(sasl.password, mechanism)).close()
  }
  await assert.rejects(openLog(shared), { name: 'DependencyError', message: /TLS/ })
  await assert.rejects(openLog({ ...shared, tls: {} }), { name: 'DependencyError', message: /certificate/ })
  const log = await openWith(sasl.password)
  assert.equal((await log.health()).ok, true)
  await log.append(topic, [{ key: 'k', value: 'v' }])
  const consumer = await log.consumer({ topic, group: topic, windowMax: 10 })
  assert.deepEqual(await work(consumer, 1), ['v'])
  await log.close()
})

test('fewer copies than configured are warned of by health', { skip }, async test => {
  const { topic } = await opened(test)
  const log = await openLog({ brokers: kafka.get(), topics: { [topic]: { partitions: 1, replication: 3 } } })
  test.after(() => log.close())
  const health = await log.health()
  assert.equal(health.ok, true)
  assert.match(health.problem ?? '', /replication of 1, the configuration says 3.*kafka-reassign-partitions/)
})

test('retention shorter than a week is warned of at the start and by health', { skip }, async test => {
  const warnings: string[] = []
  test.after(
    pipelineNotices.subscribe(notice => {
      if (notice.kind === 'warning') warnings.push(notice.what)
    }),
  )
  const { topic, admin } = await opened(test)
  assert.deepEqual(warnings, [])
  await admin.incrementalAlterConfigs({
    resources: [
      {
        resourceType: 2,
        resourceName: topic,
        configs: [{ name: 'retention.ms', configOperation: 0, value: String(3_600_000) }],
      },
    ],
  })
  const { TOPIC: resourceType } = ConfigResourceTypes
  const resources = [{ resourceType, resourceName: topic, configurationKeys: ['retention.ms'] }]
  await until('the broker has heard of it', async () => {
    const [described] = await admin.describeConfigs({ resources })
    return described?.configs.some(({ value }) => value === '3600000') ?? false
  })
  const log = await openLog({ brokers: kafka.get(), topics: { [topic]: { partitions: 1, replication: 1 } } })
  test.after(() => log.close())
  assert.match(warnings[0] ?? '', /keeps its records 1 hours only.*retention\.ms/)
  const health = await log.health()
  assert.equal(health.ok, true)
  assert.match(health.problem ?? '', /retention\.ms/)
})
