// SOURCE GATEWAY `http`: everything goes through the `/_/backbeat` routes and the S3 API of an S3 role, our own or a real CloudServer, and nothing
// is assumed to be in this process. What only our own servers know (history, preconditions, revisions) is asked for, and done without where
// the answer says that it is not there.

import { crc32Combine } from '../base/crc-combine.ts'
import type { HttpAnswer, HttpClient } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import type { Credentials } from '../config/types.ts'
import { asciiJson, lockHeld, wireHeaders } from '../domain/backbeat-wire.ts'
import type { StatusMessage } from '../domain/entry.ts'
import { Failure } from '../domain/failure.ts'
import type { Capabilities, CompletedPart, StoredObject, WriteResult } from '../locations/location.ts'
import { lockOf } from '../locations/multiple-backend.ts'
import type { FoldResult } from '../metadata/ledger.ts'
import {
  cloudPath,
  copyHeaders,
  type Headers,
  placeHeaders,
  preconditionHeaders,
  taggingHeaders,
  wholeHeaders,
} from './http/cloud-request.ts'
import { knownOfWhole, type OpenRange, type PreparedBody, prepareBody, readSource } from './http/source-data.ts'
import { patchVersion, readVersion } from './http/source-metadata.ts'
import { createWireChannel, type WireCall, type WireChannel, type WireServer } from './http/wire-channel.ts'
import { failureOfAnswer, isSuccess, isUnknownOperation, jsonAnswer } from './http/wire-refusal.ts'
import type { CallContext, CopyResult, SourceGateway, SourceVersion, Target } from './source-gateway.ts'

/** What the configuration says of a cloud site. */
export interface HttpSite {
  /** Of the location: aws_s3, azure. */
  readonly type: string
  readonly bucketMatch: boolean
  readonly capabilities: Capabilities
}

export interface HttpGatewayOptions {
  readonly source: WireServer
  readonly credentials: Credentials
  /** Cloud sites by name. */
  readonly sites: ReadonlyMap<string, HttpSite>
  readonly http: HttpClient
  /**
   * Reads the source. Another client than `http`, with connections of its own: a body on its way holds one of each, and would wait for ever if the
   * requests that carry bodies had taken all there are.
   */
  readonly readHttp: HttpClient
  readonly world: World
}

export function createHttpGateway(options: HttpGatewayOptions): SourceGateway {
  const { source, credentials, http, readHttp, world } = options
  const channel = createWireChannel({ server: source, credentials, http, world })
  const reading = createWireChannel({ server: source, credentials, http: readHttp, world })
  const routes = new CloudRoutes(channel, reading, options)
  return {
    readVersion: ref => readVersion(channel, ref),
    readData: (version, range, signal) => readSource(reading, version, range, signal),
    capabilities: site => routes.site(site).capabilities,
    putObject: (target, version, context) => routes.putObject(target, version, context),
    initiateUpload: (target, version, context) => routes.initiateUpload(target, version, context),
    putPart: (target, version, uploadId, partNumber, range, context) =>
      routes.putPart(target, version, { uploadId, partNumber, ...range }, context),
    completeUpload: (target, version, uploadId, parts, context) =>
      routes.completeUpload(target, version, uploadId, parts, context),
    abortUpload: (target, uploadId, context) => routes.abortUpload(target, uploadId, context),
    listUploads: (target, context) => routes.listUploads(target, context),
    deleteObject: (target, context) => routes.deleteObject(target, context),
    putTags: (target, version, versionId, context) => routes.putTags(target, version, versionId, context),
    putLock: (target, version, versionId, context) => routes.putLock(target, version, versionId, context),
    destinationHistory: (target, context) => routes.history(target, context),
    removeVersion: (target, versionId, context) => routes.removeVersion(target, versionId, context),
    probe: (site, signal) => routes.probe(site, signal),
    patchStatus: messages => patchAll(channel, messages),
  }
}

const patchesAtOnce = 8

