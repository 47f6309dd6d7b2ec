// When a failed attempt is tried again: exponential backoff with jitter, no sooner than the destination asked. There is no last try: the
// class of the failure alone decides whether there is a next one.
import type { FailureFacts } from '../domain/failure.ts'

/** Pace of retries. `jitter` is the share of the delay, 0 to 1, that is random. */
export interface Backoff {
  readonly minMs: number
  readonly maxMs: number
  readonly factor: number
  readonly jitter: number
}

/** Delay before the try after `attempts` tries that failed (1 or more). `fraction` is uniform in [0, 1). */
export function backoffDelay(backoff: Backoff, attempts: number, fraction: number): number {
  const steps = Math.max(0, attempts - 1)
  const full = Math.min(backoff.maxMs, backoff.minMs * backoff.factor ** steps)
  return Math.round(full * (1 - backoff.jitter * fraction))
}

/** Epoch ms of the next attempt: backoff, or the destination's Retry-After when that is later. */
export function nextAttemptAt(
  nowMs: number,
  backoff: Backoff,
  attempts: number,
  facts: FailureFacts,
  fraction: number,
): number {
  return nowMs + Math.max(backoffDelay(backoff, attempts, fraction), facts.retryAfterMs ?? 0)
}
