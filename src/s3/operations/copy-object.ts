// CopyObject: a new version made of a stored one. Every version owns its bytes, so they are copied, hashed on the way and compared with the
// source's checksum; a copy is always one piece, with the ETag of its bytes.
import type { ChecksumAlgorithm } from '../../base/hash.ts'
import { serviceError } from '../../domain/errors.ts'
import { userMetadataOf } from '../../domain/object-metadata.ts'
import { refuseAnonymous } from '../access/anonymous.ts'
import { type OpenBucket, openBucket, requireDeed, requireTagging } from '../access/open-bucket.ts'
import { accessOfWrite } from '../access/written-object.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { encryptionCheck, storedEncryption } from '../encryption/sealing.ts'
import {
  encryptionHeaders,
  encryptionOfWrite,
  namesEncryption,
  type WriteEncryption,
} from '../encryption/write-encryption.ts'
import { invalidArgument, xmlAnswer } from '../http/answer.ts'
import { checksumContent, defaultChecksum, requestedAlgorithm } from '../objects/checksum-request.ts'
import { writeCondition } from '../objects/conditions.ts'
import { type CopySource, checkCopySize, copyBytes, findCopySource } from '../objects/copy-source.ts'
import { pushExpiration } from '../objects/expiry-headers.ts'
import { integrityOf, type ReceivedData } from '../objects/object-data.ts'
import { quoted, shownVersionId } from '../objects/object-headers.ts'
import { checkRequestedLock, lockFields, readLock } from '../objects/object-lock.ts'
import {
  contentHeaders,
  newMetadata,
  type ObjectSettings,
  readContentHeaders,
  readStorageClass,
  readUserMetadata,
  readWebsiteRedirect,
  refuseUnsupported,
} from '../objects/object-settings.ts'
import { parseTagHeader } from '../objects/tag-set.ts'
import { s3Namespace } from '../xml/writer.ts'
import {
  bucketAfterData,
  committedOrDiscarded,
  pushVersionId,
  refuseParameters,
  replicationOfWrite,
} from './put-object.ts'

type Directive = 'COPY' | 'REPLACE'

function directive(call: Call, header: string): Directive {
  const value = call.headers.get(header) ?? 'COPY'
  if (value === 'COPY' || value === 'REPLACE') return value
  throw invalidArgument(`Unknown ${header.slice('x-amz-'.length).replace('-', ' ')}.`, header, value)
}

/** What the copy says about itself: the source's words or the request's, per directive. */
function settingsOfCopy(call: Call, source: CopySource): ObjectSettings {
  const { headers } = call
  refuseUnsupported(headers)
  const { metadata } = source.record
  const replaceMetadata = directive(call, 'x-amz-metadata-directive') === 'REPLACE'
  const replaceTags = directive(call, 'x-amz-tagging-directive') === 'REPLACE'
  const tags = replaceTags ? parseTagHeader(headers.get('x-amz-tagging') ?? '') : metadata.tags
  const storageClass = readStorageClass(headers)
  // Where the source sends its visitors is never copied.
  const rest = {
    storageClass,
    tags,
    lock: readLock(headers, call.services.world.clock.now()),
    ...readWebsiteRedirect(headers),
  }
  // What is too large is refused also where it is not asked for.
  const userMetadata = readUserMetadata(headers)
  if (replaceMetadata) return { content: readContentHeaders(headers), userMetadata, ...rest }
  return { content: storedContentHeaders(source), userMetadata: userMetadataOf(metadata), ...rest }
}

function storedContentHeaders({ record }: CopySource): ObjectSettings['content'] {
  const { metadata } = record
  const content: { -readonly [Name in keyof ObjectSettings['content']]: string } = {}
  for (const name of contentHeaders) {
    const value = metadata[name]
    if (value !== undefined && value !== '') content[name] = value
  }
  return content
}

/** Copying an object onto itself must change something. Throws InvalidRequest. */
function refuseIdleSelfCopy(
  call: Call,
  open: OpenBucket,
  source: CopySource,
  algorithm: ChecksumAlgorithm | undefined,
): void {
  const { record } = source
  if (source.bucket.name !== open.bucket.name || record.key !== call.key) return
  const { headers } = call
  const changes =
    (source.versionNamed && !record.isLatest) ||
    headers.get('x-amz-metadata-directive') === 'REPLACE' ||
    headers.get('x-amz-tagging-directive') === 'REPLACE' ||
    headers.has('x-amz-website-redirect-location') ||
    readStorageClass(headers) !== record.metadata['x-amz-storage-class'] ||
    namesEncryption(headers) ||
    open.bucket.settings.encryption?.byDefault !== undefined ||
    (algorithm !== undefined && algorithm !== record.integrity?.checksum?.algorithm)
  if (changes) return
  throw serviceError('InvalidRequest', {
    message:
      'This copy request is illegal because it is trying to copy an object to itself without changing ' +
      "the object's metadata, storage class, website redirect location or encryption attributes.",
  })
}

