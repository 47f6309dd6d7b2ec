// Role `s3`: the S3 port with the internal routes. Where others read the journal, commits are told by a signal.
import { hostname } from 'node:os'
import { controlEvents } from '../../base/channels.ts'
import type { Timer } from '../../base/world.ts'
import type { Config, HostPort } from '../../config/types.ts'
import { announceNode } from '../../control/node-directory.ts'
import { journalChannel } from '../../control/paths.ts'
import { writerOf } from '../../locations/data-name.ts'
import { anyRegion, type Regions } from '../../s3/auth/claim.ts'
import { createDataRoutes } from '../../s3/data-routes.ts'
import { createS3Server, type MountedRoutes, type S3Server } from '../../s3/server.ts'
import { createGarbageCollector } from '../../status/garbage-collector.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { mountInternalRoutes } from '../mounted-routes.ts'
import type { Parts } from '../parts.ts'
import { readCertificate, renewCertificate } from '../s3-certificate.ts'
import type { ControlPlane } from './control-plane.ts'

/** Commits of so long a time are one signal. */
const signalEveryMs = 20

/** Listens when it resolves. Closing twice is closing once. */
export async function startS3Role(parts: Parts, plane: ControlPlane, lifecycle: Lifecycle): Promise<S3Server> {
  const { config, destinations, nodeData, stateStore } = parts
  const internal = mountInternalRoutes(parts, destinations, plane.context)
  lifecycle.add(() => internal.close())
  const data = nodeData === null ? null : serveData(parts, nodeData, lifecycle)
  if (parts.isShared) lifecycle.add(signalJournal(parts))
  const certificate = await readCertificate(config.s3.tls)
  const s3 = createS3Server({
    listen: config.s3.listen,
    store: parts.store,
    dataStores: parts.dataStores,
    masterKeys: parts.masterKeys,
    destinations,
    accounts: parts.accounts.directory,
    sites: config.sites,
    locations: config.locations,
    world: parts.world,
    mountedRoutes: data === null ? internal.serve : eitherOf(data, internal.serve),
    regions: acceptedRegions(config),
    endpoints: config.s3.endpoints,
    websiteEndpoints: config.s3.websiteEndpoints,
    ...(certificate === undefined ? {} : { tls: certificate }),
  })
  await s3.listen()
  // From here on a start that fails must not leave it listening.
  lifecycle.add(() => s3.close())
  if (config.s3.tls !== undefined) lifecycle.add(renewCertificate(s3, config.s3.tls, parts.world.timers))
  if (nodeData !== null) await announceNode(stateStore, nodeData.nodeId, advertised(config, s3.address))
  return s3
}

/** The configured region, and those that answers name as the region of a bucket: clients then sign for them. */
function acceptedRegions({ s3, locations }: Config): Regions {
  if (s3.region === '*') return anyRegion
  const names = new Set([s3.region, ...locations.map(({ name }) => name)])
  return { home: s3.region, accepts: region => names.has(region) }
}

/** Lets other processes have what lies on our disk, and removes what a former process left on it: nobody else can. */
function serveData(
  parts: Parts,
  { nodeId, stores }: NonNullable<Parts['nodeData']>,
  lifecycle: Lifecycle,
): MountedRoutes {
  const { store, world, dataStores } = parts
  const routes = createDataRoutes({ nodeId, dataStores: stores, world })
  lifecycle.add(() => routes.close())
  const endedWriters = (writers: readonly string[]) => endedStarts(parts, nodeId, writers)
  const collector = createGarbageCollector({ store, dataStores, world, endedWriters })
  collector.startSweeping()
  lifecycle.add(() => collector.close())
  return routes.serve
}

/**
 * Of these writers, the starts of this node over this very database that can commit nothing any more. All others are left alone: another database
 * may refer to what they wrote (a URL with a mistake in it, an engine that was changed).
 */
async function endedStarts(
  { endedEpochs }: Parts,
  nodeId: string,
  writers: readonly string[],
): Promise<ReadonlySet<string>> {
  const prefix = writerOf(nodeId, '')
  const own = writers.filter(writer => writer.startsWith(prefix))
  const ended = await endedEpochs(own.map(writer => writer.slice(prefix.length)))
  return new Set(own.filter(writer => ended.has(writer.slice(prefix.length))))
}

function eitherOf(first: MountedRoutes, second: MountedRoutes): MountedRoutes {
  return async (...call) => (await first(...call)) || second(...call)
}

/** Where other machines reach us: as configured, else where we listen, else the name of this machine. */
function advertised({ s3 }: Config, { host, port }: HostPort): HostPort {
  if (s3.advertise !== undefined) return s3.advertise
  return { host: host === '0.0.0.0' || host === '::' ? hostname() : host, port }
}

/** Tells the populator, wherever it is, that there is something to read: at once, then at most once in a while. */
function signalJournal({ store, signals, world }: Parts): () => void {
  let timer: Timer | null = null
  let more = false
  const signal = (): void => {
    if (timer !== null) {
      more = true
      return
    }
    signals.publish(journalChannel, '').catch(error => {
      controlEvents.publish({ kind: 'failed', what: 'signalling the journal', error })
    })
    const run = (): void => {
      timer = null
      if (!more) return
      more = false
      signal()
    }
    timer = world.timers.after(signalEveryMs, run, { background: true })
  }
  const stop = store.onJournal(signal)
  return () => {
    stop()
    timer?.cancel()
  }
}
