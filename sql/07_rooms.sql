-- Rooms and membership. Each change locks the room's head first, then looks, then writes; the triggers on members append
-- the events that say so.

CREATE TYPE porcupine.room AS (
  id bigint, name text, code text, encrypted boolean, role porcupine.role, head bigint, stream bigint, epoch integer,
  epoch_open boolean, log integer, members bigint, max_members integer, created_by bigint, created_at timestamptz,
  joined_seq bigint, read_seq bigint,
  description text, listed boolean, approval boolean, direct boolean, system boolean, archived boolean, retention interval,
  first_seq bigint, delivered_seq bigint, unread bigint, muted_until timestamptz);
COMMENT ON TYPE porcupine.room IS
  'a room as one of its members sees it; head is its last seq, first_seq the oldest that is kept, log the length of its control log, unread how many events lie above one''s read mark; code is null for a pending member and where the room has none';

CREATE TYPE porcupine.member AS (
  user_id bigint, username text, display_name text, role porcupine.role, joined_seq bigint, joined_at timestamptz,
  read_seq bigint, delivered_seq bigint, muted_until timestamptz);
COMMENT ON TYPE porcupine.member IS 'a member of a room, as its members see it';

CREATE FUNCTION porcupine.room_as_seen(membership porcupine.members, stream bigint) RETURNS porcupine.room
  LANGUAGE sql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT r.id, r.name, CASE WHEN membership.role > 'pending' THEN r.code END, r.encrypted, membership.role, h.last_seq, stream, h.epoch,
         h.epoch_open, h.log_length, (SELECT count(*) FROM porcupine.members o WHERE o.room_id = r.id), r.max_members, r.created_by,
         r.created_at, membership.joined_seq, membership.read_seq,
         r.description, r.listed, r.approval, r.direct, r.system, h.archived, r.retention,
         h.first_seq, membership.delivered_seq,
         porcupine.count_unread(h.last_seq, h.first_seq, membership.read_seq, membership.joined_seq), membership.muted_until
    FROM porcupine.rooms r JOIN porcupine.room_heads h ON h.room_id = r.id WHERE r.id = membership.room_id
$$;
COMMENT ON FUNCTION porcupine.room_as_seen(porcupine.members, bigint) IS 'a room as this member sees it, in the current stream';

CREATE FUNCTION porcupine.my_rooms() RETURNS SETOF porcupine.room
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 20
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT seen.*
    FROM (SELECT porcupine.require_user() AS id, porcupine.current_stream() AS stream) s
    JOIN porcupine.members m ON m.user_id = s.id
   CROSS JOIN LATERAL porcupine.room_as_seen(m, s.stream) seen
   ORDER BY seen.id
$$;
COMMENT ON FUNCTION porcupine.my_rooms() IS
  'the rooms of the current user, those that wait to let them in included. Errors: unauthenticated, session_ended. Example: SELECT id, name, role FROM porcupine.my_rooms()';

CREATE FUNCTION porcupine.my_room(room bigint) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  RETURN porcupine.room_as_seen(porcupine.require_member(room, 'pending'), porcupine.current_stream());
END
$$;
COMMENT ON FUNCTION porcupine.my_room(bigint) IS 'one room of the current user. Errors: not_member, unauthenticated, session_ended';

CREATE FUNCTION porcupine.check_first_entries(encrypted boolean, entries bytea[], devices bigint[]) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF encrypted IS NULL OR entries IS NULL OR (NOT encrypted AND cardinality(entries) > 0) THEN
    PERFORM porcupine.refuse('invalid', 'a room that is not encrypted has no control log');
  ELSIF cardinality(entries) = 0 AND cardinality(devices) > 0 THEN
    PERFORM porcupine.refuse('invalid', 'bundles need the control-log entries that name them');
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.check_first_entries(boolean, bytea[], bigint[]) IS 'refuses what a room cannot begin with';

