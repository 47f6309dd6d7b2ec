// Where a bucket's access log goes.

export interface LoggingConfiguration {
  readonly targetBucket: string
  /** What the keys of log objects begin with; may be empty. */
  readonly targetPrefix: string
  /** There when the plain keys, prefix and time, were asked for by their name: reading the configuration says so too. */
  readonly simplePrefix?: true
  /** Keys of log objects hold the date as folders, of the requests or of their delivery. Absent: just prefix and time. */
  readonly partitionedBy?: 'EventTime' | 'DeliveryTime'
}
