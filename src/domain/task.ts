// What a multiple-backend task has to do for one version at one site, decided from facts alone: a total function without I/O. Order is kept
// here: on a destination that makes its own version ids nothing older is written once something newer was applied.
import type { VersionRef } from './entry.ts'
import type { Backend, ReplicationContent, ReplicationInfo } from './replication-info.ts'
import { isNewer, type VersionId } from './version-id.ts'

/** What decides about one version at one site. */
export interface TaskFacts extends VersionRef {
  readonly site: string
  readonly isDeleteMarker: boolean
  readonly size: number
  /** Hex MD5; with a `-` the source object came by multipart. */
  readonly contentMd5: string
  /** Encrypted with a key that only its writer has. */
  readonly hasCustomerKey: boolean
  readonly replication: ReplicationInfo
  /** The newest version of the key that the site has applied. */
  readonly applied: {
    readonly versionId: VersionId
    readonly kind: 'object' | 'delete-marker' | 'removal'
    readonly destinationVersionId: string
  } | null
  /** The id that the destination gave this version, where the ledger knows it before the metadata does. */
  readonly destinationVersionId?: string
  readonly destination: {
    /** Keeps every version of a key. */
    readonly versions: boolean
    /** Another server of this family: it keeps our version ids, so order of writing does not matter. */
    readonly keepsVersionIds: boolean
    readonly objectBytesMax: number
    readonly singlePutBytesMax: number
  }
  readonly minMultipartBytes: number
}

export type TaskPlan =
  | { readonly kind: 'skip'; readonly why: 'superseded' | 'not-wanted' | 'customer-key' }
  | { readonly kind: 'refuse'; readonly code: 'EntityTooLarge'; readonly message: string }
  | { readonly kind: 'delete-marker' }
  /**
   * The version is there: its tags and what keeps it (object lock) go after it, as far as they have changed. `destinationVersionId` is '' where the
   * destination has no versions.
   */
  | { readonly kind: 'changes'; readonly destinationVersionId: string; readonly tags: boolean; readonly lock: boolean }
  | { readonly kind: 'put' }
  | { readonly kind: 'multipart' }

export function planTask(facts: TaskFacts): TaskPlan {
  const backend = facts.replication.backends.find(candidate => candidate.site === facts.site)
  if (backend === undefined) return { kind: 'skip', why: 'not-wanted' }
  if (facts.hasCustomerKey) return { kind: 'skip', why: 'customer-key' }
  const superseded = isSuperseded(facts)
  if (facts.isDeleteMarker) return superseded ? { kind: 'skip', why: 'superseded' } : { kind: 'delete-marker' }
  const there = placeOfVersion(facts, backend)
  if (there !== null && !facts.replication.content.includes('DATA')) return changesPlan(facts, there)
  if (superseded) return { kind: 'skip', why: 'superseded' }
  if (facts.size > facts.destination.objectBytesMax) {
    const message = `${facts.size} bytes are more than the ${facts.destination.objectBytesMax} that ${facts.site} can hold`
    return { kind: 'refuse', code: 'EntityTooLarge', message }
  }
  return copyPlan(facts)
}

/**
 * The delete marker that removed this very version's object at a site without versions is gone, and so the version is to be sent again.
 */
export function isUndeleted(facts: Pick<TaskFacts, 'applied' | 'versionId' | 'isDeleteMarker'>): boolean {
  const { applied, versionId, isDeleteMarker } = facts
  return !isDeleteMarker && applied?.kind === 'removal' && applied.versionId === versionId
}

/** Something newer of the key is at the destination already, and writing this one would put it on top. */
export function isSuperseded(facts: Pick<TaskFacts, 'applied' | 'versionId' | 'destination'>): boolean {
  if (facts.destination.keepsVersionIds || facts.applied === null) return false
  return isNewer(facts.applied.versionId, facts.versionId)
}

function changesPlan({ replication }: TaskFacts, destinationVersionId: string): TaskPlan {
  const has = (word: ReplicationContent): boolean => replication.content.includes(word)
  const tags = has('PUT_TAGGING') || has('DELETE_TAGGING')
  return { kind: 'changes', destinationVersionId, tags, lock: has('PUT_RETENTION') || has('PUT_LEGAL_HOLD') }
}

/** The destination's version id of this very version if it is there already; null when it must be copied. */
function placeOfVersion(facts: TaskFacts, backend: Backend): string | null {
  const { applied } = facts
  const isApplied = applied !== null && applied.kind === 'object' && applied.versionId === facts.versionId
  if (!facts.destination.versions || facts.destination.keepsVersionIds) return isApplied ? '' : null
  const known = facts.destinationVersionId || backend.dataStoreVersionId
  if (known) return known
  return isApplied ? applied.destinationVersionId || null : null
}

/** Zero bytes always go as one put, whatever the source's upload was. */
export function copyPlan(
  facts: Pick<TaskFacts, 'size' | 'contentMd5' | 'minMultipartBytes' | 'destination'>,
): { readonly kind: 'put' } | { readonly kind: 'multipart' } {
  if (facts.size === 0) return { kind: 'put' }
  const large = facts.size >= facts.minMultipartBytes || facts.size > facts.destination.singlePutBytesMax
  return large || facts.contentMd5.includes('-') ? { kind: 'multipart' } : { kind: 'put' }
}
