-- tour.sql: ten minutes through Porcupine, in psql. Read along, or paste it piece by piece.
--
--   make run          in one terminal
--   make psql         in another, and there:   \i examples/tour.sql
--
-- It makes people and a room of its own and removes them at the end, so it can be repeated, and nobody else sees any of it.

\set ECHO all
\set QUIET on
\set ON_ERROR_STOP on
\set SHOW_CONTEXT never
\pset null null
SET bytea_output = 'escape';                             -- bodies are bytes; show those that are text as text

-- ---- 1. People ---------------------------------------------------------------------------------------------------------------

-- A name must be new; so that the tour can be repeated, each gets a tail. Passwords become Argon2id hashes that nobody can read.
SELECT 'ada-' || tail AS ada, 'grace-' || tail AS grace FROM substr(gen_random_uuid()::text, 1, 8) AS tail \gset
SELECT user_id, username, device_id, expires_in FROM porcupine.register(:'ada', 'correct horse battery', 'Ada');
SELECT user_id, username, device_id, expires_in FROM porcupine.register(:'grace', 'nanoseconds', 'Grace');

-- ---- 2. A room ---------------------------------------------------------------------------------------------------------------

-- A transaction acts for one person, until it ends. This room is not encrypted: SQL cannot encrypt as a browser does.
BEGIN;
SELECT porcupine.act_as(porcupine.find_user(:'ada')) AS ada_id \gset
SELECT id, name, code, role, head FROM porcupine.create_room('Tour', encrypted => false);
SELECT id AS room, code FROM porcupine.my_rooms() ORDER BY id DESC LIMIT 1 \gset
COMMIT;

-- Whoever knows the code may join.
BEGIN;
SELECT porcupine.act_as(porcupine.find_user(:'grace')) AS grace_id \gset
SELECT id, name, role FROM porcupine.join_room(:'code');
SELECT username, role, joined_seq FROM porcupine.room_members(:room);
COMMIT;

-- ---- 3. Messages -------------------------------------------------------------------------------------------------------------

-- A send is a row in the room's log with the next seq. The id is the sender's; sent twice, it is stored once.
BEGIN;
SELECT porcupine.act_as(:ada_id);
SELECT seq FROM porcupine.send(:room, '11111111-2222-4333-8444-555555555555', 'Hello Grace');
SELECT seq FROM porcupine.send(:room, '11111111-2222-4333-8444-555555555555', 'Hello Grace');
COMMIT;

-- The room as Grace sees it, its log, and what she has read of it.
BEGIN;
SELECT porcupine.act_as(:grace_id);
SELECT name, head, read_seq, unread FROM porcupine.my_room(:room);
SELECT seq, kind, sender_id, body FROM porcupine.history(:room);
SELECT porcupine.mark_read(:room, 3);
SELECT name, head, read_seq, unread FROM porcupine.my_room(:room);
-- "What came after n" is all that a client asks when it comes back.
SELECT seq, kind, body FROM porcupine.since(:room, 2);
COMMIT;

-- ---- 4. What becomes of messages ---------------------------------------------------------------------------------------------

-- Edits, reactions and replies are events, too, which speak of another by its seq. What was said stays what was said.
BEGIN;
SELECT porcupine.act_as(:ada_id);
SELECT seq FROM porcupine.send(:room, gen_random_uuid(), 'Hello Grace, how are you?', kind => 'edit', ref => 3);
SELECT porcupine.act_as(:grace_id);
SELECT seq FROM porcupine.send(:room, gen_random_uuid(), 'smile', kind => 'reaction', ref => 3);
SELECT seq FROM porcupine.send(:room, gen_random_uuid(), 'Rather busy', ref => 3);
COMMIT;

-- A page as a reader sees it: each message with its newest edit, its reactions and replies. Then Ada takes hers back; its place stays.
BEGIN;
SELECT porcupine.act_as(:ada_id);
SELECT seq, coalesce((edit).body, body) AS body, reaction_count, replies FROM porcupine.folded_history(:room);
SELECT porcupine.redact(:room, 3);
SELECT seq, coalesce((edit).body, body) AS body, reaction_count, replies FROM porcupine.folded_history(:room);
COMMIT;

-- ---- 5. Tables ---------------------------------------------------------------------------------------------------------------

