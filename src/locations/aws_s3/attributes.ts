// What an S3 object carries, as request headers: content headers, user metadata (RFC 2047 where a header cannot carry it), replication
// markers, tags. Markers win over user metadata of the same name.
import { failureOf } from '../cloud-failure.ts'
import type { ObjectAttributes } from '../location.ts'
import { uriEncodeText } from './channel.ts'

/** More than S3 takes in headers altogether; below it the destination decides, as limits differ. */
const metadataHeaderBytesMax = 8 * 1024

const metadataPrefix = 'x-amz-meta-'

/** Headers of a PUT or of the start of an upload. Throws Failure(object) for what no S3 server can take. */
export function attributeHeaders(attributes: ObjectAttributes, serverSideEncryption: boolean): Record<string, string> {
  const headers: Record<string, string> = {}
  addContentHeader(headers, 'content-type', attributes.contentType)
  addContentHeader(headers, 'cache-control', attributes.cacheControl)
  addContentHeader(headers, 'content-disposition', attributes.contentDisposition)
  addContentHeader(headers, 'content-encoding', attributes.contentEncoding)
  addContentHeader(headers, 'content-language', attributes.contentLanguage)
  addContentHeader(headers, 'expires', attributes.expires)
  let size = 0
  for (const [name, value] of Object.entries(attributes.userMetadata)) {
    const encoded = encodeMetadataValue(value)
    size += name.length + encoded.length + metadataPrefix.length
    headers[metadataHeader(name)] = encoded
  }
  for (const [name, value] of Object.entries(attributes.markers)) headers[metadataHeader(name)] = value
  if (size > metadataHeaderBytesMax) {
    throw failureOf('object', 'MetadataTooLarge', `User metadata takes ${size} bytes, S3 allows 2 KB`)
  }
  const tags = tagQuery(attributes.tags)
  if (tags !== '') headers['x-amz-tagging'] = tags
  if (serverSideEncryption) headers['x-amz-server-side-encryption'] = 'AES256'
  return headers
}

function addContentHeader(headers: Record<string, string>, name: string, value: string | undefined): void {
  if (value === undefined || value === '') return
  headers[name] = headerText(name, value)
}

/** A header value as its UTF-8 bytes, one character per byte. */
function headerText(name: string, value: string): string {
  if (controlCharacter.test(value)) throw failureOf('object', 'InvalidHeader', `${name} contains a control character`)
  const trimmed = value.trim()
  return beyondAscii.test(trimmed) ? Buffer.from(trimmed, 'utf8').toString('latin1') : trimmed
}

// All characters up to U+001F but the tab, and U+007F.
const controlCharacter = /[\u0000-\u0008\u000a-\u001f\u007f]/
const beyondAscii = /[^\u0000-\u007f]/

function metadataHeader(name: string): string {
  const lower = name.toLowerCase()
  if (!/^[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(lower)) {
    throw failureOf('object', 'InvalidMetadataName', `The user metadata name ${JSON.stringify(name)} fits no header`)
  }
  return metadataPrefix + lower
}

const printable = /^[!-~]+( [!-~]+)*$/
const encodedWord = /=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=/

/**
 * A user metadata value for a header: as it is when that is what arrives, else an RFC 2047 word, which is how S3 itself returns such
 * values. Values with blanks at their ends or in a row, and those that already look like such a word, would not come back as they were.
 */
export function encodeMetadataValue(value: string): string {
  if (value === '' || (printable.test(value) && !encodedWord.test(value))) return value
  return `=?UTF-8?B?${Buffer.from(value, 'utf8').toString('base64')}?=`
}

/** Tags in the form of the x-amz-tagging header. */
export function tagQuery(tags: Readonly<Record<string, string>>): string {
  let text = ''
  for (const [name, value] of Object.entries(tags)) {
    text += `${text === '' ? '' : '&'}${uriEncodeText(name)}=${uriEncodeText(value)}`
  }
  return text
}
