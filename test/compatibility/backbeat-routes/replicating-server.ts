// A whole server of the family in this process: S3 port with internal routes, journal, topics, one processor per site, status processor. Its cloud
// `awsbackend` lies in memory; `peer` is another server like it. What the engine wires up over files is wired up here over memory.
import { createByteBudget } from '../../../src/base/bounded.ts'
import { createHttpClient, type HttpClient } from '../../../src/base/http-client.ts'
import { Secret } from '../../../src/base/secret.ts'
import { realWorld as world } from '../../../src/base/world.ts'
import type { Credentials, ServersSiteConfig, SiteConfig } from '../../../src/config/types.ts'
import { openStateStore } from '../../../src/control/sqlite/sqlite-state-store.ts'
import { wireHeaders } from '../../../src/domain/backbeat-wire.ts'
import type { DataStore } from '../../../src/locations/data-store.ts'
import { createMemoryCloud, type MemoryCloud } from '../../../src/locations/memory/cloud.ts'
import { createMemoryDataStore } from '../../../src/locations/memory/data-store.ts'
import type { FaultPlan } from '../../../src/locations/memory/faults.ts'
import { createMemoryLocation } from '../../../src/locations/memory/location.ts'
import type { Destination } from '../../../src/locations/multiple-backend.ts'
import type { MetadataStore } from '../../../src/metadata/metadata-store.ts'
import { openSqlite } from '../../../src/metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../../../src/metadata/sqlite/sqlite-metadata-store.ts'
import { createPopulator } from '../../../src/queue/populator.ts'
import { openTopicLog } from '../../../src/queue/sqlite/sqlite-topic-log.ts'
import type { TopicLog } from '../../../src/queue/topic-log.ts'
import { createDirectGateway } from '../../../src/replicate/gateway-direct.ts'
import { createHttpGateway } from '../../../src/replicate/gateway-http.ts'
import { createPeer } from '../../../src/replicate/peer.ts'
import { gatewayTo, peerTask } from '../../../src/replicate/peer-task.ts'
import { createSiteProcessor } from '../../../src/replicate/site-processor.ts'
import type { SiteProcessor } from '../../../src/replicate/site-processor-options.ts'
import type { SourceGateway } from '../../../src/replicate/source-gateway.ts'
import { createBackbeatRoutes } from '../../../src/s3/backbeat-routes/mount.ts'
import type { MountedRoutes } from '../../../src/s3/http/server.ts'
import { createStatusProcessor } from '../../../src/status/status-processor.ts'
import { until } from '../../until.ts'
import { type AccountName, accounts, startTestServer, type TestServer, testMasterKeys } from '../s3/test-server.ts'

export interface ReplicatingServer extends TestServer {
  readonly aws: MemoryCloud
  /** Starts replication; `peers` are the addresses of the site `peer`. */
  startReplication(peers: readonly { readonly host: string; readonly port: number }[]): Promise<void>
}

export interface ReplicatingOptions {
  readonly gateway: 'direct' | 'http'
  /** Replication group: differs between servers that replicate to each other. */
  readonly group: string
  readonly awsFaults?: FaultPlan
  /** The cloud has object lock, which the S3 role knows of, or is too old to. */
  readonly awsLock?: 'known' | 'unknown'
  /** Instead of one in memory: where the bytes of source versions are. */
  readonly makeDataStores?: (store: MetadataStore) => Promise<ReadonlyMap<string, DataStore>>
  /** Whose keys the site `peer` signs with; the replication service account's if left out. */
  readonly peerAccount?: AccountName
}

const topics = { replication: 'backbeat-replication', status: 'backbeat-replication-status' }
const groupId = 'backbeat-replication-group'
const siteNames = ['awsbackend', 'peer']
function credentialsOf(account: AccountName): Credentials {
  const [key] = accounts[account].keys
  return { accessKey: key?.access ?? '', secretKey: new Secret(key?.secret ?? ''), sessionToken: undefined }
}

function peerSite(servers: ServersSiteConfig['servers'], account: AccountName = 'replication'): ServersSiteConfig {
  const credentials = credentialsOf(account)
  return { kind: 'servers', site: 'peer', isDefault: true, servers, https: false, credentials }
}

const sites: readonly SiteConfig[] = [
  peerSite([]),
  { kind: 'cloud', site: 'awsbackend', isDefault: false, type: 'aws_s3', location: 'awsbackend' },
]

interface Parts {
  readonly engine: Awaited<ReturnType<typeof openSqlite>>
  readonly store: MetadataStore
  readonly log: TopicLog
  readonly gateway: SourceGateway
  readonly http: HttpClient
  readonly peerAccount: AccountName | undefined
}

