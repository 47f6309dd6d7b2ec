// Buckets as this thread last read them. Every request needs its bucket and hardly any changes one: the writer counts the commits that changed some
// bucket, before it answers them, in memory that all threads see, and what was read at another count is read again.
import type { Bucket } from '../../domain/bucket.ts'

/** Commits that changed some bucket, in memory that threads share. */
export type BucketChanges = SharedArrayBuffer

export function newBucketChanges(): BucketChanges {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
}

/** Called when a commit has changed a bucket, before anybody is told. */
export function countBucketChange(changes: BucketChanges): void {
  Atomics.add(new Int32Array(changes), 0, 1)
}

const bucketsMax = 1_000

/** `read` must see all that was committed before it is called. What is not there is not remembered: strangers choose the names. */
export function createBucketCache(
  changes: BucketChanges,
  read: (name: string) => Bucket | null,
): (name: string) => Bucket | null {
  const counter = new Int32Array(changes)
  const known = new Map<string, Bucket>()
  let knownAt = 0
  return name => {
    const count = Atomics.load(counter, 0)
    if (count !== knownAt || known.size >= bucketsMax) {
      known.clear()
      knownAt = count
    }
    const found = known.get(name)
    if (found !== undefined) return found
    const bucket = read(name)
    if (bucket !== null) known.set(name, bucket)
    return bucket
  }
}
