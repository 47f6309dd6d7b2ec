// DATA STORE ADAPTER `memory`: object bytes in a map that outlives the store, so a simulation can crash the process that writes. What was not
// finished is lost with it.
import type { Random } from '../../base/world.ts'
import { Failure } from '../../domain/failure.ts'
import type { DataStore } from '../data-store.ts'

export interface MemoryDataStoreOptions {
  readonly name: string
  readonly epoch: string
  readonly random: Random
  /** The "disk": finished data by name. */
  readonly disk: Map<string, Uint8Array>
}

const chunkBytes = 256 * 1024

export function createMemoryDataStore(options: MemoryDataStoreOptions): DataStore {
  const { name, epoch, random, disk } = options
  return {
    name,
    type: 'file',
    create() {
      const key = `${epoch}.${Buffer.from(random.bytes(16)).toString('hex')}`
      let chunks: Uint8Array[] = []
      return {
        key,
        async write(chunk) {
          chunks.push(Buffer.from(chunk))
        },
        async finish() {
          disk.set(key, Buffer.concat(chunks))
          chunks = []
        },
        async discard() {
          chunks = []
          disk.delete(key)
        },
      }
    },
    async *read(dataKey, start, end, signal) {
      if (end <= start) return
      const bytes = stored(disk, dataKey, end)
      for (let at = start; at < end; at += chunkBytes) {
        signal?.throwIfAborted()
        yield bytes.subarray(at, Math.min(at + chunkBytes, end))
      }
    },
    async readInto(dataKey, start, target, signal) {
      if (target.byteLength === 0) return
      signal?.throwIfAborted()
      const end = start + target.byteLength
      target.set(stored(disk, dataKey, end).subarray(start, end))
    },
    async remove(dataKey) {
      disk.delete(dataKey)
    },
    async *orphanCandidates() {
      for (const key of [...disk.keys()]) if (!key.startsWith(`${epoch}.`)) yield key
    },
    close: async () => {},
  }
}

/** The data, which must have `end` bytes at least. */
function stored(disk: ReadonlyMap<string, Uint8Array>, dataKey: string, end: number): Uint8Array {
  const bytes = disk.get(dataKey)
  if (bytes === undefined) {
    throw new Failure({ class: 'source-gone', code: 'ENOENT', message: `There is no data of the name ${dataKey}` })
  }
  if (end <= bytes.byteLength) return bytes
  const message = `The data ${dataKey} is shorter than recorded`
  throw new Failure({ class: 'object', code: 'SourceDataDamaged', message })
}
