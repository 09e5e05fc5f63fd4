-- Requests to join: who comes by code to a room that approves is asked to ask; moderators decide; a request is no event of the log.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- By their number: 1 owner, 2 moderator, 3 member, 4 to 8 strangers. 4401 is unlisted, 4402 encrypted and listed.
SELECT pg_temp.people(4401, 4402, 4403, 4404, 4405, 4406, 4407, 4408);
SELECT pg_temp.room(4401, false, 4401, 4402, 4403);
SELECT pg_temp.room(4402, true, 4401);
UPDATE porcupine.members SET role = 'moderator' WHERE room_id = 4401 AND user_id = 4402;
SELECT pg_temp.complain(4404, $$SELECT porcupine.request_to_join('R04401')$$) AS no_approval_needed;
UPDATE porcupine.rooms SET approval = true WHERE id IN (4401, 4402);
UPDATE porcupine.rooms SET listed = true WHERE id = 4402;
SELECT last_seq AS before FROM porcupine.room_heads WHERE room_id = 4401 \gset

-- The code alone opens nothing any more; an invite does, for an admin made it.
SELECT pg_temp.complain(4404, $$SELECT porcupine.join_room('R04401')$$) AS by_code;
SELECT pg_temp.complain(4404, $$SELECT porcupine.join_listed(4402)$$) AS from_the_list;
SELECT pg_temp.try(4403, $$SELECT r.role FROM porcupine.join_room('R04401') r$$) AS member;
BEGIN;
SELECT porcupine.act_as(4401);
SELECT code AS invite FROM porcupine.create_invite(4401) \gset
COMMIT;
SELECT pg_temp.try(4408, format('SELECT r.role FROM porcupine.join_room(%L) r', :'invite')) AS by_invite;

