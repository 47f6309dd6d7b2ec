// The bytes of a stored version or part, read from where its pieces are: rows of the metadata store (small ones) and data of the locations.
// Encrypted ones are decrypted here, chunk by chunk: beyond this file bytes are plain.
import type { ByteSource } from '../base/byte-source.ts'
import { type DataKey, openBytes } from '../base/sealed-bytes.ts'
import { Failure } from '../domain/failure.ts'
import { type DataLocation, isInlineKey, isSealed, type SealedLocation } from '../domain/object-metadata.ts'
import type { DataStore, Lending } from './data-store.ts'
import { readSealed, type SealedData } from './sealed-data.ts'

/** Where pieces may be. */
export interface PiecePlaces {
  /** Null: the row is gone. */
  inlineData(dataKey: string): Promise<Uint8Array | null>
  /** By the name of their location. */
  readonly dataStores: ReadonlyMap<string, DataStore>
  /** The key of an encrypted piece. Rejects with a Failure where it cannot be had. */
  dataKey(piece: SealedLocation): Promise<DataKey>
}

/**
 * Streams [start, end) of what the pieces are together. Rejects with a Failure: `source-gone` when a piece is gone, `NoSuchDataStore` when its
 * location is not configured. `lent`: see DataStore.
 */
export async function* readPieces(
  places: PiecePlaces,
  pieces: readonly DataLocation[],
  start: number,
  end: number,
  signal?: AbortSignal,
  lent?: Lending,
): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    const from = Math.max(start, piece.start) - piece.start
    const to = Math.min(end, piece.start + piece.size) - piece.start
    if (from >= to) continue
    if (isInlineKey(piece.key)) yield (await inlinePiece(places, piece)).subarray(from, to)
    else if (isSealed(piece)) yield* readSealed(await sealedPiece(places, piece), { start: from, end: to }, signal)
    else yield* dataStoreOf(places, piece).read(piece.key, from, to, signal, lent)
  }
}

async function sealedPiece(places: PiecePlaces, piece: SealedLocation): Promise<SealedData> {
  const { key: name, size } = piece
  return { store: dataStoreOf(places, piece), name, size, dataKey: await places.dataKey(piece) }
}

async function fillSealed(
  places: PiecePlaces,
  piece: SealedLocation,
  start: number,
  target: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  let at = 0
  const range = { start, end: start + target.byteLength }
  for await (const chunk of readSealed(await sealedPiece(places, piece), range, signal)) {
    target.set(chunk, at)
    at += chunk.byteLength
  }
}

/** The pieces as a source of `size` bytes. Fails as `readPieces` does, and with `SourceDataDamaged` when there are fewer bytes. */
export function piecesSource(places: PiecePlaces, pieces: readonly DataLocation[], size: number): ByteSource {
  return {
    size,
    open: (start, end, signal) => readPieces(places, pieces, start, end, signal),
    async fill(target, start, signal) {
      let filled = 0
      for (const piece of pieces) {
        const from = Math.max(start, piece.start)
        const to = Math.min(start + target.byteLength, piece.start + piece.size)
        if (from >= to) continue
        filled += to - from
        const part = target.subarray(from - start, to - start)
        if (isInlineKey(piece.key)) {
          const bytes = (await inlinePiece(places, piece)).subarray(from - piece.start, to - piece.start)
          if (bytes.byteLength < part.byteLength) throw piecesMissing(part.byteLength, bytes.byteLength)
          part.set(bytes)
        } else if (isSealed(piece)) await fillSealed(places, piece, from - piece.start, part, signal)
        else await dataStoreOf(places, piece).readInto(piece.key, from - piece.start, part, signal)
      }
      // The rest would be bytes of whatever was in the memory before.
      if (filled !== target.byteLength) throw piecesMissing(target.byteLength, filled)
    },
  }
}

/** The bytes of a piece that lies in the metadata store. `stored`: as they lie there, where that is known already. */
export async function inlinePiece(
  places: Pick<PiecePlaces, 'inlineData' | 'dataKey'>,
  piece: DataLocation,
  stored?: Uint8Array,
): Promise<Uint8Array> {
  const bytes = stored ?? (await places.inlineData(piece.key))
  if (bytes !== null) return isSealed(piece) ? openBytes(await places.dataKey(piece), bytes) : bytes
  throw new Failure({ class: 'source-gone', code: 'NoSuchData', message: 'The bytes of the version are gone' })
}

function dataStoreOf({ dataStores }: PiecePlaces, piece: DataLocation): DataStore {
  const dataStore = dataStores.get(piece.dataStoreName)
  if (dataStore !== undefined) return dataStore
  const message = `The version's bytes are at ${piece.dataStoreName}, which is not configured`
  throw new Failure({ class: 'transient', code: 'NoSuchDataStore', message })
}

function piecesMissing(size: number, found: number): Failure {
  const message = `The pieces of the version have ${found} bytes of ${size}`
  return new Failure({ class: 'object', code: 'SourceDataDamaged', message })
}
