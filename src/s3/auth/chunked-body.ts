// Decodes aws-chunked bodies in all forms (signed chunks, signed chunks with a signed trailer, unsigned chunks with a trailer), piece by
// piece as they come off the socket. Data is handed on as views of the input; every chunk signature and the trailer signature is checked.
// Data of a chunk is handed on before its signature is known (chunks may be gigabytes): the caller keeps nothing unless end() returns.

import { createHasher, equalInConstantTime, type Hasher, hmacSha256Hex, sha256Hex } from '../../base/hash.ts'
import { serviceError } from '../../domain/errors.ts'
import { type ChunkSigning, emptySha256 } from './payload-declaration.ts'

export interface ChunkedBodyOptions {
  /** Set for signed chunks. */
  readonly signing?: ChunkSigning
  /** A trailer section follows the last chunk. */
  readonly trailer: boolean
  /** The one name of the trailer, in lower case; left out: the trailer has none. */
  readonly trailerName?: string
  /** x-amz-decoded-content-length: the sum of the chunk sizes must be exactly this. */
  readonly decodedLength: number
}

export interface ChunkedBody {
  /** Returns the data bytes found in `chunk`. Throws ServiceError: IncompleteBody, InvalidRequest, SignatureDoesNotMatch... */
  push(chunk: Buffer): readonly Buffer[]
  /** Ends the body; returns the trailer, names in lower case. Throws IncompleteBody when it is not complete. */
  end(): ReadonlyMap<string, string>
}

const headerLineMax = 1024
const trailerLineMax = 4096
/** Only the last chunk may be smaller. */
const chunkBytesMin = 8192
const nothing: readonly Buffer[] = []
const carriageReturn = 0x0d
const lineFeed = 0x0a

type State = 'header' | 'data' | 'data-end' | 'trailer' | 'done'

/** Starts a decoder. */
export function createChunkedBody(options: ChunkedBodyOptions): ChunkedBody {
  const decoder = new ChunkedDecoder(options)
  return { push: chunk => decoder.push(chunk), end: () => decoder.end() }
}

class ChunkedDecoder {
  readonly #options: ChunkedBodyOptions
  #state: State = 'header'
  /** Start of a line whose end has not come yet. */
  #partial: Buffer | undefined
  #remaining = 0
  #received = 0
  #chunks = 0
  #lastChunkSize = chunkBytesMin
  #lastChunk = false
  #hasher: Hasher | undefined
  #previousSignature: string
  #chunkSignature = ''
  readonly #trailer = new Map<string, string>()
  #trailerText = ''
  #trailerSignature: string | undefined
  #trailerPaused = false

  constructor(options: ChunkedBodyOptions) {
    this.#options = options
    this.#previousSignature = options.signing?.seedSignature ?? ''
  }

