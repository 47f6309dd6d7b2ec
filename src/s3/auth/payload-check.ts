// Reads a request body once: undoes aws-chunked framing, computes every digest that is needed and compares it with what the request
// declared. The caller pushes the bytes as they come off the socket and stores what it gets back; until end() has returned, nothing of it
// may become visible.

import type { ChecksumAlgorithm } from '../../base/hash.ts'
import type { HeaderMap } from '../request-head.ts'
import type { PayloadDeclaration } from './payload-declaration.ts'

export interface PayloadChecksum {
  readonly algorithm: ChecksumAlgorithm
  /** Base64, big-endian. */
  readonly value: string
  readonly type: 'FULL_OBJECT'
}

/** What is known of a body that was read to its end and matched everything declared about it. */
export interface PayloadFacts {
  readonly size: number
  /** Lower-case hex; the ETag of a single PUT. */
  readonly md5Hex: string
  /** Base64, big-endian; always computed, kept by the store. */
  readonly crc32: string
  /** The checksum the client asked for or sent. */
  readonly checksum?: PayloadChecksum
}

export interface PayloadOptions {
  /**
   * How to read Content-MD5: 'base64' is S3's form; 'hex' also takes 32 hex digits, as Backbeat sends to /_/backbeat; 'ignore' skips it.
   */
  readonly contentMd5?: 'base64' | 'hex' | 'ignore'
}

export interface PayloadCheck {
  /** Bytes the object will have; undefined when neither content-length nor x-amz-decoded-content-length says. */
  readonly decodedLength: number | undefined
  /** Takes bytes off the socket; returns the object bytes in them (views of `chunk`, no copies). Throws ServiceError. */
  push(chunk: Buffer): readonly Buffer[]
  /** Ends the body. Throws ServiceError when it was cut off or does not match. */
  end(): PayloadFacts
}

/**
 * Starts reading a body. Throws at once, before any byte, for headers that contradict each other or do not parse: InvalidDigest,
 * InvalidRequest, MissingContentLength.
 */
export function openPayload(
  declaration: PayloadDeclaration,
  headers: HeaderMap,
  options: PayloadOptions = {},
): PayloadCheck {
  void declaration
  void headers
  void options
  throw new Error('not written yet')
}
