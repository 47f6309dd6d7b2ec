// LOCATION ADAPTER `aws_s3`: a bucket on AWS, MinIO, Ceph, Wasabi or any other S3, spoken to over the wire without an SDK. Every write
// sends the checksums that are known and resolves only when the answer, or a look at what was stored, confirms them.
import type { ByteSource } from '../../base/byte-source.ts'
import { md5Hex } from '../../base/hash.ts'
import type { HttpAnswer, HttpClient } from '../../base/http-client.ts'
import type { World } from '../../base/world.ts'
import { Failure } from '../../domain/failure.ts'
import { limits } from '../../domain/limits.ts'
import { escapeXmlText } from '../answer-xml.ts'
import { digestSource, hexToBase64, requestBody } from '../checked-body.ts'
import {
  type Capabilities,
  type KnownChecksums,
  type Location,
  lockedCode,
  type Precondition,
  type RequestContext,
  type WriteResult,
} from '../location.ts'
import { preconditionHeaders, type S3Bucket, type S3Details, versioningOff, versionOf } from './bucket.ts'
import { createS3Channel, type S3KeyProvider, uriEncodeText } from './channel.ts'
import { createPutLock, requireObjectLock, toldOfLock, writeHeaders } from './object-lock.ts'
import { createReader } from './reader.ts'
import { createUploads } from './uploads.ts'
import { mismatch, type Proof, plainETag, proofOfAnswer, proofOfReadBack, proofOfStored, readBack } from './verify.ts'

export interface S3LocationOptions {
  readonly name: string
  readonly details: S3Details
  readonly http: HttpClient
  readonly world: World
  /** Instead of the credentials of the details: asked before every request. */
  readonly keys?: S3KeyProvider
  /** True where the server is known to honour If-Match and If-None-Match on writes. */
  readonly conditionalWrites?: boolean
}

export function createS3Location(options: S3LocationOptions): Location {
  const { details, name, http, world } = options
  const channel = createS3Channel(details, options.keys ?? staticKeys(details), http, world)
  const reader = createReader(channel, details.supportsVersioning)
  const conditionalWrites = options.conditionalWrites ?? false
  const bucket: S3Bucket = { channel, details, reader, conditionalWrites, now: () => world.clock.now() }
  return {
    name,
    type: 'aws_s3',
    capabilities: capabilitiesOf(details, bucket.conditionalWrites),
    put: async (key, body, checksums, attributes, context) =>
      toldOfLock(bucket, putObject(bucket, key, body, checksums, writeHeaders(bucket, attributes), context)),
    get: reader.get,
    head: reader.head,
    history: reader.history,
    delete: (key, versionId, context) => deleteObject(bucket, key, versionId, context),
    putTags: (key, versionId, tags, context) => putTags(bucket, key, versionId, tags, context),
    ...(details.supportsObjectLock && { putLock: createPutLock(bucket) }),
    ...createUploads(bucket),
    probe: context => probe(bucket, context),
    close: async () => {},
  }
}

function staticKeys(details: S3Details): S3KeyProvider {
  const { accessKey, secretKey, sessionToken } = details.credentials
  const keys = { accessKey, secretKey: secretKey.reveal() }
  const all = sessionToken === undefined ? keys : { ...keys, sessionToken: sessionToken.reveal() }
  return () => all
}

function capabilitiesOf(details: S3Details, conditionalWrites: boolean): Capabilities {
  return {
    versions: details.supportsVersioning,
    tags: true,
    objectLock: details.supportsObjectLock,
    conditionalWrites,
    objectBytesMax: limits.objectBytes,
    partBytesMin: limits.partBytesMin,
    partBytesMax: limits.partBytesMax,
    partsMax: limits.partNumberMax,
    keyBytesMax: limits.keyBytes,
    clientMadeUploadIds: false,
  }
}

type WriteContext = RequestContext & { readonly precondition?: Precondition }

async function putObject(
  bucket: S3Bucket,
  key: string,
  body: ByteSource,
  checksums: KnownChecksums,
  headers: Record<string, string>,
  context: WriteContext | undefined,
): Promise<WriteResult> {
  const signal = context?.signal
  const known =
    checksums.crc32 === undefined ? { ...checksums, ...(await digestSource(body, { md5: false }, signal)) } : checksums
  if (known.crc32 !== undefined) headers['x-amz-checksum-crc32'] = hexToBase64(known.crc32)
  if (known.md5 !== undefined) headers['content-md5'] = hexToBase64(known.md5)
  Object.assign(headers, preconditionHeaders(bucket, context?.precondition))
  const answer = await bucket.channel.send({
    method: 'PUT',
    key,
    headers,
    body: requestBody(body, known, signal),
    contentLength: body.size,
    context,
  })
  const proof = proofOfAnswer(answer, known)
  if (proof === 'refuted') throw mismatch('checksum in the answer')
  const versionId = versionOf(answer)
  const complete = proof === 'proved' && (versionId !== '' || !bucket.details.supportsVersioning)
  if (complete) return { versionId, etag: plainETag(answer.headers['etag']) }
  return settleWrite(bucket, key, versionId, body.size, known, proof, context)
}

