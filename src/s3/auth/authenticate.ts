// Decides who sent a request: reads Signature V4 and V2, in the Authorization header or in the query, and checks it against the accounts.
// A request without any signature is anonymous; one with a wrong or odd signature is refused with the error S3 gives, never downgraded.

import { v4Algorithm } from '../../base/signature-v4.ts'
import { serviceError } from '../../domain/errors.ts'
import type { RequestHead } from '../request-head.ts'
import { splitTarget } from '../request-target.ts'
import type { Account, AccountDirectory } from './account-directory.ts'
import { authenticateV2Header, authenticateV2Query } from './authenticate-v2.ts'
import { authenticateV4Header, authenticateV4Query, unsupportedMechanism } from './authenticate-v4.ts'
import { declareUnsigned, type PayloadDeclaration } from './payload-declaration.ts'

export type SignatureScheme = 'v4' | 'v4-presigned' | 'v2' | 'v2-presigned'

export type AuthResult =
  | { readonly kind: 'anonymous'; readonly payload: PayloadDeclaration }
  | {
      readonly kind: 'signed'
      readonly account: Account
      readonly accessKey: string
      readonly scheme: SignatureScheme
      readonly payload: PayloadDeclaration
    }

const v4QueryMark = /(?:^|&)X-Amz-(?:Algorithm|Credential|Signature)(?:=|&|$)/
const v2QueryMark = /(?:^|&)(?:AWSAccessKeyId|Signature)(?:=|&|$)/

/**
 * Authenticates a request. `now` is milliseconds since 1970. Any syntactically valid region is accepted: the scope binds the signature to
 * the region the client named, and this server is one region by whatever name its clients use.
 * Throws ServiceError: AccessDenied, AuthorizationHeaderMalformed, AuthorizationQueryParametersError, InvalidAccessKeyId, InvalidArgument,
 * InvalidRequest, InvalidToken, InvalidURI, RequestTimeTooSkewed, SignatureDoesNotMatch.
 */
export function authenticate(request: RequestHead, accounts: AccountDirectory, now: number): AuthResult {
  const target = splitTarget(request.rawTarget)
  const authorization = request.headers.get('authorization')
  const v4Query = v4QueryMark.test(target.query)
  const v2Query = v2QueryMark.test(target.query)
  if (Number(authorization !== undefined) + Number(v4Query) + Number(v2Query) > 1) {
    throw serviceError('InvalidArgument', {
      message:
        'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the ' +
        'Authorization header should be specified',
      details: { ArgumentName: 'Authorization', ArgumentValue: (authorization ?? '').slice(0, 256) },
    })
  }
  // There are no temporary credentials here: a session token can only be somebody else's.
  if (request.headers.has('x-amz-security-token')) throw serviceError('InvalidToken')
  if (v4Query) return authenticateV4Query(request, target, accounts, now)
  if (v2Query) return authenticateV2Query(request, target, accounts, now)
  if (authorization === undefined) return { kind: 'anonymous', payload: declareUnsigned(request.headers) }
  const scheme = /^[^\s]*/.exec(authorization)?.[0] ?? ''
  if (scheme === v4Algorithm) return authenticateV4Header(request, target, accounts, now)
  if (scheme === 'AWS') return authenticateV2Header(request, target, accounts, now)
  if (scheme.startsWith('AWS4-')) throw unsupportedMechanism()
  throw serviceError('InvalidArgument', {
    message: 'Unsupported Authorization Type',
    details: { ArgumentName: 'Authorization', ArgumentValue: authorization.slice(0, 256) },
  })
}