  push(chunk: Buffer): readonly Buffer[] {
    let out: Buffer[] | undefined
    let offset = 0
    while (offset < chunk.length) {
      if (this.#state === 'data') {
        const piece = chunk.subarray(offset, offset + this.#remaining)
        offset += piece.length
        const wanted = this.#withinLength(piece)
        this.#takeData(piece)
        if (out === undefined) out = [wanted]
        else out.push(wanted)
        continue
      }
      if (this.#state === 'done') {
        // Some clients end the body with an empty line too many.
        if (/^[\r\n]{0,2}$/.test(chunk.toString('latin1', offset))) return out ?? nothing
        throw serviceError('InvalidRequest', { message: 'The body goes on after the end of its chunks.' })
      }
      const lineEnd = chunk.indexOf(lineFeed, offset)
      const end = lineEnd < 0 ? chunk.length : lineEnd + 1
      const line = this.#takeLine(chunk.subarray(offset, end), lineEnd >= 0)
      offset = end
      if (line !== undefined) this.#readLine(line)
    }
    return out ?? nothing
  }

  end(): ReadonlyMap<string, string> {
    const cleanEnd = this.#partial === undefined && this.#lastChunk
    // Some clients leave out the last empty line after the last chunk.
    if (this.#state === 'data-end' && cleanEnd && !this.#options.trailer) this.#state = 'done'
    if (this.#state !== 'done') throw incomplete()
    if (this.#received !== this.#options.decodedLength) throw lengthMismatch()
    return this.#trailer
  }

  /** Bytes beyond the declared length are nobody's: the body is refused at the end of their chunk. */
  #withinLength(piece: Buffer): Buffer {
    const taken = this.#received - this.#remaining
    return piece.subarray(0, Math.max(0, this.#options.decodedLength - taken))
  }

  #takeData(piece: Buffer): void {
    this.#remaining -= piece.length
    this.#hasher?.update(piece)
    if (this.#remaining > 0) return
    this.#checkChunkSignature()
    this.#state = 'data-end'
  }

  /** Joins the pieces of a line; undefined until it is whole. The result has no line end. */
  #takeLine(piece: Buffer, whole: boolean): string | undefined {
    const max = this.#state === 'trailer' ? trailerLineMax : headerLineMax
    const line = this.#partial === undefined ? piece : Buffer.concat([this.#partial, piece])
    if (line.length > max) throw incomplete()
    if (!whole) {
      this.#partial = line
      return undefined
    }
    this.#partial = undefined
    if (line[line.length - 2] === carriageReturn) return line.toString('latin1', 0, line.length - 2)
    // A trailer's lines may end in a bare line feed: that is how S3 wants them signed, and some clients send them so.
    if (this.#state !== 'trailer') throw incomplete()
    return line.toString('latin1', 0, line.length - 1)
  }

  #readLine(line: string): void {
    switch (this.#state) {
      case 'header':
        this.#readChunkHeader(line)
        return
      case 'data-end':
        if (line !== '') throw incomplete()
        if (this.#received > this.#options.decodedLength) throw lengthMismatch()
        this.#state = this.#lastChunk ? 'done' : 'header'
        return
      default:
        this.#readTrailerLine(line)
    }
  }

  #readChunkHeader(line: string): void {
    const parts = /^([0-9a-fA-F]{1,13})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line)
    const size = Number.parseInt(parts?.[1] ?? '', 16)
    const signature = parts?.[2]
    const { signing, trailer } = this.#options
    if (parts === null || Number.isNaN(size)) throw incomplete()
    if ((signature === undefined) !== (signing === undefined)) throw incomplete()
    this.#checkChunkSize(size)
    this.#received += size
    this.#chunkSignature = signature ?? ''
    this.#remaining = size
    this.#hasher = signing === undefined || size === 0 ? undefined : createHasher('SHA256')
    if (size > 0) {
      this.#state = 'data'
      return
    }
    this.#lastChunk = true
    this.#checkChunkSignature()
    // Without a trailer an empty line ends the body; with one, its lines follow at once and an empty line ends them.
    this.#state = trailer ? 'trailer' : 'data-end'
  }

  #checkChunkSize(size: number): void {
    if (size > 0 && this.#lastChunkSize < chunkBytesMin) {
      throw serviceError('InvalidChunkSizeError', {
        details: { Chunk: String(this.#chunks), BadChunkSize: String(this.#lastChunkSize) },
      })
    }
    this.#chunks += 1
    this.#lastChunkSize = size
  }

  #checkChunkSignature(): void {
    const { signing } = this.#options
    if (signing === undefined) return
    const dataHash = this.#hasher?.digest().toString('hex') ?? emptySha256
    this.#hasher = undefined
    const text =
      `AWS4-HMAC-SHA256-PAYLOAD\n${signing.amzDate}\n${signing.scope}\n` +
      `${this.#previousSignature}\n${emptySha256}\n${dataHash}`
    this.#checkSignature(signing, text, this.#chunkSignature)
  }

  #checkSignature(signing: ChunkSigning, text: string, given: string): void {
    const expected = hmacSha256Hex(signing.signingKey, text)
    if (!equalInConstantTime(expected, given)) {
      throw serviceError('SignatureDoesNotMatch', { details: { StringToSign: text, SignatureProvided: given } })
    }
    this.#previousSignature = expected
  }

  #readTrailerLine(line: string): void {
    if (line === '') {
      // In S3's own examples an empty line parts the trailer from its signature.
      const signatureDue = this.#options.signing !== undefined && this.#trailerSignature === undefined
      if (signatureDue && !this.#trailerPaused) this.#trailerPaused = true
      else this.#finishTrailer()
      return
    }
    const colon = line.indexOf(':')
    if (colon <= 0) throw malformedTrailer()
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) throw malformedTrailer()
    if (this.#trailerSignature !== undefined) throw incomplete()
    if (name === 'x-amz-trailer-signature') this.#trailerSignature = value
    else {
      // More than one line can only be a broken one: every trailer has at most one.
      if (this.#trailer.size > 0) throw this.#options.signing === undefined ? malformedTrailer() : incomplete()
      this.#trailer.set(name, value)
      this.#trailerText += `${name}:${value}\n`
    }
  }

  #finishTrailer(): void {
    const { signing, trailerName } = this.#options
    const signature = this.#trailerSignature
    if (signing !== undefined && !/^[0-9a-f]{64}$/.test(signature ?? '')) throw incomplete()
    const [name] = this.#trailer.keys()
    if (name !== trailerName || (signing === undefined && signature !== undefined)) throw malformedTrailer()
    if (signing !== undefined) {
      const hash = sha256Hex(Buffer.from(this.#trailerText, 'latin1'))
      const text = `AWS4-HMAC-SHA256-TRAILER\n${signing.amzDate}\n${signing.scope}\n${this.#previousSignature}\n${hash}`
      this.#checkSignature(signing, text, signature ?? '')
    }
    this.#state = 'done'
  }
}

function incomplete(): Error {
  return serviceError('IncompleteBody', { message: 'The request body terminated unexpectedly' })
}

function lengthMismatch(): Error {
  return serviceError('IncompleteBody')
}

function malformedTrailer(): Error {
  return serviceError('MalformedTrailerError')
}
