// The writer's side of claiming, renewing and counting: every step reads the row as it is inside the transaction, so a lost claim or a newer
// revision is always noticed. Costs depend on the key's open rows only, never on how long the backlog is.

import { limits } from '../../domain/limits.ts'
import { claimedState, type StoredRow, state } from '../ledger-form.ts'
import { formColumns } from '../version-form.ts'
import type { AppliedValues, Reply, Request, RowValues, StoredClaim, VersionValues } from './commands.ts'
import {
  blockOthers,
  changeRow,
  forgetUpload,
  oldestAndAlone,
  rowOf,
  saveUpload,
  storedRow,
  uploadOf,
} from './ledger-rows.ts'
import type { KnownVersion, WriteContext } from './write-context.ts'

export function claim(context: WriteContext, request: Request<'claim'>): Reply<'claim'> {
  return request.keys.map((ref): StoredClaim => {
    const bucket = context.bucket(ref.bucket)
    const found = bucket === null ? undefined : oldestAndAlone(context, request.site, bucket.id, ref.key)
    if (found === undefined) return { outcome: 'nothing' }
    const row = storedRow(found.row)
    const heldUntil = holder(context, row)
    if (heldUntil !== null) return { outcome: 'held', until: heldUntil }
    const until = row.at ?? 0
    if (row.state === state.waiting && until > context.now) {
      blockOthers(context, row)
      return { outcome: 'waiting', until }
    }
    return take(context, found, row, request)
  })
}

/**
 * Until when a live claim holds the key. It may be on a newer row than the oldest one (tags of an older version were changed meanwhile).
 * A claim that lapsed is taken from its owner here, whose report will be stale.
 */
function holder(context: WriteContext, oldest: StoredRow): number | null {
  const { site, bucket_id: bucketId, key } = oldest
  const known = context.claimOfKey(site, bucketId, key)
  if (known === null) return oldest.state === state.claimed ? later(oldest.at, context.now) : null
  const row = rowOf(context, bucketId, key, known.row.versionId, site)
  const holds = row !== undefined && row.state === state.claimed && row.token === known.token
  const until = holds ? later(row.at, context.now) : null
  if (until !== null) return until
  context.dropClaim(known.token)
  if (holds && row.version_id !== oldest.version_id)
    changeRow(context, row, { state: state.loose, at: context.now, token: null, unsettled: 1 })
  return null
}

function later(at: number | null, now: number): number | null {
  return at !== null && at > now ? at : null
}

function take(
  context: WriteContext,
  found: { readonly row: RowValues; readonly alone: boolean },
  row: StoredRow,
  request: Request<'claim'>,
): StoredClaim {
  const { bucket_id: bucketId, key, version_id: versionId, site } = row
  if (row.state === state.pending) context.claimedUpTo(site, row.at ?? 0)
  if (row.token !== null) context.dropClaim(row.token)
  // Large ones are read when their task begins: the metadata of many pieces is long.
  const withVersion = request.versions && row.size <= limits.inlineObjectBytes
  const version = withVersion ? (versionValues(context, row) ?? null) : undefined
  const token = context.newClaim({ bucketId, key, versionId, site, alone: found.alone, known: knownOf(version, row) })
  const { attempts, unsettled } = claimedState(row)
  context.connection.run(
    'UPDATE ledger SET state = 2, at = ?, attempts = ?, unsettled = ?, token = ? WHERE bucket_id = ? AND key = ? AND version_id = ? AND site = ?',
    context.now + request.leaseMs,
    attempts,
    unsettled,
    token,
    bucketId,
    key,
    versionId,
    site,
  )
  if (unsettled === 1) context.noteUnsettled()
  const upload = uploadOf(context, row)
  return { outcome: 'claimed', row: found.row, upload, applied: appliedValues(context, row), token, version }
}

const versionSql = `SELECT ${formColumns}, revision, integrity, bytes, versions.id, size, etag FROM versions
  LEFT JOIN inline_data ON inline_data.id = inline_id WHERE bucket_id = ? AND key = ? AND version_id = ?`

function versionValues(context: WriteContext, row: StoredRow): VersionValues | undefined {
  return context.connection.values<VersionValues>(versionSql, row.bucket_id, row.key, row.version_id)[0]
}

/** What of a version is kept for the result of its claim. */
function knownOf(version: VersionValues | null | undefined, row: StoredRow): KnownVersion | null {
  if (version === undefined || version === null) return null
  const [, null_kind, , , replication, revision, , , id, size, etag] = version
  return {
    version: { id, revision, null_kind, size, etag, replication },
    row: { size: row.size, created_at: row.created_at },
  }
}

const appliedSql =
  'SELECT version_id, kind, destination_version_id, destination_etag FROM applied WHERE bucket_id = ? AND key = ? AND site = ?'