-- Asking, and asking again.
SELECT pg_temp.try(4404, $$SELECT to_jsonb(j) - 'requested_at' FROM porcupine.request_to_join(' r04401 ', message => 'Hello') j$$) AS by_code;
SELECT pg_temp.try(4404, $$SELECT j.message FROM porcupine.request_to_join('R04401') j$$) AS again;
SELECT pg_temp.try(4404, $$SELECT j.message FROM porcupine.request_to_join('R04401', message => 'Hello!') j$$) AS changed;
SELECT pg_temp.try(4405, $$SELECT j.name FROM porcupine.request_to_join('R04401') j$$) AS another;
SELECT pg_temp.try(4404, $$SELECT j.name FROM porcupine.request_to_join(room => 4402) j$$) AS listed;
SELECT who, input, pg_temp.complain(who, format('SELECT porcupine.request_to_join(%s)', input)) FROM (VALUES
  (4404, 'NULL'), (4404, '''R04401'', 4401'), (4404, '''ZZZZZ9'''), (4404, ''''''), (4404, 'room => 4401'), (4404, 'room => 4499'), (4404, 'room => -1'),
  (4404, '''R04401'', message => repeat(''m'', 501)'), (4403, '''R04401'''), (NULL, '''R04401''')) t (who, input);
SELECT pg_temp.try(4404, 'SELECT string_agg(j.name, '', '' ORDER BY j.name) FROM porcupine.my_requests() j') AS mine;
SELECT pg_temp.try(4402, 'SELECT jsonb_agg(to_jsonb(j) - ''requested_at'') FROM porcupine.room_requests(4401) j') AS theirs;
SELECT pg_temp.try(NULL, 'SELECT porcupine.my_requests()') AS nobody;

-- Deciding.
SELECT pg_temp.complain(4402, 'SELECT porcupine.approve_request(4401, 4404)') AS approved;
SELECT pg_temp.complain(4402, 'SELECT porcupine.approve_request(4401, 4404)') AS again;
SELECT pg_temp.complain(4402, 'SELECT porcupine.decline_request(4401, 4405)') AS declined;
SELECT pg_temp.complain(4402, 'SELECT porcupine.decline_request(4401, 4405)') AS again;
SELECT pg_temp.complain(4402, 'SELECT porcupine.approve_request(4401, 4406)') AS never_asked;
SELECT pg_temp.try(4404, 'SELECT r.role FROM porcupine.my_room(4401) r') AS in_by_now, pg_temp.try(4405, 'SELECT porcupine.my_room(4401)') AS still_out;
SELECT pg_temp.try(4401, 'SELECT porcupine.approve_request(4402, 4404)') AS approved;
SELECT pg_temp.try(4404, 'SELECT r.role FROM porcupine.my_room(4402) r') AS waits_for_a_key;

-- Withdrawing; asking again after a no; coming in by another door.
SELECT pg_temp.try(4405, $$SELECT j.name FROM porcupine.request_to_join('R04401') j$$) AS asks_again;
SELECT pg_temp.complain(4405, 'SELECT porcupine.withdraw_request(4401)') AS withdrawn;
SELECT pg_temp.complain(4405, 'SELECT porcupine.withdraw_request(4401)') AS again;
SELECT pg_temp.try(4405, $$SELECT j.name FROM porcupine.request_to_join('R04401') j$$) AS asks_again;
SELECT pg_temp.try(4405, format('SELECT r.role FROM porcupine.join_room(%L) r', :'invite')) AS by_invite;
SELECT pg_temp.try(4402, 'SELECT count(*) FROM porcupine.room_requests(4401)') AS waiting;

-- A ban ends the request and keeps from asking; an archived room takes none, but those that wait can be turned down.
SELECT pg_temp.try(4406, $$SELECT j.name FROM porcupine.request_to_join('R04401') j$$) AS asks;
SELECT pg_temp.try(4407, $$SELECT j.name FROM porcupine.request_to_join('R04401') j$$) AS asks;
SELECT pg_temp.try(4402, 'SELECT porcupine.ban_user(4401, 4406)') AS banned;
SELECT pg_temp.complain(4406, $$SELECT porcupine.request_to_join('R04401')$$) AS asks_again, pg_temp.try(4402, 'SELECT porcupine.approve_request(4401, 4406)') AS approved;
SELECT pg_temp.try(4401, 'SELECT r.archived FROM porcupine.archive_room(4401) r') AS archived;
SELECT pg_temp.complain(4405, 'SELECT porcupine.leave_room(4401)') AS leaves, pg_temp.complain(4405, $$SELECT porcupine.request_to_join('R04401')$$) AS asks;
SELECT pg_temp.complain(4402, 'SELECT porcupine.approve_request(4401, 4407)') AS approved, pg_temp.complain(4402, 'SELECT porcupine.decline_request(4401, 4407)') AS declined;
SELECT pg_temp.try(4401, 'SELECT r.archived FROM porcupine.unarchive_room(4401) r') AS archived;

-- In a full room nobody is approved, and the request waits.
SELECT pg_temp.try(4407, $$SELECT j.name FROM porcupine.request_to_join('R04401') j$$) AS asks;
UPDATE porcupine.rooms SET max_members = 1 WHERE id = 4401;
SELECT pg_temp.complain(4402, 'SELECT porcupine.approve_request(4401, 4407)') AS approved;
SELECT pg_temp.try(4402, 'SELECT count(*) FROM porcupine.room_requests(4401)') AS waiting;

-- So many may wait.
INSERT INTO porcupine.users (id, username, display_name) SELECT 440000 + i, 'asker-' || i, 'Asker' FROM generate_series(1, 499) i;
INSERT INTO porcupine.join_requests (room_id, user_id) SELECT 4401, 440000 + i FROM generate_series(1, 499) i;
SELECT pg_temp.complain(4405, $$SELECT porcupine.request_to_join('R04401')$$) AS one_too_many;
SELECT pg_temp.try(4407, $$SELECT j.message FROM porcupine.request_to_join('R04401', message => 'still here') j$$) AS waits_already;

-- Who may not.
SELECT what, pg_temp.complain(4403, format(what, 4401)) AS member, pg_temp.try(4406, format(what, 4401)) AS stranger,
       pg_temp.try(4401, format(what, 4499)) AS no_room, pg_temp.try(4401, format(what, 'NULL')) AS null_room, pg_temp.try(NULL, format(what, 4401)) AS nobody
  FROM (VALUES
  ('SELECT count(*) FROM porcupine.room_requests(%s)'),
  ('SELECT porcupine.approve_request(%s, 4407)'),
  ('SELECT porcupine.decline_request(%s, 4407)'),
  ('SELECT porcupine.withdraw_request(%s)')) AS t (what);
SELECT pg_temp.try(4401, 'SELECT porcupine.approve_request(4401, NULL)') AS null_user;

-- The log has only who came in; the audit has it all.
SELECT seq - :before AS seq, kind, body FROM pg_temp.log_of(4401) WHERE seq > :before;
SELECT actor_id, subject_id, action, detail FROM porcupine.audit WHERE room_id = 4401 AND (action LIKE 'request.%' OR detail ->> 'via' = 'request') ORDER BY id;

-- An erased user's requests go, and so does what is said of them in a ban, which stays; until then both are told to whom they are about.
SELECT pg_temp.try(4402, 'SELECT porcupine.ban_user(4401, 4408, ''for a reason'')') AS banned;
SELECT pg_temp.try(4408, $$SELECT j.name FROM porcupine.request_to_join(room => 4402, message => 'Let me in') j$$) AS asks;
SELECT r - 'type' - 'banned_at' - 'requested_at' AS exported FROM porcupine.export_user_rows(4408) r WHERE r ->> 'type' IN ('ban', 'join_request') ORDER BY r ->> 'type';
SET client_min_messages = warning;
SELECT more FROM porcupine.erase_user(4408);
RESET client_min_messages;
SELECT user_id, reason FROM porcupine.bans WHERE room_id = 4401 AND user_id = 4408;
SELECT count(*) AS requests FROM porcupine.join_requests WHERE user_id = 4408;

-- Requests go with the room and with the account.
DELETE FROM porcupine.users WHERE id = 4407 OR id > 440000;
DELETE FROM porcupine.rooms WHERE id IN (4401, 4402);
SELECT count(*) AS left_behind FROM porcupine.join_requests WHERE room_id IN (4401, 4402);
DELETE FROM porcupine.users WHERE id BETWEEN 4401 AND 4408;
