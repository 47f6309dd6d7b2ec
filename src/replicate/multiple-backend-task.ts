// The multiple-backend task: brings one claimed version to one site and says how that ended. It reads the version as it is now, decides what
// is to be done, does it through the source gateway, and turns every failure into an end that keeps its reason. It writes no result itself.
import { Failure, type FailureFacts, isRetried } from '../domain/failure.ts'
import { hasCustomerKey } from '../domain/object-metadata.ts'
import { isUndeleted, planTask, type TaskPlan } from '../domain/task.ts'
import type { AppliedKind, AttemptEnd, RowReason } from '../metadata/ledger.ts'
import { copyDeleteMarker, copyLock, copyTags } from './copy-change.ts'
import { abandonUpload, ClaimLost, copyData } from './copy-data.ts'
import { lossesOf } from './losses.ts'
import { abortUnknownUploads, settle, subjectOfRow } from './settle.ts'
import type { SourceVersion, Target } from './source-gateway.ts'
import {
  type Claimed,
  isMissingAtDestination,
  type Progress,
  type TaskPorts,
  type TaskSettings,
  versionOf,
  type Work,
  type Written,
} from './work.ts'

/** What a task decides by itself; the pace of retries and the circuit are its caller's. */
export type TaskEnd =
  | Exclude<AttemptEnd, { kind: 'retry' | 'released' }>
  | { readonly kind: 'failed'; readonly facts: FailureFacts; readonly unsettled: boolean }
  /** Stopped by its signal. */
  | { readonly kind: 'stopped'; readonly unsettled: boolean }

export interface TaskOutcome {
  readonly end: TaskEnd
  /** The source version it worked on; null when it is gone. */
  readonly version: SourceVersion | null
}

/** Carries out one attempt and never rejects. */
export type RunTask = (claimed: Claimed, ports: TaskPorts, settings: TaskSettings) => Promise<TaskOutcome>

export async function runTask(claimed: Claimed, ports: TaskPorts, settings: TaskSettings): Promise<TaskOutcome> {
  const progress: Progress = { unsettled: claimed.row.unsettled, upload: claimed.row.upload ?? null }
  let version: SourceVersion | null = null
  try {
    version = await versionOf(claimed, ports.gateway)
    if (version === null) return { end: await sourceGone(claimed, ports, progress), version }
    const work = workOf(claimed, version, ports, settings, progress)
    return { end: await carryOut(work, await plan(work)), version }
  } catch (error) {
    if (claimed.signal.aborted || error instanceof ClaimLost)
      return { end: { kind: 'stopped', unsettled: progress.unsettled }, version }
    return { end: await failedEnd(error, { claimed, ports, settings, progress, version }), version }
  }
}

function workOf(
  claimed: Claimed,
  version: SourceVersion,
  ports: TaskPorts,
  settings: TaskSettings,
  progress: Progress,
): Work {
  const target = targetOf(claimed)
  return { claimed, target, version, capabilities: ports.gateway.capabilities(target.site), ports, settings, progress }
}

function targetOf(claimed: Claimed): Target {
  const { bucket, key, versionId, site } = claimed.row
  return { bucket, key, versionId, site }
}

/** A version that is sent again because its delete marker is gone is sent only if a rule would still send its changes. */
async function plan(work: Work): Promise<TaskPlan> {
  const { claimed, target, version, ports } = work
  const isAgain = isUndeleted({ ...claimed, ...target, isDeleteMarker: version.metadata.isDeleteMarker === true })
  return isAgain && !(await ports.isCovered(target, version)) ? { kind: 'skip', why: 'not-wanted' } : planOf(work)
}

function planOf(work: Work): TaskPlan {
  const { version, capabilities, settings, claimed } = work
  const { metadata } = version
  return planTask({
    ...work.target,
    isDeleteMarker: metadata.isDeleteMarker === true,
    size: metadata['content-length'],
    contentMd5: metadata['content-md5'],
    hasCustomerKey: hasCustomerKey(metadata),
    replication: metadata.replicationInfo,
    applied: claimed.applied,
    ...(claimed.row.destinationVersionId === undefined
      ? {}
      : { destinationVersionId: claimed.row.destinationVersionId }),
    destination: {
      versions: capabilities.versions,
      keepsVersionIds: settings.keepsVersionIds,
      objectBytesMax: capabilities.objectBytesMax,
      singlePutBytesMax: capabilities.partBytesMax,
    },
    minMultipartBytes: settings.minMultipartBytes,
  })
}

