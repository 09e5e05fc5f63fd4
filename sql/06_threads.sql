-- What belongs to one message: replies, and the history of its edits. All by events_ref_idx.

CREATE FUNCTION porcupine.speaking_of(room bigint, seq bigint, kind porcupine.kind, after bigint, max integer) RETURNS SETOF porcupine.event
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT e.* FROM porcupine.log e
    WHERE e.room_id = room AND e.ref = speaking_of.seq AND e.kind = speaking_of.kind AND e.kind <> 'control' AND e.seq > coalesce(after, 0)
    ORDER BY e.seq LIMIT porcupine.page_size(max);
END
$$;
COMMENT ON FUNCTION porcupine.speaking_of(bigint, bigint, porcupine.kind, bigint, integer) IS
  'the events of a kind that speak of one, for a member; what thread() and edits() give';

CREATE FUNCTION porcupine.thread(room bigint, seq bigint, after bigint DEFAULT NULL, max integer DEFAULT 50) RETURNS SETOF porcupine.event
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT * FROM porcupine.speaking_of(room, seq, 'message', after, max) $$;
COMMENT ON FUNCTION porcupine.thread(bigint, bigint, bigint, integer) IS
  'up to max (1-500) replies to a message after a seq, in order; none where there is no such message. Errors: not_member, role, unauthenticated, session_ended. Example: SELECT seq, sender_id, body FROM porcupine.thread(1, 41)';

CREATE FUNCTION porcupine.edits(room bigint, seq bigint, after bigint DEFAULT NULL, max integer DEFAULT 50) RETURNS SETOF porcupine.event
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT * FROM porcupine.speaking_of(room, seq, 'edit', after, max) $$;
COMMENT ON FUNCTION porcupine.edits(bigint, bigint, bigint, integer) IS
  'up to max (1-500) edits of a message after a seq, in order: its history, of which the last that is not redacted (an empty body) is how it reads now. Errors: not_member, role, unauthenticated, session_ended. Example: SELECT seq, created_at, body FROM porcupine.edits(1, 41)';
