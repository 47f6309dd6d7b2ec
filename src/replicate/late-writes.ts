// A task that has lost its claim (its process stood still for longer than the lease) may have written all the same, after another owner had
// done the work: then a version is at the destination twice, the second time above newer ones. Whoever wrote late knows what it wrote, and
// takes it back as soon as the ledger says that another copy is the version's own.
import { pipelineNotices } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import type { AttemptEnd, Ledger, LedgerRow } from '../metadata/ledger.ts'
import type { SourceGateway } from './source-gateway.ts'

export interface LateWritesOptions {
  readonly ledger: Pick<Ledger, 'row'>
  readonly gateway: Pick<SourceGateway, 'removeVersion'>
  readonly world: Pick<World, 'timers'>
  /** Between two looks at a row that has not ended. */
  readonly lookMs: number
}

export interface LateWrites {
  /** The attempt's report came too late. Never rejects, and is not waited for. */
  takeBack(row: LedgerRow, end: AttemptEnd): void
  close(): void
}

/** The other owner ends, or its claim does; then the row's next one finds both copies itself. */
const looksMax = 20

export function createLateWrites(options: LateWritesOptions): LateWrites {
  const { ledger, gateway, world, lookMs } = options
  const timers = new Set<Timer>()
  const abort = new AbortController()

  const look = async (row: LedgerRow, written: string, left: number): Promise<void> => {
    try {
      const now = await ledger.row(row)
      // Deleted at the source meanwhile: what the destination keeps of it is nobody's any more.
      if (now === null) return
      const counted = now.destinationVersionId ?? ''
      if (counted === written) return
      if (counted === '') return again(row, written, left)
      const { bucket, key, versionId, site } = row
      await gateway.removeVersion?.({ bucket, key, versionId, site }, written, { signal: abort.signal })
    } catch (error) {
      if (abort.signal.aborted) return
      pipelineNotices.publish({ kind: 'failed', what: 'taking back a late copy', site: row.site, error })
      again(row, written, left)
    }
  }
  const again = (row: LedgerRow, written: string, left: number): void => {
    if (left === 0 || abort.signal.aborted) return
    const run = (): void => {
      timers.delete(timer)
      void look(row, written, left - 1)
    }
    const timer = world.timers.after(lookMs, run, { background: true })
    timers.add(timer)
  }

  return {
    takeBack(row, end) {
      if (end.kind === 'done' && end.destinationVersionId !== '') void look(row, end.destinationVersionId, looksMax)
    },
    close() {
      abort.abort(new Error('the processor closes'))
      for (const timer of timers) timer.cancel()
    },
  }
}
