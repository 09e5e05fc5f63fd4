-- Everything that a client begins with, from one snapshot. Only STABLE functions look at the data here: they see it as the statement
-- of the caller does, whereas each statement of a VOLATILE one looks anew, and would show members or events from after the head.

CREATE FUNCTION porcupine.last_page(room bigint, max integer, max_bytes bigint) RETURNS porcupine.event[]
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT ARRAY (
    SELECT ROW (page.*)::porcupine.event FROM (
      SELECT l.* FROM porcupine.log l
       WHERE l.room_id = room AND l.seq >= (
         SELECT min(sized.seq) FROM (
           SELECT e.seq, sum(length(e.body)) OVER (ORDER BY e.seq DESC) - length(e.body) AS newer FROM (
             SELECT l.seq, l.body FROM porcupine.log l
              WHERE l.room_id = room AND l.seq >= porcupine.first_kept(room) ORDER BY l.seq DESC LIMIT porcupine.page_size(max)) e) sized
          WHERE sized.newer < max_bytes)
       ORDER BY l.seq DESC LIMIT porcupine.page_size(max)) page
     ORDER BY page.seq)
$$;
COMMENT ON FUNCTION porcupine.last_page(bigint, integer, bigint) IS
  'the latest max (1-500) events of a room, in order, as many of them as it takes until their bodies pass max_bytes';

CREATE FUNCTION porcupine.snapshot(max integer DEFAULT 50)
  RETURNS TABLE (room porcupine.room, members porcupine.member[], events porcupine.event[])
  LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 20
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT seen, ARRAY (SELECT ROW (o.*)::porcupine.member FROM porcupine.members_as_seen(m.room_id) o ORDER BY o.joined_seq),
         CASE WHEN m.role > 'pending' THEN porcupine.last_page(m.room_id, least(max, 100), 131072) ELSE '{}' END
    FROM (SELECT porcupine.require_user() AS id, porcupine.current_stream() AS stream) s
    JOIN porcupine.members m ON m.user_id = s.id
   CROSS JOIN LATERAL porcupine.room_as_seen(m, s.stream) seen
   ORDER BY m.room_id
$$;
COMMENT ON FUNCTION porcupine.snapshot(integer) IS
  'the rooms of the current user, each with its members and its latest max (1-100) events (fewer when their bodies pass 128 KiB; none while the user waits to be let in), all as of one instant, that of the calling statement: the last event is the one at room.head, the members are those that the log up to there makes, and (room.stream, room.head) is the cursor to go on from. Errors: unauthenticated, session_ended. Example: SELECT (s.room).name, (s.room).unread, cardinality(s.members), cardinality(s.events) FROM porcupine.snapshot(20) s';
