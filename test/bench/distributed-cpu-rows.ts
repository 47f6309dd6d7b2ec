// What an object costs on the distributed engine: CPU of all its processes from PUT to COMPLETED against the embedded engine in the same run,
// and what it leaves at Kafka, PostgreSQL and ZooKeeper.
import { median } from '../process/measure.ts'
import { type Counts, type DistributedStage, openCounters, openDistributedStage, site } from './distributed-stage.ts'
import { record, round } from './result.ts'
import { destinationBucket, openStage, put, type Stage } from './stage.ts'

interface Server {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
}

interface Run {
  /** Per object. */
  readonly cpuMs: number
  readonly byProcess: Readonly<Record<string, number>>
  readonly perSecond: number
}

const size = 4096
const rounds = 3
const concurrency = 32

/** Puts `count` objects through all front ends. */
async function putAll(stage: DistributedStage, prefix: string, count: number): Promise<void> {
  const { sources, loads } = stage
  const share = { count: Math.ceil(count / loads.length), size, concurrency: Math.ceil(concurrency / loads.length) }
  await Promise.all(
    sources.map(async (source, index) => {
      const load = loads[index]
      if (load !== undefined) await put(load, source, { prefix: `${prefix}${index}-`, ...share })
    }),
  )
}

type Cpu = ReadonlyMap<string, number>

async function measured(count: number, cpu: () => Cpu, work: () => Promise<unknown>): Promise<Run> {
  const before = cpu()
  const startedAt = performance.now()
  await work()
  const perSecond = (count * 1000) / (performance.now() - startedAt)
  const used = [...cpu()].map(([name, ms]) => [name, round((ms - (before.get(name) ?? 0)) / count, 3)] as const)
  return { cpuMs: used.reduce((sum, [, ms]) => sum + ms, 0), byProcess: Object.fromEntries(used), perSecond }
}

function embeddedRun(stage: Stage, prefix: string, count: number): Promise<Run> {
  return measured(
    count,
    () => new Map([['all', stage.crossbeat.cpuMs()]]),
    async () => {
      await put(stage.load, stage.source, { prefix, count, size, concurrency })
      await stage.crossbeat.drained(site, 250)
    },
  )
}

function distributedRun(stage: DistributedStage, prefix: string, count: number): Promise<Run> {
  return measured(
    count,
    () => stage.cpuMs(),
    async () => {
      await putAll(stage, prefix, count)
      await stage.layout.drained(site)
    },
  )
}

function sum(cpu: Cpu): number {
  return [...cpu.values()].reduce((total, ms) => total + ms, 0)
}

export async function benchDistributedCpu(server: Server, scale: number): Promise<void> {
  const count = 2 * Math.round(2500 * scale)
  const embedded = await openStage({ s3: await destinationBucket(server) })
  try {
    const distributed = await openDistributedStage({ s3: await destinationBucket(server), partitions: 8 })
    try {
      // Until the compilers of all processes have done their work: those of the layout share the objects.
      await embeddedRun(embedded, 'warm-', 2000)
      await distributedRun(distributed, 'warm-', 6000 * Math.max(scale, 0.5))
      const ours: Run[] = []
      const theirs: Run[] = []
      for (let index = 0; index < rounds; index++) {
        theirs.push(await embeddedRun(embedded, `cpu-${index}-`, count))
        ours.push(await distributedRun(distributed, `cpu-${index}-`, count))
      }
      recordCpu(ours, theirs, count)
      await benchTraffic(distributed, scale)
    } finally {
      await distributed.close()
    }
  } finally {
    await embedded.close()
  }
}

function recordCpu(ours: readonly Run[], theirs: readonly Run[], count: number): void {
  const cpu = (runs: readonly Run[]): number => median(runs.map(run => run.cpuMs))
  const rate = (runs: readonly Run[]): number => median(runs.map(run => run.perSecond))
  const ratios = ours.map((run, index) => run.cpuMs / (theirs[index]?.cpuMs ?? Number.NaN))
  const ratio = median(ratios)
  record({
    name: 'CPU per 4 KiB object, PUT to COMPLETED, against embedded',
    measured: `${round(ratio, 2)} (${round(cpu(ours), 2)} against ${round(cpu(theirs), 2)} ms; ${round(rate(ours), 0)} against ${round(rate(theirs), 0)}/s)`,
    limit: 'at most 2.5',
    passed: ratio <= 2.5,
    figures: { ratio, ratios, distributed: ours, embedded: theirs, count },
  })
}

