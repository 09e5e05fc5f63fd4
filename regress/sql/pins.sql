-- Pins: moderators make them and take them away, the log says so, there are a hundred at most, and none outlives its message.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(35001, 35002, 35003, 35004, 35005);
SELECT pg_temp.room(35001, false, 35001, 35002, 35003);
UPDATE porcupine.members SET role = 'moderator' WHERE room_id = 35001 AND user_id = 35002;
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (35001, 35004, 'pending');
CREATE FUNCTION pg_temp.say(account bigint, body text, kind text DEFAULT 'message', ref bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.try(account, format('SELECT seq FROM porcupine.send(35001, gen_random_uuid(), %L, 0, %L, %L)', body, kind, ref)) $$;
CREATE FUNCTION pg_temp.ask(account bigint, call text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.complain(account, 'SELECT porcupine.' || call) $$;
CREATE FUNCTION pg_temp.pinned() RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.try(35003, 'SELECT string_agg(p.seq || '' by '' || p.pinned_by, '', '') FROM porcupine.pins(35001) p') $$;
SELECT pg_temp.say(35003, 'pin me') AS a \gset
SELECT pg_temp.say(35003, 'pin me!', 'edit', :a) AS edit, pg_temp.say(35001, '+', 'reaction', :a) AS reaction, porcupine.append_event(35001, 'system', 'the application') AS system, pg_temp.say(35003, 'me, too', 'message', :a) AS b \gset

-- Who may: moderators and up.
SELECT account, pg_temp.ask(account, format('pin(35001, %s)', :a)) AS pin, pg_temp.ask(account, format('unpin(35001, %s)', :a)) AS unpin FROM unnest(ARRAY[35003, 35004, 35005, NULL]) account;
SELECT pg_temp.complain(35004, 'SELECT * FROM porcupine.pins(35001)') AS pending, pg_temp.complain(35005, 'SELECT * FROM porcupine.pins(35001)') AS stranger;
-- What: messages, the application's too.
SELECT input, pg_temp.ask(35002, format('pin(35001, %s)', input)) AS pin, pg_temp.ask(35002, format('unpin(35001, %s)', input)) AS unpin
  FROM unnest(ARRAY['NULL', '0', '-1', '999', '1', :'edit', :'reaction']) input;
SELECT pg_temp.pinned();
SELECT pg_temp.ask(35002, format('pin(35001, %s)', :a)) AS message, pg_temp.ask(35001, format('pin(35001, %s)', :system)) AS system, pg_temp.ask(35001, format('pin(35001, %s)', :b)) AS reply;
SELECT pg_temp.pinned();
-- Again changes nothing, whoever does it; a pin can be taken away once.
SELECT pg_temp.ask(35001, format('pin(35001, %s)', :a)) AS again;
SELECT pg_temp.ask(35002, format('unpin(35001, %s)', :system)) AS unpin, pg_temp.ask(35002, format('unpin(35001, %s)', :system)) AS again;
SELECT pg_temp.pinned();
SELECT kind, sender_id, ref - :a AS ref, body FROM pg_temp.log_of(35001) WHERE seq > :b ORDER BY seq;
-- Not in an archive.
UPDATE porcupine.room_heads SET archived = true WHERE room_id = 35001;
SELECT pg_temp.ask(35001, format('pin(35001, %s)', :system)) AS pin, pg_temp.ask(35001, format('unpin(35001, %s)', :a)) AS unpin, pg_temp.pinned();
UPDATE porcupine.room_heads SET archived = false WHERE room_id = 35001;

-- A redaction takes the pin along, and nothing redacted is pinned.
SELECT pg_temp.try(35003, format('SELECT porcupine.redact(35001, %s) > 0', :b)) AS redacted;
SELECT pg_temp.pinned(), pg_temp.ask(35002, format('pin(35001, %s)', :b)) AS pin;
-- So does retention.
SELECT pg_temp.say(35003, 'last') AS last \gset
SELECT pg_temp.ask(35002, format('pin(35001, %s)', :last)) AS pin;
UPDATE porcupine.room_heads SET first_seq = :last WHERE room_id = 35001;
SELECT pg_temp.pinned() = :last || ' by 35002' AS only_the_last;
-- A hundred at most.
SELECT count(pg_temp.ask(35001, format('pin(35001, %s)', s.seq))) FROM (SELECT pg_temp.say(35001, 'nr ' || i) AS seq FROM generate_series(1, 99) i) s;
SELECT pg_temp.ask(35001, format('pin(35001, %s)', pg_temp.say(35001, 'one more'))) AS more, pg_temp.ask(35001, format('pin(35001, %s)', :last)) AS again, count(*) FROM porcupine.pins WHERE room_id = 35001;
-- Whoever has pinned may go.
DELETE FROM porcupine.users WHERE id = 35002;
SELECT count(*), count(pinned_by) AS by_somebody FROM porcupine.pins WHERE room_id = 35001;

DELETE FROM porcupine.rooms WHERE id = 35001;
SELECT count(*) FROM porcupine.pins;
DELETE FROM porcupine.users WHERE id BETWEEN 35001 AND 35005;
