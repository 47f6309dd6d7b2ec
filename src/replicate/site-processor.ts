// The queue processor of one site. It takes entries of the replication topic as hints that a key has work, asks the ledger which row is
// due, and runs one task per key at a time, oldest version first, many keys at once. It can be paused at any moment: what runs ends, what was
// only claimed is given back. Every entry is finished as soon as its row has ended or is parked, so nothing in trouble holds up the topic.
import { type AttemptEnded, attemptsEnded, attemptsStarted, pipelineNotices } from '../base/channels.ts'
import type { Timer } from '../base/world.ts'
import { limits } from '../domain/limits.ts'
import type { ObjectMetadata } from '../domain/object-metadata.ts'
import type { AttemptEnd, Claim, ReportResult } from '../metadata/ledger.ts'
import { readReplicationEntry } from '../queue/entry-format.ts'
import type { TopicConsumer, TopicRecord } from '../queue/topic-log.ts'
import { setAside } from '../queue/unreadable.ts'
import { type Breaker, createBreaker, type Verdict } from './breaker.ts'
import { type ClaimKeeper, createClaimKeeper } from './claim-keeper.ts'
import { type ClaimedKey, takeVersion } from './claimed-key.ts'
import { createDueRows, type DueRows } from './due-rows.ts'
import { createKeyOrder, type KeyOrder, type KeyWork } from './key-order.ts'
import { createLastingAttempts, type LastingAttempts } from './lasting-attempts.ts'
import { createLateWrites, type LateWrites } from './late-writes.ts'
import { reasonOf, runTask, type TaskOutcome } from './multiple-backend-task.ts'
import { createResultWriter, type ResultWriter } from './result-writer.ts'
import { nextAttemptAt } from './retry-policy.ts'
import type { ProcessorState, SiteProcessor, SiteProcessorOptions } from './site-processor-options.ts'

export function createSiteProcessor(options: SiteProcessorOptions): SiteProcessor {
  return new QueueProcessor(options)
}

/** Keys are claimed ahead of the tasks that run, so many for each, so that a task's slot never waits for a transaction. */
const claimAheadFactor = 3
/** More than these are only kept from others, and would be given back at a pause. Half of them is enough to live on until the next ones are there. */
const claimAheadMax = 96

/** A version that came with its claim so long ago is read again when its task begins. */
const versionMaxAgeMs = 500

/** An attempt that takes longer (a large object) lets go of its entry: its claim is in the ledger, which the next start asks. */
const lastingMs = 10_000
/** What was written after its claim was lost is looked after this often. */
const lateLookMs = 2_000
/** Another owner's key is looked at again this soon. */
const heldLookMs = 10_000
/** A taker that waits looks again after this time, whatever happens. */
const nudgeMs = 1_000

/** While this many keys are ready for each slot no more entries are taken; a few more where there are few slots. */
const readyKeysFactor = 4
const readyKeysMin = 128

class QueueProcessor implements SiteProcessor {
  readonly #options: SiteProcessorOptions
  readonly #order: KeyOrder
  readonly #breaker: Breaker
  readonly #due: DueRows
  readonly #results: ResultWriter
  readonly #claims: ClaimKeeper
  readonly #lateWrites: LateWrites
  #consumer: TopicConsumer | null = null
  #taking: Promise<void> | null = null
  #paused = false
  #closed = false
  /** Claimed, not begun. */
  #claimed: ClaimedKey[] = []
  #claiming = 0
  #running = 0
  /** Begun or given back, not yet in the ledger. */
  #reporting = 0
  #pumping = false
  /** Counts what may have made room for more entries, so that nothing is missed between looking and waiting. */
  #wakes = 0
  #wakeTaker: (() => void) | null = null
  #still: (() => void)[] = []
  readonly #timers = new Set<Timer>()
  #nudge: Timer | null = null
  readonly #lasting: LastingAttempts<ClaimedKey>

