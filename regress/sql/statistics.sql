-- The views for monitoring: they count what there is, and show nobody's names or contents.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(6801, 6802, 6803);
SELECT pg_temp.room(6801, false, 6801, 6802);
SELECT pg_temp.room(6802, true, 6801, 6802);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (6802, 6803, 'pending');
SELECT pg_temp.try(6801, format('SELECT (porcupine.send(6801, gen_random_uuid(), ''word %s'')).seq', i)) FROM generate_series(1, 3) i;
SELECT pg_temp.try(6801, 'SELECT (porcupine.create_invite(6801)).id IS NOT NULL'), pg_temp.try(6801, 'SELECT (porcupine.create_invite(6801, max_uses => 1)).id IS NOT NULL');
UPDATE porcupine.invites SET uses = 1 WHERE room_id = 6801 AND max_uses = 1;
SELECT pg_temp.try(6801, 'SELECT porcupine.ban_user(6801, 6803)'), pg_temp.try(6802, 'SELECT porcupine.report(6801, 3, ''r'') > 0');
UPDATE porcupine.room_heads SET first_seq = 3 WHERE room_id = 6801;
SELECT room_id, encrypted, archived, members, pending, head, first_seq, events, control_entries, epoch, epoch_open, last_event_at <= now() AS last,
       open_invites, bans, open_reports FROM porcupine.stat_rooms WHERE room_id IN (6801, 6802) ORDER BY 1;

-- Key coverage: a device without keys needs no bundle, a revoked one neither, and a member without any device has none.
INSERT INTO porcupine.devices (id, user_id, name, keys, revoked_at) VALUES
  (6801, 6801, 'phone', 'k', NULL), (6802, 6801, 'laptop', 'k', NULL), (6803, 6801, 'old', 'k', now()), (6804, 6802, 'phone', 'k', NULL), (6805, 6802, 'no keys', NULL, NULL);
SELECT * FROM porcupine.stat_keys WHERE room_id IN (6801, 6802);
INSERT INTO porcupine.key_bundles (room_id, epoch, device_id, bundle) VALUES (6802, 0, 6801, 'b'), (6802, 0, 6803, 'b');
SELECT * FROM porcupine.stat_keys WHERE room_id IN (6801, 6802);
INSERT INTO porcupine.key_bundles (room_id, epoch, device_id, bundle) VALUES (6802, 0, 6802, 'b'), (6802, 0, 6804, 'b');
SELECT members_without, devices_without FROM porcupine.stat_keys WHERE room_id = 6802;
UPDATE porcupine.room_heads SET epoch = 1, epoch_open = false WHERE room_id = 6802;
SELECT * FROM porcupine.stat_keys WHERE room_id = 6802;

-- Sessions by their state.
BEGIN;
DELETE FROM porcupine.sessions;
SELECT * FROM porcupine.stat_sessions ORDER BY state;
INSERT INTO porcupine.sessions (user_id, device_id, created_at, last_used_at, expires_at, ended_at, refresh_hash) VALUES
  (6801, 6801, now() - interval '2 days', now(), now() + interval '1 day', NULL, '1'), (6801, 6801, now(), now(), now() + interval '1 day', NULL, '2'),
  (6802, 6804, now() - interval '2 days', now() - interval '2 days', now() - interval '1 day', NULL, '3'),
  (6802, 6804, now(), now(), now() + interval '1 day', now(), '4');
SELECT * FROM porcupine.stat_sessions ORDER BY state;
ROLLBACK;

-- One room among many costs look-ups by index.
INSERT INTO porcupine.rooms (id, encrypted, code, name) SELECT 68000 + i, i % 2 = 0, NULL, 'Room' FROM generate_series(1, 1000) i;
INSERT INTO porcupine.room_heads (room_id, last_seq) SELECT 68000 + i, 1 FROM generate_series(1, 1000) i;
INSERT INTO porcupine.members (room_id, user_id, joined_seq) SELECT 68000 + i, 6801, 1 FROM generate_series(1, 1000) i;
INSERT INTO porcupine.events (room_id, seq, created_at, epoch, kind, body) SELECT 68000 + i, 1, now(), 0, 'epoch', '{}' FROM generate_series(1, 1000) i;
ANALYZE porcupine.rooms, porcupine.room_heads, porcupine.members, porcupine.events;
CREATE FUNCTION pg_temp.scans() RETURNS bigint LANGUAGE sql AS $$
  SELECT sum(seq_scan)::bigint FROM pg_stat_xact_all_tables WHERE relid = ANY ('{porcupine.rooms,porcupine.room_heads,porcupine.members,porcupine.events}'::regclass[])
$$;
BEGIN;
SELECT pg_temp.scans() AS scans \gset
SELECT members, events FROM porcupine.stat_rooms WHERE room_id = 68002;
SELECT members, devices FROM porcupine.stat_keys WHERE room_id = 68002;
SELECT pg_temp.scans() - :scans AS sequential_scans;
COMMIT;
SELECT count(*), sum(members) FROM porcupine.stat_rooms WHERE room_id > 68000;

-- Who may look: monitoring and administrators, nobody else; and at these only.
CREATE ROLE regress_monitor IN ROLE pg_monitor;
SET ROLE regress_monitor;
SELECT count(*) > 0 AS may FROM porcupine.stat_rooms;
SELECT count(*) > 0 AS may FROM porcupine.stat_keys;
SELECT count(*) AS may FROM porcupine.stat_sessions;
SELECT count(*) AS may FROM porcupine.stat_maintenance;
\set VERBOSITY sqlstate
SELECT count(*) FROM porcupine.rooms;
SELECT count(*) FROM porcupine.sessions;
RESET ROLE;
SET ROLE porcupine_admin;
SELECT count(*) > 0 AS may FROM porcupine.stat_rooms;
RESET ROLE;
SET ROLE porcupine_client;
SELECT count(*) FROM porcupine.stat_rooms;
SELECT count(*) FROM porcupine.stat_keys;
SELECT count(*) FROM porcupine.stat_sessions;
RESET ROLE;
DROP ROLE regress_monitor;

DELETE FROM porcupine.reports WHERE room_id = 6801;
DELETE FROM porcupine.rooms WHERE id IN (6801, 6802) OR id > 68000;
DELETE FROM porcupine.users WHERE id BETWEEN 6801 AND 6803;
