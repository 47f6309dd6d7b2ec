// Role `processor`: a queue processor for each of the chosen sites, behind its gate. Any number of processes may have one for the same site.
import { createByteBudget } from '../../base/bounded.ts'
import { workChannel } from '../../control/paths.ts'
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
    const { topics } = config.replication
    const gate = new SiteGate({
      site,
      topic: topics.replication,
      processor: gated(processor),
      stateStore,
      signals,
      world,
    })
    await gate.start()
    await processor.start()
    const unsubscribe = signals.subscribe(workChannel(site), () => processor.wake())
    closings.push(async () => {
      unsubscribe()
      await gate.close()
      await processor.close()
    })
  }
  return processors
}

function gated(processor: SiteProcessor): GatedProcessor {
  return {
    pause: () => processor.pause(),
    resume: () => processor.resume(),
    through: async () => (await processor.lag()) === 0,
    state() {
      const { consumers, inFlight, circuit, circuitCause } = processor.state()
      if (circuit === 'closed' || circuitCause === null) return { consumers, inFlight }
      return { consumers, inFlight, trouble: `${circuitCause.code}: ${circuitCause.message}` }
    },
  }
}
