-- link_membership(): the members of a room are whom a view of the application names, in the same commit as every change below
-- it; who stays, who stays out, what is refused, and what a link survives.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
\set VERBOSITY terse
SELECT pg_temp.people(18001, 18002, 18003, 18004, 18005, 18006);
SELECT pg_temp.room(18001, false, 18001, 18006), pg_temp.room(18002, true, 18001), pg_temp.room(18003, false, 18001), pg_temp.room(18004, false, 18001, 18006);
CREATE FUNCTION pg_temp.who(room bigint) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(m.user_id - 18000 || ' ' || m.role || ' ' || m.via, ', ' ORDER BY m.user_id) FROM porcupine.members m WHERE m.room_id = room
$$;

-- An application: its role is a trusted backend, its clerk has never heard of the chat.
CREATE ROLE links_app;
CREATE ROLE links_clerk;
GRANT porcupine_backend TO links_app;
CREATE SCHEMA shop AUTHORIZATION links_app;
SET ROLE links_app;
CREATE TABLE shop.departments (id integer PRIMARY KEY, room_id bigint);
CREATE TABLE shop.employees (login text PRIMARY KEY, department integer REFERENCES shop.departments ON DELETE CASCADE, left_on date, phone text);
INSERT INTO shop.departments VALUES (1, 18003), (2, 18004), (3, 99999999);
INSERT INTO shop.employees VALUES ('user-18002', 1), ('user-18003', 1), ('nobody here', 1);
CREATE VIEW shop.present AS SELECT login, department FROM shop.employees WHERE left_on IS NULL;
CREATE VIEW shop.staff AS SELECT porcupine.find_user(login) AS user_id FROM shop.present WHERE department = 1;
CREATE VIEW shop.teams AS SELECT d.room_id, porcupine.find_user(p.login) AS user_id FROM shop.present p JOIN shop.departments d ON d.id = p.department;
GRANT USAGE ON SCHEMA shop TO links_clerk;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.employees, shop.departments TO links_clerk;

-- From the commit on the room has whom the view names, and its owner. Who was there otherwise is removed.
BEGIN;
SELECT porcupine.link_membership(18001, 'shop.staff');
RESET ROLE;
SELECT pg_temp.who(18001) AS until_the_commit;
COMMIT;
SELECT pg_temp.who(18001);
SELECT * FROM pg_temp.log_of(18001);
SELECT actor_id, subject_id, action, detail FROM porcupine.audit WHERE room_id = 18001 ORDER BY id DESC LIMIT 4;
SELECT room, source, role, additive, rooms, excluded, missing, unwatched FROM porcupine.links();

-- A change by whoever may change the table, in its own commit; as nobody, whoever the transaction acts for.
SET ROLE links_clerk;
BEGIN;
INSERT INTO shop.employees VALUES ('user-18004', 1);
UPDATE shop.employees SET left_on = '2026-01-01' WHERE login = 'user-18003';
COMMIT;
RESET ROLE;
SELECT pg_temp.who(18001);
BEGIN;
SELECT porcupine.act_as(18004);
DELETE FROM shop.employees WHERE login = 'user-18004';
INSERT INTO shop.employees VALUES ('user-18003', 1) ON CONFLICT (login) DO UPDATE SET left_on = NULL;
COMMIT;
SELECT * FROM pg_temp.log_of(18001) WHERE seq > 6;

-- Only what differs at the commit counts, savepoints included; SET CONSTRAINTS asks before.
BEGIN;
DELETE FROM shop.employees WHERE login = 'user-18003';
SAVEPOINT s;
DELETE FROM shop.employees WHERE login = 'user-18002';
SET CONSTRAINTS ALL IMMEDIATE;
SELECT pg_temp.who(18001) AS early;
ROLLBACK TO s;
SELECT pg_temp.who(18001) AS back;
INSERT INTO shop.employees VALUES ('user-18003', 1);
COMMIT;
SELECT pg_temp.who(18001);
SELECT count(*) FROM pg_temp.log_of(18001);
SELECT count(*) FROM porcupine.stale_links;

-- TRUNCATE, a cascade, a rollback.
BEGIN;
TRUNCATE shop.employees;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT pg_temp.who(18001) AS truncated;
ROLLBACK;
BEGIN;
DELETE FROM shop.departments WHERE id = 1;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT pg_temp.who(18001) AS cascaded;
ROLLBACK;
SELECT pg_temp.who(18001);

