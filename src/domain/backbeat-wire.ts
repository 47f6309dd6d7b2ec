// What both ends of the `/_/backbeat` routes have to agree on: the names of the headers that Crossbeat adds to them, JSON that fits into a
// header, and a cloud's failure as a header, so that its class survives the 503 that a real Backbeat expects.
import type { FailureClass, FailureFacts } from './failure.ts'

/** Headers of ours beside those of the original programs; who does not know them ignores them. */
export const wireHeaders = {
  /** Answer: why the cloud refused, as `failureHeader` writes it. */
  failure: 'x-crossbeat-failure',
  /** Revision of a version: in the answer of GET metadata, and in the request of a status PUT. */
  revision: 'x-crossbeat-revision',
  /** Checksums of a version as JSON: in the answer of GET metadata, and in the request of a replica's PUT. */
  integrity: 'x-crossbeat-integrity',
  /** Request of a status PUT: the one site that the message is about. */
  site: 'x-crossbeat-site',
  /** Request of a status PUT: why the row ended so. */
  reason: 'x-crossbeat-reason',
  /** Answer of a status PUT: what became of it (a FoldResult). */
  fold: 'x-crossbeat-fold',
  /** Hex CRC32 of the body in a request; of a part in an answer. */
  crc32: 'x-crossbeat-crc32',
  /** Bytes of the whole object, when an upload begins and when it is completed. */
  size: 'x-crossbeat-size',
  /** ETag that the destination gave. */
  etag: 'x-crossbeat-etag',
  ifMatch: 'x-crossbeat-if-match',
  ifNoneMatch: 'x-crossbeat-if-none-match',
  contentLanguage: 'x-crossbeat-content-language',
  expires: 'x-crossbeat-expires',
  /** What keeps a version (object lock) as JSON; `lockHeld` in the answer of a write whose destination holds it. */
  lock: 'x-crossbeat-object-lock',
} as const

export const lockHeld = 'held'

/** JSON in printable ASCII: other characters as \u escapes, so that any HTTP stack carries it. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\x7f-\uffff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The facts of a failure as a header value. */
export function failureHeader(facts: FailureFacts): string {
  const { class: failureClass, code, message, status, requestId, retryAfterMs, outcomeUnknown } = facts
  return asciiJson({ class: failureClass, code, message, status, requestId, retryAfterMs, outcomeUnknown })
}

const classes: readonly FailureClass[] = ['transient', 'throttled', 'object', 'location', 'source-gone']

/** Reads what `failureHeader` wrote; null for anything else. */
export function readFailureHeader(text: string | undefined): FailureFacts | null {
  const value = text === undefined ? null : jsonObject(text)
  if (value === null) return null
  const failureClass = classes.find(known => known === value['class'])
  const { code, message, status, requestId, retryAfterMs, outcomeUnknown } = value
  if (failureClass === undefined || typeof code !== 'string' || typeof message !== 'string') return null
  return {
    class: failureClass,
    code,
    message,
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    ...(outcomeUnknown === true ? { outcomeUnknown } : {}),
  }
}

export type JsonObject = Readonly<Record<string, unknown>>

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Parses text that has to be a JSON object; null for anything else. */
export function jsonObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : null
  } catch {
    return null
  }
}
