// One embedded pipeline, wired from its parts over a database and clouds in memory: what the engine does, without servers and files.
import { type ByteBudget, createByteBudget } from '../../src/base/bounded.ts'
import type { World } from '../../src/base/world.ts'
import { createElection, type Election } from '../../src/control/election.ts'
import { leasePaths } from '../../src/control/paths.ts'
import { openStateStore } from '../../src/control/sqlite/sqlite-state-store.ts'
import type { StateStore } from '../../src/control/state-store.ts'
import type { DataStore } from '../../src/locations/data-store.ts'
import type { Location } from '../../src/locations/location.ts'
import { noMasterKeys } from '../../src/locations/master-keys.ts'
import { createMemoryDataStore } from '../../src/locations/memory/data-store.ts'
import type { MetadataStore } from '../../src/metadata/metadata-store.ts'
import { type MemoryDatabase, openSqlite, type SqliteEngine } from '../../src/metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../../src/metadata/sqlite/sqlite-metadata-store.ts'
import { createPopulator, type PopulatorOptions } from '../../src/queue/populator.ts'
import { openTopicLog } from '../../src/queue/sqlite/sqlite-topic-log.ts'
import type { TopicLog, TopicMessage } from '../../src/queue/topic-log.ts'
import { createDirectGateway } from '../../src/replicate/gateway-direct.ts'
import { createSiteProcessor } from '../../src/replicate/site-processor.ts'
import type { SiteProcessor, SiteProcessorOptions } from '../../src/replicate/site-processor-options.ts'
import { createGarbageCollector, type GarbageCollector } from '../../src/status/garbage-collector.ts'
import { createStatusProcessor, type StatusProcessor } from '../../src/status/status-processor.ts'
import { createSweeper, type Sweeper } from '../../src/status/sweeper.ts'

export interface PipelineOptions {
  readonly database: MemoryDatabase
  readonly world: World
  /** The "disk" of the data store `us-east-1`. */
  readonly disk: Map<string, Uint8Array>
  readonly locations: readonly Location[]
  readonly concurrency?: number
  readonly minMultipartBytes?: number
  readonly crashPoint?: (name: string) => void
  /** Sites that are paused from the start. */
  readonly paused?: ReadonlySet<string>
  readonly sweepMs?: number
  /** Default: `folded`, as in the embedded engine. */
  readonly results?: SiteProcessorOptions['results']
  /** Messages that never reach their topic, though their sender believes so. */
  /** Whether the rules would send changes of stored versions; they do unless told. */
  readonly isCovered?: () => boolean
  readonly loses?: (topic: string, message: TopicMessage) => boolean
}

export interface Pipeline {
  readonly engine: SqliteEngine
  readonly store: MetadataStore
  readonly stateStore: StateStore
  readonly log: TopicLog
  readonly dataStore: DataStore
  readonly budget: ByteBudget
  readonly processors: ReadonlyMap<string, SiteProcessor>
  readonly status: StatusProcessor
  readonly sweeper: Sweeper
  readonly garbage: GarbageCollector
  close(): Promise<void>
}

export const topics = { replication: 'backbeat-replication', status: 'backbeat-replication-status' }
const groupId = 'backbeat-replication-group'

type Parts = Pick<SiteProcessorOptions, 'site' | 'ledger' | 'log' | 'gateway' | 'budget'>

function processorOf(options: PipelineOptions, parts: Parts): SiteProcessor {
  return createSiteProcessor({
    ...parts,
    world: options.world,
    isCovered: async () => options.isCovered?.() ?? true,
    topics,
    groupId,
    owner: 'simulation',
    concurrency: options.concurrency ?? 4,
    results: options.results ?? 'folded',
    backoff: { minMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 },
    settings: { minMultipartBytes: options.minMultipartBytes ?? 1_000, partsConcurrency: 2, keepsVersionIds: false },
  })
}

function logOf({ locations, loses }: PipelineOptions, engine: SqliteEngine): TopicLog {
  const groups = locations.map(location => `${groupId}-${location.name}`)
  const log = openTopicLog(engine, { topics: { [topics.replication]: groups, [topics.status]: [groupId] } })
  if (loses === undefined) return log
  return {
    entryContent: log.entryContent,
    append: async (topic, messages) =>
      log.append(
        topic,
        messages.filter(message => !loses(topic, message)),
      ),
    consumer: options => log.consumer(options),
    describe: names => log.describe(names),
    close: () => log.close(),
  }
}

/** As the role has it: what fails at its beginning is tried again. */
function electedPopulator(options: PopulatorOptions & { readonly stateStore: StateStore }): Election {
  return createElection({
    ...{ stateStore: options.stateStore, world: options.world },
    ...{ path: leasePaths.populator, owner: 'simulation', what: 'the populator' },
    begin: async (_lease, resign) => {
      const populator = createPopulator({ ...options, deposed: resign })
      await populator.start()
      return populator
    },
  })
}

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { world, locations } = options
  const engine = await openSqlite({
    path: options.database,
    world,
    group: 'RG001',
    bootId: 'simulation',
    ...(options.crashPoint === undefined ? {} : { inject: { crashPoint: options.crashPoint } }),
  })
  const sites = locations.map(location => location.name)
  const store = sqliteMetadataStore(engine)
  const stateStore = openStateStore(engine)
  const log = logOf(options, engine)
  const epoch = String(engine.epoch)
  const dataStore = createMemoryDataStore({ name: 'us-east-1', epoch, random: world.random, disk: options.disk })
  const dataStores = new Map([[dataStore.name, dataStore]])
  const destinations = new Map(locations.map(location => [location.name, { location, bucketMatch: false }]))
  const gateway = createDirectGateway({ store, dataStores, masterKeys: noMasterKeys(world.random), destinations })
  const budget = createByteBudget(1_000_000)
  const processors = new Map<string, SiteProcessor>()
  for (const site of sites)
    processors.set(site, processorOf(options, { site, ledger: store.ledger, log, gateway, budget }))
  const paused = new Set(options.paused)
  const populator = electedPopulator({ store, log, stateStore, world, topic: topics.replication })
  const patchStatus = gateway.patchStatus.bind(gateway)
  const status = createStatusProcessor({ log, patchStatus, world, topic: topics.status, groupId })
  const isPaused = (site: string): boolean => processors.get(site)?.state().consumers === 'paused'
  const sweepMs = options.sweepMs ?? 30_000
  const sweeper = createSweeper({
    ...{ store, log, world, topics, isPaused, sites, sweepMs, recountMs: 120_000 },
    isThrough: async site => (await processors.get(site)?.lag()) === 0,
  })
  const garbage = createGarbageCollector({ store, dataStores, world })
  for (const [site, processor] of processors) if (paused.has(site)) processor.pause()
  await populator.start()
  await status.start()
  for (const processor of processors.values()) await processor.start()
  sweeper.start()
  garbage.start()
  return {
    engine,
    store,
    stateStore,
    log,
    dataStore,
    budget,
    processors,
    status,
    sweeper,
    garbage,
    async close() {
      await populator.close()
      for (const processor of processors.values()) await processor.close()
      await status.close()
      await sweeper.close()
      await garbage.close()
      await log.close()
      await store.close()
    },
  }
}
