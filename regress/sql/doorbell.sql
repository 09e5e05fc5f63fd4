-- The doorbell: what rings, and what is refused. What it says is in the isolation test doorbell-payloads.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
\set VERBOSITY sqlstate
SELECT pg_temp.people(15001, 15002);
SELECT pg_temp.room(15001, false, 15001, 15002);

-- ring(): a list of rooms, a seq for each, and a bridge's number.
SELECT arguments, pg_temp.complain(NULL, format('SELECT porcupine.ring(%s)::text = ''''', arguments)) FROM unnest(ARRAY[
  '''{1,2}'', ''{3,4}'', 7', '''{}'', ''{}'', 7', '''{1}'', ''{9223372036854775806}'', 9223372036854775807', '''[5:5]={1}'', ''{2}'', 0',
  'NULL, ''{}'', 7', '''{}'', NULL, 7', '''{1}'', ''{1}'', NULL',
  '''{1,2}'', ''{3}'', 7', '''{1,null}'', ''{3,4}'', 7', '''{1,2}'', ''{3,null}'', 7', '''{{1,2}}'', ''{{3,4}}'', 7',
  '''{0}'', ''{3}'', 7', '''{-1}'', ''{3}'', 7', '''{1}'', ''{0}'', 7', '''{1}'', ''{-3}'', 7', '''{1}'', ''{9223372036854775807}'', 7',
  '''{1}'', ''{3}'', -1', '''{1}'', ''{3}'', -9223372036854775808']) AS arguments;
SELECT pg_temp.complain(NULL, 'SELECT porcupine.ring(array_fill(1::bigint, ARRAY[10000]), array_fill(1::bigint, ARRAY[10000]), 7)::text = ''''');
SELECT pg_temp.complain(NULL, 'SELECT porcupine.ring(array_fill(1::bigint, ARRAY[10001]), array_fill(1::bigint, ARRAY[10001]), 7)::text = ''''');
SELECT porcupine.ring_member(NULL, 1) IS NULL, porcupine.ring_member(1, NULL) IS NULL, porcupine.ring_session(NULL) IS NULL, porcupine.ring_user(NULL) IS NULL;

-- send_many() takes the same numbers as the origin of what its commit rings.
SELECT origin, pg_temp.complain(NULL, format('SELECT condition FROM porcupine.send_many(''{15001}'', ''{15001}'', ''{1}'', ARRAY[gen_random_uuid()], ''{0}'', ''{message}'', ''{NULL}'', ''{x}'', true, %s)', origin))
  FROM unnest(ARRAY['0', '7', '9223372036854775807', 'NULL', '-1']) AS origin;

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
