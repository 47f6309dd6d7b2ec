// From errors of the network and the refusals of clouds to the Failure that callers decide by. What a cloud says is kept (code, message,
// request id, status), shortened, and with every secret of the location cut out.
import { type AnswerHeaders, HttpError } from '../base/http-client.ts'
import { Failure, type FailureClass, type FailureFacts } from '../domain/failure.ts'

/** Longest message of a cloud that is kept. */
const messageCharsMax = 400

/** What a cloud's answer said when it refused. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly headers: AnswerHeaders
  readonly requestId: string
}

/** Texts that must never show in a message. */
export type SecretTexts = () => readonly string[]

/** Turns what a request threw into a Failure; failures of the source of the bytes pass through as they are. */
export function failureOfThrown(error: unknown, secrets: SecretTexts): unknown {
  if (error instanceof Failure || !(error instanceof HttpError)) return error
  const facts: FailureFacts = {
    class: error.kind === 'tls' ? 'location' : error.kind === 'request' ? 'object' : 'transient',
    code: error.code,
    message: cleaned(`${explanations[error.kind]} (${error.message})`, secrets),
    ...(error.sent ? { outcomeUnknown: true } : {}),
  }
  return new Failure(facts, { cause: error })
}

const explanations: Readonly<Record<HttpError['kind'], string>> = {
  connect: 'No connection to the location',
  tls: 'The location could not prove who it is: check its certificate, and whether it speaks https at all',
  timeout: 'The location did not answer in time',
  reset: 'The connection to the location broke',
  aborted: 'The request was given up before it was answered',
  answer: 'The location answered something that is not HTTP as we know it',
  request: 'The request could not be sent as it is',
}

/** Makes the Failure of a refusal that an adapter has classified. */
export function failureOfRefusal(
  refusal: Refusal,
  failureClass: FailureClass,
  secrets: SecretTexts,
  more: { readonly now: number; readonly outcomeUnknown?: boolean; readonly hint?: string },
): Failure {
  const said = refusal.message === '' ? `HTTP status ${refusal.status}` : refusal.message
  const retryAfterMs = retryAfterOf(refusal.headers, more.now)
  return new Failure({
    class: failureClass,
    code: refusal.code,
    message: cleaned(more.hint === undefined ? said : `${said} (${more.hint})`, secrets),
    status: refusal.status,
    ...(refusal.requestId === '' ? {} : { requestId: refusal.requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(more.outcomeUnknown ? { outcomeUnknown: true } : {}),
  })
}

/** A refusal of our own, before or after a request. */
export function failureOf(
  failureClass: FailureClass,
  code: string,
  message: string,
  more: Partial<Pick<FailureFacts, 'outcomeUnknown' | 'status' | 'requestId'>> = {},
): Failure {
  return new Failure({ class: failureClass, code, message, ...more })
}

/** Retry-After, seconds or a date, in milliseconds from now; at most a day. */
function retryAfterOf(headers: AnswerHeaders, now: number): number | undefined {
  const value = headers['retry-after']?.trim()
  if (value === undefined || value === '') return undefined
  const delayMs = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isFinite(delayMs) ? Math.min(Math.max(0, Math.ceil(delayMs)), 86_400_000) : undefined
}

function cleaned(message: string, secrets: SecretTexts): string {
  let text = message
  for (const secret of secrets()) if (secret !== '') text = text.replaceAll(secret, '[secret]')
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > messageCharsMax ? `${line.slice(0, messageCharsMax)}…` : line
}
