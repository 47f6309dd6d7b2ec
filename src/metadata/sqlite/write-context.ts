// What a command handler works with: the connection, the time of its command, the writer's memory (caches that a rollback empties), and the
// sums that are gathered per command and written once per batch, in the batch's own transaction.
import type { BucketIdentity, VersioningStatus } from '../../domain/bucket.ts'
import { momentOf, nextVersionId, storedVersionId, type VersionId } from '../../domain/version-id.ts'
import type { Connection } from './connection.ts'

export interface StoredBucket extends BucketIdentity {
  readonly id: number
  readonly versioning: VersioningStatus
  readonly replicated: boolean
  /** It tells of events. */
  readonly notified: boolean
}

type BucketColumns = Omit<StoredBucket, 'replicated' | 'notified'> & {
  readonly replicated: number
  readonly notified: number
}

/** A change of a site's sums. */
export interface SumChange {
  readonly site: string
  readonly objects: number
  readonly bytes: number
  readonly failedObjects: number
  readonly failedBytes: number
}

export interface ActivityChange {
  readonly site: string
  readonly slotAt: number
  readonly completedObjects: number
  readonly completedBytes: number
  readonly failedObjects: number
  readonly failedBytes: number
}

export const activitySlotMs = 5 * 60_000

/** Where a claimed row is; lives as long as the process, as claims do. */
export interface ClaimedRow {
  readonly bucketId: number
  readonly key: string
  readonly versionId: string
  readonly site: string
  /** No other row of the key was unfinished at its claim, and none has been made or opened since. */
  alone: boolean
  /** What was read for the claim, while nothing of the key's versions has changed; null: to be read again. */
  known: KnownVersion | null
}

/** What a result needs of the version and of its row. */
export interface KnownVersion {
  readonly version: FoldedVersion
  readonly row: { readonly size: number; readonly created_at: number }
}

export interface FoldedVersion {
  readonly id: number
  readonly revision: number
  readonly null_kind: number
  readonly size: number
  readonly etag: string
  readonly replication: string | null
}

export class WriteContext {
  readonly connection: Connection
  readonly group: string
  /** Counts the starts of this database; claims of former ones are dead. */
  readonly epoch: number
  now = 0
  journaled = false

  readonly #claims = new Map<string, ClaimedRow>()
  /** Token of the claim that a key of a site is under. */
  readonly #claimedKeys = new Map<string, string>()
  /** Sites that claims were ever for. */
  readonly #claimedSites = new Set<string>()
  readonly #buckets = new Map<string, StoredBucket>()
  #bucketsChanged = false
  readonly #topics = new Map<string, { id: number; next: number }>()
  #lastIssued: VersionId | null = null
  #tokens = 0
  #sums: SumChange[] = []
  #activity: ActivityChange[] = []
  #claimedSequences = new Map<string, number>()
  #marks = { sums: 0, activity: 0, claims: 0 }
  /** How to take back what the batch has changed in the memory of claims, in its order. */
  #claimUndo: (() => void)[] = []
  #hasUnsettled: boolean | null = null

  constructor(connection: Connection, group: string, epoch: number) {
    this.connection = connection
    this.group = group
    this.epoch = epoch
  }

  /** Null also where it is not the one that was `seen`. */
  bucket(name: string, seen: BucketIdentity | null = null): StoredBucket | null {
    const bucket = this.#buckets.get(name) ?? this.#loadBucket(name)
    if (bucket === null || seen === null) return bucket
    return bucket.ownerId === seen.ownerId && bucket.creationDate === seen.creationDate ? bucket : null
  }

