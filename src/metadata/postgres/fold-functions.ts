// The functions that end rows and fold what ended into the versions (see version-functions.ts): version, row, sums and activity change in one
// transaction, and only while the revision that was worked on is still the version's.

export const foldFunctions = `
-- replicationInfo with one site's outcome; its fields keep their order.
CREATE OR REPLACE FUNCTION with_backend(p_info text, p_site text, p_status text, p_destination text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE info json := p_info::json; new_backends json; states text[]; overall text;
BEGIN
  SELECT json_agg(CASE WHEN b ->> 'site' = p_site THEN json_build_object('site', p_site, 'status', p_status,
      'dataStoreVersionId', coalesce(p_destination, b ->> 'dataStoreVersionId')) ELSE b END ORDER BY o),
    array_agg(CASE WHEN b ->> 'site' = p_site THEN p_status ELSE b ->> 'status' END)
    INTO new_backends, states FROM json_array_elements(info -> 'backends') WITH ORDINALITY e(b, o);
  overall := CASE
    WHEN 'FAILED' = ANY (states) THEN 'FAILED'
    WHEN 'PENDING' = ANY (states) THEN CASE WHEN 'PENDING' = ALL (states) THEN 'PENDING' ELSE 'PROCESSING' END
    WHEN 'COMPLETED' = ANY (states) THEN 'COMPLETED'
    WHEN 'REPLICA' = ANY (states) THEN 'REPLICA' ELSE '' END;
  RETURN (SELECT json_object_agg(k, CASE k WHEN 'status' THEN to_json(overall) WHEN 'backends' THEN new_backends ELSE v END ORDER BY o)::text
    FROM json_each(info) WITH ORDINALITY e(k, v, o));
END $$;

CREATE OR REPLACE FUNCTION backend_status(p_info text, p_site text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT b ->> 'status' FROM json_array_elements(p_info::json -> 'backends') b WHERE b ->> 'site' = p_site LIMIT 1
$$;

CREATE OR REPLACE FUNCTION save_info(v versions, p_site text, p_status text, p_destination text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE versions SET replication = with_backend(v.replication, p_site, p_status, p_destination),
    origin_op = CASE p_status WHEN 'COMPLETED' THEN 's3:Replication:OperationCompletedReplication'
      WHEN 'FAILED' THEN 's3:Replication:OperationFailedReplication' WHEN 'PENDING' THEN 's3:Replication:OperationPendingReplication'
      ELSE origin_op END
    WHERE bucket_id = v.bucket_id AND key = v.key AND version_id = v.version_id;
END $$;

-- Ends a row; where a message from outside overtook our own work, the claim is lost and the key goes on with its next row.
CREATE OR REPLACE FUNCTION end_row(p_now bigint, r ledger, p_state integer, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ledger SET state = p_state, at = CASE WHEN p_state = 8 THEN p_now END, token = NULL, unsettled = 0, reason = p_reason
    WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
  PERFORM move_sums(r.site, r.size, r.state, p_state, p_now);
  IF r.state >= 5 THEN RETURN; END IF;
  PERFORM forget_upload(r);
  PERFORM unblock_next(p_now, r.site, r.bucket_id, r.key);
END $$;

-- The version is gone: a row that was kept because a task had it ends with it.
CREATE OR REPLACE FUNCTION end_orphan(p_now bigint, r ledger) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF r.site IS NULL OR r.state <> 5 THEN RETURN; END IF;
  UPDATE ledger SET state = 7, at = p_now, token = NULL, reason = coalesce(r.reason, source_gone(p_now))
    WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
  PERFORM move_sums(r.site, r.size, r.state, 7, p_now);
  PERFORM drop_applied(r.bucket_id, r.key);
END $$;

CREATE OR REPLACE FUNCTION reopen_row(p_now bigint, r ledger) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM move_sums(r.site, r.size, r.state, 1, NULL);
  UPDATE ledger SET state = 1, at = p_now, attempts = 0, reason = NULL, token = NULL
    WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
END $$;

-- What buckets tell of replication: a copy that failed, or took longer than S3's threshold of 15 minutes.
CREATE OR REPLACE FUNCTION tell_end(p_now bigint, v versions, r ledger, p_status text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE happened text; told text;
BEGIN
  happened := CASE WHEN p_status = 'FAILED' THEN 's3:Replication:OperationFailedReplication'
    WHEN p_status = 'COMPLETED' AND p_now - r.created_at > 900000 THEN 's3:Replication:OperationReplicatedAfterThreshold' END;
  IF happened IS NULL OR r.site IS NULL THEN RETURN; END IF;
  told := event_of(v.bucket_id, happened, v.null_kind, v.size, v.etag, r.site, r.reason::json ->> 'code');
  IF told IS NULL THEN RETURN; END IF;
  PERFORM add_entry(p_now, 'event', v.bucket_id, (SELECT name FROM buckets WHERE id = v.bucket_id), v.key, v.version_id, v.revision, told);
END $$;

CREATE OR REPLACE FUNCTION row_of(p_bid bigint, p_key text, p_version text, p_site text) RETURNS ledger LANGUAGE plpgsql AS $$
DECLARE r ledger;
BEGIN
  SELECT * INTO r FROM ledger WHERE bucket_id = p_bid AND key = p_key AND version_id = p_version AND site = p_site;
  RETURN r;
END $$;

CREATE OR REPLACE FUNCTION lock_seen(p_metadata json) RETURNS json LANGUAGE sql IMMUTABLE AS $$
  SELECT json_build_array(p_metadata ->> 'retentionMode', p_metadata ->> 'retentionDate', coalesce(p_metadata ->> 'legalHold' = 'true', false))
$$;

-- p_revision null: a message of the original programs, whose view of the content (etag, tags, what keeps it) decides.
CREATE OR REPLACE FUNCTION fold_one(p_now bigint, p_bid bigint, p_key text, p_version text, p_site text, p_status text, p_destination text,
  p_revision integer, p_etag text, p_tags json, p_lock json, p_reason text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v versions := version_at(p_bid, p_key, p_version); r ledger := row_of(p_bid, p_key, p_version, p_site); known text;
BEGIN
  IF v.version_id IS NULL THEN PERFORM end_orphan(p_now, r); RETURN 'no-such-version'; END IF;
  known := CASE WHEN v.replication IS NOT NULL THEN backend_status(v.replication, p_site) END;
  IF known IS NULL THEN
    -- The site was taken out of the version's replication after the row was made.
    IF r.site IS NOT NULL AND r.state <= 5 THEN
      PERFORM end_row(p_now, r, 7, json_build_object('class', 'not-wanted', 'code', 'NotWanted', 'message',
        'The version is no longer replicated to this site', 'at', p_now)::text);
    END IF;
    RETURN 'already';
  END IF;
  IF p_revision IS NOT NULL THEN
    IF p_revision <> v.revision THEN RETURN 'newer-revision'; END IF;
  ELSIF p_etag IS DISTINCT FROM v.etag OR p_tags::jsonb <> coalesce(v.metadata::json -> 'tags', '{}')::jsonb
    OR p_lock::jsonb <> lock_seen(v.metadata::json)::jsonb THEN
    RETURN 'newer-revision';
  END IF;
  -- A message of the time before the copy was removed, that came late or twice.
  IF r.site IS NOT NULL AND (p_status = 'COMPLETED' OR r.state <= 4) AND is_removed(r) THEN RETURN 'newer-revision'; END IF;
  IF known = 'COMPLETED' THEN
    IF r.site IS NOT NULL AND r.state <= 5 THEN PERFORM end_row(p_now, r, 6, NULL); END IF;
    RETURN 'already';
  END IF;
  IF p_status = 'PENDING' THEN
    IF known = 'PENDING' THEN RETURN 'already'; END IF;
    PERFORM save_info(v, p_site, 'PENDING', nullif(p_destination, ''));
    IF r.site IS NOT NULL AND r.state > 5 THEN PERFORM reopen_row(p_now, r); END IF;
    RETURN 'folded';
  END IF;
  IF known = p_status AND (r.site IS NULL OR r.state > 5) THEN RETURN 'already'; END IF;
  PERFORM save_info(v, p_site, p_status, nullif(p_destination, ''));
  PERFORM tell_end(p_now, v, r, p_status);
  IF r.site IS NOT NULL THEN
    -- What a completed row was reported with is a warning.
    IF p_status = 'COMPLETED' THEN PERFORM end_row(p_now, r, 6, CASE WHEN r.state = 5 THEN r.reason END);
    ELSE
      PERFORM end_row(p_now, r, CASE p_status WHEN 'SKIPPED' THEN 7 ELSE 8 END, coalesce(r.reason, json_build_object(
        'class', CASE p_status WHEN 'SKIPPED' THEN 'superseded' ELSE 'object' END,
        'code', CASE p_status WHEN 'SKIPPED' THEN 'Skipped' ELSE 'ReplicationFailed' END, 'message', p_reason, 'at', p_now)::text));
    END IF;
  END IF;
  RETURN 'folded';
END $$;

CREATE OR REPLACE FUNCTION fold_messages(p_epoch bigint, p_now bigint, p_items json) RETURNS json LANGUAGE plpgsql AS $$
DECLARE i record; bid bigint; answers text[] := '{}'; now_ms bigint;
BEGIN
  PERFORM lock_items(p_epoch, p_items);
  now_ms := moment(p_now);
  FOR i IN SELECT * FROM json_to_recordset(p_items) AS t(bucket text, key text, version text, site text, status text, destination text,
    revision integer, etag text, tags json, lock json, reason text) LOOP
    bid := bucket_id(i.bucket);
    answers := answers || CASE WHEN bid IS NULL THEN 'no-such-version' ELSE fold_one(now_ms, bid, i.key, i.version, i.site, i.status,
      i.destination, i.revision, i.etag, i.tags, i.lock, i.reason) END;
  END LOOP;
  RETURN to_json(answers);
END $$;

-- Takes rows out of quarantine, whatever their revision: what is stored now is what will be sent.
CREATE OR REPLACE FUNCTION retry_rows(p_epoch bigint, p_now bigint, p_items json) RETURNS json LANGUAGE plpgsql AS $$
DECLARE i record; bid bigint; r ledger; v versions; answers boolean[] := '{}'; now_ms bigint;
BEGIN
  PERFORM lock_items(p_epoch, p_items);
  now_ms := moment(p_now);
  FOR i IN SELECT * FROM json_to_recordset(p_items) AS t(bucket text, key text, version text, site text) LOOP
    bid := bucket_id(i.bucket);
    r := row_of(bid, i.key, i.version, i.site);
    v := version_at(bid, i.key, i.version);
    IF r.state IS DISTINCT FROM 8 OR v.replication IS NULL THEN answers := answers || false; CONTINUE; END IF;
    IF backend_status(v.replication, i.site) IS NOT NULL THEN PERFORM save_info(v, i.site, 'PENDING', NULL); END IF;
    PERFORM reopen_row(now_ms, r);
    answers := answers || true;
  END LOOP;
  RETURN to_json(answers);
END $$;
`

