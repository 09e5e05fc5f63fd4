-- The state of a page: each message with all that was said of it since, by one look into events_ref_idx a message.

CREATE TYPE porcupine.folded_message AS (
  room_id bigint, seq bigint, kind porcupine.kind, sender_id bigint, device_id bigint, client_id uuid, epoch integer,
  ref bigint, created_at timestamptz, body bytea,
  redacted boolean, pinned boolean, edits bigint, edit porcupine.event, reaction_count bigint, reactions porcupine.event[],
  replies bigint, last_reply bigint, cut boolean);
COMMENT ON TYPE porcupine.folded_message IS
  'a message as it was sent, and what became of it: edit is the latest of its edits, reactions the latest 100 in order, last_reply the seq of the latest reply; what was redacted does not count. cut: the page would have grown too large with the message before this one';

CREATE FUNCTION porcupine.folded_history(room bigint, before bigint DEFAULT NULL, max integer DEFAULT 50) RETURNS SETOF porcupine.folded_message
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  most CONSTANT bigint := 8 * 1024 * 1024;      -- more than a message can have with an edit and a hundred reactions
BEGIN
  PERFORM porcupine.require_member(room);
  -- What is looked up by key is a sub-select, so that no estimate of how many there are makes it a join that reads the whole table.
  RETURN QUERY
  SELECT page.room_id, page.seq, page.kind, page.sender_id, page.device_id, page.client_id, page.epoch, page.ref, page.created_at, page.body,
         length(page.body) = 0, (SELECT true FROM porcupine.pins p WHERE p.room_id = page.room_id AND p.seq = page.seq) IS NOT NULL,
         page.edits, (SELECT ROW (e.*)::porcupine.event FROM porcupine.log e WHERE e.room_id = page.room_id AND e.seq = page.edit),
         page.reactions,
         ARRAY (SELECT ROW (latest.*)::porcupine.event
                  FROM (SELECT r.* FROM porcupine.log r
                         WHERE page.reactions > 0 AND r.room_id = page.room_id AND r.ref = page.seq AND r.kind = 'reaction' AND length(r.body) > 0
                         ORDER BY r.seq DESC LIMIT 100) latest ORDER BY latest.seq),
         page.replies, page.last_reply, page.cut
    FROM (SELECT summed.*, coalesce(lead(summed.bytes) OVER (ORDER BY summed.seq DESC) > most, false) AS cut
            FROM (SELECT sized.*, sum(sized.size) OVER (ORDER BY sized.seq DESC) AS bytes
                    FROM (SELECT found.*, folded.*, length(found.body)
                                 + coalesce((SELECT length(e.body) FROM porcupine.events e WHERE e.room_id = found.room_id AND e.seq = folded.edit), 0)
                                 + (SELECT coalesce(sum(latest.length), 0)
                                      FROM (SELECT length(r.body) FROM porcupine.events r
                                             WHERE folded.reactions > 0 AND r.room_id = found.room_id AND r.ref = found.seq AND r.kind = 'reaction' AND length(r.body) > 0
                                             ORDER BY r.seq DESC LIMIT 100) latest) AS size
                            FROM (SELECT m.* FROM porcupine.log m
           WHERE m.room_id = room AND m.seq < coalesce(before, 9223372036854775807) AND m.seq >= porcupine.first_kept(room)
             AND m.kind IN ('message', 'system')
           ORDER BY m.seq DESC LIMIT porcupine.page_size(max)) found
   CROSS JOIN LATERAL (
     SELECT count(*) FILTER (WHERE r.kind = 'edit') AS edits, max(r.seq) FILTER (WHERE r.kind = 'edit') AS edit,
            count(*) FILTER (WHERE r.kind = 'reaction') AS reactions,
            count(*) FILTER (WHERE r.kind = 'message') AS replies, max(r.seq) FILTER (WHERE r.kind = 'message') AS last_reply
       FROM porcupine.events r
      WHERE r.room_id = found.room_id AND r.ref = found.seq AND r.kind <> 'control' AND length(r.body) > 0
        AND (r.kind <> 'edit' OR r.sender_id = found.sender_id)) folded) sized) summed) page
   WHERE page.bytes <= most
   ORDER BY page.seq;
END
$$;
COMMENT ON FUNCTION porcupine.folded_history(bigint, bigint, integer) IS
  'the latest max (1-500) messages of a room before a seq, in order, each with its latest edit, its reactions, how many replies it has, whether it is pinned and redacted. The bodies of a page are 8 MiB together at most: where it would be more the page begins later, its first message is marked cut, and one goes on before its seq. Errors: not_member, role, unauthenticated, session_ended. Example: SELECT seq, coalesce((edit).body, body) AS body, reaction_count, replies FROM porcupine.folded_history(1)';
