-- Direct rooms: for two, found again instead of made twice. Both are members, so that neither has a say over the other: nobody can be
-- added, removed, banned or muted, nothing be changed or listed, and there is no code. Who leaves is brought back by the next direct_room()
-- of either; once nobody is left who can read it, the room is deleted.

CREATE TABLE porcupine.direct_rooms (
  low bigint NOT NULL REFERENCES porcupine.users ON DELETE CASCADE,
  high bigint NOT NULL REFERENCES porcupine.users ON DELETE CASCADE,
  room_id bigint NOT NULL UNIQUE REFERENCES porcupine.rooms ON DELETE CASCADE,
  PRIMARY KEY (low, high),
  CHECK (low < high)
);
CREATE INDEX direct_rooms_high_idx ON porcupine.direct_rooms (high);
COMMENT ON TABLE porcupine.direct_rooms IS 'the room of each pair of users who have one, the lower id first';

CREATE FUNCTION porcupine.find_direct_room(me bigint, other bigint) RETURNS bigint
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  room bigint := (SELECT d.room_id FROM porcupine.direct_rooms d WHERE d.low = least(me, other) AND d.high = greatest(me, other));
  missing bigint;
BEGIN
  PERFORM FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  IF NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = room AND m.role > 'pending') THEN
    DELETE FROM porcupine.rooms r WHERE r.id = room;    -- deleted meanwhile, or left by hand: nobody could let anybody in
    RETURN NULL;
  END IF;
  FOR missing IN SELECT u.id FROM porcupine.users u
                  WHERE u.id IN (me, other) AND u.disabled_at IS NULL
                    AND NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = room AND m.user_id = u.id) ORDER BY u.id LOOP
    PERFORM porcupine.add_member(room, missing, 'direct');
  END LOOP;
  RETURN room;
END
$$;
COMMENT ON FUNCTION porcupine.find_direct_room(bigint, bigint) IS 'the direct room of two users, who are both brought back into it, or null';

CREATE FUNCTION porcupine.make_direct_room(me bigint, other bigint, encrypted boolean, entries bytea[], devices bigint[], bundles bytea[]) RETURNS bigint
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  room bigint;
BEGIN
  PERFORM porcupine.check_memberships(me);
  PERFORM porcupine.check_memberships(other);
  INSERT INTO porcupine.rooms AS r (created_by, encrypted, name, direct, max_members)
  VALUES (me, make_direct_room.encrypted, 'Direct', true, 2) RETURNING r.id INTO room;
  INSERT INTO porcupine.room_heads (room_id) VALUES (room);
  -- There is none, unless an old snapshot does not show it: then this says "could not serialize", which callers retry.
  INSERT INTO porcupine.direct_rooms (low, high, room_id) VALUES (least(me, other), greatest(me, other), room) ON CONFLICT (low, high) DO NOTHING;
  PERFORM porcupine.note_act('room.created', room => room);
  INSERT INTO porcupine.members (room_id, user_id, role, via) VALUES (room, me, 'member', 'direct');
  INSERT INTO porcupine.members (room_id, user_id, role, via)
  SELECT room, other, CASE WHEN NOT make_direct_room.encrypted OR EXISTS (SELECT FROM porcupine.devices d
           WHERE d.user_id = other AND d.id = ANY (make_direct_room.devices) AND d.revoked_at IS NULL) THEN 'member' ELSE 'pending' END::porcupine.role,
         'direct';
  PERFORM porcupine.store_first_epoch(room, entries, devices, bundles);
  RETURN room;
END
$$;
COMMENT ON FUNCTION porcupine.make_direct_room(bigint, bigint, boolean, bytea[], bigint[], bytea[]) IS
  'makes the direct room of two users; the other is let in at once when a device of theirs gets a bundle, or nothing is encrypted';

CREATE FUNCTION porcupine.direct_room(account bigint, encrypted boolean DEFAULT true, entries bytea[] DEFAULT '{}',
                                      devices bigint[] DEFAULT '{}', bundles bytea[] DEFAULT '{}') RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  room bigint;
BEGIN
  PERFORM porcupine.check_first_entries(encrypted, entries, devices);
  IF account = me THEN
    PERFORM porcupine.refuse('invalid', 'a direct room is for two');
  END IF;
  -- Both accounts, in ascending order, and before any room: of two calls at once the second finds the first one's room.
  PERFORM FROM porcupine.users u WHERE u.id IN (me, account) ORDER BY u.id FOR NO KEY UPDATE;
  room := porcupine.find_direct_room(me, account);
  IF room IS NULL THEN
    IF NOT EXISTS (SELECT FROM porcupine.users u WHERE u.id = account AND u.disabled_at IS NULL)
       OR porcupine.current_session_id() IS NOT NULL         -- a trusted backend, by act_as(), may bring any two together
          AND NOT EXISTS (SELECT FROM porcupine.members a JOIN porcupine.members b USING (room_id)
                           WHERE a.user_id = me AND a.role > 'pending' AND b.user_id = account) THEN
      PERFORM porcupine.refuse('not_found', 'no such user in any of your rooms');
    END IF;
    room := porcupine.make_direct_room(me, account, encrypted, entries, devices, bundles);
  END IF;
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.direct_room(bigint, boolean, bytea[], bigint[], bytea[]) IS
  'the room of the current user and another, found again where there is one (then what else is given is left aside), made otherwise; entries and bundles of epoch 0 as in create_room(), and the other is let in at once when their device gets a bundle. The other has to be in one of the caller''s rooms, but for backends by act_as(). Errors: invalid, too_large, not_found, quota (porcupine.max_memberships, of either), unauthenticated. Example: SELECT id, members FROM porcupine.direct_room(7, encrypted => false)';
