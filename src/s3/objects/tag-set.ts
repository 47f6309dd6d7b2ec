// Tags of objects and buckets as clients write them: the x-amz-tagging header and the Tagging document. One set of rules for all.
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { invalidArgument } from '../http/answer.ts'
import { parseQuery } from '../http/request-target.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from '../xml/reader.ts'

export type TagSet = Readonly<Record<string, string>>

export const noTags: TagSet = Object.freeze({})

const allowedCharacters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u

function invalidTag(message: string, key?: string): ServiceError {
  return serviceError('InvalidTag', key === undefined ? { message } : { message, details: { TagKey: key } })
}

/** What carries tags: more of them fit on a bucket. */
type Tagged = 'object' | 'bucket'

function checkCount(count: number, on: Tagged): void {
  const max = on === 'bucket' ? limits.tagsPerBucket : limits.tagsPerObject
  if (count <= max) return
  const message =
    on === 'bucket' ? `Bucket tag count cannot be greater than ${max}` : `Object tags cannot be greater than ${max}`
  throw serviceError('BadRequest', { message })
}

/** Throws InvalidTag and BadRequest (too many). */
export function checkedTags(pairs: readonly (readonly [string, string])[], on: Tagged = 'object'): TagSet {
  if (pairs.length === 0) return noTags
  checkCount(pairs.length, on)
  const seen = new Set<string>()
  for (const [key, value] of pairs) {
    if (key === '' || key.length > limits.tagKeyChars || !allowedCharacters.test(key)) {
      throw invalidTag('The TagKey you have provided is invalid', key.slice(0, 1024))
    }
    if (key.startsWith('aws:')) throw invalidTag("System tags cannot be added/updated by requester: 'aws:'", key)
    if (value.length > limits.tagValueChars || !allowedCharacters.test(value)) {
      throw invalidTag('The TagValue you have provided is invalid', key)
    }
    if (seen.has(key)) throw invalidTag('Cannot provide multiple Tags with the same key', key)
    seen.add(key)
  }
  return Object.fromEntries(pairs)
}

/** Reads the x-amz-tagging header: a query string, whose tags are kept in the order of their keys. Throws InvalidArgument, InvalidTag, BadRequest. */
export function parseTagHeader(value: string): TagSet {
  if (value === '') return noTags
  let pairs: (readonly [string, string])[]
  try {
    pairs = parseQuery(value).map(({ name, value: text }) => [name, text ?? ''] as const)
    const names = new Set(pairs.map(([name]) => name))
    if (names.has('') || names.size < pairs.length) throw new Error('a name is missing, or there twice')
  } catch {
    throw invalidArgument(
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      'x-amz-tagging',
      value,
    )
  }
  return checkedTags(pairs.toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

/** Reads a Tagging document. Throws MalformedXML, InvalidTag, BadRequest. */
export function parseTagging(body: Uint8Array, on: Tagged = 'object'): TagSet {
  return tagsOfSet(parseXml(body, defaultXmlLimits, 'Tagging').requiredChild('TagSet'), on)
}

/** Reads the elements of a set. Throws MalformedXML, InvalidTag, BadRequest. */
export function tagsOfSet(set: XmlElement, on: Tagged): TagSet {
  if (set.elements.some(element => element.name !== 'Tag')) throw serviceError('MalformedXML')
  return checkedTags(
    set.elements.map(tag => [tag.requiredText('Key'), tag.requiredText('Value')] as const),
    on,
  )
}
