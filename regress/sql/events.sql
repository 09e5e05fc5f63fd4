-- Reading a room's log: pages are in order and bounded, a cursor is resumed from or reset, never answered with a hole.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(6001, 6002);
SELECT pg_temp.room(6001, false, 6001, 6002);
-- 600 messages, more than any page.
BEGIN;
SELECT porcupine.act_as(6001);
SELECT count(s.seq), min(s.seq), max(s.seq) FROM generate_series(1, 600) i, porcupine.send(6001, ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, convert_to('m' || i, 'UTF8')) s;
COMMIT;
SELECT last_seq FROM porcupine.room_heads WHERE room_id = 6001;

CREATE FUNCTION pg_temp.page(call text) RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.try(6002, format('SELECT concat(count(*), '' from '', min(seq), '' to '', max(seq), '' '', array_agg(seq) = (SELECT array_agg(s ORDER BY s) FROM unnest(array_agg(seq)) s)) FROM porcupine.%s', call))
$$;
SELECT call, pg_temp.page(call) FROM (VALUES
  ('history(6001)'), ('history(6001, 11)'), ('history(6001, 1)'), ('history(6001, 0)'), ('history(6001, -5)'), ('history(6001, NULL, 3)'),
  ('history(6001, NULL, NULL)'), ('history(6001, NULL, 0)'), ('history(6001, NULL, -9)'), ('history(6001, NULL, 2147483647)'),
  ('history(6001, 9223372036854775807, 2)'), ('history(6001, -9223372036854775808, 2)'),
  ('since(6001, 0)'), ('since(6001, NULL)'), ('since(6001, NULL, NULL)'), ('since(6001, 600)'), ('since(6001, 602)'), ('since(6001, 9223372036854775807)'),
  ('since(6001, -1, 1)'), ('since(6001, 100, 7)'), ('since(6001, 0, 100000)'), ('since(6001, 0, 0)')) AS t (call);
SELECT pg_temp.try(6002, 'SELECT to_jsonb(e) - ''created_at'' - ''device_id'' FROM porcupine.since(6001, 2, 1) e') AS event;
SELECT pg_temp.try(6002, 'SELECT e.created_at BETWEEN now() - interval ''1 hour'' AND clock_timestamp() FROM porcupine.since(6001, 2, 1) e') AS in_time;

-- cursor_state
SELECT porcupine.current_stream() AS stream \gset
SELECT input, pg_temp.try(6002, format('SELECT s.reset || '' head '' || s.head || '' epoch '' || s.epoch || '' '' || s.epoch_open FROM porcupine.cursor_state(6001, %s) s', replace(input, 'stream', :'stream'))) FROM (VALUES
  ('NULL'), ('NULL, -1'), ('0'), ('602'), ('603'), ('-1'), ('9223372036854775807'), ('-9223372036854775808, NULL, 500'),
  ('602, stream'), ('602, stream + 1'), ('602, stream - 1'), ('602, 0'), ('602, NULL, 0'), ('601, NULL, 0'), ('102, stream, 500'), ('101, stream, 500'),
  ('0, NULL, NULL')) AS t (input);
SELECT pg_temp.try(6002, format('SELECT s.current_stream = %s FROM porcupine.cursor_state(6001) s', :stream)) AS stream;

-- A new stream resets every cursor, and is always above the last.
SELECT porcupine.new_stream() > :stream AS above, porcupine.new_stream() > :stream AS again, porcupine.current_stream() > :stream AS current;
SELECT pg_temp.try(6002, format('SELECT s.reset FROM porcupine.cursor_state(6001, 602, %s) s', :stream)) AS older_cursor;
SELECT count(*) AS streams_of_another_server FROM porcupine.stream s, porcupine.server_history() h
 WHERE (s.system_identifier, s.database, s.timeline) IS DISTINCT FROM (h.system_identifier, h.database, h.timeline);
-- So does a row of another server's, which a restore leaves behind; in a transaction that may not write it is refused.
UPDATE porcupine.stream SET system_identifier = 1;
BEGIN READ ONLY;
\set VERBOSITY sqlstate
SELECT porcupine.current_stream();
ROLLBACK;
SELECT porcupine.current_stream() > :stream AS raised;
SELECT count(*) AS of_this_server FROM porcupine.stream WHERE system_identifier <> 1;
BEGIN READ ONLY;
SELECT porcupine.current_stream() = (SELECT max(stream) FROM porcupine.stream) AS newest;
ROLLBACK;

-- mark_read: upwards only, at most to the head.
CREATE FUNCTION pg_temp.mark(seq bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM porcupine.act_as(6002);
  PERFORM porcupine.mark_read(6001, seq);
  RETURN (SELECT m.read_seq FROM porcupine.members m WHERE m.user_id = 6002);
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;
SELECT seq, pg_temp.mark(seq) AS mark FROM (VALUES (NULL::bigint), (-1), (0), (5), (3), (9223372036854775807), (1)) AS t (seq);
SELECT user_id, read_seq FROM porcupine.members WHERE room_id = 6001 ORDER BY 1;

DELETE FROM porcupine.rooms WHERE id = 6001;
DELETE FROM porcupine.users WHERE id IN (6001, 6002);
