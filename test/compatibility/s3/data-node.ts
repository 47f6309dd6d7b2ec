// S3 front ends that each keep data on a disk of their own and read each other's: one metadata store and one state store, a folder, a node id and
// a data route for each. What the roles of a distributed layout wire up is wired up here in one process.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHttpClient } from '../../../src/base/http-client.ts'
import { Secret } from '../../../src/base/secret.ts'
import { realWorld as world } from '../../../src/base/world.ts'
import type { Credentials, LocationConfig } from '../../../src/config/types.ts'
import { SharedState } from '../../../src/control/memory/state-store.ts'
import { announceNode, createNodeDirectory } from '../../../src/control/node-directory.ts'
import type { StateStore } from '../../../src/control/state-store.ts'
import { type OpenDataStores, openDataStores } from '../../../src/engine/data-stores.ts'
import { Lifecycle } from '../../../src/engine/lifecycle.ts'
import type { MetadataStore } from '../../../src/metadata/metadata-store.ts'
import { createDataRoutes } from '../../../src/s3/data-routes.ts'
import { accounts, startTestServer, type TestServer } from './test-server.ts'

const locations: readonly LocationConfig[] = [
  { name: 'us-east-1', type: 'file', objectId: 'us-east-1', legacyAwsBehavior: true },
]

export interface FrontEnd {
  readonly server: TestServer
  readonly data: OpenDataStores
  readonly nodeId: string
  close(): Promise<void>
}

interface StartOptions {
  readonly announce?: boolean
  /** How far its clock is ahead. */
  readonly aheadMs?: number
}

export interface Layout {
  readonly stateStore: StateStore
  /** Starts a front end over the folder of this name; its first start makes the node. */
  start(folder: string, options?: StartOptions): Promise<FrontEnd>
  /** Data stores of a process without an S3 role. */
  openReader(credentials?: Credentials): Promise<OpenDataStores>
  path(folder: string): string
  close(): Promise<void>
}

export function serviceCredentials(): Credentials {
  const [key] = accounts.replication.keys
  return { accessKey: key?.access ?? '', secretKey: new Secret(key?.secret ?? ''), sessionToken: undefined }
}

/** Of `store` there may be many front ends. */
export async function openLayout(store: MetadataStore): Promise<Layout> {
  const root = await mkdtemp(join(tmpdir(), 'crossbeat-nodes-'))
  const stateStore = new SharedState(world.timers).session()
  const http = createHttpClient()
  const lifecycles: Lifecycle[] = []
  let starts = 0
  const open = async (
    folder: string,
    keepsData: boolean,
    credentials = serviceCredentials(),
  ): Promise<{ data: OpenDataStores; lifecycle: Lifecycle }> => {
    starts += 1
    const lifecycle = new Lifecycle()
    lifecycles.push(lifecycle)
    const holders = createNodeDirectory(stateStore)
    const options = {
      config: { dataDir: join(root, folder), locations, sites: [] },
      world,
      http,
      epoch: `e${starts}`,
      distributed: { holders, credentials, keepsData },
    }
    if (keepsData) await mkdir(options.config.dataDir, { recursive: true })
    return { data: await openDataStores(options, lifecycle), lifecycle }
  }
  return {
    stateStore,
    path: folder => join(root, folder),
    async start(folder, { announce = true, aheadMs = 0 } = {}) {
      const { data, lifecycle } = await open(folder, true)
      const nodeId = data.nodeId ?? ''
      const routes = createDataRoutes({ nodeId, dataStores: data.own, world })
      const clock = { ...world.clock, now: () => world.clock.now() + aheadMs }
      const dataStores = data.stores
      const mountedRoutes = routes.serve
      const server = await startTestServer({ store, dataStores, locations, mountedRoutes, world: { ...world, clock } })
      if (announce) await announceNode(stateStore, nodeId, { host: server.host, port: server.port })
      const close = async (): Promise<void> => {
        await server.close()
        routes.close()
        await lifecycle.close()
      }
      return { server, data, nodeId, close }
    },
    openReader: async credentials => (await open('none', false, credentials)).data,
    async close() {
      for (const lifecycle of lifecycles) await lifecycle.close()
      await http.close()
      await rm(root, { recursive: true })
    },
  }
}
