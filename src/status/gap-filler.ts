// What is done when a group will never get entries from its topic (retention, an emptied or a new topic): the ledger has what they said. Rows of
// the site become due, and results that were on their way are published again. Done before newer entries are handed out; that no key is
// overtaken does not depend on it, because a claim always takes the key's oldest row.
import type { Ledger } from '../metadata/ledger.ts'
import type { TopicGap } from '../queue/topic-log.ts'

export interface GapFillerOptions {
  readonly ledger: Pick<Ledger, 'makeDue'>
  readonly topics: { readonly replication: string; readonly status: string }
  /** A site's group is `<groupId>-<site>`; the status processor's is `<groupId>`. */
  readonly groupId: string
  readonly sites: readonly string[]
  /** The site's processor looks for due rows now; it may be another process's, which looks by itself every few seconds. */
  readonly wake: (site: string) => void
  /** Publishes results again that nobody has folded, however young: the sweeper's `sweep(0, ...)`. */
  readonly sweep: () => Promise<unknown>
}

/** Rejects when the ledger cannot be reached: the log then asks again and hands out nothing meanwhile. */
export function createGapFiller(options: GapFillerOptions): (gap: TopicGap) => Promise<void> {
  const { ledger, topics, groupId, sites, wake, sweep } = options
  return async ({ topic, group }) => {
    if (topic === topics.status && group === groupId) await sweep()
    if (topic !== topics.replication) return
    const site = sites.find(name => group === `${groupId}-${name}`)
    if (site === undefined) return
    await ledger.makeDue(site, 0)
    wake(site)
  }
}
