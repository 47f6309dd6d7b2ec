// `/_/crossbeat/data/<location>/<name>`: the data on this node's disk, for the other processes of the installation: read by range, removed when
// a collector says so. For service accounts and administrators only. Names that this node did not write are misdirected, never "not there": only
// who has a disk can say what is missing on it.
import type { ServerResponse } from 'node:http'
import { begun } from '../base/byte-source.ts'
import { defects } from '../base/channels.ts'
import type { World } from '../base/world.ts'
import { failureHeader, wireHeaders } from '../domain/backbeat-wire.ts'
import { ServiceError, serviceError } from '../domain/errors.ts'
import { Failure } from '../domain/failure.ts'
import { dataRoute } from '../locations/data-holders.ts'
import { nodeOf } from '../locations/data-name.ts'
import type { DataStore } from '../locations/data-store.ts'
import { signerOf } from './access/open-bucket.ts'
import type { AuthResult } from './auth/auth-result.ts'
import type { Answer } from './call.ts'
import { jsonErrorAnswer } from './http/answer.ts'
import { createIdleWatch, type IdleWatch } from './http/idle-watch.ts'
import { abortSignalOf, writeAnswer } from './http/response.ts'
import type { MountedCall, MountedRoutes } from './http/server.ts'
import type { ByteRange } from './objects/byte-range.ts'

export interface DataRoutesOptions {
  readonly nodeId: string
  /** The data on this node's disk, by name of the location. */
  readonly dataStores: ReadonlyMap<string, DataStore>
  readonly world: World
  /** A reader that takes nothing for between one and two of these is given up. Default 30 s. */
  readonly idleMs?: number
}

export interface DataRoutes {
  /** For `S3ServerOptions.mountedRoutes`. */
  readonly serve: MountedRoutes
  /** Stops watching; for when the server has closed. */
  close(): void
}

const defaultIdleMs = 30_000
/** Behind the first slash the path is a bucket, `_`, and a key. */
const prefix = `${dataRoute.slice('/_/'.length)}/`

export function createDataRoutes(options: DataRoutesOptions): DataRoutes {
  const idle = createIdleWatch(options.world.timers, options.idleMs ?? defaultIdleMs)
  return {
    serve: (_, response, auth, mounted) => serve({ options, idle, response, auth, mounted }),
    close: () => idle.close(),
  }
}

interface Exchange {
  readonly options: DataRoutesOptions
  readonly idle: IdleWatch
  readonly response: ServerResponse
  readonly auth: AuthResult
  readonly mounted: MountedCall
}

async function serve(exchange: Exchange): Promise<boolean> {
  const { response, mounted, idle, options } = exchange
  const { requestId, target } = mounted
  if (target.key?.startsWith(prefix) !== true) return false
  const answer = await answerOf(exchange, target.key.slice(prefix.length)).catch(error => answerError(error, requestId))
  await writeAnswer(response, answer, { requestId, close: false, idle, timers: options.world.timers })
  return true
}

/** What is asked for, after everything that can be refused without the disk. */
async function answerOf(exchange: Exchange, path: string): Promise<Answer> {
  const { auth, options } = exchange
  const account = signerOf(auth)
  if (!account.admin && account.service === undefined) throw serviceError('AccessDenied')
  const [location = '', dataName = '', ...rest] = path.split('/')
  const nodeId = rest.length === 0 ? nodeOf(dataName) : null
  if (nodeId === null) throw serviceError('InvalidArgument', { message: 'The path does not name data of a node.' })
  const store = options.dataStores.get(location)
  // The node has another id since its folder is a new one, or it keeps nothing of that location: that says nothing of the data.
  if (nodeId !== options.nodeId || store === undefined) throw serviceError('MisdirectedRequest')
  const { method, headers } = exchange.mounted.head
  if (method === 'GET') return read(store, dataName, rangeOf(headers.get('range')), abortSignalOf(exchange.response))
  if (method !== 'DELETE') throw serviceError('MethodNotAllowed')
  await store.remove(dataName)
  return { status: 204 }
}

/** Exactly one range with both its ends: what is asked for is always known. Throws InvalidRange. */
function rangeOf(header: string | undefined): ByteRange {
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header ?? '')
  const [start, last] = [Number(match?.[1]), Number(match?.[2])]
  if (match !== null && start <= last) return { start, end: last + 1 }
  throw serviceError('InvalidRange', { details: { RangeRequested: (header ?? '').slice(0, 256) } })
}

async function read(store: DataStore, dataName: string, range: ByteRange, signal: AbortSignal): Promise<Answer> {
  const { start, end } = range
  // An answer that has begun can only be cut off: that the data is long enough shows before.
  await store.readInto(dataName, end - 1, new Uint8Array(1), signal)
  const body = await begun(store.read(dataName, start, end, signal))
  return { status: 206, headers: ['Content-Type', 'application/octet-stream'], length: end - start, body }
}

/** Failures of the data go out with their class; what is neither is a defect and says nothing of itself. */
function answerError(error: unknown, requestId: string): Answer {
  if (error instanceof ServiceError) return jsonErrorAnswer(error, requestId)
  if (error instanceof Failure) {
    const answer = jsonErrorAnswer(serviceError(shownCode(error), { cause: error }), requestId)
    return { ...answer, headers: [...(answer.headers ?? []), wireHeaders.failure, failureHeader(error.facts)] }
  }
  defects.publish({ where: 'Data routes', requestId, error })
  return jsonErrorAnswer(serviceError('InternalError', { cause: error }), requestId)
}

function shownCode({ facts }: Failure) {
  if (facts.class === 'source-gone') return 'NoSuchKey'
  return facts.code === 'SourceDataDamaged' ? 'InvalidRange' : 'ServiceUnavailable'
}
