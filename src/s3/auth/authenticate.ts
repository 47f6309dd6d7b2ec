// Decides who sent a request: reads Signature V4 and V2, in the Authorization header or in the query, and checks it against the accounts.
// A request without any signature is anonymous; one with a wrong or odd signature is refused with the error S3 gives, never downgraded.

import type { RequestHead } from '../request-head.ts'
import type { Account, AccountDirectory } from './account-directory.ts'
import type { PayloadDeclaration } from './payload-declaration.ts'

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

/**
 * Authenticates a request. `now` is milliseconds since 1970. Any syntactically valid region is accepted: the scope binds the signature to
 * the region the client named, and this server is one region by whatever name its clients use.
 * Throws ServiceError: AccessDenied, AuthorizationHeaderMalformed, AuthorizationQueryParametersError, InvalidAccessKeyId, InvalidArgument,
 * InvalidRequest, NotImplemented, RequestTimeTooSkewed, SignatureDoesNotMatch.
 */
export function authenticate(request: RequestHead, accounts: AccountDirectory, now: number): AuthResult {
  void request
  void accounts
  void now
  throw new Error('not written yet')
}
