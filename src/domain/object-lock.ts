// Object lock: which versions nobody may delete.
import type { ObjectMetadata } from './object-metadata.ts'

/** The moment (ISO 8601 with milliseconds, as retention dates are stored), and whether its caller may and wants to override governance. */
export interface LockCheck {
  readonly at: string
  readonly bypassGovernance: boolean
}

/** Whether object lock keeps the version from being deleted (S3 user guide, "Locking objects with Object Lock"). */
export function isLocked(
  { legalHold, retentionMode, retentionDate }: Pick<ObjectMetadata, 'legalHold' | 'retentionMode' | 'retentionDate'>,
  { at, bypassGovernance }: LockCheck,
): boolean {
  if (legalHold === true) return true
  if (retentionDate === undefined || retentionDate <= at) return false
  return !(bypassGovernance && retentionMode === 'GOVERNANCE')
}
