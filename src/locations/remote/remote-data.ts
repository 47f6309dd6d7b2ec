// Data in files of other nodes, read and removed through the S3 role that has them. Whatever goes wrong on the way is transient: that data is
// gone, or damaged, only its own node can say.
import { collectUpTo } from '../../base/byte-source.ts'
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

/** Shared by the calls. */
interface Reach extends RemoteDataOptions {
  /** How far the clocks of nodes are ahead of ours, where they have refused our signatures for it; milliseconds. */
  readonly aheadMs: Map<string, number>
}

export function createRemoteData(options: RemoteDataOptions): RemoteData {
  const reach: Reach = { ...options, aheadMs: new Map() }
  const read = (dataName: string, start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> =>
    readRange(reach, dataName, { start, end }, signal)
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
      await atHolder(reach, dataName, undefined, async (server, signal) => {
        const answer = await options.http.request(signed(reach, server, { ...request, signal }))
        if (answer.status !== 204) throw refusalOf(answer)
      })
    },
  }
}

function signed({ credentials, world, aheadMs }: Reach, server: HostPort, request: DataRequest) {
  const now = world.clock.now() + (aheadMs.get(nodeOf(request.dataName) ?? '') ?? 0)
  return signedRequest(server, credentials, now, request)
}

async function* readRange(
  reach: Reach,
  dataName: string,
  { start, end }: { readonly start: number; readonly end: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (end <= start) return
  signal?.throwIfAborted()
  try {
    const body = await open(reach, dataName, `bytes=${start}-${end - 1}`, signal)
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
  reach: Reach,
  dataName: string,
  range: string,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const request = { method: 'GET', location: reach.name, dataName, headers: { range } } as const
  return atHolder(reach, dataName, signal, async (server, within) => {
    const answer = await reach.http.stream(signed(reach, server, { ...request, signal: within }))
    if (answer.status !== 206) throw refusalOf({ ...answer, body: await collectUpTo(answer.body, refusalBytesMax) })
    return answer.body
  })
}

/** Asks the node that wrote the data; once more where it listens now, if it is not where it was last. */
async function atHolder<Answer>(
  reach: Reach,
  dataName: string,
  signal: AbortSignal | undefined,
  ask: Ask<Answer>,
): Promise<Answer> {
  const nodeId = nodeOf(dataName)
  if (nodeId === null) throw failureOf('source-gone', 'ENOENT', `There is no data of the name ${dataName}`)
  let asked: HostPort | undefined
  let failure = unknownHolder(nodeId)
  for (const afresh of [false, true]) {
    const server = await addressOf(reach, nodeId, afresh)
    if (server === null || (asked !== undefined && same(server, asked))) break
    asked = server
    try {
      return await askByItsClock(reach, nodeId, server, signal, ask)
    } catch (error) {
      if (signal?.aborted) throw error
      failure = transientOf(error)
      if (failure.facts.class !== 'transient') break
    }
  }
  throw failure
}

type Ask<Answer> = (server: HostPort, signal: AbortSignal) => Promise<Answer>

/** Clocks of machines may differ by more than signatures allow: then the clock of the one who judges them counts. */
async function askByItsClock<Answer>(
  reach: Reach,
  nodeId: string,
  server: HostPort,
  signal: AbortSignal | undefined,
  ask: Ask<Answer>,
): Promise<Answer> {
  const attempt = (): Promise<Answer> => withinTime(reach, signal, within => ask(server, within))
  try {
    return await attempt()
  } catch (error) {
    if (!(error instanceof ClockRefusal)) throw error
    reach.aheadMs.set(nodeId, error.serverTime - reach.world.clock.now())
    return attempt()
  }
}

/** The other side's clock differs too much from ours. */
class ClockRefusal extends Failure {
  readonly serverTime: number

  constructor(serverTime: number) {
    const message = 'The clocks of this machine and of the one that has the data differ'
    super({ class: 'transient', code: 'RequestTimeTooSkewed', message })
    this.serverTime = serverTime
  }
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
  const text = answer.body.toString('utf8')
  const json = jsonObject(text)?.['code']
  const code = typeof json === 'string' ? json : /<Code>(\w{1,100})<\/Code>/.exec(text)?.[1]
  const serverTime = Date.parse(/<ServerTime>([^<]{1,40})<\/ServerTime>/.exec(text)?.[1] ?? '')
  if (code === 'RequestTimeTooSkewed' && !Number.isNaN(serverTime)) return new ClockRefusal(serverTime)
  const message = `The S3 role that has the data answers with status ${answer.status}`
  return failureOf('transient', code ?? 'DataHolderRefuses', message, { status: answer.status })
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
