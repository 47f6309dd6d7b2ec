// The functions that change and delete versions, and those of uploads and buckets (see version-functions.ts).

export const changeFunctions = `
CREATE OR REPLACE FUNCTION version_at(p_bid bigint, p_key text, p_address text) RETURNS versions LANGUAGE plpgsql AS $$
DECLARE v versions;
BEGIN
  IF p_address = 'latest' THEN
    SELECT * INTO v FROM versions WHERE bucket_id = p_bid AND key = p_key ORDER BY version_id LIMIT 1;
  ELSIF p_address = 'null' THEN
    SELECT * INTO v FROM versions WHERE bucket_id = p_bid AND key = p_key AND null_kind > 0;
  ELSE
    SELECT * INTO v FROM versions WHERE bucket_id = p_bid AND key = p_key AND version_id = p_address;
  END IF;
  RETURN v;
END $$;

-- JSON with other values of some fields, in place; a field whose new value is null goes.
CREATE OR REPLACE FUNCTION with_fields(p_text text, p_fields json) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT json_object_agg(k, v ORDER BY o)::text FROM (
    SELECT e.key AS k, coalesce(f.value, e.value) AS v, e.ordinality AS o, f.value AS fresh
      FROM json_each(p_text::json) WITH ORDINALITY e LEFT JOIN json_each(p_fields) f ON f.key = e.key
    UNION ALL SELECT n.key, n.value, 1000000 + n.ordinality, n.value FROM json_each(p_fields) WITH ORDINALITY n
      WHERE p_text::json -> n.key IS NULL) fields
    WHERE fresh IS NULL OR json_typeof(fresh) <> 'null'
$$;

-- Whether object lock keeps the version at this moment (an ISO date as stored ones are).
CREATE OR REPLACE FUNCTION is_locked(p_metadata json, p_now text, p_bypass boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(p_metadata ->> 'legalHold' = 'true', false)
    OR coalesce(p_metadata ->> 'retentionDate' COLLATE "C" > p_now AND NOT (p_bypass AND p_metadata ->> 'retentionMode' = 'GOVERNANCE'), false)
$$;

CREATE OR REPLACE FUNCTION retention_is(p_seen json, p_metadata json) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p_seen IS NULL OR ((p_seen ->> 'mode') IS NOT DISTINCT FROM (p_metadata ->> 'retentionMode')
    AND (p_seen ->> 'date') IS NOT DISTINCT FROM (p_metadata ->> 'retentionDate'))
$$;

CREATE OR REPLACE FUNCTION change_version(p_epoch bigint, p_now bigint, p_item json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE i record; v versions; now_ms bigint; bid bigint; rev integer; entry bigint; s text;
BEGIN
  SELECT * INTO i FROM json_to_record(p_item) AS t(bucket text, seen_bucket json, key text, version text, fields json, origin text, replication text, sites text[],
    seen integer, seen_retention json);
  PERFORM lock_keys(p_epoch, ARRAY[i.bucket], ARRAY[i.key]);
  now_ms := moment(p_now);
  bid := seen_bucket_id(i.bucket, i.seen_bucket);
  IF bid IS NULL THEN RETURN 'no-such-bucket'; END IF;
  v := version_at(bid, i.key, i.version);
  IF v.version_id IS NULL THEN RETURN 'no-such-version'; END IF;
  IF v.revision <> i.seen OR NOT retention_is(i.seen_retention, v.metadata::json) THEN RETURN 'conflict'; END IF;
  rev := v.revision + CASE WHEN i.replication IS NULL THEN 0 ELSE 1 END;
  UPDATE versions SET metadata = with_fields(v.metadata, i.fields), origin_op = i.origin, replication = coalesce(i.replication, v.replication),
    revision = rev WHERE bucket_id = bid AND key = i.key AND version_id = v.version_id;
  entry := add_entry(now_ms, 'put', bid, i.bucket, i.key, v.version_id, rev,
    event_of(bid, i.origin, v.null_kind, v.size, v.etag, NULL, NULL));
  FOREACH s IN ARRAY i.sites LOOP PERFORM raise_row(now_ms, v, s, rev, entry); END LOOP;
  RETURN '+' || rev;
END $$;

-- The site's row has new work; a task that has it claimed finds the newer revision when it reports.
CREATE OR REPLACE FUNCTION raise_row(p_now bigint, v versions, p_site text, p_revision integer, p_entry bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r ledger;
BEGIN
  SELECT * INTO r FROM ledger WHERE bucket_id = v.bucket_id AND key = v.key AND version_id = v.version_id AND site = p_site;
  IF NOT FOUND THEN
    PERFORM open_rows(p_now, v.bucket_id, v.key, v.version_id, ARRAY[p_site], p_revision, v.is_delete_marker, v.size, p_entry);
    INSERT INTO site_deltas (site, objects, bytes) VALUES (p_site, 1, v.size);
    RETURN;
  END IF;
  IF r.state <> 2 THEN PERFORM move_sums(r.site, r.size, r.state, 0, NULL); END IF;
  UPDATE ledger SET revision = p_revision, attempts = 0, created_at = p_now, reason = NULL, state = CASE WHEN r.state = 2 THEN 2 ELSE 0 END,
    at = CASE WHEN r.state = 2 THEN r.at ELSE p_entry END
    WHERE bucket_id = v.bucket_id AND key = v.key AND version_id = v.version_id AND site = p_site;
END $$;

CREATE OR REPLACE FUNCTION delete_version(p_epoch bigint, p_now bigint, p_item json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE i record; v versions; now_ms bigint; bid bigint;
BEGIN
  SELECT * INTO i FROM json_to_record(p_item) AS t(bucket text, seen_bucket json, key text, version text, condition json, lock_at text,
    bypass boolean, only_if text, unversioned boolean);
  PERFORM lock_keys(p_epoch, ARRAY[i.bucket], ARRAY[i.key]);
  now_ms := moment(p_now);
  bid := seen_bucket_id(i.bucket, i.seen_bucket);
  IF bid IS NULL THEN RETURN 'no-such-bucket'; END IF;
  IF i.unversioned AND (SELECT versioning FROM buckets WHERE id = bid) <> 'Unversioned' THEN RETURN 'versioned'; END IF;
  v := version_at(bid, i.key, i.version);
  IF NOT condition_holds(i.condition, CASE WHEN v.is_delete_marker = 0 THEN v.etag END, v.last_modified, v.size) THEN
    RETURN 'precondition-failed';
  END IF;
  IF v.version_id IS NULL THEN RETURN 'absent'; END IF;
  IF i.lock_at IS NOT NULL AND is_locked(v.metadata::json, i.lock_at, coalesce(i.bypass, false)) THEN RETURN 'locked'; END IF;
  IF i.only_if IS NOT NULL AND NOT (stands(bid, i.key, v.version_id, i.only_if) AND has_arrived(bid, i.key, v.version_id)) THEN
    RETURN 'kept';
  END IF;
  PERFORM remove_version(now_ms, bid, i.key, v.version_id, '{}');
  PERFORM drop_applied(bid, i.key);
  PERFORM undelete(now_ms, bid, i.bucket, i.key);
  PERFORM add_entry(now_ms, 'delete', bid, i.bucket, i.key, v.version_id, v.revision, event_of(bid,
    CASE WHEN i.only_if IS NULL THEN 's3:ObjectRemoved:Delete' ELSE 's3:LifecycleExpiration:Delete' END, v.null_kind, NULL, NULL, NULL, NULL));
  RETURN CASE WHEN v.is_delete_marker = 1 THEN 'marker' ELSE 'object' END;
END $$;

-- Forgets what sites have applied of a key that is gone here and has no unfinished row.
CREATE OR REPLACE FUNCTION drop_applied(p_bid bigint, p_key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM applied a WHERE a.bucket_id = p_bid AND a.key = p_key
    AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.bucket_id = p_bid AND v.key = p_key)
    AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.site = a.site AND l.bucket_id = p_bid AND l.key = p_key AND l.state <= 4);
END $$;
`

