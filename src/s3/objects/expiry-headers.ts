// The headers that tell when lifecycle rules will remove what a request speaks of. In real days, whatever length a day has for tests.
import type { Bucket } from '../../domain/bucket.ts'
import { type Expiry, expiryOf, uploadExpiryOf } from '../../domain/lifecycle-rule.ts'
import type { ObjectMetadata } from '../../domain/object-metadata.ts'
import type { FlatHeaders } from '../call.ts'

function dateOf({ at }: Expiry): string {
  return new Date(at).toUTCString()
}

/** `x-amz-expiration` of the current version of a key; nothing where no rule lets it expire. */
export function pushExpiration(
  headers: FlatHeaders,
  bucket: Bucket,
  metadata: Pick<ObjectMetadata, 'key' | 'tags' | 'content-length' | 'last-modified'>,
): void {
  const { lifecycle } = bucket.settings
  if (lifecycle === undefined) return
  const { key, tags, 'content-length': size, 'last-modified': modified } = metadata
  const expiry = expiryOf(lifecycle, { key, tags, size }, Date.parse(modified))
  if (expiry === null) return
  headers.push('x-amz-expiration', `expiry-date="${dateOf(expiry)}", rule-id="${encodeURIComponent(expiry.ruleId)}"`)
}

/** `x-amz-abort-date` and `x-amz-abort-rule-id` of a multipart upload. */
export function pushAbortDate(headers: FlatHeaders, bucket: Bucket, key: string, initiated: string): void {
  const { lifecycle } = bucket.settings
  if (lifecycle === undefined) return
  const expiry = uploadExpiryOf(lifecycle, key, Date.parse(initiated))
  if (expiry === null) return
  headers.push('x-amz-abort-date', dateOf(expiry), 'x-amz-abort-rule-id', encodeURIComponent(expiry.ruleId))
}
