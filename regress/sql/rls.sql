-- What SQL users see through the tables: their own rooms, and nothing as anybody else. Hashes and keys are nobody's.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(5001, 5002, 5003);
SELECT pg_temp.room(5001, false, 5001, 5002);
SELECT pg_temp.room(5002, false, 5001);
SELECT pg_temp.room(5003, true, 5001);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (5003, 5002, 'pending');
INSERT INTO porcupine.devices (id, user_id, name, keys) VALUES (5001, 5001, 'hers', 'keys'), (5002, 5002, 'his', 'keys');
INSERT INTO porcupine.device_lists (user_id, version, identity, list) VALUES (5001, 1, 'i', 'l'), (5003, 1, 'i', 'l');
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash) VALUES
  (5001, 5001, 5001, now() + interval '1 hour', sha256('5001')), (5002, 5002, 5002, now() + interval '1 hour', sha256('5002'));
SELECT pg_temp.try(5001, $$SELECT seq FROM porcupine.send(5001, gen_random_uuid(), 'for both')$$);
SELECT pg_temp.try(5001, $$SELECT seq FROM porcupine.send(5002, gen_random_uuid(), 'for herself')$$);
SELECT porcupine.access_token(5002, 5002, 5002) AS token, porcupine.access_token(5001, 5001, 5001) AS other_token \gset

CREATE ROLE regress_client LOGIN IN ROLE porcupine_client;
CREATE ROLE regress_backend LOGIN IN ROLE porcupine_backend;
CREATE ROLE regress_bridge LOGIN IN ROLE porcupine_bridge;
CREATE ROLE regress_admin LOGIN IN ROLE porcupine_admin;
CREATE ROLE regress_nobody LOGIN;
\set VERBOSITY sqlstate

-- Without an identity: no row.
SET SESSION AUTHORIZATION regress_client;
SELECT (SELECT count(*) FROM porcupine.rooms) AS rooms, (SELECT count(*) FROM porcupine.events) AS events, (SELECT count(id) FROM porcupine.users) AS users,
       (SELECT count(id) FROM porcupine.sessions) AS sessions, (SELECT count(*) FROM porcupine.members) AS members;
SELECT porcupine.history(5001);

-- With one: the rooms one reads, for as long as the transaction.
BEGIN;
SELECT porcupine.authenticate(:'token');
SELECT id, name FROM porcupine.rooms;
SELECT room_id, seq, kind, encode(body, 'escape') AS body FROM porcupine.events WHERE kind = 'message';
SELECT room_id, user_id, role FROM porcupine.members ORDER BY 1, 2;
SELECT room_id, last_seq FROM porcupine.room_heads;
SELECT id, username FROM porcupine.users ORDER BY id;
SELECT id, name FROM porcupine.devices;
SELECT user_id, version FROM porcupine.device_lists;
SELECT id, user_id FROM porcupine.sessions;
SELECT (SELECT count(*) FROM porcupine.control_log) AS control_log, (SELECT count(*) FROM porcupine.epochs) AS epochs;
COMMIT;
SELECT count(*) AS after_the_commit FROM porcupine.rooms;
BEGIN;
SELECT porcupine.authenticate(:'token');
ROLLBACK;
SELECT count(*) AS after_a_rollback FROM porcupine.rooms;

-- A setting is no identity.
SET porcupine.user_id = '5001';
SELECT set_config('porcupine.current_user_id', '5001', false);
SELECT set_config('request.jwt.claims', '{"sub": "5001"}', false);
SELECT porcupine.current_user_id(), count(*) AS rooms FROM porcupine.rooms;

-- Nor can a client act as somebody, ask for a token, write, or reach what is inside.
SELECT porcupine.act_as(5001);
SELECT porcupine.act_as_session(5001);
SELECT porcupine.access_token(5001, 5001, 5001);
SELECT porcupine.find_user('user-5001');
SELECT porcupine.login('user-5001', 'password-1');
SELECT porcupine.register('rls-x', 'password-1');
SELECT porcupine.refresh('token');
SELECT porcupine.read_frames(5002, 0);
SELECT porcupine.history_page(5001, 5002);
SELECT porcupine.read_heads('{5002}');
SELECT porcupine.read_role(5002, 5001);
SELECT porcupine.ended_sessions('{5001}');
SELECT porcupine.ring('{5002}', '{9}', 7);
SELECT porcupine.send_many('{5001}', '{5001}', '{5001}', ARRAY[gen_random_uuid()], '{0}', '{message}', '{NULL}', '{forged}');
SELECT porcupine.append_event(5001, 'message', 'forged', 5001);
SELECT porcupine.append_server_event(5001, 'member.left', '{}');
SELECT porcupine.append_entries(5001, 0, '{forged}');
SELECT porcupine.store_epoch(5001, 1, 0, 1, '{}', '{}');
SELECT porcupine.lock_room(5001);
SELECT porcupine.require_member(5001);
SELECT porcupine.open_session(5001, NULL, NULL, NULL);
SELECT porcupine.grant_session(5001, 5001, 'x');
SELECT porcupine.hash_password('password-1');
SELECT porcupine.verify_password('x', 'password-1');
SELECT porcupine.drop_member(5001, 5001, NULL);
SELECT porcupine.close_epoch(5001);
SELECT porcupine.note_membership(5001, 5001, 'x', '{}');
SELECT porcupine.new_stream();
SELECT porcupine.add_stream(0);
SELECT porcupine.ring_member(5001, 5001);
SELECT porcupine.ring_session(5001);
SELECT porcupine.refuse('invalid', 'forged');
INSERT INTO porcupine.events VALUES (5001, 99, now(), 5001, 5001, NULL, 0, 'message', NULL, 'forged');
UPDATE porcupine.members SET role = 'owner';
DELETE FROM porcupine.members;
TRUNCATE porcupine.events;
CREATE TABLE porcupine.mine ();
CREATE TRIGGER mine AFTER INSERT ON porcupine.events FOR EACH ROW EXECUTE FUNCTION porcupine.members_have_their_event();
CREATE TABLE pg_temp.mine (room_id bigint, user_id bigint, role porcupine.role, via text, joined_seq bigint);
CREATE TRIGGER mine BEFORE INSERT ON pg_temp.mine FOR EACH ROW EXECUTE FUNCTION porcupine.members_have_their_event();

