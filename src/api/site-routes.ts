// Status, pause, resume and scheduled resume of locations: `/_/<service>/{status,pause,resume}...` (Backbeat wire format). `crr` is
// replication; `ingestion` and `lifecycle` have no locations here and answer in the same shapes.
import { limits } from '../domain/limits.ts'
import { isPaused, type SiteControl } from '../domain/site-control.ts'
import {
  type ControlContext,
  type ControlRequest,
  type ControlResponse,
  jsonResponse,
  knownLocation,
  parseJsonBody,
  refusal,
  shortened,
} from './control-request.ts'

const hourMs = 3_600_000
const actor = { by: 'control API', why: '' }

/** The answer to a route of a service, or null when there is no such route. `parts` follow the service's name, decoded. */
export async function siteRoute(
  context: ControlContext,
  service: string,
  parts: readonly string[],
  request: ControlRequest,
): Promise<ControlResponse | null> {
  const known = service === 'crr' ? context.controller.sites : []
  const [action = '', location = '', extra = '', ...more] = parts
  const sites = (): readonly string[] =>
    location === '' || location === 'all' ? known : [knownLocation(location, known)]
  if (action === 'resume' && more.every(part => part === '')) {
    if (extra !== '' && extra !== 'schedule') return null
    return resumeRoute(context, request, extra === 'schedule', sites)
  }
  if (action === 'status' && request.method === 'GET') {
    return jsonResponse(await desiredStates(context, sites(), state => (isPaused(state) ? 'disabled' : 'enabled')))
  }
  if (action === 'pause' && request.method === 'POST') {
    await Promise.all(sites().map(site => context.controller.pause(site, actor)))
    return jsonResponse({})
  }
  return null
}

async function resumeRoute(
  context: ControlContext,
  request: ControlRequest,
  schedule: boolean,
  sites: () => readonly string[],
): Promise<ControlResponse | null> {
  const { controller, world } = context
  switch (request.method) {
    case 'GET':
      return jsonResponse(await desiredStates(context, sites(), scheduleOf))
    case 'DELETE':
      await Promise.all(sites().map(site => controller.cancelSchedule(site, actor)))
      return jsonResponse({})
    case 'POST': {
      const chosen = sites()
      if (schedule) {
        const at = world.clock.now() + scheduleHours(request.body) * hourMs
        await Promise.all(chosen.map(site => controller.schedule(site, at, actor)))
      } else {
        await Promise.all(chosen.map(site => controller.resume(site, actor)))
      }
      return jsonResponse({})
    }
    default:
      return null
  }
}

async function desiredStates(
  context: ControlContext,
  sites: readonly string[],
  shown: (state: SiteControl) => string,
): Promise<Record<string, string>> {
  const states = await Promise.all(
    sites.map(async site => [site, shown(await context.controller.desired(site))] as const),
  )
  return Object.fromEntries(states)
}

function scheduleOf(state: SiteControl): string {
  return state.resumeAt === null ? 'none' : new Date(state.resumeAt).toISOString()
}

/** The hours that a schedule's body asks for; without a body or without `hours`, the default. Refuses everything that is no whole number. */
export function scheduleHours(body: Uint8Array): number {
  const value = parseJsonBody(body)
  if (value === undefined) return limits.scheduleHoursDefault
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refusal('MalformedPOSTRequest', 'the body must be a JSON object such as {"hours":6}')
  }
  const hours: unknown = Object.getOwnPropertyDescriptor(value, 'hours')?.value
  if (hours === undefined) return limits.scheduleHoursDefault
  const number = typeof hours === 'string' && /^\d{1,9}$/.test(hours) ? Number(hours) : hours
  const { scheduleHoursMin: min, scheduleHoursMax: max } = limits
  if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number
  throw refusal(
    'MalformedPOSTRequest',
    `hours must be a whole number from ${min} to ${max}, found ${shownValue(hours)}`,
  )
}

/** Nested values are named only: writing them out would fail for very deep ones. */
function shownValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return shortened(JSON.stringify(value))
  return Array.isArray(value) ? 'an array' : 'an object'
}
