// Outgoing HTTP: one bounded pool of kept connections per origin, requests with raw paths and exact headers. Guarantees that a request
// which was aborted or timed out has had its connection destroyed, and that an error says whether all bytes of the request had been
// handed to the network by then. Never follows redirects and never sends a request twice.
import { type Dispatcher, Pool } from 'undici'

export interface HttpRequest {
  /** `https://host:port` */
  readonly origin: string
  readonly method: string
  /** Path and query exactly as they go on the wire. */
  readonly path: string
  /** Lower-case names; values are latin1 text, one character per byte. */
  readonly headers: Readonly<Record<string, string>>
  /** A stream needs `contentLength`. An error it throws is what the request fails with. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined
  readonly contentLength?: number
  readonly signal?: AbortSignal | undefined
  /** Called once when the last byte of the request has been handed over: from here on it may take effect. */
  readonly onSent?: (() => void) | undefined
  /** Longest answer `request` collects; default 1 MiB. Longer ones are an HttpError `answer`. */
  readonly answerBytesMax?: number
}

/** Header names are lower-case; repeated headers are joined with a comma. */
export type AnswerHeaders = Readonly<Record<string, string>>

/** A whole answer. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: Buffer
}

/** An answer whose body is still arriving: it must be read to its end or left by `return`, else its connection stays taken. */
export interface HttpStream {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: AsyncIterable<Uint8Array>
}

/** The network. Both calls throw HttpError, or what the body of the request threw. */
export interface HttpClient {
  /** Sends a request and collects its answer, whatever its status. */
  request(request: HttpRequest): Promise<HttpAnswer>
  /** Sends a request and hands out the body of its answer as it arrives. */
  stream(request: HttpRequest): Promise<HttpStream>
  /** Waits for the requests under way, then closes all connections. */
  close(): Promise<void>
}

/**
 * connect: no connection (refused, name unknown, timed out). tls: connected, but no trust. timeout: no answer, or bytes stopped. reset: the
 * connection broke. aborted: by the caller's signal. answer: not HTTP, or too long. request: cannot be sent as it is.
 */
export type HttpErrorKind = 'connect' | 'tls' | 'timeout' | 'reset' | 'aborted' | 'answer' | 'request'

/** Why there is no (whole) answer. */
export class HttpError extends Error {
  readonly kind: HttpErrorKind
  /** The system's code (`ECONNRESET`) or undici's (`UND_ERR_HEADERS_TIMEOUT`). */
  readonly code: string
  /** True if every byte of the request had been handed over: it may have taken effect. */
  readonly sent: boolean

  constructor(kind: HttpErrorKind, code: string, message: string, sent: boolean, cause?: unknown) {
    super(message, { cause })
    this.name = 'HttpError'
    this.kind = kind
    this.code = code
    this.sent = sent
  }
}

export interface HttpClientOptions {
  /** Connections per origin; further requests wait for one. */
  readonly connectionsMax?: number
  readonly connectTimeoutMs?: number
  /** From the last byte of the request (or the last one that the other side took) to the first of the answer. */
  readonly headersTimeoutMs?: number
  /** Between two chunks of an answer. */
  readonly bodyTimeoutMs?: number
  /** How long an idle connection is kept, unless the server says. */
  readonly keepAliveMs?: number
}

const defaults = {
  connectionsMax: 64,
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 120_000,
  bodyTimeoutMs: 120_000,
  keepAliveMs: 4_000,
} as const

const answerBytesMaxDefault = 1024 ** 2

/** An answer that arrives in drips is given up like one that stops: it may be slower than this only as long as it might have stopped. */
const answerBytesPerMsMin = 8

/** The network as it is, by undici. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const settings = { ...defaults, ...options }
  const pools = new Map<string, Pool>()
  const poolOf = (origin: string): Pool => {
    const known = pools.get(origin)
    if (known !== undefined) return known
    const pool = new Pool(origin, {
      connections: settings.connectionsMax,
      pipelining: 1,
      connectTimeout: settings.connectTimeoutMs,
      headersTimeout: settings.headersTimeoutMs,
      bodyTimeout: settings.bodyTimeoutMs,
      keepAliveTimeout: settings.keepAliveMs,
      // A shared HTTP/2 connection could not be destroyed for one request's sake.
      allowH2: false,
    })
    pools.set(origin, pool)
    return pool
  }
  return {
    request: request => requestOver(poolOf(request.origin), request, settings.bodyTimeoutMs),
    stream: request => streamOver(poolOf(request.origin), request),
    close: async () => {
      const closing = [...pools.values()].map(pool => pool.close())
      pools.clear()
      await Promise.all(closing)
    },
  }
}

/** What a request body did, seen from outside. */
interface BodyWatch {
  failure?: unknown
  failed: boolean
}

function requestOver(pool: Pool, request: HttpRequest, bodyTimeoutMs: number): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(request, bodyTimeoutMs, resolve, reject)
    if (exchange.over) return
    pool.dispatch(dispatchOptions(request, exchange.watch), exchange)
  })
}

function dispatchOptions(request: HttpRequest, watch: BodyWatch): Dispatcher.DispatchOptions {
  const { body, contentLength } = request
  const headers =
    contentLength === undefined || body instanceof Uint8Array
      ? request.headers
      : { ...request.headers, 'content-length': String(contentLength) }
  return {
    method: request.method as Dispatcher.HttpMethod,
    path: request.path,
    headers,
    body: body === undefined || body instanceof Uint8Array ? (body ?? null) : asDispatchBody(watched(body, watch)),
  }
}

