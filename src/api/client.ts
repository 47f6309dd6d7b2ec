// Client of `/api/v1` for the command line: asks, checks nothing twice, and tells a refusal from a server that cannot be reached.
import { type HttpAnswer, type HttpClient, HttpError } from '../base/http-client.ts'
import type { Secret } from '../base/secret.ts'
import type { LocationState } from './schemas.ts'

export interface ControlClientOptions {
  /** `http://127.0.0.1:8900`, with or without a slash at the end. */
  readonly url: string
  readonly token: Secret | undefined
  readonly http: HttpClient
}

/** The server said no: `status` 401 and 403 speak of access, 404 and 409 of the location. */
export class ControlRefusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ControlRefusal'
    this.status = status
  }
}

/** Nothing answered, or what answered is no Crossbeat. */
export class ControlUnreachable extends Error {
  override readonly name = 'ControlUnreachable'
}

/** Who gives a command and why. */
export interface CommandActor {
  readonly by: string
  readonly why: string
}

export type ScheduleTime = { readonly at: string } | { readonly seconds: number }

export interface ControlClient {
  locations(): Promise<readonly LocationState[]>
  location(name: string): Promise<LocationState>
  pause(name: string, actor: CommandActor): Promise<LocationState>
  resume(name: string, actor: CommandActor): Promise<LocationState>
  /** Refused with status 409 when the location is not paused. */
  schedule(name: string, time: ScheduleTime, actor: CommandActor): Promise<LocationState>
  cancelSchedule(name: string): Promise<LocationState>
}

export function createControlClient(options: ControlClientOptions): ControlClient {
  const base = new URL(options.url)
  const prefix = `${base.pathname.replace(/\/$/, '')}/api/v1/locations`

  const send = async (method: string, path: string, body?: object): Promise<unknown> => {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const authorization = options.token === undefined ? {} : { authorization: `Bearer ${options.token.reveal()}` }
    const headers = { host: base.host, ...authorization, ...(payload && { 'content-type': 'application/json' }) }
    let answer: HttpAnswer
    try {
      const request = { origin: base.origin, method, path: prefix + path, headers, answerBytesMax: 64 * 1024 ** 2 }
      answer = await options.http.request(payload === undefined ? request : { ...request, body: payload })
    } catch (error) {
      throw new ControlUnreachable(whyUnreachable(base, error), { cause: error })
    }
    return readAnswer(base, answer)
  }
  const one = async (method: string, name: string, action: string, body?: object): Promise<LocationState> => {
    const value = await send(method, `/${encodeURIComponent(name)}${action}`, body)
    if (isLocationState(value)) return value
    throw notCrossbeat(base)
  }
  return {
    locations: async () => {
      const list: unknown = fieldOf(await send('GET', ''), 'locations')
      if (Array.isArray(list) && list.every(isLocationState)) return list
      throw notCrossbeat(base)
    },
    location: name => one('GET', name, ''),
    pause: (name, actor) => one('POST', name, '/pause', actor),
    resume: (name, actor) => one('POST', name, '/resume', actor),
    schedule: (name, time, actor) => one('PUT', name, '/schedule', { ...time, ...actor }),
    cancelSchedule: name => one('DELETE', name, '/schedule'),
  }
}

/** Anything may listen at the address; what of an answer is worked with has to be there. */
function isLocationState(value: unknown): value is LocationState {
  const parts = ['desired', 'backlog', 'failed'].map(name => fieldOf(value, name))
  return typeof fieldOf(value, 'name') === 'string' && parts.every(part => typeof part === 'object' && part !== null)
}

function fieldOf(value: unknown, name: string): unknown {
  return Object.getOwnPropertyDescriptor(Object(value), name)?.value
}

function notCrossbeat(base: URL): ControlUnreachable {
  return new ControlUnreachable(`${base.origin} answered something else: no Crossbeat control API`)
}

function readAnswer(base: URL, answer: HttpAnswer): unknown {
  let value: unknown
  try {
    value = JSON.parse(answer.body.toString('utf8'))
  } catch {
    throw new ControlUnreachable(
      `${base.origin} answered status ${answer.status} without JSON: no Crossbeat control API`,
    )
  }
  if (answer.status >= 200 && answer.status < 300) return value
  const description = fieldOf(value, 'description')
  throw new ControlRefusal(answer.status, typeof description === 'string' ? description : `status ${answer.status}`)
}

function whyUnreachable(base: URL, error: unknown): string {
  if (!(error instanceof HttpError)) return `${base.origin}: ${error instanceof Error ? error.message : String(error)}`
  if (error.kind === 'tls') {
    return `${base.origin}: its certificate is not trusted (${error.code}); NODE_EXTRA_CA_CERTS=FILE adds an authority`
  }
  return `${base.origin} does not answer (${error.code}); is Crossbeat running there?`
}
