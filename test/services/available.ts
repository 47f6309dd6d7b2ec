// What a test file asks for a real server: the one that the test runner started for all files (its address is in the
// environment), or one of its own when the file runs alone. A server that cannot be had gives the reason to skip with,
// except under CI=true, where it is a failure.

import { azuriteAccount, startAzurite } from '../../src/services/azurite.ts'
import { startKafka } from '../../src/services/kafka-server.ts'
import { type RunningPostgres, startPostgres } from '../../src/services/postgres.ts'
import { startRedis } from '../../src/services/redis.ts'
import { ServiceUnavailable } from '../../src/services/service-cache.ts'
import { startZookeeper } from '../../src/services/zookeeper.ts'
import { obtainZookeeperClient } from '../../src/services/zookeeper-client.ts'
import { obtainAws, obtainPython, obtainRclone, type PythonPackage } from './clients.ts'
import { startS3Server } from './s3-server.ts'

/** Any S3 server, ours to fill; buckets need names that no other test uses (see `uniqueName`). */
export interface S3Address {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
  readonly region: string
}

export interface AzureAddress {
  /** With the account in the path, without a slash at the end. */
  readonly blobEndpoint: string
  readonly accountName: string
  readonly accountKey: string
}

/** A component of a test: pass `skip` to node:test, call `get` inside the test, `stop` in `after`. */
export interface Available<T> {
  /** False, or why the tests of this component are skipped. */
  readonly skip: false | string
  /** The component; throws if it is not available. */
  get(): T
  /** Stops the server if it was started for this file alone. */
  stop(): Promise<void>
}

/** The reason is handed from the runner to the files by these variables, so that each does not try again. */
export const reasonVariables = {
  s3: 'CROSSBEAT_NO_S3',
  azure: 'CROSSBEAT_NO_AZURE',
  postgres: 'CROSSBEAT_NO_POSTGRES',
  zookeeper: 'CROSSBEAT_NO_ZOOKEEPER',
  redis: 'CROSSBEAT_NO_REDIS',
  kafka: 'CROSSBEAT_NO_KAFKA',
} as const

/** A third-party S3 server with versioning: `$S3_ENDPOINT` with its keys, else versitygw. */
export async function s3Server(): Promise<Available<S3Address>> {
  const endpoint = process.env['S3_ENDPOINT']
  if (endpoint) {
    const region = process.env['S3_REGION'] ?? 'us-east-1'
    const accessKey = required('S3_ACCESS_KEY')
    return present({ endpoint: trimmed(endpoint), accessKey, secretKey: required('S3_SECRET_KEY'), region })
  }
  return started(reasonVariables.s3, startS3Server)
}

/** Azure Blob Storage: `$AZURE_ENDPOINT` (AZURE_ACCOUNT and AZURE_KEY if not Azurite's own), else Azurite. */
export async function azureServer(): Promise<Available<AzureAddress>> {
  const endpoint = process.env['AZURE_ENDPOINT']
  if (endpoint) {
    const accountName = process.env['AZURE_ACCOUNT'] ?? azuriteAccount.name
    const accountKey = process.env['AZURE_KEY'] ?? azuriteAccount.key
    return present({ blobEndpoint: withAccount(trimmed(endpoint), accountName), accountName, accountKey })
  }
  return started(reasonVariables.azure, startAzurite)
}

/** A PostgreSQL whose user may make databases: `$POSTGRES_URL`, else one of our own that flushes nothing. */
export async function postgresServer(): Promise<Available<{ readonly url: string }>> {
  const url = process.env['POSTGRES_URL']
  if (url) return present({ url })
  return started(reasonVariables.postgres, () => startPostgres({ flush: false }))
}

/** ZooKeeper without a folder in the address, and the client compiled: `$ZOOKEEPER`, else one of ours. */
export async function zookeeperServer(): Promise<Available<{ readonly connectionString: string }>> {
  const given = process.env['ZOOKEEPER']
  if (given) {
    const client = await program(async () => (await obtainZookeeperClient()).path)
    return client.skip === false ? present({ connectionString: trimmed(given) }) : absent(client.skip)
  }
  return started(reasonVariables.zookeeper, async () => {
    await obtainZookeeperClient()
    return startZookeeper()
  })
}

