// A form on its way in: its fields, then its file, read off the request's body one after the other. The file waits (and its sender with it) until
// it is asked for, so that a policy is checked before a byte is stored.
import { serviceError } from '../../domain/errors.ts'
import type { PayloadCheck, PayloadFacts } from '../auth/payload-check.ts'
import type { BodySink, RequestBody } from '../call.ts'
import { createFormReader, type FormEvent, type FormReader } from './form-data.ts'

/** Sizes a file may have. */
export interface SizeRange {
  readonly min: number
  readonly max: number
}

export class FormUpload {
  /** Values of repeated fields are joined with commas. */
  readonly fields = new Map<string, string>()
  filename = ''
  readonly #reader: FormReader
  readonly #heldMax: number
  readonly #begun = Promise.withResolvers<void>()
  readonly #held = Promise.withResolvers<void>()
  readonly #whole: Promise<unknown>
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #gate: PromiseWithResolvers<void> | undefined
  #sink: ((bytes: Buffer) => Promise<void> | undefined) | undefined
  #ended = false
  #closed = false

  /** Begins to read. Up to `heldMax` bytes of the file are held before its sender has to wait. */
  constructor(body: RequestBody, boundary: string, heldMax: number) {
    this.#reader = createFormReader(boundary)
    this.#heldMax = heldMax
    this.#whole = body.receive(asItComes, { take: piece => this.#take(piece) }).then(() => this.#checkEnd())
    for (const promise of [this.#begun.promise, this.#held.promise, this.#whole]) promise.catch(() => undefined)
    this.#whole.catch(error => {
      this.#begun.reject(error)
      this.#held.reject(error)
    })
  }

  /** Resolves when all fields before the file are here. Rejects with what is wrong with the form, or its connection. */
  begun(): Promise<void> {
    return this.#begun.promise
  }

  /** The size of a file that is small enough to be held; undefined for a larger one. */
  async smallSize(): Promise<number | undefined> {
    await this.#held.promise
    return this.#ended ? this.#waitingBytes : undefined
  }

  /** The file as the body of a request. Throws EntityTooLarge, EntityTooSmall, and what the check and the sink throw. */
  file(range: SizeRange): RequestBody {
    return { isUnmeasured: true, receive: (check, sink) => this.#receive(check, sink, range) }
  }

  /** What is still to come is nobody's. */
  close(): void {
    this.#closed = true
    this.#waiting = []
    this.#gate?.resolve()
  }

  async #receive(check: PayloadCheck, sink: BodySink, range: SizeRange): Promise<PayloadFacts> {
    let size = 0
    const pass = (bytes: Buffer): Promise<void> | undefined => {
      size += bytes.length
      if (size > range.max) throw tooLarge(size, range.max)
      let wait: Promise<void> | undefined
      for (const piece of check.push(bytes)) wait = sink.take(piece) ?? wait
      return wait
    }
    // Bytes may still arrive while those before them are handed on.
    for (let bytes = this.#waiting.shift(); bytes !== undefined; bytes = this.#waiting.shift()) await pass(bytes)
    this.#sink = pass
    this.#gate?.resolve()
    await this.#whole
    if (size < range.min) throw tooSmall(size, range.min)
    return check.end()
  }

  #take(piece: Buffer): Promise<void> | undefined {
    if (this.#closed) return undefined
    let wait: Promise<void> | undefined
    for (const event of this.#reader.push(piece)) wait = this.#accept(event) ?? wait
    if (this.#sink !== undefined || this.#ended || this.#waitingBytes <= this.#heldMax) return wait
    this.#held.resolve()
    this.#gate ??= Promise.withResolvers()
    return this.#gate.promise
  }

  #accept(event: FormEvent): Promise<void> | undefined {
    switch (event.kind) {
      case 'field': {
        const earlier = this.fields.get(event.name)
        this.fields.set(event.name, earlier === undefined ? event.value : `${earlier},${event.value}`)
        return undefined
      }
      case 'file':
        this.filename = event.filename
        this.#begun.resolve()
        return undefined
      case 'data':
        if (this.#sink !== undefined) return this.#sink(event.bytes)
        this.#waiting.push(event.bytes)
        this.#waitingBytes += event.bytes.length
        return undefined
      case 'file-end':
        this.#ended = true
        this.#held.resolve()
        return undefined
    }
  }

  #checkEnd(): void {
    if (this.#ended || this.#closed) return
    throw this.#reader.hasFile() ? serviceError('MalformedPOSTRequest') : noFile()
  }
}

const noFacts: PayloadFacts = { size: 0, md5Hex: '', crc32: '' }

/** Nothing vouches for a form as a whole. */
const asItComes: PayloadCheck = { decodedLength: undefined, push: chunk => [chunk], end: () => noFacts }

function noFile(): Error {
  return serviceError('InvalidArgument', {
    message: 'POST requires exactly one file upload per request.',
    details: { ArgumentName: 'file', ArgumentValue: '0' },
  })
}

export function tooLarge(size: number, max: number): Error {
  return serviceError('EntityTooLarge', { details: { ProposedSize: String(size), MaxSizeAllowed: String(max) } })
}

export function tooSmall(size: number, min: number): Error {
  return serviceError('EntityTooSmall', { details: { ProposedSize: String(size), MinSizeAllowed: String(min) } })
}
