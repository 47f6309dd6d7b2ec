// Writes how attempts ended: first the ledger, many results in one transaction, then the status topic. The order matters: a result that is
// in the ledger but on no topic is found again by the sweeper, one that is only on a topic could be folded for a claim that was lost.
import { createBatcher } from '../base/batch.ts'
import type { Timers } from '../base/world.ts'
import type { EntryContent, StatusMessage } from '../domain/entry.ts'
import { limits } from '../domain/limits.ts'
import type { ObjectMetadata } from '../domain/object-metadata.ts'
import type { AttemptReport, Ledger, ReportResult } from '../metadata/ledger.ts'
import { statusRecord } from '../queue/entry-format.ts'
import { makeStatusMessage } from '../queue/status-message.ts'
import type { TopicLog, TopicMessage } from '../queue/topic-log.ts'

export interface ResultWriter {
  /** Resolves when the result is in the ledger and, if the row has ended by it, its status message is in the log. */
  write(report: AttemptReport, metadata: ObjectMetadata | null): Promise<ReportResult>
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
}

export interface ResultWriterOptions {
  readonly ledger: Pick<Ledger, 'report'>
  readonly log: Pick<TopicLog, 'append'>
  readonly timers: Timers
  /** The status topic. */
  readonly topic: string
  /** Default: `whole`. */
  readonly content?: EntryContent
}

export function createResultWriter(options: ResultWriterOptions): ResultWriter {
  const { ledger, log, timers, topic, content } = options
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
      const message = result.outcome === 'applied' ? statusMessageOf(report, metadata, content) : null
      if (message !== null) await messages.add(statusRecord(message))
      return result
    },
    async idle() {
      await reports.idle()
      await messages.idle()
    },
  }
}

/** The status of a row's end; null while it has not ended. */
export function statusOfEnd(kind: AttemptReport['end']['kind']): Exclude<StatusMessage['status'], 'PENDING'> | null {
  if (kind === 'done') return 'COMPLETED'
  if (kind === 'skipped') return 'SKIPPED'
  return kind === 'quarantined' ? 'FAILED' : null
}

function statusMessageOf(report: AttemptReport, metadata: ObjectMetadata | null, content?: EntryContent): StatusMessage | null {
  const { end } = report
  const status = statusOfEnd(end.kind)
  if (status === null) return null
  const result = { status, dataStoreVersionId: end.kind === 'done' ? end.destinationVersionId : '' }
  return makeStatusMessage(report, result, metadata, 'reason' in end ? end.reason : undefined, content)
}
