-- porcupine 1.0: an end-to-end encrypted chat server inside PostgreSQL.
--
-- This script is assembled from the parts in sql/ (the order stands in the Makefile) and runs once, as superuser, by
-- CREATE EXTENSION. It never replaces anything: a schema or function that is here before it makes it fail.

\echo Use "CREATE EXTENSION porcupine" to load this file. \quit

-- Roles and the schema.
--
-- porcupine_owner    owns tables and functions; nobody logs in as it, nobody is a member of it, it is no superuser,
--                    so that row-level security binds even the extension's own functions.
-- porcupine_client   SQL users who prove who they are by porcupine.authenticate(jwt).
-- porcupine_backend  a trusted application: a client that may also act_as() any user.
-- porcupine_bridge   the bridge's login role is a member of this one.
-- porcupine_admin    people who administer the chat from psql.
--
-- Roles belong to the whole cluster and survive DROP EXTENSION, so this may meet its own from another database or from
-- pg_dumpall. A role that somebody else prepared, with a login or with members, would hand them the chat: refused,
-- members of the four group roles being accepted when the superuser says so (porcupine.adopt_roles = on).

DO $$
DECLARE
  wanted text;
  found record;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['porcupine_owner', 'porcupine_client', 'porcupine_backend', 'porcupine_bridge', 'porcupine_admin'] LOOP
    SELECT r.oid, r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolbypassrls OR r.rolreplication OR r.rolcreatedb AS powerful,
           EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                    WHERE m.roleid = r.oid AND NOT (SELECT s.rolsuper FROM pg_catalog.pg_roles s WHERE s.oid = m.member)
                      AND m.member NOT IN (SELECT o.oid FROM pg_catalog.pg_roles o WHERE o.rolname IN ('porcupine_backend', 'porcupine_admin')))
             AS has_members,
           EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                    WHERE m.member = r.oid
                      AND m.roleid NOT IN (SELECT o.oid FROM pg_catalog.pg_roles o WHERE o.rolname IN ('porcupine_client', 'porcupine_backend')))
             AS is_member
      INTO found FROM pg_catalog.pg_roles r WHERE r.rolname = wanted;
    IF found.oid IS NULL THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', wanted);
    ELSIF found.powerful THEN
      RAISE EXCEPTION 'role "%" exists and has a login or other powers', wanted
        USING ERRCODE = 'duplicate_object', HINT = 'Drop the role, or take LOGIN and its other attributes away, before you install.';
    ELSIF found.is_member THEN
      RAISE EXCEPTION 'role "%" exists and is a member of other roles', wanted
        USING ERRCODE = 'duplicate_object', HINT = 'Revoke the memberships, or drop the role, before you install.';
    ELSIF found.has_members AND (wanted = 'porcupine_owner'
                                 OR coalesce(pg_catalog.current_setting('porcupine.adopt_roles', true), 'off') NOT IN ('on', 'true', '1')) THEN
      RAISE EXCEPTION 'role "%" exists and has members', wanted
        USING ERRCODE = 'duplicate_object',
              HINT = CASE WHEN wanted = 'porcupine_owner' THEN 'Nobody may be a member of it: revoke the memberships.'
                          ELSE 'If you made these grants yourself (another database, a restore), SET porcupine.adopt_roles = on first.' END;
    END IF;
  END LOOP;
END
$$;

-- The backend and the administrator can do what a client can.
GRANT porcupine_client TO porcupine_backend;
GRANT porcupine_backend TO porcupine_admin;

COMMENT ON ROLE porcupine_owner IS 'owns the objects of the extension porcupine; no login, no members';
COMMENT ON ROLE porcupine_client IS 'SQL users of porcupine who identify themselves by porcupine.authenticate(jwt)';
COMMENT ON ROLE porcupine_backend IS 'trusted applications: may act for any user of porcupine by porcupine.act_as(user)';
COMMENT ON ROLE porcupine_bridge IS 'the login roles of porcupine''s bridges';
COMMENT ON ROLE porcupine_admin IS 'administrators of porcupine';

CREATE SCHEMA porcupine;
COMMENT ON SCHEMA porcupine IS 'end-to-end encrypted chat: accounts, rooms, keys and one ordered log of events per room';

-- Tables. room_id leads every primary key that belongs to a room. Counters live in narrow rows of their own.
-- Columns stand in the order that wastes no alignment.

CREATE TYPE porcupine.role AS ENUM ('pending', 'member', 'admin', 'owner');
COMMENT ON TYPE porcupine.role IS 'what a member may do, in rising order; a pending member can neither read nor send';

CREATE TYPE porcupine.kind AS ENUM (
  'message', 'edit', 'reaction',                                                   -- sent by clients
  'control',                                                                       -- a client-signed control-log entry
  'member.joined', 'member.role', 'member.left', 'member.removed',                 -- written by the server
  'room.renamed', 'epoch', 'epoch.closed');
COMMENT ON TYPE porcupine.kind IS 'what an event is';

CREATE TABLE porcupine.stream (
  stream bigint PRIMARY KEY,
  system_identifier bigint NOT NULL,
  database oid NOT NULL,
  timeline integer NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE porcupine.stream IS
  'The stream epoch: the newest row names the server history that cursors belong to. A restored or promoted database finds itself '
  'different from that row and adds one, whereupon clients reset instead of trusting an old cursor.';

CREATE TABLE porcupine.users (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  disabled_at timestamptz,
  username text NOT NULL CHECK (username ~ '^[A-Za-z0-9._-]{3,32}$'),
  display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 64),
  email text CHECK (length(email) BETWEEN 3 AND 254)
);
CREATE UNIQUE INDEX users_username_key ON porcupine.users (lower(username));
CREATE UNIQUE INDEX users_email_key ON porcupine.users (lower(email));
COMMENT ON TABLE porcupine.users IS 'accounts';

CREATE TABLE porcupine.credentials (
  user_id bigint PRIMARY KEY REFERENCES porcupine.users ON DELETE CASCADE,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  hash text NOT NULL
);
COMMENT ON TABLE porcupine.credentials IS 'password hashes (Argon2id, in libsodium''s string form)';

CREATE TABLE porcupine.devices (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES porcupine.users ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  revoked_at timestamptz,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  backend boolean NOT NULL DEFAULT false,
  keys bytea CHECK (length(keys) BETWEEN 1 AND 4096)
);
CREATE INDEX devices_user_id_idx ON porcupine.devices (user_id);
CREATE UNIQUE INDEX devices_backend_key ON porcupine.devices (user_id) WHERE backend;
COMMENT ON TABLE porcupine.devices IS
  'installations of a client, each with its public keys (opaque here); the one marked backend sends what SQL sends by act_as()';

CREATE TABLE porcupine.device_lists (
  user_id bigint NOT NULL REFERENCES porcupine.users ON DELETE CASCADE,
  version integer NOT NULL CHECK (version > 0),
  identity bytea NOT NULL CHECK (length(identity) BETWEEN 1 AND 256),
  list bytea NOT NULL CHECK (length(list) BETWEEN 1 AND 65536),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (user_id, version)
);
COMMENT ON TABLE porcupine.device_lists IS 'the signed, hash-chained device list of an account (opaque here) and its account identity key';

CREATE TABLE porcupine.sessions (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES porcupine.users ON DELETE CASCADE,
  device_id bigint NOT NULL REFERENCES porcupine.devices ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  rotated_at timestamptz,
  ended_at timestamptz,
  refresh_hash bytea NOT NULL,
  parent_hash bytea,
  rotation_salt bytea,
  address inet,
  end_reason text
);
CREATE UNIQUE INDEX sessions_refresh_hash_key ON porcupine.sessions (refresh_hash);
CREATE INDEX sessions_parent_hash_idx ON porcupine.sessions (parent_hash) WHERE parent_hash IS NOT NULL;
CREATE INDEX sessions_user_id_idx ON porcupine.sessions (user_id);
CREATE INDEX sessions_device_id_idx ON porcupine.sessions (device_id);
COMMENT ON TABLE porcupine.sessions IS
  'sign-ins: one family of refresh tokens each, of which only SHA-256 hashes are kept (the live token''s and its parent''s)';

CREATE TABLE porcupine.signing_keys (
  kid text PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  retired_at timestamptz,
  public_key bytea NOT NULL CHECK (length(public_key) = 32),
  secret_key bytea NOT NULL CHECK (length(secret_key) = 64)
);
COMMENT ON TABLE porcupine.signing_keys IS 'Ed25519 keys of access tokens; made on first use, never dumped';

CREATE TABLE porcupine.rooms (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by bigint REFERENCES porcupine.users ON DELETE SET NULL,
  max_members integer NOT NULL DEFAULT 100 CHECK (max_members > 0),
  encrypted boolean NOT NULL DEFAULT true,
  code text COLLATE "C" UNIQUE CHECK (code ~ '^[A-Z0-9]{6}$'),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100)
);
CREATE INDEX rooms_created_by_idx ON porcupine.rooms (created_by);
COMMENT ON TABLE porcupine.rooms IS 'rooms: what changes rarely';

CREATE TABLE porcupine.room_heads (
  room_id bigint PRIMARY KEY REFERENCES porcupine.rooms ON DELETE CASCADE,
  last_seq bigint NOT NULL DEFAULT 0,
  epoch integer NOT NULL DEFAULT 0,
  log_length integer NOT NULL DEFAULT 0,
  epoch_open boolean NOT NULL DEFAULT true
) WITH (fillfactor = 50);
COMMENT ON TABLE porcupine.room_heads IS
  'the head of each room''s log. Whoever writes anything to a room locks this row first; several rooms in ascending order.';

CREATE TABLE porcupine.members (
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  user_id bigint NOT NULL REFERENCES porcupine.users ON DELETE CASCADE,
  joined_seq bigint NOT NULL,
  read_seq bigint NOT NULL DEFAULT 0,
  joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  role porcupine.role NOT NULL DEFAULT 'member',
  via text NOT NULL DEFAULT 'sql' CHECK (via IN ('create', 'code', 'invite', 'sql')),
  PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 80);
CREATE INDEX members_user_id_idx ON porcupine.members (user_id);
COMMENT ON TABLE porcupine.members IS 'who is in a room; joined_seq is the seq of the event that says so';

CREATE TABLE porcupine.invites (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  created_by bigint REFERENCES porcupine.users ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  max_uses integer CHECK (max_uses > 0),
  uses integer NOT NULL DEFAULT 0,
  code_hash bytea NOT NULL UNIQUE CHECK (length(code_hash) = 32),
  sealed bytea CHECK (length(sealed) BETWEEN 1 AND 8192),
  CHECK (uses <= max_uses)
);
CREATE INDEX invites_room_id_idx ON porcupine.invites (room_id);
CREATE INDEX invites_created_by_idx ON porcupine.invites (created_by);
COMMENT ON TABLE porcupine.invites IS 'invites, found by the SHA-256 of their code; sealed is what the inviter left for joiners (opaque here)';

