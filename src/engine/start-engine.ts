// Starts the engine that the configuration names.

import type { DistributedOptions } from './distributed.ts'
import { startEmbedded } from './embedded.ts'
import type { Engine } from './engine.ts'

export async function startEngine(options: DistributedOptions): Promise<Engine> {
  if (options.config.engine.kind === 'embedded') return startEmbedded(options)
  // Its clients are optional packages: loaded only when they are wanted.
  const { startDistributed } = await import('./distributed.ts')
  return startDistributed(options)
}
