-- What a client asks of a database that history.sql and questions_people.sql have filled: defines pg_temp.ask(question), which asks
-- once about a room by chance and says how long that took in milliseconds; and pg_temp.questions, their names. A join is taken
-- back each time, so its time is without the commit.

CREATE TEMP TABLE questions AS
SELECT * FROM (VALUES
  (0, 'latest page of history', 90001, 'SELECT count(*) FROM porcupine.history($1, NULL, 20) WHERE $2 > 0'),
  (1, 'page anywhere', 90001, 'SELECT count(*) FROM porcupine.history($1, $2, 20)'),
  (2, 'unread in 500 rooms', 90001, 'SELECT count(*) FROM porcupine.unread() WHERE $1 > 0 AND $2 > 0'),
  (3, 'snapshot of 20 rooms', 90002, 'SELECT count(*) FROM porcupine.snapshot(20) WHERE $1 > 0 AND $2 > 0'),
  (4, 'join', 90003, 'SELECT id FROM porcupine.join_room(lpad($1::text, 6, ''0'')) WHERE $2 > 0')) q (n, name, account, statement);

CREATE FUNCTION pg_temp.ask(question text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
  q record;
  rooms bigint[] := ARRAY(SELECT m.room_id FROM porcupine.members m WHERE m.user_id = 90001 ORDER BY 1);
  room bigint := rooms[1 + floor(random() * cardinality(rooms))];
  before bigint := (SELECT 21 + floor(random() * (h.last_seq - 19)) FROM porcupine.room_heads h WHERE h.room_id = room);
  started timestamptz;
  took double precision;
  answer bigint;
BEGIN
  SELECT * INTO q FROM pg_temp.questions WHERE name = question;
  PERFORM porcupine.act_as(q.account);
  BEGIN
    started := clock_timestamp();
    EXECUTE q.statement INTO answer USING room, before;
    took := extract(epoch FROM clock_timestamp() - started) * 1000;
    IF answer IS DISTINCT FROM (CASE question WHEN 'join' THEN room WHEN 'unread in 500 rooms' THEN cardinality(rooms) ELSE 20 END) THEN
      RAISE EXCEPTION '% gave %', question, answer;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'ZZ000';    -- takes back what was written
  EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    RETURN took;
  END;
END
$$;