/** Messages of one key go one after another, as each reads what the one before has written; keys side by side. */
async function patchAll(channel: WireChannel, messages: readonly StatusMessage[]): Promise<readonly FoldResult[]> {
  const results: FoldResult[] = messages.map(() => 'already')
  const byKey = Map.groupBy(messages.entries(), ([, { bucket, key }]) => `${bucket}/${key}`)
  const queues = [...byKey.values()]
  const lane = async (): Promise<void> => {
    for (let queue = queues.shift(); queue !== undefined; queue = queues.shift()) {
      for (const [index, message] of queue) results[index] = await patchVersion(channel, message)
    }
  }
  await Promise.all(Array.from({ length: Math.min(patchesAtOnce, queues.length) }, lane))
  return results
}

interface PartRange {
  readonly uploadId: string
  readonly partNumber: number
  readonly start: number
  readonly end: number
}

type Method = WireCall['method']

/** The multiplebackenddata operations, from this side. */
class CloudRoutes {
  readonly #channel: WireChannel
  readonly #reading: WireChannel
  readonly #options: HttpGatewayOptions

  constructor(channel: WireChannel, reading: WireChannel, options: HttpGatewayOptions) {
    this.#channel = channel
    this.#reading = reading
    this.#options = options
  }

  site(name: string): HttpSite {
    const site = this.#options.sites.get(name)
    if (site !== undefined) return site
    throw new Failure({
      class: 'location',
      code: 'NoSuchLocation',
      message: `There is no location for the site ${name}`,
    })
  }

