// One container of Azure Blob Storage at the other end of the network: signs (Shared Key, or a shared access signature in the query), sends,
// and turns everything that is not a plain success into a Failure.

import { createHmac } from 'node:crypto'
import { collectUpTo } from '../../base/byte-source.ts'
import type { AnswerHeaders, HttpAnswer, HttpClient, HttpStream } from '../../base/http-client.ts'
import type { Secret } from '../../base/secret.ts'
import type { World } from '../../base/world.ts'
import { readAnswerXml } from '../answer-xml.ts'
import { failureOfThrown, type SecretTexts } from '../cloud-failure.ts'
import type { RequestContext } from '../location.ts'
import { refusalFailure } from './refusal.ts'

export type AzureAuth =
  | { readonly kind: 'sharedKey'; readonly account: string; readonly key: Secret }
  /** A query string without the question mark. */
  | { readonly kind: 'sas'; readonly token: Secret }

export interface AzureAddress {
  /** http(s) URL that ends with a slash; Azurite's has the account in its path. */
  readonly azureStorageEndpoint: string
  readonly azureContainerName: string
  readonly auth: AzureAuth
}

export interface AzureCall {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  /** Name of the blob. */
  readonly blob: string
  /** Parameters with their plain values. */
  readonly query?: Readonly<Record<string, string>>
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  /** Needed with a body. */
  readonly contentLength?: number
  readonly context?: RequestContext | undefined
  /** Statuses beside 2xx that the caller handles itself. */
  readonly accept?: readonly number[]
}

export interface AzureChannel {
  /** Sends and collects the answer; throws a Failure unless it is a success or accepted. */
  send(call: AzureCall): Promise<HttpAnswer>
  /** The same with the body of the answer as a stream. */
  open(call: AzureCall): Promise<HttpStream>
  /** The Failure that an accepted answer means after all. */
  refused(method: string, answer: HttpAnswer): Error
}

/** The version of the protocol that every answer here is read by; Azurite 3.36 and all of Azure know it. */
const protocolVersion = '2021-12-02'
const refusalBytesMax = 64 * 1024

export function createAzureChannel(address: AzureAddress, http: HttpClient, world: World): AzureChannel {
  const endpoint = new URL(address.azureStorageEndpoint)
  const base = `${endpoint.pathname.endsWith('/') ? endpoint.pathname : `${endpoint.pathname}/`}${address.azureContainerName}`
  const sign = signerOf(address.auth)
  const secrets = secretsOf(address.auth)
  const sas = address.auth.kind === 'sas' ? address.auth.token.reveal() : ''
  const prepare = (call: AzureCall) => {
    const path = `${base}/${encodedBlob(call.blob)}`
    const query = call.query ?? {}
    const headers: Record<string, string> = {
      ...call.headers,
      'x-ms-date': new Date(world.clock.now()).toUTCString(),
      'x-ms-version': protocolVersion,
    }
    const length = call.contentLength ?? 0
    const authorization = sign(call.method, path, query, headers, length)
    if (authorization !== undefined) headers['authorization'] = authorization
    const text = [...Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`), sas]
    const joined = text.filter(part => part !== '').join('&')
    return {
      origin: endpoint.origin,
      method: call.method,
      path: joined === '' ? path : `${path}?${joined}`,
      headers,
      ...(call.body === undefined ? {} : { body: call.body, contentLength: length }),
      signal: call.context?.signal,
      onSent: call.context?.onSent,
    }
  }
  const refused = (method: string, answer: { status: number; headers: AnswerHeaders; body: Uint8Array }): Error =>
    refusalFailure({ method, ...answer }, secrets, world.clock.now())
  return {
    refused,
    async send(call) {
      try {
        const answer = await http.request(prepare(call))
        if (call.accept?.includes(answer.status)) return answer
        if (answer.status < 200 || answer.status > 299 || hidesError(answer)) throw refused(call.method, answer)
        return answer
      } catch (error) {
        throw failureOfThrown(error, secrets)
      }
    },
    async open(call) {
      try {
        const answer = await http.stream(prepare(call))
        if (answer.status >= 200 && answer.status <= 299) return { ...answer, body: mapped(answer.body, secrets) }
        throw refused(call.method, { ...answer, body: await collectUpTo(answer.body, refusalBytesMax) })
      } catch (error) {
        throw failureOfThrown(error, secrets)
      }
    },
  }
}

/** No success has a document in its body here, so one that does is a proxy's or worse. */
function hidesError(answer: HttpAnswer): boolean {
  return answer.body.byteLength > 0 && readAnswerXml(answer.body)?.name === 'Error'
}

async function* mapped(body: AsyncIterable<Uint8Array>, secrets: SecretTexts): AsyncIterable<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw failureOfThrown(error, secrets)
  }
}

const plainName = /^[A-Za-z0-9\-._~/]*$/

function encodedBlob(name: string): string {
  return plainName.test(name) ? name : encodeURIComponent(name.toWellFormed()).replaceAll('%2F', '/')
}

type Signer = (
  method: string,
  path: string,
  query: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
  contentLength: number,
) => string | undefined

/** Headers with a line of their own in the text to sign, in its order, after the length. */
const standardHeaders = [
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
] as const

function signerOf(auth: AzureAuth): Signer {
  if (auth.kind === 'sas') return () => undefined
  const key = Buffer.from(auth.key.reveal(), 'base64')
  return (method, path, query, headers, contentLength) => {
    const standard = standardHeaders.map(name => headers[name] ?? '').join('\n')
    const own = Object.keys(headers)
      .filter(name => name.startsWith('x-ms-'))
      .sort()
      .map(name => `${name}:${headers[name]}\n`)
      .join('')
    const parameters = Object.keys(query)
      .sort()
      .map(name => `\n${name}:${query[name]}`)
      .join('')
    const length = contentLength === 0 ? '' : String(contentLength)
    const resource = `/${auth.account}${path}${parameters}`
    // Verb, encoding, language, length, the headers above, if-unmodified-since, range; then ours and the resource.
    const text = `${method}\n\n\n${length}\n${standard}\n\n\n${own}${resource}`
    return `SharedKey ${auth.account}:${createHmac('sha256', key).update(text, 'utf8').digest('base64')}`
  }
}

function secretsOf(auth: AzureAuth): SecretTexts {
  const texts = auth.kind === 'sharedKey' ? [auth.key.reveal()] : sasTexts(auth.token.reveal())
  return () => texts
}

/** The token as it is and its signature, encoded and decoded. */
function sasTexts(token: string): readonly string[] {
  const signature = /(?:^|&)sig=([^&]*)/.exec(token)?.[1] ?? ''
  return [token, signature, decodeURIComponent(signature)]
}
