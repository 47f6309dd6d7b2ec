// Waiting for a condition that no event tells of: the one poll of the tests.
import { setTimeout as pause } from 'node:timers/promises'

/** What was looked for; undefined, null or false: not yet. */
type Look<Found> = () => Promise<Found | undefined | null | false> | Found | undefined | null | false

const patienceMs = 120_000

/**
 * Resolves with what `look` finds as soon as that is neither undefined, null nor false; fails with `what` after `withinMs`, which bounds a hang and
 * no more: a busy machine takes its time. What `look` throws ends the wait.
 */
export function until<Found>(what: string, look: Look<Found>, withinMs = patienceMs): Promise<Found> {
  return poll(what, look, { withinMs, everyMs: 10, mayThrow: false })
}

/** As `until`, of what may be out of reach meanwhile: what `look` throws is no more than "not yet"; the last of it is the cause of a failure. */
export function eventually<Found>(what: string, look: Look<Found>, withinMs = patienceMs): Promise<Found> {
  return poll(what, look, { withinMs, everyMs: 50, mayThrow: true })
}

async function poll<Found>(
  what: string,
  look: Look<Found>,
  { withinMs, everyMs, mayThrow }: { readonly withinMs: number; readonly everyMs: number; readonly mayThrow: boolean },
): Promise<Found> {
  const deadline = performance.now() + withinMs
  let failure: { readonly cause: unknown } | undefined
  for (;;) {
    try {
      const found = await look()
      if (found !== undefined && found !== null && found !== false) return found
    } catch (error) {
      if (!mayThrow) throw error
      failure = { cause: error }
    }
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`, failure)
    await pause(everyMs)
  }
}
