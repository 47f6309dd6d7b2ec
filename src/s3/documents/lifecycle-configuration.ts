// Reads and writes the LifecycleConfiguration document, both forms of rule, with every check that S3 makes. Judges only the document, never the
// bucket. Transitions are refused: there is no other storage here to move anything to.
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type {
  LifecycleExpiration,
  LifecycleRule,
  LifecycleSelector,
  LifecycleSettings,
} from '../../domain/lifecycle-rule.ts'
import { limits } from '../../domain/limits.ts'
import type { XmlElement } from '../xml/reader.ts'
import type { XmlContent } from '../xml/writer.ts'
import { readSelector } from './lifecycle-filter.ts'
import { invalidRequest, invalidValue, malformedXml } from './refusals.ts'

const ruleIdMax = 255
const newerVersionsMax = 100

/** Reads the document's root. Throws MalformedXML, InvalidRequest, InvalidArgument, NotImplemented; the first failure wins. */
export function parseLifecycleConfiguration(root: XmlElement, makeId: () => string): readonly LifecycleRule[] {
  const elements = root.children('Rule')
  if (elements.length === 0 || elements.length > limits.lifecycleRulesMax) throw malformedXml()
  const rules: LifecycleRule[] = []
  const ids = new Set<string>()
  for (const element of elements) rules.push(readRule(element, ids, makeId))
  const isNewer = rules.some(rule => rule.selector.form !== 'prefix')
  if (isNewer && rules.some(rule => rule.selector.form === 'prefix')) throw mixedForms()
  // Last, so that a document with several mistakes is told of those that S3 finds, too.
  refuseTransitions(elements)
  return rules
}

function mixedForms(): ServiceError {
  return invalidRequest('Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.')
}

function readRule(element: XmlElement, ids: Set<string>, makeId: () => string): LifecycleRule {
  const id = readId(element, ids) ?? makeId()
  const status = element.requiredText('Status')
  if (status !== 'Enabled' && status !== 'Disabled') throw malformedXml()
  const selector = readSelector(element)
  const expiration = readExpiration(element.optionalChild('Expiration'))
  const noncurrent = readNoncurrent(element.optionalChild('NoncurrentVersionExpiration'), selector)
  const abortDays = readAbort(element.optionalChild('AbortIncompleteMultipartUpload'))
  const actions = [expiration, noncurrent, abortDays, ...transitionsOf(element)]
  if (actions.every(action => action === undefined)) {
    throw invalidRequest('At least one action needs to be specified in a rule')
  }
  refuseFilterOf(selector, expiration, abortDays)
  return {
    id,
    enabled: status === 'Enabled',
    selector,
    ...(expiration === undefined ? undefined : { expiration }),
    ...(noncurrent === undefined ? undefined : { noncurrentExpiration: noncurrent }),
    ...(abortDays === undefined ? undefined : { abortUploadAfterDays: abortDays }),
  }
}

function readId(element: XmlElement, ids: Set<string>): string | undefined {
  const id = element.optionalText('ID') ?? ''
  if (id.length > ruleIdMax) throw invalidValue(`ID length should not exceed allowed limit of ${ruleIdMax}`)
  if (id === '') return undefined
  if (ids.has(id)) throw invalidValue('Rule ID must be unique. Found same ID for more than one rule')
  ids.add(id)
  return id
}

/** A whole number; what is none breaks the schema. */
function readWhole(text: string): number {
  const trimmed = text.trim()
  if (!/^[+-]?\d{1,10}$/.test(trimmed) || Math.abs(Number(trimmed)) > 2_147_483_647) throw malformedXml()
  return Number(trimmed)
}

function readDays(text: string, name: string, action: string): number {
  const days = readWhole(text)
  if (days <= 0) throw invalidValue(`'${name}' for ${action} action must be a positive integer`)
  return days
}

function readExpiration(element: XmlElement | undefined): LifecycleExpiration | undefined {
  if (element === undefined) return undefined
  const days = element.optionalText('Days')
  const date = element.optionalText('Date')
  const marker = element.optionalText('ExpiredObjectDeleteMarker')
  if ([days, date, marker].filter(value => value !== undefined).length !== 1) throw malformedXml()
  if (days !== undefined) return { days: readDays(days, 'Days', 'Expiration') }
  if (date !== undefined) return { date: readDate(date) }
  if (marker !== 'true' && marker !== 'false') throw malformedXml()
  return { expiredObjectDeleteMarker: marker === 'true' }
}

const isoDate = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/

