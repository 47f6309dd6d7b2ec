// Makes status messages from how a row ended: the metadata as the task saw it, with this site's result folded into its replicationInfo.
import type { StatusMessage } from '../domain/entry.ts'
import type { ObjectMetadata } from '../domain/object-metadata.ts'
import { originOpOf, type ReplicationInfo, withBackend } from '../domain/replication-info.ts'
import type { AttemptReport, RowReason } from '../metadata/ledger.ts'

/** A status message: the metadata as the task saw it, with this site's result and the overall status in its replicationInfo. */
export function makeStatusMessage(
  row: Pick<AttemptReport, 'bucket' | 'key' | 'versionId' | 'site' | 'revision'>,
  result: { readonly status: Exclude<StatusMessage['status'], 'PENDING'>; readonly dataStoreVersionId: string },
  metadata: ObjectMetadata | null,
  reason: RowReason | undefined,
): StatusMessage {
  const { bucket, key, versionId, site, revision } = row
  return {
    bucket,
    key,
    versionId,
    site,
    revision,
    ...result,
    metadataJson: metadataWith(row, result, metadata),
    ...(reason === undefined ? {} : { reason: `${reason.code}: ${reason.message}` }),
  }
}

function metadataWith(
  row: Pick<AttemptReport, 'key' | 'versionId' | 'site'>,
  result: { readonly status: 'COMPLETED' | 'FAILED' | 'SKIPPED'; readonly dataStoreVersionId: string },
  metadata: ObjectMetadata | null,
): string {
  const { status, dataStoreVersionId } = result
  if (metadata === null) {
    // The version is gone; what is left to say is that its row has ended.
    const backends = [{ site: row.site, status, dataStoreVersionId }]
    return JSON.stringify({ key: row.key, versionId: row.versionId, replicationInfo: { status: '', backends } })
  }
  const known = metadata.replicationInfo.backends.some(backend => backend.site === row.site)
  const info: ReplicationInfo = known
    ? metadata.replicationInfo
    : {
        ...metadata.replicationInfo,
        backends: [...metadata.replicationInfo.backends, { site: row.site, status: 'PENDING', dataStoreVersionId: '' }],
      }
  const replicationInfo = withBackend(
    info,
    row.site,
    status,
    dataStoreVersionId === '' ? undefined : dataStoreVersionId,
  )
  const originOp = originOpOf(status === 'FAILED' ? 'FAILED' : 'COMPLETED')
  return JSON.stringify({ ...metadata, replicationInfo, originOp })
}
