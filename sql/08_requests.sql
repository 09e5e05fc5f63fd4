-- The list of rooms that anybody may find, and requests to join. A request is no event of the room's log, which is for members: the
-- membership doorbell of whoever may decide rings instead, and so does the asker's when it is decided.

CREATE INDEX rooms_listed_idx ON porcupine.rooms (id) WHERE listed;

CREATE TABLE porcupine.join_requests (
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  user_id bigint NOT NULL REFERENCES porcupine.users ON DELETE CASCADE,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  message text NOT NULL DEFAULT '' CHECK (length(message) <= 500),
  PRIMARY KEY (room_id, user_id)
);
CREATE INDEX join_requests_user_id_idx ON porcupine.join_requests (user_id);
COMMENT ON TABLE porcupine.join_requests IS 'who waits to be approved by a moderator; message is plain text';

CREATE TYPE porcupine.join_request AS (
  room_id bigint, name text, user_id bigint, username text, display_name text, message text, requested_at timestamptz);
COMMENT ON TYPE porcupine.join_request IS 'a request to join, with the name of the room and of who asks';

CREATE TYPE porcupine.listed_room AS (
  id bigint, name text, description text, encrypted boolean, approval boolean, members bigint, max_members integer, created_at timestamptz,
  role porcupine.role, requested boolean);
COMMENT ON TYPE porcupine.listed_room IS
  'a room as anybody finds it in the list; role is what the current user is in it, or null; requested: they have asked to join';

CREATE FUNCTION porcupine.list_rooms(search text DEFAULT NULL, after bigint DEFAULT NULL, max integer DEFAULT 50)
  RETURNS SETOF porcupine.listed_room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  wanted text := lower(btrim(search));
BEGIN
  PERFORM porcupine.check_text('search', coalesce(search, ''), 0, 100);
  RETURN QUERY
  SELECT r.id, r.name, r.description, r.encrypted, r.approval, (SELECT count(*) FROM porcupine.members m WHERE m.room_id = r.id),
         r.max_members, r.created_at, (SELECT m.role FROM porcupine.members m WHERE m.room_id = r.id AND m.user_id = me),
         EXISTS (SELECT FROM porcupine.join_requests j WHERE j.room_id = r.id AND j.user_id = me)
    FROM porcupine.rooms r JOIN porcupine.room_heads h ON h.room_id = r.id
   WHERE r.listed AND NOT h.archived AND r.id > coalesce(after, 0)
     AND (search IS NULL OR strpos(lower(r.name), wanted) > 0 OR strpos(lower(r.description), wanted) > 0)
   ORDER BY r.id LIMIT greatest(least(coalesce(max, 50), 100), 1);
END
$$;
COMMENT ON FUNCTION porcupine.list_rooms(text, bigint, integer) IS
  'up to max (1-100) of the listed rooms with an id above after (the last id of one page, to get the next), in order of their ids; search (up to 100 characters) is looked for in names and descriptions, whatever the case. Archived rooms are left out. Errors: too_large, unauthenticated. Example: SELECT id, name, members FROM porcupine.list_rooms(''ops'')';

CREATE FUNCTION porcupine.join_listed(room bigint) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
BEGIN
  PERFORM porcupine.lock_account(me);
  PERFORM FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  IF EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = room AND m.user_id = me) THEN
    RETURN porcupine.my_room(room);
  ELSIF NOT EXISTS (SELECT FROM porcupine.rooms r WHERE r.id = room AND r.listed) THEN
    PERFORM porcupine.refuse('not_found', 'there is no such room in the list');
  END IF;
  PERFORM porcupine.add_member(room, me, 'list');
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.join_listed(bigint) IS
  'joins a room that is listed and needs no approval; in an encrypted room as pending. A member gets the room again. Errors: not_found, role (it needs an approval: request_to_join), banned, archived, room_full, quota (porcupine.max_memberships), unauthenticated. Example: SELECT id, role FROM porcupine.join_listed(1)';

CREATE FUNCTION porcupine.my_requests() RETURNS SETOF porcupine.join_request
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 5
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT j.room_id, r.name, u.id, u.username, u.display_name, j.message, j.requested_at
    FROM porcupine.join_requests j JOIN porcupine.rooms r ON r.id = j.room_id JOIN porcupine.users u ON u.id = j.user_id
   WHERE j.user_id = (SELECT porcupine.require_user()) ORDER BY j.requested_at, j.room_id
$$;
COMMENT ON FUNCTION porcupine.my_requests() IS
  'the rooms that the current user has asked to join and that have not decided yet. Errors: unauthenticated. Example: SELECT room_id, name FROM porcupine.my_requests()';

CREATE FUNCTION porcupine.room_requests(room bigint) RETURNS SETOF porcupine.join_request
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room, 'moderator');
  RETURN QUERY SELECT j.room_id, r.name, u.id, u.username, u.display_name, j.message, j.requested_at
    FROM porcupine.join_requests j JOIN porcupine.rooms r ON r.id = j.room_id JOIN porcupine.users u ON u.id = j.user_id
   WHERE j.room_id = room ORDER BY j.requested_at, j.user_id;
END
$$;
COMMENT ON FUNCTION porcupine.room_requests(bigint) IS
  'who waits to be approved, oldest first (moderators and above). Errors: not_member, role, unauthenticated. Example: SELECT user_id, username, message FROM porcupine.room_requests(1)';

