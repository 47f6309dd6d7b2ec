// Answers of the `/_/backbeat` routes: JSON bodies, refusals as JSON, the destination's version id in headers as well, and a cloud's failure
// in the words of a real CloudServer with its class beside it.
import { failureHeader, lockHeld, wireHeaders } from '../../domain/backbeat-wire.ts'
import { isErrorCode, type ServiceError, serviceError } from '../../domain/errors.ts'
import type { Failure } from '../../domain/failure.ts'
import type { WriteResult } from '../../locations/location.ts'
import type { CopiedAttributes, Destination } from '../../locations/multiple-backend.ts'
import type { Answer, FlatHeaders } from '../call.ts'
import { headerValue, jsonErrorAnswer } from '../http/answer.ts'

/** 200 with a JSON body; `undefined` is an empty one. */
export function jsonAnswer(value: unknown, headers: FlatHeaders = []): Answer {
  headers.push('Content-Type', 'application/json')
  return { status: 200, headers, body: value === undefined ? '' : JSON.stringify(value) }
}

/** A destination's version id under both names that clients look for; nothing where it has none. */
export function versionHeaders(versionId: string): FlatHeaders {
  if (versionId === '') return []
  const value = headerValue(versionId)
  return ['x-amz-version-id', value, 'x-amz-scal-version-id', value]
}

/** Version id and ETag of a write at a destination. */
export function writtenHeaders(written: WriteResult): FlatHeaders {
  const headers = versionHeaders(written.versionId)
  if (written.etag !== '') headers.push(wireHeaders.etag, headerValue(written.etag))
  return headers
}

/** Those of a whole copy; they also say that what keeps it went along. */
export function copyHeaders(written: WriteResult, { location }: Destination, { lock }: CopiedAttributes): FlatHeaders {
  const headers = writtenHeaders(written)
  if (lock !== undefined && location.capabilities.objectLock) headers.push(wireHeaders.lock, lockHeld)
  return headers
}

/** Why an answer is none of ours but a cloud's, and in which words it is told. */
export class CloudRefusal extends Error {
  override readonly name = 'CloudRefusal'
  readonly failure: Failure
  /** What a real CloudServer answers. */
  readonly shown: ServiceError

  constructor(failure: Failure, shown: ServiceError) {
    super(failure.message, { cause: failure })
    this.failure = failure
    this.shown = shown
  }
}

export function refusalAnswer(error: ServiceError | CloudRefusal, requestId: string): Answer {
  if (!(error instanceof CloudRefusal)) return jsonErrorAnswer(error, requestId)
  const answer = jsonErrorAnswer(error.shown, requestId)
  const { facts } = error.failure
  const headers = answer.headers ?? []
  headers.push(wireHeaders.failure, failureHeader(facts))
  if (facts.retryAfterMs !== undefined) headers.push('Retry-After', String(Math.ceil(facts.retryAfterMs / 1000)))
  return { ...answer, headers }
}

const cloudNames: Readonly<Record<string, string>> = { aws_s3: 'AWS', azure: 'Azure', gcp: 'GCP' }
/** Refusals of a completion that its caller can do something about. */
const completionCodes: ReadonlySet<string> = new Set(['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall'])

/** The words of a real CloudServer for a cloud's failure (Backbeat wire format, "Cloud data operations"). */
export function cloudRefusal(failure: Failure, operation: string, type: string): CloudRefusal {
  const { code, message } = failure.facts
  // The bytes were not those the request declared; nothing was written.
  if (code === 'BadDigest' && failure.facts.outcomeUnknown !== true)
    return new CloudRefusal(failure, serviceError(code))
  if (operation === 'putobject') return new CloudRefusal(failure, serviceError('ServiceUnavailable'))
  if (operation === 'completempu' && completionCodes.has(code) && isErrorCode(code)) {
    return new CloudRefusal(failure, serviceError(code))
  }
  const text = `Error returned from ${cloudNames[type] ?? type}: ${message}`
  return new CloudRefusal(failure, serviceError('ServiceUnavailable', { message: text }))
}
