-- What administrators do to accounts: disabled, enabled, logged out; and the audit log, which names who did it and which nobody changes.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(6001, 6002, 6003);
INSERT INTO porcupine.devices (id, user_id, name) VALUES (6001, 6001, 'phone'), (6002, 6002, 'laptop');
CREATE FUNCTION pg_temp.sessions(VARIADIC ids bigint[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
  SELECT i, 6001 + i % 2, 6001 + i % 2, now() + '1 day', sha256(i::text::bytea) FROM unnest(ids) i
$$;
SELECT pg_temp.sessions(6100, 6101, 6102, 6104);

-- disable_user and enable_user
SELECT what, pg_temp.complain(NULL, what) FROM (VALUES
  ('SELECT porcupine.disable_user(NULL)'), ('SELECT porcupine.disable_user(-1)'), ('SELECT porcupine.disable_user(6001, repeat(''r'', 501))'),
  ('SELECT porcupine.enable_user(NULL)'), ('SELECT porcupine.enable_user(-1)'),
  ('SELECT porcupine.log_out_everywhere(NULL)'), ('SELECT porcupine.log_out_everywhere(-1)'), ('SELECT porcupine.log_out_everywhere()')) AS t (what);
SELECT pg_temp.by_session(6100, 'SELECT w.id FROM porcupine.whoami() w') AS before;
SELECT porcupine.disable_user(6001, 'password was leaked');
SELECT porcupine.disable_user(6001, 'again');
SELECT disabled_at IS NOT NULL AS disabled FROM porcupine.users WHERE id = 6001;
SELECT pg_temp.by_session(6100, 'SELECT porcupine.whoami()') AS session, pg_temp.try(6001, 'SELECT porcupine.whoami()') AS act_as;
SELECT porcupine.enable_user(6001);
SELECT porcupine.enable_user(6001);
SELECT pg_temp.by_session(6100, 'SELECT porcupine.whoami()') AS old_session_stays_over, pg_temp.try(6001, 'SELECT w.id FROM porcupine.whoami() w') AS act_as;
SELECT id, end_reason FROM porcupine.sessions WHERE user_id IN (6001, 6002) ORDER BY id;

-- log_out_everywhere: the user's own, and only their live ones count.
SELECT pg_temp.sessions(6200, 6202);
UPDATE porcupine.sessions SET expires_at = now() - interval '1 minute' WHERE id = 6202;
SELECT porcupine.log_out_everywhere(6001) AS one;
SELECT porcupine.log_out_everywhere(6001) AS none;
SELECT pg_temp.sessions(6300, 6302);
SELECT pg_temp.by_session(6300, 'SELECT porcupine.log_out_everywhere()') AS two;
SELECT pg_temp.by_session(6302, 'SELECT porcupine.log_out_everywhere()') AS over;
SELECT id, end_reason FROM porcupine.sessions WHERE user_id IN (6001, 6002) AND id > 6200 ORDER BY id;
SELECT pg_temp.by_session(6101, 'SELECT w.id FROM porcupine.whoami() w') AS nobody_elses;

-- The audit log: who did it is a user, or the role that logged in; filters and pages.
SELECT pg_temp.room(6001, false, 6001, 6002);
SELECT pg_temp.try(6001, 'SELECT porcupine.remove_member(6001, 6002)');
SELECT action, actor_id, subject_id, room_id, session_role = session_user AS by_this_login, detail FROM porcupine.audit_log(account => 6001) ORDER BY id;
SELECT action, actor_id, subject_id FROM porcupine.audit_log(room => 6001) ORDER BY id;
SELECT action, actor_id, subject_id FROM porcupine.audit_log(room => 6001, account => 6002) ORDER BY id;
SELECT action FROM porcupine.audit_log(room => 6001, max => 1);
SELECT action FROM porcupine.audit_log(room => 6001, before => (SELECT min(id) + 1 FROM porcupine.audit WHERE room_id = 6001));
SELECT count(*) FROM porcupine.audit_log(room => 6001, max => -5);
SELECT count(*) FROM porcupine.audit_log(room => 6001, since => now() + interval '1 hour');
SELECT count(*) > 0 AS all_of_it, count(*) <= 1000 AS bounded FROM porcupine.audit_log(max => 2000000);
SELECT count(*) FROM porcupine.audit_log(room => -1, account => -1);

-- Other acts: an invite, a deleted room, a deleted user (whoever deletes them, and by whatever way), a new stream.
SELECT pg_temp.room(6002, false, 6001);
SELECT pg_temp.try(6001, 'SELECT (porcupine.create_invite(6002, max_uses => 3)).max_uses');
SELECT pg_temp.try(6001, 'SELECT porcupine.delete_room(6002)');
SELECT pg_temp.room(6003, false, 6001);
DELETE FROM porcupine.rooms WHERE id = 6003;
SELECT room_id, action, actor_id, detail - 'invite' AS detail FROM porcupine.audit WHERE room_id IN (6002, 6003) ORDER BY id;
BEGIN;
DELETE FROM porcupine.users WHERE id = 6003;
SELECT porcupine.new_stream() > 0 AS begun;
SELECT action, subject_id FROM porcupine.audit_log(max => 2);
ROLLBACK;

-- Each way of asking goes by an index.
CREATE FUNCTION pg_temp.scans() RETURNS bigint LANGUAGE sql AS $$ SELECT seq_scan FROM pg_stat_xact_all_tables WHERE relid = 'porcupine.audit'::regclass $$;
SET enable_seqscan = off;
-- what this session has counted and not yet told would be told at any moment
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT pg_temp.scans() AS scans \gset
SELECT count(*) > 0 AS found FROM porcupine.audit_log();
SELECT count(*) > 0 AS found FROM porcupine.audit_log(room => 6001);
SELECT count(*) > 0 AS found FROM porcupine.audit_log(account => 6001);
SELECT pg_temp.scans() - :scans AS sequential_scans;
COMMIT;
RESET enable_seqscan;

-- Who may: administrators. Nobody writes to the log by SQL, they neither.
CREATE ROLE regress_dba LOGIN IN ROLE porcupine_admin;
SET SESSION AUTHORIZATION regress_dba;
SELECT porcupine.disable_user(6003);
SELECT action, actor_id, session_role FROM porcupine.audit_log(account => 6003);
\set VERBOSITY sqlstate
INSERT INTO porcupine.audit (action) VALUES ('made up');
UPDATE porcupine.audit SET action = 'nothing';
DELETE FROM porcupine.audit;
TRUNCATE porcupine.audit;
SELECT count(*) FROM porcupine.audit;
RESET SESSION AUTHORIZATION;
SET ROLE porcupine_client;
SELECT porcupine.disable_user(6001);
SELECT porcupine.enable_user(6003);
SELECT porcupine.log_out_everywhere(6001);
SELECT porcupine.audit_log();
RESET ROLE;
\set VERBOSITY default
DROP ROLE regress_dba;

DELETE FROM porcupine.rooms WHERE id = 6001;
DELETE FROM porcupine.users WHERE id BETWEEN 6001 AND 6003;
