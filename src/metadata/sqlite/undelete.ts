// What has to be sent again because a delete marker is gone: a site without versions has removed the object for it, and an older object is the
// key's current version once more. Called by whatever can make this true (a deletion, the report of a marker's task), in its transaction.
import { type ReplicationInfo, withBackend } from '../../domain/replication-info.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import { type StoredRow, state } from '../ledger-form.ts'
import { infoOf, saveInfo, versionToFold } from './ledger-fold.ts'
import { changeRow, moveSums, rowOf } from './ledger-rows.ts'
import { journal, newestOf, type StoredVersion } from './version-rows.ts'
import type { StoredBucket, WriteContext } from './write-context.ts'

/** Rows in these states say that the site is done with the version. */
const endedStates: readonly number[] = [state.reported, state.completed, state.skipped]

/**
 * Where a marker newer than the key's current object was applied as a removal (so the marker is gone), the object's row is pending again. Rows
 * that are open need nothing but to know; what is in quarantine stays there until it is taken out.
 */
export function undelete(context: WriteContext, bucket: StoredBucket, bucketName: string, key: string): void {
  const removals = context.connection.all<{ site: string; version_id: string }>(
    "SELECT site, version_id FROM applied WHERE bucket_id = ? AND key = ? AND kind = 'removal'",
    bucket.id,
    key,
  )
  if (removals.length === 0) return
  const current = newestOf(context, bucket.id, key)
  if (current === undefined || current.is_delete_marker === 1) return
  const rows = removals
    .filter(removal => removal.version_id < current.version_id)
    .flatMap(({ site }) => rowOf(context, bucket.id, key, current.version_id, site) ?? [])
  for (const row of rows) allowAgain(context, row)
  sendAgain(
    context,
    { bucket: bucketName, version: current },
    rows.filter(row => endedStates.includes(row.state)),
  )
}

/** Nothing newer than this version is applied any more, and it is not there either. */
function allowAgain(context: WriteContext, row: StoredRow): void {
  context.connection.run(
    "UPDATE applied SET version_id = ?, destination_version_id = '', destination_etag = '' WHERE bucket_id = ? AND key = ? AND site = ?",
    row.version_id,
    row.bucket_id,
    row.key,
    row.site,
  )
}

function sendAgain(
  context: WriteContext,
  { bucket, version }: { readonly bucket: string; readonly version: StoredVersion },
  rows: readonly StoredRow[],
): void {
  const [first] = rows
  if (first === undefined) return
  const { bucket_id: bucketId, key } = first
  const versionId = storedVersionId(version.version_id)
  const folded = versionToFold(context, bucketId, { key, versionId })
  const info = folded === undefined ? null : infoOf(folded)
  if (info === null) return
  const wanted = rows.filter(row => info.backends.some(backend => backend.site === row.site))
  if (wanted.length === 0) return
  saveInfo(
    context,
    { bucketId, key, id: version.id },
    wanted.reduce<ReplicationInfo>((so, row) => withBackend(so, row.site, 'PENDING', undefined), info),
    'PENDING',
  )
  const slot = { bucketId, bucket, key, versionId, nullKind: version.null_kind }
  const sequence = journal(context, 'put', slot, version.revision, null)
  for (const row of wanted) {
    moveSums(context, row, state.pending)
    const fresh = { attempts: 0, createdAt: context.now, reason: null, token: null, unsettled: 0 }
    changeRow(context, row, { ...fresh, state: state.pending, at: sequence })
  }
}
