// The metadata store on SQLite. Writes are client commands: flushed before they are answered. Reads are short and indexed, on this thread.
import type { Bucket, BucketIdentity } from '../../domain/bucket.ts'
import type { JournalEntry, JournalPosition } from '../../domain/entry.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import type { ReplicationInfo } from '../../domain/replication-info.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import { eventOf } from '../event-form.ts'
import type {
  ChangeVersion,
  DeleteVersion,
  InlineData,
  Listing,
  ListOptions,
  MetadataStore,
  PutReplica,
  PutVersion,
  VersionKey,
} from '../metadata-store.ts'
import { type BucketRow, bucketForm, type PartRow, partForm, type UploadRow, uploadForm } from '../row-forms.ts'
import {
  type FormColumns,
  formColumns,
  pendingSites,
  publicMetadata,
  type RecordColumns,
  versionBody,
  versionRecord,
} from '../version-form.ts'
import { createBucketCache } from './bucket-cache.ts'
import type { SqliteEngine } from './engine.ts'
import { list } from './listing.ts'
import { sqliteLedger } from './sqlite-ledger.ts'

/** The port over an open engine; closing the store closes the engine. */
export function sqliteMetadataStore(engine: SqliteEngine): MetadataStore {
  return {
    ledger: sqliteLedger(engine),
    ...bucketMethods(engine),
    ...versionMethods(engine),
    ...uploadMethods(engine),
    ...journalMethods(engine),
    ...garbageMethods(engine),
    close: () => engine.close(),
  }
}

type Methods<Name extends keyof MetadataStore> = Pick<MetadataStore, Name>

function bucketMethods(
  engine: SqliteEngine,
): Methods<'createBucket' | 'bucket' | 'buckets' | 'bucketsWith' | 'changeBucket' | 'deleteBucket'> {
  const { reader } = engine
  const bucket = bucketReader(engine)
  return {
    createBucket: created => engine.submit('client', 'create-bucket', { bucket: created }),
    bucket: async name => bucket(name),
    buckets: async ownerId =>
      reader
        .all<BucketRow>('SELECT * FROM buckets WHERE owner_id = ? ORDER BY name', ownerId)
        .map(row => bucketForm(row)),
    bucketsWith: async (setting, after, max) =>
      reader
        .all<BucketRow>(
          'SELECT * FROM buckets WHERE name > ? AND json_extract(settings, ?) IS NOT NULL ORDER BY name LIMIT ?',
          after,
          `$.${setting}`,
          max,
        )
        .map(row => bucketForm(row)),
    changeBucket: (name, change, seen) =>
      engine.submit('client', 'change-bucket', { name, seen: identityOf(seen), change }),
    deleteBucket: (name, seen) => engine.submit('client', 'delete-bucket', { name, seen: identityOf(seen) }),
  }
}

/** Of what may be a whole bucket, only this crosses to the writer. */
function identityOf(seen: BucketIdentity | undefined): BucketIdentity | null {
  return seen === undefined ? null : { ownerId: seen.ownerId, creationDate: seen.creationDate }
}

function bucketReader({ reader, bucketChanges }: SqliteEngine): (name: string) => Bucket | null {
  const read = (name: string): Bucket | null => {
    const row = reader.get<BucketRow>('SELECT * FROM buckets WHERE name = ?', name)
    return row === undefined ? null : bucketForm(row)
  }
  if (bucketChanges === null) return read
  return createBucketCache(bucketChanges, name => {
    reader.refresh()
    return read(name)
  })
}

function bucketId(engine: SqliteEngine, name: string): number | null {
  return engine.reader.get<{ id: number }>('SELECT id FROM buckets WHERE name = ?', name)?.id ?? null
}

