-- Redaction: what was said is taken back, its place in the log stays.

CREATE FUNCTION porcupine.redact(room bigint, seq bigint) RETURNS bigint
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members := porcupine.enter_room(room, 'reader', even_archived => true);
  target record;
  notice bigint;
BEGIN
  SELECT e.kind, e.sender_id INTO target FROM porcupine.events e WHERE e.room_id = room AND e.seq = redact.seq;
  IF target.kind IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'no event of this room has this seq');
  ELSIF NOT porcupine.is_said(target.kind) THEN
    PERFORM porcupine.refuse('invalid', 'only a message, an edit or a reaction can be redacted');
  ELSIF target.sender_id IS DISTINCT FROM mine.user_id THEN
    PERFORM porcupine.require_say_over(mine, target.sender_id);
  END IF;
  SELECT min(e.seq) INTO notice FROM porcupine.events e WHERE e.room_id = room AND e.ref = redact.seq AND e.kind = 'redacted';
  IF notice IS NOT NULL THEN
    RETURN notice;
  END IF;
  PERFORM porcupine.erase_bodies(room, redact.seq);
  PERFORM porcupine.note_act('event.redacted', target.sender_id, room, jsonb_build_object('seq', redact.seq));
  RETURN porcupine.append_event(room, 'redacted', convert_to(jsonb_build_object('by', mine.user_id::text)::text, 'UTF8'), ref => redact.seq);
END
$$;
COMMENT ON FUNCTION porcupine.redact(bigint, bigint) IS
  'takes back what a message, edit or reaction says: its body becomes empty, and so do those of a message''s edits; hints of both and a pin go, the rows stay, with their seqs, and what others have replied and reacted stays too. One may redact one''s own, a moderator and up also what somebody of a lower role has sent, or somebody who is gone. Returns the seq of the event redacted that says so, {"by"} with ref; again: the same seq. It can be done in an archived room, and by who is muted. Errors: not_found, invalid (another kind of event), not_member, role, unauthenticated, session_ended. Example: SELECT porcupine.redact(1, 41)';

CREATE FUNCTION porcupine.require_say_over(mine porcupine.members, other bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF mine.role < 'moderator' THEN
    PERFORM porcupine.refuse('role', 'this needs the role moderator', 'One''s own messages one can redact oneself.');
  ELSIF EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = mine.room_id AND m.user_id = other AND m.role >= mine.role) THEN
    PERFORM porcupine.refuse('role', 'only somebody of a higher role can redact what this member sent');
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.require_say_over(porcupine.members, bigint) IS
  'whether this member may redact what the other one has sent, who may be gone, or nobody';

CREATE FUNCTION porcupine.erase_bodies(room bigint, seq bigint) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  UPDATE porcupine.room_heads h SET bytes = h.bytes - gone.bytes
    FROM (SELECT sum(length(e.body)) AS bytes
            FROM (SELECT e.body FROM porcupine.events e WHERE e.room_id = room AND e.seq = erase_bodies.seq
                  UNION ALL
                  SELECT e.body FROM porcupine.events e WHERE e.room_id = room AND e.ref = erase_bodies.seq AND e.kind = 'edit') e) gone
   WHERE h.room_id = room AND gone.bytes > 0;
  UPDATE porcupine.events e SET body = '' WHERE e.room_id = room AND e.seq = erase_bodies.seq AND length(e.body) > 0;
  UPDATE porcupine.events e SET body = '' WHERE e.room_id = room AND e.ref = erase_bodies.seq AND e.kind = 'edit' AND length(e.body) > 0;
  DELETE FROM porcupine.pins p WHERE p.room_id = room AND p.seq = erase_bodies.seq;
  DELETE FROM porcupine.mention_hints h WHERE h.room_id = room
    AND (h.seq = erase_bodies.seq OR h.seq IN (SELECT e.seq FROM porcupine.events e WHERE e.room_id = room AND e.ref = erase_bodies.seq AND e.kind = 'edit'))
$$;
COMMENT ON FUNCTION porcupine.erase_bodies(bigint, bigint) IS 'empties an event and its edits and takes their hints and the pin away, for who has entered the room';
