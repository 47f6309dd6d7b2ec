// The S3 server: node:http in front, one path for every request: read the head, authenticate, find the operation, run it, write its answer.
// A request that breaks, whatever is wrong with it, gets an error document and disturbs no other; answers given before a body was read
// leave the connection in order.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { AccountDirectory } from '../../accounts/account-directory.ts'
import { defects, s3Requests } from '../../base/channels.ts'
import { initHashes } from '../../base/hash.ts'
import type { World } from '../../base/world.ts'
import type { HostPort, LocationConfig, SiteConfig } from '../../config/types.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { DataStore } from '../../locations/data-store.ts'
import { type MasterKeys, noMasterKeys } from '../../locations/master-keys.ts'
import type { Destination } from '../../locations/multiple-backend.ts'
import type { MetadataStore } from '../../metadata/metadata-store.ts'
import { actionOnVersion } from '../access/actions.ts'
import { type AccessLog, createAccessLog } from '../access-log/delivery.ts'
import { logLine } from '../access-log/record.ts'
import type { AuthResult } from '../auth/auth-result.ts'
import { authenticate } from '../auth/authenticate.ts'
import { anyRegion, type Regions } from '../auth/claim.ts'
import { checkEmptyBody } from '../auth/payload-check.ts'
import type { Answer, Call, FlatHeaders, S3Services } from '../call.ts'
import { corsHeaders, preflight } from '../cors/cors-answer.ts'
import { withPresignedMetadata } from '../objects/presigned-metadata.ts'
import { htmlErrorAnswer } from '../website/html-error.ts'
import { serveWebsite, visitOf, visitorHead } from '../website/serve-website.ts'
import { createWebsiteHostReader, type WebsiteHostReader } from '../website/website-host.ts'
import { errorAnswer, jsonErrorAnswer } from './answer.ts'
import { clientAddressOf } from './client-address.ts'
import { createDirectSending, type DirectSending } from './direct-sending.ts'
import { createHostReader, type HostReader } from './host-bucket.ts'
import { createIdleWatch, type IdleWatch } from './idle-watch.ts'
import { createListeners, type Listeners, type ListenersOptions, type S3Certificate } from './listeners.ts'
import { type IncomingBody, incomingBody } from './request-body.ts'
import { headerBytes, headerMap, type RequestHead } from './request-head.ts'
import { parseRequestTarget, type RequestTarget, withoutQuery } from './request-target.ts'
import { abortSignalOf, writeAnswer } from './response.ts'
import { findRoute, type Route } from './route.ts'

/** What a mounted handler of `/_/` paths gets beside request and response. */
export interface MountedCall {
  readonly requestId: string
  readonly head: RequestHead
  readonly target: RequestTarget
  /** Came over TLS. */
  readonly isSecure: boolean
  readonly clientAddress: string
  /** The services of this server, for handlers that share its operations. */
  readonly services: S3Services
}

/** Answers a request to a `/_/` path itself and returns true, or returns false for "not mine". May throw ServiceError: answered as JSON. */
export type MountedRoutes = (
  request: IncomingMessage,
  response: ServerResponse,
  auth: AuthResult,
  call: MountedCall,
) => Promise<boolean>

export interface S3ServerOptions extends Pick<ListenersOptions, 'listen' | 'tls' | 'sharesAddress'> {
  readonly store: MetadataStore
  /** By name of the location. */
  readonly dataStores: ReadonlyMap<string, DataStore>
  /** Of server-side encryption (SSE-S3); none when left out: what asks for it is refused. */
  readonly masterKeys?: MasterKeys
  /** Cloud locations by name: where finished copies can be read. None when left out. */
  readonly destinations?: ReadonlyMap<string, Destination>
  readonly accounts: AccountDirectory
  readonly sites: readonly SiteConfig[]
  readonly locations: readonly LocationConfig[]
  /** Names of the targets that buckets may send events to. None when left out. */
  readonly notificationTargets?: ReadonlySet<string>
  readonly world: World
  readonly mountedRoutes?: MountedRoutes
  /** Which regions signatures may be for. Left out: any. */
  readonly regions?: Regions
  /** Host names whose sub-domains name buckets. */
  readonly endpoints?: readonly string[]
  /** Host names at which, and at whose sub-domains, websites are served. */
  readonly websiteEndpoints?: readonly string[]
  /** A transfer in which nothing moves for between one and two of these ends. Default 30 s. */
  readonly idleMs?: number
  /** How long close() lets running requests finish. Default 10 s. */
  readonly graceMs?: number
}

