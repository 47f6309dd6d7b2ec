// The functions that write versions, on the server's side: each command is one statement and one transaction, with no way back and forth while
// locks are held. Locks come first, so that everything after them sees what was committed before, and before the transaction gets its xid.

export const commonFunctions = `
-- Milliseconds; the database's clock unless the caller brings a time (tests do).
CREATE OR REPLACE FUNCTION moment(p_now bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT coalesce(p_now, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
$$;

-- A process that others have taken for dead may write no more: its data may have been swept.
CREATE OR REPLACE FUNCTION check_epoch(p_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(p_epoch::text, 2));
  PERFORM 1 FROM epochs WHERE epoch = p_epoch AND NOT ended;
  IF NOT FOUND THEN RAISE EXCEPTION 'epoch % has ended', p_epoch USING ERRCODE = 'CB001'; END IF;
END $$;

-- Shared locks of the buckets (their deletion takes them alone), then the keys', always in the same order.
CREATE OR REPLACE FUNCTION lock_keys(p_epoch bigint, p_buckets text[], p_keys text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE h bigint;
BEGIN
  PERFORM check_epoch(p_epoch);
  FOR h IN SELECT DISTINCT hashtextextended(b, 1) FROM unnest(p_buckets) b ORDER BY 1 LOOP
    PERFORM pg_advisory_xact_lock_shared(h);
  END LOOP;
  FOR h IN SELECT DISTINCT hashtextextended(b || '/' || k, 0) FROM unnest(p_buckets, p_keys) t(b, k) ORDER BY 1 LOOP
    PERFORM pg_advisory_xact_lock(h);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION lock_items(p_epoch bigint, p_items json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE buckets text[]; keys text[];
BEGIN
  SELECT array_agg(t.bucket), array_agg(t.key) INTO buckets, keys FROM json_to_recordset(p_items) AS t(bucket text, key text);
  PERFORM lock_keys(p_epoch, buckets, keys);
END $$;

CREATE OR REPLACE FUNCTION bucket_id(p_name text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT id FROM buckets WHERE name = p_name);
END $$;

-- The same of a bucket that was seen (ownerId, creationDate), if the name is still its own; null: whichever it is.
CREATE OR REPLACE FUNCTION seen_bucket_id(p_name text, p_seen json) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT id FROM buckets WHERE name = p_name
    AND (p_seen IS NULL OR (owner_id = p_seen ->> 'ownerId' AND creation_date = p_seen ->> 'creationDate')));
END $$;

-- As dates are stored.
CREATE OR REPLACE FUNCTION iso_date(p_ms bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT to_char(to_timestamp(p_ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- The later of the clock and one tick after the newest id. Ticks within a millisecond are never the same, so an id is not given again even when
-- the version that had it is gone.
CREATE OR REPLACE FUNCTION next_version_id(p_now bigint, p_newest text, p_group text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ms bigint := p_now; tick bigint := nextval('version_ticks'); last_ms bigint; last_tick bigint;
BEGIN
  IF p_newest IS NOT NULL THEN
    last_ms := 99999999999999 - substr(p_newest, 1, 14)::bigint;
    last_tick := 999999 - substr(p_newest, 15, 6)::bigint;
    IF ms < last_ms OR (ms = last_ms AND tick <= last_tick) THEN
      IF last_tick < 999999 THEN ms := last_ms; tick := last_tick + 1; ELSE ms := last_ms + 1; tick := 0; END IF;
    END IF;
  END IF;
  RETURN lpad((99999999999999 - ms)::text, 14, '0') || lpad((999999 - tick)::text, 6, '0') || p_group;
END $$;

CREATE OR REPLACE FUNCTION discard(p_keys text[], p_locations text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_keys IS NULL THEN RETURN; END IF;
  INSERT INTO garbage (data_key, location) SELECT k, l FROM unnest(p_keys, p_locations) t(k, l);
  DELETE FROM data_references WHERE data_key = ANY (p_keys);
END $$;

-- Discards the data that a version's metadata names, but for what is kept.
CREATE OR REPLACE FUNCTION discard_data(p_metadata text, p_keep text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE pieces json := p_metadata::json -> 'location'; keys text[]; locations text[];
BEGIN
  IF pieces IS NULL OR json_typeof(pieces) <> 'array' THEN RETURN; END IF;
  SELECT array_agg(p ->> 'key'), array_agg(p ->> 'dataStoreName') INTO keys, locations
    FROM json_array_elements(pieces) p WHERE p ->> 'key' NOT IN (SELECT k FROM unnest(p_keep) k);
  PERFORM discard(keys, locations);
END $$;

CREATE OR REPLACE FUNCTION refer(p_keys text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO data_references (data_key) SELECT k FROM unnest(p_keys) k WHERE k NOT LIKE 'inline.%' ON CONFLICT DO NOTHING;
END $$;

-- What an entry tells (see event-form.ts); null in a bucket that tells of nothing.
CREATE OR REPLACE FUNCTION event_of(p_bid bigint, p_name text, p_null integer, p_size bigint, p_etag text, p_site text, p_reason text)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM buckets WHERE id = p_bid AND settings LIKE '%"notification"%' AND settings::json -> 'notification' IS NOT NULL;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN json_strip_nulls(json_build_object('name', p_name, 'version', CASE p_null WHEN 0 THEN 'own' WHEN 1 THEN 'null' ELSE 'none' END,
    'size', p_size, 'etag', p_etag, 'site', p_site, 'reason', p_reason))::text;
END $$;

CREATE OR REPLACE FUNCTION add_entry(p_now bigint, p_type text, p_bid bigint, p_bucket text, p_key text, p_version text, p_revision integer,
  p_event text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE answer bigint;
BEGIN
  INSERT INTO journal (at, type, bucket_id, bucket, key, version_id, revision, event)
    VALUES (p_now, p_type, p_bid, p_bucket, p_key, p_version, p_revision, p_event) RETURNING seq INTO answer;
  RETURN answer;
END $$;
`

