-- What administrators do to accounts from psql, and the record of it. Whoever is no user of the chat stands in the audit log by
-- the role that they logged in as.

CREATE FUNCTION porcupine.lock_account(account bigint) RETURNS porcupine.users
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  found porcupine.users;
BEGIN
  SELECT u.* INTO found FROM porcupine.users u WHERE u.id = account FOR NO KEY UPDATE;
  IF found.id IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'no such user');
  END IF;
  RETURN found;
END
$$;
COMMENT ON FUNCTION porcupine.lock_account(bigint) IS
  'an account, which nobody else changes until the commit; rooms are locked after it, never before';

CREATE FUNCTION porcupine.end_sessions(account bigint, reason text, keep bigint DEFAULT NULL) RETURNS integer
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  ended record;
  live integer := 0;
BEGIN
  FOR ended IN UPDATE porcupine.sessions s SET ended_at = clock_timestamp(), end_reason = reason
                WHERE s.user_id = account AND s.ended_at IS NULL AND s.id IS DISTINCT FROM keep RETURNING s.id, s.expires_at > clock_timestamp() AS live LOOP
    PERFORM porcupine.ring_session(ended.id);
    live := live + ended.live::integer;
  END LOOP;
  RETURN live;
END
$$;
COMMENT ON FUNCTION porcupine.end_sessions(bigint, text, bigint) IS
  'ends all sessions of a user but the one to keep, whose sockets go with them, and says how many of them were live';

CREATE FUNCTION porcupine.disable_user(account bigint, reason text DEFAULT NULL) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  found porcupine.users;
BEGIN
  IF length(reason) > 500 THEN
    PERFORM porcupine.refuse('too_large', 'a reason has at most 500 characters');
  END IF;
  found := porcupine.lock_account(account);
  IF found.disabled_at IS NOT NULL THEN
    RETURN;
  END IF;
  UPDATE porcupine.users u SET disabled_at = clock_timestamp() WHERE u.id = account;
  PERFORM porcupine.end_sessions(account, 'disabled');
  PERFORM porcupine.note_act('user.disabled', account, NULL, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
END
$$;
COMMENT ON FUNCTION porcupine.disable_user(bigint, text) IS
  'ends the sessions of a user and lets them sign in, send and read no more, until enable_user(); their memberships stay. reason (at most 500 characters) goes into the audit log. Disabling somebody twice is doing it once. Errors: too_large, not_found. Example: SELECT porcupine.disable_user(7, ''password was leaked'')';

CREATE FUNCTION porcupine.enable_user(account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  found porcupine.users := porcupine.lock_account(account);
BEGIN
  IF found.erased_at IS NOT NULL THEN
    PERFORM porcupine.refuse('gone', 'this account was erased', 'What was erased does not come back; make a new account.');
  ELSIF found.disabled_at IS NOT NULL THEN
    UPDATE porcupine.users u SET disabled_at = NULL WHERE u.id = account;
    PERFORM porcupine.note_act('user.enabled', account);
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.enable_user(bigint) IS
  'lets a disabled user sign in again. Errors: not_found, gone (the account was erased). Example: SELECT porcupine.enable_user(7)';

CREATE FUNCTION porcupine.log_out_everywhere(account bigint) RETURNS integer
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  live integer;
BEGIN
  PERFORM porcupine.lock_account(account);
  live := porcupine.end_sessions(account, 'ended by an administrator');
  PERFORM porcupine.note_act('user.logged_out', account, NULL, jsonb_build_object('sessions', live));
  RETURN live;
END
$$;
COMMENT ON FUNCTION porcupine.log_out_everywhere(bigint) IS
  'ends all sessions of a user, whose sockets and tokens go with them, and says how many there were. Errors: not_found. Example: SELECT porcupine.log_out_everywhere(7)';

CREATE FUNCTION porcupine.log_out_everywhere() RETURNS integer
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.lock_account(porcupine.require_user());
  RETURN porcupine.end_sessions(porcupine.current_user_id(), 'logout everywhere');
END
$$;
COMMENT ON FUNCTION porcupine.log_out_everywhere() IS
  'ends all sessions of the current user, this one too, and says how many there were. Errors: unauthenticated, session_ended. Example: SELECT porcupine.log_out_everywhere()';

CREATE FUNCTION porcupine.audit_log(room bigint DEFAULT NULL, account bigint DEFAULT NULL, since timestamptz DEFAULT NULL,
                                    before bigint DEFAULT NULL, max integer DEFAULT 100) RETURNS SETOF porcupine.audit
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  most integer := greatest(least(max, 1000), 1);
  bounds text := '($2 IS NULL OR a.at >= $2) AND a.id < coalesce($3, 9223372036854775807) ORDER BY a.id DESC LIMIT $4';
BEGIN
  -- A statement for each way of asking, so that each goes by its index from the newest line down.
  IF account IS NOT NULL THEN
    RETURN QUERY EXECUTE
      'SELECT a.* FROM (SELECT s.* FROM (SELECT a.* FROM porcupine.audit a WHERE a.subject_id = $1 AND ($5 IS NULL OR a.room_id = $5) AND ' || bounds || ') s'
      ' UNION SELECT s.* FROM (SELECT a.* FROM porcupine.audit a WHERE a.actor_id = $1 AND ($5 IS NULL OR a.room_id = $5) AND ' || bounds || ') s) a'
      ' ORDER BY a.id DESC LIMIT $4' USING account, since, before, most, room;
  ELSIF room IS NOT NULL THEN
    RETURN QUERY EXECUTE 'SELECT a.* FROM porcupine.audit a WHERE a.room_id = $1 AND ' || bounds USING room, since, before, most;
  ELSE
    RETURN QUERY EXECUTE 'SELECT a.* FROM porcupine.audit a WHERE $1 IS NULL AND ' || bounds USING room, since, before, most;
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.audit_log(bigint, bigint, timestamptz, bigint, integer) IS
  'the newest max (1-1000) lines of the audit log, newest first: of a room, about or by a user, not older than since, with an id below before (the last id of one page, to get the next); null leaves a filter out. Example: SELECT at, action, actor_id, session_role FROM porcupine.audit_log(account => 7)';
