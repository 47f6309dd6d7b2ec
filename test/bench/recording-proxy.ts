// A TCP proxy that records when requests came and when their answers went by, per path: one process before both servers, so that one clock
// sees the client's answer and the destination's answer.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { serveCommands } from './worker-process.ts'

export interface Passage {
  readonly method: string
  readonly path: string
  readonly startedAt: number
  readonly answeredAt: number
}

type Command =
  | { readonly kind: 'open'; readonly name: string; readonly host: string; readonly port: number }
  | { readonly kind: 'wait'; readonly name: string; readonly path: string }

const passages = new Map<string, Passage>()
const waiting = new Map<string, (passage: Passage) => void>()
const requestLine = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n/

function settle(name: string, passage: Passage): void {
  const id = `${name} ${passage.path.split('?')[0]}`
  const waiter = waiting.get(id)
  waiting.delete(id)
  if (waiter === undefined) passages.set(id, passage)
  else waiter(passage)
}

function relay(name: string, client: Socket, host: string, port: number): void {
  const server = connect(port, host)
  let current: { method: string; path: string; startedAt: number } | null = null
  client.setNoDelay(true)
  server.setNoDelay(true)
  client.on('data', chunk => {
    const found = requestLine.exec(chunk.subarray(0, 2048).toString('latin1'))
    if (found !== null) current = { method: found[1] ?? '', path: found[2] ?? '', startedAt: performance.now() }
    server.write(chunk)
  })
  server.on('data', chunk => {
    const interim = chunk.subarray(0, 12).toString('latin1') === 'HTTP/1.1 100'
    client.write(chunk, () => undefined)
    if (current !== null && !interim) {
      settle(name, { ...current, answeredAt: performance.now() })
      current = null
    }
  })
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('close', () => other.destroy())
    one.on('error', () => other.destroy())
  }
}

serveCommands<Command>(async command => {
  if (command.kind === 'open') {
    const proxy = createServer(client => relay(command.name, client, command.host, command.port))
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    const address = proxy.address() as AddressInfo
    return { port: address.port }
  }
  const id = `${command.name} ${command.path}`
  const seen = passages.get(id)
  passages.delete(id)
  if (seen !== undefined) return seen
  return new Promise<Passage>(resolve => waiting.set(id, resolve))
})
