-- Signing in by what an OpenID provider says: who becomes which account, and what has to be confirmed.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = warning;

-- As the bridge does it: begin, come back, say who it is.
CREATE FUNCTION pg_temp.come(state text, subject text, email text DEFAULT NULL, verified boolean DEFAULT false, username text DEFAULT NULL,
                             name text DEFAULT NULL, linking boolean DEFAULT false, devices bigint[] DEFAULT '{}') RETURNS porcupine.identity_outcome
  LANGUAGE plpgsql AS $$
DECLARE
  hash bytea := sha256(state::bytea);
BEGIN
  PERFORM porcupine.begin_sign_in(hash, 'corp', 'https://chat.example', '/r/1', devices, 'laptop', linking);
  PERFORM porcupine.take_sign_in(hash, 'corp');
  RETURN porcupine.sign_in_identity(hash, 'https://id.example', subject, email, verified, username, name, '192.0.2.1');
END
$$;

\echo -- the first time makes an account, the second finds it, on the device that the browser was
SELECT (c.session).username, (c.session).display_name, (c.session).device_id AS device, c.ticket IS NULL AS no_ticket
  FROM pg_temp.come('a1', 's1', 'ada@example.org', true, 'ada!', ' Ada Lovelace ') c \gset
SELECT :'username' AS username, :'display_name' AS display_name, :'no_ticket' AS no_ticket;
SELECT (c.session).username, (c.session).device_id = :device AS same_device FROM pg_temp.come('a2', 's1', devices => ARRAY[999999, :device]) c;
SELECT (c.session).username, (c.session).device_id <> :device AS own_device FROM pg_temp.come('a3', 's2', username => 'ada', devices => ARRAY[:device]) c;
SELECT (c.session).username FROM pg_temp.come('a4', 's3', email => 'x@example.org', verified => true, name => E'\u738b') c;
SELECT u.username, u.display_name, u.email, i.issuer, i.subject, i.email AS said
  FROM porcupine.users u JOIN porcupine.identities i ON i.user_id = u.id ORDER BY i.id;

\echo -- a state is good once, for its provider, for ten minutes
SELECT porcupine.begin_sign_in(sha256('b1'), 'corp', 'https://chat.example');
SELECT porcupine.sign_in_identity(sha256('b1'), 'https://id.example', 's1');
SELECT porcupine.take_sign_in(sha256('b1'), 'google');
SELECT porcupine.take_sign_in(sha256('b1'), 'corp');
SELECT porcupine.take_sign_in(sha256('b1'), 'corp');
UPDATE porcupine.sign_ins SET expires_at = clock_timestamp();
SELECT porcupine.sign_in_identity(sha256('b1'), 'https://id.example', 's1');
SELECT porcupine.begin_sign_in(sha256('b2'), 'corp', 'https://chat.example');
SELECT porcupine.begin_sign_in(sha256('b2'), 'corp', 'https://chat.example');   -- a state is drawn once
SELECT count(*) AS of_which_the_expired_is_gone FROM porcupine.sign_ins;

\echo -- where one returns to is a path of the page
SELECT p AS refused FROM unnest(ARRAY['//evil', '/\evil', '/a\b', '', 'x', 'https://evil', E'/\n', '/ ', E'/a\r\nb', '/é', '/' || repeat('a', 512)]) p
 WHERE p ~ '^/([!-.0-[\]-~][!-[\]-~]*)?$' AND length(p) <= 512;
SELECT porcupine.begin_sign_in(sha256('c1'), 'corp', 'https://chat.example', '//evil');
SELECT porcupine.begin_sign_in(sha256('c1'), 'corp', 'https://chat.example', E'/\\evil');
SELECT porcupine.begin_sign_in(sha256('c1'), 'corp', 'https://chat.example', NULL);
SELECT porcupine.begin_sign_in(sha256('c1'), 'corp', 'https://chat.example', '/' || repeat('a', 512));
SELECT porcupine.begin_sign_in('short', 'corp', 'https://chat.example');
SELECT porcupine.begin_sign_in(NULL, NULL, NULL);
SELECT porcupine.begin_sign_in(sha256('c2'), 'corp', 'https://chat.example', '/r/7?x=//y#z', linking => true);

\echo -- the address of an account links nothing by itself
SELECT user_id AS bob FROM porcupine.register('bob', 'bob has a password', email => 'Bob@example.org') \gset
SELECT ticket AS unverified, (session).username FROM pg_temp.come('d0', 's40', 'bob@example.org', false, 'bob');
SELECT c.ticket, (c.session).user_id IS NULL AS no_session FROM pg_temp.come('d1', 's4', 'bob@example.org', true) c \gset
SELECT :'no_session' AS no_session, count(*) AS linked FROM porcupine.identities WHERE user_id = :bob;
SELECT * FROM porcupine.read_offer(:'ticket');
SELECT porcupine.confirm_identity(:'ticket', 'bob has no password');
SELECT porcupine.confirm_identity(:'ticket', NULL);
SELECT porcupine.confirm_identity('another', 'bob has a password');
SELECT porcupine.link_identity(:'ticket');
SELECT (porcupine.confirm_identity(:'ticket', 'bob has a password')).username;
SELECT porcupine.confirm_identity(:'ticket', 'bob has a password');
SELECT (session).username FROM pg_temp.come('d2', 's4');

