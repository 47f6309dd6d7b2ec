// Reads and writes the ReplicationConfiguration document: every check, in the order and with the words the original program has (Backbeat wire
// format, "PutBucketReplication"), and S3's newer form of rule with a Filter beside it. Judges only the document, never the bucket.
import type { ReplicationConfiguration, ReplicationRule, RuleSelector } from '../../domain/bucket.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import {
  defaultSite,
  defaultSiteClasses,
  preferredReadSuffix,
  type ReplicationSite,
} from '../../domain/replication-rule.ts'
import { isBucketName } from '../bucket-name.ts'
import { checkedTags, type TagSet } from '../objects/tag-set.ts'
import type { XmlElement } from '../xml/reader.ts'
import { escapeXml, s3Namespace, type XmlContent, xmlElement } from '../xml/writer.ts'
import { invalidRequest, invalidValue, malformedXml } from './refusals.ts'

const ruleIdMax = 255
const priorityMax = 2_147_483_647

/** What is gathered from rule to rule. */
interface Reading {
  readonly sites: readonly ReplicationSite[]
  readonly makeUuid: () => string
  readonly rules: ReplicationRule[]
  /** Of the rules of the older form, sorted. */
  readonly prefixes: string[]
  readonly ids: Set<string>
  readonly priorities: Set<number>
  destination: string | null
  preferredReadLocation: string | undefined
  /** Some site is reached by its servers: the role must then be two. One flag over all rules; their order matters (see readStorageClass). */
  hasServersSite: boolean
}

/** Reads the document's root. Throws MalformedXML, InvalidRequest, InvalidArgument; the first failure wins. */
export function parseReplicationConfiguration(
  root: XmlElement,
  sites: readonly ReplicationSite[],
  makeUuid: () => string,
): ReplicationConfiguration {
  const elements = root.children('Rule')
  if (elements.length === 0) throw malformedXml()
  if (elements.length > limits.replicationRulesMax) {
    throw invalidRequest(`Number of defined replication rules cannot exceed ${limits.replicationRulesMax}`)
  }
  const reading: Reading = {
    sites,
    makeUuid,
    rules: [],
    prefixes: [],
    ids: new Set(),
    priorities: new Set(),
    destination: null,
    preferredReadLocation: undefined,
    hasServersSite: false,
  }
  for (const element of elements) reading.rules.push(readRule(element, reading))
  const role = readRole(root, reading.hasServersSite)
  return {
    role,
    destination: reading.destination,
    rules: reading.rules,
    ...(reading.preferredReadLocation === undefined
      ? undefined
      : { preferredReadLocation: reading.preferredReadLocation }),
  }
}

function readRule(element: XmlElement, reading: Reading): ReplicationRule {
  const status = element.optionalText('Status')
  if (status !== 'Enabled' && status !== 'Disabled') throw malformedXml()
  const selector = readSelector(element, reading)
  const id = readId(element, reading)
  const storageClass = readDestination(element, reading)
  const rule = { id, enabled: status === 'Enabled', selector }
  return storageClass === undefined ? rule : { ...rule, storageClass }
}

function readSelector(element: XmlElement, reading: Reading): RuleSelector {
  const prefix = element.optionalText('Prefix')
  const filter = prefix === undefined ? element.optionalChild('Filter') : undefined
  if (prefix === undefined && filter === undefined) throw malformedXml()
  const form = prefix === undefined ? 'filter' : 'prefix'
  const first = reading.rules[0]
  if (first !== undefined && first.selector.form !== form) {
    throw invalidRequest('Rules with Prefix and rules with Filter cannot stand in one replication configuration.')
  }
  if (prefix !== undefined) return readPrefix(prefix, reading)
  return readFilter(element, filter ?? element, reading)
}

function checkPrefixLength(prefix: string): void {
  if (prefix.length > limits.keyBytes) {
    throw invalidValue(`Rule prefix cannot be longer than maximum allowed key length of ${limits.keyBytes}`)
  }
}

function readPrefix(prefix: string, reading: Reading): RuleSelector {
  checkPrefixLength(prefix)
  takePrefix(prefix, reading)
  return { form: 'prefix', prefix }
}

/**
 * Keeps the prefixes sorted: as none of them overlap, one that overlaps a new prefix stands right beside its place. Comparing each with each
 * would take seconds for a thousand long ones.
 */
function takePrefix(prefix: string, reading: Reading): void {
  const { prefixes } = reading
  let [low, high] = [0, prefixes.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((prefixes[middle] ?? '') < prefix) low = middle + 1
    else high = middle
  }
  const [before, behind] = [prefixes[low - 1], prefixes[low]]
  if ((before !== undefined && prefix.startsWith(before)) || behind?.startsWith(prefix) === true) {
    throw overlap(prefix, reading)
  }
  prefixes.splice(low, 0, prefix)
}

