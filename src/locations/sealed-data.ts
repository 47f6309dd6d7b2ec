// Data that lies encrypted in a data store: what is written is encrypted on the way in, so that plain bytes never reach the store, and decrypted when
// it is read.
import { createSealer, type DataKey, openStream, sealedRange, sealedSize } from '../base/sealed-bytes.ts'
import type { DataStore, DataWriter } from './data-store.ts'

/** As `store.create`, for plain bytes that are to lie under this key. */
export function createSealedWriter(store: DataStore, key: DataKey, expectedBytes?: number): DataWriter {
  const writer = store.create(expectedBytes === undefined ? undefined : sealedSize(expectedBytes))
  const sealer = createSealer(key)
  const writeAll = async (sealed: readonly Uint8Array[]): Promise<void> => {
    for (const bytes of sealed) await writer.write(bytes)
  }
  return {
    key: writer.key,
    write: chunk => writeAll(sealer.push(chunk)),
    async finish() {
      await writeAll(sealer.end())
      await writer.finish()
    },
    discard: () => writer.discard(),
  }
}

export interface SealedData {
  readonly store: DataStore
  /** Its name in the store. */
  readonly name: string
  readonly dataKey: DataKey
  /** Of the plain bytes. */
  readonly size: number
}

/** Streams the plain bytes [start, end). Rejects as `store.read` does, and with SourceDataDamaged for bytes that are not what was encrypted. */
export async function* readSealed(
  { store, name, dataKey, size }: SealedData,
  range: { readonly start: number; readonly end: number },
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (range.end <= range.start) return
  const { start, end } = sealedRange(range, size)
  // Each piece is decrypted before the next is asked for.
  yield* openStream(dataKey, store.read(name, start, end, signal, 'lent'), range, size)
}
