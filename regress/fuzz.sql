-- What t/020_fuzz.pl does its work with: typed values for every argument of every function, drawn by random(), and what must hold
-- afterwards. Nothing here names a function that is tested, nor its arguments: the catalogue does.
CREATE SCHEMA fuzz;
GRANT USAGE ON SCHEMA fuzz TO PUBLIC;

-- What is in the tables now, so that arguments are often right: any value by the names that an argument for it may have.
CREATE TABLE fuzz.pool (type regtype NOT NULL, names text[] NOT NULL, value text NOT NULL);

-- What is at the edge of a type or beyond what anybody expects, as expressions.
CREATE TABLE fuzz.extremes (type regtype NOT NULL, expression text NOT NULL);
-- What one would give, where the pool has nothing.
CREATE TABLE fuzz.usual (type regtype NOT NULL, expression text NOT NULL);
-- The pool by type and name, '*' for whatever name.
CREATE TABLE fuzz.choices (type regtype, name text, choices text[], PRIMARY KEY (type, name));
-- Who is in which room, as of the last refill.
CREATE TABLE fuzz.memberships (user_id bigint, room_id bigint, role porcupine.role, PRIMARY KEY (user_id, room_id));
CREATE INDEX ON fuzz.memberships (room_id);
GRANT SELECT ON fuzz.pool, fuzz.choices, fuzz.extremes, fuzz.usual, fuzz.memberships TO PUBLIC;

-- Tables of an application, by which rooms may get their members.
CREATE TABLE fuzz.crew (user_id bigint);
CREATE TABLE fuzz.crews (room_id bigint, user_id bigint);
GRANT ALL ON fuzz.crew, fuzz.crews TO PUBLIC;

INSERT INTO fuzz.usual SELECT t, e FROM (VALUES
  ('boolean'::regtype, ARRAY['true', 'false']), ('smallint', ARRAY['1', '2']), ('integer', ARRAY['0', '1', '2', '3', '10']),
  ('bigint', ARRAY['0', '1', '2', '3', '10']), ('uuid', ARRAY['gen_random_uuid()']),
  ('text', ARRAY['''abcdef''', '''u'' || left(md5(clock_timestamp()::text), 8)', '''Some words.''']),
  ('bytea', ARRAY['''abc''', 'sha256(convert_to(clock_timestamp()::text, ''UTF8''))']),
  ('interval', ARRAY['''1 hour''', '''7 days''']), ('timestamp with time zone', ARRAY['now() + interval ''1 hour''']),
  ('json', ARRAY['''{"a": 1}''']), ('jsonb', ARRAY['''{"a": 1}''']), ('inet', ARRAY['''127.0.0.1''']),
  ('regclass', ARRAY['''fuzz.crew''', '''fuzz.crews''']),
  ('timestamp with time zone', ARRAY['now() + interval ''1 day'''])
) AS x (t, es), unnest(es) AS e;

