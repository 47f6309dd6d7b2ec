// Who vouches for a form upload: its fields carry a policy and the signature of the policy's text, V4 or V2. A form without any of these fields
// is anonymous; one with some of them is refused for those that are missing.

import type { AccountDirectory, KeyOwner } from '../../accounts/account-directory.ts'
import { equalInConstantTime, hmacSha256Hex } from '../../base/hash.ts'
import { parseAmzDate, signingKeyOf, v4Algorithm } from '../../base/signature-v4.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { AuthResult } from './auth-result.ts'
import { arnOfOwner, findKeyOwner, type Regions, signatureMismatch, skewMaxMs } from './claim.ts'
import { parseCredential } from './credential.ts'
import { checksumHeaders } from './payload-check.ts'
import { policyExpired } from './post-policy.ts'
import { signatureV2 } from './signature-v2.ts'

/** Fields by their names in lower case. */
type Fields = ReadonlyMap<string, string>

export interface FormSigner {
  readonly auth: AuthResult
  /** The text of the policy that was signed. */
  readonly policy: string
}

const v4Fields = ['policy', 'x-amz-signature', 'x-amz-credential', 'x-amz-date', 'x-amz-algorithm'] as const
/** What no condition of a policy needs to cover: a checksum can only refuse what did not arrive as it was sent. */
export const uncoveredFields: ReadonlySet<string> = new Set([
  'policy',
  'file',
  'x-amz-signature',
  'signature',
  'awsaccesskeyid',
  ...Object.values(checksumHeaders),
])
/** A signing key is good for so long. */
const signedMaxMs = 7 * 24 * 3_600_000

/**
 * Finds who signed a form; null for an anonymous one. Throws AccessDenied, InvalidAccessKeyId, InvalidArgument, InvalidToken,
 * SignatureDoesNotMatch.
 */
export function authenticateForm(
  fields: Fields,
  accounts: AccountDirectory,
  now: number,
  regions: Regions,
): FormSigner | null {
  // There are no temporary credentials here: a session token can only be somebody else's.
  if (fields.has('x-amz-security-token')) throw serviceError('InvalidToken')
  if (fields.has('awsaccesskeyid') || fields.has('signature')) return authenticateV2Form(fields, accounts)
  if (!v4Fields.some(name => fields.has(name))) return null
  const [policy, signature, credentialText, date, algorithm] = v4Fields.map(name => required(fields, name))
  if (algorithm !== v4Algorithm) {
    throw invalidArgument('Only AWS4-HMAC-SHA256 is supported', 'X-Amz-Algorithm', algorithm)
  }
  const time = parseAmzDate(date ?? '')
  if (time === undefined) {
    throw invalidArgument('X-Amz-Date must be formated via ISO8601 Long format', 'X-Amz-Date', date)
  }
  const credential = parseCredential(credentialText ?? '', reporting(credentialText), regions)
  if (date?.slice(0, 8) !== credential.date) {
    const message = `Invalid credential date "${credential.date}". This date is not the same as X-Amz-Date: "${date?.slice(0, 8)}".`
    throw invalidArgument(message, 'x-amz-credential', credentialText)
  }
  if (time > now + skewMaxMs) throw serviceError('AccessDenied', { message: 'Request is not valid yet' })
  if (now > time + signedMaxMs) throw policyExpired()
  const owner = findKeyOwner(accounts, credential.accessKey)
  const signingKey = signingKeyOf(owner.key.secret, credential.date, credential.region, 's3')
  const text = policy ?? ''
  if (!equalInConstantTime(hmacSha256Hex(signingKey, text), signature ?? '')) {
    throw signatureMismatch(credential.accessKey, text, signature ?? '')
  }
  return { policy: text, auth: signedBy(owner, 'v4-post') }
}

function authenticateV2Form(fields: Fields, accounts: AccountDirectory): FormSigner {
  const accessKey = required(fields, 'AWSAccessKeyId')
  const policy = required(fields, 'policy')
  const signature = required(fields, 'signature')
  const owner = findKeyOwner(accounts, accessKey)
  if (!equalInConstantTime(signatureV2(owner.key.secret, policy), signature)) {
    throw signatureMismatch(accessKey, policy, signature)
  }
  return { policy, auth: signedBy(owner, 'v2-post') }
}

function signedBy(owner: KeyOwner, scheme: 'v4-post' | 'v2-post'): AuthResult {
  const { account, key } = owner
  return {
    kind: 'signed',
    account,
    arn: arnOfOwner(owner),
    accessKey: key.access,
    scheme,
    payload: { kind: 'unsigned' },
  }
}

/** Empty is not missing: an empty policy has its own refusal. Throws InvalidArgument. */
function required(fields: Fields, name: string): string {
  const value = fields.get(name.toLowerCase())
  if (value !== undefined) return value
  throw missingField(name)
}

/** The refusal of a form without a field it must have. */
export function missingField(name: string): ServiceError {
  const message = `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`
  return invalidArgument(message, name, '')
}

function reporting(credential: string | undefined) {
  const details = { ArgumentName: 'x-amz-credential', ArgumentValue: (credential ?? '').slice(0, 256) }
  return { code: 'InvalidArgument', opening: '', details } as const
}

function invalidArgument(message: string, name: string, value = ''): ServiceError {
  return serviceError('InvalidArgument', {
    message,
    details: { ArgumentName: name, ArgumentValue: value.slice(0, 256) },
  })
}
