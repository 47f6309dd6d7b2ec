// Signature V4 on incoming requests: takes the Authorization header or the X-Amz-* query parameters apart, refuses what S3 refuses with
// S3's errors, checks time and signature, and says how the body is to be read.

import type { AccountDirectory } from '../../accounts/account-directory.ts'
import {
  amzDateOf,
  parseAmzDate,
  signingKeyOf,
  unsignedPayload,
  type V4Claim,
  v4Algorithm,
  verifyV4,
} from '../../base/signature-v4.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { HeaderMap, RequestHead } from '../http/request-head.ts'
import { parseQuery } from '../http/request-target.ts'
import type { AuthResult, SignatureScheme } from './auth-result.ts'
import {
  arnOfOwner,
  checkSkew,
  findKeyOwner,
  parseHttpDate,
  type Regions,
  requestExpired,
  signatureMismatch,
  skewMaxMs,
} from './claim.ts'
import { type Credential, parseCredential, type Reporting } from './credential.ts'
import { type ChunkSigning, declarePayload } from './payload-declaration.ts'

const expiresMaxSeconds = 604_800

const inHeader: Reporting = {
  code: 'AuthorizationHeaderMalformed',
  opening: 'The authorization header is malformed; ',
}
const inQuery: Reporting = {
  code: 'AuthorizationQueryParametersError',
  opening: 'Error parsing the X-Amz-Credential parameter; ',
}

/** Authenticates a request whose Authorization header starts with AWS4-HMAC-SHA256. */
export function authenticateV4Header(
  request: RequestHead,
  target: { readonly path: string; readonly query: string },
  accounts: AccountDirectory,
  now: number,
  regions: Regions,
): AuthResult {
  const { headers } = request
  const fields = headerFields((headers.get('authorization') ?? '').slice(v4Algorithm.length))
  const credential = parseCredential(fields.credential, inHeader, regions)
  const { amzDate, time } = headerDate(headers)
  if (amzDate.slice(0, 8) !== credential.date) {
    const message = `Invalid credential date "${credential.date}". This date is not the same as X-Amz-Date: "${amzDate.slice(0, 8)}".`
    throw malformed(inHeader, message)
  }
  const payloadHash = headers.get('x-amz-content-sha256')
  if (payloadHash === undefined) {
    throw serviceError('InvalidRequest', {
      message: 'Missing required header for this request: x-amz-content-sha256',
    })
  }
  checkSkew(time, now)
  return verifyClaim(request, target, accounts, {
    credential,
    amzDate,
    payloadHash,
    signedHeaders: fields.signedHeaders,
    signature: fields.signature,
    scheme: 'v4',
  })
}

