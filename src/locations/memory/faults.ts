// Faults that a location in memory commits when told to, each one that a real cloud or the network before it is known for. A plan is asked
// once per call; a seeded plan reproduces its faults from the seed.
import { Failure, type FailureClass } from '../../domain/failure.ts'

export type LocationOperation =
  | 'put'
  | 'get'
  | 'head'
  | 'history'
  | 'delete'
  | 'putTags'
  | 'putLock'
  | 'initiateUpload'
  | 'putPart'
  | 'completeUpload'
  | 'abortUpload'
  | 'listUploads'
  | 'probe'

export interface LocationCall {
  readonly operation: LocationOperation
  /** '' for a probe. */
  readonly key: string
}

/**
 * refused: no connection. reset-before: breaks before anything was done, the request not sent whole. reset-after: takes effect, then
 * breaks. hang: no answer until the time is up; takes effect first if `effect` is `before`, after the caller was told if `late`. error: a
 * refusal with a status, after the effect if `effect`. throttle: SlowDown. lie: stores other bytes and says so. error-in-success: 200 with an
 * error document, nothing done.
 */
export type LocationFault =
  | { readonly kind: 'refused' }
  | { readonly kind: 'reset-before' }
  | { readonly kind: 'reset-after' }
  | { readonly kind: 'hang'; readonly ms: number; readonly effect: 'never' | 'before' | 'late' }
  | {
      readonly kind: 'error'
      readonly class: FailureClass
      readonly code: string
      readonly status: number
      readonly effect?: boolean
    }
  | { readonly kind: 'throttle'; readonly retryAfterMs?: number }
  | { readonly kind: 'lie' }
  | { readonly kind: 'error-in-success' }

export type FaultPlan = (call: LocationCall) => LocationFault | undefined

const writes: ReadonlySet<LocationOperation> = new Set([
  ...(['put', 'delete', 'putTags', 'putLock', 'initiateUpload', 'putPart', 'completeUpload', 'abortUpload'] as const),
])

/** Whether an operation changes what is stored. */
export function isWrite(operation: LocationOperation): boolean {
  return writes.has(operation)
}

export interface SeededFaultRates {
  /** Share of calls, 0 to 1, that fail in some way. */
  readonly rate: number
  /** How long a hanging call takes to be given up. */
  readonly hangMs: number
}

/** Picks faults at random (`fraction` gives uniform numbers in [0, 1)), all that fit the operation with the same probability. */
export function seededFaults(fraction: () => number, rates: SeededFaultRates): FaultPlan {
  return call => {
    if (fraction() >= rates.rate) return undefined
    const kinds = faultsFor(call.operation, rates.hangMs)
    return kinds[Math.floor(fraction() * kinds.length)]
  }
}

function faultsFor(operation: LocationOperation, hangMs: number): readonly LocationFault[] {
  const harmless: readonly LocationFault[] = [
    { kind: 'refused' },
    { kind: 'reset-before' },
    { kind: 'error', class: 'transient', code: 'InternalError', status: 500 },
    { kind: 'throttle', retryAfterMs: 1000 },
    { kind: 'hang', ms: hangMs, effect: 'never' },
  ]
  if (!isWrite(operation)) return harmless
  const lies: readonly LocationFault[] = operation === 'put' || operation === 'putPart' ? [{ kind: 'lie' }] : []
  return [
    ...harmless,
    ...lies,
    { kind: 'reset-after' },
    { kind: 'error-in-success' },
    { kind: 'error', class: 'transient', code: 'InternalError', status: 500, effect: true },
    { kind: 'hang', ms: hangMs, effect: 'before' },
    { kind: 'hang', ms: hangMs, effect: 'late' },
  ]
}

/** The Failure that a fault shows as. `write`: whether the operation could have changed something. */
export function failureOfFault(fault: LocationFault, write: boolean): Failure {
  const unknown = write ? { outcomeUnknown: true } : {}
  switch (fault.kind) {
    case 'refused':
      return new Failure({ class: 'transient', code: 'ECONNREFUSED', message: 'No connection to the location' })
    case 'reset-before':
      return new Failure({ class: 'transient', code: 'ECONNRESET', message: 'The connection broke' })
    case 'reset-after':
      return new Failure({ class: 'transient', code: 'ECONNRESET', message: 'The connection broke', ...unknown })
    case 'hang':
      return new Failure({
        class: 'transient',
        code: 'UND_ERR_HEADERS_TIMEOUT',
        message: 'No answer in time',
        ...unknown,
      })
    case 'error': {
      const { code, status } = fault
      const shown = fault.effect || status >= 500 ? unknown : {}
      return new Failure({ class: fault.class, code, message: 'The location refused', status, ...shown })
    }
    case 'throttle': {
      const wait = fault.retryAfterMs === undefined ? {} : { retryAfterMs: fault.retryAfterMs }
      return new Failure({
        class: 'throttled',
        code: 'SlowDown',
        message: 'Reduce your request rate',
        status: 503,
        ...wait,
      })
    }
    case 'lie':
      return new Failure({
        class: 'transient',
        code: 'ChecksumMismatch',
        message: 'Other bytes were confirmed',
        ...unknown,
      })
    case 'error-in-success':
      return new Failure({ class: 'transient', code: 'InternalError', message: 'Error', status: 200, ...unknown })
  }
}
