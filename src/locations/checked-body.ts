// Bytes on their way into a request body, checked against what was known of them before they left: a body that turns out shorter or
// different never gets its last chunk, so the other side can not take it for whole.
import { crc32 as crc32Of } from 'node:zlib'
import type { ByteSource } from '../base/byte-source.ts'
import { createHasher, md5Hex } from '../base/hash.ts'
import { failureOf } from './cloud-failure.ts'
import type { KnownChecksums } from './location.ts'

/** 8 hex digits. */
export function hexCrc32(bytes: Uint8Array): string {
  return (crc32Of(bytes) >>> 0).toString(16).padStart(8, '0')
}

/** Hex digits as base64, the form of checksums in headers. */
export function hexToBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}

export function base64ToHex(text: string): string {
  return Buffer.from(text, 'base64').toString('hex')
}

/** Reads the source once for its CRC32 and, if asked for, its MD5. */
export async function digestSource(
  source: ByteSource,
  want: { readonly md5: boolean },
  signal?: AbortSignal,
): Promise<{ readonly crc32: string; readonly md5?: string }> {
  if (source.bytes !== undefined) {
    const crc32 = hexCrc32(source.bytes)
    return want.md5 ? { crc32, md5: md5Hex(source.bytes) } : { crc32 }
  }
  let crc = 0
  const md5 = want.md5 ? createHasher('MD5') : undefined
  try {
    for await (const chunk of source.open(0, source.size, signal)) {
      crc = crc32Of(chunk, crc)
      md5?.update(chunk)
    }
  } catch (error) {
    throw signal?.aborted ? failureOf('transient', 'Aborted', 'The request was given up') : error
  }
  const crc32 = (crc >>> 0).toString(16).padStart(8, '0')
  return md5 === undefined ? { crc32 } : { crc32, md5: md5.digest().toString('hex') }
}

/**
 * The bytes of a source as a request body: the bytes themselves if they are in memory, else a stream that throws
 * Failure(transient, ChecksumMismatch) if its bytes are not those that `known.crc32` was computed over. Bytes in memory are not hashed again
 * here: `known` travels with them, and what the location confirms is compared with it.
 */
export function requestBody(
  source: ByteSource,
  known: KnownChecksums,
  signal?: AbortSignal,
): Uint8Array | AsyncIterable<Uint8Array> {
  if (source.bytes === undefined) return checkedStream(source, known.crc32, signal)
  if (source.bytes.byteLength !== source.size) throw incomplete(source.bytes.byteLength, source.size)
  return source.bytes
}

async function* checkedStream(
  source: ByteSource,
  crc32: string | undefined,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  let crc = 0
  let size = 0
  // The newest chunk is held back until it is known not to be the last, or that all is well.
  let held: Uint8Array | undefined
  for await (const chunk of source.open(0, source.size, signal)) {
    if (chunk.byteLength === 0) continue
    if (held !== undefined) yield held
    if (crc32 !== undefined) crc = crc32Of(chunk, crc)
    size += chunk.byteLength
    held = chunk
  }
  if (size !== source.size) throw incomplete(size, source.size)
  if (crc32 !== undefined && (crc >>> 0).toString(16).padStart(8, '0') !== crc32) throw changed()
  if (held !== undefined) yield held
}

function incomplete(size: number, expected: number): Error {
  return failureOf('transient', 'IncompleteBody', `The source gave ${size} bytes of ${expected}`)
}

function changed(): Error {
  return failureOf(
    'transient',
    'ChecksumMismatch',
    'The bytes of the source are not those its checksum was computed over',
  )
}
