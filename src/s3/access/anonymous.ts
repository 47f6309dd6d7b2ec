// What nobody may do without an account, whatever a list or a policy allows.
import { serviceError } from '../../domain/errors.ts'
import type { Call } from '../call.ts'

/** Throws AccessDenied for an anonymous request. */
export function refuseAnonymous(
  { auth }: Pick<Call, 'auth'>,
  message = 'Anonymous users cannot invoke this API. Please authenticate.',
): void {
  if (auth.kind === 'anonymous') throw serviceError('AccessDenied', { message })
}
