-- Mentions as hints that only members can make and read: docs/encryption.md says how a client derives them, and what they tell.

CREATE TABLE porcupine.mention_hints (
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  seq bigint NOT NULL,
  hint bytea NOT NULL CHECK (length(hint) BETWEEN 8 AND 32),
  PRIMARY KEY (room_id, hint, seq)
);
CREATE INDEX mention_hints_seq_idx ON porcupine.mention_hints (room_id, seq);
COMMENT ON TABLE porcupine.mention_hints IS
  'what senders have attached to messages so that whoever is mentioned finds them (opaque here); they go when the message is redacted or retention takes it';

CREATE FUNCTION porcupine.hint(room bigint, seq bigint, hints bytea[]) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members := porcupine.enter_room(room);
  target record;
BEGIN
  SELECT e.kind, e.sender_id, length(e.body) = 0 AS redacted INTO target FROM porcupine.events e WHERE e.room_id = room AND e.seq = hint.seq;
  IF target.kind IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'no event of this room has this seq');
  ELSIF target.sender_id IS DISTINCT FROM mine.user_id OR target.kind NOT IN ('message', 'edit') THEN
    PERFORM porcupine.refuse('invalid', 'hints are attached to a message or edit of one''s own');
  ELSIF target.redacted THEN
    PERFORM porcupine.refuse('gone', 'the message was redacted');
  ELSIF cardinality(hints) > 100 THEN
    PERFORM porcupine.refuse('too_large', 'a message has at most 100 hints');
  ELSIF hints IS NULL OR EXISTS (SELECT FROM unnest(hints) AS given (hint) WHERE given.hint IS NULL OR length(given.hint) NOT BETWEEN 8 AND 32) THEN
    PERFORM porcupine.refuse('invalid', 'hints are 8 to 32 bytes each');
  ELSIF (SELECT count(*) FROM (SELECT h.hint FROM porcupine.mention_hints h WHERE h.room_id = room AND h.seq = hint.seq
                               UNION SELECT given.hint FROM unnest(hints) AS given (hint)) together) > 100 THEN
    PERFORM porcupine.refuse('too_large', 'a message has at most 100 hints');
  END IF;
  INSERT INTO porcupine.mention_hints (room_id, seq, hint)
  SELECT room, hint.seq, given.hint FROM unnest(hints) AS given (hint) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION porcupine.hint(bigint, bigint, bytea[]) IS
  'attaches hints (at most 100 a message, 8-32 bytes each) to a message or edit of one''s own, by which mentions() finds it. Call it in the transaction of the send: who has read past a seq looks for hints above it only. Errors: not_found, invalid, gone (the message was redacted), too_large, not_member, role, archived, unauthenticated, session_ended. Example: SELECT porcupine.hint(1, s.seq, ARRAY[''\x0011223344556677''::bytea]) FROM porcupine.send(1, gen_random_uuid(), ''hello'') s';

CREATE FUNCTION porcupine.mentions(room bigint, hint bytea, after bigint DEFAULT NULL, max integer DEFAULT 50) RETURNS SETOF porcupine.event
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT e.* FROM (
      SELECT h.seq FROM porcupine.mention_hints h
       WHERE h.room_id = room AND h.hint = mentions.hint AND h.seq > coalesce(after, 0) ORDER BY h.seq LIMIT porcupine.page_size(max)) found
    CROSS JOIN LATERAL (SELECT l.* FROM porcupine.log l WHERE l.room_id = room AND l.seq = found.seq LIMIT 1) e
   ORDER BY e.seq;
END
$$;
COMMENT ON FUNCTION porcupine.mentions(bigint, bytea, bigint, integer) IS
  'up to max (1-500) events of a room after a seq that have this hint, in order. Errors: not_member, role, unauthenticated, session_ended. Example: SELECT seq, body FROM porcupine.mentions(1, ''\x0011223344556677'', 41)';
