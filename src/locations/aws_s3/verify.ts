// Proof that S3 stored what was sent. A write counts only with the destination's own word for it: the checksum it echoes, an ETag that is
// the MD5, and where neither says so, what it tells (or holds) when asked again.

import { createHasher, md5Hex } from '../../base/hash.ts'
import type { HttpAnswer } from '../../base/http-client.ts'
import { base64ToHex } from '../checked-body.ts'
import { failureOf } from '../cloud-failure.ts'
import type { CompletedPart, KnownChecksums, StoredObject } from '../location.ts'

export type Proof = 'proved' | 'refuted' | 'open'

const plainMd5 = /^[0-9a-f]{32}$/

/** ETags without their quotes, lower-case. */
export function plainETag(value: string | undefined): string {
  return (value ?? '').replace(/^"|"$/g, '').toLowerCase()
}

/** What the answer to a PUT proves about bytes with these checksums. */
export function proofOfAnswer(answer: HttpAnswer, known: KnownChecksums): Proof {
  const echoed = answer.headers['x-amz-checksum-crc32']
  if (echoed !== undefined && known.crc32 !== undefined && !echoed.includes('-')) {
    return base64ToHex(echoed) === known.crc32 ? 'proved' : 'refuted'
  }
  const etag = plainETag(answer.headers['etag'])
  // An ETag that differs may be none of the bytes (encryption by KMS): that is for a closer look.
  return known.md5 !== undefined && etag === known.md5 ? 'proved' : 'open'
}

/** What a HEAD says about bytes with these checksums. */
export function proofOfStored(stored: StoredObject, size: number, known: KnownChecksums): Proof {
  if (stored.size !== size) return 'refuted'
  const crc32 = stored.checksum?.crc32
  if (crc32 !== undefined && known.crc32 !== undefined) return crc32 === known.crc32 ? 'proved' : 'refuted'
  return known.md5 !== undefined && stored.etag === known.md5 ? 'proved' : 'open'
}

export interface ReadBack {
  readonly size: number
  readonly crc32: string
  readonly md5: string
}

/** Hashes what the destination holds. */
export async function readBack(bytes: AsyncIterable<Uint8Array>): Promise<ReadBack> {
  const crc = createHasher('CRC32')
  const md5 = createHasher('MD5')
  let size = 0
  for await (const chunk of bytes) {
    crc.update(chunk)
    md5.update(chunk)
    size += chunk.byteLength
  }
  return { size, crc32: crc.digest().toString('hex'), md5: md5.digest().toString('hex') }
}

export function proofOfReadBack(found: ReadBack, size: number, known: KnownChecksums): Proof {
  if (found.size !== size) return 'refuted'
  if (known.crc32 !== undefined && found.crc32 !== known.crc32) return 'refuted'
  return known.md5 === undefined || found.md5 === known.md5 ? 'proved' : 'refuted'
}

/** Something was stored, and it is not what was sent. */
export function mismatch(what: string): Error {
  return failureOf('transient', 'ChecksumMismatch', `The location confirmed other bytes than those sent (${what})`, {
    outcomeUnknown: true,
  })
}

/** The ETag S3 gives an upload of these parts; undefined if some part's ETag is not an MD5. */
export function multipartETag(parts: readonly CompletedPart[]): string | undefined {
  const etags = parts.map(part => plainETag(part.etag))
  if (!etags.every(etag => plainMd5.test(etag))) return undefined
  return `${md5Hex(Buffer.from(etags.join(''), 'hex'))}-${parts.length}`
}
