-- Sends are stored without SQL while nothing but our own table is there, and by SQL when somebody has given it more. Either
-- way an administrator's triggers, constraints, columns, indexes, rules, policies and privileges hold.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
\set VERBOSITY sqlstate
SELECT pg_temp.people(17001, 17002);
SELECT pg_temp.room(17001, false, 17001, 17002), pg_temp.room(17002, false, 17001);
CREATE FUNCTION pg_temp.sent(room bigint, body bytea DEFAULT 'x') RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.complain(17001, format('SELECT ''seq '' || seq FROM porcupine.send(%s, gen_random_uuid(), %L)', room, body)) $$;
CREATE FUNCTION pg_temp.stored(room bigint) RETURNS TABLE (seq bigint, kind porcupine.kind, ref bigint, epoch integer, body text) LANGUAGE sql AS $$
  SELECT e.seq, e.kind, e.ref, e.epoch, left(encode(e.body, 'escape'), 20) FROM porcupine.events e WHERE e.room_id = room AND e.client_id IS NOT NULL ORDER BY e.seq $$;

-- As it is: every column, and a body that goes out of line.
BEGIN;
SELECT porcupine.act_as(17001);
SELECT seq FROM porcupine.send(17001, '17000000-0000-4000-8000-000000000001', 'message');
SELECT seq FROM porcupine.send(17001, '17000000-0000-4000-8000-000000000002', 'edit', 0, 'edit', 3);
SELECT seq FROM porcupine.send(17001, '17000000-0000-4000-8000-000000000003', 'reaction', 0, 'reaction', 3);
SELECT seq FROM porcupine.send(17001, '17000000-0000-4000-8000-000000000004', convert_to(repeat('long', 16384), 'UTF8'));
COMMIT;
SELECT * FROM pg_temp.stored(17001);
SELECT created_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS in_time, sender_id, device_id = (SELECT id FROM porcupine.devices WHERE user_id = 17001) AS from_device,
       length(body), md5(body) = md5(repeat('long', 16384)) AS intact
  FROM porcupine.events WHERE room_id = 17001 AND client_id = '17000000-0000-4000-8000-000000000004';
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT count(*) AS by_client_id FROM porcupine.events WHERE room_id = 17001 AND device_id = (SELECT id FROM porcupine.devices WHERE user_id = 17001)
   AND client_id = '17000000-0000-4000-8000-000000000003';
ROLLBACK;

-- Triggers: a veto, a change, one for the statement, one after.
BEGIN;
CREATE FUNCTION pg_temp.veto() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.body = 'bad' THEN RAISE division_by_zero; END IF; NEW.body := NEW.body || '!'; RETURN NEW; END $$;
CREATE FUNCTION pg_temp.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %', TG_WHEN, TG_LEVEL; RETURN NULL; END $$;
CREATE TRIGGER veto BEFORE INSERT ON porcupine.events FOR EACH ROW WHEN (NEW.client_id IS NOT NULL) EXECUTE FUNCTION pg_temp.veto();
CREATE TRIGGER tell_row AFTER INSERT ON porcupine.events FOR EACH ROW EXECUTE FUNCTION pg_temp.tell();
CREATE TRIGGER tell_statement AFTER INSERT ON porcupine.events EXECUTE FUNCTION pg_temp.tell();
\set VERBOSITY terse
SELECT pg_temp.sent(17002, 'good'), pg_temp.sent(17002, 'bad');
\set VERBOSITY sqlstate
SELECT * FROM pg_temp.stored(17002);
ROLLBACK;

-- Constraints.
BEGIN;
ALTER TABLE porcupine.events ADD CONSTRAINT short CHECK (length(body) < 10) NOT VALID;
SELECT pg_temp.sent(17002), pg_temp.sent(17002, 'much too long');
ALTER TABLE porcupine.events ADD CONSTRAINT known FOREIGN KEY (sender_id) REFERENCES porcupine.users NOT VALID;
SELECT pg_temp.sent(17002);
ROLLBACK;

-- Indexes, a unique one and a partial one among them.
BEGIN;
CREATE INDEX by_body ON porcupine.events (md5(body)) WHERE kind = 'message';
CREATE UNIQUE INDEX once ON porcupine.events (room_id, (md5(body))) WHERE client_id IS NOT NULL AND room_id = 17002;
SELECT pg_temp.sent(17002, 'a'), pg_temp.sent(17002, 'b'), pg_temp.sent(17002, 'a');
SET LOCAL enable_seqscan = off;
SELECT seq FROM porcupine.events WHERE md5(body) = md5('b') AND kind = 'message' AND room_id = 17002;
ROLLBACK;

-- A column with a default and one that is computed.
BEGIN;
ALTER TABLE porcupine.events ADD COLUMN note text DEFAULT 'noted', ADD COLUMN size integer GENERATED ALWAYS AS (length(body)) STORED;
SELECT pg_temp.sent(17002, 'abc');
SELECT note, size FROM porcupine.events WHERE room_id = 17002 AND client_id IS NOT NULL;
ROLLBACK;

-- A rule.
BEGIN;
CREATE RULE told AS ON INSERT TO porcupine.events DO ALSO SELECT 1;
SELECT pg_temp.sent(17002);
ROLLBACK;

-- Row security and privileges.
BEGIN;
CREATE POLICY curfew ON porcupine.events AS RESTRICTIVE FOR INSERT TO porcupine_owner WITH CHECK (body <> 'late');
SELECT pg_temp.sent(17002, 'early'), pg_temp.sent(17002, 'late');
DROP POLICY owner_all ON porcupine.events;
SELECT pg_temp.sent(17002, 'early');
ROLLBACK;
BEGIN;
REVOKE INSERT ON porcupine.events FROM porcupine_owner;
SELECT pg_temp.sent(17002);
ROLLBACK;

-- None of these has left anything.
SELECT * FROM pg_temp.stored(17002);
SELECT last_seq FROM porcupine.room_heads WHERE room_id = 17002;
SELECT pg_temp.sent(17002);

-- Heads that grow by different numbers of events in one call.
SELECT item, condition, seq FROM porcupine.send_many('{17001,17002,17001,17001,17002,17001}', array_fill(17001::bigint, '{6}'),
  array_fill((SELECT id FROM porcupine.devices WHERE user_id = 17001), '{6}'), ARRAY(SELECT ('17100000-0000-4000-8000-00000000000' || g)::uuid FROM generate_series(1, 6) g),
  array_fill(0, '{6}'), array_fill('message'::text, '{6}'), array_fill(NULL::bigint, '{6}'), array_fill('x'::bytea, '{6}'));
SELECT room_id, last_seq, (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id) AS events FROM porcupine.room_heads h WHERE room_id IN (17001, 17002) ORDER BY 1;

-- An index that the send path needs is gone.
BEGIN;
ALTER INDEX porcupine.events_client_id_key RENAME TO elsewhere;
SELECT pg_temp.sent(17002);
ROLLBACK;
