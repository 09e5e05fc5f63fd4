-- Who a transaction acts for: taken by a token or by a trusted backend, gone with the transaction, checked at each call.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
\set VERBOSITY sqlstate
SELECT pg_temp.people(11001, 11002, 11003);
INSERT INTO porcupine.devices (id, user_id, name) VALUES (11011, 11001, 'phone'), (11012, 11002, 'laptop');
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
  SELECT d.id + 10, d.user_id, d.id, now() + interval '1 day', sha256(d.id::text::bytea) FROM porcupine.devices d WHERE d.id IN (11011, 11012);
SELECT porcupine.access_token(11001, 11021, 11011) AS one, porcupine.access_token(11002, 11022, 11012) AS two \gset
CREATE VIEW pg_temp.me AS SELECT porcupine.current_user_id() AS account, porcupine.current_session_id() AS session, porcupine.current_device_id() AS device;

-- Nobody at first.
SELECT * FROM pg_temp.me;
SELECT porcupine.require_user();
SELECT porcupine.require_device();
SELECT porcupine.whoami();

-- By a token, for one transaction.
BEGIN;
SELECT porcupine.authenticate(:'one');
SELECT * FROM pg_temp.me;
SELECT porcupine.require_user(), porcupine.require_device();
COMMIT;
SELECT * FROM pg_temp.me;
SELECT porcupine.authenticate(:'one');
SELECT * FROM pg_temp.me;
BEGIN;
SELECT porcupine.authenticate(:'one');
ROLLBACK;
SELECT * FROM pg_temp.me;
BEGIN;
SELECT porcupine.authenticate(:'one');
SELECT 1 / 0;
COMMIT;
SELECT * FROM pg_temp.me;

-- By the id of a user, or of a session.
SELECT pg_temp.try(NULL, format('SELECT porcupine.act_as(%s)', who)) FROM unnest(ARRAY['11001', '11999', '0', '-1', '9223372036854775807', 'NULL']) AS who;
SELECT pg_temp.try(NULL, format('SELECT porcupine.act_as_session(%s)', which)) FROM unnest(ARRAY['11021', '11999', '0', '-1', 'NULL']) AS which;
BEGIN;
SELECT porcupine.act_as(11001);
SELECT * FROM pg_temp.me;
SELECT porcupine.act_as_session(11022);
SELECT * FROM pg_temp.me;
SELECT porcupine.authenticate(:'one');
SELECT * FROM pg_temp.me;
SELECT porcupine.act_as(11003);
SELECT * FROM pg_temp.me;
COMMIT;

-- The backend's device is made once.
BEGIN;
SELECT porcupine.act_as(11003);
SELECT porcupine.require_device() AS device \gset
SELECT porcupine.require_device() = :device AS same, porcupine.current_device_id() = :device AS current;
COMMIT;
BEGIN;
SELECT porcupine.act_as(11003);
SELECT porcupine.current_device_id() IS NULL AS not_yet;
SELECT porcupine.require_device() = :device AS same;
COMMIT;
SELECT user_id, name, backend, keys FROM porcupine.devices WHERE id = :device;
BEGIN;
SELECT porcupine.act_as(11002);
SAVEPOINT s;
SELECT porcupine.require_device() > 0 AS made;
ROLLBACK TO s;
SELECT porcupine.current_device_id() IS NULL AS forgotten;
SELECT porcupine.require_device() > 0 AS made_again;
SELECT count(*) FROM porcupine.devices WHERE user_id = 11002 AND backend;
ROLLBACK;

