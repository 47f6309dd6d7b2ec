// The parts a stored version was made of, told from the pieces of its data: readers count them from one, whatever numbers they were sent under.
import type { DataLocation, VersionRecord } from '../../domain/object-metadata.ts'

export interface StoredPart {
  readonly start: number
  readonly size: number
}

function partNumberOf(piece: DataLocation): number {
  return Number.parseInt(piece.dataStoreETag, 10)
}

/** Null for a version that was written as one. */
export function storedParts({ metadata }: VersionRecord): readonly StoredPart[] | null {
  if (!metadata['content-md5'].includes('-')) return null
  const byNumber = Map.groupBy(metadata.location ?? [], partNumberOf)
  return [...byNumber.values()].map(pieces => ({
    start: pieces[0]?.start ?? 0,
    size: pieces.reduce((sum, piece) => sum + piece.size, 0),
  }))
}
