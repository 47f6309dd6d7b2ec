// What requests say of object lock: the x-amz-object-lock-* headers of a new version, the date of a retention, and the right to bypass governance.
import type { Bucket } from '../../domain/bucket.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { defaultRetention, type LockCheck, type LockFields, type Retention } from '../../domain/object-lock.ts'
import type { RetentionMode, VersionRecord } from '../../domain/object-metadata.ts'
import { type OpenBucket, requireAction } from '../access/open-bucket.ts'
import type { Call } from '../call.ts'
import { invalidArgument } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'

/** What a new version asks for; what it does not name the bucket's default decides. */
export interface RequestedLock {
  readonly retention?: Retention
  readonly legalHold?: boolean
}

const noLock: RequestedLock = Object.freeze({})

export const lockHeaders = {
  mode: 'x-amz-object-lock-mode',
  date: 'x-amz-object-lock-retain-until-date',
  legalHold: 'x-amz-object-lock-legal-hold',
} as const

export function isRetentionMode(text: string | undefined): text is RetentionMode {
  return text === 'GOVERNANCE' || text === 'COMPLIANCE'
}

const dateForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?$/

/** A date in ISO 8601, UTC unless it says otherwise, as stored; undefined for anything else, also outside of the years 0000 to 9999 in UTC. */
export function parseLockDate(text: string): string | undefined {
  const trimmed = text.trim()
  if (!dateForm.test(trimmed)) return undefined
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/.test(trimmed) ? trimmed : `${trimmed}Z`
  const at = Date.parse(zoned)
  if (Number.isNaN(at)) return undefined
  const stored = new Date(at).toISOString()
  // Years of more digits begin with a sign, and would come before all others.
  return /^\d/.test(stored) ? stored : undefined
}

/** The refusal of a date that is over. */
export function pastDate(date: string): ServiceError {
  return invalidArgument('The retain until date must be in the future!', lockHeaders.date, date)
}

/** Reads the headers of a new version. Throws InvalidArgument. */
export function readLock(headers: HeaderMap, nowMs: number): RequestedLock {
  const [mode, date, hold] = [
    headers.get(lockHeaders.mode),
    headers.get(lockHeaders.date),
    headers.get(lockHeaders.legalHold),
  ]
  if (mode === undefined && date === undefined && hold === undefined) return noLock
  if (hold !== undefined && hold !== 'ON' && hold !== 'OFF') {
    throw invalidArgument("Legal Hold must be either of 'ON' or 'OFF'", lockHeaders.legalHold, hold)
  }
  const retention = readRetention(mode, date, nowMs)
  return {
    ...(retention === undefined ? undefined : { retention }),
    ...(hold === undefined ? undefined : { legalHold: hold === 'ON' }),
  }
}

function readRetention(mode: string | undefined, date: string | undefined, nowMs: number): Retention | undefined {
  if (mode === undefined && date === undefined) return undefined
  if (mode === undefined || date === undefined) {
    const missing = mode === undefined ? lockHeaders.mode : lockHeaders.date
    throw invalidArgument(`${lockHeaders.date} and ${lockHeaders.mode} must both be supplied.`, missing, '')
  }
  const until = parseLockDate(date)
  if (until === undefined) {
    throw invalidArgument('The retain until date must be provided in ISO 8601 format', lockHeaders.date, date)
  }
  if (Date.parse(until) <= nowMs) throw pastDate(date)
  if (!isRetentionMode(mode)) throw invalidArgument('Unknown wormMode directive.', lockHeaders.mode, mode)
  return { mode, date: until }
}

/**
 * Throws InvalidRequest in a bucket that was not made for object lock, but for a version that has come with what keeps it, as replicas do: that holds
 * here, too, so that it can be seen and lifted.
 */
export function requireObjectLock({ settings }: Bucket, record: VersionRecord | null): void {
  if (settings.objectLock !== undefined) return
  const { legalHold, retentionDate } = record?.metadata ?? {}
  if (legalHold !== undefined || retentionDate !== undefined) return
  throw serviceError('InvalidRequest', { message: 'Bucket is missing Object Lock Configuration' })
}

/** Checks that a new version may ask for this. Throws InvalidRequest (the bucket has no object lock), AccessDenied. */
export function checkRequestedLock(call: Call, open: OpenBucket, lock: RequestedLock): void {
  if (lock.retention === undefined && lock.legalHold === undefined) return
  if (open.bucket.settings.objectLock === undefined) {
    throw serviceError('InvalidRequest', { message: 'Bucket is missing ObjectLockConfiguration' })
  }
  if (lock.retention !== undefined) requireAction(call, open, 's3:PutObjectRetention')
  if (lock.legalHold !== undefined) requireAction(call, open, 's3:PutObjectLegalHold')
}

/** What a version written now is kept by. */
export function lockFields({ settings }: Bucket, requested: RequestedLock, nowMs: number): LockFields {
  const { objectLock } = settings
  if (objectLock === undefined) return {}
  const retention = requested.retention ?? defaultRetention(objectLock, nowMs)
  return {
    ...(retention === undefined ? undefined : { retentionMode: retention.mode, retentionDate: retention.date }),
    ...(requested.legalHold === undefined ? undefined : { legalHold: requested.legalHold }),
  }
}

/** Now, and whether the caller asks to bypass governance and may do so. Throws AccessDenied where it may not. */
export function lockCheck(call: Call, open: OpenBucket, key = call.key): LockCheck {
  const bypassGovernance = call.headers.get('x-amz-bypass-governance-retention')?.toLowerCase() === 'true'
  if (bypassGovernance) {
    requireAction(call, open, 's3:BypassGovernanceRetention', key)
  }
  return { at: new Date(call.services.world.clock.now()).toISOString(), bypassGovernance }
}

/** The refusal of what object lock forbids. */
export function lockedVersion(): ServiceError {
  return serviceError('AccessDenied', { message: 'Access Denied because object protected by object lock.' })
}
