// The port of a process without the control role: `/live`, `/ready` and `/metrics`, nothing else. It needs no token, because it tells no
// secret and changes nothing.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { HostPort } from '../config/types.ts'
import { asServiceError, type ControlResponse, errorResponse, refusal } from './control-request.ts'
import { liveResponse, metricsResponse, type ReadyReport, readyResponse } from './probes.ts'

export interface HealthServerOptions {
  readonly listen: HostPort
  readonly ready: () => Promise<ReadyReport>
  readonly metricsText: () => Promise<string>
}

export interface HealthServer {
  /** The real port when port 0 was asked for. */
  readonly address: HostPort
  close(): Promise<void>
}

/** Resolves when it accepts connections; rejects when the address cannot be had. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => void serve(options, request, response))
  await listen(server, options.listen)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.listen.port
  return {
    address: { host: options.listen.host, port },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, { host, port }: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function serve(options: HealthServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume()
  const answer = await answerTo(options, request).catch(error => errorResponse(asServiceError(error)))
  response.writeHead(answer.status, { 'content-type': answer.contentType, 'cache-control': 'no-store' })
  response.end(request.method === 'HEAD' ? undefined : answer.body)
}

async function answerTo(options: HealthServerOptions, request: IncomingMessage): Promise<ControlResponse> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw refusal('MethodNotAllowed', 'this port only answers GET')
  }
  switch ((request.url ?? '').split('?')[0]) {
    case '/live':
      return liveResponse()
    case '/ready':
      return readyResponse(await options.ready())
    case '/metrics':
      return metricsResponse(await options.metricsText())
    default:
      throw refusal('RouteNotFound', 'this port answers /live, /ready and /metrics')
  }
}
