-- Messages of the application: events of kind system, in plain text, without a sender. A room takes them once its owner has
-- said so; clients show them as what they are.

CREATE UNIQUE INDEX events_system_key ON porcupine.events (room_id, client_id) WHERE device_id IS NULL AND client_id IS NOT NULL;

CREATE FUNCTION porcupine.allow_system(room bigint, allowed boolean DEFAULT true) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF allowed IS NULL THEN
    PERFORM porcupine.refuse('invalid', 'allowed is true or false');
  END IF;
  PERFORM porcupine.enter_room(room, 'owner');
  UPDATE porcupine.rooms r SET system = allowed WHERE r.id = room AND r.system <> allowed;
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.allow_system(bigint, boolean) IS
  'whether the application may write to a room by send_system() (owner). What it writes is in plain text, in an encrypted room, too, and all members see that this was switched. Errors: invalid, not_member, role, archived, unauthenticated. Example: SELECT system FROM porcupine.allow_system(1)';

CREATE FUNCTION porcupine.system_body(message text) RETURNS bytea
  LANGUAGE plpgsql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  body bytea;
BEGIN
  IF message IS NULL OR message = '' THEN
    PERFORM porcupine.refuse('invalid', 'the text is empty');
  END IF;
  IF octet_length(message) <= 65536 THEN
    body := convert_to(jsonb_build_object('text', message)::text, 'UTF8');
  END IF;
  IF body IS NULL OR length(body) > 65536 THEN
    PERFORM porcupine.refuse('too_large', 'a text has at most 65536 bytes, as JSON');
  END IF;
  RETURN body;
END
$$;
COMMENT ON FUNCTION porcupine.system_body(text) IS 'the body of a system event: {"text": ...}';

CREATE FUNCTION porcupine.check_system(room bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  allowed boolean := (SELECT r.system FROM porcupine.rooms r WHERE r.id = room);
BEGIN
  IF allowed IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'there is no such room');
  ELSIF NOT allowed THEN
    PERFORM porcupine.refuse('role', 'the room takes no messages of the application', 'Its owner allows them by allow_system().');
  ELSIF (SELECT h.archived FROM porcupine.room_heads h WHERE h.room_id = room) THEN
    PERFORM porcupine.refuse('archived', 'the room is archived');
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.check_system(bigint) IS 'refuses a room that takes no messages of the application';

CREATE FUNCTION porcupine.append_system(room bigint, client_id uuid, body bytea, OUT seq bigint, OUT created_at timestamptz) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  first bytea;
  most bigint := porcupine.setting('max_room_size') * 1024;
BEGIN
  PERFORM FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  SELECT e.seq, e.created_at, e.body INTO seq, created_at, first FROM porcupine.events e
   WHERE e.room_id = room AND e.client_id = append_system.client_id AND e.device_id IS NULL;
  IF seq IS NOT NULL THEN
    IF first <> append_system.body AND length(first) > 0 THEN                       -- what was redacted since is known by its id alone
      PERFORM porcupine.refuse('duplicate_mismatch', 'this client id was used for another message',
                               'Each message needs a client id of its own.', format('the first one has seq %s', seq));
    END IF;
    RETURN;
  END IF;
  PERFORM porcupine.check_system(room);
  IF most > 0 AND (SELECT h.bytes + length(append_system.body) > most FROM porcupine.room_heads h WHERE h.room_id = room) THEN
    PERFORM porcupine.refuse('quota', 'the room is full of messages', 'Redact some of them, or have the room keep them for a shorter time.',
                             format('at most %s kB', most / 1024));
  END IF;
  WITH head AS (
    UPDATE porcupine.room_heads h SET last_seq = h.last_seq + 1, bytes = h.bytes + length(append_system.body) WHERE h.room_id = room RETURNING h.last_seq, h.epoch)
  INSERT INTO porcupine.events AS e (room_id, seq, created_at, client_id, epoch, kind, body)
  SELECT room, head.last_seq, clock_timestamp(), append_system.client_id, head.epoch, 'system', append_system.body FROM head
  RETURNING e.seq, e.created_at INTO append_system.seq, append_system.created_at;
END
$$;
COMMENT ON FUNCTION porcupine.append_system(bigint, uuid, bytea) IS
  'appends a message of the application under the lock of the head, or finds the one with its client id';

CREATE FUNCTION porcupine.send_system(room bigint, client_id uuid, message text, OUT seq bigint, OUT created_at timestamptz) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF room IS NULL OR client_id IS NULL THEN
    PERFORM porcupine.refuse('invalid', 'room, client_id and message are needed');
  END IF;
  SELECT a.seq, a.created_at INTO seq, created_at FROM porcupine.append_system(room, client_id, porcupine.system_body(message)) a;
END
$$;
COMMENT ON FUNCTION porcupine.send_system(bigint, uuid, text) IS
  'appends a message of the application itself, for trusted backends: an event of kind system without a sender, in plain text that the server can read, whatever the state of the epoch, to a room whose owner has said allow_system(). message: 1 to 65536 bytes of its JSON. The same client_id with the same message returns the first seq. It holds the room until the commit; send_system_deferred() does not. Errors: invalid, too_large, not_found, role (not allowed), archived, quota (porcupine.max_room_size), duplicate_mismatch. Example: SELECT seq FROM porcupine.send_system(1, gen_random_uuid(), ''Order 17 was paid'')';

CREATE FUNCTION porcupine.send_system_deferred(room bigint, client_id uuid, message text) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF room IS NULL OR client_id IS NULL THEN
    PERFORM porcupine.refuse('invalid', 'room, client_id and message are needed');
  END IF;
  PERFORM porcupine.check_system(room);
  PERFORM porcupine.queue_system(room, client_id, porcupine.system_body(message));
END
$$;
COMMENT ON FUNCTION porcupine.send_system_deferred(bigint, uuid, text) IS
  'send_system() for long transactions, as send_deferred() is send(): it takes its seq at the commit, in the order of the calls among what is deferred. Errors: invalid, too_large, not_found, role (not allowed), archived, quota (at the commit), duplicate_mismatch (at the commit). Example: SELECT porcupine.send_system_deferred(1, gen_random_uuid(), ''Order 17 was paid'')';

CREATE FUNCTION porcupine.queue_system(room bigint, client_id uuid, body bytea) RETURNS void
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_queue_system';
COMMENT ON FUNCTION porcupine.queue_system(bigint, uuid, bytea) IS 'puts a message of the application into the outbox';
