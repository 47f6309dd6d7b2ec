// Finds out what a write of unknown outcome has left at the destination, and puts right what should not be there: copies of a version that
// arrived twice, older versions of ours that arrived after newer ones, uploads that nobody knows. After it the next write is safe.
import { pipelineNotices } from '../base/channels.ts'
import { Failure } from '../domain/failure.ts'
import { decodeVersionId, encodeVersionId, isNewer, type VersionId } from '../domain/version-id.ts'
import { lockedCode, type Precondition, type StoredObject } from '../locations/location.ts'
import { versionIdMarker } from '../locations/multiple-backend.ts'
import type { LedgerRow } from '../metadata/ledger.ts'
import type { SourceGateway, SourceVersion } from './source-gateway.ts'
import { callContext, markerOf, type Work, type Written } from './work.ts'

export type Standing =
  /** Our version is there, whole. */
  | { readonly kind: 'present'; readonly written: Written }
  /** It is not, or the source cannot tell (`untold`); a conditional write may use what was read. */
  | { readonly kind: 'absent'; readonly precondition?: Precondition; readonly untold?: true }
  /** A destination without versions holds a newer version of ours. */
  | { readonly kind: 'superseded' }

/** What settling needs of a piece of work: the source version itself may be gone. */
export type Settling = Pick<Work, 'claimed' | 'target' | 'capabilities' | 'ports'>

/** What is known of the version; md5 and crc32 are hex, '' when unknown. */
export interface Subject {
  readonly isDeleteMarker: boolean
  readonly isNull: boolean
  readonly marker: string
  readonly size: number
  readonly md5: string
  readonly crc32: string
}

export function subjectOf(version: SourceVersion): Subject {
  const { metadata, integrity, isNull } = version
  return {
    isDeleteMarker: metadata.isDeleteMarker === true,
    isNull,
    marker: markerOf(version),
    size: metadata['content-length'],
    md5: metadata['content-md5'],
    crc32: integrity?.crc32 ?? '',
  }
}

/** A version that is gone at the source, as its ledger row knows it. */
export function subjectOfRow(row: LedgerRow): Subject {
  const { isDeleteMarker, size, versionId } = row
  return { isDeleteMarker, isNull: false, marker: encodeVersionId(versionId), size, md5: '', crc32: '' }
}

/** Reads the destination and says how our version stands there. A source that cannot tell answers as if it were absent. */
export async function settle(work: Settling, subject: Subject): Promise<Standing> {
  const whole = await work.ports.gateway.destinationHistory(work.target, callContext(work))
  if (whole === null) return { kind: 'absent', untold: true }
  if (!work.capabilities.versions) return standingOfCurrent(work, subject, whole[0])
  const isMarker = subject.isDeleteMarker
  const history = isMarker || subject.isNull ? aboveApplied(work, subject, whole) : whole
  // Delete markers bear no mark: one that lies above what was applied before is taken for ours.
  const kept = isMarker
    ? history.findLast(object => object.isDeleteMarker)
    : history.findLast(object => isOurs(subject, object) && isWhole(work, subject, object))
  await removeStrays(work, subject, history, kept)
  if (kept === undefined) return { kind: 'absent' }
  return { kind: 'present', written: { versionId: kept.versionId, etag: kept.etag } }
}

/** What a conditional first attempt may assume, from the ledger alone. */
export function assumedPrecondition(work: Work): Precondition | undefined {
  const { applied } = work.claimed
  if (!work.capabilities.conditionalWrites || work.capabilities.versions) return undefined
  if (applied === null || applied.kind !== 'object') return { kind: 'absent' }
  return applied.destinationEtag === '' ? undefined : { kind: 'etag', etag: applied.destinationEtag }
}

/** Aborts uploads of the key that the ledger does not know: begun by an attempt that ended before it could say so. */
export async function abortUnknownUploads(work: Settling & Pick<Work, 'progress'>): Promise<void> {
  if (work.capabilities.clientMadeUploadIds) return
  const uploads = await work.ports.gateway.listUploads(work.target, callContext(work))
  for (const uploadId of uploads ?? []) {
    if (uploadId === work.progress.upload?.uploadId) continue
    await work.ports.gateway.abortUpload(work.target, uploadId, callContext(work))
  }
}

function standingOfCurrent(work: Settling, subject: Subject, current: StoredObject | undefined): Standing {
  if (current === undefined || current.isDeleteMarker) {
    if (subject.isDeleteMarker) return { kind: 'present', written: { versionId: '', etag: '' } }
    return { kind: 'absent', precondition: { kind: 'absent' } }
  }
  if (isOurs(subject, current) && isWhole(work, subject, current))
    return { kind: 'present', written: { versionId: current.versionId, etag: current.etag } }
  const theirs = decodeVersionId(current.markers[versionIdMarker] ?? '')
  if (theirs !== null && isNewer(theirs, work.target.versionId)) return { kind: 'superseded' }
  return { kind: 'absent', precondition: { kind: 'etag', etag: current.etag } }
}

