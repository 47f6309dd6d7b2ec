// What a bucket is told beside its versioning and its replication: one entry for each of S3's configurations, absent where there is none. Kept as
// one JSON text by the metadata stores, which know nothing of it but `objectLock`: it holds versioning on.

import type { LoggingConfiguration } from './access-log.ts'
import type { AccessSettings } from './bucket-access.ts'
import type { BucketEncryption } from './bucket-encryption.ts'
import type { CorsConfiguration } from './cors.ts'
import type { LifecycleSettings } from './lifecycle-rule.ts'
import type { NotificationSettings } from './notification-rule.ts'
import type { RetentionMode } from './object-metadata.ts'
import type { WebsiteConfiguration } from './website.ts'

export interface BucketSettings extends AccessSettings {
  /** There: object lock is enabled, for ever. */
  readonly objectLock?: ObjectLockSettings
  readonly lifecycle?: LifecycleSettings
  readonly notification?: NotificationSettings
  readonly cors?: CorsConfiguration
  readonly encryption?: BucketEncryption
  /** Never empty: without tags there is no entry. */
  readonly tags?: Readonly<Record<string, string>>
  readonly website?: WebsiteConfiguration
  readonly requesterPays?: true
  /** Never enabled before: absent. */
  readonly accelerate?: 'Enabled' | 'Suspended'
  readonly logging?: LoggingConfiguration
}

export interface ObjectLockSettings {
  /** What new versions are kept by, unless they say otherwise. */
  readonly defaultRetention?: {
    readonly mode: RetentionMode
    readonly period: { readonly days: number } | { readonly years: number }
  }
}

/** New values by name; null forgets the entry, what is not named stays. */
export type BucketSettingsChange = { readonly [Name in keyof BucketSettings]?: BucketSettings[Name] | null }

export function changedSettings(settings: BucketSettings, change: BucketSettingsChange): BucketSettings {
  return Object.fromEntries(Object.entries({ ...settings, ...change }).filter(([, value]) => value !== null))
}
