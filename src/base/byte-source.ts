// Bytes that can be read again from any offset: what a location writes and a retry re-reads. Never holds the bytes itself unless they are small.

/** A readable range of known length. `open` may be called many times; each stream honours backpressure and fails if bytes are missing. */
export interface ByteSource {
  readonly size: number
  /** Streams bytes [start, end) of this source, in chunks of at most 256 KiB. */
  open(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /** All bytes, when they are already in memory (small objects); then no stream is needed. */
  readonly bytes?: Uint8Array
  /** Fills `target` with the bytes from `start` on, where that is cheaper than a stream; rejects if there are fewer. */
  readonly fill?: (target: Uint8Array, start: number, signal?: AbortSignal) => Promise<void>
}

/** A source over bytes in memory. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.byteLength,
    bytes,
    async *open(start, end) {
      if (end > start) yield bytes.subarray(start, end)
    },
  }
}

/** The part [start, end) of a source as a source of its own. */
export function sliceSource(source: ByteSource, start: number, end: number): ByteSource {
  const { fill } = source
  const slice: ByteSource = {
    size: end - start,
    open: (from, to, signal) => source.open(start + from, start + to, signal),
    ...(fill && { fill: (target, from, signal) => fill(target, start + from, signal) }),
  }
  return source.bytes === undefined ? slice : { ...slice, bytes: source.bytes.subarray(start, end) }
}

/**
 * Waits for the first piece of a stream, so that a failure shows before an answer begins; gives the whole stream. It must be read to its end or
 * left by `return`, which also closes a stream that nobody has begun to read.
 */
export async function begun(chunks: AsyncIterable<Uint8Array>): Promise<AsyncIterableIterator<Uint8Array>> {
  const iterator = chunks[Symbol.asyncIterator]()
  let first: IteratorResult<Uint8Array> | null = await iterator.next()
  const stream: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => stream,
    next() {
      if (first === null) return iterator.next()
      const result = first
      first = null
      return Promise.resolve(result)
    },
    async return() {
      first = null
      await iterator.return?.()
      return { done: true, value: undefined }
    },
  }
  return stream
}

/** The beginning of a stream that may be longer than anybody wants it: stops reading when more than `bytesMax` have come. */
export async function collectUpTo(stream: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > bytesMax) break
  }
  return Buffer.concat(chunks)
}
