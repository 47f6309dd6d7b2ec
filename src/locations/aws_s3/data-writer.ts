// Writes one piece of source data: up to a part's size it is one PUT, beyond that an upload whose parts are sent while the next one fills. What
// is in memory is counted against the budget of the store before it is filled. Nothing is seen under the name until finish() has resolved.
import type { Hold } from '../../base/bounded.ts'
import type { PooledBuffer } from '../../base/buffer-pool.ts'
import { bytesSource } from '../../base/byte-source.ts'
import { md5Hex } from '../../base/hash.ts'
import { Failure } from '../../domain/failure.ts'
import { hexCrc32 } from '../checked-body.ts'
import { failureOf } from '../cloud-failure.ts'
import type { DataWriter } from '../data-store.ts'
import type { CompletedPart, ObjectAttributes } from '../location.ts'
import { eraseObject, keyOf, type SourceBucket, withinTime } from './source-bucket.ts'

export interface DataWriterOptions {
  readonly bucket: SourceBucket
  readonly dataName: string
  readonly expectedBytes: number | undefined
  /** Called once before anything is sent. */
  readonly begin: () => Promise<void>
  /** Removes what may be left under the key, now or when the location can be reached again; `late`: also what may still arrive. */
  readonly cleanUp: (key: string, late: boolean) => Promise<void>
}

/** A buffer on loan, filled from the start. */
interface Filling {
  readonly hold: Hold
  readonly buffer: PooledBuffer
  filled: number
}

/** Parts that are on their way while another fills. */
const partsOnTheirWay = 1
const plain: ObjectAttributes = { userMetadata: {}, markers: {}, tags: {} }

export function createDataWriter(options: DataWriterOptions): DataWriter {
  const upload = new DataUpload(options)
  return {
    key: options.dataName,
    write: chunk => upload.write(chunk),
    finish: () => upload.finish(),
    discard: () => upload.discard(),
  }
}

class DataUpload {
  readonly #options: DataWriterOptions
  readonly #key: string
  readonly #giveUp = new AbortController()
  readonly #sending = new Set<Promise<void>>()
  readonly #parts: CompletedPart[] = []
  #filling: Filling | undefined
  #uploadId: string | undefined
  #written = 0
  #sent = 0
  #failure: { readonly error: unknown } | undefined
  /** sending: something of it may be at the location. */
  #state: 'filling' | 'sending' | 'finished' = 'filling'
  #late = false