export const reportFunctions = `
-- An older version than the one that is known does not replace it.
CREATE OR REPLACE FUNCTION save_applied(p_bid bigint, p_key text, p_site text, p_version text, p_kind text, p_destination text, p_etag text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO applied (bucket_id, key, site, version_id, kind, destination_version_id, destination_etag)
    VALUES (p_bid, p_key, p_site, p_version, p_kind, p_destination, p_etag)
    ON CONFLICT (bucket_id, key, site) DO UPDATE SET version_id = excluded.version_id, kind = excluded.kind,
    destination_version_id = excluded.destination_version_id, destination_etag = excluded.destination_etag
    WHERE excluded.version_id <= applied.version_id;
END $$;

-- What has to be sent again because a delete marker is gone: a site without versions has removed the object for it (it was applied as a
-- removal), and an older object is the key's current version once more. Rows that are open need nothing but to know; what is in quarantine stays
-- there until it is taken out.
CREATE OR REPLACE FUNCTION undelete(p_now bigint, p_bid bigint, p_bucket text, p_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE a applied; v versions; r ledger; entry bigint;
BEGIN
  FOR a IN SELECT * FROM applied WHERE bucket_id = p_bid AND key = p_key AND kind = 'removal' ORDER BY site LOOP
    v := version_at(p_bid, p_key, 'latest');
    IF v.version_id IS NULL OR v.is_delete_marker = 1 THEN RETURN; END IF;
    r := row_of(p_bid, p_key, v.version_id, a.site);
    IF a.version_id >= v.version_id OR r.site IS NULL THEN CONTINUE; END IF;
    UPDATE applied SET version_id = v.version_id, destination_version_id = '', destination_etag = ''
      WHERE bucket_id = p_bid AND key = p_key AND site = a.site;
    IF r.state NOT IN (5, 6, 7) OR v.replication IS NULL OR backend_status(v.replication, a.site) IS NULL THEN CONTINUE; END IF;
    PERFORM save_info(v, a.site, 'PENDING', NULL);
    entry := coalesce(entry, add_entry(p_now, 'put', p_bid, p_bucket, p_key, v.version_id, v.revision, NULL));
    PERFORM move_sums(r.site, r.size, r.state, 0, NULL);
    UPDATE ledger SET state = 0, at = entry, attempts = 0, created_at = p_now, reason = NULL, token = NULL, unsettled = 0
      WHERE bucket_id = p_bid AND key = p_key AND version_id = v.version_id AND site = a.site;
  END LOOP;
END $$;

-- The end that nearly every row has, without a detour over 'reported': done, for the version as it is, with no upload begun. Who calls counts it.
CREATE OR REPLACE FUNCTION completed_at_once(p_now bigint, r ledger, p_destination text, p_warning text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v versions;
BEGIN
  IF r.uploading = 1 THEN RETURN false; END IF;
  v := version_at(r.bucket_id, r.key, r.version_id);
  IF v.revision IS DISTINCT FROM r.revision OR v.replication IS NULL THEN RETURN false; END IF;
  IF coalesce(backend_status(v.replication, r.site), 'COMPLETED') = 'COMPLETED' THEN RETURN false; END IF;
  UPDATE ledger SET state = 6, at = NULL, token = NULL, unsettled = 0, destination_version_id = p_destination, reason = p_warning
    WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
  PERFORM save_info(v, r.site, 'COMPLETED', nullif(p_destination, ''));
  PERFORM tell_end(p_now, v, r, 'COMPLETED');
  RETURN true;
END $$;

-- Answers 'applied', 'changed-meanwhile' or 'stale' for each, with '+' behind it if the key has another row that can be worked on now.
CREATE OR REPLACE FUNCTION report_attempts(p_epoch bigint, p_now bigint, p_fold integer, p_items json) RETURNS json LANGUAGE plpgsql AS $$
DECLARE i record; r ledger; bid bigint; answers text[] := '{}'; now_ms bigint; more boolean;
  done_sites text[] := '{}'; done_sizes bigint[] := '{}';
BEGIN
  PERFORM lock_items(p_epoch, p_items);
  now_ms := moment(p_now);
  FOR i IN SELECT * FROM json_to_recordset(p_items) AS t(bucket text, key text, version text, site text, revision integer, token text,
    kind text, destination text, etag text, "appliedKind" text, becomes smallint, reason text, next_at bigint, unsettled smallint) LOOP
    bid := bucket_id(i.bucket);
    r := row_of(bid, i.key, i.version, i.site);
    IF r.state IS DISTINCT FROM 2 OR r.token <> i.token THEN answers := answers || 'stale'::text; CONTINUE; END IF;
    IF i.kind = 'released' THEN
      -- Untouched: it does not count as an attempt. A doubt from before stays until somebody has looked.
      UPDATE ledger SET state = 1, at = now_ms, token = NULL, unsettled = greatest(i.unsettled, r.unsettled),
        attempts = CASE WHEN i.unsettled = 1 THEN r.attempts ELSE greatest(0, r.attempts - 1) END
        WHERE bucket_id = bid AND key = i.key AND version_id = i.version AND site = i.site;
      answers := answers || 'applied+'::text; CONTINUE;
    END IF;
    IF i.kind = 'retry' THEN
      UPDATE ledger SET state = 3, at = i.next_at, token = NULL, unsettled = i.unsettled, reason = i.reason
        WHERE bucket_id = bid AND key = i.key AND version_id = i.version AND site = i.site;
      PERFORM block_others(i.site, bid, i.key, i.version, i.unsettled);
      more := unblock_next(now_ms, i.site, bid, i.key);
      answers := answers || CASE WHEN more THEN 'applied+' ELSE 'applied' END; CONTINUE;
    END IF;
    IF i.kind = 'done' AND i.becomes = 1 THEN
      PERFORM save_applied(bid, i.key, i.site, i.version, i."appliedKind", i.destination, i.etag);
      IF i."appliedKind" = 'removal' THEN PERFORM undelete(now_ms, bid, i.bucket, i.key); END IF;
    END IF;
    IF p_fold = 1 AND i.kind = 'done' AND r.revision = i.revision AND completed_at_once(now_ms, r, i.destination, i.reason) THEN
      done_sites := done_sites || r.site;
      done_sizes := done_sizes || r.size;
      more := unblock_next(now_ms, i.site, bid, i.key);
      answers := answers || CASE WHEN more THEN 'applied+' ELSE 'applied' END; CONTINUE;
    END IF;
    answers := answers || report_ended(now_ms, p_fold, r, i.revision, i.kind, i.destination, i.reason);
  END LOOP;
  INSERT INTO site_deltas (site, objects, bytes, slot_at, done_objects, done_bytes)
    SELECT s, -count(*), -sum(z), now_ms / 300000 * 300000, count(*), sum(z) FROM unnest(done_sites, done_sizes) t(s, z) GROUP BY s;
  RETURN to_json(answers);
END $$;

CREATE OR REPLACE FUNCTION report_ended(p_now bigint, p_fold integer, r ledger, p_revision integer, p_kind text, p_destination text, p_reason text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  destination text := CASE WHEN p_kind = 'done' THEN p_destination ELSE r.destination_version_id END;
  -- Not the same either: it was decided before the marker went that the version was skipped for.
  is_same boolean := r.revision = p_revision AND NOT (p_kind = 'skipped' AND p_reason::json ->> 'class' = 'superseded' AND is_removed(r));
  more boolean;
BEGIN
  PERFORM forget_upload(r);
  UPDATE ledger SET state = CASE WHEN is_same THEN 5 ELSE 1 END, at = p_now, token = NULL, unsettled = 0, destination_version_id = destination,
    attempts = CASE WHEN is_same THEN attempts ELSE 0 END,
    reason = CASE WHEN NOT is_same THEN reason ELSE p_reason END
    WHERE bucket_id = r.bucket_id AND key = r.key AND version_id = r.version_id AND site = r.site;
  IF NOT is_same THEN RETURN 'changed-meanwhile+'; END IF;
  more := unblock_next(p_now, r.site, r.bucket_id, r.key);
  IF p_fold = 1 THEN
    PERFORM fold_one(p_now, r.bucket_id, r.key, r.version_id, r.site,
      CASE p_kind WHEN 'done' THEN 'COMPLETED' WHEN 'skipped' THEN 'SKIPPED' ELSE 'FAILED' END,
      CASE WHEN p_kind = 'done' THEN p_destination ELSE '' END, p_revision, NULL, NULL, NULL, '');
  END IF;
  RETURN CASE WHEN more THEN 'applied+' ELSE 'applied' END;
END $$;
`

