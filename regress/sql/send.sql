-- The send path: what is stored, what is refused and why, for one message and for many.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(14001, 14002, 14003, 14004, 14005);
SELECT pg_temp.room(14001, false, 14001, 14002);
SELECT pg_temp.room(14002, true, 14001, 14002);
SELECT pg_temp.room(14003, false, 14002);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (14002, 14003, 'pending');
INSERT INTO porcupine.devices (id, user_id, name) SELECT u * 10 + d, u, 'device' FROM generate_series(14001, 14005) u, generate_series(1, 2) d;
UPDATE porcupine.users SET disabled_at = now() WHERE id = 14005;
UPDATE porcupine.devices SET revoked_at = now() WHERE id = 140012;
-- A client id by a number.
CREATE FUNCTION pg_temp.cid(n bigint) RETURNS uuid LANGUAGE sql AS $$ SELECT ('14000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.send(account bigint, arguments text) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.complain(account, format('SELECT seq FROM porcupine.send(%s)', arguments)) $$;
SELECT room_id, last_seq FROM porcupine.room_heads WHERE room_id BETWEEN 14001 AND 14003 ORDER BY 1;

-- One after the other, without gaps; a refusal takes no seq.
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(1), 'one'$$);
SELECT pg_temp.send(14002, $$14001, pg_temp.cid(2), 'two'$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(3), 'three', 7$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(3), 'three'$$);
SELECT pg_temp.send(14002, $$14001, pg_temp.cid(4), '4', 0, 'edit', 4$$);
SELECT pg_temp.send(14002, $$14001, pg_temp.cid(5), '+', 0, 'reaction', 3$$);
SELECT pg_temp.send(14002, $$14001, pg_temp.cid(6), 'answer', 0, 'message', 3$$);
SELECT * FROM pg_temp.log_of(14001);
SELECT count(DISTINCT device_id) FROM porcupine.events WHERE room_id = 14001 AND sender_id = 14001;
SELECT bool_and(created_at BETWEEN now() - interval '1 minute' AND clock_timestamp()) AS in_time FROM porcupine.events WHERE room_id = 14001;

-- The same again: the first seq. Another body, kind or ref: refused, with that seq. Of another device or room: another message.
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(1), 'one'$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(1), 'One'$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(1), 'one '$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(1), 'one', 0, 'message', 3$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(1), 'one', 0, 'edit', 3$$);
SELECT pg_temp.send(14002, $$14001, pg_temp.cid(5), '+', 0, 'reaction', 3$$);
SELECT pg_temp.send(14002, $$14001, pg_temp.cid(5), '+', 0, 'reaction', 4$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(1), 'one', 9$$) AS repeat_in_another_epoch;
SELECT pg_temp.send(14002, $$14001, pg_temp.cid(1), 'one'$$) AS another_device;
SELECT pg_temp.send(14001, $$14002, pg_temp.cid(1), 'one'$$) AS another_room;
SELECT s.created_at = e.created_at AS first_time FROM porcupine.events e,
  LATERAL (SELECT r.created_at FROM (SELECT porcupine.act_as(14001)) AS me, porcupine.send(14001, pg_temp.cid(1), 'one') AS r) AS s
 WHERE e.room_id = 14001 AND e.seq = 3;

-- Input that is none.
SELECT arguments, pg_temp.send(14001, arguments) FROM unnest(ARRAY[
  'NULL, pg_temp.cid(100), ''x''', '14001, NULL, ''x''', '14001, pg_temp.cid(100), NULL', '14001, pg_temp.cid(100), ''x'', NULL',
  '14001, pg_temp.cid(100), ''x'', 0, NULL', '14001, pg_temp.cid(100), ''''', '0, pg_temp.cid(100), ''x''', '-1, pg_temp.cid(100), ''x''',
  '14001, pg_temp.cid(100), ''x'', -1', '14001, pg_temp.cid(100), ''x'', -2147483648', '14001, pg_temp.cid(100), ''x'', 2147483647',
  '14001, pg_temp.cid(100), ''x'', 0, ''''', '14001, pg_temp.cid(100), ''x'', 0, ''Message''', '14001, pg_temp.cid(100), ''x'', 0, ''message ''',
  '14001, pg_temp.cid(100), ''x'', 0, ''control''', '14001, pg_temp.cid(100), ''x'', 0, ''member.joined''',
  '14001, pg_temp.cid(100), ''x'', 0, ''epoch''', '14001, pg_temp.cid(100), ''x'', 0, ''mess''', '14001, pg_temp.cid(100), ''x'', 0, repeat(''x'', 5000000)',
  '14001, pg_temp.cid(100), ''x'', 0, ''edit''', '14001, pg_temp.cid(100), ''x'', 0, ''reaction''',
  '14001, pg_temp.cid(100), ''x'', 0, ''edit'', 0', '14001, pg_temp.cid(100), ''x'', 0, ''edit'', -3', '14001, pg_temp.cid(100), ''x'', 0, ''message'', 0',
  '14001, pg_temp.cid(100), ''x'', 0, ''edit'', 1000', '14001, pg_temp.cid(100), ''x'', 0, ''edit'', 9223372036854775807']) AS arguments;

