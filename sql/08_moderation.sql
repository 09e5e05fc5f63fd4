-- Keeping the peace: bans and mutes. Both are for moderators and above, and only against somebody of a lower role.

CREATE TABLE porcupine.bans (
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  user_id bigint NOT NULL REFERENCES porcupine.users ON DELETE CASCADE,
  banned_by bigint REFERENCES porcupine.users ON DELETE SET NULL,
  banned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  until timestamptz,
  reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
  PRIMARY KEY (room_id, user_id)
);
CREATE INDEX bans_user_id_idx ON porcupine.bans (user_id);
CREATE INDEX bans_banned_by_idx ON porcupine.bans (banned_by);
CREATE INDEX bans_until_idx ON porcupine.bans (until) WHERE until IS NOT NULL;
COMMENT ON TABLE porcupine.bans IS 'who may not come into a room, members or not; until null: until the ban is lifted. One that is over does not count';

CREATE TABLE porcupine.mutes (
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  user_id bigint NOT NULL REFERENCES porcupine.users ON DELETE CASCADE,
  until timestamptz NOT NULL,
  PRIMARY KEY (room_id, user_id)
);
CREATE INDEX mutes_user_id_idx ON porcupine.mutes (user_id);
CREATE INDEX mutes_until_idx ON porcupine.mutes (until);
COMMENT ON TABLE porcupine.mutes IS
  'mutes of people who are gone from the room, so that who leaves and comes back is as muted as before; those of members stand in members.muted_until';

CREATE TYPE porcupine.ban AS (
  user_id bigint, username text, display_name text, until timestamptz, reason text, banned_by bigint, banned_at timestamptz);
COMMENT ON TYPE porcupine.ban IS 'a ban in force, as the moderators of the room see it';

CREATE FUNCTION porcupine.utc_text(at timestamptz) RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;
COMMENT ON FUNCTION porcupine.utc_text(timestamptz) IS 'a time as JSON has it, whatever the session''s time zone is (RFC 3339, UTC)';

CREATE FUNCTION porcupine.refuse_banned(room bigint, account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  ban porcupine.bans;
BEGIN
  SELECT b.* INTO ban FROM porcupine.bans b
   WHERE b.room_id = room AND b.user_id = account AND (b.until IS NULL OR b.until > clock_timestamp());
  IF ban.user_id IS NOT NULL THEN
    PERFORM porcupine.refuse('banned', 'banned from this room', NULL, coalesce('until ' || porcupine.utc_text(ban.until), 'until it is lifted'));
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.refuse_banned(bigint, bigint) IS 'refuses somebody who is banned from a room, whose lock the caller holds; the detail says until when';

CREATE FUNCTION porcupine.is_known(mine porcupine.members, account bigint) RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM porcupine.members a JOIN porcupine.members b USING (room_id)
                  WHERE a.user_id = mine.user_id AND a.role > 'pending' AND b.user_id = account)
         OR EXISTS (SELECT FROM porcupine.join_requests j WHERE j.room_id = mine.room_id AND j.user_id = account)
         OR EXISTS (SELECT FROM porcupine.bans b WHERE b.room_id = mine.room_id AND b.user_id = account)
         OR EXISTS (SELECT FROM porcupine.audit a WHERE a.room_id = mine.room_id AND a.subject_id = account)
         OR EXISTS (SELECT FROM porcupine.devices d                               -- the audit log need not go back that far
                     CROSS JOIN LATERAL (SELECT FROM porcupine.events e
                                          WHERE e.room_id = mine.room_id AND e.device_id = d.id AND e.client_id IS NOT NULL LIMIT 1) said
                     WHERE d.user_id = account)
$$;
COMMENT ON FUNCTION porcupine.is_known(porcupine.members, bigint) IS
  'whether a member has met this user, in a room of theirs now, or in this one ever: ids can be counted through, and room_bans() says what they are called';

CREATE FUNCTION porcupine.ban_user(room bigint, account bigint, reason text DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members;
BEGIN
  PERFORM porcupine.check_text('reason', coalesce(reason, ''), 0, 500);
  IF until <= clock_timestamp() OR NOT isfinite(until) THEN
    PERFORM porcupine.refuse('invalid', 'a ban ends at a time to come', 'Leave until out for one that lasts until it is lifted.');
  END IF;
  mine := porcupine.enter_room(room, 'moderator', even_archived => true);
  IF EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = room AND m.user_id = account) THEN
    PERFORM porcupine.drop_member(room, account, mine);
  ELSIF NOT EXISTS (SELECT FROM porcupine.users u WHERE u.id = account)
        OR porcupine.current_session_id() IS NOT NULL AND NOT porcupine.is_known(mine, account) THEN
    PERFORM porcupine.refuse('not_found', 'no such user');
  END IF;
  -- No event, and yet a new head: so that a transaction with an older snapshot, which could not see the ban, fails instead.
  UPDATE porcupine.room_heads h SET last_seq = h.last_seq WHERE h.room_id = room;
  INSERT INTO porcupine.bans AS b (room_id, user_id, banned_by, until, reason)
  VALUES (room, account, mine.user_id, ban_user.until, coalesce(ban_user.reason, ''))
  ON CONFLICT ON CONSTRAINT bans_pkey DO UPDATE
    SET banned_by = excluded.banned_by, banned_at = excluded.banned_at, until = excluded.until, reason = excluded.reason;
  DELETE FROM porcupine.join_requests j WHERE j.room_id = room AND j.user_id = account;
  PERFORM porcupine.note_act('member.banned', account, room, jsonb_strip_nulls(jsonb_build_object(
            'until', porcupine.utc_text(ban_user.until), 'reason', nullif(ban_user.reason, ''))));
