// What all operations on blobs share: names and headers, conditions, ETags, sizes.
import type { HttpAnswer } from '../../base/http-client.ts'
import { hexToBase64 } from '../checked-body.ts'
import { failureOf } from '../cloud-failure.ts'
import type { ObjectAttributes, Precondition } from '../location.ts'
import { blobMetadata, contentHeader, metadataHeaders } from './metadata.ts'

/** Parts larger than this are several blocks (Backbeat's size). */
export const blockBytesMax = 104_857_600
/** As many blocks of a part as are one single Put Blob. */
export const blocksPerPartMax = 50
/** A blob has at most 50,000 blocks; parts of 512 MiB, the largest that objects of this size are cut into, have six each. */
export const objectBytesMax = Math.floor(50_000 / 6) * 512 * 1024 ** 2

/** Content headers and metadata of a blob. */
export function blobHeaders(attributes: ObjectAttributes, md5: string | undefined): Record<string, string> {
  const headers = metadataHeaders(blobMetadata(attributes))
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') headers[`x-ms-blob-${name}`] = contentHeader(name, value)
  }
  add('content-type', attributes.contentType)
  add('cache-control', attributes.cacheControl)
  add('content-disposition', attributes.contentDisposition)
  add('content-encoding', attributes.contentEncoding)
  add('content-language', attributes.contentLanguage)
  if (md5 !== undefined) headers['x-ms-blob-content-md5'] = hexToBase64(md5)
  return headers
}

export function preconditionHeaders(precondition: Precondition | undefined): Record<string, string> {
  if (precondition === undefined) return {}
  return precondition.kind === 'absent' ? { 'if-none-match': '*' } : { 'if-match': `"${precondition.etag}"` }
}

/** ETags without their quotes. */
export function plainETag(answer: HttpAnswer): string {
  return (answer.headers['etag'] ?? '').replace(/^"|"$/g, '')
}

export function mismatch(what: string): Error {
  return failureOf('transient', 'ChecksumMismatch', `The location confirmed other bytes than those sent (${what})`, {
    outcomeUnknown: true,
  })
}

// Control characters, and those that are no characters.
const refusedCharacters = /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/
const nameCharsMax = 1024
const segmentsMax = 254

/** Throws Failure(object) InvalidBlobName for keys that Azure does not take, or would store under another name. */
export function checkedName(key: string): string {
  const complaint = complaintOf(key)
  if (complaint === undefined) return key
  throw failureOf('object', 'InvalidBlobName', `Azure can not hold this key: ${complaint}`)
}

function complaintOf(key: string): string | undefined {
  if (key === '') return 'it is empty'
  if (key.length > nameCharsMax) return `it has ${key.length} characters, ${nameCharsMax} are allowed`
  if (refusedCharacters.test(key)) return 'it contains control characters'
  if (key.endsWith('.') || key.endsWith('/')) return 'it ends with a dot or a slash'
  const segments = key.split('/')
  if (segments.length > segmentsMax) return `it has ${segments.length} path segments, ${segmentsMax} are allowed`
  if (segments.some(segment => segment === '.' || segment === '..')) return 'it has a path segment "." or ".."'
  return undefined
}
