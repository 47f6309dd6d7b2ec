// LOCATION ADAPTER `azure`: a container of Azure Blob Storage, spoken to over the wire without an SDK. There is one blob per key and no
// versions; writes are conditional. MD5s are sent with every body and have to come back in the answer.
import type { ByteSource } from '../../base/byte-source.ts'
import type { HttpAnswer, HttpClient } from '../../base/http-client.ts'
import type { World } from '../../base/world.ts'
import { base64ToHex, digestSource, hexToBase64, requestBody } from '../checked-body.ts'
import { failureOf } from '../cloud-failure.ts'
import type {
  Capabilities,
  KnownChecksums,
  Location,
  ObjectAttributes,
  Precondition,
  RequestContext,
  StoredObject,
  WriteResult,
} from '../location.ts'
import {
  blobHeaders,
  blockBytesMax,
  blocksPerPartMax,
  checkedName,
  mismatch,
  objectBytesMax,
  plainETag,
  preconditionHeaders,
} from './blob.ts'
import { createBlocks } from './blocks.ts'
import { type AzureAddress, type AzureChannel, createAzureChannel } from './channel.ts'
import { markersOf, metadataHeaders, metadataOf, withTags } from './metadata.ts'
import { azureCode } from './refusal.ts'

export interface AzureLocationOptions {
  readonly name: string
  readonly details: AzureAddress
  readonly http: HttpClient
  readonly world: World
}

const capabilities: Capabilities = {
  versions: false,
  tags: true,
  conditionalWrites: true,
  objectBytesMax,
  partBytesMin: 0,
  // A single Put Blob takes as much as 50 blocks of a part.
  partBytesMax: blocksPerPartMax * blockBytesMax,
  partsMax: 10_000,
  // Azure counts characters; the adapter does too.
  keyBytesMax: 4096,
  objectLock: false,
  clientMadeUploadIds: true,
}

type WriteContext = RequestContext & { readonly precondition?: Precondition }

export function createAzureLocation(options: AzureLocationOptions): Location {
  const { name, details, http, world } = options
  const channel = createAzureChannel(details, http, world)
  const head = (key: string, context?: RequestContext): Promise<StoredObject | null> => headBlob(channel, key, context)
  return {
    name,
    type: 'azure',
    capabilities,
    put: (key, body, checksums, attributes, context) => putBlob(channel, key, body, checksums, attributes, context),
    get: (key, _versionId, range, context) => getBlob(channel, key, range, context),
    head: (key, _versionId, context) => head(key, context),
    async history(key, _max, context) {
      const current = await head(key, context)
      return current === null ? [] : [current]
    },
    delete: (key, _versionId, context) => deleteBlob(channel, key, context),
    putTags: (key, _versionId, tags, context) => putTags(channel, key, tags, context),
    ...createBlocks({ channel, world, head, get: (key, context) => getBlob(channel, key, null, context) }),
    async probe(context) {
      // A blob that is not there: the only question that every kind of permission may ask.
      const answer = await channel.send({ method: 'HEAD', blob: 'crossbeat-probe', context, accept: [404] })
      const code = azureCode(answer.headers, answer.body)
      if (answer.status === 404 && code !== 'BlobNotFound') throw channel.refused('HEAD', answer)
    },
    close: async () => {},
  }
}

async function putBlob(
  channel: AzureChannel,
  key: string,
  body: ByteSource,
  checksums: KnownChecksums,
  attributes: ObjectAttributes,
  context: WriteContext | undefined,
): Promise<WriteResult> {
  const blob = checkedName(key)
  const computed = checksums.md5 === undefined ? await digestSource(body, { md5: true }, context?.signal) : {}
  const known = { ...computed, ...checksums }
  const headers = {
    ...blobHeaders(attributes, known.md5),
    ...preconditionHeaders(context?.precondition),
    ...(known.md5 === undefined ? {} : { 'content-md5': hexToBase64(known.md5) }),
    'x-ms-blob-type': 'BlockBlob',
  }
  const answer = await channel.send({
    method: 'PUT',
    blob,
    headers,
    body: requestBody(body, known, context?.signal),
    contentLength: body.size,
    context,
  })
  const confirmed = answer.headers['content-md5']
  if (confirmed === undefined) await requireStored(channel, blob, body.size, known, context)
  else if (base64ToHex(confirmed) !== known.md5) throw mismatch('MD5 in the answer')
  return { versionId: '', etag: plainETag(answer) }
}

