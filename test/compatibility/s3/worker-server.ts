// The S3 server of the compatibility tests over worker threads: `CROSSBEAT_TEST_WORKERS=2` makes every test that asks for nothing special run
// against it, over a database and files on disk, as in the real program.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AccountDirectory } from '../../../src/accounts/account-directory.ts'
import { realWorld } from '../../../src/base/world.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { memoryEnvironment } from '../../../src/config/memory-environment.ts'
import type { LocationConfig, SiteConfig } from '../../../src/config/types.ts'
import { openNodeId } from '../../../src/engine/node-id.ts'
import { createWorkerPool } from '../../../src/engine/workers/worker-pool.ts'
import type { MasterKeys } from '../../../src/locations/master-keys.ts'
import type { MetadataStore } from '../../../src/metadata/metadata-store.ts'
import { openSqlite } from '../../../src/metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../../../src/metadata/sqlite/sqlite-metadata-store.ts'

export interface WorkerServer {
  readonly host: string
  readonly port: number
  readonly store: MetadataStore
  /** Finished and unfinished data on disk, by name, as it is now. */
  disk(): ReadonlyMap<string, Uint8Array>
  loseData(key: string): void
  /** Turns a bit of the first byte. */
  damageData(key: string): void
  close(): Promise<void>
}

export interface WorkerServerOptions {
  readonly workers: number
  readonly accounts: AccountDirectory
  readonly masterKeys: MasterKeys
  readonly sites: readonly SiteConfig[]
  readonly locations: readonly LocationConfig[]
}

export async function startWorkerServer(options: WorkerServerOptions): Promise<WorkerServer> {
  const { workers, accounts, masterKeys, sites, locations } = options
  const dataDir = mkdtempSync(join(tmpdir(), 'crossbeat-compatibility-'))
  const objects = join(dataDir, 'objects')
  mkdirSync(objects)
  const text = JSON.stringify({ dataDir, s3: { listen: '127.0.0.1:0', workers } })
  const loaded = await loadConfig('/crossbeat.yaml', memoryEnvironment({ '/crossbeat.yaml': text }))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const config = { ...loaded.config, sites, locations, s3: { ...loaded.config.s3, region: '*' } }
  const world = realWorld
  // As the main thread of the program does before it has workers.
  await openNodeId(dataDir, world.random)
  const databasePath = join(dataDir, 'crossbeat.db')
  const sqlite = await openSqlite({ path: databasePath, world, group: 'RG001', bootId: 'test' })
  const pool = createWorkerPool({
    ...{ config, accounts, databasePath, sqlite, masterKeys, world },
    dataStores: new Map(),
    flush: false,
  })
  const address = await pool.start(() => Promise.reject(new Error('there is no control API here')))
  const found = () => readdirSync(objects, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return {
    ...address,
    store: sqliteMetadataStore(sqlite),
    disk: () => new Map(found().map(({ name, parentPath }) => [name, readFileSync(join(parentPath, name))] as const)),
    loseData(key) {
      for (const { name, parentPath } of found()) if (name === key) rmSync(join(parentPath, name))
    },
    damageData(key) {
      const file = found().find(({ name }) => name === key)
      if (file === undefined) throw new Error(`there is no data ${key}`)
      const path = join(file.parentPath, file.name)
      const bytes = readFileSync(path)
      bytes[0] = (bytes[0] ?? 0) ^ 1
      writeFileSync(path, bytes)
    },
    async close() {
      await pool.close()
      await sqlite.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