/** Authenticates a request with X-Amz-Algorithm (or another part of a V4 signature) in its query. */
export function authenticateV4Query(
  request: RequestHead,
  target: { readonly path: string; readonly query: string },
  accounts: AccountDirectory,
  now: number,
  regions: Regions,
): AuthResult {
  const fields = queryFields(target.query)
  if (fields.algorithm.startsWith('AWS4-ECDSA-')) throw queryError('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
  if (fields.algorithm !== v4Algorithm) {
    throw queryError('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"')
  }
  const credential = parseCredential(fields.credential, inQuery, regions)
  const time = parseAmzDate(fields.date)
  if (time === undefined) throw queryError(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
  if (fields.date.slice(0, 8) !== credential.date) {
    const [given, day] = [credential.date, fields.date.slice(0, 8)]
    throw queryError(`Invalid credential date "${given}". This date is not the same as X-Amz-Date: "${day}".`)
  }
  const expires = parseExpires(fields.expires)
  if (time > now + skewMaxMs) throw serviceError('AccessDenied', { message: 'Request is not valid yet' })
  if (now > time + expires * 1000) throw requestExpired(time + expires * 1000, now, { 'X-Amz-Expires': fields.expires })
  return verifyClaim(request, target, accounts, {
    credential,
    amzDate: fields.date,
    payloadHash: fields.contentSha256 ?? request.headers.get('x-amz-content-sha256') ?? unsignedPayload,
    signedHeaders: fields.signedHeaders.split(';'),
    signature: fields.signature,
    scheme: 'v4-presigned',
  })
}

interface ParsedClaim {
  readonly credential: Credential
  readonly amzDate: string
  readonly payloadHash: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly scheme: SignatureScheme
}

function verifyClaim(
  request: RequestHead,
  target: { readonly path: string; readonly query: string },
  accounts: AccountDirectory,
  parsed: ParsedClaim,
): AuthResult {
  const { credential, amzDate, payloadHash, signedHeaders, signature, scheme } = parsed
  checkSignedHeaders(request.headers, signedHeaders)
  const owner = findKeyOwner(accounts, credential.accessKey)
  const { account, key } = owner
  const signingKey = signingKeyOf(key.secret, credential.date, credential.region, 's3')
  const signing: ChunkSigning = { seedSignature: signature, signingKey, amzDate, scope: credential.scope }
  const payload = declarePayload(payloadHash, signing)
  const claim: V4Claim = {
    method: request.method,
    rawPath: target.path,
    rawQuery: target.query,
    headers: request.headers,
    signedHeaders,
    payloadHash,
    amzDate,
    scope: credential.scope,
    signingKey,
    signature,
  }
  const verdict = verifyV4(claim)
  if (!verdict.ok) {
    throw signatureMismatch(credential.accessKey, verdict.stringToSign, signature, verdict.canonicalRequest)
  }
  return { kind: 'signed', account, arn: arnOfOwner(owner), accessKey: credential.accessKey, scheme, payload }
}

interface HeaderFields {
  readonly credential: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

/** Takes `Credential=..., SignedHeaders=..., Signature=...` apart; each exactly once, in any order. */
function headerFields(text: string): HeaderFields {
  const pieces = text.split(',')
  if (pieces.length !== 3) {
    const what = 'the authorization header requires three components: Credential, SignedHeaders, and Signature.'
    throw malformed(inHeader, what)
  }
  const fields = new Map<string, string>()
  for (const piece of pieces) {
    const part = piece.trim()
    const equals = part.indexOf('=')
    if (equals <= 0) throw malformed(inHeader, `the authorization component "${part.slice(0, 256)}" is malformed.`)
    fields.set(part.slice(0, equals), part.slice(equals + 1))
  }
  const read = (name: string): string => {
    const value = fields.get(name)
    if (value !== undefined && value !== '') return value
    throw malformed(inHeader, `missing ${name}.`)
  }
  const credential = read('Credential')
  const signedHeaders = read('SignedHeaders')
  return { credential, signedHeaders: signedHeaders.split(';'), signature: read('Signature') }
}

interface QueryFields {
  readonly algorithm: string
  readonly credential: string
  readonly date: string
  readonly expires: string
  readonly signedHeaders: string
  readonly signature: string
  readonly contentSha256: string | undefined
}

function queryFields(rawQuery: string): QueryFields {
  const fields = new Map<string, string>()
  for (const { name, value } of parseQuery(rawQuery)) {
    if (!name.startsWith('X-Amz-')) continue
    if (fields.has(name)) throw queryError(`The ${name} query parameter was given more than once.`)
    fields.set(name, value ?? '')
  }
  if (fields.has('X-Amz-Security-Token')) throw serviceError('InvalidToken')
  const read = (name: string): string => {
    const value = fields.get(name)
    if (value !== undefined && value !== '') return value
    throw queryError(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, ' +
        'X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    )
  }
  return {
    algorithm: read('X-Amz-Algorithm'),
    credential: read('X-Amz-Credential'),
    date: read('X-Amz-Date'),
    expires: read('X-Amz-Expires'),
    signedHeaders: read('X-Amz-SignedHeaders'),
    signature: read('X-Amz-Signature'),
    contentSha256: fields.get('X-Amz-Content-Sha256'),
  }
}

function headerDate(headers: HeaderMap): { readonly amzDate: string; readonly time: number } {
  const amzDate = headers.get('x-amz-date')
  if (amzDate !== undefined) {
    const time = parseAmzDate(amzDate.trim())
    if (time !== undefined) return { amzDate: amzDate.trim(), time }
  } else {
    const time = parseAmzDate(headers.get('date') ?? '') ?? parseHttpDate(headers.get('date') ?? '')
    if (time !== undefined) return { amzDate: amzDateOf(time), time }
  }
  throw serviceError('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header.' })
}

function parseExpires(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw queryError('X-Amz-Expires should be a number')
  const seconds = Number(text)
  if (seconds < 0) throw queryError('X-Amz-Expires must be non-negative')
  if (seconds > expiresMaxSeconds) {
    throw queryError(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    )
  }
  return seconds
}

/** Host and every x-amz-* header must be covered by the signature: else they could be changed on the way. */
function checkSignedHeaders(headers: HeaderMap, signedHeaders: readonly string[]): void {
  const signed = new Set(signedHeaders)
  const missing: string[] = []
  if (!signed.has('host')) missing.push('host')
  for (const name of headers.keys()) if (name.startsWith('x-amz-') && !signed.has(name)) missing.push(name)
  if (missing.length === 0) return
  throw serviceError('AccessDenied', {
    message: 'There were headers present in the request which were not signed',
    details: { HeadersNotSigned: missing.join(', ') },
  })
}

/** The refusal of Signature V4A and of anything else newer than V4. */
export function unsupportedMechanism(): ServiceError {
  return serviceError('InvalidRequest', {
    message: 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
  })
}

function malformed(reporting: Reporting, what: string): ServiceError {
  return serviceError(reporting.code, { message: `${reporting.opening}${what}` })
}

function queryError(message: string): ServiceError {
  return serviceError('AuthorizationQueryParametersError', { message })
}
