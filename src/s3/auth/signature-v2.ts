// AWS Signature Version 2 for S3 (HMAC-SHA1 over method, a few headers and the canonical resource), header and query forms. Old, but it is
// what a Backbeat's route client signs with.

import { equalInConstantTime, hmacSha1Base64 } from '../../base/hash.ts'
import type { HeaderMap } from '../http/request-head.ts'
import { decodeComponent, parseQuery } from '../http/request-target.ts'

/**
 * The query parameters that are part of the canonical resource: those that SDKs sign, and every other one that names an operation. Few clients sign
 * the latter; one that is not signed must not turn a request into another.
 */
const subResources: ReadonlySet<string> = new Set([
  ...['abac', 'accelerate', 'acl', 'analytics', 'attributes', 'cors', 'delete', 'encryption', 'intelligent-tiering'],
  ...['inventory', 'legal-hold', 'lifecycle', 'location', 'logging', 'metadataConfiguration', 'metadataInventoryTable'],
  ...['metadataJournalTable', 'metadataTable', 'metrics', 'notification', 'object-lock', 'ownershipControls'],
  ...['partNumber', 'policy', 'policyStatus', 'publicAccessBlock', 'renameObject', 'replication', 'requestPayment'],
  ...['restore', 'retention', 'select', 'select-type', 'session', 'tagging', 'torrent', 'uploadId', 'uploads'],
  ...['versionId', 'versioning', 'versions', 'website'],
])

/** Overrides of response headers: signed with their values decoded. */
const responseOverrides: ReadonlySet<string> = new Set([
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
])

/** What stands beside overrides: only reading an object knows them. */
const besideOverrides: ReadonlySet<string> = new Set(['partNumber', 'versionId'])

function isSigned(name: string): boolean {
  return subResources.has(name) || responseOverrides.has(name)
}

/** Whether a value goes on, behind an ampersand, as another signed parameter would. */
function readsAsMore(value: string): boolean {
  const [, ...behind] = value.split('&')
  return behind.some(piece => isSigned(piece.split('=', 1)[0] ?? ''))
}

/**
 * Decoded values are signed as they are, so that an ampersand in one of them looks like the next parameter. Such a query is not what its signature is
 * for, nor is one in which such a value may have been taken apart. Throws InvalidURI.
 */
function isAmbiguous(rawQuery: string): boolean {
  const signed = parseQuery(rawQuery).filter(({ name }) => isSigned(name))
  const overrides = signed.some(({ name }) => responseOverrides.has(name))
  return signed.some(
    ({ name, value = '' }) => readsAsMore(value) || (overrides && subResources.has(name) && !besideOverrides.has(name)),
  )
}

/** The path of a bucket as most clients write it; some sign it with a slash that they do not send. */
const bucketPath = /^\/[^/]+$/

/** The path as sent plus the signed sub-resources of the query, sorted by name. */
export function canonicalResourceV2(rawPath: string, rawQuery: string, decodeValues: boolean): string {
  if (rawQuery === '') return rawPath
  const kept: { readonly name: string; readonly text: string }[] = []
  for (const piece of rawQuery.split('&')) {
    const equals = piece.indexOf('=')
    // Decoded, as the operations read it: `%74agging` must not pass unsigned.
    const name = decodeComponent(equals < 0 ? piece : piece.slice(0, equals))
    const override = responseOverrides.has(name)
    if (!override && !subResources.has(name)) continue
    if (equals < 0) kept.push({ name, text: name })
    else {
      const value = piece.slice(equals + 1)
      const signed = override || decodeValues ? utf8AsLatin1(decodeComponent(value)) : value
      // The SDKs sign an empty value like none at all.
      kept.push({ name, text: signed === '' ? name : `${name}=${signed}` })
    }
  }
  if (kept.length === 0) return rawPath
  kept.sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0))
  return `${rawPath}?${kept.map(resource => resource.text).join('&')}`
}

/** Text in the form header text has here: one character per byte of its UTF-8. */
function utf8AsLatin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The string to sign. `expires` replaces the date in the query form. */
export function stringToSignV2(method: string, headers: HeaderMap, resource: string, expires?: string): string {
  const amzNames: string[] = []
  for (const name of headers.keys()) if (name.startsWith('x-amz-')) amzNames.push(name)
  amzNames.sort()
  let amzHeaders = ''
  // Headers that came over HTTP have no line ends any more that would have to be folded.
  for (const name of amzNames) amzHeaders += `${name}:${(headers.get(name) ?? '').trim()}\n`
  const date = expires ?? (headers.has('x-amz-date') ? '' : (headers.get('date') ?? ''))
  const md5 = headers.get('content-md5') ?? ''
  return `${method}\n${md5}\n${headers.get('content-type') ?? ''}\n${date}\n${amzHeaders}${resource}`
}

/** HMAC-SHA1 in base64 over text that has one character per byte. */
export function signatureV2(secretKey: string, text: string): string {
  return hmacSha1Base64(secretKey, Buffer.from(text, 'latin1'))
}

export interface V2Claim {
  readonly method: string
  readonly rawPath: string
  readonly rawQuery: string
  readonly headers: HeaderMap
  readonly secretKey: string
  readonly signature: string
  /** Query form only: the value of Expires. */
  readonly expires?: string
}

export type V2Verdict = { readonly ok: true } | { readonly ok: false; readonly stringToSign: string }

/**
 * Checks a signature; values of sub-resources are taken as sent first, then decoded, and a bucket's path as sent first, then with a slash behind it
 * (clients differ). Throws InvalidURI.
 */
export function verifyV2(claim: V2Claim): V2Verdict {
  const { rawPath } = claim
  const paths = bucketPath.test(rawPath) ? [rawPath, `${rawPath}/`] : [rawPath]
  const [sent = '', ...others] = paths.flatMap(path => [
    canonicalResourceV2(path, claim.rawQuery, false),
    canonicalResourceV2(path, claim.rawQuery, true),
  ])
  const accepted = isAmbiguous(claim.rawQuery) ? [] : [sent, ...others]
  for (const resource of new Set(accepted)) {
    const text = stringToSignV2(claim.method, claim.headers, resource, claim.expires)
    if (equalInConstantTime(signatureV2(claim.secretKey, text), claim.signature)) return { ok: true }
  }
  return { ok: false, stringToSign: stringToSignV2(claim.method, claim.headers, sent, claim.expires) }
}

export interface SignV2Request {
  readonly method: string
  /** Encoded path and query as on the wire. */
  readonly target: string
  /** Lower-case names; x-amz-date or date must be among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly accessKey: string
  readonly secretKey: string
}

/** Gives the value of the Authorization header, `AWS key:signature`. */
export function signV2Authorization(request: SignV2Request): string {
  const mark = request.target.indexOf('?')
  const path = mark < 0 ? request.target : request.target.slice(0, mark)
  const query = mark < 0 ? '' : request.target.slice(mark + 1)
  const headers = new Map(Object.entries(request.headers))
  const text = stringToSignV2(request.method, headers, canonicalResourceV2(path, query, false))
  return `AWS ${request.accessKey}:${signatureV2(request.secretKey, text)}`
}
