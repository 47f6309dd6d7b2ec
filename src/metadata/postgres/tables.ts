// The tables of schema 1. Text is compared by its bytes (COLLATE "C"), which is S3's order of keys, whatever the database's own collation.
//
// versions: the newest version of a key has the smallest version_id (ids are inverted time and never run backwards on a key). null_kind: 0 has
// its id, 1 null version of a suspended bucket, 2 null version of an unversioned one.
//
// journal: xid is the writing transaction. A key is locked before its transaction gets an xid, so (xid, seq) is the order of each key, and what
// lies below the oldest running transaction is complete.
//
// ledger: states as in ledger-form.ts. `at` is when the state needs attention or began: the journal's seq for 0, the end of the lease for 2, the
// next attempt for 3, the time of the change for 1, 5 and 8, and for 7 if the version is gone (such rows go after a day), null for the others.
//
// site_deltas: changes of the sums, one row per transaction and site, so that no two writers wait for one row; folded into site_sums and
// activity in the background, and added to them by whoever reads.

export const tables = `
CREATE TABLE meta (name text PRIMARY KEY, value text NOT NULL);

CREATE TABLE epochs (
  epoch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(), ended boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

CREATE TABLE buckets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE, owner_id text NOT NULL, owner_name text NOT NULL,
  creation_date text NOT NULL, location_constraint text NOT NULL, versioning text NOT NULL, replication text
);
CREATE INDEX buckets_owner ON buckets (owner_id, name);

CREATE SEQUENCE version_ticks MINVALUE 0 MAXVALUE 999999 CYCLE;
CREATE TABLE versions (
  bucket_id bigint NOT NULL, key text COLLATE "C" NOT NULL, version_id text COLLATE "C" NOT NULL, null_kind smallint NOT NULL,
  is_delete_marker smallint NOT NULL, revision integer NOT NULL, size bigint NOT NULL, etag text NOT NULL, last_modified text NOT NULL,
  storage_class text NOT NULL, owner_id text NOT NULL, owner_name text NOT NULL, origin_op text NOT NULL, metadata text NOT NULL,
  replication text, integrity text, inline_key text, PRIMARY KEY (bucket_id, key, version_id)
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX versions_null ON versions (bucket_id, key) WHERE null_kind > 0;

CREATE TABLE inline_data (data_key text COLLATE "C" PRIMARY KEY, bytes bytea NOT NULL);
CREATE TABLE data_references (data_key text COLLATE "C" PRIMARY KEY);
CREATE TABLE garbage (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data_key text COLLATE "C" NOT NULL, location text NOT NULL);
CREATE INDEX garbage_data ON garbage (data_key);

CREATE TABLE uploads (
  bucket_id bigint NOT NULL, key text COLLATE "C" NOT NULL, upload_id text COLLATE "C" NOT NULL, initiated text NOT NULL, owner_id text NOT NULL,
  owner_name text NOT NULL, settings text NOT NULL, PRIMARY KEY (bucket_id, key, upload_id)
);
CREATE TABLE parts (
  upload_id text COLLATE "C" NOT NULL, part_number integer NOT NULL, etag text NOT NULL, size bigint NOT NULL, last_modified text NOT NULL,
  crc32 text NOT NULL, checksum text, location text NOT NULL, data_key text COLLATE "C" NOT NULL, data_location text NOT NULL,
  PRIMARY KEY (upload_id, part_number)
);

CREATE TABLE journal (
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(), seq bigint GENERATED ALWAYS AS IDENTITY, at bigint NOT NULL, type text NOT NULL,
  bucket_id bigint NOT NULL, bucket text NOT NULL, key text COLLATE "C" NOT NULL, version_id text COLLATE "C" NOT NULL,
  revision integer NOT NULL, PRIMARY KEY (xid, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = 1000000);

CREATE TABLE ledger (
  bucket_id bigint NOT NULL, key text COLLATE "C" NOT NULL, version_id text COLLATE "C" NOT NULL, site text COLLATE "C" NOT NULL,
  revision integer NOT NULL, state smallint NOT NULL, is_delete_marker smallint NOT NULL, size bigint NOT NULL, attempts integer NOT NULL,
  created_at bigint NOT NULL, at bigint, unsettled smallint NOT NULL, uploading smallint NOT NULL, token text, destination_version_id text,
  reason text, PRIMARY KEY (bucket_id, key, version_id, site)
) WITH (fillfactor = 85);
CREATE INDEX ledger_unfinished ON ledger (site, bucket_id, key, unsettled, version_id) WHERE state <= 4;
CREATE INDEX ledger_claimed ON ledger (site, bucket_id, key) WHERE state = 2;
CREATE INDEX ledger_attention ON ledger (site, state, at) WHERE at IS NOT NULL;
CREATE INDEX ledger_age ON ledger (site, created_at) WHERE state <= 5;
CREATE TABLE ledger_uploads (
  bucket_id bigint NOT NULL, key text COLLATE "C" NOT NULL, version_id text COLLATE "C" NOT NULL, site text COLLATE "C" NOT NULL,
  upload text NOT NULL, PRIMARY KEY (bucket_id, key, version_id, site)
);
CREATE TABLE applied (
  bucket_id bigint NOT NULL, key text COLLATE "C" NOT NULL, site text COLLATE "C" NOT NULL, version_id text COLLATE "C" NOT NULL,
  kind text NOT NULL, destination_version_id text NOT NULL, destination_etag text NOT NULL, PRIMARY KEY (bucket_id, key, site)
);

CREATE TABLE site_sums (
  site text COLLATE "C" PRIMARY KEY, objects bigint NOT NULL, bytes bigint NOT NULL, failed_objects bigint NOT NULL,
  failed_bytes bigint NOT NULL, claimed_seq bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE activity (
  slot_at bigint NOT NULL, site text COLLATE "C" NOT NULL, completed_objects bigint NOT NULL, completed_bytes bigint NOT NULL,
  failed_objects bigint NOT NULL, failed_bytes bigint NOT NULL, PRIMARY KEY (slot_at, site)
);
CREATE TABLE site_deltas (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, site text COLLATE "C" NOT NULL, objects bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0, failed_objects bigint NOT NULL DEFAULT 0, failed_bytes bigint NOT NULL DEFAULT 0,
  claimed_seq bigint NOT NULL DEFAULT 0, slot_at bigint, done_objects bigint NOT NULL DEFAULT 0, done_bytes bigint NOT NULL DEFAULT 0,
  bad_objects bigint NOT NULL DEFAULT 0, bad_bytes bigint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_threshold = 1000000);
`