function overlap(prefix: string, reading: Reading): ServiceError {
  const earlier = reading.rules.map(({ selector }) => selector.prefix)
  const first = earlier.find(other => other.startsWith(prefix) || prefix.startsWith(other)) ?? ''
  return invalidRequest(`Found overlapping prefixes '${first}' and '${prefix}'`)
}

/** S3's newer form: several rules may take the same key, so each needs a priority and must say what happens to delete markers. */
function readFilter(rule: XmlElement, filter: XmlElement, reading: Reading): RuleSelector {
  const taken = readFilterContent(filter)
  checkPrefixLength(taken.prefix)
  const priority = readPriority(rule, reading)
  const markers = rule.optionalChild('DeleteMarkerReplication')?.optionalText('Status')
  if (markers === undefined) throw newerFormNeeds('DeleteMarkerReplication')
  if (markers !== 'Enabled' && markers !== 'Disabled') throw malformedXml()
  if (markers === 'Enabled' && Object.keys(taken.tags).length > 0) {
    throw invalidRequest('Delete marker replication is not supported if any Tag filter is specified.')
  }
  refuseUnsupportedParts(rule)
  return { form: 'filter', ...taken, priority, deleteMarkers: markers === 'Enabled' }
}

function newerFormNeeds(element: string): ServiceError {
  return invalidRequest(`${element} must be specified for a replication rule with a Filter.`)
}

function readFilterContent(filter: XmlElement): {
  prefix: string
  tags: TagSet
  shape: 'empty' | 'prefix' | 'tag' | 'and'
} {
  const [only, ...more] = filter.elements
  if (more.length > 0) throw malformedXml()
  if (only === undefined) return { prefix: '', tags: {}, shape: 'empty' }
  switch (only.name) {
    case 'Prefix':
      return { prefix: only.text(), tags: {}, shape: 'prefix' }
    case 'Tag':
      return { prefix: '', tags: readTags([only]), shape: 'tag' }
    case 'And': {
      const tags = only.children('Tag')
      if (tags.length === 0) throw malformedXml()
      return { prefix: only.optionalText('Prefix') ?? '', tags: readTags(tags), shape: 'and' }
    }
    default:
      throw malformedXml()
  }
}

function readTags(tags: readonly XmlElement[]): TagSet {
  return checkedTags(tags.map(tag => [tag.requiredText('Key'), tag.requiredText('Value')] as const))
}

function readPriority(rule: XmlElement, reading: Reading): number {
  const text = rule.optionalText('Priority')
  if (text === undefined) throw newerFormNeeds('Priority')
  if (!/^\d{1,10}$/.test(text) || Number(text) > priorityMax) throw malformedXml()
  const priority = Number(text)
  if (reading.priorities.has(priority)) throw invalidRequest(`Found duplicate priority ${priority}`)
  reading.priorities.add(priority)
  return priority
}

/** Parts of the newer form that this server cannot act on; switched off they ask for nothing. */
function refuseUnsupportedParts(rule: XmlElement): void {
  const destination = rule.child('Destination')
  const asked = [
    rule.child('ExistingObjectReplication'),
    rule.child('SourceSelectionCriteria')?.child('SseKmsEncryptedObjects'),
    rule.child('SourceSelectionCriteria')?.child('ReplicaModifications'),
    destination?.child('ReplicationTime'),
    destination?.child('Metrics'),
  ]
  const unsupported =
    asked.find(element => element !== undefined && element.child('Status')?.text() !== 'Disabled') ??
    destination?.child('EncryptionConfiguration') ??
    destination?.child('AccessControlTranslation')
  if (unsupported !== undefined) {
    throw serviceError('NotImplemented', { message: `${unsupported.name} is not implemented.` })
  }
}

function readId(element: XmlElement, reading: Reading): string {
  const id = element.optionalText('ID') ?? ''
  if (id.length > ruleIdMax) throw invalidValue(`Rule Id cannot be greater than ${ruleIdMax}`)
  if (id === '') return Buffer.from(reading.makeUuid()).toString('base64')
  if (reading.ids.has(id)) throw invalidRequest('Rule Id must be unique')
  reading.ids.add(id)
  return id
}

/** Returns the storage class as given; undefined when it was left out. */
function readDestination(rule: XmlElement, reading: Reading): string | undefined {
  const destination = rule.optionalChild('Destination')
  if (destination === undefined || destination.elements.length === 0) throw malformedXml()
  const storageClass = destination.optionalText('StorageClass')
  readStorageClass(storageClass, reading)
  const bucket = destination.optionalText('Bucket')
  if (bucket === undefined) {
    if (reading.hasServersSite) throw malformedXml()
    return storageClass
  }
  checkDestinationBucket(bucket, reading)
  return storageClass
}