  constructor(options: DataWriterOptions) {
    this.#options = options
    this.#key = keyOf(options.dataName)
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength; ) {
      this.#throwFailure()
      const filling = await this.#filled()
      const { bytes } = filling.buffer
      const piece = chunk.subarray(at, at + bytes.byteLength - filling.filled)
      bytes.set(piece, filling.filled)
      filling.filled += piece.byteLength
      this.#written += piece.byteLength
      at += piece.byteLength
    }
  }

  async finish(): Promise<void> {
    try {
      this.#throwFailure()
      if (this.#uploadId === undefined) await this.#put()
      else await this.#complete(this.#uploadId)
      this.#state = 'finished'
    } catch (error) {
      await this.discard()
      throw error
    }
  }

  async discard(): Promise<void> {
    this.#giveUp.abort(new Error('the write was given up'))
    await Promise.all(this.#sending)
    this.#letGo(this.#filling)
    const { bucket, cleanUp } = this.#options
    const state = this.#state
    this.#state = 'filling'
    if (state === 'filling') return
    const cleared = state === 'finished' && (await succeeds(eraseObject(bucket, this.#key)))
    if (cleared) return
    const cleaning = cleanUp(this.#key, this.#late)
    // Where a request was lost the next one may be, too: nobody waits for that.
    if (!this.#late) await cleaning
  }

  /** A buffer with room in it. */
  async #filled(): Promise<Filling> {
    const current = this.#filling
    if (current !== undefined && current.filled < current.buffer.bytes.byteLength) return current
    const { bucket, expectedBytes = Number.POSITIVE_INFINITY } = this.#options
    if (current !== undefined) await this.#sendPart(current)
    // What is on its way needs nobody's help to arrive, so waiting here for others' bytes ends.
    const left = expectedBytes - this.#written
    const size = left > 0 ? Math.min(bucket.partBytes, left) : bucket.partBytes
    const hold = await bucket.budget.acquire(size, this.#giveUp.signal)
    this.#filling = { hold, buffer: bucket.pool.take(size), filled: 0 }
    return this.#filling
  }

  async #sendPart(full: Filling): Promise<void> {
    const uploadId = this.#uploadId ?? (await this.#initiate())
    this.#uploadId = uploadId
    this.#filling = undefined
    this.#sent += 1
    const partNumber = this.#sent
    const sending = this.#putPart(uploadId, partNumber, full)
      .catch(error => {
        this.#failure ??= { error }
      })
      .finally(() => {
        this.#sending.delete(sending)
        full.hold.release()
      })
    this.#sending.add(sending)
    while (this.#sending.size > partsOnTheirWay) await Promise.race(this.#sending)
    this.#throwFailure()
  }

  async #initiate(): Promise<string> {
    await this.#options.begin()
    this.#state = 'sending'
    const { location } = this.#options.bucket
    return this.#request(context => location.initiateUpload(this.#key, plain, context))
  }

  async #putPart(uploadId: string, partNumber: number, full: Filling): Promise<void> {
    const bytes = full.buffer.bytes.subarray(0, full.filled)
    const crc32 = hexCrc32(bytes)
    const { location } = this.#options.bucket
    const { etag } = await this.#request(context =>
      location.putPart(this.#key, uploadId, partNumber, bytesSource(bytes), { crc32 }, context),
    )
    // After a failure a broken connection may still read from it.
    full.buffer.release()
    this.#parts.push({ partNumber, etag, size: bytes.byteLength, crc32 })
  }

  async #put(): Promise<void> {
    const filling = this.#filling
    const bytes = filling === undefined ? new Uint8Array(0) : filling.buffer.bytes.subarray(0, filling.filled)
    await this.#options.begin()
    this.#state = 'sending'
    const checksums = { crc32: hexCrc32(bytes), md5: md5Hex(bytes) }
    const { location } = this.#options.bucket
    await this.#request(context => location.put(this.#key, bytesSource(bytes), checksums, plain, context))
    filling?.buffer.release()
    this.#letGo(filling)
  }

  async #complete(uploadId: string): Promise<void> {
    if (this.#filling !== undefined) await this.#sendPart(this.#filling)
    await Promise.all(this.#sending)
    this.#throwFailure()
    const parts = this.#parts.toSorted((left, right) => left.partNumber - right.partNumber)
    const { location } = this.#options.bucket
    await this.#request(context => location.completeUpload(this.#key, uploadId, parts, plain, context))
  }

  async #request<Result>(run: (context: { readonly signal: AbortSignal }) => Promise<Result>): Promise<Result> {
    try {
      return await withinTime(this.#options.bucket, this.#giveUp.signal, run)
    } catch (error) {
      if (error instanceof Failure && error.facts.outcomeUnknown === true) this.#late = true
      throw writingFailure(error)
    }
  }

  #letGo(filling: Filling | undefined): void {
    filling?.hold.release()
    if (filling === this.#filling) this.#filling = undefined
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

async function succeeds(work: Promise<void>): Promise<boolean> {
  try {
    await work
    return true
  } catch {
    return false
  }
}

/** The words of a location that took too long: the one who gave it up was the clock. */
function writingFailure(error: unknown): unknown {
  if (!(error instanceof Failure) || error.facts.code !== 'Aborted') return error
  return failureOf('transient', 'RequestTimeout', 'The location did not answer in time', { outcomeUnknown: true })
}