/** undici takes any async iterable; its types name only some of them. */
function asDispatchBody(body: AsyncIterable<Uint8Array>): NonNullable<Dispatcher.DispatchOptions['body']> {
  return body as AsyncIterable<Uint8Array> & NonNullable<Dispatcher.DispatchOptions['body']>
}

async function* watched(body: AsyncIterable<Uint8Array>, watch: BodyWatch): AsyncIterable<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    watch.failed = true
    watch.failure = error
    throw error
  }
}

/** One request under way: collects the answer without the machinery of a stream, which small requests would spend most of their time in. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly watch: BodyWatch = { failed: false }
  over = false
  private readonly request: HttpRequest
  private readonly bodyTimeoutMs: number
  private readonly resolve: (answer: HttpAnswer) => void
  private readonly reject: (error: unknown) => void
  private controller: Dispatcher.DispatchController | undefined
  private sent = false
  private status = 0
  private headers: AnswerHeaders = {}
  private readonly chunks: Buffer[] = []
  private byteCount = 0
  private answeredAt = 0

  constructor(
    request: HttpRequest,
    bodyTimeoutMs: number,
    resolve: (answer: HttpAnswer) => void,
    reject: (error: unknown) => void,
  ) {
    this.request = request
    this.bodyTimeoutMs = bodyTimeoutMs
    this.resolve = resolve
    this.reject = reject
    const { signal } = request
    if (signal === undefined) return
    if (signal.aborted) this.onAbort()
    else signal.addEventListener('abort', this.onAbort, { once: true })
  }

  private readonly onAbort = (): void => {
    this.fail(abortedError(this.request.signal, this.sent))
    this.controller?.abort(new Error('aborted'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.over) controller.abort(new Error('aborted'))
  }

  onRequestSent(): void {
    if (this.sent) return
    this.sent = true
    this.request.onSent?.()
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Dispatcher.ResponseData['headers']): void {
    this.status = status
    this.headers = joinedHeaders(headers)
    this.answeredAt = performance.now()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.byteCount += chunk.byteLength
    if (performance.now() - this.answeredAt > this.bodyTimeoutMs + this.byteCount / answerBytesPerMsMin) {
      this.fail(new HttpError('timeout', 'AnswerTooSlow', 'The answer arrives too slowly', true))
      controller.abort(new Error('answer too slow'))
      return
    }
    if (this.byteCount <= (this.request.answerBytesMax ?? answerBytesMaxDefault)) {
      this.chunks.push(chunk)
      return
    }
    this.fail(new HttpError('answer', 'AnswerTooLarge', 'The answer is longer than any we expect', true))
    controller.abort(new Error('answer too large'))
  }

  onResponseEnd(): void {
    if (this.over) return
    this.finish()
    const body = this.chunks.length === 1 ? (this.chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(this.chunks)
    this.resolve({ status: this.status, headers: this.headers, body })
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    const { signal } = this.request
    if (signal?.aborted) this.fail(abortedError(signal, this.sent))
    else this.fail(this.watch.failed ? this.watch.failure : httpError(error, this.sent))
  }

  private fail(error: unknown): void {
    if (this.over) return
    this.finish()
    this.reject(error)
  }

  private finish(): void {
    this.over = true
    this.request.signal?.removeEventListener('abort', this.onAbort)
  }
}

async function streamOver(pool: Pool, request: HttpRequest): Promise<HttpStream> {
  const watch: BodyWatch = { failed: false }
  const { signal } = request
  if (signal?.aborted) throw abortedError(signal, false)
  try {
    const answer = await pool.request({ ...dispatchOptions(request, watch), signal: signal ?? null })
    return {
      status: answer.statusCode,
      headers: joinedHeaders(answer.headers),
      body: answerBody(answer.body, signal),
    }
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal, true)
    throw watch.failed ? watch.failure : httpError(error, true)
  }
}

async function* answerBody(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw signal?.aborted ? abortedError(signal, true) : httpError(error, true)
  }
}

function joinedHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): AnswerHeaders {
  for (const name in headers) if (typeof headers[name] !== 'string') return joinedSlowly(headers)
  return headers as AnswerHeaders
}

function joinedSlowly(headers: Readonly<Record<string, string | string[] | undefined>>): AnswerHeaders {
  const joined: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return joined
}

function abortedError(signal: AbortSignal | undefined, sent: boolean): HttpError {
  return new HttpError('aborted', 'Aborted', 'The request was given up', sent, signal?.reason)
}

const connectCodes = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EADDRNOTAVAIL'],
  'UND_ERR_CONNECT_TIMEOUT',
])
const timeoutCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])
const tlsCodes =
  /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY|DECODE|DECRYPT)_|HOSTNAME_MISMATCH$|INVALID_(CA|PURPOSE))/

function httpError(error: unknown, sent: boolean): HttpError {
  const { code, message } = describe(error)
  const kind = kindOf(code)
  const mayHaveArrived = sent && kind !== 'connect' && kind !== 'tls' && kind !== 'request'
  return new HttpError(kind, code, message, mayHaveArrived, error)
}

function kindOf(code: string): HttpErrorKind {
  if (connectCodes.has(code)) return 'connect'
  if (tlsCodes.test(code)) return 'tls'
  if (timeoutCodes.has(code)) return 'timeout'
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return 'request'
  return code.startsWith('HPE_') || code === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW'
    ? 'answer'
    : 'reset'
}

function describe(error: unknown): { readonly code: string; readonly message: string } {
  // Several addresses of one name that all failed.
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0])
  if (!(error instanceof Error)) return { code: 'Unknown', message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return { code, message: error.message }
}