-- No foreign key leads from an event: the send path inserts under the lock of the room's head, which exists as long as the
-- room does, and rooms_take_their_log_along deletes with the room. A check per row would cost every send.
CREATE TABLE porcupine.events (
  room_id bigint NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  created_at timestamptz NOT NULL,
  sender_id bigint,
  device_id bigint,
  client_id uuid,
  epoch integer NOT NULL,
  kind porcupine.kind NOT NULL,
  ref bigint,
  body bytea NOT NULL,
  PRIMARY KEY (room_id, seq)
);
CREATE UNIQUE INDEX events_client_id_key ON porcupine.events (room_id, device_id, client_id) WHERE client_id IS NOT NULL;
ALTER TABLE porcupine.events ALTER COLUMN body SET STORAGE EXTERNAL;
COMMENT ON TABLE porcupine.events IS
  'the log of each room, gap-free by seq. body is what the client sent, unread; for the kinds that the server writes it is UTF-8 JSON.';

-- Unlogged, for a row never outlives the transaction that made it. No foreign keys: what is wrong shows when it is sent.
CREATE UNLOGGED TABLE porcupine.outbox (
  transaction xid8 NOT NULL,
  room_id bigint NOT NULL,
  user_id bigint NOT NULL,
  device_id bigint,
  ref bigint,
  number integer NOT NULL,
  epoch integer NOT NULL,
  client_id uuid NOT NULL,
  kind text NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (transaction, number)
);
ALTER TABLE porcupine.outbox ALTER COLUMN body SET STORAGE EXTERNAL;
COMMENT ON TABLE porcupine.outbox IS
  'sends that wait for the commit of the transaction that queued them, by send_deferred(); nobody else ever sees a row. device_id null: the user''s backend device.';

CREATE TABLE porcupine.control_log (
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  index integer NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (room_id, index)
);
COMMENT ON TABLE porcupine.control_log IS 'which event is the nth entry of a room''s client-signed control log';

CREATE TABLE porcupine.epochs (
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  epoch integer NOT NULL,
  index integer NOT NULL,
  device_id bigint NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (room_id, epoch)
);
COMMENT ON TABLE porcupine.epochs IS 'committed epochs: by which control-log entry, from which device, in force from which seq';

CREATE TABLE porcupine.key_bundles (
  room_id bigint NOT NULL REFERENCES porcupine.rooms ON DELETE CASCADE,
  epoch integer NOT NULL,
  device_id bigint NOT NULL REFERENCES porcupine.devices ON DELETE CASCADE,
  bundle bytea NOT NULL CHECK (length(bundle) BETWEEN 1 AND 2048),
  PRIMARY KEY (room_id, epoch, device_id)
);
CREATE INDEX key_bundles_device_id_idx ON porcupine.key_bundles (device_id);
COMMENT ON TABLE porcupine.key_bundles IS 'an epoch''s secret, sealed to one device (opaque here)';

