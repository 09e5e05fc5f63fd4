-- What a room is, is changed by its admins; each change is one event that says what changed. An archived room is read and left,
-- not written to. The code is drawn anew or switched off.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(4101, 4102, 4103, 4104);
SELECT pg_temp.room(4101, false, 4101, 4102, 4103);
UPDATE porcupine.members SET role = 'admin' WHERE room_id = 4101 AND user_id = 4102;

-- change_room: what is null stays; what stays as it was is no event.
SELECT pg_temp.try(4101, $$SELECT concat_ws('|', r.name, r.description, r.listed, r.approval, r.max_members) FROM porcupine.change_room(4101) r$$) AS nothing;
SELECT pg_temp.try(4102, $$SELECT concat_ws('|', r.name, r.description, r.listed, r.approval, r.max_members)
  FROM porcupine.change_room(4101, ' Ops ', 'Who is on call', true, true, 5) r$$) AS everything;
SELECT pg_temp.try(4102, $$SELECT r.name FROM porcupine.change_room(4101, 'Ops', 'Who is on call', true, true, 5) r$$) AS again;
SELECT pg_temp.try(4101, $$SELECT concat_ws('|', r.name, r.description, r.listed, r.approval, r.max_members)
  FROM porcupine.change_room(4101, description => '', listed => false, approval => false) r$$) AS three_of_them;
UPDATE porcupine.rooms SET retention = '30 days' WHERE id = 4101;
SELECT input, pg_temp.complain(4101, format('SELECT porcupine.change_room(4101, %s)', input)) FROM (VALUES
  (''''''), ('''   '''), ('repeat(''n'', 101)'), ('description => repeat(''n'', 1001)'), ('max_members => 0'), ('max_members => -1')) AS t (input);
SELECT pg_temp.try(4101, $$SELECT length(r.description) FROM porcupine.change_room(4101, description => repeat('ü', 1000)) r$$) AS longest;
SELECT seq, kind, body FROM pg_temp.log_of(4101) WHERE seq > 4;
SELECT actor_id, action, left(detail::text, 60) AS detail FROM porcupine.audit WHERE room_id = 4101 AND action LIKE 'room.%' ORDER BY id;

-- The code: drawn anew, switched off, and not switched on by a removal.
SELECT pg_temp.try(4101, $$SELECT r.code ~ '^[A-Z0-9]{6}$' AND r.code <> 'R04101' FROM porcupine.rotate_code(4101) r$$) AS another;
SELECT pg_temp.complain(4104, $$SELECT porcupine.join_room('R04101')$$) AS by_the_old_one;
SELECT pg_temp.try(4102, $$SELECT coalesce(r.code, 'none') FROM porcupine.disable_code(4101) r$$) AS off;
SELECT pg_temp.try(4102, $$SELECT coalesce(r.code, 'none') FROM porcupine.disable_code(4101) r$$) AS again;
SELECT pg_temp.try(4101, $$SELECT porcupine.remove_member(4101, 4103)$$) AS removed;
SELECT code FROM porcupine.rooms WHERE id = 4101;
SELECT pg_temp.try(4101, $$SELECT r.code IS NOT NULL FROM porcupine.rotate_code(4101) r$$) AS "on";
SELECT seq, kind, body FROM pg_temp.log_of(4101) WHERE seq > 8;

-- Archived: nothing but reading, and what makes people fewer.
INSERT INTO porcupine.members (room_id, user_id) VALUES (4101, 4103);
SELECT pg_temp.try(4102, 'SELECT r.archived FROM porcupine.archive_room(4101) r') AS archived;
SELECT pg_temp.try(4102, 'SELECT r.archived FROM porcupine.archive_room(4101) r') AS again;
SELECT code FROM porcupine.rooms WHERE id = 4101 \gset
SELECT what, pg_temp.complain(who, what) FROM (VALUES
  (4101, 'SELECT porcupine.change_room(4101, ''x'')'),
  (4101, 'SELECT porcupine.rename_room(4101, ''x'')'),
  (4101, 'SELECT porcupine.rotate_code(4101)'),
  (4101, 'SELECT porcupine.disable_code(4101)'),
  (4101, 'SELECT porcupine.create_invite(4101)'),
  (4101, 'SELECT porcupine.append_entry(4101, 0, ''e'')'),
  (4101, 'SELECT porcupine.commit_epoch(4101, 1, 0, ''{e}'', ''{}'', ''{}'')'),
  (4103, 'SELECT porcupine.archive_room(4101)'),
  (4103, 'SELECT porcupine.unarchive_room(4101)'),
  (4103, 'SELECT count(*) FROM porcupine.history(4101)'),
  (4103, 'SELECT count(*) FROM porcupine.room_members(4101)'),
  (4103, 'SELECT porcupine.mark_read(4101, 3)'),
  (4101, 'SELECT porcupine.remove_member(4101, 4103)'),
  (4102, 'SELECT porcupine.leave_room(4101)')) AS t (who, what);
SELECT code FROM porcupine.rooms WHERE id = 4101 \gset
SELECT pg_temp.complain(4104, format('SELECT porcupine.join_room(%L)', :'code')) AS join_by_code;
SELECT pg_temp.try(4101, format('SELECT r.archived FROM porcupine.join_room(%L) r', :'code')) AS is_in_already;
SELECT pg_temp.try(4101, 'SELECT r.archived FROM porcupine.unarchive_room(4101) r') AS opened;
SELECT pg_temp.try(4101, 'SELECT r.archived FROM porcupine.unarchive_room(4101) r') AS again;
SELECT pg_temp.try(4104, format('SELECT r.role FROM porcupine.join_room(%L) r', :'code')) AS join_by_code;
SELECT kind, body FROM pg_temp.log_of(4101) WHERE seq > 13;

-- Who may not: a member, a stranger, nobody; nor is a room found that is not there.
SELECT what, pg_temp.complain(4104, format(what, 4101)) AS member, pg_temp.try(4103, format(what, 4101)) AS stranger,
       pg_temp.try(4101, format(what, 4199)) AS no_room, pg_temp.try(4101, format(what, 'NULL')) AS null_room, pg_temp.try(NULL, format(what, 4101)) AS nobody
  FROM (VALUES
  ('SELECT porcupine.change_room(%s, description => ''mine'')'),
  ('SELECT porcupine.archive_room(%s)'),
  ('SELECT porcupine.unarchive_room(%s)'),
  ('SELECT porcupine.rotate_code(%s)'),
  ('SELECT porcupine.disable_code(%s)')) AS t (what);

-- An archived room can be deleted.
SELECT pg_temp.try(4101, 'SELECT r.archived FROM porcupine.archive_room(4101) r') AS archived;
SELECT pg_temp.try(4101, 'SELECT porcupine.delete_room(4101)') AS deleted;
SELECT count(*) AS left_behind FROM porcupine.events WHERE room_id = 4101;
DELETE FROM porcupine.users WHERE id BETWEEN 4101 AND 4104;
