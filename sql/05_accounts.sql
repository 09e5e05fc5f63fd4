-- Accounts, how one signs in to them, and devices.

CREATE TYPE porcupine.session_grant AS (
  user_id bigint, username text, display_name text, session_id bigint, device_id bigint,
  access_token text, refresh_token text, expires_in integer, refresh_expires_in integer);
COMMENT ON TYPE porcupine.session_grant IS
  'what a sign-in gives; expires_in is the access token''s life in seconds, refresh_expires_in the refresh token''s';

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

CREATE FUNCTION porcupine.check_email(email text) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF email IS NULL THEN
    RETURN;
  END IF;
  PERFORM porcupine.check_text('email', email, 3, 254);
  IF email !~ '^[^@[:space:]]+@[^@[:space:]]+$' THEN
    PERFORM porcupine.refuse('invalid', 'this is no email address');
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.check_email(text) IS 'refuses what cannot be an email address; null is none';

CREATE FUNCTION porcupine.grant_session(account bigint, session bigint, refresh_token text) RETURNS porcupine.session_grant
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT u.id, u.username, u.display_name, s.id, s.device_id, porcupine.access_token(u.id, s.id, s.device_id), refresh_token,
         extract(epoch FROM porcupine.lifetime('access'))::integer, extract(epoch FROM porcupine.lifetime('refresh'))::integer
    FROM porcupine.users u, porcupine.sessions s WHERE u.id = account AND s.id = session
$$;
COMMENT ON FUNCTION porcupine.grant_session(bigint, bigint, text) IS 'the tokens of a session, with a fresh access token';

CREATE FUNCTION porcupine.open_session(account bigint, device bigint, device_name text, address inet) RETURNS porcupine.session_grant
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  session bigint := nextval('porcupine.sessions_id_seq');
  family_key bytea := porcupine.random_key();
  refresh_token text := porcupine.refresh_token(session, family_key);
  most_sessions bigint := porcupine.setting('max_sessions');
  most_devices bigint := porcupine.setting('max_devices');
BEGIN
  -- Whoever signs in at the same time counts, and who was disabled meanwhile does not come in.
  IF (porcupine.lock_account(account)).disabled_at IS NOT NULL THEN
    PERFORM porcupine.refuse('bad_credentials', 'this account cannot sign in');
  ELSIF (SELECT count(*) >= most_sessions FROM porcupine.sessions s
       WHERE s.user_id = account AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()) THEN
    PERFORM porcupine.refuse('quota', 'this account has too many sessions', 'Sign out of some of them.', format('at most %s', most_sessions));
  ELSIF device IS NULL AND (SELECT count(*) >= most_devices FROM porcupine.devices d
                             WHERE d.user_id = account AND d.revoked_at IS NULL AND NOT d.backend) THEN
    PERFORM porcupine.refuse('quota', 'this account has too many devices', 'Sign in as one of them.', format('at most %s', most_devices));
  END IF;
  PERFORM porcupine.count_one_more(account);    -- and whoever ends all sessions with an older snapshot, which lacks this one, fails
  IF device IS NULL THEN
    PERFORM porcupine.check_text('device_name', coalesce(device_name, 'unnamed'), 1, 100);
    INSERT INTO porcupine.devices AS d (user_id, name) VALUES (account, coalesce(device_name, 'unnamed')) RETURNING d.id INTO device;
  ELSIF NOT EXISTS (SELECT FROM porcupine.devices d
                     WHERE d.id = device AND d.user_id = account AND d.revoked_at IS NULL AND NOT d.backend) THEN
    PERFORM porcupine.refuse('not_found', 'this account has no such device', 'Sign in without a device to get a new one.');
  END IF;
  INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash, address, family_key)
  VALUES (session, account, device, clock_timestamp() + porcupine.lifetime('refresh'), sha256(convert_to(refresh_token, 'UTF8')),
          open_session.address, family_key);
  RETURN porcupine.grant_session(account, session, refresh_token);
