// What commands and questions of operators are answered with: the controller of the sites, the metrics of this process, and the context of the
// control routes. The control role and the S3 role (for administrators on its port) share it; any number of processes may have one.
import type { ControlContext } from '../../api/control-request.ts'
import { controlEvents } from '../../base/channels.ts'
import { workChannel } from '../../control/paths.ts'
import { SiteController } from '../../control/site-controller.ts'
import { isPaused } from '../../domain/site-control.ts'
import { createMetrics, type Metrics } from '../../telemetry/metrics.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { Parts, Role } from '../parts.ts'
import { groupId } from '../processors.ts'

export interface ControlPlane {
  readonly context: ControlContext
  readonly metrics: Metrics
}

export async function startControlPlane(
  parts: Parts,
  roles: readonly Role[],
  lifecycle: Lifecycle,
): Promise<ControlPlane> {
  const { config, store, stateStore, log, signals, world } = parts
  const controller = new SiteController({
    sites: config.sites.map(site => site.site),
    topic: config.replication.topics.replication,
    stateStore,
    signals,
    world,
  })
  if (roles.includes('control') || roles.includes('s3')) {
    await controller.start()
    lifecycle.add(() => controller.close())
  }
  const pausedSites = async (): Promise<readonly string[]> =>
    (await controller.states()).filter(state => isPaused(state.desired)).map(state => state.site)
  const backlog = { sites: controller.sites, ledger: store.ledger, clock: world.clock, pausedSites }
  // Told by one role only: the same backlog from every process would be counted many times.
  const metrics = createMetrics(roles.includes('control') ? { backlog } : {})
  lifecycle.add(() => metrics.close())
  const context = {
    config,
    controller,
    store,
    stateStore,
    topicLog: log,
    world,
    metricsText: () => metrics.text(),
    removedUnread: async (site: string) =>
      (await log.removedUnread?.(config.replication.topics.replication, `${groupId}-${site}`)) ?? 0,
    retried: (sites: readonly string[]) => {
      for (const site of sites) tellProcessors(parts, site)
    },
  }
  return { context, metrics }
}

/** Rows of the site may be due that no topic entry brings; a lost message costs seconds. */
export function tellProcessors({ signals }: Pick<Parts, 'signals'>, site: string): void {
  signals.publish(workChannel(site), '').catch(error => {
    controlEvents.publish({ kind: 'failed', what: `telling the queue processors of ${site}`, error })
  })
}
