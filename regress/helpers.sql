-- What the test scripts share; included by \i, seen by one session only. Each call runs in a transaction of its own, so the
-- identity it takes ends with it. Nothing here is left behind in the database.

-- Runs one statement as a user (null: as nobody) and says what became of it: its first column as text, or its SQLSTATE.
-- The statement sees the user's room by no other name than the ids written into it.
CREATE FUNCTION pg_temp.try(account bigint, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  IF account IS NOT NULL THEN
    PERFORM porcupine.act_as(account);
  END IF;
  EXECUTE statement INTO result;
  RETURN coalesce(result, '(null)');
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;

-- The same with what the error says.
CREATE FUNCTION pg_temp.complain(account bigint, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
  detail text;
  result text;
BEGIN
  IF account IS NOT NULL THEN
    PERFORM porcupine.act_as(account);
  END IF;
  EXECUTE statement INTO result;
  RETURN coalesce(result, '(null)');
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
  RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''), nullif(hint, ''));
END
$$;

-- The same as the user of a session, with the message.
CREATE FUNCTION pg_temp.by_session(session bigint, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  PERFORM porcupine.act_as_session(session);
  EXECUTE statement INTO result;
  RETURN coalesce(result, '(null)');
EXCEPTION WHEN OTHERS THEN
  RETURN concat_ws(' | ', SQLSTATE, SQLERRM);
END
$$;

-- The log of a room, one line an event; with the beginning of what it says.
CREATE FUNCTION pg_temp.log_of(room bigint) RETURNS TABLE (seq bigint, kind porcupine.kind, sender_id bigint, epoch integer, ref bigint, body text)
  LANGUAGE sql AS $$
  SELECT e.seq, e.kind, e.sender_id, e.epoch, e.ref, left(convert_from(e.body, 'UTF8'), 60) FROM porcupine.events e WHERE e.room_id = room ORDER BY e.seq
$$;

-- People without passwords, by the ids that the test chose.
CREATE FUNCTION pg_temp.people(VARIADIC ids bigint[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO porcupine.users (id, username, display_name) SELECT i, 'user-' || i, 'User ' || i FROM unnest(ids) i
$$;

-- A room by the id that the test chose; its first member is the owner.
CREATE FUNCTION pg_temp.room(room bigint, encrypted boolean, VARIADIC users bigint[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO porcupine.rooms (id, encrypted, code, name) VALUES (room, encrypted, 'R' || lpad(room::text, 5, '0'), 'Room ' || room);
  INSERT INTO porcupine.room_heads (room_id) VALUES (room);
  INSERT INTO porcupine.members (room_id, user_id, role)
    SELECT room, u.id, CASE u.nr WHEN 1 THEN 'owner' ELSE 'member' END::porcupine.role FROM unnest(users) WITH ORDINALITY u (id, nr) ORDER BY u.nr;
$$;
