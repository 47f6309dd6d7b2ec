// One S3 bucket at the other end of the network: addresses, signs (V4, body unsigned: its checksums are headers) and sends requests, and
// turns everything that is not a plain success into a Failure, an error document under status 200 included.
import { collectUpTo } from '../../base/byte-source.ts'
import type { AnswerHeaders, HttpAnswer, HttpClient, HttpStream } from '../../base/http-client.ts'
import { amzDateOf, signV4Headers, unsignedPayload } from '../../base/signature-v4.ts'
import type { World } from '../../base/world.ts'
import { readAnswerXml } from '../answer-xml.ts'
import { failureOfThrown, type SecretTexts } from '../cloud-failure.ts'
import type { RequestContext } from '../location.ts'
import { errorDocument, refusalFailure } from './refusal.ts'

/** Plain keys to sign with. */
export interface S3Keys {
  readonly accessKey: string
  readonly secretKey: string
  readonly sessionToken?: string
}

/** Asked before every request, so that temporary keys can be renewed. */
export type S3KeyProvider = () => S3Keys | Promise<S3Keys>

export interface S3Address {
  /** host or host:port */
  readonly awsEndpoint: string
  readonly bucketName: string
  readonly region: string
  readonly https: boolean
  readonly pathStyle: boolean
}

export interface S3Call {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Null: the bucket itself. */
  readonly key: string | null
  /** Encoded, without '?'; sorting is not needed. */
  readonly query?: string
  /** Lower-case names, latin1 values; all are signed. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  readonly contentLength?: number
  readonly context?: RequestContext | undefined
  /** Statuses beside 2xx that the caller handles itself. */
  readonly accept?: readonly number[]
}

export interface S3Channel {
  /** Sends and collects the answer; throws a Failure unless it is a success or accepted. */
  send(call: S3Call): Promise<HttpAnswer>
  /** The same with the body of the answer as a stream. */
  open(call: S3Call): Promise<HttpStream>
}

/** Longest answer that is read: a full listing page. */
const answerBytesMax = 8 * 1024 ** 2
const refusalBytesMax = 64 * 1024

export function createS3Channel(address: S3Address, keys: S3KeyProvider, http: HttpClient, world: World): S3Channel {
  const place = placeOf(address)
  const amzDate = amzDates(world)
  let secretTexts: readonly string[] = []
  const secrets: SecretTexts = () => secretTexts
  const prepare = async (call: S3Call) => {
    const provided = keys()
    const signing = provided instanceof Promise ? await provided : provided
    secretTexts = [signing.secretKey, signing.sessionToken ?? '']
    const path = call.key === null ? place.bucketPath : place.keyPath(call.key)
    const query = call.query ?? ''
    const headers = signV4Headers({
      method: call.method,
      host: place.host,
      path,
      query,
      headers: call.headers ?? {},
      payloadHash: unsignedPayload,
      region: address.region,
      service: 's3',
      amzDate: amzDate(),
      ...signing,
    })
    return {
      origin: place.origin,
      method: call.method,
      path: query === '' ? path : `${path}?${query}`,
      headers,
      ...(call.body === undefined ? {} : { body: call.body }),
      ...(call.contentLength === undefined ? {} : { contentLength: call.contentLength }),
      signal: call.context?.signal,
      onSent: call.context?.onSent,
      answerBytesMax,
    }
  }
  const refused = (call: S3Call, status: number, headers: AnswerHeaders, body: Uint8Array) =>
    refusalFailure({ method: call.method, status, headers, body, region: address.region }, secrets, world.clock.now())
  return {
    async send(call) {
      try {
        const answer = await http.request(await prepare(call))
        if (call.accept?.includes(answer.status)) return answer
        if (answer.status < 200 || answer.status > 299 || hidesError(answer)) {
          throw refused(call, answer.status, answer.headers, answer.body)
        }
        return answer
      } catch (error) {
        throw failureOfThrown(error, secrets)
      }
    },
    async open(call) {
      try {
        const answer = await http.stream(await prepare(call))
        if (answer.status >= 200 && answer.status <= 299) return { ...answer, body: mapped(answer.body, secrets) }
        throw refused(call, answer.status, answer.headers, await collectUpTo(answer.body, refusalBytesMax))
      } catch (error) {
        throw failureOfThrown(error, secrets)
      }
    },
  }
}

/** S3 itself answers 200 before it knows how a completion ends; proxies do worse. */
function hidesError(answer: HttpAnswer): boolean {
  if (answer.body.byteLength === 0) return false
  const root = readAnswerXml(answer.body)
  return root !== undefined && errorDocument(root) !== undefined
}

async function* mapped(body: AsyncIterable<Uint8Array>, secrets: SecretTexts): AsyncIterable<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw failureOfThrown(error, secrets)
  }
}

interface Place {
  readonly origin: string
  readonly host: string
  readonly bucketPath: string
  keyPath(key: string): string
}

function placeOf(address: S3Address): Place {
  const scheme = address.https ? 'https' : 'http'
  const endpoint = regionalEndpoint(address).replace(address.https ? /:443$/ : /:80$/, '')
  const byPath = address.pathStyle || !canCarryBucket(endpoint, address)
  const host = byPath ? endpoint : `${address.bucketName}.${endpoint}`
  const base = byPath ? `/${address.bucketName}/` : '/'
  return {
    origin: `${scheme}://${host}`,
    host,
    bucketPath: byPath ? `/${address.bucketName}` : '/',
    keyPath: key => `${base}${encodedKey(key)}`,
  }
}

/** AWS's general name serves us-east-1; every other region answers it with a redirect. */
function regionalEndpoint(address: S3Address): string {
  const general = address.awsEndpoint === 's3.amazonaws.com' && address.region !== 'us-east-1'
  return general ? `s3.${address.region}.amazonaws.com` : address.awsEndpoint
}

/** Addresses have no subdomains, and no certificate covers a bucket name with dots. */
function canCarryBucket(endpoint: string, address: S3Address): boolean {
  if (endpoint.startsWith('[') || /^\d+\.\d+\.\d+\.\d+(:\d+)?$/.test(endpoint)) return false
  return !(address.https && address.bucketName.includes('.'))
}

const plainKey = /^[A-Za-z0-9\-._~/]*$/

function encodedKey(key: string): string {
  return plainKey.test(key) ? key : uriEncodeText(key).replaceAll('%2F', '/')
}

/** Percent-encodes as AWS does; lone surrogates, which UTF-8 does not have, become U+FFFD. */
export function uriEncodeText(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function amzDates(world: World): () => string {
  let second = -1
  let text = ''
  return () => {
    const now = Math.floor(world.clock.now() / 1000)
    if (now !== second) {
      second = now
      text = amzDateOf(now * 1000)
    }
    return text
  }
}
