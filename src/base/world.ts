// The non-deterministic world as values to inject: clock, timers, randomness. Production code takes a `World`; simulations and tests pass a
// virtual one, so that a seed reproduces every run. Nothing outside src/base reads the real clock or randomness.
import { randomBytes, randomUUID } from 'node:crypto'

/** Wall time in epoch milliseconds, and a monotonic clock (milliseconds, arbitrary origin) for durations. */
export interface Clock {
  now(): number
  monotonic(): number
}

/** A pending callback; cancelling it twice or after it ran does nothing. */
export interface Timer {
  cancel(): void
}

/** Deferred execution. `after` keeps the process alive unless `background` is set. */
export interface Timers {
  after(delayMs: number, run: () => void, options?: { readonly background?: boolean }): Timer
  /** Runs soon, after the I/O events that are already waiting: the natural end of a batch. */
  immediate(run: () => void): void
}

export interface Random {
  bytes(count: number): Uint8Array
  uuid(): string
  /** Uniform in [0, 1). */
  fraction(): number
}

export interface World {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
}

/** Longest delay a Node timer takes; longer ones are chained. */
const timerDelayMaxMs = 2_147_483_647

const realTimers: Timers = {
  after(delayMs, run, options) {
    let cancelled = false
    let handle: NodeJS.Timeout
    const arm = (remainingMs: number): void => {
      const step = Math.min(remainingMs, timerDelayMaxMs)
      handle = setTimeout(
        () => {
          if (cancelled) return
          if (remainingMs > step) arm(remainingMs - step)
          else run()
        },
        Math.max(0, step),
      )
      if (options?.background) handle.unref()
    }
    arm(delayMs)
    return {
      cancel() {
        cancelled = true
        clearTimeout(handle)
      },
    }
  },
  immediate(run) {
    setImmediate(run)
  },
}

/** The world as it is. */
export const realWorld: World = {
  clock: { now: () => Date.now(), monotonic: () => performance.now() },
  timers: realTimers,
  random: { bytes: count => randomBytes(count), uuid: () => randomUUID(), fraction: () => Math.random() },
}

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(timers: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = timers.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
