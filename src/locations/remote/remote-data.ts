// Data in files of other nodes, read and removed through the S3 role that has them. Whatever goes wrong on the way is transient: that data is
// gone, or damaged, only its own node can say.
import type { HttpAnswer, HttpClient } from '../../base/http-client.ts'
import type { World } from '../../base/world.ts'
import type { Credentials, HostPort } from '../../config/types.ts'
import { jsonObject, readFailureHeader, wireHeaders } from '../../domain/backbeat-wire.ts'
import { Failure } from '../../domain/failure.ts'
import { limits } from '../../domain/limits.ts'
import { failureOf, failureOfThrown } from '../cloud-failure.ts'
import type { DataHolders } from '../data-holders.ts'
import { nodeOf } from '../data-name.ts'
import type { DataStore } from '../data-store.ts'
import { type DataRequest, signedRequest } from './signed-request.ts'

/** What of a data store can be done from elsewhere. */
export type RemoteData = Pick<DataStore, 'read' | 'readInto' | 'remove'>

export interface RemoteDataOptions {
  /** Of the location; the same at every node. */
  readonly name: string
  readonly holders: DataHolders
  /** Of a service account or an administrator that every S3 role knows. */
  readonly credentials: Credentials
  readonly http: HttpClient
  readonly world: World
  /** A node that has not begun to answer by then is taken to be down. */
  readonly answerMs?: number
}

const chunkBytes = 256 * 1024
const refusalBytesMax = 64 * 1024

export function createRemoteData(options: RemoteDataOptions): RemoteData {
  const read = (dataName: string, start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> =>
    readRange(options, dataName, { start, end }, signal)
  return {
    read,
    async readInto(dataName, start, target, signal) {
      let at = 0
      for await (const chunk of read(dataName, start, start + target.byteLength, signal)) {
        target.set(chunk, at)
        at += chunk.byteLength
      }
    },
    async remove(dataName) {
      // What no node of ours wrote is nowhere.
      if (nodeOf(dataName) === null) return
      const request = { method: 'DELETE', location: options.name, dataName } as const
      await atHolder(options, dataName, undefined, async (server, signal) => {
        const answer = await options.http.request(signed(options, server, { ...request, signal }))
        if (answer.status !== 204) throw refusalOf(answer)
      })
    },
  }
}

function signed(options: RemoteDataOptions, server: HostPort, request: DataRequest) {
  return signedRequest(server, options.credentials, options.world.clock.now(), request)
}

async function* readRange(
  options: RemoteDataOptions,
  dataName: string,
  { start, end }: { readonly start: number; readonly end: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (end <= start) return
  signal?.throwIfAborted()
  try {
    const body = await open(options, dataName, `bytes=${start}-${end - 1}`, signal)
    let position = start
    for await (const chunk of body) {
      for (let at = 0; at < chunk.byteLength; at += chunkBytes) {
        const piece = chunk.subarray(at, at + chunkBytes)
        position += piece.byteLength
        if (position > end) break
        yield piece
        signal?.throwIfAborted()
      }
    }
    if (position !== end) throw failureOf('transient', 'IncompleteBody', `The node that has ${dataName} broke off`)
  } catch (error) {
    signal?.throwIfAborted()
    throw transientOf(error)
  }
}

async function open(
  options: RemoteDataOptions,
  dataName: string,
  range: string,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const request = { method: 'GET', location: options.name, dataName, headers: { range } } as const
  return atHolder(options, dataName, signal, async (server, within) => {
    const answer = await options.http.stream(signed(options, server, { ...request, signal: within }))
    if (answer.status !== 206) throw refusalOf({ ...answer, body: await collected(answer.body) })
    return answer.body
  })
}

async function collected(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > refusalBytesMax) break
  }
  return Buffer.concat(chunks)
}

/** Asks the node that wrote the data; once more where it listens now, if it is not where it was last. */
async function atHolder<Answer>(
  options: RemoteDataOptions,
  dataName: string,
  signal: AbortSignal | undefined,
  ask: (server: HostPort, signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const nodeId = nodeOf(dataName)
  if (nodeId === null) throw failureOf('source-gone', 'ENOENT', `There is no data of the name ${dataName}`)
  let asked: HostPort | undefined
  let failure = unknownHolder(nodeId)
  for (const afresh of [false, true]) {
    const server = await addressOf(options, nodeId, afresh)
    if (server === null || (asked !== undefined && same(server, asked))) break
    asked = server
    try {
      return await withinTime(options, signal, within => ask(server, within))
    } catch (error) {
      if (signal?.aborted) throw error
      failure = transientOf(error)
      if (failure.facts.class !== 'transient') break
    }
  }
  throw failure
}

async function addressOf({ holders }: RemoteDataOptions, nodeId: string, afresh: boolean): Promise<HostPort | null> {
  try {
    return await holders.addressOf(nodeId, { afresh })
  } catch (error) {
    const message = `It cannot be found out where node ${nodeId} listens`
    throw new Failure({ class: 'transient', code: 'DataHolderAway', message }, { cause: error })
  }
}

function same(left: HostPort, right: HostPort): boolean {
  return left.host === right.host && left.port === right.port
}

function unknownHolder(nodeId: string): Failure {
  return failureOf(
    'transient',
    'DataHolderAway',
    `The S3 role of node ${nodeId}, which has the data, is not to be found`,
  )
}

async function withinTime<Answer>(
  { world, answerMs }: RemoteDataOptions,
  signal: AbortSignal | undefined,
  ask: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const late = new AbortController()
  const timer = world.timers.after(answerMs ?? limits.remoteAnswerMs, () => late.abort(new Error('no answer')), {
    background: true,
  })
  try {
    return await ask(signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]))
  } finally {
    timer.cancel()
  }
}

/** What the other S3 role says of its data counts; any other refusal is about the way to it. */
function refusalOf(answer: HttpAnswer): Failure {
  const told = readFailureHeader(answer.headers[wireHeaders.failure])
  if (told !== null) return transientOf(new Failure(told))
  const code = jsonObject(answer.body.toString('utf8'))?.['code']
  const message = `The S3 role that has the data answers with status ${answer.status}`
  const status = { status: answer.status }
  return failureOf('transient', typeof code === 'string' ? code : 'DataHolderRefuses', message, status)
}

function transientOf(error: unknown): Failure {
  const failure = failureOfThrown(error, () => [])
  if (!(failure instanceof Failure)) throw error
  // A reading has no effect that could be unknown, and removing once more does no harm.
  const { outcomeUnknown: _, ...facts } = failure.facts
  const isTold = facts.class === 'source-gone' || facts.code === 'SourceDataDamaged'
  const failureClass = isTold || facts.class === 'throttled' ? facts.class : 'transient'
  return new Failure({ ...facts, class: failureClass }, { cause: error })
}