function appliedValues(context: WriteContext, row: StoredRow): AppliedValues | null {
  return context.connection.values<AppliedValues>(appliedSql, row.bucket_id, row.key, row.site)[0] ?? null
}

export function renew(context: WriteContext, request: Request<'renew'>): Reply<'renew'> {
  return request.tokens.map(token => {
    const ref = context.claimed(token)
    if (ref === undefined) return false
    const changed = context.connection.run(
      'UPDATE ledger SET at = ? WHERE bucket_id = ? AND key = ? AND version_id = ? AND site = ? AND token = ? AND state = 2 AND at > ?',
      context.now + request.leaseMs,
      ref.bucketId,
      ref.key,
      ref.versionId,
      ref.site,
      token,
      context.now,
    )
    return changed === 1
  })
}

export function saveUploadProgress(context: WriteContext, request: Request<'save-upload'>): boolean {
  const { ref } = request
  const bucket = context.bucket(ref.bucket)
  const row = bucket === null ? undefined : rowOf(context, bucket.id, ref.key, ref.versionId, ref.site)
  if (row === undefined || row.state !== state.claimed || row.token !== request.token) return false
  if (request.upload === null) forgetUpload(context, row)
  else saveUpload(context, row, JSON.stringify(request.upload))
  return true
}

/** Most rows made due by one command, so that a long backlog does not hold up the batch. */
const dueMax = 2_000

/** Pending rows of a site that no entry will bring any more; answers whether there may be more. */
export function makeDue(context: WriteContext, request: Request<'make-due'>): boolean {
  const changed = context.connection.run(
    `UPDATE ledger SET state = ?1, at = ?2 WHERE (bucket_id, key, version_id, site) IN
     (SELECT bucket_id, key, version_id, site FROM ledger WHERE site = ?3 AND state = 0 AND at IS NOT NULL AND created_at <= ?4 LIMIT ?5)`,
    state.loose,
    context.now,
    request.site,
    context.now - request.olderThanMs,
    dueMax,
  )
  return changed === dueMax
}

/** Rows of versions that are gone are kept this long, for whoever asks what became of one. */
const orphanKeepMs = 24 * 60 * 60_000
const forgetMax = 2_000

/** What was done per five minutes is looked at for a day; it is kept a month. */
const activityKeepMs = 31 * 24 * 60 * 60_000

/** Counts open and failed rows by their indexes: the cost does not grow with what has ended. */
function countRows(
  context: WriteContext,
  site: string,
): { n: number; bytes: number; failed: number; failedBytes: number } {
  const { connection } = context
  const none = { n: 0, bytes: 0 }
  const open = connection.get<{ n: number; bytes: number }>(
    'SELECT count(*) AS n, ifnull(sum(size), 0) AS bytes FROM ledger WHERE site = ? AND open = 1',
    site,
  )
  const failed = connection.get<{ n: number; bytes: number }>(
    'SELECT count(*) AS n, ifnull(sum(size), 0) AS bytes FROM ledger WHERE site = ? AND state = 8 AND at IS NOT NULL',
    site,
  )
  return { ...(open ?? none), failed: failed?.n ?? 0, failedBytes: failed?.bytes ?? 0 }
}

/**
 * Counts the rows afresh; answers whether the stored sums were wrong. They are right afterwards. On this occasion rows whose version has been
 * gone for long are forgotten, and what was done long ago.
 */
export function recount(context: WriteContext): boolean {
  context.flushSums()
  const { connection } = context
  connection.run('DELETE FROM activity WHERE slot_at < ?', context.now - activityKeepMs)
  let differed = false
  for (const { site } of connection.all<{ site: string }>('SELECT site FROM site_sums')) {
    connection.run(
      `DELETE FROM ledger WHERE (bucket_id, key, version_id, site) IN
       (SELECT bucket_id, key, version_id, site FROM ledger WHERE site = ? AND state = 7 AND at <= ? LIMIT ?)`,
      site,
      context.now - orphanKeepMs,
      forgetMax,
    )
    const sums = countRows(context, site)
    const changed = connection.run(
      `INSERT INTO site_sums (site, objects, bytes, failed_objects, failed_bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT (site) DO UPDATE SET
       objects = excluded.objects, bytes = excluded.bytes, failed_objects = excluded.failed_objects, failed_bytes = excluded.failed_bytes
       WHERE objects <> excluded.objects OR bytes <> excluded.bytes OR failed_objects <> excluded.failed_objects
       OR failed_bytes <> excluded.failed_bytes`,
      site,
      sums.n,
      sums.bytes,
      sums.failed,
      sums.failedBytes,
    )
    differed ||= changed > 0
  }
  return differed
}
