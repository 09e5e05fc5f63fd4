-- The doorbell: what rings, and what is refused. What it says is in the isolation test doorbell-payloads.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
\set VERBOSITY sqlstate
SELECT pg_temp.people(15001, 15002);
SELECT pg_temp.room(15001, false, 15001, 15002);

-- ring(): a list of rooms, a seq for each, and a plain name.
SELECT arguments, pg_temp.complain(NULL, format('SELECT porcupine.ring(%s)::text = ''''', arguments)) FROM unnest(ARRAY[
  '''{1,2}'', ''{3,4}'', ''bridge-1''', '''{}'', ''{}'', ''bridge-1''', '''{1}'', ''{9223372036854775806}'', ''a.B:c_9''', '''[5:5]={1}'', ''{2}'', ''b''',
  'NULL, ''{}'', ''b''', '''{}'', NULL, ''b''', '''{1}'', ''{1}'', NULL',
  '''{1,2}'', ''{3}'', ''b''', '''{1,null}'', ''{3,4}'', ''b''', '''{1,2}'', ''{3,null}'', ''b''', '''{{1,2}}'', ''{{3,4}}'', ''b''',
  '''{0}'', ''{3}'', ''b''', '''{-1}'', ''{3}'', ''b''', '''{1}'', ''{0}'', ''b''', '''{1}'', ''{-3}'', ''b''', '''{1}'', ''{9223372036854775807}'', ''b''',
  '''{1}'', ''{3}'', ''''', '''{1}'', ''{3}'', ''a b''', '''{1}'', ''{3}'', ''a"b''', '''{1}'', ''{3}'', ''ä''', '''{1}'', ''{3}'', E''a\nb''',
  '''{1}'', ''{3}'', repeat(''x'', 64)', '''{1}'', ''{3}'', repeat(''x'', 65)', '''{1}'', ''{3}'', repeat(''x'', 10000000)']) AS arguments;
SELECT pg_temp.complain(NULL, 'SELECT porcupine.ring(array_fill(1::bigint, ARRAY[10000]), array_fill(1::bigint, ARRAY[10000]), ''b'')::text = ''''');
SELECT pg_temp.complain(NULL, 'SELECT porcupine.ring(array_fill(1::bigint, ARRAY[10001]), array_fill(1::bigint, ARRAY[10001]), ''b'')::text = ''''');
SELECT porcupine.ring_member(NULL, 1) IS NULL, porcupine.ring_member(1, NULL) IS NULL, porcupine.ring_session(NULL) IS NULL;

-- A transaction with something to ring cannot be prepared.
BEGIN;
SELECT porcupine.ring_session(1);
PREPARE TRANSACTION 'porcupine doorbell';
BEGIN;
SELECT porcupine.act_as(15001);
SELECT seq FROM porcupine.send(15001, gen_random_uuid(), 'x');
\set VERBOSITY default
PREPARE TRANSACTION 'porcupine doorbell';
\set VERBOSITY sqlstate
SELECT last_seq FROM porcupine.room_heads WHERE room_id = 15001;

-- The trigger function is one for room_heads and nothing else.
SELECT porcupine.room_heads_ring_the_doorbell();
CREATE TEMP TABLE elsewhere (id bigint);
CREATE TRIGGER wrong_table AFTER DELETE ON elsewhere FOR EACH ROW EXECUTE FUNCTION porcupine.room_heads_ring_the_doorbell();
INSERT INTO elsewhere VALUES (1);
DELETE FROM elsewhere;
DROP TRIGGER wrong_table ON elsewhere;
CREATE TRIGGER wrong_time BEFORE DELETE ON elsewhere FOR EACH ROW EXECUTE FUNCTION porcupine.room_heads_ring_the_doorbell();
DELETE FROM elsewhere;
DROP TRIGGER wrong_time ON elsewhere;
CREATE TRIGGER wrong_level AFTER DELETE ON elsewhere FOR EACH STATEMENT EXECUTE FUNCTION porcupine.room_heads_ring_the_doorbell();
DELETE FROM elsewhere;
