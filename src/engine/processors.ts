// One queue processor per site, with the settings that its kind of destination has.
import type { ByteBudget } from '../base/bounded.ts'
import { createSiteProcessor } from '../replicate/site-processor.ts'
import type { SiteProcessor } from '../replicate/site-processor-options.ts'
import type { SourceGateway } from '../replicate/source-gateway.ts'
import type { Parts } from './embedded.ts'

/** Consumer group of the status processor; a site's is `<this>-<site>` (Backbeat wire format). */
export const groupId = 'backbeat-replication-group'

export function createProcessors(
  parts: Parts,
  gateway: SourceGateway,
  budget: ByteBudget,
): ReadonlyMap<string, SiteProcessor> {
  const { config, store, log, world, sqlite } = parts
  const { topics, queueProcessor } = config.replication
  const processors = new Map<string, SiteProcessor>()
  for (const site of config.sites) {
    if (site.kind !== 'cloud') continue
    const processor = createSiteProcessor({
      site: site.site,
      ledger: store.ledger,
      log,
      gateway,
      world,
      budget,
      topics,
      groupId,
      owner: `embedded-${sqlite.epoch}`,
      concurrency: queueProcessor.concurrency,
      backoff: queueProcessor.retry[site.type],
      settings: {
        minMultipartBytes: queueProcessor.minMPUSizeBytes,
        partsConcurrency: queueProcessor.mpuPartsConcurrency,
        keepsVersionIds: false,
      },
    })
    processors.set(site.site, processor)
  }
  return processors
}
