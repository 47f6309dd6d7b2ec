// Reports and status messages in the form that the functions of the database read.
import type { StatusMessage } from '../../domain/entry.ts'
import { storableText } from '../../domain/storable-text.ts'
import type { AttemptReport } from '../ledger.ts'

export function reportItem(report: AttemptReport, toDatabase: (ms: number) => number) {
  const { bucket, key, versionId: version, site, revision, token, end } = report
  const item = { bucket, key, version, site, revision, token, kind: end.kind }
  switch (end.kind) {
    case 'done':
      return {
        ...item,
        destination: end.destinationVersionId,
        etag: end.destinationEtag,
        appliedKind: end.appliedKind,
        becomes: end.becomesApplied ? 1 : 0,
        ...(end.warning === undefined ? {} : { reason: JSON.stringify(end.warning) }),
      }
    case 'retry':
      return {
        ...item,
        reason: JSON.stringify(end.reason),
        next_at: Math.round(toDatabase(end.nextAttemptAt)),
        unsettled: end.unsettled ? 1 : 0,
      }
    case 'released':
      return { ...item, unsettled: end.unsettled ? 1 : 0 }
    case 'skipped':
    case 'quarantined':
      return { ...item, reason: JSON.stringify(end.reason) }
    default:
      return end satisfies never
  }
}

export function messageItem(message: StatusMessage) {
  const {
    bucket,
    key,
    versionId: version,
    site,
    status,
    dataStoreVersionId: destination,
    revision,
    reason = '',
  } = message
  // Words of others, that one of them would keep a whole batch from being folded.
  const shown = { destination: storableText(destination), reason: storableText(reason) }
  const item = { bucket, key, version, site, status, ...shown }
  return revision === undefined ? { ...item, ...contentSeen(message.metadataJson) } : { ...item, revision }
}

interface ContentSeen {
  readonly etag: string | null
  readonly tags: unknown
  /** Mode and date of the retention (null: none), and whether a legal hold is on. */
  readonly lock: readonly [unknown, unknown, boolean]
}

/** What a message of the original programs says of the content it was about; what cannot be read is of no version. */
function contentSeen(metadataJson: string): ContentSeen {
  // A text with a zero byte is none that was ever stored.
  const seen: unknown = metadataJson.includes('\\u0000') ? null : JSON.parse(metadataJson)
  if (typeof seen !== 'object' || seen === null) return { etag: null, tags: {}, lock: [null, null, false] }
  const fields: Readonly<Record<string, unknown>> = { ...seen }
  const { tags, retentionMode = null, retentionDate = null } = fields
  const etag = fields['content-md5']
  return {
    etag: typeof etag === 'string' ? etag : '',
    tags: typeof tags === 'object' && tags !== null ? tags : {},
    lock: [retentionMode, retentionDate, fields['legalHold'] === true],
  }
}
