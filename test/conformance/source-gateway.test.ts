// Goal: both adapters of the port SourceGateway keep its promises. Method: the conformance suite over a real S3 server with the internal routes.
import { createHttpClient } from '../../src/base/http-client.ts'
import { Secret } from '../../src/base/secret.ts'
import { realWorld } from '../../src/base/world.ts'
import { noMasterKeys } from '../../src/locations/master-keys.ts'
import { createDirectGateway } from '../../src/replicate/gateway-direct.ts'
import { createHttpGateway } from '../../src/replicate/gateway-http.ts'
import { accounts } from '../compatibility/s3/test-server.ts'
import { testSourceGateway } from './source-gateway.ts'

testSourceGateway('direct', server => {
  const { store, dataStores, destinations } = server
  return {
    gateway: createDirectGateway({ store, dataStores, masterKeys: noMasterKeys(realWorld.random), destinations }),
    close: async () => {},
  }
})

testSourceGateway('http', server => {
  // Two connections each: many more are asked for at once, and none may wait for another for ever.
  const http = createHttpClient({ connectionsMax: 2 })
  const readHttp = createHttpClient({ connectionsMax: 2 })
  const [key] = accounts.replication.keys
  const sites = new Map(
    [...server.destinations].map(([name, { location, bucketMatch }]) => {
      return [name, { type: location.type, bucketMatch, capabilities: location.capabilities }] as const
    }),
  )
  const gateway = createHttpGateway({
    source: { host: server.host, port: server.port, https: false },
    credentials: { accessKey: key?.access ?? '', secretKey: new Secret(key?.secret ?? ''), sessionToken: undefined },
    sites,
    http,
    readHttp,
    world: realWorld,
  })
  const close = async (): Promise<void> => {
    await http.close()
    await readHttp.close()
  }
  return { gateway, close }
})
