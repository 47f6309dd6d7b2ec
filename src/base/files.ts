// The file system as the data store needs it: injected, so that tests can make a write, a flush or a rename fail. Errors are Node's own,
// with their `code`.
import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises'

/** A new file, written from start to end. */
export interface WritableFile {
  /** Writes all of the chunks. */
  append(chunks: readonly Uint8Array[]): Promise<void>
  /** Bytes and size are on disk when this resolves. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface ReadableFile {
  /** The number that the system knows it by while it is open, if it is a file of the system. */
  readonly descriptor?: number
  /** Fills `buffer` from `position` on; returns how many bytes there were. */
  read(buffer: Uint8Array, position: number): Promise<number>
  close(): Promise<void>
}

export interface FileSystem {
  /** With its parents; existing is fine. */
  makeFolder(path: string): Promise<void>
  /** Rejects with EEXIST if there is such a file. */
  create(path: string): Promise<WritableFile>
  openForReading(path: string): Promise<ReadableFile>
  rename(from: string, to: string): Promise<void>
  /** Absent is fine. */
  remove(path: string): Promise<void>
  /** Names created, renamed and removed in this folder are on disk when this resolves. */
  flushFolder(path: string): Promise<void>
  /** Names in a folder; an absent folder is empty. */
  list(path: string): Promise<readonly string[]>
}

/** The code of a system error (`ENOENT`, `ENOSPC`), '' for anything else. */
export function systemErrorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** The file system of this machine. */
export const realFiles: FileSystem = {
  async makeFolder(path) {
    await mkdir(path, { recursive: true })
  },
  async create(path) {
    const handle = await open(path, 'wx', 0o600)
    return {
      async append(chunks) {
        let left = chunks
        while (left.length > 0) {
          const { bytesWritten } = await handle.writev([...left])
          left = withoutFirst(left, bytesWritten)
        }
      },
      flush: () => handle.datasync(),
      close: () => handle.close(),
    }
  },
  async openForReading(path) {
    const handle = await open(path, 'r')
    return {
      descriptor: handle.fd,
      async read(buffer, position) {
        let filled = 0
        while (filled < buffer.byteLength) {
          const { bytesRead } = await handle.read(buffer, filled, buffer.byteLength - filled, position + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        return filled
      },
      close: () => handle.close(),
    }
  },
  rename: (from, to) => rename(from, to),
  async remove(path) {
    try {
      await unlink(path)
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error
    }
  },
  async flushFolder(path) {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  async list(path) {
    try {
      return await readdir(path)
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return []
      throw error
    }
  },
}

/** What is left of the chunks after `count` bytes of them have been written. */
function withoutFirst(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skip = count
  for (const [index, chunk] of chunks.entries()) {
    if (skip < chunk.byteLength) return [chunk.subarray(skip), ...chunks.slice(index + 1)]
    skip -= chunk.byteLength
  }
  return []
}
