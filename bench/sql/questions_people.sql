-- Three people in a database that history.sql has filled: 90001 in 500 rooms, half read, 90002 in twenty of them, 90003 in none;
-- codes by which rooms are joined, and :accounts more accounts, who are in no room: so many that looking through them would show.
-- Rooms are spread over all there are. It may be run again.

SET session_replication_role = replica;
INSERT INTO porcupine.users (id, username, display_name)
SELECT id, 'asks-' || id, 'Asks' FROM generate_series(90001, 90003) id ON CONFLICT DO NOTHING;
INSERT INTO porcupine.users (id, username, display_name)
SELECT id, 'account-' || id, 'Account' FROM generate_series(100001, 100000 + :accounts) id ON CONFLICT DO NOTHING;
INSERT INTO porcupine.members (room_id, user_id, joined_seq, read_seq)
SELECT h.room_id, 90001, 1, h.last_seq / 2
  FROM porcupine.room_heads h, (SELECT greatest(count(*) / 500, 1) AS every FROM porcupine.room_heads) r
 WHERE h.room_id % r.every = 0 AND h.room_id / r.every <= 500 ON CONFLICT DO NOTHING;
INSERT INTO porcupine.members (room_id, user_id, joined_seq, read_seq)
SELECT m.room_id, 90002, 1, m.read_seq
  FROM (SELECT m.*, row_number() OVER (ORDER BY m.room_id) AS n, count(*) OVER () AS all_of_them FROM porcupine.members m WHERE m.user_id = 90001) m
 WHERE m.n % greatest(m.all_of_them / 20, 1) = 0 ON CONFLICT DO NOTHING;
UPDATE porcupine.rooms SET code = lpad(id::text, 6, '0') WHERE code IS DISTINCT FROM lpad(id::text, 6, '0');
RESET session_replication_role;
VACUUM (ANALYZE) porcupine.users, porcupine.members, porcupine.rooms;
