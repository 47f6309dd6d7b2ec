// The S3 server of a process or of one of its worker threads, over the parts that it uses.
import type { Config } from '../config/types.ts'
import { anyRegion, type Regions } from '../s3/auth/claim.ts'
import { createS3Server, type S3Server, type S3ServerOptions } from '../s3/http/server.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Parts } from './parts.ts'
import { readCertificate, renewCertificate } from './s3-certificate.ts'

export interface S3ServerParts
  extends Pick<Parts, 'config' | 'store' | 'dataStores' | 'masterKeys' | 'destinations' | 'world'>,
    Pick<S3ServerOptions, 'mountedRoutes' | 'sharesAddress'> {
  readonly accounts: Pick<Parts['accounts'], 'directory'>
}

/** Listens when it resolves. */
export async function openS3Server(
  { config, accounts, ...parts }: S3ServerParts,
  lifecycle: Lifecycle,
): Promise<S3Server> {
  const { listen, tls, endpoints, websiteEndpoints } = config.s3
  const certificate = await readCertificate(tls)
  const s3 = createS3Server({
    ...parts,
    ...{ listen, endpoints, websiteEndpoints },
    accounts: accounts.directory,
    sites: config.sites,
    locations: config.locations,
    notificationTargets: new Set(config.notifications.targets.map(target => target.name)),
    regions: acceptedRegions(config),
    ...(certificate === undefined ? {} : { tls: certificate }),
  })
  await s3.listen()
  // From here on a start that fails must not leave it listening.
  lifecycle.add(() => s3.close())
  if (tls !== undefined) lifecycle.add(renewCertificate(s3, tls, parts.world.timers))
  return s3
}

/** The configured region, and those that answers name as the region of a bucket: clients then sign for them. */
function acceptedRegions({ s3, locations }: Config): Regions {
  if (s3.region === '*') return anyRegion
  const names = new Set([s3.region, ...locations.map(({ name }) => name)])
  return { home: s3.region, accepts: region => names.has(region) }
}
