-- Retention: the oldest part of a log goes in steps, the rest stays whole, the control log stays readable, and what is over goes
-- after its time.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(6501, 6502, 6503, 6504);
SELECT pg_temp.room(6501, false, 6501, 6502);
SELECT pg_temp.room(6502, true, 6501, 6502);
SELECT pg_temp.room(6503, false, 6501, 6503);
CREATE FUNCTION pg_temp.say(account bigint, room bigint, VARIADIC words text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  word text;
BEGIN
  PERFORM porcupine.act_as(account);
  FOREACH word IN ARRAY words LOOP
    PERFORM porcupine.send(room, gen_random_uuid(), word::bytea, (SELECT epoch FROM porcupine.room_heads WHERE room_id = room));
  END LOOP;
END
$$;
-- The clock of a room's log: everything up to a seq happened that long ago.
CREATE FUNCTION pg_temp.age(room bigint, upto bigint, by interval) RETURNS void LANGUAGE sql AS $$
  UPDATE porcupine.events SET created_at = now() - by WHERE room_id = room AND seq <= upto
$$;
-- A whole round; how many rows of each kind it removed.
CREATE FUNCTION pg_temp.round(max integer DEFAULT 1000) RETURNS TABLE (task text, removed bigint, steps bigint) LANGUAGE plpgsql AS $$
DECLARE
  step record;
BEGIN
  CREATE TEMP TABLE steps (task text, removed bigint);
  LOOP
    step := porcupine.maintain(max);
    INSERT INTO steps VALUES (step.task, step.removed);
    EXIT WHEN NOT step.more;
  END LOOP;
  RETURN QUERY SELECT s.task, sum(s.removed)::bigint, count(*) FROM steps s GROUP BY 1 ORDER BY 1;
  DROP TABLE steps;
END
$$;
-- Whole: every seq from first_seq to the head, and below it control entries only.
CREATE VIEW pg_temp.whole AS
  SELECT h.room_id, h.first_seq, h.last_seq,
         (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id AND e.seq >= h.first_seq) = h.last_seq - h.first_seq + 1 AS whole,
         NOT EXISTS (SELECT FROM porcupine.events e WHERE e.room_id = h.room_id AND e.seq < h.first_seq AND e.kind <> 'control') AS nothing_below
    FROM porcupine.room_heads h WHERE h.room_id BETWEEN 6501 AND 6503 ORDER BY 1;

-- set_retention
SELECT input, pg_temp.try(6501, format('SELECT r.retention FROM porcupine.set_retention(6501, %s) r', input)) FROM (VALUES
  ('''59 minutes'''), ('''-1 day'''), ('''101 years'''), ('''1 hour'''), ('''100 years'''), ('NULL'), ('''1 month'''), ('''1 month''')) AS t (input);
SELECT who, pg_temp.complain(who, 'SELECT porcupine.set_retention(6501, ''1 day'')') FROM (VALUES (6502), (6503), (NULL)) AS t (who);
SELECT room, pg_temp.try(6501, format('SELECT porcupine.set_retention(%s, ''1 day'')', room)) FROM (VALUES ('NULL'), ('-1')) AS t (room);
SELECT seq, kind, body FROM pg_temp.log_of(6501) WHERE kind = 'room.changed';
SELECT action, actor_id, detail FROM porcupine.audit_log(room => 6501) WHERE detail ? 'retention' ORDER BY id;

-- Nothing is too old yet, and nothing has a retention.
SELECT pg_temp.say(6502, 6501, 'one', 'two', 'three', 'four', 'five');
SELECT pg_temp.say(6501, 6503, 'kept', 'for', 'ever');
SELECT pg_temp.age(6503, 100, '10 years');
SELECT task, removed FROM pg_temp.round();
SELECT * FROM pg_temp.whole;

-- Steps: each looks at so many rows, so that the head is held for as long as that takes.
SELECT pg_temp.age(6501, 9, '2 months');
SELECT seq, kind, body FROM pg_temp.log_of(6501);
SELECT * FROM porcupine.maintain(4);
SELECT * FROM pg_temp.whole WHERE room_id = 6501;
SELECT task, rooms_waiting FROM porcupine.stat_maintenance;
SELECT * FROM porcupine.maintain(4);
SELECT * FROM pg_temp.whole WHERE room_id = 6501;
SELECT task, removed FROM pg_temp.round(4);
SELECT * FROM pg_temp.whole;
SELECT seq, kind, body FROM pg_temp.log_of(6501);
SELECT task, rooms_waiting, finished_at >= started_at AS finished, error FROM porcupine.stat_maintenance;

-- A log is never empty: the newest event stays, without its body.
SELECT pg_temp.age(6501, 100, '2 months');
SELECT * FROM pg_temp.round() WHERE task = 'events';
SELECT * FROM pg_temp.round() WHERE task = 'events';
SELECT seq, kind, sender_id, body FROM pg_temp.log_of(6501);
SELECT erasures FROM porcupine.room_heads WHERE room_id = 6501;
SELECT pg_temp.say(6502, 6501, 'on it goes');
SELECT * FROM pg_temp.whole WHERE room_id = 6501;
SELECT head, first_seq, unread FROM (SELECT porcupine.act_as(6501)) a, LATERAL porcupine.my_rooms() r WHERE r.id = 6501;

-- An encrypted room: control log, epochs and bundles stay, so that somebody who joins verifies everything from the first entry on.
INSERT INTO porcupine.devices (id, user_id, name) VALUES (6501, 6501, 'phone');
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash) VALUES (6501, 6501, 6501, now() + '1 day', 'h6501');
CREATE FUNCTION pg_temp.as_owner(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  PERFORM porcupine.act_as_session(6501);
  EXECUTE statement INTO result;
  RETURN result;
END
$$;
SELECT pg_temp.as_owner('SELECT porcupine.append_entry(6502, 0, ''created'')');
SELECT pg_temp.as_owner('SELECT porcupine.commit_epoch(6502, 1, 1, ''{epoch one}'', ''{6501}'', ''{bundle}'')');
SELECT pg_temp.say(6502, 6502, 'secret', 'secret too');
SELECT pg_temp.as_owner('SELECT porcupine.commit_epoch(6502, 2, 2, ''{added,epoch two}'', ''{6501}'', ''{bundle}'')');
SELECT pg_temp.say(6502, 6502, 'secret three');
SELECT (SELECT retention FROM porcupine.set_retention(6502, '1 day')) FROM porcupine.act_as(6501);
SELECT pg_temp.age(6502, 100, '2 days');
SELECT seq, kind FROM pg_temp.log_of(6502);
SELECT * FROM pg_temp.round(3) WHERE task = 'events';
SELECT * FROM pg_temp.whole WHERE room_id = 6502;
SELECT seq, kind, ref, body FROM pg_temp.log_of(6502);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (6502, 6503, 'pending');
SELECT e.index, e.seq, convert_from(e.entry, 'UTF8') FROM porcupine.act_as(6503), LATERAL porcupine.control_entries(6502) e;
SELECT pg_temp.as_owner('SELECT string_agg(epoch || ''@'' || index, '' '') FROM porcupine.my_epochs(6502)') AS epochs;

-- The setting for all rooms: the shorter of both counts.
SET porcupine.retention = '59min';
SET porcupine.retention = '1d';
UPDATE porcupine.rooms SET retention = '1 year' WHERE id = 6501;
SELECT pg_temp.age(6501, (SELECT last_seq - 1 FROM porcupine.room_heads WHERE room_id = 6501), '2 days');
SELECT * FROM pg_temp.round() WHERE task = 'events';
SELECT * FROM pg_temp.whole;
RESET porcupine.retention;

-- Somebody's trigger that objects keeps its own room only.
SELECT pg_temp.room(6504, false, 6501);
SELECT pg_temp.room(6505, false, 6501);
SELECT pg_temp.say(6501, 6504, 'a', 'b');
SELECT pg_temp.say(6501, 6505, 'a', 'b');
SELECT pg_temp.age(r, 100, '2 days') FROM unnest(ARRAY[6504, 6505]) r;
UPDATE porcupine.rooms SET retention = '1 day' WHERE id IN (6504, 6505);
CREATE FUNCTION public.objects() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not these'; END $$;
CREATE TRIGGER objects BEFORE DELETE ON porcupine.events FOR EACH ROW WHEN (OLD.room_id = 6504) EXECUTE FUNCTION public.objects();
SELECT * FROM pg_temp.round() WHERE task = 'events';
SELECT error, error_at IS NOT NULL AS at FROM porcupine.stat_maintenance;
SELECT room_id, first_seq FROM porcupine.room_heads WHERE room_id IN (6504, 6505) ORDER BY 1;
DROP TRIGGER objects ON porcupine.events;
DROP FUNCTION public.objects();
SELECT * FROM pg_temp.round() WHERE task = 'events';
SELECT error FROM porcupine.stat_maintenance;

-- Sessions, invites and lines of the audit log, each after its time.
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, ended_at, refresh_hash) VALUES
  (6510, 6501, 6501, now() - interval '31 days', NULL, 'h6510'), (6511, 6501, 6501, now() - interval '29 days', NULL, 'h6511'),
  (6512, 6501, 6501, now() + interval '1 day', now() - interval '31 days', 'h6512'), (6513, 6501, 6501, now() + interval '1 day', now() - interval '29 days', 'h6513'),
  (6514, 6501, 6501, now() + interval '1 day', NULL, 'h6514');
