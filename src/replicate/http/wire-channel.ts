// Signed requests to an S3 port of this family: Signature V4 with every header signed, so that nothing of a request can be altered on its way.
// What the network does wrong comes out as a Failure; what the server says is the caller's to judge.
import { sha256Hex } from '../../base/hash.ts'
import { type HttpAnswer, type HttpClient, HttpError, type HttpStream } from '../../base/http-client.ts'
import type { Secret } from '../../base/secret.ts'
import { amzDateOf, signV4Headers, unsignedPayload, uriEncode } from '../../base/signature-v4.ts'
import type { World } from '../../base/world.ts'
import type { Credentials, HostPort } from '../../config/types.ts'
import { Failure, type FailureFacts } from '../../domain/failure.ts'

export interface WireServer extends HostPort {
  readonly https: boolean
}

export interface WireCall {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Encoded. */
  readonly path: string
  /** Encoded, without '?'. */
  readonly query?: string
  /** Lower-case names; values latin1. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  /** Needed for a stream. */
  readonly contentLength?: number
  readonly signal?: AbortSignal | undefined
}

export interface WireChannel {
  /** Throws Failure when there is no whole answer; `outcomeUnknown` if the request may have taken effect. */
  send(call: WireCall): Promise<HttpAnswer>
  open(call: WireCall): Promise<HttpStream>
}

export interface WireChannelOptions {
  readonly server: WireServer
  readonly credentials: Credentials
  readonly http: HttpClient
  readonly world: World
}

/** Metadata of a large object with all its parts. */
const answerBytesMax = 16 * 1024 ** 2
const emptyHash = sha256Hex('')
const region = 'us-east-1'

export function createWireChannel(options: WireChannelOptions): WireChannel {
  const { server, credentials, http, world } = options
  const host = hostOf(server)
  const origin = `${server.https ? 'https' : 'http'}://${host}`
  const prepare = (call: WireCall) => {
    const query = call.query ?? ''
    const signed = signV4Headers({
      method: call.method,
      host,
      path: call.path,
      query,
      headers: withLength(call),
      payloadHash: payloadHashOf(call.body),
      region,
      service: 's3',
      amzDate: amzDateOf(world.clock.now()),
      accessKey: credentials.accessKey,
      secretKey: credentials.secretKey.reveal(),
      ...sessionOf(credentials.sessionToken),
    })
    return {
      origin,
      method: call.method,
      path: query === '' ? call.path : `${call.path}?${query}`,
      headers: signed,
      ...(call.body === undefined ? {} : { body: call.body }),
      ...(call.contentLength === undefined ? {} : { contentLength: call.contentLength }),
      signal: call.signal,
      answerBytesMax,
    }
  }
  return {
    send: call => http.request(prepare(call)).catch(error => rejectAs(error, call)),
    open: async call => {
      const stream = await http.stream(prepare(call)).catch(error => rejectAs(error, call))
      return { ...stream, body: mapped(stream.body, call) }
    },
  }
}

function hostOf(server: WireServer): string {
  const name = server.host.includes(':') ? `[${server.host}]` : server.host
  const usual = server.https ? 443 : 80
  return server.port === usual ? name : `${name}:${server.port}`
}

function withLength(call: WireCall): Readonly<Record<string, string>> {
  const headers = call.headers ?? {}
  if (call.contentLength !== undefined) return { ...headers, 'content-length': String(call.contentLength) }
  // A request of these methods without a body goes without a length.
  if (call.method === 'GET' || (call.method === 'DELETE' && call.body === undefined)) return headers
  return { ...headers, 'content-length': String(call.body instanceof Uint8Array ? call.body.byteLength : 0) }
}

function payloadHashOf(body: WireCall['body']): string {
  if (body === undefined) return emptyHash
  return body instanceof Uint8Array ? sha256Hex(body) : unsignedPayload
}

function sessionOf(token: Secret | undefined): { readonly sessionToken?: string } {
  return token === undefined ? {} : { sessionToken: token.reveal() }
}

function rejectAs(error: unknown, call: WireCall): never {
  throw failureOfNetwork(error, call)
}

async function* mapped(body: AsyncIterable<Uint8Array>, call: WireCall): AsyncIterable<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw failureOfNetwork(error, call)
  }
}

const explanations: Readonly<Record<HttpError['kind'], string>> = {
  connect: 'No connection to the server',
  tls: 'The server could not prove who it is, or does not speak https',
  timeout: 'The server did not answer in time',
  reset: 'The connection to the server broke',
  aborted: 'The request was given up before it was answered',
  answer: 'The server answered something that is not HTTP as we know it',
  request: 'The request could not be sent as it is',
}

function failureOfNetwork(error: unknown, call: WireCall): unknown {
  if (error instanceof Failure || !(error instanceof HttpError)) return error
  const facts: FailureFacts = {
    class: error.kind === 'tls' ? 'location' : error.kind === 'request' ? 'object' : 'transient',
    code: error.code,
    message: `${explanations[error.kind]} (${error.message})`,
    ...(error.sent && call.method !== 'GET' ? { outcomeUnknown: true } : {}),
  }
  return new Failure(facts, { cause: error })
}

/** Path of an object behind a prefix such as `/_/backbeat/data`; '' is the plain S3 path. */
export function objectPath(prefix: string, bucket: string, key: string): string {
  return `${prefix}/${uriEncode(bucket.toWellFormed())}/${uriEncode(key.toWellFormed(), true)}`
}

/** Text of any kind as a header value: UTF-8 bytes, one character per byte. */
export function wireText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text)
    ? text
    : Buffer.from(text.replace(/[\x00-\x1f\x7f]/g, ' '), 'utf8').toString('latin1')
}
