// User metadata, tags and markers as blob metadata. Azure takes only names that are C# identifiers and values of ASCII: `-` becomes `_`, and
// what that could not be undone for is told by `scal_names`; values beyond ASCII are percent-encoded, which `scal_encoding` tells.
import { encodeWords } from '../../domain/encoded-word.ts'
import { failureOf } from '../cloud-failure.ts'
import type { ObjectAttributes } from '../location.ts'

const namesEntry = 'scal_names'
const encodingEntry = 'scal_encoding'
const tagsEntry = 'tags'
const headerPrefix = 'x-ms-meta-'

/** Names and values of blob metadata (names without the header prefix). */
export type BlobMetadata = Readonly<Record<string, string>>

/** Names that carry something else than user metadata. */
const reservedNames: readonly string[] = [namesEntry, encodingEntry, tagsEntry]

/** Blob metadata of an object. Throws Failure(object) for names longer than a header may be. */
export function blobMetadata(attributes: ObjectAttributes): BlobMetadata {
  const markers = Object.entries(attributes.markers).map(([name, value]) => [markerName(name), value] as const)
  const user = Object.entries(attributes.userMetadata)
  const { named, originals } = azureNames(user, [...reservedNames, ...markers.map(([name]) => name)])
  const encodes = user.some(([, value]) => needsEncoding(value))
  const metadata: Record<string, string> = {}
  for (const [name, value] of named) metadata[name] = encodes ? percentEncoded(value) : value
  if (encodes) metadata[encodingEntry] = 'percent'
  if (Object.keys(originals).length > 0) metadata[namesEntry] = asciiJson(originals)
  Object.assign(metadata, tagsMetadata(attributes.tags), Object.fromEntries(markers))
  return metadata
}

/** The entry for tags; nothing when there are none. */
export function tagsMetadata(tags: Readonly<Record<string, string>>): BlobMetadata {
  return Object.keys(tags).length === 0 ? {} : { [tagsEntry]: asciiJson(tags) }
}

/** Metadata with its tags replaced, everything else as it was. */
export function withTags(metadata: BlobMetadata, tags: Readonly<Record<string, string>>): BlobMetadata {
  const { [tagsEntry]: _, ...rest } = metadata
  return { ...rest, ...tagsMetadata(tags) }
}

export function metadataHeaders(metadata: BlobMetadata): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(metadata)) headers[headerPrefix + name] = value
  return headers
}

/** The metadata in an answer's headers; names come lower-case. */
export function metadataOf(headers: Readonly<Record<string, string>>): BlobMetadata {
  const metadata: Record<string, string> = {}
  for (const name in headers) {
    if (name.startsWith(headerPrefix)) metadata[name.slice(headerPrefix.length)] = headers[name] ?? ''
  }
  return metadata
}

/** The replication markers among it, names in S3 form. */
export function markersOf(metadata: BlobMetadata): Record<string, string> {
  const markers: Record<string, string> = {}
  for (const [name, value] of Object.entries(metadata)) {
    if (name === 'scal_version_id' || name === 'scal_replication_status') markers[name.replaceAll('_', '-')] = value
  }
  return markers
}

function markerName(name: string): string {
  return name.replaceAll('-', '_')
}

const azureName = /^[a-z_][a-z0-9_]*$/

/** Finds a name for each entry that is not taken; the names that `_` to `-` would not bring back are told. */
function azureNames(
  entries: readonly (readonly [string, string])[],
  reserved: readonly string[],
): { readonly named: readonly (readonly [string, string])[]; readonly originals: Readonly<Record<string, string>> } {
  const taken = new Set(reserved)
  const named: (readonly [string, string])[] = []
  const originals: Record<string, string> = {}
  // Names that can be undone go first, so that none of them has to give way to one that can not.
  const later: (readonly [string, string])[] = []
  for (const [name, value] of entries) {
    const plain = name.toLowerCase().replaceAll('-', '_')
    if (name.includes('_') || !azureName.test(plain) || taken.has(plain)) {
      later.push([name, value])
      continue
    }
    taken.add(plain)
    named.push([plain, value])
  }
  for (const [name, value] of later) {
    const substitute = freeName(name.toLowerCase(), taken)
    taken.add(substitute)
    named.push([substitute, value])
    originals[substitute] = name
  }
  return { named, originals }
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  const cleaned = name.replaceAll(/[^a-z0-9_]/g, '_')
  const base = /^[0-9]/.test(cleaned) || cleaned === '' ? `_${cleaned}` : cleaned
  if (!taken.has(base)) return base
  for (let count = 2; ; count += 1) if (!taken.has(`${base}_${count}`)) return `${base}_${count}`
}

// Blanks at the ends or in a row do not survive a header.
const plainValue = /^[!-~]+( [!-~]+)*$/

function needsEncoding(value: string): boolean {
  return value !== '' && !plainValue.test(value)
}

/** Percent signs, characters beyond printable ASCII and blanks that would get lost become %XX of their UTF-8 bytes. */
function percentEncoded(value: string): string {
  return value.toWellFormed().replaceAll(/%|[^ -~]+|^ +| +$| {2,}/gu, piece => encodeURIComponent(piece))
}

/** JSON of ASCII characters only; blanks in a row, which a header would lose, are escaped too. */
export function asciiJson(value: Readonly<Record<string, string>>): string {
  return JSON.stringify(value)
    .replaceAll(/[^ -~]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replaceAll(/(?<= ) /g, '\\u0020')
}

/**
 * A content header for a blob: Azure takes ASCII only, so anything else goes as encoded words. Throws Failure(object) for control characters.
 */
export function contentHeader(name: string, value: string): string {
  if (controlCharacter.test(value)) throw failureOf('object', 'InvalidHeader', `${name} contains a control character`)
  return encodeWords(value.trim().replaceAll('\t', ' '))
}

const controlCharacter = /[\u0000-\u0008\u000a-\u001f\u007f]/
