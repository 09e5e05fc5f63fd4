-- What the other functions stand on. Nothing here is granted to anybody.

CREATE FUNCTION porcupine.refuse(condition text, message text, hint text DEFAULT NULL, detail text DEFAULT NULL) RETURNS void
  LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'porcupine_refuse';
COMMENT ON FUNCTION porcupine.refuse(text, text, text, text) IS
  'raises an error of porcupine''s own SQLSTATE class; condition is its name, as in API.md';

CREATE FUNCTION porcupine.random_token() RETURNS text
  LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_random_token';
COMMENT ON FUNCTION porcupine.random_token() IS '256 random bits in base64url, 43 characters';

CREATE FUNCTION porcupine.random_key() RETURNS bytea
  LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_random_key';
COMMENT ON FUNCTION porcupine.random_key() IS '256 random bits';

CREATE FUNCTION porcupine.refresh_token(session bigint, family_key bytea, salt bytea DEFAULT NULL, parent text DEFAULT NULL) RETURNS text
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_refresh_token';
COMMENT ON FUNCTION porcupine.refresh_token(bigint, bytea, bytea, text) IS
  'a refresh token of a session (75 characters): a random one, or the one that follows parent by this salt, which is always the same. Its transaction commits synchronously';

CREATE FUNCTION porcupine.refresh_token_session(token text) RETURNS bigint
  LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'porcupine_refresh_token_session';
COMMENT ON FUNCTION porcupine.refresh_token_session(text) IS
  'the session that a refresh token names, which proves nothing yet; null: it names none, as those of version 1.0';

CREATE FUNCTION porcupine.refresh_token_standing(token text, family_key bytea, refresh_hash bytea, parent_hash bytea) RETURNS text
  LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'porcupine_refresh_token_standing';
COMMENT ON FUNCTION porcupine.refresh_token_standing(text, bytea, bytea, bytea) IS
  'what a token is to the session with this key and these hashes: live, parent, older (neither, but given out for it once), or null (never given out)';

CREATE FUNCTION porcupine.random_room_code() RETURNS text
  LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_random_room_code';
COMMENT ON FUNCTION porcupine.random_room_code() IS 'six characters of A-Z and 0-9, each equally likely';

CREATE FUNCTION porcupine.fresh_room_code() RETURNS text
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  drawn text;
BEGIN
  LOOP
    drawn := porcupine.random_room_code();
    IF NOT EXISTS (SELECT FROM porcupine.rooms r WHERE r.code = drawn) THEN
      RETURN drawn;
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION porcupine.fresh_room_code() IS
  'a room code that no room has; should two transactions draw the same at once (one in billions), the second fails and is repeated';

CREATE FUNCTION porcupine.hash_password(password text) RETURNS text
  LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_hash_password';
COMMENT ON FUNCTION porcupine.hash_password(text) IS
  'Argon2id (19 MiB, 2 passes). At most porcupine.password_concurrency hashes run at once in a database; others wait.';

CREATE FUNCTION porcupine.verify_password(hash text, password text) RETURNS boolean
  LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_verify_password';
COMMENT ON FUNCTION porcupine.verify_password(text, text) IS
  'whether the password fits; a null hash (no such user) costs the same time and is false';

CREATE FUNCTION porcupine.access_token(account bigint, session bigint, device bigint) RETURNS text
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_access_token';
COMMENT ON FUNCTION porcupine.access_token(bigint, bigint, bigint) IS
  'a JWT (EdDSA, typ at+jwt) for porcupine.access_lifetime, signed with the newest signing key, which it makes when there is none';

-- In C, so that calling it loads the library that knows the settings.
CREATE FUNCTION porcupine.lifetime(which text) RETURNS interval
  LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'porcupine_lifetime';
COMMENT ON FUNCTION porcupine.lifetime(text) IS 'the setting porcupine.<which>_lifetime as an interval; which is access or refresh';

CREATE FUNCTION porcupine.setting(name text) RETURNS bigint
  LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'porcupine_setting';
COMMENT ON FUNCTION porcupine.setting(text) IS 'the setting porcupine.<name>, which is a number, in its own unit';

CREATE FUNCTION porcupine.server_history(OUT system_identifier bigint, OUT database oid, OUT timeline integer) RETURNS record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_server_history';
COMMENT ON FUNCTION porcupine.server_history() IS 'what tells one history of a database from another: server, database, timeline';

CREATE FUNCTION porcupine.ring_member(account bigint, room bigint) RETURNS void
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_ring_member';
COMMENT ON FUNCTION porcupine.ring_member(bigint, bigint) IS 'doorbell at commit: the membership of this user in this room changed';

CREATE FUNCTION porcupine.ring_session(session bigint) RETURNS void
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_ring_session';
COMMENT ON FUNCTION porcupine.ring_session(bigint) IS 'doorbell at commit: this session ended';