// The default site overwrites the flag, a named one only ever raises it: so the original reads it, and accepts and refuses by it.
function readStorageClass(storageClass: string | undefined, reading: Reading): void {
  if (storageClass === undefined) {
    reading.hasServersSite = requireDefaultSite(reading).type === undefined
    return
  }
  const items = storageClass.split(',')
  const preferred = items.findIndex(item => item.endsWith(preferredReadSuffix))
  if (preferred >= 0) {
    const site = (items[preferred] ?? '').slice(0, -preferredReadSuffix.length)
    items[preferred] = site
    reading.preferredReadLocation = site
  }
  for (const item of items) {
    const site = reading.sites.find(candidate => candidate.site === item)
    if (defaultSiteClasses.has(item)) reading.hasServersSite = requireDefaultSite(reading).type === undefined
    else if (site === undefined) throw malformedXml()
    else if (site.type === undefined) reading.hasServersSite = true
  }
}

function requireDefaultSite(reading: Reading): ReplicationSite {
  const site = defaultSite(reading.sites)
  if (site === undefined) {
    throw invalidRequest('The rule names no replication site and this server has no default one: none is configured.')
  }
  return site
}

const bucketArnPrefix = 'arn:aws:s3:::'

function checkDestinationBucket(arn: string, reading: Reading): void {
  if (arn === '') throw invalidValue('Destination bucket cannot be null or empty')
  if (!arn.startsWith(bucketArnPrefix) || arn.length === bucketArnPrefix.length)
    throw invalidValue('Invalid bucket ARN')
  if (!isBucketName(arn.slice(bucketArnPrefix.length))) throw invalidValue('The specified bucket is not valid')
  if (reading.destination !== null && reading.destination !== arn) {
    throw invalidRequest('The destination bucket must be same for all rules')
  }
  reading.destination = arn
}

const roleProblem = 'Invalid Role specified in replication configuration:'
const roleArn = /^arn:aws:iam::(?:\*|[^:]{2,}):role/

function readRole(root: XmlElement, hasServersSite: boolean): string {
  const role = root.optionalText('Role')
  if (role === undefined) throw malformedXml()
  const roles = role.split(',')
  if (hasServersSite && roles.length !== 2) {
    throw invalidValue(`${roleProblem} Role must be a comma-separated list of two IAM roles`)
  }
  if (!hasServersSite && roles.length > 1) {
    throw invalidValue(`${roleProblem} Role may not contain a comma separator`)
  }
  const invalid = roles.find(arn => !roleArn.test(arn))
  if (invalid !== undefined) throw invalidValue(`${roleProblem} '${invalid}'`)
  return role
}

/** The document as GetBucketReplication answers it: rules first, the role last, everything as it was given. */
export function replicationConfigurationXml(configuration: ReplicationConfiguration): string {
  const rules = configuration.rules
    .map(rule => xmlElement('Rule', ruleContent(rule, configuration.destination)))
    .join('')
  return (
    `<?xml version="1.0" encoding="UTF-8"?><ReplicationConfiguration xmlns="${s3Namespace}">${rules}` +
    `<Role>${escapeXml(configuration.role)}</Role></ReplicationConfiguration>`
  )
}

// An empty prefix is written as an empty element.
function prefixContent(prefix: string): XmlContent | string {
  return prefix === '' ? {} : prefix
}

function ruleContent(rule: ReplicationRule, destination: string | null): XmlContent {
  const { selector } = rule
  const status = rule.enabled ? 'Enabled' : 'Disabled'
  const target = {
    Bucket: destination ?? undefined,
    StorageClass: rule.storageClass,
  }
  if (selector.form === 'prefix') {
    return { ID: rule.id, Prefix: prefixContent(selector.prefix), Status: status, Destination: target }
  }
  return {
    ID: rule.id,
    Priority: selector.priority,
    Filter: filterContent(selector),
    Status: status,
    Destination: target,
    DeleteMarkerReplication: { Status: selector.deleteMarkers ? 'Enabled' : 'Disabled' },
  }
}

function filterContent(selector: RuleSelector & { form: 'filter' }): XmlContent {
  const tags = Object.entries(selector.tags).map(([key, value]) => ({ Key: key, Value: value }))
  switch (selector.shape) {
    case 'empty':
      return {}
    case 'prefix':
      return { Prefix: prefixContent(selector.prefix) }
    case 'tag':
      return { Tag: tags }
    case 'and':
      return { And: { Prefix: selector.prefix === '' ? undefined : selector.prefix, Tag: tags } }
  }
}
