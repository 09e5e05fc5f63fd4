-- The size of a room: what its bodies are together is counted by whatever stores or empties one, and porcupine.max_room_size bounds it.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- What is counted beside what there is.
CREATE FUNCTION pg_temp.size(room bigint, OUT counted bigint, OUT stored bigint) LANGUAGE sql AS $$
  SELECT (SELECT s.bytes FROM porcupine.stat_rooms s WHERE s.room_id = room),
         (SELECT coalesce(sum(length(e.body)), 0) FROM porcupine.events e
           WHERE e.room_id = room AND e.kind IN ('message', 'edit', 'reaction', 'system'))
$$;
CREATE FUNCTION pg_temp.say(account bigint, room bigint, bytes integer, further text DEFAULT '') RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.try(account, format('SELECT s.seq FROM porcupine.send(%s, gen_random_uuid(), convert_to(repeat(''x'', %s), ''UTF8'') %s) s', room, bytes, further))
$$;
\set SHOW_CONTEXT never
SHOW porcupine.max_room_size;
SELECT pg_temp.people(6701, 6702);
SELECT pg_temp.room(6701, false, 6701, 6702);
SELECT pg_temp.room(6702, false, 6701, 6702);
SELECT * FROM pg_temp.size(6701);

-- Everything that is said counts, whichever way it came, and nothing else.
SELECT pg_temp.say(6701, 6701, 700) AS message;
SELECT pg_temp.say(6701, 6701, 90, $$, kind => 'edit', ref => 3$$) AS edit;
SELECT pg_temp.say(6702, 6701, 8, $$, kind => 'reaction', ref => 3$$) AS reaction;
SELECT pg_temp.try(6701, 'SELECT system FROM porcupine.allow_system(6701)') AS system;
SELECT seq FROM porcupine.send_system(6701, gen_random_uuid(), 'paid');
SELECT * FROM pg_temp.size(6701);
BEGIN;
SELECT porcupine.act_as(6701);
SELECT porcupine.send_deferred(6701, gen_random_uuid(), 'later');
SELECT porcupine.send_deferred(6702, gen_random_uuid(), 'there');
SELECT porcupine.send_system_deferred(6701, gen_random_uuid(), 'later, too');
COMMIT;
SELECT * FROM pg_temp.size(6701);
SELECT * FROM pg_temp.size(6702);

-- Many at once, of different lengths and rooms; a repeat adds nothing.
BEGIN;
SELECT porcupine.act_as(6702);
SELECT s.seq > 0 AS sent FROM porcupine.send(6702, 'a7000000-0000-0000-0000-000000000001', 'once') s;
COMMIT;
SELECT m.item, m.condition, m.repeated
  FROM (SELECT d.id FROM porcupine.devices d WHERE d.user_id = 6702) d,
       LATERAL porcupine.send_many('{6701,6702,6701,6702,6702}', '{6702,6702,6702,6702,6702}', ARRAY[d.id, d.id, d.id, d.id, d.id],
         ARRAY[gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'a7000000-0000-0000-0000-000000000001', gen_random_uuid()],
         '{0,0,0,0,0}', '{message,message,message,message,message}', '{null,null,null,null,null}',
         ARRAY['1', '22', '333', 'once', '55555']::bytea[]) m;
SELECT * FROM pg_temp.size(6701);
SELECT * FROM pg_temp.size(6702);

-- A table that somebody has given a trigger is written by SQL.
CREATE FUNCTION pg_temp.pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER passes BEFORE INSERT ON porcupine.events FOR EACH ROW EXECUTE FUNCTION pg_temp.pass();
SELECT pg_temp.say(6701, 6702, 10) > '0' AS by_sql;
DROP TRIGGER passes ON porcupine.events;
SELECT * FROM pg_temp.size(6702);

