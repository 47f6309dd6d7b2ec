// An HTTP proxy before a destination: notes what goes by, and misbehaves on demand in every way that a cloud or the network before it is known for.
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/**
 * refuse: nobody listens. reset-before: the connection breaks when a request arrives. cut: it breaks within the body, on both sides.
 * reset-after: the destination gets the whole request, its answer is lost. hang: requests are read and never answered. error-body: status 200 with an error document. throttle: 503 with Retry-After.
 * lie: checksums and ETags of all answers are others. flip: a byte of each body changes on its way.
 */
export type Misbehaviour =
  | 'refuse'
  | 'reset-before'
  | 'cut'
  | 'reset-after'
  | 'hang'
  | 'error-body'
  | 'throttle'
  | 'lie'
  | 'flip'

export interface Passage {
  readonly method: string
  /** Path and query as they came. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly status: number
  readonly mode: Misbehaviour | 'good'
  /** By performance.now(): when it came, and when the destination had answered. */
  readonly at: number
  readonly answeredAt: number
}

export interface DestinationProxy {
  /** host:port */
  readonly address: string
  /** What was answered, in the order of the answers. */
  readonly passages: Passage[]
  /** How many requests were treated badly. */
  readonly disturbed: number
  misbehave(how: Misbehaviour): Promise<void>
  heal(): Promise<void>
  close(): Promise<void>
}

export async function openDestinationProxy(target: string): Promise<DestinationProxy> {
  const proxy = new FaultyProxy(target)
  await proxy.listen()
  return proxy
}

class FaultyProxy implements DestinationProxy {
  readonly passages: Passage[] = []
  disturbed = 0
  readonly #target: { readonly host: string; readonly port: number }
  readonly #sockets = new Set<Socket>()
  /** Its own: what is left open must not keep the test process alive. */
  readonly #agent = new Agent({ keepAlive: true })
  #server: Server
  #port = 0
  #mode: Misbehaviour | 'good' = 'good'

  constructor(target: string) {
    const [host = '', port = ''] = target.split(':')
    this.#target = { host, port: Number(port) }
    this.#server = this.#makeServer()
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, '127.0.0.1', resolve)
    })
    const address = this.#server.address() as AddressInfo
    this.#port = address.port
  }

  async misbehave(how: Misbehaviour): Promise<void> {
    await this.heal()
    this.#mode = how
    if (how === 'refuse') await this.#stopListening()
  }

  async heal(): Promise<void> {
    const before = this.#mode
    this.#mode = 'good'
    if (before === 'refuse') {
      this.#server = this.#makeServer()
      await this.listen()
    }
    // What hangs is let go by breaking it: a request timeout of minutes is nothing a test waits for.
    if (before === 'hang') for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.#stopListening()
    this.#agent.destroy()
  }

  #makeServer(): Server {
    const server = createServer((incoming, outgoing) => this.#serve(incoming, outgoing))
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => socket.destroy())
    })
    return server
  }

  async #stopListening(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const mode = this.#mode
    if (mode !== 'good') this.disturbed += 1
    switch (mode) {
      case 'refuse':
      case 'reset-before':
        incoming.socket.destroy()
        return
      case 'hang':
        incoming.resume()
        return
      case 'throttle':
        incoming.resume()
        incoming.on('end', () => outgoing.writeHead(503, { 'retry-after': '1' }).end())
        return
      case 'error-body':
        incoming.resume()
        incoming.on('end', () => outgoing.writeHead(200, { 'content-type': 'application/xml' }).end(errorDocument))
        return
      default:
        this.#forward(incoming, outgoing, mode)
    }
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse, mode: Misbehaviour | 'good'): void {
    const { method = '', url = '', rawHeaders } = incoming
    const at = performance.now()
    const told = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])
    const note = (status: number): void => {
      const passage = { method, path: url, headers: Object.fromEntries(told), status, mode }
      this.passages.push({ ...passage, at, answeredAt: performance.now() })
    }
    const onward: ClientRequest = request(
      { ...this.#target, agent: this.#agent, method, path: url, headers: rawHeaders },
      answer => {
        if (mode === 'reset-after') {
          answer.resume()
          answer.on('end', () => {
            note(answer.statusCode ?? 0)
            incoming.socket.destroy()
          })
          return
        }
        const headers = mode === 'lie' ? answer.rawHeaders.map(lyingHeader) : answer.rawHeaders
        outgoing.writeHead(answer.statusCode ?? 502, headers)
        answer.on('end', () => note(answer.statusCode ?? 0))
        answer.pipe(outgoing)
      },
    )
    onward.on('error', () => {
      note(0)
      incoming.socket.destroy()
    })
    incoming.on('error', () => onward.destroy())
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) onward.destroy()
    })
    if (mode === 'cut') {
      incoming.once('data', (chunk: Buffer) => {
        onward.write(chunk.subarray(0, chunk.length >> 1), () => {
          onward.destroy()
          incoming.socket.destroy()
        })
      })
      incoming.once('end', () => incoming.socket.destroy())
    } else if (mode === 'flip') {
      incoming.on('data', (chunk: Buffer) => onward.write(flipped(chunk)))
      incoming.on('end', () => onward.end())
    } else incoming.pipe(onward)
  }
}

const errorDocument =
  '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InternalError</Code><Message>It went wrong.</Message></Error>'

function flipped(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk)
  copy[0] = (copy[0] ?? 0) ^ 1
  return copy
}

const checksumNames = /^(etag|content-md5|x-amz-checksum-.*|x-ms-content-crc64)$/i

/** Of name, value, name, value...: values of checksums are those of other bytes. */
function lyingHeader(text: string, index: number, all: readonly string[]): string {
  const name = index % 2 === 1 ? (all[index - 1] ?? '') : ''
  if (!checksumNames.test(name)) return text
  return text.replace(/[0-9A-Za-z]/, first => (first === '0' ? '1' : '0'))
}
