-- The rooms of one workload, which is their name: :rooms of them with :members each, of the 5,000 users in turn.

WITH made AS (
  INSERT INTO porcupine.rooms (encrypted, name, max_members)
  SELECT false, :'workload', :members FROM generate_series(1, :rooms)
  RETURNING id
)
SELECT min(id) AS first FROM made \gset
INSERT INTO porcupine.room_heads (room_id) SELECT :first + g FROM generate_series(0, :rooms - 1) g;
INSERT INTO porcupine.members (room_id, user_id, role)
SELECT :first + g / :members, 1 + g % 5000, CASE WHEN g % :members = 0 THEN 'owner' ELSE 'member' END::porcupine.role
  FROM generate_series(0, :rooms * :members - 1) g ORDER BY g;
ANALYZE porcupine.rooms, porcupine.room_heads, porcupine.members;