/** Tags that come along are read at the source and set here: throws AccessDenied unless both are allowed, and the write with these tags. */
function requireCopiedTags(call: Call, open: OpenBucket, source: CopySource): void {
  const isCopied = directive(call, 'x-amz-tagging-directive') === 'COPY'
  const requestTags = source.record.metadata.tags
  if (!isCopied || Object.keys(requestTags).length === 0) return
  if (!source.mayReadTags) throw serviceError('AccessDenied')
  requireDeed(call, open, { action: 's3:PutObject', key: call.key }, { requestTags })
  requireTagging(call, open, { requestTags })
}

interface Copied {
  readonly source: CopySource
  readonly settings: ObjectSettings
  readonly encryption: WriteEncryption
  readonly data: ReceivedData
}

async function copied(call: Call, open: OpenBucket): Promise<Copied> {
  const encryption = encryptionOfWrite(call.headers, open.bucket.settings.encryption)
  const algorithm = requestedAlgorithm(call.headers)
  // Again when the source was replaced between being found and being opened.
  for (let attempt = 0; attempt < 3; attempt++) {
    const source = await findCopySource(call)
    // Everything that can be refused without the bytes is refused before they are copied.
    const settings = settingsOfCopy(call, source)
    requireCopiedTags(call, open, source)
    checkRequestedLock(call, open, settings.lock)
    refuseIdleSelfCopy(call, open, source, algorithm)
    const { record } = source
    const size = record.metadata['content-length']
    checkCopySize(size)
    const data = await copyBytes(call, {
      source,
      encryption,
      range: { start: 0, end: size },
      target: open.bucket,
      partNumber: 1,
      algorithm: algorithm ?? record.integrity?.checksum?.algorithm ?? defaultChecksum,
    })
    if (data !== null) return { source, settings, encryption, data }
  }
  throw new Error(`the data of the copy source of ${call.bucket}/${call.key} is missing`)
}

export async function copyObject(call: Call): Promise<Answer> {
  refuseParameters(call)
  refuseAnonymous(call, 'Anonymous users cannot copy objects. Please authenticate.')
  const open = await openBucket(call)
  const { owner, acl } = accessOfWrite(call, open)
  const condition = writeCondition(call.headers)
  const { source, settings, encryption, data } = await copied(call, open)
  const bucket = await bucketAfterData(call, open.bucket, { acl, discard: () => data.discard() })
  const { facts, etag } = data
  const now = call.services.world.clock.now()
  const kept = storedEncryption(call.services, encryption)
  const metadata = newMetadata({
    key: call.key,
    account: owner,
    acl,
    settings,
    size: facts.size,
    etag,
    location: data.location === null ? null : [data.location],
    dataStoreName: bucket.locationConstraint,
    // A copy is replicated whoever makes it.
    replicationInfo: replicationOfWrite(call, bucket, null, { key: call.key, tags: settings.tags, size: facts.size }),
    originOp: 's3:ObjectCreated:Copy',
    lock: lockFields(bucket, settings.lock, now),
    encryption: kept,
    now,
  })
  const put = {
    bucket: bucket.name,
    seenBucket: bucket,
    key: call.key,
    metadata,
    integrity: { ...integrityOf(facts), ...encryptionCheck(kept) },
    ...(data.inline === undefined ? undefined : { inline: data.inline }),
    ...(condition === undefined ? undefined : { condition }),
  }
  const result = await committedOrDiscarded(call, put, data)
  const headers: FlatHeaders = encryptionHeaders(encryption)
  pushVersionId(headers, result)
  pushExpiration(headers, bucket, metadata)
  const sourceVersion = shownVersionId(source.bucket, source.record)
  if (sourceVersion !== undefined) headers.push('x-amz-copy-source-version-id', sourceVersion)
  const content = {
    LastModified: metadata['last-modified'],
    ETag: quoted(etag),
    ...checksumContent(facts.checksum),
    ChecksumType: facts.checksum?.type,
  }
  return xmlAnswer('CopyObjectResult', content, headers, s3Namespace)
}