CREATE TABLE porcupine.audit (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  room_id bigint,
  actor_id bigint,
  subject_id bigint,
  action text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_room_id_idx ON porcupine.audit (room_id, id);
COMMENT ON TABLE porcupine.audit IS 'membership and administrative acts: who did what to whom; never message contents';

-- What the other functions stand on. Nothing here is granted to anybody.

CREATE FUNCTION porcupine.refuse(condition text, message text, hint text DEFAULT NULL, detail text DEFAULT NULL) RETURNS void
  LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'porcupine_refuse';
COMMENT ON FUNCTION porcupine.refuse(text, text, text, text) IS
  'raises an error of porcupine''s own SQLSTATE class; condition is its name, as in API.md';

CREATE FUNCTION porcupine.random_token() RETURNS text
  LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_random_token';
COMMENT ON FUNCTION porcupine.random_token() IS '256 random bits in base64url, 43 characters';

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
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT porcupine.add_stream((SELECT max(s.stream) FROM porcupine.stream s)) $$;
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

CREATE FUNCTION porcupine.require_member(room bigint, at_least porcupine.role DEFAULT 'member') RETURNS porcupine.members
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

CREATE FUNCTION porcupine.enter_room(room bigint, at_least porcupine.role DEFAULT 'member') RETURNS porcupine.members
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_user();
  PERFORM porcupine.lock_room(room);
  RETURN porcupine.require_member(room, at_least);
END
$$;
COMMENT ON FUNCTION porcupine.enter_room(bigint, porcupine.role) IS
  'how every write to a room begins: lock its head, then look who is asking; gives the caller''s membership';

CREATE FUNCTION porcupine.append_event(room bigint, kind porcupine.kind, body bytea, sender bigint DEFAULT NULL,
                                       device bigint DEFAULT NULL, ref bigint DEFAULT NULL) RETURNS bigint
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH head AS (
    UPDATE porcupine.room_heads h SET last_seq = h.last_seq + 1 WHERE h.room_id = room RETURNING h.last_seq, h.epoch)
  INSERT INTO porcupine.events AS e (room_id, seq, created_at, sender_id, device_id, epoch, kind, ref, body)
  SELECT room, head.last_seq, clock_timestamp(), sender, device, head.epoch, append_event.kind, append_event.ref, append_event.body FROM head
  RETURNING e.seq
$$;
COMMENT ON FUNCTION porcupine.append_event(bigint, porcupine.kind, bytea, bigint, bigint, bigint) IS
  'appends an event that is not a client''s send and returns its seq; null when the room is gone';

CREATE FUNCTION porcupine.append_server_event(room bigint, kind porcupine.kind, data jsonb) RETURNS bigint
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT porcupine.append_event(room, kind, convert_to(data::text, 'UTF8')) $$;
COMMENT ON FUNCTION porcupine.append_server_event(bigint, porcupine.kind, jsonb) IS 'appends what the server itself has to say';

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

-- Who is calling. The identity lives in the backend's memory until the transaction ends: no setting can forge it, and a
-- pooled connection cannot leak it into somebody else's transaction.

CREATE FUNCTION porcupine.authenticate(token text) RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_authenticate';
COMMENT ON FUNCTION porcupine.authenticate(text) IS
  'makes the rest of this transaction act for the user of an access token (JWT) and returns the user''s id. Errors: unauthenticated, session_ended. Example: BEGIN; SELECT porcupine.authenticate(''eyJ…''); SELECT * FROM porcupine.my_rooms(); COMMIT';

CREATE FUNCTION porcupine.act_as(account bigint) RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_act_as';
COMMENT ON FUNCTION porcupine.act_as(bigint) IS
  'makes the rest of this transaction act for a user, for trusted backends. Errors: not_found. Example: SELECT porcupine.act_as(7)';

CREATE FUNCTION porcupine.find_user(username text) RETURNS bigint
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT u.id FROM porcupine.users u WHERE lower(u.username) = lower(find_user.username) $$;
COMMENT ON FUNCTION porcupine.find_user(text) IS
  'the id of a user by name, or null, for trusted backends. Example: SELECT porcupine.act_as(porcupine.find_user(''ada''))';

CREATE FUNCTION porcupine.act_as_session(session bigint) RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_act_as_session';
COMMENT ON FUNCTION porcupine.act_as_session(bigint) IS
  'makes the rest of this transaction act for the user and device of a session whose token the bridge has verified. Errors: session_ended';

CREATE FUNCTION porcupine.current_user_id() RETURNS bigint
  LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_current_user_id';
COMMENT ON FUNCTION porcupine.current_user_id() IS 'the user this transaction acts for, or null';

CREATE FUNCTION porcupine.current_session_id() RETURNS bigint
  LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_current_session_id';
COMMENT ON FUNCTION porcupine.current_session_id() IS 'the session this transaction acts for, or null (act_as has none)';

CREATE FUNCTION porcupine.current_device_id() RETURNS bigint
  LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_current_device_id';
COMMENT ON FUNCTION porcupine.current_device_id() IS 'the device this transaction acts for; null before an act_as user has sent anything';

CREATE FUNCTION porcupine.require_user() RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_require_user';
COMMENT ON FUNCTION porcupine.require_user() IS
  'current_user_id() after checking again that the token has not expired and the session is alive. Errors: unauthenticated, session_ended';

CREATE FUNCTION porcupine.require_device() RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_require_device';
COMMENT ON FUNCTION porcupine.require_device() IS
  'the device to send from; for act_as it is the user''s backend device, made on first use. Errors: unauthenticated, session_ended';

CREATE FUNCTION porcupine.live_user_id() RETURNS bigint
  LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT CASE WHEN porcupine.current_user_id() IS NOT NULL THEN porcupine.require_user() END $$;
COMMENT ON FUNCTION porcupine.live_user_id() IS
  'current_user_id() for row-level security: null without an identity, an error when its token or session is over';

CREATE FUNCTION porcupine.my_room_ids() RETURNS SETOF bigint
  LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 20
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT m.room_id FROM porcupine.members m WHERE m.user_id = (SELECT porcupine.live_user_id()) AND m.role > 'pending'
$$;
COMMENT ON FUNCTION porcupine.my_room_ids() IS 'the rooms that the current user may read; row-level security asks this';

-- Accounts, sessions and devices.

CREATE TYPE porcupine.session_grant AS (
  user_id bigint, username text, display_name text, session_id bigint, device_id bigint,
  access_token text, refresh_token text, expires_in integer);
COMMENT ON TYPE porcupine.session_grant IS 'what a sign-in gives; expires_in is the access token''s life in seconds';

CREATE TYPE porcupine.account AS (
  id bigint, username text, display_name text, email text, device_id bigint, created_at timestamptz);
COMMENT ON TYPE porcupine.account IS 'the current user, as they see themselves';

CREATE FUNCTION porcupine.check_text(field text, value text, at_least integer, at_most integer) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF value IS NULL OR length(value) < at_least THEN
    PERFORM porcupine.refuse('invalid', format('%s needs at least %s characters', field, at_least));
  ELSIF length(value) > at_most THEN
    PERFORM porcupine.refuse('too_large', format('%s has at most %s characters', field, at_most));
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.check_text(text, text, integer, integer) IS 'refuses a text that is null, too short or too long (characters)';

CREATE FUNCTION porcupine.grant_session(account bigint, session bigint, refresh_token text) RETURNS porcupine.session_grant
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT u.id, u.username, u.display_name, s.id, s.device_id, porcupine.access_token(u.id, s.id, s.device_id), refresh_token,
         extract(epoch FROM porcupine.lifetime('access'))::integer
    FROM porcupine.users u, porcupine.sessions s WHERE u.id = account AND s.id = session
$$;
COMMENT ON FUNCTION porcupine.grant_session(bigint, bigint, text) IS 'the tokens of a session, with a fresh access token';

CREATE FUNCTION porcupine.open_session(account bigint, device bigint, device_name text, address inet) RETURNS porcupine.session_grant
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  refresh_token text := porcupine.random_token();
  session bigint;
BEGIN
  IF device IS NULL THEN
    PERFORM porcupine.check_text('device_name', coalesce(device_name, 'unnamed'), 1, 100);
    INSERT INTO porcupine.devices AS d (user_id, name) VALUES (account, coalesce(device_name, 'unnamed')) RETURNING d.id INTO device;
  ELSIF NOT EXISTS (SELECT FROM porcupine.devices d
                     WHERE d.id = device AND d.user_id = account AND d.revoked_at IS NULL AND NOT d.backend) THEN
    PERFORM porcupine.refuse('not_found', 'this account has no such device', 'Sign in without a device to get a new one.');
  END IF;
  INSERT INTO porcupine.sessions AS s (user_id, device_id, expires_at, refresh_hash, address)
  VALUES (account, device, clock_timestamp() + porcupine.lifetime('refresh'), sha256(convert_to(refresh_token, 'UTF8')), open_session.address)
  RETURNING s.id INTO session;
  RETURN porcupine.grant_session(account, session, refresh_token);
END
$$;
COMMENT ON FUNCTION porcupine.open_session(bigint, bigint, text, inet) IS 'begins a session on an earlier device of the account or a new one';

CREATE FUNCTION porcupine.register(username text, password text, display_name text DEFAULT NULL, email text DEFAULT NULL,
                                   device_name text DEFAULT NULL, address inet DEFAULT NULL) RETURNS porcupine.session_grant
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  account bigint;
  hash text;
BEGIN
  PERFORM porcupine.check_text('username', username, 3, 32);
  IF username !~ '^[A-Za-z0-9._-]+$' THEN
    PERFORM porcupine.refuse('invalid', 'a username has letters, digits, dots, underscores and hyphens only');
  END IF;
  PERFORM porcupine.check_text('password', password, 8, 256);
  PERFORM porcupine.check_text('display_name', coalesce(display_name, username), 1, 64);
  IF email IS NOT NULL THEN
    PERFORM porcupine.check_text('email', email, 3, 254);
    IF email !~ '^[^@[:space:]]+@[^@[:space:]]+$' THEN
      PERFORM porcupine.refuse('invalid', 'this is no email address');
    END IF;
  END IF;
  hash := porcupine.hash_password(password);
  INSERT INTO porcupine.users AS u (username, display_name, email)
  VALUES (register.username, coalesce(register.display_name, register.username), register.email)
  ON CONFLICT DO NOTHING RETURNING u.id INTO account;
  IF account IS NULL THEN
    PERFORM porcupine.refuse('conflict', 'this username or email is taken', 'Choose another, or sign in.');
  END IF;
  INSERT INTO porcupine.credentials (user_id, hash) VALUES (account, hash);
  RETURN porcupine.open_session(account, NULL, device_name, address);
END
$$;
COMMENT ON FUNCTION porcupine.register(text, text, text, text, text, inet) IS
  'makes an account (username 3-32 of A-Za-z0-9._-, password 8-256 characters) and signs it in. Errors: invalid, too_large, conflict. Example: SELECT * FROM porcupine.register($1, $2)';

CREATE FUNCTION porcupine.login(username text, password text, device bigint DEFAULT NULL, device_name text DEFAULT NULL,
                                address inet DEFAULT NULL) RETURNS porcupine.session_grant
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  found record;
BEGIN
  IF username IS NULL OR password IS NULL THEN
    PERFORM porcupine.refuse('invalid', 'username and password are needed');
  ELSIF length(password) > 256 OR length(username) > 254 THEN
    PERFORM porcupine.refuse('too_large', 'username or password is too long');
  END IF;
  SELECT u.id, u.disabled_at, c.hash INTO found
    FROM porcupine.users u LEFT JOIN porcupine.credentials c ON c.user_id = u.id
   WHERE lower(u.username) = lower(login.username) OR lower(u.email) = lower(login.username);
  IF porcupine.verify_password(found.hash, password) IS NOT TRUE OR found.disabled_at IS NOT NULL THEN
    PERFORM porcupine.refuse('bad_credentials', 'wrong username or password');
  END IF;
  RETURN porcupine.open_session(found.id, device, device_name, address);
END
$$;
COMMENT ON FUNCTION porcupine.login(text, text, bigint, text, inet) IS
  'signs in by username or email; device is an earlier device of the account to go on as. An unknown user costs and reads the same as a wrong password. Errors: invalid, too_large, bad_credentials, not_found (device)';

CREATE FUNCTION porcupine.refresh(refresh_token text) RETURNS porcupine.session_grant
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  session porcupine.sessions;
BEGIN
  IF refresh_token IS NULL OR length(refresh_token) > 128 THEN
    PERFORM porcupine.refuse('invalid', 'a refresh token is needed');
  END IF;
  SELECT s.* INTO session FROM porcupine.sessions s
   WHERE s.refresh_hash = sha256(convert_to(refresh_token, 'UTF8')) FOR UPDATE;
  IF session.id IS NULL OR session.ended_at IS NOT NULL OR session.expires_at < clock_timestamp()
     OR EXISTS (SELECT FROM porcupine.users u WHERE u.id = session.user_id AND u.disabled_at IS NOT NULL) THEN
    PERFORM porcupine.refuse('session_ended', 'the session is over', 'Sign in again.');
  END IF;
  UPDATE porcupine.sessions s SET last_used_at = clock_timestamp(), expires_at = clock_timestamp() + porcupine.lifetime('refresh')
   WHERE s.id = session.id;
  RETURN porcupine.grant_session(session.user_id, session.id, refresh_token);
END
$$;
COMMENT ON FUNCTION porcupine.refresh(text) IS
  'a fresh access token for the session of a refresh token, whose life it prolongs. Errors: invalid, session_ended';

CREATE FUNCTION porcupine.logout() RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_user();
  UPDATE porcupine.sessions s SET ended_at = clock_timestamp(), end_reason = 'logout'
   WHERE s.id = porcupine.current_session_id() AND s.ended_at IS NULL;
  PERFORM porcupine.ring_session(porcupine.current_session_id());
END
$$;
COMMENT ON FUNCTION porcupine.logout() IS 'ends the current session: its tokens and its sockets die with it. Errors: unauthenticated, session_ended';

CREATE FUNCTION porcupine.whoami() RETURNS porcupine.account
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT u.id, u.username, u.display_name, u.email, porcupine.current_device_id(), u.created_at
    FROM porcupine.users u WHERE u.id = (SELECT porcupine.require_user())
$$;
COMMENT ON FUNCTION porcupine.whoami() IS 'the current user. Errors: unauthenticated, session_ended. Example: SELECT * FROM porcupine.whoami()';

CREATE FUNCTION porcupine.whoami_many(sessions bigint[])
  RETURNS TABLE (item integer, id bigint, username text, display_name text)
  LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_whoami_many';
COMMENT ON FUNCTION porcupine.whoami_many(bigint[]) IS
  'the users of sessions whose tokens the bridge has verified: one result row per item (from 1), in order; id is null where the session is over. Errors: too_large (more than 1000 items)';

CREATE FUNCTION porcupine.jwks() RETURNS jsonb
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT jsonb_build_object('keys', coalesce(jsonb_agg(jsonb_build_object(
           'kty', 'OKP', 'crv', 'Ed25519', 'use', 'sig', 'alg', 'EdDSA', 'kid', k.kid,
           'x', rtrim(translate(encode(k.public_key, 'base64'), E'+/\n', '-_'), '=')) ORDER BY k.created_at), '[]'))
    FROM porcupine.signing_keys k WHERE k.retired_at IS NULL
$$;
COMMENT ON FUNCTION porcupine.jwks() IS 'the public keys that verify access tokens, as a JWK Set (RFC 7517, RFC 8037)';

CREATE FUNCTION porcupine.publish_device(keys bytea, identity bytea, version integer, list bytea) RETURNS integer
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  account bigint := porcupine.require_user();
  own_device bigint := porcupine.require_device();
  device porcupine.devices;
  newest porcupine.device_lists;
BEGIN
  IF keys IS NULL OR identity IS NULL OR version IS NULL OR list IS NULL
     OR length(keys) = 0 OR length(identity) = 0 OR length(list) = 0 THEN
    PERFORM porcupine.refuse('invalid', 'keys, identity, version and list are needed');
  ELSIF length(keys) > 4096 OR length(identity) > 256 OR length(list) > 65536 THEN
    PERFORM porcupine.refuse('too_large', 'keys have at most 4096 bytes, an identity 256, a device list 65536');
  END IF;
  PERFORM FROM porcupine.users u WHERE u.id = account FOR NO KEY UPDATE;
  SELECT d.* INTO device FROM porcupine.devices d WHERE d.id = own_device;
  SELECT l.* INTO newest FROM porcupine.device_lists l WHERE l.user_id = account ORDER BY l.version DESC LIMIT 1;
  IF device.keys = publish_device.keys AND newest.version = publish_device.version AND newest.list = publish_device.list
     AND newest.identity = publish_device.identity THEN
    RETURN version;                             -- a repeat of a call whose answer was lost
  END IF;
  IF device.keys <> publish_device.keys THEN
    PERFORM porcupine.refuse('conflict', 'this device has other keys already', 'Sign in as a new device.');
  ELSIF newest.identity <> publish_device.identity THEN
    PERFORM porcupine.refuse('conflict', 'this account has another identity key',
                             'Its keys are on another device; add this one from there.');
  ELSIF version <> coalesce(newest.version, 0) + 1 THEN
    PERFORM porcupine.refuse('conflict', 'this is not the next version of the device list', 'Read the list and sign anew.',
                             format('the next version is %s', coalesce(newest.version, 0) + 1));
  END IF;
  INSERT INTO porcupine.device_lists (user_id, version, identity, list)
  VALUES (account, publish_device.version, publish_device.identity, publish_device.list);
  UPDATE porcupine.devices d SET keys = publish_device.keys WHERE d.id = device.id;
  RETURN version;
END
$$;
COMMENT ON FUNCTION porcupine.publish_device(bytea, bytea, integer, bytea) IS
  'publishes the public keys of this session''s device with the next version of the account''s signed device list; all opaque here. Errors: invalid, too_large, conflict, unauthenticated';

CREATE FUNCTION porcupine.user_devices(account bigint, version integer DEFAULT NULL,
  OUT user_id bigint, OUT username text, OUT display_name text, OUT identity bytea, OUT list_version integer, OUT list bytea,
  OUT devices bigint[], OUT keys bytea[]) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
BEGIN
  IF account IS DISTINCT FROM me
     AND NOT EXISTS (SELECT FROM porcupine.members a JOIN porcupine.members b USING (room_id)
                      WHERE a.user_id = me AND b.user_id = account) THEN
    PERFORM porcupine.refuse('not_found', 'no such user in any of your rooms');
  END IF;
  SELECT u.id, u.username, u.display_name INTO user_id, username, display_name FROM porcupine.users u WHERE u.id = account;
  SELECT l.identity, l.version, l.list INTO identity, list_version, list FROM porcupine.device_lists l
   WHERE l.user_id = account AND (user_devices.version IS NULL OR l.version = user_devices.version)
   ORDER BY l.version DESC LIMIT 1;
  IF list IS NULL AND version IS NOT NULL THEN
    PERFORM porcupine.refuse('not_found', 'this user has no device list of that version');
  END IF;
  SELECT coalesce(array_agg(d.id ORDER BY d.id), '{}'), coalesce(array_agg(d.keys ORDER BY d.id), '{}') INTO devices, keys
    FROM porcupine.devices d WHERE d.user_id = account AND d.keys IS NOT NULL AND d.revoked_at IS NULL;
END
$$;
COMMENT ON FUNCTION porcupine.user_devices(bigint, integer) IS
  'the identity key, device list (newest, or of a version; null before the first) and device keys of oneself or somebody in a shared room. Errors: not_found, unauthenticated';

-- The log of a room: writing and reading.

CREATE TYPE porcupine.event AS (
  room_id bigint, seq bigint, kind porcupine.kind, sender_id bigint, device_id bigint, client_id uuid, epoch integer,
  ref bigint, created_at timestamptz, body bytea);
COMMENT ON TYPE porcupine.event IS
  'an event as it is read; ref is the seq it speaks of, for kind control the index of the entry; body is UTF-8 JSON where the server wrote it';

CREATE FUNCTION porcupine.send(room bigint, client_id uuid, body bytea, epoch integer DEFAULT 0, kind text DEFAULT 'message',
                               ref bigint DEFAULT NULL, OUT seq bigint, OUT created_at timestamptz) RETURNS record
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_send';
COMMENT ON FUNCTION porcupine.send(bigint, uuid, bytea, integer, text, bigint) IS
  'appends a message (kind message, edit or reaction; body 1-65536 bytes) for the current user and returns its seq. The same client_id with the same body returns the first seq. Errors: invalid, too_large, not_member, role, stale_epoch, epoch_closed, duplicate_mismatch, unauthenticated, session_ended. Example: SELECT * FROM porcupine.send(1, gen_random_uuid(), ''hello'')';

CREATE FUNCTION porcupine.send_deferred(room bigint, client_id uuid, body bytea, epoch integer DEFAULT 0, kind text DEFAULT 'message',
                                        ref bigint DEFAULT NULL) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_send_deferred';
COMMENT ON FUNCTION porcupine.send_deferred(bigint, uuid, bytea, integer, text, bigint) IS
  'send() for long transactions: the message takes its seq when the transaction commits, so that until then nobody else''s sends to the room wait. It is sent for the current user of this call. Refused at once: invalid, too_large, not_member, role, unauthenticated, session_ended. Whatever speaks against it at the commit (the same, stale_epoch, epoch_closed, duplicate_mismatch) is an error of COMMIT, and nothing of the transaction is done; SET CONSTRAINTS ALL IMMEDIATE sends what is queued and so asks before. Example: BEGIN; SELECT porcupine.act_as(7); SELECT porcupine.send_deferred(1, gen_random_uuid(), ''shipped''); COMMIT';

CREATE FUNCTION porcupine.send_many(rooms bigint[], users bigint[], devices bigint[], client_ids uuid[], epochs integer[],
                                    kinds text[], refs bigint[], bodies bytea[], doorbell boolean DEFAULT true,
                                    origin bigint DEFAULT 0, wait boolean DEFAULT true)
  RETURNS TABLE (item integer, condition text, seq bigint, created_at timestamptz, epoch integer, repeated boolean)
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_send_many';
COMMENT ON FUNCTION porcupine.send_many(bigint[], bigint[], bigint[], uuid[], integer[], text[], bigint[], bytea[], boolean, bigint, boolean) IS
  'sends for many users at once, for the bridge: one result row per item (from 1), in order; condition is null or the name of the refusal, seq is also set with duplicate_mismatch, epoch is the room''s current one with stale_epoch and epoch_closed. An exception, say of a veto trigger, aborts the whole call: run the items one by one then. The commit rings with this origin, by which a bridge knows its own doorbells; doorbell false: the caller wakes listeners itself, after the commit, by ring(): see doorbell_mode(). wait false: a room that another transaction holds is not waited for, its items get the condition busy. Errors: invalid (the arrays differ in length, origin is negative)';

CREATE FUNCTION porcupine.history(room bigint, before bigint DEFAULT NULL, max integer DEFAULT 50) RETURNS SETOF porcupine.event
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT page.* FROM (
    SELECT e.room_id, e.seq, e.kind, e.sender_id, e.device_id, e.client_id, e.epoch, e.ref, e.created_at, e.body
      FROM porcupine.events e
     WHERE e.room_id = room AND e.seq < coalesce(before, 9223372036854775807)
     ORDER BY e.seq DESC LIMIT greatest(least(max, 500), 1)) page
   ORDER BY page.seq;
END
$$;
COMMENT ON FUNCTION porcupine.history(bigint, bigint, integer) IS
  'the latest max (1-500) events of a room before a seq, in order. Errors: not_member, role, unauthenticated. Example: SELECT seq, kind, body FROM porcupine.history(1)';

CREATE FUNCTION porcupine.since(room bigint, after bigint, max integer DEFAULT 500) RETURNS SETOF porcupine.event
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT r.* FROM porcupine.read_events(room, after, max) r;
END
$$;
COMMENT ON FUNCTION porcupine.since(bigint, bigint, integer) IS
  'up to max (1-500) events of a room after a seq, in order. Errors: not_member, role, unauthenticated. Example: SELECT seq, kind, body FROM porcupine.since(1, 41)';

CREATE FUNCTION porcupine.cursor_state(room bigint, after bigint DEFAULT NULL, stream bigint DEFAULT NULL, behind integer DEFAULT NULL,
  OUT head bigint, OUT current_stream bigint, OUT epoch integer, OUT epoch_open boolean, OUT reset boolean) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  current_stream := porcupine.current_stream();
  SELECT h.last_seq, h.epoch, h.epoch_open INTO head, epoch, epoch_open FROM porcupine.room_heads h WHERE h.room_id = room;
  reset := after IS NOT NULL
           AND (after < 0 OR after > head OR stream <> current_stream OR coalesce(head - after > behind, false)) IS TRUE;
END
$$;
COMMENT ON FUNCTION porcupine.cursor_state(bigint, bigint, bigint, integer) IS
  'whether the cursor (stream, after) can be resumed from: not when it is of another stream, beyond the head, or more than behind events back. Errors: not_member, role, unauthenticated';

CREATE FUNCTION porcupine.admit_many(sessions bigint[], rooms bigint[], afters bigint[], streams bigint[], behind integer DEFAULT NULL)
  RETURNS TABLE (item integer, condition text, head bigint, stream bigint, epoch integer, epoch_open boolean, reset boolean)
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_admit_many';
COMMENT ON FUNCTION porcupine.admit_many(bigint[], bigint[], bigint[], bigint[], integer) IS
  'cursor_state() for many sessions at once, for the bridge: one result row per item (from 1), in order; condition is null or the name of the refusal (session_ended, not_member, role). Membership and head are of one snapshot. Errors: invalid (the arrays differ in length), too_large (more than 1000 items)';

CREATE FUNCTION porcupine.mark_read(room bigint, seq bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  IF seq IS NULL OR seq < 0 THEN
    PERFORM porcupine.refuse('invalid', 'seq is a number from 0');
  END IF;
  UPDATE porcupine.members m
     SET read_seq = least(mark_read.seq, (SELECT h.last_seq FROM porcupine.room_heads h WHERE h.room_id = room))
   WHERE m.room_id = room AND m.user_id = porcupine.current_user_id() AND m.read_seq < mark_read.seq;
END
$$;
COMMENT ON FUNCTION porcupine.mark_read(bigint, bigint) IS
  'raises the read mark of the current user to seq (at most the head). Errors: invalid, not_member, role, unauthenticated';

CREATE FUNCTION porcupine.read_events(room bigint, after bigint, max integer DEFAULT 500) RETURNS SETOF porcupine.event
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT e.room_id, e.seq, e.kind, e.sender_id, e.device_id, e.client_id, e.epoch, e.ref, e.created_at, e.body
    FROM porcupine.events e WHERE e.room_id = room AND e.seq > coalesce(after, 0) ORDER BY e.seq LIMIT greatest(least(max, 500), 1)
$$;
COMMENT ON FUNCTION porcupine.read_events(bigint, bigint, integer) IS
  'since() without its check';

CREATE FUNCTION porcupine.read_frames(room bigint, after bigint, max integer DEFAULT 500, max_bytes integer DEFAULT 1048576)
  RETURNS TABLE (seq bigint, event json, ends bigint)
  LANGUAGE c STABLE PARALLEL SAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_read_frames';
COMMENT ON FUNCTION porcupine.read_frames(bigint, bigint, integer, integer) IS
  'up to max (1-500) events of a room after a seq (null: the latest), in order, each as the JSON object of API.md, for the hub of a bridge, which checks who reads. Reading stops with the event by which the bodies pass max_bytes. ends: the user whose membership ends with it';

CREATE FUNCTION porcupine.history_page(session bigint, room bigint, before bigint DEFAULT NULL, after bigint DEFAULT NULL,
                                       stream bigint DEFAULT NULL, max integer DEFAULT 50) RETURNS json
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_history_page';
COMMENT ON FUNCTION porcupine.history_page(bigint, bigint, bigint, bigint, bigint, integer) IS
  'history() or, with after, since() for the user of a session whose token the bridge has verified, as the answer of API.md: {"results": [event, ...], "head", "stream", "reset"}. reset: the cursor (stream, after) is of another stream or beyond the head, and the page is the latest. A page ends with the event by which its bodies pass 1 MiB. Errors: session_ended, not_member, role';

CREATE FUNCTION porcupine.replica_page(room bigint, before bigint, after bigint, stream bigint, max integer, head bigint, current_stream bigint) RETURNS json
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_replica_page';
COMMENT ON FUNCTION porcupine.replica_page(bigint, bigint, bigint, bigint, integer, bigint, bigint) IS
  'history_page() on a standby, for a bridge that the primary told by admit_many() that the room may be read, its head and the current stream; null while the standby is of another stream or has not yet replayed what the page may hold. Nothing above head is shown. It checks no membership and writes nothing';

CREATE FUNCTION porcupine.read_heads(rooms bigint[]) RETURNS TABLE (room_id bigint, last_seq bigint)
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT h.room_id, h.last_seq FROM porcupine.room_heads h WHERE h.room_id = ANY (rooms) $$;
COMMENT ON FUNCTION porcupine.read_heads(bigint[]) IS 'the heads of the rooms that still exist; a bridge''s sweep';

CREATE FUNCTION porcupine.ended_sessions(sessions bigint[]) RETURNS SETOF bigint
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT given.id FROM unnest(sessions) AS given (id)
    LEFT JOIN porcupine.sessions s ON s.id = given.id
    LEFT JOIN porcupine.users u ON u.id = s.user_id
   WHERE s.id IS NULL OR s.ended_at IS NOT NULL OR s.expires_at < clock_timestamp() OR u.disabled_at IS NOT NULL
$$;
COMMENT ON FUNCTION porcupine.ended_sessions(bigint[]) IS 'which of these sessions are over; a bridge''s sweep';

CREATE FUNCTION porcupine.read_role(room bigint, account bigint) RETURNS porcupine.role
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT m.role FROM porcupine.members m WHERE m.room_id = room AND m.user_id = account $$;
COMMENT ON FUNCTION porcupine.read_role(bigint, bigint) IS 'the role of a user in a room, or null, for the bridge';

CREATE FUNCTION porcupine.ring(rooms bigint[], seqs bigint[], origin bigint) RETURNS void
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_ring';
COMMENT ON FUNCTION porcupine.ring(bigint[], bigint[], bigint) IS
  'the doorbell of a bridge for events it has committed, in a transaction of its own: each room has at least this seq. origin, a number that the bridge chose at random, lets it ignore its own. Errors: invalid';

CREATE FUNCTION porcupine.doorbell_mode() RETURNS text
  LANGUAGE c VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_doorbell_mode';
COMMENT ON FUNCTION porcupine.doorbell_mode() IS
  'who wakes listeners: worker (commits ring, and a background worker tells it) or notify (a commit that rings does NOTIFY itself, which makes commits wait for each other: a bridge sends with doorbell => false and calls ring() after its commit)';

CREATE FUNCTION porcupine.doorbell_status(
  OUT mode text, OUT worker_pid integer, OUT ring_size integer, OUT used integer, OUT pushed bigint, OUT dropped bigint, OUT sweeps bigint,
  OUT batches bigint, OUT notifies bigint, OUT direct bigint, OUT last_notify timestamptz, OUT last_delay interval, OUT lag interval) RETURNS record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_doorbell_status';
COMMENT ON FUNCTION porcupine.doorbell_status() IS 'what the view porcupine.stat_doorbell shows';

CREATE VIEW porcupine.stat_doorbell AS SELECT * FROM porcupine.doorbell_status();
COMMENT ON VIEW porcupine.stat_doorbell IS
  'the doorbell of this database, one row, for monitoring; counted since the server started. dropped or a growing lag: the worker cannot keep up, or is stopped';
COMMENT ON COLUMN porcupine.stat_doorbell.mode IS 'worker or notify, as doorbell_mode() says';
COMMENT ON COLUMN porcupine.stat_doorbell.worker_pid IS 'the process that tells; null: none is needed, or none to be had (see direct)';
COMMENT ON COLUMN porcupine.stat_doorbell.ring_size IS 'bells that can wait for it (porcupine.doorbell_ring); null, like all that follow: not preloaded, or nothing rang yet';
COMMENT ON COLUMN porcupine.stat_doorbell.used IS 'bells that wait now';
COMMENT ON COLUMN porcupine.stat_doorbell.pushed IS 'bells that commits have left for the worker';
COMMENT ON COLUMN porcupine.stat_doorbell.dropped IS 'bells that did not fit, and became a sweep';
COMMENT ON COLUMN porcupine.stat_doorbell.sweeps IS 'doorbells that said "sweep"';
COMMENT ON COLUMN porcupine.stat_doorbell.batches IS 'transactions in which the worker told';
COMMENT ON COLUMN porcupine.stat_doorbell.notifies IS 'NOTIFYs in them';
COMMENT ON COLUMN porcupine.stat_doorbell.direct IS 'commits that did NOTIFY by themselves, there being no worker';
COMMENT ON COLUMN porcupine.stat_doorbell.last_notify IS 'when the last batch was told';
COMMENT ON COLUMN porcupine.stat_doorbell.last_delay IS 'how long its oldest bell had waited, about';
COMMENT ON COLUMN porcupine.stat_doorbell.lag IS 'how long the oldest bell has been waiting, about; 0: none waits';
-- Rooms and membership. Each change locks the room's head first, then looks, then writes; the triggers on members append
-- the events that say so.

CREATE TYPE porcupine.room AS (
  id bigint, name text, code text, encrypted boolean, role porcupine.role, head bigint, stream bigint, epoch integer,
  epoch_open boolean, log integer, members bigint, max_members integer, created_by bigint, created_at timestamptz,
  joined_seq bigint, read_seq bigint);
COMMENT ON TYPE porcupine.room IS
  'a room as one of its members sees it; head is its last seq, log the length of its control log, code is null for a pending member';

CREATE TYPE porcupine.member AS (
  user_id bigint, username text, display_name text, role porcupine.role, joined_seq bigint, joined_at timestamptz);
COMMENT ON TYPE porcupine.member IS 'a member of a room, as its members see it';

CREATE FUNCTION porcupine.room_as_seen(membership porcupine.members, stream bigint) RETURNS porcupine.room
  LANGUAGE sql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT r.id, r.name, CASE WHEN membership.role > 'pending' THEN r.code END, r.encrypted, membership.role, h.last_seq, stream, h.epoch,
         h.epoch_open, h.log_length, (SELECT count(*) FROM porcupine.members o WHERE o.room_id = r.id), r.max_members, r.created_by,
         r.created_at, membership.joined_seq, membership.read_seq
    FROM porcupine.rooms r JOIN porcupine.room_heads h ON h.room_id = r.id WHERE r.id = membership.room_id
$$;
COMMENT ON FUNCTION porcupine.room_as_seen(porcupine.members, bigint) IS 'a room as this member sees it, in the current stream';

CREATE FUNCTION porcupine.my_rooms() RETURNS SETOF porcupine.room
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 20
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT seen.*
    FROM (SELECT porcupine.require_user() AS id, porcupine.current_stream() AS stream) s
    JOIN porcupine.members m ON m.user_id = s.id
   CROSS JOIN LATERAL porcupine.room_as_seen(m, s.stream) seen
   ORDER BY seen.id
$$;
COMMENT ON FUNCTION porcupine.my_rooms() IS
  'the rooms of the current user, those that wait to let them in included. Errors: unauthenticated, session_ended. Example: SELECT id, name, role FROM porcupine.my_rooms()';

CREATE FUNCTION porcupine.my_room(room bigint) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  RETURN porcupine.room_as_seen(porcupine.require_member(room, 'pending'), porcupine.current_stream());
END
$$;
COMMENT ON FUNCTION porcupine.my_room(bigint) IS 'one room of the current user. Errors: not_member, unauthenticated, session_ended';

CREATE FUNCTION porcupine.create_room(name text, encrypted boolean DEFAULT true, entries bytea[] DEFAULT '{}',
                                      devices bigint[] DEFAULT '{}', bundles bytea[] DEFAULT '{}') RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  room bigint;
BEGIN
  PERFORM porcupine.check_text('name', btrim(name), 1, 100);
  IF encrypted IS NULL OR entries IS NULL OR (NOT encrypted AND cardinality(entries) > 0) THEN
    PERFORM porcupine.refuse('invalid', 'a room that is not encrypted has no control log');
  ELSIF cardinality(entries) = 0 AND cardinality(devices) > 0 THEN
    PERFORM porcupine.refuse('invalid', 'bundles need the control-log entries that name them');
  END IF;
  INSERT INTO porcupine.rooms AS r (created_by, encrypted, code, name)
  VALUES (me, create_room.encrypted, porcupine.fresh_room_code(), btrim(create_room.name)) RETURNING r.id INTO room;
  INSERT INTO porcupine.room_heads (room_id) VALUES (room);
  INSERT INTO porcupine.members (room_id, user_id, role, via) VALUES (room, me, 'owner', 'create');
  IF cardinality(entries) > 0 THEN
    PERFORM porcupine.store_epoch(room, 0, cardinality(entries) - 1, porcupine.append_entries(room, 0, entries), devices, bundles);
  END IF;
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.create_room(text, boolean, bytea[], bigint[], bytea[]) IS
  'makes a room (name 1-100 characters) owned by the current user; a client that encrypts brings the first control-log entries and the bundles of epoch 0. Errors: invalid, too_large, unauthenticated. Example: SELECT id, code FROM porcupine.create_room(''Ops'', encrypted => false)';

CREATE FUNCTION porcupine.rename_room(room bigint, name text) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.check_text('name', btrim(name), 1, 100);
  PERFORM porcupine.enter_room(room, 'admin');
  UPDATE porcupine.rooms r SET name = btrim(rename_room.name) WHERE r.id = room;
  PERFORM porcupine.append_server_event(room, 'room.renamed', jsonb_build_object('name', btrim(rename_room.name)));
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.rename_room(bigint, text) IS 'renames a room (admins, owner). Errors: invalid, too_large, not_member, role, unauthenticated';

CREATE FUNCTION porcupine.delete_room(room bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.enter_room(room, 'owner');
  INSERT INTO porcupine.audit (room_id, actor_id, action) VALUES (room, porcupine.current_user_id(), 'room.deleted');
  DELETE FROM porcupine.rooms r WHERE r.id = room;
END
$$;
COMMENT ON FUNCTION porcupine.delete_room(bigint) IS 'deletes a room with its whole log (owner). Errors: not_member, role, unauthenticated';

CREATE FUNCTION porcupine.room_members(room bigint) RETURNS SETOF porcupine.member
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room, 'pending');
  RETURN QUERY SELECT u.id, u.username, u.display_name, m.role, m.joined_seq, m.joined_at
    FROM porcupine.members m JOIN porcupine.users u ON u.id = m.user_id
   WHERE m.room_id = room ORDER BY m.joined_seq;
END
$$;
COMMENT ON FUNCTION porcupine.room_members(bigint) IS
  'the members of a room in the order they joined, pending ones included. Errors: not_member, unauthenticated. Example: SELECT username, role FROM porcupine.room_members(1)';

CREATE FUNCTION porcupine.join_room(code text) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  by_invite boolean;
  hash bytea;
  room bigint;
BEGIN
  IF code IS NULL OR length(code) > 256 THEN
    PERFORM porcupine.refuse('invalid', 'a room code has 6 characters, an invite code up to 256');
  END IF;
  by_invite := upper(btrim(code)) !~ '^[A-Z0-9]{6}$';
  IF by_invite THEN
    hash := sha256(convert_to(btrim(code), 'UTF8'));
    SELECT i.room_id INTO room FROM porcupine.invites i WHERE i.code_hash = hash;
  ELSE
    SELECT r.id INTO room FROM porcupine.rooms r WHERE r.code = upper(btrim(join_room.code));
  END IF;
  PERFORM FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM porcupine.refuse('not_found', 'no room and no invite has this code', 'Check the code, or ask for a new one.');
  END IF;
  IF EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = room AND m.user_id = me) THEN
    RETURN porcupine.my_room(room);
  END IF;
  IF by_invite THEN
    UPDATE porcupine.invites i SET uses = i.uses + 1
     WHERE i.code_hash = hash AND clock_timestamp() < i.expires_at AND (i.max_uses IS NULL OR i.uses < i.max_uses);
    IF NOT FOUND THEN
      PERFORM porcupine.refuse('gone', 'this invite has expired or is used up', 'Ask for a new one.');
    END IF;
  END IF;
  INSERT INTO porcupine.members (room_id, user_id, role, via)
  SELECT r.id, me, CASE WHEN r.encrypted THEN 'pending' ELSE 'member' END::porcupine.role,
         CASE WHEN by_invite THEN 'invite' ELSE 'code' END
    FROM porcupine.rooms r WHERE r.id = room;
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.join_room(text) IS
  'joins by room code (case does not matter) or invite code; in an encrypted room as pending. A member gets the room again and uses nothing up. Errors: invalid, not_found, gone, room_full, unauthenticated. Example: SELECT id, role FROM porcupine.join_room(''K3X9QA'')';

CREATE FUNCTION porcupine.leave_room(room bigint, index integer DEFAULT NULL, entry bytea DEFAULT NULL) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  membership porcupine.members;
BEGIN
  membership := porcupine.enter_room(room, 'pending');
  IF entry IS NOT NULL THEN
    PERFORM porcupine.append_entries(room, index, ARRAY[entry]);
  END IF;
  IF membership.role = 'owner' THEN            -- a room is never without an owner while it has active members
    UPDATE porcupine.members m SET role = 'owner'
     WHERE m.room_id = room AND m.user_id = (SELECT s.user_id FROM porcupine.members s
                                              WHERE s.room_id = room AND s.user_id <> membership.user_id AND s.role > 'pending'
                                              ORDER BY s.role DESC, s.joined_seq LIMIT 1);
  END IF;
  DELETE FROM porcupine.members m WHERE m.room_id = room AND m.user_id = membership.user_id;
END
$$;
COMMENT ON FUNCTION porcupine.leave_room(bigint, integer, bytea) IS
  'leaves a room, with the signed entry that says so where there is one; an owner hands over to the longest-standing admin, else member. Closes the epoch of an encrypted room. Errors: not_member, conflict, too_large, unauthenticated';

CREATE FUNCTION porcupine.drop_member(room bigint, member bigint, mine porcupine.members) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  theirs porcupine.members;
BEGIN
  IF mine.role < 'admin' THEN
    PERFORM porcupine.refuse('role', 'this needs the role admin', 'Ask an admin of the room.');
  END IF;
  SELECT m.* INTO theirs FROM porcupine.members m WHERE m.room_id = room AND m.user_id = member;
  IF theirs.user_id IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'this user is not in the room');
  ELSIF theirs.role >= mine.role THEN
    PERFORM porcupine.refuse('role', 'only somebody of a higher role can remove this member', 'To go yourself, leave the room.');
  END IF;
  DELETE FROM porcupine.members m WHERE m.room_id = room AND m.user_id = member;
