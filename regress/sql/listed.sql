-- Listed rooms are found and joined by anybody with an account, others by nobody who does not know them.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(4501, 4502, 4503);
SELECT pg_temp.room(4510 + i, i = 3, 4501) FROM generate_series(1, 6) i;
UPDATE porcupine.rooms SET listed = true WHERE id BETWEEN 4511 AND 4515;
UPDATE porcupine.rooms SET name = 'Ops', description = '100% on call' WHERE id = 4511;
UPDATE porcupine.rooms SET name = 'Overview', description = 'for ops_people' WHERE id = 4512;
UPDATE porcupine.rooms SET approval = true WHERE id = 4514;
UPDATE porcupine.room_heads SET archived = true WHERE room_id = 4515;
INSERT INTO porcupine.members (room_id, user_id) VALUES (4511, 4502);
SELECT pg_temp.try(4502, 'SELECT j.name FROM porcupine.request_to_join(room => 4514) j') AS asks;

-- What one sees: neither the archived one, nor the one that is not listed, nor any code.
BEGIN;
SELECT porcupine.act_as(4502);
SELECT id, name, description, encrypted, approval, members, max_members, role, requested FROM porcupine.list_rooms();
COMMIT;

-- Pages, in order of the id.
SELECT input, pg_temp.try(4503, format('SELECT string_agg((l.id - 4510)::text, '' '' ORDER BY l.id) FROM porcupine.list_rooms(%s) l', input)) FROM (VALUES
  ('max => 2'), ('after => 4512, max => 2'), ('after => 4514'), ('max => 0'), ('max => -1'), ('max => NULL'), ('max => 1000'), ('after => -1, max => 1'),
  ('''OPS'''), (''' ops '''), ('''100%'''), ('''_'''), ('''%'''), ('''OVER'''), ('''nothing'''), (''''''), ('''room'', 4513'),
  ('repeat(''s'', 100)'), ('repeat(''s'', 101)')) t (input);
SELECT pg_temp.try(NULL, 'SELECT porcupine.list_rooms()') AS nobody;

-- join_listed
SELECT room, pg_temp.complain(4503, format('SELECT r.role FROM porcupine.join_listed(%s) r', coalesce(room::text, 'NULL'))) FROM (VALUES
  (4512), (4512), (4513), (4514), (4515), (4516), (4599), (NULL)) t (room);
SELECT pg_temp.complain(4501, 'SELECT r.role FROM porcupine.join_listed(4516) r') AS is_in_already;
SELECT pg_temp.try(NULL, 'SELECT porcupine.join_listed(4512)') AS nobody;
SELECT pg_temp.try(4501, 'SELECT porcupine.ban_user(4511, 4503)') AS banned, pg_temp.complain(4503, 'SELECT porcupine.join_listed(4511)') AS joins;
UPDATE porcupine.rooms SET max_members = 2 WHERE id = 4512;
SELECT pg_temp.complain(4502, 'SELECT porcupine.join_listed(4512)') AS full_room;
SELECT kind, body FROM pg_temp.log_of(4512) WHERE kind = 'member.joined';
SELECT pg_temp.try(4501, 'SELECT r.listed FROM porcupine.change_room(4511, listed => false) r') AS listed;
SELECT pg_temp.try(4503, 'SELECT string_agg((l.id - 4510)::text, '' '' ORDER BY l.id) FROM porcupine.list_rooms() l') AS listed;
DELETE FROM porcupine.rooms WHERE id BETWEEN 4511 AND 4516;
DELETE FROM porcupine.users WHERE id BETWEEN 4501 AND 4503;
