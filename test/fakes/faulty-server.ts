// An HTTP server that behaves badly on purpose: breaks connections before or after it has read the body, never answers, answers garbage.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

export interface FaultyServer {
  /** host:port */
  readonly host: string
  behave(next: Behaviour): void
  /** Resolves when the connection that brought the newest request is closed. */
  lastClosed(): Promise<void>
  /** Connections accepted so far. */
  readonly accepted: number
  close(): Promise<void>
}

export async function startFaultyServer(): Promise<FaultyServer> {
  const sockets = new Set<Socket>()
  let accepted = 0
  let behaviour: Behaviour = () => undefined
  let last: Socket | undefined
  const server = createServer((request, response) => {
    last = request.socket
    void Promise.resolve(behaviour(request, response)).catch(error => response.destroy(error))
  })
  server.on('connection', socket => {
    accepted += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    host: `127.0.0.1:${port}`,
    get accepted() {
      return accepted
    },
    behave: next => {
      behaviour = next
    },
    async lastClosed() {
      if (last?.closed === false) await once(last, 'close')
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export const resetAtOnce: Behaviour = request => {
  request.socket.resetAndDestroy()
}

export const resetAfterBody: Behaviour = async request => {
  await drained(request)
  request.socket.resetAndDestroy()
}

export const hang: Behaviour = async request => {
  await drained(request)
}

/** Announces more than it sends. */
export const truncated: Behaviour = async (request, response) => {
  await drained(request)
  response.writeHead(200, { 'content-length': '100' })
  response.write('{', () => request.socket.destroy())
}

export const garbage: Behaviour = async request => {
  await drained(request)
  request.socket.end('this is not HTTP\r\n\r\n')
}

/** Reads the body to its end. */
export async function drained(request: IncomingMessage): Promise<void> {
  for await (const _ of request);
}
