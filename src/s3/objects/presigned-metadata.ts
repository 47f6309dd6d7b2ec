// User metadata in the query of a presigned request: SDKs put the headers they know when they presign there, and S3 reads those of user metadata
// and of server-side encryption under its own keys (and of nothing else that we know). The signature covers the whole query, so they are as good as signed headers.
import type { AuthResult } from '../auth/auth-result.ts'
import type { HeaderMap } from '../http/request-head.ts'
import type { RequestTarget } from '../http/request-target.ts'

const read = /^x-amz-(?:meta-[!#$%&'*+.^_`|~0-9a-z-]+|server-side-encryption)$/

/** The request's headers, with the user metadata of a presigned query among them; a header sent as such wins. */
export function withPresignedMetadata(headers: HeaderMap, target: RequestTarget, auth: AuthResult): HeaderMap {
  if (auth.kind !== 'signed' || auth.scheme !== 'v4-presigned') return headers
  let merged: Map<string, string> | undefined
  for (const [given, value] of target.query) {
    const name = given.toLowerCase()
    if (!read.test(name) || headers.has(name)) continue
    merged ??= new Map(headers)
    // Header text has one character per byte.
    merged.set(name, Buffer.from(value, 'utf8').toString('latin1'))
  }
  return merged ?? headers
}
