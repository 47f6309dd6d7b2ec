// The embedded engine: every role in one process over SQLite. Reads as a start-up script: data folder, store, locations, pipeline, control,
// front end; what was started is closed in the opposite order.
import { type ControlServer, createControlServer } from '../api/server.ts'
import { createByteBudget } from '../base/bounded.ts'
import { createHttpClient, type HttpClient } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import type { Config, HostPort } from '../config/types.ts'
import { createInProcessSignalBus } from '../control/in-process/signal-bus.ts'
import type { SignalBus } from '../control/signal-bus.ts'
import { SiteController } from '../control/site-controller.ts'
import { type GatedProcessor, SiteGate } from '../control/site-gate.ts'
import { openStateStore } from '../control/sqlite/sqlite-state-store.ts'
import type { StateStore } from '../control/state-store.ts'
import { isPaused } from '../domain/site-control.ts'
import type { DataStore } from '../locations/data-store.ts'
import type { Destination } from '../locations/multiple-backend.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import { openDataDir } from '../metadata/sqlite/data-dir.ts'
import { openSqlite, type SqliteEngine } from '../metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts'
import { createPopulator } from '../queue/populator.ts'
import { openTopicLog } from '../queue/sqlite/sqlite-topic-log.ts'
import type { TopicLog } from '../queue/topic-log.ts'
import type { SiteProcessor } from '../replicate/site-processor-options.ts'
import { createS3Server } from '../s3/server.ts'
import { createGarbageCollector } from '../status/garbage-collector.ts'
import { createStatusProcessor } from '../status/status-processor.ts'
import { createSweeper } from '../status/sweeper.ts'
import { startLog } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { type Accounts, loadAccounts } from './accounts.ts'
import { openDataStores } from './data-stores.ts'
import type { Engine } from './engine.ts'
import { createGateway, openDestinations } from './gateway.ts'
import { Lifecycle } from './lifecycle.ts'
import { mountInternalRoutes } from './mounted-routes.ts'
import { createProcessors, groupId } from './processors.ts'

export interface EmbeddedOptions {
  readonly config: Config
  readonly world: World
  /** False only for the benchmark: an acknowledged write is then not safe. */
  readonly flush?: boolean
}

/** The ports and what they are made of, shared by the roles. */
export interface Parts {
  readonly config: Config
  readonly world: World
  readonly accounts: Accounts
  readonly http: HttpClient
  readonly sqlite: SqliteEngine
  readonly store: MetadataStore
  readonly dataStores: ReadonlyMap<string, DataStore>
  readonly log: TopicLog
  readonly stateStore: StateStore
  readonly signals: SignalBus
}

