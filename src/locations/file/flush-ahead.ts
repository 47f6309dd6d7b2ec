// Flushes a file now and then while it is written: the disk works beside the processor, and not all of a long body waits for its end.
import type { WritableFile } from '../../base/files.ts'

/** One file of a store at a time: a flush holds a thread that others need. */
export interface FlushTurn {
  taken: boolean
}

/** The flushes of one file before its end. */
export interface FlushAhead {
  /** So many more bytes were given to the system. */
  wrote(file: WritableFile, bytes: number): void
  /** Resolves when none is under way; rejects if any has failed, of which the next one would not tell. */
  ended(): Promise<void>
}

const everyBytes = 16 * 1024 * 1024

export function createFlushAhead(turn: FlushTurn): FlushAhead {
  let unflushed = 0
  let flushes = Promise.resolve()
  return {
    wrote(file, bytes) {
      unflushed += bytes
      if (unflushed < everyBytes || turn.taken) return
      unflushed = 0
      turn.taken = true
      const flushed = file.flush().finally(() => {
        turn.taken = false
      })
      flushes = Promise.all([flushes, flushed]).then(() => undefined)
      // Seen when it is waited for.
      flushes.catch(() => undefined)
    },
    ended: () => flushes,
  }
}
