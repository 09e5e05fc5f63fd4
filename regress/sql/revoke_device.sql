-- A device that is revoked: its sessions are over, it gets no keys any more, and every encrypted room whose current key it has waits for
-- the next epoch.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(7401, 7402);
INSERT INTO porcupine.devices (id, user_id, name, keys) VALUES (7401, 7401, 'laptop', 'k1'), (7402, 7401, 'phone', 'k2'), (7403, 7402, 'other', 'k3');
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash) VALUES
  (7401, 7401, 7401, now() + '1 day', 'h7401'), (7402, 7401, 7402, now() + '1 day', 'h7402'), (7403, 7402, 7403, now() + '1 day', 'h7403');
SELECT pg_temp.room(7401, true, 7402, 7401);
SELECT pg_temp.room(7402, true, 7401, 7402);
SELECT pg_temp.room(7403, true, 7401);
SELECT pg_temp.room(7404, false, 7401, 7402);
-- Room 7401: the phone has the key of the current epoch. 7402: only that of an earlier one. 7403: none.
SELECT pg_temp.by_session(7403, 'SELECT porcupine.commit_epoch(7401, 1, 0, ''{one}'', ''{7401,7402,7403}'', ''{a,b,c}'')') AS with_the_phone;
SELECT pg_temp.by_session(7403, 'SELECT porcupine.commit_epoch(7402, 1, 0, ''{one}'', ''{7401,7402,7403}'', ''{a,b,c}'')') AS with_the_phone;
SELECT pg_temp.by_session(7403, 'SELECT porcupine.commit_epoch(7402, 2, 1, ''{two}'', ''{7401,7403}'', ''{a,c}'')') AS without;
SELECT pg_temp.by_session(7401, 'SELECT porcupine.commit_epoch(7403, 1, 0, ''{one}'', ''{7401}'', ''{a}'')') AS without;

-- Nobody else's, and none that there is not.
SELECT what, pg_temp.complain(who, what) FROM (VALUES
  (NULL, 'SELECT porcupine.revoke_device(7402)'), (7402, 'SELECT porcupine.revoke_device(7402)'), (7401, 'SELECT porcupine.revoke_device(-1)'),
  (7401, 'SELECT porcupine.revoke_device(NULL)'), (NULL, 'SELECT porcupine.revoke_device(7402, 7402)'), (NULL, 'SELECT porcupine.revoke_device(-1, 7402)'),
  (NULL, 'SELECT porcupine.revoke_device(NULL, NULL)')) AS t (who, what);
SELECT pg_temp.try(7401, 'SELECT s.seq > 0 FROM porcupine.send(7404, gen_random_uuid(), ''by the backend'') s') AS makes_the_backend_device;
SELECT pg_temp.complain(7401, format('SELECT porcupine.revoke_device(%s)', d.id)) FROM porcupine.devices d WHERE d.user_id = 7401 AND d.backend;

SELECT pg_temp.by_session(7401, 'SELECT porcupine.revoke_device(7402)') AS revoked;
SELECT room_id, epoch, epoch_open FROM porcupine.room_heads WHERE room_id BETWEEN 7401 AND 7404 ORDER BY 1;
SELECT * FROM pg_temp.log_of(7401) WHERE kind IN ('epoch', 'epoch.closed');
SELECT id, ended_at IS NOT NULL AS ended, end_reason FROM porcupine.sessions WHERE id BETWEEN 7401 AND 7403 ORDER BY 1;
SELECT pg_temp.by_session(7402, 'SELECT count(*) FROM porcupine.my_rooms()') AS the_phone;
SELECT pg_temp.complain(NULL, 'SELECT porcupine.open_session(7401, 7402, NULL, NULL)') AS signs_in_again;
SELECT pg_temp.by_session(7403, 'SELECT devices::text FROM porcupine.user_devices(7401)') AS devices;
SELECT count(*) AS bundles FROM porcupine.key_bundles WHERE device_id = 7402;
SELECT members_without, devices, devices_without FROM porcupine.stat_keys WHERE room_id = 7401;
SELECT pg_temp.by_session(7403, 'SELECT (porcupine.send(7401, gen_random_uuid(), ''x'', 1)).seq') AS nothing_under_its_key;
SELECT pg_temp.by_session(7401, 'SELECT (porcupine.send(7402, gen_random_uuid(), ''x'', 2)).seq > 0') AS goes_on_where_it_had_none;
SELECT item, condition FROM porcupine.send_many('{7404}', '{7401}', '{7402}', ARRAY[gen_random_uuid()], '{0}', '{message}', '{null}', '{x}');
SELECT actor_id, subject_id, action, detail FROM porcupine.audit WHERE action = 'device.revoked';

-- Again changes nothing; the next epoch leaves it out, whatever the committer brings.
SELECT pg_temp.by_session(7401, 'SELECT porcupine.revoke_device(7402)') AS again;
SELECT count(*) AS lines FROM porcupine.audit WHERE action = 'device.revoked';
SELECT pg_temp.by_session(7403, 'SELECT porcupine.commit_epoch(7401, 2, 1, ''{two}'', ''{7401,7402,7403}'', ''{a,b,c}'')') AS next;
SELECT device_id FROM porcupine.key_bundles WHERE room_id = 7401 AND epoch = 2 ORDER BY 1;
SELECT pg_temp.by_session(7403, 'SELECT (porcupine.send(7401, gen_random_uuid(), ''x'', 2)).seq > 0') AS goes_on;

-- The device of the session itself; and by an administrator.
SELECT pg_temp.by_session(7401, 'SELECT porcupine.revoke_device(7401)') AS its_own, pg_temp.by_session(7401, 'SELECT porcupine.whoami()') AS after;
SELECT porcupine.revoke_device(7402, 7403);
SELECT pg_temp.by_session(7403, 'SELECT porcupine.whoami()') AS after;
SELECT actor_id, subject_id, detail FROM porcupine.audit WHERE action = 'device.revoked' ORDER BY id;
