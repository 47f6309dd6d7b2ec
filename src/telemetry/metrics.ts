// Metrics for Prometheus. What is counted as it happens comes from the program's channels; how much is still to do is computed from the
// ledger whenever somebody asks, so it is right after a restart and never drifts. Names are the original's where the meaning is the same.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import {
  attemptsEnded,
  circuitEvents,
  lifecycleNotices,
  notificationNotices,
  pipelineNotices,
  s3Requests,
  unreadableRecords,
} from '../base/channels.ts'
import type { Clock } from '../base/world.ts'
import type { Ledger } from '../metadata/ledger.ts'

export interface MetricsOptions {
  /** What is still to do; left out where another process tells it. */
  readonly backlog?: BacklogOptions
}

export interface BacklogOptions {
  readonly sites: readonly string[]
  readonly ledger: Pick<Ledger, 'backlog'>
  readonly clock: Clock
  /** The sites that are wanted paused now. */
  readonly pausedSites: () => Promise<readonly string[]>
}

export interface Metrics {
  /** Prometheus' text format. */
  text(): Promise<string>
  /** Stops counting. */
  close(): void
}

const origin = 'replication'
const inSites = ['origin', 'location'] as const
const circuitValues = { closed: 0, trial: 1, open: 2 } as const
const statusOf = { done: 'COMPLETED', quarantined: 'FAILED', skipped: 'SKIPPED' } as const

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const refreshGauges = options.backlog === undefined ? null : addBacklogGauges(registry, options.backlog)
  const endings = [
    ...countReplication(registry),
    countRequests(registry),
    countLifecycle(registry),
    countNotifications(registry),
  ]
  return {
    async text() {
      await refreshGauges?.()
      return registry.metrics()
    },
    close() {
      for (const end of endings) end()
      registry.clear()
    },
  }
}

// The gauges are set by one reading of the ledger and of the state store, before their values are collected.
function addBacklogGauges(registry: Registry, options: BacklogOptions): () => Promise<void> {
  const gauge = (name: string, help: string): Gauge<'origin' | 'location'> =>
    new Gauge({ name, help, labelNames: inSites, registers: [registry] })
  const objects = gauge('s3_replication_backlog_objects', 'Versions accepted and not yet ended at a location')
  const bytes = gauge('s3_replication_backlog_bytes', 'Bytes of the versions accepted and not yet ended at a location')
  const age = gauge('s3_replication_rpo_seconds', 'Age of the oldest version not yet ended at a location')
  const failed = gauge('s3_replication_failed_objects', 'Versions in quarantine at a location')
  const paused = gauge('s3_replication_paused', '1 while a location is wanted paused')
  return async () => {
    const [backlogs, pausedSites] = await Promise.all([options.ledger.backlog(), options.pausedSites()])
    for (const location of options.sites) {
      const backlog = backlogs.find(row => row.site === location)
      const labels = { origin, location }
      const oldestAt = backlog?.oldestAt ?? null
      objects.set(labels, backlog?.objects ?? 0)
      bytes.set(labels, backlog?.bytes ?? 0)
      age.set(labels, oldestAt === null ? 0 : Math.max(0, options.clock.now() - oldestAt) / 1000)
      failed.set(labels, backlog?.failedObjects ?? 0)
      paused.set(labels, pausedSites.includes(location) ? 1 : 0)
    }
  }
}

