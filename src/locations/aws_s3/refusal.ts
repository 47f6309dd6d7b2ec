// What S3's refusals mean: the one table that sorts the error codes of S3 and of its relatives into our classes. Answers that are no error
// documents of S3 (a proxy's page, a HEAD) are sorted by status.
import type { AnswerHeaders } from '../../base/http-client.ts'
import type { Failure, FailureClass } from '../../domain/failure.ts'
import { type AnswerElement, childOf, childText, readAnswerXml } from '../answer-xml.ts'
import { failureOfRefusal, type SecretTexts } from '../cloud-failure.ts'

const codeClasses: Readonly<Record<string, FailureClass>> = {
  ...classOf('throttled', [
    ...['SlowDown', 'SlowDownRead', 'SlowDownWrite', 'RequestLimitExceeded', 'Throttling', 'ThrottlingException'],
    ...['TooManyRequests', 'TooManyRequestsException', 'BandwidthLimitExceeded'],
  ]),
  ...classOf('transient', [
    ...['InternalError', 'RequestTimeout', 'ServiceUnavailable', 'OperationAborted', 'ConditionalRequestConflict'],
    // The bytes changed on their way: sending them again is the cure.
    ...['BadDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch', 'IncompleteBody', 'MalformedXML'],
    // The upload or a part of it is gone at the destination, or the key changed: the caller begins again.
    ...['NoSuchUpload', 'InvalidPart', 'PreconditionFailed', 'QuotaExceeded', 'XMinioStorageFull'],
    ...['XMinioServerNotInitialized', 'RequestTimeTooFast'],
  ]),
  ...classOf('location', [
    ...['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied', 'AllAccessDisabled', 'AccountProblem'],
    ...['NotSignedUp', 'NoSuchBucket', 'InvalidBucketName', 'PermanentRedirect', 'TemporaryRedirect', 'Redirect'],
    ...['AuthorizationHeaderMalformed', 'ExpiredToken', 'InvalidToken', 'RequestTimeTooSkewed', 'InvalidSecurity'],
    ...['RequestExpired', 'UnauthorizedAccess', 'InvalidObjectState', 'IllegalLocationConstraintException'],
    ...['KMS.DisabledException', 'KMS.NotFoundException', 'KMS.InvalidStateException', 'CredentialsNotSupported'],
    ...['InvalidPayer', 'AccessForbidden', 'XMinioInvalidIAMCredentials', 'VersioningNotEnabled'],
  ]),
}

function classOf(failureClass: FailureClass, codes: readonly string[]): Record<string, FailureClass> {
  return Object.fromEntries(codes.map(code => [code, failureClass]))
}

/** An answer that refuses, as it came. */
export interface S3RefusedAnswer {
  readonly method: string
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: Uint8Array
  readonly region: string
}

/** The Error element of a document: the root, or (in the answer to a copy or completion that failed late) inside it. */
export function errorDocument(root: AnswerElement): AnswerElement | undefined {
  if (root.name === 'Error') return root
  if (root.name === 'ErrorResponse') return childOf(root, 'Error')
  return undefined
}

/** Classifies a refusal. `now` is epoch milliseconds, for Retry-After. */
export function refusalFailure(answer: S3RefusedAnswer, secrets: SecretTexts, now: number): Failure {
  const { status, headers } = answer
  const root = readAnswerXml(answer.body)
  const document = root === undefined ? undefined : errorDocument(root)
  const code = document === undefined ? '' : childText(document, 'Code')
  const failureClass = classify(code, status, headers)
  const hint = hintOf(code, answer, document)
  const requestId =
    headers['x-amz-request-id']?.split(',')[0] ?? (document === undefined ? '' : childText(document, 'RequestId'))
  const refusal = {
    status,
    code: code === '' ? `HTTP${status}` : code,
    message: document === undefined ? '' : childText(document, 'Message'),
    headers,
    requestId,
  }
  const outcomeUnknown = answer.method !== 'GET' && answer.method !== 'HEAD' && mayHaveTakenEffect(code, status)
  return failureOfRefusal(refusal, failureClass, secrets, {
    now,
    outcomeUnknown,
    ...(hint === undefined ? {} : { hint }),
  })
}

function classify(code: string, status: number, headers: AnswerHeaders): FailureClass {
  if (status === 429) return 'throttled'
  if (status === 503 && headers['retry-after'] !== undefined) return 'throttled'
  const known = codeClasses[code]
  if (known !== undefined) return known
  if (code.startsWith('KMS.')) return 'location'
  if (status >= 500 && status !== 501) return 'transient'
  if (status === 408 || status === 409 || status === 412 || status === 425) return 'transient'
  if (code !== '') return status === 401 || status === 403 ? 'location' : status < 300 ? 'transient' : 'object'
  // No error document of S3: whatever answers there does not accept us, unless it merely finds the request too large.
  return status === 413 || status === 414 || status === 431 ? 'object' : status < 300 ? 'transient' : 'location'
}

/** An error inside the server, or of a proxy before it, does not say that nothing was done; refusals in order do. */
function mayHaveTakenEffect(code: string, status: number): boolean {
  if (status < 300) return true
  if (code === 'NoSuchUpload' || code === 'OperationAborted') return true
  return status === 500 || status === 502 || status === 504
}

function hintOf(code: string, answer: S3RefusedAnswer, document: AnswerElement | undefined): string | undefined {
  const told = document === undefined ? '' : childText(document, 'Region')
  const region = told === '' ? answer.headers['x-amz-bucket-region'] : told
  const misplaced =
    code === 'AuthorizationHeaderMalformed' || code === 'PermanentRedirect' || Math.floor(answer.status / 100) === 3
  if (region !== undefined && region !== answer.region && (misplaced || code === '')) {
    return `the bucket is in region ${region}, the location says ${answer.region}`
  }
  if (misplaced && document !== undefined) {
    const endpoint = childText(document, 'Endpoint')
    if (endpoint !== '') return `the bucket is at ${endpoint}`
  }
  if (code === 'RequestTimeTooSkewed') return 'the clock of this machine and that of the location differ'
  return undefined
}
