// The servers that one run of `npm test` starts once for all its test files, and the environment by which those find
// them (read by available.ts).
import { azuriteVersion, obtainAzurite, startAzurite } from '../../src/services/azurite.ts'
import { kafkaVersion, obtainKafka, startKafka } from '../../src/services/kafka-server.ts'
import { obtainPostgres, startPostgres } from '../../src/services/postgres.ts'
import { obtainRedis, startRedis } from '../../src/services/redis.ts'
import { type Obtained, ServiceUnavailable } from '../../src/services/service-cache.ts'
import { obtainZookeeper, startZookeeper, zookeeperVersion } from '../../src/services/zookeeper.ts'
import { obtainZookeeperClient } from '../../src/services/zookeeper-client.ts'
import { reasonVariables } from './available.ts'
import { obtainAws, obtainPython, obtainRclone, pythonPackageNames } from './clients.ts'
import { obtainS3Server, startS3Server } from './s3-server.ts'

export interface SharedServices {
  /** To be set for the test processes. */
  readonly environment: Readonly<Record<string, string>>
  readonly missing: readonly Missing[]
  stop(): Promise<void>
}

export interface Missing {
  readonly name: string
  readonly reason: string
}

interface Component {
  readonly name: string
  /** A variable by which the user names one that already runs. */
  readonly given?: string
  readonly reasonVariable?: string
  obtain(): Promise<Obtained>
  /** Starts it; resolves with the environment that leads to it. */
  start?(): Promise<{ readonly environment: Record<string, string>; stop(): Promise<void> }>
}

const components: readonly Component[] = [
  {
    name: 'versitygw',
    given: 'S3_ENDPOINT',
    reasonVariable: reasonVariables.s3,
    obtain: obtainS3Server,
    start: async () => {
      const server = await startS3Server()
      const { endpoint, accessKey, secretKey, region } = server
      const keys = { S3_ACCESS_KEY: accessKey, S3_SECRET_KEY: secretKey, S3_REGION: region }
      return { environment: { S3_ENDPOINT: endpoint, ...keys }, stop: server.stop }
    },
  },
  {
    name: `Azurite ${azuriteVersion}`,
    given: 'AZURE_ENDPOINT',
    reasonVariable: reasonVariables.azure,
    obtain: obtainAzurite,
    start: async () => {
      const server = await startAzurite()
      return { environment: { AZURE_ENDPOINT: server.blobEndpoint }, stop: server.stop }
    },
  },
  {
    name: 'PostgreSQL',
    given: 'POSTGRES_URL',
    reasonVariable: reasonVariables.postgres,
    obtain: obtainPostgres,
    start: async () => {
      const server = await startPostgres({ flush: false })
      return { environment: { POSTGRES_URL: server.url }, stop: server.stop }
    },
  },
  {
    name: `ZooKeeper ${zookeeperVersion}`,
    given: 'ZOOKEEPER',
    reasonVariable: reasonVariables.zookeeper,
    obtain: async () => {
      const client = await obtainZookeeperClient()
      const server = await obtainZookeeper()
      const tookMs = client.tookMs + server.tookMs
      return { path: server.path, tookMs, fromCache: client.fromCache && server.fromCache }
    },
    start: async () => {
      const server = await startZookeeper()
      return { environment: { ZOOKEEPER: server.connectionString }, stop: server.stop }
    },
  },
  {
    name: 'Redis',
    given: 'REDIS_URL',
    reasonVariable: reasonVariables.redis,
    obtain: obtainRedis,
    start: async () => {
      const server = await startRedis()
      return { environment: { REDIS_URL: server.url }, stop: server.stop }
    },
  },
  {
    name: `Kafka ${kafkaVersion}`,
    given: 'KAFKA_BROKERS',
    reasonVariable: reasonVariables.kafka,
    obtain: obtainKafka,
    start: async () => {
      const cluster = await startKafka()
      return { environment: { KAFKA_BROKERS: cluster.addresses.join(',') }, stop: cluster.stop }
    },
  },
  { name: 'aws CLI', obtain: obtainAws },
  { name: 'rclone', obtain: obtainRclone },
  ...pythonPackageNames.map(name => ({ name, obtain: () => obtainPython(name) })),
]

/** Obtains and starts everything at once, printing a line for each component; never rejects for a missing one. */
export async function startSharedServices(print: (line: string) => void): Promise<SharedServices> {
  const environment: Record<string, string> = {}
  const missing: Missing[] = []
  const stops: (() => Promise<void>)[] = []
  const prepare = async (component: Component): Promise<void> => {
    const { name, given, reasonVariable } = component
    if (given !== undefined && process.env[given]) return print(`service  ${name}: ${given} is used as it is`)
    try {
      const obtained = await component.obtain()
      const started = await component.start?.()
      if (started !== undefined) stops.push(() => started.stop())
      Object.assign(environment, started?.environment)
      const origin = obtained.fromCache ? 'from the cache' : 'installed'
      print(`service  ${name}: ${origin} in ${(obtained.tookMs / 1000).toFixed(1)} s`)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      print(`service  ${name}: ${reason}`)
      // What was obtained but does not start is a fault to be seen, not a reason to skip.
      if (!(error instanceof ServiceUnavailable)) throw error
      missing.push({ name, reason })
      if (reasonVariable !== undefined) environment[reasonVariable] = reason
    }
  }
  const stop = async (): Promise<void> => {
    await Promise.all(stops.map(stopOne => stopOne()))
  }
  try {
    await Promise.all(components.map(prepare))
  } catch (error) {
    await stop()
    throw error
  }
  return { environment, missing, stop }
}
