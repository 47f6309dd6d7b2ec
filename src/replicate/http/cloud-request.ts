// The requests of the cloud routes: paths, and the headers that tell the S3 role what to write where (Backbeat wire format, "Request headers of
// the cloud routes"). JSON in them is ASCII, whatever the names and values are.
import { asciiJson, wireHeaders } from '../../domain/backbeat-wire.ts'
import { userMetadataOf } from '../../domain/object-metadata.ts'
import type { Precondition } from '../../locations/location.ts'
import { lockOf } from '../../locations/multiple-backend.ts'
import type { SourceVersion, Target } from '../source-gateway.ts'
import { markerOf } from '../work.ts'
import { objectPath, wireText } from './wire-channel.ts'

export const routePrefix = '/_/backbeat'
const cloudPrefix = `${routePrefix}/multiplebackenddata`

export type Headers = Record<string, string>

export function cloudPath(target: { readonly bucket: string; readonly key: string }): string {
  return objectPath(cloudPrefix, target.bucket, target.key)
}

/** Where to: the site, and its type among those of the version. */
export function placeHeaders(site: string, type: string, version?: SourceVersion): Headers {
  const types = version?.metadata.replicationInfo.storageType ?? ''
  const listed = types.split(',').includes(type) ? types : type
  return { 'x-scal-storage-class': wireText(site), 'x-scal-storage-type': listed }
}

/** What a copy carries besides its bytes. */
export function copyHeaders(version: SourceVersion): Headers {
  const { metadata } = version
  const headers: Headers = {
    'x-scal-canonical-id': wireText(metadata['owner-id']),
    'x-scal-version-id': markerOf(version),
    'x-scal-tags': asciiJson(metadata.tags),
  }
  const userMetadata = userMetadataOf(metadata)
  if (Object.keys(userMetadata).length > 0) headers['x-scal-user-metadata'] = asciiJson(userMetadata)
  const content: readonly (readonly [string, string | undefined])[] = [
    ['x-scal-content-type', metadata['content-type']],
    ['x-scal-cache-control', metadata['cache-control']],
    ['x-scal-content-disposition', metadata['content-disposition']],
    ['x-scal-content-encoding', metadata['content-encoding']],
    [wireHeaders.contentLanguage, metadata['content-language']],
    [wireHeaders.expires, metadata.expires],
  ]
  const lock = lockOf(metadata)
  if (Object.keys(lock).length > 0) headers[wireHeaders.lock] = asciiJson(lock)
  for (const [name, value] of content) if (value !== undefined && value !== '') headers[name] = wireText(value)
  return headers
}

/** What names a stored copy: its id there, and how the S3 role finds it if we do not know it. */
export function taggingHeaders(target: Target, destinationVersionId: string): Headers {
  return {
    'x-scal-data-store-version-id': wireText(destinationVersionId),
    'x-scal-source-bucket': wireText(target.bucket),
    'x-scal-source-version-id': wireText(target.versionId),
    'x-scal-replication-endpoint-site': wireText(target.site),
  }
}

export function preconditionHeaders(precondition: Precondition | undefined): Headers {
  if (precondition === undefined) return {}
  return precondition.kind === 'absent'
    ? { [wireHeaders.ifNoneMatch]: '*' }
    : { [wireHeaders.ifMatch]: wireText(precondition.etag) }
}

/** Everything of the whole object that the S3 role compares the parts with. */
export function wholeHeaders(version: SourceVersion): Headers {
  const crc32 = version.integrity?.crc32
  return {
    [wireHeaders.size]: String(version.metadata['content-length']),
    ...(crc32 === undefined ? {} : { [wireHeaders.crc32]: crc32 }),
  }
}
