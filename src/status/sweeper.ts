// The sweeper: finds rows of the ledger that nothing will bring any more (an entry that was lost, a claim whose owner died, a result that was
// never folded) and publishes them again under the same identity. For a paused site it only counts them. From time to time it has the sums
// of the ledger counted afresh. It never changes a row itself.
import { pipelineNotices } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import { limits } from '../domain/limits.ts'
import type { ObjectMetadata } from '../domain/object-metadata.ts'
import { noReplication } from '../domain/replication-info.ts'
import type { LedgerRow, RowReason } from '../metadata/ledger.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import { replicationRecord, statusRecord } from '../queue/entry-format.ts'
import { makeStatusMessage } from '../queue/status-message.ts'
import type { TopicLog, TopicMessage } from '../queue/topic-log.ts'

export interface SweeperOptions {
  readonly store: Pick<MetadataStore, 'ledger' | 'version'>
  readonly log: Pick<TopicLog, 'append' | 'entryContent'>
  readonly world: World
  readonly topics: { readonly replication: string; readonly status: string }
  readonly isPaused: (site: string) => boolean | Promise<boolean>
  /** Rows of other sites (those configured no more) are left alone. */
  readonly sites: readonly string[]
  /** The site's processor has finished every entry that the topic has: what is still pending has none. */
  readonly isThrough: (site: string) => Promise<boolean>
  /** Told when rows of a site are due that no topic entry will bring. */
  readonly becameDue?: (site: string) => void
  readonly sweepMs?: number
  readonly strandedAfterMs?: number
  readonly recountMs?: number
}

export interface Sweeper {
  start(): void
  close(): Promise<void>
  /** Sweeps now; answers how many rows were published again. */
  sweep(strandedAfterMs?: number, max?: number): Promise<number>
  state(): { readonly republished: number; readonly pausedRows: number; readonly recounts: number }
}

export function createSweeper(options: SweeperOptions): Sweeper {
  return new RowSweeper(options)
}

/** The first sweep takes as many rows as a dead process can have had on their way. */
const firstSweepMax = 16 * limits.pipelineBatch

class RowSweeper implements Sweeper {
  readonly #options: SweeperOptions
  #timer: Timer | null = null
  #round: Promise<void> | null = null
  #closed = false
  #recountedAt: number
  #republished = 0
  #pausedRows = 0
  #recounts = 0

  constructor(options: SweeperOptions) {
    this.#options = options
    this.#recountedAt = options.world.clock.monotonic()
  }

  // Results that a former process reported but never published are found at once: nobody else has them, and they wait for nothing.
  start(): void {
    this.#round = this.#attempt(async () => void (await this.sweep(0, firstSweepMax))).finally(() => this.#arm())
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#round
  }

  state(): { readonly republished: number; readonly pausedRows: number; readonly recounts: number } {
    return { republished: this.#republished, pausedRows: this.#pausedRows, recounts: this.#recounts }
  }

  async sweep(
    strandedAfterMs = this.#options.strandedAfterMs ?? limits.strandedAfterMs,
    max: number = limits.pipelineBatch,
  ): Promise<number> {
    const { store, log, topics, sites } = this.#options
    const rows = await store.ledger.stranded(strandedAfterMs, max)
    const pausedSites = await this.#pausedSites(rows)
    const entries: TopicMessage[] = []
    const results: TopicMessage[] = []
    let paused = 0
    for (const row of rows) {
      const version = await store.version({ bucket: row.bucket, key: row.key, version: row.versionId })
      const metadata = version?.metadata ?? null
      // A result is folded whether its site is paused or not: the work is done.
      if (row.state === 'reported') results.push(statusRecord(lostResult(row, metadata)))
      else if (!sites.includes(row.site)) continue
      else if (pausedSites.has(row.site)) paused += 1
      else entries.push(this.#lostEntry(row, metadata))
    }
    if (entries.length > 0) await log.append(topics.replication, entries)
    if (results.length > 0) await log.append(topics.status, results)
    this.#republished += entries.length + results.length
    this.#pausedRows = paused
    if (rows.length > 0)
      pipelineNotices.publish({ kind: 'swept', republished: entries.length + results.length, paused })
    return entries.length + results.length
  }

  /** Pending rows whose entries went while their site was not configured, or got lost otherwise, while nothing else of it is under way. */
  async #sweepPending(): Promise<void> {
    const { store, sites, isThrough, becameDue, strandedAfterMs = limits.strandedAfterMs } = this.#options
    for (const site of sites) {
      if (!(await isThrough(site))) continue
      await store.ledger.makeDue(site, strandedAfterMs)
      becameDue?.(site)
    }
  }

  async #pausedSites(rows: readonly LedgerRow[]): Promise<ReadonlySet<string>> {
    const paused = new Set<string>()
    for (const site of new Set(rows.map(row => row.site))) if (await this.#options.isPaused(site)) paused.add(site)
    return paused
  }

  /** Without metadata the version is gone: the task that is brought by the entry finds that out, and ends the row. */
  #lostEntry(row: LedgerRow, metadata: ObjectMetadata | null): TopicMessage {
    const timestamp = new Date(this.#options.world.clock.now()).toISOString()
    const replicationInfo = metadata?.replicationInfo ?? { ...noReplication, storageClass: row.site }
    const isLean = metadata === null || this.#options.log.entryContent === 'replication'
    const carried = isLean ? { replicationInfo } : metadata
    return replicationRecord({ ...row, timestamp, metadataJson: JSON.stringify(carried) })
  }

  #arm(): void {
    if (this.#closed) return
    const run = (): void => {
      this.#round = this.#runRound().finally(() => this.#arm())
    }
    this.#timer = this.#options.world.timers.after(this.#options.sweepMs ?? limits.sweepMs, run, { background: true })
  }

  async #runRound(): Promise<void> {
    const { store, world, recountMs } = this.#options
    await this.#attempt(async () => {
      await this.sweep()
      await this.#sweepPending()
      if (world.clock.monotonic() - this.#recountedAt < (recountMs ?? limits.recountMs)) return
      this.#recountedAt = world.clock.monotonic()
      this.#recounts += 1
      if (await store.ledger.recount()) pipelineNotices.publish({ kind: 'sums-corrected' })
    })
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      pipelineNotices.publish({ kind: 'failed', what: 'sweeping the ledger', error })
    }
  }
}

const skipClasses: readonly RowReason['class'][] = ['superseded', 'not-wanted', 'customer-key', 'source-gone']

/** The status message that a reported row should have had: its end is in the row. */
function lostResult(row: LedgerRow, metadata: ObjectMetadata | null) {
  const { reason } = row
  if (reason === undefined || reason.class === 'not-kept')
    return makeStatusMessage(
      row,
      { status: 'COMPLETED', dataStoreVersionId: row.destinationVersionId ?? '' },
      metadata,
      undefined,
    )
  // A version that is still there while its bytes are gone has failed.
  const isSkipped = skipClasses.includes(reason.class) && (reason.class !== 'source-gone' || metadata === null)
  const status = isSkipped ? 'SKIPPED' : 'FAILED'
  return makeStatusMessage(row, { status, dataStoreVersionId: '' }, metadata, reason)
}
