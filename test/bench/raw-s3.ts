// S3 over raw sockets that are kept open: requests are signed beforehand, of answers only status and length are looked at. Costs the generator
// of a load as little as can be.
import { connect, type Socket } from 'node:net'
import { amzDateOf, signV4Headers } from '../../src/base/signature-v4.ts'
import type { S3Destination } from '../process/crossbeat.ts'

/** One request as it goes over the wire. */
export interface Prepared {
  readonly head: Buffer
  readonly body: Buffer | null
}

export function prepare(
  target: S3Destination,
  method: string,
  path: string,
  body: Buffer | null,
  hash: string,
): Prepared {
  const [plain = '', query = ''] = path.split('?')
  const headers = signV4Headers({
    method,
    host: target.endpoint,
    path: plain,
    query,
    headers: {},
    payloadHash: hash,
    region: 'us-east-1',
    service: 's3',
    accessKey: target.accessKey,
    secretKey: target.secretKey,
    amzDate: amzDateOf(Date.now()),
  })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  if (body !== null) lines.push(`content-length: ${body.byteLength}\r\n`)
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  return { head, body }
}

const headEnd = Buffer.from('\r\n\r\n')

/** A connection on which requests follow each other. */
export class RawConnection {
  readonly #socket: Socket
  #head: Buffer = Buffer.alloc(0)
  /** Of the body under way; -1 before its head has come. */
  #left = -1
  #status = 0
  #size = 0
  #resolve: (answer: { status: number; size: number }) => void = () => {}
  #reject: (error: Error) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', error => this.#reject(error))
    socket.on('close', () => this.#reject(new Error('the server closed the connection')))
  }

  /** What comes is read into one buffer again and again: large bodies are only counted. */
  static open(endpoint: string, readBytes = 65_536): Promise<RawConnection> {
    const [host = '', port = ''] = endpoint.split(':')
    const buffer = Buffer.allocUnsafeSlow(readBytes)
    return new Promise((resolve, reject) => {
      const onread = {
        buffer,
        callback: (count: number): boolean => {
          connection.#take(buffer.subarray(0, count))
          return true
        },
      }
      const socket = connect({ host, port: Number(port), noDelay: true, onread }, () => resolve(connection))
      const connection = new RawConnection(socket)
      socket.once('error', reject)
    })
  }

  /** Resolves with the status and the length of the body, when all of it has come. */
  send({ head, body }: Prepared): Promise<{ status: number; size: number }> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#left = -1
      if (body === null) this.#socket.write(head)
      else if (body.byteLength < 65_536) this.#socket.write(Buffer.concat([head, body]))
      else {
        this.#socket.write(head)
        this.#socket.write(body)
      }
    })
  }

  #take(bytes: Buffer): void {
    let rest = bytes
    if (this.#left < 0) {
      const all = this.#head.byteLength === 0 ? bytes : Buffer.concat([this.#head, bytes])
      const end = all.indexOf(headEnd)
      if (end < 0) {
        this.#head = Buffer.from(all)
        return
      }
      this.#head = Buffer.alloc(0)
      const head = all.toString('latin1', 0, end)
      this.#status = Number(head.slice(9, 12))
      this.#left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      this.#size = this.#left
      rest = all.subarray(end + headEnd.byteLength)
    }
    this.#left -= rest.byteLength
    if (this.#left === 0) this.#resolve({ status: this.#status, size: this.#size })
  }

  destroy(): void {
    this.#reject = () => {}
    this.#socket.destroy()
  }
}
