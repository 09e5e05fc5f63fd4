-- What belongs to a message, and what stands around it: replies, edits, the events before and after; nothing that retention took.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(34001, 34002, 34003, 34004);
SELECT pg_temp.room(34001, false, 34001, 34002);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (34001, 34003, 'pending');
CREATE FUNCTION pg_temp.say(account bigint, body text, kind text DEFAULT 'message', ref bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.try(account, format('SELECT seq FROM porcupine.send(34001, gen_random_uuid(), %L, 0, %L, %L)', body, kind, ref)) $$;
-- The log: three joins, a message (4), of which all the others speak, but for 9.
SELECT pg_temp.say(34001, 'question') AS "4", pg_temp.say(34002, 'answer', 'message', 4) AS "5", pg_temp.say(34001, 'qestion', 'edit', 4) AS "6", pg_temp.say(34002, '+', 'reaction', 4) AS "7",
       pg_temp.say(34001, 'question!', 'edit', 4) AS "8", pg_temp.say(34002, 'answer to the answer', 'message', 5) AS "9", pg_temp.say(34001, 'another answer', 'message', 4) AS "10";
CREATE FUNCTION pg_temp.ask(account bigint, call text) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.try(account, format('SELECT string_agg(e.seq::text, '' '') FROM porcupine.%s e', call)) $$;
SELECT call, pg_temp.ask(34002, call) FROM unnest(ARRAY[
  'thread(34001, 4)', 'thread(34001, 4, 5)', 'thread(34001, 4, 10)', 'thread(34001, 4, NULL, 1)', 'thread(34001, 4, 0, 0)', 'thread(34001, 4, -5, 1000000)', 'thread(34001, 5)', 'thread(34001, 6)',
  'thread(34001, NULL)', 'thread(34001, -1)', 'thread(34001, 999)', 'thread(34001, 4, NULL, NULL)',
  'edits(34001, 4)', 'edits(34001, 4, 6)', 'edits(34001, 4, NULL, 1)', 'edits(34001, 5)', 'edits(34001, NULL)', 'edits(34001, 999)']) call;
SELECT call, pg_temp.ask(34002, call) FROM unnest(ARRAY[
  'around(34001, 4)', 'around(34001, 4, 4)', 'around(34001, 4, 5)', 'around(34001, 4, 1)', 'around(34001, 4, 2)', 'around(34001, 1, 4)', 'around(34001, 10, 4)', 'around(34001, 11, 4)', 'around(34001, 999, 4)',
  'around(34001, -9223372036854775808, 4)', 'around(34001, 9223372036854775807, 4)', 'around(34001, 4, 0)', 'around(34001, 4, NULL)', 'around(34001, 4, 1000000)']) call;
SELECT call, pg_temp.complain(34002, 'SELECT count(*) FROM porcupine.' || call) FROM unnest(ARRAY['around(34001, NULL)', 'around(NULL, 4)', 'thread(NULL, 4)', 'edits(34999, 4)']) call;
SELECT call, pg_temp.complain(34003, 'SELECT count(*) FROM porcupine.' || call) AS pending, pg_temp.complain(34004, 'SELECT count(*) FROM porcupine.' || call) AS stranger,
       pg_temp.try(NULL, 'SELECT count(*) FROM porcupine.' || call) AS nobody FROM unnest(ARRAY['around(34001, 4)', 'thread(34001, 4)', 'edits(34001, 4)']) call;
-- They are events, as history() has them.
SELECT pg_temp.try(34002, $$SELECT bool_and(h IN (SELECT a FROM porcupine.around(34001, 4) a)) AND count(*) = 10 FROM porcupine.history(34001) h$$) AS the_same;

-- Retention's floor: below it is nothing, and a cursor from there is reset; the control log's entries lie there, and are read by control_entries().
UPDATE porcupine.events SET kind = 'control' WHERE room_id = 34001 AND seq = 3;
DELETE FROM porcupine.events WHERE room_id = 34001 AND seq IN (1, 2, 4, 5);
UPDATE porcupine.room_heads SET first_seq = 6 WHERE room_id = 34001;
SELECT call, pg_temp.ask(34002, call) FROM unnest(ARRAY['history(34001)', 'history(34001, 7)', 'history(34001, 6)', 'since(34001, 0)', 'since(34001, 6, 2)', 'around(34001, 7, 4)', 'around(34001, 2, 4)', 'read_events(34001, 0)']) call;
SELECT string_agg(f.seq::text, ' ') AS frames FROM porcupine.read_frames(34001, 0) f;
SELECT string_agg(f.seq::text, ' ') AS latest FROM porcupine.read_frames(34001, NULL) f;
INSERT INTO porcupine.devices (id, user_id, name) VALUES (34002, 34002, 'test');
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash) VALUES (34002, 34002, 34002, now() + interval '1 hour', sha256('34002'));
SELECT porcupine.current_stream() AS stream \gset
CREATE FUNCTION pg_temp.page(page json) RETURNS text LANGUAGE sql AS
  $$ SELECT concat_ws(' ', (SELECT string_agg(e->>'seq', ' ') FROM json_array_elements(page->'results') e), 'reset', page->>'reset') $$;
SELECT c.after, pg_temp.try(34002, format('SELECT reset FROM porcupine.cursor_state(34001, %s)', c.after)) AS state, a.reset AS admitted, pg_temp.page(porcupine.history_page(34002, 34001, NULL, c.after)) AS page,
       pg_temp.page(porcupine.replica_page(34001, NULL, c.after, NULL, NULL, 10, :stream, 0)) AS of_a_replica
  FROM unnest(ARRAY[-1, 0, 3, 4, 5, 6, 9, 10, 11]::bigint[]) c (after), porcupine.admit_many('{34002}', '{34001}', ARRAY[c.after], '{NULL}') a;
SELECT pg_temp.page(porcupine.history_page(34002, 34001, 8)) AS before, pg_temp.page(porcupine.history_page(34002, 34001, 6)) AS before_the_floor;

DELETE FROM porcupine.rooms WHERE id = 34001;
DELETE FROM porcupine.users WHERE id BETWEEN 34001 AND 34004;
