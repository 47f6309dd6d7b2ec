// Brings the rows that no topic entry will bring: retries whose time has come, rows that were unblocked or given back. Asks the ledger when
// the next one is due and every few seconds besides; knows nothing that the ledger does not know, so nothing is lost with the process.
import { pipelineNotices } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import { limits } from '../domain/limits.ts'
import type { KeyRef, Ledger } from '../metadata/ledger.ts'

export interface DueRows {
  /** Asks the ledger now. */
  check(): void
  /** Asks again if the last answer was cut off by its limit. */
  more(): void
  /** A row will be due at this time (epoch ms). */
  expect(atMs: number): void
  /** Asks no more until `check`. */
  hold(): void
  close(): void
}

export interface DueRowsOptions {
  readonly site: string
  readonly ledger: Pick<Ledger, 'due' | 'nextDueAt'>
  readonly world: World
  readonly found: (ref: KeyRef) => void
  /** Keys that are ready already: with many of them there is no hurry for more. */
  readonly ready: () => number
  /** Called after keys were found. */
  readonly arrived: () => void
}

/** How soon the ledger is asked again while rows that are due wait for their turn. */
const overdueMs = 1_000

export function createDueRows(options: DueRowsOptions): DueRows {
  const { site, ledger, world, found, ready, arrived } = options
  let timer: { readonly handle: Timer; readonly at: number } | null = null
  let asking = false
  let askAgain = false
  let hasMore = false
  let held = true

  const arm = (at: number): void => {
    if (held || (timer !== null && timer.at <= at)) return
    timer?.handle.cancel()
    const run = (): void => {
      timer = null
      check()
    }
    const handle = world.timers.after(Math.max(0, at - world.clock.now()), run, { background: true })
    timer = { handle, at }
  }

  const check = (): void => {
    held = false
    if (asking) askAgain = true
    else void ask()
  }

  const ask = async (): Promise<void> => {
    asking = true
    hasMore = false
    try {
      const hurry = ready() < limits.pipelineBatch
      const refs = hurry ? await ledger.due(site, limits.pipelineBatch) : []
      // Several rows of a key are one answer, so a full answer may look shorter.
      hasMore = !hurry || refs.length >= limits.pipelineBatch / 2
      for (const ref of refs) found(ref)
      if (refs.length > 0) arrived()
      const next = await ledger.nextDueAt(site)
      const now = world.clock.now()
      // A row that is due already was offered above and waits for its turn; it hides when the one after it is due.
      const wait = next === null ? limits.dueCheckMs : next > now ? next - now : overdueMs
      arm(now + Math.min(limits.dueCheckMs, wait))
    } catch (error) {
      pipelineNotices.publish({ kind: 'failed', what: 'looking for due rows', site, error })
      arm(world.clock.now() + limits.dueCheckMs)
    }
    asking = false
    if (askAgain && !held) {
      askAgain = false
      void ask()
    }
  }

  const hold = (): void => {
    held = true
    timer?.handle.cancel()
    timer = null
  }

  return {
    check,
    more() {
      if (hasMore && !held) check()
    },
    expect: arm,
    hold,
    close: hold,
  }
}