-- Sizes: 65536 bytes and no more, packed or not.
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(10), decode(repeat('00', 65536), 'hex')$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(11), decode(repeat('00', 65537), 'hex')$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(11), decode(repeat('00', 50000000), 'hex')$$);
CREATE TEMP TABLE packed (n integer, body bytea);
INSERT INTO packed SELECT n, convert_to(repeat('p', n), 'UTF8') FROM unnest(ARRAY[65536, 65537, 20000000]) n;
SELECT n, pg_temp.send(14001, format('14001, pg_temp.cid(20 + %s %% 3), (SELECT body FROM packed WHERE n = %s)', n, n)) FROM packed ORDER BY n;
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(20 + 65536 % 3), (SELECT body FROM packed WHERE n = 65536)$$) AS repeated;
SELECT length(body), count(*) FROM porcupine.events WHERE room_id = 14001 AND length(body) > 1000 GROUP BY 1;

-- Who may: a member that has been let in, of an account and by a device in good standing.
SELECT pg_temp.send(NULL, $$14001, pg_temp.cid(200), 'x'$$) AS nobody;
SELECT pg_temp.send(14004, $$14001, pg_temp.cid(200), 'x'$$) AS stranger, pg_temp.send(14004, $$14999, pg_temp.cid(200), 'x'$$) AS no_such_room;
SELECT pg_temp.send(14003, $$14002, pg_temp.cid(200), 'x'$$) AS pending;
SELECT pg_temp.send(14003, $$14002, pg_temp.cid(200), 'x', 5$$) AS pending_in_another_epoch;
SELECT pg_temp.send(14005, $$14001, pg_temp.cid(200), 'x'$$) AS disabled;
BEGIN;
SELECT porcupine.act_as(14001);
UPDATE porcupine.devices SET revoked_at = now() WHERE user_id = 14001 AND backend;
SELECT seq FROM porcupine.send(14001, pg_temp.cid(200), 'x');
ROLLBACK;
-- After a removal not even a repeat is accepted.
BEGIN;
DELETE FROM porcupine.members WHERE room_id = 14001 AND user_id = 14002;
SELECT pg_temp.send(14002, $$14001, pg_temp.cid(2), 'two'$$);
ROLLBACK;

-- Epochs: another one, a closed one; and a repeat is answered all the same.
BEGIN;
UPDATE porcupine.room_heads SET epoch = 4 WHERE room_id = 14002;
SELECT pg_temp.send(14001, $$14002, pg_temp.cid(300), 'x', 3$$) AS earlier, pg_temp.send(14001, $$14002, pg_temp.cid(300), 'x', 5$$) AS later;
SELECT pg_temp.send(14001, $$14002, pg_temp.cid(300), 'x', 4$$) AS current;
UPDATE porcupine.room_heads SET epoch_open = false WHERE room_id = 14002;
SELECT pg_temp.send(14001, $$14002, pg_temp.cid(301), 'x', 4$$) AS closed;
SELECT pg_temp.send(14001, $$14002, pg_temp.cid(301), 'x', 3$$) AS closed_and_stale;
SELECT pg_temp.send(14001, $$14002, pg_temp.cid(300), 'x', 4$$) AS repeated;
SELECT pg_temp.send(14001, $$14002, pg_temp.cid(300), 'y', 4$$) AS other_body;
SELECT epoch FROM porcupine.events WHERE room_id = 14002 AND client_id = pg_temp.cid(300);
ROLLBACK;

-- A savepoint takes its messages and their places along.
BEGIN;
SELECT porcupine.act_as(14001);
SELECT last_seq AS before FROM porcupine.room_heads WHERE room_id = 14001 \gset
SAVEPOINT s;
SELECT seq = :before + 1 AS next FROM porcupine.send(14001, pg_temp.cid(400), 'lost');
ROLLBACK TO s;
SELECT seq = :before + 1 AS next FROM porcupine.send(14001, pg_temp.cid(401), 'kept');
SELECT seq = :before + 2 AS next FROM porcupine.send(14001, pg_temp.cid(400), 'lost');
ROLLBACK;