INSERT INTO porcupine.invites (id, room_id, expires_at, max_uses, uses, code_hash) VALUES
  (6510, 6501, now() - interval '31 days', NULL, 0, sha256('6510')), (6511, 6501, now() - interval '29 days', NULL, 0, sha256('6511')),
  (6512, 6501, now() + interval '1 day', 1, 1, sha256('6512'));
INSERT INTO porcupine.bans (room_id, user_id, until) VALUES (6501, 6503, now() - interval '31 days'), (6502, 6504, now() - interval '31 days'),
  (6503, 6504, now() - interval '31 days'), (6503, 6502, now() - interval '29 days'), (6504, 6504, NULL);
INSERT INTO porcupine.mutes (room_id, user_id, until) VALUES (6501, 6503, now() - interval '31 days'), (6502, 6504, now() - interval '29 days');
INSERT INTO porcupine.reports (room_id, seq, reporter_id, reported_at, resolved_at, outcome, reason) VALUES
  (6501, 1, 6501, now() - interval '40 days', now() - interval '31 days', 'upheld', 'old'), (6501, 2, 6501, now() - interval '40 days', now() - interval '29 days', 'upheld', 'young'),
  (6501, 3, 6501, now() - interval '40 days', NULL, NULL, 'open');
SELECT task, removed, steps >= 2 AS in_steps FROM pg_temp.round(2) WHERE task IN ('sessions', 'invites', 'bans', 'reports');
SELECT id FROM porcupine.sessions WHERE id BETWEEN 6510 AND 6519 ORDER BY 1;
SELECT id FROM porcupine.invites WHERE id BETWEEN 6510 AND 6519 ORDER BY 1;
SELECT room_id, user_id, until IS NULL AS for_ever FROM porcupine.bans WHERE room_id BETWEEN 6501 AND 6505 ORDER BY 1, 2;
SELECT room_id, user_id FROM porcupine.mutes WHERE room_id BETWEEN 6501 AND 6505 ORDER BY 1, 2;
SELECT reason FROM porcupine.reports WHERE room_id = 6501 ORDER BY seq;
SET porcupine.expired_retention = 0;
UPDATE porcupine.sessions SET ended_at = now() - interval '9 years' WHERE id = 6513;
SELECT task, removed FROM pg_temp.round() WHERE task = 'sessions';
RESET porcupine.expired_retention;
BEGIN;
UPDATE porcupine.audit SET at = now() - interval '2 days' WHERE room_id = 6501;
SELECT removed FROM pg_temp.round() WHERE task = 'audit';
SET LOCAL porcupine.audit_retention = '1d';
INSERT INTO porcupine.audit (room_id, action) SELECT 6501, 'number ' || i FROM generate_series(1, 20) i;
UPDATE porcupine.audit SET at = now() - interval '2 days' WHERE id < (SELECT max(id) FROM porcupine.audit);
SELECT removed > 10 AS removed, steps > 3 AS steps FROM pg_temp.round(4) WHERE task = 'audit';
SELECT action FROM porcupine.audit WHERE room_id = 6501 ORDER BY id;
ROLLBACK;

