-- Who is calling. The identity lives in the backend's memory until the transaction ends: no setting can forge it, and a
-- pooled connection cannot leak it into somebody else's transaction.

CREATE FUNCTION porcupine.authenticate(token text) RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_authenticate';
COMMENT ON FUNCTION porcupine.authenticate(text) IS
  'makes the rest of this transaction act for the user of an access token (JWT) and returns the user''s id. Errors: unauthenticated, session_ended. Example: BEGIN; SELECT porcupine.authenticate(''eyJ...''); SELECT * FROM porcupine.my_rooms(); COMMIT';

CREATE FUNCTION porcupine.act_as(account bigint) RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_act_as';
COMMENT ON FUNCTION porcupine.act_as(bigint) IS
  'makes the rest of this transaction act for a user, for trusted backends. Errors: not_found. Example: SELECT porcupine.act_as(7)';

CREATE FUNCTION porcupine.find_user(username text) RETURNS bigint
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT u.id FROM porcupine.users u WHERE lower(u.username COLLATE "C") = lower(find_user.username COLLATE "C") $$;
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

