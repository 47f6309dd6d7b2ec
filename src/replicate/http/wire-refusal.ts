// What an answer of the `/_/backbeat` routes means: our own servers say the class of a cloud's failure in a header; of a real CloudServer there
// is the status and a code, where a 503 may stand for anything, a write that took effect included.
import type { HttpAnswer } from '../../base/http-client.ts'
import {
  isJsonObject,
  type JsonObject,
  jsonObject,
  readFailureHeader,
  wireHeaders,
} from '../../domain/backbeat-wire.ts'
import { Failure, type FailureClass } from '../../domain/failure.ts'

export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
}

/** Code and message of an answer: JSON of the internal routes, or S3's XML. */
export function refusalOf(answer: Pick<HttpAnswer, 'status' | 'body'>): Refusal {
  const text = Buffer.from(answer.body).toString('utf8')
  const json = jsonObject(text)
  const code = textOf(json?.['code']) ?? /<Code>([^<]{1,100})<\/Code>/.exec(text)?.[1] ?? `Status${answer.status}`
  const message = textOf(json?.['message']) ?? /<Message>([^<]{1,400})<\/Message>/.exec(text)?.[1]
  return { status: answer.status, code, message: (message ?? `HTTP status ${answer.status}`).slice(0, 400) }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function isSuccess(answer: Pick<HttpAnswer, 'status'>): boolean {
  return answer.status >= 200 && answer.status <= 299
}

/** Codes whose cause goes away by itself, or with another try. */
const transientCodes: ReadonlySet<string> = new Set([
  'BadDigest',
  'IncompleteBody',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'OperationAborted',
  'LocationNotFound',
  'PreconditionFailed',
  'NoSuchUpload',
  'InvalidPart',
  'InvalidPartOrder',
])

/** Codes that say that this server, its keys or its configuration are wrong, and not the object. */
const locationCodes: ReadonlySet<string> = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'NoSuchBucket',
  'MethodNotAllowed',
  'NotImplemented',
  'InvalidLocationConstraint',
  'InvalidURI',
])

function classOf({ status, code, message }: Refusal): FailureClass {
  if (status === 429 || code === 'SlowDown') return 'throttled'
  if (transientCodes.has(code)) return 'transient'
  if (locationCodes.has(code) || status === 401 || status === 403 || status === 405) return 'location'
  if (code === 'InvalidRequest' && message.includes('location constraint')) return 'location'
  if (status >= 500 || status === 408 || status < 400) return 'transient'
  return 'object'
}

/** The Failure of an answer that is no success. `changes`: the request was to change something. */
export function failureOfAnswer(answer: HttpAnswer, changes: boolean): Failure {
  const told = readFailureHeader(answer.headers[wireHeaders.failure])
  if (told !== null) return new Failure(told)
  const refusal = refusalOf(answer)
  const failureClass = classOf(refusal)
  const requestId = answer.headers['x-amz-request-id']
  return new Failure({
    class: failureClass,
    code: refusal.code,
    message: refusal.message,
    status: refusal.status,
    ...(requestId === undefined ? {} : { requestId }),
    ...retryAfterOf(answer),
    ...(changes && refusal.status >= 500 ? { outcomeUnknown: true } : {}),
  })
}

function retryAfterOf(answer: HttpAnswer): { readonly retryAfterMs?: number } {
  const text = answer.headers['retry-after'] ?? ''
  return /^\d{1,5}$/.test(text) ? { retryAfterMs: Number(text) * 1000 } : {}
}

/** An added operation that the other side does not know: a real CloudServer. */
export function isUnknownOperation(answer: HttpAnswer): boolean {
  return (answer.status === 405 || answer.status === 400) && answer.headers[wireHeaders.failure] === undefined
}

/** The JSON object of a success. Throws Failure(transient) for anything else under a good status. */
export function jsonAnswer(answer: HttpAnswer): JsonObject {
  const json: unknown = jsonObject(answer.body.toString('utf8'))
  if (isJsonObject(json)) return json
  throw new Failure({
    class: 'transient',
    code: 'UnreadableAnswer',
    message: 'The server answered something other than JSON',
    outcomeUnknown: true,
  })
}
