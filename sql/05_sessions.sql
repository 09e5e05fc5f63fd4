-- Sessions: refresh tokens, and what one does with one's own. What the tokens are made of stands in extension/tokens.c.

CREATE FUNCTION porcupine.refresh(refresh_token text, address inet DEFAULT NULL) RETURNS porcupine.session_grant
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  came_at timestamptz := clock_timestamp();
  hash bytea;
  named bigint;
  came_live boolean;
  session porcupine.sessions;
  standing text;
  live_token text;
BEGIN
  IF refresh_token IS NULL OR octet_length(refresh_token) > 128 THEN
    PERFORM porcupine.refuse('invalid', 'a refresh token is needed');
  END IF;
  hash := sha256(convert_to(refresh_token, 'UTF8'));
  named := coalesce(porcupine.refresh_token_session(refresh_token),
                    (SELECT s.id FROM porcupine.sessions s WHERE s.refresh_hash = hash OR s.parent_hash = hash LIMIT 1));
  -- Before one waits for another refresh of the session, which may take as long as the transaction that it is in.
  SELECT s.refresh_hash = hash INTO came_live FROM porcupine.sessions s WHERE s.id = named;
  SELECT s.* INTO session FROM porcupine.sessions s WHERE s.id = named FOR NO KEY UPDATE;
  standing := porcupine.refresh_token_standing(refresh_token, session.family_key, session.refresh_hash, session.parent_hash);
  IF standing IS NULL OR session.ended_at IS NOT NULL OR session.expires_at < clock_timestamp()
     OR EXISTS (SELECT FROM porcupine.users u WHERE u.id = session.user_id AND u.disabled_at IS NOT NULL) THEN
    -- Why is said to whoever shows that a token of the session was theirs.
    PERFORM porcupine.refuse('session_ended', 'the session is over', 'Sign in again.', CASE WHEN standing IS NULL THEN NULL
              WHEN session.ended_at IS NOT NULL THEN session.end_reason WHEN session.expires_at < clock_timestamp() THEN 'expired' ELSE 'disabled' END);
  END IF;
  IF standing = 'live' THEN
    session.family_key := coalesce(session.family_key, porcupine.random_key());
    session.rotation_salt := porcupine.random_key();
    session.rotated_at := clock_timestamp();
    session.parent_hash := hash;
  ELSIF standing = 'parent' AND (came_live OR session.rotated_at > came_at - interval '10 seconds') THEN
    NULL;                                       -- its child once more
  ELSIF came_live THEN                          -- it was live until others refreshed twice
    PERFORM porcupine.refuse('busy', 'this session was refreshed by somebody else at the same time', 'Use the token that they were given.');
  ELSE
    UPDATE porcupine.sessions s SET ended_at = clock_timestamp(), end_reason = 'refresh token used again' WHERE s.id = session.id;
    PERFORM porcupine.ring_session(session.id);
    PERFORM porcupine.note_act('session.reused', session.user_id, NULL, jsonb_strip_nulls(
              jsonb_build_object('session', session.id::text, 'address', host(refresh.address))));
    RETURN NULL;                                -- no error, which would undo this
  END IF;
  live_token := porcupine.refresh_token(session.id, session.family_key, session.rotation_salt, refresh_token);
  UPDATE porcupine.sessions s
     SET last_used_at = clock_timestamp(), expires_at = clock_timestamp() + porcupine.lifetime('refresh'),
         address = coalesce(refresh.address, s.address), refresh_hash = sha256(convert_to(live_token, 'UTF8')),
         rotated_at = session.rotated_at, parent_hash = session.parent_hash, rotation_salt = session.rotation_salt,
         family_key = session.family_key
   WHERE s.id = session.id;
  RETURN porcupine.grant_session(session.user_id, session.id, live_token);
END
$$;
COMMENT ON FUNCTION porcupine.refresh(text, inet) IS
  'fresh tokens for the session of a refresh token, whose life it prolongs; that token is used up. Within ten seconds it gives the same new one once more, for an answer that was lost or a second tab. An earlier one was stolen, or its successor was: the session ends, its sockets close, and the result is null in all columns instead of an error, which would undo that; commit in any case. address is kept for the list of sessions. Errors: invalid, session_ended (the detail is why: the session''s end_reason, expired or disabled), busy (refreshed twice by others meanwhile). Example: SELECT * FROM porcupine.refresh($1)';

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

CREATE FUNCTION porcupine.my_sessions()
  RETURNS TABLE (id bigint, device_id bigint, device_name text, address inet, created_at timestamptz, last_used_at timestamptz, current boolean)
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT s.id, s.device_id, d.name, s.address, s.created_at, s.last_used_at, s.id IS NOT DISTINCT FROM porcupine.current_session_id()
    FROM porcupine.sessions s JOIN porcupine.devices d ON d.id = s.device_id
   WHERE s.user_id = (SELECT porcupine.require_user()) AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()
   ORDER BY 7 DESC, s.last_used_at DESC, s.id DESC
   LIMIT 100
$$;
COMMENT ON FUNCTION porcupine.my_sessions() IS
  'the current user''s sessions that are not over: the current one, then those used last, at most 100. Errors: unauthenticated, session_ended. Example: SELECT * FROM porcupine.my_sessions()';

CREATE FUNCTION porcupine.end_session(session bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
BEGIN
  UPDATE porcupine.sessions s SET ended_at = clock_timestamp(), end_reason = 'ended by the user'
   WHERE s.id = session AND s.user_id = me AND s.ended_at IS NULL;
  IF NOT FOUND THEN
    PERFORM porcupine.refuse('not_found', 'you have no such session', 'Those that are not over are listed by my_sessions().');
  END IF;
  PERFORM porcupine.ring_session(session);
END
$$;
COMMENT ON FUNCTION porcupine.end_session(bigint) IS
  'ends one of one''s own sessions, from another one: its tokens and its sockets die with it. Errors: not_found, unauthenticated, session_ended. Example: SELECT porcupine.end_session($1)';

CREATE FUNCTION porcupine.end_other_sessions() RETURNS integer
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.lock_account(porcupine.require_user());
  RETURN porcupine.end_sessions(porcupine.current_user_id(), 'ended by the user', porcupine.current_session_id());
END
$$;
COMMENT ON FUNCTION porcupine.end_other_sessions() IS
  'ends all sessions of the current user but this one, and says how many were live. Errors: unauthenticated, session_ended. Example: SELECT porcupine.end_other_sessions()';
