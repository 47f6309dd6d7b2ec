// A world whose clock stands still until a test moves it: timers run in order when their time comes, work that was put off runs at once.
import type { Timer, World } from '../../src/base/world.ts'

interface Pending {
  readonly at: number
  readonly run: () => void
}

export interface ManualWorld extends World {
  /** Lets time pass; timers on the way run in order, and what they start is done before the next. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock alone forward or back, as an administrator or a time server does. */
  jump(ms: number): void
  /** Does everything that can be done without time passing. */
  settle(): Promise<void>
}

export function createManualWorld(startMs = Date.UTC(2030, 0, 1)): ManualWorld {
  let elapsed = 0
  let offset = startMs
  let serial = 0
  const pending = new Set<Pending>()
  let soon: (() => void)[] = []

  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      await new Promise(resolve => setImmediate(resolve))
      const batch = soon
      soon = []
      if (batch.length > 0) quiet = -1
      for (const run of batch) run()
    }
  }
  const nextBefore = (limit: number): Pending | undefined =>
    [...pending].filter(timer => timer.at <= limit).sort((a, b) => a.at - b.at)[0]

  return {
    clock: { now: () => offset + elapsed, monotonic: () => elapsed },
    timers: {
      after(delayMs, run): Timer {
        const timer = { at: elapsed + Math.max(0, delayMs), run }
        pending.add(timer)
        return { cancel: () => void pending.delete(timer) }
      },
      immediate: run => void soon.push(run),
    },
    random: {
      bytes: count => new Uint8Array(count),
      uuid: () => {
        serial += 1
        return `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`
      },
      fraction: () => 0.5,
    },
    async advance(ms) {
      const end = elapsed + ms
      await settle()
      for (let timer = nextBefore(end); timer !== undefined; timer = nextBefore(end)) {
        pending.delete(timer)
        elapsed = Math.max(elapsed, timer.at)
        timer.run()
        await settle()
      }
      elapsed = end
      await settle()
    },
    jump(ms) {
      offset += ms
    },
    settle,
  }
}