export const sumFunctions = `
-- Folds deltas into the sums; one process at a time, nobody waits. Answers how many there were.
CREATE OR REPLACE FUNCTION fold_deltas(p_max integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(3, 1) THEN RETURN 0; END IF;
  WITH gone AS (DELETE FROM site_deltas WHERE id IN (SELECT id FROM site_deltas ORDER BY id LIMIT p_max) RETURNING *),
  summed AS (
    INSERT INTO site_sums AS s (site, objects, bytes, failed_objects, failed_bytes, claimed_seq)
      SELECT site, sum(objects), sum(bytes), sum(failed_objects), sum(failed_bytes), max(claimed_seq) FROM gone GROUP BY site
      ON CONFLICT (site) DO UPDATE SET objects = s.objects + excluded.objects, bytes = s.bytes + excluded.bytes,
      failed_objects = s.failed_objects + excluded.failed_objects, failed_bytes = s.failed_bytes + excluded.failed_bytes,
      claimed_seq = greatest(s.claimed_seq, excluded.claimed_seq)),
  counted AS (
    INSERT INTO activity AS a (slot_at, site, completed_objects, completed_bytes, failed_objects, failed_bytes)
      SELECT slot_at, site, sum(done_objects), sum(done_bytes), sum(bad_objects), sum(bad_bytes) FROM gone WHERE slot_at IS NOT NULL
      GROUP BY slot_at, site
      ON CONFLICT (slot_at, site) DO UPDATE SET completed_objects = a.completed_objects + excluded.completed_objects,
      completed_bytes = a.completed_bytes + excluded.completed_bytes, failed_objects = a.failed_objects + excluded.failed_objects,
      failed_bytes = a.failed_bytes + excluded.failed_bytes)
  SELECT count(*) INTO n FROM gone;
  RETURN n;
END $$;

-- Sums as they are: what was folded and what was not, in one view.
CREATE OR REPLACE VIEW all_sums AS
  SELECT site, sum(objects)::bigint AS objects, sum(bytes)::bigint AS bytes, sum(failed_objects)::bigint AS failed_objects,
    sum(failed_bytes)::bigint AS failed_bytes, max(claimed_seq) AS claimed_seq
  FROM (SELECT site, objects, bytes, failed_objects, failed_bytes, claimed_seq FROM site_sums
    UNION ALL SELECT site, objects, bytes, failed_objects, failed_bytes, claimed_seq FROM site_deltas) both_kinds GROUP BY site;

CREATE OR REPLACE VIEW all_activity AS
  SELECT slot_at, site, sum(completed_objects)::bigint AS completed_objects, sum(completed_bytes)::bigint AS completed_bytes,
    sum(failed_objects)::bigint AS failed_objects, sum(failed_bytes)::bigint AS failed_bytes
  FROM (SELECT slot_at, site, completed_objects, completed_bytes, failed_objects, failed_bytes FROM activity
    UNION ALL SELECT slot_at, site, done_objects, done_bytes, bad_objects, bad_bytes FROM site_deltas WHERE slot_at IS NOT NULL) both_kinds
  GROUP BY slot_at, site;

-- Forgets what was done long ago. Not together with the counting, which takes long: a transaction that has written something holds back the
-- journal.
CREATE OR REPLACE FUNCTION forget_activity(p_now bigint, p_older bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE now_ms bigint := moment(p_now);
BEGIN
  PERFORM fold_deltas(2000);
  DELETE FROM activity WHERE slot_at < now_ms - p_older;
END $$;

-- Forgets rows of versions that are long gone, some of one site: the index begins with it. Answers how many.
CREATE OR REPLACE FUNCTION forget_orphans(p_now bigint, p_site text, p_older bigint, p_max integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE n integer; now_ms bigint := moment(p_now);
BEGIN
  DELETE FROM ledger l USING (SELECT bucket_id, key, version_id, site FROM ledger
      WHERE site = p_site AND state = 7 AND at <= now_ms - p_older LIMIT p_max) d
    WHERE l.bucket_id = d.bucket_id AND l.key = d.key AND l.version_id = d.version_id AND l.site = d.site AND l.state = 7;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

-- Counts rows and reads the sums in one snapshot and adds the difference, so that writers need not stand still. Answers whether they differed.
-- One process at a time: two would add the same difference.
CREATE OR REPLACE FUNCTION recount_sums() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(3, 3) THEN RETURN false; END IF;
  INSERT INTO site_deltas (site, objects, bytes, failed_objects, failed_bytes)
    SELECT site, coalesce(c.objects, 0) - coalesce(s.objects, 0), coalesce(c.bytes, 0) - coalesce(s.bytes, 0),
      coalesce(c.failed_objects, 0) - coalesce(s.failed_objects, 0), coalesce(c.failed_bytes, 0) - coalesce(s.failed_bytes, 0)
    FROM (SELECT site, sum(o) AS objects, sum(b) AS bytes, sum(f) AS failed_objects, sum(fb) AS failed_bytes FROM (
        SELECT site, 1 AS o, size AS b, 0 AS f, 0::bigint AS fb FROM ledger WHERE state <= 5
        UNION ALL SELECT site, 0, 0, 1, size FROM ledger WHERE state = 8 AND at IS NOT NULL) r GROUP BY site) c
      FULL JOIN all_sums s USING (site)
    WHERE coalesce(c.objects, 0) <> coalesce(s.objects, 0) OR coalesce(c.bytes, 0) <> coalesce(s.bytes, 0)
      OR coalesce(c.failed_objects, 0) <> coalesce(s.failed_objects, 0) OR coalesce(c.failed_bytes, 0) <> coalesce(s.failed_bytes, 0);
  RETURN FOUND;
END $$;
`

export const epochFunctions = `
-- Says that the process lives; false when others have taken it for dead.
CREATE OR REPLACE FUNCTION beat(p_epoch bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE epochs SET seen_at = clock_timestamp() WHERE epoch = p_epoch AND NOT ended;
  RETURN FOUND;
END $$;

-- Ends the epochs that were not heard of for so long: from then on their processes can commit nothing. Their writes that are under way are
-- waited for.
CREATE OR REPLACE FUNCTION end_silent_epochs(p_silence_ms bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE e bigint;
BEGIN
  FOR e IN SELECT epoch FROM epochs WHERE NOT ended AND seen_at < clock_timestamp() - p_silence_ms * interval '1 millisecond' ORDER BY epoch LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(e::text, 2));
    UPDATE epochs SET ended = true
      WHERE epoch = e AND NOT ended AND seen_at < clock_timestamp() - p_silence_ms * interval '1 millisecond';
  END LOOP;
END $$;
`
