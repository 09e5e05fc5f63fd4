-- The state of a page: each message with its latest edit, its reactions, replies, pin; nothing of what was redacted.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(37001, 37002, 37003, 37004);
SELECT pg_temp.room(37001, false, 37001, 37002);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (37001, 37003, 'pending');
CREATE FUNCTION pg_temp.say(account bigint, body text, kind text DEFAULT 'message', ref bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.try(account, format('SELECT seq FROM porcupine.send(37001, gen_random_uuid(), %L, 0, %L, %L)', body, kind, ref)) $$;
CREATE FUNCTION pg_temp.folded(arguments text DEFAULT '37001') RETURNS TABLE (seq bigint, kind text, body text, redacted boolean, pinned boolean, edits bigint, edit text, reaction_count bigint, reactions text,
                                                              replies bigint, last_reply bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM porcupine.act_as(37002);
  RETURN QUERY EXECUTE format('SELECT f.seq, f.kind::text, encode(f.body, ''escape''), f.redacted, f.pinned, f.edits, (f.edit).seq || '' '' || encode((f.edit).body, ''escape''), f.reaction_count,
    (SELECT string_agg(concat_ws(''/'', r.seq, r.sender_id, encode(r.body, ''escape'')), '' '') FROM unnest(f.reactions) r), f.replies, f.last_reply FROM porcupine.folded_history(%s) f', arguments);
END
$$;
-- Three joins; a message 4 with two edits, two reactions and two replies, of which one has a reply; a message without anything; one of the application.
SELECT pg_temp.say(37001, 'first') AS "4", pg_temp.say(37001, 'frist', 'edit', 4) AS "5", pg_temp.say(37002, '+', 'reaction', 4) AS "6", pg_temp.say(37002, 'reply', 'message', 4) AS "7",
       pg_temp.say(37001, 'FIRST', 'edit', 4) AS "8", pg_temp.say(37001, '-', 'reaction', 4) AS "9", pg_temp.say(37001, 'reply to the reply', 'message', 7) AS "10", pg_temp.say(37001, 'reply', 'message', 4) AS "11",
       pg_temp.say(37002, 'alone') AS "12", porcupine.append_event(37001, 'system', 'the application') AS "13", pg_temp.say(37002, '+', 'reaction', 13) AS "14";
SELECT pg_temp.try(37001, 'SELECT porcupine.pin(37001, 12)') AS pinned;
SELECT * FROM pg_temp.folded();
-- The message stands as history() has it, and the edit and the reactions as events.
SELECT pg_temp.try(37002, $$SELECT bool_and((f.room_id, f.seq, f.kind, f.sender_id, f.device_id, f.client_id, f.epoch, f.ref, f.created_at, f.body) = h
                                           AND (f.edit IS NULL OR f.edit IN (SELECT a FROM porcupine.since(37001, 0) a)) AND f.reactions <@ array(SELECT a FROM porcupine.since(37001, 0) a))
  FROM porcupine.folded_history(37001) f JOIN porcupine.history(37001) h ON h.seq = f.seq$$) AS the_same;
-- Which page.
SELECT arguments, (SELECT string_agg(f.seq::text, ' ') FROM pg_temp.folded(arguments) f) FROM unnest(ARRAY['37001, 12', '37001, NULL, 2', '37001, 11, 2', '37001, 4', '37001, -1', '37001, NULL, 0', '37001, NULL, NULL',
  '37001, 9223372036854775807, 1000000']) arguments;
SELECT account, pg_temp.complain(account, 'SELECT count(*) FROM porcupine.folded_history(37001)') FROM unnest(ARRAY[37003, 37004, NULL]) account;
SELECT pg_temp.complain(37002, 'SELECT count(*) FROM porcupine.folded_history(NULL)') AS no_room;

-- Redacted: the latest edit, a reaction, a reply; then the message.
SELECT pg_temp.try(37001, format('SELECT porcupine.redact(37001, %s) > 0', seq)) AS redacted FROM unnest(ARRAY[8, 9, 11]) seq;
SELECT * FROM pg_temp.folded('37001, 12');
SELECT pg_temp.try(37001, 'SELECT porcupine.redact(37001, 4) > 0') AS redacted, pg_temp.try(37002, 'SELECT porcupine.redact(37001, 12) > 0') AS and_unpinned;
SELECT * FROM pg_temp.folded('37001, 13');
-- An edit by somebody else, as 1.0 stored them, and a control entry whose index is the seq, do not count.
INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, epoch, kind, ref, body) SELECT 37001, h.last_seq + 1, now(), 37001, 0, 'edit', 7, 'not hers' FROM porcupine.room_heads h WHERE h.room_id = 37001;
INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, epoch, kind, ref, body) SELECT 37001, h.last_seq + 2, now(), 37001, 0, 'control', 7, 'an entry' FROM porcupine.room_heads h WHERE h.room_id = 37001;
UPDATE porcupine.room_heads SET last_seq = last_seq + 2 WHERE room_id = 37001;
SELECT edits, edit, reaction_count, replies FROM pg_temp.folded() WHERE seq = 7;
-- Of very many reactions the latest hundred.
SELECT count(pg_temp.say(37001, 'r' || i, 'reaction', 7)) FROM generate_series(1, 120) i;
SELECT reaction_count, split_part(reactions, ' ', 1) LIKE '%/r21' AS from_the_21st, reactions LIKE '%/r120' AS to_the_last FROM pg_temp.folded() WHERE seq = 7;
-- What retention took is no message.
UPDATE porcupine.room_heads SET first_seq = 12 WHERE room_id = 37001;
SELECT seq FROM pg_temp.folded();

DELETE FROM porcupine.rooms WHERE id = 37001;
DELETE FROM porcupine.users WHERE id BETWEEN 37001 AND 37004;

-- A page is bounded by what is in it, too: it ends before it grows above 8 MiB, says so, and goes on from there. So is what lies around a seq.
SELECT pg_temp.people(6490);
SELECT pg_temp.room(6490, false, 6490);
INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, epoch, kind, ref, body)
SELECT 6490, 1 + i, now(), 6490, 0, CASE WHEN i <= 150 THEN 'message' ELSE 'reaction' END::porcupine.kind, CASE WHEN i > 150 THEN 151 END,
       convert_to(repeat('x', 65536), 'UTF8') FROM generate_series(1, 260) i;
UPDATE porcupine.room_heads SET last_seq = 261 WHERE room_id = 6490;
CREATE FUNCTION pg_temp.page(before bigint, OUT messages bigint, OUT first bigint, OUT last bigint, OUT cut bigint, OUT others_cut bigint, OUT bytes bigint)
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM porcupine.act_as(6490);
  SELECT count(*), min(f.seq), max(f.seq), min(f.seq) FILTER (WHERE f.cut), greatest(count(*) FILTER (WHERE f.cut) - 1, 0),
         sum(length(f.body) + (SELECT coalesce(sum(length(r.body)), 0) FROM unnest(f.reactions) r))
    INTO messages, first, last, cut, others_cut, bytes FROM porcupine.folded_history(6490, before, 500) f;
END
$$;
SELECT p.*, p.bytes <= 8 * 1024 * 1024 AS bounded FROM pg_temp.page(NULL) p;
SELECT p.*, p.bytes <= 8 * 1024 * 1024 AS bounded FROM pg_temp.page(124) p;
SELECT pg_temp.try(6490, 'SELECT concat_ws('' '', count(*), min(seq), max(seq)) FROM porcupine.around(6490, 150, 500)') AS around;
