-- Redaction: what was said is gone, with its edits; its place stays, the log says so, and a repeat of the send is still one.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(31001, 31002, 31003, 31004, 31005, 31006);
-- 31001 owns the room, 31002 and 31003 moderate it, 31004 and 31005 are members, 31006 waits to be let in.
SELECT pg_temp.room(31001, false, 31001, 31002, 31003, 31004, 31005);
UPDATE porcupine.members SET role = 'moderator' WHERE room_id = 31001 AND user_id IN (31002, 31003);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (31001, 31006, 'pending');
CREATE FUNCTION pg_temp.cid(n bigint) RETURNS uuid LANGUAGE sql AS $$ SELECT ('31000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.send(account bigint, arguments text) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.complain(account, format('SELECT seq FROM porcupine.send(31001, %s)', arguments)) $$;
CREATE FUNCTION pg_temp.redact(account bigint, seq text) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.complain(account, format('SELECT porcupine.redact(31001, %s)', seq)) $$;
CREATE FUNCTION pg_temp.redacts(account bigint, seq text) RETURNS text LANGUAGE sql AS
  $$ SELECT regexp_replace(pg_temp.redact(account, seq), '^\d+$', 'yes') $$;
SELECT last_seq + 1 AS a FROM porcupine.room_heads WHERE room_id = 31001 \gset
SELECT :a + 1 AS b, :a + 2 AS c, :a + 3 AS d, :a + 4 AS e, :a + 5 AS f, :a + 6 AS g \gset
SELECT pg_temp.send(31004, $$pg_temp.cid(1), 'said'$$) AS a, pg_temp.send(31004, format($$pg_temp.cid(2), 'said better', 0, 'edit', %s$$, :a)) AS b,
       pg_temp.send(31004, format($$pg_temp.cid(3), 'said best', 0, 'edit', %s$$, :a)) AS c, pg_temp.send(31005, format($$pg_temp.cid(4), '+', 0, 'reaction', %s$$, :a)) AS d,
       pg_temp.send(31005, format($$pg_temp.cid(5), 'an answer', 0, 'message', %s$$, :a)) AS e;

-- Nobody else's: not a member's of the same role, not a stranger's, not one's who waits.
SELECT pg_temp.redact(31005, :'a') AS another, pg_temp.redact(31006, :'a') AS pending, pg_temp.redact(NULL, :'a') AS nobody;
SELECT pg_temp.complain(31005, format('SELECT porcupine.redact(31999, %s)', :'a')) AS no_room;
-- What is none, or cannot be taken back.
SELECT input, pg_temp.redact(31001, input) FROM unnest(ARRAY['NULL', '0', '-1', '999', '9223372036854775807', '1']) input;
SELECT count(*) AS redacted FROM porcupine.events WHERE room_id = 31001 AND body = '';

-- One's own. The edits' bodies go, too; reactions and answers are others'.
SELECT pg_temp.redact(31004, :'a') = :'f' AS own;
SELECT seq - :a AS seq, kind, sender_id, ref - :a AS ref, body FROM pg_temp.log_of(31001) WHERE seq >= :a;
-- Again: the same answer, whoever asks that may, and nothing more in the log.
SELECT pg_temp.redact(31004, :'a') = :'f' AS again, pg_temp.redact(31002, :'a') = :'f' AS by_a_moderator;
SELECT last_seq = :f AS the_head FROM porcupine.room_heads WHERE room_id = 31001;
SELECT actor_id, subject_id, action, (detail->>'seq')::bigint - :a AS seq FROM porcupine.audit WHERE room_id = 31001 AND action = 'event.redacted';

-- A repeat of what was redacted is a repeat, whatever it says now; one of another kind or of another ref is not.
SELECT pg_temp.send(31004, $$pg_temp.cid(1), 'said'$$) = :'a' AS repeated, pg_temp.send(31004, format($$pg_temp.cid(3), 'said best', 0, 'edit', %s$$, :a)) = :'c' AS edit_repeated;
SELECT regexp_replace(pg_temp.send(31004, format($$pg_temp.cid(1), 'said', 0, 'edit', %s$$, :a)), '\d+$', 'n');
SELECT regexp_replace(pg_temp.send(31004, format($$pg_temp.cid(3), 'said best', 0, 'edit', %s$$, :e)), '\d+$', 'n');
-- It is not edited any more; answered and reacted to it may be.
SELECT pg_temp.send(31004, format($$pg_temp.cid(6), 'said again', 0, 'edit', %s$$, :a));
SELECT pg_temp.send(31005, format($$pg_temp.cid(7), 'too late', 0, 'message', %s$$, :a)) = :'g' AS answered;

-- As it is read: an empty body and no data, here and for bridges.
SELECT pg_temp.try(31005, format('SELECT encode(body, ''escape'') || ''.'' FROM porcupine.history(31001, %s, 1)', :b)) AS body;
SELECT event - 'created_at' - 'device' - 'seq' - 'client_id' AS event FROM (SELECT r.seq, r.event::jsonb FROM porcupine.read_frames(31001, :a - 1, 1) r
  UNION ALL SELECT r.seq, r.event::jsonb - 'ref' FROM porcupine.read_frames(31001, :f - 1, 1) r) r ORDER BY r.seq;

-- One edit alone: the message is as it was before.
SELECT pg_temp.send(31004, $$pg_temp.cid(10), 'other'$$) AS h \gset
SELECT pg_temp.send(31004, format($$pg_temp.cid(11), 'othre', 0, 'edit', %s$$, :h)) AS i \gset
SELECT pg_temp.redacts(31004, :'i') AS edit, pg_temp.redacts(31005, :'d') AS reaction;
SELECT kind, body FROM pg_temp.log_of(31001) WHERE seq IN (:h, :i, :d) ORDER BY seq;

-- A moderator: what somebody of a lower role sent, or who is gone. Not a moderator's, not an owner's.
SELECT pg_temp.send(31005, $$pg_temp.cid(20), 'rude'$$) AS rude, pg_temp.send(31003, $$pg_temp.cid(21), 'colleague'$$) AS colleague,
       pg_temp.send(31001, $$pg_temp.cid(22), 'owner'$$) AS owner, pg_temp.send(31004, $$pg_temp.cid(23), 'gone'$$) AS gone,
       pg_temp.send(31005, $$pg_temp.cid(24), 'his own'$$) AS his \gset
SELECT pg_temp.redact(31002, :'colleague') AS of_a_moderator, pg_temp.redact(31002, :'owner') AS of_the_owner;
SELECT pg_temp.redacts(31002, :'rude') AS of_a_member, pg_temp.redacts(31001, :'colleague') AS by_the_owner;
SELECT pg_temp.try(31004, 'SELECT porcupine.leave_room(31001)') AS left;
SELECT pg_temp.redact(31005, :'gone') AS by_a_member, pg_temp.redact(31004, :'gone') AS by_who_is_gone, pg_temp.redacts(31003, :'gone') AS by_a_moderator;
-- What the application said.
SELECT porcupine.append_event(31001, 'system', 'maintenance at noon') AS system \gset
SELECT pg_temp.redact(31005, :'system') AS by_a_member, pg_temp.redacts(31002, :'system') AS by_a_moderator;
SELECT r.event::jsonb->'body' AS body, r.event::jsonb->'data' AS data FROM porcupine.read_frames(31001, :system - 1, 1) r;
-- Reader, muted and in an archive: still one's own.
UPDATE porcupine.members SET role = 'reader', muted_until = 'infinity' WHERE room_id = 31001 AND user_id = 31005;
UPDATE porcupine.room_heads SET archived = true WHERE room_id = 31001;
SELECT pg_temp.redacts(31005, :'his') AS own;
SELECT last_seq = count(e.*) AS no_gap FROM porcupine.room_heads h, porcupine.events e WHERE h.room_id = 31001 AND e.room_id = 31001 GROUP BY last_seq;
-- The audit says who, of whom and which; never what.
SELECT actor_id, subject_id, array_agg(DISTINCT k) AS keys FROM porcupine.audit, jsonb_object_keys(detail) k WHERE room_id = 31001 AND action = 'event.redacted' GROUP BY 1, 2 ORDER BY 1, 2;

DELETE FROM porcupine.rooms WHERE id = 31001;
DELETE FROM porcupine.users WHERE id BETWEEN 31001 AND 31006;