export interface S3Server {
  /** Begins to accept connections. Rejects when the address cannot be had. */
  listen(): Promise<void>
  /** Where it listens; the real port when port 0 was asked for. Throws before listen(). */
  readonly address: HostPort
  /** Takes another certificate for the connections to come. Throws, and keeps the former, if it cannot be used. */
  changeCertificate(certificate: S3Certificate): void
  /** Where it speaks HTTPS, if that is an address of its own. */
  readonly tlsAddress: HostPort | undefined
  /** Accepts nothing more, lets running requests finish (within the grace period), closes every connection. */
  close(): Promise<void>
}

export function createS3Server(options: S3ServerOptions): S3Server {
  return new HttpS3Server(options)
}

const defaultIdleMs = 30_000
const defaultGraceMs = 10_000
/** Some clients that wait to be told to send the body send it after a second all the same. */
const unaskedMs = 2_000

class HttpS3Server implements S3Server {
  readonly #options: S3ServerOptions
  readonly #services: S3Services
  readonly #listeners: Listeners
  readonly #hostBucket: HostReader
  readonly #websiteHost: WebsiteHostReader
  readonly #idle: IdleWatch
  readonly #idPrefix: string
  readonly #accessLog: AccessLog
  #requests = 0
  #closing: Promise<void> | undefined