END
$$;
COMMENT ON FUNCTION porcupine.drop_member(bigint, bigint, porcupine.members) IS
  'removes a member; mine is the membership of the caller, who has entered the room';

CREATE FUNCTION porcupine.remove_member(room bigint, member bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.drop_member(room, member, porcupine.enter_room(room, 'admin'));
END
$$;
COMMENT ON FUNCTION porcupine.remove_member(bigint, bigint) IS
  'removes somebody of a lower role (admins, owner); once it has committed nothing they send is accepted and nothing is read. The room gets a new code and its invites end, for the removed one may know them. Closes the epoch of an encrypted room; commit_epoch(remove => …) removes and rekeys in one step. Errors: not_member, role, not_found, unauthenticated';

-- Invites. A code is known to those who hold the link; the database keeps its hash.

CREATE TYPE porcupine.invite AS (
  id bigint, code text, room_id bigint, name text, members bigint, sealed bytea, expires_at timestamptz, max_uses integer);
COMMENT ON TYPE porcupine.invite IS 'an invite; code is set once, when the server made it; sealed is what the inviter left for joiners';

CREATE FUNCTION porcupine.create_invite(room bigint, expires_in interval DEFAULT '7 days', max_uses integer DEFAULT NULL,
                                        code_hash bytea DEFAULT NULL, sealed bytea DEFAULT NULL,
                                        index integer DEFAULT NULL, entry bytea DEFAULT NULL) RETURNS porcupine.invite
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  made porcupine.invite;
  drawn text;
BEGIN
  IF expires_in IS NULL OR expires_in < '1 minute' OR expires_in > '365 days' THEN
    PERFORM porcupine.refuse('invalid', 'an invite lives between a minute and 365 days');
  ELSIF max_uses < 1 THEN
    PERFORM porcupine.refuse('invalid', 'an invite has at least one use', 'Leave max_uses out for any number.');
  ELSIF length(code_hash) <> 32 OR length(sealed) = 0 OR (code_hash IS NULL AND sealed IS NOT NULL) THEN
    PERFORM porcupine.refuse('invalid', 'code_hash has 32 bytes and comes with what is sealed');
  ELSIF length(sealed) > 8192 THEN
    PERFORM porcupine.refuse('too_large', 'what is sealed has at most 8192 bytes');
  END IF;
  PERFORM porcupine.enter_room(room, 'admin');
  IF code_hash IS NULL THEN
    drawn := porcupine.random_token();
    code_hash := sha256(convert_to(drawn, 'UTF8'));
  END IF;
  IF entry IS NOT NULL THEN
    PERFORM porcupine.append_entries(room, index, ARRAY[entry]);
  END IF;
  INSERT INTO porcupine.invites AS i (room_id, created_by, expires_at, max_uses, code_hash, sealed)
  VALUES (room, porcupine.current_user_id(), clock_timestamp() + expires_in, create_invite.max_uses, create_invite.code_hash,
          create_invite.sealed)
  ON CONFLICT ON CONSTRAINT invites_code_hash_key DO NOTHING
  RETURNING i.id, drawn, i.room_id, NULL, NULL, NULL, i.expires_at, i.max_uses INTO made;
  IF made.id IS NULL THEN
    PERFORM porcupine.refuse('conflict', 'there is an invite with this code already', 'Draw a new secret.');
  END IF;
  RETURN made;
END
$$;
COMMENT ON FUNCTION porcupine.create_invite(bigint, interval, integer, bytea, bytea, integer, bytea) IS
  'makes an invite (admins, owner) that lives for expires_in and lets in max_uses joiners (null: any number). Without code_hash the server draws the code and returns it once. Errors: invalid, too_large, not_member, role, conflict, unauthenticated. Example: SELECT code FROM porcupine.create_invite(1, ''2 hours'', 5)';

CREATE FUNCTION porcupine.read_invite(code_hash bytea, room bigint DEFAULT NULL) RETURNS porcupine.invite
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  found porcupine.invite;
  used_up boolean;
BEGIN
  PERFORM porcupine.require_user();
  IF room IS NOT NULL THEN
    PERFORM porcupine.require_member(room, 'pending');
  END IF;
  SELECT i.id, NULL, i.room_id, r.name, (SELECT count(*) FROM porcupine.members m WHERE m.room_id = r.id), i.sealed, i.expires_at,
         i.max_uses
    INTO found
    FROM porcupine.invites i JOIN porcupine.rooms r ON r.id = i.room_id
   WHERE i.code_hash = read_invite.code_hash AND (room IS NULL OR i.room_id = room);
  used_up := (SELECT i.uses >= i.max_uses FROM porcupine.invites i WHERE i.id = found.id)
             AND NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = found.room_id AND m.user_id = porcupine.current_user_id());
  IF found.id IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'there is no such invite', 'Check the link, or ask for a new one.');
  ELSIF found.expires_at <= clock_timestamp() OR used_up THEN
    PERFORM porcupine.refuse('gone', 'this invite has expired or is used up', 'Ask for a new one.');
  END IF;
  RETURN found;
