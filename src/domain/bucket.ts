// Buckets and their replication configuration, as stored.
import type { BucketSettings } from './bucket-settings.ts'

export type VersioningStatus = 'Unversioned' | 'Enabled' | 'Suspended'

/** Which keys a rule takes: `prefix` form (S3's older, Backbeat's only) or `filter` form (S3's newer, with priority and tags). */
export type RuleSelector =
  | { readonly form: 'prefix'; readonly prefix: string }
  | {
      readonly form: 'filter'
      readonly prefix: string
      readonly tags: Readonly<Record<string, string>>
      /** How the filter was written, so that it is returned as given. */
      readonly shape: 'empty' | 'prefix' | 'tag' | 'and'
      readonly priority: number
      readonly deleteMarkers: boolean
    }

export interface ReplicationRule {
  readonly id: string
  readonly enabled: boolean
  readonly selector: RuleSelector
  /** As given, `:preferred_read` included; absent: the default site. */
  readonly storageClass?: string
}

export interface ReplicationConfiguration {
  readonly role: string
  /** Destination bucket ARN, the same for all rules; null when no rule named one (cloud sites need none). */
  readonly destination: string | null
  readonly rules: readonly ReplicationRule[]
  /** Site whose name carried `:preferred_read`, if any. */
  readonly preferredReadLocation?: string
}

/** Tells a bucket from others that have its name before or after it. */
export interface BucketIdentity {
  readonly ownerId: string
  /** ISO 8601 with milliseconds. */
  readonly creationDate: string
}

export interface Bucket extends BucketIdentity {
  readonly name: string
  readonly ownerDisplayName: string
  /** Location that holds new objects' bytes. */
  readonly locationConstraint: string
  readonly versioning: VersioningStatus
  readonly replication: ReplicationConfiguration | null
  readonly settings: BucketSettings
}
