// The writer's side of how attempts end. A report holds only while its claim does; a newer revision that came meanwhile is noticed here.
import { type ReplicationInfo, withBackend } from '../../domain/replication-info.ts'
import { type AttemptEnd, type AttemptReport, type ReportResult, statusOfEnd } from '../ledger.ts'
import { type StoredRow, state } from '../ledger-form.ts'
import type { Reply, Request } from './commands.ts'
import { foldOne, infoOf, saveInfo, versionToFold } from './ledger-fold.ts'
import { blockOthers, changeRow, countEnd, forgetUpload, isRemoved, rowOf, unblockNext } from './ledger-rows.ts'
import { tellEnd } from './replication-events.ts'
import { undelete } from './undelete.ts'
import type { KnownVersion, StoredBucket, WriteContext } from './write-context.ts'

export function report(context: WriteContext, request: Request<'report'>): Reply<'report'> {
  return request.reports.map(item => {
    const bucket = context.bucket(item.bucket)
    return request.fold ? reportFolded(context, bucket, item) : reportOne(context, bucket, item)
  })
}

/** The result and what its status message would do, in one. */
function reportFolded(context: WriteContext, bucket: StoredBucket | null, item: AttemptReport): ReportResult {
  const { end } = item
  const status = statusOfEnd(end.kind)
  if (bucket === null || status === null) return reportOne(context, bucket, item)
  const claimed = context.claimed(item.token)
  const known = claimed?.known ?? readKnown(context, bucket, item)
  const info = known === undefined ? null : readInfo(known)
  // A version whose status cannot be read is left to the status processor, which takes messages one by one.
  if (info === 'unreadable') return reportOne(context, bucket, item)
  const alone = claimed?.alone === true
  if (end.kind === 'done' && known !== undefined && completedAtOnce(context, bucket, { ...known, info }, item, end)) {
    if (end.becomesApplied) saveApplied(context, bucket, item, end)
    // A removal may have made way for another row just now.
    const isLast = alone && end.appliedKind !== 'removal'
    return { outcome: 'applied', more: !isLast && unblockNext(context, item.site, bucket.id, item.key) }
  }
  const result = reportOne(context, bucket, item)
  if (result.outcome !== 'applied') return result
  const dataStoreVersionId = end.kind === 'done' ? end.destinationVersionId : ''
  // The reason is in the row by now.
  foldOne(context, bucket, { ...item, status, dataStoreVersionId, metadataJson: '' })
  return result
}

function readKnown(context: WriteContext, bucket: StoredBucket, item: AttemptReport): KnownVersion | undefined {
  const version = versionToFold(context, bucket.id, item)
  const row = version === undefined ? undefined : rowOf(context, bucket.id, item.key, item.versionId, item.site)
  return version === undefined || row === undefined ? undefined : { version, row }
}

function readInfo({ version }: KnownVersion): ReplicationInfo | 'unreadable' | null {
  try {
    return infoOf(version)
  } catch {
    return 'unreadable'
  }
}

/**
 * The end that nearly every row has, without a detour over `reported`: done, for the version as it is, with no upload begun. Answers whether
 * it was that; else nothing has changed.
 */
function completedAtOnce(
  context: WriteContext,
  bucket: StoredBucket,
  { version, row, info }: KnownVersion & { readonly info: ReplicationInfo | null },
  item: AttemptReport,
  end: Extract<AttemptEnd, { kind: 'done' }>,
): boolean {
  const { key, versionId, site, revision, token } = item
  const backend = info?.backends.find(candidate => candidate.site === site)
  if (info === null || version.revision !== revision) return false
  if (backend === undefined || backend.status === 'COMPLETED') return false
  const changed = context.connection.run(
    `UPDATE ledger SET state = 6, at = NULL, token = NULL, unsettled = 0, unfinished = 0, open = 0, destination_version_id = ?, reason = ?
     WHERE bucket_id = ? AND key = ? AND version_id = ? AND site = ? AND state = 2 AND token = ? AND revision = ? AND uploading = 0`,
    end.destinationVersionId,
    reasonText(end),
    bucket.id,
    key,
    versionId,
    site,
    token,
    revision,
  )
  if (changed === 0) return false
  context.dropClaim(token)
  countEnd(context, { site, size: row.size, state: state.claimed }, state.completed)
  const completed = withBackend(info, site, 'COMPLETED', end.destinationVersionId || undefined)
  saveInfo(context, { bucketId: bucket.id, key, id: version.id }, completed, 'COMPLETED')
  const ended = { bucket_id: bucket.id, key, version_id: versionId, site, created_at: row.created_at, reason: null }
  tellEnd(context, item.bucket, version, ended, 'COMPLETED')
  return true
}