-- Nobody joins by another way; the owner is whoever it is.
SELECT pg_temp.complain(18005, format('SELECT role FROM porcupine.join_room(%L)', (SELECT code FROM porcupine.rooms WHERE id = 18001)));
SELECT pg_temp.complain(NULL, 'INSERT INTO porcupine.members (room_id, user_id) VALUES (18001, 18005)');
BEGIN;
UPDATE porcupine.members SET role = CASE user_id WHEN 18001 THEN 'admin' ELSE 'owner' END::porcupine.role WHERE room_id = 18001 AND user_id IN (18001, 18002);
DELETE FROM shop.employees WHERE login = 'user-18002';
COMMIT;
SELECT pg_temp.who(18001) AS the_old_owner_was_not_named;
INSERT INTO shop.employees VALUES ('user-18002', 1);

-- Who is removed by somebody, or leaves, stays out until the view has been without them.
BEGIN;
SELECT porcupine.act_as(18002);
SELECT porcupine.remove_member(18001, 18003);
COMMIT;
UPDATE shop.employees SET phone = '1';
SELECT pg_temp.who(18001) AS stays_out;
SELECT excluded FROM porcupine.links();
BEGIN;
DELETE FROM shop.employees WHERE login = 'user-18003';
COMMIT;
SELECT excluded FROM porcupine.links();
INSERT INTO shop.employees VALUES ('user-18003', 1);
SELECT pg_temp.who(18001) AS comes_back;
BEGIN;
SELECT porcupine.act_as(18003);
SELECT porcupine.leave_room(18001);
COMMIT;
UPDATE shop.employees SET phone = '2';
SELECT pg_temp.who(18001) AS left_and_stays_out;

-- A new account is found by its name in the commit that makes it; one that is disabled is not added before it is enabled again.
INSERT INTO shop.employees VALUES ('user-18007', 1), ('user-18005', 1);
BEGIN;
DELETE FROM shop.employees WHERE login = 'user-18005';
COMMIT;
UPDATE porcupine.users SET disabled_at = clock_timestamp() WHERE id = 18005;
INSERT INTO shop.employees VALUES ('user-18005', 1);
SELECT pg_temp.people(18007);
SELECT pg_temp.who(18001);
UPDATE porcupine.users SET disabled_at = NULL WHERE id = 18005;
SELECT pg_temp.who(18001);
DELETE FROM porcupine.users WHERE id = 18007;
SELECT pg_temp.who(18001);

-- Nor is one who is banned; the first comparison after that adds them.
BEGIN;
SELECT porcupine.act_as(18002);
SELECT porcupine.ban_user(18001, 18004);
COMMIT;
INSERT INTO shop.employees VALUES ('user-18004', 1);
SELECT pg_temp.who(18001);
BEGIN;
SELECT porcupine.act_as(18002);
SELECT porcupine.unban_user(18001, 18004);
COMMIT;
UPDATE shop.employees SET phone = '3';
SELECT pg_temp.who(18001);
DELETE FROM shop.employees WHERE login = 'user-18004';

-- A full room is an error of the commit.
UPDATE porcupine.rooms SET max_members = 3 WHERE id = 18001;
BEGIN;
INSERT INTO shop.employees VALUES ('user-18004', 1), ('user-18006', 1);
\set VERBOSITY sqlstate
COMMIT;
\set VERBOSITY terse
SELECT pg_temp.who(18001), (SELECT count(*) FROM shop.employees);
UPDATE porcupine.rooms SET max_members = 100 WHERE id = 18001;

-- An encrypted room: added as pending, let in with the role of the link; a removal closes the epoch, that of a pending one does not.
SET ROLE links_app;
SELECT porcupine.link_membership(18002, 'shop.staff', 'reader');
RESET ROLE;
SELECT pg_temp.who(18002);
INSERT INTO porcupine.devices (id, user_id, name, keys) VALUES (18001, 18001, 'laptop', 'keys'), (18002, 18002, 'phone', 'keys');
BEGIN;
SELECT porcupine.act_as(18001);
SELECT committed FROM porcupine.commit_epoch(18002, 1, 0, '{add}', '{18002}', '{bundle}');
COMMIT;
SELECT pg_temp.who(18002);
DELETE FROM shop.employees WHERE login = 'user-18005';
SELECT epoch_open FROM porcupine.room_heads WHERE room_id = 18002;
DELETE FROM shop.employees WHERE login = 'user-18002';
SELECT epoch_open FROM porcupine.room_heads WHERE room_id = 18002;
SELECT pg_temp.who(18001) AS plain, pg_temp.who(18002) AS encrypted;

