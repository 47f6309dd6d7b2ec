// The replication state of one object version as clients and Backbeat see it: one backend per site, and the overall status derived from them.

/** Status of one site. SKIPPED: ended without a copy (superseded, source gone, not wanted); the ledger has the reason. */
export type BackendStatus = 'PENDING' | 'COMPLETED' | 'FAILED' | 'SKIPPED' | 'REPLICA'

/** Overall status; '' when the version is not replicated (or every backend was skipped). */
export type OverallStatus = '' | 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'FAILED' | 'REPLICA'

export interface Backend {
  readonly site: string
  readonly status: BackendStatus
  /** The version id that the destination gave; '' for Azure and until known. */
  readonly dataStoreVersionId: string
}

/** What of the version has to be replicated. */
export type ReplicationContent =
  | 'DATA'
  | 'METADATA'
  | 'MPU'
  | 'PUT_TAGGING'
  | 'DELETE_TAGGING'
  | 'PUT_RETENTION'
  | 'PUT_LEGAL_HOLD'

/** `replicationInfo` of the public metadata form (Backbeat wire format): names and order are fixed by it. */
export interface ReplicationInfo {
  readonly status: OverallStatus
  readonly backends: readonly Backend[]
  readonly content: readonly ReplicationContent[]
  /** Destination bucket ARN of the rule. */
  readonly destination: string
  /** Comma list of sites as the rule spells them (a `:preferred_read` suffix stays); default classes are replaced by the site they mean. */
  readonly storageClass: string
  readonly role: string
  /** Comma list of the cloud types of the sites, in site order; `servers` sites add nothing. */
  readonly storageType: string
  readonly dataStoreVersionId: string
  readonly isNFS: boolean | null
}

/** The blank value that versions without replication carry. */
export const noReplication: ReplicationInfo = {
  status: '',
  backends: [],
  content: [],
  destination: '',
  storageClass: '',
  role: '',
  storageType: '',
  dataStoreVersionId: '',
  isNFS: null,
}

/**
 * The overall status: any FAILED is FAILED; else any PENDING is PENDING while nothing has ended and PROCESSING after that; else COMPLETED if at
 * least one is COMPLETED; all SKIPPED shows no status.
 */
export function overallStatus(backends: readonly Backend[]): OverallStatus {
  const has = (status: BackendStatus): boolean => backends.some(backend => backend.status === status)
  if (backends.length === 0) return ''
  if (has('FAILED')) return 'FAILED'
  if (has('PENDING')) return backends.every(backend => backend.status === 'PENDING') ? 'PENDING' : 'PROCESSING'
  if (has('COMPLETED')) return 'COMPLETED'
  return has('REPLICA') ? 'REPLICA' : ''
}

/** The info with one site's outcome folded in; the same object when the site is not among the backends. */
export function withBackend(
  info: ReplicationInfo,
  site: string,
  status: BackendStatus,
  dataStoreVersionId: string | undefined,
): ReplicationInfo {
  if (!info.backends.some(backend => backend.site === site)) return info
  const backends = info.backends.map(backend =>
    backend.site === site
      ? { site, status, dataStoreVersionId: dataStoreVersionId ?? backend.dataStoreVersionId }
      : backend,
  )
  return { ...info, backends, status: overallStatus(backends) }
}

/** The event name that a metadata change by replication carries (Backbeat wire format). */
export function originOpOf(status: 'COMPLETED' | 'FAILED' | 'PENDING'): string {
  const word = { COMPLETED: 'Completed', FAILED: 'Failed', PENDING: 'Pending' }[status]
  return `s3:Replication:Operation${word}Replication`
}

/** Sites named by a storage class list, without the `:preferred_read` suffix. */
export function sitesOf(storageClass: string): string[] {
  return storageClass === '' ? [] : storageClass.split(',').map(name => name.replace(/:preferred_read$/, ''))
}
