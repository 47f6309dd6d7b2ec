// Replication in numbers: `/_/metrics/<service>/<location>...` (Backbeat wire format). Every number comes from the ledger, so it is the same
// right after a restart and cannot drift.
import {
  type ControlContext,
  type ControlRequest,
  type ControlResponse,
  jsonResponse,
  knownLocation,
  refusal,
} from './control-request.ts'
import { versionRef } from './failed-routes.ts'

const daySeconds = 86_400
const throughputSeconds = 900
const slotMs = 300_000

const descriptions = {
  pending: 'Number of pending replication operations (count) and bytes (size)',
  backlog: 'Number of incomplete replication operations (count) and number of incomplete bytes transferred (size)',
  completions:
    'Number of completed replication operations (count) and number of bytes transferred (size) ' +
    `in the last ${daySeconds} seconds`,
  failures: `Number of failed replication operations (count) and bytes (size) in the last ${daySeconds} seconds`,
  throughput:
    'Current throughput for replication operations in ops/sec (count) and bytes/sec (size) ' +
    `in the last ${throughputSeconds} seconds`,
  progress:
    'Number of bytes to be replicated (pending), number of bytes transferred to the destination (completed), ' +
    'and percentage of the object that has completed replication (progress)',
  objectThroughput: `Current throughput for object replication in bytes/sec (throughput) in the last ${throughputSeconds} seconds`,
} as const

type MetricType = 'pending' | 'backlog' | 'completions' | 'failures' | 'throughput'

/** Types of each service, in the order in which `all` shows them. */
const typesOf: Readonly<Record<string, readonly MetricType[]>> = {
  crr: ['backlog', 'completions', 'failures', 'throughput', 'pending'],
  ingestion: ['completions', 'throughput', 'pending'],
}

/** The answer to a route below `metrics`, or null when there is no such route. */
export async function metricsRoute(
  context: ControlContext,
  parts: readonly string[],
  request: ControlRequest,
): Promise<ControlResponse | null> {
  const [service = '', location = '', type = '', ...rest] = parts
  const types = Object.hasOwn(typesOf, service) ? typesOf[service] : undefined
  if (types === undefined || request.method !== 'GET') return null
  if (location === '') throw refusal('RouteNotFound', 'invalid site name provided')
  const known = service === 'crr' ? context.controller.sites : []
  const sites = location === 'all' ? known : [knownLocation(location, known)]
  if (rest.some(part => part !== '')) {
    if (service !== 'crr' || location === 'all') return null
    return objectRoute(context, location, type, rest, request.query)
  }
  const chosen = type === '' || type === 'all' ? types : types.filter(name => name === type)
  if (chosen.length === 0) return null
  const numbers = await siteNumbers(context, sites)
  const shown = chosen.map(name => [name, { description: descriptions[name], results: numbers[name] }] as const)
  return jsonResponse(Object.fromEntries(shown))
}

type Results = { readonly count: number | string; readonly size: number | string }

async function siteNumbers(context: ControlContext, sites: readonly string[]): Promise<Record<MetricType, Results>> {
  const { ledger } = context.store
  const now = context.world.clock.now()
  const backlog = (await ledger.backlog()).filter(row => sites.includes(row.site))
  const slots = (await ledger.activity(now - daySeconds * 1000)).filter(slot => sites.includes(slot.site))
  const pending = { count: sum(backlog, row => row.objects), size: sum(backlog, row => row.bytes) }
  const share = (slotAt: number): number => throughputShare(slotAt, now)
  return {
    pending,
    backlog: pending,
    completions: {
      count: sum(slots, slot => slot.completedObjects),
      size: sum(slots, slot => slot.completedBytes),
    },
    failures: { count: sum(slots, slot => slot.failedObjects), size: sum(slots, slot => slot.failedBytes) },
    throughput: {
      count: (sum(slots, slot => slot.completedObjects * share(slot.slotAt)) / throughputSeconds).toFixed(2),
      size: (sum(slots, slot => slot.completedBytes * share(slot.slotAt)) / throughputSeconds).toFixed(2),
    },
  }
}

/** How much of a slot counts for the throughput: the newest three whole, the fourth by what of it lies within the window. */
function throughputShare(slotAt: number, now: number): number {
  const slotsAgo = Math.floor(now / slotMs) - Math.floor(slotAt / slotMs)
  if (slotsAgo < 3) return 1
  return slotsAgo === 3 ? 1 - (now % slotMs) / slotMs : 0
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}

async function objectRoute(
  context: ControlContext,
  site: string,
  type: string,
  rest: readonly string[],
  query: URLSearchParams,
): Promise<ControlResponse | null> {
  if (type !== 'progress' && type !== 'throughput') return null
  const [bucket = '', ...keyParts] = rest
  const key = keyParts.join('/')
  const version = query.get('versionId') ?? ''
  if (bucket === '' || key === '' || version === '') {
    throw refusal('RouteNotFound', 'must provide object key and version ID')
  }
  const ref = await versionRef(context, bucket, key, version)
  const row = ref === null ? null : await context.store.ledger.row({ ...ref, site })
  if (row === null) throw refusal('ObjNotFound', `no such version is replicated to ${site}`)
  const sent = row.upload === undefined ? 0 : sum(row.upload.parts, part => part.size)
  const done = row.state === 'completed' || (row.state === 'reported' && row.reason === undefined)
  const completed = done ? row.size : Math.min(sent, row.size)
  if (type === 'progress') {
    const share = row.size === 0 ? Number(done) : completed / row.size
    const progress = `${Math.floor(share * 100)}%`
    return jsonResponse({ description: descriptions.progress, pending: row.size - completed, completed, progress })
  }
  const ageSeconds = Math.max(1, (context.world.clock.now() - row.createdAt) / 1000)
  const throughput = ageSeconds > throughputSeconds && done ? 0 : completed / Math.min(ageSeconds, throughputSeconds)
  return jsonResponse({ description: descriptions.objectThroughput, throughput: throughput.toFixed(2) })
}
