// The load generator of the S3 rows: raw sockets that are kept open, requests signed beforehand, answers read for their status and length only,
// so that nearly all of the CPU is the server's. The same for every server that is measured. One process; commands one after another.
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { sha256Hex } from '../../src/base/hash.ts'
import { amzDateOf, signV4Headers } from '../../src/base/signature-v4.ts'
import type { S3Destination } from '../process/crossbeat.ts'
import { serveCommands } from './worker-process.ts'

export interface S3Load {
  readonly target: S3Destination
  readonly method: 'PUT' | 'GET'
  /** Keys are this and a number below `keys`; or the query of the bucket, for `keys` 0. */
  readonly prefix: string
  readonly keys: number
  /** Requests in all. */
  readonly count: number
  /** Of a PUT's body, or what each answer must have; 0: not looked at. */
  readonly size: number
  readonly clients: number
}

export interface S3LoadResult {
  readonly ms: number
  /** CPU of the generator itself, to be told apart from the server's. */
  readonly cpuMs: number
  readonly eachMs: readonly number[]
}

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

function prepareAll({ target, method, prefix, keys, count, size }: S3Load): readonly Prepared[] {
  const body = method === 'PUT' ? randomBytes(size) : null
  const hash = sha256Hex(body ?? '')
  const pathOf = (index: number): string =>
    keys === 0 ? `/${target.bucket}?${prefix}` : `/${target.bucket}/${prefix}${index % keys}`
  if (keys === 1) {
    const one = prepare(target, method, pathOf(0), body, hash)
    return Array.from({ length: count }, () => one)
  }
  return Array.from({ length: count }, (_, index) => prepare(target, method, pathOf(index), body, hash))
}

async function run(load: S3Load): Promise<S3LoadResult> {
  const requests = prepareAll(load)
  const connections = await Promise.all(
    Array.from({ length: load.clients }, () =>
      RawConnection.open(load.target.endpoint, load.size > 65_536 ? 262_144 : 65_536),
    ),
  )
  const eachMs: number[] = []
  let next = 0
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  await Promise.all(
    connections.map(async connection => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        const sentAt = performance.now()
        const { status, size } = await connection.send(request)
        if (status !== 200 || (load.method === 'GET' && load.size > 0 && size !== load.size))
          throw new Error(`${load.method} was answered ${status} with ${size} bytes`)
        eachMs.push(performance.now() - sentAt)
      }
    }),
  )
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpuBefore)
  for (const connection of connections) connection.destroy()
  return { ms, cpuMs: (user + system) / 1000, eachMs }
}

if (process.send !== undefined) serveCommands<S3Load>(run)
