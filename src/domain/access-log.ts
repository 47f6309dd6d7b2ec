// Where a bucket's access log goes.

export const logPermissions = ['READ', 'WRITE', 'FULL_CONTROL'] as const

/** What somebody is to be allowed with the log objects, beside their owner. */
export interface LogGrant {
  /** A canonical id, or the URI of a group. */
  readonly grantee: string
  readonly permission: (typeof logPermissions)[number]
}

export interface LoggingConfiguration {
  readonly targetBucket: string
  /** What the keys of log objects begin with; may be empty. */
  readonly targetPrefix: string
  /** There when the plain keys, prefix and time, were asked for by their name: reading the configuration says so too. */
  readonly simplePrefix?: true
  /** Keys of log objects hold the date as folders, of the requests or of their delivery. Absent: just prefix and time. */
  readonly partitionedBy?: 'EventTime' | 'DeliveryTime'
  readonly grants?: readonly LogGrant[]
}
