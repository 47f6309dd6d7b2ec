// The functions of the ledger: rows, sums, claims and how attempts end (see version-functions.ts). A claim holds while its token is in the row;
// leases are decided by the one clock that all processes share.

export const rowFunctions = `
-- New rows; who calls adds them to the sums.
CREATE OR REPLACE FUNCTION open_rows(p_now bigint, p_bid bigint, p_key text, p_version text, p_sites text[], p_revision integer, p_marker integer,
  p_size bigint, p_entry bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger (bucket_id, key, version_id, site, revision, state, is_delete_marker, size, attempts, created_at, at, unsettled, uploading)
    SELECT p_bid, p_key, p_version, s, p_revision, 0, p_marker, p_size, 0, p_now, p_entry, 0, 0 FROM unnest(p_sites) s;
END $$;

-- Corrects the sums for a row that goes from its state to another one (null: it is no more). With a time, what has ended counts as activity.
CREATE OR REPLACE FUNCTION move_sums(p_site text, p_size bigint, p_from integer, p_to integer, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  o integer := coalesce(p_to <= 5, false)::integer - (p_from <= 5)::integer;
  f integer := coalesce(p_to = 8, false)::integer - (p_from = 8)::integer;
  done integer := (p_now IS NOT NULL AND p_to = 6)::integer;
  bad integer := (p_now IS NOT NULL AND p_to <> 6 AND p_to <> 7)::integer;
BEGIN
  IF o = 0 AND f = 0 AND done = 0 AND bad = 0 THEN RETURN; END IF;
  INSERT INTO site_deltas (site, objects, bytes, failed_objects, failed_bytes, slot_at, done_objects, done_bytes, bad_objects, bad_bytes)
    VALUES (p_site, o, o * p_size, f, f * p_size, CASE WHEN done + bad > 0 THEN p_now / 300000 * 300000 END,
      done, done * p_size, bad, bad * p_size);
END $$;

-- The row of the key that is to be worked on next: the oldest unfinished one, but first one whose last write may have taken effect unseen.
CREATE OR REPLACE FUNCTION oldest_unfinished(p_site text, p_bid bigint, p_key text) RETURNS ledger LANGUAGE plpgsql AS $$
DECLARE r ledger;
BEGIN
  SELECT * INTO r FROM ledger WHERE site = p_site AND bucket_id = p_bid AND key = p_key AND state <= 4
    ORDER BY unsettled DESC, version_id DESC LIMIT 1;
  RETURN r;
END $$;

-- Lets the key's oldest row be worked on if it was only blocked; answers whether the key has a row that can be worked on now.
CREATE OR REPLACE FUNCTION unblock_next(p_now bigint, p_site text, p_bid bigint, p_key text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE r ledger := oldest_unfinished(p_site, p_bid, p_key);
BEGIN
  IF r.site IS NULL THEN RETURN false; END IF;
  IF r.state = 4 THEN
    UPDATE ledger SET state = 1, at = p_now WHERE bucket_id = p_bid AND key = p_key AND version_id = r.version_id AND site = p_site;
  END IF;
  IF r.state = 2 THEN RETURN false; END IF;
  RETURN r.state <> 3 OR r.at <= p_now;
END $$;

-- Whether the version's object was removed at the site for a delete marker that is gone, and has not been written again yet.
CREATE OR REPLACE FUNCTION is_removed(r ledger) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN r.is_delete_marker = 0 AND EXISTS (SELECT 1 FROM applied WHERE bucket_id = r.bucket_id AND key = r.key AND site = r.site
    AND version_id = r.version_id AND kind = 'removal');
END $$;

-- Rows of the key that wait behind this one are parked; behind an unsettled row wait older ones, too.
CREATE OR REPLACE FUNCTION block_others(p_site text, p_bid bigint, p_key text, p_version text, p_unsettled integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ledger SET state = 4, at = NULL WHERE site = p_site AND bucket_id = p_bid AND key = p_key AND state <= 1
    AND (version_id < p_version OR (p_unsettled = 1 AND version_id > p_version));
END $$;

CREATE OR REPLACE FUNCTION forget_upload(r ledger) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF r.uploading = 0 THEN RETURN; END IF;
  DELETE FROM ledger_uploads WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
  UPDATE ledger SET uploading = 0 WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
END $$;

CREATE OR REPLACE FUNCTION source_gone(p_now bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT json_build_object('class', 'source-gone', 'code', 'SourceGone', 'message', 'The version was deleted at the source before it was copied',
    'at', p_now)::text
$$;

-- The row of a version that is no more. A claimed one stays until its task tells how it ended; one with an upload begun at the destination or
-- a write of unknown outcome stays to be worked on.
CREATE OR REPLACE FUNCTION end_with_source(p_now bigint, r ledger) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF r.state IN (2, 5) THEN RETURN; END IF;
  IF r.state > 5 THEN
    PERFORM move_sums(r.site, r.size, r.state, NULL, NULL);
    DELETE FROM ledger WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
  ELSIF r.uploading = 1 OR r.unsettled = 1 THEN
    UPDATE ledger SET state = 1, at = p_now WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
  ELSE
    UPDATE ledger SET state = 7, at = p_now, token = NULL, unsettled = 0, reason = source_gone(p_now)
      WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
    PERFORM move_sums(r.site, r.size, r.state, 7, p_now);
    PERFORM unblock_next(p_now, r.site, r.bucket_id, r.key);
  END IF;
END $$;
`

