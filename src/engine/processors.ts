// One queue processor for each of the given sites, with the settings that its kind of destination has.
import type { ByteBudget } from '../base/bounded.ts'
import { sendsChanges } from '../domain/replication-rule.ts'
import { createPeer } from '../replicate/peer.ts'
import { gatewayTo, peerTask } from '../replicate/peer-task.ts'
import { createSiteProcessor } from '../replicate/site-processor.ts'
import type { SiteProcessor } from '../replicate/site-processor-options.ts'
import type { SourceGateway } from '../replicate/source-gateway.ts'
import type { TaskPorts } from '../replicate/work.ts'
import type { Parts } from './parts.ts'

/** Consumer group of the status processor; a site's is `<this>-<site>` (Backbeat wire format). */
export const groupId = 'backbeat-replication-group'

export function createProcessors(
  parts: Parts,
  gateway: SourceGateway,
  budget: ByteBudget,
  sites: readonly string[],
): ReadonlyMap<string, SiteProcessor> {
  const { config, store, log, world, owner } = parts
  const { topics, queueProcessor } = config.replication
  const isCovered: TaskPorts['isCovered'] = async ({ bucket, key, site }, { metadata }) => {
    const configuration = (await store.bucket(bucket))?.replication ?? null
    return sendsChanges({ configuration, sites: config.sites, key, existing: metadata.replicationInfo }, site)
  }
  const processors = new Map<string, SiteProcessor>()
  for (const site of config.sites) {
    if (!sites.includes(site.site)) continue
    const isPeer = site.kind === 'servers'
    const peer = isPeer ? createPeer({ site, http: parts.http, world }) : null
    const processor = createSiteProcessor({
      site: site.site,
      ledger: store.ledger,
      log,
      gateway,
      world,
      budget,
      isCovered,
      topics,
      groupId,
      results: config.replication.gateway.kind === 'direct' ? 'folded' : 'sent',
      owner,
      concurrency: queueProcessor.concurrency,
      backoff: queueProcessor.retry[isPeer ? 'scality' : site.type],
      settings: {
        minMultipartBytes: queueProcessor.minMPUSizeBytes,
        partsConcurrency: queueProcessor.mpuPartsConcurrency,
        keepsVersionIds: isPeer,
      },
      ...(peer === null ? {} : { gateway: gatewayTo(peer, gateway), runTask: peerTask(peer) }),
    })
    processors.set(site.site, processor)
  }
  return processors
}
