-- Read marks and delivered marks: they only rise, to the head at most, and what was read was delivered. Unread is what lies above.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(33001, 33002, 33003, 33004);
SELECT pg_temp.room(33001, false, 33001, 33002);
SELECT pg_temp.room(33002, false, 33001, 33002);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (33001, 33003, 'pending');
SELECT pg_temp.try(33001, format('SELECT seq FROM porcupine.send(33001, gen_random_uuid(), ''m%s'')', i)) AS sent FROM generate_series(1, 5) i;
CREATE FUNCTION pg_temp.mark(account bigint, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer text := pg_temp.complain(account, 'SELECT porcupine.' || call);
BEGIN
  RETURN concat_ws(' ', nullif(answer, ''), (SELECT string_agg(format('%s/%s', m.read_seq, m.delivered_seq), ', ' ORDER BY m.user_id) FROM porcupine.members m WHERE m.room_id = 33001));
END
$$;
SELECT last_seq FROM porcupine.room_heads WHERE room_id = 33001;

-- read/delivered of the three after each call, which the second makes.
SELECT call, pg_temp.mark(33002, call) FROM unnest(ARRAY['mark_delivered(33001, 4)', 'mark_delivered(33001, 2)', 'mark_read(33001, 3)', 'mark_read(33001, 2)', 'mark_read(33001, 5)',
  'mark_delivered(33001, 9223372036854775807)', 'mark_read(33001, 9223372036854775807)', 'mark_read(33001, 0)', 'mark_delivered(33001, 0)']) call;
SELECT call, pg_temp.mark(33002, call) FROM unnest(ARRAY['mark_read(33001, NULL)', 'mark_delivered(33001, NULL)', 'mark_read(33001, -1)', 'mark_delivered(33001, -1)',
  'mark_read(33999, 1)', 'mark_delivered(NULL, 1)']) call;
SELECT call, pg_temp.complain(33003, 'SELECT porcupine.' || call) AS pending, pg_temp.complain(33004, 'SELECT porcupine.' || call) AS stranger, pg_temp.complain(NULL, 'SELECT porcupine.' || call) AS nobody
  FROM unnest(ARRAY['mark_read(33001, 1)', 'mark_delivered(33001, 1)', 'marks(33001)']) call;
SELECT pg_temp.complain(NULL, 'SELECT * FROM porcupine.unread()') AS nobody;
-- A reader reads, in an archive, too.
UPDATE porcupine.members SET role = 'reader' WHERE room_id = 33001 AND user_id = 33002;
UPDATE porcupine.room_heads SET archived = true WHERE room_id = 33001;
SELECT pg_temp.try(33002, $$SELECT string_agg(m::text, ' ') FROM porcupine.marks(33001) m$$) AS marks;
SELECT pg_temp.mark(33001, 'mark_read(33001, 6)');
UPDATE porcupine.room_heads SET archived = false WHERE room_id = 33001;

-- Unread: above the mark, since one joined, of what retention has left; the same as the room says.
CREATE FUNCTION pg_temp.unread(account bigint) RETURNS TABLE (unread text, as_the_rooms_say text) LANGUAGE sql AS $$
  SELECT pg_temp.try(account, 'SELECT string_agg(u::text, '' '') FROM porcupine.unread() u'),
         pg_temp.try(account, 'SELECT string_agg(format(''(%s,%s)'', r.id, r.unread), '' '' ORDER BY r.id) FROM porcupine.my_rooms() r WHERE r.role > ''pending''')
$$;
SELECT u, r.* FROM generate_series(33001, 33004) u, pg_temp.unread(u) r;
SELECT pg_temp.try(33001, $$SELECT seq > 0 FROM porcupine.send(33001, gen_random_uuid(), 'one more')$$) AS sent;
SELECT u, r.* FROM generate_series(33001, 33002) u, pg_temp.unread(u) r;
UPDATE porcupine.members SET read_seq = 0 WHERE room_id = 33001;
SELECT r.* FROM pg_temp.unread(33001) r;
UPDATE porcupine.room_heads SET first_seq = last_seq - 1 WHERE room_id = 33001;
SELECT r.* FROM pg_temp.unread(33001) r;

DELETE FROM porcupine.rooms WHERE id IN (33001, 33002);
DELETE FROM porcupine.users WHERE id BETWEEN 33001 AND 33004;
