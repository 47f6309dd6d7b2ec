// A task that has lost its claim (its process stood still for longer than the lease) may have written all the same, after another owner had
// done the work: then a version is at the destination twice, the second time above newer ones. Whoever wrote late takes its copy back as soon as
// the ledger says that another one is the version's own. A write that was cut off may have arrived without its writer seeing the answer: its copy
// is looked for by its marker.
import { pipelineNotices } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import { encodeVersionId } from '../domain/version-id.ts'
import { versionIdMarker } from '../locations/multiple-backend.ts'
import type { AttemptEnd, Ledger, LedgerRow } from '../metadata/ledger.ts'
import type { SourceGateway } from './source-gateway.ts'

export interface LateWritesOptions {
  readonly ledger: Pick<Ledger, 'row'>
  readonly gateway: Pick<SourceGateway, 'removeVersion' | 'destinationHistory' | 'capabilities'>
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
/** What was on its way when its connection was cut may arrive a little after it was looked for. */
const looksForUnseen = 3

export function createLateWrites(options: LateWritesOptions): LateWrites {
  const { ledger, gateway, world, lookMs } = options
  const timers = new Set<Timer>()
  const abort = new AbortController()

  /** `written`: null when it is not known whether anything was. */
  const look = async (row: LedgerRow, written: string | null, left: number): Promise<void> => {
    try {
      const now = await ledger.row(row)
      // Deleted at the source meanwhile: what the destination keeps of it is nobody's any more.
      if (now === null) return
      const counted = now.destinationVersionId ?? ''
      if (counted === written) return
      if (counted === '') return again(row, written, left)
      const { bucket, key, versionId, site } = row
      const target = { bucket, key, versionId, site }
      const copies = written === null ? await unseenCopies(row, counted) : [written]
      for (const copy of copies) await gateway.removeVersion?.(target, copy, { signal: abort.signal })
      if (written === null && copies.length === 0) again(row, written, Math.min(left, looksForUnseen))
    } catch (error) {
      if (abort.signal.aborted) return
      pipelineNotices.publish({ kind: 'failed', what: 'taking back a late copy', site: row.site, error })
      again(row, written, left)
    }
  }
  const unseenCopies = async (row: LedgerRow, counted: string): Promise<readonly string[]> => {
    const { bucket, key, versionId, site } = row
    if (!gateway.capabilities(site).versions) return []
    const marker = encodeVersionId(versionId)
    const history = await gateway.destinationHistory({ bucket, key, versionId, site }, { signal: abort.signal })
    return (history ?? [])
      .filter(object => !object.isDeleteMarker && object.markers[versionIdMarker] === marker)
      .map(object => object.versionId)
      .filter(id => id !== counted)
  }
  const again = (row: LedgerRow, written: string | null, left: number): void => {
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
      // Delete markers bear no mark to be found by.
      const isUnseen = (end.kind === 'released' || end.kind === 'retry') && end.unsettled && !row.isDeleteMarker
      if (isUnseen) void look(row, null, looksMax)
    },
    close() {
      abort.abort(new Error('the processor closes'))
      for (const timer of timers) timer.cancel()
    },
  }
}
