// Keeps the claims of a queue processor alive: one renewal for all of them, three times per lease. A claim that was lost, or that could not
// be renewed before its deadline, aborts the requests of its task, so that two owners never write at once. A process that stood still does not
// rely on its timers: before each write the clock is asked whether the claim can still hold.
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
  readonly ledger: Pick<Ledger, 'renew'>
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

export function createClaimKeeper(options: ClaimKeeperOptions): ClaimKeeper {
  const { site, ledger, timers, clock, leaseMs } = options
  const kept = new Map<string, Kept>()
  let timer: Timer | null = null
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

  const arm = (): void => {
    timer ??= timers.after(
      leaseMs / 3,
      () => {
        timer = null
        if (kept.size === 0) return
        void renew()
        arm()
      },
      { background: true },
    )
  }

  return {
    keep(token, since) {
      const controller = new AbortController()
      const claim = { controller, since }
      kept.set(token, claim)
      arm()
      return {
        signal: controller.signal,
        demand: () => {
          if (clock.monotonic() - claim.since >= leaseMs) controller.abort(new Error('the claim is over by the clock'))
          controller.signal.throwIfAborted()
        },
        release: () => {
          kept.delete(token)
        },
      }
    },
    abortAll,
    close() {
      timer?.cancel()
      timer = null
    },
  }
}
