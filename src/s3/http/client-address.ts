// From which address a connection comes. It is asked as soon as the connection is there: the system forgets the address of one that was reset,
// while requests that it had sent before are still read. Policies decide by it, so whoever has none is not served.
import type { Socket } from 'node:net'

const known = new WeakMap<Socket, string>()

/** The address of the other side, the same for as long as the connection lives; undefined when it was gone before it could be asked. */
export function clientAddressOf(socket: Socket): string | undefined {
  const address = known.get(socket) ?? socket.remoteAddress
  if (address === undefined || address === '') return undefined
  known.set(socket, address)
  return address
}

/** Closes a new connection whose other side is gone already. */
export function checkConnection(socket: Socket): void {
  if (clientAddressOf(socket) === undefined) socket.destroy()
}
