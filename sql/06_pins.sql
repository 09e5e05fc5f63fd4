-- Pins: what moderators want everybody in the room to find.

CREATE TABLE porcupine.pins (
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  seq bigint NOT NULL,
  pinned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  pinned_by bigint REFERENCES porcupine.users ON DELETE SET NULL,
  PRIMARY KEY (room_id, seq)
);
CREATE INDEX pins_pinned_by_idx ON porcupine.pins (pinned_by);
COMMENT ON TABLE porcupine.pins IS 'pinned messages, at most 100 a room; they go when the message is redacted or retention takes it';

CREATE FUNCTION porcupine.pin(room bigint, seq bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members := porcupine.enter_room(room, 'moderator');
  target record;
BEGIN
  SELECT e.kind, length(e.body) = 0 AS redacted INTO target FROM porcupine.events e WHERE e.room_id = room AND e.seq = pin.seq;
  IF target.kind IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'no event of this room has this seq');
  ELSIF target.kind NOT IN ('message', 'system') THEN
    PERFORM porcupine.refuse('invalid', 'only a message can be pinned');
  ELSIF target.redacted THEN
    PERFORM porcupine.refuse('gone', 'the message was redacted');
  ELSIF EXISTS (SELECT FROM porcupine.pins p WHERE p.room_id = room AND p.seq = pin.seq) THEN
    RETURN;
  ELSIF (SELECT count(*) FROM porcupine.pins p WHERE p.room_id = room) >= 100 THEN
    PERFORM porcupine.refuse('quota', 'a room has at most 100 pins', 'Unpin another message first.');
  END IF;
  INSERT INTO porcupine.pins (room_id, seq, pinned_by) VALUES (room, pin.seq, mine.user_id);
  PERFORM porcupine.append_event(room, 'pinned', convert_to(jsonb_build_object('by', mine.user_id::text)::text, 'UTF8'), ref => pin.seq);
END
$$;
COMMENT ON FUNCTION porcupine.pin(bigint, bigint) IS
  'pins a message (moderators and up), at most 100 in a room, and appends the event pinned, {"by"} with ref. What is pinned stays so. Errors: not_found, invalid (another kind of event), gone (the message was redacted), quota, not_member, role, archived, unauthenticated, session_ended. Example: SELECT porcupine.pin(1, 41)';

CREATE FUNCTION porcupine.unpin(room bigint, seq bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members := porcupine.enter_room(room, 'moderator');
BEGIN
  DELETE FROM porcupine.pins p WHERE p.room_id = room AND p.seq = unpin.seq;
  IF FOUND THEN
    PERFORM porcupine.append_event(room, 'unpinned', convert_to(jsonb_build_object('by', mine.user_id::text)::text, 'UTF8'), ref => unpin.seq);
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.unpin(bigint, bigint) IS
  'takes a pin away (moderators and up) and appends the event unpinned, {"by"} with ref; nothing happens when there is none. Errors: not_member, role, archived, unauthenticated, session_ended. Example: SELECT porcupine.unpin(1, 41)';

CREATE FUNCTION porcupine.pins(room bigint) RETURNS TABLE (seq bigint, pinned_by bigint, pinned_at timestamptz)
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT p.seq, p.pinned_by, p.pinned_at FROM porcupine.pins p WHERE p.room_id = room ORDER BY p.pinned_at, p.seq;
END
$$;
COMMENT ON FUNCTION porcupine.pins(bigint) IS
  'the pinned messages of a room in the order they were pinned; pinned_by is null for somebody whose account is deleted. Errors: not_member, role, unauthenticated, session_ended. Example: SELECT seq FROM porcupine.pins(1)';
