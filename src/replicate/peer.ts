// Another server of this family as a destination: its `/_/backbeat` data and metadata routes, reached through any of the site's servers. Requests
// go round the servers; one that cannot be reached is passed over for a while. Nothing is sent twice unless it never left.
import { type HttpAnswer, type HttpClient, HttpError } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import type { ServersSiteConfig } from '../config/types.ts'
import { isJsonObject, jsonObject } from '../domain/backbeat-wire.ts'
import { Failure } from '../domain/failure.ts'
import { routePrefix } from './http/cloud-request.ts'
import { createWireChannel, objectPath, type WireCall, type WireChannel, wireText } from './http/wire-channel.ts'
import { failureOfAnswer, isSuccess, refusalOf } from './http/wire-refusal.ts'

/** Where the peer has put bytes; `key` and `dataStoreName` at least. */
export type PeerLocation = Readonly<Record<string, unknown>> & { readonly key: string; readonly dataStoreName: string }

export interface PeerObject {
  /** Bucket at the peer. */
  readonly bucket: string
  readonly key: string
}

export interface PeerData {
  readonly size: number
  /** Hex. */
  readonly md5: string
  /** Opens the bytes anew at each call. */
  readonly open: () => Uint8Array | AsyncIterable<Uint8Array>
  /** Canonical id of the owner. */
  readonly ownerId: string
}

/** Who owns a bucket at the peer, and so what is put there. */
export interface PeerOwner {
  readonly id: string
  readonly displayName: string
}

export interface Peer {
  /** Null where the peer does not say: it sees to the owner itself, as our own servers do. Asked once in a while per bucket. */
  ownerOf(bucket: string, signal: AbortSignal): Promise<PeerOwner | null>
  putData(object: PeerObject, data: PeerData, signal: AbortSignal): Promise<PeerLocation>
  /** `missing`: only metadata was sent, and the version is not there. */
  putMetadata(
    object: PeerObject,
    metadata: { readonly query: string; readonly json: string; readonly headers: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<'stored' | 'missing'>
  /** Removes bytes that no version refers to. */
  deleteData(object: PeerObject, locations: readonly PeerLocation[], signal: AbortSignal): Promise<void>
  /** Does the peer accept us? Throws the Failure that says why not. */
  probe(signal: AbortSignal): Promise<void>
}

export interface PeerOptions {
  readonly site: ServersSiteConfig
  readonly http: HttpClient
  readonly world: World
}

/** How long a server that could not be reached is passed over while others answer. */
const passedOverMs = 15_000

export function createPeer(options: PeerOptions): Peer {
  const send = roundRobin(options)
  return {
    ownerOf: ownersOf(send, options.world),
    async putData(object, data, signal) {
      const answer = await send(() => ({
        method: 'PUT',
        path: objectPath(`${routePrefix}/data`, object.bucket, object.key),
        query: 'v2',
        headers: {
          'content-type': 'binary/octet-stream',
          'content-md5': data.md5,
          'x-scal-canonical-id': wireText(data.ownerId),
        },
        body: data.open(),
        contentLength: data.size,
        signal,
      }))
      return firstLocation(success(answer))
    },
    async putMetadata(object, { query, json, headers }, signal) {
      const body = Buffer.from(json, 'utf8')
      const answer = await send(() => ({
        method: 'PUT',
        path: objectPath(`${routePrefix}/metadata`, object.bucket, object.key),
        query,
        headers: { 'content-type': 'application/json', ...headers },
        body,
        signal,
      }))
      if (answer.status === 404 && refusalOf(answer).code === 'ObjNotFound') return 'missing'
      success(answer)
      return 'stored'
    },
    async deleteData(object, locations, signal) {
      const answer = await send(() => ({
        method: 'POST',
        path: objectPath(`${routePrefix}/batchdelete`, object.bucket, object.key),
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ Locations: locations }), 'utf8'),
        signal,
      }))
      success(answer)
    },
    async probe(signal) {
      // A bucket that nobody has: being told so means that we were let in.
      const path = objectPath(`${routePrefix}/metadata`, 'crossbeat-probe', 'probe')
      const answer = await send(() => ({ method: 'GET', path, signal }))
      if (answer.status !== 404) success(answer)
    },
  }
}

