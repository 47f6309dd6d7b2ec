// Notices that files have changed, by asking for their times: works for files that are written in place, renamed over, or links that are
// turned (mounted secrets), on every file system.
import { stat } from 'node:fs/promises'
import type { Timer, Timers } from './world.ts'

const everyMs = 1_000

/**
 * Calls `changed` when any of the files is another than before, and once in the beginning (what was read before the start may be older).
 * Calls never overlap. Answers how to stop.
 */
export function pollFiles(files: readonly string[], timers: Timers, changed: () => Promise<void>): () => void {
  let known = ''
  let stopped = false
  let timer: Timer
  const look = async (): Promise<void> => {
    const seen = (await Promise.all(files.map(identityOf))).join(' ')
    if (stopped) return
    if (seen !== known) {
      known = seen
      await changed()
    }
    if (!stopped) arm()
  }
  const arm = (): void => {
    timer = timers.after(everyMs, () => void look(), { background: true })
  }
  arm()
  return () => {
    stopped = true
    timer.cancel()
  }
}

async function identityOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file)
    return `${mtimeMs}:${size}:${ino}`
  } catch {
    return 'absent'
  }
}
