// The S3 server with the `/_/backbeat` routes mounted, over two clouds in memory: `awsbackend` keeps versions as S3 does, `azurebackend` has none
// and takes ids of uploads from its clients. Requests are signed with V4 by the shared test server, or here with V2 as a real Backbeat does.
import { hmacSha1Base64, md5Hex } from '../../../src/base/hash.ts'
import { realWorld } from '../../../src/base/world.ts'
import { digestSource } from '../../../src/locations/checked-body.ts'
import type { DataStore } from '../../../src/locations/data-store.ts'
import type { Location } from '../../../src/locations/location.ts'
import { createMemoryCloud, type MemoryCloud } from '../../../src/locations/memory/cloud.ts'
import { createMemoryDataStore } from '../../../src/locations/memory/data-store.ts'
import type { FaultPlan } from '../../../src/locations/memory/faults.ts'
import { createMemoryLocation } from '../../../src/locations/memory/location.ts'
import type { Destination } from '../../../src/locations/multiple-backend.ts'
import type { ApiHandler } from '../../../src/s3/backbeat-routes/backbeat-call.ts'
import { createBackbeatRoutes } from '../../../src/s3/backbeat-routes/mount.ts'
import type { S3ServerOptions } from '../../../src/s3/http/server.ts'
import {
  type AccountName,
  accounts,
  type RawAnswer,
  type RawRequest,
  startTestServer,
  type TestServer,
  versioningEnabled,
} from '../s3/test-server.ts'

export interface BackbeatServer extends TestServer {
  readonly dataStores: ReadonlyMap<string, DataStore>
  /** Bytes of the data stores, by name. */
  readonly bytes: Map<string, Uint8Array>
  readonly aws: MemoryCloud
  readonly azure: MemoryCloud
  readonly destinations: ReadonlyMap<string, Destination>
}

export interface BackbeatServerOptions {
  readonly api?: ApiHandler
  readonly awsFaults?: FaultPlan
  readonly server?: Partial<S3ServerOptions>
}

export async function startBackbeatServer(options: BackbeatServerOptions = {}): Promise<BackbeatServer> {
  const world = realWorld
  const [aws, azure] = [createMemoryCloud(world, { versions: true }), createMemoryCloud(world, { versions: false })]
  const awsLocation = createMemoryLocation({
    name: 'awsbackend',
    type: 'aws_s3',
    cloud: aws,
    world,
    capabilities: { partBytesMin: 1, objectLock: true },
    ...(options.awsFaults === undefined ? {} : { faults: options.awsFaults }),
  })
  const azureLocation = hashingParts(
    createMemoryLocation({
      name: 'azurebackend',
      type: 'azure',
      cloud: azure,
      world,
      capabilities: { versions: false, conditionalWrites: true, clientMadeUploadIds: true, partBytesMin: 1 },
    }),
  )
  const destinations = new Map<string, Destination>([
    ['awsbackend', { location: awsLocation, bucketMatch: false }],
    ['azurebackend', { location: azureLocation, bucketMatch: false }],
  ])
  const api = options.api === undefined ? {} : { api: options.api }
  const routes = createBackbeatRoutes({ destinations, world, ...api })
  const bytes = new Map<string, Uint8Array>()
  const dataStores = new Map(
    ['us-east-1', 'us-east-2'].map(name => {
      return [name, createMemoryDataStore({ name, epoch: '1', random: world.random, disk: bytes })] as const
    }),
  )
  const server = await startTestServer({ mountedRoutes: routes.serve, world, dataStores, ...options.server })
  return {
    ...server,
    dataStores,
    bytes,
    aws,
    azure,
    destinations,
    async close() {
      await server.close()
      routes.close()
    },
  }
}

/** Reads each part once before it is written, as Azure's adapter does. */
function hashingParts(location: Location): Location {
  return {
    ...location,
    async putPart(key, uploadId, partNumber, body, checksums, context) {
      await digestSource(body, { md5: true }, context?.signal)
      return location.putPart(key, uploadId, partNumber, body, checksums, context)
    },
  }
}

/** A bucket of the account, with versioning enabled. */
export async function makeBucket(server: TestServer, name: string, as: AccountName = 'bart'): Promise<void> {
  await server.send({ method: 'PUT', path: `/${name}`, as })
  await server.send({ method: 'PUT', path: `/${name}?versioning`, body: versioningEnabled, as })
}

/** The headers every cloud write needs. */
export function cloudHeaders(
  site: 'awsbackend' | 'azurebackend',
  body: string | Uint8Array = '',
): Record<string, string> {
  return {
    'x-scal-storage-class': site,
    'x-scal-storage-type': 'aws_s3,azure',
    'x-scal-canonical-id': 'canonical-bart',
    'content-md5': md5Hex(body),
  }
}

/** Sends a request signed as a real Backbeat signs: V2 in the Authorization header, the date in X-Amz-Date. */
export function sendV2(server: TestServer, request: RawRequest & { readonly as: AccountName }): Promise<RawAnswer> {
  const { method, path, headers = {}, as } = request
  const date = new Date().toUTCString()
  const [rawPath = '', query = ''] = path.split('?')
  const signedQuery = query.split('&').filter(part => part.startsWith('versionId='))
  const resource = signedQuery.length === 0 ? rawPath : `${rawPath}?${signedQuery.join('&')}`
  const amzHeaders = Object.entries({ ...headers, 'x-amz-date': date })
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => name.startsWith('x-amz-'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}\n`)
    .join('')
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const text = `${method}\n${lower['content-md5'] ?? ''}\n${lower['content-type'] ?? ''}\n\n${amzHeaders}${resource}`
  const [key] = accounts[as].keys
  const authorization = `AWS ${key?.access ?? ''}:${hmacSha1Base64(key?.secret ?? '', text)}`
  return server.send({
    ...request,
    as: null,
    headers: { ...headers, 'X-Amz-Date': date, Authorization: authorization },
  })
}

/** The parsed body of a JSON answer. */
export function jsonOf(answer: RawAnswer): Record<string, unknown> {
  return JSON.parse(answer.body)
}

/** A refusal's code and message. */
export function refusalOf(answer: RawAnswer): readonly [number, unknown, unknown] {
  const { code, message } = jsonOf(answer)
  return [answer.status, code, message]
}
