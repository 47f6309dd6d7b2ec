// The embedded engine: every role in one process over SQLite. Reads as a start-up script: data folder, accounts, store, locations, roles; what
// was started is closed in the opposite order.
import { createHttpClient } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import type { Config } from '../config/types.ts'
import { createInProcessSignalBus } from '../control/in-process/signal-bus.ts'
import { openStateStore } from '../control/sqlite/sqlite-state-store.ts'
import { openDataDir } from '../metadata/sqlite/data-dir.ts'
import { openSqlite } from '../metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts'
import { openTopicLog } from '../queue/sqlite/sqlite-topic-log.ts'
import { startLog } from '../telemetry/log.ts'
import { loadAccounts } from './accounts.ts'
import { watchAccounts } from './accounts-watch.ts'
import { takeDataDir } from './data-dir-engine.ts'
import { openDataStores } from './data-stores.ts'
import type { WholeEngine } from './engine.ts'
import { openDestinations } from './gateway.ts'
import { Lifecycle } from './lifecycle.ts'
import { openMasterKeys } from './master-keys.ts'
import { type Parts, roleNames } from './parts.ts'
import { groupId } from './processors.ts'
import { startRoles } from './roles/start-roles.ts'
import { createWorkerPool } from './workers/worker-pool.ts'

export interface EmbeddedOptions {
  readonly config: Config
  readonly world: World
  /** False only for the benchmark: an acknowledged write is then not safe. */
  readonly flush?: boolean
}

/** Starts everything, or nothing: a failure closes what was started before and is thrown. */
export async function startEmbedded(options: EmbeddedOptions): Promise<WholeEngine> {
  const lifecycle = new Lifecycle()
  const failed = Promise.withResolvers<Error>()
  try {
    const parts = await openParts(options, lifecycle, failed.resolve)
    const engine = await startRoles(parts, { roles: roleNames }, lifecycle, failed.promise)
    const { s3, control } = engine
    if (s3 === null || control === null) throw new Error('a role of the embedded engine did not start')
    return { ...engine, s3, control }
  } catch (error) {
    await lifecycle.close()
    throw error
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
  takeDataDir(dataDir, 'embedded')
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
  const masterKeys = await openMasterKeys({ config, random: world.random, ownsData: true })
  const s3Workers =
    config.s3.workers === 0
      ? null
      : createWorkerPool({
          ...{ config, sqlite, dataStores, masterKeys, flush, world },
          accounts: accounts.directory,
          databasePath: dataDir.databasePath,
        })
  const destinations = openDestinations({ config, http, world })
  for (const { location } of destinations.values()) lifecycle.add(() => location.close())
  return {
    ...{ config, world, accounts, http, dataStores, masterKeys, destinations, log, stateStore, signals },
    store: sqliteMetadataStore(sqlite),
    nodeData: null,
    s3Workers,
    // One process has the database: all others have ended.
    endedEpochs: async epochs => new Set(epochs),
    owner: `embedded-${sqlite.epoch}`,
    isShared: false,
    dependencies: watchAccounts(accounts, world.timers, lifecycle, () => s3Workers?.accountsChanged()),
  }
}

function topicsOf(config: Config): Record<string, readonly string[]> {
  const { topics } = config.replication
  return {
    [topics.replication]: config.sites.map(site => `${groupId}-${site.site}`),
    [topics.status]: [groupId],
  }
}
