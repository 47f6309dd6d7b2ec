// Which sites does a version go to, and what of it: evaluates a bucket's replication configuration for one write. Pure; used by every
// operation that makes or changes a version. Never looks at other versions and never consults who may do what.
import type { ReplicationConfiguration, ReplicationRule } from './bucket.ts'
import { noReplication, type ReplicationContent, type ReplicationInfo } from './replication-info.ts'

/** What the rules need to know of a configured replication endpoint. `type` is absent for sites reached by their `servers`. */
export interface ReplicationSite {
  readonly site: string
  readonly isDefault: boolean
  readonly type?: string
}

/** Storage classes that stand for the default site. */
export const defaultSiteClasses: ReadonlySet<string> = new Set(['STANDARD', 'STANDARD_IA', 'REDUCED_REDUNDANCY'])

export const preferredReadSuffix = ':preferred_read'

/** What happened to the version: a write of it, or a change of its tags, of what keeps it (object lock), or of its access control list. */
export type ReplicationTrigger =
  | 'write'
  | 'put-tagging'
  | 'delete-tagging'
  | 'put-retention'
  | 'put-legal-hold'
  | 'put-acl'

export interface ReplicationQuestion {
  /** Null: the bucket replicates nothing. */
  readonly configuration: ReplicationConfiguration | null
  readonly sites: readonly ReplicationSite[]
  readonly key: string
  /** Tags of the version as it is written; a change does not look at them. */
  readonly tags: Readonly<Record<string, string>>
  readonly size: number
  readonly isDeleteMarker: boolean
  readonly isMultipart: boolean
  readonly trigger: ReplicationTrigger
  /** The version's info before a change: destination version ids in it are kept, and changes that have not arrived yet. */
  readonly existing?: ReplicationInfo
}

/** The default endpoint: the one marked so, otherwise the first. */
export function defaultSite<Site extends ReplicationSite>(sites: readonly Site[]): Site | undefined {
  return sites.find(site => site.isDefault) ?? sites[0]
}

interface Target {
  readonly site: ReplicationSite
  /** The site's name as the rule spells it; the suffix of a preferred read stays. */
  readonly spelled: string
}

/**
 * The replication state a write starts with (Backbeat wire format, "How replicationInfo is computed"). A write that no rule takes gets the
 * blank value; a change of tags that no rule takes gets null and leaves the stored value untouched.
 */
export function replicationInfoFor(question: ReplicationQuestion): ReplicationInfo | null {
  const untouched = question.trigger === 'write' ? noReplication : null
  const { configuration } = question
  if (configuration === null) return untouched
  const targets = targetsOf(configuration, question)
  if (targets.length === 0) return untouched
  const known = new Map(question.existing?.backends.map(backend => [backend.site, backend.dataStoreVersionId]))
  const storageType = targets.flatMap(target => (target.site.type === undefined ? [] : [target.site.type])).join(',')
  return {
    status: 'PENDING',
    backends: targets.map(({ site }) => ({
      site: site.site,
      status: 'PENDING',
      dataStoreVersionId: known.get(site.site) ?? '',
    })),
    content: contentOf(question, storageType !== ''),
    destination: configuration.destination ?? '',
    storageClass: targets.map(target => target.spelled).join(','),
    role: configuration.role,
    storageType,
    dataStoreVersionId: '',
    isNFS: null,
  }
}

/** Whether changes of a stored version would be sent to a site now: the rules are asked as for a change of its tags. */
export function sendsChanges(
  question: Pick<ReplicationQuestion, 'configuration' | 'sites' | 'key'> & { readonly existing: ReplicationInfo },
  site: string,
): boolean {
  const unasked = { tags: {}, size: 0, isDeleteMarker: false, isMultipart: false }
  const info = replicationInfoFor({ ...unasked, ...question, trigger: 'put-tagging' })
  return info?.backends.some(backend => backend.site === site) ?? false
}

function contentOf(question: ReplicationQuestion, hasCloud: boolean): readonly ReplicationContent[] {
  if (question.trigger !== 'write') {
    return hasCloud ? ['METADATA', ...changesOf(question.trigger, question.existing)] : ['METADATA']
  }
  if (question.isDeleteMarker || question.size === 0) return ['METADATA']
  return question.isMultipart && hasCloud ? ['DATA', 'METADATA', 'MPU'] : ['DATA', 'METADATA']
}

