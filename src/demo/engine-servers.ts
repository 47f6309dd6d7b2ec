// The servers of a distributed engine on this machine, for `npm run distributed` and the tests: Kafka, ZooKeeper, Redis, PostgreSQL, each obtained
// if necessary and started with the others.
import { join } from 'node:path'
import { type RunningKafka, startKafka } from '../services/kafka-server.ts'
import { type RunningPostgres, startPostgres } from '../services/postgres.ts'
import { type RunningRedis, startRedis } from '../services/redis.ts'
import { type RunningZookeeper, startZookeeper } from '../services/zookeeper.ts'
import { obtainZookeeperClient } from '../services/zookeeper-client.ts'

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

export interface EngineServersOptions {
  /** What they store is kept below it; left out: in folders of their own that go with them. */
  readonly dataFolder?: string
  /** False only for tests that need no safety from power loss. */
  readonly flush?: boolean
  /** Of the sessions with ZooKeeper; the configuration's default if left out. */
  readonly sessionTimeoutMs?: number
  /** Further settings of PostgreSQL, as `name=value`. */
  readonly postgresSettings?: readonly string[]
  readonly installing?: (what: string) => void
}

/** All at once; throws ServiceUnavailable where one cannot be had on this machine, and then none is left running. */
export async function startEngineServers(options: EngineServersOptions = {}): Promise<EngineServers> {
  const { dataFolder, flush = true, postgresSettings = [], installing } = options
  const given = (name: string) => ({
    ...(dataFolder === undefined ? {} : { dataFolder: join(dataFolder, name) }),
    ...(installing === undefined ? {} : { installing }),
  })
  await obtainZookeeperClient(installing)
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
    start(startKafka(given('kafka'))),
    start(startZookeeper(given('zookeeper'))),
    start(startRedis(given('redis'))),
    start(startPostgres({ ...given('postgres'), flush, settings: postgresSettings })),
  ] as const
  try {
    const [kafka, zookeeper, redis, postgres] = await Promise.all(starts)
    return {
      kafka,
      zookeeper,
      redis,
      postgres,
      engine: settingsOf({ kafka, zookeeper, redis, postgres }, options),
      stop,
    }
  } catch (error) {
    await Promise.allSettled(starts)
    await stop()
    throw error
  }
}

function settingsOf(
  servers: Pick<EngineServers, 'kafka' | 'zookeeper' | 'redis' | 'postgres'>,
  { sessionTimeoutMs }: EngineServersOptions,
): EngineSettings {
  const { kafka, zookeeper, redis, postgres } = servers
  const session = sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }
  const topics = { replication: { partitions: 4 }, status: { partitions: 2 } }
  return {
    metadata: { postgres: { url: postgres.url, poolMax: 5 } },
    log: { kafka: { brokers: kafka.addresses, topics } },
    state: { zookeeper: { connectionString: `${zookeeper.connectionString}/crossbeat`, ...session } },
    signals: { redis: { url: redis.url } },
  }
}
