// What the signature versions have in common: whose key it is, whether the request's time is near ours, and how an expired one is refused.

import type { AccountDirectory, KeyOwner } from '../../accounts/account-directory.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'

/** How far a request's time may be from ours, in either direction. */
export const skewMaxMs = limits.clockSkewMs

/** Regions that a signature may be for. */
export interface Regions {
  /** Named to clients that signed for another one. */
  readonly home: string
  accepts(region: string): boolean
}

/** Every region is as good as another. */
export const anyRegion: Regions = { home: 'us-east-1', accepts: () => true }

/** Finds the owner of an access key. Throws InvalidAccessKeyId. */
export function findKeyOwner(accounts: AccountDirectory, accessKey: string): KeyOwner {
  const owner = accounts.findByAccessKey(accessKey)
  if (owner === undefined) throw serviceError('InvalidAccessKeyId', { details: { AWSAccessKeyId: accessKey } })
  return owner
}

/** A user of an account has an arn of its own. */
export function arnOfOwner({ account, user }: KeyOwner): string {
  return user?.arn ?? account.arn
}

/** Throws RequestTimeTooSkewed when `time` (milliseconds since 1970) is more than 15 minutes from `now`. */
export function checkSkew(time: number, now: number): void {
  if (Math.abs(now - time) <= skewMaxMs) return
  throw serviceError('RequestTimeTooSkewed', {
    details: {
      RequestTime: new Date(time).toISOString(),
      ServerTime: new Date(now).toISOString(),
      MaxAllowedSkewMilliseconds: String(skewMaxMs),
    },
  })
}

/** The refusal of a presigned request after its time. Times in milliseconds since 1970. */
export function requestExpired(
  expires: number,
  now: number,
  more: Readonly<Record<string, string>> = {},
): ServiceError {
  return serviceError('AccessDenied', {
    message: 'Request has expired.',
    details: { ...more, Expires: new Date(expires).toISOString(), ServerTime: new Date(now).toISOString() },
  })
}

/** The refusal of a signature: with what was signed here, so that clients can find the difference. Texts have one character per byte. */
export function signatureMismatch(
  accessKey: string,
  stringToSign: string,
  signature: string,
  canonicalRequest?: string,
): ServiceError {
  return serviceError('SignatureDoesNotMatch', {
    details: {
      AWSAccessKeyId: accessKey,
      StringToSign: stringToSign,
      SignatureProvided: signature,
      StringToSignBytes: hexBytes(stringToSign),
      ...(canonicalRequest === undefined
        ? undefined
        : { CanonicalRequest: canonicalRequest, CanonicalRequestBytes: hexBytes(canonicalRequest) }),
    },
  })
}

function hexBytes(text: string): string {
  return Buffer.from(text, 'latin1')
    .toString('hex')
    .replace(/..(?=.)/g, '$& ')
}

const httpDate = /^(?:[A-Za-z]{3,9}, )?\d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2}(?: (?:GMT|UTC|Z|[+-]\d{4}))$/

/** Reads an HTTP date (RFC 1123 form, or with a numeric zone) into milliseconds since 1970; undefined for anything else. */
export function parseHttpDate(text: string): number | undefined {
  const trimmed = text.trim()
  if (!httpDate.test(trimmed)) return undefined
  const time = Date.parse(trimmed)
  // Dates a JavaScript Date prints but ISO form cannot (beyond the year 9999) are no dates of requests.
  return Number.isNaN(time) || time < 0 || time > 253_402_300_799_000 ? undefined : time
}