interface Window {
  readonly objects: number
  readonly seconds: number
  readonly cpuMs: number
  readonly counts: Counts
}

/** The same time with few objects and with many: what grows with the objects, and what goes on anyway. */
async function benchTraffic(stage: DistributedStage, scale: number): Promise<void> {
  const counters = await openCounters(stage.servers)
  try {
    const seconds = Math.max(6, 20 * scale)
    const idle = await window(stage, counters, { seconds, perSecond: 0 })
    const few = await window(stage, counters, { seconds, perSecond: 10 })
    const many = await window(stage, counters, { seconds, perSecond: 1_000 })
    recordTraffic(idle, few, many)
  } finally {
    await counters.close()
  }
}

async function window(
  stage: DistributedStage,
  counters: { read(): Promise<Counts> },
  { seconds, perSecond }: { readonly seconds: number; readonly perSecond: number },
): Promise<Window> {
  const before = await counters.read()
  const cpuBefore = sum(stage.cpuMs())
  const startedAt = performance.now()
  const { sources, loads } = stage
  const what = { prefix: `traffic-${perSecond}-`, count: 1_000_000, size, forMs: seconds * 1000 }
  const [source] = sources
  const [load] = loads
  let objects = 0
  if (perSecond > 0 && source !== undefined && load !== undefined)
    objects = (await put(load, source, { ...what, concurrency: 16, perSecond })).eachMs.length
  else await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  await stage.layout.drained(site)
  const elapsed = (performance.now() - startedAt) / 1000
  const cpuMs = sum(stage.cpuMs()) - cpuBefore
  return { objects, seconds: elapsed, cpuMs, counts: difference(await counters.read(), before) }
}

function difference(now: Counts, before: Counts): Counts {
  const byStatement: Record<string, number> = {}
  for (const [name, calls] of Object.entries(now.byStatement)) {
    const more = calls - (before.byStatement[name] ?? 0)
    if (more > 0) byStatement[name] = more
  }
  return {
    replicationRecords: now.replicationRecords - before.replicationRecords,
    statusRecords: now.statusRecords - before.statusRecords,
    statements: now.statements - before.statements,
    zookeeperWrites: now.zookeeperWrites - before.zookeeperWrites,
    topicBytes: now.topicBytes - before.topicBytes,
    databaseBytes: now.databaseBytes - before.databaseBytes,
    walBytes: now.walBytes - before.walBytes,
    byStatement,
  }
}

function recordTraffic(idle: Window, few: Window, many: Window): void {
  const { counts, objects, seconds } = many
  const messages = (counts.replicationRecords + counts.statusRecords) / objects
  const statements = (counts.statements - (idle.counts.statements * seconds) / idle.seconds) / objects
  // Offsets and reports are written by time: as often with few objects as with many.
  const expected = (few.counts.zookeeperWrites * seconds) / few.seconds
  const growth = (counts.zookeeperWrites - expected) / (objects - few.objects)
  const perSecond = (value: Window, total: number): number => round(total / value.seconds, 1)
  record({
    name: 'per object: messages on Kafka, statements on PostgreSQL, writes to ZooKeeper',
    measured: `${round(messages, 2)}, ${round(statements, 2)}, ${round(Math.max(0, growth), 3)} (ZooKeeper ${perSecond(many, counts.zookeeperWrites)}/s against ${perSecond(few, few.counts.zookeeperWrites)}/s with few)`,
    limit: 'reported; ZooKeeper none',
    passed: growth < 0.01,
    figures: {
      idle: {
        statementsPerSecond: perSecond(idle, idle.counts.statements),
        cpuMsPerSecond: perSecond(idle, idle.cpuMs),
      },
      growth,
      few,
      many,
    },
  })
}