CREATE FUNCTION porcupine.store_first_epoch(room bigint, entries bytea[], devices bigint[], bundles bytea[]) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF cardinality(entries) > 0 THEN
    PERFORM porcupine.store_epoch(room, 0, cardinality(entries) - 1, porcupine.append_entries(room, 0, entries), devices, bundles);
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.store_first_epoch(bigint, bytea[], bigint[], bytea[]) IS
  'what a client brings to a new encrypted room, if it does: the first control-log entries and the bundles of epoch 0';

CREATE FUNCTION porcupine.count_one_more(account bigint) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ UPDATE porcupine.users u SET created_at = u.created_at WHERE u.id = account $$;
COMMENT ON FUNCTION porcupine.count_one_more(bigint) IS
  'writes the row of an account that is about to get one more of what is counted, or one less, under its lock: a transaction with an older snapshot, which could not count it, fails instead';

CREATE FUNCTION porcupine.check_rooms(account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF (SELECT count(*) >= porcupine.setting('max_rooms') FROM porcupine.members m WHERE m.user_id = account AND m.role = 'owner') THEN
    PERFORM porcupine.refuse('quota', 'this account owns too many rooms', 'Hand some over, or delete them.',
                             format('at most %s', porcupine.setting('max_rooms')));
  END IF;
  PERFORM porcupine.count_one_more(account);
END
$$;
COMMENT ON FUNCTION porcupine.check_rooms(bigint) IS 'refuses one more room to an account, whose lock the caller holds, so that none is counted too few';

CREATE FUNCTION porcupine.check_memberships(account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF (SELECT count(*) FROM porcupine.members m WHERE m.user_id = account)
     + (SELECT count(*) FROM porcupine.join_requests j WHERE j.user_id = account) >= porcupine.setting('max_memberships') THEN
    PERFORM porcupine.refuse('quota', 'this account is in too many rooms', 'Leave some of them.',
                             format('at most %s', porcupine.setting('max_memberships')));
  END IF;
  PERFORM porcupine.count_one_more(account);
END
$$;
COMMENT ON FUNCTION porcupine.check_memberships(bigint) IS
  'refuses one more membership or request to an account, whose lock the caller holds, so that none is counted too few';

CREATE FUNCTION porcupine.create_room(name text, encrypted boolean DEFAULT true, entries bytea[] DEFAULT '{}',
                                      devices bigint[] DEFAULT '{}', bundles bytea[] DEFAULT '{}') RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  room bigint;
BEGIN
  PERFORM porcupine.check_text('name', btrim(name), 1, 100);
  PERFORM porcupine.check_first_entries(encrypted, entries, devices);
  PERFORM porcupine.lock_account(me);
  PERFORM porcupine.check_rooms(me);
  PERFORM porcupine.check_memberships(me);
  INSERT INTO porcupine.rooms AS r (created_by, encrypted, code, name, max_members)
  VALUES (me, create_room.encrypted, porcupine.fresh_room_code(), btrim(create_room.name), least(100, porcupine.setting('max_members')))
  RETURNING r.id INTO room;
  INSERT INTO porcupine.room_heads (room_id) VALUES (room);
  PERFORM porcupine.note_act('room.created', room => room);
  INSERT INTO porcupine.members (room_id, user_id, role, via) VALUES (room, me, 'owner', 'create');
  PERFORM porcupine.store_first_epoch(room, entries, devices, bundles);
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.create_room(text, boolean, bytea[], bigint[], bytea[]) IS
  'makes a room (name 1-100 characters) owned by the current user; a client that encrypts brings the first control-log entries and the bundles of epoch 0. Errors: invalid, too_large, quota (porcupine.max_rooms, porcupine.max_memberships), unauthenticated. Example: SELECT id, code FROM porcupine.create_room(''Ops'', encrypted => false)';

CREATE FUNCTION porcupine.change_room(room bigint, name text DEFAULT NULL, description text DEFAULT NULL, listed boolean DEFAULT NULL,
                                      approval boolean DEFAULT NULL, max_members integer DEFAULT NULL) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.check_text('name', coalesce(btrim(name), 'as it is'), 1, 100);
  PERFORM porcupine.check_text('description', coalesce(description, ''), 0, 1000);
  IF max_members < 1 THEN
    PERFORM porcupine.refuse('invalid', 'a room has a place for one member at least');
  END IF;
  IF max_members > porcupine.setting('max_members') THEN
    PERFORM porcupine.refuse('quota', 'no room may have so many members', NULL, format('at most %s', porcupine.setting('max_members')));
  END IF;
  PERFORM porcupine.enter_room(room, 'admin');
  UPDATE porcupine.rooms r
     SET name = coalesce(btrim(change_room.name), r.name), description = coalesce(change_room.description, r.description),
         listed = coalesce(change_room.listed, r.listed), approval = coalesce(change_room.approval, r.approval),
         max_members = coalesce(change_room.max_members, r.max_members)
   WHERE r.id = room;
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.change_room(bigint, text, text, boolean, boolean, integer) IS
  'changes what a room is (admins, owner); null leaves a thing as it is. name 1-100 characters, description up to 1000; listed: anybody finds it by list_rooms(); approval: who comes by code or from the list is approved first; max_members from 1 on, those who are in stay. Errors: invalid, too_large, quota (porcupine.max_members), not_member, role, archived, unauthenticated. Example: SELECT name, listed FROM porcupine.change_room(1, description => ''Who is on call'', listed => true)';

CREATE FUNCTION porcupine.rename_room(room bigint, name text) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.check_text('name', btrim(name), 1, 100);
  RETURN porcupine.change_room(room, name);
END
$$;
COMMENT ON FUNCTION porcupine.rename_room(bigint, text) IS
  'change_room() of the name alone, which is needed. Errors: invalid, too_large, not_member, role, archived, unauthenticated. Example: SELECT name FROM porcupine.rename_room(1, ''Operations'')';

CREATE FUNCTION porcupine.set_archived(room bigint, archived boolean) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.enter_room(room, 'admin', even_archived => true);
  UPDATE porcupine.room_heads h SET archived = set_archived.archived WHERE h.room_id = room AND h.archived <> set_archived.archived;
  IF FOUND THEN
    PERFORM porcupine.note_room_change(room, jsonb_build_object('archived', set_archived.archived));
  END IF;
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.set_archived(bigint, boolean) IS 'what archive_room() and unarchive_room() do';

CREATE FUNCTION porcupine.archive_room(room bigint) RETURNS porcupine.room
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT * FROM porcupine.set_archived(room, true) $$;
COMMENT ON FUNCTION porcupine.archive_room(bigint) IS
  'closes a room (admins, owner): it is read and its members may leave or be removed, but nobody joins and nothing is written any more. Errors: not_member, role, unauthenticated. Example: SELECT archived FROM porcupine.archive_room(1)';

CREATE FUNCTION porcupine.unarchive_room(room bigint) RETURNS porcupine.room
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT * FROM porcupine.set_archived(room, false) $$;
COMMENT ON FUNCTION porcupine.unarchive_room(bigint) IS
  'opens an archived room again (admins, owner). Errors: not_member, role, unauthenticated. Example: SELECT archived FROM porcupine.unarchive_room(1)';

CREATE FUNCTION porcupine.rotate_code(room bigint) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.enter_room(room, 'admin');
  UPDATE porcupine.rooms r SET code = porcupine.fresh_room_code() WHERE r.id = room;
  PERFORM porcupine.note_room_change(room, jsonb_build_object('code', true));
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.rotate_code(bigint) IS
  'draws a new room code (admins, owner), also where it was switched off; the old one lets nobody in any more. Errors: not_member, role, archived, unauthenticated. Example: SELECT code FROM porcupine.rotate_code(1)';

CREATE FUNCTION porcupine.disable_code(room bigint) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.enter_room(room, 'admin');
  UPDATE porcupine.rooms r SET code = NULL WHERE r.id = room AND r.code IS NOT NULL;
  IF FOUND THEN
    PERFORM porcupine.note_room_change(room, jsonb_build_object('code', false));
  END IF;
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.disable_code(bigint) IS
  'switches the room code off (admins, owner) until rotate_code(): invites, requests and the list are left. Errors: not_member, role, archived, unauthenticated. Example: SELECT code FROM porcupine.disable_code(1)';

CREATE FUNCTION porcupine.delete_room(room bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.enter_room(room, 'owner', even_archived => true);
  DELETE FROM porcupine.rooms r WHERE r.id = room;
END
$$;
COMMENT ON FUNCTION porcupine.delete_room(bigint) IS
  'deletes a room with its whole log (owner). Errors: not_member, role, unauthenticated. Example: SELECT porcupine.delete_room(1)';

CREATE FUNCTION porcupine.remove_room(room bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  DELETE FROM porcupine.rooms r WHERE r.id = room;
  IF NOT FOUND THEN
    PERFORM porcupine.refuse('not_found', 'there is no such room');
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.remove_room(bigint) IS
  'delete_room() for administrators: whoever is in it, or nobody. It goes with its whole log. Errors: not_found. Example: SELECT porcupine.remove_room(1)';

CREATE FUNCTION porcupine.members_as_seen(room bigint) RETURNS SETOF porcupine.member
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT u.id, u.username, u.display_name, m.role, m.joined_seq, m.joined_at, m.read_seq, m.delivered_seq, m.muted_until
    FROM porcupine.members m JOIN porcupine.users u ON u.id = m.user_id
   WHERE m.room_id = room ORDER BY m.joined_seq
$$;
COMMENT ON FUNCTION porcupine.members_as_seen(bigint) IS 'room_members() without its check';

CREATE FUNCTION porcupine.room_members(room bigint) RETURNS SETOF porcupine.member
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room, 'pending');
  RETURN QUERY SELECT m.* FROM porcupine.members_as_seen(room) m;
END
$$;
COMMENT ON FUNCTION porcupine.room_members(bigint) IS
  'the members of a room in the order they joined, pending ones included. Errors: not_member, unauthenticated. Example: SELECT username, role FROM porcupine.room_members(1)';

CREATE FUNCTION porcupine.add_member(room bigint, account bigint, via text) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF (SELECT h.archived FROM porcupine.room_heads h WHERE h.room_id = room) THEN
    PERFORM porcupine.refuse('archived', 'the room is archived');
  END IF;
  PERFORM porcupine.refuse_banned(room, account);
  IF via IN ('code', 'list') AND (SELECT r.approval FROM porcupine.rooms r WHERE r.id = room) THEN
    PERFORM porcupine.refuse('role', 'who joins this room is approved first', 'Ask by request_to_join().');
  END IF;
  PERFORM porcupine.check_memberships(account);
  INSERT INTO porcupine.members (room_id, user_id, role, via)
  SELECT r.id, account, CASE WHEN r.encrypted THEN 'pending' ELSE 'member' END::porcupine.role, add_member.via
    FROM porcupine.rooms r WHERE r.id = room;
END
$$;
COMMENT ON FUNCTION porcupine.add_member(bigint, bigint, text) IS
  'how everybody comes into a room but its creator, under its lock and the account''s, which the caller holds: as pending where it is encrypted. Errors: archived, banned, role (an approval is needed), room_full, quota';

CREATE FUNCTION porcupine.join_room(code text) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  by_invite boolean;
  hash bytea;
  room bigint;
BEGIN
  IF code IS NULL OR length(code) > 256 THEN
    PERFORM porcupine.refuse('invalid', 'a room code has 6 characters, an invite code up to 256');
  END IF;
  by_invite := upper(btrim(code)) !~ '^[A-Z0-9]{6}$';
  IF by_invite THEN
    hash := sha256(convert_to(btrim(code), 'UTF8'));
    SELECT i.room_id INTO room FROM porcupine.invites i WHERE i.code_hash = hash;
  ELSE
    SELECT r.id INTO room FROM porcupine.rooms r WHERE r.code = upper(btrim(join_room.code));
  END IF;
  PERFORM porcupine.lock_account(me);
  PERFORM FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM porcupine.refuse('not_found', 'no room and no invite has this code', 'Check the code, or ask for a new one.');
  ELSIF EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = room AND m.user_id = me) THEN
    RETURN porcupine.my_room(room);
  ELSIF NOT by_invite AND NOT EXISTS (SELECT FROM porcupine.rooms r WHERE r.id = room AND r.code = upper(btrim(join_room.code))) THEN
    PERFORM porcupine.refuse('not_found', 'no room and no invite has this code', 'Check the code, or ask for a new one.');
  END IF;
  IF by_invite THEN
    UPDATE porcupine.invites i SET uses = i.uses + 1
     WHERE i.code_hash = hash AND clock_timestamp() < i.expires_at AND (i.max_uses IS NULL OR i.uses < i.max_uses);
    IF NOT FOUND THEN
      PERFORM porcupine.refuse('gone', 'this invite has expired or is used up', 'Ask for a new one.');
    END IF;
  END IF;
  PERFORM porcupine.add_member(room, me, CASE WHEN by_invite THEN 'invite' ELSE 'code' END);
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.join_room(text) IS
  'joins by room code (case does not matter) or invite code; in an encrypted room as pending. A member gets the room again and uses nothing up. Errors: invalid, not_found, gone, role (it needs an approval: request_to_join), banned, archived, room_full, quota (porcupine.max_memberships), unauthenticated. Example: SELECT id, role FROM porcupine.join_room(''K3X9QA'')';

CREATE FUNCTION porcupine.end_membership(membership porcupine.members) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF membership.role = 'owner' THEN            -- a room is never without an owner while it has active members
    UPDATE porcupine.members m SET role = 'owner'
     WHERE m.room_id = membership.room_id
       AND m.user_id = (SELECT s.user_id FROM porcupine.members s
                         WHERE s.room_id = membership.room_id AND s.user_id <> membership.user_id AND s.role > 'pending'
                         ORDER BY s.role DESC, s.joined_seq LIMIT 1);
  END IF;
  DELETE FROM porcupine.members m WHERE m.room_id = membership.room_id AND m.user_id = membership.user_id;
  IF (SELECT r.direct FROM porcupine.rooms r WHERE r.id = membership.room_id)
     AND NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = membership.room_id AND m.role > 'pending') THEN
    DELETE FROM porcupine.rooms r WHERE r.id = membership.room_id;
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.end_membership(porcupine.members) IS
  'ends a membership under the room''s lock, which the caller holds; an owner hands over to the longest-standing of those of the highest role, and a direct room goes with the last who could read it';

CREATE FUNCTION porcupine.leave_room(room bigint, index integer DEFAULT NULL, entry bytea DEFAULT NULL) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  membership porcupine.members;
BEGIN
  membership := porcupine.enter_room(room, 'pending', even_archived => true);
  IF entry IS NOT NULL THEN
    PERFORM porcupine.append_entries(room, index, ARRAY[entry]);
  END IF;
  PERFORM porcupine.end_membership(membership);
END
$$;
COMMENT ON FUNCTION porcupine.leave_room(bigint, integer, bytea) IS
  'leaves a room, with the signed entry that says so where there is one; an owner hands over to the longest-standing of those of the highest role, and a direct room that both have left is deleted. Closes the epoch of an encrypted room. Errors: not_member, conflict, too_large, unauthenticated';

CREATE FUNCTION porcupine.member_below(room bigint, member bigint, mine porcupine.members) RETURNS porcupine.members
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  theirs porcupine.members;
BEGIN
  SELECT m.* INTO theirs FROM porcupine.members m WHERE m.room_id = room AND m.user_id = member;
  IF theirs.user_id IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'this user is not in the room');
  ELSIF theirs.role >= mine.role THEN
    PERFORM porcupine.refuse('role', 'only somebody of a higher role can do this to this member');
  END IF;
  RETURN theirs;
