-- employees.sql: a room whose members are the employees of a department. Nobody adds or removes them by hand: a change of the table
-- and the change of the membership are one commit.
-- As superuser, in the database that has the extension:   psql -f examples/employees.sql
--
-- It begins a transaction and rolls it back, so that nothing of it stays: take COMMIT instead, and your own names.

\set ON_ERROR_STOP on
\pset null null
BEGIN;

CREATE ROLE hr LOGIN IN ROLE porcupine_backend;
CREATE SCHEMA hr AUTHORIZATION hr;
SET LOCAL SESSION AUTHORIZATION hr;

-- The table that is there anyway, here with a column for the account in the chat, and who may not be in the room: a view.
CREATE TABLE hr.employees (
  id integer PRIMARY KEY,
  name text NOT NULL,
  department text NOT NULL,
  leaves_on date,
  account bigint UNIQUE
);
CREATE VIEW hr.night_shift AS SELECT account AS user_id FROM hr.employees WHERE department = 'night shift' AND leaves_on IS NULL;

-- Everybody gets an account; its password is nobody's business, for the application acts for its people.
INSERT INTO hr.employees (id, name, department, account)
SELECT e.id, e.name, e.department, (porcupine.register(e.name, gen_random_uuid()::text)).user_id
  FROM (VALUES (1, 'ines.hr', 'hr'), (2, 'omar.hr', 'night shift'), (3, 'ruth.hr', 'night shift'), (4, 'sven.hr', 'kitchen')) AS e (id, name, department);
\echo '-- the accounts'
SELECT id, name, department, account IS NOT NULL AS has_account FROM hr.employees ORDER BY id;

-- The room belongs to Ines; who else is in it, the view says.
SELECT porcupine.act_as(account) AS ines FROM hr.employees WHERE name = 'ines.hr' \gset
SELECT id AS room FROM porcupine.create_room('Night shift', encrypted => false) \gset
SELECT porcupine.link_membership(:room, 'hr.night_shift') \gset

-- At the commit the members follow. SET CONSTRAINTS makes it happen here, to be looked at.
SET CONSTRAINTS ALL IMMEDIATE;
\echo '-- linked'
SELECT username, role FROM porcupine.room_members(:room);

-- Sven changes over, Ruth leaves. Two ordinary updates, and nothing else to think of.
SET CONSTRAINTS ALL DEFERRED;
UPDATE hr.employees SET department = 'night shift' WHERE name = 'sven.hr';
UPDATE hr.employees SET leaves_on = current_date WHERE name = 'ruth.hr';
SET CONSTRAINTS ALL IMMEDIATE;
\echo '-- after the changes'
SELECT username, role FROM porcupine.room_members(:room);

-- The log says what became of it, as for every other change.
\echo '-- the log'
SELECT seq, kind, convert_from(body, 'UTF8')::json ->> 'via' AS via FROM porcupine.history(:room);

ROLLBACK;
