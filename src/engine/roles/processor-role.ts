// Role `processor`: a queue processor for each of the chosen sites, behind its gate. Any number of processes may have one for the same site.
import { createByteBudget } from '../../base/bounded.ts'
import { workChannel } from '../../control/paths.ts'
import { RepeatedTask } from '../../control/repeated-task.ts'
import { type GatedProcessor, SiteGate } from '../../control/site-gate.ts'
import type { SiteProcessor } from '../../replicate/site-processor-options.ts'
import type { SourceGateway } from '../../replicate/source-gateway.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { Parts } from '../parts.ts'
import { createProcessors } from '../processors.ts'

/** Starts them one after another; answers with those that run. */
export async function startProcessorRole(
  parts: Parts,
  gateway: SourceGateway,
  sites: readonly string[],
  lifecycle: Lifecycle,
): Promise<ReadonlyMap<string, SiteProcessor>> {
  const { config, stateStore, signals, world } = parts
  const budget = createByteBudget(config.replication.memory.inFlightBytes)
  const closings: (() => Promise<void>)[] = []
  // All at once: their graces for running copies do not add up.
  lifecycle.add(() => Promise.all(closings.map(closing => closing())))
  const processors = createProcessors(parts, gateway, budget, sites)
  for (const [site, processor] of processors) {
    const topic = config.replication.topics.replication
    const watched = gated(processor, parts)
    const gate = new SiteGate({ site, topic, processor: watched, stateStore, signals, world })
    await gate.start()
    await processor.start()
    const unsubscribe = signals.subscribe(workChannel(site), () => processor.wake())
    closings.push(async () => {
      unsubscribe()
      await gate.close()
      await Promise.all([watched.close(), processor.close()])
    })
  }
  return processors
}

/** How often it is asked whether the topic is worked off: the answer is for the sweeper, which has time. */
const lookMs = 5_000

interface Gated extends GatedProcessor {
  close(): Promise<void>
}

function gated(processor: SiteProcessor, { world }: Parts): Gated {
  let through: boolean | undefined
  // Beside the gate: a log that does not answer must not hold up the report of a pause.
  const look = new RepeatedTask({
    timers: world.timers,
    run: async () => {
      through = (await processor.lag()) === 0
      return lookMs
    },
    failed: () => {
      through = undefined
    },
    retryMs: lookMs,
  })
  void look.request()
  return {
    pause: () => processor.pause(),
    resume: () => processor.resume(),
    state() {
      const { consumers, inFlight, circuit, circuitCause } = processor.state()
      const known = through === undefined ? {} : { through }
      if (circuit === 'closed' || circuitCause === null) return { consumers, inFlight, ...known }
      return { consumers, inFlight, ...known, trouble: `${circuitCause.code}: ${circuitCause.message}` }
    },
    close: () => look.close(),
  }
}
