// Which objects a lifecycle rule takes, read from its document: the older Prefix, or a Filter with one condition or several under And.
import type { LifecycleSelector } from '../../domain/lifecycle-rule.ts'
import { limits } from '../../domain/limits.ts'
import { checkedTags, type TagSet } from '../objects/tag-set.ts'
import type { XmlElement } from '../xml/reader.ts'
import { invalidRequest, malformedXml } from './refusals.ts'

/** Throws MalformedXML, InvalidRequest, InvalidArgument, InvalidTag. */
export function readSelector(rule: XmlElement): LifecycleSelector {
  const prefix = rule.optionalText('Prefix')
  const filter = rule.optionalChild('Filter')
  if ((prefix === undefined) === (filter === undefined)) throw malformedXml()
  if (filter === undefined) return { form: 'prefix', prefix: checkedPrefix(prefix ?? ''), tags: {} }
  const and = filter.optionalChild('And')
  if (and === undefined) return readSingle(filter)
  if (filter.elements.length > 1) throw malformedXml()
  const conditions = readConditions(and)
  if (conditions.count < 2) throw malformedXml()
  return { form: 'and', ...conditions.selector }
}

/** One condition; an empty prefix beside it takes nothing away and is let be, as other servers do. */
function readSingle(filter: XmlElement): LifecycleSelector {
  const { selector, count } = readConditions(filter)
  if (count > 1 && !(count === 2 && selector.prefix === '')) throw malformedXml()
  return { form: 'filter', ...selector }
}

const conditionNames = new Set(['Prefix', 'Tag', 'ObjectSizeGreaterThan', 'ObjectSizeLessThan'])

function readConditions(element: XmlElement): { selector: Omit<LifecycleSelector, 'form'>; count: number } {
  if (element.elements.some(({ name }) => !conditionNames.has(name))) throw malformedXml()
  const prefix = element.optionalText('Prefix')
  const greater = readSize(element, 'ObjectSizeGreaterThan', 0)
  const less = readSize(element, 'ObjectSizeLessThan', 1)
  if (greater !== undefined && less !== undefined && less <= greater) {
    throw invalidRequest("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")
  }
  const selector = {
    ...(prefix === undefined ? undefined : { prefix: checkedPrefix(prefix) }),
    tags: readTags(element.children('Tag')),
    ...(greater === undefined ? undefined : { sizeGreaterThan: greater }),
    ...(less === undefined ? undefined : { sizeLessThan: less }),
  }
  return { selector, count: element.elements.length }
}

function checkedPrefix(prefix: string): string {
  if (Buffer.byteLength(prefix) > limits.keyBytes) {
    throw invalidRequest(`The maximum size of a prefix is ${limits.keyBytes}.`)
  }
  return prefix
}

function readTags(elements: readonly XmlElement[]): TagSet {
  const pairs = elements.map(tag => [tag.requiredText('Key'), tag.requiredText('Value')] as const)
  if (new Set(pairs.map(([key]) => key)).size < pairs.length) {
    throw invalidRequest('Duplicate Tag Keys are not allowed.')
  }
  return checkedTags(pairs)
}

function readSize(element: XmlElement, name: string, min: number): number | undefined {
  const text = element.optionalText(name)?.trim()
  if (text === undefined) return undefined
  if (!/^[+-]?\d{1,15}$/.test(text)) throw malformedXml()
  const size = Number(text)
  if (size < min || size > limits.objectBytes) {
    throw invalidRequest(`'${name}' should be a number of bytes from ${min} to ${limits.objectBytes}`)
  }
  return size
}