async function carryOut(work: Work, plan: TaskPlan): Promise<TaskEnd> {
  switch (plan.kind) {
    case 'skip':
      return skipped(work, plan.why)
    case 'refuse':
      throw new Failure({ class: 'object', code: plan.code, message: plan.message })
    case 'delete-marker':
      return doneOrSuperseded(work, await copyDeleteMarker(work))
    case 'changes':
      return changeThere(work, plan)
    case 'put':
    case 'multipart':
      return copyWhole(work, plan.kind)
  }
}

async function copyWhole(work: Work, by: 'put' | 'multipart'): Promise<TaskEnd> {
  if (by === 'put') await abandonUpload(work)
  const copied = await copyData(work, by)
  if (copied === 'superseded') return skipped(work, copied)
  const { tagsMayBeOld, lockIsUntold, ...written } = copied
  const { tags, objectLock } = work.capabilities
  const mayBeOld = tagsMayBeOld && work.claimed.row.revision > 1
  if (!mayBeOld && !lockIsUntold) return done(work, written, 'object')
  // Should this fail, the next attempt must know that the version is there.
  work.progress.unsettled = (mayBeOld && tags) || objectLock
  const tagged = mayBeOld && tags ? await copyTags(work, written.versionId, written.etag) : written
  work.progress.unsettled = objectLock
  return doneWithLock(work, tagged)
}

/** Done once what keeps the version is there, too, where the destination holds that. */
async function doneWithLock(work: Work, written: Written): Promise<TaskEnd> {
  if (!work.capabilities.objectLock) return done(work, written, 'object')
  const locked = await copyLock(work, written.versionId, written.etag)
  return locked === null ? done(withoutLock(work), written, 'object') : done(work, locked, 'object')
}

/** The same work, by way of a source that knows nothing of locks at the destination. */
function withoutLock(work: Work): Work {
  return { ...work, capabilities: { ...work.capabilities, objectLock: false } }
}

async function changeThere(work: Work, changes: Extract<TaskPlan, { kind: 'changes' }>): Promise<TaskEnd> {
  const there = { versionId: changes.destinationVersionId, etag: '' }
  try {
    const tagged = changes.tags ? await copyTags(work, there.versionId) : there
    return changes.lock ? await doneWithLock(work, tagged) : done(work, tagged, 'object')
  } catch (error) {
    if (!isMissingAtDestination(error)) throw error
    // Somebody removed it there: copy it anew, unless something newer of the key has taken its place.
    const anew = withoutPlace(work)
    const plan = planOf(anew)
    if (plan.kind === 'changes') throw error
    return carryOut(anew, plan)
  }
}

/** The same work, as if the destination had never had the version. */
function withoutPlace(work: Work): Work {
  const { metadata } = work.version
  const { replicationInfo } = metadata
  const backends = replicationInfo.backends.map(backend =>
    backend.site === work.target.site ? { ...backend, dataStoreVersionId: '' } : backend,
  )
  const { claimed } = work
  const isApplied = claimed.applied?.versionId === work.target.versionId
  const { destinationVersionId: _, ...row } = claimed.row
  return {
    ...work,
    version: { ...work.version, metadata: { ...metadata, replicationInfo: { ...replicationInfo, backends } } },
    claimed: { ...claimed, row, applied: isApplied ? null : claimed.applied },
  }
}

async function doneOrSuperseded(work: Work, written: Written | 'superseded'): Promise<TaskEnd> {
  return written === 'superseded' ? skipped(work, 'superseded') : done(work, written, kindOfMarker(work))
}

/** What a delete marker is at the destination. */
function kindOfMarker({ capabilities }: Pick<Work, 'capabilities'>): AppliedKind {
  return capabilities.versions ? 'delete-marker' : 'removal'
}

function done(work: Work, written: Written, appliedKind: AppliedKind): TaskEnd {
  const { applied } = work.claimed
  const isOlder = applied !== null && applied.versionId < work.target.versionId
  const etag =
    written.etag === '' && applied?.versionId === work.target.versionId ? applied.destinationEtag : written.etag
  const lost = lossesOf(work.version.metadata, work.capabilities, work.ports.world.clock.now())
  return {
    kind: 'done',
    destinationVersionId: written.versionId,
    destinationEtag: etag,
    appliedKind,
    becomesApplied: !isOlder,
    ...(lost === null ? {} : { warning: reasonOf(work.ports, { class: 'not-kept', code: 'not-kept', message: lost }) }),
  }
}

/** Why a version under SSE-C goes nowhere. */
export const customerKeyMessage = 'The version is encrypted with a customer key (SSE-C), which the server does not have'

