-- Hints: by them whoever is mentioned finds the messages, and the server learns no more than which are equal.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(36001, 36002, 36003, 36004);
SELECT pg_temp.room(36001, false, 36001, 36002);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (36001, 36003, 'pending');
CREATE FUNCTION pg_temp.say(account bigint, body text, kind text DEFAULT 'message', ref bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.try(account, format('SELECT seq FROM porcupine.send(36001, gen_random_uuid(), %L, 0, %L, %L)', body, kind, ref)) $$;
CREATE FUNCTION pg_temp.hint(account bigint, arguments text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.complain(account, format('SELECT porcupine.hint(36001, %s)', arguments)) $$;
CREATE FUNCTION pg_temp.found(arguments text) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.try(36002, format('SELECT string_agg(m.seq::text, '' '') FROM porcupine.mentions(36001, %s) m', arguments)) $$;
-- The log: three joins, messages 4, 5, 6, an edit 7 and a reaction 8. In the transaction of the send, as it should be:
BEGIN;
SELECT porcupine.act_as(36001);
SELECT s.seq, porcupine.hint(36001, s.seq, ARRAY['\x0011223344556677', '\xffffffffffffffff']::bytea[]) FROM porcupine.send(36001, gen_random_uuid(), 'ada, ben') s;
COMMIT;
SELECT pg_temp.say(36001, 'ada') AS "5", pg_temp.say(36002, 'nobody') AS "6", pg_temp.say(36001, 'ada!', 'edit', 5) AS "7", pg_temp.say(36001, '+', 'reaction', 4) AS "8";
SELECT pg_temp.hint(36001, $$5, ARRAY['\x0011223344556677']::bytea[]$$) AS message, pg_temp.hint(36001, $$7, ARRAY['\x0011223344556677', '\x0011223344556677']::bytea[]$$) AS edit,
       pg_temp.hint(36001, $$5, ARRAY['\x0011223344556677']::bytea[]$$) AS again, pg_temp.hint(36001, $$5, '{}'$$) AS none;
SELECT call, pg_temp.found(call) FROM unnest(ARRAY[$$'\x0011223344556677'$$, $$'\x0011223344556677', 4$$, $$'\x0011223344556677', 7$$, $$'\x0011223344556677', NULL, 1$$, $$'\x0011223344556677', -5, 0$$,
  $$'\xffffffffffffffff'$$, $$'\x00112233445566'$$, 'NULL', $$''$$]) call;
SELECT pg_temp.try(36002, $$SELECT bool_and(m IN (SELECT h FROM porcupine.history(36001) h)) FROM porcupine.mentions(36001, '\x0011223344556677') m$$) AS as_in_the_log;

-- Input that is none.
SELECT arguments, pg_temp.hint(36001, arguments) FROM unnest(ARRAY[$$NULL, ARRAY['\x0011223344556677']::bytea[]$$, $$999, ARRAY['\x0011223344556677']::bytea[]$$, '5, NULL', $$5, ARRAY[NULL]::bytea[]$$,
  $$5, ARRAY['']::bytea[]$$, $$5, ARRAY['1234567']::bytea[]$$, $$5, ARRAY['123456789012345678901234567890123']::bytea[]$$, $$5, ARRAY['12345678', NULL]::bytea[]$$,
  $$1, ARRAY['12345678']::bytea[]$$, $$6, ARRAY['12345678']::bytea[]$$, $$8, ARRAY['12345678']::bytea[]$$,
  $$5, (SELECT array_agg(convert_to('hint-' || i, 'UTF8')) FROM generate_series(100, 199) i)$$, $$5, (SELECT array_agg(convert_to('hint-' || i, 'UTF8')) FROM generate_series(100, 198) i)$$,
  $$5, (SELECT array_agg(convert_to('hint-' || i, 'UTF8')) FROM generate_series(100, 198) i)$$, $$5, ARRAY['one more']::bytea[]$$, $$5, ARRAY[['hint-101', 'hint-102']]::bytea[]$$]) arguments;
SELECT pg_temp.hint(36003, $$5, ARRAY['12345678']::bytea[]$$) AS pending, pg_temp.hint(36004, $$5, ARRAY['12345678']::bytea[]$$) AS stranger, pg_temp.hint(NULL, $$5, ARRAY['12345678']::bytea[]$$) AS nobody;
SELECT account, pg_temp.complain(account, $$SELECT count(*) FROM porcupine.mentions(36001, '\x0011223344556677')$$) FROM unnest(ARRAY[36003, 36004, NULL]) account;

-- A redaction takes them away, with those of the edits; retention too.
SELECT pg_temp.try(36001, 'SELECT porcupine.redact(36001, 5)') AS redacted;
SELECT seq, count(*) FROM porcupine.mention_hints WHERE room_id = 36001 GROUP BY 1 ORDER BY 1;
SELECT pg_temp.hint(36001, $$5, ARRAY['12345678']::bytea[]$$) AS redacted;
UPDATE porcupine.room_heads SET first_seq = 5 WHERE room_id = 36001;
SELECT count(*) AS kept FROM porcupine.mention_hints WHERE room_id = 36001;

DELETE FROM porcupine.rooms WHERE id = 36001;
DELETE FROM porcupine.users WHERE id BETWEEN 36001 AND 36004;
