// Decodes aws-chunked bodies in all forms (signed chunks, signed chunks with a signed trailer, unsigned chunks with a trailer), piece by
// piece as they come off the socket. Data is handed on as views of the input; every chunk signature and the trailer signature is checked.

import type { ChunkSigning } from './payload-declaration.ts'

export interface ChunkedBodyOptions {
  /** Set for signed chunks. */
  readonly signing?: ChunkSigning
  /** A trailer section follows the last chunk. */
  readonly trailer: boolean
  /** x-amz-decoded-content-length: the sum of the chunk sizes must be exactly this. */
  readonly decodedLength: number
}

export interface ChunkedBody {
  /** Returns the data bytes found in `chunk`. Throws ServiceError: IncompleteBody, InvalidRequest, SignatureDoesNotMatch... */
  push(chunk: Buffer): readonly Buffer[]
  /** Ends the body; returns the trailer, names in lower case. Throws IncompleteBody when it is not complete. */
  end(): ReadonlyMap<string, string>
}

export function createChunkedBody(options: ChunkedBodyOptions): ChunkedBody {
  void options
  throw new Error('not written yet')
}
