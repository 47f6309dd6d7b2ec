// Virtual time and seeded randomness. Nothing happens by itself: the simulation runs what is ready, and when nothing is, moves the clock to
// the next timer. A process of the simulation has timers of its own, which die with it; what it was waiting for then never comes.
import type { Random, Timer, World } from '../../src/base/world.ts'

/** Uniform numbers from a seed (mulberry32). */
export function seededFraction(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function seededRandom(seed: number): Random {
  const fraction = seededFraction(seed)
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => Math.floor(fraction() * 256))
  return {
    fraction,
    bytes,
    uuid: () => {
      const hex = Buffer.from(bytes(16)).toString('hex')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
    },
  }
}

interface Scheduled {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

/** A world whose timers can be taken away. */
export interface VirtualProcess {
  readonly world: World
  readonly isDead: boolean
  /** As by kill -9: no timer of this world runs any more. */
  kill(): void
}

export class VirtualTime {
  #now = Date.UTC(2026, 0, 1)
  #order = 0
  #immediates: (() => void)[] = []
  /** A binary heap by time, then by order. */
  readonly #heap: Scheduled[] = []

  get now(): number {
    return this.#now
  }

  process(random: Random): VirtualProcess {
    let dead = false
    const alive = (run: () => void) => () => {
      if (!dead) run()
    }
    const world: World = {
      clock: { now: () => this.#now, monotonic: () => this.#now },
      random,
      timers: {
        after: (delayMs, run) => this.#schedule(delayMs, alive(run)),
        immediate: run => {
          this.#immediates.push(alive(run))
        },
      },
    }
    return {
      world,
      get isDead() {
        return dead
      },
      kill() {
        dead = true
      },
    }
  }

  /** Runs until `done` holds; answers false when the time is up (virtual ms) or nothing can happen any more. */
  async run(done: () => boolean, limitMs: number): Promise<boolean> {
    const end = this.#now + limitMs
    for (;;) {
      await settled()
      if (done()) return true
      const immediates = this.#immediates
      if (immediates.length > 0) {
        this.#immediates = []
        for (const run of immediates) run()
        continue
      }
      const next = this.#pop()
      if (next === undefined) return false
      if (next.at > end) {
        this.#push(next)
        this.#now = end
        return false
      }
      this.#now = Math.max(this.#now, next.at)
      if (!next.cancelled) next.run()
    }
  }

  #schedule(delayMs: number, run: () => void): Timer {
    this.#order += 1
    const scheduled: Scheduled = { at: this.#now + Math.max(0, delayMs), order: this.#order, run, cancelled: false }
    this.#push(scheduled)
    return {
      cancel: () => {
        scheduled.cancelled = true
      },
    }
  }

  #push(added: Scheduled): void {
    const heap = this.#heap
    heap.push(added)
    let at = heap.length - 1
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]
      if (parent === undefined || !isBefore(added, parent)) break
      heap[at] = parent
      at = parentAt
    }
    heap[at] = added
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let childAt = 2 * at + 1
      const left = heap[childAt]
      const right = heap[childAt + 1]
      if (left === undefined) break
      let child = left
      if (right !== undefined && isBefore(right, left)) {
        child = right
        childAt += 1
      }
      if (!isBefore(child, last)) break
      heap[at] = child
      at = childAt
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** Resolves once every promise that can settle by itself has done so: a turn of the real event loop comes after all of them. */
function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
