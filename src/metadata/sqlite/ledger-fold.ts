// Folding status messages into versions, and taking rows out of quarantine: the version's replicationInfo, the ledger row, the sums and the
// activity change in one transaction, and only while the revision the message speaks of is still the version's.
import type { StatusMessage } from '../../domain/entry.ts'
import { originOpOf, type ReplicationInfo, withBackend } from '../../domain/replication-info.ts'
import type { FoldResult, RowReason } from '../ledger.ts'
import { isOpen, type StoredRow, sourceGone, state } from '../ledger-form.ts'
import { replicationOfText } from '../replication-text.ts'
import type { Request } from './commands.ts'
import { changeRow, endRow, forgetUpload, isRemoved, moveSums, rowOf, unblockNext } from './ledger-rows.ts'
import { tellEnd } from './replication-events.ts'
import { dropApplied } from './version-rows.ts'
import type { FoldedVersion, StoredBucket, WriteContext } from './write-context.ts'

export function versionToFold(
  context: WriteContext,
  bucketId: number,
  ref: { readonly key: string; readonly versionId: string },
): FoldedVersion | undefined {
  return context.connection.get<FoldedVersion>(
    'SELECT id, revision, etag, size, null_kind, replication FROM versions WHERE bucket_id = ? AND key = ? AND version_id = ?',
    bucketId,
    ref.key,
    ref.versionId,
  )
}

export function fold(context: WriteContext, request: Request<'fold'>): readonly FoldResult[] {
  return request.messages.map(message => {
    const bucket = context.bucket(message.bucket)
    return bucket === null ? 'no-such-version' : foldOne(context, bucket, message)
  })
}

export function foldOne(context: WriteContext, bucket: StoredBucket, message: StatusMessage): FoldResult {
  const { key, versionId, site } = message
  const version = versionToFold(context, bucket.id, message)
  const row = rowOf(context, bucket.id, key, versionId, site)
  if (version === undefined) {
    endOrphan(context, row)
    return 'no-such-version'
  }
  const place = { bucketId: bucket.id, key, id: version.id }
  const info = infoOf(version)
  const backend = info?.backends.find(candidate => candidate.site === site)
  if (info === null || backend === undefined) {
    // The site was taken out of the version's replication after the row was made.
    if (row !== undefined && isOpen(row.state)) end(context, row, state.skipped, notWanted(context.now))
    return 'already'
  }
  if (!sameRevision(context, version, message)) return 'newer-revision'
  if (row !== undefined && isOutdated(context, row, message)) return 'newer-revision'
  if (backend.status === 'COMPLETED') {
    if (row !== undefined && isOpen(row.state)) end(context, row, state.completed, null)
    return 'already'
  }
  if (message.status === 'PENDING')
    return backend.status === 'PENDING' ? 'already' : reopen(context, place, info, row, message)
  if (backend.status === message.status && (row === undefined || !isOpen(row.state))) return 'already'
  const folded = withBackend(info, message.site, message.status, message.dataStoreVersionId || undefined)
  saveInfo(context, place, folded, message.status)
  if (row !== undefined) {
    endAs(context, row, message)
    tellEnd(context, message.bucket, version, row, message.status)
  }
  return 'folded'
}

/** A message of the time before the copy was removed, that came late or twice. */
function isOutdated(context: WriteContext, row: StoredRow, { status }: StatusMessage): boolean {
  const isBeforeItsEnd = isOpen(row.state) && row.state !== state.reported
  return (status === 'COMPLETED' || isBeforeItsEnd) && isRemoved(context, row)
}

export function infoOf(version: FoldedVersion): ReplicationInfo | null {
  return version.replication === null ? null : replicationOfText(version.replication)
}

/** Messages of the original programs carry no revision: their view of the content decides. */
function sameRevision(context: WriteContext, version: FoldedVersion, message: StatusMessage): boolean {
  if (message.revision !== undefined) return message.revision === version.revision
  const seen: unknown = JSON.parse(message.metadataJson)
  if (typeof seen !== 'object' || seen === null) return false
  const stored = context.connection.get<{ metadata: string }>('SELECT metadata FROM versions WHERE id = ?', version.id)
  const metadata: Record<string, unknown> = JSON.parse(stored?.metadata ?? '{}')
  return ('content-md5' in seen ? seen['content-md5'] : '') === version.etag && sameContent({ ...seen }, metadata)
}

