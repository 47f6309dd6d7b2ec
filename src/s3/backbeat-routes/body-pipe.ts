// From a request body that pushes to a destination that pulls, with backpressure, and with the newest piece held back until the whole body is
// known to be right: a body that turns out wrong never reaches the destination whole.
import type { ByteSource } from '../../base/byte-source.ts'
import { Failure } from '../../domain/failure.ts'
import type { BodySink } from '../call.ts'

/** Bytes that may wait for the destination before the sender is asked to wait. */
const windowBytes = 512 * 1024

/** Lives from the first byte of a body until its write has ended. Can be read once, from its start to its end. */
export class BodyPipe implements BodySink, ByteSource {
  readonly size: number
  readonly #queue: Buffer[] = []
  #queued = 0
  #state: 'open' | 'ended' | 'failed' | 'abandoned' = 'open'
  #failure: unknown
  #opened = false
  #wakeReader: () => void = () => {}
  #roomWaiters: (() => void)[] = []

  constructor(size: number) {
    this.size = size
  }

  /** Why the body broke; undefined if it did not, or only because nobody read it any more. */
  get failure(): unknown {
    return this.#failure
  }

  take(piece: Buffer): Promise<void> | undefined {
    // What comes after the write has ended is of no use to anybody; the server bounds how much of it is read.
    if (this.#state !== 'open') return undefined
    this.#queue.push(piece)
    this.#queued += piece.length
    this.#wakeReader()
    return this.#queued > windowBytes ? new Promise(resolve => this.#roomWaiters.push(resolve)) : undefined
  }

  /** All bytes have come and are right. */
  end(): void {
    this.#become('ended')
  }

  fail(error: unknown): void {
    if (this.#state === 'open') this.#failure = error
    this.#become('failed')
  }

  /** Nobody reads any more. */
  abandon(): void {
    this.#become('abandoned')
  }

  open(start: number, end: number): AsyncIterable<Uint8Array> {
    if (this.#opened || start !== 0 || end !== this.size) {
      const message = 'The body of the request can be read only once'
      throw new Failure({ class: 'transient', code: 'BodyNotRepeatable', message })
    }
    this.#opened = true
    return this.#read()
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    let held: Buffer | undefined
    for (;;) {
      while (this.#queue.length === 0 && this.#state === 'open') {
        await new Promise<void>(resolve => {
          this.#wakeReader = resolve
        })
      }
      if (this.#state === 'failed') throw this.#failure
      const piece = this.#queue.shift()
      if (piece === undefined) break
      this.#queued -= piece.length
      this.#changed()
      if (held !== undefined) yield held
      held = piece
    }
    if (this.#state === 'abandoned') return
    if (held !== undefined) yield held
  }

  #become(state: 'ended' | 'failed' | 'abandoned'): void {
    if (this.#state === 'open') this.#state = state
    this.#changed()
  }

  #changed(): void {
    this.#wakeReader()
    if (this.#state === 'open' && this.#queued > windowBytes) return
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const resolve of waiters) resolve()
  }
}
