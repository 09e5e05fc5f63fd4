-- Sessions: what refresh tokens are, and what becomes of one that is used again, of another password, of a signing key that follows another.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.why(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  reason text;
BEGIN
  PERFORM porcupine.refresh(token);
  RETURN 'it is not over';
EXCEPTION WHEN SQLSTATE 'PC004' THEN
  GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
  RETURN nullif(reason, '');
END
$$;

SELECT pg_temp.people(1201, 1202, 1203);
INSERT INTO porcupine.devices (id, user_id, name) VALUES (1201, 1201, 'laptop'), (1202, 1202, 'laptop'), (1203, 1203, 'laptop');

-- The parts: a token names its session, and shows by the family's key that it was given out for it.
CREATE TEMP TABLE parts AS SELECT porcupine.random_key() AS key, porcupine.random_key() AS salt;
SELECT length(t) AS length, porcupine.refresh_token_session(t) AS names, t <> porcupine.refresh_token(1201, key) AS random,
       porcupine.refresh_token(1201, key, salt, t) = porcupine.refresh_token(1201, key, salt, t) AS one_child,
       porcupine.refresh_token(1201, key, salt, t) <> porcupine.refresh_token(1201, key, key, t) AS by_its_salt
  FROM parts, porcupine.refresh_token(1201, key) t;
SELECT porcupine.refresh_token_session(input) FROM (VALUES (NULL), (''), ('x'), (repeat('A', 43)), (repeat('A', 74)), (repeat('A', 75)), (repeat('A', 76)),
  (repeat('A', 74) || '='), (repeat('A', 74) || '+'), (repeat('A', 74) || 'B'), (repeat('ü', 75)), (repeat('A', 1000000))) AS t (input);
SELECT porcupine.refresh_token_standing(t, key, sha256(t::bytea), NULL) AS live, porcupine.refresh_token_standing(t, key, 'x', sha256(t::bytea)) AS parent,
       porcupine.refresh_token_standing(t, key, '', NULL) AS older, porcupine.refresh_token_standing(t, salt, '', NULL) AS of_another_family,
       porcupine.refresh_token_standing(overlay(t PLACING CASE right(left(t, 30), 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 30 FOR 1), key, '', NULL) AS made_up,
       porcupine.refresh_token_standing(NULL, key, '', NULL) AS none, porcupine.refresh_token_standing(t, NULL, NULL, NULL) AS nothing_known
  FROM parts, porcupine.refresh_token(1201, key) t;
SELECT pg_temp.try(NULL, 'SELECT porcupine.refresh_token(1, NULL)'), pg_temp.try(NULL, $$SELECT porcupine.refresh_token(1, 'short')$$),
       pg_temp.try(NULL, $$SELECT porcupine.refresh_token(1, porcupine.random_key(), NULL, 'parent')$$);

-- A session of 1.0: its token goes on, and becomes one of now; the old one is then the parent of the new one.
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash, address)
VALUES (1201, 1201, 1201, now() + interval '1 day', sha256('a token of version 1.0'), '192.0.2.1');
SELECT g.refresh_token AS second, g.session_id, g.refresh_expires_in FROM porcupine.refresh('a token of version 1.0', '192.0.2.2') g \gset
SELECT :session_id, :refresh_expires_in, length(:'second');
SELECT (porcupine.refresh('a token of version 1.0')).refresh_token = :'second' AS the_same_again;
SELECT address, rotated_at <= last_used_at AS rotated, family_key IS NOT NULL AS has_a_key, ended_at FROM porcupine.sessions WHERE id = 1201;
-- In one statement, for between two a slow machine may lose the two seconds that are left.
CREATE FUNCTION pg_temp.rotated_ago(ago interval) RETURNS void LANGUAGE sql AS
  'UPDATE porcupine.sessions SET rotated_at = clock_timestamp() - ago WHERE id = 1201';
SELECT (porcupine.refresh('a token of version 1.0')).refresh_token = :'second' AS within_ten_seconds FROM pg_temp.rotated_ago('8 seconds');
SELECT g.refresh_token AS third FROM porcupine.refresh(:'second') g \gset
SELECT (porcupine.refresh(:'second')).refresh_token = :'third' AS the_same_again;

-- What was never given out ends nothing, whatever it looks like.
SELECT pg_temp.try(NULL, format('SELECT porcupine.refresh(%L)', input)) FROM (VALUES (''), ('a token of version 1.0'), (repeat('x', 75)), (repeat('x', 129)),
  (left(:'third', 74) || CASE right(:'third', 1) WHEN 'A' THEN 'Q' ELSE 'A' END), (porcupine.refresh_token(1201, porcupine.random_key()))) AS t (input);
SELECT ended_at FROM porcupine.sessions WHERE id = 1201;

-- A rolled-back refresh leaves the token as it was.
BEGIN;
SELECT (porcupine.refresh(:'third')).session_id;
ROLLBACK;
SELECT g.refresh_token AS fourth FROM porcupine.refresh(:'third') g \gset

-- An older one: nothing is given, and the session is over.
SELECT g IS NULL AS nothing FROM porcupine.refresh(:'second', '203.0.113.9') g;
SELECT ended_at IS NOT NULL AS over, end_reason, address FROM porcupine.sessions WHERE id = 1201;
SELECT action, actor_id, subject_id, detail FROM porcupine.audit WHERE subject_id = 1201;
SELECT pg_temp.try(NULL, format('SELECT porcupine.refresh(%L)', t)) FROM unnest(ARRAY[:'fourth', :'third', :'second']) t;
SELECT count(*) AS once FROM porcupine.audit WHERE subject_id = 1201;
SELECT pg_temp.why(:'fourth') AS the_live_one, pg_temp.why(:'second') AS an_old_one, pg_temp.why(porcupine.refresh_token(1201, porcupine.random_key())) AS made_up;

-- Expired, and of a disabled user: refused, and not taken for a theft.
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
VALUES (1202, 1202, 1202, now() - interval '1 second', sha256('expired')), (1203, 1203, 1203, now() + interval '1 day', sha256('disabled'));
UPDATE porcupine.users SET disabled_at = now() WHERE id = 1203;
SELECT pg_temp.try(NULL, 'SELECT porcupine.refresh(''expired'')') AS expired, pg_temp.try(NULL, 'SELECT porcupine.refresh(''disabled'')') AS disabled;
SELECT pg_temp.why('expired') AS expired, pg_temp.why('disabled') AS disabled;
SELECT count(*) AS alarms FROM porcupine.audit WHERE subject_id IN (1202, 1203);
UPDATE porcupine.users SET disabled_at = NULL WHERE id = 1203;

-- The others end; with no session of one's own all are others.
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash, created_at)
SELECT i, 1202, 1202, now() + interval '1 day', sha256(i::text::bytea), now() - interval '1 hour' FROM generate_series(1210, 1213) i;
BEGIN;
SELECT porcupine.act_as_session(1210);
SELECT porcupine.end_other_sessions();
SELECT (porcupine.whoami()).id AS still_here;
COMMIT;
SELECT id, end_reason FROM porcupine.sessions WHERE user_id = 1202 ORDER BY id;
SELECT pg_temp.try(NULL, 'SELECT porcupine.end_other_sessions()') AS nobody;

