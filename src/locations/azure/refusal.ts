// What Azure's refusals mean: its error codes sorted into our classes. Answers without a code of Azure's are sorted by status.
import type { AnswerHeaders } from '../../base/http-client.ts'
import type { Failure, FailureClass } from '../../domain/failure.ts'
import { childText, readAnswerXml } from '../answer-xml.ts'
import { failureOfRefusal, type SecretTexts } from '../cloud-failure.ts'

const codeClasses: Readonly<Record<string, FailureClass>> = {
  ...classOf('throttled', ['ServerBusy', 'TooManyRequests', 'IngressLimitExceeded', 'EgressLimitExceeded']),
  ...classOf('transient', [
    ...['InternalError', 'OperationTimedOut', 'AccountBeingCreated', 'BlobBeingRehydrated', 'LeaseIdMissing'],
    // The bytes changed on their way: sending them again is the cure.
    ...['Md5Mismatch', 'Crc64Mismatch', 'InvalidXmlDocument', 'InvalidXmlNodeValue'],
    // Blocks have expired, or the blob changed since it was read: the caller looks again.
    ...['InvalidBlockList', 'ConditionNotMet', 'TargetConditionNotMet', 'BlobAlreadyExists', 'PendingCopyOperation'],
  ]),
  ...classOf('location', [
    ...['AuthenticationFailed', 'AuthorizationFailure', 'AuthorizationPermissionMismatch', 'InvalidAuthenticationInfo'],
    ...['AuthorizationProtocolMismatch', 'AuthorizationResourceTypeMismatch', 'AuthorizationServiceMismatch'],
    ...['AuthorizationSourceIPMismatch', 'AccountIsDisabled', 'InsufficientAccountPermissions'],
    ...['NoAuthenticationInformation', 'PublicAccessNotPermitted', 'KeyBasedAuthenticationNotPermitted'],
    ...['ContainerNotFound', 'ContainerDisabled', 'ContainerBeingDeleted', 'AccountMigrationFailed'],
    ...['FeatureVersionMismatch', 'CannotVerifyCopySource', 'AccountRequiresHttps', 'ResourceNotFound'],
  ]),
}

/** Codes of a condition that did not hold; callers know it as one. */
const conditionCodes: ReadonlySet<string> = new Set(['ConditionNotMet', 'TargetConditionNotMet', 'BlobAlreadyExists'])

function classOf(failureClass: FailureClass, codes: readonly string[]): Record<string, FailureClass> {
  return Object.fromEntries(codes.map(code => [code, failureClass]))
}

export interface AzureRefusedAnswer {
  readonly method: string
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: Uint8Array
}

/** Azure's code of an answer, '' if it has none. */
export function azureCode(headers: AnswerHeaders, body: Uint8Array): string {
  const told = headers['x-ms-error-code']
  if (told !== undefined) return told
  const root = readAnswerXml(body)
  return root?.name === 'Error' ? childText(root, 'Code') : ''
}

/** Classifies a refusal. `now` is epoch milliseconds, for Retry-After. */
export function refusalFailure(answer: AzureRefusedAnswer, secrets: SecretTexts, now: number): Failure {
  const { status, headers } = answer
  const root = readAnswerXml(answer.body)
  const said = root?.name === 'Error' ? childText(root, 'Message') : ''
  const told = azureCode(headers, answer.body)
  // Azurite's way to say that the bytes changed on their way.
  const code = told === 'InvalidOperation' && /contentMD5/i.test(said) ? 'Md5Mismatch' : told
  const condition = conditionCodes.has(code) || (status === 412 && code === '')
  const refusal = {
    status,
    code: condition ? 'PreconditionFailed' : code === '' ? `HTTP${status}` : code,
    // The message ends with lines that repeat the request id and the time.
    message: condition ? `The blob is not as it was read (${code})` : said.replace(/\s*RequestId:[\s\S]*$/, ''),
    headers,
    requestId: headers['x-ms-request-id'] ?? '',
  }
  const isWrite = answer.method !== 'GET' && answer.method !== 'HEAD'
  return failureOfRefusal(refusal, classify(code, status, headers), secrets, {
    now,
    outcomeUnknown: isWrite && mayHaveTakenEffect(status),
  })
}

function classify(code: string, status: number, headers: AnswerHeaders): FailureClass {
  if (status === 429) return 'throttled'
  const known = codeClasses[code]
  if (known !== undefined) return known
  if (status === 503) return headers['retry-after'] === undefined ? 'transient' : 'throttled'
  if (status >= 500 && status !== 501) return 'transient'
  if (status === 408 || status === 412 || status === 425) return 'transient'
  if (code !== '') return status === 401 || status === 403 ? 'location' : status < 300 ? 'transient' : 'object'
  return status === 413 || status === 414 || status === 431 ? 'object' : status < 300 ? 'transient' : 'location'
}

function mayHaveTakenEffect(status: number): boolean {
  return status < 300 || status === 500 || status === 502 || status === 504
}