INSERT INTO fuzz.extremes SELECT t, e FROM (VALUES
  ('boolean'::regtype, ARRAY['true', 'false']),
  ('smallint', ARRAY['0', '1', '-1', '32767', '(-32768)']),
  ('integer', ARRAY['0', '1', '2', '3', '5', '50', '500', '501', '1000', '1001', '-1', '2147483647', '(-2147483648)']),
  ('bigint', ARRAY['0', '1', '2', '3', '5', '10', '50', '-1', '2147483648', '9007199254740993', '9223372036854775807', '(-9223372036854775808)']),
  ('numeric', ARRAY['0', '-1', '''NaN''', '''Infinity''', '1e300', '1e-300']),
  ('double precision', ARRAY['0', '-1', '''NaN''', '''-Infinity''', '1e308', '''-0''']),
  ('real', ARRAY['0', '-1', '''NaN''', '''Infinity''']),
  ('oid', ARRAY['0', '1', '4294967295']),
  ('uuid', ARRAY['gen_random_uuid()', '''00000000-0000-0000-0000-000000000000''', '''ffffffff-ffff-ffff-ffff-ffffffffffff''', '''11111111-2222-4333-8444-555555555555''']),
  ('text', ARRAY['''''', ''' ''', '''a''', '''abcdef''', 'E''\t\n\r\x01\x7f''', '''it''''s "quoted" \ and $$dollared$$''', '''%s%n%1$s%''', '''\u0000''',
    'U&''\202E\05D0\0627\200F''', 'U&''\FEFF\200D\0301''', 'U&''\+01F994\+01F994''', '''; DROP TABLE porcupine.users; --''', '''../../etc/passwd''',
    '''null''', '''{}''', '''[]''', '''{"a": [1e400, "\ud800"]}''', '''SELECT 1''', '''SELECT id FROM porcupine.users''', '''(a+)+$''', '''-1''', '''infinity''',
    'repeat(''x'', 33)', 'repeat(''x'', 65)', 'repeat(''x'', 101)', 'repeat(''x'', 257)', 'repeat(U&''\+01F994'', 64)', 'repeat(''x'', 8193)', 'repeat(''x'', 1048576)']),
  ('name', ARRAY['''''', '''users''', '''porcupine''', 'repeat(''x'', 63)']),
  ('bytea', ARRAY['''''', '''\x00''', '''a''', '''\xfffe''', '''{"a":1}''', 'sha256(''x'')', 'decode(repeat(''00'', 64), ''hex'')', 'convert_to(repeat(''x'', 2049), ''UTF8'')',
    'convert_to(repeat(''x'', 8193), ''UTF8'')', 'convert_to(repeat(''x'', 65536), ''UTF8'')', 'convert_to(repeat(''x'', 65537), ''UTF8'')', 'convert_to(repeat(''x'', 1048576), ''UTF8'')']),
  ('timestamp with time zone', ARRAY['now()', '''infinity''', '''-infinity''', '''4713-01-01 00:00:00 BC''', '''294276-12-31 23:59:59.999999 UTC''', '''1970-01-01 UTC''', 'now() + interval ''1 hour''', 'now() - interval ''1 hour''']),
  ('timestamp without time zone', ARRAY['localtimestamp', '''infinity''', '''-infinity''', '''4713-01-01 00:00:00 BC''', '''294276-12-31''']),
  ('date', ARRAY['current_date', '''infinity''', '''-infinity''', '''4713-01-01 BC''', '''5874897-12-31''']),
  ('time without time zone', ARRAY['''00:00''', '''24:00''']),
  ('interval', ARRAY['''0''', '''1 microsecond''', '''1 minute''', '''1 hour''', '''7 days''', '''1 month''', '''365 days''', '''-1 day''', '''1 month -40 days''', '''178000000 years''', '''-178000000 years''', '''2147483647 days''']),
  ('inet', ARRAY['''127.0.0.1''', '''0.0.0.0/0''', '''::1''', '''ffff::/16''']),
  ('json', ARRAY['''null''', '''{}''', '''[]''', '''"\u0000"''', '''{"a": 1, "a": 2}''', '''1e400''', '(repeat(''['', 5000) || repeat('']'', 5000))', '(''"'' || repeat(''x'', 1048576) || ''"'')']),
  ('jsonb', ARRAY['''null''', '''{}''', '''[]''', '''{"a": 1, "b": [null, true, "x"]}''', '''1e400''', '(repeat(''['', 5000) || repeat('']'', 5000))', 'to_jsonb(repeat(''x'', 1048576))']),
  ('regclass', ARRAY['0', '''porcupine.users''', '''porcupine.stat_doorbell''', '''pg_class''', '''fuzz.pool''', '4294967295']),
  ('regprocedure', ARRAY['0', '4294967295', '''pg_backend_pid()''']),
  ('regrole', ARRAY['0', '''porcupine_owner''', '4294967295']),
  ('xid8', ARRAY['''0''', '''18446744073709551615''']),
  ('pg_lsn', ARRAY['''0/0''', '''FFFFFFFF/FFFFFFFF'''])
) AS x (t, es), unnest(es) AS e;

CREATE FUNCTION fuzz.names_of_users() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT '{user,users,account,member,members,other,others,peer,subject,successor,to}'::text[]
$$;

CREATE FUNCTION fuzz.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT choices[1 + floor(random() * cardinality(choices))::integer]
$$;

-- An expression for one value, null included, for an argument called so; usual: rather what one would give.
CREATE FUNCTION fuzz.one(wanted regtype, called text, usual boolean) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  t pg_type := (SELECT t FROM pg_type t WHERE t.oid = wanted);
  r float8 := random() ^ CASE WHEN usual THEN 0.5 ELSE 1 END;
  found text;