/** Starts everything, or nothing: a failure closes what was started before and is thrown. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Engine> {
  const lifecycle = new Lifecycle()
  try {
    return await start(options, lifecycle)
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

async function start(options: EmbeddedOptions, lifecycle: Lifecycle): Promise<Engine> {
  const { config } = options
  const failed = Promise.withResolvers<Error>()
  const parts = await openParts(options, lifecycle, failed.resolve)
  const controller = new SiteController({
    sites: config.sites.map(site => site.site),
    topic: config.replication.topics.replication,
    stateStore: parts.stateStore,
    signals: parts.signals,
    world: parts.world,
  })
  await controller.start()
  lifecycle.add(() => controller.close())

  const processors = new Map<string, SiteProcessor>()
  const control = await openControl(parts, controller, processors, lifecycle)
  const destinations = openDestinations(parts)
  for (const { location } of destinations.values()) lifecycle.add(() => location.close())
  const internal = mountInternalRoutes(parts, destinations, control.context)
  lifecycle.add(() => internal.close())
  const s3 = createS3Server({
    listen: config.s3.listen,
    store: parts.store,
    dataStores: parts.dataStores,
    destinations,
    accounts: parts.accounts.directory,
    sites: config.sites,
    locations: config.locations,
    world: parts.world,
    mountedRoutes: internal.serve,
  })
  await s3.listen()
  // The pipeline's last requests go through the S3 port where the gateway is `http`: there it closes after it.
  const closesLast = config.replication.gateway.kind === 'http'
  if (closesLast) lifecycle.add(() => s3.close())
  try {
    await startPipeline(parts, destinations, processors, s3.address, lifecycle)
  } catch (error) {
    // Nothing that failed to start may go on listening: the process would not end.
    await s3.close()
    throw error
  }
  if (!closesLast) lifecycle.add(() => s3.close())
  const controlAddress = await control.server.listen()
  lifecycle.add(() => control.server.close())
  return {
    s3: s3.address,
    control: controlAddress,
    controlTls: config.control.tls !== undefined,
    accounts: parts.accounts,
    store: parts.store,
    failed: failed.promise,
    close: () => lifecycle.close(),
  }
}

async function openParts(
  options: EmbeddedOptions,
  lifecycle: Lifecycle,
  onFatal: (error: Error) => void,
): Promise<Parts> {
  const { config, world, flush = true } = options
  const dataDir = openDataDir(config.dataDir)
  lifecycle.add(() => dataDir.release())
  const stopLog = startLog(config.log.level)
  lifecycle.add(stopLog)
  const accounts = await loadAccounts({
    accountsFile: config.accountsFile,
    dataDir: config.dataDir,
    random: world.random,
  })
  const sqlite = await openSqlite({
    path: dataDir.databasePath,
    world,
    group: config.replicationGroupId,
    bootId: dataDir.bootId,
    flush,
    onFatal,
  })
  lifecycle.add(() => sqlite.close())
  const log = openTopicLog(sqlite, { topics: topicsOf(config) })
  lifecycle.add(() => log.close())
  const stateStore = openStateStore(sqlite)
  lifecycle.add(() => stateStore.close())
  const signals = createInProcessSignalBus(world.timers)
  lifecycle.add(() => signals.close())
  const http = createHttpClient()
  lifecycle.add(() => http.close())
  const { stores: dataStores } = await openDataStores(
    { config, world, http, epoch: String(sqlite.epoch), flush },
    lifecycle,
  )
  return {
    config,
    world,
    accounts,
    http,
    sqlite,
    store: sqliteMetadataStore(sqlite),
    dataStores,
    log,
    stateStore,
    signals,
  }
}

function topicsOf(config: Config): Record<string, readonly string[]> {
  const { topics } = config.replication
  return {
    [topics.replication]: config.sites.map(site => `${groupId}-${site.site}`),
    [topics.status]: [groupId],
  }
}

async function openControl(
  parts: Parts,
  controller: SiteController,
  processors: ReadonlyMap<string, SiteProcessor>,
  lifecycle: Lifecycle,
): Promise<{ server: ControlServer; context: Parameters<typeof createControlServer>[0] }> {
  const { config, store, stateStore, log, world } = parts
  const metrics = createMetrics({
    sites: controller.sites,
    ledger: store.ledger,
    clock: world.clock,
    pausedSites: async () =>
      (await controller.states()).filter(state => isPaused(state.desired)).map(state => state.site),
  })
  lifecycle.add(() => metrics.close())
  const context = {
    config,
    controller,
    store,
    stateStore,
    topicLog: log,
    world,
    metricsText: () => metrics.text(),
    retried: (sites: readonly string[]) => {
      for (const site of sites) processors.get(site)?.wake()
    },
  }
  return { server: await createControlServer(context), context }
}

async function startPipeline(
  parts: Parts,
  destinations: ReadonlyMap<string, Destination>,
  processors: Map<string, SiteProcessor>,
  s3: HostPort,
  lifecycle: Lifecycle,
): Promise<void> {
  const { config, store, log, stateStore, signals, world, dataStores } = parts
  const { topics } = config.replication
  const gateway = createGateway(parts, destinations, s3, lifecycle)
  const collector = createGarbageCollector({ store, dataStores, world })
  collector.start()
  lifecycle.add(() => collector.close())
  const paused = new Set<string>()
  const sweeper = createSweeper({
    store,
    log,
    world,
    topics,
    sites: config.sites.map(site => site.site),
    // Behind an open circuit entries would only pile up.
    isPaused: site => paused.has(site) || processors.get(site)?.state().circuit === 'open',
    isThrough: async site => (await processors.get(site)?.lag()) === 0,
  })
  sweeper.start()
  lifecycle.add(() => sweeper.close())
  const statusProcessor = createStatusProcessor({
    log,
    patchStatus: messages => gateway.patchStatus(messages),
    world,
    topic: topics.status,
    groupId,
  })
  await statusProcessor.start()
  lifecycle.add(() => statusProcessor.close())
  const budget = createByteBudget(config.replication.memory.inFlightBytes)
  const closings: (() => Promise<void>)[] = []
  // All at once: their graces for running copies do not add up.
  lifecycle.add(() => Promise.all(closings.map(closing => closing())))
  for (const [site, processor] of createProcessors(parts, gateway, budget)) {
    processors.set(site, processor)
    const watched = {
      pause: () => {
        paused.add(site)
        processor.pause()
      },
      resume: () => {
        paused.delete(site)
        processor.resume()
      },
      state: () => reportedState(processor),
    }
    const gate = new SiteGate({ site, topic: topics.replication, processor: watched, stateStore, signals, world })
    await gate.start()
    await processor.start()
    closings.push(async () => {
      await gate.close()
      await processor.close()
    })
  }
  const populator = createPopulator({ store, log, stateStore, world, topic: topics.replication })
  await populator.start()
  lifecycle.add(() => populator.close())
}

function reportedState(processor: SiteProcessor): ReturnType<GatedProcessor['state']> {
  const { consumers, inFlight, circuit, circuitCause } = processor.state()
  if (circuit === 'closed' || circuitCause === null) return { consumers, inFlight }
  return { consumers, inFlight, trouble: `${circuitCause.code}: ${circuitCause.message}` }
}
