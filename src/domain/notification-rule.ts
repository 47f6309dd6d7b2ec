// Event notifications of a bucket as stored, and which of its rules take an event (S3 user guide, "Amazon S3 Event Notifications").

/** Whom a rule names: a topic of SNS, a queue of SQS or a function of Lambda. Here all of them are targets of the configuration. */
export type NotificationKind = 'topic' | 'queue' | 'function'

export interface NotificationRule {
  readonly id: string
  readonly kind: NotificationKind
  /** As given; its last part is the name of a target. */
  readonly arn: string
  /** `s3:ObjectCreated:*` and the like. */
  readonly events: readonly string[]
  /** As given; absent where there was none. */
  readonly filter?: readonly FilterRule[]
}

export interface FilterRule {
  /** As given, in any case. */
  readonly name: string
  readonly value: string
}

export interface NotificationSettings {
  readonly rules: readonly NotificationRule[]
  /** All events go to the target of that name, too. */
  readonly eventBridge: boolean
}

/** The target that stands for EventBridge. */
export const eventBridgeTarget = 'eventbridge'

/** Every event that S3 documents; those ending in `*` stand for all that begin so. */
export const notificationEvents: ReadonlySet<string> = new Set([
  's3:ReducedRedundancyLostObject',
  's3:ObjectCreated:*',
  's3:ObjectCreated:Put',
  's3:ObjectCreated:Post',
  's3:ObjectCreated:Copy',
  's3:ObjectCreated:CompleteMultipartUpload',
  's3:ObjectRemoved:*',
  's3:ObjectRemoved:Delete',
  's3:ObjectRemoved:DeleteMarkerCreated',
  's3:ObjectRestore:*',
  's3:ObjectRestore:Post',
  's3:ObjectRestore:Completed',
  's3:ObjectRestore:Delete',
  's3:Replication:*',
  's3:Replication:OperationFailedReplication',
  's3:Replication:OperationNotTracked',
  's3:Replication:OperationMissedThreshold',
  's3:Replication:OperationReplicatedAfterThreshold',
  's3:LifecycleTransition',
  's3:IntelligentTiering',
  's3:ObjectAcl:Put',
  's3:LifecycleExpiration:*',
  's3:LifecycleExpiration:Delete',
  's3:LifecycleExpiration:DeleteMarkerCreated',
  's3:ObjectTagging:*',
  's3:ObjectTagging:Put',
  's3:ObjectTagging:Delete',
])

export function targetOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1)
}

/** Ids of the rules by which an event of a key goes to a target. */
export function rulesFor(
  settings: NotificationSettings,
  target: string,
  event: string,
  key: string,
): readonly string[] {
  const ids = settings.rules
    .filter(rule => targetOf(rule.arn) === target && takesEvent(rule, event) && takesKey(rule, key))
    .map(rule => rule.id)
  return settings.eventBridge && target === eventBridgeTarget ? [...ids, eventBridgeTarget] : ids
}

function takesEvent(rule: NotificationRule, event: string): boolean {
  return rule.events.some(wanted => sharesEvent(wanted, event))
}

function takesKey(rule: NotificationRule, key: string): boolean {
  return key.startsWith(filterValue(rule, 'prefix')) && key.endsWith(filterValue(rule, 'suffix'))
}

/** '' where the rule has no such filter. */
export function filterValue(rule: Pick<NotificationRule, 'filter'>, name: 'prefix' | 'suffix'): string {
  return rule.filter?.find(filter => filter.name.toLowerCase() === name)?.value ?? ''
}

/** Whether two types of event, either of which may end in `*`, have one in common. */
export function sharesEvent(a: string, b: string): boolean {
  if (a.endsWith('*') && b.startsWith(a.slice(0, -1))) return true
  return a === b || (b.endsWith('*') && a.startsWith(b.slice(0, -1)))
}