END
$$;
COMMENT ON FUNCTION porcupine.read_invite(bytea, bigint) IS
  'what an invite leads to, for whoever can name the SHA-256 of its code while it can be redeemed, and for members of its room until it expires. Errors: not_found, gone, not_member, unauthenticated';

-- The delivery service of the encryption: the control log and the epochs. Contents are opaque; order, membership and the
-- one-transaction rule are kept here.

CREATE FUNCTION porcupine.append_entry(room bigint, index integer, entry bytea) RETURNS bigint
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members := porcupine.enter_room(room, 'pending');
BEGIN
  IF mine.role = 'pending' AND EXISTS (SELECT FROM porcupine.control_log l JOIN porcupine.events e ON e.room_id = l.room_id AND e.seq = l.seq
                                        WHERE l.room_id = room AND l.seq > mine.joined_seq AND e.sender_id = mine.user_id) THEN
    PERFORM porcupine.refuse('role', 'waiting to be let in', 'Your entry is in the log; a member''s client has to act on it.');
  END IF;
  RETURN porcupine.append_entries(room, index, ARRAY[entry]);
END
$$;
COMMENT ON FUNCTION porcupine.append_entry(bigint, integer, bytea) IS
  'appends one client-signed entry (1-8192 bytes) to the control log, if index is the next, and returns its seq; a pending member may once, to join. Errors: invalid, too_large, conflict, not_member, role, unauthenticated';

