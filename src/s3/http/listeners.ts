// Where the S3 server listens: HTTP, HTTPS, or each on an address of its own. Hands on whole requests; connections that send none, or none that is HTTP,
// are refused here. Closing lets running requests finish, for a while.
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Timers } from '../../base/world.ts'
import type { HostPort } from '../../config/types.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { errorAnswer } from './answer.ts'
import { checkConnection } from './client-address.ts'

/** PEM texts. */
export interface S3Certificate {
  readonly cert: string
  readonly key: string
}

export interface ListenersOptions {
  readonly listen: HostPort
  /** Speaks HTTPS: on an address of its own, else on `listen`. */
  readonly tls?: S3Certificate & { readonly listen?: HostPort | undefined }
  /** Other listeners of this program share the address: the system spreads the connections over them. */
  readonly sharesAddress?: boolean
  readonly timers: Timers
  /** Answers a request. `awaitsContinue`: its client waits to be told to send the body. */
  readonly serve: (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean) => void
  readonly nextRequestId: () => string
}

export interface Listeners {
  /** Throws before listen(). */
  readonly address: HostPort
  /** Where HTTPS is spoken, if that is an address of its own. */
  readonly tlsAddress: HostPort | undefined
  /** Takes another certificate for the connections to come. Throws, and keeps the former, if it cannot be used. */
  changeCertificate(certificate: S3Certificate): void
  /** Rejects when an address cannot be had: then nothing listens. */
  listen(): Promise<void>
  /** Accepts nothing more; ends the connections that are left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export function createListeners(options: ListenersOptions): Listeners {
  const { listen, tls, sharesAddress = false, timers } = options
  const secure = tls === undefined ? undefined : createTlsServer({ ...serverOptions, cert: tls.cert, key: tls.key })
  // One server, or one for each address.
  const apart = tls?.listen === undefined ? undefined : secure
  const first: Server = secure === undefined || apart !== undefined ? createServer(serverOptions) : secure
  const servers = apart === undefined ? [first] : [first, apart]
  for (const server of servers) handOn(server, server === secure, options)
  return {
    get address() {
      return addressOf(first)
    },
    get tlsAddress() {
      return apart === undefined ? undefined : addressOf(apart)
    },
    changeCertificate: ({ cert, key }) => secure?.setSecureContext({ cert, key }),
    async listen() {
      await listenOn(first, listen, sharesAddress)
      if (tls?.listen === undefined || apart === undefined) return
      try {
        await listenOn(apart, tls.listen, sharesAddress)
      } catch (error) {
        first.close()
        throw error
      }
    },
    async close(graceMs) {
      const closed = Promise.all(servers.map(server => new Promise<void>(resolve => server.close(() => resolve()))))
      const timer = timers.after(graceMs, () => {
        for (const server of servers) server.closeAllConnections()
      })
      await closed
      timer.cancel()
    },
  }
}

function handOn(
  server: Server | TlsServer,
  isSecure: boolean,
  { serve, timers, nextRequestId }: ListenersOptions,
): void {
  // Otherwise headers beyond the two thousandth would be dropped unseen.
  server.maxHeadersCount = 0
  server.on(isSecure ? 'secureConnection' : 'connection', checkConnection)
  const latest: LatestResponses = new WeakMap()
  const accept = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void => {
    latest.set(request.socket, response)
    serve(request, response, awaitsContinue)
  }
  server.on('request', (request, response) => accept(request, response, false))
  server.on('checkContinue', (request, response) => accept(request, response, true))
  // An expectation that nobody knows is no reason to refuse a request, as at S3.
  server.on('checkExpectation', (request, response) => accept(request, response, false))
  server.on('clientError', connectionRefuser(latest, timers, nextRequestId))
}

const serverOptions: ServerOptions = {
  maxHeaderSize: limits.headerBytes,
  keepAliveTimeout: 75_000,
  headersTimeout: 60_000,
  // Bodies may take as long as they keep moving: the idle watch sees to that.
  requestTimeout: 0,
  highWaterMark: 256 * 1024,
}

function addressOf(server: Server): HostPort {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the S3 server does not listen')
  return { host: (address satisfies AddressInfo).address, port: address.port }
}

function listenOn(server: Server, { host, port }: HostPort, reusePort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, reusePort }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** How long a connection that was refused as a whole may go on sending before it is cut. */
const refusedLingerMs = 2_000

/** By connection: to the request that came last. */
type LatestResponses = WeakMap<Duplex, ServerResponse>

/**
 * What is not even HTTP, or has a head that is too large or too slow: answered in raw form, as there is no response object, where no other answer is
 * due or given. The connection is read on for a moment, as closing it at once could take an answer with it.
 */
function connectionRefuser(
  latest: LatestResponses,
  timers: Timers,
  nextRequestId: () => string,
): (error: Error & { code?: string }, socket: Duplex) => void {
  const refused = new WeakSet<Duplex>()
  const end = (socket: Duplex, answer?: string): void => {
    socket.end(answer)
    const timer = timers.after(refusedLingerMs, () => socket.destroy(), { background: true })
    socket.once('close', () => timer.cancel())
  }
  return (error, socket) => {
    if (refused.has(socket)) return
    refused.add(socket)
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const refuse = (): void => end(socket, rawAnswer(refusalOf(error.code), nextRequestId()))
    const response = latest.get(socket)
    switch (response === undefined ? 'first' : turnOf(response)) {
      case 'first':
        refuse()
        break
      case 'after-answer':
        // Unless that answer was the last one of its connection.
        response?.once('finish', () => socket.writable && refuse())
        break
      case 'never':
        end(socket)
    }
  }
}

/**
 * When what follows on a connection may be answered, going by the latest request: 'first' where nothing else is due, 'never' where the rest of a request
 * is broken whose answer has begun, or waits for those of others.
 */
function turnOf(response: ServerResponse): 'first' | 'after-answer' | 'never' {
  const { req, headersSent, writableFinished, socket } = response
  if (req.complete) return writableFinished ? 'first' : 'after-answer'
  // A response holds no socket before its turn.
  return headersSent || socket === null ? 'never' : 'first'
}

function rawAnswer(refusal: ServiceError, id: string): string {
  const { body } = errorAnswer(refusal, id, '')
  const text = typeof body === 'string' ? body : ''
  return (
    `HTTP/1.1 ${refusal.status} Bad Request\r\nx-amz-id-2: ${id}\r\nx-amz-request-id: ${id}\r\nServer: Crossbeat\r\n` +
    'Content-Type: application/xml\r\n' +
    `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`
  )
}

function refusalOf(code: string | undefined): ServiceError {
  if (code === 'HPE_HEADER_OVERFLOW') return serviceError('RequestHeaderSectionTooLarge')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return serviceError('RequestTimeout')
  return serviceError('InvalidRequest', { message: 'The request is not well-formed HTTP.' })
}
