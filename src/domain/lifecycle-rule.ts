// Lifecycle rules of a bucket as stored, and what they say of a version: whether a rule takes it and when it is due. All in UTC and in whole
// days, as S3 counts them; the length of a day is a parameter so that tests need not wait for one.

/** Which objects a rule takes: `prefix` (S3's older form), `filter` (one condition) or `and` (several). Returned as it was given. */
export interface LifecycleSelector {
  readonly form: 'prefix' | 'filter' | 'and'
  readonly prefix?: string
  readonly tags: Readonly<Record<string, string>>
  /** Bytes; objects of more, or less, than this. */
  readonly sizeGreaterThan?: number
  readonly sizeLessThan?: number
}

export type LifecycleExpiration =
  | { readonly days: number }
  /** ISO 8601, midnight UTC. */
  | { readonly date: string }
  | { readonly expiredObjectDeleteMarker: boolean }

export interface LifecycleRule {
  readonly id: string
  readonly enabled: boolean
  readonly selector: LifecycleSelector
  readonly expiration?: LifecycleExpiration
  readonly noncurrentExpiration?: {
    readonly days: number
    /** So many of the newest noncurrent versions stay. */
    readonly newerVersions?: number
  }
  readonly abortUploadAfterDays?: number
}

export type TransitionMinimum = 'all_storage_classes_128K' | 'varies_by_storage_class'

export interface LifecycleSettings {
  readonly rules: readonly LifecycleRule[]
  /** Kept and returned; there are no transitions here. */
  readonly transitionMinimum: TransitionMinimum
}

/** What rules look at. */
export interface RuledObject {
  readonly key: string
  readonly tags: Readonly<Record<string, string>>
  readonly size: number
}

const dayMs = 86_400_000

/** Whether an enabled rule takes the object. */
function ruleTakes(rule: LifecycleRule, object: RuledObject): boolean {
  return ruleTakesKey(rule, object.key) && ruleTakesSize(rule, object.size) && ruleTakesTags(rule, object.tags)
}

export function ruleTakesSize({ selector }: LifecycleRule, size: number): boolean {
  const { sizeGreaterThan, sizeLessThan } = selector
  return (
    (sizeGreaterThan === undefined || size > sizeGreaterThan) && (sizeLessThan === undefined || size < sizeLessThan)
  )
}

export function asksForTags({ selector }: LifecycleRule): boolean {
  return Object.keys(selector.tags).length > 0
}

/** All tags of the rule are among the object's. */
export function ruleTakesTags({ selector }: LifecycleRule, tags: RuledObject['tags']): boolean {
  return Object.entries(selector.tags).every(([key, value]) => Object.hasOwn(tags, key) && tags[key] === value)
}

/** A rule whose filter asks for tags or sizes; it never takes a delete marker, which has none. */
export function asksForObject(rule: LifecycleRule): boolean {
  const { sizeGreaterThan, sizeLessThan } = rule.selector
  return asksForTags(rule) || sizeGreaterThan !== undefined || sizeLessThan !== undefined
}

/** The same by the key alone: what an upload or a delete marker, which have neither tags nor size, is judged by. */
export function ruleTakesKey(rule: LifecycleRule, key: string): boolean {
  return rule.enabled && key.startsWith(rule.selector.prefix ?? '')
}

/** So many days after a moment, rounded up to the next midnight (S3 user guide, "Lifecycle rules: based on an object's age"). */
export function dueAfterDays(from: number, days: number, day = dayMs): number {
  return Math.ceil((from + days * day) / day) * day
}

/** When the rule lets a current version, written at `writtenAt`, expire; null: never. */
export function expiryBy({ expiration }: LifecycleRule, writtenAt: number, day = dayMs): number | null {
  if (expiration === undefined) return null
  if ('days' in expiration) return dueAfterDays(writtenAt, expiration.days, day)
  return 'date' in expiration ? Date.parse(expiration.date) : null
}

export interface Expiry {
  readonly at: number
  readonly ruleId: string
}

/** The first moment at which one of the rules lets a current object expire. */
export function expiryOf(
  settings: LifecycleSettings,
  object: RuledObject,
  writtenAt: number,
  day = dayMs,
): Expiry | null {
  return soonest(settings.rules, rule => (ruleTakes(rule, object) ? expiryBy(rule, writtenAt, day) : null))
}

/** The first moment at which one of the rules has an upload aborted. */
export function uploadExpiryOf(
  settings: LifecycleSettings,
  key: string,
  initiatedAt: number,
  day = dayMs,
): Expiry | null {
  return soonest(settings.rules, rule =>
    rule.abortUploadAfterDays !== undefined && ruleTakesKey(rule, key)
      ? dueAfterDays(initiatedAt, rule.abortUploadAfterDays, day)
      : null,
  )
}

function soonest(rules: readonly LifecycleRule[], due: (rule: LifecycleRule) => number | null): Expiry | null {
  let first: Expiry | null = null
  for (const rule of rules) {
    const at = due(rule)
    if (at !== null && (first === null || at < first.at)) first = { at, ruleId: rule.id }
  }
  return first
}
