-- The delivery service of the encryption: the control log and the epochs. Contents are opaque; order, membership and the
-- one-transaction rule are kept here.

CREATE FUNCTION porcupine.append_entry(room bigint, index integer, entry bytea) RETURNS bigint
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members := porcupine.enter_room(room, 'pending');
BEGIN
  IF mine.role = 'pending' AND EXISTS (SELECT FROM porcupine.control_log l JOIN porcupine.events e ON e.room_id = l.room_id AND e.seq = l.seq
                                        WHERE l.room_id = room AND l.seq > mine.joined_seq AND e.sender_id = mine.user_id) THEN
    PERFORM porcupine.refuse('role', 'waiting to be let in', 'Your entry is in the log; a member''s client has to act on it.');
  END IF;
  RETURN porcupine.append_entries(room, index, ARRAY[entry]);
END
$$;
COMMENT ON FUNCTION porcupine.append_entry(bigint, integer, bytea) IS
  'appends one client-signed entry (1-8192 bytes) to the control log, if index is the next, and returns its seq; a pending member may once, to join. Errors: invalid, too_large, conflict, not_member, role, unauthenticated';

CREATE FUNCTION porcupine.control_entries(room bigint, after integer DEFAULT -1)
  RETURNS TABLE (index integer, seq bigint, entry bytea, sender_id bigint, device_id bigint, created_at timestamptz)
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room, 'pending');
  RETURN QUERY SELECT l.index, l.seq, e.body, e.sender_id, e.device_id, e.created_at
    FROM porcupine.control_log l JOIN porcupine.events e ON e.room_id = l.room_id AND e.seq = l.seq
   WHERE l.room_id = room AND l.index > coalesce(after, -1) ORDER BY l.index LIMIT 1000;
END
$$;
COMMENT ON FUNCTION porcupine.control_entries(bigint, integer) IS
  'up to 1000 entries of the control log after an index, in order; pending members may, to verify what they join. Errors: not_member, unauthenticated';

CREATE FUNCTION porcupine.require_encrypted(room bigint) RETURNS void
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF NOT (SELECT r.encrypted FROM porcupine.rooms r WHERE r.id = room) THEN
    PERFORM porcupine.refuse('invalid', 'this room is not encrypted');
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.require_encrypted(bigint) IS 'refuses a room that is not encrypted';

CREATE FUNCTION porcupine.store_epoch(room bigint, epoch integer, index integer, seq bigint, devices bigint[], bundles bytea[]) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF devices IS NULL OR bundles IS NULL OR cardinality(devices) <> cardinality(bundles)
     OR array_position(devices, NULL) IS NOT NULL OR array_position(bundles, NULL) IS NOT NULL
     OR EXISTS (SELECT FROM unnest(devices) AS d (id) GROUP BY d.id HAVING count(*) > 1) THEN
    PERFORM porcupine.refuse('invalid', 'one bundle for each device, each device once');
  ELSIF cardinality(devices) > 1000 THEN
    PERFORM porcupine.refuse('too_large', 'at most 1000 bundles an epoch');
  ELSIF EXISTS (SELECT FROM unnest(bundles) AS b (bundle) WHERE length(b.bundle) = 0) THEN
    PERFORM porcupine.refuse('invalid', 'a bundle is empty');
  ELSIF EXISTS (SELECT FROM unnest(bundles) AS b (bundle) WHERE length(b.bundle) > 2048) THEN
    PERFORM porcupine.refuse('too_large', 'a bundle has at most 2048 bytes');
  END IF;
  INSERT INTO porcupine.epochs (room_id, epoch, index, device_id, seq)
  VALUES (room, store_epoch.epoch, store_epoch.index, porcupine.require_device(), store_epoch.seq);
  INSERT INTO porcupine.key_bundles (room_id, epoch, device_id, bundle)
  SELECT room, store_epoch.epoch, b.device, b.bundle
    FROM unnest(devices, bundles) AS b (device, bundle)
    JOIN porcupine.devices d ON d.id = b.device AND d.revoked_at IS NULL
    JOIN porcupine.members m ON m.room_id = room AND m.user_id = d.user_id
     FOR KEY SHARE OF d;                        -- one that is being revoked is waited for, and left out then
END
$$;
COMMENT ON FUNCTION porcupine.store_epoch(bigint, integer, integer, bigint, bigint[], bytea[]) IS
  'stores an epoch and its bundles under the room''s lock, which the caller holds; a bundle for a device that is no member''s is left out: the committer may not know yet who has left, and a member whose list names a stranger''s device must not stop everybody''s rotation';

CREATE FUNCTION porcupine.commit_epoch(room bigint, epoch integer, index integer, entries bytea[], devices bigint[], bundles bytea[],
                                       remove bigint[] DEFAULT '{}', OUT committed integer, OUT entry_index integer, OUT entry_seq bigint)
  RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members := porcupine.enter_room(room);
  current_epoch integer := (SELECT h.epoch FROM porcupine.room_heads h WHERE h.room_id = room);
  member bigint;
