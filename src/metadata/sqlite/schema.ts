// The numbered schema of the embedded database. `PRAGMA user_version` says which migrations a file has seen: a newer file is refused, an
// older one is migrated in one transaction after a copy of it was made. Text is compared by its UTF-8 bytes (SQLite's BINARY collation),
// which is S3's order of keys.
import { renameSync, rmSync } from 'node:fs'
import type { Connection } from './connection.ts'

/*
 * versions: the newest version of a key is the one with the smallest version_id (ids are inverted time and never run backwards on a key), so
 * no column says which is the latest. null_kind: 0 has its id, 1 null version of a suspended bucket, 2 null version of an unversioned one.
 * An ordinary table: rows are too large for an index page. metadata is the public JSON without the fields that have columns of their own and, since schema 6, without those that
 * say nothing (`blankFields` in version-form.ts): an absent one is a blank one.
 *
 * journal: sequence numbers never come again because the newest entry is never trimmed. topic_records.id is topic id * 2^40 + offset.
 *
 * ledger.state: 0 pending with an entry on its way, 1 pending without one, 2 claimed, 3 waiting, 4 blocked, 5 reported, 6 completed, 7 skipped,
 * 8 quarantined. ledger.at is when the state needs attention or began: the journal sequence for 0, the end of the lease for 2, the next
 * attempt for 3, the time of the change for 1, 5 and 8, and for 7 if the version is gone (such rows go after a day), null for the others. The partial indexes hold open rows only, so their cost does not grow with history. unfinished
 * (states 0 to 4) and open (0 to 5) follow from the state; they are columns because SQLite rewrites a partial index whenever a column of its
 * condition is set. uploading: ledger_uploads has an upload of the row.
 */
const version1 = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE buckets (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, owner_id TEXT NOT NULL, owner_name TEXT NOT NULL,
  creation_date TEXT NOT NULL, location_constraint TEXT NOT NULL, versioning TEXT NOT NULL, replication TEXT
);
CREATE INDEX buckets_owner ON buckets (owner_id, name);

CREATE TABLE versions (
  id INTEGER PRIMARY KEY, bucket_id INTEGER NOT NULL, key TEXT NOT NULL, version_id TEXT NOT NULL, null_kind INTEGER NOT NULL,
  is_delete_marker INTEGER NOT NULL, revision INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
  storage_class TEXT NOT NULL, owner_id TEXT NOT NULL, owner_name TEXT NOT NULL, origin_op TEXT NOT NULL, metadata TEXT NOT NULL,
  replication TEXT, integrity TEXT
);
CREATE UNIQUE INDEX versions_address ON versions (bucket_id, key, version_id);
CREATE UNIQUE INDEX versions_null ON versions (bucket_id, key) WHERE null_kind > 0;

