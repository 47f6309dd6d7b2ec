// PORT: where the S3 front end keeps the bytes of objects it accepts (a location that holds buckets' data): written once, durable before they
// are referenced, read by range, removed through the garbage table. Data names (data-name.ts) begin with the writer's epoch, so that a sweep
// can tell orphans of dead processes from writes that are still under way.

export interface DataWriter {
  /** Name under which the finished data will be found. */
  readonly key: string
  /** Takes a chunk; the promise is the backpressure. `given`: nobody else will look at it any more, its memory may be freed once it is written. */
  write(chunk: Uint8Array, given?: 'given'): Promise<void>
  /** Makes everything durable, under its final name. Only then may it be referenced. */
  finish(): Promise<void>
  /** Gives up and removes what was written. */
  discard(): Promise<void>
}

/**
 * Sends bytes of a file of the system to where the chunks of a stream go, after the chunks so far; returns how many. 0: none can be sent so now.
 * Only for a stream whose chunks have arrived there when the next is asked for.
 */
export type SendFrom = (file: number, position: number, count: number) => Promise<number>

/** A chunk is good until the next is asked for or the stream is left; then its memory may be used again. With a function: parts may be sent by it instead. */
export type Lending = 'lent' | SendFrom

export interface DataStore {
  /** Name of the location. */
  readonly name: string
  /** Type of the location, as the metadata of objects names it: `file`, `aws_s3`. */
  readonly type: string
  /** `expectedBytes`: how many will be written, where that is known; never fewer than are. */
  create(expectedBytes?: number): DataWriter
  /**
   * Streams [start, end), chunks of at most 256 KiB (lent: 2 MiB); rejects with Failure('source-gone') only when the data is known to be missing.
   */
  read(dataKey: string, start: number, end: number, signal?: AbortSignal, lent?: Lending): AsyncIterable<Uint8Array>
  /** Fills `target` with the bytes from `start` on; rejects as `read` does. */
  readInto(dataKey: string, start: number, target: Uint8Array, signal?: AbortSignal): Promise<void>
  /** Keeps data for who is about to read it, even if it is removed meanwhile; returns how to let it go. Left out where nothing is removed. */
  hold?(dataKeys: readonly string[]): () => void
  /** Absent is success. What is held goes when it is let go. */
  remove(dataKey: string): Promise<void>
  /**
   * Names of data written by epochs before this process's or by other threads of it, and what they left unfinished, which `remove` removes, too (to
   * be checked for whether their writer has ended, and for references).
   */
  orphanCandidates(): AsyncIterable<string>
  close(): Promise<void>
}
