// Signature V2 on incoming requests: `Authorization: AWS key:signature`, or AWSAccessKeyId, Expires and Signature in the query.

import type { AccountDirectory } from '../../accounts/account-directory.ts'
import { parseAmzDate } from '../../base/signature-v4.ts'
import { serviceError } from '../../domain/errors.ts'
import type { HeaderMap, RequestHead } from '../http/request-head.ts'
import { parseQuery } from '../http/request-target.ts'
import type { AuthResult } from './auth-result.ts'
import { arnOfOwner, checkSkew, findKeyOwner, parseHttpDate, requestExpired, signatureMismatch } from './claim.ts'
import { declareUnsigned } from './payload-declaration.ts'
import { verifyV2 } from './signature-v2.ts'

/** Authenticates a request whose Authorization header starts with `AWS `. */
export function authenticateV2Header(
  request: RequestHead,
  target: { readonly path: string; readonly query: string },
  accounts: AccountDirectory,
  now: number,
): AuthResult {
  const value = (request.headers.get('authorization') ?? '').slice('AWS'.length).trim()
  const colon = value.lastIndexOf(':')
  if (colon <= 0 || colon === value.length - 1 || /[\s,]/.test(value)) {
    throw serviceError('InvalidArgument', {
      message: 'AWS authorization header is invalid.  Expected AwsAccessKeyId:signature',
      details: { ArgumentName: 'Authorization', ArgumentValue: value.slice(0, 256) },
    })
  }
  checkSkew(requestTime(request.headers), now)
  return verifyClaim(request, target, accounts, {
    accessKey: value.slice(0, colon),
    signature: value.slice(colon + 1),
  })
}

/** Authenticates a request with AWSAccessKeyId or Signature in its query. */
export function authenticateV2Query(
  request: RequestHead,
  target: { readonly path: string; readonly query: string },
  accounts: AccountDirectory,
  now: number,
): AuthResult {
  const fields = new Map<string, string>()
  for (const { name, value } of parseQuery(target.query)) {
    if (name !== 'AWSAccessKeyId' && name !== 'Signature' && name !== 'Expires') continue
    if (fields.has(name)) {
      throw serviceError('AccessDenied', { message: `The ${name} query parameter was given more than once.` })
    }
    fields.set(name, value ?? '')
  }
  const accessKey = fields.get('AWSAccessKeyId')
  const signature = fields.get('Signature')
  const expires = fields.get('Expires')
  if (!accessKey || !signature || !expires) {
    throw serviceError('AccessDenied', {
      message: 'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
    })
  }
  if (!/^\d{1,11}$/.test(expires)) {
    throw serviceError('AccessDenied', {
      message: `Invalid date (should be seconds since epoch): ${expires.slice(0, 64)}`,
    })
  }
  if (now > Number(expires) * 1000) throw requestExpired(Number(expires) * 1000, now)
  return verifyClaim(request, target, accounts, { accessKey, signature, expires })
}

function requestTime(headers: HeaderMap): number {
  const text = headers.get('x-amz-date') ?? headers.get('date') ?? ''
  const time = parseHttpDate(text) ?? parseAmzDate(text.trim())
  if (time !== undefined) return time
  throw serviceError('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header.' })
}

interface ParsedClaim {
  readonly accessKey: string
  readonly signature: string
  readonly expires?: string
}

function verifyClaim(
  request: RequestHead,
  target: { readonly path: string; readonly query: string },
  accounts: AccountDirectory,
  parsed: ParsedClaim,
): AuthResult {
  const owner = findKeyOwner(accounts, parsed.accessKey)
  const { account, key } = owner
  const payload = declareUnsigned(request.headers)
  const verdict = verifyV2({
    method: request.method,
    rawPath: target.path,
    rawQuery: target.query,
    headers: request.headers,
    secretKey: key.secret,
    signature: parsed.signature,
    ...(parsed.expires === undefined ? {} : { expires: parsed.expires }),
  })
  if (!verdict.ok) {
    throw signatureMismatch(parsed.accessKey, verdict.stringToSign, parsed.signature)
  }
  const scheme = parsed.expires === undefined ? 'v2' : 'v2-presigned'
  return { kind: 'signed', account, arn: arnOfOwner(owner), accessKey: parsed.accessKey, scheme, payload }
}
