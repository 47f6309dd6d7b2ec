// Reading the journal in commit order, with nothing skipped. An entry is shown once every transaction with a lower number has ended: a later
// commit can then no longer come to stand before it. A position names the cluster and its timeline: one of another cluster, or of before a
// fail-over, or that is ahead of the database, means the beginning, and what is published twice is harmless.
import { sleep, type Timer, type World } from '../../base/world.ts'
import type { EntryContent, JournalEntry, JournalPosition } from '../../domain/entry.ts'
import type { ReplicationInfo } from '../../domain/replication-info.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import { eventOf } from '../event-form.ts'
import { pendingSites, publicMetadataJson } from '../version-form.ts'
import type { Database } from './database.ts'

interface JournalRow {
  /** The newest transaction with entries that are not shown yet. */
  readonly held: string | null
  readonly xid: string | null
  readonly seq: number
  readonly at: number
  readonly type: JournalEntry['type']
  readonly bucket: string
  readonly key: string
  readonly journal_version_id: string
  readonly journal_revision: number
  readonly event: string | null
  /** Null when the version is gone. */
  readonly version_id: string | null
  readonly null_kind: number
  readonly origin_op: string
  readonly metadata: string | null
  readonly replication: string | null
}

// A position that the cluster has not come to is of a life that was undone: the database was put back to an older state of itself.
const isPast = '$1::text::xid8 < pg_snapshot_xmax(pg_current_snapshot())'

function readSql(content: EntryContent): string {
  return `SELECT held.xid AS held, j.* FROM (SELECT (SELECT xid FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())
      ORDER BY xid DESC LIMIT 1)::text AS xid) held
    LEFT JOIN LATERAL (SELECT e.xid::text AS xid, e.seq, e.at, e.type, e.bucket, e.key, e.version_id AS journal_version_id,
      e.revision AS journal_revision, e.event, v.version_id, v.null_kind, v.origin_op, ${content === 'whole' ? 'v.metadata' : 'NULL AS metadata'}, v.replication
      FROM journal e LEFT JOIN versions v ON v.bucket_id = e.bucket_id AND v.key = e.key AND v.version_id = e.version_id
      WHERE (e.xid, e.seq) > (CASE WHEN ${isPast} THEN $1::text::xid8 ELSE '0' END, $2::bigint) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
      ORDER BY e.xid, e.seq LIMIT $3::integer) j ON true`
}

/** Its statements are quick. Another process can read the journal instead of one that is cut off in silence, so that is noticed soon. */
const answerWithinMs = 12_000

/** Transactions last milliseconds: what they hold back is waited for a little, so that a reader that was woken finds what woke it. */
const heldWaitMinMs = 3
const heldWaitMaxMs = 40
const trimAtOnce = 5_000

export class Journal {
  readonly #database: Database
  readonly #world: World
  readonly #cluster: string
  readonly #heldMs: number
  #timeline = ''

  /** `heldMs`: how long a reader waits for entries that are held back. */
  constructor(database: Database, world: World, cluster: string, heldMs: number) {
    this.#heldMs = heldMs
    this.#database = database
    this.#world = world
    this.#cluster = cluster
  }

  /** The server may have become another one. */
  set timeline(timeline: string) {
    this.#timeline = timeline
  }

