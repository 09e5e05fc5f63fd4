-- Accounts, sessions and devices: what they accept, what they refuse, and that nothing secret is kept. Hashing is slow on
-- purpose, so few passwords are hashed here; passwords.sql looks at the hashing itself.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SET client_min_messages = warning;

-- register: refusals cost no hash.
SELECT input, pg_temp.try(NULL, format('SELECT porcupine.register(%s)', input)) FROM (VALUES
  ('NULL, NULL'),
  ('NULL, ''password-1'''),
  ('''ab'', ''password-1'''),
  ('repeat(''a'', 33), ''password-1'''),
  ('''with space'', ''password-1'''),
  ('''at@sign'', ''password-1'''),
  ('E''line\nbreak'', ''password-1'''),
  ('''ünïcode'', ''password-1'''),
  ('''acc-x'', NULL'),
  ('''acc-x'', ''short-7'''),
  ('''acc-x'', repeat(''p'', 257)'),
  ('''acc-x'', repeat(''p'', 10000000)'),
  ('''acc-x'', ''password-1'', display_name => '''''),
  ('''acc-x'', ''password-1'', display_name => repeat(''d'', 65)'),
  ('''acc-x'', ''password-1'', email => ''x'''),
  ('''acc-x'', ''password-1'', email => ''no-at-sign'''),
  ('''acc-x'', ''password-1'', email => ''two@at@signs'''),
  ('''acc-x'', ''password-1'', email => ''a b@example.net'''),
  ('''acc-x'', ''password-1'', email => repeat(''e'', 250) || ''@x.nl''')) AS t (input);

-- A taken name or address is a conflict in any case of letters; a device name too long undoes the account.
SELECT pg_temp.try(NULL, $$SELECT (porcupine.register('acc-Ada', 'correct horse', 'Ada', 'Ada@example.net', 'laptop', '192.0.2.7')).username$$);
SELECT pg_temp.complain(NULL, $$SELECT porcupine.register('ACC-ADA', 'correct horse')$$);
SELECT pg_temp.try(NULL, $$SELECT porcupine.register('acc-other', 'correct horse', email => 'ADA@EXAMPLE.NET')$$);
-- Letters beyond ASCII have no case here: some fold to one of ASCII, by which a name would have more spellings than the bridge counts.
SELECT pg_temp.try(NULL, $$SELECT (porcupine.register('acc-kimi', 'correct horse', email => 'kimi@example.net')).username$$);
SELECT i, porcupine.find_user(n) IS NOT NULL AS found, pg_temp.try(NULL, format($$SELECT (porcupine.login(%L, 'correct horse')).username$$, n)) AS login
  FROM unnest(ARRAY['ACC-KIMI', 'KIMI@Example.net', E'acc-\u212aimi', E'acc-k\u0130mi', E'\u212aimi@example.net']) WITH ORDINALITY AS t (n, i);
SELECT pg_temp.try(NULL, $$SELECT porcupine.register('acc-long', 'correct horse', device_name => repeat('d', 101))$$);
SELECT username, display_name, email FROM porcupine.users WHERE username LIKE 'acc-%';
SELECT d.name, d.backend, d.keys, s.address, s.ended_at, s.expires_at - s.created_at > '1 day' AS lives_long, length(s.refresh_hash) AS hash_bytes
  FROM porcupine.users u JOIN porcupine.sessions s ON s.user_id = u.id JOIN porcupine.devices d ON d.id = s.device_id WHERE u.username = 'acc-Ada';

-- login: a name and an address both serve; nobody learns which part was wrong.
SELECT pg_temp.complain(NULL, $$SELECT porcupine.login('acc-ada', 'wrong horse')$$);
SELECT pg_temp.complain(NULL, $$SELECT porcupine.login('acc-nobody', 'wrong horse')$$);
SELECT input, pg_temp.try(NULL, format('SELECT porcupine.login(%s)', input)) FROM (VALUES
  ('NULL, NULL'), ('''acc-ada'', NULL'), ('NULL, ''correct horse'''), ('repeat(''u'', 255), ''x'''), ('''acc-ada'', repeat(''p'', 257)')) AS t (input);
SELECT g.username, g.display_name, g.expires_in, length(g.refresh_token) AS refresh_length, g.access_token LIKE '%.%.%' AS is_jwt,
       g.user_id, g.session_id, g.device_id, g.refresh_token
  FROM porcupine.login('ADA@example.NET', 'correct horse') g \gset ada_
SELECT :'ada_username', :'ada_display_name', :'ada_expires_in', :'ada_refresh_length', :'ada_is_jwt';
SELECT pg_temp.try(NULL, format($$SELECT (porcupine.login('acc-ada', 'correct horse', %s)).device_id = %1$s$$, :ada_device_id)) AS earlier_device;
SELECT pg_temp.try(NULL, $$SELECT porcupine.login('acc-ada', 'correct horse', -1)$$) AS no_such_device;
SELECT pg_temp.people(1001);
INSERT INTO porcupine.devices (id, user_id, name) VALUES (1001, 1001, 'theirs');
SELECT pg_temp.try(NULL, $$SELECT porcupine.login('acc-ada', 'correct horse', 1001)$$) AS device_of_somebody_else;
SELECT pg_temp.try(NULL, $$SELECT porcupine.login('user-1001', 'correct horse')$$) AS without_password;
UPDATE porcupine.users SET disabled_at = now() WHERE username = 'acc-Ada';
SELECT pg_temp.try(NULL, $$SELECT porcupine.login('acc-ada', 'correct horse')$$) AS disabled;
SELECT pg_temp.try(NULL, format($$SELECT porcupine.refresh(%L)$$, :'ada_refresh_token')) AS disabled;
SELECT pg_temp.try(:ada_user_id, 'SELECT porcupine.whoami()') AS disabled;
UPDATE porcupine.users SET disabled_at = NULL WHERE username = 'acc-Ada';

-- No secret is kept: neither password nor tokens are found in any row.
SELECT count(*) FROM porcupine.credentials c WHERE c.user_id = :ada_user_id AND c.hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%';
SELECT count(*) FROM porcupine.sessions s WHERE s::text LIKE '%' || :'ada_refresh_token' || '%';
SELECT s.refresh_hash = sha256(convert_to(:'ada_refresh_token', 'UTF8')) AS hash_only FROM porcupine.sessions s WHERE s.id = :ada_session_id;

-- refresh
SELECT input, pg_temp.try(NULL, format('SELECT porcupine.refresh(%s)', input)) FROM (VALUES
  ('NULL'), (''''''), ('''unknown'''), ('repeat(''r'', 129)')) AS t (input);
SELECT pg_temp.try(NULL, format($$SELECT (porcupine.refresh(%L)).session_id = %s$$, :'ada_refresh_token', :ada_session_id)) AS same_session;
UPDATE porcupine.sessions SET expires_at = now() - interval '1 second' WHERE id = :ada_session_id;
SELECT pg_temp.try(NULL, format($$SELECT porcupine.refresh(%L)$$, :'ada_refresh_token')) AS expired;
SELECT porcupine.ended_sessions(ARRAY[:ada_session_id, -7]) = :ada_session_id AS over_first;
UPDATE porcupine.sessions SET expires_at = now() + interval '1 hour' WHERE id = :ada_session_id;
SELECT porcupine.ended_sessions(ARRAY[:ada_session_id, -7, NULL]);

-- logout ends exactly its own session, at once; the name of the session is of no use afterwards.
BEGIN;
SELECT porcupine.act_as_session(:ada_session_id) = :ada_user_id AS acting;
SELECT username, display_name, email, device_id = :ada_device_id AS device FROM porcupine.whoami();
SELECT porcupine.logout();
SAVEPOINT after_logout;
\set VERBOSITY sqlstate
SELECT porcupine.whoami();
ROLLBACK TO after_logout;
COMMIT;
SELECT end_reason, ended_at IS NOT NULL AS ended FROM porcupine.sessions WHERE id = :ada_session_id;
SELECT count(*) AS others_alive FROM porcupine.sessions WHERE user_id = :ada_user_id AND ended_at IS NULL;
SELECT porcupine.act_as_session(:ada_session_id);
SELECT porcupine.refresh(:'ada_refresh_token');
SELECT porcupine.ended_sessions(ARRAY[:ada_session_id]) = :ada_session_id AS swept;
SELECT input, pg_temp.try(NULL, input) FROM (VALUES
  ('SELECT porcupine.act_as_session(NULL)'), ('SELECT porcupine.act_as_session(-1)'), ('SELECT porcupine.act_as(NULL)'), ('SELECT porcupine.act_as(-1)'),
  ('SELECT porcupine.logout()'), ('SELECT porcupine.whoami()')) AS t (input);
SELECT pg_temp.try(1001, 'SELECT porcupine.logout()') AS acting_without_session;

-- find_user
SELECT porcupine.find_user('USER-1001'), porcupine.find_user('user-nobody'), porcupine.find_user(NULL);

-- Devices and their lists.
SELECT pg_temp.people(1002, 1003);
INSERT INTO porcupine.devices (id, user_id, name) VALUES (1002, 1002, 'phone'), (1003, 1003, 'phone'), (1004, 1002, 'tablet');
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
SELECT d.id, d.user_id, d.id, now() + interval '1 hour', sha256(d.id::text::bytea) FROM porcupine.devices d WHERE d.id IN (1002, 1003, 1004);
SELECT input, pg_temp.try(1002, format('SELECT porcupine.publish_device(%s)', input)) FROM (VALUES
  ('NULL, NULL, NULL, NULL'),
  ($$'k', 'i', NULL, 'l'$$),
  ($$'', 'i', 1, 'l'$$),
  ($$'k', '', 1, 'l'$$),
  ($$'k', 'i', 1, ''$$),
  ($$decode(repeat('00', 4097), 'hex'), 'i', 1, 'l'$$),
  ($$'k', decode(repeat('00', 257), 'hex'), 1, 'l'$$),
  ($$'k', 'i', 1, decode(repeat('00', 65537), 'hex')$$),
  ($$'k', 'i', 0, 'l'$$),
  ($$'k', 'i', -1, 'l'$$),
  ($$'k', 'i', 2, 'l'$$),
  ($$'k', 'i', 2147483647, 'l'$$)) AS t (input);
SELECT pg_temp.try(NULL, $$SELECT porcupine.publish_device('k', 'i', 1, 'l')$$) AS nobody;
CREATE FUNCTION pg_temp.publish(session bigint, keys bytea, identity bytea, version integer, list bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM porcupine.act_as_session(session);
  RETURN porcupine.publish_device(keys, identity, version, list)::text;
EXCEPTION WHEN OTHERS THEN
  RETURN concat_ws(' | ', SQLSTATE, SQLERRM);
END
$$;
SELECT pg_temp.publish(1002, 'keys 2', 'identity', 1, 'list 1') AS first;
SELECT pg_temp.publish(1002, 'keys 2', 'identity', 1, 'list 1') AS repeated;
SELECT pg_temp.publish(1002, 'keys 2', 'identity', 1, 'list x') AS another_list;
SELECT pg_temp.publish(1002, 'keys x', 'identity', 2, 'list 2') AS other_keys;
SELECT pg_temp.publish(1004, 'keys 4', 'identitx', 2, 'list 2') AS other_identity;
SELECT pg_temp.publish(1004, 'keys 4', 'identity', 3, 'list 3') AS skipping;
SELECT pg_temp.publish(1004, 'keys 4', 'identity', 2, 'list 2') AS second;
SELECT pg_temp.publish(1002, 'keys 2', 'identity', 3, 'list 3') AS first_device_again;

-- Who may read whose: oneself and whoever shares a room, waiting or not.
SELECT pg_temp.try(1002, 'SELECT d FROM porcupine.user_devices(1002) d') AS own;
SELECT pg_temp.try(1002, 'SELECT d FROM porcupine.user_devices(1002, 1) d') AS earlier;
SELECT pg_temp.try(1002, 'SELECT d FROM porcupine.user_devices(1002, 4) d') AS no_such_version;
SELECT pg_temp.try(1003, 'SELECT d FROM porcupine.user_devices(1003) d') AS before_the_first;
SELECT pg_temp.try(1003, 'SELECT d FROM porcupine.user_devices(1002) d') AS stranger;
SELECT pg_temp.try(1003, 'SELECT d FROM porcupine.user_devices(-5) d') AS nobody_there;
SELECT pg_temp.try(1003, 'SELECT d FROM porcupine.user_devices(NULL) d') AS null;
SELECT pg_temp.try(NULL, 'SELECT d FROM porcupine.user_devices(1002) d') AS by_nobody;
SELECT pg_temp.room(1001, true, 1002);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (1001, 1003, 'pending');
SELECT pg_temp.try(1003, 'SELECT d.username FROM porcupine.user_devices(1002) d') AS sharing_a_room;
UPDATE porcupine.devices SET revoked_at = now() WHERE id = 1002;
SELECT pg_temp.try(1003, 'SELECT d.devices FROM porcupine.user_devices(1002) d') AS without_the_revoked;

-- One's sessions: the current one first, then those used last; neither the expired nor the ended, nor anybody else's.
UPDATE porcupine.sessions SET last_used_at = now() - interval '1 hour' WHERE id = 1002;
UPDATE porcupine.sessions SET address = '192.0.2.9' WHERE id = 1004;
INSERT INTO porcupine.sessions (id, user_id, device_id, last_used_at, expires_at, ended_at, refresh_hash)
SELECT v.id, 1002, 1004, now() - v.used, now() + v.lives, v.ended_at, sha256(v.id::text::bytea)
  FROM (VALUES (1005, interval '0', interval '1 hour', now()), (1006, '0', '-1 second', NULL), (1007, '1 day', '1 hour', NULL)) AS v (id, used, lives, ended_at);
BEGIN;
SELECT porcupine.act_as_session(1002);
SELECT id, device_id, device_name, address, created_at <= now() AS created, last_used_at < now() AS used_before, current FROM porcupine.my_sessions();
COMMIT;
SELECT pg_temp.try(1002, $$SELECT string_agg(concat_ws(' ', s.id, s.current), ', ') FROM porcupine.my_sessions() s$$) AS acting_without_session;
SELECT pg_temp.try(NULL, 'SELECT porcupine.my_sessions()') AS nobody;

-- end_session ends one of them, by whichever; what is over or somebody else's is as if it did not exist.
SELECT input, pg_temp.try(1002, format('SELECT porcupine.end_session(%s)', input)) FROM (VALUES ('NULL'), ('-1'), ('1003'), ('1005')) AS t (input);
SELECT pg_temp.complain(1003, 'SELECT porcupine.end_session(1004)') AS foreign_one;
SELECT pg_temp.try(NULL, 'SELECT porcupine.end_session(1004)') AS nobody;
BEGIN;
SELECT porcupine.act_as_session(1002);
SELECT porcupine.end_session(1004), porcupine.end_session(1002);
SAVEPOINT ended_itself;
SELECT porcupine.my_sessions();
ROLLBACK TO ended_itself;
COMMIT;
SELECT porcupine.act_as_session(1004);
SELECT id, end_reason, ended_at IS NOT NULL AS ended FROM porcupine.sessions WHERE user_id IN (1002, 1003) ORDER BY id;
SELECT * FROM porcupine.ended_sessions(ARRAY[1002, 1003, 1004, 1007]) AS over ORDER BY over;

-- jwks shows public keys only.
SELECT k ->> 'kty' AS kty, k ->> 'crv' AS crv, k ->> 'alg' AS alg, k ->> 'use' AS use, length(k ->> 'x') AS x, k ? 'd' AS has_secret
  FROM jsonb_array_elements(porcupine.jwks() -> 'keys') k;

DELETE FROM porcupine.rooms WHERE id = 1001;
DELETE FROM porcupine.users WHERE id BETWEEN 1001 AND 1003 OR username LIKE 'acc-%';
SELECT count(*) AS left_over FROM porcupine.devices d WHERE d.user_id NOT IN (SELECT id FROM porcupine.users);