-- Passwords. Without one, only whoever has just signed in gets one.
SELECT input, pg_temp.by_session(1210, format('SELECT porcupine.change_password(%s)', input)) FROM (VALUES
  ('NULL, NULL'), ('NULL, ''short-7'''), ('NULL, repeat(''p'', 257)'), ('NULL, ''long enough'''), ('repeat(''p'', 257), ''long enough'''),
  ('repeat(''p'', 1000000), ''long enough''')) AS t (input);
SELECT pg_temp.by_session(1210, 'SELECT porcupine.erase_me(NULL)') AS neither_erased;
UPDATE porcupine.sessions SET created_at = now() WHERE id = 1210;
SELECT pg_temp.by_session(1210, $$SELECT porcupine.change_password(NULL, 'first password')$$) AS first_one;
SELECT pg_temp.by_session(1210, $$SELECT porcupine.change_password(NULL, 'second password')$$) AS then_it_is_needed;
SELECT session_id AS elsewhere FROM porcupine.login('user-1202', 'first password') \gset
SELECT pg_temp.by_session(1210, $$SELECT porcupine.change_password('first password', 'second password')$$) AS one_ended;
SELECT end_reason FROM porcupine.sessions WHERE id = :elsewhere;
SELECT pg_temp.try(NULL, $$SELECT porcupine.login('user-1202', 'first password')$$) AS old_password;
SELECT session_id AS elsewhere FROM porcupine.login('user-1202', 'second password') \gset
SELECT pg_temp.try(NULL, $$SELECT porcupine.set_password(1202, 'third password')$$) AS both_ended;
SELECT pg_temp.by_session(1210, 'SELECT porcupine.whoami()') AS over;
SELECT pg_temp.try(NULL, $$SELECT (porcupine.login('user-1202', 'third password')).user_id$$) AS new_password;
SELECT pg_temp.try(NULL, $$SELECT porcupine.set_password(-1, 'long enough')$$) AS nobody_there, pg_temp.try(NULL, $$SELECT porcupine.set_password(1202, 'short')$$) AS short;
SELECT action, count(*) FROM porcupine.audit WHERE subject_id = 1202 GROUP BY 1 ORDER BY 1;

-- The profile: null leaves a thing as it is, an empty address takes it away, a taken one is refused.
SELECT input, pg_temp.try(1202, format('SELECT (p.display_name, p.email) FROM porcupine.change_profile(%s) p', input)) FROM (VALUES
  ('''  Ben  '''), ('email => ''ben@example.net'''), (''), ('email => '''''), ('email => ''nobody'''), (''''''), ('''   '''), ('repeat(''n'', 65)'),
  ('email => repeat(''e'', 250) || ''@x.nl''')) AS t (input);
