-- Roles: who gives which to whom, who removes whom, and how a room is handed over. A reader reads.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- By their number: 1 owner, 2 admin, 3 moderator, 4 member, 5 reader, 6 and 7 further members, 8 pending, 9 a stranger.
SELECT pg_temp.people(4201, 4202, 4203, 4204, 4205, 4206, 4207, 4208, 4209);
SELECT pg_temp.room(4201, true, 4201, 4202, 4203, 4204, 4205, 4206, 4207);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (4201, 4208, 'pending');
CREATE FUNCTION pg_temp.roles() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(user_id - 4200 || ' ' || role, ', ' ORDER BY user_id) FROM porcupine.members WHERE room_id = 4201 $$;

-- The owner gives any role below their own.
SELECT whom, new_role, pg_temp.complain(4201, format('SELECT porcupine.set_role(4201, %s, %L)', whom, new_role)) FROM (VALUES
  (4202, 'admin'), (4206, 'admin'), (4203, 'moderator'), (4205, 'reader')) t (whom, new_role);
SELECT pg_temp.roles();
SELECT pg_temp.complain(4201, 'SELECT porcupine.set_role(4201, 4206, ''admin'')') AS the_same_again;

-- Everybody tries everything; each attempt is undone, and only what was allowed is shown.
CREATE FUNCTION pg_temp.attempt(who bigint, whom bigint, new_role text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  said text;
BEGIN
  BEGIN
    said := pg_temp.try(who, format('SELECT porcupine.set_role(4201, %s, %L)', whom, new_role));
    RAISE EXCEPTION USING ERRCODE = 'P9999', MESSAGE = said;
  EXCEPTION WHEN SQLSTATE 'P9999' THEN
    RETURN SQLERRM;
  END;
END
$$;
SELECT who, whom, string_agg(new_role, ' ' ORDER BY new_role::porcupine.role) AS may_become
  FROM unnest('{1,2,3,4,5,6,8,9}'::int[]) who, unnest('{1,2,3,4,5,6,8,9}'::int[]) whom, unnest(enum_range(NULL::porcupine.role)::text[]) new_role
 WHERE pg_temp.attempt(4200 + who, 4200 + whom, new_role) = '' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT pg_temp.roles();

-- What they are told.
SELECT who, whom, new_role, pg_temp.complain(who, format('SELECT porcupine.set_role(4201, %s, %L)', coalesce(whom::text, 'NULL'), new_role)) FROM (VALUES
  (4201, 4204, 'pending'), (4201, 4204, 'owner'), (4201, 4204, NULL), (4201, 4201, 'admin'), (4201, 4209, 'member'), (4201, NULL, 'member'),
  (4201, 4208, 'member'), (4202, 4206, 'member'), (4202, 4201, 'member'), (4202, 4204, 'admin'), (4203, 4204, 'reader'), (4203, 4203, 'admin'),
  (4205, 4205, 'member'), (4208, 4208, 'reader'), (4209, 4204, 'reader'), (NULL, 4204, 'reader')) t (who, whom, new_role);

-- Stepping down.
SELECT pg_temp.try(4206, 'SELECT porcupine.set_role(4201, 4206, ''moderator'')') AS steps_down;
SELECT pg_temp.try(4206, 'SELECT porcupine.set_role(4201, 4206, ''admin'')') AS not_up_again;
SELECT pg_temp.roles();

-- Removing: moderators and above, and only those below themselves.
CREATE FUNCTION pg_temp.attempt_removal(who bigint, whom bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  said text;
BEGIN
  BEGIN
    said := pg_temp.try(who, format('SELECT porcupine.remove_member(4201, %s)', whom));
    RAISE EXCEPTION USING ERRCODE = 'P9999', MESSAGE = said;
  EXCEPTION WHEN SQLSTATE 'P9999' THEN
    RETURN SQLERRM;
  END;
END
$$;
SELECT who, string_agg(whom::text, ' ' ORDER BY whom) AS may_remove FROM generate_series(1, 9) who, generate_series(1, 9) whom
 WHERE pg_temp.attempt_removal(4200 + who, 4200 + whom) = '' GROUP BY 1 ORDER BY 1;
SELECT who, whom, pg_temp.complain(who, format('SELECT porcupine.remove_member(4201, %s)', whom)) FROM (VALUES (4204, 4205), (4203, 4206), (4203, 4209)) t (who, whom);
-- An epoch may remove whom its committer may.
SELECT pg_temp.complain(4204, $$SELECT porcupine.commit_epoch(4201, 1, 0, '{e}', '{}', '{}', '{4205}')$$) AS member_removes;
SELECT pg_temp.complain(4205, $$SELECT porcupine.commit_epoch(4201, 1, 0, '{e}', '{}', '{}')$$) AS reader_commits;

-- A reader reads.
SELECT what, pg_temp.complain(4205, format(what, 4201)) FROM (VALUES
  ('SELECT count(*) > 0 FROM porcupine.history(%s)'),
  ('SELECT count(*) FROM porcupine.room_members(%s)'),
  ('SELECT porcupine.mark_read(%s, 1)'),
  ('SELECT count(*) FROM porcupine.my_epochs(%s)'),
  ('SELECT porcupine.create_invite(%s)')) AS t (what);

-- Handing over: one owner, before and after.
SELECT who, whom, pg_temp.complain(who, format('SELECT r.role FROM porcupine.transfer_room(4201, %s) r', coalesce(whom::text, 'NULL'))) FROM (VALUES
  (4202, 4203), (4204, 4204), (4208, 4204), (4209, 4204), (NULL, 4204), (4201, 4201), (4201, 4208), (4201, 4209), (4201, NULL), (4201, 4205), (4201, 4205), (4205, 4201)) t (who, whom);
SELECT pg_temp.roles();
SELECT kind, body FROM pg_temp.log_of(4201) WHERE kind = 'member.role';
SELECT actor_id, subject_id, action, detail FROM porcupine.audit WHERE room_id = 4201 AND action = 'member.role' ORDER BY id;

-- An owner who goes is followed by the highest role, of these by who came first.
SELECT pg_temp.try(4201, 'SELECT porcupine.leave_room(4201)') AS owner_leaves;
SELECT pg_temp.roles();
SELECT pg_temp.try(4202, 'SELECT porcupine.leave_room(4201)') AS owner_leaves;
SELECT pg_temp.roles();

-- In a room that is not encrypted nobody needs a key: a role lets a pending member in. And an archived room's roles stay.
SELECT pg_temp.room(4202, false, 4201, 4202);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (4202, 4208, 'pending');
SELECT pg_temp.try(4201, 'SELECT porcupine.set_role(4202, 4208, ''reader'')') AS let_in;
SELECT pg_temp.try(4208, 'SELECT count(*) FROM porcupine.history(4202)') AS reads;
SELECT pg_temp.try(4201, 'SELECT r.archived FROM porcupine.archive_room(4202) r') AS archived;
SELECT pg_temp.complain(4201, 'SELECT porcupine.set_role(4202, 4202, ''reader'')') AS set_role, pg_temp.try(4201, 'SELECT porcupine.transfer_room(4202, 4202)') AS transfer;
DELETE FROM porcupine.rooms WHERE id IN (4201, 4202);
DELETE FROM porcupine.users WHERE id BETWEEN 4201 AND 4209;
