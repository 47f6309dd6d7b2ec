// One connection as the fuzzer uses it: bytes out, one answer in. Knows just enough HTTP to find where an answer ends.
import { connect, type Socket } from 'node:net'

export interface WireAnswer {
  readonly status: number
  /** Names in lower case; of a repeated one the last. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** `closed`: the connection ended without an answer. `silent`: nothing came in time. */
export type WireOutcome = WireAnswer | 'closed' | 'silent'

export interface Wire {
  /** One request at a time. */
  exchange(bytes: Uint8Array, method: string, withinMs: number): Promise<WireOutcome>
  readonly open: boolean
  close(): void
}

interface Waiting {
  readonly method: string
  readonly resolve: (outcome: WireOutcome) => void
}

export function openWire(host: string, port: number): Wire {
  let received = Buffer.alloc(0)
  let waiting: Waiting | undefined
  let open = true
  const settle = (outcome: WireOutcome): void => {
    const { resolve } = waiting ?? {}
    waiting = undefined
    received = Buffer.alloc(0)
    resolve?.(outcome)
  }
  const look = (ended: boolean): void => {
    if (waiting === undefined) return
    const answer = readAnswer(received, waiting.method, ended)
    if (answer === undefined) {
      if (ended) settle('closed')
      return
    }
    if (answer.headers.get('connection')?.toLowerCase() === 'close') socket.end()
    settle(answer)
  }
  const socket: Socket = connect(port, host)
  socket.setNoDelay(true)
  socket.on('data', data => {
    received = Buffer.concat([received, data])
    look(false)
  })
  const onEnd = (): void => {
    open = false
    look(true)
  }
  socket.on('error', onEnd)
  socket.on('end', onEnd)
  socket.on('close', onEnd)
  return {
    get open() {
      return open && socket.writable
    },
    exchange: (bytes, method, withinMs) =>
      new Promise(resolve => {
        const timer = setTimeout(() => settle('silent'), withinMs)
        waiting = {
          method,
          resolve: outcome => {
            clearTimeout(timer)
            resolve(outcome)
          },
        }
        if (!open) settle('closed')
        else socket.write(bytes)
      }),
    close: () => void socket.destroy(),
  }
}

/** Undefined until the answer is whole. Interim answers are passed over. */
function readAnswer(received: Buffer, method: string, ended: boolean): WireAnswer | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [statusLine = '', ...lines] = received.toString('latin1', 0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0)
  const rest = received.subarray(end + 4)
  if (status >= 100 && status < 200) return readAnswer(rest, method, ended)
  const headers = new Map(
    lines.map(
      line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const,
    ),
  )
  const answer = (body: Buffer | undefined): WireAnswer | undefined => body && { status, headers, body }
  if (method === 'HEAD' || status === 204 || status === 304) return answer(Buffer.alloc(0))
  if (headers.get('transfer-encoding') === 'chunked') return answer(dechunked(rest))
  const length = headers.get('content-length')
  if (length === undefined) return ended ? answer(rest) : undefined
  return rest.length >= Number(length) ? answer(rest.subarray(0, Number(length))) : undefined
}

function dechunked(bytes: Buffer): Buffer | undefined {
  const pieces: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const next = lineEnd + 2 + size + 2
    if (next > bytes.length) return undefined
    if (size === 0) return Buffer.concat(pieces)
    pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = next
  }
}