/** How long an owner is believed, and of how many buckets. */
const ownerMs = 5 * 60_000
const ownersMax = 1_000

function ownersOf(send: Send, world: World): Peer['ownerOf'] {
  const known = new Map<string, { readonly owner: PeerOwner | null; readonly until: number }>()
  return async (bucket, signal) => {
    const now = world.clock.monotonic()
    const found = known.get(bucket)
    if (found !== undefined && found.until > now) return found.owner
    const path = objectPath('', bucket, '').replace(/\/$/, '')
    const answer = await send(() => ({ method: 'GET', path, query: 'acl=', signal }))
    // Neither a missing bucket nor a peer in trouble is anything to remember.
    if (answer.status === 404 || answer.status >= 500) return answer.status === 501 ? remember(null) : null
    return remember(isSuccess(answer) ? readOwner(answer.body.toString('utf8')) : null)

    function remember(owner: PeerOwner | null): PeerOwner | null {
      if (known.size >= ownersMax) known.clear()
      known.set(bucket, { owner, until: now + ownerMs })
      return owner
    }
  }
}

/** The owner of an AccessControlPolicy document. */
function readOwner(xml: string): PeerOwner | null {
  const owner = /<Owner>(.*?)<\/Owner>/s.exec(xml)?.[1] ?? ''
  const id = /<ID>([^<]+)<\/ID>/.exec(owner)?.[1]
  if (id === undefined) return null
  return { id: unescaped(id), displayName: unescaped(/<DisplayName>([^<]*)<\/DisplayName>/.exec(owner)?.[1] ?? '') }
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (whole, name: string) => entities[name] ?? whole)
}

/** Throws the Failure of an answer that is no success. */
function success(answer: HttpAnswer): HttpAnswer {
  if (isSuccess(answer)) return answer
  const failure = failureOfAnswer(answer, true)
  // A missing bucket is the fault of one rule and not of the whole peer: other buckets go on.
  throw failure.facts.code === 'NoSuchBucket' ? new Failure({ ...failure.facts, class: 'transient' }) : failure
}

function firstLocation(answer: HttpAnswer): PeerLocation {
  const text = answer.body.toString('utf8')
  const list = jsonObject(`{"list":${text}}`)?.['list']
  const first: unknown = Array.isArray(list) ? list[0] : undefined
  if (isJsonObject(first)) {
    const { key, dataStoreName } = first
    if (typeof key === 'string' && typeof dataStoreName === 'string') return { ...first, key, dataStoreName }
  }
  const message = 'The peer did not say where it has put the data'
  throw new Failure({ class: 'transient', code: 'UnreadableAnswer', message, outcomeUnknown: true })
}

interface PeerServer {
  readonly channel: WireChannel
  /** Monotonic time until which it is passed over. */
  passedOverUntil: number
}

type Send = (call: () => WireCall) => Promise<HttpAnswer>

/** Each request starts at the next server; only a request that never left goes on to another one. */
function roundRobin({ site, http, world }: PeerOptions): Send {
  const { credentials, https } = site
  const servers: readonly PeerServer[] = site.servers.map(({ host, port }) => ({
    channel: createWireChannel({ server: { host, port, https }, credentials, http, world }),
    passedOverUntil: Number.NEGATIVE_INFINITY,
  }))
  let turn = 0
  return async call => {
    const now = world.clock.monotonic()
    const from = servers
      .map((_, index) => servers[(turn + index) % servers.length])
      .filter(server => server !== undefined)
    turn = (turn + 1) % servers.length
    const usable = from.filter(server => server.passedOverUntil <= now)
    let failure: unknown = new Failure({ class: 'location', code: 'NoServers', message: 'The site has no servers' })
    for (const server of usable.length > 0 ? usable : from) {
      try {
        const answer = await server.channel.send(call())
        server.passedOverUntil = Number.NEGATIVE_INFINITY
        return answer
      } catch (error) {
        if (!neverLeft(error)) throw error
        server.passedOverUntil = world.clock.monotonic() + passedOverMs
        failure = error
      }
    }
    throw failure
  }
}

function neverLeft(error: unknown): boolean {
  const cause = error instanceof Failure ? error.cause : undefined
  return cause instanceof HttpError && (cause.kind === 'connect' || cause.kind === 'tls')
}