CREATE FUNCTION porcupine.ring_user(account bigint) RETURNS void
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_ring_user';
COMMENT ON FUNCTION porcupine.ring_user(bigint) IS 'doorbell at commit: this user was disabled';

CREATE FUNCTION porcupine.add_stream(old_stream bigint) RETURNS bigint
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  -- Milliseconds of the clock, so that two restores of one backup get different streams; always above the last.
  INSERT INTO porcupine.stream (stream, system_identifier, database, timeline)
  SELECT greatest(coalesce(old_stream, 0) + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint), h.*
    FROM porcupine.server_history() h
  RETURNING stream
$$;
COMMENT ON FUNCTION porcupine.add_stream(bigint) IS 'begins a new stream epoch above the given one';

CREATE FUNCTION porcupine.renew_stream() RETURNS bigint
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  newest porcupine.stream;
  actual record := porcupine.server_history();
BEGIN
  IF current_setting('transaction_read_only')::boolean THEN
    PERFORM porcupine.refuse('busy', 'this database has a new history that has not been recorded yet',
                             'Call porcupine.current_stream() once in a transaction that may write.');
  END IF;
  LOCK TABLE porcupine.stream IN SHARE ROW EXCLUSIVE MODE;
  SELECT * INTO newest FROM porcupine.stream ORDER BY stream DESC LIMIT 1;
  IF newest.system_identifier = actual.system_identifier AND newest.database = actual.database AND newest.timeline = actual.timeline THEN
    RETURN newest.stream;                       -- somebody else was first
  END IF;
  RETURN porcupine.add_stream(newest.stream);
END
$$;
COMMENT ON FUNCTION porcupine.renew_stream() IS
  'begins a new stream epoch when the newest one is of another history than the server''s own';

CREATE FUNCTION porcupine.current_stream() RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_current_stream';
COMMENT ON FUNCTION porcupine.current_stream() IS
  'the stream epoch that cursors belong to; raised by itself when the database was restored, cloned or promoted. Example: SELECT porcupine.current_stream()';

CREATE FUNCTION porcupine.new_stream() RETURNS bigint
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.note_act('stream.begun');
  RETURN porcupine.add_stream((SELECT max(s.stream) FROM porcupine.stream s));
END
$$;
COMMENT ON FUNCTION porcupine.new_stream() IS
  'makes every client reset: call it after a snapshot of the same server was rolled back, which the database cannot notice by itself';

CREATE FUNCTION porcupine.lock_room(room bigint) RETURNS porcupine.room_heads
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  head porcupine.room_heads;
BEGIN
  SELECT h.* INTO head FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  IF head.room_id IS NULL THEN
    PERFORM porcupine.refuse('not_member', 'not a member of this room');
  END IF;
  RETURN head;
END
$$;
COMMENT ON FUNCTION porcupine.lock_room(bigint) IS
  'locks the head of a room, the first step of every write to it; what is checked after it, in a statement of its own, stays true until the commit';

-- By way of text, for ALTER EXTENSION UPDATE adds this label in the same transaction, where it is no constant yet.
CREATE FUNCTION porcupine.require_member(room bigint, at_least porcupine.role DEFAULT 'reader'::text::porcupine.role) RETURNS porcupine.members
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  membership porcupine.members;
BEGIN
  SELECT m.* INTO membership FROM porcupine.members m WHERE m.room_id = room AND m.user_id = me;
  IF membership.user_id IS NULL THEN
    PERFORM porcupine.refuse('not_member', 'not a member of this room');
  ELSIF membership.role < at_least THEN
    IF membership.role = 'pending' THEN
      PERFORM porcupine.refuse('role', 'waiting to be let in', 'A member''s client lets you in when it is online.');
    END IF;
    PERFORM porcupine.refuse('role', format('this needs the role %s', at_least), 'Ask an admin of the room.');
  END IF;
  RETURN membership;
END
$$;
COMMENT ON FUNCTION porcupine.require_member(bigint, porcupine.role) IS 'the caller''s membership, which must be of at least this role';

CREATE FUNCTION porcupine.enter_room(room bigint, at_least porcupine.role DEFAULT 'member', even_archived boolean DEFAULT false)
  RETURNS porcupine.members
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  head porcupine.room_heads;
  membership porcupine.members;
BEGIN
  PERFORM porcupine.require_user();
  head := porcupine.lock_room(room);
  membership := porcupine.require_member(room, at_least);
  IF head.archived AND NOT even_archived THEN
    PERFORM porcupine.refuse('archived', 'the room is archived', 'An admin of the room can take it out of the archive.');
  END IF;
  RETURN membership;