/** The answer said nothing of the bytes: what does the blob itself say? */
async function requireStored(
  channel: AzureChannel,
  key: string,
  size: number,
  known: KnownChecksums,
  context: WriteContext | undefined,
): Promise<void> {
  const reading = context?.signal === undefined ? undefined : { signal: context.signal }
  const stored = await headBlob(channel, key, reading)
  if (stored === null || stored.size !== size) throw mismatch('size')
  const held = await getBlob(channel, key, null, reading)
  const found = await digestSource({ size, open: () => held }, { md5: true }, context?.signal)
  if (found.md5 !== known.md5) throw mismatch('read back')
}

async function getBlob(
  channel: AzureChannel,
  key: string,
  range: { readonly start: number; readonly end: number } | null,
  context: RequestContext | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  if (range !== null && range.end <= range.start) return nothing()
  const headers: Record<string, string> =
    range === null ? {} : { 'x-ms-range': `bytes=${range.start}-${range.end - 1}` }
  const answer = await channel.open({ method: 'GET', blob: checkedName(key), headers, context })
  if (range !== null && answer.status !== 206) {
    throw failureOf('location', 'RangeIgnored', 'The location answers a request for a range with the whole blob')
  }
  return answer.body
}

async function* nothing(): AsyncIterable<Uint8Array> {}

async function headBlob(
  channel: AzureChannel,
  key: string,
  context: RequestContext | undefined,
): Promise<StoredObject | null> {
  const answer = await channel.send({ method: 'HEAD', blob: checkedName(key), context, accept: [404] })
  if (answer.status === 404) return absent(channel, answer)
  const { headers } = answer
  const md5 = headers['content-md5']
  return {
    versionId: '',
    etag: plainETag(answer),
    size: Number(headers['content-length'] ?? 0),
    isLatest: true,
    isDeleteMarker: false,
    lastModified: isoDate(headers['last-modified'] ?? ''),
    markers: markersOf(metadataOf(headers)),
    ...(md5 === undefined ? {} : { checksum: { md5: base64ToHex(md5) } }),
  }
}

/** Null for a blob that is not there; a container that is not there is a fault of the location. */
function absent(channel: AzureChannel, answer: HttpAnswer): null {
  if (azureCode(answer.headers, answer.body) === 'ContainerNotFound') throw channel.refused('HEAD', answer)
  return null
}

async function deleteBlob(channel: AzureChannel, key: string, context: WriteContext | undefined): Promise<WriteResult> {
  const precondition = context?.precondition
  if (precondition?.kind === 'absent') {
    const current = await headBlob(channel, key, context?.signal === undefined ? undefined : { signal: context.signal })
    if (current !== null) throw failureOf('transient', 'PreconditionFailed', 'There is a blob', { status: 412 })
    return { versionId: '', etag: '' }
  }
  const answer = await channel.send({
    method: 'DELETE',
    blob: checkedName(key),
    headers: { 'x-ms-delete-snapshots': 'include', ...preconditionHeaders(precondition) },
    context,
    accept: [404],
  })
  if (answer.status === 404) absent(channel, answer)
  return { versionId: '', etag: '' }
}

async function putTags(
  channel: AzureChannel,
  key: string,
  tags: Readonly<Record<string, string>>,
  context: WriteContext | undefined,
): Promise<WriteResult> {
  const reading = context?.signal === undefined ? undefined : { signal: context.signal }
  const current = await channel.send({ method: 'HEAD', blob: checkedName(key), context: reading })
  const etag = plainETag(current)
  const precondition = context?.precondition
  if (precondition !== undefined && (precondition.kind === 'absent' || precondition.etag !== etag)) {
    throw failureOf('transient', 'PreconditionFailed', 'The blob is not as it was read', { status: 412 })
  }
  const answer = await channel.send({
    method: 'PUT',
    blob: checkedName(key),
    query: { comp: 'metadata' },
    headers: { ...metadataHeaders(withTags(metadataOf(current.headers), tags)), 'if-match': `"${etag}"` },
    context,
  })
  return { versionId: '', etag: plainETag(answer) }
}

function isoDate(text: string): string {
  const time = Date.parse(text)
  return Number.isNaN(time) ? text : new Date(time).toISOString()
}