  constructor(options: S3ServerOptions) {
    const { world } = options
    this.#options = options
    this.#idPrefix = Buffer.from(world.random.bytes(6)).toString('hex')
    this.#services = makeServices(options)
    this.#accessLog = createAccessLog(this.#services, () => this.#nextRequestId())
    this.#idle = createIdleWatch(world.timers, options.idleMs ?? defaultIdleMs)
    this.#hostBucket = createHostReader(options.endpoints ?? [])
    this.#websiteHost = createWebsiteHostReader(options.websiteEndpoints ?? [])
    this.#listeners = createListeners({
      ...options,
      timers: world.timers,
      serve: (request, response, awaitsContinue) => this.#serve(request, response, awaitsContinue),
      nextRequestId: () => this.#nextRequestId(),
    })
  }

  get address(): HostPort {
    return this.#listeners.address
  }

  get tlsAddress(): HostPort | undefined {
    return this.#listeners.tlsAddress
  }

  changeCertificate(certificate: S3Certificate): void {
    this.#listeners.changeCertificate(certificate)
  }

  async listen(): Promise<void> {
    await initHashes()
    await this.#listeners.listen()
  }

  close(): Promise<void> {
    this.#closing ??= this.#listeners.close(this.#options.graceMs ?? defaultGraceMs).then(() => {
      this.#idle.close()
      return this.#accessLog.close()
    })
    return this.#closing
  }

  #nextRequestId(): string {
    this.#requests += 1
    return `${this.#idPrefix}${this.#requests.toString(16).padStart(8, '0')}`
  }

  /** Never rejects: whatever goes wrong ends in an answer or, when there is nobody to answer, in silence. */
  async #serve(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): Promise<void> {
    const { clock, timers } = this.#options.world
    const started = clock.monotonic()
    const clientAddress = clientAddressOf(request.socket)
    if (clientAddress === undefined) {
      request.socket.destroy()
      return
    }
    const exchange: Exchange = {
      request,
      clientAddress,
      response,
      requestId: this.#nextRequestId(),
      body: incomingBody({ request, response, awaitsContinue, idle: this.#idle }),
      operation: 'Unknown',
      bucket: undefined,
      corsHeaders: [],
      isVisit: false,
      isAsked: !awaitsContinue,
      direct: undefined,
      isOpened: false,
      path: request.url ?? '/',
    }
    const outcome: Outcome = { status: 0, bytes: 0 }
    try {
      const answer = await this.#answer(exchange, awaitsContinue)
      if (answer === undefined) {
        outcome.status = response.statusCode
      } else {
        if (answer.errorCode !== undefined) outcome.errorCode = answer.errorCode
        // A client that still waits to send its body may or may not do so now: only a closed connection is unambiguous.
        const stalled = answer.errorCode === 'RequestTimeout'
        const unasked = !exchange.isAsked && !exchange.body.begun()
        const close = this.#closing !== undefined || stalled || unasked
        const restMs = stalled ? 0 : unasked ? unaskedMs : undefined
        const { requestId, corsHeaders } = exchange
        const { direct } = exchange
        const options = { requestId, close, idle: this.#idle, more: corsHeaders, timers, restMs, direct }
        outcome.bytes = await writeAnswer(response, answer, options)
        outcome.status = response.headersSent ? answer.status : 0
      }
    } catch (error) {
      // The answer broke off half-way; its client sees that by the closed connection. A client that left is no defect.
      if (!response.destroyed) defects.publish({ where: exchange.operation, requestId: exchange.requestId, error })
      response.destroy()
    }
    if (this.#closing !== undefined) endConnection(request, response)
    const durationMs = clock.monotonic() - started
    try {
      if (exchange.logged !== undefined) this.#log(exchange, exchange.logged, { ...outcome, durationMs })
    } catch (error) {
      defects.publish({ where: 'AccessLog', requestId: exchange.requestId, error })
    }
    if (!s3Requests.hasSubscribers) return
    s3Requests.publish({
      requestId: exchange.requestId,
      operation: exchange.operation,
      status: outcome.status,
      ...(outcome.errorCode === undefined ? undefined : { errorCode: outcome.errorCode }),
      durationMs,
      requestBytes: exchange.body.bytesRead(),
      responseBytes: outcome.bytes,
      ...(exchange.bucket === undefined ? undefined : { bucket: exchange.bucket }),
    })
  }

  #log(exchange: Exchange, { call, bucket }: LoggedCall, outcome: Outcome & { readonly durationMs: number }): void {
    const { logging } = bucket.settings
    if (logging === undefined) return
    const { status, errorCode, bytes, durationMs } = outcome
    const { socket } = exchange.request
    const line = logLine({
      bucket,
      auth: call.auth,
      requestId: call.requestId,
      clientAddress: call.clientAddress,
      ...call.head,
      key: call.key,
      query: call.query,
      status,
      ...(errorCode === undefined ? undefined : { errorCode }),
      requestBytes: exchange.body.bytesRead(),
      responseBytes: bytes,
      at: this.#options.world.clock.now() - durationMs,
      durationMs,
      ...(socket instanceof TLSSocket && { tls: encryptionOf(socket) }),
    })
    this.#accessLog.add(bucket, logging, line)
  }

  /** Undefined: a mounted handler has answered. */
  async #answer(exchange: Exchange, awaitsContinue: boolean): Promise<Answer | undefined> {
    try {
      const { request } = exchange
      const head = { method: request.method ?? '', rawTarget: exchange.path, headers: headerMap(request.rawHeaders) }
      checkHeaderSize(head, request.rawHeaders)
      const website = this.#websiteHost(request.headers.host)
      exchange.isVisit = website !== undefined
      const hostBucket = website === undefined ? this.#hostBucket(request.headers.host) : website.bucket
      const target = parseRequestTarget(head.rawTarget, hostBucket)
      const internal = target.bucket === '_' && !exchange.isVisit
      if (!internal) {
        exchange.bucket = target.bucket
        if (head.method === 'OPTIONS') {
          exchange.operation = 'Preflight'
          return await preflight(this.#services, head, target)
        }
        // Before anything that may be refused: a page may read why.
        if (head.headers.has('origin')) exchange.corsHeaders = await corsHeaders(this.#services, head, target)
      }
      if (exchange.isVisit) return await this.#answerVisit(exchange, head, target, hostBucket)
      const { accounts, regions, world } = this.#services
      if (!internal) exchange.asked = { head, target }
      const auth = authenticate(head, accounts, world.clock.now(), { regions, hostBucket })
      if (internal) return await this.#answerInternal(exchange, head, target, auth, awaitsContinue)
      const found = findRoute(head.method, target, head.headers)
      exchange.operation = found.name
      checkFraming(found.name, auth)
      checkEmptyBody(auth.payload, head.headers)
      return await found.run(this.#call(exchange, found, head, target, auth))
    } catch (error) {
      await this.#noteRefusal(exchange, error)
      return this.#refuse(exchange, error)
    }
  }

  /** A request that was refused before it came to its bucket is in the bucket's log, too: as nobody's, whatever it claimed to be. */
  async #noteRefusal(exchange: Exchange, error: unknown): Promise<void> {
    const { asked, isOpened } = exchange
    if (asked?.target.bucket === undefined || isOpened) return
    // There is nobody to log for, or nothing that could tell.
    if (!(error instanceof ServiceError) || error.status >= 500 || error.code === 'NoSuchBucket') return
    const bucket = await this.#services.store.bucket(asked.target.bucket).catch(() => null)
    if (bucket?.settings.logging === undefined) return
    const call = this.#call(exchange, { action: 's3:GetObject' }, asked.head, asked.target, anonymous)
    exchange.logged = { call, bucket }
  }

  #answerVisit(
    exchange: Exchange,
    head: RequestHead,
    target: RequestTarget,
    hostBucket: string | undefined,
  ): Promise<Answer> {
    exchange.operation = 'Website'
    const protocol = 'encrypted' in exchange.request.socket ? 'https' : 'http'
    const visit = visitOf(head, target, { hostBucket, protocol })
    const call = this.#call(exchange, { action: 's3:GetObject' }, visitorHead(head), withoutQuery(target), anonymous)
    return serveWebsite(call, visit)
  }

  #call(
    exchange: Exchange,
    { action }: Pick<Route, 'action'>,
    head: RequestHead,
    target: RequestTarget,
    auth: AuthResult,
  ): Call {
    const secure = isSecure(exchange.request)
    return {
      services: this.#services,
      requestId: exchange.requestId,
      head,
      headers: withPresignedMetadata(head.headers, target, auth),
      target,
      query: target.query,
      auth,
      isSecure: secure,
      clientAddress: exchange.clientAddress,
      action: target.query.has('versionId') ? actionOnVersion(action) : action,
      bucket: target.bucket ?? '',
      key: target.key ?? '',
      body: exchange.body,
      opened: (bucket, as) => {
        exchange.isOpened = true
        if (bucket.settings.logging !== undefined) exchange.logged ??= { call: as, bucket }
      },
      ...(!secure && {
        sendFrom: () => {
          exchange.direct ??= createDirectSending(exchange.response)
          return exchange.direct.send
        },
      }),
      signal: () => abortSignalOf(exchange.response),
    }
  }

  async #answerInternal(
    exchange: Exchange,
    head: RequestHead,
    target: RequestTarget,
    auth: AuthResult,
    awaitsContinue: boolean,
  ): Promise<Answer | undefined> {
    exchange.operation = 'Internal'
    const { mountedRoutes } = this.#options
    if (mountedRoutes !== undefined) {
      if (awaitsContinue) exchange.response.writeContinue()
      exchange.isAsked = true
      const { request, response, requestId, clientAddress } = exchange
      const call = { requestId, head, target, isSecure: isSecure(request), clientAddress, services: this.#services }
      if (await mountedRoutes(request, response, auth, call)) return undefined
    }
    throw serviceError('InvalidURI', { details: { URI: target.rawPath.slice(0, 1024) } })
  }

  #refuse(exchange: Exchange, error: unknown): Answer {
    const { requestId, path, isVisit, response } = exchange
    const refusal = error instanceof ServiceError ? error : serviceError('InternalError', { cause: error })
    // What breaks because its client has left is no defect.
    if (refusal !== error && !response.destroyed) defects.publish({ where: exchange.operation, requestId, error })
    if (path.startsWith('/_/backbeat')) return jsonErrorAnswer(refusal, requestId)
    if (isVisit) return htmlErrorAnswer(refusal, requestId)
    return errorAnswer(refusal, requestId, path.split('?', 1)[0] ?? '')
  }
}