export const uploadFunctions = `
CREATE OR REPLACE FUNCTION create_upload(p_epoch bigint, p_item json, p_seen json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE i record; bid bigint;
BEGIN
  SELECT * INTO i FROM json_to_record(p_item) AS t(bucket text, key text, "uploadId" text, initiated text, "ownerId" text,
    "ownerDisplayName" text, settings text);
  PERFORM lock_keys(p_epoch, ARRAY[i.bucket], ARRAY[i.key]);
  bid := seen_bucket_id(i.bucket, p_seen);
  IF bid IS NULL THEN RETURN 'no-such-bucket'; END IF;
  INSERT INTO uploads (bucket_id, key, upload_id, initiated, owner_id, owner_name, settings)
    VALUES (bid, i.key, i."uploadId", i.initiated, i."ownerId", i."ownerDisplayName", i.settings);
  RETURN 'created';
END $$;

CREATE OR REPLACE FUNCTION put_part(p_epoch bigint, p_item json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE i record; bid bigint; former record;
BEGIN
  SELECT * INTO i FROM json_to_record(p_item) AS t(bucket text, key text, upload text, number integer, etag text, size bigint, modified text,
    crc32 text, checksum text, location text, data_key text, data_location text, bytes_key text, bytes text);
  PERFORM lock_keys(p_epoch, ARRAY[i.bucket], ARRAY[i.key]);
  bid := bucket_id(i.bucket);
  PERFORM 1 FROM uploads WHERE bucket_id = bid AND key = i.key AND upload_id = i.upload;
  IF NOT FOUND THEN RETURN 'no-such-upload'; END IF;
  DELETE FROM parts WHERE upload_id = i.upload AND part_number = i.number RETURNING data_key, data_location INTO former;
  IF FOUND THEN PERFORM discard(ARRAY[former.data_key], ARRAY[former.data_location]); END IF;
  INSERT INTO parts (upload_id, part_number, etag, size, last_modified, crc32, checksum, location, data_key, data_location)
    VALUES (i.upload, i.number, i.etag, i.size, i.modified, i.crc32, i.checksum, i.location, i.data_key, i.data_location);
  IF i.bytes IS NOT NULL THEN INSERT INTO inline_data (data_key, bytes) VALUES (i.bytes_key, decode(i.bytes, 'hex')); END IF;
  PERFORM refer(ARRAY[i.data_key]);
  RETURN 'stored';
END $$;

CREATE OR REPLACE FUNCTION abort_upload(p_epoch bigint, p_bucket text, p_key text, p_upload text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM lock_keys(p_epoch, ARRAY[p_bucket], ARRAY[p_key]);
  RETURN CASE WHEN end_upload(bucket_id(p_bucket), p_key, p_upload, '{}') THEN 'aborted' ELSE 'no-such-upload' END;
END $$;

-- Forgets garbage whose data was removed. Inline data is removed here: it lies in this database.
CREATE OR REPLACE FUNCTION forget_garbage(p_ids json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  WITH gone AS (DELETE FROM garbage WHERE id IN (SELECT value::bigint FROM json_array_elements_text(p_ids)) RETURNING data_key)
  DELETE FROM inline_data WHERE data_key IN (SELECT data_key FROM gone WHERE data_key LIKE 'inline.%');
END $$;
`

