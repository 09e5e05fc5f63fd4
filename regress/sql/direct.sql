-- Direct rooms: made once for each pair, found again by either; nobody has a say over the other, and no third comes in.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- 1, 2 and 3 are in a room with each other, 4 waits there, 5 is a stranger, 6 is disabled.
SELECT pg_temp.people(4601, 4602, 4603, 4604, 4605, 4606);
SELECT pg_temp.room(4601, true, 4601, 4602, 4603, 4606);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (4601, 4604, 'pending');
UPDATE porcupine.users SET disabled_at = now() WHERE id = 4606;
INSERT INTO porcupine.devices (id, user_id, name, keys) SELECT u, u, 'device', 'keys' FROM generate_series(4601, 4605) u;
INSERT INTO porcupine.devices (id, user_id, name, keys, revoked_at) VALUES (4612, 4602, 'revoked', 'keys', now());
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
  SELECT u, u, u, now() + interval '1 hour', sha256(convert_to('direct' || u, 'UTF8')) FROM generate_series(4601, 4605) u;
CREATE FUNCTION pg_temp.people_in(room bigint) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(user_id || ' ' || role, ', ' ORDER BY user_id) FROM porcupine.members WHERE room_id = room $$;

-- Made, and found again by both.
SELECT pg_temp.by_session(4602, $$SELECT concat_ws('|', r.name, coalesce(r.code, 'no code'), r.encrypted, r.role, r.direct, r.members, r.max_members)
  FROM porcupine.direct_room(4601, encrypted => false) r$$) AS made;
SELECT room_id AS room FROM porcupine.direct_rooms WHERE low = 4601 AND high = 4602 \gset
SELECT pg_temp.by_session(4601, 'SELECT r.id FROM porcupine.direct_room(4602) r') = :'room' AS found, pg_temp.by_session(4602, 'SELECT r.id FROM porcupine.direct_room(4601) r') = :'room' AS again;
SELECT count(*) AS direct_rooms FROM porcupine.direct_rooms WHERE low = 4601;
SELECT pg_temp.people_in(:room);
SELECT pg_temp.by_session(4601, format('SELECT seq FROM porcupine.send(%s, gen_random_uuid(), ''hi'')', :room)) AS sends,
       pg_temp.by_session(4602, format('SELECT seq FROM porcupine.send(%s, gen_random_uuid(), ''hi'')', :room)) AS sends;
SELECT seq, kind, sender_id, body FROM pg_temp.log_of(:room);

-- Refusals.
SELECT session, input, pg_temp.by_session(session, format('SELECT porcupine.direct_room(%s)', input)) FROM (VALUES
  (4601, '4601'), (4601, 'NULL'), (4601, '4605'), (4601, '4606'), (4601, '4699'), (4601, '-1'), (4604, '4601'), (4605, '4601'),
  (4601, '4603, NULL'), (4601, '4603, false, ''{e}'''), (4601, '4603, true, NULL'), (4601, '4603, true, ''{}'', ''{4601}'', ''{b}'''),
  (4601, '4603, true, ''{e}'', ''{4601}'', ''{}''')) t (session, input);
SELECT pg_temp.try(NULL, 'SELECT porcupine.direct_room(4602)') AS nobody;
SELECT count(*) AS nothing_left_behind FROM porcupine.rooms WHERE direct AND created_by BETWEEN 4601 AND 4606;

-- Neither has a say, and there is no way in.
SELECT what, pg_temp.try(4601, format(what, :room)) AS tried FROM (VALUES
  ('SELECT porcupine.change_room(%s, listed => true)'), ('SELECT porcupine.rename_room(%s, ''ours'')'), ('SELECT porcupine.rotate_code(%s)'),
  ('SELECT porcupine.create_invite(%s)'), ('SELECT porcupine.archive_room(%s)'), ('SELECT porcupine.delete_room(%s)'),
  ('SELECT porcupine.remove_member(%s, 4602)'), ('SELECT porcupine.ban_user(%s, 4602)'), ('SELECT porcupine.ban_user(%s, 4603)'),
  ('SELECT porcupine.mute_member(%s, 4602, now() + interval ''1 hour'')'), ('SELECT porcupine.set_role(%s, 4602, ''reader'')'),
  ('SELECT porcupine.set_role(%s, 4601, ''reader'')'), ('SELECT porcupine.transfer_room(%s, 4602)')) AS t (what);
\set VERBOSITY sqlstate
INSERT INTO porcupine.members (room_id, user_id) VALUES (:room, 4603);
INSERT INTO porcupine.direct_rooms (low, high, room_id) VALUES (4603, 4601, 4601);
\set VERBOSITY default

-- Leaving, and being brought back, by either. Whoever stays goes on reading.
SELECT pg_temp.by_session(4601, format('SELECT porcupine.leave_room(%s)', :room)) AS leaves;
SELECT pg_temp.people_in(:room);
SELECT pg_temp.by_session(4602, format('SELECT count(*) > 0 FROM porcupine.history(%s)', :room)) AS reads;
SELECT pg_temp.by_session(4601, 'SELECT r.id FROM porcupine.direct_room(4602) r') = :'room' AS comes_back;
SELECT pg_temp.people_in(:room);
SELECT pg_temp.by_session(4601, format('SELECT porcupine.leave_room(%s)', :room)) AS leaves;
SELECT pg_temp.by_session(4602, 'SELECT r.id FROM porcupine.direct_room(4601) r') = :'room' AS is_brought_back;
SELECT pg_temp.people_in(:room);