BEGIN
  PERFORM porcupine.require_encrypted(room);
  IF entries IS NULL OR cardinality(entries) = 0 THEN
    PERFORM porcupine.refuse('invalid', 'an epoch needs the control-log entry that commits it');
  ELSIF epoch IS DISTINCT FROM current_epoch + 1 THEN
    PERFORM porcupine.refuse('conflict', 'the epoch has moved on', 'Discard your secret, read the log, and try again.',
                             format('the current epoch is %s', current_epoch));
  END IF;
  FOREACH member IN ARRAY coalesce(remove, '{}') LOOP
    PERFORM porcupine.drop_member(room, member, mine);
  END LOOP;
  entry_seq := porcupine.append_entries(room, index, entries);
  entry_index := index + cardinality(entries) - 1;
  committed := epoch;
  UPDATE porcupine.room_heads h SET epoch = commit_epoch.epoch, epoch_open = true WHERE h.room_id = room;
  PERFORM porcupine.store_epoch(room, epoch, entry_index, entry_seq, devices, bundles);
  UPDATE porcupine.members m SET role = porcupine.role_when_let_in(m)
   WHERE m.room_id = room AND m.role = 'pending'
     AND m.user_id IN (SELECT d.user_id FROM porcupine.key_bundles b JOIN porcupine.devices d ON d.id = b.device_id
                        WHERE b.room_id = room AND b.epoch = commit_epoch.epoch);
  PERFORM porcupine.append_server_event(room, 'epoch', jsonb_build_object('epoch', commit_epoch.epoch, 'by', mine.user_id::text));
END
$$;
COMMENT ON FUNCTION porcupine.commit_epoch(bigint, integer, integer, bytea[], bigint[], bytea[], bigint[]) IS
  'the next epoch in one transaction: appends the entries (the last commits the epoch), stores a bundle for each device, removes the members in remove, lets in pending members with a bundle, raises the epoch and opens it. The first caller wins, others get conflict. Errors: invalid, too_large, conflict, not_member, role, not_found, unauthenticated';

CREATE FUNCTION porcupine.my_epochs(room bigint, after integer DEFAULT -1)
  RETURNS TABLE (epoch integer, index integer, sender_id bigint, device_id bigint, bundle bytea)
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT p.epoch, p.index, e.sender_id, p.device_id, b.bundle
    FROM porcupine.epochs p
    JOIN porcupine.key_bundles b ON b.room_id = p.room_id AND b.epoch = p.epoch AND b.device_id = porcupine.current_device_id()
    JOIN porcupine.events e ON e.room_id = p.room_id AND e.seq = p.seq   -- the committer's account may be gone by now
   WHERE p.room_id = room AND p.epoch > coalesce(after, -1) ORDER BY p.epoch LIMIT 1000;
END
$$;
COMMENT ON FUNCTION porcupine.my_epochs(bigint, integer) IS
  'the bundles for the current device of up to 1000 epochs after one, in order, with who committed them. Errors: not_member, role, unauthenticated';


CREATE FUNCTION porcupine.revoke_device(account bigint, device bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  found porcupine.devices;
  ended bigint;
  room bigint;
BEGIN
  PERFORM porcupine.lock_account(account);      -- whoever signs in on it meanwhile comes before this or finds it revoked
  SELECT d.* INTO found FROM porcupine.devices d WHERE d.id = device AND d.user_id = account;
  IF found.id IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'this account has no such device');
  ELSIF found.backend THEN
    PERFORM porcupine.refuse('invalid', 'this device stands for what applications send in the name of the account',
                             'It has no keys and no sessions. disable_user() keeps everybody from sending for somebody.');
  ELSIF found.revoked_at IS NOT NULL THEN
    RETURN;
  END IF;
  -- Heads before the device: whoever commits an epoch holds a head and then the devices that get its key.
  PERFORM FROM porcupine.room_heads h
    WHERE h.room_id IN (SELECT m.room_id FROM porcupine.members m JOIN porcupine.rooms r ON r.id = m.room_id WHERE m.user_id = account AND r.encrypted)
    ORDER BY h.room_id FOR UPDATE;
  PERFORM FROM porcupine.devices d WHERE d.id = device FOR UPDATE;
  UPDATE porcupine.devices d SET revoked_at = clock_timestamp() WHERE d.id = device;
  FOR ended IN UPDATE porcupine.sessions s SET ended_at = clock_timestamp(), end_reason = 'device revoked'
                WHERE s.device_id = device AND s.ended_at IS NULL RETURNING s.id LOOP
    PERFORM porcupine.ring_session(ended);
  END LOOP;
  FOR room IN SELECT b.room_id FROM porcupine.key_bundles b JOIN porcupine.room_heads h ON h.room_id = b.room_id AND h.epoch = b.epoch
               WHERE b.device_id = device ORDER BY b.room_id LOOP
    PERFORM porcupine.lock_room(room);
    PERFORM porcupine.close_epoch(room);
  END LOOP;
  DELETE FROM porcupine.key_bundles b WHERE b.device_id = device;
  PERFORM porcupine.note_act('device.revoked', account, NULL, jsonb_build_object('device', device::text));
END
$$;
COMMENT ON FUNCTION porcupine.revoke_device(bigint, bigint) IS
  'revoke_device(device) for an administrator: ends a device of a user. Errors: not_found, invalid (the device of act_as()). Example: SELECT porcupine.revoke_device(7, 12)';

CREATE FUNCTION porcupine.revoke_device(device bigint) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT porcupine.revoke_device(porcupine.require_user(), device) $$;
COMMENT ON FUNCTION porcupine.revoke_device(bigint) IS
  'ends a device of the current user for good, one that was lost or stolen: its sessions end, and their sockets with them; nobody signs in on it again; the bundles it was given are deleted, and each encrypted room whose current key it has takes no more messages until a member''s client has committed the next epoch, which leaves it out. A second time nothing happens. The signed device list is the client''s to renew. Errors: not_found, invalid (the device of act_as()), unauthenticated, session_ended. Example: SELECT porcupine.revoke_device(12)';
