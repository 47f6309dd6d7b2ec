// Role `s3`: the S3 port with the internal routes. Where others read the journal, commits are told by a signal.
import { hostname } from 'node:os'
import { controlEvents } from '../../base/channels.ts'
import type { Timer } from '../../base/world.ts'
import type { Config, HostPort } from '../../config/types.ts'
import { announceNode } from '../../control/node-directory.ts'
import { journalChannel } from '../../control/paths.ts'
import { writerOf } from '../../locations/data-name.ts'
import { createDataRoutes } from '../../s3/data-routes.ts'
import type { MountedRoutes, S3Server } from '../../s3/http/server.ts'
import { createGarbageCollector } from '../../status/garbage-collector.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { answerApi, mountInternalRoutes } from '../mounted-routes.ts'
import type { Parts } from '../parts.ts'
import { openS3Server } from '../s3-server.ts'
import type { ControlPlane } from './control-plane.ts'

/** The S3 port, whoever serves it. */
export type ListeningS3 = Pick<S3Server, 'address' | 'close'>

/** Commits of so long a time are one signal. */
const signalEveryMs = 20

/** Listens when it resolves. Closing twice is closing once. */
export async function startS3Role(parts: Parts, plane: ControlPlane, lifecycle: Lifecycle): Promise<ListeningS3> {
  const { config, destinations, nodeData, stateStore, s3Workers } = parts
  if (s3Workers !== null) {
    lifecycle.add(() => s3Workers.close())
    const address = await s3Workers.start(request => answerApi(plane.context, request))
    return { address, close: () => s3Workers.close() }
  }
  const internal = mountInternalRoutes(parts, destinations, plane.context)
  lifecycle.add(() => internal.close())
  const data = nodeData === null ? null : serveData(parts, nodeData, lifecycle)
  if (parts.isShared) lifecycle.add(signalJournal(parts))
  const mountedRoutes = data === null ? internal.serve : eitherOf(data, internal.serve)
  const { store, dataStores, masterKeys, accounts, world } = parts
  const served = { config, store, dataStores, masterKeys, destinations, accounts, world, mountedRoutes }
  const s3 = await openS3Server(served, lifecycle)
  if (nodeData !== null) await announceNode(stateStore, nodeData.nodeId, advertised(config, s3.address))
  return s3
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