-- Clients may read the tables themselves and join them with their own. Row-level security shows them their rooms, nothing else.
BEGIN;
SET LOCAL ROLE porcupine_client;
SELECT count(*) AS rooms_of_nobody FROM porcupine.rooms;
RESET ROLE;
SELECT porcupine.act_as(:grace_id);
SET LOCAL ROLE porcupine_client;
SELECT r.name, e.seq, e.kind FROM porcupine.rooms r JOIN porcupine.events e ON e.room_id = r.id ORDER BY e.seq;
COMMIT;

-- ---- 6. A business transaction -----------------------------------------------------------------------------------------------

CREATE TEMP TABLE orders (id integer PRIMARY KEY, state text NOT NULL);
INSERT INTO orders VALUES (1017, 'paid');

-- The order and the message stand or fall together. Here they fall:
BEGIN;
UPDATE orders SET state = 'shipped' WHERE id = 1017;
SELECT porcupine.act_as(:ada_id);
SELECT seq FROM porcupine.send(:room, gen_random_uuid(), 'Order 1017 has left the house');
ROLLBACK;
SELECT state FROM orders;
SELECT last_seq FROM porcupine.room_heads WHERE room_id = :room;

-- And here they stand. send_deferred takes its seq at the commit, so that a long transaction keeps nobody waiting.
BEGIN;
SELECT porcupine.act_as(:ada_id);
SELECT porcupine.send_deferred(:room, gen_random_uuid(), 'Order 1017 has left the house');
UPDATE orders SET state = 'shipped' WHERE id = 1017;
SELECT last_seq AS not_yet FROM porcupine.room_heads WHERE room_id = :room;
COMMIT;
SELECT seq, body FROM porcupine.events WHERE room_id = :room ORDER BY seq DESC LIMIT 1;

-- ---- 7. A veto ---------------------------------------------------------------------------------------------------------------

-- A rule of your own is a trigger. It is rolled back with the rest of this transaction; examples/veto.sql has two to keep.
BEGIN;
CREATE FUNCTION pg_temp.no_shouting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF convert_from(NEW.body, 'UTF8') ~ '^[^a-z]+$' THEN
    RAISE EXCEPTION 'no shouting' USING HINT = 'Turn off Caps Lock.';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER no_shouting BEFORE INSERT ON porcupine.events
  FOR EACH ROW WHEN (NEW.kind = 'message') EXECUTE FUNCTION pg_temp.no_shouting();
SELECT porcupine.act_as(:grace_id);
\set ON_ERROR_STOP off
SELECT seq FROM porcupine.send(:room, gen_random_uuid(), 'WHERE IS IT');
\set ON_ERROR_STOP on
ROLLBACK;

-- ---- 8. Who may do what ------------------------------------------------------------------------------------------------------

-- Grace is a member; members remove nobody. The error has an SQLSTATE of its own, PC006, and a hint.
BEGIN;
SELECT porcupine.act_as(:grace_id);
\set ON_ERROR_STOP off
\set VERBOSITY verbose
SELECT porcupine.remove_member(:room, :ada_id);
\set VERBOSITY default
\set ON_ERROR_STOP on
ROLLBACK;

-- Ada is the owner. From this commit on nothing of Grace's is accepted; the room has a new code, for she knew the old one.
BEGIN;
SELECT porcupine.act_as(:ada_id);
SELECT porcupine.remove_member(:room, :grace_id);
SELECT code <> :'code' AS new_code FROM porcupine.my_room(:room);
COMMIT;

-- Everything of this kind is in the audit log.
SELECT action, actor_id = :ada_id AS by_ada, subject_id = :ada_id AS about_ada, detail FROM porcupine.audit WHERE room_id = :room ORDER BY id;

-- ---- 9. Cleaning up ----------------------------------------------------------------------------------------------------------

BEGIN;
SELECT porcupine.act_as(:ada_id);
SELECT porcupine.delete_room(:room);
COMMIT;
DELETE FROM porcupine.users WHERE id IN (:ada_id, :grace_id);
DROP TABLE orders;

-- That was it. docs/sql.md has every function; \df+ porcupine.* shows them here.
\set ECHO none
\set ON_ERROR_STOP off
\set SHOW_CONTEXT errors
\pset null ''
RESET bytea_output;
\set QUIET off