/** What a change of a list is called, the wire format has no word for; clouds hold none of ours. */
const changeWords = {
  'put-tagging': 'PUT_TAGGING',
  'delete-tagging': 'DELETE_TAGGING',
  'put-retention': 'PUT_RETENTION',
  'put-legal-hold': 'PUT_LEGAL_HOLD',
  'put-acl': null,
} as const

/** This change, after those that have not arrived everywhere yet. */
function changesOf(
  trigger: keyof typeof changeWords,
  existing: ReplicationInfo | undefined,
): readonly ReplicationContent[] {
  const word = changeWords[trigger]
  const isTagging = (other: ReplicationContent): boolean => other === 'PUT_TAGGING' || other === 'DELETE_TAGGING'
  const isOpen = existing?.backends.some(({ status }) => status === 'PENDING' || status === 'FAILED') ?? false
  const earlier = (isOpen ? (existing?.content ?? []) : []).filter(
    other => changes.has(other) && other !== word && !(word !== null && isTagging(word) && isTagging(other)),
  )
  return word === null ? earlier : [...earlier, word]
}

const changes: ReadonlySet<string | null> = new Set(Object.values(changeWords))

/** The sites, in the order of the rules and of each rule's list; per site the matching rule of highest priority decides. */
function targetsOf(configuration: ReplicationConfiguration, question: ReplicationQuestion): Target[] {
  const matching = configuration.rules
    .filter(rule => matches(rule, question))
    .map(rule => ({ rule, targets: eligible(rule, question) }))
  const deciding = new Map<string, ReplicationRule>()
  for (const { rule, targets } of matching) {
    for (const { site } of targets) {
      const decided = deciding.get(site.site)
      if (decided === undefined || priorityOf(rule) > priorityOf(decided)) deciding.set(site.site, rule)
    }
  }
  const chosen: Target[] = []
  for (const { rule, targets } of matching) {
    for (const target of targets) {
      if (deciding.get(target.site.site) !== rule) continue
      // A site named twice in a list is one destination.
      deciding.delete(target.site.site)
      if (!question.isDeleteMarker || sendsDeleteMarkers(rule)) chosen.push(target)
    }
  }
  return chosen
}

function matches(rule: ReplicationRule, question: ReplicationQuestion): boolean {
  const { selector } = rule
  if (!rule.enabled || !question.key.startsWith(selector.prefix)) return false
  if (selector.form === 'prefix' || question.trigger !== 'write') return true
  return Object.entries(selector.tags).every(([key, value]) => question.tags[key] === value)
}

/**
 * The sites of a matching rule. A rule that asks for tags takes what had them when it was written: where the version went then, its changes
 * of tags go too, and nowhere else, whatever its tags are now.
 */
function eligible(rule: ReplicationRule, question: ReplicationQuestion): Target[] {
  const targets = sitesOfRule(rule, question.sites)
  const { selector } = rule
  if (question.trigger === 'write' || selector.form === 'prefix' || Object.keys(selector.tags).length === 0)
    return targets
  return targets.filter(({ site }) => question.existing?.backends.some(backend => backend.site === site.site) ?? false)
}

// Rules of the older form never overlap, so any constant will do.
function priorityOf(rule: ReplicationRule): number {
  return rule.selector.form === 'filter' ? rule.selector.priority : 0
}

function sendsDeleteMarkers(rule: ReplicationRule): boolean {
  return rule.selector.form === 'prefix' || rule.selector.deleteMarkers
}

/** The sites that a rule's storage class list means. One that is no longer configured is left out: nothing could ever serve it. */
function sitesOfRule(rule: ReplicationRule, sites: readonly ReplicationSite[]): Target[] {
  const fallback = defaultSite(sites)
  if (rule.storageClass === undefined) return fallback === undefined ? [] : [{ site: fallback, spelled: fallback.site }]
  const targets: Target[] = []
  for (const item of rule.storageClass.split(',')) {
    const bare = item.endsWith(preferredReadSuffix) ? item.slice(0, -preferredReadSuffix.length) : item
    const explicit = sites.find(site => site.site === bare)
    if (explicit !== undefined) targets.push({ site: explicit, spelled: item })
    else if (fallback !== undefined && defaultSiteClasses.has(bare)) {
      targets.push({ site: fallback, spelled: `${fallback.site}${item.slice(bare.length)}` })
    }
  }
  return targets
}
