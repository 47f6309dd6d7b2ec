// The conformance suite of data stores, run by every adapter.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { createHttpClient } from '../../src/base/http-client.ts'
import { Secret } from '../../src/base/secret.ts'
import { realWorld } from '../../src/base/world.ts'
import { createS3Channel } from '../../src/locations/aws_s3/channel.ts'
import { createS3DataStore } from '../../src/locations/aws_s3/data-store.ts'
import { writerOf } from '../../src/locations/data-name.ts'
import type { DataStore } from '../../src/locations/data-store.ts'
import { openFileDataStore } from '../../src/locations/file/data-store.ts'
import { createMemoryDataStore } from '../../src/locations/memory/data-store.ts'
import { createRemoteData } from '../../src/locations/remote/remote-data.ts'
import { createDataRoutes } from '../../src/s3/data-routes.ts'
import { serviceCredentials } from '../compatibility/s3/data-node.ts'
import { startTestServer, type TestServer } from '../compatibility/s3/test-server.ts'
import { s3Server, uniqueName } from '../services/available.ts'
import { dataStoreConformance } from './data-store.ts'

const { random } = realWorld
const node = 'n0123456789abcdef'

dataStoreConformance({
  name: 'memory',
  async make() {
    const disk = new Map<string, Uint8Array>()
    return {
      open: async epoch => createMemoryDataStore({ name: 'us-east-1', epoch, random, disk }),
      close: async () => {},
    }
  },
})

for (const flush of [true, false]) {
  dataStoreConformance({
    name: `file ${flush ? 'with' : 'without'} flushing`,
    async make() {
      const folder = await mkdtemp(join(tmpdir(), 'crossbeat-data-'))
      return {
        open: epoch => openFileDataStore({ name: 'us-east-1', folder: join(folder, 'a/b'), epoch, random, flush }),
        close: () => rm(folder, { recursive: true }),
      }
    },
  })
}

dataStoreConformance({
  name: 'remote: files of another node by HTTP',
  writerOf: epoch => writerOf(node, epoch),
  async make() {
    const folder = await mkdtemp(join(tmpdir(), 'crossbeat-data-'))
    const http = createHttpClient()
    const servers: TestServer[] = []
    const open = async (epoch: string): Promise<DataStore> => {
      const store = await openFileDataStore({ name: 'us-east-1', folder, epoch: writerOf(node, epoch), random })
      const dataStores = new Map([['us-east-1', store]])
      const routes = createDataRoutes({ nodeId: node, dataStores, world: realWorld })
      const server = await startTestServer({ dataStores, mountedRoutes: routes.serve })
      servers.push(server)
      const holders = { addressOf: async () => ({ host: server.host, port: server.port }) }
      const credentials = serviceCredentials()
      const remote = createRemoteData({ name: 'us-east-1', holders, credentials, http, world: realWorld })
      return { ...store, ...remote }
    }
    const close = async (): Promise<void> => {
      await http.close()
      for (const server of servers) await server.close()
      await rm(folder, { recursive: true })
    }
    return { open, close }
  },
})

const s3 = await s3Server()
after(() => s3.stop())

const versioning =
  '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'

for (const supportsVersioning of [true, false]) {
  dataStoreConformance({
    name: `aws_s3 ${supportsVersioning ? 'with' : 'without'} versions`,
    skip: s3.skip,
    writerOf: epoch => writerOf(node, epoch),
    async make() {
      const { endpoint, accessKey, secretKey, region } = s3.get()
      const url = new URL(endpoint)
      const details = {
        awsEndpoint: url.host,
        bucketName: uniqueName('source'),
        region,
        https: url.protocol === 'https:',
        pathStyle: true,
        serverSideEncryption: false,
        supportsVersioning,
        supportsObjectLock: false,
        credentials: { accessKey, secretKey: new Secret(secretKey) },
      }
      const http = createHttpClient()
      const channel = createS3Channel(details, () => ({ accessKey, secretKey }), http, realWorld)
      await channel.send({ method: 'PUT', key: null })
      if (supportsVersioning) {
        await channel.send({ method: 'PUT', key: null, query: 'versioning=', body: Buffer.from(versioning) })
      }
      return {
        open: async epoch =>
          createS3DataStore({
            name: 'us-east-1',
            details,
            http,
            world: realWorld,
            writer: writerOf(node, epoch),
            node,
          }),
        close: () => http.close(),
      }
    },
  })
}
