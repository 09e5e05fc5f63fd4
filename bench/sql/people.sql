-- Everybody the workloads need: users with a device and a session each, all made without a password.
-- :users is how many.

INSERT INTO porcupine.users (id, username, display_name)
SELECT g, 'bench-' || g, 'bench ' || g FROM generate_series(1, :users) g;
INSERT INTO porcupine.devices (id, user_id, name) SELECT g, g, 'bench' FROM generate_series(1, :users) g;
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
SELECT g, g, g, now() + interval '1 day', sha256(g::text::bytea) FROM generate_series(1, :users) g;
