-- send_deferred(): the place in the log is taken at the commit, for the user of the call; what speaks against it then is an
-- error of the commit. Savepoints, SET CONSTRAINTS and PREPARE TRANSACTION.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
\set VERBOSITY sqlstate
SELECT pg_temp.people(16001, 16002, 16003, 16004);
SELECT pg_temp.room(16001, false, 16001, 16002), pg_temp.room(16002, false, 16001, 16002), pg_temp.room(16003, true, 16003);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (16003, 16004, 'pending');
CREATE FUNCTION pg_temp.said(room bigint) RETURNS TABLE (seq bigint, sender_id bigint, backend boolean, kind porcupine.kind, ref bigint, body text) LANGUAGE sql AS $$
  SELECT e.seq, e.sender_id, d.backend, e.kind, e.ref, convert_from(e.body, 'UTF8') FROM porcupine.events e JOIN porcupine.devices d ON d.id = e.device_id
   WHERE e.room_id = room AND e.client_id IS NOT NULL ORDER BY e.seq
$$;

-- What can never be sent is refused at once.
SELECT arguments, pg_temp.complain(account, format('SELECT porcupine.send_deferred(%s)::text', arguments))
  FROM (VALUES (NULL, '16001, gen_random_uuid(), ''x'''), (16001, 'NULL, gen_random_uuid(), ''x'''), (16001, '16001, NULL, ''x'''),
               (16001, '16001, gen_random_uuid(), NULL'), (16001, '16001, gen_random_uuid(), '''''), (16001, '0, gen_random_uuid(), ''x'''),
               (16001, '16001, gen_random_uuid(), convert_to(repeat(''x'', 65537), ''UTF8'')'), (16001, '16001, gen_random_uuid(), ''x'', -1'),
               (16001, '16001, gen_random_uuid(), ''x'', 0, ''control'''), (16001, '16001, gen_random_uuid(), ''x'', 0, ''edit'''),
               (16003, '16001, gen_random_uuid(), ''x'''), (16001, '99999999, gen_random_uuid(), ''x'''), (16004, '16003, gen_random_uuid(), ''x''')) AS t (account, arguments);
SELECT count(*) FROM porcupine.outbox;

-- Nothing is there before the commit, not even the lock of the head; then everything is, in ascending rooms and the order of
-- the calls, each for the user of its call. A repeat is one.
BEGIN;
SELECT porcupine.act_as(16001);
SELECT porcupine.send_deferred(16002, '00000000-0000-4000-8000-000000000001', 'first of 16002');
SELECT porcupine.send_deferred(16001, '00000000-0000-4000-8000-000000000002', 'first of 16001');
SELECT porcupine.act_as(16002);
SELECT porcupine.send_deferred(16001, '00000000-0000-4000-8000-000000000003', 'second of 16001, of somebody else');
SELECT porcupine.act_as(16001);
SELECT porcupine.send_deferred(16001, '00000000-0000-4000-8000-000000000002', 'first of 16001');
SELECT porcupine.send_deferred(16001, '00000000-0000-4000-8000-000000000004', 'third', kind => 'reaction', ref => 4);
SELECT count(*) FROM pg_temp.said(16001);
SELECT count(*), count(DISTINCT transaction), count(device_id) FROM porcupine.outbox;
SELECT count(*) AS heads_locked FROM pg_locks WHERE relation = 'porcupine.room_heads'::regclass AND mode = 'RowShareLock' AND pid = pg_backend_pid();
COMMIT;
SELECT * FROM pg_temp.said(16001);
SELECT * FROM pg_temp.said(16002);
SELECT count(*) FROM porcupine.outbox;