/**
 * What has no marker of its own (delete markers, null versions) is told apart by lying above what was applied before. Where that is not known
 * (nothing was, or it is gone from the destination), only what lies on top can be ours: what is below may be the key's former life.
 */
function aboveApplied(work: Settling, subject: Subject, history: readonly StoredObject[]): readonly StoredObject[] {
  const { applied } = work.claimed
  const appliedId = applied?.destinationVersionId ?? ''
  const at = appliedId === '' ? -1 : history.findIndex(object => object.versionId === appliedId)
  if (at >= 0) return history.slice(0, applied?.versionId === work.target.versionId ? at + 1 : at)
  if (!subject.isDeleteMarker)
    return history.slice(0, 1).filter(object => isOurs(subject, object) && isWhole(work, subject, object))
  const end = history.findIndex(object => !object.isDeleteMarker)
  return end < 0 ? history : history.slice(0, end)
}

/** Carries our marker for this version. */
function isOurs(subject: Subject, object: StoredObject): boolean {
  return !object.isDeleteMarker && object.markers[versionIdMarker] === subject.marker
}

const plainMd5 = /^[0-9a-f]{32}$/

/** Size and, where the destination tells one that we can compare, checksum are the source's. */
function isWhole(work: Settling, subject: Subject, object: StoredObject): boolean {
  const { size, md5, crc32 } = subject
  if (object.size !== size) return false
  if (object.checksum?.crc32 !== undefined && crc32 !== '') return object.checksum.crc32 === crc32
  if (object.checksum?.md5 !== undefined && plainMd5.test(md5)) return object.checksum.md5 === md5
  const etag = object.etag.replaceAll('"', '')
  // The parts of a multipart object were each confirmed before it could be completed.
  return !plainMd5.test(etag) || !plainMd5.test(md5) || !work.capabilities.versions || etag === md5
}

/** A copy of an older version that the source does not know of: its write arrived late, after it had been written again or given up. */
async function isStrayOlder(work: Settling, object: StoredObject): Promise<boolean> {
  if (object.isDeleteMarker) return false
  const versionId: VersionId | null = decodeVersionId(object.markers[versionIdMarker] ?? '')
  if (versionId === null || !isNewer(work.target.versionId, versionId)) return false
  const { bucket, key, site } = work.target
  const older = await work.ports.gateway.readVersion({ bucket, key, versionId })
  if (older === null) return true
  const backend = older.metadata.replicationInfo.backends.find(candidate => candidate.site === site)
  // A result that is not folded yet may name this very copy: in doubt it stays.
  return backend !== undefined && backend.dataStoreVersionId !== '' && backend.dataStoreVersionId !== object.versionId
}

/**
 * Removes second copies of our version, damaged ones, and older versions of ours that lie above the one that is kept. What lies below stays:
 * it came in its order. The copy that the source counts as an older version's own is never removed, wherever the destination lists it.
 */
async function removeStrays(
  work: Settling,
  subject: Subject,
  history: readonly StoredObject[],
  kept: StoredObject | undefined,
): Promise<void> {
  const { gateway } = work.ports
  if (gateway.removeVersion === undefined) return
  const isMarker = subject.isDeleteMarker
  const keptAt = kept === undefined ? -1 : history.indexOf(kept)
  // A marker above something else is another one's.
  const secondsFrom = isMarker ? history.findLastIndex((object, at) => at < keptAt && !object.isDeleteMarker) + 1 : 0
  for (const [at, object] of history.entries()) {
    if (object === kept) continue
    const isSecond = isMarker ? object.isDeleteMarker && at >= secondsFrom : isOurs(subject, object)
    if (!isSecond && !(at < keptAt && (await isStrayOlder(work, object)))) continue
    await remove(work, gateway.removeVersion, object.versionId)
  }
}

/** A copy that object lock keeps stays beside the one that counts, until it can be removed by hand: it must not hold up the key. */
async function remove(
  work: Settling,
  removeVersion: NonNullable<SourceGateway['removeVersion']>,
  versionId: string,
): Promise<void> {
  try {
    await removeVersion(work.target, versionId, callContext(work))
  } catch (error) {
    if (!(error instanceof Failure) || error.facts.code !== lockedCode) throw error
    pipelineNotices.publish({
      kind: 'failed',
      what: `removing a second copy (${versionId})`,
      site: work.target.site,
      error,
    })
  }
}
