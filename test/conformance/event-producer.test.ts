// Goal: events reach a topic of Kafka under the key of their object, and a topic that is not there is told. Method: a real Kafka.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { realWorld } from '../../src/base/world.ts'
import { createEventProducer } from '../../src/queue/kafka/event-producer.ts'
import type { KafkaTiming } from '../../src/queue/kafka/settings.ts'
import { kafkaBrokers, uniqueName } from '../services/available.ts'
import { calmTiming, openLog, shortTiming } from './kafka-logs.ts'

const kafka = await kafkaBrokers()
after(() => kafka.stop())

function producerOf(topic: string, timing: Partial<KafkaTiming>) {
  return createEventProducer({ brokers: kafka.get(), clientId: 'events-test', topic, world: realWorld, timing })
}

test('events are appended in their order, under their keys', { skip: kafka.skip }, async context => {
  const topic = uniqueName('events')
  const topics = { [topic]: { partitions: 1, replication: 1 } }
  const log = await openLog({ brokers: kafka.get(), topics, timing: calmTiming })
  context.after(() => log.close())
  const producer = producerOf(topic, calmTiming)
  context.after(() => producer.close())
  const messages = [1, 2, 3].map(number => ({ key: `b%2Fk${number}`, value: `{"Records":[{"n":${number}}]}` }))
  await producer.append(messages)
  const consumer = await log.consumer({ topic, group: uniqueName('readers'), windowMax: 10 })
  const read: unknown[] = []
  while (read.length < 3) for (const { key, value } of await consumer.take(3)) read.push({ key, value })
  assert.deepEqual(read, messages)
})

test('a topic that is not there takes nothing', { skip: kafka.skip }, async context => {
  const producer = producerOf(uniqueName('nowhere'), { ...shortTiming, appendTimeoutMs: 1_500 })
  context.after(() => producer.close())
  await assert.rejects(producer.append([{ key: 'k', value: 'v' }]))
})

test('what waits is given up when it is closed', { skip: kafka.skip }, async () => {
  const producer = producerOf(uniqueName('nowhere'), { ...shortTiming, appendTimeoutMs: 60_000 })
  const refused = assert.rejects(producer.append([{ key: 'k', value: 'v' }]))
  await new Promise(resolve => realWorld.timers.immediate(() => resolve(null)))
  await producer.close()
  await refused
})
