// Bytes of a file to a socket without a copy through this process: sendfile(2), which Node does not offer. A download then costs half the CPU. Called
// through a foreign function interface, where there is one for this machine; without it everything works, by reading and writing.
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { createByteBudget } from './bounded.ts'

/**
 * Sends bytes of an open file from `position` on to a socket, as many as its connection takes without waiting; resolves with how many, 0 when it takes
 * none now, is encrypted or closed, or something is wrong with it or the file: writing to the socket, which is possible then, shows what.
 */
export type SendFile = (socket: Socket, file: number, position: number, count: number) => Promise<number>

interface SystemCalls {
  /** A number for the same connection that nobody else closes, and no child process inherits; negative: there is none. */
  duplicate(descriptor: number): number
  close(descriptor: number): void
  /** Ends the connection for everyone. */
  shutdown(descriptor: number): void
  /** Negative: nothing was sent. */
  sendFile(to: number, from: number, position: number, count: number): Promise<number>
}

/** F_DUPFD_CLOEXEC of fcntl(2). */
const duplicateForUs = 1030
/** SHUT_RDWR of shutdown(2). */
const bothWays = 2
/** More at a time would only keep the thread that does it from others. */
const sendBytesMax = 4 * 1024 * 1024
/** One at a time: the threads that do it write uploads, too, and the interface refuses calls when hundreds wait. */
const underWay = createByteBudget(sendBytesMax)

let loading: Promise<SendFile | null> | undefined

/** How to send files on this machine; null where that is not possible. */
export function loadSendFile(): Promise<SendFile | null> {
  loading ??= loadSystemCalls().then(calls => calls && senderOf(calls))
  return loading
}

async function loadSystemCalls(): Promise<SystemCalls | null> {
  const is64Bit = process.arch === 'x64' || process.arch === 'arm64'
  if (process.platform !== 'linux' || !is64Bit) return null
  try {
    const { default: koffi } = await import('koffi')
    const system = koffi.load(null)
    const fcntl = system.func('int fcntl(int fd, int command, ...)')
    const close = system.func('int close(int fd)')
    const shutdown = system.func('int shutdown(int fd, int how)')
    const sendFile = system.func('int64_t sendfile(int to, int from, _Inout_ int64_t *position, size_t count)')
    return {
      duplicate: descriptor => Number(fcntl(descriptor, duplicateForUs, 'int', 0)),
      close: descriptor => void close(descriptor),
      shutdown: descriptor => void shutdown(descriptor, bothWays),
      sendFile: (to, from, position, count) =>
        new Promise((resolve, reject) => {
          sendFile.async(to, from, [position], count, (error: unknown, sent: unknown) => {
            if (error === null) resolve(Number(sent))
            else reject(error)
          })
        }),
    }
  } catch {
    // Not installed, or not made for this machine.
    return null
  }
}

function senderOf(calls: SystemCalls): SendFile {
  let sending: number | undefined
  // A thread that ends in the middle closes its sockets, but not this number: the client would wait for ever.
  process.once('exit', () => {
    if (sending !== undefined) calls.shutdown(sending)
  })
  return async (socket, file, position, count) => {
    const turn = await underWay.acquire(sendBytesMax)
    try {
      // What was written before comes before.
      if (socket.destroyed || socket.writableLength > 0 || socket instanceof TLSSocket) return 0
      const descriptor = descriptorOf(socket)
      if (descriptor === undefined) return 0
      // Of our own: while a call is on its way to its thread, the socket's could be closed, and be another client's.
      const own = calls.duplicate(descriptor)
      if (own < 0) return 0
      sending = own
      try {
        return Math.max(0, await calls.sendFile(own, file, position, Math.min(count, sendBytesMax)))
      } finally {
        sending = undefined
        calls.close(own)
      }
    } finally {
      turn.release()
    }
  }
}

/** The number of its connection, which Node knows, but does not document. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  if (typeof handle !== 'object' || handle === null) return undefined
  const descriptor: unknown = Reflect.get(handle, 'fd')
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined
}
