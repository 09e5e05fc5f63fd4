-- What t/021_rls_property.pl does its work with, on top of fuzz.sql, whose calls are the random acts: what a client sees through the
-- tables beside what the functions tell the same client.
CREATE SCHEMA rls;
GRANT USAGE ON SCHEMA rls TO PUBLIC;

-- All that there is, for whoever asks: what somebody does not see has to be known.
CREATE FUNCTION rls.all_rooms() RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT r.id FROM porcupine.rooms r ORDER BY 1 $$;
CREATE FUNCTION rls.all_users() RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT u.id FROM porcupine.users u ORDER BY 1 $$;
CREATE FUNCTION rls.epochs_of(room bigint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT count(*) FROM porcupine.epochs p WHERE p.room_id = room $$;

-- Users with sessions, keys and device lists; rooms with members of random roles and something said.
CREATE FUNCTION rls.populate(users integer, rooms integer) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  people bigint[];
  room bigint;
  person bigint;
BEGIN
  WITH made AS (INSERT INTO porcupine.users (username, display_name) SELECT 'person-' || i, 'Person ' || i FROM generate_series(1, users) i RETURNING id)
  SELECT array_agg(id) INTO people FROM made;
  PERFORM fuzz.replenish();
  INSERT INTO porcupine.device_lists (user_id, version, identity, list) SELECT u, v, 'identity', 'list' FROM unnest(people) u, generate_series(1, 2) v WHERE u % 3 > 0;
  UPDATE porcupine.devices d SET keys = 'keys of ' || d.id::text::bytea WHERE d.id % 3 > 0;
  FOR i IN 1 .. rooms LOOP
    person := people[1 + i % users];
    PERFORM porcupine.act_as(person);
    SELECT r.id INTO room FROM porcupine.create_room('Room ' || i, encrypted => i % 3 = 0) r;
    INSERT INTO porcupine.members (room_id, user_id, role)
    SELECT room, u, fuzz.pick((SELECT array_agg(e::text) FROM unnest(enum_range(NULL::porcupine.role)) e WHERE e <> 'owner'))::porcupine.role
      FROM unnest(people) u WHERE u <> person AND random() < 0.35;
    PERFORM porcupine.send(room, gen_random_uuid(), convert_to('message ' || s, 'UTF8')) FROM generate_series(1, 1 + (random() * 5)::integer) s;
  END LOOP;
END
$$;

-- Roles change, people go, by the tables: whatever functions there are for it.
CREATE FUNCTION rls.stir() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  UPDATE porcupine.members m SET role = fuzz.pick((SELECT array_agg(e::text) FROM unnest(enum_range(NULL::porcupine.role)) e WHERE e <> 'owner'))::porcupine.role
   WHERE m.role <> 'owner' AND random() < 0.2;
  DELETE FROM porcupine.members m WHERE m.role <> 'owner' AND random() < 0.05;
END
$$;

-- The rows of a table or view that the caller sees, of the columns that they may read.
CREATE FUNCTION rls.seen(relation text, condition text DEFAULT 'true') RETURNS SETOF jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT to_jsonb(x) FROM (SELECT %s FROM porcupine.%I WHERE %s) x',
    (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
      WHERE a.attrelid = format('porcupine.%I', relation)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')),
    relation, condition);
END
$$;

-- Two sets of rows side by side: those that only one has, or that differ in a field of one name. named translates fields of told.
CREATE FUNCTION rls.differences(seen jsonb[], told jsonb[], key text, named jsonb DEFAULT '{}') RETURNS SETOF text LANGUAGE sql STABLE AS $$
  WITH s AS (SELECT x, x->>key AS k FROM unnest(seen) x),
       t AS (SELECT y, y->>key AS k FROM (SELECT x || (SELECT coalesce(jsonb_object_agg(n.value, x->n.key), '{}') FROM jsonb_each_text(named) n) AS y FROM unnest(told) x) z)
  SELECT format('seen %s, told %s', s.x, t.y) FROM s FULL JOIN t ON s.k = t.k
   WHERE s.k IS NULL OR t.k IS NULL OR EXISTS (SELECT FROM jsonb_each(s.x) f WHERE t.y ? f.key AND t.y->f.key IS DISTINCT FROM f.value)
$$;

-- All events of a room, page by page.
CREATE FUNCTION rls.whole_log(room bigint) RETURNS jsonb[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  all_of_it jsonb[] := '{}';
  page jsonb[];
BEGIN
  LOOP
    SELECT array_agg(to_jsonb(e)) INTO page FROM porcupine.since(room, (all_of_it[cardinality(all_of_it)]->>'seq')::bigint, 100) e;
    EXIT WHEN page IS NULL;
    all_of_it := all_of_it || page;
  END LOOP;
  RETURN all_of_it;
END
$$;

-- Whether a call is refused, as it must be for whoever is not in the room or still waits.
CREATE FUNCTION rls.refused(statement text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  EXECUTE statement;
  RETURN false;
EXCEPTION WHEN SQLSTATE 'PC005' OR SQLSTATE 'PC006' OR SQLSTATE 'PC007' THEN
  RETURN true;
END
$$;

-- For the caller, who has an identity: one row a case, with what differs.
CREATE FUNCTION rls.compare() RETURNS TABLE (what text, difference text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  me bigint := porcupine.current_user_id();
  mine jsonb := (SELECT coalesce(jsonb_object_agg(r.id, to_jsonb(r)), '{}') FROM porcupine.my_rooms() r);
  readable bigint[] := (SELECT coalesce(array_agg(k::bigint), '{}') FROM jsonb_object_keys(mine) k WHERE (mine->k->>'role')::porcupine.role > 'pending');
  peers bigint[] := ARRAY[me];
  told jsonb[];
  seen jsonb[];
  mask boolean;
  t record;
  id bigint;
BEGIN
  FOR id IN SELECT rls.all_rooms() LOOP
    mask := id = ANY (readable);
    FOR t IN SELECT x.* FROM (VALUES
        ('rooms', 'id', 'id', '{}'::jsonb, ARRAY[mine->id::text]),
        ('room_heads', 'room_id', 'room_id', '{"id": "room_id", "head": "last_seq", "log": "log_length"}', ARRAY[mine->id::text]),
        ('members', 'room_id', 'user_id', '{}', NULL), ('events', 'room_id', 'seq', '{}', NULL), ('control_log', 'room_id', 'index', '{}', NULL)
      ) AS x (relation, room_column, key, named, told) LOOP
      seen := ARRAY(SELECT rls.seen(t.relation, format('%I = %s', t.room_column, id)));
      told := CASE WHEN NOT mask THEN '{}'
                   WHEN t.told IS NOT NULL THEN t.told
                   WHEN t.relation = 'members' THEN ARRAY(SELECT to_jsonb(m) FROM porcupine.room_members(id) m)
                   WHEN t.relation = 'events' THEN rls.whole_log(id)
                   ELSE ARRAY(SELECT to_jsonb(c) FROM porcupine.control_entries(id) c) END;
      IF t.relation = 'members' THEN
        peers := peers || ARRAY(SELECT (m->>'user_id')::bigint FROM unnest(told) m);
      END IF;
      what := format('user %s, room %s (%s), table %s', me, id, coalesce(mine->id::text->>'role', 'no member'), t.relation);
      difference := (SELECT string_agg(d, '; ') FROM rls.differences(seen, told, t.key, t.named) d);
      RETURN NEXT;
    END LOOP;

    what := format('user %s, room %s, table epochs', me, id);
    seen := ARRAY(SELECT rls.seen('epochs', format('room_id = %s', id)));
    difference := CASE
      WHEN cardinality(seen) <> CASE WHEN mask THEN rls.epochs_of(id) ELSE 0 END THEN format('sees %s of %s epochs', cardinality(seen), rls.epochs_of(id))
      WHEN mask THEN (SELECT string_agg(format('told of epoch %s', e.epoch), '; ') FROM porcupine.my_epochs(id) e
                       WHERE NOT EXISTS (SELECT FROM unnest(seen) s WHERE (s->>'epoch')::integer = e.epoch AND (s->>'index')::integer = e.index)) END;
    RETURN NEXT;

    IF NOT mask THEN
      what := format('user %s, room %s, functions', me, id);
      difference := (SELECT string_agg(c, '; ') FROM unnest(ARRAY['history(%s)', 'since(%s, 0)', 'my_epochs(%s)', 'cursor_state(%s)']) c
                      WHERE NOT rls.refused(format('SELECT porcupine.' || c, id)));
      RETURN NEXT;
    END IF;
  END LOOP;

  what := format('user %s, table users', me);
  seen := ARRAY(SELECT rls.seen('users'));
  difference := (SELECT string_agg(format('user %s: seen %s', u, s.x), '; ') FROM (SELECT rls.all_users() u) a LEFT JOIN unnest(seen) s (x) ON (s.x->>'id')::bigint = u
                  WHERE (s.x IS NOT NULL) <> (u = ANY (peers)));
  RETURN NEXT;

  -- Of somebody in a room that one is still waiting for, one is told what it takes to check the log before one is let in, and sees no table.
  FOR id IN SELECT rls.all_users() LOOP
    what := format('user %s, devices of user %s', me, id);
    seen := ARRAY(SELECT rls.seen('device_lists', format('user_id = %s', id)));
    IF id = ANY (peers) THEN
      difference := (SELECT string_agg(d, '; ') FROM rls.differences(
        ARRAY(SELECT s FROM unnest(seen) s ORDER BY (s->>'version')::integer DESC LIMIT 1),
        ARRAY(SELECT to_jsonb(f) FROM porcupine.user_devices(id) f WHERE f.list IS NOT NULL), 'version', '{"list_version": "version"}') d);
    ELSE
      difference := CASE WHEN cardinality(seen) > 0 THEN format('sees %s', seen)
        WHEN NOT EXISTS (SELECT FROM jsonb_object_keys(mine) k, porcupine.room_members(k::bigint) m WHERE m.user_id = id)
             AND NOT rls.refused(format('SELECT porcupine.user_devices(%s)', id)) THEN 'is told' END;
    END IF;
    RETURN NEXT;
  END LOOP;
  what := format('user %s, table devices', me);
  difference := (SELECT string_agg(d, '; ') FROM (
    SELECT format('sees %s', s) FROM rls.seen('devices') s WHERE (s->>'user_id')::bigint <> me
    UNION ALL SELECT format('does not see device %s', d) FROM porcupine.user_devices(me) f, unnest(f.devices) d WHERE d NOT IN (SELECT (s->>'id')::bigint FROM rls.seen('devices') s)) x (d));
  RETURN NEXT;
  what := format('user %s, table sessions', me);
  difference := (SELECT string_agg(d, '; ') FROM rls.differences(
    ARRAY(SELECT rls.seen('sessions', 'ended_at IS NULL AND expires_at > clock_timestamp()')), ARRAY(SELECT to_jsonb(s) FROM porcupine.my_sessions() s), 'id') d);
  RETURN NEXT;

  -- Whatever else may be read: nobody's rows but those of one's rooms, one's own and one's peers'.
  FOR t IN SELECT c.relname, bool_or(a.attname = 'room_id') AS of_a_room, bool_or(a.attname = 'user_id') AS of_a_user
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
            WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND has_any_column_privilege(c.oid, 'SELECT')
            GROUP BY 1 HAVING bool_or(a.attname IN ('room_id', 'user_id')) LOOP
    what := format('user %s, whatever is in %s', me, t.relname);
    difference := (SELECT string_agg(format('sees %s', s), '; ') FROM rls.seen(t.relname) s
                    WHERE ((s->>'user_id')::bigint = me) IS NOT TRUE
                      AND CASE WHEN t.of_a_room THEN (s->>'room_id')::bigint <> ALL (readable) ELSE (s->>'user_id')::bigint <> ALL (peers) END);
    RETURN NEXT;
  END LOOP;
END
$$;

-- Without an identity there is nothing to see, wherever there may be something to see with one.
CREATE FUNCTION rls.nobody_sees() RETURNS TABLE (what text, difference text) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  FOR what IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('r', 'p') AND has_any_column_privilege(c.oid, 'SELECT') LOOP
    difference := (SELECT string_agg(s::text, '; ') FROM rls.seen(what) s);
    what := format('nobody, table %s', what);
    RETURN NEXT;
  END LOOP;
END
$$;

-- Every column of every table and view, tried as the caller: "table column" of those that can be read.
CREATE FUNCTION rls.readable_columns() RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  col record;
BEGIN
  FOR col IN SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = 'porcupine') AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1, a.attnum LOOP
    BEGIN
      EXECUTE format('SELECT %I FROM porcupine.%I', col.attname, col.relname);
      RETURN NEXT format('%s %s', col.relname, col.attname);
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
  END LOOP;
END
$$;
