-- What each member has read and what has reached them: two marks that only rise. Unread is a subtraction.

CREATE FUNCTION porcupine.raise_marks(room bigint, read bigint, delivered bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  IF delivered IS NULL OR delivered < 0 THEN
    PERFORM porcupine.refuse('invalid', 'seq is a number from 0');
  END IF;
  UPDATE porcupine.members m
     SET read_seq = greatest(m.read_seq, least(read, h.last_seq)), delivered_seq = greatest(m.delivered_seq, least(delivered, h.last_seq))
    FROM porcupine.room_heads h
   WHERE m.room_id = room AND m.user_id = porcupine.current_user_id() AND h.room_id = m.room_id
     AND (m.read_seq < least(read, h.last_seq) OR m.delivered_seq < least(delivered, h.last_seq));
END
$$;
COMMENT ON FUNCTION porcupine.raise_marks(bigint, bigint, bigint) IS 'raises the marks of the current user, at most to the head';

CREATE FUNCTION porcupine.mark_read(room bigint, seq bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.raise_marks(room, seq, seq);
END
$$;
COMMENT ON FUNCTION porcupine.mark_read(bigint, bigint) IS
  'raises the read mark of the current user to seq (at most the head), and with it the delivered mark: what was read was delivered. A lower seq changes nothing. Errors: invalid, not_member, role, unauthenticated, session_ended. Example: SELECT porcupine.mark_read(1, 41)';

CREATE FUNCTION porcupine.mark_delivered(room bigint, seq bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.raise_marks(room, 0, seq);
END
$$;
COMMENT ON FUNCTION porcupine.mark_delivered(bigint, bigint) IS
  'raises the delivered mark of the current user to seq (at most the head): up to there one of their devices has the events. A lower seq changes nothing. Errors: invalid, not_member, role, unauthenticated, session_ended. Example: SELECT porcupine.mark_delivered(1, 41)';

CREATE FUNCTION porcupine.marks(room bigint) RETURNS TABLE (user_id bigint, read_seq bigint, delivered_seq bigint)
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT m.user_id, m.read_seq, m.delivered_seq FROM porcupine.members m
                WHERE m.room_id = room AND m.role > 'pending' ORDER BY m.user_id;
END
$$;
COMMENT ON FUNCTION porcupine.marks(bigint) IS
  'how far each member of a room has read, and how far events have reached them. Errors: not_member, role, unauthenticated, session_ended. Example: SELECT user_id FROM porcupine.marks(1) WHERE read_seq >= 41';

CREATE FUNCTION porcupine.count_unread(last_seq bigint, first_seq bigint, read_seq bigint, joined_seq bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN greatest(last_seq - greatest(read_seq, joined_seq, first_seq - 1), 0);
COMMENT ON FUNCTION porcupine.count_unread(bigint, bigint, bigint, bigint) IS
  'how many events lie above a member''s read mark, since they joined, of those that are kept';

CREATE FUNCTION porcupine.unread() RETURNS TABLE (room_id bigint, unread bigint)
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 20
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT m.room_id, porcupine.count_unread(h.last_seq, h.first_seq, m.read_seq, m.joined_seq)
    FROM porcupine.members m JOIN porcupine.room_heads h ON h.room_id = m.room_id
   WHERE m.user_id = (SELECT porcupine.require_user()) AND m.role > 'pending' ORDER BY m.room_id
$$;
COMMENT ON FUNCTION porcupine.unread() IS
  'how many events of each of their rooms the current user has not read; those that only wait to be let in are left out. Errors: unauthenticated, session_ended. Example: SELECT sum(unread) FROM porcupine.unread()';
