-- Rooms and who is in them: every change is an event of the room's log, roles hold, and the head is never ahead of the log.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(2001, 2002, 2003, 2004, 2005);

-- create_room
SELECT input, pg_temp.try(2001, format('SELECT r.id IS NOT NULL FROM porcupine.create_room(%s) r', input)) FROM (VALUES
  ('NULL'), (''''''), ('''   '''), ('repeat(''n'', 101)'), ('repeat(''n'', 5000000)'),
  ('''n'', encrypted => NULL'),
  ('''n'', entries => NULL'),
  ('''n'', encrypted => false, entries => ''{a}'''),
  ('''n'', devices => ''{1}'', bundles => ''{b}'''),
  ('''n'', entries => ''{NULL}'''),
  ('''n'', entries => ARRAY[''''::bytea]'),
  ('''n'', entries => ARRAY[decode(repeat(''00'', 8193), ''hex'')]'),
  ('''n'', entries => array_fill(''e''::bytea, ARRAY[257])'),
  ('''n'', entries => ''{e}'', devices => ''{1,2}'', bundles => ''{b}'''),
  ('''n'', entries => ''{e}'', devices => NULL')) AS t (input);
SELECT pg_temp.try(NULL, $$SELECT porcupine.create_room('nobody''s')$$) AS nobody;
SELECT count(*) AS nothing_left_behind FROM porcupine.rooms WHERE created_by = 2001;

BEGIN;
SELECT porcupine.act_as(2001);
SELECT id AS plain FROM porcupine.create_room('  Plain  ', encrypted => false) \gset
SELECT id AS sealed FROM porcupine.create_room('Sealed') \gset
SELECT name, code ~ '^[A-Z0-9]{6}$' AS code, encrypted, role, head, stream = porcupine.current_stream() AS stream, epoch, epoch_open, log, members,
       max_members, created_by, joined_seq, read_seq FROM porcupine.my_rooms();
SELECT r.name FROM porcupine.my_room(:plain) r;
COMMIT;
SELECT code AS plain_code FROM porcupine.rooms WHERE id = :plain \gset
SELECT code AS sealed_code FROM porcupine.rooms WHERE id = :sealed \gset

-- join_room by code: in an encrypted room one waits; joining twice is joining once.
SELECT input, pg_temp.try(2002, format('SELECT porcupine.join_room(%s)', input)) FROM (VALUES
  ('NULL'), (''''''), ('''12345'''), ('''!!!!!!'''), ('repeat(''x'', 257)'), ('repeat(''x'', 256)'), ('''0OO0O0''')) AS t (input);
SELECT pg_temp.try(NULL, format('SELECT porcupine.join_room(%L)', :'plain_code')) AS nobody;
SELECT pg_temp.try(2002, format('SELECT r.role FROM porcupine.join_room(%L) r', '  ' || lower(:'plain_code') || ' ')) AS any_case;
SELECT pg_temp.try(2002, format('SELECT r.role FROM porcupine.join_room(%L) r', :'plain_code')) AS again;
SELECT pg_temp.try(2002, format('SELECT r.role FROM porcupine.join_room(%L) r', :'sealed_code')) AS waiting;
SELECT pg_temp.try(2002, format('SELECT r.role || coalesce(r.code, '' without the code'') FROM porcupine.join_room(%L) r', :'sealed_code')) AS again;
SELECT pg_temp.try(2003, format('SELECT r.role FROM porcupine.join_room(%L) r', :'plain_code'));
SELECT pg_temp.try(2004, format('SELECT r.role FROM porcupine.join_room(%L) r', :'plain_code'));

-- What a waiting one can and cannot do.
SELECT what, pg_temp.complain(2002, format(what, :sealed)) FROM (VALUES
  ('SELECT r.role FROM porcupine.my_room(%s) r'),
  ('SELECT count(*) FROM porcupine.room_members(%s)'),
  ('SELECT count(*) FROM porcupine.control_entries(%s)'),
  ('SELECT count(*) FROM porcupine.history(%s)'),
  ('SELECT count(*) FROM porcupine.since(%s, 0)'),
  ('SELECT porcupine.cursor_state(%s)'),
  ('SELECT porcupine.mark_read(%s, 1)'),
  ('SELECT porcupine.send(%s, gen_random_uuid(), ''x'')'),
  ('SELECT count(*) FROM porcupine.my_epochs(%s)'),
  ('SELECT porcupine.commit_epoch(%s, 1, 0, ''{e}'', ''{}'', ''{}'')'),
  ('SELECT porcupine.create_invite(%s)'),
  ('SELECT porcupine.rename_room(%s, ''mine'')'),
  ('SELECT porcupine.remove_member(%1$s, 2001)'),
  ('SELECT porcupine.delete_room(%s)')) AS t (what);

-- What a stranger, and somebody who asks for a room that is not there, is told: the same.
SELECT what, pg_temp.complain(2005, format(what, :plain)) AS stranger, pg_temp.try(2005, format(what, 2099)) AS no_room,
       pg_temp.try(2005, format(what, 'NULL')) AS null_room, pg_temp.try(NULL, format(what, :plain)) AS nobody FROM (VALUES
  ('SELECT porcupine.my_room(%s)'),
  ('SELECT porcupine.room_members(%s)'),
  ('SELECT porcupine.rename_room(%s, ''mine'')'),
  ('SELECT porcupine.delete_room(%s)'),
  ('SELECT porcupine.leave_room(%s)'),
  ('SELECT porcupine.remove_member(%s, 2001)'),
  ('SELECT porcupine.create_invite(%s)'),
  ('SELECT porcupine.append_entry(%s, 0, ''e'')'),
  ('SELECT porcupine.control_entries(%s)'),
  ('SELECT porcupine.commit_epoch(%s, 1, 0, ''{e}'', ''{}'', ''{}'')'),
  ('SELECT porcupine.my_epochs(%s)'),
  ('SELECT porcupine.history(%s)'),
  ('SELECT porcupine.since(%s, 0)'),
  ('SELECT porcupine.cursor_state(%s)'),
  ('SELECT porcupine.mark_read(%s, 0)'),
  ('SELECT porcupine.send(%s, gen_random_uuid(), ''x'')')) AS t (what);

-- rename_room
SELECT input, pg_temp.try(2001, format('SELECT left(r.name, 20) FROM porcupine.rename_room(%s, %s) r', :plain, input)) FROM (VALUES
  ('NULL'), (''''''), ('''  '''), ('repeat(''n'', 101)'), ('repeat(''ü'', 100)'), (''' New "name" ''')) AS t (input);
SELECT pg_temp.complain(2002, format('SELECT porcupine.rename_room(%s, ''mine'')', :plain)) AS member;

-- Roles given by SQL are events too; removal needs a higher role; nobody removes themselves.
UPDATE porcupine.members SET role = 'admin' WHERE room_id = :plain AND user_id IN (2002, 2003);
UPDATE porcupine.members SET role = 'admin' WHERE room_id = :plain AND user_id = 2002;
SELECT pg_temp.try(2002, format('SELECT r.name FROM porcupine.rename_room(%s, ''By an admin'') r', :plain)) AS admin;
SELECT who, whom, pg_temp.complain(who, format('SELECT porcupine.remove_member(%s, %s)', :plain, coalesce(whom::text, 'NULL'))) FROM (VALUES
  (2004, 2002), (2002, 2003), (2002, 2001), (2002, 2002), (2001, 2001), (2001, 2005), (2001, NULL), (2002, 2004), (2002, 2004)) AS t (who, whom);
SELECT pg_temp.try(2004, format('SELECT porcupine.my_room(%s)', :plain)) AS removed;
-- Whoever was removed may know the old code and the open invites: both have changed.
SELECT pg_temp.try(2004, format('SELECT r.role FROM porcupine.join_room(%L) r', :'plain_code')) AS by_the_old_code;
SELECT code AS plain_code FROM porcupine.rooms WHERE id = :plain \gset
SELECT count(*) AS open_invites FROM porcupine.invites WHERE room_id = :plain AND expires_at > clock_timestamp();
SELECT pg_temp.try(2004, format('SELECT r.role FROM porcupine.join_room(%L) r', :'plain_code')) AS back;

-- leave_room: an owner hands over to the longest-standing admin, then to a member, never to one who waits.
SELECT pg_temp.try(2001, format('SELECT porcupine.leave_room(%s)', :plain)) AS owner_leaves;
SELECT username, role, joined_seq FROM porcupine.members m JOIN porcupine.users u ON u.id = m.user_id WHERE room_id = :plain ORDER BY joined_seq;
SELECT pg_temp.try(2001, format('SELECT porcupine.leave_room(%s)', :plain)) AS again;
SELECT pg_temp.try(2002, format('SELECT porcupine.leave_room(%s, 0, ''entry'')', :plain)) AS entry_in_a_plain_room;
SELECT pg_temp.try(2001, format('SELECT porcupine.leave_room(%s, 1, ''entry'')', :sealed)) AS wrong_index;
SELECT pg_temp.try(2001, format('SELECT porcupine.leave_room(%s, 0, ''entry'')', :sealed)) AS with_entry;
SELECT username, role FROM porcupine.members m JOIN porcupine.users u ON u.id = m.user_id WHERE room_id = :sealed;

-- The place is limited, whoever adds.
UPDATE porcupine.rooms SET max_members = 3 WHERE id = :plain;
SELECT pg_temp.complain(2005, format('SELECT porcupine.join_room(%L)', :'plain_code')) AS full_by_code;
\set VERBOSITY sqlstate
INSERT INTO porcupine.members (room_id, user_id) VALUES (:plain, 2005);
-- Nor can SQL join a user twice, or to a room that is not there.
INSERT INTO porcupine.members (room_id, user_id) VALUES (:plain, 2002);
INSERT INTO porcupine.members (room_id, user_id) VALUES (-1, 2002);

-- The whole story of both rooms, and the heads agree with it.
SELECT seq, kind, epoch, ref, body FROM pg_temp.log_of(:plain);
SELECT seq, kind, sender_id, epoch, ref, body FROM pg_temp.log_of(:sealed);
SELECT h.last_seq = max(e.seq) AND h.last_seq = count(*) AS gap_free, h.log_length, h.epoch, h.epoch_open
  FROM porcupine.room_heads h JOIN porcupine.events e USING (room_id) WHERE room_id IN (:plain, :sealed) GROUP BY room_id, h.last_seq, 2, 3, 4 ORDER BY room_id;
SELECT a.actor_id, a.subject_id, a.action, a.detail FROM porcupine.audit a WHERE a.room_id = :plain ORDER BY a.id;

-- A member who goes by SQL, and whose account goes.
DELETE FROM porcupine.members WHERE room_id = :plain AND user_id = 2003;
DELETE FROM porcupine.users WHERE id = 2004;
SELECT seq - (SELECT last_seq FROM porcupine.room_heads WHERE room_id = :plain) AS from_the_end, kind, body FROM pg_temp.log_of(:plain) ORDER BY seq DESC LIMIT 2;

-- delete_room takes the log along, and only the owner may.
SELECT pg_temp.try(2005, format('SELECT porcupine.delete_room(%s)', :plain)) AS stranger;
SELECT pg_temp.try(2002, format('SELECT porcupine.delete_room(%s)', :plain)) AS owner;
SELECT pg_temp.try(2002, format('SELECT porcupine.my_room(%s)', :plain)) AS gone;
DELETE FROM porcupine.rooms WHERE id = :sealed;
SELECT count(*) AS events_left FROM porcupine.events WHERE room_id IN (:plain, :sealed);
SELECT actor_id, action FROM porcupine.audit WHERE room_id = :plain ORDER BY id DESC LIMIT 1;
DELETE FROM porcupine.users WHERE id BETWEEN 2001 AND 2005;
