-- Everybody the workloads need: 5,000 users with a session each, made without a password, and the device that SQL sends from.

INSERT INTO porcupine.users (id, username, display_name)
SELECT g, 'bench-' || g, 'bench ' || g FROM generate_series(1, 5000) g;
INSERT INTO porcupine.devices (id, user_id, name) SELECT g, g, 'bench' FROM generate_series(1, 5000) g;
INSERT INTO porcupine.devices (id, user_id, name, backend) SELECT 5000 + g, g, 'backend', true FROM generate_series(1, 5000) g;
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
SELECT g, g, g, now() + interval '1 day', sha256(g::text::bytea) FROM generate_series(1, 5000) g;
ALTER TABLE porcupine.users ALTER id RESTART 5001;
ALTER TABLE porcupine.devices ALTER id RESTART 10001;
ALTER TABLE porcupine.sessions ALTER id RESTART 5001;
ANALYZE;