function countReplication(registry: Registry): readonly (() => void)[] {
  const registers = [registry]
  // Every copy is counted: in plain numbers, which the counters hear of when they are asked.
  const collect = (): void => {
    for (const [location, tally] of done.known) {
      attempts.inc({ location, outcome: 'done' }, tally.count)
      status.inc({ origin, location, replicationStatus: statusOf.done }, tally.count)
      bytes.inc({ origin, location, serviceName }, tally.bytes)
      tally.count = 0
      tally.bytes = 0
    }
  }
  const status = new Counter({
    name: 's3_replication_data_status_changed_total',
    help: 'Versions that ended at a location',
    labelNames: [...inSites, 'replicationStatus'],
    registers,
    collect,
  })
  const bytes = new Counter({
    name: 's3_replication_data_bytes_total',
    help: 'Bytes of versions that reached a location',
    labelNames: [...inSites, 'serviceName'],
    registers,
    collect,
  })
  const attempts = new Counter({
    name: 'crossbeat_attempts_total',
    help: 'Attempts to bring a version to a location, by how they ended',
    labelNames: ['location', 'outcome'],
    registers,
    collect,
  })
  const warnings = new Counter({
    name: 'crossbeat_replication_warnings_total',
    help: 'Versions that reached a location which does not hold all of them (retention, legal hold, access control list)',
    labelNames: ['location'],
    registers,
  })
  const elapsed = new Histogram({
    name: 's3_replication_stage_time_elapsed',
    help: 'Milliseconds of a stage of replication',
    labelNames: [...inSites, 'serviceName', 'replicationStage'],
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 30_000, 300_000],
    registers,
  })
  const circuit = new Gauge({
    name: 's3_circuit_breaker',
    help: 'State of the circuit to a location: 0 closed, 1 on trial, 2 open',
    labelNames: inSites,
    registers,
  })
  const published = new Counter({
    name: 's3_replication_populator_objects_total',
    help: 'Entries that the populator published',
    labelNames: ['origin'],
    registers,
  })
  const unreadable = new Counter({
    name: 'crossbeat_unreadable_records_total',
    help: 'Topic records that were no entries',
    registers,
  })
  const serviceName = 'ReplicationQueueProcessor'
  const replicationStage = 'ReplicationDestinationDataWrite'
  const done = remembered((location: string) => ({
    count: 0,
    bytes: 0,
    took: elapsed.labels({ origin, location, serviceName, replicationStage }),
  }))
  return [
    attemptsEnded.subscribe(({ site: location, outcome, size, durationMs, warning }) => {
      if (warning !== undefined) warnings.inc({ location })
      if (outcome === 'done') {
        const tally = done.of(location)
        tally.count += 1
        tally.bytes += size
        tally.took.observe(durationMs)
        return
      }
      attempts.inc({ location, outcome })
      if (outcome === 'retry' || outcome === 'released') return
      status.inc({ origin, location, replicationStatus: statusOf[outcome] })
    }),
    circuitEvents.subscribe(({ site: location, state }) => circuit.set({ origin, location }, circuitValues[state])),
    pipelineNotices.subscribe(notice => {
      if (notice.kind === 'published') published.inc({ origin }, notice.count)
    }),
    unreadableRecords.subscribe(() => unreadable.inc()),
  ]
}

interface Remembered<Value> {
  readonly known: ReadonlyMap<string, Value>
  of(name: string): Value
}

function remembered<Value>(make: (name: string) => Value): Remembered<Value> {
  const known = new Map<string, Value>()
  const remember = (name: string): Value => {
    const value = make(name)
    known.set(name, value)
    return value
  }
  return { known, of: name => known.get(name) ?? remember(name) }
}

function countLifecycle(registry: Registry): () => void {
  const actions = new Counter({
    name: 'crossbeat_lifecycle_actions_total',
    help: 'What lifecycle rules removed, by kind; kept: due, but locked, not yet arrived everywhere, or changed meanwhile',
    labelNames: ['action'],
    registers: [registry],
  })
  return lifecycleNotices.subscribe(notice => {
    if (notice.kind === 'failed') return
    for (const [action, count] of Object.entries(notice.tally)) if (count > 0) actions.inc({ action }, count)
  })
}

function countNotifications(registry: Registry): () => void {
  const events = new Counter({
    name: 'crossbeat_notifications_total',
    help: 'Events delivered to a target, or given up because it did not take them for too long',
    labelNames: ['target', 'outcome'],
    registers: [registry],
  })
  const failures = new Counter({
    name: 'crossbeat_notification_failures_total',
    help: 'Deliveries to a target that failed and were tried again',
    labelNames: ['target'],
    registers: [registry],
  })
  return notificationNotices.subscribe(notice => {
    const { target } = notice
    if (notice.kind === 'failed') failures.inc({ target })
    else events.inc({ target, outcome: notice.kind }, notice.count)
  })
}

function countRequests(registry: Registry): () => void {
  const requests = new Counter({
    name: 'crossbeat_s3_requests_total',
    help: 'Requests to the S3 port by operation and status class; 0xx: the client went away before the answer',
    labelNames: ['operation', 'status'],
    registers: [registry],
  })
  const durations = new Histogram({
    name: 'crossbeat_s3_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer',
    labelNames: ['operation'],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30, 300],
    registers: [registry],
  })
  return s3Requests.subscribe(({ operation, status, durationMs }) => {
    requests.inc({ operation, status: `${Math.floor(status / 100)}xx` })
    durations.observe({ operation }, durationMs / 1000)
  })
}
