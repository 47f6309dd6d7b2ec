// The hashes of a body while it is read. One that comes in a single piece, as small ones do, is hashed at once: a running hash costs as much as the
// hashing of some kilobytes.
import { type ChecksumAlgorithm, createHasher, digestOf, type Hasher } from '../../base/hash.ts'

export interface BodyHashes {
  /** `isWhole`: there is no other piece. */
  take(piece: Uint8Array, isWhole: boolean): void
  /** In the order of the algorithms; call it once, nothing after it. */
  digests(): readonly Buffer[]
}

const nothing = new Uint8Array(0)

export function createBodyHashes(algorithms: readonly ChecksumAlgorithm[]): BodyHashes {
  let running: readonly Hasher[] | undefined
  let done: readonly Buffer[] | undefined
  const atOnce = (bytes: Uint8Array): readonly Buffer[] => algorithms.map(algorithm => digestOf(algorithm, bytes))
  return {
    take(piece, isWhole) {
      if (isWhole && running === undefined) {
        done = atOnce(piece)
        return
      }
      running ??= algorithms.map(algorithm => createHasher(algorithm))
      for (const hasher of running) hasher.update(piece)
    },
    digests: () => done ?? running?.map(hasher => hasher.digest()) ?? atOnce(nothing),
  }
}