END
$$;
COMMENT ON FUNCTION porcupine.enter_room(bigint, porcupine.role, boolean) IS
  'how every write to a room begins: lock its head, then look who is asking, and whether the room is archived; gives the caller''s membership. even_archived: for what may still be done then: going, being sent away, and opening the room again';

CREATE FUNCTION porcupine.append_event(room bigint, kind porcupine.kind, body bytea, sender bigint DEFAULT NULL,
                                       device bigint DEFAULT NULL, ref bigint DEFAULT NULL) RETURNS bigint
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH head AS (
    UPDATE porcupine.room_heads h SET last_seq = h.last_seq + 1, erasures = h.erasures + (append_event.kind = 'redacted')::integer
     WHERE h.room_id = room RETURNING h.last_seq, h.epoch)
  INSERT INTO porcupine.events AS e (room_id, seq, created_at, sender_id, device_id, epoch, kind, ref, body)
  SELECT room, head.last_seq, clock_timestamp(), sender, device, head.epoch, append_event.kind, append_event.ref, append_event.body FROM head
  RETURNING e.seq
$$;
COMMENT ON FUNCTION porcupine.append_event(bigint, porcupine.kind, bytea, bigint, bigint, bigint) IS
  'appends an event that is not a client''s send and returns its seq; null when the room is gone. A redaction counts as an erasure';

CREATE FUNCTION porcupine.append_server_event(room bigint, kind porcupine.kind, data jsonb) RETURNS bigint
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT porcupine.append_event(room, kind, convert_to(data::text, 'UTF8')) $$;
COMMENT ON FUNCTION porcupine.append_server_event(bigint, porcupine.kind, jsonb) IS 'appends what the server itself has to say';

CREATE FUNCTION porcupine.note_act(action text, subject bigint DEFAULT NULL, room bigint DEFAULT NULL, detail jsonb DEFAULT '{}') RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  INSERT INTO porcupine.audit (room_id, actor_id, subject_id, action, detail)
  VALUES (room, porcupine.current_user_id(), subject, note_act.action, coalesce(note_act.detail, '{}'))
$$;
COMMENT ON FUNCTION porcupine.note_act(text, bigint, bigint, jsonb) IS 'a line of the audit log: what the caller did, to whom, in which room';

CREATE FUNCTION porcupine.note_room_change(room bigint, changes jsonb) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT porcupine.append_server_event(room, 'room.changed', changes || jsonb_build_object('by', porcupine.current_user_id()::text));
  SELECT porcupine.note_act('room.changed', room => note_room_change.room, detail => changes)
$$;
COMMENT ON FUNCTION porcupine.note_room_change(bigint, jsonb) IS
  'the event and the audit of a change to a room, by the names and new values of what changed';

-- By way of text, as above.
CREATE FUNCTION porcupine.is_said(kind porcupine.kind) RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN kind::text IN ('message', 'edit', 'reaction', 'system');
COMMENT ON FUNCTION porcupine.is_said(porcupine.kind) IS
  'whether events of this kind are what people and the application say: what is redacted, reported, kept by retention and counted in room_heads.bytes';

CREATE FUNCTION porcupine.append_entries(room bigint, index integer, entries bytea[]) RETURNS bigint
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  head porcupine.room_heads := porcupine.lock_room(room);
  entry bytea;
  entry_seq bigint := head.last_seq;
BEGIN
  PERFORM porcupine.require_encrypted(room);
  IF index IS DISTINCT FROM head.log_length THEN
    PERFORM porcupine.refuse('conflict', 'the control log has moved on',
                             'Read the log from your last index, check it, and sign anew.', format('the next index is %s', head.log_length));
  END IF;
  IF cardinality(entries) > 256 THEN
    PERFORM porcupine.refuse('too_large', 'at most 256 control-log entries at once');
  END IF;
  FOREACH entry IN ARRAY entries LOOP
    IF entry IS NULL OR length(entry) = 0 THEN
      PERFORM porcupine.refuse('invalid', 'a control-log entry is empty');
    ELSIF length(entry) > 8192 THEN
      PERFORM porcupine.refuse('too_large', 'a control-log entry has at most 8192 bytes');
    END IF;
    entry_seq := porcupine.append_event(room, 'control', entry, porcupine.current_user_id(), porcupine.current_device_id(), index);
    INSERT INTO porcupine.control_log (room_id, index, seq) VALUES (room, append_entries.index, entry_seq);
    index := index + 1;
  END LOOP;
  UPDATE porcupine.room_heads h SET log_length = append_entries.index WHERE h.room_id = room;
  RETURN entry_seq;
END
$$;
COMMENT ON FUNCTION porcupine.append_entries(bigint, integer, bytea[]) IS
  'appends client-signed entries to the control log, if index is the next one, and returns the seq of the last';

