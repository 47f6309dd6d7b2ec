// What the rows of the distributed engine need: its servers, a layout of processes with a replicating bucket, load generators, a destination
// that is 50 ms away, and what is to be counted at the servers.
import { existsSync, realpathSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Admin } from '@platformatic/kafka'
import postgres from 'postgres'
import { realWorld } from '../../src/base/world.ts'
import { type EngineServers, startEngineServers } from '../../src/demo/engine-servers.ts'
import { groupId } from '../../src/engine/processors.ts'
import { baseOptions, loadKafkaClient } from '../../src/queue/kafka/client.ts'
import { defaultTiming } from '../../src/queue/kafka/settings.ts'
import { Topics } from '../../src/queue/kafka/topics.ts'
import { obtainPostgres } from '../../src/services/postgres.ts'
import type { S3Destination } from '../process/crossbeat.ts'
import { type Distributed, type DistributedOptions, startDistributed } from '../process/distributed.ts'
import { cpuMs } from '../process/measure.ts'
import type { Arrival } from './sinks.ts'
import { prepareSource, sourceBucket } from './stage.ts'
import { WorkerProcess } from './worker-process.ts'

export const site = 'awsbackend'
export const replicationTopic = 'backbeat-replication'
export const statusTopic = 'backbeat-replication-status'

export interface DistributedStage {
  readonly servers: EngineServers
  readonly layout: Distributed
  /** The source bucket through each front end. */
  readonly sources: readonly S3Destination[]
  /** As many as front ends. */
  readonly loads: readonly WorkerProcess[]
  /** CPU so far of all processes of the layout, by name. */
  cpuMs(): ReadonlyMap<string, number>
  close(): Promise<void>
}

export interface DistributedStageOptions extends Omit<DistributedOptions, 'engine'> {
  readonly partitions: number
}

export async function openDistributedStage(options: DistributedStageOptions): Promise<DistributedStage> {
  const { partitions, ...rest } = options
  const servers = await startEngineServers({ postgresSettings: await statementCounting() })
  const topics = {
    replication: { partitions, replication: 1 },
    status: { partitions: 2, replication: 1 },
  }
  // Time-outs are those that an operator gets who sets none.
  const { connectionString } = servers.engine.state.zookeeper
  const engine = { ...servers.engine, state: { zookeeper: { connectionString } } }
  const started = await startDistributed({
    ...rest,
    engine: { ...engine, log: { kafka: { ...engine.log.kafka, topics } } },
  }).catch(async (error: unknown) => {
    await servers.stop()
    throw error
  })
  const first = await prepareSource({ s3: started.s3[0] ?? '', keys: started.keys }, [site])
  const sources = started.s3.map(endpoint => ({ ...first, endpoint }))
  const loads = sources.map(() => new WorkerProcess('load.ts'))
  return {
    servers,
    layout: started,
    sources,
    loads,
    cpuMs: () => new Map([...started.processes].map(([name, { pid }]) => [name, cpuMs([pid])])),
    async close() {
      for (const load of loads) load.stop()
      await started.stop()
      await servers.stop()
    },
  }
}

/** PostgreSQL counts statements where its extension is installed; elsewhere its transactions are counted, which are nearly as many. */
async function statementCounting(): Promise<readonly string[]> {
  const { path } = await obtainPostgres()
  const isThere = existsSync(join(realpathSync(join(path, 'postgres')), '..', '..', 'lib', 'pg_stat_statements.so'))
  return isThere ? ['shared_preload_libraries=pg_stat_statements'] : []
}

/** An S3 endpoint that takes whatever comes, 50 ms after it came. */
export interface FarSink {
  readonly destination: S3Destination
  /** What has come since the last question. */
  arrivals(): Promise<readonly Arrival[]>
  close(): void
}

export async function openFarSink(): Promise<FarSink> {
  const sink = new WorkerProcess('sinks.ts')
  const { s3Port } = await sink.ask<{ s3Port: number }>({ kind: 'open', delayMs: 50 })
  return {
    destination: { endpoint: `127.0.0.1:${s3Port}`, bucket: 'sink', accessKey: 'sink', secretKey: 'sinksecret' },
    arrivals: async () => (await sink.ask<{ found: readonly Arrival[] }>({ kind: 'arrivals' })).found,
    close: () => sink.stop(),
  }
}

/** The object that came to the sink below this path. */
export function keyOfArrival(path: string): string {
  return decodeURIComponent(path).slice(`/sink/${sourceBucket}/`.length)
}

async function openKafka(servers: EngineServers) {
  const log = {
    brokers: servers.kafka.addresses,
    clientId: 'bench',
    topics: {},
    world: realWorld,
    offsets: { get: async () => null, set: async () => ({ ok: false, current: null }) as const },
  }
  const kafka = await loadKafkaClient()
  const base = (turn: number) => baseOptions(log, defaultTiming, turn)
  return { admin: new kafka.Admin(base(0)), topics: new Topics(kafka, log, defaultTiming, base) }
}

/** Which member of the site's group has each partition. */
export async function ownersOf(servers: EngineServers): Promise<ReadonlyMap<number, string>> {
  const { admin, topics } = await openKafka(servers)
  try {
    const group = `${groupId}-${site}`
    const members = (await admin.describeGroups({ groups: [group] })).get(group)?.members.values() ?? []
    return new Map(
      [...members].flatMap(({ id, assignments }) =>
        (assignments?.get(replicationTopic)?.partitions ?? []).map(partition => [partition, id] as const),
      ),
    )
  } finally {
    await admin.close()
    await topics.close()
  }
}

