// Results of replication that come as a metadata PUT: only replicationInfo changes, folded in together with the end of the ledger's row, and only
// while the version is still the one that was replicated. Whatever else the body says is what its sender saw, not what is stored.
import { type JsonObject, wireHeaders } from '../../domain/backbeat-wire.ts'
import type { StatusMessage } from '../../domain/entry.ts'
import { serviceError } from '../../domain/errors.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { type Backend, originOpOf } from '../../domain/replication-info.ts'
import { encodeVersionId, type VersionId } from '../../domain/version-id.ts'
import type { FoldResult } from '../../metadata/ledger.ts'
import type { Answer } from '../call.ts'
import { headerText } from '../http/answer.ts'
import type { BackbeatCall } from './backbeat-call.ts'
import { readReplicationInfo } from './metadata-body.ts'
import { jsonAnswer, versionHeaders } from './wire-answer.ts'

const replicationPrefix = 's3:Replication:'

/** A body that tells of replication, and not of a replica (Backbeat wire format, "Object metadata JSON", originOp). */
export function isStatusWrite(body: JsonObject): boolean {
  const { originOp } = body
  if (typeof originOp !== 'string' || !originOp.startsWith(replicationPrefix)) return false
  return readReplicationInfo(body['replicationInfo']).status !== 'REPLICA'
}

export interface StatusWrite {
  readonly text: string
  readonly body: JsonObject
  /** Null: it is not there (any more). */
  readonly stored: VersionRecord | null
  readonly version: VersionId | 'null' | null
}

/** Throws ObjNotFound when the version is gone; its ledger rows end all the same. */
export async function writeStatus(call: BackbeatCall, write: StatusWrite): Promise<Answer> {
  const { stored } = write
  const versionId = stored?.versionId ?? (write.version === 'null' ? null : write.version)
  if (versionId === null) throw serviceError('ObjNotFound')
  const messages = backendsMeant(call, write).map(backend => messageOf(call, write, versionId, backend))
  // Whoever does not name the site is a program of its own, which takes our answer for the end of it.
  const flushed = call.headers.get(wireHeaders.site) === undefined
  const results = messages.length === 0 ? [] : await call.services.store.ledger.fold(messages, { flushed })
  if (stored === null || results.includes('no-such-version')) throw serviceError('ObjNotFound')
  const shown = stored.isNull ? 'null' : encodeVersionId(versionId)
  return jsonAnswer({ versionId }, [...versionHeaders(shown), wireHeaders.fold, worstOf(results)])
}

function worstOf(results: readonly FoldResult[]): FoldResult {
  if (results.includes('newer-revision')) return 'newer-revision'
  return results.includes('folded') ? 'folded' : 'already'
}

/**
 * The backends that the sender has news of. Ours names the site. A real Backbeat sends the whole list as it read it a moment ago: what ended
 * there is news if it has not ended here, and PENDING is news only when the event says so.
 */
function backendsMeant(call: BackbeatCall, write: StatusWrite): readonly Backend[] {
  const { backends } = readReplicationInfo(write.body['replicationInfo'])
  const site = call.headers.get(wireHeaders.site)
  if (site !== undefined) return backends.filter(backend => backend.site === headerText(site))
  const isPending = write.body['originOp'] === originOpOf('PENDING')
  return backends.filter(backend => {
    const known = write.stored?.metadata.replicationInfo.backends.find(candidate => candidate.site === backend.site)
    const isNews = known?.status !== backend.status || known.dataStoreVersionId !== backend.dataStoreVersionId
    return isNews && (backend.status !== 'PENDING' || (isPending && known?.status === 'FAILED'))
  })
}

function messageOf(call: BackbeatCall, write: StatusWrite, versionId: VersionId, backend: Backend): StatusMessage {
  const revision = call.headers.get(wireHeaders.revision)
  const reason = call.headers.get(wireHeaders.reason)
  return {
    bucket: call.bucket,
    key: call.key,
    versionId,
    site: backend.site,
    status: backend.status === 'REPLICA' ? 'COMPLETED' : backend.status,
    dataStoreVersionId: backend.dataStoreVersionId,
    metadataJson: write.text,
    ...(revision !== undefined && /^\d{1,15}$/.test(revision) ? { revision: Number(revision) } : {}),
    ...(reason === undefined ? {} : { reason: headerText(reason).slice(0, 1024) }),
  }
}
