// The ledger on SQLite: changes go to the writer as replication commands, questions are answered from indexes by the reading connection.
import type { StatusMessage, VersionRef } from '../../domain/entry.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import type {
  ActivitySlot,
  AppliedVersion,
  AttemptReport,
  Claim,
  DestinationUpload,
  FoldResult,
  KeyRef,
  Ledger,
  LedgerRow,
  ReportResult,
  SiteBacklog,
} from '../ledger.ts'
import { claimedState, ledgerRow, type StoredRow } from '../ledger-form.ts'
import { claimedVersion, type TaskColumns } from '../version-form.ts'
import type { AppliedValues, StoredClaim, VersionValues } from './commands.ts'
import type { SqliteEngine } from './engine.ts'
import { rowColumns, storedRow } from './ledger-rows.ts'

type SiteRef = VersionRef & { readonly site: string }

interface NamedRow extends StoredRow {
  readonly bucket: string
  readonly upload: string | null
}

const named = `SELECT ${rowColumns}, buckets.name AS bucket, ledger_uploads.upload AS upload FROM ledger JOIN buckets ON buckets.id = ledger.bucket_id
  LEFT JOIN ledger_uploads USING (bucket_id, key, version_id, site)`

export function sqliteLedger(engine: SqliteEngine): Ledger {
  const { reader } = engine
  const rows = (found: readonly NamedRow[]): LedgerRow[] => found.map(row => ledgerRow(row.bucket, row, row.upload))
  return {
    claim: async (site, keys, owner, leaseMs, options): Promise<readonly Claim[]> => {
      const versions = options?.versions ?? false
      const claims = await engine.submit('replication', 'claim', { site, keys, owner, leaseMs, versions })
      return claims.map((claim, index) => claimForm(keys[index]?.bucket ?? '', claim))
    },
    renew: (tokens: readonly string[], leaseMs: number) => engine.submit('replication', 'renew', { tokens, leaseMs }),
    report: (reports: readonly AttemptReport[], options): Promise<readonly ReportResult[]> =>
      engine.submit('replication', 'report', { reports, fold: options?.fold ?? false }),
    saveUpload: (ref: SiteRef & { readonly token: string }, upload: DestinationUpload | null) =>
      engine.submit('replication', 'save-upload', { ref, token: ref.token, upload }),
    fold: (messages: readonly StatusMessage[], options): Promise<readonly FoldResult[]> =>
      engine.submit(options?.flushed ? 'client' : 'replication', 'fold', { messages: messages.map(slimMessage) }),
    retry: (refs: readonly SiteRef[]) => engine.submit('client', 'retry', { refs }),
    makeDue: async (site, olderThanMs) => {
      while (await engine.submit('replication', 'make-due', { site, olderThanMs }));
    },
    recount: () => engine.submit('replication', 'recount', {}),
    due: async (site, max) => dueKeys(engine, site, max),
    nextDueAt: async site =>
      reader.get<{ at: number }>(
        'SELECT at FROM ledger WHERE site = ? AND state = 3 AND at IS NOT NULL ORDER BY at LIMIT 1',
        site,
      )?.at ?? null,
    stranded: async (olderThanMs, max) => rows(strandedRows(engine, olderThanMs, max)),
    row: async ref =>
      rows(
        reader.all<NamedRow>(
          `${named} WHERE buckets.name = ? AND ledger.key = ? AND ledger.version_id = ? AND ledger.site = ?`,
          ref.bucket,
          ref.key,
          ref.versionId,
          ref.site,
        ),
      )[0] ?? null,
    rowsOf: async ref =>
      rows(
        reader.all<NamedRow>(
          `${named} WHERE buckets.name = ? AND ledger.key = ? AND ledger.version_id = ? ORDER BY ledger.site`,
          ref.bucket,
          ref.key,
          ref.versionId,
        ),
      ),
    backlog: async () => backlog(engine),
    activity: async sinceMs => activity(engine, sinceMs),
    quarantined: async (site, beforeMs, max) =>
      rows(
        reader.all<NamedRow>(
          `${named} WHERE ledger.site = ? AND ledger.state = 8 AND ledger.at <= ? ORDER BY ledger.at DESC LIMIT ?`,
          site,
          beforeMs,
          max,
        ),
      ),
  }
}

/** A claim as it came from the writer. */
export function claimForm(bucket: string, stored: StoredClaim): Claim {
  if (stored.outcome !== 'claimed') return stored
  const { upload, applied, token, version } = stored
  const row = storedRow(stored.row)
  const claim = {
    outcome: 'claimed',
    row: ledgerRow(bucket, row, upload, claimedState(row)),
    applied: applied === null ? null : appliedForm(applied),
    token,
  } as const
  if (version === undefined) return claim
  return { ...claim, version: version === null ? () => null : () => claimedVersion(taskColumns(version)) }
}

