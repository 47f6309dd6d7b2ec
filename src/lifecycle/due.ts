// Which versions of a page lifecycle rules may have due now, by what a listing tells of them. Tags are not in a listing: rules that ask for
// them are named, and whoever acts on the answer looks at the version itself.
import {
  asksForObject,
  dueAfterDays,
  expiryBy,
  type LifecycleRule,
  type LifecycleSettings,
  ruleTakesKey,
  ruleTakesSize,
} from '../domain/lifecycle-rule.ts'
import type { ListedVersion } from '../metadata/metadata-store.ts'

/** `current`: a version expires; `marker`: a delete marker over nothing goes; `noncurrent`: a version, or a marker, that newer ones cover. */
export interface DueVersion {
  readonly kind: 'current' | 'marker' | 'noncurrent'
  readonly version: ListedVersion
  /** Not empty; each would be enough, if its tags are the version's. */
  readonly rules: readonly LifecycleRule[]
}

export interface Moment {
  readonly now: number
  readonly dayMs: number
}

/** What is known of the key whose versions are being read, newest first; goes on from page to page. */
export interface KeyTrail {
  readonly key: string
  /** Versions of the key that came before. */
  readonly seen: number
  /** When the one before was written: from then on the next one is noncurrent. */
  readonly newerAt: number
}

/** Versions of a page in their order, behind a trail; answers with the trail of the next page. */
export function dueVersions(
  settings: LifecycleSettings,
  versions: readonly ListedVersion[],
  trailBefore: KeyTrail | null,
  moment: Moment,
): { readonly due: readonly DueVersion[]; readonly trail: KeyTrail | null } {
  const due: DueVersion[] = []
  let trail = trailBefore
  for (const [index, version] of versions.entries()) {
    const behind = trail?.key === version.key ? trail : null
    const found = version.isLatest
      ? dueCurrent(settings, version, versions[index + 1]?.key === version.key, moment)
      : behind === null
        ? null
        : dueNoncurrent(settings, version, behind, moment)
    if (found !== null && found.rules.length > 0) due.push(found)
    trail = { key: version.key, seen: (behind?.seen ?? 0) + 1, newerAt: Date.parse(version.lastModified) }
  }
  return { due, trail }
}

function dueCurrent(
  { rules }: LifecycleSettings,
  version: ListedVersion,
  hasOthers: boolean,
  { now, dayMs }: Moment,
): DueVersion | null {
  const writtenAt = Date.parse(version.lastModified)
  const isDue = (rule: LifecycleRule): boolean => (expiryBy(rule, writtenAt, dayMs) ?? Number.POSITIVE_INFINITY) <= now
  if (version.isDeleteMarker) {
    if (hasOthers) return null
    const taken = rules.filter(
      rule => ruleTakesKey(rule, version.key) && !asksForObject(rule) && (asksForMarkers(rule) || isDue(rule)),
    )
    return { kind: 'marker', version, rules: taken }
  }
  return { kind: 'current', version, rules: rules.filter(rule => takes(rule, version) && isDue(rule)) }
}

function asksForMarkers({ expiration }: LifecycleRule): boolean {
  return expiration !== undefined && 'expiredObjectDeleteMarker' in expiration && expiration.expiredObjectDeleteMarker
}

function dueNoncurrent(
  { rules }: LifecycleSettings,
  version: ListedVersion,
  { seen, newerAt }: KeyTrail,
  { now, dayMs }: Moment,
): DueVersion {
  const newerNoncurrent = seen - 1
  const taken = rules.filter(rule => {
    const { noncurrentExpiration: expiration } = rule
    return (
      expiration !== undefined &&
      takes(rule, version) &&
      newerNoncurrent >= (expiration.newerVersions ?? 0) &&
      dueAfterDays(newerAt, expiration.days, dayMs) <= now
    )
  })
  return { kind: 'noncurrent', version, rules: taken }
}

function takes(rule: LifecycleRule, version: ListedVersion): boolean {
  if (version.isDeleteMarker && asksForObject(rule)) return false
  return ruleTakesKey(rule, version.key) && ruleTakesSize(rule, version.size)
}

/** What all keys that enabled rules take begin with. */
export function commonPrefix({ rules }: LifecycleSettings): string {
  const prefixes = rules.filter(rule => rule.enabled).map(rule => rule.selector.prefix ?? '')
  const [first = '', ...others] = prefixes
  let length = first.length
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length -= 1
  // Half a surrogate pair is no text.
  return first.slice(0, length).isWellFormed() ? first.slice(0, length) : first.slice(0, length - 1)
}
