// One attempt to bring one version to one site, as the parts of a multiple-backend task share it: what was claimed, the source version as
// it is now, the ports, and the running knowledge of whether a write may have taken effect unseen.
import type { ByteBudget } from '../base/bounded.ts'
import type { World } from '../base/world.ts'
import { Failure } from '../domain/failure.ts'
import { encodeVersionId } from '../domain/version-id.ts'
import type { Capabilities, Precondition } from '../locations/location.ts'
import type { AppliedVersion, DestinationUpload, Ledger, LedgerRow } from '../metadata/ledger.ts'
import type { CallContext, SourceGateway, SourceVersion, Target } from './source-gateway.ts'

export interface TaskPorts {
  readonly gateway: SourceGateway
  readonly ledger: Pick<Ledger, 'saveUpload'>
  readonly budget: ByteBudget
  readonly world: World
  /** Whether a replication rule of the version's bucket sends its changes to the site now. */
  readonly isCovered: (target: Target, version: SourceVersion) => Promise<boolean>
}

export interface TaskSettings {
  /** Objects of at least this many bytes go by multipart. */
  readonly minMultipartBytes: number
  /** Parts of one object at once. */
  readonly partsConcurrency: number
  /** Another server of this family: it keeps our version ids. */
  readonly keepsVersionIds: boolean
}

export interface Claimed {
  readonly row: LedgerRow
  readonly applied: AppliedVersion | null
  readonly token: string
  /** Aborts when the claim is lost or the process closes. */
  readonly signal: AbortSignal
  /** Throws, and aborts, when the claim can hold no more by the clock. */
  readonly demand?: () => void
  /** The source version, read since the row was claimed; null: it is gone; left out: it is to be read yet. */
  readonly version?: SourceVersion | null
}

/** How a version stands at the destination once a task has done its part. */
export interface Written {
  readonly versionId: string
  readonly etag: string
}

export interface Work {
  readonly claimed: Claimed
  readonly target: Target
  readonly version: SourceVersion
  readonly capabilities: Capabilities
  readonly ports: TaskPorts
  readonly settings: TaskSettings
  readonly progress: Progress
}

/** What changes while the attempt runs. */
export interface Progress {
  /** A write of this attempt or a former one may have taken effect without our seeing its answer. */
  unsettled: boolean
  /** The multipart upload at the destination, as the ledger knows it. */
  upload: DestinationUpload | null
}

/** The value of the version id marker that copies of a version carry (Backbeat wire format). */
export function markerOf(version: Pick<SourceVersion, 'versionId' | 'isNull'>): string {
  return version.isNull ? 'null' : encodeVersionId(version.versionId)
}

/** The source version of a claimed row; null: it is gone. */
export async function versionOf(claimed: Claimed, gateway: SourceGateway): Promise<SourceVersion | null> {
  return claimed.version === undefined ? gateway.readVersion(claimed.row) : claimed.version
}

export function callContext(work: Pick<Work, 'claimed' | 'capabilities'>, precondition?: Precondition): CallContext {
  const { signal, demand } = work.claimed
  demand?.()
  const held = demand === undefined ? { signal } : { signal, demand }
  if (precondition === undefined || !work.capabilities.conditionalWrites) return held
  return { ...held, precondition }
}

/** Runs a request that changes the destination, and remembers when its outcome stays unknown. */
export async function changing<Answer>(work: Work, request: () => Promise<Answer>): Promise<Answer> {
  const { progress } = work
  const before = progress.unsettled
  // Until it answers: should the process be asked to give the row back meanwhile, the request may have taken effect.
  progress.unsettled = true
  try {
    const answer = await request()
    progress.unsettled = before
    return answer
  } catch (error) {
    if (error instanceof Failure && !error.facts.outcomeUnknown) progress.unsettled = before
    throw error
  }
}

/** The destination was no longer as it had been read; nothing was written. */
export function isPreconditionFailure(error: unknown): boolean {
  if (!(error instanceof Failure) || error.facts.outcomeUnknown) return false
  const { status, code } = error.facts
  return status === 412 || code === 'PreconditionFailed' || code === 'ConditionNotMet' || code === 'BlobAlreadyExists'
}

/** The version or object that a request named is not at the destination. */
export function isMissingAtDestination(error: unknown): boolean {
  const codes = ['NoSuchKey', 'NoSuchVersion', 'BlobNotFound', 'NotFound']
  return error instanceof Failure && codes.includes(error.facts.code)
}