function appliedForm([versionId, kind, destinationVersionId, destinationEtag]: AppliedValues): AppliedVersion {
  return { versionId: storedVersionId(versionId), kind, destinationVersionId, destinationEtag }
}

function taskColumns(version: VersionValues): TaskColumns {
  const [version_id, null_kind, origin_op, metadata, replication, revision, integrity, bytes] = version
  return { version_id, null_kind, origin_op, metadata, replication, revision, integrity, bytes }
}

/** With a revision the content is not compared, so it need not cross to the writer. */
function slimMessage(message: StatusMessage): StatusMessage {
  return message.revision === undefined ? message : { ...message, metadataJson: '' }
}

function sites(engine: SqliteEngine): { site: string; claimed_sequence: number }[] {
  return engine.reader.all('SELECT site, claimed_sequence FROM site_sums ORDER BY site')
}

function dueKeys(engine: SqliteEngine, site: string, max: number): KeyRef[] {
  const now = engine.world.clock.now()
  const read = (state: number, room: number): KeyRef[] =>
    engine.reader.all<{ bucket: string; key: string }>(
      `SELECT buckets.name AS bucket, ledger.key AS key FROM ledger JOIN buckets ON buckets.id = ledger.bucket_id
       WHERE ledger.site = ? AND ledger.state = ${state} AND ledger.at <= ? ORDER BY ledger.at LIMIT ?`,
      site,
      now,
      room,
    )
  // Neither kind keeps the other waiting: a location in trouble has any number of retries that are due.
  const loose = read(1, max)
  const waiting = read(3, max).slice(0, max - Math.min(loose.length, Math.ceil(max / 2)))
  const found = [...waiting, ...loose.slice(0, max - waiting.length)]
  const unique = new Map(found.map(ref => [`${ref.bucket}\0${ref.key}`, { bucket: ref.bucket, key: ref.key }]))
  return [...unique.values()]
}

/**
 * Claims past their deadline, reported rows that nobody folded, and pending rows whose entry the site's processor must have passed long ago:
 * entries of later journal sequences have been claimed. Pending rows that never had an entry are not among them: `due` gives those.
 */
function strandedRows(engine: SqliteEngine, olderThanMs: number, max: number): NamedRow[] {
  const before = engine.world.clock.now() - olderThanMs
  return sites(engine).flatMap(({ site, claimed_sequence: claimed }) => {
    const found: NamedRow[] = []
    for (const state of [5, 2]) {
      found.push(
        ...engine.reader.all<NamedRow>(
          `${named} WHERE ledger.site = ? AND ledger.state = ${state} AND ledger.at <= ? ORDER BY ledger.at LIMIT ?`,
          site,
          before,
          max - found.length,
        ),
      )
    }
    found.push(
      ...engine.reader.all<NamedRow>(
        `${named} WHERE ledger.site = ? AND ledger.state = 0 AND ledger.at < ? AND ledger.created_at <= ? ORDER BY ledger.at LIMIT ?`,
        site,
        claimed,
        before,
        max - found.length,
      ),
    )
    return found
  })
}

function backlog(engine: SqliteEngine): SiteBacklog[] {
  const { reader } = engine
  return reader.snapshot(() =>
    reader
      .all<{ site: string; objects: number; bytes: number; failed_objects: number; failed_bytes: number }>(
        'SELECT site, objects, bytes, failed_objects, failed_bytes FROM site_sums ORDER BY site',
      )
      .map(row => ({
        site: row.site,
        objects: row.objects,
        bytes: row.bytes,
        oldestAt:
          reader.get<{ created_at: number }>(
            'SELECT created_at FROM ledger WHERE site = ? AND open = 1 ORDER BY created_at LIMIT 1',
            row.site,
          )?.created_at ?? null,
        failedObjects: row.failed_objects,
        failedBytes: row.failed_bytes,
      })),
  )
}

function activity(engine: SqliteEngine, sinceMs: number): ActivitySlot[] {
  const slots = engine.reader.all<ActivitySlot>(
    `SELECT site, slot_at AS slotAt, completed_objects AS completedObjects, completed_bytes AS completedBytes, failed_objects AS failedObjects,
     failed_bytes AS failedBytes FROM activity WHERE slot_at >= ? ORDER BY slot_at, site`,
    sinceMs,
  )
  // SQLite's rows have no prototype, which is nobody's business.
  return slots.map(slot => ({ ...slot }))
}
