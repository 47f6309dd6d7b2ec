// Notices transfers in which nothing moves any more. One timer for all of them: a transfer is a set entry and a counter, so that watching
// costs the hot path nothing. A transfer is given up after between one and two periods of silence.
import type { Timer, Timers } from '../../base/world.ts'

export interface Watched {
  /** Something moved. */
  touch(): void
  /** We ourselves make the other side wait (until the next touch). */
  hold(): void
  end(): void
}

export interface IdleWatch {
  /** A transfer is given up after between one and two of these. */
  readonly periodMs: number
  /** Calls `expire` once if the transfer stands still. */
  watch(expire: () => void): Watched
  close(): void
}

interface Entry extends Watched {
  quietTicks: number
  readonly expire: () => void
}

export function createIdleWatch(timers: Timers, periodMs: number): IdleWatch {
  const entries = new Set<Entry>()
  let timer: Timer | undefined
  const tick = (): void => {
    timer = undefined
    for (const entry of entries) {
      entry.quietTicks += 1
      if (entry.quietTicks < 2) continue
      entries.delete(entry)
      entry.expire()
    }
    arm()
  }
  const arm = (): void => {
    if (timer === undefined && entries.size > 0) timer = timers.after(periodMs, tick, { background: true })
  }
  return {
    periodMs,
    watch(expire) {
      const entry: Entry = {
        quietTicks: 0,
        expire,
        touch() {
          entry.quietTicks = 0
        },
        hold() {
          entry.quietTicks = Number.NEGATIVE_INFINITY
        },
        end() {
          entries.delete(entry)
        },
      }
      entries.add(entry)
      arm()
      return entry
    },
    close() {
      timer?.cancel()
      timer = undefined
      entries.clear()
    },
  }
}