-- Another name is told in each room, to whoever waits there to be let in, too; which one is not in the log.
SELECT pg_temp.room(1201, false, 1203, 1202), pg_temp.room(1202, false, 1203, 1202), pg_temp.room(1203, false, 1203);
UPDATE porcupine.members SET role = 'pending' WHERE room_id = 1202 AND user_id = 1202;
SELECT input, pg_temp.try(1202, format('SELECT (porcupine.change_profile(%s)).display_name', input)) FROM (VALUES
  ('''Benno'''), ('''Benno'''), (''' Benno '''), ('email => ''ben@example.org''')) AS t (input);
SELECT room_id, seq, sender_id, convert_from(body, 'UTF8') FROM porcupine.events WHERE kind = 'member.renamed' ORDER BY 1, 2;
SELECT pg_temp.try(1203, 'SELECT (porcupine.change_profile(email => ''Cleo@example.net'')).email') AS hers;
SELECT pg_temp.complain(1202, 'SELECT porcupine.change_profile(email => ''CLEO@example.net'')') AS taken;
SELECT pg_temp.try(NULL, 'SELECT porcupine.change_profile(''x'')') AS nobody;

-- The end of an account.
SELECT session_id AS last FROM porcupine.login('user-1202', 'third password') \gset
SELECT pg_temp.by_session(:last, 'SELECT porcupine.erase_me(''guessed'')') AS guessed, pg_temp.by_session(:last, 'SELECT porcupine.erase_me(NULL)') AS none;
SELECT pg_temp.by_session(:last, 'SELECT porcupine.erase_me(''third password'')') AS erased;
SELECT username, erased_at IS NOT NULL AS erased FROM porcupine.users WHERE id = 1202;
SELECT pg_temp.try(NULL, $$SELECT porcupine.set_password(1202, 'long enough')$$) AS stays_erased;

-- Signing keys. In a transaction that comes to nothing, for others' tokens hang on them.
BEGIN;
DELETE FROM porcupine.signing_keys;
CREATE FUNCTION pg_temp.signs() RETURNS text LANGUAGE sql AS $$
  SELECT convert_from(decode(translate(split_part(t, '.', 1), '-_', '+/') || repeat('=', -length(split_part(t, '.', 1)) & 3), 'base64'), 'UTF8')::json ->> 'kid'
    FROM porcupine.access_token(1203, 1203, 1203) t
$$;
CREATE FUNCTION pg_temp.state() RETURNS TABLE (nr bigint, published boolean, signs boolean, goes text) LANGUAGE plpgsql AS $$
DECLARE
  signer text := pg_temp.signs();
BEGIN
  RETURN QUERY SELECT row_number() OVER (ORDER BY k.created_at), porcupine.jwks()::text LIKE '%' || k.kid || '%', k.kid = signer,
                      CASE WHEN k.retired_at < now() THEN 'gone' WHEN k.retired_at > now() + interval '69 minutes' THEN 'in 70 minutes' WHEN k.retired_at > now() THEN 'later' END
                 FROM porcupine.signing_keys k ORDER BY k.created_at;
END
$$;
SELECT porcupine.access_token(1203, 1203, 1203) AS token \gset
SELECT * FROM pg_temp.state();
SELECT signs_from - clock_timestamp() BETWEEN interval '9 minutes' AND interval '10 minutes' AS in_ten_minutes FROM porcupine.rotate_signing_key();
SELECT * FROM pg_temp.state();
SELECT pg_temp.try(NULL, 'SELECT porcupine.rotate_signing_key()') AS one_at_a_time;
UPDATE porcupine.signing_keys SET signs_from = signs_from - interval '10 minutes', retired_at = retired_at - interval '10 minutes';
SELECT * FROM pg_temp.state();
SELECT porcupine.authenticate(:'token') AS of_the_old_key;
UPDATE porcupine.signing_keys SET retired_at = clock_timestamp() - interval '1 second' WHERE retired_at IS NOT NULL;
SELECT * FROM pg_temp.state();
SELECT pg_temp.try(NULL, format('SELECT porcupine.authenticate(%L)', :'token')) AS when_it_is_gone;
SELECT porcupine.maintain_signing_keys();
SELECT * FROM pg_temp.state();
-- Maintenance makes the next one when it is time.
SET LOCAL porcupine.key_rotation = '1h';
SELECT porcupine.maintain_signing_keys();
SELECT count(*) AS not_yet FROM porcupine.signing_keys;
UPDATE porcupine.signing_keys SET created_at = created_at - interval '61 minutes', signs_from = signs_from - interval '61 minutes';
SELECT porcupine.maintain_signing_keys();
SELECT porcupine.maintain_signing_keys();
SELECT * FROM pg_temp.state();
SET LOCAL porcupine.key_rotation = 0;
UPDATE porcupine.signing_keys SET created_at = created_at - interval '1 year', signs_from = signs_from - interval '1 year';
SELECT porcupine.maintain_signing_keys();
SELECT count(*) AS never_by_itself FROM porcupine.signing_keys;
-- One that others may know.
SELECT signs_from <= clock_timestamp() AS at_once FROM porcupine.rotate_signing_key(at_once => true);
SELECT * FROM pg_temp.state();
SELECT detail ->> 'at_once' AS at_once FROM porcupine.audit WHERE action = 'signing_key.rotated' ORDER BY id;
ROLLBACK;
