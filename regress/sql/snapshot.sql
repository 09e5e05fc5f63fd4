-- What a client begins with: rooms, members, last pages and cursors in one call; the same as the single calls give.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(38001, 38002, 38003, 38004);
SELECT pg_temp.room(38001, false, 38001, 38002);
SELECT pg_temp.room(38002, true, 38001);
SELECT pg_temp.room(38003, false, 38002);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (38002, 38002, 'pending');
SELECT count(pg_temp.try(38001, format('SELECT seq FROM porcupine.send(38001, gen_random_uuid(), ''m%s'')', i))) AS sent FROM generate_series(1, 120) i;
CREATE FUNCTION pg_temp.snapshot(account bigint, max text DEFAULT '50') RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.complain(account, format('SELECT string_agg(concat_ws('' '', (s.room).id, (s.room).role, (s.room).head, (s.room).unread, (SELECT string_agg(m.user_id::text, ''+'') FROM unnest(s.members) m),
    s.events[1].seq || ''-'' || s.events[cardinality(s.events)].seq, cardinality(s.events), (SELECT count(DISTINCT e.seq) FROM unnest(s.events) e)), '', '') FROM porcupine.snapshot(%s) s', max))
$$;
SELECT u, pg_temp.snapshot(u) FROM unnest(ARRAY[38001, 38002, 38003]) u;
SELECT pg_temp.snapshot(NULL) AS nobody;
-- How much: 1 to 100 events of a room.
SELECT max, pg_temp.snapshot(38002, max) FROM unnest(ARRAY['1', '2', '0', '-5', '100', '1000000', 'NULL']) max;
-- The same as the single calls.
SELECT pg_temp.try(38002, $$SELECT count(*) || ' rooms, the same: ' || bool_and(s.room = r AND s.members = array(SELECT m FROM porcupine.room_members(r.id) m)
   AND s.events = CASE r.role WHEN 'pending' THEN '{}' ELSE array(SELECT h FROM porcupine.history(r.id, NULL, 30) h) END AND (s.room).stream = porcupine.current_stream())
  FROM porcupine.my_rooms() r JOIN porcupine.snapshot(30) s ON (s.room).id = r.id$$);
SELECT pg_temp.try(38002, $$SELECT string_agg(c.reset::text, ' ') FROM porcupine.snapshot() s, porcupine.cursor_state((s.room).id, (s.room).head, (s.room).stream) c WHERE (s.room).role > 'pending'$$) AS reset;
-- By bytes: until the bodies pass 128 KiB, but one there is.
SELECT count(pg_temp.try(38001, $$SELECT seq FROM porcupine.send(38001, gen_random_uuid(), convert_to(repeat('x', 60000), 'UTF8'))$$)) AS sent FROM generate_series(1, 5);
SELECT pg_temp.snapshot(38002);
SELECT pg_temp.try(38001, $$SELECT porcupine.redact(38001, 125) > 0$$) AS redacted;
SELECT pg_temp.snapshot(38002);
-- Nothing that retention took.
UPDATE porcupine.room_heads SET first_seq = last_seq - 1 WHERE room_id = 38001;
SELECT pg_temp.snapshot(38002);

DELETE FROM porcupine.rooms WHERE id BETWEEN 38001 AND 38003;
DELETE FROM porcupine.users WHERE id BETWEEN 38001 AND 38004;