const sharedWithinMs = 60_000

/** Resolves when so many processors share the site's partitions evenly; answers how long that took. */
export async function whenShared(servers: EngineServers, members: number): Promise<number> {
  const { admin, topics } = await openKafka(servers)
  const startedAt = performance.now()
  try {
    const partitions = (await topics.state(replicationTopic)).partitions.length
    const group = `${groupId}-${site}`
    while (performance.now() - startedAt < sharedWithinMs) {
      const found = (await admin.describeGroups({ groups: [group] })).get(group)
      const shares = [...(found?.members.values() ?? [])].map(
        ({ assignments }) => assignments?.get(replicationTopic)?.partitions.length ?? 0,
      )
      const least = Math.floor(partitions / members)
      const total = shares.reduce((sum, share) => sum + share, 0)
      if (shares.length === members && total === partitions && shares.every(share => share >= least))
        return performance.now() - startedAt
      await new Promise(resolve => setTimeout(resolve, 200))
    }
    throw new Error(`${members} processors did not share the partitions within ${sharedWithinMs / 1000} s`)
  } finally {
    await admin.close()
    await topics.close()
  }
}

export interface Counts {
  readonly replicationRecords: number
  readonly statusRecords: number
  readonly statements: number
  readonly zookeeperWrites: number
  /** Of the replication topic's log, the database, and its write-ahead log. */
  readonly topicBytes: number
  readonly databaseBytes: number
  readonly walBytes: number
  /** Statements by the function or table they are about. */
  readonly byStatement: Readonly<Record<string, number>>
}

/** Reads what the servers have counted so far; `close` when done. */
export async function openCounters(servers: EngineServers) {
  const sql = postgres(servers.postgres.url, { max: 1, onnotice: () => {} })
  const counted = (await statementCounting()).length > 0
  if (counted) await sql`CREATE EXTENSION IF NOT EXISTS pg_stat_statements`
  const { admin, topics } = await openKafka(servers)
  const records = async (topic: string): Promise<number> =>
    (await topics.state(topic)).partitions.reduce((sum, { end }) => sum + end, 0)
  return {
    async read(): Promise<Counts> {
      const byStatement = counted ? await statementsOf(sql) : await transactionsOf(sql)
      return {
        replicationRecords: await records(replicationTopic),
        statusRecords: await records(statusTopic),
        statements: Object.values(byStatement).reduce((sum, calls) => sum + calls, 0),
        zookeeperWrites: await zookeeperTransactions(servers.zookeeper.port),
        topicBytes: await topicBytes(admin, (await topics.state(replicationTopic)).partitions.length),
        ...(await databaseBytes(sql)),
        byStatement,
      }
    },
    async close(): Promise<void> {
      await sql.end()
      await topics.close()
      await admin.close()
    },
  }
}

/** Those of Crossbeat: all but what we ask ourselves. */
async function statementsOf(sql: postgres.Sql): Promise<Record<string, number>> {
  const rows = await sql<{ query: string; calls: string }[]>`
    SELECT query, calls::text FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'`
  const found: Record<string, number> = {}
  for (const { query, calls } of rows) {
    const name = query.replace(/\s+/g, ' ').slice(0, 48)
    found[name] = (found[name] ?? 0) + Number(calls)
  }
  return found
}

async function transactionsOf(sql: postgres.Sql): Promise<Record<string, number>> {
  // Processes tell their counts once a second at most.
  await new Promise(resolve => setTimeout(resolve, 1_500))
  const [row] = await sql<{ n: string }[]>`SELECT sum(xact_commit)::text AS n FROM pg_stat_database`
  return { transactions: Number(row?.n ?? 0) }
}

async function topicBytes(admin: Admin, partitions: number): Promise<number> {
  const wanted = { name: replicationTopic, partitions: Array.from({ length: partitions }, (_, index) => index) }
  const brokers = await admin.describeLogDirs({ topics: [wanted] })
  const logs = brokers.flatMap(({ results }) => results).flatMap(({ topics }) => topics)
  return logs
    .flatMap(({ partitions: parts }) => parts)
    .reduce((sum, { partitionSize }) => sum + Number(partitionSize), 0)
}

async function databaseBytes(sql: postgres.Sql): Promise<Pick<Counts, 'databaseBytes' | 'walBytes'>> {
  const [row] = await sql<{ size: string; wal: string }[]>`
    SELECT pg_database_size(current_database())::text AS size, (pg_current_wal_lsn() - '0/0')::text AS wal`
  return { databaseBytes: Number(row?.size ?? 0), walBytes: Number(row?.wal ?? 0) }
}

/** Number of the newest transaction: every write is one, also the beginning and end of a session. */
async function zookeeperTransactions(port: number): Promise<number> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('srvr'))
    let answer = ''
    socket.on('data', chunk => {
      answer += chunk.toString()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
  const zxid = /^Zxid: 0x([0-9a-f]+)$/m.exec(text)?.[1]
  if (zxid === undefined) throw new Error(`ZooKeeper did not tell its newest transaction: ${text}`)
  return Number(BigInt(`0x${zxid}`) & 0xffff_ffffn)
}
