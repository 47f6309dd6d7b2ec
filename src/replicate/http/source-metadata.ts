// The metadata of source versions over HTTP: read whole, and patched by writing back the fresh copy with one site's result folded in. Our own
// servers fold it into the ledger by revision; for a real CloudServer the content is compared here, as closely as two requests allow.
import { isJsonObject, jsonObject, wireHeaders } from '../../domain/backbeat-wire.ts'
import type { StatusMessage, VersionRef } from '../../domain/entry.ts'
import type { Integrity, ObjectMetadata } from '../../domain/object-metadata.ts'
import { originOpOf, type ReplicationInfo, withBackend } from '../../domain/replication-info.ts'
import type { FoldResult } from '../../metadata/ledger.ts'
import type { SourceVersion } from '../source-gateway.ts'
import { routePrefix } from './cloud-request.ts'
import { versionParameter } from './source-data.ts'
import { objectPath, type WireChannel, wireText } from './wire-channel.ts'
import { failureOfAnswer, isSuccess, jsonAnswer, refusalOf } from './wire-refusal.ts'

const metadataPrefix = `${routePrefix}/metadata`

/** A version as it was read; `ours` when the server knows revisions. */
type ReadResult =
  | { readonly kind: 'found'; readonly version: SourceVersion; readonly ours: boolean }
  | { readonly kind: 'gone'; readonly ours: boolean }

async function readMetadata(channel: WireChannel, ref: VersionRef): Promise<ReadResult> {
  const answer = await channel.send({
    method: 'GET',
    path: objectPath(metadataPrefix, ref.bucket, ref.key),
    query: versionParameter(ref.versionId),
  })
  const revision = answer.headers[wireHeaders.revision]
  const ours = revision !== undefined
  if (answer.status === 404 && refusalOf(answer).code === 'ObjNotFound') return { kind: 'gone', ours }
  // The bucket went with its versions.
  if (answer.status === 404 && refusalOf(answer).code === 'NoSuchBucket') return { kind: 'gone', ours: false }
  if (!isSuccess(answer)) throw failureOfAnswer(answer, false)
  const metadata = parsedMetadata(jsonAnswer(answer)['Body'])
  const { bucket, key, versionId } = ref
  return {
    kind: 'found',
    ours,
    version: {
      bucket,
      key,
      versionId,
      metadata,
      integrity: parsedIntegrity(answer.headers[wireHeaders.integrity]),
      isNull: metadata.isNull === true || versionId === '',
      ...(ours ? { revision: Number(revision) } : {}),
    },
  }
}

/** Trusts the server to send the metadata of a version: it is the source of truth. */
function parsedMetadata(body: unknown): ObjectMetadata {
  if (typeof body !== 'string') throw new Error('the metadata answer has no Body')
  const metadata: ObjectMetadata = JSON.parse(body)
  return metadata
}

function parsedIntegrity(header: string | undefined): Integrity | null {
  const value = header === undefined ? null : jsonObject(header)
  if (value === null || typeof value['crc32'] !== 'string') return null
  const integrity: Integrity = JSON.parse(header ?? '')
  return integrity
}

export async function readVersion(channel: WireChannel, ref: VersionRef): Promise<SourceVersion | null> {
  const read = await readMetadata(channel, ref)
  return read.kind === 'found' ? read.version : null
}

/** Folds one message: reads, folds, writes back. */
export async function patchVersion(channel: WireChannel, message: StatusMessage): Promise<FoldResult> {
  const read = await readMetadata(channel, message)
  if (read.kind === 'gone') {
    // Our server still has to end the row; a real CloudServer would bring the version back to life.
    return read.ours ? writeStatus(channel, message, resultAlone(message)) : 'no-such-version'
  }
  const { metadata } = read.version
  const known = metadata.replicationInfo.backends.find(backend => backend.site === message.site)
  if (!read.ours && known?.status === 'COMPLETED') return 'already'
  const byRevision = read.ours && message.revision !== undefined
  if (!byRevision && !hasSameContent(metadata, message.metadataJson)) return 'newer-revision'
  return writeStatus(channel, message, JSON.stringify(withResult(metadata, message)))
}

/** Messages without a revision are compared by what would have to be replicated anew. */
function hasSameContent(metadata: ObjectMetadata, seenJson: string): boolean {
  const seen = jsonObject(seenJson)
  if (seen === null) return false
  const stored: Readonly<Record<string, unknown>> = { ...metadata }
  const same = (name: string): boolean => sorted(seen[name]) === sorted(stored[name])
  return ['content-md5', 'tags', 'retentionMode', 'retentionDate', 'legalHold'].every(same)
}

/** A comparable form of a value; nothing and an empty object are the same. */
function sorted(value: unknown): string {
  if (!isJsonObject(value)) return JSON.stringify(value ?? null)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? 'null' : JSON.stringify(entries)
}

function withResult(metadata: ObjectMetadata, message: StatusMessage): ObjectMetadata {
  const { site, status, dataStoreVersionId } = message
  const info = withSite(metadata.replicationInfo, site)
  const replicationInfo = withBackend(info, site, status, dataStoreVersionId === '' ? undefined : dataStoreVersionId)
  const event =
    status === 'FAILED' || status === 'PENDING'
      ? status
      : replicationInfo.status === 'COMPLETED'
        ? 'COMPLETED'
        : 'PENDING'
  return { ...metadata, replicationInfo, originOp: originOpOf(event) }
}

/** The result without the version it is about. */
function resultAlone(message: StatusMessage): string {
  const { key, versionId, site, status, dataStoreVersionId } = message
  const backends = [{ site, status, dataStoreVersionId }]
  return JSON.stringify({ key, versionId, replicationInfo: { status: '', backends }, originOp: originOpOf('PENDING') })
}

function withSite(info: ReplicationInfo, site: string): ReplicationInfo {
  if (info.backends.some(backend => backend.site === site)) return info
  return { ...info, backends: [...info.backends, { site, status: 'PENDING', dataStoreVersionId: '' }] }
}

const foldResults: readonly FoldResult[] = ['folded', 'already', 'newer-revision', 'no-such-version']

async function writeStatus(channel: WireChannel, message: StatusMessage, json: string): Promise<FoldResult> {
  const body = Buffer.from(json, 'utf8')
  const answer = await channel.send({
    method: 'PUT',
    path: objectPath(metadataPrefix, message.bucket, message.key),
    query: versionParameter(message.versionId),
    headers: {
      'content-type': 'application/json',
      [wireHeaders.site]: wireText(message.site),
      ...(message.revision === undefined ? {} : { [wireHeaders.revision]: String(message.revision) }),
      ...(message.reason === undefined ? {} : { [wireHeaders.reason]: wireText(message.reason.slice(0, 1000)) }),
    },
    body,
  })
  if (answer.status === 404) return 'no-such-version'
  if (!isSuccess(answer)) throw failureOfAnswer(answer, true)
  return foldResults.find(result => result === answer.headers[wireHeaders.fold]) ?? 'folded'
}