-- What maintain() refuses, and who may.
SELECT input, pg_temp.try(NULL, format('SELECT porcupine.maintain(%s)', input)) FROM (VALUES ('NULL'), ('0'), ('-1'), ('100001')) AS t (input);
\set VERBOSITY sqlstate
BEGIN READ ONLY;
SELECT porcupine.maintain();
ROLLBACK;
SET ROLE porcupine_client;
SELECT porcupine.maintain();
SELECT * FROM porcupine.maintenance;
RESET ROLE;
SET ROLE porcupine_admin;
SELECT removed IS NOT NULL AS may FROM porcupine.maintain();
DELETE FROM porcupine.maintenance;
RESET ROLE;
SET ROLE pg_monitor;
SELECT rounds > 0 AS may_look FROM porcupine.stat_maintenance;
SELECT porcupine.maintain();
RESET ROLE;

DELETE FROM porcupine.reports WHERE room_id = 6501;
DELETE FROM porcupine.rooms WHERE id BETWEEN 6501 AND 6505;
DELETE FROM porcupine.users WHERE id BETWEEN 6501 AND 6504;

-- An encrypted room that everybody left is dead, for nobody has its key to let anybody in: it goes after porcupine.expired_retention, in steps.
-- One that has a member, that a link fills, that nobody has been in yet, or that is not encrypted, stays.
SELECT pg_temp.people(7501, 7502);
SELECT pg_temp.room(room, room <> 7505, 7501, 7502) FROM unnest('{7501,7502,7503,7505,7506}'::bigint[]) room;
INSERT INTO porcupine.rooms (id, encrypted, code, name) VALUES (7504, true, 'R07504', 'not begun');
INSERT INTO porcupine.room_heads (room_id) VALUES (7504);
SELECT s.seq FROM (SELECT porcupine.act_as(7501) AS me) a, generate_series(1, 30) i, LATERAL porcupine.send(7501, gen_random_uuid(), 'x', (a.me * 0 + i * 0)::integer) s WHERE s.seq = 32;
DELETE FROM porcupine.members WHERE room_id IN (7501, 7503, 7505, 7506);
DELETE FROM porcupine.members WHERE room_id = 7502 AND user_id = 7502;
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (7501, 7502, 'pending');
INSERT INTO porcupine.links (id, room_id, source_schema, source_name, source_owner, role, additive) VALUES (7506, 7506, 'public', 'gone', 'postgres', 'member', false);
INSERT INTO porcupine.linked_rooms (room_id, link_id) VALUES (7506, 7506);
CREATE FUNCTION pg_temp.deserted() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(r.id::text, ' ' ORDER BY r.id) FROM porcupine.rooms r WHERE r.id BETWEEN 7501 AND 7506 AND porcupine.is_deserted(r.id)
$$;
SELECT pg_temp.deserted() AS too_early;
UPDATE porcupine.events SET created_at = clock_timestamp() - interval '31 days' WHERE room_id BETWEEN 7501 AND 7506;
SELECT pg_temp.deserted() AS dead;
SET porcupine.expired_retention = 0;
SELECT pg_temp.deserted() AS kept_for_ever;
RESET porcupine.expired_retention;
SELECT * FROM porcupine.maintain_rooms(7500, 20);
SELECT count(*) < 20 AS in_steps, count(*) > 0 AS there FROM porcupine.events WHERE room_id = 7501;
SELECT * FROM porcupine.maintain_rooms(7500, 20);
SELECT removed, trouble FROM porcupine.maintain_rooms(7500, 1000);
SELECT string_agg(r.id::text, ' ' ORDER BY r.id) AS left_over FROM porcupine.rooms r WHERE r.id BETWEEN 7501 AND 7506;
SELECT count(*) AS events FROM porcupine.events WHERE room_id IN (7501, 7503);
SELECT room_id, action FROM porcupine.audit WHERE room_id IN (7501, 7503) AND action = 'room.deleted' ORDER BY 1;
-- An administrator need not wait.
SELECT porcupine.remove_room(7505);
SELECT what, pg_temp.complain(NULL, what) FROM (VALUES ('SELECT porcupine.remove_room(7505)'), ('SELECT porcupine.remove_room(NULL)')) AS t (what);
DELETE FROM porcupine.rooms WHERE id = 7506;