-- What was stored before is a repeat, too; another body under its client id is not.
BEGIN;
SELECT porcupine.act_as(16001);
SELECT porcupine.send_deferred(16001, '00000000-0000-4000-8000-000000000002', 'first of 16001');
COMMIT;
BEGIN;
SELECT porcupine.act_as(16001);
SELECT porcupine.send_deferred(16001, gen_random_uuid(), 'goes down with the next one');
SELECT porcupine.send_deferred(16001, '00000000-0000-4000-8000-000000000002', 'other');
\set VERBOSITY default
COMMIT;
\set VERBOSITY sqlstate
SELECT count(*) FROM pg_temp.said(16001);
SELECT count(*) FROM porcupine.outbox;

-- Savepoints: what is rolled back is not sent; what was sent early under one that is rolled back is sent at the commit.
BEGIN;
SELECT porcupine.act_as(16001);
SELECT porcupine.send_deferred(16002, gen_random_uuid(), 'before');
SAVEPOINT s;
SELECT porcupine.send_deferred(16002, gen_random_uuid(), 'rolled back');
ROLLBACK TO s;
SAVEPOINT s;
SELECT porcupine.send_deferred(16002, gen_random_uuid(), 'released');
RELEASE s;
SAVEPOINT s;
SET CONSTRAINTS porcupine.outbox_is_sent_at_commit IMMEDIATE;
SELECT count(*) AS sent_early FROM pg_temp.said(16002);
SELECT count(*) AS left FROM porcupine.outbox;
ROLLBACK TO s;
SELECT count(*) AS taken_back FROM pg_temp.said(16002);
SELECT porcupine.send_deferred(16002, gen_random_uuid(), 'after');
COMMIT;
SELECT seq, body FROM pg_temp.said(16002);
SELECT count(*) FROM porcupine.outbox;

-- SET CONSTRAINTS asks before the commit, and lets one go on.
BEGIN;
SELECT porcupine.act_as(16001);
SELECT porcupine.send_deferred(16002, gen_random_uuid(), 'wrong epoch', 7);
SAVEPOINT s;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
DELETE FROM porcupine.outbox;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT porcupine.send_deferred(16002, gen_random_uuid(), 'sent by the call itself');
SELECT count(*) FROM pg_temp.said(16002);
COMMIT;

-- Who is no member any more at the commit has sent nothing; nor has anything else in that transaction happened.
BEGIN;
SELECT porcupine.act_as(16002);
SELECT porcupine.send_deferred(16002, gen_random_uuid(), 'too late');
SELECT porcupine.leave_room(16002);
COMMIT;
SELECT count(*) FROM porcupine.members WHERE room_id = 16002;

-- Who became one only by the same transaction has.
BEGIN;
SELECT porcupine.act_as(16001);
SELECT id AS new_room FROM porcupine.create_room('new', false) \gset
SELECT porcupine.send_deferred(:new_room, gen_random_uuid(), 'first word');
COMMIT;
SELECT seq, body FROM pg_temp.said(:new_room);

-- A transaction that is rolled back, one that is to be prepared, more at once than go into one call.
BEGIN;
SELECT porcupine.act_as(16001);
SELECT porcupine.send_deferred(16002, gen_random_uuid(), 'x');
ROLLBACK;
BEGIN;
SELECT porcupine.act_as(16001);
SELECT porcupine.send_deferred(16002, gen_random_uuid(), 'x');
PREPARE TRANSACTION 'porcupine deferred';
BEGIN;
SELECT porcupine.act_as(16001);
SELECT count(porcupine.send_deferred(16001 + i % 2, gen_random_uuid(), convert_to(i::text, 'UTF8'))::text) FROM generate_series(1, 2500) i;
COMMIT;
SELECT room_id, count(*), bool_and(in_order) AS in_order FROM (
  SELECT room_id, convert_from(body, 'UTF8')::integer > coalesce(lag(convert_from(body, 'UTF8')::integer) OVER (PARTITION BY room_id ORDER BY seq), 0) AS in_order
    FROM porcupine.events WHERE room_id IN (16001, 16002) AND convert_from(body, 'UTF8') ~ '^[0-9]+$') e GROUP BY 1 ORDER BY 1;
