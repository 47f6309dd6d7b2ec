// The task of a site with `servers`: brings one claimed version to another server of this family, with its version id kept. Bytes first, piece by
// piece as they lie at the source, then the metadata that refers to them. Doing it twice leaves what doing it once leaves, so nothing ever
// has to be settled; what a failed copy has put there is removed, unless it may be in use.
import { forEachBounded } from '../base/bounded.ts'
import { asciiJson, wireHeaders } from '../domain/backbeat-wire.ts'
import { Failure, type FailureFacts, isRetried } from '../domain/failure.ts'
import { limits } from '../domain/limits.ts'
import { type DataLocation, hasCustomerKey } from '../domain/object-metadata.ts'
import type { ReplicationInfo } from '../domain/replication-info.ts'
import { encodeVersionId } from '../domain/version-id.ts'
import { prepareBody } from './http/source-data.ts'
import { customerKeyMessage, type RunTask, reasonOf, type TaskEnd, type TaskOutcome } from './multiple-backend-task.ts'
import type { Peer, PeerData, PeerLocation, PeerObject, PeerOwner } from './peer.ts'
import type { SourceGateway, SourceVersion } from './source-gateway.ts'
import { type Claimed, type TaskPorts, type TaskSettings, versionOf } from './work.ts'

/** The task of a site whose destination is this peer. */
export function peerTask(peer: Peer): RunTask {
  return (claimed, ports, settings) => runPeerTask({ claimed, ports, settings, peer })
}

/** The source gateway as a site with this peer needs it: asked whether the destination answers, the peer is asked. */
export function gatewayTo(peer: Peer, gateway: SourceGateway): SourceGateway {
  return { ...gateway, probe: (_site, signal) => peer.probe(signal) }
}

interface PeerWork {
  readonly claimed: Claimed
  readonly ports: TaskPorts
  readonly settings: TaskSettings
  readonly peer: Peer
}

async function runPeerTask(work: PeerWork): Promise<TaskOutcome> {
  const { claimed, ports } = work
  let version: SourceVersion | null = null
  try {
    version = await versionOf(claimed, ports.gateway)
    return { end: version === null ? sourceGone(ports) : await carryOut(work, version), version }
  } catch (error) {
    if (claimed.signal.aborted) return { end: { kind: 'stopped', unsettled: false }, version }
    return { end: await failedEnd(work, error), version }
  }
}

async function carryOut(work: PeerWork, version: SourceVersion): Promise<TaskEnd> {
  const { row, applied } = work.claimed
  const { metadata } = version
  const { replicationInfo } = metadata
  if (!replicationInfo.backends.some(backend => backend.site === row.site)) {
    const message = 'No replication rule sends this version to the site any more'
    return { kind: 'skipped', reason: reasonOf(work.ports, { class: 'not-wanted', code: 'not-wanted', message }) }
  }
  if (hasCustomerKey(metadata)) {
    const reason = { class: 'customer-key', code: 'customer-key', message: customerKeyMessage } as const
    return { kind: 'skipped', reason: reasonOf(work.ports, reason) }
  }
  const isDeleteMarker = metadata.isDeleteMarker === true
  const target = { bucket: targetBucket(replicationInfo, version.bucket), key: version.key }
  const hasData = !isDeleteMarker && metadata['content-length'] > 0
  const owned = withOwner(version, await work.peer.ownerOf(target.bucket, work.claimed.signal))
  const isKnownThere = hasData && !replicationInfo.content.includes('DATA')
  if (!isKnownThere || !(await sendMetadataOnly(work, owned, target))) await copyWhole(work, owned, target, hasData)
  return {
    kind: 'done',
    destinationVersionId: '',
    destinationEtag: '',
    appliedKind: isDeleteMarker ? 'delete-marker' : 'object',
    becomesApplied: applied === null || applied.versionId >= version.versionId,
  }
}

/** The rule's destination; a rule without one means the bucket of the same name. */
function targetBucket(info: ReplicationInfo, sourceBucket: string): string {
  return info.destination.split(':').at(-1) || sourceBucket
}

/** The version as the owner of the bucket over there has it. */
function withOwner(version: SourceVersion, owner: PeerOwner | null): SourceVersion {
  if (owner === null) return version
  const metadata = { ...version.metadata, 'owner-id': owner.id, 'owner-display-name': owner.displayName }
  return { ...version, metadata }
}

/** False when the version is not at the peer (any more). */
async function sendMetadataOnly(work: PeerWork, version: SourceVersion, target: PeerObject): Promise<boolean> {
  const headers = { ...metadataHeaders(version), 'x-scal-replication-content': 'METADATA' }
  const metadata = {
    query: versionQuery(version),
    json: replicaJson(work, version, version.metadata.location),
    headers,
  }
  return (await work.peer.putMetadata(target, metadata, work.claimed.signal)) === 'stored'
}

async function copyWhole(work: PeerWork, version: SourceVersion, target: PeerObject, hasData: boolean): Promise<void> {
  const { signal } = work.claimed
  const written: PeerLocation[] = []
  try {
    const location = hasData ? await copyData(work, version, target, written) : null
    const json = replicaJson(work, version, location)
    await work.peer.putMetadata(
      target,
      { query: versionQuery(version), json, headers: metadataHeaders(version) },
      signal,
    )
  } catch (error) {
    await removeWritten(work, target, written, error)
    throw error
  }
}

/** A run of pieces with one part number: what the peer gets as one piece. */
interface Run {
  readonly start: number
  readonly end: number
  readonly etag: string
  /** Hex MD5 of exactly these bytes, as far as the pieces tell. */
  readonly md5: string | undefined
}

