// A world whose wall clock stands still until a test moves it; timers and randomness are the real ones.
import { realWorld, type World } from '../../src/base/world.ts'

export interface ManualWorld extends World {
  advance(ms: number): void
}

export function manualWorld(startMs = Date.UTC(2026, 0, 2, 3, 4, 5)): ManualWorld {
  let now = startMs
  return {
    ...realWorld,
    clock: { now: () => now, monotonic: () => now },
    advance(ms) {
      now += ms
    },
  }
}
