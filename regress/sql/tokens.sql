-- What stands beneath the tokens: randomness, refusals, lifetimes, settings, the history of the server.
\set VERBOSITY sqlstate

-- Random tokens: 256 bits in base64url.
SELECT count(DISTINCT t) AS different, min(length(t)) AS shortest, max(length(t)) AS longest, bool_and(t ~ '^[A-Za-z0-9_-]{43}$') AS base64url
  FROM (SELECT porcupine.random_token() AS t FROM generate_series(1, 2000)) tokens;
SELECT bool_and(length(decode(translate(t, '-_', '+/') || '=', 'base64')) = 32) AS all_32_bytes
  FROM (SELECT porcupine.random_token() AS t FROM generate_series(1, 100)) tokens;

-- Room codes: each of 36 characters as likely as another. 1667 of each are expected; 250 away is six standard deviations.
SELECT bool_and(c ~ '^[A-Z0-9]{6}$') AS shape, count(DISTINCT c) > 9990 AS different
  FROM (SELECT porcupine.random_room_code() AS c FROM generate_series(1, 10000)) codes;
SELECT count(*) AS letters, bool_and(n BETWEEN 1417 AND 1917) AS even FROM (
  SELECT letter, count(*) AS n FROM (SELECT porcupine.random_room_code() AS c FROM generate_series(1, 10000)) codes, regexp_split_to_table(c, '') AS letter
   GROUP BY letter) counts;

-- Every condition has its SQLSTATE, and nothing else is one.
CREATE FUNCTION pg_temp.refused(condition text, message text, hint text DEFAULT NULL, detail text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  said_hint text;
  said_detail text;
BEGIN
  PERFORM porcupine.refuse(condition, message, hint, detail);
  RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said_hint = PG_EXCEPTION_HINT, said_detail = PG_EXCEPTION_DETAIL;
  RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(said_detail, ''), nullif(said_hint, ''));
END
$$;
SELECT condition, pg_temp.refused(condition, 'a message') FROM unnest(ARRAY[
  'invalid', 'unauthenticated', 'bad_credentials', 'session_ended', 'not_member', 'role', 'not_found', 'conflict', 'stale_epoch', 'epoch_closed',
  'duplicate_mismatch', 'room_full', 'gone', 'too_large', 'rate_limited', 'busy', 'internal', 'Invalid', '', NULL]) AS condition;
SELECT pg_temp.refused('invalid', NULL);
SELECT pg_temp.refused('invalid', '100 %s %n %d', 'do %s', 'it was %n');
SELECT pg_temp.refused('busy', 'later', 'wait');
SELECT pg_temp.refused('busy', 'later', NULL, 'too many');
SELECT length(pg_temp.refused('invalid', repeat('x', 100000)));

-- Lifetimes follow the settings.
SELECT porcupine.lifetime('access'), porcupine.lifetime('refresh'), porcupine.lifetime(NULL);
SELECT porcupine.lifetime('other');
SELECT porcupine.lifetime('');
BEGIN;
SET LOCAL porcupine.access_lifetime = '45s';
SET LOCAL porcupine.refresh_lifetime = '7d';
SELECT porcupine.lifetime('access'), porcupine.lifetime('refresh');
ROLLBACK;

-- Settings: bounds, and who may change them; settings.sql has the list.
SET porcupine.access_lifetime = 29;
SET porcupine.access_lifetime = 3601;
SET porcupine.refresh_lifetime = 599;
SET porcupine.refresh_lifetime = 31536001;
SET porcupine.password_concurrency = 0;
SET porcupine.password_concurrency = 65;
SET porcupine.issuer = '';
SET porcupine.issuer = 'a"b';
SET porcupine.issuer = 'a\b';
SET porcupine.issuer = E'a\nb';
SET porcupine.issuer = 'ä';
SELECT set_config('porcupine.issuer', repeat('x', 201), false);
SET porcupine.no_such_setting = 1;
SET porcupine.user_id = 1;
CREATE ROLE regress_porcupine_nobody;
SET ROLE regress_porcupine_nobody;
SET porcupine.access_lifetime = 60;
SET porcupine.issuer = 'mine';
SET porcupine.adopt_roles = on;
RESET ROLE;
DROP ROLE regress_porcupine_nobody;

-- The server's history is what the server itself says.
SELECT h.system_identifier = s.system_identifier AS system, h.database = d.oid AS database, h.timeline = c.timeline_id AS timeline
  FROM porcupine.server_history() h, pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database();
