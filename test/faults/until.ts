// Waiting for a condition that no event tells of.
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Resolves with what `look` finds as soon as that is neither undefined, null nor false; fails with `what` after `withinMs`, which bounds a hang and
 * no more: a busy machine takes its time.
 */
export async function until<Found>(
  what: string,
  look: () => Promise<Found | undefined | null | false> | Found | undefined | null | false,
  withinMs = 120_000,
): Promise<Found> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== null && found !== false) return found
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await pause(10)
  }
}