-- Somebody who was disabled is not brought back, but the room is still found.
SELECT pg_temp.by_session(4602, format('SELECT porcupine.leave_room(%s)', :room)) AS leaves;
UPDATE porcupine.users SET disabled_at = now() WHERE id = 4602;
SELECT pg_temp.by_session(4601, 'SELECT r.id FROM porcupine.direct_room(4602) r') = :'room' AS found;
UPDATE porcupine.users SET disabled_at = NULL WHERE id = 4602;
SELECT pg_temp.people_in(:room);

-- When both have left it is deleted, and the next one is another.
SELECT pg_temp.by_session(4601, format('SELECT porcupine.leave_room(%s)', :room)) AS leaves;
SELECT count(*) AS rooms, (SELECT count(*) FROM porcupine.events WHERE room_id = :room) AS events, (SELECT count(*) FROM porcupine.direct_rooms WHERE low = 4601) AS pairs
  FROM porcupine.rooms WHERE id = :room;
SELECT actor_id, subject_id, action, detail FROM porcupine.audit WHERE room_id = :room ORDER BY id;
SELECT pg_temp.by_session(4601, 'SELECT r.id FROM porcupine.direct_room(4602, false) r') <> :'room' AS another;

-- Encrypted. The caller's client brings entries and bundles; the other is let in at once by a bundle for their device, or waits.
SELECT pg_temp.by_session(4601, $$SELECT r.role || ' ' || r.log FROM porcupine.direct_room(4603, true, '{create,add,rotate}', '{4601,4603}', '{mine,theirs}') r$$) AS with_bundles;
SELECT room_id AS room FROM porcupine.direct_rooms WHERE low = 4601 AND high = 4603 \gset
SELECT pg_temp.people_in(:room);
SELECT seq, kind, sender_id, body FROM pg_temp.log_of(:room);
SELECT pg_temp.by_session(4603, format('SELECT encode(bundle, ''escape'') FROM porcupine.my_epochs(%s)', :room)) AS bundle;
SELECT pg_temp.by_session(4602, $$SELECT r.role || ' ' || r.log FROM porcupine.direct_room(4603, true, '{create,rotate}', '{4602}', '{mine}') r$$) AS without;
SELECT room_id AS waiting FROM porcupine.direct_rooms WHERE low = 4602 AND high = 4603 \gset
SELECT pg_temp.people_in(:waiting);
SELECT pg_temp.by_session(4602, format('SELECT c.committed FROM porcupine.commit_epoch(%s, 1, 2, ''{add,rotate}'', ''{4602,4603}'', ''{a,b}'') c', :waiting)) AS let_in;
SELECT pg_temp.people_in(:waiting);
-- A revoked device does not let in.
SELECT pg_temp.by_session(4603, format('SELECT porcupine.leave_room(%s)', :waiting)) AS leaves, pg_temp.by_session(4602, format('SELECT porcupine.leave_room(%s)', :waiting)) AS leaves;
SELECT pg_temp.by_session(4603, $$SELECT r.role FROM porcupine.direct_room(4602, true, '{create,rotate}', '{4603,4612}', '{mine,b}') r$$) AS revoked_device;
SELECT room_id AS waiting FROM porcupine.direct_rooms WHERE low = 4602 AND high = 4603 \gset
SELECT pg_temp.people_in(:waiting);
-- Who comes back waits for a key, and when the one who has it goes, the room goes, for nobody could let anybody in.
SELECT pg_temp.by_session(4603, format('SELECT porcupine.leave_room(%s)', :room)) AS leaves;
SELECT pg_temp.by_session(4603, 'SELECT r.role FROM porcupine.direct_room(4601) r') AS comes_back;
SELECT pg_temp.people_in(:room);
SELECT pg_temp.by_session(4601, format('SELECT porcupine.leave_room(%s)', :room)) AS leaves;
SELECT count(*) AS rooms FROM porcupine.rooms WHERE id = :room;

-- A backend brings any two together.
SELECT pg_temp.try(4604, 'SELECT r.role FROM porcupine.direct_room(4605, false) r') AS by_act_as;
SELECT pg_temp.try(4604, 'SELECT porcupine.direct_room(4606, false)') AS disabled, pg_temp.try(4604, 'SELECT porcupine.direct_room(4699, false)') AS no_such_user;

-- An account that goes takes the pair along, and leaves the other with what was said.
SELECT room_id AS room FROM porcupine.direct_rooms WHERE low = 4604 AND high = 4605 \gset
DELETE FROM porcupine.users WHERE id = 4605;
SELECT pg_temp.people_in(:room), (SELECT count(*) FROM porcupine.direct_rooms WHERE low = 4604) AS pairs;
DELETE FROM porcupine.rooms WHERE id = 4601 OR created_by BETWEEN 4601 AND 4606;
SELECT count(*) AS left_behind FROM porcupine.direct_rooms WHERE low BETWEEN 4601 AND 4606;
DELETE FROM porcupine.users WHERE id BETWEEN 4601 AND 4606;
