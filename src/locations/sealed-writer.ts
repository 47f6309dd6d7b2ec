// A data store's writer whose bytes are encrypted on the way in: what reaches the store is never plain.
import { createSealer, type DataKey, sealedSize } from '../base/sealed-bytes.ts'
import type { DataStore, DataWriter } from './data-store.ts'

/** As `store.create`, for plain bytes that are to lie under this key. */
export function createSealedWriter(store: DataStore, key: DataKey, expectedBytes: number | undefined): DataWriter {
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
