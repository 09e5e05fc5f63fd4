-- Erasure and export: what there is about a person is given out without what is secret, and taken away without a hole in any log.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SET client_min_messages = warning;
SELECT pg_temp.people(6602, 6603);
INSERT INTO porcupine.users (id, username, display_name, email) VALUES (6601, 'Grace.Hopper', 'Grace Brewster', 'grace@example.net');
INSERT INTO porcupine.users (id, username, display_name) VALUES (6604, 'erased-6601', 'Squatter');
INSERT INTO porcupine.credentials (user_id, hash) VALUES (6601, '$argon2id$grace');
INSERT INTO porcupine.devices (id, user_id, name, keys) VALUES (6601, 6601, 'Grace''s phone', 'gracekeys'), (6602, 6602, 'phone', NULL);
INSERT INTO porcupine.device_lists (user_id, version, identity, list) VALUES (6601, 1, 'graceidentity', 'gracelist');
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash, address) VALUES
  (6601, 6601, 6601, now() + '1 day', 'gracehash', '192.0.2.66'), (6602, 6602, 6602, now() + '1 day', 'h6602', NULL);
SELECT pg_temp.room(6601, false, 6601, 6602, 6603);
SELECT pg_temp.room(6602, true, 6602, 6601);
SELECT pg_temp.room(6603, false, 6602, 6601);
SELECT pg_temp.room(6604, false, 6601);
SELECT pg_temp.room(6605, false, 6602, 6603);
SELECT pg_temp.by_session(6602, 'SELECT porcupine.append_entry(6602, 0, ''created'')');
SELECT pg_temp.by_session(6602, 'SELECT porcupine.commit_epoch(6602, 1, 1, ''{epoch}'', ''{6601,6602}'', ''{gracebundle,other}'')');
SELECT pg_temp.by_session(6601, 'SELECT porcupine.append_entry(6602, 2, ''by Grace'')');
SELECT pg_temp.by_session(6601, 'SELECT (porcupine.send(6602, gen_random_uuid(), ''gracesecret'', 1)).seq');
SELECT pg_temp.by_session(6601, format('SELECT (porcupine.send(6601, gen_random_uuid(), ''grace says %s'')).seq', i)) FROM generate_series(1, 5) i;
SELECT pg_temp.by_session(6602, 'SELECT (porcupine.send(6601, gen_random_uuid(), ''somebody answers'')).seq');
SELECT pg_temp.by_session(6601, 'SELECT (porcupine.send(6601, gen_random_uuid(), ''grace corrects'', kind => ''edit'', ref => 4)).seq');
SELECT pg_temp.try(6601, 'SELECT (porcupine.send(6603, gen_random_uuid(), ''grace by the backend'')).seq');
SELECT pg_temp.try(6602, 'SELECT porcupine.remove_member(6603, 6601)');
SELECT pg_temp.try(6601, 'SELECT (porcupine.create_invite(6601)).id IS NOT NULL');
SELECT pg_temp.try(6601, 'SELECT porcupine.report(6601, 9, ''Grace objects'', ''somebody answers'') > 0'), pg_temp.try(6602, 'SELECT porcupine.report(6601, 4, ''rude'', ''grace says'') > 0');
SELECT pg_temp.try(6602, 'SELECT porcupine.pin(6602, 7)'), pg_temp.by_session(6601, 'SELECT porcupine.hint(6602, 7, ARRAY[''gracehint''::bytea])');
SELECT pg_temp.try(6602, 'SELECT porcupine.ban_user(6605, 6601, ''Grace again'')'), pg_temp.try(NULL, 'SELECT porcupine.disable_user(6601, ''Grace asked for it'')'), pg_temp.try(NULL, 'SELECT porcupine.enable_user(6601)');

-- Export.
SELECT pg_temp.complain(NULL, 'SELECT porcupine.export_user(-1)'), pg_temp.try(NULL, 'SELECT porcupine.export_user(NULL)'),
       pg_temp.try(NULL, 'SELECT count(*) FROM porcupine.export_user_rows(-1)'), pg_temp.try(NULL, 'SELECT porcupine.export_me()'),
       pg_temp.try(NULL, 'SELECT count(*) FROM porcupine.export_my_rows()');
SELECT e.type, count(*), (SELECT string_agg(k, ' ') FROM jsonb_object_keys((array_agg(e.line))[1] - 'type') k) AS keys
  FROM (SELECT r ->> 'type' AS type, r AS line FROM porcupine.export_user_rows(6601) r) e GROUP BY 1 ORDER BY 1;
SELECT r ->> 'room' AS room, r ->> 'seq' AS seq, r ->> 'kind' AS kind, convert_from(decode(r ->> 'body', 'base64'), 'UTF8') AS body
  FROM porcupine.export_user_rows(6601) r WHERE r ->> 'type' = 'event' ORDER BY 1, 2;
SELECT (r -> 'account' -> 0) - '{created_at,password_changed_at}'::text[] AS account, jsonb_array_length(r -> 'event') AS events,
       r::text ~ 'argon2|gracehash|refresh' AS secrets FROM porcupine.export_user(6601) r;
