// Opens where the bytes of objects are kept: the locations that hold buckets' data.
import { mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { realFiles } from '../base/files.ts'
import type { World } from '../base/world.ts'
import type { Config } from '../config/types.ts'
import type { DataStore } from '../locations/data-store.ts'
import { openFileDataStore } from '../locations/file/data-store.ts'
import type { Lifecycle } from './lifecycle.ts'

export interface DataStoresOptions {
  readonly config: Config
  readonly world: World
  /** Begins the names of what this process writes. */
  readonly epoch: string
  /** False only for the benchmark: an acknowledged write is then not safe. */
  readonly flush: boolean
}

/** By the name of their location. */
export async function openDataStores(
  { config, world, epoch, flush }: DataStoresOptions,
  lifecycle: Lifecycle,
): Promise<ReadonlyMap<string, DataStore>> {
  const dataStores = new Map<string, DataStore>()
  const root = join(config.dataDir, 'objects')
  for (const location of config.locations) {
    if (location.type !== 'file') continue
    const folder = join(root, encodeURIComponent(location.name))
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const dataStore = await openFileDataStore({ name: location.name, folder, epoch, random: world.random, flush })
    lifecycle.add(() => dataStore.close())
    dataStores.set(location.name, dataStore)
  }
  if (!flush || dataStores.size === 0) return dataStores
  // A store flushes what is below its folder; the folder's own name has to survive a power loss, too.
  for (const folder of [root, config.dataDir]) await realFiles.flushFolder(folder)
  // The folder above need not be ours to read.
  await realFiles.flushFolder(dirname(resolve(config.dataDir))).catch(() => {})
  return dataStores
}