const anonymous: AuthResult = { kind: 'anonymous', payload: { kind: 'unsigned' } }

/** Only these read a body in signed chunks, or with a trailer (Amazon S3 API Reference, "Signature Calculations for the Authorization Header"). */
const readsChunks: ReadonlySet<string> = new Set(['PutObject', 'UploadPart'])

/** What an access log says of it. A connection that has ended knows its cipher no longer, whatever its type says. */
function encryptionOf(socket: TLSSocket): { readonly version: string; readonly cipher: string } {
  const cipher: { readonly name: string } | null = socket.getCipher()
  return { version: socket.getProtocol() ?? '-', cipher: cipher?.name ?? '-' }
}

function checkFraming(operation: string, { payload }: AuthResult): void {
  const inChunks = payload.kind === 'chunked-signed' || payload.kind === 'chunked-unsigned'
  if (inChunks && !readsChunks.has(operation)) {
    throw serviceError('InvalidRequest', { message: 'The value of x-amz-content-sha256 header is invalid.' })
  }
}

/** What other nodes of the cluster put may be larger. Throws RequestHeaderSectionTooLarge. */
function checkHeaderSize({ method, rawTarget }: RequestHead, rawHeaders: readonly string[]): void {
  if (method !== 'PUT' || rawTarget.startsWith('/_/') || headerBytes(rawHeaders) <= limits.putHeaderBytes) return
  throw serviceError('RequestHeaderSectionTooLarge', { details: { MaxSizeAllowed: String(limits.putHeaderBytes) } })
}

