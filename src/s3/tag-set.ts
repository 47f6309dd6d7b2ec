// Object tags as clients write them: the x-amz-tagging header and the Tagging document. One set of rules for both.
import { type ServiceError, serviceError } from '../domain/errors.ts'
import { limits } from '../domain/limits.ts'
import { invalidArgument } from './answer.ts'
import { parseQuery } from './request-target.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from './xml/reader.ts'

export type TagSet = Readonly<Record<string, string>>

export const noTags: TagSet = Object.freeze({})

const allowedCharacters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u

function invalidTag(message: string, key?: string): ServiceError {
  return serviceError('InvalidTag', key === undefined ? { message } : { message, details: { TagKey: key } })
}

/** Throws InvalidTag and BadRequest (too many). */
export function checkedTags(pairs: readonly (readonly [string, string])[]): TagSet {
  if (pairs.length === 0) return noTags
  if (pairs.length > limits.tagsPerObject) {
    throw serviceError('BadRequest', { message: `Object tags cannot be greater than ${limits.tagsPerObject}` })
  }
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

/** Reads the x-amz-tagging header: a query string. Throws InvalidArgument, InvalidTag, BadRequest. */
export function parseTagHeader(value: string): TagSet {
  if (value === '') return noTags
  let pairs: (readonly [string, string])[]
  try {
    pairs = parseQuery(value).map(({ name, value: text }) => [name, text ?? ''] as const)
  } catch {
    throw invalidArgument(
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      'x-amz-tagging',
      value,
    )
  }
  return checkedTags(pairs)
}

/** Reads a Tagging document. Throws MalformedXML, InvalidTag, BadRequest. */
export function parseTagging(body: Uint8Array): TagSet {
  return tagsOfSet(parseXml(body, defaultXmlLimits, 'Tagging').requiredChild('TagSet'))
}

function tagsOfSet(set: XmlElement): TagSet {
  if (set.elements.some(element => element.name !== 'Tag')) throw serviceError('MalformedXML')
  return checkedTags(set.elements.map(tag => [tag.requiredText('Key'), tag.requiredText('Value')] as const))
}
