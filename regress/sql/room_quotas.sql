-- Quotas of rooms: how many one owns, how many one is in or asks to join, how large an admin makes a room. SQL is not held to them.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SHOW porcupine.max_rooms;
SHOW porcupine.max_memberships;
SHOW porcupine.max_members;
SELECT pg_temp.people(4701, 4702, 4703);
SELECT pg_temp.room(4701, false, 4701, 4702);
SELECT pg_temp.room(4702, false, 4701, 4702);
SELECT pg_temp.room(4703, false, 4702);
SELECT pg_temp.room(4704, false, 4702);
SELECT pg_temp.room(4705, false, 4702);
UPDATE porcupine.rooms SET approval = true, listed = true WHERE id = 4704;
UPDATE porcupine.rooms SET listed = true WHERE id = 4705;

-- Owning.
SET porcupine.max_rooms = 3;
SELECT pg_temp.try(4701, $$SELECT r.name FROM porcupine.create_room('third', false) r$$) AS third;
SELECT pg_temp.complain(4701, $$SELECT porcupine.create_room('fourth', false)$$) AS fourth;
SELECT pg_temp.complain(4702, 'SELECT porcupine.transfer_room(4703, 4701)') AS not_inside;
INSERT INTO porcupine.members (room_id, user_id) VALUES (4703, 4701);
SELECT pg_temp.complain(4702, 'SELECT porcupine.transfer_room(4703, 4701)') AS transfer;
SELECT pg_temp.try(4702, 'SELECT porcupine.leave_room(4703)') AS the_owner_leaves;
SELECT count(*) AS owned FROM porcupine.members WHERE user_id = 4701 AND role = 'owner';
SET porcupine.max_rooms = 0;
SELECT pg_temp.try(4703, $$SELECT porcupine.create_room('first', false)$$) AS nobody_makes_rooms;
RESET porcupine.max_rooms;

-- Being inside, or asking to be.
SET porcupine.max_memberships = 1;
SELECT pg_temp.try(4703, 'SELECT j.name FROM porcupine.request_to_join(room => 4704) j') AS asks;
SELECT pg_temp.try(4703, $$SELECT j.message FROM porcupine.request_to_join(room => 4704, message => 'again') j$$) AS again;
SELECT what, pg_temp.complain(4703, what) FROM (VALUES
  ('SELECT porcupine.join_room(''R04701'')'), ('SELECT porcupine.join_listed(4705)'), ('SELECT porcupine.create_room(''mine'', false)'),
  ('SELECT porcupine.direct_room(4701, false)')) AS t (what);
SELECT pg_temp.complain(4701, 'SELECT porcupine.direct_room(4703, false)') AS direct;
SELECT pg_temp.try(4702, 'SELECT porcupine.approve_request(4704, 4703)') AS approved;
SELECT pg_temp.try(4703, 'SELECT r.role FROM porcupine.join_listed(4704) r') AS inside_already;
SELECT pg_temp.try(4702, 'SELECT r.approval FROM porcupine.change_room(4705, approval => true) r') AS approval;
SELECT pg_temp.complain(4703, 'SELECT porcupine.request_to_join(room => 4705)') AS asks;
-- Somebody who asked, and came into another room before they were approved.
SET porcupine.max_memberships = 2;
SELECT pg_temp.try(4703, 'SELECT j.name FROM porcupine.request_to_join(room => 4705) j') AS asks;
SET porcupine.max_memberships = 1;
SELECT pg_temp.complain(4702, 'SELECT porcupine.approve_request(4705, 4703)') AS approved;
INSERT INTO porcupine.members (room_id, user_id) VALUES (4701, 4703);
SELECT count(*) AS by_sql FROM porcupine.members WHERE user_id = 4703;
RESET porcupine.max_memberships;

-- The size of a room.
SET porcupine.max_members = 50;
SELECT pg_temp.complain(4702, 'SELECT porcupine.change_room(4705, max_members => 51)') AS too_large;
SELECT pg_temp.try(4702, 'SELECT r.max_members FROM porcupine.change_room(4705, max_members => 50) r') AS large;
SELECT pg_temp.try(4702, $$SELECT r.max_members FROM porcupine.create_room('small', false) r$$) AS a_new_one;
RESET porcupine.max_members;
SELECT pg_temp.try(4702, $$SELECT r.max_members FROM porcupine.create_room('usual', false) r$$) AS a_new_one;

-- Only superusers set them.
CREATE ROLE regress_client LOGIN IN ROLE porcupine_client;
SET SESSION AUTHORIZATION regress_client;
\set VERBOSITY sqlstate
SET porcupine.max_rooms = 10;
SET porcupine.max_memberships = 10;
SET porcupine.max_members = 10;
RESET SESSION AUTHORIZATION;
DROP ROLE regress_client;
SET porcupine.max_rooms = -1;
SET porcupine.max_memberships = 0;
SET porcupine.max_members = 0;
DELETE FROM porcupine.rooms WHERE id BETWEEN 4701 AND 4705 OR created_by BETWEEN 4701 AND 4703;
DELETE FROM porcupine.users WHERE id BETWEEN 4701 AND 4703;