/** Tags, retention and legal hold. */
function sameContent(seen: Readonly<Record<string, unknown>>, stored: Readonly<Record<string, unknown>>): boolean {
  const isHeld = seen['legalHold'] === true
  const sameRetention = ['retentionMode', 'retentionDate'].every(
    name => (seen[name] ?? null) === (stored[name] ?? null),
  )
  const tags = [seen['tags'], stored['tags']].map(value => new Map(Object.entries(value ?? {})))
  return (
    sameRetention && isHeld === (stored['legalHold'] === true) && sameTags(tags[0] ?? new Map(), tags[1] ?? new Map())
  )
}

function sameTags(seen: ReadonlyMap<string, unknown>, stored: ReadonlyMap<string, unknown>): boolean {
  return seen.size === stored.size && [...seen].every(([name, value]) => stored.get(name) === value)
}

/** Which version it is, and of which key. */
export interface VersionPlace {
  readonly bucketId: number
  readonly key: string
  readonly id: number
}

export function saveInfo(
  context: WriteContext,
  { bucketId, key, id }: VersionPlace,
  info: ReplicationInfo,
  status: StatusMessage['status'],
): void {
  context.versionChanged(bucketId, key)
  const replication = JSON.stringify(info)
  if (status === 'SKIPPED') context.connection.run('UPDATE versions SET replication = ? WHERE id = ?', replication, id)
  else
    context.connection.run(
      'UPDATE versions SET replication = ?, origin_op = ? WHERE id = ?',
      replication,
      originOpOf(status),
      id,
    )
}

function endAs(context: WriteContext, row: StoredRow, message: StatusMessage): void {
  const ended = { COMPLETED: state.completed, SKIPPED: state.skipped, FAILED: state.quarantined, PENDING: row.state }[
    message.status
  ]
  // What a completed row was reported with is a warning.
  const known = row.state === state.reported || ended !== state.completed ? row.reason : null
  end(context, row, ended, ended === state.completed ? known : (known ?? messageReason(message, context.now)))
}

/** Ends a row; where a message from outside overtook our own work, the claim is lost and the key goes on with its next row. */
function end(context: WriteContext, row: StoredRow, ended: number, reason: string | null): void {
  endRow(context, row, ended, { reason, unsettled: 0 })
  if (row.state === state.reported || !isOpen(row.state)) return
  forgetUpload(context, row)
  unblockNext(context, row.site, row.bucket_id, row.key)
}

function messageReason(message: StatusMessage, at: number): string {
  const reason: RowReason = {
    class: message.status === 'SKIPPED' ? 'superseded' : 'object',
    code: message.status === 'SKIPPED' ? 'Skipped' : 'ReplicationFailed',
    message: message.reason ?? '',
    at,
  }
  return JSON.stringify(reason)
}

function notWanted(at: number): string {
  const reason: RowReason = {
    class: 'not-wanted',
    code: 'NotWanted',
    message: 'The version is no longer replicated to this site',
    at,
  }
  return JSON.stringify(reason)
}

/** The version is gone: a row that was kept because a task had it (or an upload of it) ends with it. */
function endOrphan(context: WriteContext, row: StoredRow | undefined): void {
  if (row === undefined || row.state !== state.reported) return
  endRow(context, row, state.skipped, { reason: row.reason ?? sourceGone(context.now), isOrphan: true })
  dropApplied(context, row.bucket_id, row.key)
}

function reopen(
  context: WriteContext,
  place: VersionPlace,
  info: ReplicationInfo,
  row: StoredRow | undefined,
  message: StatusMessage,
): FoldResult {
  const pending = withBackend(info, message.site, 'PENDING', message.dataStoreVersionId || undefined)
  saveInfo(context, place, pending, 'PENDING')
  if (row !== undefined && !isOpen(row.state)) reopenRow(context, row)
  return 'folded'
}

function reopenRow(context: WriteContext, row: StoredRow): void {
  moveSums(context, row, state.loose)
  changeRow(context, row, { state: state.loose, at: context.now, attempts: 0, reason: null, token: null })
}

/** Takes rows out of quarantine, whatever their revision: what is stored now is what will be sent. */
export function retry(context: WriteContext, request: Request<'retry'>): readonly boolean[] {
  return request.refs.map(ref => {
    const bucket = context.bucket(ref.bucket)
    const row = bucket === null ? undefined : rowOf(context, bucket.id, ref.key, ref.versionId, ref.site)
    if (bucket === null || row === undefined || row.state !== state.quarantined) return false
    const version = versionToFold(context, bucket.id, ref)
    const info = version === undefined ? null : infoOf(version)
    if (version === undefined || info === null) return false
    const place = { bucketId: bucket.id, key: ref.key, id: version.id }
    saveInfo(context, place, withBackend(info, ref.site, 'PENDING', undefined), 'PENDING')
    reopenRow(context, row)
    return true
  })
}
