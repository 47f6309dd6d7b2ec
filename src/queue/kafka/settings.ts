// What the Kafka topic log is told, and the times it keeps to. The times are given apart so that tests need not wait for real ones.
import type { ConnectionOptions } from 'node:tls'
import type { Secret } from '../../base/secret.ts'
import type { World } from '../../base/world.ts'
import type { StateStore } from '../../control/state-store.ts'
import type { TopicGap } from '../topic-log.ts'

export interface KafkaSasl {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: Secret
}

export interface TopicSettings {
  readonly partitions: number
  readonly replication: number
}

export interface KafkaTiming {
  /** A member that is not heard of for so long has lost its partitions. */
  readonly sessionTimeoutMs: number
  readonly heartbeatMs: number
  /** How long the others wait for a member in a rebalance; nobody drains, so it is short. */
  readonly rebalanceTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Bound of `append`: then it rejects, and its caller tries again. */
  readonly appendTimeoutMs: number
  readonly commitMs: number
  /** Offsets that do not move are committed again this often: Kafka forgets them after a week. */
  readonly recommitMs: number
  readonly mirrorMs: number
  /** How long a broker may wait for records before it answers. */
  readonly fetchWaitMs: number
  /** A consumer that gets nothing for so long while there is something is built anew. */
  readonly stallMs: number
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
}

export const defaultTiming: KafkaTiming = {
  sessionTimeoutMs: 8_000,
  heartbeatMs: 1_500,
  rebalanceTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 6_000,
  appendTimeoutMs: 30_000,
  commitMs: 1_000,
  recommitMs: 6 * 60 * 60_000,
  mirrorMs: 60_000,
  fetchWaitMs: 500,
  stallMs: 30_000,
  backoffMinMs: 100,
  backoffMaxMs: 5_000,
}

export interface KafkaTopicLogOptions {
  /** `host:port` of some brokers of the cluster. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly sasl?: KafkaSasl
  /** Left out: connections are not encrypted. */
  readonly tls?: ConnectionOptions
  /** Topics by name; those that are absent are made. */
  readonly topics: Readonly<Record<string, TopicSettings>>
  readonly world: World
  /** Where the groups' offsets are kept a second time. */
  readonly offsets: Pick<StateStore, 'get' | 'set'>
  /** Called before newer entries of the partition are handed out; as long as it rejects none are. */
  readonly onGap?: (gap: TopicGap) => Promise<void>
  /** Consumers send `{"canary":true}` to each partition in which their group has no offset yet, as Backbeat's do (interop E.4). */
  readonly canaries?: boolean
  readonly timing?: Partial<KafkaTiming>
}