CREATE FUNCTION porcupine.request_to_join(code text DEFAULT NULL, room bigint DEFAULT NULL, message text DEFAULT NULL) RETURNS porcupine.join_request
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  wanted porcupine.rooms;
  head porcupine.room_heads;
  made porcupine.join_request;
BEGIN
  PERFORM porcupine.check_text('message', coalesce(message, ''), 0, 500);
  IF (code IS NULL) = (room IS NULL) THEN
    PERFORM porcupine.refuse('invalid', 'a room is named by its code or, where it is listed, by its id');
  END IF;
  room := coalesce(room, (SELECT r.id FROM porcupine.rooms r WHERE r.code = upper(btrim(request_to_join.code))));
  PERFORM porcupine.lock_account(me);
  SELECT h.* INTO head FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  SELECT r.* INTO wanted FROM porcupine.rooms r
   WHERE r.id = room AND CASE WHEN request_to_join.code IS NULL THEN r.listed ELSE r.code = upper(btrim(request_to_join.code)) END;
  IF wanted.id IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'no room has this code, and none is listed by this id', 'Check the code, or ask for a new one.');
  ELSIF EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = room AND m.user_id = me) THEN
    PERFORM porcupine.refuse('conflict', 'a member of this room already');
  ELSIF head.archived THEN
    PERFORM porcupine.refuse('archived', 'the room is archived');
  END IF;
  PERFORM porcupine.refuse_banned(room, me);
  IF NOT wanted.approval THEN
    PERFORM porcupine.refuse('conflict', 'this room needs no approval', 'Join it by join_room() or join_listed().');
  END IF;
  UPDATE porcupine.join_requests j SET message = coalesce(request_to_join.message, j.message) WHERE j.room_id = room AND j.user_id = me;
  IF NOT FOUND THEN
    IF (SELECT count(*) >= 500 FROM porcupine.join_requests j WHERE j.room_id = room) THEN
      PERFORM porcupine.refuse('quota', 'as many requests wait in this room as can', 'Try it later.');
    END IF;
    PERFORM porcupine.check_memberships(me);
    INSERT INTO porcupine.join_requests (room_id, user_id, message) VALUES (room, me, coalesce(request_to_join.message, ''));
    PERFORM porcupine.note_act('request.made', me, room);
    PERFORM porcupine.ring_member(m.user_id, room) FROM porcupine.members m WHERE m.room_id = room AND m.role >= 'moderator';
  END IF;
  SELECT mine.* INTO made FROM porcupine.my_requests() mine WHERE mine.room_id = room;
  RETURN made;
END
$$;
COMMENT ON FUNCTION porcupine.request_to_join(text, bigint, text) IS
  'asks to be let into a room that approves who joins, named by its code or, where it is listed, by its id; message (up to 500 characters, plain text) is for its moderators. Asking again changes the message. Errors: invalid, too_large, not_found, conflict (a member, or no approval is needed), banned, archived, quota (500 wait, or porcupine.max_memberships), unauthenticated. Example: SELECT room_id, name FROM porcupine.request_to_join(room => 1, message => ''I am new on call'')';

CREATE FUNCTION porcupine.withdraw_request(room bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
BEGIN
  PERFORM FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  DELETE FROM porcupine.join_requests j WHERE j.room_id = room AND j.user_id = me;
  IF NOT FOUND THEN
    PERFORM porcupine.refuse('not_found', 'no request of yours waits in this room');
  END IF;
  PERFORM porcupine.note_act('request.withdrawn', me, room);
END
$$;
COMMENT ON FUNCTION porcupine.withdraw_request(bigint) IS
  'takes the request of the current user back. Errors: not_found (also: it was approved or declined), unauthenticated. Example: SELECT porcupine.withdraw_request(1)';

CREATE FUNCTION porcupine.take_request(room bigint, account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  DELETE FROM porcupine.join_requests j WHERE j.room_id = room AND j.user_id = account;
  IF NOT FOUND THEN
    PERFORM porcupine.refuse('not_found', 'no request of this user waits in this room');
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.take_request(bigint, bigint) IS 'removes the request that is being decided, under the room''s lock, which the caller holds';

CREATE FUNCTION porcupine.approve_request(room bigint, account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_user();
  PERFORM FROM porcupine.users u WHERE u.id = account FOR NO KEY UPDATE;        -- an account before any room
  PERFORM porcupine.enter_room(room, 'moderator');
  PERFORM porcupine.take_request(room, account);
  PERFORM porcupine.add_member(room, account, 'request');
END
$$;
COMMENT ON FUNCTION porcupine.approve_request(bigint, bigint) IS
  'makes who asked to join a member (moderators and above), pending where the room is encrypted. Errors: not_member, role, not_found (withdrawn or decided), room_full, archived, quota (porcupine.max_memberships, of who asked), unauthenticated. Example: SELECT porcupine.approve_request(1, 7)';

CREATE FUNCTION porcupine.decline_request(room bigint, account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.enter_room(room, 'moderator', even_archived => true);
  PERFORM porcupine.take_request(room, account);
  PERFORM porcupine.note_act('request.declined', account, room);
  PERFORM porcupine.ring_member(account, room);
END
$$;
COMMENT ON FUNCTION porcupine.decline_request(bigint, bigint) IS
  'turns a request to join down (moderators and above); the user may ask again, unless ban_user() keeps them from it. Errors: not_member, role, not_found (withdrawn or decided), unauthenticated. Example: SELECT porcupine.decline_request(1, 7)';