SELECT pg_temp.try(6601, 'SELECT jsonb_array_length(porcupine.export_me() -> ''event'')') AS own, pg_temp.try(6603, 'SELECT porcupine.export_me() ? ''event''') AS anothers,
       pg_temp.try(6601, 'SELECT count(*) FROM porcupine.export_my_rows()') AS own_rows;
SELECT actor_id, count(*) FROM porcupine.audit_log(account => 6601) WHERE action = 'user.exported' GROUP BY 1 ORDER BY 1;

-- Erasure.
SELECT input, pg_temp.complain(NULL, format('SELECT porcupine.erase_user(%s)', input)) FROM (VALUES ('NULL'), ('-1'), ('6601, 0'), ('6601, -1')) AS t (input);
CREATE FUNCTION pg_temp.about_grace() RETURNS TABLE (found_in text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind = 'r' ORDER BY 1 LOOP
    EXECUTE format('SELECT %L, count(*) FROM porcupine.%I t WHERE to_jsonb(t)::text ~* ''grace|192\.0\.2\.66'' OR to_jsonb(t)::text ~* %L', name, name, encode('grace', 'hex'))
      INTO found_in, rows;
    IF rows > 0 THEN
      RETURN NEXT;
    END IF;
  END LOOP;
END
$$;
SELECT * FROM pg_temp.about_grace();
SELECT * FROM porcupine.erase_user(6601, 3);
SELECT * FROM porcupine.erase_user(6601);
SELECT * FROM porcupine.erase_user(6601);
-- The client-signed log is what is left.
SELECT * FROM pg_temp.about_grace();
SELECT l.seq, convert_from(e.body, 'UTF8') FROM porcupine.control_log l JOIN porcupine.events e USING (room_id, seq) WHERE l.room_id = 6602 ORDER BY 1;
SELECT id, username, display_name, email, disabled_at IS NOT NULL AS disabled, erased_at IS NOT NULL AS erased FROM porcupine.users WHERE id = 6601;
SELECT seq, reporter_id, sender_id, reason, evidence FROM porcupine.reports WHERE room_id = 6601 ORDER BY seq;
SELECT name, keys, revoked_at IS NOT NULL AS revoked FROM porcupine.devices WHERE user_id = 6601 ORDER BY id;
SELECT * FROM pg_temp.log_of(6601);
SELECT seq, kind, body FROM pg_temp.log_of(6602) WHERE seq > 6;
SELECT seq, kind, body FROM pg_temp.log_of(6603);
SELECT room_id, user_id, role FROM porcupine.members WHERE room_id BETWEEN 6601 AND 6605 ORDER BY 1, 2;
SELECT h.room_id, count(*) = h.last_seq AS whole, h.epoch_open FROM porcupine.room_heads h JOIN porcupine.events e USING (room_id) WHERE room_id BETWEEN 6601 AND 6605
 GROUP BY 1, h.last_seq ORDER BY 1;
SELECT actor_id, action, detail FROM porcupine.audit_log(account => 6601) WHERE action LIKE 'user.%' OR action LIKE 'member.rem%' ORDER BY id;

-- What is erased does not come back.
SELECT pg_temp.complain(NULL, 'SELECT porcupine.enable_user(6601)') AS enabled, pg_temp.try(6601, 'SELECT 1') AS act_as,
       pg_temp.by_session(6601, 'SELECT porcupine.whoami()') AS session,
       pg_temp.complain(NULL, 'INSERT INTO porcupine.members (room_id, user_id) VALUES (6605, 6601)') AS member;
SELECT r ->> 'type' AS type, count(*) FROM porcupine.export_user_rows(6601) r WHERE r ->> 'type' <> 'audit' GROUP BY 1 ORDER BY 1;

-- Rooms are found by an index, not by reading all events.
CREATE FUNCTION pg_temp.scans() RETURNS bigint LANGUAGE sql AS $$ SELECT seq_scan FROM pg_stat_xact_all_tables WHERE relid = 'porcupine.events'::regclass $$;
INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, device_id, client_id, epoch, kind, body)
  SELECT 6605, 10 + i, now(), 6602, 6602, gen_random_uuid(), 0, 'message', 'x' FROM generate_series(1, 5000) i;
ANALYZE porcupine.events;
BEGIN;
SELECT pg_temp.scans() AS scans \gset
SELECT count(*) FROM porcupine.export_user_rows(6603) r WHERE r ->> 'type' = 'event';
SELECT * FROM porcupine.erase_user(6603);
SELECT pg_temp.scans() - :scans AS sequential_scans;
COMMIT;

-- Who may.
\set VERBOSITY sqlstate
SET ROLE porcupine_backend;
SELECT porcupine.erase_user(6602);
SELECT porcupine.export_user(6602);
SELECT porcupine.export_user_rows(6602);
RESET ROLE;
SET ROLE porcupine_admin;
SELECT porcupine.export_user(6602) IS NOT NULL AS may;
RESET ROLE;

DELETE FROM porcupine.reports WHERE room_id = 6601;
DELETE FROM porcupine.rooms WHERE id BETWEEN 6601 AND 6605;
DELETE FROM porcupine.users WHERE id BETWEEN 6601 AND 6604;
