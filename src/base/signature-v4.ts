// AWS Signature Version 4 for S3: canonical request, string to sign, signing keys (cached) and signatures, used both to check incoming
// requests and to sign outgoing ones. Works on raw targets: what is signed is what is on the wire. Header text is latin1, one character
// per byte, so that signatures over UTF-8 header values come out as the client computed them.

import { equalInConstantTime, type HmacKey, hmacKeyOf, hmacSha256, hmacSha256Hex, sha256Hex } from './hash.ts'

export const v4Algorithm = 'AWS4-HMAC-SHA256'
export const unsignedPayload = 'UNSIGNED-PAYLOAD'

const signingKeysMax = 512
const signingKeys = new Map<string, HmacKey>()

/** Derives the key for one day, region and service; the last few hundred are kept. `date` is `20130524`. */
export function signingKeyOf(secretKey: string, date: string, region: string, service: string): HmacKey {
  const name = `${date}/${region}/${service}\n${secretKey}`
  const known = signingKeys.get(name)
  if (known !== undefined) return known
  const regionKey = hmacSha256(hmacSha256(`AWS4${secretKey}`, date), region)
  const key = hmacKeyOf(hmacSha256(hmacSha256(regionKey, service), 'aws4_request'))
  // Whoever knows an access key can name new regions without end: forget everything rather than grow.
  if (signingKeys.size >= signingKeysMax) signingKeys.clear()
  signingKeys.set(name, key)
  return key
}

/** Formats milliseconds since 1970 as `20130524T000000Z`. */
export function amzDateOf(now: number): string {
  return new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, '')
}

/** Reads `20130524T000000Z` into milliseconds since 1970; undefined for anything else, impossible dates included. */
export function parseAmzDate(text: string): number | undefined {
  if (!/^\d{8}T\d{6}Z$/.test(text)) return undefined
  const [year, month, day] = [Number(text.slice(0, 4)), Number(text.slice(4, 6)), Number(text.slice(6, 8))]
  const [hour, minute, second] = [Number(text.slice(9, 11)), Number(text.slice(11, 13)), Number(text.slice(13, 15))]
  const time = Date.UTC(year, month - 1, day, hour, minute, second)
  // What is out of range would count as a moment of another day, hour or minute.
  const read = new Date(time)
  const isDay = read.getUTCFullYear() === year && read.getUTCMonth() + 1 === month && read.getUTCDate() === day
  return isDay && hour < 24 && minute < 60 && second < 60 ? time : undefined
}

/** Percent-encodes UTF-8 text the AWS way: everything but A-Z a-z 0-9 - . _ ~ (and '/' where `keepSlash`). */
export function uriEncode(text: string, keepSlash = false): string {
  const encoded = encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return keepSlash ? encoded.replaceAll('%2F', '/') : encoded
}

interface EncodedPair {
  readonly name: string
  readonly value: string
}

/** The canonical query of an encoded query: sorted by encoded name, then value; `a` becomes `a=`; parameter `without` left out. */
export function canonicalQuery(rawQuery: string, without?: string, encode?: (raw: string) => string): string {
  if (rawQuery === '') return ''
  const pairs: EncodedPair[] = []
  for (const piece of rawQuery.split('&')) {
    if (piece === '') continue
    const equals = piece.indexOf('=')
    const name = equals < 0 ? piece : piece.slice(0, equals)
    if (name === without) continue
    const value = equals < 0 ? '' : piece.slice(equals + 1)
    pairs.push(encode === undefined ? { name, value } : { name: encode(name), value: encode(value) })
  }
  pairs.sort(comparePairs)
  let text = ''
  for (const { name, value } of pairs) text += text === '' ? `${name}=${value}` : `&${name}=${value}`
  return text
}

function comparePairs(left: EncodedPair, right: EncodedPair): number {
  if (left.name !== right.name) return left.name < right.name ? -1 : 1
  return left.value === right.value ? 0 : left.value < right.value ? -1 : 1
}

