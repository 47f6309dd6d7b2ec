// A network that answers from a script: what locations send can be looked at, and they can be told anything.
import type { HttpAnswer, HttpClient, HttpRequest } from '../../src/base/http-client.ts'

export interface SentRequest {
  readonly method: string
  readonly path: string
  readonly origin: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface ScriptedAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface ScriptedHttp extends HttpClient {
  readonly sent: readonly SentRequest[]
}

/** Answers each request by the function, given its place in the order of requests; an Error is thrown instead. */
export function scriptedHttp(answer: (request: SentRequest, index: number) => ScriptedAnswer | Error): ScriptedHttp {
  const sent: SentRequest[] = []
  const exchange = async (request: HttpRequest): Promise<HttpAnswer> => {
    const taken = { ...request, body: await bodyOf(request) }
    sent.push(taken)
    request.onSent?.()
    const told = answer(taken, sent.length - 1)
    if (told instanceof Error) throw told
    const { status = 200, headers = {}, body = '' } = told
    return { status, headers, body: Buffer.from(body) }
  }
  return {
    sent,
    request: exchange,
    async stream(request) {
      const { body, ...rest } = await exchange(request)
      return { ...rest, body: onceOnly(body) }
    },
    close: async () => {},
  }
}

async function* onceOnly(body: Buffer): AsyncIterable<Uint8Array> {
  if (body.byteLength > 0) yield body
}

async function bodyOf(request: HttpRequest): Promise<Buffer> {
  if (request.body === undefined) return Buffer.alloc(0)
  if (request.body instanceof Uint8Array) return Buffer.from(request.body)
  const chunks: Uint8Array[] = []
  for await (const chunk of request.body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
