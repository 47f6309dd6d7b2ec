// Attempts that take long are told of once. One timer looks at all of them: a timer for each would cost more than the rest of its bookkeeping.
import type { Timer, World } from '../base/world.ts'

export interface LastingAttempts<Attempt> {
  began(attempt: Attempt): void
  ended(attempt: Attempt): void
  close(): void
}

/** Calls `lasts` for each attempt that runs longer than `afterMs`, up to half as long later. */
export function createLastingAttempts<Attempt>(
  world: World,
  afterMs: number,
  lasts: (attempt: Attempt) => void,
): LastingAttempts<Attempt> {
  /** Not told of yet, by their beginning: oldest first. */
  const begun = new Map<Attempt, number>()
  let timer: Timer | null = null

  const look = (): void => {
    timer = null
    const before = world.clock.monotonic() - afterMs
    for (const [attempt, at] of begun) {
      if (at > before) break
      begun.delete(attempt)
      lasts(attempt)
    }
    if (begun.size > 0) arm()
  }
  const arm = (): void => {
    timer ??= world.timers.after(afterMs / 2, look, { background: true })
  }
  return {
    began(attempt) {
      begun.set(attempt, world.clock.monotonic())
      arm()
    },
    ended: attempt => begun.delete(attempt),
    close() {
      timer?.cancel()
      timer = null
      begun.clear()
    },
  }
}