  async putObject(target: Target, version: SourceVersion, context: CallContext): Promise<CopyResult> {
    const size = version.metadata['content-length']
    const open: OpenRange = () => readSource(this.#reading, version, { start: 0, end: size }, context.signal)
    const body = await prepareBody(open, size, knownOfWhole(version))
    const headers = {
      ...copyHeaders(version),
      ...preconditionHeaders(context.precondition),
      ...bodyHeaders(body),
      'content-md5': body.md5,
    }
    return copiedOf(headers, await this.#change('PUT', 'putobject', target, { version, headers, body, context }))
  }

  async initiateUpload(target: Target, version: SourceVersion, context: CallContext): Promise<string> {
    if (this.site(target.site).capabilities.clientMadeUploadIds) {
      return this.#options.world.random.uuid().replaceAll('-', '')
    }
    const headers = { ...copyHeaders(version), ...wholeHeaders(version) }
    const answer = await this.#change('POST', 'initiatempu', target, { version, headers, context })
    const { uploadId } = jsonAnswer(answer)
    if (typeof uploadId === 'string' && uploadId !== '') return uploadId
    throw unreadable('an upload id')
  }

  async putPart(
    target: Target,
    version: SourceVersion,
    part: PartRange,
    context: CallContext,
  ): Promise<CompletedPart & { readonly crc32: string }> {
    const size = part.end - part.start
    const open: OpenRange = () => readSource(this.#reading, version, part, context.signal)
    const body = await prepareBody(open, size, {})
    const headers = {
      ...bodyHeaders(body),
      'content-md5': body.md5,
      'x-scal-part-number': String(part.partNumber),
      'x-scal-upload-id': part.uploadId,
    }
    const answer = await this.#change('PUT', 'putpart', target, { version, headers, body, context })
    const confirmed = answer.headers[wireHeaders.crc32]
    if (confirmed !== undefined && confirmed !== body.crc32) throw mismatch(`part ${part.partNumber}`)
    const json = jsonAnswer(answer)
    const etag = answer.headers[wireHeaders.etag] ?? json['ETag']
    const subParts = json['numberSubParts']
    if (typeof etag !== 'string') throw unreadable('the ETag of a part')
    return {
      partNumber: part.partNumber,
      etag,
      size,
      crc32: body.crc32,
      ...(typeof subParts === 'number' ? { subParts } : {}),
    }
  }

  async completeUpload(
    target: Target,
    version: SourceVersion,
    uploadId: string,
    parts: readonly CompletedPart[],
    context: CallContext,
  ): Promise<CopyResult> {
    requireWhole(version, parts)
    const list = parts.map(part => ({
      PartNumber: [part.partNumber],
      ETag: [part.etag],
      NumberSubParts: part.subParts === undefined ? undefined : [part.subParts],
      Size: [part.size],
      ChecksumCRC32: part.crc32 === undefined ? undefined : [part.crc32],
    }))
    const body = Buffer.from(JSON.stringify(list), 'utf8')
    const headers = {
      ...copyHeaders(version),
      ...wholeHeaders(version),
      ...preconditionHeaders(context.precondition),
      'content-type': 'binary/octet-stream',
      'x-scal-upload-id': uploadId,
    }
    const sent = { size: body.byteLength, body }
    const request = { version, headers, body: sent, context }
    return copiedOf(headers, await this.#change('POST', 'completempu', target, request))
  }

  async abortUpload(target: Target, uploadId: string, context: CallContext): Promise<void> {
    await this.#change('DELETE', 'abortmpu', target, { headers: { 'x-scal-upload-id': uploadId }, context })
  }

  async listUploads(target: Target, context: CallContext): Promise<readonly string[] | null> {
    const answer = await this.#ask('listuploads', target, context.signal)
    if (answer === null) return null
    const { uploads } = jsonAnswer(answer)
    const list: readonly unknown[] = Array.isArray(uploads) ? uploads : []
    return list.filter(item => typeof item === 'string')
  }

  async deleteObject(target: Target, context: CallContext): Promise<WriteResult> {
    const headers = preconditionHeaders(context.precondition)
    return writtenOf(await this.#change('DELETE', 'deleteobject', target, { headers, context }))
  }

  async putTags(target: Target, version: SourceVersion, versionId: string, context: CallContext): Promise<WriteResult> {
    const { tags } = version.metadata
    const headers = {
      'x-scal-tags': copyHeaders(version)['x-scal-tags'] ?? '{}',
      ...taggingHeaders(target, versionId),
      ...preconditionHeaders(context.precondition),
    }
    const [method, operation] =
      Object.keys(tags).length === 0 ? (['DELETE', 'deleteobjecttagging'] as const) : (['POST', 'puttagging'] as const)
    return writtenOf(await this.#change(method, operation, target, { version, headers, context }))
  }

  async putLock(
    target: Target,
    version: SourceVersion,
    versionId: string,
    context: CallContext,
  ): Promise<WriteResult | null> {
    const headers = { [wireHeaders.lock]: asciiJson(lockOf(version.metadata)), ...taggingHeaders(target, versionId) }
    const request = { version, headers, context }
    const answer = await this.#answerTo('POST', 'putobjectlock', target, request)
    if (isUnknownOperation(answer)) return null
    return writtenOf(successful(answer))
  }

  async history(target: Target, context: CallContext): Promise<readonly StoredObject[] | null> {
    const answer = await this.#ask('history', target, context.signal)
    if (answer === null) return null
    const json: { readonly history?: readonly StoredObject[] } = jsonAnswer(answer)
    if (!Array.isArray(json.history)) throw unreadable('the history of a key')
    return json.history
  }

  async removeVersion(target: Target, versionId: string, context: CallContext): Promise<void> {
    const { bucketMatch } = this.site(target.site)
    const key = bucketMatch ? target.key : `${target.bucket}/${target.key}`
    const locations = [{ key, dataStoreName: target.site, dataStoreVersionId: versionId }]
    const answer = await this.#channel.send({
      method: 'POST',
      path: `${cloudPath(target).replace('/multiplebackenddata/', '/batchdelete/')}`,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ Locations: locations }), 'utf8'),
      signal: context.signal,
    })
    if (!isSuccess(answer)) throw failureOfAnswer(answer, true)
  }

  async probe(site: string, signal: AbortSignal): Promise<void> {
    await this.#ask('probe', { bucket: 'crossbeat', key: 'probe', site }, signal)
  }

  /** An added question; null where the server does not know it. */
  async #ask(
    operation: string,
    target: Pick<Target, 'bucket' | 'key' | 'site'>,
    signal: AbortSignal,
  ): Promise<HttpAnswer | null> {
    const answer = await this.#channel.send({
      method: 'GET',
      path: cloudPath(target),
      query: `operation=${operation}`,
      headers: placeHeaders(target.site, this.site(target.site).type),
      signal,
    })
    if (isSuccess(answer)) return answer
    if (isUnknownOperation(answer)) return null
    throw failureOfAnswer(answer, false)
  }

  async #change(method: Method, operation: string, target: Target, request: ChangeRequest): Promise<HttpAnswer> {
    return successful(await this.#answerTo(method, operation, target, request))
  }

  #answerTo(method: Method, operation: string, target: Target, request: ChangeRequest): Promise<HttpAnswer> {
    const { version, headers, body, context } = request
    return this.#channel.send({
      method,
      path: cloudPath(target),
      query: `operation=${operation}`,
      headers: { ...placeHeaders(target.site, this.site(target.site).type, version), ...headers },
      ...(body === undefined ? {} : { body: body.body, contentLength: body.size }),
      signal: context.signal,
    })
  }
}