  async read(after: JournalPosition, max: number, content: EntryContent): Promise<readonly JournalEntry[]> {
    const [xid, seq] = this.#place(after)
    const sql = readSql(content)
    let awaited: bigint | null = null
    for (let waitMs = heldWaitMinMs, waitedMs = 0; ; waitMs = Math.min(heldWaitMaxMs, waitMs * 2)) {
      const found = await this.#database.rowsWithin<JournalRow>(answerWithinMs, sql, xid, seq, max)
      const entries = found.flatMap(row => (row.xid === null ? [] : [this.#entry(row)]))
      const held = found[0]?.held ?? null
      awaited ??= held === null ? null : BigInt(held)
      const last = BigInt(found.at(-1)?.xid ?? 0)
      const isAll = held === null || awaited === null || last >= awaited || entries.length === max
      if (isAll || waitedMs >= this.#heldMs) return entries
      waitedMs += waitMs
      await sleep(this.#world.timers, waitMs)
    }
  }

  async trim(upTo: readonly [JournalPosition, ...JournalPosition[]]): Promise<void> {
    const [xid, seq] = upTo.map(position => this.#place(position)).reduce(earlier)
    // Another cluster behind the same address has other entries under these numbers.
    const isHere = `${isPast} AND (SELECT system_identifier::text FROM pg_control_system()) = $3`
    const oldest = `SELECT ctid FROM journal WHERE (xid, seq) <= ($1::text::xid8, $2::bigint) AND ${isHere}
      ORDER BY xid, seq LIMIT ${trimAtOnce}`
    for (;;) {
      const gone = await this.#database.rowsWithin<{ n: number }>(
        answerWithinMs,
        `WITH gone AS (DELETE FROM journal WHERE ctid = ANY (ARRAY(${oldest})) RETURNING 1) SELECT count(*)::integer AS n FROM gone`,
        xid,
        seq,
        this.#cluster,
      )
      if ((gone[0]?.n ?? 0) < trimAtOnce) return
    }
  }

  #place(position: JournalPosition): readonly [string, string] {
    const [cluster, timeline, xid = '', seq = ''] = position.split('/')
    const isOurs = cluster === this.#cluster && timeline === this.#timeline && /^\d+$/.test(xid) && /^\d+$/.test(seq)
    return isOurs ? [xid, seq] : ['0', '0']
  }

  #entry(row: JournalRow): JournalEntry {
    return {
      position: `${this.#cluster}/${this.#timeline}/${row.xid}/${row.seq}`,
      timestamp: new Date(row.at).toISOString(),
      type: row.type,
      bucket: row.bucket,
      key: row.key,
      versionId: storedVersionId(row.journal_version_id),
      revision: row.journal_revision,
      metadataJson: pendingMetadata(row),
      ...eventOf(row.event, [row.xid ?? 0, row.seq]),
    }
  }
}

function earlier(a: readonly [string, string], b: readonly [string, string]): readonly [string, string] {
  const difference = BigInt(a[0]) - BigInt(b[0]) || BigInt(a[1]) - BigInt(b[1])
  return difference <= 0n ? a : b
}

function pendingMetadata(row: JournalRow): string | null {
  const { version_id: versionId, replication, metadata } = row
  if (versionId === null || replication === null) return null
  // A site may have ended already while others have not been told of the version yet, so PROCESSING counts, too.
  const info: ReplicationInfo = JSON.parse(replication)
  if (pendingSites(info).length === 0) return null
  return metadata === null
    ? `{"replicationInfo":${replication}}`
    : publicMetadataJson({ ...row, version_id: versionId, metadata })
}

const lookSql = `SELECT (SELECT xid::text || '/' || seq FROM journal WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid DESC, seq DESC LIMIT 1) AS shown,
  EXISTS (SELECT 1 FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())) AS held`

/** Held-back entries are looked for again this soon, then less and less often. */
const heldLookMs = 5

/**
 * Tells listeners when there is more of the journal to read: soon after each commit of this process, and by looking from time to time for
 * those of others.
 */
export class JournalWatch {
  readonly #database: Database
  readonly #world: World
  readonly #everyMs: number | null
  readonly #listeners = new Set<() => void>()
  #shown: string | null = null
  #looking = false
  #again = false
  #timer: Timer | null = null
  #heldMs = heldLookMs

  /** `everyMs`: null where only commits of this process are of interest. Those are told without a look at what can be read already. */
  constructor(database: Database, world: World, everyMs: number | null) {
    this.#database = database
    this.#world = world
    this.#everyMs = everyMs
  }

  onJournal(listener: () => void): () => void {
    this.#listeners.add(listener)
    if (this.#everyMs !== null) this.wake()
    return () => this.#listeners.delete(listener)
  }

  /** Looks at once, if anybody wants to know. */
  wake(): void {
    if (this.#listeners.size === 0) return
    if (this.#everyMs === null) {
      this.#tellAll()
      return
    }
    if (this.#looking) {
      this.#again = true
      return
    }
    this.#timer?.cancel()
    this.#looking = true
    void this.#look(this.#everyMs)
  }

  close(): void {
    this.#listeners.clear()
    this.#timer?.cancel()
  }

  async #look(everyMs: number): Promise<void> {
    this.#again = false
    let delayMs = everyMs
    try {
      const [found] = await this.#database.rowsWithin<{ shown: string | null; held: boolean }>(answerWithinMs, lookSql)
      if (found?.held === true) delayMs = Math.min(everyMs, this.#heldMs)
      this.#heldMs = found?.held === true ? this.#heldMs * 2 : heldLookMs
      this.#tell(found?.shown ?? null)
    } catch {
      // The database is away, from here at least: whoever reads finds that out, and may leave the reading to another process.
      this.#tellAll()
    }
    this.#looking = false
    if (this.#again) this.wake()
    else if (this.#listeners.size > 0)
      this.#timer = this.#world.timers.after(delayMs, () => this.wake(), { background: true })
  }

  #tell(shown: string | null): void {
    if (shown === null || shown === this.#shown) return
    this.#shown = shown
    this.#tellAll()
  }

  #tellAll(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
