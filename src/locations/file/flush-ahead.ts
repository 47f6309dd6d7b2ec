// Flushes a file now and then while it is written: the disk works beside the processor, and not all of a long body waits for its end.
import type { WritableFile } from '../../base/files.ts'

/** One file of a store at a time: a flush holds a thread that others need. */
export interface FlushTurn {
  taken: boolean
}

/** The flushes of one file before its end. */
export interface FlushAhead {
  /** So many more bytes were given to the system. Throws what a flush has failed with: the next flush would not tell of it. */
  wrote(file: WritableFile, bytes: number): void
  /** Resolves when none is under way; rejects if one has failed. */
  ended(): Promise<void>
}

const everyBytes = 16 * 1024 * 1024

export function createFlushAhead(turn: FlushTurn): FlushAhead {
  let unflushed = 0
  let running = Promise.resolve()
  let failure: { readonly error: unknown } | undefined
  const tell = (): void => {
    if (failure !== undefined) throw failure.error
  }
  const flush = async (file: WritableFile): Promise<void> => {
    try {
      await file.flush()
    } catch (error) {
      failure = { error }
    } finally {
      turn.taken = false
    }
  }
  return {
    wrote(file, bytes) {
      tell()
      unflushed += bytes
      if (unflushed < everyBytes || turn.taken) return
      unflushed = 0
      turn.taken = true
      running = flush(file)
    },
    async ended() {
      await running
      tell()
    },
  }
}