export const putFunctions = `
-- Whether a write's condition holds for a version with these facts; no ETag: a delete marker, and no time either: there is none.
CREATE OR REPLACE FUNCTION condition_holds(p_condition json, p_etag text, p_modified text, p_size bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE c record;
BEGIN
  IF p_condition IS NULL THEN RETURN true; END IF;
  SELECT * INTO c FROM json_to_record(p_condition) AS t("ifMatch" text[], "ifNoneMatch" text[], "ifModified" text, "ifSize" bigint, "orAbsent" boolean);
  IF p_modified IS NULL AND coalesce(c."orAbsent", false) THEN RETURN true; END IF;
  IF p_etag IS NULL THEN
    RETURN (c."ifMatch" IS NULL OR (coalesce(c."orAbsent", false) AND '*' = ANY (c."ifMatch")))
      AND c."ifModified" IS NULL AND c."ifSize" IS NULL;
  END IF;
  RETURN (c."ifMatch" IS NULL OR '*' = ANY (c."ifMatch") OR p_etag = ANY (c."ifMatch"))
    AND (c."ifNoneMatch" IS NULL OR NOT ('*' = ANY (c."ifNoneMatch") OR p_etag = ANY (c."ifNoneMatch")))
    AND (c."ifModified" IS NULL OR starts_with(p_modified, c."ifModified"))
    AND (c."ifSize" IS NULL OR p_size = c."ifSize");
END $$;

-- Ends an upload; false, with nothing changed, when there is none or data to be kept is no longer that of a part.
CREATE OR REPLACE FUNCTION end_upload(p_bid bigint, p_key text, p_upload text, p_keep text[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE keys text[]; locations text[];
BEGIN
  PERFORM 1 FROM uploads WHERE bucket_id = p_bid AND key = p_key AND upload_id = p_upload;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM k FROM unnest(p_keep) k EXCEPT SELECT data_key FROM parts WHERE upload_id = p_upload;
  IF FOUND THEN RETURN false; END IF;
  SELECT array_agg(data_key ORDER BY part_number), array_agg(data_location ORDER BY part_number) INTO keys, locations
    FROM parts WHERE upload_id = p_upload AND data_key NOT IN (SELECT k FROM unnest(p_keep) k);
  PERFORM discard(keys, locations);
  DELETE FROM parts WHERE upload_id = p_upload;
  DELETE FROM uploads WHERE bucket_id = p_bid AND key = p_key AND upload_id = p_upload;
  RETURN true;
END $$;

-- Removes a version with its data and its ledger rows; p_keep names data that a new version takes over.
CREATE OR REPLACE FUNCTION remove_version(p_now bigint, p_bid bigint, p_key text, p_version text, p_keep text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v versions; r ledger;
BEGIN
  DELETE FROM versions WHERE bucket_id = p_bid AND key = p_key AND version_id = p_version RETURNING * INTO v;
  IF v.is_delete_marker = 0 THEN PERFORM discard_data(v.metadata, p_keep); END IF;
  IF v.revision = 0 THEN RETURN; END IF;
  FOR r IN SELECT * FROM ledger WHERE bucket_id = p_bid AND key = p_key AND version_id = p_version LOOP
    PERFORM end_with_source(p_now, r);
  END LOOP;
END $$;

-- Whether a version has come to every site that it goes to, or was skipped there.
CREATE OR REPLACE FUNCTION has_arrived(p_bid bigint, p_key text, p_version text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN NOT EXISTS (SELECT 1 FROM ledger WHERE bucket_id = p_bid AND key = p_key AND version_id = p_version AND (state <= 5 OR state = 8));
END $$;

-- Whether a version stands so among those of its key: current, noncurrent, or the only one.
CREATE OR REPLACE FUNCTION stands(p_bid bigint, p_key text, p_version text, p_standing text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE newer boolean; other boolean;
BEGIN
  newer := EXISTS (SELECT 1 FROM versions WHERE bucket_id = p_bid AND key = p_key AND version_id < p_version);
  IF p_standing = 'noncurrent' THEN RETURN newer; END IF;
  IF newer OR p_standing = 'current' THEN RETURN NOT newer; END IF;
  RETURN NOT EXISTS (SELECT 1 FROM versions WHERE bucket_id = p_bid AND key = p_key AND version_id > p_version);
END $$;

-- Why a write may not replace the null version: a lock, or, if lifecycle writes, a copy of it that has not arrived. Null: it may.
CREATE OR REPLACE FUNCTION refused_replacement(p_now bigint, v versions, p_bypass boolean, p_expires text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF is_locked(v.metadata::json, iso_date(p_now), coalesce(p_bypass, false)) THEN RETURN 'locked'; END IF;
  IF p_expires IS NOT NULL AND NOT has_arrived(v.bucket_id, v.key, v.version_id) THEN RETURN 'precondition-failed'; END IF;
  RETURN NULL;
END $$;

-- Puts of one group commit, in order. Answers the null kind and the version id, or an outcome, for each.
CREATE OR REPLACE FUNCTION put_versions(p_epoch bigint, p_group text, p_now bigint, p_items json) RETURNS json LANGUAGE plpgsql AS $$
DECLARE i record; cur record; former versions; now_ms bigint; bid bigint; null_now smallint; newest text; vid text; rev integer; entry bigint;
  etag_now text; refused text;
  answers text[] := '{}'; all_sites text[] := '{}'; all_sizes bigint[] := '{}';
BEGIN
  PERFORM lock_items(p_epoch, p_items);
  FOR i IN SELECT * FROM json_to_recordset(p_items) AS t(bucket text, seen_bucket json, key text, marker smallint, size bigint, etag text,
    modified text, class text, owner text, owner_name text, origin text, metadata text, replication text, integrity text, inline_key text,
    sites text[], data text[], bytes_key text, bytes text, condition json, upload text, expires text, bypass boolean) LOOP
    now_ms := moment(p_now);
    SELECT id, CASE versioning WHEN 'Enabled' THEN 0 WHEN 'Suspended' THEN 1 ELSE 2 END INTO bid, null_now FROM buckets WHERE name = i.bucket
      AND (i.seen_bucket IS NULL OR (owner_id = i.seen_bucket ->> 'ownerId' AND creation_date = i.seen_bucket ->> 'creationDate'));
    IF bid IS NULL THEN answers := answers || 'no-such-bucket'::text; CONTINUE; END IF;
    SELECT version_id, is_delete_marker, etag, last_modified, size INTO cur FROM versions WHERE bucket_id = bid AND key = i.key ORDER BY version_id LIMIT 1;
    etag_now := CASE WHEN cur.is_delete_marker = 0 THEN cur.etag END;
    IF NOT condition_holds(i.condition, etag_now, cur.last_modified, cur.size) THEN answers := answers || 'precondition-failed'::text; CONTINUE; END IF;
    IF i.expires IS NOT NULL AND (cur.version_id IS DISTINCT FROM i.expires OR NOT has_arrived(bid, i.key, i.expires)) THEN
      answers := answers || 'precondition-failed'::text; CONTINUE;
    END IF;
    IF null_now > 0 THEN
      SELECT * INTO former FROM versions WHERE bucket_id = bid AND key = i.key AND null_kind > 0;
      IF former.version_id IS NOT NULL THEN
        refused := refused_replacement(now_ms, former, i.bypass, i.expires);
        IF refused IS NOT NULL THEN answers := answers || refused; CONTINUE; END IF;
      END IF;
    END IF;
    IF i.upload IS NOT NULL AND NOT end_upload(bid, i.key, i.upload, i.data) THEN
      answers := answers || 'no-such-upload'::text; CONTINUE;
    END IF;
    newest := cur.version_id;
    rev := 0;
    IF cardinality(i.sites) > 0 THEN
      rev := 1;
      -- A deleted version may have been applied at a site: the next one must come after it even if the clock was set back.
      newest := least(newest, (SELECT version_id FROM ledger WHERE bucket_id = bid AND key = i.key ORDER BY version_id LIMIT 1),
        (SELECT min(version_id) FROM applied WHERE bucket_id = bid AND key = i.key));
    END IF;
    vid := next_version_id(now_ms, newest, p_group);
    IF null_now > 0 AND former.version_id IS NOT NULL THEN PERFORM remove_version(now_ms, bid, i.key, former.version_id, i.data); END IF;
    INSERT INTO versions (bucket_id, key, version_id, null_kind, is_delete_marker, revision, size, etag, last_modified, storage_class,
      owner_id, owner_name, origin_op, metadata, replication, integrity, inline_key)
      VALUES (bid, i.key, vid, null_now, i.marker, rev, i.size, i.etag, i.modified, i.class, i.owner, i.owner_name, i.origin, i.metadata,
      i.replication, i.integrity, i.inline_key);
    IF cardinality(i.data) > 0 THEN PERFORM refer(i.data); END IF;
    IF i.bytes IS NOT NULL THEN INSERT INTO inline_data (data_key, bytes) VALUES (i.bytes_key, decode(i.bytes, 'hex')); END IF;
    entry := add_entry(now_ms, 'put', bid, i.bucket, i.key, vid, rev,
      event_of(bid, i.origin, null_now, CASE WHEN i.marker = 0 THEN i.size END, i.etag, NULL, NULL));
    IF rev = 1 THEN
      PERFORM open_rows(now_ms, bid, i.key, vid, i.sites, 1, i.marker, i.size, entry);
      all_sites := all_sites || i.sites;
      all_sizes := all_sizes || array_fill(i.size, ARRAY[cardinality(i.sites)]);
    END IF;
    answers := answers || (null_now || vid);
  END LOOP;
  INSERT INTO site_deltas (site, objects, bytes) SELECT s, count(*), sum(z) FROM unnest(all_sites, all_sizes) t(s, z) GROUP BY s;
  RETURN to_json(answers);
END $$;

CREATE OR REPLACE FUNCTION put_replica(p_epoch bigint, p_group text, p_now bigint, p_item json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE i record; v versions; now_ms bigint; bid bigint; vid text; null_now smallint; body text; versioned text;
BEGIN
  SELECT * INTO i FROM json_to_record(p_item) AS t(bucket text, seen_bucket json, key text, version text, keep smallint, marker smallint,
    size bigint, etag text, modified text, class text, owner text, owner_name text, origin text, metadata text, replication text,
    integrity text, inline_key text, data text[]);
  PERFORM lock_keys(p_epoch, ARRAY[i.bucket], ARRAY[i.key]);
  now_ms := moment(p_now);
  SELECT id, versioning INTO bid, versioned FROM buckets WHERE id = (SELECT seen_bucket_id(i.bucket, i.seen_bucket));
  IF bid IS NULL THEN RETURN 'no-such-bucket'; END IF;
  IF i.version IS NULL THEN
    SELECT * INTO v FROM versions WHERE bucket_id = bid AND key = i.key AND null_kind > 0;
  ELSE
    SELECT * INTO v FROM versions WHERE bucket_id = bid AND key = i.key AND version_id = i.version;
  END IF;
  IF FOUND THEN RETURN replace_version(now_ms, i.bucket, v, p_item); END IF;
  IF i.keep = 1 THEN RETURN 'no-such-version'; END IF;
  vid := coalesce(i.version, next_version_id(now_ms,
    (SELECT version_id FROM versions WHERE bucket_id = bid AND key = i.key ORDER BY version_id LIMIT 1), p_group));
  null_now := CASE WHEN i.version IS NOT NULL THEN 0 WHEN versioned = 'Unversioned' THEN 2 ELSE 1 END;
  INSERT INTO versions (bucket_id, key, version_id, null_kind, is_delete_marker, revision, size, etag, last_modified, storage_class,
    owner_id, owner_name, origin_op, metadata, replication, integrity, inline_key)
    VALUES (bid, i.key, vid, null_now, i.marker, 0, i.size, i.etag, i.modified, i.class, i.owner, i.owner_name, i.origin, i.metadata,
    i.replication, i.integrity, i.inline_key);
  PERFORM refer(i.data);
  PERFORM add_entry(now_ms, 'put', bid, i.bucket, i.key, vid, 0,
    event_of(bid, i.origin, null_now, CASE WHEN i.marker = 0 THEN i.size END, i.etag, NULL, NULL));
  RETURN CASE WHEN null_now > 0 THEN '0' ELSE '+' END || vid;
END $$;

-- Metadata with the fields that belong to the stored bytes taken from what was stored; the order of the others stays.
CREATE OR REPLACE FUNCTION with_data_of(p_metadata text, p_stored text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  WITH names(n) AS (VALUES ('location'), ('x-amz-server-side-encryption'), ('x-amz-server-side-encryption-aws-kms-key-id'),
    ('x-amz-server-side-encryption-customer-algorithm'), ('dataStoreName')),
  fields AS (
    SELECT e.key AS k, CASE WHEN n.n IS NULL THEN e.value ELSE p_stored::json -> e.key END AS v, e.ordinality AS o
      FROM json_each(p_metadata::json) WITH ORDINALITY e LEFT JOIN names n ON n.n = e.key
    UNION ALL
    SELECT n.n, p_stored::json -> n.n, 1000000 FROM names n WHERE p_metadata::json -> n.n IS NULL
  )
  SELECT json_object_agg(k, v ORDER BY o)::text FROM fields WHERE v IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION piece_names(p_metadata text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF json_typeof(p_metadata::json -> 'location') IS DISTINCT FROM 'array' THEN RETURN '[]'; END IF;
  RETURN (SELECT coalesce(json_agg(json_build_array(p ->> 'key', p ->> 'dataStoreName') ORDER BY o)::text, '[]')
    FROM json_array_elements(p_metadata::json -> 'location') WITH ORDINALITY t(p, o));
END $$;

-- What still keeps a version when metadata from elsewhere takes the place of its own: a hold, and a retention that the other does not exceed in
-- its own mode.
CREATE OR REPLACE FUNCTION kept_lock(p_stored json, p_given json, p_at text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE mode text := p_stored ->> 'retentionMode'; until text := p_stored ->> 'retentionDate'; keeps boolean;
BEGIN
  keeps := coalesce(until COLLATE "C" > p_at, false)
    AND NOT coalesce(p_given ->> 'retentionMode' = mode AND (p_given ->> 'retentionDate') COLLATE "C" >= until, false);
  RETURN json_strip_nulls(json_build_object('legalHold', CASE WHEN p_stored ->> 'legalHold' = 'true' THEN true END,
    'retentionMode', CASE WHEN keeps THEN mode END, 'retentionDate', CASE WHEN keeps THEN until END));
END $$;

CREATE OR REPLACE FUNCTION replace_version(p_now bigint, p_bucket text, v versions, p_item json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE i record; body text; answer text; kept text[]; pieces json; inline_name text; checks text; names text;
  differs boolean;
  at_now text := iso_date(p_now);
  stays boolean := is_locked(v.metadata::json, at_now, false);
BEGIN
  SELECT * INTO i FROM json_to_record(p_item) AS t(keep smallint, marker smallint, size bigint, etag text, modified text, class text,
    owner text, owner_name text, origin text, metadata text, replication text, integrity text);
  differs := i.marker <> v.is_delete_marker OR i.size <> v.size OR i.etag <> v.etag;
  IF differs AND stays THEN RETURN 'locked'; END IF;
  names := piece_names(v.metadata);
  IF differs AND (i.keep = 1 OR (names <> '[]' AND piece_names(i.metadata) = names)) THEN RETURN 'other-data'; END IF;
  -- The same bytes once more (an answer was lost): where object lock keeps them, those that are here stay.
  body := CASE WHEN stays OR i.keep = 1 THEN with_data_of(i.metadata, v.metadata) ELSE i.metadata END;
  IF stays THEN body := with_fields(body, kept_lock(v.metadata::json, i.metadata::json, at_now)); END IF;
  answer := CASE WHEN v.null_kind > 0 THEN '0' ELSE '+' END || v.version_id;
  IF v.metadata = body AND v.replication IS NOT DISTINCT FROM i.replication THEN RETURN answer; END IF;
  pieces := body::json -> 'location';
  IF json_typeof(pieces) = 'array' THEN
    SELECT array_agg(p ->> 'key') INTO kept FROM json_array_elements(pieces) p;
  END IF;
  kept := coalesce(kept, '{}');
  IF cardinality(kept) = 1 AND kept[1] LIKE 'inline.%' THEN inline_name := kept[1]; END IF;
  -- The former checks only with the former data, of which no others are as sure.
  checks := i.integrity;
  IF v.integrity IS NOT NULL AND piece_names(body) = names THEN
    checks := coalesce((i.integrity::jsonb || v.integrity::jsonb)::text, v.integrity);
  END IF;
  UPDATE versions SET is_delete_marker = i.marker, size = i.size, etag = i.etag, last_modified = i.modified, storage_class = i.class,
    owner_id = i.owner, owner_name = i.owner_name, origin_op = i.origin, metadata = body, replication = i.replication,
    integrity = checks, inline_key = inline_name
    WHERE bucket_id = v.bucket_id AND key = v.key AND version_id = v.version_id;
  PERFORM refer(kept);
  PERFORM discard_data(v.metadata, kept);
  PERFORM add_entry(p_now, 'put', v.bucket_id, p_bucket, v.key, v.version_id, v.revision,
    event_of(v.bucket_id, i.origin, v.null_kind, CASE WHEN i.marker = 0 THEN i.size END, i.etag, NULL, NULL));
  RETURN answer;
END $$;
`
