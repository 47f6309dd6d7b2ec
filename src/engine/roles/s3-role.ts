// Role `s3`: the S3 port with the internal routes. Where others read the journal, commits are told by a signal.
import { controlEvents } from '../../base/channels.ts'
import type { Timer } from '../../base/world.ts'
import { journalChannel } from '../../control/paths.ts'
import { createS3Server, type S3Server } from '../../s3/server.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { mountInternalRoutes } from '../mounted-routes.ts'
import type { Parts } from '../parts.ts'
import type { ControlPlane } from './control-plane.ts'

/** Commits of so long a time are one signal. */
const signalEveryMs = 20

/** Listens when it resolves. Closing twice is closing once. */
export async function startS3Role(parts: Parts, plane: ControlPlane, lifecycle: Lifecycle): Promise<S3Server> {
  const { config, destinations } = parts
  const internal = mountInternalRoutes(parts, destinations, plane.context)
  lifecycle.add(() => internal.close())
  if (parts.isShared) lifecycle.add(signalJournal(parts))
  const s3 = createS3Server({
    listen: config.s3.listen,
    store: parts.store,
    dataStores: parts.dataStores,
    destinations,
    accounts: parts.accounts.directory,
    sites: config.sites,
    locations: config.locations,
    world: parts.world,
    mountedRoutes: internal.serve,
  })
  await s3.listen()
  return s3
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
