-- A page of a room as a bridge reads it: finished JSON, which is the answer of API.md, for every kind of event; bounded; and
-- for nobody who may not read. Who subscribes is asked for together.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
SELECT pg_temp.people(7101, 7102, 7103, 7104, 7105);
SELECT pg_temp.room(7101, false, 7101, 7102);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (7101, 7103, 'pending');
INSERT INTO porcupine.devices (id, user_id, name) SELECT i, i, 'test' FROM generate_series(7101, 7105) i;
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
SELECT i, i, i, now() + interval '1 hour', sha256(i::text::bytea) FROM generate_series(7101, 7105) i;
UPDATE porcupine.sessions SET ended_at = now() WHERE id = 7105;
-- What clients send, what they sign, and what only the server writes; with times that are easily written wrongly.
INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, device_id, client_id, epoch, kind, ref, body) VALUES
  (7101, 4, '2026-01-02 03:04:05.000006+00', 7101, 7101, '00000000-0000-4000-8000-0000000000ff', 2147483647, 'message', NULL, '\x00'),
  (7101, 5, '1999-12-31 23:59:59.999999+00', 7101, 7101, 'deadbeef-0123-4567-89ab-cdef01234567', 0, 'edit', 4, '\xfbff'),
  (7101, 6, '2000-01-01 00:00:00+00', 7102, 7102, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 1, 'reaction', 9007199254740991, '\xffffff'),
  (7101, 7, '2024-02-29 12:00:00.1+14', 7102, 7102, NULL, 1, 'control', 0, 'an entry'),
  (7101, 8, '2024-02-29 12:00:00+00', NULL, NULL, NULL, 1, 'member.role', NULL, '{"role": "pending", "user": "7102"}'),
  (7101, 9, '2024-02-29 12:00:00+00', NULL, NULL, NULL, 1, 'member.role', NULL, '{"role": "admin", "user": "7102"}'),
  (7101, 10, '2024-02-29 12:00:00+00', NULL, NULL, NULL, 1, 'member.left', NULL, '{"user": "7102"}'),
  (7101, 11, '2024-02-29 12:00:00+00', NULL, NULL, NULL, 1, 'member.removed', NULL, '{"by": "7101", "user": "7102"}'),
  (7101, 12, '2024-02-29 12:00:00+00', NULL, NULL, NULL, 1, 'room.renamed', NULL, convert_to('{"name": "\"quoted\" \\ Ünïcode 🦔"}', 'UTF8')),
  (7101, 13, '2024-02-29 12:00:00+00', NULL, NULL, NULL, 1, 'epoch', NULL, '{"by": "7101", "epoch": 1}'),
  (7101, 14, '2024-02-29 12:00:00+00', NULL, NULL, NULL, 1, 'epoch.closed', NULL, '{"epoch": 1}'),
  (7101, 15, '2024-02-29 12:00:00+00', 7101, NULL, NULL, 1, 'control', NULL, ''),
  (7101, 16, 'infinity', NULL, NULL, NULL, 1, 'message', NULL, '');
UPDATE porcupine.events SET created_at = '2026-01-01' WHERE room_id = 7101 AND seq < 4;
UPDATE porcupine.room_heads SET last_seq = 16 WHERE room_id = 7101;
SELECT f.seq, f.ends, f.event FROM porcupine.read_frames(7101, 0) f;

-- The same as SQL itself shapes it, but for blanks.
CREATE FUNCTION pg_temp.shape(e porcupine.events) RETURNS jsonb LANGUAGE sql AS $$
  SELECT to_jsonb(x) FROM (SELECT e.room_id::text AS room, e.seq, e.kind, e.sender_id::text AS sender, e.device_id::text AS device, e.client_id, e.epoch,
    CASE WHEN e.kind <= 'control' THEN translate(encode(e.body, 'base64'), E'\n', '') END AS body,
    CASE WHEN e.kind > 'control' THEN convert_from(e.body, 'UTF8')::jsonb WHEN e.kind = 'control' AND e.ref IS NOT NULL THEN jsonb_build_object('index', e.ref) END AS data,
    CASE WHEN e.kind <> 'control' THEN e.ref END AS ref,
    CASE WHEN isfinite(e.created_at) THEN to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END AS created_at) x