/** The answer left something open: the version's id, or whether the bytes are right. */
async function settleWrite(
  bucket: S3Bucket,
  key: string,
  versionId: string,
  size: number,
  known: KnownChecksums,
  proof: Proof,
  context: WriteContext | undefined,
): Promise<WriteResult> {
  const readContext = context?.signal === undefined ? undefined : { signal: context.signal }
  const stored = await bucket.reader.head(key, versionId, readContext)
  if (stored === null || stored.isDeleteMarker) throw mismatch('nothing is there')
  let settled = proof === 'open' ? proofOfStored(stored, size, known) : proof
  if (settled === 'open') {
    const bytes = await bucket.reader.get(key, stored.versionId, null, readContext)
    settled = proofOfReadBack(await readBack(bytes), size, known)
  }
  if (settled !== 'proved') throw mismatch('read back')
  if (bucket.details.supportsVersioning && stored.versionId === '') throw versioningOff(bucket)
  return { versionId: stored.versionId, etag: stored.etag }
}

async function deleteObject(
  bucket: S3Bucket,
  key: string,
  versionId: string,
  context: WriteContext | undefined,
): Promise<WriteResult> {
  const query = versionId === '' ? '' : `versionId=${uriEncodeText(versionId)}`
  try {
    const answer = await bucket.channel.send({ method: 'DELETE', key, query, context, accept: [404] })
    if (answer.status === 404) await rejectMissingBucket(bucket, answer, context)
    return { versionId: versionOf(answer), etag: '' }
  } catch (error) {
    if (versionId === '' || !(error instanceof Failure)) throw error
    // Where versions are locked, that is why most often: the one version's matter, for which the circuit stays closed.
    if (error.facts.code === 'AccessDenied' && bucket.details.supportsObjectLock) {
      throw new Failure({ ...error.facts, class: 'object', code: lockedCode })
    }
    if (error.facts.code !== 'InvalidArgument') throw error
    // Some servers find the id of a version that is gone invalid, others can not have given such an id.
    const stored = await bucket.reader.head(
      key,
      versionId,
      context?.signal === undefined ? {} : { signal: context.signal },
    )
    if (stored !== null) throw error
    return { versionId, etag: '' }
  }
}

/** Absence of the object is success, absence of the bucket is not. */
async function rejectMissingBucket(
  bucket: S3Bucket,
  answer: HttpAnswer,
  context: WriteContext | undefined,
): Promise<void> {
  const text = answer.body.toString('utf8')
  if (text.includes('<Code>NoSuchKey<') || text.includes('<Code>NoSuchVersion<')) return
  await probe(bucket, context?.signal === undefined ? undefined : { signal: context.signal })
}

async function putTags(
  bucket: S3Bucket,
  key: string,
  versionId: string,
  tags: Readonly<Record<string, string>>,
  context: WriteContext | undefined,
): Promise<WriteResult> {
  const query = versionId === '' ? 'tagging=' : `tagging=&versionId=${uriEncodeText(versionId)}`
  const entries = Object.entries(tags)
  if (entries.length === 0) {
    const answer = await bucket.channel.send({ method: 'DELETE', key, query, context })
    return { versionId: versionOf(answer) || versionId, etag: '' }
  }
  const list = entries.map(
    ([name, value]) => `<Tag><Key>${escapeXmlText(name)}</Key><Value>${escapeXmlText(value)}</Value></Tag>`,
  )
  const body = Buffer.from(
    `<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>${list.join('')}</TagSet></Tagging>`,
    'utf8',
  )
  const headers = { 'content-type': 'application/xml', 'content-md5': hexToBase64(md5Hex(body)) }
  const answer = await bucket.channel.send({ method: 'PUT', key, query, headers, body, context })
  return { versionId: versionOf(answer) || versionId, etag: '' }
}

async function probe(bucket: S3Bucket, context: RequestContext | undefined): Promise<void> {
  if (bucket.details.supportsObjectLock) await requireObjectLock(bucket, context)
  if (!bucket.details.supportsVersioning) {
    await bucket.channel.send({ method: 'HEAD', key: null, context })
    return
  }
  const answer = await bucket.channel.send({ method: 'GET', key: null, query: 'versioning=', context, accept: [403] })
  if (answer.status !== 403) {
    if (!/<Status>\s*Enabled\s*</.test(answer.body.toString('utf8'))) throw versioningOff(bucket)
    return
  }
  // Keys that may write need not be allowed to read the bucket's settings; then the first write tells.
  await bucket.channel.send({ method: 'HEAD', key: null, context })
}