export const claimFunctions = `
-- A claimed row with what its task needs, as JSON.
CREATE OR REPLACE FUNCTION claimed_form(r ledger, p_versions integer, p_inline_max bigint) RETURNS json LANGUAGE plpgsql AS $$
DECLARE up text; a record; v json;
BEGIN
  IF r.uploading = 1 THEN
    SELECT upload INTO up FROM ledger_uploads WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
  END IF;
  SELECT version_id, kind, destination_version_id, destination_etag INTO a FROM applied
    WHERE bucket_id = r.bucket_id AND key = r.key AND site = r.site;
  IF p_versions = 1 AND r.size <= p_inline_max THEN
    SELECT json_build_object('version_id', t.version_id, 'null_kind', t.null_kind, 'origin_op', t.origin_op, 'metadata', t.metadata,
      'replication', t.replication, 'revision', t.revision, 'integrity', t.integrity, 'bytes', encode(d.bytes, 'base64')) INTO v
      FROM versions t LEFT JOIN inline_data d ON d.data_key = t.inline_key
      WHERE t.bucket_id = r.bucket_id AND t.key = r.key AND t.version_id = r.version_id;
  END IF;
  RETURN json_build_object('row', row_to_json(r), 'upload', up, 'applied', CASE WHEN a.version_id IS NOT NULL THEN row_to_json(a) END, 'version', v);
END $$;

-- A claim that lapsed is taken from its owner, whose report will be stale. A token that is in the row already is this very claim, asked again.
CREATE OR REPLACE FUNCTION claim_keys(p_epoch bigint, p_now bigint, p_site text, p_lease bigint, p_versions integer, p_inline_max bigint, p_items json)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE i record; r ledger; held ledger; now_ms bigint; bid bigint; answers json[] := '{}'; seen bigint := 0;
BEGIN
  PERFORM lock_items(p_epoch, p_items);
  now_ms := moment(p_now);
  FOR i IN SELECT * FROM json_to_recordset(p_items) AS t(bucket text, key text, token text) LOOP
    bid := bucket_id(i.bucket);
    SELECT * INTO held FROM ledger WHERE site = p_site AND bucket_id = bid AND key = i.key AND state = 2 LIMIT 1;
    IF held.token <> i.token AND held.at <= now_ms THEN
      -- Its renewal takes no key's lock and may be under way: only the locked row tells whether it came in time.
      SELECT * INTO held FROM ledger WHERE bucket_id = bid AND key = i.key AND version_id = held.version_id AND site = p_site AND state = 2
        FOR UPDATE;
    END IF;
    IF held.token = i.token THEN
      answers := answers || json_build_object('outcome', 'claimed', 'claim', claimed_form(held, p_versions, p_inline_max)); CONTINUE;
    END IF;
    r := oldest_unfinished(p_site, bid, i.key);
    IF r.site IS NULL THEN answers := answers || json_build_object('outcome', 'nothing'); CONTINUE; END IF;
    IF held.at > now_ms THEN answers := answers || json_build_object('outcome', 'held', 'until', held.at); CONTINUE; END IF;
    IF held.version_id <> r.version_id THEN
      UPDATE ledger SET state = 1, at = now_ms, token = NULL, unsettled = 1
        WHERE bucket_id = bid AND key = i.key AND version_id = held.version_id AND site = p_site;
    END IF;
    IF r.state = 3 AND r.at > now_ms THEN
      PERFORM block_others(p_site, bid, i.key, r.version_id, r.unsettled);
      answers := answers || json_build_object('outcome', 'waiting', 'until', r.at); CONTINUE;
    END IF;
    IF r.state = 0 THEN seen := greatest(seen, r.at); END IF;
    -- A claim that lapsed never told how far it came.
    UPDATE ledger SET state = 2, at = now_ms + p_lease, attempts = r.attempts + 1, token = i.token,
      unsettled = CASE WHEN r.state = 2 THEN 1 ELSE r.unsettled END
      WHERE bucket_id = bid AND key = i.key AND version_id = r.version_id AND site = p_site RETURNING * INTO r;
    answers := answers || json_build_object('outcome', 'claimed', 'claim', claimed_form(r, p_versions, p_inline_max));
  END LOOP;
  IF seen > 0 THEN INSERT INTO site_deltas (site, claimed_seq) VALUES (p_site, seen); END IF;
  RETURN array_to_json(answers);
END $$;

-- Prolongs claims that still hold; answers their tokens. Needs no key's lock: a claim that was taken away has another token, and one whose lease
-- is over may be on its way to another owner.
CREATE OR REPLACE FUNCTION renew_claims(p_now bigint, p_lease bigint, p_items json) RETURNS json LANGUAGE sql AS $$
  WITH given AS (SELECT * FROM json_to_recordset(p_items) AS t(bid bigint, key text, version text, site text, token text)),
  kept AS (
    UPDATE ledger l SET at = moment(p_now) + p_lease FROM given g
      WHERE l.bucket_id = g.bid AND l.key = g.key AND l.version_id = g.version AND l.site = g.site AND l.token = g.token AND l.state = 2
        AND l.at > moment(p_now)
      RETURNING l.token)
  SELECT coalesce(json_agg(token), '[]') FROM kept
$$;

CREATE OR REPLACE FUNCTION save_upload(p_epoch bigint, p_item json) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE i record; r ledger;
BEGIN
  SELECT * INTO i FROM json_to_record(p_item) AS t(bucket text, key text, version text, site text, token text, upload text);
  PERFORM lock_keys(p_epoch, ARRAY[i.bucket], ARRAY[i.key]);
  SELECT * INTO r FROM ledger WHERE bucket_id = bucket_id(i.bucket) AND key = i.key AND version_id = i.version AND site = i.site;
  IF NOT FOUND OR r.state <> 2 OR r.token <> i.token THEN RETURN false; END IF;
  IF i.upload IS NULL THEN PERFORM forget_upload(r); RETURN true; END IF;
  INSERT INTO ledger_uploads (bucket_id, key, version_id, site, upload) VALUES (r.bucket_id, r.key, r.version_id, r.site, i.upload)
    ON CONFLICT (bucket_id, key, version_id, site) DO UPDATE SET upload = excluded.upload;
  IF r.uploading = 0 THEN
    UPDATE ledger SET uploading = 1 WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
  END IF;
  RETURN true;
END $$;

-- The claims of a process that ends: nobody told how far they came.
CREATE OR REPLACE FUNCTION free_claims(p_epoch bigint, p_now bigint) RETURNS void LANGUAGE sql AS $$
  UPDATE ledger SET state = 1, unsettled = 1, token = NULL, at = moment(p_now) WHERE state = 2 AND token LIKE p_epoch || '.%'
$$;

-- The start that made a token.
CREATE OR REPLACE FUNCTION epoch_of(p_token text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_token ~ '^[0-9]{1,18}[.]' THEN split_part(p_token, '.', 1)::bigint END
$$;

-- The claims of processes that were not heard of for so long, freed before their leases end. Should one of them live, its tokens are gone: what
-- it reports is stale.
CREATE OR REPLACE FUNCTION free_silent_claims(p_now bigint, p_silence_ms bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE n integer; silent_at timestamptz := clock_timestamp() - p_silence_ms * interval '1 millisecond';
BEGIN
  PERFORM 1 FROM epochs WHERE NOT ended AND seen_at < silent_at LIMIT 1;
  IF NOT FOUND OR NOT pg_try_advisory_xact_lock(3, 2) THEN RETURN 0; END IF;
  UPDATE ledger l SET state = 1, unsettled = 1, token = NULL, at = moment(p_now) FROM epochs e
    WHERE l.state = 2 AND e.epoch = epoch_of(l.token) AND e.seen_at < silent_at;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

-- Pending rows of a site that no entry will bring any more; answers how many.
CREATE OR REPLACE FUNCTION make_due(p_now bigint, p_site text, p_older bigint, p_max integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE n integer; now_ms bigint := moment(p_now);
BEGIN
  UPDATE ledger l SET state = 1, at = now_ms FROM (
    SELECT bucket_id, key, version_id, site FROM ledger WHERE site = p_site AND state = 0 AND at IS NOT NULL AND created_at <= now_ms - p_older
      LIMIT p_max FOR UPDATE SKIP LOCKED) d
    WHERE l.bucket_id = d.bucket_id AND l.key = d.key AND l.version_id = d.version_id AND l.site = d.site AND l.state = 0;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;
`