-- What is secret is readable by none of the roles; whoever is nobody reads nothing at all.
RESET SESSION AUTHORIZATION;
SELECT r.rolname AS role, c.relname AS "table", a.attname AS "column"
  FROM pg_roles r, pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind = 'r' AND r.rolname LIKE 'regress\_%'
   AND has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')
   AND (a.attname ~ 'hash|salt|secret|sealed|bundle|email|disabled' OR c.relname IN ('credentials', 'signing_keys', 'invites', 'key_bundles', 'audit', 'stream')
        OR r.rolname IN ('regress_nobody', 'regress_bridge'))
 ORDER BY 1, 2, 3;
SELECT r.rolname, c.relname, p.privilege
  FROM pg_roles r, pg_class c, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (privilege)
 WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind = 'r' AND r.rolname LIKE 'regress\_%' AND has_table_privilege(r.oid, c.oid, p.privilege);
SET SESSION AUTHORIZATION regress_client;
SELECT * FROM porcupine.users;
SELECT email FROM porcupine.users;
SELECT refresh_hash FROM porcupine.sessions;
SELECT keys FROM porcupine.devices;
SELECT * FROM porcupine.credentials;
SELECT * FROM porcupine.signing_keys;
SELECT * FROM porcupine.invites;
SELECT * FROM porcupine.key_bundles;
SET SESSION AUTHORIZATION regress_nobody;
SELECT * FROM porcupine.rooms;
SELECT porcupine.current_user_id();
SELECT porcupine.jwks();

-- A backend acts for whom it likes, a client's token makes nobody else of it.
SET SESSION AUTHORIZATION regress_backend;
BEGIN;
SELECT porcupine.act_as(5001);
SELECT id FROM porcupine.rooms ORDER BY id;
SELECT porcupine.authenticate(:'token');
SELECT id FROM porcupine.rooms ORDER BY id;
COMMIT;
SELECT porcupine.act_as_session(5001);
SELECT porcupine.new_stream();

-- The bridge reads by functions and no table; the owner's own functions cannot be borrowed by setting a role.
SET SESSION AUTHORIZATION regress_bridge;
SELECT id FROM porcupine.rooms;
SELECT seq, event->>'kind' AS kind FROM porcupine.read_frames(5002, 0);
SELECT json_array_length(porcupine.history_page(5001, 5002)->'results') AS events;
SELECT * FROM porcupine.read_heads('{5001,5002,5002,-1,NULL}') ORDER BY 1;
SELECT porcupine.read_role(5001, 5002), porcupine.read_role(5002, 5002), porcupine.read_role(NULL, NULL);
SELECT porcupine.act_as(5001);
SELECT porcupine.authenticate(:'token');
SET ROLE porcupine_owner;
SET SESSION AUTHORIZATION regress_client;
SET ROLE porcupine_owner;
SET ROLE porcupine_backend;
SET SESSION AUTHORIZATION regress_admin;
SET ROLE porcupine_owner;
SELECT porcupine.new_stream() > 0 AS admin_may_make_clients_reset;

-- A temporary table or function of the caller's is never taken for the extension's.
SET SESSION AUTHORIZATION regress_client;
CREATE TEMP TABLE members (room_id bigint, user_id bigint, role text);
INSERT INTO members VALUES (5002, 5002, 'owner');
CREATE FUNCTION pg_temp.current_user_id() RETURNS bigint LANGUAGE sql AS 'SELECT 5001::bigint';
SET search_path = pg_temp, porcupine, pg_catalog;
BEGIN;
SELECT porcupine.authenticate(:'token');
SELECT porcupine.my_room_ids();
SELECT porcupine.current_user_id();
SELECT seq FROM porcupine.history(5002);
ROLLBACK;
RESET search_path;

-- Tokens that end: an ended session's is refused, and so is the rest of a transaction that had begun.
BEGIN;
SELECT porcupine.authenticate(:'token');
SELECT porcupine.logout();
SELECT id FROM porcupine.my_rooms();
ROLLBACK;
BEGIN;
SELECT porcupine.authenticate(:'token');
SELECT porcupine.logout();
SELECT count(*) AS through_the_tables FROM porcupine.events;
ROLLBACK;
BEGIN;
SELECT porcupine.authenticate(:'token');
SELECT porcupine.logout();
COMMIT;
SELECT porcupine.authenticate(:'token');
RESET SESSION AUTHORIZATION;
SELECT id, end_reason FROM porcupine.sessions WHERE user_id IN (5001, 5002) ORDER BY id;

DISCARD TEMP;
DROP ROLE regress_client, regress_backend, regress_bridge, regress_admin, regress_nobody;
DELETE FROM porcupine.rooms WHERE id BETWEEN 5001 AND 5003;
DELETE FROM porcupine.users WHERE id BETWEEN 5001 AND 5003;
