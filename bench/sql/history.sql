-- A long history, straight into the tables: :rooms rooms of :events events each, in the order in which they would have come
-- in, a message of every room after the other, so that no two of a room stand near each other. Twenty members a room.

SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO porcupine.rooms (id, encrypted, name) SELECT g, false, 'history' FROM generate_series(1, :rooms) g;
INSERT INTO porcupine.room_heads (room_id, last_seq) SELECT g, :events FROM generate_series(1, :rooms) g;
INSERT INTO porcupine.members (room_id, user_id, joined_seq)
SELECT 1 + g / 20, 1 + g % 5000, 1 FROM generate_series(0, :rooms * 20 - 1) g;
INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, device_id, client_id, epoch, kind, body)
SELECT 1 + g % :rooms, 1 + g / :rooms, clock_timestamp(), m, m, gen_random_uuid(), 0, 'message', decode(repeat('ab', 300), 'hex')
  FROM generate_series(0::bigint, :rooms::bigint * :events - 1) g, LATERAL (SELECT 1 + (g % :rooms * 20 + g % 20) % 5000 AS m) who;
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