CREATE FUNCTION porcupine.control_entries(room bigint, after integer DEFAULT -1)
  RETURNS TABLE (index integer, seq bigint, entry bytea, sender_id bigint, device_id bigint, created_at timestamptz)
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room, 'pending');
  RETURN QUERY SELECT l.index, l.seq, e.body, e.sender_id, e.device_id, e.created_at
    FROM porcupine.control_log l JOIN porcupine.events e ON e.room_id = l.room_id AND e.seq = l.seq
   WHERE l.room_id = room AND l.index > coalesce(after, -1) ORDER BY l.index LIMIT 1000;
END
$$;
COMMENT ON FUNCTION porcupine.control_entries(bigint, integer) IS
  'up to 1000 entries of the control log after an index, in order; pending members may, to verify what they join. Errors: not_member, unauthenticated';

CREATE FUNCTION porcupine.require_encrypted(room bigint) RETURNS void
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF NOT (SELECT r.encrypted FROM porcupine.rooms r WHERE r.id = room) THEN
    PERFORM porcupine.refuse('invalid', 'this room is not encrypted');
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.require_encrypted(bigint) IS 'refuses a room that is not encrypted';

CREATE FUNCTION porcupine.store_epoch(room bigint, epoch integer, index integer, seq bigint, devices bigint[], bundles bytea[]) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF devices IS NULL OR bundles IS NULL OR cardinality(devices) <> cardinality(bundles)
     OR array_position(devices, NULL) IS NOT NULL OR array_position(bundles, NULL) IS NOT NULL
     OR EXISTS (SELECT FROM unnest(devices) AS d (id) GROUP BY d.id HAVING count(*) > 1) THEN
    PERFORM porcupine.refuse('invalid', 'one bundle for each device, each device once');
  ELSIF cardinality(devices) > 1000 THEN
    PERFORM porcupine.refuse('too_large', 'at most 1000 bundles an epoch');
  ELSIF EXISTS (SELECT FROM unnest(bundles) AS b (bundle) WHERE length(b.bundle) = 0) THEN
    PERFORM porcupine.refuse('invalid', 'a bundle is empty');
  ELSIF EXISTS (SELECT FROM unnest(bundles) AS b (bundle) WHERE length(b.bundle) > 2048) THEN
    PERFORM porcupine.refuse('too_large', 'a bundle has at most 2048 bytes');
  END IF;
  INSERT INTO porcupine.epochs (room_id, epoch, index, device_id, seq)
  VALUES (room, store_epoch.epoch, store_epoch.index, porcupine.require_device(), store_epoch.seq);
  INSERT INTO porcupine.key_bundles (room_id, epoch, device_id, bundle)
  SELECT room, store_epoch.epoch, b.device, b.bundle
    FROM unnest(devices, bundles) AS b (device, bundle)
    JOIN porcupine.devices d ON d.id = b.device AND d.revoked_at IS NULL
    JOIN porcupine.members m ON m.room_id = room AND m.user_id = d.user_id;
