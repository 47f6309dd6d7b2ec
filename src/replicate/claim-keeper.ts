// Keeps the claims of a queue processor alive: one renewal for all of them, three times per lease. A claim that was lost, or that could not
// be renewed before its deadline, aborts the requests of its task, so that two owners never write at once.
import { pipelineNotices } from '../base/channels.ts'
import type { Timer, Timers } from '../base/world.ts'
import type { Ledger } from '../metadata/ledger.ts'

export interface KeptClaim {
  /** Aborts when the claim is lost. */
  readonly signal: AbortSignal
  release(): void
}

export interface ClaimKeeper {
  keep(token: string): KeptClaim
  abortAll(reason: Error): void
  close(): void
}

export interface ClaimKeeperOptions {
  readonly site: string
  readonly ledger: Pick<Ledger, 'renew'>
  readonly timers: Timers
  readonly leaseMs: number
}

/** Renewals that may fail before the claims are given up: the third would come when the lease is over. */
const failuresMax = 2

export function createClaimKeeper(options: ClaimKeeperOptions): ClaimKeeper {
  const { site, ledger, timers, leaseMs } = options
  const kept = new Map<string, AbortController>()
  let timer: Timer | null = null
  let failures = 0

  const abortAll = (reason: Error): void => {
    for (const controller of kept.values()) controller.abort(reason)
  }

  const renew = async (): Promise<void> => {
    const tokens = [...kept.keys()]
    try {
      const holds = await ledger.renew(tokens, leaseMs)
      failures = 0
      tokens.forEach((token, index) => {
        if (holds[index] !== true) kept.get(token)?.abort(new Error('the claim was lost'))
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
    keep(token) {
      const controller = new AbortController()
      kept.set(token, controller)
      arm()
      return {
        signal: controller.signal,
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