function reportOne(context: WriteContext, bucket: StoredBucket | null, item: AttemptReport): ReportResult {
  const row = bucket === null ? undefined : rowOf(context, bucket.id, item.key, item.versionId, item.site)
  if (bucket === null || row === undefined || row.state !== state.claimed || row.token !== item.token)
    return { outcome: 'stale', more: false }
  context.dropClaim(item.token)
  const { end } = item
  switch (end.kind) {
    case 'released':
      changeRow(context, row, {
        state: state.loose,
        at: context.now,
        token: null,
        // Untouched: it does not count as an attempt. A doubt from before stays until somebody has looked.
        attempts: end.unsettled ? row.attempts : Math.max(0, row.attempts - 1),
        unsettled: end.unsettled ? 1 : row.unsettled,
      })
      return { outcome: 'applied', more: true }
    case 'retry': {
      const waiting = { state: state.waiting, at: end.nextAttemptAt, token: null }
      const unsettled = end.unsettled ? 1 : 0
      changeRow(context, row, { ...waiting, unsettled, reason: JSON.stringify(end.reason) })
      blockOthers(context, { ...row, unsettled })
      return { outcome: 'applied', more: unblockNext(context, row.site, row.bucket_id, row.key) }
    }
    case 'done':
    case 'skipped':
    case 'quarantined':
      return reportEnded(context, bucket, row, item)
    default:
      return end satisfies never
  }
}

function reportEnded(context: WriteContext, bucket: StoredBucket, row: StoredRow, item: AttemptReport): ReportResult {
  const { end } = item
  // Decided before the marker went that the version was skipped for.
  const isOutdated = end.kind === 'skipped' && end.reason.class === 'superseded' && isRemoved(context, row)
  const destinationVersionId = end.kind === 'done' ? end.destinationVersionId : row.destination_version_id
  forgetUpload(context, row)
  if (end.kind === 'done' && end.becomesApplied) saveApplied(context, bucket, item, end)
  if (row.revision !== item.revision || isOutdated) {
    changeRow(context, row, {
      state: state.loose,
      at: context.now,
      token: null,
      attempts: 0,
      unsettled: 0,
      destinationVersionId,
    })
    return { outcome: 'changed-meanwhile', more: true }
  }
  const reason = reasonText(end)
  changeRow(context, row, {
    state: state.reported,
    at: context.now,
    token: null,
    unsettled: 0,
    destinationVersionId,
    reason,
  })
  return { outcome: 'applied', more: unblockNext(context, row.site, row.bucket_id, row.key) }
}

function reasonText(end: AttemptEnd): string | null {
  if (end.kind === 'done') return end.warning === undefined ? null : JSON.stringify(end.warning)
  return 'reason' in end ? JSON.stringify(end.reason) : null
}

/** An older version than the one that is known does not replace it. A marker may have gone while it was applied. */
function saveApplied(
  context: WriteContext,
  bucket: StoredBucket,
  item: AttemptReport,
  end: Extract<AttemptEnd, { kind: 'done' }>,
): void {
  context.connection.run(
    `INSERT INTO applied (bucket_id, key, site, version_id, kind, destination_version_id, destination_etag) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (bucket_id, key, site) DO UPDATE SET version_id = excluded.version_id, kind = excluded.kind,
     destination_version_id = excluded.destination_version_id, destination_etag = excluded.destination_etag
     WHERE excluded.version_id <= applied.version_id`,
    bucket.id,
    item.key,
    item.site,
    item.versionId,
    end.appliedKind,
    end.destinationVersionId,
    end.destinationEtag,
  )
  if (end.appliedKind === 'removal') undelete(context, bucket, item.bucket, item.key)
}