BEGIN
  IF r < 0.06 THEN
    RETURN format('NULL::%s', wanted);
  ELSIF t.typtype = 'e' THEN
    found := quote_literal(fuzz.pick((SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = wanted)));
  ELSIF t.typtype = 'd' THEN
    found := fuzz.one(t.typbasetype, called, usual);
  ELSIF t.typtype = 'c' THEN
    found := (SELECT 'ROW(' || string_agg(fuzz.one(a.atttypid, a.attname, usual), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute a
               WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped);
  ELSIF usual AND called = 'room' AND current_setting('fuzz.room', true) <> '' AND random() < 0.7 THEN
    found := current_setting('fuzz.room');
  ELSIF usual AND called = ANY (fuzz.names_of_users()) AND current_setting('fuzz.member', true) <> '' AND random() < 0.7 THEN
    found := current_setting('fuzz.member');
  ELSIF usual AND wanted = 'text'::regtype AND current_setting('fuzz.words', true) <> '{}' AND random() < 0.3 THEN
    found := quote_literal(fuzz.pick(current_setting('fuzz.words')::text[]));
  ELSIF r < 0.60 OR usual THEN
    found := quote_literal(fuzz.pick((SELECT c.choices FROM fuzz.choices c WHERE c.type = wanted AND c.name = called)));
    IF usual AND (found IS NULL OR random() < 0.3) THEN
      found := coalesce(fuzz.pick((SELECT array_agg(e.expression ORDER BY e.expression) FROM fuzz.usual e WHERE e.type = wanted)), found);
    END IF;
  ELSIF r < 0.66 THEN
    found := quote_literal(fuzz.pick((SELECT c.choices FROM fuzz.choices c WHERE c.type = wanted AND c.name = '*')));
  END IF;
  found := coalesce(found, fuzz.pick((SELECT array_agg(e.expression ORDER BY e.expression) FROM fuzz.extremes e WHERE e.type = wanted)), 'NULL');
  -- what is huge is slow, and says the same each time
  IF found LIKE '%1048576%' AND random() < 0.8 THEN
    found := replace(found, '1048576', '70000');
  END IF;
  RETURN format('(%s)::%s', found, wanted);
END
$$;

-- An expression for an array of length likely, or of a shape that nobody expects.
CREATE FUNCTION fuzz.several(element regtype, called text, likely integer, usual boolean) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  r float8 := CASE WHEN usual THEN 0 ELSE random() END;
  list text := (SELECT coalesce(string_agg(fuzz.one(element, called, usual), ', '), '')
                  FROM generate_series(1, CASE WHEN r < 0.85 THEN likely ELSE floor(random() * 4)::integer END));
BEGIN
  RETURN CASE
    WHEN r < 0.80 THEN format('ARRAY[%s]::%s[]', list, element)
    WHEN r < 0.85 THEN format('(''[5:%s]='' || nullif(ARRAY[%s]::%s[]::text, ''{}''))::%s[]', 4 + likely, list, element, element)
    WHEN r < 0.89 THEN format('ARRAY[%s]::%s[]', concat_ws(', ', nullif(list, ''), 'NULL'), element)
    WHEN r < 0.92 THEN format('ARRAY[ARRAY[%1$s], ARRAY[%1$s]]::%2$s[]', list, element)
    WHEN r < 0.94 THEN format('array_fill(%s, ARRAY[%s])', fuzz.one(element, called, true), fuzz.pick('{1000,1001,10000}'))
    WHEN r < 0.96 THEN format('array_fill(NULL::%s, ARRAY[2, 2, 2], ARRAY[0, -5, 2147483000])', element)
    WHEN r < 0.98 THEN format('''{}''::%s[]', element)
    ELSE format('NULL::%s[]', element) END;
END
$$;

-- A statement that calls the function; what has a default is often left out.
CREATE FUNCTION fuzz.statement(target oid) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  p pg_proc := (SELECT p FROM pg_proc p WHERE p.oid = target);
  likely integer := fuzz.pick('{0,1,1,2,3,5}');
  usual boolean := random() < 0.5;
  left_out float8 := fuzz.pick('{0,0.4,0.8,1}');
  given text := '';
  call text;
  a record;
BEGIN
  -- words that the function knows
  PERFORM set_config('fuzz.words', (SELECT coalesce(array_agg(DISTINCT m[1]), '{}') FROM regexp_matches(p.prosrc, '''([a-z_.]{3,20})''', 'g') m)::text, true);
  -- a room of the caller's and somebody in it, so that arguments fit together
  IF usual AND has_function_privilege(session_user, 'porcupine.current_user_id()', 'EXECUTE') THEN
    PERFORM set_config('fuzz.room', here.room_id::text, true), set_config('fuzz.member', here.other::text, true)
       FROM (SELECT m.room_id, (SELECT o.user_id FROM fuzz.memberships o WHERE o.room_id = m.room_id ORDER BY random() LIMIT 1) AS other
               FROM fuzz.memberships m WHERE m.user_id = porcupine.current_user_id() ORDER BY m.role = 'pending', random() LIMIT 1) here;
  END IF;
  FOR a IN SELECT u.type::regtype AS type, n.name, (SELECT e.typelem FROM pg_type e WHERE e.oid = u.type AND e.typcategory = 'A')::regtype AS element,
                  u.nr > p.pronargs - p.pronargdefaults AS optional, p.provariadic <> 0 AND u.nr = p.pronargs AS variadic
             FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u (type, nr)
             LEFT JOIN (SELECT m.name, row_number() OVER (ORDER BY m.nr) AS nr
                          FROM unnest(p.proargnames, coalesce(p.proargmodes, array_fill('i'::"char", ARRAY[p.pronargs]))) WITH ORDINALITY m (name, mode, nr)
                         WHERE m.mode IN ('i', 'b', 'v')) n USING (nr)
            ORDER BY u.nr LOOP
    CONTINUE WHEN a.optional AND random() < left_out;
    given := given || CASE WHEN given = '' THEN '' ELSE ', ' END || CASE WHEN a.variadic THEN 'VARIADIC ' ELSE '' END
             || CASE WHEN a.name <> '' THEN quote_ident(a.name) || ' => ' ELSE '' END
             || CASE WHEN a.element IS NULL THEN fuzz.one(a.type, coalesce(a.name, ''), usual) ELSE fuzz.several(a.element, coalesce(a.name, ''), likely, usual) END;
  END LOOP;
  call := format('%s(%s)', target::regproc, given);
  RETURN CASE WHEN p.prokind = 'p' THEN 'CALL ' || call
              WHEN random() < 0.1 THEN format('SELECT (%s)::text LIMIT 1', call)   -- a set-returning function stops half-way
              ELSE format('SELECT count(x::text) FROM %s x', call) END;
END
$$;

-- Whoever may, acts for somebody; sometimes for nobody.
CREATE FUNCTION fuzz.identify() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  way text := fuzz.pick((SELECT array_agg(w ORDER BY w) FROM unnest(ARRAY['act_as(bigint)', 'act_as_session(bigint)', 'authenticate(text)']) w
                          WHERE has_function_privilege(session_user, 'porcupine.' || w, 'EXECUTE')));
BEGIN
  IF way IS NOT NULL AND random() < 0.9 THEN
    EXECUTE format('SELECT porcupine.%s(%L)', split_part(way, '(', 1),
                   fuzz.pick((SELECT c.choices FROM fuzz.choices c
                               WHERE c.name = CASE way WHEN 'act_as(bigint)' THEN 'user who lives' WHEN 'authenticate(text)' THEN 'token' ELSE 'session that lives' END
                                 AND c.type = CASE way WHEN 'authenticate(text)' THEN 'text' ELSE 'bigint' END::regtype)));
  END IF;
EXCEPTION WHEN OTHERS THEN
  NULL;                                         -- disabled, ended: nobody then
END
$$;

-- Part of a transaction: calls each of the targets in a savepoint and gives "function sqlstate" for each. What is not allowed is said in
-- a notice. The last one is called without a savepoint when bare: its error is the transaction's.
CREATE FUNCTION fuzz.batch(targets oid[], seed float8, bare boolean) RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  target oid;
  statement text;
  state text;
  said text;
  context text;
BEGIN
  PERFORM setseed(seed);
  PERFORM fuzz.identify();
  FOREACH target IN ARRAY targets[:cardinality(targets) - bare::integer] LOOP
    statement := fuzz.statement(target);
    RAISE LOG 'fuzz: %', left(statement, 4000);
    BEGIN
      EXECUTE statement;
      state := '00000';
      IF random() < 0.15 THEN
        RAISE EXCEPTION USING ERRCODE = 'FZ000', MESSAGE = 'rolled back for once';
      END IF;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, said = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT;
      IF state = 'FZ000' THEN
        state := '00000';
      ELSIF NOT fuzz.allowed(state) OR coalesce(said, '') = '' THEN
        RAISE NOTICE E'finding\x01%\x01%\x01%\x01%\x01%', target::regprocedure, state, said, statement, context;
      END IF;
    END;
    RETURN NEXT target::regprocedure || ' ' || state;
  END LOOP;
  IF bare THEN
    statement := fuzz.statement(targets[cardinality(targets)]);
    RAISE LOG 'fuzz: %', left(statement, 4000);
    EXECUTE statement;
    RETURN NEXT targets[cardinality(targets)]::regprocedure || ' 00000';
  END IF;
END
$$;

-- Refusals of our own; what any statement may meet: others' locks and the transaction's own mode.
CREATE FUNCTION fuzz.allowed(state text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT state ~ '^PC0[0-9][0-9]$' OR state IN ('40001', '40P01', '25006')
$$;

-- People, sessions, rooms with members of every role, invites: as many as before, whatever has been deleted meanwhile.
CREATE FUNCTION fuzz.replenish() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  people bigint[];
  room bigint;
  i integer;
BEGIN
  INSERT INTO porcupine.users (username, display_name)
  SELECT left('user-' || md5(clock_timestamp()::text || s), 32), 'User ' || s
    FROM generate_series(1, 10 - (SELECT count(*) FROM porcupine.users u WHERE u.disabled_at IS NULL AND u.erased_at IS NULL)) s;
  SELECT array_agg(u.id ORDER BY u.id) INTO people FROM porcupine.users u WHERE u.disabled_at IS NULL AND u.erased_at IS NULL;
  IF EXISTS (SELECT FROM unnest(people) u WHERE u NOT IN (SELECT c.user_id FROM porcupine.credentials c)) THEN
    INSERT INTO porcupine.credentials (user_id, hash) SELECT u, h FROM unnest(people) u, porcupine.hash_password('password-1') h ON CONFLICT DO NOTHING;
  END IF;
  INSERT INTO porcupine.devices (user_id, name)
  SELECT u, 'fuzz' FROM unnest(people) u WHERE NOT EXISTS (SELECT FROM porcupine.devices d WHERE d.user_id = u AND NOT d.backend AND d.revoked_at IS NULL);
  INSERT INTO porcupine.sessions (user_id, device_id, expires_at, refresh_hash)
  SELECT d.user_id, d.id, now() + interval '1 day', sha256(convert_to(format('refresh-%s-%s', d.id, (SELECT count(*) FROM porcupine.sessions s WHERE s.device_id = d.id)), 'UTF8'))
    FROM porcupine.devices d
   WHERE d.user_id = ANY (people) AND NOT d.backend AND d.revoked_at IS NULL
     AND NOT EXISTS (SELECT FROM porcupine.sessions s WHERE s.device_id = d.id AND s.ended_at IS NULL)
  ON CONFLICT DO NOTHING;
  FOR i IN 1 .. 8 - (SELECT count(*) FROM (SELECT m.room_id FROM porcupine.members m GROUP BY 1 HAVING count(*) > 2) r) LOOP
    PERFORM porcupine.act_as(people[1 + i % cardinality(people)]);
    SELECT r.id INTO room FROM porcupine.create_room('Room ' || i, encrypted => i % 2 = 0) r;
    INSERT INTO porcupine.members (room_id, user_id, role)
    SELECT room, people[1 + (i + e.nr) % cardinality(people)], e.role
      FROM unnest(enum_range(NULL::porcupine.role)) WITH ORDINALITY e (role, nr) WHERE e.role <> 'owner';
    PERFORM porcupine.send(room, gen_random_uuid(), 'hello') FROM generate_series(1, 3);
    PERFORM porcupine.create_invite(room, '1 hour');
    IF i % 3 = 0 THEN                           -- those who are not in ask to be let in
      PERFORM porcupine.change_room(room, listed => true, approval => true);
      PERFORM porcupine.act_as(p), porcupine.request_to_join(room => room) FROM unnest(people) p
        WHERE NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = room AND m.user_id = p);
    END IF;
  END LOOP;
END
$$;

-- The application's tables change; whatever follows them does so at the commit.
CREATE FUNCTION fuzz.work() RETURNS void LANGUAGE sql VOLATILE AS $$
  DELETE FROM fuzz.crew WHERE random() < 0.3;
  DELETE FROM fuzz.crews WHERE random() < 0.3;
  INSERT INTO fuzz.crew SELECT u.id FROM porcupine.users u WHERE random() < 0.2;
  INSERT INTO fuzz.crews SELECT r.id, u.id FROM porcupine.users u, porcupine.rooms r WHERE random() < 0.02;
$$;

-- The pool, drawn from whatever tables there are now.
CREATE FUNCTION fuzz.refill() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  made record;
BEGIN
  TRUNCATE fuzz.pool;
  FOR made IN SELECT c.oid, c.relname, regexp_replace(c.relname, 's$', '') AS singular FROM pg_class c
            WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname LOOP
    EXECUTE format($q$
      INSERT INTO fuzz.pool SELECT DISTINCT ON (a.attname, v.value) a.atttypid,
             ARRAY[a.attname, a.attname || 's', regexp_replace(a.attname, '_id$', ''), regexp_replace(a.attname, '_id$', 's')]
             || CASE WHEN a.attname = 'id' THEN ARRAY[%2$L, %3$L] ELSE '{}' END
             || CASE WHEN a.attname IN ('user_id', 'sender_id') OR a.attname = 'id' AND %2$L = 'users' THEN fuzz.names_of_users() ELSE '{}' END
             || CASE WHEN a.attname IN ('seq', 'last_seq') THEN '{before,after,afters,around,ref,refs,up_to,seqs,target}'::text[] ELSE '{}' END,
             v.value
        FROM (SELECT to_jsonb(t) AS r FROM %1$s t ORDER BY t.ctid DESC LIMIT 60) x, pg_attribute a JOIN pg_type y ON y.oid = a.atttypid,
             LATERAL (SELECT x.r->>a.attname) v (value)
       WHERE a.attrelid = %4$s AND a.attnum > 0 AND NOT a.attisdropped AND y.typcategory NOT IN ('A', 'B', 'C') AND length(v.value) BETWEEN 1 AND 300$q$,
      made.oid::regclass, made.relname, made.singular, made.oid);
  END LOOP;
  INSERT INTO fuzz.pool
  SELECT 'integer'::regtype, '{index}'::text[], h.log_length FROM porcupine.room_heads h
  UNION ALL SELECT 'integer', '{epoch,epochs}', h.epoch + 1 FROM porcupine.room_heads h;
  INSERT INTO fuzz.pool
  SELECT 'bigint'::regtype, ARRAY['user who lives'], u.id FROM porcupine.users u WHERE u.disabled_at IS NULL AND u.erased_at IS NULL
  UNION ALL SELECT 'bigint', ARRAY['session that lives'], s.id FROM porcupine.sessions s JOIN porcupine.users u ON u.id = s.user_id
             WHERE s.ended_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL;
  INSERT INTO fuzz.pool
  SELECT 'text'::regtype, '{token,access_token}'::text[], porcupine.access_token(s.user_id, s.id, s.device_id) FROM porcupine.sessions s WHERE s.ended_at IS NULL
  UNION ALL SELECT 'text', '{refresh_token}', format('refresh-%s-%s', s.device_id, row_number() OVER (PARTITION BY s.device_id) - 1) FROM porcupine.sessions s
  UNION ALL SELECT 'text', '{password,new_password,old_password,current_password}', p FROM unnest('{password-1,password-2}'::text[]) p
  UNION ALL SELECT 'text', '{kind,kinds,role,roles,action}', e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid WHERE t.typnamespace = 'porcupine'::regnamespace;
  TRUNCATE fuzz.choices, fuzz.memberships;
  INSERT INTO fuzz.memberships SELECT m.user_id, m.room_id, m.role FROM porcupine.members m;
  INSERT INTO fuzz.choices SELECT p.type, n.name, array_agg(DISTINCT p.value ORDER BY p.value) FROM fuzz.pool p, unnest(p.names || '{*}') n (name) GROUP BY 1, 2;
END
$$;

-- What must hold, whatever was called: one line for each thing that does not.
CREATE FUNCTION fuzz.broken() RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT format('room %s: head at %s, its events go from %s to %s and are %s', h.room_id, h.last_seq, e.low, e.high, e.many)
    FROM porcupine.room_heads h
    LEFT JOIN LATERAL (SELECT min(e.seq) AS low, max(e.seq) AS high, count(*) AS many FROM porcupine.events e WHERE e.room_id = h.room_id AND e.seq >= h.first_seq) e ON true
   WHERE coalesce(e.high, h.first_seq - 1) <> h.last_seq OR e.many <> h.last_seq - h.first_seq + 1
  UNION ALL SELECT format('room %s has no head', r.id) FROM porcupine.rooms r WHERE NOT EXISTS (SELECT FROM porcupine.room_heads h WHERE h.room_id = r.id)
  UNION ALL SELECT DISTINCT format('events of room %s, which is gone', e.room_id) FROM porcupine.events e WHERE NOT EXISTS (SELECT FROM porcupine.rooms r WHERE r.id = e.room_id)
  UNION ALL SELECT format('room %s: member %s joined at %s, read to %s, got to %s, the head is at %s', m.room_id, m.user_id, m.joined_seq, m.read_seq, m.delivered_seq, h.last_seq)
    FROM porcupine.members m JOIN porcupine.room_heads h USING (room_id)
   WHERE m.joined_seq NOT BETWEEN 1 AND h.last_seq OR m.read_seq NOT BETWEEN 0 AND h.last_seq OR m.delivered_seq NOT BETWEEN 0 AND h.last_seq
  UNION ALL SELECT format('room %s: no event says that member %s joined at %s', m.room_id, m.user_id, m.joined_seq)
    FROM porcupine.members m JOIN porcupine.room_heads h USING (room_id)
   WHERE m.joined_seq >= h.first_seq
     AND NOT EXISTS (SELECT FROM porcupine.events e WHERE e.room_id = m.room_id AND e.seq = m.joined_seq AND e.kind = 'member.joined')
  UNION ALL SELECT format('room %s has %s owners among %s active members', m.room_id, count(*) FILTER (WHERE m.role = 'owner'), count(*))
    FROM porcupine.members m JOIN porcupine.rooms r ON r.id = m.room_id WHERE m.role > 'pending'
   GROUP BY m.room_id, r.direct HAVING count(*) FILTER (WHERE m.role = 'owner') <> CASE WHEN r.direct THEN 0 ELSE 1 END
  UNION ALL SELECT format('room %s: the control log has %s entries, the head says %s', h.room_id, count(l.*), h.log_length)
    FROM porcupine.room_heads h LEFT JOIN porcupine.control_log l USING (room_id) GROUP BY h.room_id
  HAVING count(l.*) <> h.log_length OR max(l.index) <> h.log_length - 1
  UNION ALL SELECT format('room %s: entry %s of the control log is no such event', l.room_id, l.index) FROM porcupine.control_log l JOIN porcupine.room_heads h USING (room_id)
   WHERE l.seq >= h.first_seq AND NOT EXISTS (SELECT FROM porcupine.events e WHERE e.room_id = l.room_id AND e.seq = l.seq AND e.kind = 'control' AND e.ref = l.index)
  UNION ALL SELECT format('room %s: epoch %s was committed, the head says %s', p.room_id, max(p.epoch), h.epoch)
    FROM porcupine.epochs p JOIN porcupine.room_heads h USING (room_id) GROUP BY p.room_id, h.epoch HAVING max(p.epoch) <> h.epoch
  UNION ALL SELECT format('the outbox still holds %s', o.*) FROM porcupine.outbox o
  UNION ALL SELECT format('an identity outlived its transaction: %s', porcupine.current_user_id()) WHERE porcupine.current_user_id() IS NOT NULL
  UNION ALL SELECT format('an advisory lock is left: %s', l.*) FROM pg_locks l WHERE l.locktype = 'advisory'
$$;