export const bucketFunctions = `
CREATE OR REPLACE FUNCTION change_bucket(p_name text, p_seen json, p_versioning text, p_replication text, p_settings json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE b buckets; after text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(p_name, 1));
  SELECT * INTO b FROM buckets WHERE id = (SELECT seen_bucket_id(p_name, p_seen));
  IF NOT FOUND THEN RETURN 'no-such-bucket'; END IF;
  IF p_versioning IS NOT NULL THEN
    IF p_versioning <> 'Enabled' AND (b.replication IS NOT NULL OR b.settings::json -> 'objectLock' IS NOT NULL) THEN RETURN 'refused'; END IF;
    UPDATE buckets SET versioning = p_versioning WHERE id = b.id;
  ELSIF p_settings IS NOT NULL THEN
    after := with_fields(coalesce(b.settings, '{}'), p_settings);
    IF after::json -> 'objectLock' IS NOT NULL AND b.versioning <> 'Enabled' THEN RETURN 'refused'; END IF;
    UPDATE buckets SET settings = after WHERE id = b.id;
  ELSE
    IF p_replication IS NOT NULL AND b.versioning <> 'Enabled' THEN RETURN 'refused'; END IF;
    UPDATE buckets SET replication = p_replication WHERE id = b.id;
  END IF;
  RETURN 'changed';
END $$;

-- Takes the bucket's lock alone: whoever writes to it holds it shared until its commit is seen.
CREATE OR REPLACE FUNCTION delete_bucket(p_name text, p_seen json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE bid bigint; u uploads;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(p_name, 1));
  bid := seen_bucket_id(p_name, p_seen);
  IF bid IS NULL THEN RETURN 'no-such-bucket'; END IF;
  PERFORM 1 FROM versions WHERE bucket_id = bid LIMIT 1;
  IF FOUND THEN RETURN 'not-empty'; END IF;
  FOR u IN SELECT * FROM uploads WHERE bucket_id = bid LOOP
    PERFORM end_upload(bid, u.key, u.upload_id, '{}');
  END LOOP;
  WITH gone AS (DELETE FROM ledger WHERE bucket_id = bid RETURNING site, size, state)
  INSERT INTO site_deltas (site, objects, bytes, failed_objects, failed_bytes)
    SELECT site, -count(*) FILTER (WHERE state <= 5), -coalesce(sum(size) FILTER (WHERE state <= 5), 0),
      -count(*) FILTER (WHERE state = 8), -coalesce(sum(size) FILTER (WHERE state = 8), 0)
      FROM gone WHERE state <= 5 OR state = 8 GROUP BY site;
  DELETE FROM ledger_uploads WHERE bucket_id = bid;
  DELETE FROM applied WHERE bucket_id = bid;
  DELETE FROM buckets WHERE id = bid;
  RETURN 'deleted';
END $$;
`
