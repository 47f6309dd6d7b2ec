// Keeps the claims of a queue processor alive: one renewal for all of them, three times per lease. A claim that was lost, or that could not
// be renewed before its deadline, aborts the requests of its task, so that two owners never write at once. A process that stood still does not
// rely on its timers: before each write the clock is asked whether the claim can still hold, and the ledger whether others still hear of us.
import { pipelineNotices } from '../base/channels.ts'
import type { Clock, Timer, Timers } from '../base/world.ts'
import type { Ledger } from '../metadata/ledger.ts'

export interface KeptClaim {
  /** Aborts when the claim is lost. */
  readonly signal: AbortSignal
  /** Throws when the claim is lost, or may be by the clock: to be called right before each write. */
  demand(): void
  release(): void
}

export interface ClaimKeeper {
  /** `since`: when the claim was asked for, monotonic. */
  keep(token: string, since: number): KeptClaim
  abortAll(reason: Error): void
  close(): void
}

export interface ClaimKeeperOptions {
  readonly site: string
  readonly ledger: Pick<Ledger, 'renew' | 'heardSince'>
  readonly timers: Timers
  readonly clock: Pick<Clock, 'monotonic'>
  readonly leaseMs: number
}

interface Kept {
  readonly controller: AbortController
  /** Of the last request that the ledger answered with yes. */
  since: number
}

/** Renewals that may fail before the claims are given up: the third would come when the lease is over. */
const failuresMax = 2
/** Between the end of what can be relied upon and the moment when others act on it lie seconds: running requests are aborted within them. */
const watchMs = 1_000

interface Ticker {
  start(): void
  stop(): void
}

/** Works again and again while it is needed. */
function ticker(timers: Timers, everyMs: number, isNeeded: () => boolean, work: () => void): Ticker {
  let timer: Timer | null = null
  const run = (): void => {
    timer = null
    if (!isNeeded()) return
    work()
    start()
  }
  const start = (): void => {
    timer ??= timers.after(everyMs, run, { background: true })
  }
  return {
    start,
    stop() {
      timer?.cancel()
      timer = null
    },
  }
}

function abortDoubtful({ clock, ledger, leaseMs }: ClaimKeeperOptions, { controller, since }: Kept): void {
  if (clock.monotonic() - since >= leaseMs) controller.abort(new Error('the claim is over by the clock'))
  const heardSince = ledger.heardSince?.()
  if (heardSince === null || (heardSince !== undefined && since < heardSince))
    controller.abort(new Error('the store did not hear of this process: others may have the claim'))
}

export function createClaimKeeper(options: ClaimKeeperOptions): ClaimKeeper {
  const { site, ledger, timers, clock, leaseMs } = options
  const kept = new Map<string, Kept>()
  let failures = 0

  const abortAll = (reason: Error): void => {
    for (const { controller } of kept.values()) controller.abort(reason)
  }

  const renew = async (): Promise<void> => {
    const tokens = [...kept.keys()]
    const askedAt = clock.monotonic()
    try {
      const holds = await ledger.renew(tokens, leaseMs)
      failures = 0
      tokens.forEach((token, index) => {
        const claim = kept.get(token)
        if (claim === undefined) return
        if (holds[index] === true) claim.since = askedAt
        else claim.controller.abort(new Error('the claim was lost'))
      })
    } catch (error) {
      failures += 1
      pipelineNotices.publish({ kind: 'failed', what: 'renewing claims', site, error })
      if (failures >= failuresMax) abortAll(new Error('the claims could not be renewed'))
    }
  }

  const tick = (everyMs: number, work: () => void): Ticker => ticker(timers, everyMs, () => kept.size > 0, work)
  const renewing = tick(leaseMs / 3, () => void renew())
  const watching = tick(watchMs, () => {
    for (const claim of kept.values()) abortDoubtful(options, claim)
  })

  return {
    keep(token, since) {
      const controller = new AbortController()
      const claim = { controller, since }
      kept.set(token, claim)
      renewing.start()
      if (ledger.heardSince !== undefined) watching.start()
      return {
        signal: controller.signal,
        demand: () => {
          abortDoubtful(options, claim)
          controller.signal.throwIfAborted()
        },
        release: () => {
          kept.delete(token)
        },
      }
    },
    abortAll,
    close() {
      renewing.stop()
      watching.stop()
    },
  }
}
