// Writes how attempts ended, many in one transaction. Where the versions are in reach, results are folded into them there and then. Elsewhere
// first comes the ledger, then the status topic. The order matters: a result that is in the ledger but on no topic is found again by the
// sweeper, one that is only on a topic could be folded for a claim that was lost.
import { type Company, createBatcher } from '../base/batch.ts'
import { pipelineNotices } from '../base/channels.ts'
import type { Timers } from '../base/world.ts'
import type { StatusMessage } from '../domain/entry.ts'
import { limits } from '../domain/limits.ts'
import type { ObjectMetadata } from '../domain/object-metadata.ts'
import { type AttemptReport, type Ledger, type ReportResult, statusOfEnd } from '../metadata/ledger.ts'
import { statusRecord } from '../queue/entry-format.ts'
import { makeStatusMessage } from '../queue/status-message.ts'
import type { TopicLog, TopicMessage } from '../queue/topic-log.ts'
import type { SiteProcessorOptions } from './site-processor-options.ts'

export interface ResultWriter {
  /** Resolves when the result is in the ledger and, if the row has ended by it, folded or on its way to the status processor. */
  write(report: AttemptReport, metadata: ObjectMetadata | null): Promise<ReportResult>
  /** Results that wait for more to come are written now. */
  hurry(): void
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
}

export interface ResultWriterOptions {
  readonly ledger: Pick<Ledger, 'report'>
  readonly log: Pick<TopicLog, 'append'>
  readonly timers: Timers
  /** The status topic. */
  readonly topic: string
  readonly results: SiteProcessorOptions['results']
  /** Whether all slots have work and more of it is claimed: then nobody waits for a result, and several share a transaction. */
  readonly isBusy: () => boolean
}

/** While there is more to do, a result that is not written yet keeps only its own key. */
const company: Omit<Company, 'isExpected'> = { count: 64, withinMs: 20 }

export function createResultWriter(options: ResultWriterOptions): ResultWriter {
  return options.results === 'folded' ? foldingWriter(options) : sendingWriter(options)
}

function foldingWriter({ ledger, timers, isBusy }: ResultWriterOptions): ResultWriter {
  const flush = async (items: readonly AttemptReport[]): Promise<readonly ReportResult[]> => {
    const results = await ledger.report(items, { fold: true })
    if (pipelineNotices.hasSubscribers) {
      const count = items.filter(
        ({ end }, at) => results[at]?.outcome === 'applied' && statusOfEnd(end.kind) !== null,
      ).length
      if (count > 0) pipelineNotices.publish({ kind: 'folded', count })
    }
    return results
  }
  const reports = createBatcher(timers, limits.pipelineBatch, flush, { ...company, isExpected: isBusy })
  return { write: report => reports.add(report), hurry: () => reports.hurry(), idle: () => reports.idle() }
}

function sendingWriter({ ledger, log, timers, topic }: ResultWriterOptions): ResultWriter {
  const reports = createBatcher<AttemptReport, ReportResult>(timers, limits.pipelineBatch, items =>
    ledger.report(items),
  )
  const messages = createBatcher<TopicMessage, true>(timers, limits.pipelineBatch, async items => {
    await log.append(topic, items)
    return items.map(() => true)
  })
  return {
    async write(report, metadata) {
      const result = await reports.add(report)
      const message = result.outcome === 'applied' ? statusMessageOf(report, metadata) : null
      if (message !== null) await messages.add(statusRecord(message))
      return result
    },
    hurry: () => {},
    async idle() {
      await reports.idle()
      await messages.idle()
    },
  }
}

function statusMessageOf(report: AttemptReport, metadata: ObjectMetadata | null): StatusMessage | null {
  const { end } = report
  const status = statusOfEnd(end.kind)
  if (status === null) return null
  const result = { status, dataStoreVersionId: end.kind === 'done' ? end.destinationVersionId : '' }
  return makeStatusMessage(report, result, metadata, 'reason' in end ? end.reason : undefined)
}
