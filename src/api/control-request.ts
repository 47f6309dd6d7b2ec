// Requests to the control API as plain values, and the errors and checks its routes share. Nothing here knows HTTP servers: the control
// port and, for administrators, the S3 port hand their requests to the same code.
import type { World } from '../base/world.ts'
import type { Config } from '../config/types.ts'
import type { SiteController } from '../control/site-controller.ts'
import type { StateStore } from '../control/state-store.ts'
import { type ErrorCode, ServiceError, serviceError } from '../domain/errors.ts'
import type { Ledger } from '../metadata/ledger.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import type { TopicLog } from '../queue/topic-log.ts'

/** What of the ledger is asked and changed here. */
export type ControlLedger = Pick<Ledger, 'activity' | 'backlog' | 'quarantined' | 'retry' | 'row' | 'rowsOf'>

/** What the control API works with. */
export interface ControlContext {
  readonly config: Config
  readonly controller: SiteController
  readonly store: Pick<MetadataStore, 'version'> & { readonly ledger: ControlLedger }
  readonly stateStore: Pick<StateStore, 'get'>
  readonly topicLog: Pick<TopicLog, 'describe'>
  readonly world: World
  /** The metrics of this process in Prometheus' text format. */
  readonly metricsText: () => Promise<string>
  /** Told after versions were taken out of quarantine, so that their processors need not find out by themselves. */
  /** Entries that the topic has removed before the site's processors had read them. */
  readonly removedUnread: (site: string) => Promise<number>
  readonly retried?: (sites: readonly string[]) => void
}

export interface ControlRequest {
  readonly method: string
  /** As it came, still percent-encoded, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Uint8Array
}

export interface ControlResponse {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export function jsonResponse(value: unknown, status = 200): ControlResponse {
  return { status, contentType: 'application/json', body: JSON.stringify(value) }
}

/** The body of an error: what every version of the original sends, together (Backbeat wire format). */
export function errorBody(code: string, status: number, description: string): Record<string, unknown> {
  return { code: status, description, message: code, [code]: true }
}

export function errorResponse(error: ServiceError): ControlResponse {
  return jsonResponse(errorBody(error.code, error.status, error.message), error.status)
}

/** A refusal with words of its own. */
export function refusal(code: ErrorCode, message: string): ServiceError {
  return serviceError(code, { message })
}

/** The error that a thrown value means to a client: anything that is no refusal is ours. */
export function asServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error
  return serviceError('InternalError', {
    message: 'the request could not be carried out; the log says why',
    cause: error,
  })
}

/** Shortens what a client sent, to be shown in an answer. */
export function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}

export function quoted(text: string): string {
  return JSON.stringify(shortened(text))
}

/** The body as JSON. undefined when there is none. */
export function parseJsonBody(body: Uint8Array): unknown {
  if (body.length === 0) return undefined
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    throw refusal('MalformedPOSTRequest', 'the body is not UTF-8 text')
  }
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    throw refusal('MalformedPOSTRequest', 'the body is not JSON')
  }
}

/** A name that is one of ours, or the refusal that names them. */
export function knownLocation(name: string, known: readonly string[]): string {
  if (known.includes(name)) return name
  const list = known.length === 0 ? 'there are none' : `known: ${known.join(', ')}`
  throw refusal('RouteNotFound', `unknown location ${quoted(name)}; ${list}`)
}