\echo -- or the account is of somebody else: a new one, without the address
SELECT ticket FROM pg_temp.come('d3', 's5', 'bob@example.org', true, 'robert', 'Robert') \gset
SELECT username, display_name FROM porcupine.decline_identity(:'ticket');
SELECT porcupine.decline_identity(:'ticket');

\echo -- an expired offer
SELECT ticket FROM pg_temp.come('d4', 's6', 'bob@example.org', true) \gset
UPDATE porcupine.identity_offers SET expires_at = clock_timestamp();
SELECT porcupine.confirm_identity(:'ticket', 'bob has a password');

\echo -- from a session of the owner
BEGIN;
SELECT porcupine.act_as(:bob) IS NOT NULL AS bob;
SAVEPOINT here;
SELECT pg_temp.come('e1', 's7', 'bob@example.org', false, linking => true);
ROLLBACK TO here;
SELECT pg_temp.come('e1', 's7', 'other@example.org', true, linking => true);
ROLLBACK TO here;
SELECT pg_temp.come('e1', 's1', 'bob@example.org', true, linking => true);
ROLLBACK TO here;
SELECT pg_temp.come('e1', 's7', 'rob@example.org', true, linking => true);
ROLLBACK TO here;
SELECT ticket FROM pg_temp.come('e1', 's7', 'BOB@example.org', true, linking => true) \gset
SELECT * FROM porcupine.read_offer(:'ticket');
SAVEPOINT here;
SELECT porcupine.confirm_identity(:'ticket', 'bob has a password');
ROLLBACK TO here;
SELECT porcupine.link_identity(:'ticket');
ROLLBACK TO here;
SELECT porcupine.link_identity(:'ticket', 'bob has no password');
ROLLBACK TO here;
SELECT porcupine.link_identity(:'ticket', 'bob has a password');
SELECT issuer, email FROM porcupine.my_identities();
SELECT porcupine.unlink_identity(id) FROM porcupine.my_identities();
SELECT count(*) FROM porcupine.my_identities();
COMMIT;

\echo -- without a password, by a session that has just begun
SELECT (c.session).session_id AS session FROM pg_temp.come('h1', 's3') c \gset
BEGIN;
SELECT porcupine.act_as_session(:session) IS NOT NULL AS ex;
SELECT ticket FROM pg_temp.come('h2', 's8', 'x@example.org', true, linking => true) \gset
SAVEPOINT here;
UPDATE porcupine.sessions SET created_at = created_at - interval '11 minutes' WHERE id = :session;
SELECT porcupine.link_identity(:'ticket');
ROLLBACK TO here;
SELECT porcupine.link_identity(:'ticket');
SELECT count(*) FROM porcupine.my_identities();
ROLLBACK;

\echo -- the last way in stays
BEGIN;
SELECT porcupine.act_as(porcupine.find_user('ada')) IS NOT NULL AS ada;
SELECT id AS mine FROM porcupine.my_identities() \gset
SAVEPOINT here;
SELECT porcupine.unlink_identity(:mine);
ROLLBACK TO here;
SELECT porcupine.unlink_identity(999999);
ROLLBACK;

\echo -- disabled, exported, erased
SELECT porcupine.disable_user(porcupine.find_user('ada'), 'test') IS NOT NULL AS disabled;
SELECT pg_temp.come('f1', 's1');
SELECT row_about ->> 'subject' AS subject FROM porcupine.rows_about(porcupine.find_user('ada')) WHERE type = 'identity';
SELECT action, count(*) FROM porcupine.audit WHERE action LIKE 'identity.%' GROUP BY 1 ORDER BY 1;
SELECT rooms, messages FROM porcupine.erase_user(porcupine.find_user('ada'));
SELECT count(*) FROM porcupine.identities WHERE subject = 's1';
SELECT (session).username FROM pg_temp.come('f2', 's1', 'ada@example.org', true, 'ada');

\echo -- nobody but the bridge
SET ROLE porcupine_client;
SELECT porcupine.begin_sign_in(sha256('g1'), 'corp', 'https://chat.example');
SELECT porcupine.sign_in_identity(sha256('g1'), 'https://id.example', 's1');
SELECT porcupine.confirm_identity('x', 'y');
SELECT count(*) FROM porcupine.identities;
SELECT * FROM porcupine.my_identities();
RESET ROLE;
