// What the listing operations share: their parameters, url encoding of names, and how a listed version and a common prefix are shown.
import { limits } from '../domain/limits.ts'
import type { ListedVersion, Listing } from '../metadata/metadata-store.ts'
import type { Call } from './call.ts'
import { invalidArgument } from './http/answer.ts'
import { quoted } from './objects/object-headers.ts'
import type { XmlContent } from './xml/writer.ts'

export interface ListParameters {
  readonly prefix: string
  readonly delimiter: string
  readonly maxKeys: number
  readonly encodingType: 'url' | undefined
  /** Names as the client wants them: percent-encoded or plain. */
  readonly shown: (name: string) => string
}

/** Throws InvalidArgument. */
export function listParameters(call: Call): ListParameters {
  return {
    prefix: call.query.get('prefix') ?? '',
    delimiter: call.query.get('delimiter') ?? '',
    maxKeys: countParameter(call, 'max-keys', limits.listKeysMax),
    ...nameEncoding(call),
  }
}

/** How the client wants to be shown names. Throws InvalidArgument. */
export function nameEncoding(call: Call): Pick<ListParameters, 'encodingType' | 'shown'> {
  const encoding = call.query.get('encoding-type')
  if (encoding === undefined || encoding === '') return { encodingType: undefined, shown: name => name }
  // The word counts in any case, and is given back as S3 spells it.
  if (encoding.toLowerCase() === 'url') return { encodingType: 'url', shown: urlEncoded }
  throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', encoding)
}

const countMax = 2_147_483_647

/** A count in a query: at most `max`, and `absent` when it is not there. Throws InvalidArgument. */
export function countParameter(call: Call, name: string, max: number, absent = max): number {
  const text = call.query.get(name)
  if (text === undefined || text === '') return absent
  if (/^-\d{1,10}$/.test(text)) {
    throw invalidArgument(`Argument ${text} must be an integer between 0 and ${countMax}`, name, text)
  }
  if (!/^\d{1,10}$/.test(text) || Number(text) > countMax) {
    throw invalidArgument(`Provided ${text} not an integer or within integer range`, name, text)
  }
  return Math.min(Number(text), max)
}

/** As S3 encodes names in listings: slashes stay. */
function urlEncoded(name: string): string {
  return encodeURIComponent(name)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

export const emptyListing: Listing = { entries: [], truncated: false }

/** An optional element: left out of the document when empty. */
export function unlessEmpty(text: string): string | undefined {
  return text === '' ? undefined : text
}

export function versionsOf(listing: Listing): ListedVersion[] {
  return listing.entries.flatMap(entry => (entry.kind === 'version' ? [entry.version] : []))
}

export function commonPrefixes(listing: Listing, parameters: ListParameters): XmlContent[] {
  return listing.entries.flatMap(entry => (entry.kind === 'prefix' ? [{ Prefix: parameters.shown(entry.prefix) }] : []))
}

export function ownerOf(version: ListedVersion): XmlContent {
  return { ID: version.ownerId, DisplayName: version.ownerDisplayName }
}

export function listedObject(version: ListedVersion, parameters: ListParameters, withOwner: boolean): XmlContent {
  return {
    Key: parameters.shown(version.key),
    LastModified: version.lastModified,
    ETag: quoted(version.etag),
    ChecksumAlgorithm: version.checksumAlgorithm,
    ChecksumType: version.checksumType,
    Size: version.size,
    Owner: withOwner ? ownerOf(version) : undefined,
    StorageClass: version.storageClass,
  }
}
