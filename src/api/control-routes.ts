// The control API of the original, route by route, under `/_/...` and `/_/backbeat/api/...` alike (Backbeat wire format). The checks come in
// the original's order: method, prefix, route, query. Path segments are percent-decoded one by one; the key of an object is the rest.
import { defects } from '../base/channels.ts'
import {
  asServiceError,
  type ControlContext,
  type ControlRequest,
  type ControlResponse,
  errorResponse,
  quoted,
  refusal,
} from './control-request.ts'
import { failedRoute } from './failed-routes.ts'
import { healthcheck } from './health.ts'
import { metricsRoute } from './metrics-routes.ts'
import { metricsResponse } from './probes.ts'
import { siteRoute } from './site-routes.ts'

const methods = ['GET', 'POST', 'DELETE']
const prefixes = ['/_/backbeat/api/', '/_/']
const services = ['crr', 'ingestion', 'lifecycle']

/** Answers any request; never rejects. Who may ask is the caller's business. */
export async function handleControlRequest(context: ControlContext, request: ControlRequest): Promise<ControlResponse> {
  try {
    return await route(context, request)
  } catch (error) {
    const known = asServiceError(error)
    if (known.code === 'InternalError' && known.cause !== undefined) {
      defects.publish({ where: `control API ${request.method} ${request.path}`, error: known.cause })
    }
    return errorResponse(known)
  }
}

async function route(context: ControlContext, request: ControlRequest): Promise<ControlResponse> {
  if (!methods.includes(request.method)) {
    throw refusal('MethodNotAllowed', `method ${quoted(request.method)} is not one of ${methods.join(', ')}`)
  }
  const prefix = prefixes.find(start => request.path.startsWith(start))
  const parts = prefix === undefined ? [] : request.path.slice(prefix.length).split('/').map(decodeSegment)
  const response = await namedRoute(context, parts, request)
  if (response === null)
    throw refusal('RouteNotFound', `path ${quoted(request.path)} does not exist for ${request.method}`)
  return response
}

async function namedRoute(
  context: ControlContext,
  parts: readonly string[],
  request: ControlRequest,
): Promise<ControlResponse | null> {
  const [first = '', second = '', ...rest] = parts
  const { method } = request
  if (services.includes(first)) {
    if (first === 'crr' && second === 'failed') {
      checkQuery(request.query)
      return failedRoute(context, rest, request)
    }
    // A slash too many is a path of its own; at the very end it means nothing.
    if (rest.slice(0, -1).includes('')) return null
    return siteRoute(context, first, [second, ...rest], request)
  }
  if (first === 'metrics') return metricsRoute(context, [second, ...rest], request)
  const name = parts.join('/').replace(/\/$/, '')
  switch (name) {
    case 'healthcheck':
      onlyMethod(method, 'GET')
      return healthcheck(context)
    case 'monitoring/metrics':
      onlyMethod(method, 'GET')
      return metricsResponse(await context.metricsText())
    case 'configuration/workflows':
      onlyMethod(method, 'POST')
      throw refusal('NotImplemented', 'workflows are configured by PUT bucket replication and crossbeat.yaml')
    default:
      return null
  }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw refusal('InvalidURI', `the path segment ${quoted(segment)} is not percent-encoded UTF-8`)
  }
}

function onlyMethod(method: string, allowed: string): void {
  if (method !== allowed) throw refusal('MethodNotAllowed', `this route only answers ${allowed}`)
}

function checkQuery(query: URLSearchParams): void {
  for (const name of ['marker', 'sitename', 'versionId']) {
    if (query.getAll(name).length > 1) throw refusal('InvalidQueryParameter', `${name} is given more than once`)
  }
  const marker = query.get('marker')
  if (marker !== null && !/^\d{1,15}$/.test(marker)) throw refusal('InvalidQueryParameter', 'marker must be a number')
  if (query.get('sitename') === '') throw refusal('InvalidQueryParameter', 'sitename must not be empty')
}