-- Many rooms by one source, those that do not exist passed over. A room that is named no more has its owner.
SET ROLE links_app;
SELECT porcupine.link_memberships('shop.teams', additive => true);
INSERT INTO shop.employees VALUES ('user-18004', 2), ('user-18005', 3);
RESET ROLE;
SELECT pg_temp.who(18003) AS first, pg_temp.who(18004) AS second;
-- Additive: others come and go; the link removes only its own. Who is in already is not its own.
SELECT pg_temp.try(18002, 'SELECT role FROM porcupine.join_room(''R18003'')');
UPDATE shop.employees SET department = 3 WHERE department = 1;
INSERT INTO shop.employees VALUES ('user-18006', 2);
DELETE FROM shop.employees WHERE login IN ('user-18006', 'user-18004');
SELECT pg_temp.who(18003) AS first, pg_temp.who(18004) AS second;
-- The same link with another rule.
SET ROLE links_app;
SELECT porcupine.link_memberships('shop.teams', 'moderator');
UPDATE shop.employees SET department = 2 WHERE login = 'user-18005';
RESET ROLE;
SELECT pg_temp.who(18003) AS first, pg_temp.who(18004) AS second;
SELECT room, source, role, additive, rooms, missing, unwatched FROM porcupine.links();

-- A room follows one link, at the call and at the commit.
SET ROLE links_app;
CREATE VIEW shop.others AS SELECT 1::smallint AS user_id;
CREATE VIEW shop.both AS SELECT 18001 AS room_id, 18004 AS user_id;
SELECT pg_temp.complain(NULL, 'SELECT porcupine.link_membership(18001, ''shop.others'')::text');
SELECT pg_temp.complain(NULL, 'SELECT porcupine.link_membership(18003, ''shop.others'')::text');
SELECT porcupine.link_memberships('shop.both');

