// The bytes of a source version over HTTP, and what has to be known of them before they are sent on. Small ranges are read once into memory;
// of large ones what is not known is computed by reading them once before, so that the receiver can check every byte.

import { crc32 as crc32Of } from 'node:zlib'
import { collectUpTo } from '../../base/byte-source.ts'
import { createHasher, md5Hex } from '../../base/hash.ts'
import { Failure } from '../../domain/failure.ts'
import { encodeVersionId } from '../../domain/version-id.ts'
import type { SourceVersion } from '../source-gateway.ts'
import { objectPath, type WireChannel, wireText } from './wire-channel.ts'
import { failureOfAnswer } from './wire-refusal.ts'

export interface Range {
  readonly start: number
  readonly end: number
}

/** Hex. */
export interface KnownDigests {
  readonly md5?: string
  readonly crc32?: string
}

/** A body that is ready to be sent. */
export interface PreparedBody {
  readonly size: number
  readonly md5: string
  readonly crc32: string
  readonly body: Uint8Array | AsyncIterable<Uint8Array>
}

/** Ranges up to this size are read into memory. */
const memoryBytesMax = 1024 * 1024
const refusalBytesMax = 64 * 1024

/** The versionId parameter that addresses a version: '' in our references is an object without one. */
export function versionParameter(versionId: SourceVersion['versionId']): string {
  return `versionId=${versionId === '' ? 'null' : encodeVersionId(versionId)}`
}

/** Streams [start, end) of a version. Throws Failure(source-gone) when it is not there any more. */
export async function* readSource(
  channel: WireChannel,
  version: SourceVersion,
  range: Range,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const size = range.end - range.start
  if (size <= 0) return
  const answer = await channel.open({
    method: 'GET',
    path: objectPath('', version.bucket, version.key),
    query: versionParameter(version.versionId),
    headers: {
      range: `bytes=${range.start}-${range.end - 1}`,
      // The object's own location means the source; what it is now counts, not what it was when its entry was queued.
      'x-amz-location-constraint': wireText(version.metadata.dataStoreName),
    },
    signal,
  })
  if (answer.status !== 206 && answer.status !== 200) {
    const body = await collectUpTo(answer.body, refusalBytesMax)
    if (answer.status === 404) throw gone(version)
    throw failureOfAnswer({ status: answer.status, headers: answer.headers, body }, false)
  }
  let seen = 0
  for await (const chunk of answer.body) {
    seen += chunk.byteLength
    if (seen > size) break
    yield chunk
  }
  if (seen === size) return
  throw new Failure({ class: 'transient', code: 'IncompleteBody', message: `The source gave ${seen} bytes of ${size}` })
}

function gone(version: SourceVersion): Failure {
  const message = `${version.bucket}/${version.key} is not at the source any more`
  return new Failure({ class: 'source-gone', code: 'NoSuchVersion', message, status: 404 })
}

/** Opens the bytes anew at each call. */
export type OpenRange = () => AsyncIterable<Uint8Array>

/**
 * A body with its digests. Throws Failure(transient) ChecksumMismatch when the bytes are not those that `known` was computed over; where both
 * digests are known and the body is large, that is left to the receiver.
 */
export async function prepareBody(open: OpenRange, size: number, known: KnownDigests): Promise<PreparedBody> {
  if (size <= memoryBytesMax) {
    const bytes = await inMemory(open, size)
    const found = { md5: md5Hex(bytes), crc32: hexCrc32(crc32Of(bytes)) }
    requireSame(found, known)
    return { size, ...found, body: bytes }
  }
  if (known.md5 !== undefined && known.crc32 !== undefined) {
    return { size, md5: known.md5, crc32: known.crc32, body: open() }
  }
  const found = await digestsOf(open)
  requireSame(found, known)
  return { size, ...found, body: open() }
}

async function inMemory(open: OpenRange, size: number): Promise<Buffer> {
  if (size === 0) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  for await (const chunk of open()) chunks.push(chunk)
  return chunks.length === 1 && chunks[0] !== undefined ? Buffer.from(chunks[0]) : Buffer.concat(chunks)
}

async function digestsOf(open: OpenRange): Promise<Required<KnownDigests>> {
  const md5 = createHasher('MD5')
  let crc = 0
  for await (const chunk of open()) {
    md5.update(chunk)
    crc = crc32Of(chunk, crc)
  }
  return { md5: md5.digest().toString('hex'), crc32: hexCrc32(crc) }
}

function hexCrc32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}

function requireSame(found: Required<KnownDigests>, known: KnownDigests): void {
  const wrong =
    (known.md5 !== undefined && known.md5 !== found.md5) || (known.crc32 !== undefined && known.crc32 !== found.crc32)
  if (!wrong) return
  const message = 'The bytes of the source are not those its checksum was computed over'
  throw new Failure({ class: 'transient', code: 'ChecksumMismatch', message })
}

/** What the metadata says of the whole object's bytes; the MD5 of a multipart object is not that of its bytes. */
export function knownOfWhole(version: SourceVersion): KnownDigests {
  const md5 = version.metadata['content-md5']
  return {
    ...(/^[0-9a-f]{32}$/.test(md5) && version.metadata['content-length'] > 0 ? { md5 } : {}),
    ...(version.integrity === null ? {} : { crc32: version.integrity.crc32 }),
  }
}