function versionMethods(
  engine: SqliteEngine,
): Methods<'putVersion' | 'putReplica' | 'changeVersion' | 'deleteVersion' | 'version' | 'list' | 'inlineData'> {
  return {
    putVersion: (put: PutVersion) =>
      engine.submit('client', 'put-version', {
        bucket: put.bucket,
        seenBucket: identityOf(put.seenBucket),
        key: put.key,
        body: versionBody(put.metadata, put.integrity, 'lean'),
        inline: exact(put.inline),
        condition: put.condition ?? null,
        uploadId: put.completes?.uploadId ?? null,
        expires: put.expires ?? null,
        bypassGovernance: put.bypassGovernance ?? false,
      }),
    putReplica: (put: PutReplica) =>
      engine.submit('client', 'put-replica', {
        bucket: put.bucket,
        seenBucket: identityOf(put.seenBucket),
        key: put.key,
        versionId: put.versionId,
        keepLocation: put.keepLocation,
        body: versionBody(put.metadata, put.integrity, 'lean'),
      }),
    changeVersion: (change: ChangeVersion) =>
      engine.submit('client', 'change-version', {
        bucket: change.bucket,
        seenBucket: identityOf(change.seenBucket),
        key: change.key,
        version: change.version,
        fields: change.fields,
        originOp: change.originOp,
        replication: change.replication === null ? null : JSON.stringify(change.replication),
        sites: change.replication === null ? [] : pendingSites(change.replication),
        seenRevision: change.seenRevision,
        seenRetention: change.seenRetention ?? null,
      }),
    deleteVersion: (remove: DeleteVersion) =>
      engine.submit('client', 'delete-version', {
        bucket: remove.bucket,
        seenBucket: identityOf(remove.seenBucket),
        key: remove.key,
        version: remove.version,
        condition: remove.condition ?? null,
        unlessLocked: remove.unlessLocked ?? null,
        onlyIf: remove.onlyIf ?? null,
        whileUnversioned: remove.whileUnversioned ?? false,
      }),
    version: async address => readVersion(engine, address),
    list: async (options: ListOptions): Promise<Listing> => {
      const breathe = (): Promise<void> => new Promise(resolve => engine.world.timers.immediate(resolve))
      const id = bucketId(engine, options.bucket)
      return id === null ? { entries: [], truncated: false } : list(engine.reader, id, options, breathe)
    },
    inlineData: async dataKey =>
      engine.reader.get<{ bytes: Uint8Array }>('SELECT bytes FROM inline_data WHERE data_key = ?', dataKey)?.bytes ??
      null,
  }
}

/** A view of a larger buffer (a piece of what came from a socket) would cross to the writer with all of it. */
function exact(inline: InlineData | undefined): InlineData | null {
  if (inline === undefined) return null
  const { key, bytes } = inline
  return bytes.byteLength === bytes.buffer.byteLength ? { key, bytes } : { key, bytes: new Uint8Array(bytes) }
}

function readVersion(engine: SqliteEngine, address: VersionKey): VersionRecord | null {
  const { reader } = engine
  const { bucket, key, version } = address
  const record = `${formColumns}, is_delete_marker, revision, integrity`
  const latest = `NOT EXISTS (SELECT 1 FROM versions newer WHERE newer.bucket_id = versions.bucket_id AND newer.key = versions.key
    AND newer.version_id < versions.version_id) AS is_latest`
  const at = 'FROM versions WHERE bucket_id = (SELECT id FROM buckets WHERE name = ?) AND key = ?'
  const row =
    version === 'latest'
      ? reader.get<RecordColumns>(`SELECT ${record}, 1 AS is_latest ${at} ORDER BY version_id LIMIT 1`, bucket, key)
      : version === 'null'
        ? reader.get<RecordColumns>(`SELECT ${record}, ${latest} ${at} AND null_kind > 0`, bucket, key)
        : reader.get<RecordColumns>(`SELECT ${record}, ${latest} ${at} AND version_id = ?`, bucket, key, version)
  return row === undefined ? null : versionRecord(address.bucket, key, row)
}

function uploadMethods(
  engine: SqliteEngine,
): Methods<'createUpload' | 'upload' | 'uploads' | 'putPart' | 'parts' | 'abortUpload'> {
  const { reader } = engine
  return {
    createUpload: (upload, seen) => engine.submit('client', 'create-upload', { upload, seen: identityOf(seen) }),
    upload: async (bucket, key, uploadId) => {
      const row = reader.get<UploadRow>(
        `SELECT uploads.* FROM uploads JOIN buckets ON buckets.id = uploads.bucket_id
         WHERE buckets.name = ? AND uploads.key = ? AND uploads.upload_id = ?`,
        bucket,
        key,
        uploadId,
      )
      return row === undefined ? null : uploadForm(bucket, row)
    },
    uploads: async (bucket, prefix, after, max) => {
      const id = bucketId(engine, bucket)
      if (id === null) return []
      // No UTF-8 text has a byte 0xff: this sorts behind every key with the prefix.
      const end = Buffer.concat([Buffer.from(prefix, 'utf8'), Buffer.of(0xff)])
      const from = after ?? { key: '', uploadId: '' }
      return reader
        .all<UploadRow>(
          `SELECT * FROM uploads WHERE bucket_id = ?1 AND key >= ?2 AND key < CAST(?3 AS TEXT) AND (key, upload_id) > (?4, ?5)
           ORDER BY key, upload_id LIMIT ?6`,
          id,
          prefix,
          end,
          from.key,
          from.uploadId,
          max,
        )
        .map(row => uploadForm(bucket, row))
    },
    putPart: (bucket, key, uploadId, part, inline) =>
      engine.submit('client', 'put-part', { bucket, key, uploadId, part, inline: exact(inline) }),
    parts: async uploadId =>
      reader
        .all<PartRow>('SELECT * FROM parts WHERE upload_id = ? ORDER BY part_number', uploadId)
        .map(row => partForm(row)),
    abortUpload: (bucket, key, uploadId) => engine.submit('client', 'abort-upload', { bucket, key, uploadId }),
  }
}

