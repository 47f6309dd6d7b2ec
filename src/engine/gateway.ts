// Chooses the adapters behind the destinations and the source gateway.

import { createS3Location } from '../locations/aws_s3/location.ts'
import { createAzureLocation } from '../locations/azure/location.ts'
import type { Destination } from '../locations/multiple-backend.ts'
import { createDirectGateway } from '../replicate/gateway-direct.ts'
import type { SourceGateway } from '../replicate/source-gateway.ts'
import type { Parts } from './embedded.ts'

/** The cloud locations, by name (which is the name of their site). */
export function openDestinations({ config, http, world }: Parts): ReadonlyMap<string, Destination> {
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

export function createGateway(
  parts: Parts,
  destinations: ReadonlyMap<string, Destination>,
  _s3: { readonly host: string; readonly port: number },
): SourceGateway {
  return createDirectGateway({ store: parts.store, dataStores: parts.dataStores, destinations })
}