-- Savepoints: rolled back, they bring back who was there before; released, they change nothing.
BEGIN;
SAVEPOINT a;
SELECT porcupine.act_as(11001);
ROLLBACK TO a;
SELECT porcupine.current_user_id() AS nobody;
SELECT porcupine.act_as(11001);
SAVEPOINT b;
SAVEPOINT c;
SELECT porcupine.act_as(11002);
SAVEPOINT d;
SELECT porcupine.act_as(11003);
RELEASE d;
SELECT porcupine.current_user_id() AS three;
SELECT porcupine.act_as(11001);
SELECT porcupine.act_as(11002);
RELEASE c;
SELECT porcupine.current_user_id() AS two;
ROLLBACK TO b;
SELECT porcupine.current_user_id() AS one;
SAVEPOINT e;
SAVEPOINT f;
SELECT porcupine.act_as(11003);
ROLLBACK TO f;
SELECT porcupine.current_user_id() AS one;
SELECT porcupine.act_as(11002);
RELEASE e;
SELECT porcupine.current_user_id() AS two;
COMMIT;
SELECT porcupine.current_user_id() AS nobody;
BEGIN;
SELECT porcupine.act_as(11001);
DO $$
BEGIN
  FOR i IN 1..1000 LOOP
    BEGIN
      PERFORM porcupine.act_as(11002);
      BEGIN
        PERFORM porcupine.act_as(11003);
        RAISE division_by_zero;
      EXCEPTION WHEN division_by_zero THEN
        ASSERT porcupine.current_user_id() = 11002;
      END;
      RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
      ASSERT porcupine.current_user_id() = 11001;
    END;
  END LOOP;
END
$$;
SELECT porcupine.current_user_id() AS one;
COMMIT;
DO $$
BEGIN
  PERFORM porcupine.act_as(11001);
  COMMIT;
  ASSERT porcupine.current_user_id() IS NULL;
END
$$;