function readDate(text: string): string {
  const trimmed = text.trim()
  // Without a zone, a time is meant in UTC.
  if (!isoDate.test(trimmed)) throw malformedXml()
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/.test(trimmed) || !trimmed.includes('T') ? trimmed : `${trimmed}Z`
  const moment = Date.parse(zoned)
  if (Number.isNaN(moment)) throw malformedXml()
  if (moment % 86_400_000 !== 0) throw invalidValue("'Date' must be at midnight GMT")
  return new Date(moment).toISOString()
}

function readNoncurrent(
  element: XmlElement | undefined,
  selector: LifecycleSelector,
): LifecycleRule['noncurrentExpiration'] {
  if (element === undefined) return undefined
  const action = 'NoncurrentVersionExpiration'
  const days = readDays(element.requiredText('NoncurrentDays'), 'NoncurrentDays', action)
  const newer = element.optionalText('NewerNoncurrentVersions')
  if (newer === undefined) return { days }
  const newerVersions = readDays(newer, 'NewerNoncurrentVersions', action)
  if (newerVersions > newerVersionsMax) {
    throw invalidValue(`'NewerNoncurrentVersions' for ${action} action cannot be greater than ${newerVersionsMax}`)
  }
  if (selector.form === 'prefix') throw mixedForms()
  return { days, newerVersions }
}

function readAbort(element: XmlElement | undefined): number | undefined {
  if (element === undefined) return undefined
  return readDays(element.requiredText('DaysAfterInitiation'), 'DaysAfterInitiation', 'AbortIncompleteMultipartUpload')
}

/** Delete markers and uploads have neither tags nor a size. */
function refuseFilterOf(
  { tags, sizeGreaterThan, sizeLessThan }: LifecycleSelector,
  expiration: LifecycleExpiration | undefined,
  abortDays: number | undefined,
): void {
  const asked = [
    ...(Object.keys(tags).length > 0 ? ['Tags'] : []),
    ...(sizeGreaterThan === undefined && sizeLessThan === undefined ? [] : ['Object Size']),
  ]
  const [first] = asked
  if (first === undefined) return
  if (abortDays !== undefined) {
    throw invalidRequest(`AbortIncompleteMultipartUpload cannot be specified with ${first}`)
  }
  if (expiration !== undefined && 'expiredObjectDeleteMarker' in expiration) {
    throw invalidRequest(`ExpiredObjectDeleteMarker cannot be specified with ${first}`)
  }
}

function transitionsOf(element: XmlElement): readonly XmlElement[] {
  return [...element.children('Transition'), ...element.children('NoncurrentVersionTransition')]
}

const storageClasses = new Set([
  'GLACIER',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
])

function refuseTransitions(rules: readonly XmlElement[]): void {
  for (const transition of rules.flatMap(transitionsOf)) {
    const date = transition.optionalText('Date')
    if (date !== undefined) readDate(date)
    if (!storageClasses.has(transition.requiredText('StorageClass'))) throw malformedXml()
    throw serviceError('NotImplemented', {
      message: `${transition.name} is not implemented: this server has one storage class for all data.`,
    })
  }
}

/** The rules as GetBucketLifecycleConfiguration answers them. */
export function lifecycleContent({ rules }: LifecycleSettings): XmlContent {
  return { Rule: rules.map(ruleContent) }
}

function ruleContent(rule: LifecycleRule): XmlContent {
  const { noncurrentExpiration: noncurrent, abortUploadAfterDays: abortDays } = rule
  return {
    ID: rule.id,
    ...selectorContent(rule.selector),
    Status: rule.enabled ? 'Enabled' : 'Disabled',
    Expiration: rule.expiration === undefined ? undefined : expirationContent(rule.expiration),
    NoncurrentVersionExpiration:
      noncurrent === undefined
        ? undefined
        : { NoncurrentDays: noncurrent.days, NewerNoncurrentVersions: noncurrent.newerVersions },
    AbortIncompleteMultipartUpload: abortDays === undefined ? undefined : { DaysAfterInitiation: abortDays },
  }
}

function expirationContent(expiration: LifecycleExpiration): XmlContent {
  if ('days' in expiration) return { Days: expiration.days }
  if ('date' in expiration) return { Date: expiration.date }
  return { ExpiredObjectDeleteMarker: expiration.expiredObjectDeleteMarker }
}

function selectorContent(selector: LifecycleSelector): XmlContent {
  const { form, prefix, tags, sizeGreaterThan, sizeLessThan } = selector
  if (form === 'prefix') return { Prefix: prefix ?? '' }
  const content = {
    Prefix: prefix,
    Tag: Object.entries(tags).map(([key, value]) => ({ Key: key, Value: value })),
    ObjectSizeGreaterThan: sizeGreaterThan,
    ObjectSizeLessThan: sizeLessThan,
  }
  return { Filter: form === 'and' ? { And: content } : content }
}