interface JournalRow extends Omit<FormColumns, 'metadata'> {
  /** Null where it was not asked for. */
  readonly metadata: string | null
  readonly sequence: number
  readonly at: number
  readonly type: JournalEntry['type']
  readonly bucket: string
  readonly key: string
  readonly journal_version_id: string
  readonly journal_revision: number
  readonly event: string | null
  /** Null when the version is gone. */
  readonly id: number | null
}

function journalEntry(row: JournalRow): JournalEntry {
  return {
    position: String(row.sequence),
    timestamp: new Date(row.at).toISOString(),
    type: row.type,
    bucket: row.bucket,
    key: row.key,
    versionId: storedVersionId(row.journal_version_id),
    revision: row.journal_revision,
    metadataJson: row.id === null ? null : pendingMetadata(row),
    ...eventOf(row.event, [row.sequence]),
  }
}

function pendingMetadata(row: JournalRow): string | null {
  const { replication, metadata } = row
  if (replication === null || !needsReplication(replication)) return null
  const brief = `{"replicationInfo":${replication}}`
  if (metadata === null) return brief
  try {
    return JSON.stringify(publicMetadata({ ...row, metadata }))
  } catch {
    // What cannot be read is its own task's to find: the entry only says that there is work.
    return brief
  }
}

/** A site may have ended already while others have not been told of the version yet, so PROCESSING counts, too. */
function needsReplication(replication: string): boolean {
  const info: ReplicationInfo = JSON.parse(replication)
  return pendingSites(info).length > 0
}

/** What is no position of ours (no entry has been read yet) is the beginning. */
function sequenceOf(position: JournalPosition): number {
  const sequence = Number(position)
  return Number.isSafeInteger(sequence) && sequence > 0 ? sequence : 0
}

function journalMethods(engine: SqliteEngine): Methods<'journal' | 'onJournal' | 'trimJournal'> {
  return {
    journal: async (after, max, content = 'whole') =>
      engine.reader
        .all<JournalRow>(
          `SELECT journal.sequence, journal.at, journal.type, journal.bucket, journal.key, journal.version_id AS journal_version_id,
           journal.revision AS journal_revision, journal.event, versions.id, versions.version_id, null_kind, origin_op, ${content === 'whole' ? 'metadata' : 'NULL AS metadata'}, replication
           FROM journal LEFT JOIN versions ON versions.bucket_id = journal.bucket_id AND versions.key = journal.key
           AND versions.version_id = journal.version_id WHERE sequence > ? ORDER BY sequence LIMIT ?`,
          sequenceOf(after),
          max,
        )
        .map(row => journalEntry(row)),
    onJournal: listener => engine.onJournal(listener),
    trimJournal: async (...upTo) => {
      const sequence = Math.min(...upTo.map(sequenceOf))
      while (await engine.submit('replication', 'trim-journal', { sequence }));
    },
  }
}

function garbageMethods(engine: SqliteEngine): Methods<'garbage' | 'forgetGarbage' | 'referencedData'> {
  const { reader } = engine
  return {
    garbage: async (max, afterId = 0) => {
      const rows = reader.all<{ id: number; dataKey: string; location: string }>(
        'SELECT id, data_key AS dataKey, location FROM garbage WHERE id > ? ORDER BY id LIMIT ?',
        afterId,
        max,
      )
      return rows.map(row => ({ ...row }))
    },
    forgetGarbage: async ids => {
      await engine.submit('replication', 'forget-garbage', { ids })
    },
    referencedData: async dataKeys => {
      const referenced = (dataKey: string): boolean =>
        ['data_references', 'garbage', 'inline_data'].some(
          table => reader.get(`SELECT 1 FROM ${table} WHERE data_key = ?`, dataKey) !== undefined,
        )
      return new Set(dataKeys.filter(referenced))
    },
  }
}
