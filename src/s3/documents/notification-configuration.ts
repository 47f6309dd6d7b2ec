// Reads and writes the NotificationConfiguration document with every check that S3 makes. Destinations are ARNs whose last part is the name of a
// target of the configuration file.
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import {
  eventBridgeTarget,
  type FilterRule,
  filterValue,
  type NotificationKind,
  type NotificationRule,
  type NotificationSettings,
  notificationEvents,
  sharesEvent,
  targetOf,
} from '../../domain/notification-rule.ts'
import type { XmlElement } from '../xml/reader.ts'
import type { XmlContent } from '../xml/writer.ts'

const ruleIdMax = 255

function invalid(message: string, details: Readonly<Record<string, string>> = {}): ServiceError {
  return serviceError('InvalidArgument', { message, details })
}

/** How each kind of destination is written. `function` has an older name beside the newer one. */
const forms = [
  { kind: 'topic', element: 'TopicConfiguration', arn: ['Topic'], service: 'sns' },
  { kind: 'queue', element: 'QueueConfiguration', arn: ['Queue'], service: 'sqs' },
  {
    kind: 'function',
    element: 'CloudFunctionConfiguration',
    arn: ['CloudFunction', 'LambdaFunctionArn'],
    service: 'lambda',
  },
] as const satisfies readonly {
  readonly kind: NotificationKind
  readonly element: string
  readonly arn: readonly string[]
  readonly service: string
}[]

export interface NotificationReading {
  /** Names of the targets that there are; null: whether a destination is there is not asked. */
  readonly targets: ReadonlySet<string> | null
  readonly makeId: () => string
}

/** Reads the document's root. Throws MalformedXML, InvalidArgument; the first failure wins. */
export function parseNotificationConfiguration(root: XmlElement, reading: NotificationReading): NotificationSettings {
  const known = new Set(['EventBridgeConfiguration', ...forms.map(form => form.element)])
  if (root.elements.some(({ name }) => !known.has(name))) throw serviceError('MalformedXML')
  const rules = forms.flatMap(form => root.children(form.element).map(element => readRule(element, form, reading)))
  if (rules.length > limits.notificationRulesMax) throw serviceError('MalformedXML')
  if (new Set(rules.map(rule => rule.id)).size < rules.length) {
    throw invalid('There is more than one configuration with the same id.')
  }
  refuseOverlaps(rules)
  const eventBridge = root.optionalChild('EventBridgeConfiguration') !== undefined
  if (eventBridge && reading.targets?.has(eventBridgeTarget) === false) throw unknownTarget(eventBridgeTarget)
  return { rules, eventBridge }
}

function unknownTarget(destination: string): ServiceError {
  return invalid('Unable to validate the following destination configurations', {
    ArgumentName1: destination.slice(0, 1024),
    ArgumentValue1: 'A specified destination ARN does not exist or is not well-formed. Verify the destination ARN.',
  })
}

function readRule(element: XmlElement, form: (typeof forms)[number], reading: NotificationReading): NotificationRule {
  const id = element.optionalText('Id') ?? ''
  if (id.length > ruleIdMax) throw invalid(`Id cannot be longer than ${ruleIdMax} characters.`)
  const events = element.children('Event').map(event => event.text())
  if (events.length === 0) throw serviceError('MalformedXML')
  const unknown = events.find(event => !notificationEvents.has(event))
  if (unknown !== undefined) {
    throw invalid('A specified event is not supported for notifications.', {
      ArgumentName: 'Event',
      ArgumentValue: unknown.slice(0, 1024),
    })
  }
  const filter = readFilter(element.optionalChild('Filter'))
  return {
    id: id === '' ? reading.makeId() : id,
    kind: form.kind,
    arn: readArn(element, form, reading),
    events: [...new Set(events)],
    ...(filter === undefined ? undefined : { filter }),
  }
}

function readArn(element: XmlElement, form: (typeof forms)[number], { targets }: NotificationReading): string {
  const arn = form.arn.map(name => element.optionalText(name)).find(text => text !== undefined)
  if (arn === undefined) throw serviceError('MalformedXML')
  const [scheme, , service, ...place] = arn.split(':')
  const isArn = scheme === 'arn' && service === form.service && place.length >= 3
  if (!isArn || targetOf(arn) === '') {
    throw invalid('The ARN could not be parsed', { ArgumentName: form.arn[0], ArgumentValue: arn.slice(0, 1024) })
  }
  if (targets !== null && !targets.has(targetOf(arn))) throw unknownTarget(arn)
  return arn
}

function readFilter(element: XmlElement | undefined): readonly FilterRule[] | undefined {
  if (element === undefined) return undefined
  const seen = new Set<string>()
  const key = element.optionalChild('S3Key')
  return (key?.children('FilterRule') ?? []).map(rule => {
    const name = rule.requiredText('Name')
    const value = rule.requiredText('Value')
    const lower = name.toLowerCase()
    if (lower !== 'prefix' && lower !== 'suffix') throw invalid('filter rule name must be either prefix or suffix')
    if (seen.has(lower)) throw invalid(`Cannot specify more than one ${lower} rule in a filter.`)
    seen.add(lower)
    if (Buffer.byteLength(value) > limits.keyBytes) {
      throw invalid(`Size of filter rule value cannot exceed ${limits.keyBytes} bytes in UTF-8 representation`)
    }
    return { name, value }
  })
}

function refuseOverlaps(rules: readonly NotificationRule[]): void {
  for (const [index, rule] of rules.entries())
    for (const other of rules.slice(0, index))
      if (overlap(rule, other)) {
        throw invalid(
          'Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are ' +
            'overlapping for the same event type.',
        )
      }
}

function overlap(a: NotificationRule, b: NotificationRule): boolean {
  const [prefixes, suffixes] = (['prefix', 'suffix'] as const).map(name => [filterValue(a, name), filterValue(b, name)])
  const [prefixA = '', prefixB = ''] = prefixes ?? []
  const [suffixA = '', suffixB = ''] = suffixes ?? []
  return (
    (prefixA.startsWith(prefixB) || prefixB.startsWith(prefixA)) &&
    (suffixA.endsWith(suffixB) || suffixB.endsWith(suffixA)) &&
    a.events.some(event => b.events.some(other => sharesEvent(event, other)))
  )
}

/** The document as GetBucketNotificationConfiguration answers it. */
export function notificationContent(settings: NotificationSettings | undefined): XmlContent {
  if (settings === undefined) return {}
  const { rules, eventBridge } = settings
  const elements = forms.map(({ kind, element, arn }) => [
    element,
    rules.filter(rule => rule.kind === kind).map(rule => ruleContent(rule, arn[0])),
  ])
  return { ...Object.fromEntries(elements), EventBridgeConfiguration: eventBridge ? {} : undefined }
}

function ruleContent({ id, arn, events, filter }: NotificationRule, arnName: string): XmlContent {
  const rules = filter?.map(({ name, value }) => ({ Name: name, Value: value }))
  return {
    Id: id,
    [arnName]: arn,
    Event: events,
    Filter: rules === undefined ? undefined : { S3Key: { FilterRule: rules } },
  }
}