interface ChangeRequest {
  readonly version?: SourceVersion
  readonly headers: Headers
  readonly body?: Pick<PreparedBody, 'body' | 'size'>
  readonly context: CallContext
}

/** Throws the Failure that a refused change is. */
function successful(answer: HttpAnswer): HttpAnswer {
  if (isSuccess(answer)) return answer
  throw failureOfAnswer(answer, true)
}

function bodyHeaders(body: PreparedBody): Headers {
  return { 'content-type': 'binary/octet-stream', [wireHeaders.crc32]: body.crc32 }
}

/** A write's answer. ETags of a real CloudServer stand in its location list, with a part number before them. */
function writtenOf(answer: HttpAnswer): WriteResult {
  const json = jsonAnswer(answer)
  const versionId = typeof json['versionId'] === 'string' ? json['versionId'] : answer.headers['x-amz-scal-version-id']
  const locations: readonly unknown[] = Array.isArray(json['location']) ? json['location'] : []
  const told = locations.find(item => typeof item === 'object' && item !== null && 'dataStoreETag' in item)
  const stored = told === undefined ? '' : String(Object.entries(told).find(([name]) => name === 'dataStoreETag')?.[1])
  return { versionId: versionId ?? '', etag: answer.headers[wireHeaders.etag] ?? stored.replace(/^\d+:/, '') }
}

/** The answer to a write of a copy with these headers. */
function copiedOf(sent: Headers, answer: HttpAnswer): CopyResult {
  const isUntold = sent[wireHeaders.lock] !== undefined && answer.headers[wireHeaders.lock] !== lockHeld
  return { ...writtenOf(answer), ...(isUntold && { lockIsUntold: true }) }
}

/** The parts make up the source's bytes, as far as sizes and checksums tell. */
function requireWhole(version: SourceVersion, parts: readonly CompletedPart[]): void {
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  if (size !== version.metadata['content-length']) throw mismatch('the sizes of the parts do not add up')
  const crc32 = version.integrity?.crc32
  if (crc32 === undefined) return
  let combined = 0
  for (const part of parts) {
    if (part.crc32 === undefined) return
    combined = crc32Combine(combined, Number.parseInt(part.crc32, 16), part.size)
  }
  if (combined !== Number.parseInt(crc32, 16)) throw mismatch('the checksums of the parts do not add up')
}

function mismatch(what: string): Failure {
  return new Failure({ class: 'transient', code: 'ChecksumMismatch', message: `The upload is not the object: ${what}` })
}

function unreadable(what: string): Failure {
  const message = `The server's answer is without ${what}`
  return new Failure({ class: 'transient', code: 'UnreadableAnswer', message, outcomeUnknown: true })
}