END
$$;
COMMENT ON FUNCTION porcupine.store_epoch(bigint, integer, integer, bigint, bigint[], bytea[]) IS
  'stores an epoch and its bundles under the room''s lock, which the caller holds; a bundle for a device that is no member''s is left out: the committer may not know yet who has left, and a member whose list names a stranger''s device must not stop everybody''s rotation';

CREATE FUNCTION porcupine.commit_epoch(room bigint, epoch integer, index integer, entries bytea[], devices bigint[], bundles bytea[],
                                       remove bigint[] DEFAULT '{}', OUT committed integer, OUT entry_index integer, OUT entry_seq bigint)
  RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  mine porcupine.members := porcupine.enter_room(room);
  current_epoch integer := (SELECT h.epoch FROM porcupine.room_heads h WHERE h.room_id = room);
  member bigint;
BEGIN
  PERFORM porcupine.require_encrypted(room);
  IF entries IS NULL OR cardinality(entries) = 0 THEN
    PERFORM porcupine.refuse('invalid', 'an epoch needs the control-log entry that commits it');
  ELSIF epoch IS DISTINCT FROM current_epoch + 1 THEN
    PERFORM porcupine.refuse('conflict', 'the epoch has moved on', 'Discard your secret, read the log, and try again.',
                             format('the current epoch is %s', current_epoch));
  END IF;
  FOREACH member IN ARRAY coalesce(remove, '{}') LOOP
    PERFORM porcupine.drop_member(room, member, mine);
  END LOOP;
  entry_seq := porcupine.append_entries(room, index, entries);
  entry_index := index + cardinality(entries) - 1;
  committed := epoch;
  UPDATE porcupine.room_heads h SET epoch = commit_epoch.epoch, epoch_open = true WHERE h.room_id = room;
  PERFORM porcupine.store_epoch(room, epoch, entry_index, entry_seq, devices, bundles);
  UPDATE porcupine.members m SET role = 'member'
   WHERE m.room_id = room AND m.role = 'pending'
     AND m.user_id IN (SELECT d.user_id FROM porcupine.key_bundles b JOIN porcupine.devices d ON d.id = b.device_id
                        WHERE b.room_id = room AND b.epoch = commit_epoch.epoch);
  PERFORM porcupine.append_server_event(room, 'epoch', jsonb_build_object('epoch', commit_epoch.epoch, 'by', mine.user_id::text));
END
$$;
COMMENT ON FUNCTION porcupine.commit_epoch(bigint, integer, integer, bytea[], bigint[], bytea[], bigint[]) IS
  'the next epoch in one transaction: appends the entries (the last commits the epoch), stores a bundle for each device, removes the members in remove, lets in pending members with a bundle, raises the epoch and opens it. The first caller wins, others get conflict. Errors: invalid, too_large, conflict, not_member, role, not_found, unauthenticated';

CREATE FUNCTION porcupine.my_epochs(room bigint, after integer DEFAULT -1)
  RETURNS TABLE (epoch integer, index integer, sender_id bigint, device_id bigint, bundle bytea)
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT p.epoch, p.index, e.sender_id, p.device_id, b.bundle
    FROM porcupine.epochs p
    JOIN porcupine.key_bundles b ON b.room_id = p.room_id AND b.epoch = p.epoch AND b.device_id = porcupine.current_device_id()
    JOIN porcupine.events e ON e.room_id = p.room_id AND e.seq = p.seq   -- the committer's account may be gone by now
   WHERE p.room_id = room AND p.epoch > coalesce(after, -1) ORDER BY p.epoch LIMIT 1000;
END
$$;
COMMENT ON FUNCTION porcupine.my_epochs(bigint, integer) IS
  'the bundles for the current device of up to 1000 epochs after one, in order, with who committed them. Errors: not_member, role, unauthenticated';

-- Triggers, each named for what it keeps true. pg_restore copies rows while they exist, so none of them touches a row that is
-- complete: a member that has its joined_seq, a head that is inserted.

CREATE FUNCTION porcupine.members_have_their_event() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.lock_room(NEW.room_id);
  IF (SELECT count(*) >= r.max_members FROM porcupine.rooms r, porcupine.members m
       WHERE r.id = NEW.room_id AND m.room_id = NEW.room_id GROUP BY r.max_members) THEN
    PERFORM porcupine.refuse('room_full', 'the room is full');
  END IF;
  NEW.joined_seq := porcupine.append_server_event(NEW.room_id, 'member.joined',
    jsonb_build_object('user', NEW.user_id::text, 'role', NEW.role, 'via', NEW.via));
  PERFORM porcupine.note_membership(NEW.room_id, NEW.user_id, 'member.joined', jsonb_build_object('role', NEW.role, 'via', NEW.via));
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION porcupine.members_have_their_event() IS
  'trigger: a new member without joined_seq gets the event that says so, if the room has a place left';

CREATE FUNCTION porcupine.members_changes_are_events() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  kind porcupine.kind := 'member.role';
  data jsonb := jsonb_build_object('user', OLD.user_id::text);
BEGIN
  IF TG_OP = 'UPDATE' THEN
    data := data || jsonb_build_object('role', NEW.role);
  ELSIF NOT EXISTS (SELECT FROM porcupine.rooms r WHERE r.id = OLD.room_id) THEN
    RETURN NULL;                                -- the whole room is going
  ELSIF OLD.user_id = porcupine.current_user_id() THEN
    kind := 'member.left';
  ELSE
    kind := 'member.removed';
    data := data || jsonb_build_object('by', porcupine.current_user_id()::text);
    PERFORM porcupine.change_locks(OLD.room_id);
  END IF;
  PERFORM porcupine.append_server_event(OLD.room_id, kind, data);
  IF TG_OP = 'DELETE' AND OLD.role > 'pending' THEN
    PERFORM porcupine.close_epoch(OLD.room_id);
  END IF;
  PERFORM porcupine.note_membership(OLD.room_id, OLD.user_id, kind::text, data - 'user');
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.members_changes_are_events() IS
  'trigger: a changed role and a departure are events of the room''s log; a departure closes the epoch of an encrypted room, a removal changes the room''s code and ends its invites';

CREATE FUNCTION porcupine.change_locks(room bigint) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  UPDATE porcupine.rooms r SET code = porcupine.fresh_room_code() WHERE r.id = room;
  UPDATE porcupine.invites i SET expires_at = clock_timestamp() WHERE i.room_id = room AND i.expires_at > clock_timestamp()
$$;
COMMENT ON FUNCTION porcupine.change_locks(bigint) IS
  'draws a new room code and ends the open invites: somebody who is gone may know the old ones';

