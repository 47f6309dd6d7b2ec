// What `/live` and `/ready` answer, on the control port and on the health port of a process without one.
import type { DependencyHealth } from '../base/dependency.ts'
import { type ControlResponse, jsonResponse } from './control-request.ts'

/** Whether a process can do its work now. */
export interface ReadyReport {
  readonly ok: boolean
  /** Why not; null when it can. */
  readonly why: string | null
  /** What each role is doing. */
  readonly roles: Readonly<Record<string, string>>
  readonly dependencies: readonly DependencyHealth[]
}

export function liveResponse(): ControlResponse {
  return jsonResponse({ status: 'live' })
}

export function readyResponse(report: ReadyReport): ControlResponse {
  const { ok, why, roles, dependencies } = report
  const reason = why === null ? {} : { why }
  return jsonResponse({ status: ok ? 'ready' : 'not ready', ...reason, roles, dependencies }, ok ? 200 : 503)
}

export function metricsResponse(text: string): ControlResponse {
  return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body: text }
}