/** Redis without a password: `$REDIS_URL`, else one of ours; channels need names that no other test uses. */
export async function redisServer(): Promise<Available<{ readonly url: string }>> {
  const url = process.env['REDIS_URL']
  return url ? present({ url }) : started(reasonVariables.redis, startRedis)
}

/** A PostgreSQL of one's own, to be killed. */
export async function ownPostgres(dataFolder: string): Promise<Available<RunningPostgres>> {
  return started(reasonVariables.postgres, () => startPostgres({ flush: false, dataFolder }))
}

/** Addresses of Kafka brokers: `$KAFKA_BROKERS` (with commas between them), else one broker. Topics and groups need unique names. */
export async function kafkaBrokers(): Promise<Available<readonly string[]>> {
  const given = process.env['KAFKA_BROKERS']
  if (given) return present(given.split(',').map(broker => broker.trim()))
  const cluster = await started(reasonVariables.kafka, startKafka)
  return { skip: cluster.skip, get: () => cluster.get().addresses, stop: () => cluster.stop() }
}

/** Servers that a test starts for itself alone, to do with them what it likes. */
export async function ownServers<T extends { stop(): Promise<void> }>(start: () => Promise<T>): Promise<Available<T>> {
  const known = Object.values(reasonVariables).flatMap(name => process.env[name] ?? [])[0]
  if (known !== undefined) return absent(known)
  try {
    const servers = await start()
    return { skip: false, get: () => servers, stop: () => servers.stop() }
  } catch (error) {
    return absentFor(error)
  }
}

/** The aws CLI as the path of a program that works. */
export async function awsClient(): Promise<Available<string>> {
  return program(async () => (await obtainAws()).path)
}

/** rclone as the path of a program that works. */
export async function rcloneClient(): Promise<Available<string>> {
  return program(async () => (await obtainRclone()).path)
}

/** The folder of a Python package, for PYTHONPATH. */
export async function pythonClient(name: PythonPackage): Promise<Available<string>> {
  return program(async () => (await obtainPython(name)).path)
}

/** A bucket or container name of this process that no other test file uses. */
export function uniqueName(prefix: string): string {
  nameCount += 1
  return `${prefix}-${process.pid}-${process.hrtime.bigint().toString(36)}-${nameCount}`
}

let nameCount = 0

async function started<T extends { stop(): Promise<void> }>(
  reasonVariable: string,
  start: () => Promise<T>,
): Promise<Available<T>> {
  const known = process.env[reasonVariable]
  if (known) return absent(known)
  try {
    const server = await start()
    return { skip: false, get: () => server, stop: () => server.stop() }
  } catch (error) {
    return absentFor(error)
  }
}

async function program(obtain: () => Promise<string>): Promise<Available<string>> {
  try {
    return present(await obtain())
  } catch (error) {
    return absentFor(error)
  }
}

function present<T>(component: T): Available<T> {
  return { skip: false, get: () => component, stop: async () => {} }
}

function absentFor(error: unknown): Available<never> {
  if (!(error instanceof ServiceUnavailable)) throw error
  return absent(error.message)
}

function absent(reason: string): Available<never> {
  if (process.env['CI'] === 'true') throw new Error(`CI=true, and a component of the tests is missing: ${reason}`)
  const get = (): never => {
    throw new Error(reason)
  }
  return { skip: reason, get, stop: async () => {} }
}

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`S3_ENDPOINT is set, but ${name} is not`)
  return value
}

function trimmed(endpoint: string): string {
  return endpoint.replace(/\/+$/, '')
}

function withAccount(endpoint: string, account: string): string {
  return endpoint.endsWith(`/${account}`) || !/\/\/[\d.:[\]a-f]+(\/|$)/.test(endpoint)
    ? endpoint
    : `${endpoint}/${account}`
}
