// Who asks: the account whose key signed, or nobody known.
import type { Account } from '../../accounts/account-directory.ts'
import type { AuthResult } from '../auth/auth-result.ts'

/** Null: anonymous. */
export type Requester = Account | null

export function requesterOf(auth: AuthResult): Requester {
  return auth.kind === 'anonymous' ? null : auth.account
}

/** Who owns what anonymous requests write (S3 user guide, "Access control list (ACL) overview"). Nobody signs as it. */
export const anonymousAccount: Account = {
  name: 'anonymous',
  email: '',
  arn: '',
  canonicalId: '65a011a29cdf8ec533ec3d1ccaae921c',
  shortId: '',
  displayName: 'anonymous',
  keys: [],
  admin: false,
}