export async function startReplicatingServer(options: ReplicatingOptions): Promise<ReplicatingServer> {
  const engine = await openSqlite({ path: ':memory:', inline: true, world, group: options.group, bootId: 'test' })
  const store = sqliteMetadataStore(engine)
  const log = openTopicLog(engine, {
    topics: { [topics.replication]: siteNames.map(site => `${groupId}-${site}`), [topics.status]: [groupId] },
  })
  const disk = new Map<string, Uint8Array>()
  const dataStore = createMemoryDataStore({ name: 'us-east-1', epoch: '1', random: world.random, disk })
  const dataStores = (await options.makeDataStores?.(store)) ?? new Map([[dataStore.name, dataStore]])
  const aws = createMemoryCloud(world, { versions: true })
  const faults = options.awsFaults === undefined ? {} : { faults: options.awsFaults }
  const capabilities = { objectLock: options.awsLock !== undefined }
  const location = createMemoryLocation({
    name: 'awsbackend',
    type: 'aws_s3',
    cloud: aws,
    world,
    capabilities,
    ...faults,
  })
  const destinations = new Map<string, Destination>([['awsbackend', { location, bucketMatch: false }]])
  const routes = createBackbeatRoutes({ destinations, world })
  const server = await startTestServer({
    mountedRoutes: options.awsLock === 'unknown' ? withoutLock(routes.serve) : routes.serve,
    world,
    dataStores,
    store,
    sites,
  })
  const http = createHttpClient()
  const readHttp = createHttpClient()
  const site = { type: 'aws_s3', bucketMatch: false, capabilities: location.capabilities }
  const source = { host: server.host, port: server.port, https: false }
  const gateway =
    options.gateway === 'http'
      ? createHttpGateway({
          source,
          credentials: credentialsOf('replication'),
          sites: new Map([['awsbackend', site]]),
          http,
          readHttp,
          world,
        })
      : createDirectGateway({ store, dataStores, masterKeys: testMasterKeys, destinations })
  let stopReplication = async (): Promise<void> => {}
  return {
    ...server,
    store,
    disk,
    aws,
    async startReplication(peers) {
      stopReplication = await startPipeline(
        { engine, store, log, gateway, http, peerAccount: options.peerAccount },
        peers,
      )
    },
    async close() {
      await stopReplication()
      await server.close()
      routes.close()
      await http.close()
      await readHttp.close()
      await log.close()
      await engine.close()
    },
  }
}

/** The routes as they were before they knew of what keeps a copy. */
function withoutLock(serve: MountedRoutes): MountedRoutes {
  return (request, response, auth, call) => {
    const headers = new Map(call.head.headers)
    headers.delete(wireHeaders.lock)
    return serve(request, response, auth, { ...call, head: { ...call.head, headers } })
  }
}

/** Answers how to stop it. */
async function startPipeline(parts: Parts, peers: ServersSiteConfig['servers']): Promise<() => Promise<void>> {
  const { engine, store, log, gateway } = parts
  const stateStore = openStateStore(engine)
  const populator = createPopulator({ store, log, stateStore, world, topic: topics.replication })
  const patchStatus = gateway.patchStatus.bind(gateway)
  const status = createStatusProcessor({ log, patchStatus, world, topic: topics.status, groupId })
  const processors = siteNames.map(site => processorOf(parts, site, peers))
  await populator.start()
  await status.start()
  for (const processor of processors) await processor.start()
  return async () => {
    await populator.close()
    for (const processor of processors) await processor.close()
    await status.close()
  }
}

function processorOf(parts: Parts, site: string, servers: ServersSiteConfig['servers']): SiteProcessor {
  const { store, log, gateway, http } = parts
  const peer = createPeer({ site: peerSite(servers, parts.peerAccount), http, world })
  const special = site === 'peer' ? { runTask: peerTask(peer), gateway: gatewayTo(peer, gateway) } : {}
  return createSiteProcessor({
    site,
    ledger: store.ledger,
    log,
    gateway,
    world,
    budget: createByteBudget(16_000_000),
    isCovered: async () => true,
    topics,
    groupId,
    owner: `process-${site}`,
    concurrency: 4,
    results: 'sent',
    backoff: { minMs: 50, maxMs: 1_000, factor: 2, jitter: 0 },
    settings: { minMultipartBytes: 2_000_000, partsConcurrency: 2, keepsVersionIds: site === 'peer' },
    ...special,
  })
}

/** Resolves when no row of the server is open any more: everything accepted has ended. */
export async function whenReplicated(server: TestServer): Promise<void> {
  await until('nothing is left to replicate', async () =>
    (await server.store.ledger.backlog()).every(site => site.objects === 0),
  )
}