function isSecure({ socket }: IncomingMessage): boolean {
  return socket instanceof TLSSocket
}

/** How a request ended. */
interface Outcome {
  status: number
  errorCode?: string
  bytes: number
}

/** A request to a bucket whose requests are logged. */
interface LoggedCall {
  readonly call: Call
  readonly bucket: Bucket
}

/** One request on its way through the server. */
interface Exchange {
  readonly request: IncomingMessage
  readonly clientAddress: string
  readonly response: ServerResponse
  readonly requestId: string
  readonly body: IncomingBody
  readonly path: string
  operation: string
  bucket: string | undefined
  /** Once it can be read. */
  asked?: { readonly head: RequestHead; readonly target: RequestTarget }
  /** Its bucket was found by its operation. */
  isOpened: boolean
  logged?: LoggedCall
  /** What the bucket's CORS rules add to the answer. */
  corsHeaders: FlatHeaders
  /** Its client does not wait, or waits no longer, to be told to send the body. */
  isAsked: boolean
  /** Of an answer whose body is a stream. */
  direct: DirectSending | undefined
  /** Of a website: errors are pages. */
  isVisit: boolean
}

function makeServices(options: S3ServerOptions): S3Services {
  const { store, dataStores, accounts, sites, locations, world } = options
  const prefix = Buffer.from(world.random.bytes(16)).toString('hex')
  let names = 0
  return {
    store,
    dataStores,
    masterKeys: options.masterKeys ?? noMasterKeys(world.random),
    destinations: options.destinations ?? new Map(),
    accounts,
    regions: options.regions ?? anyRegion,
    sites,
    locations,
    notificationTargets: options.notificationTargets ?? new Set(),
    world,
    inlineBytes: limits.inlineObjectBytes,
    inlineName: () => {
      names += 1
      // Of one length, so that the newest name is the last one: the table grows at its end.
      return `${prefix}.${names.toString(36).padStart(9, '0')}`
    },
  }
}

/** An answer that had begun before the server closes promised to keep its connection, which would hold up the closing until the grace is over. */
function endConnection({ socket }: IncomingMessage, response: ServerResponse): void {
  if (response.writableFinished) socket.end()
  else response.once('finish', () => socket.end())
}