/**
 * Encodes a raw component again in the one canonical way, byte by byte: `%7e` becomes `~`, `(` becomes `%28`, '+' becomes `%20`. Works on
 * bytes, so that it never fails: malformed percent signs are encoded as such.
 */
export function normalizeEncoding(raw: string, keepSlash = false): string {
  let text = ''
  for (let index = 0; index < raw.length; index++) {
    const code = raw.charCodeAt(index)
    const byte = code === percent ? escapedByte(raw, index + 1) : -1
    if (byte >= 0) {
      text += encodedBytes[byte] ?? ''
      index += 2
    } else if (code === plus) text += '%20'
    else text += keepSlash && code === slash ? '/' : (encodedBytes[code & 0xff] ?? '')
  }
  return text
}

const [percent, plus, slash] = [0x25, 0x2b, 0x2f]

/** The byte that two hex digits mean; -1 where there are none. */
function escapedByte(raw: string, at: number): number {
  const [high, low] = [hexDigit(raw.charCodeAt(at)), hexDigit(raw.charCodeAt(at + 1))]
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** Made once: strangers choose how many bytes there are to encode. */
const encodedBytes: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (/[A-Za-z0-9\-._~]/.test(character)) return character
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})

/** Header values in canonical form: no white space around, runs of spaces inside reduced to one. */
export function canonicalHeaderValue(value: string): string {
  const trimmed = value.trim()
  return trimmed.includes('  ') || trimmed.includes('\t') ? trimmed.replace(/[ \t]+/g, ' ') : trimmed
}

/** The string to sign for a hashed canonical request. `scope` is `date/region/service/aws4_request`. */
export function stringToSign(canonicalRequest: string, amzDate: string, scope: string): string {
  return `${v4Algorithm}\n${amzDate}\n${scope}\n${sha256Hex(Buffer.from(canonicalRequest, 'latin1'))}`
}

/** What an incoming request claims, taken apart, and what it must be checked with. */
export interface V4Claim {
  readonly method: string
  /** As sent. */
  readonly rawPath: string
  /** As sent, without '?'; X-Amz-Signature is left out of the canonical form. */
  readonly rawQuery: string
  readonly headers: ReadonlyMap<string, string>
  /** Lower-case names in the order of the claim. */
  readonly signedHeaders: readonly string[]
  readonly payloadHash: string
  readonly amzDate: string
  readonly scope: string
  readonly signingKey: HmacKey
  /** Lower-case hex. */
  readonly signature: string
}

export type V4Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly canonicalRequest: string; readonly stringToSign: string }

/**
 * Checks a signature. Path and query are taken as sent first; should that fail, in canonical encoding (clients differ in what they encode
 * on the wire, all sign the canonical form). Both readings name the same bucket, key and parameters, so neither lets a change through.
 */
export function verifyV4(claim: V4Claim): V4Verdict {
  let headers = ''
  for (const name of claim.signedHeaders) headers += `${name}:${canonicalHeaderValue(claim.headers.get(name) ?? '')}\n`
  const tail = `${headers}\n${claim.signedHeaders.join(';')}\n${claim.payloadHash}`
  const sent = { path: claim.rawPath, query: canonicalQuery(claim.rawQuery, 'X-Amz-Signature') }
  const first = verifyForm(claim, sent.path, sent.query, tail)
  if (first.ok) return first
  const path = normalizeEncoding(claim.rawPath, true)
  const query = canonicalQuery(claim.rawQuery, 'X-Amz-Signature', normalizeEncoding)
  if (path === sent.path && query === sent.query) return first
  const canonical = verifyForm(claim, path, query, tail)
  if (canonical.ok || path === sent.path || query === sent.query) return canonical
  const mixed = verifyForm(claim, sent.path, query, tail)
  if (mixed.ok) return mixed
  const otherMixed = verifyForm(claim, path, sent.query, tail)
  return otherMixed.ok ? otherMixed : canonical
}