/** Merges neighbouring pieces of one part (copied parts have several). */
export function runsOf(location: readonly DataLocation[]): readonly Run[] {
  const runs: Run[] = []
  for (const piece of location) {
    const last = runs.at(-1)
    const end = piece.start + piece.size
    const [number = '', md5 = ''] = piece.dataStoreETag.split(':')
    if (last !== undefined && number !== '' && last.etag.split(':')[0] === number) {
      // The ETag of a piece of several says nothing of the run.
      runs[runs.length - 1] = { start: last.start, end, etag: last.etag, md5: undefined }
    } else runs.push({ start: piece.start, end, etag: piece.dataStoreETag, md5: plainMd5.test(md5) ? md5 : undefined })
  }
  return runs
}

const plainMd5 = /^[0-9a-f]{32}$/

async function copyData(
  work: PeerWork,
  version: SourceVersion,
  target: PeerObject,
  written: PeerLocation[],
): Promise<readonly DataLocation[]> {
  const runs = runsOf(version.metadata.location ?? [])
  const copied = new Map<Run, DataLocation>()
  await forEachBounded(runs, work.settings.partsConcurrency, async run => {
    const { location, md5 } = await copyRun(work, version, target, run)
    written.push(location)
    const partNumber = run.etag.split(':')[0] || '1'
    const size = run.end - run.start
    copied.set(run, { ...location, size, start: run.start, dataStoreETag: `${partNumber}:${run.md5 ?? md5}` })
  })
  return runs.flatMap(run => copied.get(run) ?? [])
}

async function copyRun(
  work: PeerWork,
  version: SourceVersion,
  target: PeerObject,
  run: Run,
): Promise<{ readonly location: PeerLocation; readonly md5: string }> {
  const { gateway, budget } = work.ports
  const { signal } = work.claimed
  const size = run.end - run.start
  const hold = await budget.acquire(Math.min(size, limits.transferWindowBytes), signal)
  try {
    const open = () => gateway.readData(version, run, signal)
    const data = await preparedRun(open, size, run.md5, version.metadata['owner-id'])
    return { location: await work.peer.putData(target, data, signal), md5: data.md5 }
  } finally {
    hold.release()
  }
}

/** Large runs of known MD5 are streamed at once: the peer compares. Others are read before, to know what they are. */
async function preparedRun(
  open: () => AsyncIterable<Uint8Array>,
  size: number,
  md5: string | undefined,
  ownerId: string,
): Promise<PeerData> {
  if (md5 !== undefined && size > limits.transferWindowBytes) return { size, md5, open, ownerId }
  const prepared = await prepareBody(open, size, md5 === undefined ? {} : { md5 })
  const { body } = prepared
  return { size, md5: prepared.md5, open: body instanceof Uint8Array ? () => body : open, ownerId }
}

/** What a failed copy has written refers to nothing; unless the answer to its metadata was lost, and it may. */
async function removeWritten(
  work: PeerWork,
  target: PeerObject,
  written: readonly PeerLocation[],
  error: unknown,
): Promise<void> {
  const mayBeInUse = !(error instanceof Failure) || error.facts.outcomeUnknown === true
  if (written.length === 0 || mayBeInUse || work.claimed.signal.aborted) return
  // What cannot be removed now is what the peer's own sweep of orphans is for; the first error is the one that tells.
  await work.peer.deleteData(target, written, work.claimed.signal).catch(() => undefined)
}

function versionQuery(version: SourceVersion): string {
  return `versionId=${version.isNull ? 'null' : encodeVersionId(version.versionId)}`
}

function metadataHeaders(version: SourceVersion): Readonly<Record<string, string>> {
  return version.integrity === null
    ? {}
    : { [wireHeaders.integrity]: asciiJson({ ...version.integrity, parts: undefined }) }
}

/** The version as the peer stores it: a replica, that it replicates no further. */
function replicaJson(work: PeerWork, version: SourceVersion, location: readonly DataLocation[] | null): string {
  const { site } = work.claimed.row
  const replicationInfo: ReplicationInfo = {
    ...version.metadata.replicationInfo,
    status: 'REPLICA',
    backends: [{ site, status: 'REPLICA', dataStoreVersionId: '' }],
  }
  // How it is encrypted over there is the peer's own doing, which its pieces tell.
  const isEncrypted = location?.some(piece => piece.cryptoScheme !== undefined) ?? false
  const encryption = {
    'x-amz-server-side-encryption': isEncrypted ? 'AES256' : '',
    'x-amz-server-side-encryption-aws-kms-key-id': '',
  }
  return JSON.stringify({ ...version.metadata, ...encryption, location, replicationInfo })
}

function sourceGone(ports: TaskPorts): TaskEnd {
  const message = 'The version was deleted before it was copied'
  return { kind: 'skipped', reason: reasonOf(ports, { class: 'source-gone', code: 'NoSuchVersion', message }) }
}

async function failedEnd(work: PeerWork, error: unknown): Promise<TaskEnd> {
  const { ports, claimed } = work
  const facts = factsOf(error)
  if (isRetried(facts.class) || facts.class === 'location') return { kind: 'failed', facts, unsettled: false }
  if (facts.class === 'source-gone') {
    try {
      if ((await ports.gateway.readVersion(claimed.row)) === null) return sourceGone(ports)
    } catch (reading) {
      return { kind: 'failed', facts: { ...factsOf(reading), class: 'transient' }, unsettled: false }
    }
  }
  return { kind: 'quarantined', reason: reasonOf(ports, facts) }
}

/** Errors without facts are defects or a source in trouble: they say nothing about the object, so it is tried again. */
function factsOf(error: unknown): FailureFacts {
  if (error instanceof Failure) return error.facts
  return { class: 'transient', code: 'InternalError', message: error instanceof Error ? error.message : String(error) }
}