const skipMessages = {
  superseded: 'A newer version of the key is at the destination already',
  'not-wanted': 'No replication rule sends this version to the site any more',
  'customer-key': customerKeyMessage,
} as const

async function skipped(work: Work, why: keyof typeof skipMessages): Promise<TaskEnd> {
  await abandonUpload(work)
  return { kind: 'skipped', reason: reasonOf(work.ports, { class: why, code: why, message: skipMessages[why] }) }
}

/** The version is gone. What an attempt has left at the destination is put in order all the same: newer versions rely on it. */
async function sourceGone(claimed: Claimed, ports: TaskPorts, progress: Progress): Promise<TaskEnd> {
  const target = targetOf(claimed)
  const work = { claimed, target, ports, progress, capabilities: ports.gateway.capabilities(target.site) }
  const standing = progress.unsettled ? await settle(work, subjectOfRow(claimed.row)) : null
  if (progress.upload !== null)
    await ports.gateway.abortUpload(target, progress.upload.uploadId, { signal: claimed.signal })
  if (standing !== null) await abortUnknownUploads({ ...work, progress: { ...progress, upload: null } })
  progress.unsettled = false
  if (standing?.kind === 'present') {
    const { versionId, etag } = standing.written
    const appliedKind = claimed.row.isDeleteMarker ? kindOfMarker(work) : 'object'
    const becomesApplied = claimed.applied === null || claimed.applied.versionId >= target.versionId
    return { kind: 'done', destinationVersionId: versionId, destinationEtag: etag, appliedKind, becomesApplied }
  }
  const message = 'The version was deleted before it was copied'
  return { kind: 'skipped', reason: reasonOf(ports, { class: 'source-gone', code: 'NoSuchVersion', message }) }
}

/** A destination that refuses to be read for this many attempts will not be read: the version goes to quarantine as it is. */
const settlingAttemptsMax = 10

interface FailedContext {
  readonly claimed: Claimed
  readonly ports: TaskPorts
  readonly settings: TaskSettings
  readonly progress: Progress
  readonly version: SourceVersion | null
}

async function failedEnd(error: unknown, context: FailedContext): Promise<TaskEnd> {
  const { progress, ports, claimed } = context
  const facts = factsOf(error)
  const unsettled = progress.unsettled || facts.outcomeUnknown === true
  if (isRetried(facts.class) || facts.class === 'location') return { kind: 'failed', facts, unsettled }
  // Refused while it was being found out what is there: quarantine would forget that a copy may have arrived.
  if (unsettled && facts.class === 'object' && claimed.row.attempts < settlingAttemptsMax)
    return { kind: 'failed', facts: { ...facts, class: 'transient' }, unsettled }
  try {
    if (facts.class === 'source-gone') {
      const now = await ports.gateway.readVersion(claimed.row)
      if (now === null) return await sourceGone(claimed, ports, progress)
      // Its data lies elsewhere by now: the next attempt reads it there.
      if (context.version !== null && !sameData(now, context.version))
        return { kind: 'failed', facts: { ...facts, class: 'transient' }, unsettled }
    }
    if (context.version !== null)
      await abandonUpload(workOf(claimed, context.version, ports, context.settings, progress))
  } catch (cleaning) {
    // Quarantine only once nothing is left behind at the destination: until then the attempt is repeated.
    if (claimed.signal.aborted) return { kind: 'stopped', unsettled }
    return { kind: 'failed', facts: { ...factsOf(cleaning), class: 'transient' }, unsettled }
  }
  return { kind: 'quarantined', reason: reasonOf(ports, facts) }
}

function sameData(one: SourceVersion, other: SourceVersion): boolean {
  return JSON.stringify(one.metadata.location) === JSON.stringify(other.metadata.location)
}

/** Errors without facts are defects or a source in trouble: they say nothing about the object, so it is tried again. */
function factsOf(error: unknown): FailureFacts {
  if (error instanceof Failure) return error.facts
  return {
    class: 'transient',
    code: 'InternalError',
    message: error instanceof Error ? error.message : String(error),
    outcomeUnknown: true,
  }
}

/** The reason as it is kept with the row. */
export function reasonOf(
  ports: Pick<TaskPorts, 'world'>,
  facts: Pick<RowReason, 'class' | 'code' | 'message'> & Pick<FailureFacts, 'requestId' | 'status'>,
): RowReason {
  const { requestId, status } = facts
  return {
    class: facts.class,
    code: facts.code,
    message: facts.message,
    ...(requestId === undefined ? {} : { requestId }),
    ...(status === undefined ? {} : { status }),
    at: ports.world.clock.now(),
  }
}
