-- Messages of the application: send_system() to rooms whose owner has allowed it, in plain text, once for each client id,
-- whatever the epoch; the same at the commit by send_system_deferred(); how they look, and who may what.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
\set VERBOSITY terse
SELECT pg_temp.people(19001, 19002);
SELECT pg_temp.room(19001, true, 19001, 19002), pg_temp.room(19002, false, 19001, 19002), pg_temp.room(19003, false, 19001);
CREATE FUNCTION pg_temp.said(room bigint) RETURNS TABLE (seq bigint, kind porcupine.kind, sender_id bigint, device_id bigint, client_id uuid, epoch integer, body text) LANGUAGE sql AS $$
  SELECT e.seq, e.kind, e.sender_id, e.device_id, e.client_id, e.epoch, convert_from(e.body, 'UTF8') FROM porcupine.events e WHERE e.room_id = room AND e.kind >= 'room.changed' ORDER BY e.seq
$$;

-- The owner allows it; everybody sees that.
SELECT pg_temp.complain(NULL, 'SELECT porcupine.send_system(19001, gen_random_uuid(), ''x'')::text');
SELECT pg_temp.complain(NULL, 'SELECT porcupine.send_system_deferred(19001, gen_random_uuid(), ''x'')::text');
SELECT pg_temp.complain(19002, 'SELECT porcupine.allow_system(19001)::text'), pg_temp.complain(NULL, 'SELECT porcupine.allow_system(19001)::text'),
       pg_temp.complain(19002, 'SELECT porcupine.allow_system(19003)::text'), pg_temp.complain(19001, 'SELECT porcupine.allow_system(NULL)::text'),
       pg_temp.complain(19001, 'SELECT porcupine.allow_system(19001, NULL)::text');
SELECT pg_temp.try(19001, 'SELECT system FROM porcupine.allow_system(19001)'), pg_temp.try(19001, 'SELECT system FROM porcupine.allow_system(19001)'),
       pg_temp.try(19001, 'SELECT system FROM porcupine.allow_system(19002)');
SELECT * FROM pg_temp.said(19001);
SELECT pg_temp.try(19002, 'SELECT system FROM porcupine.my_room(19001)');

-- As the backend, acting for nobody; a repeat is one, also when the epoch is closed.
SET ROLE porcupine_backend;
SELECT seq FROM porcupine.send_system(19001, '00000000-0000-4000-8000-000000000001', 'Order 17 was paid: "ü", €');
SELECT seq FROM porcupine.send_system(19002, '00000000-0000-4000-8000-000000000001', 'The same id in another room');
RESET ROLE;
UPDATE porcupine.room_heads SET epoch_open = false WHERE room_id = 19001;
SELECT seq FROM porcupine.send_system(19001, '00000000-0000-4000-8000-000000000001', 'Order 17 was paid: "ü", €');
SELECT seq FROM porcupine.send_system(19001, '00000000-0000-4000-8000-000000000002', 'The epoch is closed, this is nobody''s secret');
SELECT pg_temp.complain(NULL, 'SELECT porcupine.send_system(19001, ''00000000-0000-4000-8000-000000000001'', ''Order 18'')::text');
SELECT * FROM pg_temp.said(19001);
SELECT event - 'created_at' AS event FROM (SELECT event::jsonb FROM porcupine.read_frames(19001, 3)) f (event);
SELECT last_seq FROM porcupine.room_heads WHERE room_id = 19001;

-- A person's client id is another's, even the same one.
SELECT pg_temp.try(19001, 'SELECT seq FROM porcupine.send(19002, ''00000000-0000-4000-8000-000000000001'', ''mine'')');

-- What is refused.
SELECT arguments, pg_temp.complain(NULL, format('SELECT porcupine.send_system(%s)::text', arguments)) AS now,
       pg_temp.complain(NULL, format('SELECT porcupine.send_system_deferred(%s)::text', arguments)) AS deferred
  FROM (VALUES ('NULL, gen_random_uuid(), ''x'''), ('19001, NULL, ''x'''), ('19001, gen_random_uuid(), NULL'), ('19001, gen_random_uuid(), '''''),
               ('19001, gen_random_uuid(), repeat(''x'', 65525)'), ('19001, gen_random_uuid(), repeat(''"'', 40000)'), ('19001, gen_random_uuid(), repeat(''x'', 70000000)'),
               ('99999999, gen_random_uuid(), ''x'''), ('0, gen_random_uuid(), ''x'''), ('19003, gen_random_uuid(), ''x''')) t (arguments);
SELECT seq FROM porcupine.send_system(19001, gen_random_uuid(), repeat('x', 65524));
SELECT pg_temp.try(19001, 'SELECT archived FROM porcupine.archive_room(19002)');
SELECT pg_temp.complain(NULL, 'SELECT porcupine.send_system(19002, gen_random_uuid(), ''x'')::text');
SELECT pg_temp.try(NULL, 'SELECT seq FROM porcupine.send_system(19002, ''00000000-0000-4000-8000-000000000001'', ''The same id in another room'')') AS a_repeat;
SELECT pg_temp.try(19001, 'SELECT archived FROM porcupine.unarchive_room(19002)');
SET ROLE porcupine_client;
SELECT porcupine.send_system(19001, gen_random_uuid(), 'x');
SELECT porcupine.send_system_deferred(19001, gen_random_uuid(), 'x');
RESET ROLE;

-- Deferred: at the commit, each in its turn among what is deferred.
BEGIN;
SELECT porcupine.act_as(19001);
SELECT porcupine.send_system_deferred(19002, '00000000-0000-4000-8000-000000000003', 'first');
SELECT porcupine.send_deferred(19002, gen_random_uuid(), 'second');
SELECT porcupine.send_system_deferred(19002, '00000000-0000-4000-8000-000000000003', 'first');
SELECT porcupine.send_system_deferred(19002, '00000000-0000-4000-8000-000000000004', 'third');
SELECT porcupine.send_system_deferred(19001, '00000000-0000-4000-8000-000000000003', 'in the other room');
SELECT count(*) FROM porcupine.outbox;
SAVEPOINT s;
SELECT porcupine.send_system_deferred(19002, gen_random_uuid(), 'rolled back');
ROLLBACK TO s;
COMMIT;
SELECT seq, kind, sender_id, convert_from(body, 'UTF8') FROM porcupine.events WHERE room_id = 19002 AND seq > 5 ORDER BY seq;
SELECT seq, left(body, 40) FROM pg_temp.said(19001) WHERE seq > 6;
BEGIN;
SELECT porcupine.send_system_deferred(19002, '00000000-0000-4000-8000-000000000003', 'other');
\set VERBOSITY sqlstate
COMMIT;
BEGIN;
SELECT porcupine.send_system_deferred(19002, gen_random_uuid(), 'too late');
SELECT pg_temp.try(19001, 'SELECT system FROM porcupine.allow_system(19002, false)');
COMMIT;

-- A moderator takes one back; its client id stays known.
\set VERBOSITY terse
SELECT pg_temp.try(19001, 'SELECT porcupine.redact(19001, 4)');
SELECT seq FROM porcupine.send_system(19001, '00000000-0000-4000-8000-000000000001', 'Order 17 was paid: "ü", €');
SELECT event::jsonb - 'created_at' AS event FROM porcupine.read_frames(19001, 3, 1);
DELETE FROM porcupine.rooms WHERE id BETWEEN 19001 AND 19003;
DELETE FROM porcupine.users WHERE id IN (19001, 19002);
