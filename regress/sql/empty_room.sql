-- A room that everybody has left can still be joined by its code, and whoever comes first is its owner.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(8301, 8302, 8303);
SELECT pg_temp.room(8301, false, 8301, 8302);
SELECT pg_temp.try(8301, 'SELECT porcupine.leave_room(8301)'), pg_temp.try(8302, 'SELECT porcupine.leave_room(8301)');
SELECT count(*) FROM porcupine.members WHERE room_id = 8301;
SELECT pg_temp.try(8303, $$SELECT role FROM porcupine.join_room('R08301')$$);
SELECT pg_temp.try(8302, $$SELECT role FROM porcupine.join_room('R08301')$$);
SELECT * FROM pg_temp.log_of(8301);
DELETE FROM porcupine.rooms WHERE id = 8301;
DELETE FROM porcupine.users WHERE id BETWEEN 8301 AND 8303;