END
$$;
COMMENT ON FUNCTION porcupine.member_below(bigint, bigint, porcupine.members) IS
  'a member on whom the caller may act, being of a higher role; mine is the membership of the caller, who has entered the room';

CREATE FUNCTION porcupine.drop_member(room bigint, member bigint, mine porcupine.members) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF mine.role < 'moderator' THEN
    PERFORM porcupine.refuse('role', 'this needs the role moderator', 'Ask a moderator of the room.');
  END IF;
  PERFORM porcupine.member_below(room, member, mine);
  DELETE FROM porcupine.members m WHERE m.room_id = room AND m.user_id = member;
END
$$;
COMMENT ON FUNCTION porcupine.drop_member(bigint, bigint, porcupine.members) IS
  'removes a member; mine is the membership of the caller, who has entered the room';

CREATE FUNCTION porcupine.remove_member(room bigint, member bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.drop_member(room, member, porcupine.enter_room(room, 'moderator', even_archived => true));
END
$$;
COMMENT ON FUNCTION porcupine.remove_member(bigint, bigint) IS
  'removes somebody of a lower role (moderators and above); once it has committed nothing they send is accepted and nothing is read. The room gets a new code and its invites end, for the removed one may know them. Closes the epoch of an encrypted room; commit_epoch(remove => ...) removes and rekeys in one step. Errors: not_member, role, not_found, unauthenticated';

CREATE FUNCTION porcupine.set_role(room bigint, member bigint, role porcupine.role) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  themselves boolean := coalesce(member = porcupine.require_user(), false);
  mine porcupine.members;
  theirs porcupine.members;
BEGIN
  IF role IS NULL OR role IN ('pending', 'owner') THEN
    PERFORM porcupine.refuse('invalid', 'a role to give is reader, member, moderator or admin', 'transfer_room() hands a room over.');
  END IF;
  mine := porcupine.enter_room(room, CASE WHEN themselves THEN 'reader' ELSE 'admin' END::porcupine.role);
  IF themselves AND (SELECT r.direct FROM porcupine.rooms r WHERE r.id = room) THEN
    PERFORM porcupine.refuse('role', 'both in a direct room are members');
  ELSIF themselves AND mine.role = 'owner' THEN
    PERFORM porcupine.refuse('role', 'a room has an owner', 'Hand it over by transfer_room() first.');
  ELSIF themselves THEN
    theirs := mine;
  ELSE
    theirs := porcupine.member_below(room, member, mine);
  END IF;
  IF theirs.role = 'pending' AND (SELECT r.encrypted FROM porcupine.rooms r WHERE r.id = room) THEN
    PERFORM porcupine.refuse('conflict', 'this member waits to be let in', 'A member''s client lets them in when it is online.');
  ELSIF set_role.role >= mine.role AND set_role.role <> theirs.role THEN
    PERFORM porcupine.refuse('role', 'only somebody of a higher role can give this role');
  END IF;
  UPDATE porcupine.members m SET role = set_role.role WHERE m.room_id = room AND m.user_id = member;
END
$$;
COMMENT ON FUNCTION porcupine.set_role(bigint, bigint, porcupine.role) IS
  'gives a member the role reader, member, moderator or admin (admins, owner, being of a higher role than the member had and gets); anybody but the owner may step down themselves. A pending member of an encrypted room is let in by commit_epoch() instead. Errors: invalid, not_member, not_found, role, conflict, archived, unauthenticated. Example: SELECT porcupine.set_role(1, 7, ''moderator'')';

CREATE FUNCTION porcupine.transfer_room(room bigint, member bigint) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members;
  theirs porcupine.members;
BEGIN
  PERFORM porcupine.require_user();
  PERFORM FROM porcupine.users u WHERE u.id = member FOR NO KEY UPDATE;         -- an account before any room
  mine := porcupine.enter_room(room, 'owner');
  theirs := porcupine.member_below(room, member, mine);
  IF theirs.role = 'pending' THEN
    PERFORM porcupine.refuse('conflict', 'this member waits to be let in', 'A member''s client lets them in when it is online.');
  END IF;
  PERFORM porcupine.check_rooms(member);
  UPDATE porcupine.members m SET role = 'owner' WHERE m.room_id = room AND m.user_id = member;
  UPDATE porcupine.members m SET role = 'admin' WHERE m.room_id = room AND m.user_id = mine.user_id;
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.transfer_room(bigint, bigint) IS
  'makes another member the owner; the one before (who alone may) goes on as an admin. Errors: not_member, not_found, role, conflict, archived, quota (porcupine.max_rooms, of the new owner), unauthenticated. Example: SELECT role FROM porcupine.transfer_room(1, 7)';
