// What buckets tell of replication: a copy that failed, or came late. A journal entry of its own, in the transaction in which the row ends.
import type { StatusMessage } from '../../domain/entry.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import { replicationEvent } from '../event-form.ts'
import type { RowReason } from '../ledger.ts'
import type { StoredRow } from '../ledger-form.ts'
import { journal } from './version-rows.ts'
import type { FoldedVersion, WriteContext } from './write-context.ts'

type EndedRow = Pick<StoredRow, 'bucket_id' | 'key' | 'version_id' | 'site' | 'created_at' | 'reason'>

export function tellEnd(
  context: WriteContext,
  bucket: string,
  version: FoldedVersion,
  row: EndedRow,
  status: StatusMessage['status'],
): void {
  const name = replicationEvent(status, context.now - row.created_at)
  if (name === null || context.bucket(bucket)?.notified !== true) return
  const { bucket_id: bucketId, key, site } = row
  const versionId = storedVersionId(row.version_id)
  const slot = { bucketId, bucket, key, versionId, nullKind: version.null_kind }
  const reason: RowReason | null = row.reason === null ? null : JSON.parse(row.reason)
  const { size, etag } = version
  const event = { name, size, etag, site, ...(reason === null ? undefined : { reason: reason.code }) }
  journal(context, 'event', slot, version.revision, event)
}
