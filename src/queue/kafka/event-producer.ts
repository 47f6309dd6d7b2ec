// A topic of Kafka as a target of event notifications. The cluster may be another one than that of the topic log, and the topic is its owner's: it is
// neither made nor judged here. The client is loaded with the first events.
import type { World } from '../../base/world.ts'
import type { TopicMessage } from '../topic-log.ts'
import { baseOptions, loadKafkaClient } from './client.ts'
import { ProducerLane } from './producer-lane.ts'
import { defaultTiming, type KafkaTopicLogOptions } from './settings.ts'

export interface EventProducerOptions
  extends Pick<KafkaTopicLogOptions, 'brokers' | 'clientId' | 'sasl' | 'tls' | 'timing'> {
  readonly topic: string
  readonly world: World
}

export interface EventProducer {
  /** Resolves when all replicas in sync have them. */
  append(messages: readonly TopicMessage[]): Promise<void>
  close(): Promise<void>
}

/** Kafka's own default. */
const messageBytes = 1_048_588

export function createEventProducer(options: EventProducerOptions): EventProducer {
  let lane: Promise<ProducerLane> | null = null
  const open = async (): Promise<ProducerLane> => {
    const kafka = await loadKafkaClient()
    const timing = { ...defaultTiming, ...options.timing }
    return new ProducerLane(kafka, turn => baseOptions(options, timing, turn), {
      topic: options.topic,
      world: options.world,
      timing,
      messageBytes: () => messageBytes,
      ensureTopic: async () => {},
      // Whoever appends is told, and tells.
      trouble: () => {},
    })
  }
  return {
    async append(messages) {
      lane ??= open().catch(error => {
        lane = null
        throw error
      })
      await (await lane).append(messages)
    },
    async close() {
      await (await lane)?.close()
    },
  }
}
