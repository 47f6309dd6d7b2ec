// Object lock: which versions nobody may delete, and how what keeps them may change (S3 user guide, "Locking objects with Object Lock").
import type { ObjectLockSettings } from './bucket-settings.ts'
import type { ObjectMetadata, RetentionMode } from './object-metadata.ts'

/** The moment (ISO 8601 with milliseconds, as retention dates are stored), and whether its caller may and wants to override governance. */
export interface LockCheck {
  readonly at: string
  readonly bypassGovernance: boolean
}

export interface Retention {
  readonly mode: RetentionMode
  /** ISO 8601 with milliseconds. */
  readonly date: string
}

/** What object lock knows of a version. */
export type LockFields = Pick<ObjectMetadata, 'legalHold' | 'retentionMode' | 'retentionDate'>

/** Whether object lock keeps the version from being deleted. */
export function isLocked({ legalHold, retentionMode, retentionDate }: LockFields, check: LockCheck): boolean {
  if (legalHold === true) return true
  if (retentionDate === undefined || retentionDate <= check.at) return false
  return !(check.bypassGovernance && retentionMode === 'GOVERNANCE')
}

/** Whether a version's retention, as it is, forbids another (null: none). More of it may always be asked for. */
export function forbidsRetention(
  { retentionMode, retentionDate }: LockFields,
  wanted: Retention | null,
  { at, bypassGovernance }: LockCheck,
): boolean {
  if (retentionDate === undefined || retentionDate <= at) return false
  if (retentionMode === 'GOVERNANCE' && bypassGovernance) return false
  return wanted === null || wanted.date < retentionDate || wanted.mode !== retentionMode
}

/**
 * What still keeps a version when metadata from elsewhere takes the place of its own, to be laid over it: a hold, and a retention that the other
 * does not exceed in its own mode.
 */
export function keptLock(stored: LockFields, given: LockFields, at: string): LockFields {
  const { retentionMode: mode, retentionDate: date } = given
  const wanted = mode === undefined || date === undefined ? null : { mode, date }
  const { retentionMode, retentionDate } = stored
  const keeps = forbidsRetention(stored, wanted, { at, bypassGovernance: false })
  return {
    ...(stored.legalHold === true && { legalHold: true }),
    ...(keeps && retentionMode !== undefined && { retentionMode }),
    ...(keeps && retentionDate !== undefined && { retentionDate }),
  }
}

const dayMs = 86_400_000

/** What a version written now is kept by where it does not say itself. */
export function defaultRetention(settings: ObjectLockSettings, nowMs: number): Retention | undefined {
  const rule = settings.defaultRetention
  if (rule === undefined) return undefined
  const { mode, period } = rule
  if ('days' in period) return { mode, date: new Date(nowMs + period.days * dayMs).toISOString() }
  const until = new Date(nowMs)
  until.setUTCFullYear(until.getUTCFullYear() + period.years)
  return { mode, date: until.toISOString() }
}
