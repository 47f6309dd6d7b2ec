// The servers of a distributed engine, started for one test alone, which may kill them: Kafka, ZooKeeper, Redis, PostgreSQL.
import { type RunningKafka, startKafka } from '../../src/demo/kafka-server.ts'
import { type RunningPostgres, startPostgres } from '../../src/demo/postgres.ts'
import { type RunningRedis, startRedis } from '../../src/demo/redis.ts'
import { type RunningZookeeper, startZookeeper } from '../../src/demo/zookeeper.ts'
import { obtainZookeeperClient } from '../../src/demo/zookeeper-client.ts'

export interface EngineServers {
  readonly kafka: RunningKafka
  readonly zookeeper: RunningZookeeper
  readonly redis: RunningRedis
  readonly postgres: RunningPostgres
  /** The `engine` part of a configuration that names them. */
  readonly engine: EngineSettings
  stop(): Promise<void>
}

export interface EngineSettings {
  readonly metadata: { readonly postgres: { readonly url: string; readonly poolMax?: number } }
  readonly log: { readonly kafka: { readonly brokers: readonly string[]; readonly topics?: object } }
  readonly state: { readonly zookeeper: { readonly connectionString: string; readonly sessionTimeoutMs?: number } }
  readonly signals?: { readonly redis: { readonly url: string } }
}

/** All at once; throws ServiceUnavailable where one cannot be had on this machine. */
export async function startEngineServers(): Promise<EngineServers> {
  await obtainZookeeperClient()
  const started: { stop(): Promise<void> }[] = []
  const start = async <Server extends { stop(): Promise<void> }>(starting: Promise<Server>): Promise<Server> => {
    const server = await starting
    started.push(server)
    return server
  }
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(server => server.stop()))
  }
  const starts = [
    start(startKafka()),
    start(startZookeeper()),
    start(startRedis()),
    start(startPostgres({ flush: false })),
  ] as const
  try {
    const [kafka, zookeeper, redis, postgres] = await Promise.all(starts)
    return { kafka, zookeeper, redis, postgres, engine: settingsOf({ kafka, zookeeper, redis, postgres }), stop }
  } catch (error) {
    await Promise.allSettled(starts)
    await stop()
    throw error
  }
}

function settingsOf(servers: Pick<EngineServers, 'kafka' | 'zookeeper' | 'redis' | 'postgres'>): EngineSettings {
  const { kafka, zookeeper, redis, postgres } = servers
  const topics = { replication: { partitions: 4 }, status: { partitions: 2 } }
  return {
    metadata: { postgres: { url: postgres.url, poolMax: 5 } },
    log: { kafka: { brokers: kafka.addresses, topics } },
    state: { zookeeper: { connectionString: `${zookeeper.connectionString}/crossbeat`, sessionTimeoutMs: 10_000 } },
    signals: { redis: { url: redis.url } },
  }
}