CREATE TABLE inline_data (data_key TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE data_references (data_key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE garbage (id INTEGER PRIMARY KEY AUTOINCREMENT, data_key TEXT NOT NULL, location TEXT NOT NULL);
CREATE INDEX garbage_data ON garbage (data_key);

CREATE TABLE uploads (
  bucket_id INTEGER NOT NULL, key TEXT NOT NULL, upload_id TEXT NOT NULL, initiated TEXT NOT NULL, owner_id TEXT NOT NULL,
  owner_name TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (bucket_id, key, upload_id)
) WITHOUT ROWID;
CREATE TABLE parts (
  upload_id TEXT NOT NULL, part_number INTEGER NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL, last_modified TEXT NOT NULL,
  crc32 TEXT NOT NULL, checksum TEXT, location TEXT NOT NULL, PRIMARY KEY (upload_id, part_number)
) WITHOUT ROWID;

CREATE TABLE journal (
  sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, type TEXT NOT NULL, bucket_id INTEGER NOT NULL, bucket TEXT NOT NULL,
  key TEXT NOT NULL, version_id TEXT NOT NULL, revision INTEGER NOT NULL
);

CREATE TABLE ledger (
  bucket_id INTEGER NOT NULL, key TEXT NOT NULL, version_id TEXT NOT NULL, site TEXT NOT NULL, revision INTEGER NOT NULL,
  state INTEGER NOT NULL, is_delete_marker INTEGER NOT NULL, size INTEGER NOT NULL, attempts INTEGER NOT NULL, created_at INTEGER NOT NULL,
  at INTEGER, unsettled INTEGER NOT NULL, unfinished INTEGER NOT NULL, open INTEGER NOT NULL, uploading INTEGER NOT NULL,
  token TEXT, destination_version_id TEXT, reason TEXT,
  PRIMARY KEY (bucket_id, key, version_id, site)
) WITHOUT ROWID;
CREATE INDEX ledger_unfinished ON ledger (site, bucket_id, key, version_id) WHERE unfinished = 1;
CREATE INDEX ledger_unsettled ON ledger (site, bucket_id, key, version_id) WHERE unsettled = 1 AND unfinished = 1;
CREATE INDEX ledger_attention ON ledger (site, state, at) WHERE at IS NOT NULL;
CREATE INDEX ledger_age ON ledger (site, created_at) WHERE open = 1;
CREATE TABLE ledger_uploads (
  bucket_id INTEGER NOT NULL, key TEXT NOT NULL, version_id TEXT NOT NULL, site TEXT NOT NULL, upload TEXT NOT NULL,
  PRIMARY KEY (bucket_id, key, version_id, site)
) WITHOUT ROWID;
CREATE TABLE applied (
  bucket_id INTEGER NOT NULL, key TEXT NOT NULL, site TEXT NOT NULL, version_id TEXT NOT NULL, kind TEXT NOT NULL,
  destination_version_id TEXT NOT NULL, destination_etag TEXT NOT NULL, PRIMARY KEY (bucket_id, key, site)
) WITHOUT ROWID;
CREATE TABLE site_sums (
  site TEXT PRIMARY KEY, objects INTEGER NOT NULL, bytes INTEGER NOT NULL, failed_objects INTEGER NOT NULL, failed_bytes INTEGER NOT NULL,
  claimed_sequence INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE activity (
  slot_at INTEGER NOT NULL, site TEXT NOT NULL, completed_objects INTEGER NOT NULL, completed_bytes INTEGER NOT NULL,
  failed_objects INTEGER NOT NULL, failed_bytes INTEGER NOT NULL, PRIMARY KEY (slot_at, site)
) WITHOUT ROWID;

CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE topic_records (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE topic_offsets (
  topic_id INTEGER NOT NULL, group_name TEXT NOT NULL, committed INTEGER NOT NULL, PRIMARY KEY (topic_id, group_name)
) WITHOUT ROWID;

CREATE TABLE state (path TEXT PRIMARY KEY, value TEXT, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE lease_epochs (path TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
`

/** A version names its inline bytes itself, so that both are read by one statement. */
const version2 = `
ALTER TABLE versions ADD COLUMN inline_key TEXT;
UPDATE versions SET inline_key = json_extract(metadata, '$.location[0].key')
  WHERE json_array_length(metadata, '$.location') = 1 AND json_extract(metadata, '$.location[0].key') LIKE 'inline.%';
`

/** What a bucket has beside versioning and replication: JSON, by name of the setting. */
const version3 = 'ALTER TABLE buckets ADD COLUMN settings TEXT'

/** What happened, in buckets that tell of events: JSON. */
const version4 = 'ALTER TABLE journal ADD COLUMN event TEXT'

/** A delete marker leaves none where there are no versions: it has removed the object. */
const version5 = "UPDATE applied SET kind = 'removal' WHERE kind = 'delete-marker' AND destination_version_id = ''"

/**
 * Inline bytes found by number. In an index tree, which a table without row ids is, a row of some kilobytes stands in the inner pages, too, and
 * each comparison on the way down reads all of it: several levels more, and most of what a claim cost. A number never comes again: should a
 * version outlive its bytes, it must not find those of another one.
 */
const version6 = `
CREATE TABLE inline_rows (id INTEGER PRIMARY KEY AUTOINCREMENT, data_key TEXT NOT NULL, bytes BLOB NOT NULL);
INSERT INTO inline_rows (data_key, bytes) SELECT data_key, bytes FROM inline_data ORDER BY data_key;
DROP TABLE inline_data;
ALTER TABLE inline_rows RENAME TO inline_data;
CREATE UNIQUE INDEX inline_data_key ON inline_data (data_key);
ALTER TABLE versions ADD COLUMN inline_id INTEGER;
UPDATE versions SET inline_id = (SELECT id FROM inline_data WHERE data_key = inline_key) WHERE inline_key IS NOT NULL;
ALTER TABLE versions DROP COLUMN inline_key;
`

/** SQL scripts; the n-th leads from schema n to schema n + 1. Released ones never change. */
export const migrations: readonly string[] = [version1, version2, version3, version4, version5, version6]

/** The database was written by a newer version of the program; nothing was changed. */
export class NewerSchemaError extends Error {
  override readonly name = 'NewerSchemaError'
}

/**
 * Brings the database to the newest schema. A file that already has data is first copied to `<path>.schema-<n>`.
 * Throws NewerSchemaError when the file is ahead of this program.
 */
export function migrate(connection: Connection, path: string, steps: readonly string[] = migrations): void {
  const found = connection.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0
  if (found > steps.length)
    throw new NewerSchemaError(
      `${path} has schema ${found}, this version of Crossbeat knows schemas up to ${steps.length}: start the newer version, or restore an older copy`,
    )
  if (found === steps.length) return
  const inFile = path !== ':memory:'
  if (found > 0 && inFile) keepCopy(connection, path, found)
  connection.execute('BEGIN IMMEDIATE')
  try {
    for (const step of steps.slice(found)) connection.execute(step)
    connection.execute(`PRAGMA user_version = ${steps.length}`)
    connection.execute('COMMIT')
  } catch (error) {
    connection.execute('ROLLBACK')
    throw error
  }
  // What a migration has rewritten would wait in the log until the first writes pay for it.
  if (found > 0 && inFile) connection.all('PRAGMA wal_checkpoint(TRUNCATE)')
}

/** A copy that was interrupted, or made by a start that was, is made again: the file has not changed since. */
function keepCopy(connection: Connection, path: string, schema: number): void {
  const copy = `${path}.schema-${schema}`
  rmSync(`${copy}.part`, { force: true })
  connection.run('VACUUM INTO ?', `${copy}.part`)
  renameSync(`${copy}.part`, copy)
}
