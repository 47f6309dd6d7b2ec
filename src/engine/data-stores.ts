// Opens the places where buckets' data lies: files of this process, S3 locations that are shared, and, in a layout of many processes, the files
// of other nodes by way of their S3 roles.
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { realFiles, systemErrorCode } from '../base/files.ts'
import type { HttpClient } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import { holdsSourceData } from '../config/source-data.ts'
import type { Config, Credentials, FileLocationConfig, S3LocationConfig } from '../config/types.ts'
import { limits } from '../domain/limits.ts'
import { createS3DataStore } from '../locations/aws_s3/data-store.ts'
import type { DataHolders } from '../locations/data-holders.ts'
import { writerOf } from '../locations/data-name.ts'
import type { DataStore } from '../locations/data-store.ts'
import { openFileDataStore } from '../locations/file/data-store.ts'
import { createRemoteData } from '../locations/remote/remote-data.ts'
import { createRoutedDataStore } from '../locations/remote/routed-data-store.ts'
import type { Lifecycle } from './lifecycle.ts'
import { openNodeId } from './node-id.ts'

export interface DataStoresOptions {
  readonly config: Pick<Config, 'dataDir' | 'locations' | 'sites'>
  readonly world: World
  readonly http: HttpClient
  /** Of this process start: letters, digits and hyphens, never the same twice for a data folder. */
  readonly epoch: string
  /** False leaves flushing to the system: for measurements only. */
  readonly flush?: boolean
  /** How many threads of this process write to the same locations: they share its memory. Left out: this one alone. */
  readonly threads?: number
  /** Left out by the embedded engine, whose files nobody else reads. */
  readonly distributed?: {
    readonly holders: DataHolders
    /** Of a service account that every S3 role knows. */
    readonly credentials: Credentials
    /** False for a process without an S3 role: it keeps no data, and needs no data folder. */
    readonly keepsData: boolean
  }
}

export interface OpenDataStores {
  /** By name of the location: what buckets' data is written to and read from. */
  readonly stores: ReadonlyMap<string, DataStore>
  /** Of them, the data on this node's own disk: what its S3 role serves to others. */
  readonly own: ReadonlyMap<string, DataStore>
  /** Of the data folder; null where no name carries it. */
  readonly nodeId: string | null
}

/** Opens them all. The data folder must be there, unless no data is kept. */
export async function openDataStores(options: DataStoresOptions, lifecycle: Lifecycle): Promise<OpenDataStores> {
  const { config, distributed, flush = true } = options
  const locations = config.locations.filter(location => holdsSourceData(location, config.sites))
  const files = locations.filter(location => location.type === 'file')
  const shared = locations.filter(location => location.type === 'aws_s3')
  const keepsData = distributed?.keepsData ?? true
  // Names that others see, or that lie beside those of others, say whose they are.
  const needsNode = keepsData && (distributed !== undefined || shared.length > 0)
  const nodeId = needsNode ? await openNodeId(config.dataDir, options.world.random) : null
  const own = await openFiles(options, keepsData ? files : [], distributed === undefined ? null : nodeId)
  const stores = new Map<string, DataStore>()
  for (const { name } of files) stores.set(name, routed(options, name, own.get(name), nodeId))
  for (const location of shared) stores.set(location.name, await openShared(options, location, nodeId))
  for (const store of stores.values()) lifecycle.add(() => store.close())
  if (keepsData && files.length > 0 && flush) await flushFolders(config.dataDir)
  return { stores, own, nodeId }
}

function rootOf(config: DataStoresOptions['config']): string {
  return join(config.dataDir, 'objects')
}

async function openFiles(
  { config, world, epoch, flush = true }: DataStoresOptions,
  locations: readonly FileLocationConfig[],
  nodeId: string | null,
): Promise<ReadonlyMap<string, DataStore>> {
  const opened = new Map<string, DataStore>()
  for (const { name } of locations) {
    const folder = join(rootOf(config), encodeURIComponent(name))
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const writer = nodeId === null ? epoch : writerOf(nodeId, epoch)
    opened.set(name, await openFileDataStore({ name, folder, epoch: writer, random: world.random, flush }))
  }
  return opened
}

/** A store flushes what is below its folder; the folder's own name has to survive a power loss, too. */
async function flushFolders(dataDir: string): Promise<void> {
  for (const folder of [join(dataDir, 'objects'), dataDir]) await realFiles.flushFolder(folder)
  // The folder above need not be ours to read.
  await realFiles.flushFolder(dirname(resolve(dataDir))).catch(() => {})
}

function routed(
  { distributed, http, world }: DataStoresOptions,
  name: string,
  store: DataStore | undefined,
  nodeId: string | null,
): DataStore {
  if (distributed === undefined) {
    if (store === undefined) throw new Error(`the files of ${name} are not open`)
    return store
  }
  const { holders, credentials } = distributed
  const remote = createRemoteData({ name, holders, credentials, http, world })
  return createRoutedDataStore({ name, own: store === undefined || nodeId === null ? null : { nodeId, store }, remote })
}

/** What writers of a location may hold in memory in each of so many threads, bytes. */
function writeBytesOf(threads: number): number {
  return Math.max(limits.sourceWriteBytesMin, Math.floor(limits.sourceWriteBytes / Math.max(1, threads)))
}

async function openShared(
  { config, world, http, epoch, threads = 1 }: DataStoresOptions,
  { name, details }: S3LocationConfig,
  nodeId: string | null,
): Promise<DataStore> {
  const common = { name, details, http, world, memoryBytes: writeBytesOf(threads) }
  if (nodeId === null) {
    // A process that keeps no data sweeps none either, and has no use for a name of its own.
    const begin = () => Promise.reject(new Error(`this process keeps no data of ${name}`))
    const use = { hasBegun: async () => false, begin }
    return createS3DataStore({ ...common, writer: epoch, node: epoch, use })
  }
  const marker = join(rootOf(config), `${encodeURIComponent(name)}.used`)
  const use = { hasBegun: () => isThere(marker), begin: () => makeDurable(marker, rootOf(config), config.dataDir) }
  return createS3DataStore({ ...common, writer: writerOf(nodeId, epoch), node: `${nodeId}-`, use })
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false
    throw error
  }
}

/** Before the first byte goes to a shared location: from then on this node looks there for orphans. */
async function makeDurable(marker: string, root: string, dataDir: string): Promise<void> {
  await mkdir(marker, { recursive: true, mode: 0o700 })
  for (const folder of [root, dataDir]) await realFiles.flushFolder(folder)
}