CREATE FUNCTION porcupine.close_epoch(room bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  closed integer;
BEGIN
  UPDATE porcupine.room_heads h SET epoch_open = false
   WHERE h.room_id = room AND h.epoch_open AND (SELECT r.encrypted FROM porcupine.rooms r WHERE r.id = room)
  RETURNING h.epoch INTO closed;
  IF closed IS NOT NULL THEN
    PERFORM porcupine.append_server_event(room, 'epoch.closed', jsonb_build_object('epoch', closed));
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.close_epoch(bigint) IS
  'refuses sends to an encrypted room until a member has committed the next epoch: somebody who is gone has the key of this one';

CREATE FUNCTION porcupine.note_membership(room bigint, account bigint, action text, detail jsonb) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  INSERT INTO porcupine.audit (room_id, actor_id, subject_id, action, detail)
  VALUES (room, porcupine.current_user_id(), account, action, detail);
  SELECT porcupine.ring_member(account, room)
$$;
COMMENT ON FUNCTION porcupine.note_membership(bigint, bigint, text, jsonb) IS 'audits a change of membership and wakes the user''s sockets';

CREATE FUNCTION porcupine.rooms_take_their_log_along() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  DELETE FROM porcupine.events e WHERE e.room_id = OLD.id;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.rooms_take_their_log_along() IS 'trigger: a deleted room leaves no events behind';

CREATE FUNCTION porcupine.heads_ring() RETURNS boolean
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_heads_ring';
COMMENT ON FUNCTION porcupine.heads_ring() IS 'whether a head that advances rings by its trigger; the send path rings for itself, which costs less';

CREATE FUNCTION porcupine.room_heads_ring_the_doorbell() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'porcupine_room_heads_ring_the_doorbell';
COMMENT ON FUNCTION porcupine.room_heads_ring_the_doorbell() IS
  'trigger: at commit, one NOTIFY for all rooms whose log grew in the transaction or that went';

CREATE TRIGGER members_have_their_event BEFORE INSERT ON porcupine.members
  FOR EACH ROW WHEN (NEW.joined_seq IS NULL) EXECUTE FUNCTION porcupine.members_have_their_event();
COMMENT ON TRIGGER members_have_their_event ON porcupine.members IS 'joined_seq is the seq of the event by which a member joined';

CREATE TRIGGER members_changes_are_events AFTER UPDATE OF role ON porcupine.members
  FOR EACH ROW WHEN (OLD.role IS DISTINCT FROM NEW.role) EXECUTE FUNCTION porcupine.members_changes_are_events();
COMMENT ON TRIGGER members_changes_are_events ON porcupine.members IS 'every change of role is an event';

CREATE TRIGGER members_departures_are_events AFTER DELETE ON porcupine.members
  FOR EACH ROW EXECUTE FUNCTION porcupine.members_changes_are_events();
COMMENT ON TRIGGER members_departures_are_events ON porcupine.members IS 'every departure is an event and closes the epoch';

CREATE TRIGGER rooms_take_their_log_along AFTER DELETE ON porcupine.rooms
  FOR EACH ROW EXECUTE FUNCTION porcupine.rooms_take_their_log_along();
COMMENT ON TRIGGER rooms_take_their_log_along ON porcupine.rooms IS 'a deleted room leaves no events behind';

CREATE TRIGGER room_heads_ring_the_doorbell AFTER UPDATE OF last_seq ON porcupine.room_heads
  FOR EACH ROW WHEN (NEW.last_seq > OLD.last_seq AND porcupine.heads_ring()) EXECUTE FUNCTION porcupine.room_heads_ring_the_doorbell();
COMMENT ON TRIGGER room_heads_ring_the_doorbell ON porcupine.room_heads IS 'whoever listens hears of every grown log once a transaction';

CREATE TRIGGER room_heads_ring_when_they_go AFTER DELETE ON porcupine.room_heads
  FOR EACH ROW EXECUTE FUNCTION porcupine.room_heads_ring_the_doorbell();
COMMENT ON TRIGGER room_heads_ring_when_they_go ON porcupine.room_heads IS 'whoever listens hears of a deleted room';

CREATE FUNCTION porcupine.users_who_go_ring_the_doorbell() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.ring_user(OLD.id);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.users_who_go_ring_the_doorbell() IS 'trigger: at commit, whoever serves the user''s sockets hears that they are over';

CREATE TRIGGER users_ring_when_disabled AFTER UPDATE OF disabled_at ON porcupine.users
  FOR EACH ROW WHEN (NEW.disabled_at IS NOT NULL AND OLD.disabled_at IS NULL) EXECUTE FUNCTION porcupine.users_who_go_ring_the_doorbell();
COMMENT ON TRIGGER users_ring_when_disabled ON porcupine.users IS 'the sockets of a disabled user end at once';

CREATE TRIGGER users_ring_when_they_go AFTER DELETE ON porcupine.users
  FOR EACH ROW EXECUTE FUNCTION porcupine.users_who_go_ring_the_doorbell();
COMMENT ON TRIGGER users_ring_when_they_go ON porcupine.users IS 'the sockets of a deleted user end at once';

CREATE FUNCTION porcupine.outbox_is_sent_at_commit() RETURNS trigger
  LANGUAGE c VOLATILE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_outbox_is_sent_at_commit';
COMMENT ON FUNCTION porcupine.outbox_is_sent_at_commit() IS 'trigger: sends all that this transaction has queued by send_deferred(), rooms in ascending order';

CREATE CONSTRAINT TRIGGER outbox_is_sent_at_commit AFTER INSERT ON porcupine.outbox DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION porcupine.outbox_is_sent_at_commit();
COMMENT ON TRIGGER outbox_is_sent_at_commit ON porcupine.outbox IS 'a deferred send takes its seq at the commit, or at SET CONSTRAINTS ... IMMEDIATE';
-- Who owns what, who may call what, who sees which rows. Last but for the dump, so that nothing is forgotten.

-- Row-level security, forced on the owner too. The extension's own functions run as porcupine_owner and see all rows by the
-- first policy of each table; SQL users see what concerns them, and the bridge reads no table at all.
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.relname FROM pg_catalog.pg_class c
            WHERE c.relnamespace = 'porcupine'::pg_catalog.regnamespace AND c.relkind = 'r' ORDER BY c.relname LOOP
    EXECUTE pg_catalog.format('ALTER TABLE porcupine.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.relname);
    EXECUTE pg_catalog.format('CREATE POLICY owner_all ON porcupine.%I TO porcupine_owner USING (true) WITH CHECK (true)', t.relname);
    EXECUTE pg_catalog.format('COMMENT ON POLICY owner_all ON porcupine.%I IS ''the functions of the extension''', t.relname);
  END LOOP;
END
$$;

CREATE FUNCTION porcupine.my_peer_ids() RETURNS SETOF bigint
  LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT porcupine.live_user_id()
  UNION SELECT m.user_id FROM porcupine.members m WHERE m.room_id IN (SELECT porcupine.my_room_ids())
$$;
COMMENT ON FUNCTION porcupine.my_peer_ids() IS 'the current user and everybody in their rooms; row-level security asks this';

CREATE POLICY peers ON porcupine.users FOR SELECT TO porcupine_client USING (id IN (SELECT porcupine.my_peer_ids()));
CREATE POLICY own ON porcupine.devices FOR SELECT TO porcupine_client USING (user_id = (SELECT porcupine.live_user_id()));
CREATE POLICY peers ON porcupine.device_lists FOR SELECT TO porcupine_client USING (user_id IN (SELECT porcupine.my_peer_ids()));
CREATE POLICY own ON porcupine.sessions FOR SELECT TO porcupine_client USING (user_id = (SELECT porcupine.live_user_id()));
CREATE POLICY readers ON porcupine.rooms FOR SELECT TO porcupine_client USING (id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.room_heads FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.members FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.events FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.control_log FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.epochs FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
COMMENT ON POLICY peers ON porcupine.users IS 'oneself and everybody in one''s rooms';
COMMENT ON POLICY own ON porcupine.devices IS 'one''s own';
COMMENT ON POLICY peers ON porcupine.device_lists IS 'of oneself and everybody in one''s rooms';
COMMENT ON POLICY own ON porcupine.sessions IS 'one''s own';
COMMENT ON POLICY readers ON porcupine.rooms IS 'the rooms one may read';
COMMENT ON POLICY readers ON porcupine.room_heads IS 'of the rooms one may read';
COMMENT ON POLICY readers ON porcupine.members IS 'of the rooms one may read';
COMMENT ON POLICY readers ON porcupine.events IS 'of the rooms one may read';
COMMENT ON POLICY readers ON porcupine.control_log IS 'of the rooms one may read';
COMMENT ON POLICY readers ON porcupine.epochs IS 'of the rooms one may read';

-- Ownership: nothing belongs to the superuser who installs, so that no definer function runs with their powers.
DO $$
DECLARE
  o record;
BEGIN
  FOR o IN SELECT c.relname FROM pg_catalog.pg_class c
            WHERE c.relnamespace = 'porcupine'::pg_catalog.regnamespace AND c.relkind IN ('r', 'v') LOOP
    EXECUTE pg_catalog.format('ALTER TABLE porcupine.%I OWNER TO porcupine_owner', o.relname);
    EXECUTE pg_catalog.format('REVOKE ALL ON porcupine.%I FROM PUBLIC', o.relname);
  END LOOP;
  FOR o IN SELECT p.oid::pg_catalog.regprocedure AS signature FROM pg_catalog.pg_proc p
            WHERE p.pronamespace = 'porcupine'::pg_catalog.regnamespace LOOP
    EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO porcupine_owner', o.signature);
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', o.signature);
  END LOOP;
  FOR o IN SELECT t.oid::pg_catalog.regtype AS name FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
            WHERE t.typnamespace = 'porcupine'::pg_catalog.regnamespace AND (t.typtype = 'e' OR c.relkind = 'c') LOOP
    EXECUTE pg_catalog.format('ALTER TYPE %s OWNER TO porcupine_owner', o.name);
  END LOOP;
END
$$;
ALTER SCHEMA porcupine OWNER TO porcupine_owner;
REVOKE ALL ON SCHEMA porcupine FROM PUBLIC;
GRANT USAGE ON SCHEMA porcupine TO porcupine_client, porcupine_bridge, porcupine_admin;

-- Tables: columns with hashes, codes and keys are nobody's but the owner's.
GRANT SELECT (id, created_at, username, display_name) ON porcupine.users TO porcupine_client;
GRANT SELECT (id, user_id, created_at, revoked_at, name, backend) ON porcupine.devices TO porcupine_client;
GRANT SELECT ON porcupine.device_lists, porcupine.rooms, porcupine.room_heads, porcupine.members, porcupine.events, porcupine.control_log,
                porcupine.epochs TO porcupine_client;
GRANT SELECT (id, user_id, device_id, created_at, last_used_at, expires_at, ended_at, end_reason, address) ON porcupine.sessions TO porcupine_client;

-- Functions for whoever has an identity: SQL users, backends, and the bridge on behalf of its users.
DO $$
DECLARE
  f record;
BEGIN
  FOR f IN SELECT p.oid::pg_catalog.regprocedure AS signature FROM pg_catalog.pg_proc p
            WHERE p.pronamespace = 'porcupine'::pg_catalog.regnamespace
              AND p.proname IN ('current_user_id', 'current_session_id', 'current_device_id', 'whoami', 'logout', 'jwks', 'current_stream',
                                'publish_device', 'user_devices', 'my_rooms', 'my_room', 'create_room', 'rename_room', 'delete_room',
                                'room_members', 'join_room', 'leave_room', 'remove_member', 'create_invite', 'read_invite',
                                'append_entry', 'control_entries', 'commit_epoch', 'my_epochs',
                                'send', 'send_deferred', 'history', 'since', 'cursor_state', 'mark_read') LOOP
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO porcupine_client, porcupine_bridge', f.signature);
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION porcupine.authenticate(text), porcupine.live_user_id(), porcupine.my_room_ids(), porcupine.my_peer_ids() TO porcupine_client;
GRANT EXECUTE ON FUNCTION porcupine.act_as(bigint), porcupine.find_user(text) TO porcupine_backend;
GRANT EXECUTE ON FUNCTION
  porcupine.register(text, text, text, text, text, inet), porcupine.login(text, text, bigint, text, inet), porcupine.refresh(text)
  TO porcupine_bridge, porcupine_backend;
GRANT EXECUTE ON FUNCTION
  porcupine.act_as_session(bigint), porcupine.whoami_many(bigint[]),
  porcupine.admit_many(bigint[], bigint[], bigint[], bigint[], integer),
  porcupine.send_many(bigint[], bigint[], bigint[], uuid[], integer[], text[], bigint[], bytea[], boolean, bigint, boolean),
  porcupine.history_page(bigint, bigint, bigint, bigint, bigint, integer), porcupine.read_frames(bigint, bigint, integer, integer),
  porcupine.replica_page(bigint, bigint, bigint, bigint, integer, bigint, bigint),
  porcupine.read_heads(bigint[]), porcupine.ended_sessions(bigint[]),
  porcupine.read_role(bigint, bigint), porcupine.ring(bigint[], bigint[], bigint), porcupine.doorbell_mode()
  TO porcupine_bridge;
GRANT EXECUTE ON FUNCTION porcupine.new_stream() TO porcupine_admin;

-- Monitoring: counters, nobody's data. Whoever may see the server's own statistics may see these.
GRANT USAGE ON SCHEMA porcupine TO pg_monitor;
GRANT SELECT ON porcupine.stat_doorbell TO porcupine_admin, pg_monitor;
GRANT EXECUTE ON FUNCTION porcupine.doorbell_status() TO porcupine_admin, pg_monitor;

-- What pg_dump carries: every table and sequence, but for signing_keys, whose loss only ends access tokens early.
-- The script inserts no rows, so nothing needs to be left out.

DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.oid::pg_catalog.regclass AS name FROM pg_catalog.pg_class c
            WHERE c.relnamespace = 'porcupine'::pg_catalog.regnamespace AND c.relkind IN ('r', 'S') AND c.relname <> 'signing_keys'
            ORDER BY c.oid LOOP
    PERFORM pg_catalog.pg_extension_config_dump(t.name, '');
  END LOOP;
END
$$;
