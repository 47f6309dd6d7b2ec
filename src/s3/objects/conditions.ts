// Conditional requests: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, and their copy-source forms, with S3's
// precedence: an ETag condition that holds outweighs the date condition beside it.
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { WriteCondition } from '../../metadata/metadata-store.ts'
import { parseHttpDate } from '../auth/claim.ts'
import { invalidArgument } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'

/** ETags of a list without their quotes; `*` stays `*`. */
export function parseETags(value: string): string[] {
  return value
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')
    .map(item => item.replace(/^W\//, '').replace(/^"(.*)"$/s, '$1'))
}

function matchesAny(tags: readonly string[], etag: string): boolean {
  return tags.includes('*') || tags.includes(etag)
}

// Object times have milliseconds, HTTP dates have not.
function modifiedAfter(lastModifiedMs: number, date: string): boolean | undefined {
  const limit = parseHttpDate(date)
  return limit === undefined ? undefined : Math.floor(lastModifiedMs / 1000) > Math.floor(limit / 1000)
}

export interface Comparable {
  readonly etag: string
  /** Epoch milliseconds. */
  readonly lastModified: number
}

function failed(condition: string): ServiceError {
  return serviceError('PreconditionFailed', { details: { Condition: condition } })
}

/** How a read goes on: null when every condition holds, else PreconditionFailed or NotModified (returned, as 304 needs headers). */
export function readCondition(headers: HeaderMap, object: Comparable, prefix = ''): ServiceError | null {
  const ifMatch = headers.get(`${prefix}if-match`)
  const ifUnmodifiedSince = headers.get(`${prefix}if-unmodified-since`)
  if (ifMatch !== undefined) {
    if (!matchesAny(parseETags(ifMatch), object.etag)) return failed('If-Match')
  } else if (ifUnmodifiedSince !== undefined && modifiedAfter(object.lastModified, ifUnmodifiedSince) === true) {
    return failed('If-Unmodified-Since')
  }
  const ifNoneMatch = headers.get(`${prefix}if-none-match`)
  const ifModifiedSince = headers.get(`${prefix}if-modified-since`)
  // A copy has no "not modified": every condition of its source that fails is a failed precondition.
  const unchanged = (condition: string): ServiceError =>
    prefix === '' ? serviceError('NotModified') : failed(`${prefix}${condition}`)
  if (ifNoneMatch !== undefined) {
    if (matchesAny(parseETags(ifNoneMatch), object.etag)) return unchanged('if-none-match')
  } else if (ifModifiedSince !== undefined && modifiedAfter(object.lastModified, ifModifiedSince) === false) {
    return unchanged('if-modified-since')
  }
  return null
}

export interface StatedDeletion {
  readonly etag: string | undefined
  /** An HTTP date or one in ISO 8601. */
  readonly modified: string | undefined
  readonly size: string | undefined
}

/** Conditions of a deletion; where there is nothing they hold. Throws InvalidArgument. */
export function deleteCondition({ etag, modified, size }: StatedDeletion): WriteCondition | undefined {
  if (etag === undefined && modified === undefined && size === undefined) return undefined
  const at = modified === undefined ? 0 : (parseHttpDate(modified) ?? Date.parse(modified))
  if (modified !== undefined && Number.isNaN(at)) {
    throw invalidArgument('The last modified time of the condition is no date.', 'LastModifiedTime', modified)
  }
  if (size !== undefined && !/^\d{1,15}$/.test(size)) {
    throw invalidArgument('The size of the condition is no whole number of bytes.', 'Size', size)
  }
  return {
    ...(etag !== undefined && { ifMatch: parseETags(etag) }),
    ...(modified !== undefined && { ifModified: new Date(at).toISOString().slice(0, 19) }),
    ...(size !== undefined && { ifSize: Number(size) }),
    orAbsent: true,
  }
}

/** Conditions of a write on the key's current version. */
export function writeCondition(headers: HeaderMap): WriteCondition | undefined {
  const ifMatch = headers.get('if-match')
  const ifNoneMatch = headers.get('if-none-match')
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  return {
    ...(ifMatch === undefined ? undefined : { ifMatch: parseETags(ifMatch) }),
    ...(ifNoneMatch === undefined ? undefined : { ifNoneMatch: parseETags(ifNoneMatch) }),
  }
}
