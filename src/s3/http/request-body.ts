// Reads a request body off the socket: `data` events straight into the payload check and on into a sink, with the sink's backpressure.
// Knows three ways for a body to end badly: the client goes away, it stalls, or it does not match what was declared. Also discards bodies
// that nobody read, within bounds, so that an early refusal reaches the client over a connection it can go on using.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { spent } from '../../base/spent-buffers.ts'
import type { Timers } from '../../base/world.ts'
import { serviceError } from '../../domain/errors.ts'
import type { PayloadCheck, PayloadFacts } from '../auth/payload-check.ts'
import type { BodySink, RequestBody } from '../call.ts'
import type { IdleWatch } from './idle-watch.ts'

export interface IncomingBody extends RequestBody {
  /** Bytes that came off the socket. */
  bytesRead(): number
  /** True once somebody began to read it, or there is nothing to read. */
  begun(): boolean
}

export interface IncomingBodyOptions {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The client waits for `100 Continue` before it sends the body. */
  readonly awaitsContinue: boolean
  readonly idle: IdleWatch
}

export function incomingBody(options: IncomingBodyOptions): IncomingBody {
  const { request, response, awaitsContinue, idle } = options
  let read = 0
  let begun = false
  return {
    bytesRead: () => read,
    begun: () => begun,
    receive(check, sink) {
      if (begun) throw new Error('a request body can be read only once')
      begun = true
      if (awaitsContinue) response.writeContinue()
      return receive(request, check, sink, idle, size => {
        read += size
        spent(size)
      })
    },
  }
}

function receive(
  request: IncomingMessage,
  check: PayloadCheck,
  sink: BodySink,
  idle: IdleWatch,
  count: (size: number) => void,
): Promise<PayloadFacts> {
  return new Promise((resolve, reject) => {
    let finished = false
    const stop = (): void => {
      finished = true
      watched.end()
      request.off('data', onData)
      request.off('end', onEnd)
      request.off('close', onGone)
      request.off('error', onGone)
    }
    const fail = (error: unknown): void => {
      if (finished) return
      stop()
      request.pause()
      reject(error)
    }
    const goOn = (): void => {
      watched.touch()
      if (!finished) request.resume()
    }
    const onData = (chunk: Buffer): void => {
      watched.touch()
      count(chunk.length)
      try {
        let wait: Promise<void> | undefined
        for (const piece of check.push(chunk)) wait = sink.take(piece) ?? wait
        if (wait === undefined) return
        watched.hold()
        request.pause()
        wait.then(goOn, fail)
      } catch (error) {
        fail(error)
      }
    }
    const onEnd = (): void => {
      if (finished) return
      stop()
      try {
        resolve(check.end())
      } catch (error) {
        reject(error)
      }
    }
    const onGone = (): void => fail(serviceError('IncompleteBody'))
    const watched = idle.watch(() => fail(serviceError('RequestTimeout')))
    if (request.destroyed && !request.complete) {
      fail(serviceError('IncompleteBody'))
      return
    }
    request.on('data', onData)
    request.on('end', onEnd)
    request.on('close', onGone)
    request.on('error', onGone)
  })
}

/** Collects a small body; over `bytesMax` the error is MaxMessageLengthExceeded. */
export async function readSmallBody(body: RequestBody, check: PayloadCheck, bytesMax: number): Promise<Buffer> {
  const tooBig = () =>
    serviceError('MaxMessageLengthExceeded', { details: { MaxMessageLengthBytes: String(bytesMax) } })
  if (check.decodedLength !== undefined && check.decodedLength > bytesMax) throw tooBig()
  const pieces: Buffer[] = []
  let size = 0
  await body.receive(check, {
    take(piece) {
      size += piece.length
      if (size > bytesMax) throw tooBig()
      pieces.push(piece)
      return undefined
    },
  })
  return Buffer.concat(pieces, size)
}

/** How much of an unread body is discarded, and how long that may take, before the connection is cut. */
const drainBytesMax = 64 * 1024 * 1024
const drainMsMax = 10_000

/**
 * Discards what the client still sends; resolves when that is all, or the client is gone; undefined if there is nothing. The connection is destroyed
 * when it is more, or takes longer, than is reasonable.
 */
export function drain(request: IncomingMessage, timers: Timers, withinMs = drainMsMax): Promise<void> | undefined {
  if (request.complete || request.destroyed) return undefined
  const drained = Promise.withResolvers<void>()
  let seen = 0
  const timer = timers.after(withinMs, () => request.destroy(), { background: true })
  request.on('data', (chunk: Buffer) => {
    seen += chunk.length
    if (seen > drainBytesMax) request.destroy()
  })
  const over = (): void => {
    timer.cancel()
    drained.resolve()
  }
  request.once('close', over)
  request.once('end', over)
  request.resume()
  return drained.promise
}