END
$$;
COMMENT ON FUNCTION porcupine.open_session(bigint, bigint, text, inet) IS 'begins a session on an earlier device of the account or a new one, unless the account has too many of either';

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
  PERFORM porcupine.check_email(email);
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

CREATE FUNCTION porcupine.lock_password(account bigint, hash text) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  actual text;
BEGIN
  PERFORM porcupine.lock_account(account);
  SELECT c.hash INTO actual FROM porcupine.credentials c WHERE c.user_id = account FOR SHARE;
  IF actual IS DISTINCT FROM lock_password.hash THEN
    PERFORM porcupine.refuse('bad_credentials', 'the password was changed just now');
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.lock_password(bigint, text) IS
  'locks an account whose password has fitted this hash (null: it has none), which takes time: what the password was changed to meanwhile counts. Errors: bad_credentials';

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
   WHERE lower(u.username COLLATE "C") = lower(login.username COLLATE "C") OR lower(u.email COLLATE "C") = lower(login.username COLLATE "C");
  IF porcupine.verify_password(found.hash, password) IS NOT TRUE OR found.disabled_at IS NOT NULL THEN
    PERFORM porcupine.refuse('bad_credentials', 'wrong username or password');
  END IF;
  PERFORM porcupine.lock_password(found.id, found.hash);
  RETURN porcupine.open_session(found.id, device, device_name, address);
END
$$;
COMMENT ON FUNCTION porcupine.login(text, text, bigint, text, inet) IS
  'signs in by username or email; device is an earlier device of the account to go on as. An unknown user costs and reads the same as a wrong password. Errors: invalid, too_large, bad_credentials, not_found (device), quota (porcupine.max_sessions, porcupine.max_devices)';

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

CREATE FUNCTION porcupine.change_profile(display_name text DEFAULT NULL, email text DEFAULT NULL) RETURNS porcupine.account
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  before porcupine.users;
  room bigint;
BEGIN
  PERFORM porcupine.check_text('display_name', coalesce(btrim(display_name), 'as it is'), 1, 64);
  PERFORM porcupine.check_email(nullif(email, ''));
  before := porcupine.lock_account(me);
  BEGIN
    UPDATE porcupine.users u
       SET display_name = coalesce(btrim(change_profile.display_name), u.display_name),
           email = CASE WHEN change_profile.email IS NULL THEN u.email ELSE nullif(change_profile.email, '') END
     WHERE u.id = me;
  EXCEPTION WHEN unique_violation THEN
    PERFORM porcupine.refuse('conflict', 'this email is taken', 'Choose another.');
  END;
  IF change_profile.email IS NOT NULL AND nullif(change_profile.email, '') IS DISTINCT FROM before.email THEN
    PERFORM porcupine.note_act('user.email_changed', me);
  END IF;
  -- Whoever shares a room is told that there is another name, not which: a log keeps what it is told.
  IF btrim(change_profile.display_name) IS DISTINCT FROM before.display_name AND change_profile.display_name IS NOT NULL THEN
    FOR room IN SELECT m.room_id FROM porcupine.members m WHERE m.user_id = me ORDER BY 1 LOOP
      PERFORM porcupine.append_server_event(room, 'member.renamed', jsonb_build_object('user', me::text));
    END LOOP;
  END IF;
  RETURN porcupine.whoami();
END
$$;
COMMENT ON FUNCTION porcupine.change_profile(text, text) IS
  'changes the current user''s display_name (1-64 characters) or email; null leaves a thing as it is, an empty email takes it away. Another name is an event member.renamed in each of their rooms. Errors: invalid, too_large, conflict (the email is somebody else''s), unauthenticated, session_ended. Example: SELECT display_name, email FROM porcupine.change_profile(display_name => ''Ada L.'')';