-- A veto is a trigger that raises; one that swallows a row is an error, not a gap.
CREATE FUNCTION pg_temp.veto() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.body = 'forbidden' THEN
    RAISE 'not this word' USING ERRCODE = 'PV001';
  ELSIF NEW.body = 'swallowed' THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER veto BEFORE INSERT ON porcupine.events FOR EACH ROW EXECUTE FUNCTION pg_temp.veto();
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(500), 'forbidden'$$);
SELECT pg_temp.send(14001, $$14001, pg_temp.cid(500), 'swallowed'$$);
SELECT pg_temp.send(14001, $$14003, pg_temp.cid(500), 'forbidden'$$) AS refused_before_the_veto;

-- Many at once.
CREATE TYPE pg_temp.item AS (room bigint, account bigint, device bigint, client_id uuid, epoch integer, kind text, ref bigint, body bytea);
CREATE FUNCTION pg_temp.many(VARIADIC items pg_temp.item[]) RETURNS TABLE (item integer, condition text, above bigint, epoch integer, repeated boolean)
  LANGUAGE sql AS $$
  SELECT r.item, r.condition, r.seq - h.last_seq, r.epoch, r.repeated
    FROM (SELECT array_agg(i.room) AS rooms, array_agg(i.account) AS accounts, array_agg(i.device) AS devices, array_agg(i.client_id) AS client_ids,
                 array_agg(i.epoch) AS epochs, array_agg(i.kind) AS kinds, array_agg(i.ref) AS refs, array_agg(i.body) AS bodies FROM unnest(items) i) AS a,
         porcupine.send_many(a.rooms, a.accounts, a.devices, a.client_ids, a.epochs, a.kinds, a.refs, a.bodies, false) r
    LEFT JOIN porcupine.room_heads h ON h.room_id = items[r.item].room
$$;
-- above: by how much the seq is above the head before the call
SELECT * FROM pg_temp.many(
  (14002, 14002, 140021, pg_temp.cid(600), 0, 'message', NULL, 'a'), (14001, 14001, 140011, pg_temp.cid(600), 0, 'message', NULL, 'b'),
  (14002, 14001, 140011, pg_temp.cid(601), 0, 'message', NULL, 'c'), (14001, 14001, 140011, pg_temp.cid(600), 0, 'message', NULL, 'b'),
  (14001, 14001, 140011, pg_temp.cid(600), 0, 'message', NULL, 'B'), (14001, 14001, 140011, pg_temp.cid(600), 0, 'edit', 3, 'b'),
  (14003, 14001, 140011, pg_temp.cid(602), 0, 'message', NULL, 'd'), (14999, 14001, 140011, pg_temp.cid(603), 0, 'message', NULL, 'e'),
  (14002, 14003, 140031, pg_temp.cid(604), 0, 'message', NULL, 'f'), (14002, 14001, 140011, pg_temp.cid(605), 1, 'message', NULL, 'g'),
  (14001, 14001, 140012, pg_temp.cid(606), 0, 'message', NULL, 'revoked'), (14001, 14001, 140021, pg_temp.cid(607), 0, 'message', NULL, 'not theirs'),
  (14001, 14005, 140051, pg_temp.cid(608), 0, 'message', NULL, 'disabled'), (14001, 14998, 140011, pg_temp.cid(609), 0, 'message', NULL, 'no user'),
  (14001, 14001, 149999, pg_temp.cid(610), 0, 'message', NULL, 'no device'), (NULL, 14001, 140011, pg_temp.cid(611), 0, 'message', NULL, 'h'),
  (14001, NULL, 140011, pg_temp.cid(611), 0, 'message', NULL, 'h'), (14001, 14001, NULL, pg_temp.cid(611), 0, 'message', NULL, 'h'),
  (14001, 14001, 140011, NULL, 0, 'message', NULL, 'h'), (14001, 14001, 140011, pg_temp.cid(611), NULL, 'message', NULL, 'h'),
  (14001, 14001, 140011, pg_temp.cid(611), 0, NULL, NULL, 'h'), (14001, 14001, 140011, pg_temp.cid(611), 0, 'message', NULL, NULL),
  (14001, 14001, 140011, pg_temp.cid(611), 0, 'message', NULL, ''), (14001, 14001, 140011, pg_temp.cid(611), 0, 'epoch', NULL, 'h'),
  (14001, 14001, 140011, pg_temp.cid(611), 0, 'message', NULL, decode(repeat('00', 65537), 'hex')),
  (14001, 14001, 140011, pg_temp.cid(611), 0, 'edit', 99999, 'h'), (14001, 14002, 140021, pg_temp.cid(600), 0, 'message', NULL, 'i'));
