-- Who connects in a workload, as bench/people.h wants it: a line a member, at most :most of each room, with a token that is
-- good for ten minutes.

SELECT m.room_id || ' ' || porcupine.access_token(s.user_id, s.id, s.device_id)
  FROM porcupine.rooms r
 CROSS JOIN LATERAL (SELECT * FROM porcupine.members m WHERE m.room_id = r.id ORDER BY m.user_id LIMIT :most) m
  JOIN porcupine.sessions s ON s.user_id = m.user_id
 WHERE r.name = :'workload'
 ORDER BY m.room_id, m.user_id;
