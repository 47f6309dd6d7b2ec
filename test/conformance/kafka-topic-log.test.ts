// The topic log's suite on a real Kafka. Its topic and groups have names of their own behind the suite's.
import { after } from 'node:test'
import type { KafkaTopicLog } from '../../src/queue/kafka/kafka-topic-log.ts'
import type { TopicLog } from '../../src/queue/topic-log.ts'
import { kafkaBrokers, uniqueName } from '../services/available.ts'
import { calmTiming, type MemoryOffsets, memoryOffsets, openLog } from './kafka-logs.ts'
import { type TopicLogSubject, topicLogConformance } from './topic-log.ts'

const kafka = await kafkaBrokers()
after(() => kafka.stop())

async function subject(suffix: string, offsets: MemoryOffsets): Promise<TopicLogSubject> {
  const topic = `work-${suffix}`
  const topics = { [topic]: { partitions: 1, replication: 1 } }
  const log = await openLog({ brokers: kafka.get(), topics, offsets, timing: calmTiming })
  let reopened: TopicLogSubject | null = null
  return {
    log: renamed(log, suffix),
    reopen: async () => {
      await log.close()
      reopened = await subject(suffix, offsets)
      return reopened
    },
    close: async () => {
      await log.close()
      await reopened?.close()
    },
  }
}

/** The suite's topic and groups under their own names. */
function renamed(log: KafkaTopicLog, suffix: string): TopicLog {
  const outside = (name: string): string => `${name}-${suffix}`
  const inside = (name: string): string => name.slice(0, -suffix.length - 1)
  return {
    entryContent: log.entryContent,
    append: (topic, messages) => log.append(outside(topic), messages),
    consumer: async options => {
      const consumer = await log.consumer({ ...options, topic: outside(options.topic), group: outside(options.group) })
      return {
        take: async max => (await consumer.take(max)).map(record => ({ ...record, topic: inside(record.topic) })),
        finish: record => consumer.finish({ ...record, topic: outside(record.topic) }),
        pause: () => consumer.pause(),
        resume: () => consumer.resume(),
        lag: () => consumer.lag(),
        close: () => consumer.close(),
      }
    },
    describe: async topics =>
      (await log.describe(topics.map(outside))).map(topic => ({ ...topic, name: inside(topic.name) })),
    close: () => log.close(),
  }
}

topicLogConformance({
  name: 'Kafka',
  skip: kafka.skip,
  open: () => subject(uniqueName('conformance'), memoryOffsets()),
})
