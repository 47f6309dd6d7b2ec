// Why work towards a destination failed: one of five classes, which alone decides whether and how it is tried again.

/**
 * transient: try again later. throttled: the destination asks to slow down. object: this version can never be accepted. location: the
 * destination as a whole refuses (credentials, bucket gone): its circuit opens, no object fails. source-gone: the version no longer exists here.
 */
export type FailureClass = 'transient' | 'throttled' | 'object' | 'location' | 'source-gone'

export interface FailureFacts {
  readonly class: FailureClass
  /** The cloud's own code (`SlowDown`, `ECONNRESET`), or ours (`ChecksumMismatch`). */
  readonly code: string
  readonly message: string
  readonly status?: number
  /** The cloud's request id, for its support. */
  readonly requestId?: string
  /** The cloud's Retry-After in milliseconds. */
  readonly retryAfterMs?: number
  /** True when the request may have taken effect (time-out, reset after the last byte): must be settled before the key goes on. */
  readonly outcomeUnknown?: boolean
}

/** Thrown by locations and gateways; carries facts, never secrets. */
export class Failure extends Error {
  readonly facts: FailureFacts

  constructor(facts: FailureFacts, options?: ErrorOptions) {
    super(`${facts.code}: ${facts.message}`, options)
    this.name = 'Failure'
    this.facts = facts
  }
}

export function isRetried(failureClass: FailureClass): boolean {
  return failureClass === 'transient' || failureClass === 'throttled'
}
