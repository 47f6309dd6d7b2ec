// What failed writes may have left at a location that could not be reached then: tried again from time to time while the process lives. What is
// still there when it ends is taken by the sweep of its next start.
import type { Timer } from '../../base/world.ts'
import { eraseTraces, type SourceBucket } from './source-bucket.ts'

export interface Leftovers {
  /** Removes what is under a key, now or later; never rejects. `late`: something sent may still arrive, so it is looked for once more. */
  erase(key: string, late: boolean): Promise<void>
  close(): Promise<void>
}

const everyMsDefault = 60_000
const keysMax = 10_000

export function createLeftovers(bucket: SourceBucket, everyMs = everyMsDefault): Leftovers {
  const keys = new Set<string>()
  const running = new Set<Promise<void>>()
  const closing = new AbortController()
  let timer: Timer | null = null

  const remember = (key: string): void => {
    if (closing.signal.aborted || keys.size >= keysMax) return
    keys.add(key)
    timer ??= bucket.timers.after(everyMs, () => void tracked(again()), { background: true })
  }
  const attempt = async (key: string, late: boolean): Promise<void> => {
    try {
      await eraseTraces(bucket, key, closing.signal)
      if (late) remember(key)
    } catch {
      remember(key)
    }
  }
  const again = async (): Promise<void> => {
    timer = null
    const due = [...keys]
    keys.clear()
    for (const key of due) await attempt(key, false)
  }
  const tracked = (work: Promise<void>): Promise<void> => {
    running.add(work)
    return work.finally(() => running.delete(work))
  }
  return {
    erase: (key, late) => tracked(attempt(key, late)),
    async close() {
      closing.abort(new Error('the store closes'))
      timer?.cancel()
      await Promise.all(running)
    },
  }
}
