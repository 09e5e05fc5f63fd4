-- What one event may say of another, and who may send at all: readers, the muted and archives.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(32001, 32002, 32003);
SELECT pg_temp.room(32001, false, 32001, 32002, 32003);
SELECT pg_temp.room(32002, false, 32002);
INSERT INTO porcupine.devices (id, user_id, name) SELECT u * 10, u, 'device' FROM generate_series(32001, 32003) u;
CREATE FUNCTION pg_temp.cid(n bigint) RETURNS uuid LANGUAGE sql AS $$ SELECT ('32000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.send(account bigint, arguments text) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.complain(account, format('SELECT seq FROM porcupine.send(32001, %s)', arguments)) $$;
CREATE FUNCTION pg_temp.speak(account bigint, n integer, kind text, ref bigint) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.send(account, format('pg_temp.cid(%s), ''x'', 0, %L, %s', n, kind, ref)) $$;
-- The log has three joins, and then:
SELECT pg_temp.send(32001, $$pg_temp.cid(1), 'by the owner'$$) AS message;
SELECT pg_temp.speak(32001, 2, 'edit', 4) AS edit, pg_temp.speak(32002, 3, 'reaction', 4) AS reaction, pg_temp.speak(32002, 4, 'message', 4) AS reply;
SELECT porcupine.append_event(32001, 'system', 'by the application') AS system;

-- Each kind against each kind of event; and an edit by another one.
SELECT e.kind AS of, pg_temp.speak(32001, 100 + e.seq::integer, 'edit', e.seq) AS edit FROM porcupine.events e WHERE e.room_id = 32001 AND e.seq BETWEEN 3 AND 8 ORDER BY e.seq;
SELECT e.kind AS of, pg_temp.speak(32002, 200 + e.seq::integer, 'edit', e.seq) AS edit FROM porcupine.events e WHERE e.room_id = 32001 AND e.seq BETWEEN 3 AND 8 ORDER BY e.seq;
SELECT e.kind AS of, pg_temp.speak(32002, 300 + e.seq::integer, 'reaction', e.seq) AS reaction FROM porcupine.events e WHERE e.room_id = 32001 AND e.seq BETWEEN 3 AND 8 ORDER BY e.seq;
SELECT e.kind AS of, pg_temp.speak(32002, 400 + e.seq::integer, 'message', e.seq) AS reply FROM porcupine.events e WHERE e.room_id = 32001 AND e.seq BETWEEN 3 AND 8 ORDER BY e.seq;
-- A seq of another room's names nothing here; nor does one that retention took.
SELECT pg_temp.try(32002, $$SELECT seq FROM porcupine.send(32002, pg_temp.cid(500), 'x', 0, 'message', 4)$$) AS elsewhere;
BEGIN;
DELETE FROM porcupine.events WHERE room_id = 32001 AND seq = 4;
SELECT pg_temp.speak(32001, 501, 'edit', 4) AS taken;
ROLLBACK;

-- In one call: what stands before it counts, with its kind and sender.
SELECT last_seq AS head FROM porcupine.room_heads WHERE room_id = 32001 \gset
SELECT r.item, r.condition, r.seq - :head AS above FROM (VALUES (ARRAY[32001, 32002, 32001, 32002, 32002, 32001, 32002, 32001, 32001]::bigint[],
    ARRAY['message', 'edit', 'edit', 'reaction', 'message', 'edit', 'reaction', 'edit', 'message'],
    ARRAY[NULL, :head + 1, :head + 1, :head + 1, :head + 1, :head + 2, :head + 2, :head + 4, :head + 1000])) AS g (users, kinds, refs),
  porcupine.send_many(array_fill(32001::bigint, ARRAY[9]), g.users, array(SELECT u * 10 FROM unnest(g.users) u), array(SELECT pg_temp.cid(600 + i) FROM generate_series(1, 9) i),
                      array_fill(0, ARRAY[9]), g.kinds, g.refs, array_fill('x'::bytea, ARRAY[9]), false) r;
SELECT seq - :head AS above, kind, sender_id, ref - :head AS ref FROM pg_temp.log_of(32001) WHERE seq > :head;
-- In one transaction, too.
BEGIN;
SELECT porcupine.act_as(32001);
SELECT seq AS said FROM porcupine.send(32001, pg_temp.cid(700), 'said') \gset
SELECT seq - :said FROM porcupine.send(32001, pg_temp.cid(701), 'said better', 0, 'edit', :said);
ROLLBACK;

-- A reader reads. A repeat of what was sent before is answered.
UPDATE porcupine.members SET role = 'reader' WHERE room_id = 32001 AND user_id = 32002;
SELECT pg_temp.send(32002, $$pg_temp.cid(800), 'x'$$) AS reader, pg_temp.speak(32002, 4, 'message', 4) AS repeat, pg_temp.speak(32002, 4, 'message', 5) AS no_repeat;
SELECT pg_temp.complain(32002, $$SELECT porcupine.send_deferred(32001, pg_temp.cid(800), 'x')$$) AS deferred, pg_temp.try(32002, 'SELECT count(*) > 0 FROM porcupine.history(32001)') AS reads;
UPDATE porcupine.members SET role = 'member' WHERE room_id = 32001 AND user_id = 32002;

-- Muted until a time, for good, no more; never the others.
CREATE FUNCTION pg_temp.muted(until timestamptz, n integer) RETURNS TABLE (send text, deferred text, many text) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE porcupine.members SET muted_until = until WHERE room_id = 32001 AND user_id = 32002;
  RETURN QUERY SELECT regexp_replace(pg_temp.send(32002, format('pg_temp.cid(%s), ''x''', n)), '^\d+$', 'sent'),
    pg_temp.complain(32002, format('SELECT porcupine.send_deferred(32001, pg_temp.cid(%s), ''x'')', n)),
    coalesce(r.condition, 'sent') FROM porcupine.send_many('{32001}', '{32002}', '{320020}', ARRAY[pg_temp.cid(n)], '{0}', '{message}', '{NULL}', '{x}', false) r;
END
$$;
SET timezone = 'UTC';
SELECT until, m.* FROM (VALUES (1, '2222-02-02 02:02:02+00'::timestamptz), (2, 'infinity'), (3, '-infinity'), (4, NULL)) AS t (n, until),
  pg_temp.muted(until, 900 + n) m;
SELECT m.* FROM pg_temp.muted(clock_timestamp() - interval '1 second', 909) m;
UPDATE porcupine.members SET muted_until = 'infinity' WHERE room_id = 32001 AND user_id = 32002;
SELECT pg_temp.speak(32002, 4, 'message', 4) AS repeat, pg_temp.try(32003, $$SELECT seq > 0 FROM porcupine.send(32001, pg_temp.cid(910), 'x')$$) AS others,
       pg_temp.try(32002, $$SELECT seq > 0 FROM porcupine.send(32002, pg_temp.cid(910), 'x')$$) AS elsewhere;
UPDATE porcupine.members SET muted_until = NULL WHERE room_id = 32001 AND user_id = 32002;

-- An archive; muted and a reader come first, a stale epoch after.
UPDATE porcupine.room_heads SET archived = true WHERE room_id = 32001;
SELECT pg_temp.send(32001, $$pg_temp.cid(920), 'x'$$) AS owner, pg_temp.send(32001, $$pg_temp.cid(920), 'x', 7$$) AS stale, pg_temp.speak(32002, 4, 'message', 4) AS repeat;
SELECT pg_temp.complain(32001, $$SELECT porcupine.send_deferred(32001, pg_temp.cid(920), 'x')$$) AS deferred;
SELECT m.* FROM pg_temp.muted('infinity', 921) m;
SELECT pg_temp.try(32002, 'SELECT count(*) > 0 FROM porcupine.history(32001)') AS reads;
UPDATE porcupine.room_heads SET archived = false WHERE room_id = 32001;
UPDATE porcupine.members SET muted_until = NULL WHERE room_id = 32001 AND user_id = 32002;
-- What was queued is judged again when it is sent.
BEGIN;
SELECT porcupine.act_as(32002);
SELECT porcupine.send_deferred(32001, pg_temp.cid(930), 'x');
UPDATE porcupine.members SET muted_until = 'infinity' WHERE room_id = 32001 AND user_id = 32002;
\set VERBOSITY sqlstate
COMMIT;

DELETE FROM porcupine.rooms WHERE id IN (32001, 32002);
DELETE FROM porcupine.users WHERE id BETWEEN 32001 AND 32003;