  #loadBucket(name: string): StoredBucket | null {
    const row = this.connection.get<BucketColumns>(
      `SELECT id, owner_id AS ownerId, creation_date AS creationDate, versioning, replication IS NOT NULL AS replicated,
       json_extract(settings, '$.notification') IS NOT NULL AS notified FROM buckets WHERE name = ?`,
      name,
    )
    if (row === undefined) return null
    const bucket = { ...row, replicated: row.replicated === 1, notified: row.notified === 1 }
    this.#buckets.set(name, bucket)
    return bucket
  }

  bucketChanged(name: string): void {
    this.#buckets.delete(name)
    this.#bucketsChanged = true
  }

  /** Whether a bucket has changed since this was asked. */
  takeBucketsChanged(): boolean {
    const changed = this.#bucketsChanged
    this.#bucketsChanged = false
    return changed
  }

  topic(name: string, load: () => { id: number; next: number }): { id: number; next: number } {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const loaded = load()
    this.#topics.set(name, loaded)
    return loaded
  }

  newClaim(row: ClaimedRow): string {
    this.#tokens += 1
    const token = `${this.epoch}.${this.#tokens}`
    const name = keyName(row)
    const before = this.#claimedKeys.get(name)
    this.#claimedSites.add(row.site)
    this.#claims.set(token, row)
    this.#claimedKeys.set(name, token)
    this.#claimUndo.push(() => {
      this.#claims.delete(token)
      if (before === undefined) this.#claimedKeys.delete(name)
      else this.#claimedKeys.set(name, before)
    })
    return token
  }

  claimed(token: string): ClaimedRow | undefined {
    return this.#claims.get(token)
  }

  claimOfKey(site: string, bucketId: number, key: string): { token: string; row: ClaimedRow } | null {
    const token = this.#claimedKeys.get(keyName({ site, bucketId, key }))
    const row = token === undefined ? undefined : this.#claims.get(token)
    return token === undefined || row === undefined ? null : { token, row }
  }

  /** Another row of a key may be waiting for work behind the claimed one. */
  noteCompany(site: string, bucketId: number, key: string): void {
    const claim = this.#claims.size === 0 ? null : this.claimOfKey(site, bucketId, key)
    if (claim !== null) claim.row.alone = false
  }

  /** A version of the key is not what claims of it have read any more. */
  versionChanged(bucketId: number, key: string): void {
    if (this.#claims.size === 0) return
    for (const site of this.#claimedSites) {
      const claim = this.claimOfKey(site, bucketId, key)
      if (claim !== null) claim.row.known = null
    }
  }

  dropClaim(token: string): void {
    const row = this.#claims.get(token)
    if (row === undefined) return
    this.#claims.delete(token)
    const name = keyName(row)
    const isOfKey = this.#claimedKeys.get(name) === token
    if (isOfKey) this.#claimedKeys.delete(name)
    this.#claimUndo.push(() => {
      this.#claims.set(token, row)
      if (isOfKey) this.#claimedKeys.set(name, token)
    })
  }

  #undoClaims(from: number): void {
    for (const undo of this.#claimUndo.splice(from).reverse()) undo()
  }

  /** The batch is committed: what it left in memory stays. */
  committed(): void {
    this.#claimUndo = []
  }

  /**
   * An id newer than `newest` and than every id issued before in this process, so that a version written within the millisecond in which the
   * newest one was deleted does not take its id.
   */
  newVersionId(newest: string | null): VersionId {
    const stored = newest === null ? null : storedVersionId(newest)
    const last = this.#lastIssued
    const floor = stored === null || (last !== null && last < stored) ? last : stored
    const id = nextVersionId(this.now, floor, this.group)
    // An id ahead of the clock (after a replica from a server whose clock is) must not drag the other keys with it. One that follows our own does:
    // commands of several threads come with times that run back a little.
    if (floor === last || momentOf(id).epochMs <= this.now) this.#lastIssued = id
    return id
  }

  /** Whether any open row has a write of unknown outcome: there hardly ever is one, so it is asked once a command, not for each key. */
  get hasUnsettled(): boolean {
    this.#hasUnsettled ??=
      this.connection.get(
        'SELECT 1 FROM ledger INDEXED BY ledger_unsettled WHERE unsettled = 1 AND unfinished = 1 LIMIT 1',
      ) !== undefined
    return this.#hasUnsettled
  }

  /** The command has left a row unsettled. */
  noteUnsettled(): void {
    this.#hasUnsettled = true
  }

  sum(change: SumChange): void {
    this.#sums.push(change)
  }

  activity(change: ActivityChange): void {
    this.#activity.push(change)
  }

  /** Remembers how far a site's processor has come in the journal. */
  claimedUpTo(site: string, sequence: number): void {
    const known = this.#claimedSequences.get(site) ?? 0
    if (sequence > known) this.#claimedSequences.set(site, sequence)
  }

  beginCommand(now: number): void {
    this.now = now
    this.#hasUnsettled = null
    this.#marks = { sums: this.#sums.length, activity: this.#activity.length, claims: this.#claimUndo.length }
  }

  /** The command was rolled back: nothing it left in memory may stay. */
  undoCommand(): void {
    this.#sums.length = this.#marks.sums
    this.#activity.length = this.#marks.activity
    this.#undoClaims(this.#marks.claims)
    this.#forgetCaches()
  }

  /** The whole batch was rolled back. */
  undoBatch(): void {
    this.#sums = []
    this.#activity = []
    this.#claimedSequences.clear()
    this.#undoClaims(0)
    this.#forgetCaches()
  }

  #forgetCaches(): void {
    this.#buckets.clear()
    this.#topics.clear()
  }

  /** Writes the sums of the batch; called once, before its commit. */
  flushSums(): void {
    for (const change of mergeSums(this.#sums)) {
      this.connection.run(
        `INSERT INTO site_sums (site, objects, bytes, failed_objects, failed_bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT (site) DO UPDATE SET
         objects = objects + excluded.objects, bytes = bytes + excluded.bytes,
         failed_objects = failed_objects + excluded.failed_objects, failed_bytes = failed_bytes + excluded.failed_bytes`,
        change.site,
        change.objects,
        change.bytes,
        change.failedObjects,
        change.failedBytes,
      )
    }
    for (const change of mergeActivity(this.#activity)) {
      this.connection.run(
        `INSERT INTO activity (slot_at, site, completed_objects, completed_bytes, failed_objects, failed_bytes) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (slot_at, site) DO UPDATE SET completed_objects = completed_objects + excluded.completed_objects,
         completed_bytes = completed_bytes + excluded.completed_bytes, failed_objects = failed_objects + excluded.failed_objects,
         failed_bytes = failed_bytes + excluded.failed_bytes`,
        change.slotAt,
        change.site,
        change.completedObjects,
        change.completedBytes,
        change.failedObjects,
        change.failedBytes,
      )
    }
    for (const [site, sequence] of this.#claimedSequences)
      this.connection.run(
        'UPDATE site_sums SET claimed_sequence = ? WHERE site = ? AND claimed_sequence < ?',
        sequence,
        site,
        sequence,
      )
    this.#sums = []
    this.#activity = []
    this.#claimedSequences.clear()
  }
}

function keyName(row: Pick<ClaimedRow, 'site' | 'bucketId' | 'key'>): string {
  return `${row.bucketId} ${row.site} ${row.key}`
}

function mergeSums(changes: readonly SumChange[]): Iterable<SumChange> {
  const merged = new Map<string, SumChange>()
  for (const change of changes) {
    const known = merged.get(change.site)
    merged.set(
      change.site,
      known === undefined
        ? change
        : {
            site: change.site,
            objects: known.objects + change.objects,
            bytes: known.bytes + change.bytes,
            failedObjects: known.failedObjects + change.failedObjects,
            failedBytes: known.failedBytes + change.failedBytes,
          },
    )
  }
  return merged.values()
}

function mergeActivity(changes: readonly ActivityChange[]): Iterable<ActivityChange> {
  const merged = new Map<string, ActivityChange>()
  for (const change of changes) {
    const name = `${change.slotAt} ${change.site}`
    const known = merged.get(name)
    merged.set(
      name,
      known === undefined
        ? change
        : {
            site: change.site,
            slotAt: change.slotAt,
            completedObjects: known.completedObjects + change.completedObjects,
            completedBytes: known.completedBytes + change.completedBytes,
            failedObjects: known.failedObjects + change.failedObjects,
            failedBytes: known.failedBytes + change.failedBytes,
          },
    )
  }
  return merged.values()
}