END
$$;
COMMENT ON FUNCTION porcupine.ban_user(bigint, bigint, text, timestamptz) IS
  'keeps a user out of a room until a time (null: until unban_user()), by whatever way they come, and removes them if they are a member of a lower role (moderators and above); reason, up to 500 characters, is for the other moderators. Banning again replaces the ban. A stranger has to have been in the room, have asked to join, or be in another of the caller''s rooms, but for backends by act_as(). Errors: invalid, too_large, not_member, role, not_found, unauthenticated. Example: SELECT porcupine.ban_user(1, 7, ''advertising'', now() + interval ''7 days'')';

CREATE FUNCTION porcupine.unban_user(room bigint, account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.enter_room(room, 'moderator', even_archived => true);
  DELETE FROM porcupine.bans b WHERE b.room_id = room AND b.user_id = account;
  IF NOT FOUND THEN
    PERFORM porcupine.refuse('not_found', 'this user is not banned');
  END IF;
  PERFORM porcupine.note_act('member.unbanned', account, room);
END
$$;
COMMENT ON FUNCTION porcupine.unban_user(bigint, bigint) IS
  'lifts a ban (moderators and above); the user may come back, but is not brought back. Errors: not_member, role, not_found, unauthenticated. Example: SELECT porcupine.unban_user(1, 7)';

CREATE FUNCTION porcupine.room_bans(room bigint) RETURNS SETOF porcupine.ban
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room, 'moderator');
  RETURN QUERY SELECT b.user_id, u.username, u.display_name, b.until, b.reason, b.banned_by, b.banned_at
    FROM porcupine.bans b JOIN porcupine.users u ON u.id = b.user_id
   WHERE b.room_id = room AND (b.until IS NULL OR b.until > clock_timestamp()) ORDER BY b.banned_at, b.user_id;
END
$$;
COMMENT ON FUNCTION porcupine.room_bans(bigint) IS
  'the bans of a room that are in force, oldest first (moderators and above). Errors: not_member, role, unauthenticated. Example: SELECT username, until, reason FROM porcupine.room_bans(1)';

CREATE FUNCTION porcupine.set_muted(room bigint, member bigint, until timestamptz) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  UPDATE porcupine.members m SET muted_until = set_muted.until WHERE m.room_id = room AND m.user_id = member;
  SELECT porcupine.append_server_event(room, 'member.muted', jsonb_build_object(
           'user', member::text, 'until', porcupine.utc_text(set_muted.until), 'by', porcupine.current_user_id()::text));
  SELECT porcupine.note_membership(room, member, 'member.muted', jsonb_build_object('until', porcupine.utc_text(set_muted.until)))
$$;
COMMENT ON FUNCTION porcupine.set_muted(bigint, bigint, timestamptz) IS 'what mute_member() and, with null, unmute_member() do under the room''s lock, which the caller holds';

CREATE FUNCTION porcupine.mute_member(room bigint, member bigint, until timestamptz) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF until IS NULL OR until <= clock_timestamp() OR until > clock_timestamp() + interval '10 years' THEN
    PERFORM porcupine.refuse('invalid', 'a mute ends at a time to come, within ten years',
                             'To silence a member for good, give them the role reader.');
  END IF;
  PERFORM porcupine.member_below(room, member, porcupine.enter_room(room, 'moderator'));
  PERFORM porcupine.set_muted(room, member, until);
END
$$;
COMMENT ON FUNCTION porcupine.mute_member(bigint, bigint, timestamptz) IS
  'keeps a member of a lower role from sending until a time, at most ten years away (moderators and above); they go on reading. It holds when they leave and come back. Muting again replaces the time. Errors: invalid, not_member, role, not_found, archived, unauthenticated. Example: SELECT porcupine.mute_member(1, 7, now() + interval ''1 hour'')';

CREATE FUNCTION porcupine.unmute_member(room bigint, member bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members := porcupine.enter_room(room, 'moderator');
  theirs porcupine.members;
BEGIN
  DELETE FROM porcupine.mutes u WHERE u.room_id = room AND u.user_id = member;
  IF FOUND THEN                                 -- they are gone; when they come back, they may send
    PERFORM porcupine.note_act('member.muted', member, room, '{"until": null}');
    RETURN;
  END IF;
  theirs := porcupine.member_below(room, member, mine);
  IF theirs.muted_until IS NOT NULL THEN
    PERFORM porcupine.set_muted(room, member, NULL);
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.unmute_member(bigint, bigint) IS
  'lets a muted member of a lower role send again, or somebody who left while muted when they come back (moderators and above). Errors: not_member, role, not_found, archived, unauthenticated. Example: SELECT porcupine.unmute_member(1, 7)';
