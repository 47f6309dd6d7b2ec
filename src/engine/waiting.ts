// Opens what a process stands on, and waits for servers that are not there yet: for a bounded time, and with a line that says for what. So a
// start neither fails because of the order in which machines come up nor hangs or loops without words.
import { DependencyError } from '../base/dependency.ts'
import { sleep, type World } from '../base/world.ts'

export interface WaitOptions {
  readonly world: World
  /** How long to wait for all of them together. */
  readonly waitMs: number
  /** Told once for each server and reason. */
  readonly waiting: (line: string) => void
}

export interface Patience {
  /** What `attempt` opens; tried again while it fails with a DependencyError and there is time. */
  open<Value>(attempt: () => Promise<Value>): Promise<Value>
}

const retryMs = 1_000

export function createPatience({ world, waitMs, waiting }: WaitOptions): Patience {
  const deadline = world.clock.monotonic() + waitMs
  return {
    async open(attempt) {
      for (let told = ''; ; ) {
        try {
          return await attempt()
        } catch (error) {
          const leftMs = deadline - world.clock.monotonic()
          if (!(error instanceof DependencyError) || error.lasting || leftMs <= 0) throw error
          if (error.message !== told) waiting(`waiting up to ${Math.ceil(leftMs / 1000)} s for ${error.message}`)
          told = error.message
          await sleep(world.timers, Math.min(retryMs, leftMs))
        }
      }
    },
  }
}
