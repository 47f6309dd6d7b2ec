// Makes the folders of a data store and flushes them after names were put in. Flushes of one folder that wait at the same time become one: a
// flush that begins after a rename covers it, one that had begun before does not.
import { dirname } from 'node:path'
import type { FileSystem } from '../../base/files.ts'

export interface FolderFlusher {
  /** Makes a folder, durably, the first time it is asked for. */
  prepare(folder: string): Promise<void>
  /** Resolves when every name put into the folder before this call is on disk. */
  flush(folder: string): Promise<void>
}

interface FolderState {
  readonly prepared: Promise<void>
  running: Promise<void> | undefined
  next: Promise<void> | undefined
}

/** `root` is the folder up to which parents are flushed when a new one is made. */
export function createFolderFlusher(files: FileSystem, root: string, flushes: boolean): FolderFlusher {
  const states = new Map<string, FolderState>()
  const stateOf = (folder: string): FolderState => {
    const known = states.get(folder)
    if (known !== undefined) return known
    const state: FolderState = { prepared: make(folder), running: undefined, next: undefined }
    states.set(folder, state)
    // A folder that could not be made (disk full) is tried again with the next write.
    state.prepared.catch(() => states.delete(folder))
    return state
  }
  const make = async (folder: string): Promise<void> => {
    await files.makeFolder(folder)
    // Also when it was there: whoever made it may have died before its name was on disk.
    if (!flushes) return
    for (let parent = dirname(folder); ; parent = dirname(parent)) {
      await files.flushFolder(parent)
      if (parent === root || parent.length <= root.length) return
    }
  }
  const start = (folder: string, state: FolderState): Promise<void> => {
    const flush = files.flushFolder(folder).finally(() => {
      if (state.running === flush) state.running = undefined
    })
    state.running = flush
    return flush
  }
  return {
    prepare: folder => stateOf(folder).prepared,
    flush(folder) {
      if (!flushes) return Promise.resolve()
      const state = stateOf(folder)
      if (state.running === undefined) return start(folder, state)
      state.next ??= state.running
        .catch(() => undefined)
        .then(() => {
          state.next = undefined
          return start(folder, state)
        })
      return state.next
    },
  }
}