function verifyForm(claim: V4Claim, path: string, query: string, tail: string): V4Verdict {
  const canonicalRequest = `${claim.method}\n${path}\n${query}\n${tail}`
  const text = stringToSign(canonicalRequest, claim.amzDate, claim.scope)
  if (equalInConstantTime(hmacSha256Hex(claim.signingKey, text), claim.signature)) return { ok: true }
  return { ok: false, canonicalRequest, stringToSign: text }
}

export interface SignV4Request {
  readonly method: string
  readonly host: string
  /** Encoded path as it goes on the wire. */
  readonly path: string
  /** Encoded query without '?', in any order; '' when there is none. */
  readonly query: string
  /** Further headers to send and sign: lower-case names, without host, x-amz-date, x-amz-content-sha256 and authorization. */
  readonly headers: Readonly<Record<string, string>>
  /** Lower-case hex SHA-256 of the body, UNSIGNED-PAYLOAD, or a STREAMING-... value. */
  readonly payloadHash: string
  readonly region: string
  readonly service: string
  readonly accessKey: string
  readonly secretKey: string
  readonly sessionToken?: string
  /** `20130524T000000Z` */
  readonly amzDate: string
}

/**
 * Signs an outgoing request: returns the headers to send, which are those given plus host, x-amz-date, x-amz-content-sha256,
 * x-amz-security-token (if any) and authorization. All of them are signed. Path and query must already be canonically encoded
 * (uriEncode), as they are signed the way they are sent.
 */
export function signV4Headers(request: SignV4Request): Record<string, string> {
  const headers: Record<string, string> = { ...request.headers }
  headers['host'] = request.host
  headers['x-amz-date'] = request.amzDate
  headers['x-amz-content-sha256'] = request.payloadHash
  if (request.sessionToken !== undefined) headers['x-amz-security-token'] = request.sessionToken
  const names = Object.keys(headers).sort()
  let canonicalHeaders = ''
  for (const name of names) canonicalHeaders += `${name}:${canonicalHeaderValue(headers[name] ?? '')}\n`
  const signedHeaders = names.join(';')
  const query = canonicalQuery(request.query)
  const canonical = `${request.method}\n${request.path}\n${query}\n${canonicalHeaders}\n${signedHeaders}\n${request.payloadHash}`
  const date = request.amzDate.slice(0, 8)
  const scope = `${date}/${request.region}/${request.service}/aws4_request`
  const key = signingKeyOf(request.secretKey, date, request.region, request.service)
  const signature = hmacSha256Hex(key, stringToSign(canonical, request.amzDate, scope))
  headers['authorization'] =
    `${v4Algorithm} Credential=${request.accessKey}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`
  return headers
}

export interface PresignV4Request extends Omit<SignV4Request, 'payloadHash' | 'headers' | 'sessionToken'> {
  readonly expiresSeconds: number
}

/** Presigns a request that carries no headers but host; returns the query to send (the given one included), without '?'. */
export function presignV4Query(request: PresignV4Request): string {
  const date = request.amzDate.slice(0, 8)
  const scope = `${date}/${request.region}/${request.service}/aws4_request`
  const own =
    `X-Amz-Algorithm=${v4Algorithm}&X-Amz-Credential=${uriEncode(`${request.accessKey}/${scope}`)}` +
    `&X-Amz-Date=${request.amzDate}&X-Amz-Expires=${request.expiresSeconds}&X-Amz-SignedHeaders=host`
  const query = canonicalQuery(request.query === '' ? own : `${request.query}&${own}`)
  const canonical = `${request.method}\n${request.path}\n${query}\nhost:${request.host}\n\nhost\n${unsignedPayload}`
  const key = signingKeyOf(request.secretKey, date, request.region, request.service)
  return `${query}&X-Amz-Signature=${hmacSha256Hex(key, stringToSign(canonical, request.amzDate, scope))}`
}
