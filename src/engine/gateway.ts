// Chooses the adapters behind the destinations and the source gateway.
import { createHttpClient } from '../base/http-client.ts'
import type { HostPort } from '../config/types.ts'
import { createS3Location } from '../locations/aws_s3/location.ts'
import { createAzureLocation } from '../locations/azure/location.ts'
import type { Destination } from '../locations/multiple-backend.ts'
import { createDirectGateway } from '../replicate/gateway-direct.ts'
import { createHttpGateway } from '../replicate/gateway-http.ts'
import type { SourceGateway } from '../replicate/source-gateway.ts'
import { serviceCredentials } from './accounts.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Parts } from './parts.ts'

/** The cloud locations, by name (which is the name of their site). */
export function openDestinations({
  config,
  http,
  world,
}: Pick<Parts, 'config' | 'http' | 'world'>): ReadonlyMap<string, Destination> {
  const destinations = new Map<string, Destination>()
  for (const location of config.locations) {
    if (location.type === 'file') continue
    const { name, details } = location
    const opened =
      location.type === 'aws_s3'
        ? createS3Location({ name, details: location.details, http, world })
        : createAzureLocation({ name, details: location.details, http, world })
    destinations.set(name, { location: opened, bucketMatch: details.bucketMatch })
  }
  return destinations
}

/** `s3` is where our own S3 port listens, if there is one: the source of a gateway that names no other. */
export function createGateway(parts: Parts, s3: HostPort | null, lifecycle: Lifecycle): SourceGateway {
  const { config, store, dataStores, masterKeys, destinations, accounts, http, world } = parts
  const { gateway } = config.replication
  if (gateway.kind === 'direct') return createDirectGateway({ store, dataStores, masterKeys, destinations })
  const readHttp = createHttpClient()
  lifecycle.add(() => readHttp.close())
  const own = serviceCredentials(accounts)
  const sites = new Map(
    [...destinations].map(([name, { location, bucketMatch }]) => {
      return [name, { type: location.type, bucketMatch, capabilities: location.capabilities }] as const
    }),
  )
  const source = gateway.source ?? (s3 === null ? null : { https: false, host: reachable(s3.host), port: s3.port })
  if (source === null) throw new Error('replication.source is needed where there is no S3 port in the process')
  return createHttpGateway({ source, credentials: gateway.source?.credentials ?? own, sites, http, readHttp, world })
}

/** An address to connect to, for one that listens everywhere. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
