// What lies in the bucket: objects, their heads, the versions of a key. Answers of HEAD have no body, so only the status can be told apart.
import type { HttpAnswer } from '../../base/http-client.ts'
import { type AnswerElement, childText, rawChildText, readAnswerXml } from '../answer-xml.ts'
import { base64ToHex } from '../checked-body.ts'
import { failureOf } from '../cloud-failure.ts'
import type { RequestContext, StoredObject } from '../location.ts'
import { type S3Channel, uriEncodeText } from './channel.ts'
import { plainETag } from './verify.ts'

export interface S3Reader {
  get(
    key: string,
    versionId: string,
    range: { readonly start: number; readonly end: number } | null,
    context?: RequestContext,
  ): Promise<AsyncIterable<Uint8Array>>
  head(key: string, versionId: string, context?: RequestContext): Promise<StoredObject | null>
  history(key: string, max: number, context?: RequestContext): Promise<readonly StoredObject[]>
}

/** Replication markers as user metadata. */
const markerPrefix = 'x-amz-meta-scal-'
const metadataPrefix = 'x-amz-meta-'
const headsAtOnce = 8

export function createReader(channel: S3Channel, versioned: boolean): S3Reader {
  const head: S3Reader['head'] = async (key, versionId, context) => {
    const answer = await channel.send({
      method: 'HEAD',
      key,
      query: versionQuery(versionId),
      headers: { 'x-amz-checksum-mode': 'ENABLED' },
      context,
      accept: [404, 405],
    })
    const isDeleteMarker = answer.headers['x-amz-delete-marker'] === 'true'
    if (answer.status === 404 || (answer.status === 405 && !isDeleteMarker)) return null
    const isLatest = versionId === ''
    const stored = storedOf(answer)
    return isDeleteMarker
      ? { ...stored, versionId, size: 0, isLatest, isDeleteMarker }
      : { ...stored, isLatest, isDeleteMarker }
  }
  return {
    head,
    async get(key, versionId, range, context) {
      if (range !== null && range.end <= range.start) return nothing()
      const headers: Record<string, string> = range === null ? {} : { range: `bytes=${range.start}-${range.end - 1}` }
      const answer = await channel.open({ method: 'GET', key, query: versionQuery(versionId), headers, context })
      if (range !== null && answer.status !== 206) {
        throw failureOf('location', 'RangeIgnored', 'The location answers a request for a range with the whole object')
      }
      return answer.body
    },
    async history(key, max, context) {
      if (!versioned) {
        const current = await head(key, '', context)
        return current === null ? [] : [current]
      }
      const listed = await listVersions(channel, key, max, context)
      return withMarkers(listed, version => head(key, version.versionId, context))
    },
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}

function versionQuery(versionId: string): string {
  return versionId === '' ? '' : `versionId=${uriEncodeText(versionId)}`
}

function storedOf(answer: HttpAnswer): Omit<StoredObject, 'isLatest' | 'isDeleteMarker'> {
  const { headers } = answer
  const markers: Record<string, string> = {}
  for (const name in headers) {
    if (name.startsWith(markerPrefix)) markers[name.slice(metadataPrefix.length)] = headers[name] ?? ''
  }
  const versionId = headers['x-amz-version-id'] ?? ''
  const crc32 = headers['x-amz-checksum-crc32']
  const composite = headers['x-amz-checksum-type'] === 'COMPOSITE' || crc32?.includes('-') === true
  return {
    versionId: versionId === 'null' ? '' : versionId,
    etag: plainETag(headers['etag']),
    size: Number(headers['content-length'] ?? 0),
    lastModified: isoDate(headers['last-modified'] ?? ''),
    markers,
    ...(crc32 === undefined || composite ? {} : { checksum: { crc32: base64ToHex(crc32) } }),
  }
}

function isoDate(text: string): string {
  const time = Date.parse(text)
  return Number.isNaN(time) ? text : new Date(time).toISOString()
}

async function listVersions(
  channel: S3Channel,
  key: string,
  max: number,
  context: RequestContext | undefined,
): Promise<readonly StoredObject[]> {
  const found: StoredObject[] = []
  let after = ''
  while (found.length < max) {
    const query = `encoding-type=url&max-keys=${Math.min(1000, max - found.length)}&prefix=${uriEncodeText(key)}&versions=${after}`
    const answer = await channel.send({ method: 'GET', key: null, query, context })
    const page = readAnswerXml(answer.body)
    if (page?.name !== 'ListVersionsResult') throw unreadable('list of versions')
    const encoded = childText(page, 'EncodingType') === 'url'
    const entries = page.children.filter(element => element.name === 'Version' || element.name === 'DeleteMarker')
    const own = entries.filter(element => decoded(rawChildText(element, 'Key'), encoded) === key)
    found.push(...inOrder(own.map(listedVersion)))
    // Other keys that begin with this one sort after all of its versions.
    if (childText(page, 'IsTruncated') !== 'true' || own.length < entries.length) break
    const keyMarker = decoded(rawChildText(page, 'NextKeyMarker'), encoded)
    const versionMarker = childText(page, 'NextVersionIdMarker')
    if (keyMarker !== key) break
    after = `&key-marker=${uriEncodeText(keyMarker)}&version-id-marker=${uriEncodeText(versionMarker)}`
  }
  return found.slice(0, max)
}

function listedVersion(element: AnswerElement): StoredObject {
  const versionId = childText(element, 'VersionId')
  return {
    versionId: versionId === 'null' ? '' : versionId,
    etag: plainETag(childText(element, 'ETag')),
    size: Number(childText(element, 'Size') || 0),
    isLatest: childText(element, 'IsLatest') === 'true',
    isDeleteMarker: element.name === 'DeleteMarker',
    lastModified: isoDate(childText(element, 'LastModified')),
    markers: {},
  }
}

/**
 * S3 lists versions and delete markers mixed, newest first. Servers that list all of one kind and then the other are put in order by date,
 * and within a second (versitygw's precision) by version id, which at those servers grows with time. Dates are not used otherwise, as S3
 * dates an upload by its start.
 */
function inOrder(versions: readonly StoredObject[]): readonly StoredObject[] {
  const switches = versions.filter(
    (version, index) => index > 0 && versions[index - 1]?.isDeleteMarker !== version.isDeleteMarker,
  )
  return switches.length === 1 ? [...versions].sort(newestFirst) : versions
}

function newestFirst(left: StoredObject, right: StoredObject): number {
  if (left.isLatest !== right.isLatest) return left.isLatest ? -1 : 1
  const [leftDate, rightDate] = [left.lastModified.slice(0, 19), right.lastModified.slice(0, 19)]
  if (leftDate !== rightDate) return leftDate < rightDate ? 1 : -1
  return left.versionId < right.versionId ? 1 : -1
}

async function withMarkers(
  versions: readonly StoredObject[],
  head: (version: StoredObject) => Promise<StoredObject | null>,
): Promise<readonly StoredObject[]> {
  const found: (StoredObject | null)[] = [...versions]
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < versions.length; index = next++) {
      const version = versions[index]
      if (version === undefined || version.isDeleteMarker) continue
      const stored = await head(version)
      // A version may go between the listing and now.
      found[index] = stored === null ? null : { ...version, markers: stored.markers, ...checksumOf(stored) }
    }
  }
  await Promise.all(Array.from({ length: Math.min(headsAtOnce, versions.length) }, worker))
  return found.filter(version => version !== null)
}

function checksumOf(stored: StoredObject): Pick<StoredObject, 'checksum'> {
  return stored.checksum === undefined ? {} : { checksum: stored.checksum }
}

/** Text of a listing with `encoding-type=url`. */
export function decoded(text: string, encoded: boolean): string {
  if (!encoded) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

/** Success by status, but not in a form we know. */
export function unreadable(what: string): Error {
  return failureOf('transient', 'UnreadableAnswer', `The location answered something that is no ${what}`)
}
