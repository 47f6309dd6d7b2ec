// Topic logs on a real Kafka for tests: topics and groups of their own in a shared cluster, short times, and a state store in memory.
import { realWorld } from '../../src/base/world.ts'
import type { StateStore, StateValue } from '../../src/control/state-store.ts'
import { type KafkaTopicLog, openKafkaTopicLog } from '../../src/queue/kafka/kafka-topic-log.ts'
import type { KafkaTiming, KafkaTopicLogOptions } from '../../src/queue/kafka/settings.ts'

/** Sessions as short as a broker allows that was not told otherwise; everything else as short as it makes sense. */
export const shortTiming: Partial<KafkaTiming> = {
  sessionTimeoutMs: 6_000,
  heartbeatMs: 200,
  rebalanceTimeoutMs: 6_000,
  connectTimeoutMs: 1_000,
  requestTimeoutMs: 3_000,
  commitMs: 100,
  fetchWaitMs: 100,
  backoffMinMs: 20,
  backoffMaxMs: 500,
}

/** Where nothing fails: a broker of a busy machine must not be taken for one that is away, nor a member for dead. */
export const calmTiming: Partial<KafkaTiming> = {
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  appendTimeoutMs: 60_000,
}

export type MemoryOffsets = Pick<StateStore, 'get' | 'set'> & { readonly values: Map<string, StateValue> }

export function memoryOffsets(): MemoryOffsets {
  const values = new Map<string, StateValue>()
  return {
    values,
    get: async path => values.get(path) ?? null,
    set: async (path, value, expectedVersion) => {
      const current = values.get(path) ?? null
      if ((current?.version ?? 0) !== expectedVersion) return { ok: false, current }
      values.set(path, { value, version: expectedVersion + 1 })
      return { ok: true, version: expectedVersion + 1 }
    },
  }
}

export function openLog(
  options: Pick<KafkaTopicLogOptions, 'brokers' | 'topics'> & Partial<KafkaTopicLogOptions>,
): Promise<KafkaTopicLog> {
  return openKafkaTopicLog({
    clientId: 'crossbeat-test',
    world: realWorld,
    offsets: memoryOffsets(),
    ...options,
    timing: { ...shortTiming, ...options.timing },
  })
}
