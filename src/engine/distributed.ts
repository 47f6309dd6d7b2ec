// The distributed engine: chosen roles over servers that many processes share. Opens only what the roles need, waits a while for what is not
// there yet, and plays the same roles as the embedded engine.

import { DependencyError } from '../base/dependency.ts'
import { createHttpClient } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import type { Config, DistributedEngineConfig } from '../config/types.ts'
import { createNodeDirectory } from '../control/node-directory.ts'
import { ServiceError } from '../domain/errors.ts'
import type { SharedValues } from '../metadata/postgres/shared-values.ts'
import { openDataDir } from '../metadata/sqlite/data-dir.ts'
import { startLog } from '../telemetry/log.ts'
import { type Accounts, loadSharedAccounts, serviceCredentials } from './accounts.ts'
import { watchAccounts } from './accounts-watch.ts'
import { takeDataDir } from './data-dir-engine.ts'
import { type OpenDataStores, openDataStores } from './data-stores.ts'
import { type Opening, openDatabase, openLog, openSignals, openState } from './distributed-ports.ts'
import type { Engine } from './engine.ts'
import { openDestinations } from './gateway.ts'
import { Lifecycle } from './lifecycle.ts'
import { openMasterKeys } from './master-keys.ts'
import type { Parts, Role, RoleChoice } from './parts.ts'
import { startRoles } from './roles/start-roles.ts'
import { serviceKeys, watchServiceKeys } from './service-keys.ts'
import { agreeOnKeys } from './shared-keys.ts'
import { createPatience, type WaitOptions } from './waiting.ts'

export interface DistributedOptions extends WaitOptions {
  readonly config: Config
  readonly world: World
  readonly choice: RoleChoice
}

/** Those that encrypt or decrypt. */
const rolesWithKeys: ReadonlySet<Role> = new Set(['s3', 'processor'])

/** Starts everything, or nothing: a failure closes what was started before and is thrown. */
export async function startDistributed(options: DistributedOptions): Promise<Engine> {
  const { config, choice } = options
  if (config.engine.kind !== 'distributed') throw new Error('the configuration names no distributed engine')
  const lifecycle = new Lifecycle()
  const failed = Promise.withResolvers<Error>()
  try {
    lifecycle.add(startLog(config.log.level))
    const parts = await openParts(options, config.engine, lifecycle, failed.resolve)
    return await startRoles(parts, choice, lifecycle, failed.promise)
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

async function openParts(
  options: DistributedOptions,
  engine: DistributedEngineConfig,
  lifecycle: Lifecycle,
  onFatal: (error: Error) => void,
): Promise<Parts> {
  const { config, world, choice } = options
  const patience = createPatience(options)
  const opening: Opening = { config, engine, world, choice, patience, tell: options.waiting, lifecycle }
  const database = await openDatabase(opening, onFatal)
  const state = await openState(opening)
  const signals = await openSignals(opening)
  const log = await openLog(opening, { stateStore: state.port, store: database.port, signals: signals.port })
  const accounts = await openAccounts(opening, database.shared)
  const http = createHttpClient()
  lifecycle.add(() => http.close())
  if (choice.roles.some(role => rolesWithKeys.has(role))) {
    await agreeOnKeys(state.port, config.s3.encryption, world.random)
  }
  const masterKeys = await openMasterKeys({ config, random: world.random, ownsData: false })
  const destinations = openDestinations({ config, http, world })
  for (const { location } of destinations.values()) lifecycle.add(() => location.close())
  const data = await openData(options, { stateStore: state.port, accounts, http, epoch: database.epoch }, lifecycle)
  return {
    ...{ config, world, accounts, http, masterKeys, destinations },
    dataStores: data.stores,
    nodeData: data.nodeId === null ? null : { nodeId: data.nodeId, stores: data.own },
    store: database.port,
    s3Workers: null,
    endedEpochs: database.endedEpochs,
    stateStore: state.port,
    signals: signals.port,
    log: log.port,
    owner: `${choice.roles.join('+')}-${database.epoch}`,
    isShared: true,
    dependencies: [
      ...[database, state, signals, log].flatMap(({ dependency }) => dependency ?? []),
      ...watchAccounts(accounts, world.timers, lifecycle),
    ],
  }
}

/** Those of the file, and the service account whose keys the processes share. */
async function openAccounts({ config, world, patience, lifecycle }: Opening, shared: SharedValues): Promise<Accounts> {
  const keys = await patience.open(() => serviceKeys(shared, world.random).catch(asDependency))
  const accounts = await loadSharedAccounts(config.accountsFile ?? '', keys)
  lifecycle.add(watchServiceKeys(shared, world, keys => accounts.take(keys)))
  return accounts
}

/** A database that was there and is away again is waited for like one that is not there yet. */
function asDependency(error: unknown): never {
  if (!(error instanceof ServiceError) || error.code !== 'ServiceUnavailable') throw error
  throw new DependencyError('PostgreSQL', 'it does not answer', 'Check that it runs and can be reached from here', {
    cause: error,
  })
}

/** Only the S3 role keeps data; the data folder then belongs to this process alone. Others read over the network. */
async function openData(
  { config, world, choice }: DistributedOptions,
  open: Pick<Parts, 'stateStore' | 'accounts' | 'http'> & { readonly epoch: string },
  lifecycle: Lifecycle,
): Promise<OpenDataStores> {
  const { stateStore, accounts, http, epoch } = open
  const keepsData = choice.roles.includes('s3')
  if (keepsData) {
    const dataDir = openDataDir(config.dataDir)
    lifecycle.add(() => dataDir.release())
    takeDataDir(dataDir, 'distributed')
  }
  const credentials = serviceCredentials(accounts)
  const distributed = { holders: createNodeDirectory(stateStore), credentials, keepsData }
  return openDataStores({ config, world, http, epoch, distributed }, lifecycle)
}