CREATE FUNCTION porcupine.confirm_password(password text) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  hash text := (SELECT c.hash FROM porcupine.credentials c WHERE c.user_id = me);
BEGIN
  IF octet_length(password) > 1024 OR length(password) > 256 THEN
    PERFORM porcupine.refuse('too_large', 'a password has at most 256 characters');
  ELSIF hash IS NOT NULL AND porcupine.verify_password(hash, password) IS NOT TRUE THEN
    PERFORM porcupine.refuse('bad_credentials', 'wrong password');
  ELSIF hash IS NULL AND NOT EXISTS (SELECT FROM porcupine.sessions s
                                      WHERE s.id = porcupine.current_session_id() AND s.created_at > clock_timestamp() - interval '10 minutes') THEN
    PERFORM porcupine.refuse('bad_credentials', 'this account has no password, and this sign-in is too old to do without', 'Sign in again first.');
  END IF;
  PERFORM porcupine.lock_password(me, hash);
  PERFORM porcupine.require_user();             -- whose session may be over by now
END
$$;
COMMENT ON FUNCTION porcupine.confirm_password(text) IS
  'makes sure that it is the account''s owner who asks, and locks the account: the password fits, or there is none and the session began less than ten minutes ago. Errors: too_large, bad_credentials, unauthenticated, session_ended';

CREATE FUNCTION porcupine.store_password(account bigint, hash text) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  INSERT INTO porcupine.credentials AS c (user_id, hash) VALUES (account, store_password.hash)
  ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = clock_timestamp()
$$;
COMMENT ON FUNCTION porcupine.store_password(bigint, text) IS 'what an account''s password is from now on, by its hash';

CREATE FUNCTION porcupine.change_password(old_password text, new_password text) RETURNS integer
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  new_hash text;
BEGIN
  PERFORM porcupine.check_text('new_password', new_password, 8, 256);
  new_hash := porcupine.hash_password(new_password);   -- before the account is locked, for it takes long
  PERFORM porcupine.confirm_password(old_password);
  PERFORM porcupine.store_password(me, new_hash);
  PERFORM porcupine.note_act('user.password_changed', me);
  RETURN porcupine.end_sessions(me, 'password changed', porcupine.current_session_id());
END
$$;
COMMENT ON FUNCTION porcupine.change_password(text, text) IS
  'gives the current user another password (8-256 characters) and ends all their sessions but this one, in one commit; says how many were live. An account without a password gets its first one with old_password null, if the session began less than ten minutes ago. Errors: invalid, too_large, bad_credentials, unauthenticated, session_ended. Example: SELECT porcupine.change_password($1, $2)';

CREATE FUNCTION porcupine.set_password(account bigint, password text) RETURNS integer
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  hash text;
BEGIN
  PERFORM porcupine.check_text('password', password, 8, 256);
  hash := porcupine.hash_password(password);
  IF (porcupine.lock_account(account)).erased_at IS NOT NULL THEN
    PERFORM porcupine.refuse('gone', 'this account was erased', 'What was erased does not come back; make a new account.');
  END IF;
  PERFORM porcupine.store_password(account, hash);
  PERFORM porcupine.note_act('user.password_set', account);
  RETURN porcupine.end_sessions(account, 'password set by an administrator');
END
$$;
COMMENT ON FUNCTION porcupine.set_password(bigint, text) IS
  'gives a user another password (8-256 characters), for administrators, ends all their sessions, and says how many were live. Send it as a parameter, for logs keep what is written into a statement. Errors: invalid, too_large, not_found, gone (the account was erased). Example: SELECT porcupine.set_password(7, $1)';

CREATE FUNCTION porcupine.erase_me(password text) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.confirm_password(password);
  PERFORM porcupine.erase_user(porcupine.current_user_id());
END
$$;
COMMENT ON FUNCTION porcupine.erase_me(text) IS
  'erases the current user as erase_user() does, at once and for good; the password once more, or null where the account has none and the session began less than ten minutes ago. Errors: too_large, bad_credentials, unauthenticated, session_ended. Example: SELECT porcupine.erase_me($1)';

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