  constructor(options: SiteProcessorOptions) {
    this.#options = options
    const { site, ledger, log, world, topics, gateway, results } = options
    this.#order = createKeyOrder(record => this.#finish(record))
    this.#breaker = createBreaker({
      site,
      world,
      probe: signal => gateway.probe(site, signal),
      backoff: options.backoff,
      connectionFailuresMax: limits.connectionFailuresInARow,
      changed: () => this.#gateChanged(),
    })
    // Its entry would hold back the committed offset, and at the bound of the window every other key.
    this.#lasting = createLastingAttempts(world, lastingMs, ({ work, claim }) =>
      this.#order.lasting(work, claim.row.versionId),
    )
    this.#due = createDueRows({
      site,
      ledger,
      world,
      found: ref => this.#order.offer(ref),
      ready: () => this.#order.ready,
      arrived: () => this.#pump(),
    })
    this.#results = createResultWriter({
      ledger,
      log,
      timers: world.timers,
      topic: topics.status,
      results,
      isBusy: () => this.#claimed.length > 0,
    })
    this.#claims = createClaimKeeper({
      site,
      ledger,
      timers: world.timers,
      clock: world.clock,
      leaseMs: limits.claimLeaseMs,
    })
    this.#lateWrites = createLateWrites({ ledger, gateway, world, lookMs: lateLookMs })
  }

  async start(): Promise<void> {
    const { log, topics, groupId, site } = this.#options
    this.#consumer = await log.consumer({
      topic: topics.replication,
      group: `${groupId}-${site}`,
      windowMax: limits.consumerWindow,
    })
    this.#gateChanged()
    this.#taking = this.#takeAll(this.#consumer)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#breaker.close()
    this.#due.close()
    this.#gateChanged()
    await this.#drained()
    this.#claims.close()
    this.#lateWrites.close()
    this.#lasting.close()
    this.#nudge?.cancel()
    for (const timer of this.#timers) timer.cancel()
    await this.#consumer?.close()
    await this.#taking
  }

  pause(): void {
    this.#paused = true
    this.#gateChanged()
  }

  resume(): void {
    this.#paused = false
    this.#gateChanged()
  }

  wake(): void {
    this.#due.check()
  }

  state(): ProcessorState {
    return {
      consumers: this.#paused ? 'paused' : 'running',
      inFlight: this.#inFlight,
      held: this.#order.held,
      circuit: this.#breaker.state,
      circuitCause: this.#breaker.cause,
    }
  }

  async lag(): Promise<number> {
    return this.#consumer === null ? Number.POSITIVE_INFINITY : this.#consumer.lag()
  }

  whenStill(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve()
    return new Promise(resolve => this.#still.push(resolve))
  }

  get #inFlight(): number {
    return this.#claiming + this.#claimed.length + this.#running + this.#reporting
  }

  get #isGated(): boolean {
    return this.#paused || this.#closed || this.#breaker.state === 'open'
  }

  #gateChanged(): void {
    if (this.#isGated) {
      this.#consumer?.pause()
      this.#due.hold()
      for (const claimed of this.#claimed.splice(0)) void this.#giveBack(claimed)
    } else {
      this.#consumer?.resume()
      if (this.#consumer !== null) this.#due.check()
    }
    this.#wake()
    this.#pump()
    this.#tellIfStill()
  }

  #wake(): void {
    this.#wakes += 1
    const wake = this.#wakeTaker
    this.#wakeTaker = null
    wake?.()
  }

  #tellIfStill(): void {
    if (this.#inFlight > 0) return
    for (const resolve of this.#still.splice(0)) resolve()
  }

  // Waits for what runs; after the grace its requests are aborted and the rows given back.
  async #drained(): Promise<void> {
    const { timers } = this.#options.world
    const timer = timers.after(limits.closingGraceMs, () => this.#claims.abortAll(new Error('the processor closes')))
    await this.whenStill()
    timer.cancel()
    await this.#results.idle()
  }

  // --- taking ---

  async #takeAll(consumer: TopicConsumer): Promise<void> {
    while (!this.#closed) {
      const wakes = this.#wakes
      const room = limits.processorQueue - this.#order.held
      if (this.#isGated || room <= 0 || this.#order.ready >= this.#readyKeysMax) {
        await this.#takerWoken(wakes)
        continue
      }
      try {
        const records = await consumer.take(Math.min(room, limits.pipelineBatch))
        for (const record of records) this.#accept(record)
        if (records.length === 0) await this.#takerWoken(wakes)
      } catch (error) {
        if (this.#closed) return
        this.#notice('taking entries', error)
        await this.#takerWoken(this.#wakes)
      }
      this.#pump()
    }
  }

  /** Until something has changed since `wakes` that may make room; with a bound, because the log may make room by itself. */
  #takerWoken(wakes: number): Promise<void> {
    if (this.#closed || this.#wakes !== wakes) return Promise.resolve()
    this.#nudge ??= this.#options.world.timers.after(nudgeMs, () => this.#nudged(), { background: true })
    return new Promise(resolve => {
      this.#wakeTaker = resolve
    })
  }

  #nudged(): void {
    this.#nudge = null
    this.#wake()
  }

  #accept(record: TopicRecord): void {
    const read = readReplicationEntry(record.value)
    if (read.kind === 'unreadable') {
      const { log, world } = this.#options
      const finish = (unread: TopicRecord): void => this.#finish(unread)
      setAside({ log, world, finish, isClosed: () => this.#closed }, record, read.problem)
    } else if (read.kind !== 'entry' || !read.entry.sites.includes(this.#options.site)) this.#finish(record)
    else this.#order.offer(read.entry, { record, versionId: read.entry.versionId })
  }

  #finish(record: TopicRecord): void {
    this.#consumer?.finish(record)
    this.#wake()
  }

  // --- claiming ---

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    this.#options.world.timers.immediate(() => {
      this.#pumping = false
      this.#begin()
      if (!this.#isGated) void this.#claimReady()
    })
  }

  get #concurrency(): number {
    return this.#breaker.allowed(this.#options.concurrency)
  }

  get #readyKeysMax(): number {
    return Math.max(readyKeysMin, this.#options.concurrency * readyKeysFactor)
  }

  /** How many keys to claim now. Claims are made for many keys at once: only when few are left, and then enough to keep all tasks busy. */
  get #wanted(): number {
    const concurrency = this.#concurrency
    const waiting = this.#claiming + this.#claimed.length
    if (this.#breaker.state !== 'closed') return Math.max(0, concurrency - waiting - this.#running)
    const ahead = Math.min(concurrency * claimAheadFactor, claimAheadMax)
    if (this.#running >= concurrency && waiting > ahead / 2) return 0
    return Math.max(0, concurrency + ahead - waiting - this.#running)
  }

  async #claimReady(): Promise<void> {
    const works = this.#order.take(Math.min(this.#wanted, limits.pipelineBatch))
    if (this.#order.ready < this.#readyKeysMax / 2) {
      this.#wake()
      this.#due.more()
    }
    if (works.length === 0) return
    this.#claiming += works.length
    for (const work of works) this.#order.asking(work)
    const { ledger, site, owner, results, world } = this.#options
    const askedAt = world.clock.monotonic()
    // Into the same transaction.
    this.#results.hurry()
    try {
      const refs = works.map(work => work.ref)
      const claims = await ledger.claim(site, refs, owner, limits.claimLeaseMs, { versions: results === 'folded' })
      works.forEach((work, index) => {
        this.#onClaim(work, claims[index] ?? { outcome: 'nothing' }, askedAt)
      })
    } catch (error) {
      this.#notice('claiming rows', error)
      for (const work of works) this.#lookLater(work, this.#options.backoff.minMs)
    }
    this.#claiming -= works.length
    this.#begin()
    this.#tellIfStill()
  }

  #onClaim(work: KeyWork, claim: Claim, askedAt: number): void {
    switch (claim.outcome) {
      case 'nothing':
        this.#order.ended(work)
        this.#pump()
        return
      case 'waiting':
        this.#due.expect(claim.until)
        this.#order.ended(work)
        this.#pump()
        return
      case 'held':
        // Usually an owner that died: its claim lapses. Should it live, it does the work, and there will be nothing left.
        // It may also be freed before its lease ends, when nobody hears of its owner any more.
        this.#lookLater(work, Math.min(heldLookMs, Math.max(0, claim.until - this.#options.world.clock.now()) + 1))
        return
      case 'claimed': {
        const { row, applied, token, version } = claim
        const claimed: ClaimedKey = {
          work,
          claim: { row, applied, token },
          version,
          kept: this.#claims.keep(token, askedAt),
          claimedAt: this.#options.world.clock.monotonic(),
        }
        if (this.#isGated) void this.#giveBack(claimed)
        else this.#claimed.push(claimed)
        return
      }
      default:
        claim satisfies never
    }
  }

  /** The key stays ours to look after, and is looked at again in a while. */
  #lookLater(work: KeyWork, delayMs: number): void {
    const run = (): void => {
      this.#timers.delete(timer)
      this.#order.later(work)
      this.#pump()
    }
    const timer = this.#options.world.timers.after(Math.min(delayMs, limits.claimLeaseMs), run, { background: true })
    this.#timers.add(timer)
  }

  // --- running ---

  #begin(): void {
    while (!this.#isGated && this.#running < this.#concurrency) {
      const claimed = this.#claimed.shift()
      if (claimed === undefined) {
        this.#results.hurry()
        return
      }
      this.#running += 1
      void this.#attempt(claimed)
      this.#pump()
    }
  }

  async #attempt(claimed: ClaimedKey): Promise<void> {
    const { row, applied, token } = claimed.claim
    const { site, ledger, gateway, budget, world, isCovered, settings } = this.#options
    const { bucket, key, versionId } = row
    const startedAt = world.clock.monotonic()
    if (attemptsStarted.hasSubscribers)
      attemptsStarted.publish({ bucket, key, versionId, site, attempt: row.attempts, size: row.size })
    const { signal, demand } = claimed.kept
    const run = this.#options.runTask ?? runTask
    this.#lasting.began(claimed)
    const brought = takeVersion(claimed)
    const version = startedAt - claimed.claimedAt < versionMaxAgeMs ? brought() : undefined
    const task = { row, applied, token, signal, demand, ...(version === undefined ? {} : { version }) }
    const outcome = await run(task, { gateway, ledger, budget, world, isCovered }, settings)
    this.#lasting.ended(claimed)
    const end = this.#endOf(claimed, outcome)
    if (attemptsEnded.hasSubscribers) {
      const failure = failureOf(outcome)
      const durationMs = world.clock.monotonic() - startedAt
      attemptsEnded.publish({ bucket, key, versionId, site, size: row.size, durationMs, outcome: end.kind, ...failure })
    }
    this.#running -= 1
    // The slot goes on at once; the result is written beside it.
    this.#begin()
    void this.#report(claimed, end, this.#options.results === 'sent' ? (outcome.version?.metadata ?? null) : null)
  }

  #endOf(claimed: ClaimedKey, outcome: TaskOutcome): AttemptEnd {
    const { end } = outcome
    if (end.kind === 'stopped') return { kind: 'released', unsettled: end.unsettled }
    if (end.kind !== 'failed') {
      this.#breaker.succeeded()
      return end
    }
    const wasRefused = claimed.claim.row.reason?.class === 'location'
    const verdict: Verdict = this.#breaker.failed(end.facts, wasRefused)
    if (verdict === 'release') return { kind: 'released', unsettled: end.unsettled }
    const { world, backoff } = this.#options
    const now = world.clock.now()
    return {
      kind: 'retry',
      reason: reasonOf(this.#options, end.facts),
      nextAttemptAt: nextAttemptAt(now, backoff, claimed.claim.row.attempts, end.facts, world.random.fraction()),
      unsettled: end.unsettled,
    }
  }

  #giveBack(claimed: ClaimedKey): Promise<void> {
    claimed.version = undefined
    return this.#report(claimed, { kind: 'released', unsettled: claimed.claim.row.unsettled }, null)
  }

  /** `metadata`: for the status message, where there is one. */
  async #report(claimed: ClaimedKey, end: AttemptEnd, metadata: ObjectMetadata | null): Promise<void> {
    const { work, claim, kept } = claimed
    const { bucket, key, versionId, site, revision } = claim.row
    this.#reporting += 1
    this.#pump()
    this.#order.asking(work)
    try {
      const report = { bucket, key, versionId, site, revision, token: claim.token, end }
      const result = await this.#results.write(report, metadata)
      kept.release()
      this.#onReported(claimed, end, result)
    } catch (error) {
      kept.release()
      this.#notice('writing a result', error)
      this.#lookLater(work, this.#options.backoff.minMs)
    }
    this.#reporting -= 1
    this.#tellIfStill()
  }

  #onReported(claimed: ClaimedKey, end: AttemptEnd, result: ReportResult): void {
    const { work, claim } = claimed
    if (end.kind === 'retry') this.#due.expect(end.nextAttemptAt)
    if (result.outcome === 'stale') this.#lateWrites.takeBack(claim.row, end)
    if (result.outcome === 'stale' || end.kind === 'released' || result.outcome === 'changed-meanwhile')
      this.#order.later(work)
    else if (result.more) this.#order.next(work, end.kind === 'retry' ? null : claim.row.versionId)
    else this.#order.ended(work)
    this.#pump()
  }

  #notice(what: string, error: unknown): void {
    pipelineNotices.publish({ kind: 'failed', what, site: this.#options.site, error })
  }
}

function failureOf({ end }: TaskOutcome): Pick<AttemptEnded, 'failure' | 'warning'> {
  if (end.kind === 'done') return end.warning === undefined ? {} : { warning: end.warning.message }
  if (end.kind === 'failed') return { failure: end.facts }
  return end.kind === 'quarantined' || end.kind === 'skipped' ? { failure: end.reason } : {}
}
