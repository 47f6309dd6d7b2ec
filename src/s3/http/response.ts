// Writes an answer: headers in one flat list, small bodies with them in one write, streams with the client's backpressure. A client that
// stops reading is given up; a stream that breaks cuts the connection, so that a short body is never taken for a whole one. What is left of the request
// is discarded, so that its client reads the answer.
import type { ServerResponse } from 'node:http'
import type { Timers } from '../../base/world.ts'
import type { Answer, FlatHeaders } from '../call.ts'
import type { DirectSending } from './direct-sending.ts'
import type { IdleWatch } from './idle-watch.ts'
import { drain } from './request-body.ts'

export interface WriteOptions {
  readonly requestId: string
  /** Tell the client to close the connection after this answer. */
  readonly close: boolean
  /** Says when a client that takes nothing is given up. */
  readonly idle: Pick<IdleWatch, 'periodMs'>
  readonly timers: Timers
  /** How long the client may go on with the request that was not read before it is cut off; 0: none of it is read. Default 10 s. */
  readonly restMs?: number | undefined
  /** What the body sends beside its chunks. */
  readonly direct?: DirectSending | undefined
  /** Headers beside those of the answer. */
  readonly more?: FlatHeaders
}

/** Resolves with the body bytes written, when all of the answer is handed to the socket. */
export async function writeAnswer(response: ServerResponse, answer: Answer, options: WriteOptions): Promise<number> {
  if (response.destroyed) {
    await leave(answer.body)
    return 0
  }
  const { requestId, close } = options
  const unread = options.restMs === 0 ? undefined : drain(response.req, options.timers, options.restMs)
  const headers: FlatHeaders = ['x-amz-id-2', requestId, 'x-amz-request-id', requestId, 'Server', 'Crossbeat']
  if (answer.headers !== undefined) for (const item of answer.headers) headers.push(item)
  if (options.more !== undefined) headers.push(...options.more)
  if (close) headers.push('Connection', 'close')
  const { body } = answer
  if (answer.status === 204 || answer.status === 304) {
    endWith(response.writeHead(answer.status, headers), undefined, close, unread)
    return 0
  }
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
    headers.push('Content-Length', String(answer.length ?? length))
    endWith(response.writeHead(answer.status, headers), body, close, unread)
    return length
  }
  headers.push('Content-Length', String(answer.length ?? 0))
  response.writeHead(answer.status, headers)
  return writeStream(response, body, answer.length ?? 0, options)
}

/** A stream that has begun holds files open until it is read to its end or left. */
async function leave(body: Answer['body']): Promise<void> {
  if (typeof body !== 'object' || body instanceof Uint8Array) return
  await body[Symbol.asyncIterator]().return?.()
}

/** Ends the answer, after the request where the connection is closed then: closed before, it would take the answer with it, as the client still writes. */
function endWith(
  response: ServerResponse,
  body: string | Uint8Array | undefined,
  close: boolean,
  unread: Promise<void> | undefined,
): void {
  if (unread === undefined || (response.shouldKeepAlive && !close)) {
    response.end(body)
    return
  }
  // The answer to a HEAD has no body, and node:http sends nothing when it is given one.
  if (body === undefined || response.req.method === 'HEAD') response.flushHeaders()
  else response.write(body)
  void unread.then(() => response.end())
}

async function writeStream(
  response: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  length: number,
  { idle, direct }: WriteOptions,
): Promise<number> {
  let chunkBytes = 0
  const written = (): number => chunkBytes + (direct?.bytes() ?? 0)
  for await (const chunk of body) {
    if (response.destroyed) return written()
    chunkBytes += chunk.byteLength
    await write(response, chunk, idle.periodMs)
  }
  if (written() !== length) throw new Error(`the answer's body has ${written()} bytes instead of ${length}`)
  response.end()
  return written()
}

/**
 * Resolves when the system has taken all of the chunk, whose memory may then be used again, or the client is gone. A slow client may take as long as
 * it likes: the time-out of the socket, which destroys it, begins anew whenever some of the chunk has gone.
 */
function write(response: ServerResponse, chunk: Uint8Array, idleMs: number): Promise<void> {
  const { socket } = response
  return new Promise(resolve => {
    const done = (): void => {
      socket?.setTimeout(0)
      response.off('close', done)
      resolve()
    }
    socket?.setTimeout(idleMs)
    response.once('close', done)
    response.write(chunk, done)
  })
}

/** Aborts when the client goes away before its answer is whole. */
export function abortSignalOf(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  if (response.destroyed && !response.writableFinished) controller.abort(new Error('the client went away'))
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new Error('the client went away'))
  })
  return controller.signal
}
