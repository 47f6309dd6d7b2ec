// Buffers that are used again: a transfer of a megabyte must not cost the allocator and the garbage collector a megabyte each time. Keeps a
// bounded number of bytes; what is taken beyond it is simply left to the garbage collector.

export interface PooledBuffer {
  /** Exactly as long as was asked for; what it holds is whatever was there before. */
  readonly bytes: Uint8Array
  /** Gives the buffer back: nobody may read or write it afterwards. Twice does nothing. */
  release(): void
}

export interface BufferPool {
  take(size: number): PooledBuffer
}

const smallestClass = 64 * 1024

/** A pool that keeps at most `keptBytesMax` bytes of free buffers, in sizes that are powers of two. */
export function createBufferPool(keptBytesMax: number): BufferPool {
  const free = new Map<number, Buffer[]>()
  let kept = 0
  return {
    take(size) {
      const capacity = capacityOf(size)
      const found = free.get(capacity)?.pop()
      if (found !== undefined) kept -= capacity
      const buffer = found ?? Buffer.allocUnsafeSlow(capacity)
      let released = false
      return {
        bytes: buffer.subarray(0, size),
        release() {
          if (released) return
          released = true
          if (kept + capacity > keptBytesMax) return
          kept += capacity
          const list = free.get(capacity)
          if (list === undefined) free.set(capacity, [buffer])
          else list.push(buffer)
        },
      }
    },
  }
}

function capacityOf(size: number): number {
  let capacity = smallestClass
  while (capacity < size) capacity *= 2
  return capacity
}
