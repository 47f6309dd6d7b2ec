// A TCP proxy in front of one server: passes everything on, until it is told to swallow both directions (connections stay open, nothing
// arrives, as in a network partition) or to cut the connections. Connections made while it swallows are taken and never answered.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface SwallowingProxy {
  readonly port: number
  /** From now on nothing gets through in either direction, or everything does again on new connections. */
  swallow(on: boolean): void
  /** Nothing gets through any more on the connections so far, and neither side hears of it; new ones are as good as ever. */
  strand(): void
  /** Resets all connections. */
  cut(): void
  close(): Promise<void>
}

/** A socket that is being shut down cannot be reset (uv_tcp_close_reset): it would be open for ever, and its process would spin when it ends. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

export async function startSwallowingProxy(targetPort: number): Promise<SwallowingProxy> {
  let swallowing = false
  const sockets = new Set<Socket>()
  const stranded = new WeakSet<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const pass = (from: Socket, to: Socket): void => {
    from.on('data', chunk => {
      if (!swallowing && !stranded.has(from)) to.write(chunk)
    })
    // An end is not passed on while it swallows: neither side hears of the other.
    from.on('close', () => {
      if (!swallowing && !stranded.has(from)) to.destroy()
    })
  }
  const server = createServer(near => {
    keep(near)
    if (swallowing) {
      near.resume()
      return
    }
    const far = connect(targetPort, '127.0.0.1')
    keep(far)
    pass(near, far)
    pass(far, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was assigned')
  const cut = (): void => {
    for (const socket of sockets) reset(socket)
  }
  return {
    port: address.port,
    swallow: on => {
      swallowing = on
      // What was swallowed is gone, so its connections are of no use any more.
      if (!on) cut()
    },
    strand: () => {
      for (const socket of sockets) stranded.add(socket)
    },
    cut,
    close: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
