// How long a pause takes under load, from the POST until the last of eight processors says that it takes no new entry: with Redis, and without.
import { realWorld } from '../../src/base/world.ts'
import { readDesired, readReports } from '../../src/control/site-reports.ts'
import type { StateStore } from '../../src/control/state-store.ts'
import { openZookeeperStateStore } from '../../src/control/zookeeper/state-store.ts'
import { isPaused } from '../../src/domain/site-control.ts'
import { percentile } from '../process/measure.ts'
import { type DistributedStage, openDistributedStage, openFarSink, site } from './distributed-stage.ts'
import { record, round } from './result.ts'
import { put } from './stage.ts'

const processors = 8
const size = 4096
/** How late an answer may be seen; looking costs the machine something, too. */
const lookMs = 20
const appliedWithinMs = 30_000

/** Puts objects, far fewer than the processors can copy, until it is stopped. */
function loadUntilStopped({ sources, loads }: DistributedStage): { stop(): Promise<void> } {
  const [source] = sources
  const [load] = loads
  if (source === undefined || load === undefined) throw new Error('there is no front end')
  let stopped = false
  const run = async (): Promise<void> => {
    for (let turn = 0; !stopped; turn++)
      await put(load, source, {
        prefix: `load-${turn}-`,
        count: 1000,
        size,
        concurrency: 8,
        perSecond: 100,
        forMs: 2000,
      })
  }
  const running = run()
  return {
    async stop() {
      stopped = true
      await running
    },
  }
}

/** Resolves when all processors have applied the newest command. */
async function applied(state: StateStore, consumers: 'running' | 'paused'): Promise<void> {
  const deadline = performance.now() + appliedWithinMs
  while (performance.now() < deadline) {
    const [desired, reports] = [await readDesired(state, site), await readReports(state, site)]
    const done = reports.filter(report => report.generation >= desired.since && report.consumers === consumers)
    if (isPaused(desired) === (consumers === 'paused') && done.length === processors) return
    await new Promise(resolve => setTimeout(resolve, lookMs))
  }
  throw new Error(`not all processors were ${consumers} within ${appliedWithinMs / 1000} s`)
}

/** How late a timer of this process is: how long whoever has something to do waits for a processor of this machine. */
async function latenessMs(): Promise<number> {
  const startedAt = performance.now()
  await new Promise(resolve => setTimeout(resolve, 1))
  return performance.now() - startedAt - 1
}

interface Pauses {
  readonly took: readonly number[]
  /** Until the POST was answered. */
  readonly answered: readonly number[]
  readonly lateness: readonly number[]
}

async function pauses(stage: DistributedStage, state: StateStore, count: number): Promise<Pauses> {
  const took: number[] = []
  const answered: number[] = []
  const lateness: number[] = []
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now()
    await stage.layout.pause(site)
    answered.push(performance.now() - startedAt)
    await applied(state, 'paused')
    took.push(performance.now() - startedAt)
    await stage.layout.resume(site)
    await applied(state, 'running')
    for (let look = 0; look < 10; look++) {
      lateness.push(await latenessMs())
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }
  return { took, answered, lateness }
}

export async function benchPause(scale: number): Promise<void> {
  const sink = await openFarSink()
  try {
    const stage = await openDistributedStage({
      s3: sink.destination,
      partitions: 16,
      processors,
      frontEnds: 1,
      populators: 1,
    })
    const { connectionString } = stage.servers.engine.state.zookeeper
    const state = await openZookeeperStateStore({ connectionString, sessionTimeoutMs: 10_000, world: realWorld })
    const load = loadUntilStopped(stage)
    try {
      const signalled = await pauses(stage, state, Math.max(10, Math.round(200 * scale)))
      stage.servers.redis.kill()
      const unsignalled = await pauses(stage, state, Math.max(5, Math.round(20 * scale)))
      recordPauses(signalled, unsignalled)
    } finally {
      await load.stop()
      await state.close()
      await stage.close()
    }
  } finally {
    sink.close()
  }
}

function recordPauses(signalled: Pauses, unsignalled: Pauses): void {
  const shown = (values: readonly number[], share: number): number => round(percentile(values, share), 0)
  const spread = (values: readonly number[]) => ({
    p50: shown(values, 0.5),
    p99: shown(values, 0.99),
    most: shown(values, 1),
  })
  const figures = ({ took, answered, lateness }: Pauses) => ({
    count: took.length,
    ms: spread(took),
    answeredMs: spread(answered),
    timersLateMs: spread(lateness),
  })
  record({
    name: `POST pause until the last of ${processors} takes nothing, ${signalled.took.length} pauses, p50/p99`,
    measured: `${shown(signalled.took, 0.5)}/${shown(signalled.took, 0.99)} ms (timers of this machine late by ${shown(signalled.lateness, 0.5)}/${shown(signalled.lateness, 0.99)} ms)`,
    limit: 'p99 under 1 s',
    passed: percentile(signalled.took, 0.99) < 1000,
    figures: figures(signalled),
  })
  record({
    name: `the same with Redis down, ${unsignalled.took.length} pauses, longest`,
    measured: `${shown(unsignalled.took, 1)} ms`,
    limit: 'each under 10 s',
    passed: percentile(unsignalled.took, 1) < 10_000,
    figures: figures(unsignalled),
  })
}
