// Decides who sent a request: reads Signature V4 and V2, in the Authorization header or in the query, and checks it against the accounts.
// A request without any signature is anonymous; one with a wrong or odd signature is refused with the error S3 gives, never downgraded.

import type { AccountDirectory } from '../../accounts/account-directory.ts'
import { v4Algorithm } from '../../base/signature-v4.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { RequestHead } from '../http/request-head.ts'
import { splitTarget } from '../http/request-target.ts'
import type { AuthResult } from './auth-result.ts'
import { authenticateV2Header, authenticateV2Query } from './authenticate-v2.ts'
import { authenticateV4Header, authenticateV4Query, unsupportedMechanism } from './authenticate-v4.ts'
import { anyRegion, type Regions } from './claim.ts'
import { declareAnonymous } from './payload-declaration.ts'

const v4QueryMark = /(?:^|&)X-Amz-(?:Algorithm|Credential|Signature)(?:=|&|$)/
const v2QueryMark = /(?:^|&)(?:AWSAccessKeyId|Signature)(?:=|&|$)/

/** What a signature covers besides the request as sent. */
export interface RequestPlace {
  /** Left out: every region. */
  readonly regions?: Regions
  /** The bucket, where the host names it: Signature V2 covers it as part of the path, V4 covers the host. */
  readonly hostBucket?: string | undefined
}

/**
 * Authenticates a request. `now` is milliseconds since 1970. An empty Authorization header is none.
 * Throws ServiceError: AccessDenied, AuthorizationHeaderMalformed, AuthorizationQueryParametersError, InvalidAccessKeyId, InvalidArgument,
 * InvalidRequest, InvalidToken, InvalidURI, RequestTimeTooSkewed, SignatureDoesNotMatch.
 */
export function authenticate(
  request: RequestHead,
  accounts: AccountDirectory,
  now: number,
  place: RequestPlace = {},
): AuthResult {
  const { regions = anyRegion, hostBucket } = place
  const target = splitTarget(request.rawTarget)
  const authorization = request.headers.get('authorization')?.trim() || undefined
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
  if (v4Query) return authenticateV4Query(request, target, accounts, now, regions)
  const v2Target = hostBucket === undefined ? target : { ...target, path: `/${hostBucket}${target.path}` }
  if (v2Query) return authenticateV2Query(request, v2Target, accounts, now)
  if (authorization === undefined) return { kind: 'anonymous', payload: declareAnonymous(request.headers) }
  const scheme = /^[^\s]*/.exec(authorization)?.[0] ?? ''
  if (scheme === authorization) {
    throw invalidHeader("Authorization header is invalid -- one and only one ' ' (space) required.", authorization)
  }
  if (scheme === v4Algorithm) return authenticateV4Header(request, target, accounts, now, regions)
  if (scheme === 'AWS') return authenticateV2Header(request, v2Target, accounts, now)
  if (scheme.startsWith('AWS4-')) throw unsupportedMechanism()
  throw invalidHeader('Unsupported Authorization Type', scheme)
}

function invalidHeader(message: string, value: string): ServiceError {
  return serviceError('InvalidArgument', {
    message,
    details: { ArgumentName: 'Authorization', ArgumentValue: value.slice(0, 256) },
  })
}