-- The session is asked at each call, not just at the first.
CREATE FUNCTION pg_temp.ends(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before bigint;
BEGIN
  PERFORM porcupine.act_as_session(11021);
  before := porcupine.require_user();
  EXECUTE change;
  PERFORM porcupine.require_user();
  RETURN 'still good';
EXCEPTION WHEN OTHERS THEN
  RETURN concat_ws(' | ', before, SQLSTATE, SQLERRM);
END
$$;
SELECT pg_temp.ends('UPDATE porcupine.sessions SET expires_at = clock_timestamp() - interval ''1 second'' WHERE id = 11021');
SELECT pg_temp.ends('UPDATE porcupine.sessions SET ended_at = now() WHERE id = 11021');
SELECT pg_temp.ends('UPDATE porcupine.users SET disabled_at = now() WHERE id = 11001');
SELECT pg_temp.ends('DELETE FROM porcupine.sessions WHERE id = 11021');
SELECT pg_temp.ends('DELETE FROM porcupine.users WHERE id = 11001');
SELECT pg_temp.ends('UPDATE porcupine.sessions SET user_id = 11002 WHERE id = 11021');
SELECT pg_temp.ends('UPDATE porcupine.users SET disabled_at = now() WHERE id = 11003');
BEGIN;
UPDATE porcupine.sessions SET ended_at = now() WHERE id = 11021;
SELECT pg_temp.complain(NULL, format('SELECT porcupine.authenticate(%L)', :'one'));
SELECT pg_temp.complain(NULL, 'SELECT porcupine.act_as_session(11021)');
ROLLBACK;
BEGIN;
UPDATE porcupine.users SET disabled_at = now() WHERE id = 11001;
SELECT pg_temp.complain(NULL, format('SELECT porcupine.authenticate(%L)', :'one'));
SELECT pg_temp.complain(NULL, 'SELECT porcupine.act_as(11001)');
ROLLBACK;
BEGIN;
SELECT porcupine.act_as(11001);
UPDATE porcupine.users SET disabled_at = now() WHERE id = 11001;
SELECT porcupine.require_user();
ROLLBACK;

-- A token names user, session and device, and all three must belong together.
SELECT pg_temp.complain(NULL, format('SELECT porcupine.authenticate(porcupine.access_token(%s))', ids))
  FROM unnest(ARRAY['11001, 11021, 11011', '11002, 11021, 11011', '11001, 11022, 11011', '11001, 11021, 11012', '11001, 11999, 11011',
                    '0, 11021, 11011', '-11001, 11021, 11011', 'NULL, 11021, 11011']) AS ids;

-- The issuer that is in force, and keys that are not retired.
SELECT split_part(:'one', '.', 1) = split_part(:'two', '.', 1) AS one_key;
SELECT decode(translate(split_part(:'one', '.', 1), '-_', '+/') || repeat('=', -length(split_part(:'one', '.', 1)) & 3), 'base64') AS header \gset
SELECT (convert_from(:'header', 'UTF8')::jsonb) - 'kid' AS header, (convert_from(:'header', 'UTF8')::jsonb ->> 'kid') = k.kid AS kid
  FROM porcupine.signing_keys k WHERE retired_at IS NULL ORDER BY created_at DESC LIMIT 1;
SELECT decode(translate(split_part(:'one', '.', 2), '-_', '+/') || repeat('=', -length(split_part(:'one', '.', 2)) & 3), 'base64') AS claims \gset
SELECT c - 'iat' - 'exp' AS claims, (c ->> 'exp')::bigint - (c ->> 'iat')::bigint AS life, extract(epoch FROM now()) - (c ->> 'iat')::bigint BETWEEN -1 AND 600 AS iat
  FROM (SELECT convert_from(:'claims', 'UTF8')::jsonb AS c) AS decoded;
BEGIN;
SET LOCAL porcupine.issuer = 'somebody else';
SELECT pg_temp.try(NULL, format('SELECT porcupine.authenticate(%L)', :'one'));
SELECT pg_temp.try(NULL, 'SELECT porcupine.authenticate(porcupine.access_token(11001, 11021, 11011))');
ROLLBACK;
BEGIN;
UPDATE porcupine.signing_keys SET retired_at = now();
SELECT pg_temp.try(NULL, format('SELECT porcupine.authenticate(%L)', :'one'));
SELECT porcupine.jwks();
SELECT pg_temp.try(NULL, 'SELECT porcupine.authenticate(porcupine.access_token(11001, 11021, 11011))');
SELECT pg_temp.try(NULL, format('SELECT porcupine.authenticate(%L)', :'one'));
SELECT count(*) AS live_keys FROM porcupine.signing_keys WHERE retired_at IS NULL;
UPDATE porcupine.signing_keys SET retired_at = NULL;
SELECT pg_temp.try(NULL, format('SELECT porcupine.authenticate(%L)', :'one'));
ROLLBACK;

-- Tokens that are none: one answer for all of them.
SELECT pg_temp.complain(NULL, 'SELECT porcupine.authenticate(NULL)');
SELECT what, pg_temp.try(NULL, format('SELECT porcupine.authenticate(%L)', token)) FROM (VALUES
  ('empty', ''), ('a dot', '.'), ('two dots', '..'), ('three dots', '...'), ('a word', 'token'), ('not base64', '!.!.!'), ('not ASCII', 'é.é.é'),
  ('two parts', split_part(:'one', '.', 1) || '.' || split_part(:'one', '.', 2)),
  ('no signature', split_part(:'one', '.', 1) || '.' || split_part(:'one', '.', 2) || '.'),
  ('four parts', :'one' || '.x'), ('a dot at the end', :'one' || '.'), ('a dot in front', '.' || :'one'),
  ('a space at the end', :'one' || ' '), ('a space in front', ' ' || :'one'), ('a newline', :'one' || E'\n'), ('padding', :'one' || '=='),
  ('longer', :'one' || 'A'), ('shorter', left(:'one', -1)), ('twice', :'one' || :'one'),
  ('another''s claims', split_part(:'one', '.', 1) || '.' || split_part(:'two', '.', 2) || '.' || split_part(:'one', '.', 3)),
  ('another''s signature', split_part(:'one', '.', 1) || '.' || split_part(:'one', '.', 2) || '.' || split_part(:'two', '.', 3)),
  ('alg none', 'eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.' || split_part(:'one', '.', 2) || '.'),
  ('2049 characters', repeat('A', 2049)), ('a megabyte', repeat('A.', 500000))) AS t (what, token);
-- Each character of it matters, in any spelling: a change of one is refused wherever it is.
SELECT count(*) > 250 AS tried, count(*) FILTER (WHERE pg_temp.try(NULL, format('SELECT porcupine.authenticate(%L)', changed)) = 'PC002') = count(*) AS all_refused
  FROM (SELECT overlay(:'one' PLACING CASE substr(:'one', i, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM i FOR 1) AS changed FROM generate_series(1, length(:'one')) i) AS changes;
-- The last character of a signature has four bits to spare; only the spelling in which they are zero is accepted.
SELECT count(*) AS spellings_accepted
  FROM unnest(string_to_array('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=', NULL)) AS last
 WHERE pg_temp.try(NULL, format('SELECT porcupine.authenticate(%L)', left(:'one', -1) || last)) = '11001';

-- No setting is an identity.
SET porcupine.user_id = '11001';
SET porcupine.current_user_id = '11001';
SELECT * FROM pg_temp.me;