$$;
SELECT count(*), count(*) FILTER (WHERE f.event::jsonb = pg_temp.shape(e)) AS same
  FROM porcupine.events e JOIN porcupine.read_frames(7101, 0) f ON f.seq = e.seq WHERE e.room_id = 7101;
-- base64 of every length and byte
BEGIN;
DELETE FROM porcupine.events WHERE room_id = 7101;
INSERT INTO porcupine.events (room_id, seq, created_at, epoch, kind, body)
SELECT 7101, n, '2026-01-01'::timestamptz + (n * n * 7919) * interval '1 hour 1.000001 seconds', 0, 'message', decode(left(repeat((SELECT string_agg(lpad(to_hex((b * 167 + n) % 256), 2, '0'), '') FROM generate_series(0, 255) b), 2), 2 * n), 'hex')
  FROM generate_series(1, 500) n;
SELECT count(*), count(*) FILTER (WHERE f.event::jsonb = pg_temp.shape(e)) AS same
  FROM porcupine.events e JOIN porcupine.read_frames(7101, 0) f ON f.seq = e.seq WHERE e.room_id = 7101;
ROLLBACK;

-- Which stretch: after a seq or, without one, the latest; by events and by bytes, but one there is.
CREATE FUNCTION pg_temp.stretch(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE format('SELECT string_agg(f.seq::text, '' '') FROM porcupine.read_frames(%s) f', arguments) INTO result;
  RETURN coalesce(result, '(none)');
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;
SELECT arguments, pg_temp.stretch(arguments) FROM (VALUES ('7101, 14'), ('7101, 16'), ('7101, -1, 2'), ('7101, 9223372036854775807'), ('7101, NULL, 3'),
  ('7101, 0, 0'), ('7101, 0, -7'), ('7101, 13, NULL'), ('7101, 13, 2147483647'), ('7101, 3, 500, 0'), ('7101, 3, 500, 1'), ('7101, 3, 500, 2'), ('7101, 3, 500, 3'),
  ('7101, 3, 500, 4'), ('7101, NULL, 500, 0'), ('7101, NULL, 500, 13'), ('7101, NULL, 500, -1'), ('7101, 14, 500, NULL'), ('NULL, 0'), ('0, 0'), ('-1, NULL')) AS t (arguments);

-- The whole answer.
SELECT porcupine.current_stream() AS stream \gset
SELECT replace(porcupine.history_page(7101, 7101, 3, NULL, NULL, 1)::text, :'stream', 'STREAM') AS page;
CREATE FUNCTION pg_temp.page(session bigint, arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  page json;
BEGIN
  EXECUTE format('SELECT porcupine.history_page(%L, %s)', session, arguments) INTO page;
  RETURN concat_ws(' ', (SELECT string_agg(e->>'seq', ' ') FROM json_array_elements(page->'results') e), 'head', page->>'head', 'reset', page->>'reset');
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;
SELECT arguments, pg_temp.page(7102, replace(arguments, 'stream', :'stream')) FROM (VALUES
  ('7101, NULL, NULL, NULL, 2'), ('7101, 5, NULL, NULL, 2'), ('7101, 1'), ('7101, 0'), ('7101, -5'), ('7101, 9223372036854775807, NULL, NULL, 1'),
  ('7101, NULL, 14'), ('7101, NULL, 16'), ('7101, NULL, 14, stream'), ('7101, 3, 14, stream'),
  ('7101, NULL, 17, NULL, 1'), ('7101, 3, 17, NULL, 1'), ('7101, NULL, -1, NULL, 1'), ('7101, NULL, 9223372036854775807, NULL, 1'), ('7101, NULL, 14, stream + 1, 1'),
  ('7101, NULL, 14, 0, 1'), ('7101, NULL, NULL, 0, 1'), ('7101, NULL, NULL, NULL, 0'), ('7101, NULL, NULL, NULL, -1'), ('7101, NULL, NULL, NULL, NULL'), ('7101, NULL, NULL, NULL, 2147483647'),
  ('7102'), ('NULL'), ('-1')) AS t (arguments);
-- The same from a standby, told by the primary who asks up to which head: null where it is of another stream or has not all of it yet.
CREATE FUNCTION pg_temp.replica(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  page json;
BEGIN
  EXECUTE format('SELECT porcupine.replica_page(%s, 0)', arguments) INTO page;
  RETURN CASE WHEN page IS NULL THEN '(null)' ELSE concat_ws(' ', (SELECT string_agg(e->>'seq', ' ') FROM json_array_elements(page->'results') e), 'head', page->>'head', 'reset', page->>'reset') END;
END
$$;
BEGIN READ ONLY;
SELECT arguments, pg_temp.replica(replace(arguments, 'stream', :'stream')) FROM (VALUES
  ('7101, NULL, NULL, NULL, 2, 16, stream'), ('7101, NULL, NULL, NULL, 2, 17, stream'), ('7101, NULL, NULL, NULL, 2, 12, stream'), ('7101, NULL, NULL, NULL, 2, 16, stream + 1'),
  ('7101, 5, NULL, NULL, 2, 17, stream'), ('7101, 17, NULL, NULL, 2, 17, stream'), ('7101, 18, NULL, NULL, 2, 17, stream'), ('7101, 0, NULL, NULL, 2, 17, stream'), ('7101, -1, NULL, NULL, 2, 17, stream'),
  ('7101, NULL, 14, stream, 2, 16, stream'), ('7101, NULL, 14, stream, 2, 17, stream'), ('7101, NULL, 2, stream, 2, 4, stream'), ('7101, NULL, 16, stream, 2, 16, stream'), ('7101, NULL, 17, stream, 2, 16, stream'),
  ('7101, NULL, 14, 1, 2, 16, stream'), ('7101, NULL, 14, 1, 2, 17, stream'), ('7101, NULL, NULL, NULL, 2, 0, stream'), ('7101, NULL, NULL, NULL, 2, -5, stream'),
  ('7102, NULL, NULL, NULL, 2, 1, stream'), ('7102, 0, NULL, NULL, 2, 1, stream'), ('NULL, NULL, NULL, NULL, 2, 16, stream'), ('7101, NULL, NULL, NULL, 2, NULL, stream'), ('7101, NULL, NULL, NULL, 2, 16, NULL'), ('7101, 3, NULL, NULL, NULL, 16, stream')) AS t (arguments);
SELECT porcupine.replica_page(7101, NULL, NULL, NULL, NULL, 16, :stream, 0)::text = porcupine.history_page(7101, 7101)::text AS same;
ROLLBACK;
-- Nor while it has not replayed all that was taken out of the log: a redaction counts, by the primary's word and by its own head.
BEGIN;
SELECT porcupine.replica_page(7101, 17, NULL, NULL, 2, 16, :stream, 1) IS NULL AS behind, porcupine.replica_page(7101, 17, NULL, NULL, 2, 16, :stream, NULL) IS NULL AS unsaid;
SELECT porcupine.append_event(7101, 'redacted', '{}', ref => 3), porcupine.append_event(7101, 'room.renamed', '{}');
SELECT a.head, a.erasures, h.erasures AS of_head FROM porcupine.admit_many(ARRAY[7102], ARRAY[7101], ARRAY[0], ARRAY[NULL::bigint]) a, porcupine.read_heads('{7101}') h;
SELECT porcupine.replica_page(7101, 17, NULL, NULL, 2, 16, :stream, 1) IS NULL AS behind;
ROLLBACK;

-- Bounded by 1 MiB of bodies: 16 of 64 KiB, from either end; a body that lies outside its row is read like any other.
BEGIN;
INSERT INTO porcupine.events (room_id, seq, created_at, epoch, kind, body) SELECT 7101, 16 + n, '2026-01-01', 0, 'message', decode(repeat(lpad(to_hex(n), 2, '0'), 65536), 'hex') FROM generate_series(1, 20) n;
UPDATE porcupine.room_heads SET last_seq = 36 WHERE room_id = 7101;
SELECT pg_temp.page(7101, '7101, NULL, NULL, NULL, 500') AS latest, pg_temp.page(7101, '7101, NULL, 16, NULL, 500') AS after;
SELECT count(*) AS all_as_they_are FROM json_array_elements(porcupine.history_page(7101, 7101, NULL, 16)->'results') r JOIN porcupine.events e ON e.room_id = 7101 AND e.seq = (r->>'seq')::bigint WHERE r::jsonb = pg_temp.shape(e);
ROLLBACK;
-- An empty log has an empty page.
BEGIN;
DELETE FROM porcupine.events WHERE room_id = 7101;
SELECT replace(porcupine.history_page(7101, 7101)::text, :'stream', 'STREAM') AS page;
ROLLBACK;

-- Who may subscribe, from where: many at once, each with its own answer, the same that cursor_state() gives.
SELECT item, condition, head, stream = :stream AS current, epoch, epoch_open, reset FROM porcupine.admit_many(
  ARRAY[7101, 7102, 7102, 7103, 7104, 7105, 0, NULL, 7101, 7101], ARRAY[7101, 7101, 7101, 7101, 7101, 7101, 7101, 7101, 7102, NULL],
  ARRAY[NULL, 16, 17, 1, 1, 1, 1, 1, 1, 1]::bigint[], array_fill(NULL::bigint, '{10}'));
BEGIN;
SELECT porcupine.act_as(7102);
SELECT c.after, c.stream - :stream AS stream, c.behind, a.reset, a.condition,
       s.reset = a.reset AND s.head = a.head AND s.current_stream = a.stream AND s.epoch = a.epoch AND s.epoch_open = a.epoch_open AS same
  FROM (VALUES (NULL::bigint, NULL::bigint, 0), (0, NULL, NULL), (16, :stream, 0), (15, :stream, 0), (15, :stream, 1), (17, NULL, 500), (-1, NULL, NULL),
               (16, :stream + 1, NULL), (16, :stream - 1, NULL), (9223372036854775807, :stream, 2147483647), (-9223372036854775808, NULL, 5), (0, NULL, -1)) AS c (after, stream, behind),
       porcupine.admit_many(ARRAY[7102], ARRAY[7101], ARRAY[c.after], ARRAY[c.stream], c.behind) a, porcupine.cursor_state(7101, c.after, c.stream, c.behind) s;
ROLLBACK;
SELECT count(*) AS nobody FROM porcupine.admit_many('{}', '{}', '{}', '{}');
SELECT arguments, pg_temp.complain(NULL, format('SELECT count(*) FROM porcupine.admit_many(%s)', arguments)) FROM (VALUES
  ($$NULL, '{}', '{}', '{}'$$), ($$'{}', '{}', '{}', NULL$$), ($$'{1}', '{}', '{}', '{}'$$), ($$'{{1}}', '{{1}}', '{{1}}', '{{1}}'$$),
  ($$array_fill(1, '{1001}')::bigint[], array_fill(1, '{1001}')::bigint[], array_fill(1, '{1001}')::bigint[], array_fill(1, '{1001}')::bigint[]$$),
  ($$array_fill(7101, '{1000}')::bigint[], array_fill(7101, '{1000}')::bigint[], array_fill(7, '{1000}')::bigint[], array_fill(NULL::bigint, '{1000}')$$)) AS t (arguments);
SELECT * FROM porcupine.whoami_many(ARRAY[7102, 7105, 0, NULL, 7101, 7102]);
SELECT arguments, pg_temp.complain(NULL, format('SELECT count(*) FROM porcupine.whoami_many(%s)', arguments)) FROM (VALUES
  ($$'{}'$$), ('NULL'), ($$'{{1}}'$$), ($$array_fill(1, '{1000}')::bigint[]$$), ($$array_fill(1, '{1001}')::bigint[]$$)) AS t (arguments);

-- Who: members whose session lives. Pending, never, no longer; an ended session, none, one of a disabled account.
SELECT session, pg_temp.page(session, '7101, NULL, 15') FROM (VALUES (7101), (7103), (7104), (7105), (0), (NULL::bigint)) AS t (session);
BEGIN;
UPDATE porcupine.users SET disabled_at = now() WHERE id = 7102;
SELECT pg_temp.page(7102, '7101, NULL, 15') AS disabled;
SELECT * FROM porcupine.whoami_many(ARRAY[7102]);
SELECT condition FROM porcupine.admit_many(ARRAY[7102], ARRAY[7101], ARRAY[15], ARRAY[NULL::bigint]);
ROLLBACK;
BEGIN;
UPDATE porcupine.sessions SET expires_at = clock_timestamp() WHERE id = 7102;
SELECT pg_temp.page(7102, '7101, NULL, 15') AS expired;
SELECT * FROM porcupine.whoami_many(ARRAY[7102]);
SELECT condition FROM porcupine.admit_many(ARRAY[7102], ARRAY[7101], ARRAY[15], ARRAY[NULL::bigint]);
ROLLBACK;
BEGIN;
UPDATE porcupine.members SET role = 'pending' WHERE room_id = 7101 AND user_id = 7102;
SELECT pg_temp.page(7102, '7101, NULL, 15') AS pending_now;
ROLLBACK;
DELETE FROM porcupine.members WHERE room_id = 7101 AND user_id = 7102;
SELECT pg_temp.page(7102, '7101, NULL, 15') AS removed;
SELECT condition FROM porcupine.admit_many(ARRAY[7102], ARRAY[7101], ARRAY[15], ARRAY[NULL::bigint]);
SELECT pg_temp.complain(NULL, 'SELECT porcupine.history_page(7102, 7101)') AS removed, pg_temp.complain(NULL, 'SELECT porcupine.history_page(7103, 7101)') AS pending,
       pg_temp.complain(NULL, 'SELECT porcupine.history_page(7105, 7101)') AS ended;

-- What the server wrote has to be JSON: it stands in the page as it is.
BEGIN;
UPDATE porcupine.events SET body = '{"user": ' WHERE room_id = 7101 AND seq = 10;
SELECT pg_temp.page(7101, '7101, NULL, 9, NULL, 1') AS no_json;
UPDATE porcupine.events SET body = '\xff' WHERE room_id = 7101 AND seq = 10;
SELECT pg_temp.page(7101, '7101, NULL, 9, NULL, 1') AS no_text;
UPDATE porcupine.events SET body = '["user"]' WHERE room_id = 7101 AND seq = 10;
SELECT pg_temp.stretch('7101, 9, 1') AS no_object;
ROLLBACK;

-- An event that somebody made up is refused as what it is.
SELECT kind, body, pg_temp.complain(NULL, format('SELECT porcupine.event_json(jsonb_populate_record(NULL::porcupine.event, %L))',
         jsonb_build_object('room_id', 1, 'seq', 1, 'kind', kind, 'epoch', 0, 'created_at', '2026-01-01 UTC', 'body', body)))
  FROM (VALUES ('message', '\xff'), ('member.left', '\xff'), ('member.left', '{"user": '), ('member.left', '{"user": "x"}'), (NULL, 'x')) AS t (kind, body);

DELETE FROM porcupine.rooms WHERE id = 7101;
DELETE FROM porcupine.users WHERE id BETWEEN 7101 AND 7105;