-- What is redacted, with its edits, does not count any more, and is not taken off twice.
SELECT pg_temp.try(6701, 'SELECT porcupine.redact(6701, 3)') > '0' AS redacted;
SELECT * FROM pg_temp.size(6701);
SELECT pg_temp.try(6701, 'SELECT porcupine.redact(6701, 3)') > '0' AS again;
SELECT pg_temp.try(6702, 'SELECT porcupine.redact(6701, 5)') > '0' AS the_reaction;
SELECT * FROM pg_temp.size(6701);

-- The bound. What is there stays; what comes is measured beside it, the earlier of the same call counted.
SET porcupine.max_room_size = '1kB';
SELECT pg_temp.room(6703, false, 6701, 6702);
SELECT pg_temp.say(6701, 6703, 1000) AS fits;
SELECT pg_temp.complain(6701, $$SELECT porcupine.send(6703, gen_random_uuid(), convert_to(repeat('x', 25), 'UTF8'))$$) AS too_much;
SELECT m.item, m.condition, m.seq
  FROM (SELECT d.id FROM porcupine.devices d WHERE d.user_id = 6701) d,
       LATERAL porcupine.send_many('{6703,6703,6703}', '{6701,6701,6701}', ARRAY[d.id, d.id, d.id],
         ARRAY[gen_random_uuid(), gen_random_uuid(), gen_random_uuid()], '{0,0,0}', '{message,message,message}', '{null,null,null}',
         ARRAY['twelve bytes', 'thirteen byte', 'twelve bytes']::bytea[]) m;
SELECT * FROM pg_temp.size(6703);
SELECT pg_temp.complain(6701, $$SELECT porcupine.send(6703, gen_random_uuid(), 'x')$$) AS full_to_the_last_byte;
SELECT pg_temp.try(6701, 'SELECT system FROM porcupine.allow_system(6703)') AS what_the_server_says_goes_on;
SELECT pg_temp.complain(NULL, $$SELECT porcupine.send_system(6703, gen_random_uuid(), 'x')$$) AS system;
BEGIN;
SELECT porcupine.act_as(6701);
SELECT porcupine.send_deferred(6703, gen_random_uuid(), 'x');
COMMIT;
BEGIN;
SELECT porcupine.send_system_deferred(6703, gen_random_uuid(), 'x');
COMMIT;
SELECT pg_temp.try(6702, 'SELECT porcupine.redact(6703, 3)') AS not_theirs;
SELECT pg_temp.try(6701, 'SELECT porcupine.redact(6703, 3)') > '0' AS redacted;
SELECT pg_temp.say(6701, 6703, 500) > '0' AS there_is_room_again;
SELECT * FROM pg_temp.size(6703);
RESET porcupine.max_room_size;

-- Retention and erasure make room, too.
UPDATE porcupine.events SET created_at = clock_timestamp() - interval '2 days' WHERE room_id IN (6701, 6703) AND seq < 5;
SELECT t.* FROM unnest('{6701,6703}'::bigint[]) room, porcupine.trim_room(room, now() - interval '1 day', 100) t;
SELECT * FROM pg_temp.size(6701);
SELECT * FROM pg_temp.size(6703);
UPDATE porcupine.events SET created_at = clock_timestamp() - interval '2 days' WHERE room_id IN (6701, 6703);
SELECT t.* FROM unnest('{6701,6703}'::bigint[]) room, porcupine.trim_room(room, now() - interval '1 day', 100) t;
SELECT * FROM pg_temp.size(6701);
SELECT * FROM pg_temp.size(6703);
-- A slow machine would be told how far it is.
SET client_min_messages = warning;
SELECT messages FROM porcupine.erase_user(6702);
SELECT * FROM pg_temp.size(6702);
SELECT messages FROM porcupine.erase_user(6701);
SELECT * FROM pg_temp.size(6702);
-- newer versions name the bounds with their unit
SELECT what, replace(pg_temp.complain(NULL, what), '(0 kB .. 2147483647 kB)', '(0 .. 2147483647)') AS complain FROM (VALUES
  ('SET porcupine.max_room_size = -1'), ('SET porcupine.max_room_size = ''3TB'''), ('SET porcupine.max_room_size = ''1 day''')) AS t (what);