-- What is refused at once.
CREATE VIEW shop.nobody AS SELECT login FROM shop.employees;
CREATE VIEW shop.names AS SELECT login AS user_id FROM shop.employees;
CREATE VIEW shop.circle AS SELECT m.user_id FROM porcupine.members m;
CREATE VIEW shop.accounts AS SELECT u.id AS user_id FROM porcupine.users u;
RESET ROLE;
INSERT INTO porcupine.rooms (id, name, direct) VALUES (18005, 'direct', true);
INSERT INTO porcupine.room_heads (room_id) VALUES (18005);
SET ROLE links_app;
SELECT call, pg_temp.complain(NULL, format('SELECT porcupine.%s::text', call)) FROM (VALUES
  ('link_membership(NULL, ''shop.staff'')'), ('link_membership(18002, NULL)'), ('link_membership(18002, ''shop.staff'', NULL)'),
  ('link_membership(18002, ''shop.staff'', additive => NULL)'), ('link_memberships(NULL)'),
  ('link_membership(18002, ''shop.staff'', ''owner'')'), ('link_membership(18002, ''shop.staff'', ''pending'')'), ('link_membership(18002, ''shop.staff'', ''king'')'),
  ('link_membership(18002, 4294967295)'), ('link_membership(99999999, ''shop.staff'')'), ('link_membership(18005, ''shop.staff'')'),
  ('link_membership(18004, ''shop.nobody'')'), ('link_membership(18004, ''shop.names'')'), ('link_memberships(''shop.staff'')'),
  ('link_membership(18004, ''shop.circle'')'), ('link_membership(18004, ''shop.accounts'')'), ('link_membership(18004, ''porcupine.my_rooms'')'),
  ('unlink_membership(NULL)'), ('unlink_membership(99999999)'), ('unlink_membership(18003)'), ('unlink_memberships(NULL)'), ('unlink_memberships('''')'),
  ('unlink_memberships(''shop.staff'')')) t (call);
RESET ROLE;

CREATE TEMP TABLE passing (user_id bigint);
CREATE TEMP VIEW passing_view AS SELECT user_id FROM passing;
SELECT call, pg_temp.complain(NULL, 'SELECT porcupine.' || call) FROM (VALUES
  ('link_membership(18004, ''passing'')'), ('link_membership(18004, ''passing_view'')')) t (call);
DROP VIEW passing_view;
DROP TABLE passing;

-- By whom: somebody else's view needs SELECT, a table below it TRIGGER; whoever is no backend has nothing to link.
CREATE ROLE links_other;
GRANT porcupine_backend TO links_other;
GRANT USAGE ON SCHEMA shop TO links_other;
SELECT pg_temp.room(18006, false, 18001);
SET ROLE links_other;
SELECT porcupine.link_membership(18006, 'shop.teams');
RESET ROLE;
GRANT SELECT ON shop.others, shop.staff TO links_other;
SET ROLE links_other;
SELECT porcupine.link_membership(18006, 'shop.staff');        -- its tables have their trigger already
SELECT porcupine.unlink_membership(18006);
-- Reading runs the functions of whoever made what a view stands on, with the rights of who reads: only the owner decides to.
RESET ROLE;
GRANT CREATE ON SCHEMA shop TO links_other;
SET ROLE links_other;
CREATE FUNCTION shop.reader() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'I am %', current_user; RETURN 18002; END $$;
CREATE VIEW shop.trap AS SELECT shop.reader() AS user_id;
RESET ROLE;
CREATE VIEW shop.report AS SELECT user_id FROM shop.trap;
GRANT SELECT ON shop.report TO links_other;
SET ROLE links_other;
SELECT porcupine.link_membership(18006, 'shop.report');
SELECT porcupine.link_membership(18006, 'shop.trap');
SELECT porcupine.unlink_membership(18006);
RESET ROLE;
DROP VIEW shop.report, shop.trap;
DROP FUNCTION shop.reader();
REVOKE CREATE ON SCHEMA shop FROM links_other;
SET ROLE links_clerk;
SELECT porcupine.link_membership(18006, 'shop.staff');
RESET ROLE;
DROP TRIGGER porcupine_links ON shop.employees;
SET ROLE links_other;
SELECT porcupine.link_membership(18006, 'shop.staff');
RESET ROLE;
SELECT source, unwatched FROM porcupine.links() WHERE unwatched <> '{}';
SET ROLE links_app;
SELECT porcupine.link_membership(18001, 'shop.staff');        -- again, which gives it back
RESET ROLE;
SELECT source, unwatched FROM porcupine.links() WHERE unwatched <> '{}';

-- A source has its owner's powers, nobody else's: neither those of the extension nor those of whoever changes a row.
SET ROLE links_app;
CREATE TABLE shop.seen (as_whom text, acting_for bigint, path text);
CREATE FUNCTION shop.look(user_id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO shop.seen VALUES (current_user, porcupine.current_user_id(), current_setting('search_path'));
  RETURN user_id;
END $$;
CREATE TABLE shop.guests (user_id integer);
CREATE VIEW shop.curious AS SELECT shop.look(user_id) AS user_id FROM shop.guests;
CREATE VIEW shop.greedy AS SELECT user_id FROM shop.guests WHERE EXISTS (SELECT FROM pg_catalog.pg_authid);
SELECT porcupine.link_membership(18006, 'shop.curious');
RESET ROLE;
BEGIN;
SELECT porcupine.act_as(18001);
INSERT INTO shop.guests VALUES (18002), (NULL), (18002), (0);
COMMIT;
SELECT DISTINCT * FROM shop.seen;
SELECT pg_temp.who(18006);

-- What the view has become: dropped (members stay as they are, with a warning), made again, over other tables, without its column.
SET ROLE links_app;
DROP VIEW shop.curious;
DELETE FROM shop.guests;
INSERT INTO shop.guests VALUES (18003);
SELECT source, missing FROM porcupine.links() WHERE missing;
CREATE VIEW shop.curious AS SELECT user_id FROM shop.guests;
INSERT INTO shop.guests VALUES (18004);
RESET ROLE;
SELECT pg_temp.who(18006);
SET ROLE links_app;
CREATE TABLE shop.friends (user_id bigint) PARTITION BY LIST (user_id);
CREATE TABLE shop.friends_of_old PARTITION OF shop.friends DEFAULT;
CREATE MATERIALIZED VIEW shop.old_friends AS SELECT 18005 AS user_id;
CREATE OR REPLACE VIEW shop.curious AS SELECT user_id FROM shop.guests UNION ALL SELECT user_id::integer FROM shop.friends UNION ALL SELECT user_id FROM shop.old_friends;
SELECT unwatched FROM porcupine.links() WHERE room = 18006;
SELECT porcupine.link_membership(18006, 'shop.curious');
INSERT INTO shop.friends_of_old VALUES (18006);
SELECT unwatched FROM porcupine.links() WHERE room = 18006;
RESET ROLE;
SELECT pg_temp.who(18006);
SET ROLE links_app;
DROP MATERIALIZED VIEW shop.old_friends CASCADE;
CREATE VIEW shop.curious AS SELECT user_id AS somebody FROM shop.guests;
DELETE FROM shop.guests WHERE user_id = 18003;
DROP VIEW shop.curious;
DELETE FROM shop.guests WHERE user_id = 18003;
DROP TABLE shop.guests, shop.friends CASCADE;
SELECT porcupine.unlink_membership(18006);
RESET ROLE;
SELECT pg_temp.who(18006) AS stay;

-- A source that changes with nothing that a trigger sees.
SET ROLE links_app;
CREATE TABLE shop.today (day integer);
INSERT INTO shop.today VALUES (1);
CREATE FUNCTION shop.day() RETURNS integer LANGUAGE sql STABLE AS 'SELECT day FROM shop.today';
CREATE FUNCTION shop.seen_day() RETURNS integer LANGUAGE sql STABLE BEGIN ATOMIC SELECT day FROM shop.today; END;
CREATE VIEW shop.shift AS SELECT 18002 + shop.day() AS user_id;
CREATE VIEW shop.seen_shift AS SELECT 18002 + shop.seen_day() AS user_id;
SELECT porcupine.link_membership(18006, 'shop.shift');
UPDATE shop.today SET day = 2;
RESET ROLE;
SELECT pg_temp.who(18006) AS unnoticed;
SET ROLE links_app;
SELECT porcupine.refresh_memberships();
RESET ROLE;
SELECT pg_temp.who(18006) AS refreshed;
SET ROLE links_app;
SELECT porcupine.unlink_membership(18006);
SELECT porcupine.link_membership(18006, 'shop.seen_shift');
UPDATE shop.today SET day = 3;
RESET ROLE;
SELECT pg_temp.who(18006) AS seen;

-- A superuser's view may read the accounts; it follows them.
CREATE VIEW shop.everybody AS SELECT id AS user_id FROM porcupine.users WHERE display_name LIKE 'User 18%' AND id <> 18002;
SELECT porcupine.unlink_membership(18006);
SELECT porcupine.link_membership(18006, 'shop.everybody');
SELECT pg_temp.people(18007);
SELECT pg_temp.who(18006);
SELECT porcupine.unlink_membership(18006);
DELETE FROM porcupine.users WHERE id = 18007;
SET ROLE links_app;
SELECT porcupine.link_membership(18006, 'shop.seen_shift');
RESET ROLE;

-- With deferred sends: whom the link adds can be written to by the same commit; whom it removes has sent nothing.
SET ROLE links_app;
BEGIN;
SELECT porcupine.act_as(18005);
SELECT porcupine.send_deferred(18006, gen_random_uuid(), 'hello');
UPDATE shop.today SET day = 2;
\set VERBOSITY sqlstate
COMMIT;
\set VERBOSITY terse
RESET ROLE;
SELECT pg_temp.who(18006);

-- PREPARE TRANSACTION would have to ring where members change, and goes where they do not.
BEGIN;
UPDATE shop.today SET day = 2;
PREPARE TRANSACTION 'links';
BEGIN;
UPDATE shop.today SET day = 3;
PREPARE TRANSACTION 'links';
ROLLBACK PREPARED 'links';

-- A deleted room takes its link along. The end of the last link over a table takes the trigger.
BEGIN;
SELECT porcupine.act_as(18001);
SELECT porcupine.delete_room(18006);
COMMIT;
UPDATE shop.today SET day = 4;
SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'porcupine_links' ORDER BY 1;
SET ROLE links_other;
SELECT porcupine.unlink_membership(18001);
SET ROLE links_app;
SELECT porcupine.unlink_membership(18002);
SELECT porcupine.unlink_memberships('shop.teams');
SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'porcupine_links' ORDER BY 1;
SELECT * FROM porcupine.links();
TRUNCATE shop.employees;
RESET ROLE;
SELECT pg_temp.who(18001) AS first, pg_temp.who(18003) AS third;
SELECT pg_temp.try(18006, format('SELECT role FROM porcupine.join_room(%L)', (SELECT code FROM porcupine.rooms WHERE id = 18003)));
SELECT count(*) FROM porcupine.linked_rooms, porcupine.link_exclusions;

SET client_min_messages = error;
DROP SCHEMA shop CASCADE;
DELETE FROM porcupine.rooms WHERE id BETWEEN 18001 AND 18006;
DELETE FROM porcupine.users WHERE id BETWEEN 18001 AND 18007;
DROP ROLE links_app, links_clerk, links_other;
