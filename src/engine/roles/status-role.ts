// Role `status`: folds results into versions, in any number of processes; and keeps house (sweeper, recount, garbage collector), in one at a
// time. Where the queue processors are is all the same: what the sweeper must know of them stands in their reports.
import { createElection, type Election } from '../../control/election.ts'
import { leasePaths } from '../../control/paths.ts'
import { readDesired, readReports } from '../../control/site-reports.ts'
import { isHeldUp, isThrough } from '../../domain/site-control.ts'
import type { SourceGateway } from '../../replicate/source-gateway.ts'
import { createGarbageCollector, type GarbageCollectorOptions } from '../../status/garbage-collector.ts'
import { createStatusProcessor } from '../../status/status-processor.ts'
import { createSweeper } from '../../status/sweeper.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { Parts } from '../parts.ts'
import { groupId } from '../processors.ts'
import { tellProcessors } from './control-plane.ts'

export async function startStatusProcessor(parts: Parts, gateway: SourceGateway, lifecycle: Lifecycle): Promise<void> {
  const { config, log, world } = parts
  const statusProcessor = createStatusProcessor({
    log,
    patchStatus: messages => gateway.patchStatus(messages),
    world,
    topic: config.replication.topics.status,
    groupId,
  })
  await statusProcessor.start()
  lifecycle.add(() => statusProcessor.close())
}

export async function startHousekeeping(parts: Parts, lifecycle: Lifecycle): Promise<Election> {
  const { config, store, log, world, dataStores, stateStore, owner, isShared, s3Workers } = parts
  const election = createElection({
    stateStore,
    path: leasePaths.housekeeping,
    owner,
    world,
    what: 'the housekeeping',
    begin: async () => {
      const collector = createGarbageCollector({ store, dataStores, world, ...besideWorkers(s3Workers) })
      s3Workers?.onDeath(() => collector.sweepSoon())
      const sweeper = createSweeper({
        store,
        log,
        world,
        topics: config.replication.topics,
        sites: config.sites.map(site => site.site),
        // Behind an open circuit, or with nobody to take them, entries would only pile up.
        isPaused: async site => isHeldUp(await readDesired(stateStore, site), await readReports(stateStore, site)),
        isThrough: async site => isThrough(await readReports(stateStore, site)),
        becameDue: site => tellProcessors(parts, site),
      })
      // Where the database is shared, each S3 role sweeps what its own node has left: nobody else can know that a writer is gone.
      if (isShared) collector.startCollecting()
      else collector.start()
      sweeper.start()
      return {
        close: async () => {
          await sweeper.close()
          await collector.close()
        },
      }
    },
  })
  await election.start()
  lifecycle.add(() => election.close())
  return election
}

/** What the workers of the S3 port write and read is left alone. */
function besideWorkers(workers: Parts['s3Workers']): Pick<GarbageCollectorOptions, 'endedWriters' | 'readersTold'> {
  if (workers === null) return {}
  return {
    endedWriters: async writers => new Set(writers.filter(writer => !workers.isAlive(writer))),
    readersTold: () => workers.told(),
  }
}
