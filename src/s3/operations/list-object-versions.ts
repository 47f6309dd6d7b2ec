// ListObjectVersions: every version and delete marker, newest first within a key.

import { encodeVersionId, type VersionId } from '../../domain/version-id.ts'
import type { ListedVersion } from '../../metadata/metadata-store.ts'
import { openBucket } from '../access/open-bucket.ts'
import type { Answer, Call } from '../call.ts'
import { invalidArgument } from '../http/answer.ts'
import {
  commonPrefixes,
  emptyListing,
  type ListParameters,
  listParameters,
  ownerOf,
  unlessEmpty,
  versionsOf,
} from '../listing.ts'
import { quoted } from '../objects/object-headers.ts'
import { parseVersionId } from '../objects/version-address.ts'
import { s3Namespace, type XmlContent, xmlElement } from '../xml/writer.ts'

/** Where the last page ended within a key. A null version, or one that is gone by now, is looked up or skipped. */
async function markedVersion(call: Call, keyMarker: string | undefined): Promise<VersionId | undefined> {
  const shown = call.query.get('version-id-marker')
  if (shown === undefined) return undefined
  if (keyMarker === undefined) {
    const message = 'A version-id marker cannot be specified without a key marker.'
    throw invalidArgument(message, 'version-id-marker', shown)
  }
  if (shown === '') throw invalidArgument('A version-id marker cannot be empty.', 'version-id-marker', shown)
  const version = parseVersionId(shown, 'version-id-marker')
  if (version !== 'null') return version
  const record = await call.services.store.version({ bucket: call.bucket, key: keyMarker, version: 'null' })
  return record?.versionId
}

function shownId(version: ListedVersion): string {
  return version.isNull ? 'null' : encodeVersionId(version.versionId)
}

function versionElement(version: ListedVersion, parameters: ListParameters): string {
  const head = {
    Key: parameters.shown(version.key),
    VersionId: shownId(version),
    IsLatest: version.isLatest,
    LastModified: version.lastModified,
  }
  const Owner = ownerOf(version)
  if (version.isDeleteMarker) return xmlElement('DeleteMarker', { ...head, Owner })
  return xmlElement('Version', {
    ...head,
    ETag: quoted(version.etag),
    ChecksumAlgorithm: version.checksumAlgorithm,
    ChecksumType: version.checksumType,
    Size: version.size,
    StorageClass: version.storageClass,
    Owner,
  })
}

/** S3 says it otherwise here than in the lists of objects. Throws InvalidArgument. */
function refuseNegative(maxKeys: string | undefined): void {
  if (maxKeys !== undefined && /^-\d{1,10}$/.test(maxKeys)) {
    throw invalidArgument('max-keys cannot be negative', 'maxKeys', maxKeys)
  }
}

export async function listObjectVersions(call: Call): Promise<Answer> {
  refuseNegative(call.query.get('max-keys'))
  const parameters = listParameters(call)
  const { prefix, delimiter, maxKeys, shown } = parameters
  const { bucket } = await openBucket(call)
  const keyMarker = call.query.get('key-marker')
  const versionAfter = await markedVersion(call, keyMarker)
  const listing =
    maxKeys === 0
      ? emptyListing
      : await call.services.store.list({
          bucket: bucket.name,
          prefix,
          delimiter,
          after: keyMarker ?? '',
          ...(versionAfter === undefined ? undefined : { versionAfter }),
          maxKeys,
          what: 'versions',
        })
  const last = listing.entries.at(-1)
  const next = listing.truncated ? listing.next : undefined
  const nextId = last?.kind === 'version' && next?.versionId !== undefined ? shownId(last.version) : undefined
  const head: XmlContent = {
    Name: bucket.name,
    Prefix: shown(prefix),
    KeyMarker: shown(keyMarker ?? ''),
    VersionIdMarker: call.query.get('version-id-marker') ?? '',
    NextKeyMarker: next === undefined ? undefined : shown(next.key),
    NextVersionIdMarker: nextId,
    MaxKeys: maxKeys,
    Delimiter: unlessEmpty(shown(delimiter)),
    EncodingType: parameters.encodingType,
    IsTruncated: listing.truncated,
  }
  // Versions and markers keep their common order, which a document built by element name would lose.
  const parts = Object.entries(head).map(([name, value]) => xmlElement(name, value))
  for (const version of versionsOf(listing)) parts.push(versionElement(version, parameters))
  parts.push(xmlElement('CommonPrefixes', commonPrefixes(listing, parameters)))
  const body =
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListVersionsResult xmlns="${s3Namespace}">` +
    `${parts.join('')}</ListVersionsResult>`
  return { status: 200, headers: ['Content-Type', 'application/xml'], body }
}