SELECT room_id, last_seq = (SELECT max(seq) FROM porcupine.events e WHERE e.room_id = h.room_id) AS head,
       last_seq = (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id) AS no_gap FROM porcupine.room_heads h WHERE room_id BETWEEN 14001 AND 14003 ORDER BY 1;
-- A repeat of the whole call stores nothing; one item may speak of another that stands before it.
SELECT * FROM pg_temp.many((14002, 14002, 140021, pg_temp.cid(600), 0, 'message', NULL, 'a'), (14001, 14001, 140011, pg_temp.cid(600), 0, 'message', NULL, 'b'));
SELECT last_seq + 1 AS next FROM porcupine.room_heads WHERE room_id = 14001 \gset
SELECT * FROM pg_temp.many((14001, 14001, 140011, pg_temp.cid(620), 0, 'edit', :next, 'too early'), (14001, 14001, 140011, pg_temp.cid(621), 0, 'message', NULL, 'said'),
                           (14001, 14001, 140011, pg_temp.cid(622), 0, 'edit', :next, 'said better'));
-- A refusal has the words of send().
SELECT r.condition, r.message, r.hint FROM porcupine.send_many('{14002, 14999, 14001}', '{14001, 14001, 14001}', '{140011, 140011, 140011}',
  ARRAY[pg_temp.cid(640), pg_temp.cid(641), pg_temp.cid(642)], '{1, 0, 0}', '{message, message, epoch}', '{NULL, NULL, NULL}', '{g, e, h}', false) r;
SELECT pg_temp.send(14001, $$14002, pg_temp.cid(640), 'g', 1$$);
-- All or nothing when an error is raised.
SELECT pg_temp.complain(NULL, $$SELECT count(*) FROM pg_temp.many((14001, 14001, 140011, pg_temp.cid(630), 0, 'message', NULL, 'fine'),
                                                                  (14001, 14001, 140011, pg_temp.cid(631), 0, 'message', NULL, 'forbidden'))$$);
SELECT count(*) FROM porcupine.events WHERE client_id IN (pg_temp.cid(630), pg_temp.cid(631));
DROP TRIGGER veto ON porcupine.events;

-- No items, one, a thousand, too many; arrays that do not fit together.
CREATE FUNCTION pg_temp.batch(n integer, first integer) RETURNS TABLE (stored bigint, repeated bigint, refused bigint, in_order boolean) LANGUAGE sql AS $$
  SELECT count(*) FILTER (WHERE r.condition IS NULL AND NOT r.repeated), count(*) FILTER (WHERE r.repeated), count(r.condition),
         coalesce(bool_and(r.item = r.row_number), true)
    FROM (SELECT s.*, row_number() OVER () FROM porcupine.send_many(
            array(SELECT 14001 + i % 3 FROM generate_series(1, n) i), array_fill(14002::bigint, ARRAY[n]), array_fill(140021::bigint, ARRAY[n]),
            array(SELECT pg_temp.cid(first + i) FROM generate_series(1, n) i), array_fill(0, ARRAY[n]), array_fill('message'::text, ARRAY[n]),
            array_fill(NULL::bigint, ARRAY[n]), array_fill('\x00'::bytea, ARRAY[n])) s) r
$$;
SELECT * FROM pg_temp.batch(0, 10000);
SELECT * FROM pg_temp.batch(1, 10000);
SELECT * FROM pg_temp.batch(1000, 10000);
SELECT * FROM pg_temp.batch(1000, 10501);
SELECT pg_temp.complain(NULL, 'SELECT stored FROM pg_temp.batch(1001, 20000)');
SELECT room_id, last_seq = (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id) AS no_gap FROM porcupine.room_heads h WHERE room_id BETWEEN 14001 AND 14003 ORDER BY 1;
SELECT arguments, pg_temp.complain(NULL, format('SELECT count(*) FROM porcupine.send_many(%s)', arguments)) FROM unnest(ARRAY[
  'NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL', '''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}''',
  '''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', NULL', '''{1}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}''',
  '''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{a}''', '''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', ''{}'', NULL',
  '''{{1}}'', ''{1}'', ''{1}'', ''{' || pg_temp.cid(1) || '}'', ''{0}'', ''{message}'', ''{null}'', ''{a}''',
  '''{null}'', ''{null}'', ''{null}'', ''{null}'', ''{null}'', ''{null}'', ''{null}'', ''{null}''',
  '''[7:7]={14001}'', ''{14001}'', ''{140011}'', ''{' || pg_temp.cid(9999) || '}'', ''{0}'', ''{message}'', ''{null}'', ''{a}''']) AS arguments;
