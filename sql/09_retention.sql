-- What goes after its time: messages by the retention of their room, and what is over (sessions, invites, bans, reports, lines of the audit
-- log). maintain() does a bounded piece of it, and is called again and again: by the background worker of extension/maintenance.c,
-- or by cron.
--
-- A room's log loses its oldest part: everything below first_seq but the entries of the control log, which a joiner verifies from
-- the first one on. From first_seq to the head the log is whole, and it is never empty: where the newest event is too old as well, it
-- stays with an empty body, like one that was redacted.

CREATE FUNCTION porcupine.set_retention(room bigint, keep interval) RETURNS porcupine.room
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF keep < '1 hour' OR keep > '100 years' THEN
    PERFORM porcupine.refuse('invalid', 'messages are kept between an hour and 100 years', 'Null keeps them as long as the server does.');
  END IF;
  PERFORM porcupine.enter_room(room, 'admin');
  UPDATE porcupine.rooms r SET retention = keep WHERE r.id = room AND r.retention IS DISTINCT FROM keep;
  RETURN porcupine.my_room(room);
END
$$;
COMMENT ON FUNCTION porcupine.set_retention(bigint, interval) IS
  'how long the messages of a room are kept (admins, owner): between an hour and 100 years, null: as long as porcupine.retention says, which may also shorten it. What is older goes within porcupine.maintenance_interval. Errors: invalid, not_member, role, archived, unauthenticated. Example: SELECT porcupine.set_retention(1, ''30 days'')';

CREATE FUNCTION porcupine.trim_room(room bigint, cutoff timestamptz, max integer, OUT looked integer, OUT removed bigint) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  head porcupine.room_heads;
  upto bigint;
  freed bigint;
BEGIN
  looked := 0;
  removed := 0;
  SELECT h.* INTO head FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE SKIP LOCKED;
  IF head.room_id IS NULL THEN
    looked := NULL;                             -- somebody writes to it, or it is gone: the next round comes back
    RETURN;
  END IF;
  SELECT count(*), coalesce(max(e.seq) FILTER (WHERE e.old), head.first_seq - 1) INTO looked, upto
    FROM (SELECT e.seq, bool_and(e.created_at < cutoff) OVER (ORDER BY e.seq) AS old
            FROM (SELECT e.seq, e.created_at FROM porcupine.events e
                   WHERE e.room_id = room AND e.seq >= head.first_seq ORDER BY e.seq LIMIT greatest(max, 1)) e) e;
  WITH gone AS (
    DELETE FROM porcupine.events e
     WHERE e.room_id = room AND e.seq BETWEEN head.first_seq AND least(upto, head.last_seq - 1) AND e.kind <> 'control'
    RETURNING CASE WHEN porcupine.is_said(e.kind) THEN length(e.body) ELSE 0 END AS bytes)
  SELECT count(*), coalesce(sum(g.bytes), 0) INTO removed, freed FROM gone g;
  IF upto = head.last_seq THEN
    IF EXISTS (SELECT FROM porcupine.events e WHERE e.room_id = room AND e.seq = upto AND porcupine.is_said(e.kind)
                  AND length(e.body) > 0) THEN
      PERFORM porcupine.erase_bodies(room, upto);
      removed := removed + 1;
    END IF;
  END IF;
  UPDATE porcupine.room_heads h SET first_seq = greatest(h.first_seq, least(upto + 1, head.last_seq)), erasures = h.erasures + (removed > 0)::integer,
         bytes = h.bytes - freed
   WHERE h.room_id = room AND upto >= h.first_seq;
END
$$;
COMMENT ON FUNCTION porcupine.trim_room(bigint, timestamptz, integer) IS
  'removes what is older than cutoff among the oldest max events of a room, in order; looked is null when somebody else holds the room';

CREATE FUNCTION porcupine.rooms_to_trim(above bigint, most integer DEFAULT NULL) RETURNS TABLE (room_id bigint, cutoff timestamptz)
  LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT r.id, due.cutoff
    FROM (SELECT make_interval(mins => nullif(porcupine.setting('retention'), 0)::integer) AS keep) everywhere,
         porcupine.rooms r JOIN porcupine.room_heads h ON h.room_id = r.id,
         LATERAL (SELECT clock_timestamp() - least(r.retention, everywhere.keep) AS cutoff) due
   WHERE r.id > above AND (r.retention IS NOT NULL OR everywhere.keep IS NOT NULL)
     AND EXISTS (SELECT FROM porcupine.events e
                  WHERE e.room_id = r.id AND e.seq = h.first_seq AND e.created_at < due.cutoff
                    AND (e.seq < h.last_seq OR (porcupine.is_said(e.kind) AND length(e.body) > 0)))
   ORDER BY r.id LIMIT most
$$;
COMMENT ON FUNCTION porcupine.rooms_to_trim(bigint, integer) IS
  'the first most rooms with a greater id that have something too old, and what counts as that: one look at an index for each room with a retention';

CREATE FUNCTION porcupine.maintain_events(after bigint, max integer, OUT reached bigint, OUT removed bigint, OUT done integer, OUT trouble text) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  room record;
  seen integer;
  gone bigint;
  budget integer := max;
BEGIN
  removed := 0;
  done := 0;
  FOR room IN SELECT r.* FROM porcupine.rooms_to_trim(after, 100) r LOOP
    reached := room.room_id;
    BEGIN
      SELECT t.looked, t.removed INTO seen, gone FROM porcupine.trim_room(room.room_id, room.cutoff, budget) t;
      removed := removed + gone;
      budget := budget - coalesce(seen, 0);
    EXCEPTION WHEN OTHERS THEN                  -- somebody's trigger: the other rooms go on
      trouble := format('room %s: %s', room.room_id, SQLERRM);
    END;
    IF budget <= 0 THEN
      reached := room.room_id - 1;              -- there may be more in it
      RETURN;
    END IF;
    done := done + 1;
  END LOOP;
END
$$;
COMMENT ON FUNCTION porcupine.maintain_events(bigint, integer) IS
  'removes up to max events from the rooms with a greater id; reached: go on above that room; null: there is no further one';

CREATE FUNCTION porcupine.is_deserted(room bigint) RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT coalesce(r.encrypted AND NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = room AND m.role > 'pending')
                  AND NOT EXISTS (SELECT FROM porcupine.linked_rooms g WHERE g.room_id = room)
                  AND e.created_at < clock_timestamp() - make_interval(mins => nullif(porcupine.setting('expired_retention'), 0)::integer), false)
    FROM porcupine.rooms r JOIN porcupine.room_heads h ON h.room_id = r.id LEFT JOIN porcupine.events e ON e.room_id = r.id AND e.seq = h.last_seq
   WHERE r.id = room
$$;
COMMENT ON FUNCTION porcupine.is_deserted(bigint) IS
  'whether an encrypted room has had no member for porcupine.expired_retention: nobody can ever be let in again, for nobody has its key. Linked rooms are their application''s';

CREATE FUNCTION porcupine.maintain_rooms(after bigint, max integer, OUT reached bigint, OUT removed bigint, OUT trouble text) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  room bigint;
  seen integer;
  budget integer := max;
BEGIN
  removed := 0;
  FOR room IN SELECT r.id FROM porcupine.rooms r WHERE r.id > after ORDER BY r.id LIMIT max LOOP
    reached := room;
    CONTINUE WHEN NOT porcupine.is_deserted(room);
    PERFORM FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND OR porcupine.is_deserted(room) IS NOT TRUE;          -- again, now that nobody can come
    BEGIN
      SELECT t.looked INTO seen FROM porcupine.trim_room(room, 'infinity', budget) t;
      budget := budget - coalesce(seen, 0);
      IF budget > 0 THEN
        DELETE FROM porcupine.rooms r WHERE r.id = room;
        removed := removed + 1;
      END IF;
    EXCEPTION WHEN OTHERS THEN                  -- somebody's trigger: the other rooms go on
      trouble := format('room %s: %s', room, SQLERRM);
    END;
    IF budget <= 0 THEN
      reached := room - 1;                      -- there is more in it
      RETURN;
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT FROM porcupine.rooms r WHERE r.id > reached) THEN
    reached := NULL;
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.maintain_rooms(bigint, integer) IS
  'looks at max rooms with a greater id and deletes those that are deserted, their events in steps before; reached is null at the end';

CREATE FUNCTION porcupine.maintain_sessions(after bigint, max integer, OUT reached bigint, OUT removed bigint) RETURNS record
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH looked AS (
    SELECT s.id, s.expires_at, s.ended_at FROM porcupine.sessions s WHERE s.id > after ORDER BY s.id LIMIT max),
  old AS (
    SELECT s.id FROM porcupine.sessions s JOIN looked l ON l.id = s.id
     WHERE least(l.expires_at, l.ended_at) < clock_timestamp() - make_interval(mins => nullif(porcupine.setting('expired_retention'), 0)::integer)
       FOR UPDATE OF s SKIP LOCKED),
  gone AS (DELETE FROM porcupine.sessions s USING old o WHERE s.id = o.id RETURNING s.id)
  SELECT (SELECT max(l.id) FROM looked l), (SELECT count(*) FROM gone)
$$;
COMMENT ON FUNCTION porcupine.maintain_sessions(bigint, integer) IS
  'looks at max sessions with a greater id and removes those that ended or expired longer ago than porcupine.expired_retention; reached is null at the end';

CREATE FUNCTION porcupine.maintain_invites(after bigint, max integer, OUT reached bigint, OUT removed bigint) RETURNS record
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH looked AS (SELECT i.id, i.expires_at FROM porcupine.invites i WHERE i.id > after ORDER BY i.id LIMIT max),
  old AS (
    SELECT i.id FROM porcupine.invites i JOIN looked l ON l.id = i.id
     WHERE l.expires_at < clock_timestamp() - make_interval(mins => nullif(porcupine.setting('expired_retention'), 0)::integer)
       FOR UPDATE OF i SKIP LOCKED),
  gone AS (DELETE FROM porcupine.invites i USING old o WHERE i.id = o.id RETURNING i.id)
  SELECT (SELECT max(l.id) FROM looked l), (SELECT count(*) FROM gone)
$$;
COMMENT ON FUNCTION porcupine.maintain_invites(bigint, integer) IS
  'the same for invites; one that is used up stays until it expires, for whoever has just joined reads what it has sealed';

CREATE FUNCTION porcupine.maintain_bans(max integer, OUT reached bigint, OUT removed bigint) RETURNS record
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH kept AS (SELECT clock_timestamp() - make_interval(mins => nullif(porcupine.setting('expired_retention'), 0)::integer) AS since),
  bans AS (
    DELETE FROM porcupine.bans b
     USING (SELECT b.room_id, b.user_id FROM porcupine.bans b
             WHERE b.until < (SELECT k.since FROM kept k) ORDER BY b.until LIMIT max FOR UPDATE SKIP LOCKED) o
     WHERE b.room_id = o.room_id AND b.user_id = o.user_id RETURNING 1),
  mutes AS (
    DELETE FROM porcupine.mutes m
     USING (SELECT m.room_id, m.user_id FROM porcupine.mutes m
             WHERE m.until < (SELECT k.since FROM kept k) ORDER BY m.until LIMIT max FOR UPDATE SKIP LOCKED) o
     WHERE m.room_id = o.room_id AND m.user_id = o.user_id RETURNING 1),
  gone AS (SELECT (SELECT count(*) FROM bans) AS bans, (SELECT count(*) FROM mutes) AS mutes)
  SELECT CASE WHEN greatest(g.bans, g.mutes) = max THEN 0 END, g.bans + g.mutes FROM gone g
$$;
COMMENT ON FUNCTION porcupine.maintain_bans(integer) IS
  'removes up to max bans and as many mutes of people who are gone that were over porcupine.expired_retention ago; reached is null when that was all';

CREATE FUNCTION porcupine.maintain_reports(max integer, OUT reached bigint, OUT removed bigint) RETURNS record
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH old AS (
    SELECT r.id FROM porcupine.reports r
     WHERE r.resolved_at < clock_timestamp() - make_interval(mins => nullif(porcupine.setting('expired_retention'), 0)::integer)
     ORDER BY r.resolved_at LIMIT max FOR UPDATE SKIP LOCKED),
  gone AS (DELETE FROM porcupine.reports r USING old o WHERE r.id = o.id RETURNING 1)
  SELECT CASE WHEN count(*) = max THEN 0 END, count(*) FROM gone
$$;
COMMENT ON FUNCTION porcupine.maintain_reports(integer) IS
  'removes up to max reports that were resolved porcupine.expired_retention ago; reached is null when that was all';

CREATE FUNCTION porcupine.maintain_audit(max integer, OUT reached bigint, OUT removed bigint) RETURNS record
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH oldest AS (SELECT a.id, a.at FROM porcupine.audit a ORDER BY a.id LIMIT max),
  gone AS (
    DELETE FROM porcupine.audit a USING oldest o
     WHERE a.id = o.id AND o.at < clock_timestamp() - make_interval(mins => nullif(porcupine.setting('audit_retention'), 0)::integer)
    RETURNING a.id)
  SELECT CASE WHEN count(*) = max THEN max(g.id) END, count(*) FROM gone g
$$;
COMMENT ON FUNCTION porcupine.maintain_audit(integer) IS
  'removes up to max of the oldest lines of the audit log that are older than porcupine.audit_retention; reached is null when that was all';

CREATE FUNCTION porcupine.maintain(max integer DEFAULT 1000, OUT task text, OUT removed bigint, OUT more boolean) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  tasks CONSTANT text[] := ARRAY['events', 'rooms', 'sessions', 'invites', 'bans', 'reports', 'audit', 'requests'];
  state porcupine.maintenance;
  step record;
  waiting bigint;
BEGIN
  IF max IS NULL OR max < 1 OR max > 100000 THEN
    PERFORM porcupine.refuse('invalid', 'a step looks at 1 to 100000 rows');
  END IF;
  removed := 0;
  more := false;
  -- An INSERT that runs into the row waits for whoever has it, so only where there is none yet.
  IF NOT EXISTS (SELECT FROM porcupine.maintenance) THEN
    INSERT INTO porcupine.maintenance (only_row) VALUES (true) ON CONFLICT DO NOTHING;
  END IF;
  SELECT m.* INTO state FROM porcupine.maintenance m FOR UPDATE SKIP LOCKED;
  IF state.only_row IS NULL THEN
    RETURN;                                     -- somebody else is at it
  END IF;
  task := coalesce(state.task, tasks[1]);
  IF state.task IS NULL THEN
    state.position := 0;
    PERFORM porcupine.maintain_signing_keys();
    SELECT count(*) INTO waiting FROM porcupine.rooms_to_trim(0);
    UPDATE porcupine.maintenance m SET started_at = clock_timestamp(), rooms_waiting = waiting, error = NULL, error_at = NULL;
  END IF;
  CASE task
    WHEN 'events' THEN
      step := porcupine.maintain_events(state.position, max);
      UPDATE porcupine.maintenance m SET events = m.events + step.removed, rooms_waiting = greatest(m.rooms_waiting - step.done, 0),
             error = coalesce(step.trouble, m.error), error_at = CASE WHEN step.trouble IS NULL THEN m.error_at ELSE clock_timestamp() END;
    WHEN 'rooms' THEN
      step := porcupine.maintain_rooms(state.position, max);
      UPDATE porcupine.maintenance m SET rooms = m.rooms + step.removed,
             error = coalesce(step.trouble, m.error), error_at = CASE WHEN step.trouble IS NULL THEN m.error_at ELSE clock_timestamp() END;
    WHEN 'sessions' THEN
      step := porcupine.maintain_sessions(state.position, max);
      UPDATE porcupine.maintenance m SET sessions = m.sessions + step.removed;
    WHEN 'invites' THEN
      step := porcupine.maintain_invites(state.position, max);
      UPDATE porcupine.maintenance m SET invites = m.invites + step.removed;
    WHEN 'bans' THEN
      step := porcupine.maintain_bans(max);
      UPDATE porcupine.maintenance m SET bans = m.bans + step.removed;
    WHEN 'reports' THEN
      step := porcupine.maintain_reports(max);
      UPDATE porcupine.maintenance m SET reports = m.reports + step.removed;
    WHEN 'audit' THEN
      step := porcupine.maintain_audit(max);
      UPDATE porcupine.maintenance m SET audit = m.audit + step.removed;
    WHEN 'requests' THEN
      step := porcupine.maintain_requests(max);
  END CASE;
  removed := step.removed;
  IF step.reached IS NULL THEN                  -- on to the next task, or the end of the round
    state.task := tasks[array_position(tasks, task) + 1];
    state.position := 0;
  ELSE
    state.task := task;
    state.position := step.reached;
  END IF;
  more := state.task IS NOT NULL;
  UPDATE porcupine.maintenance m
     SET task = state.task, position = state.position, steps = m.steps + 1, stepped_at = clock_timestamp(),
         rounds = m.rounds + (NOT more)::integer, finished_at = CASE WHEN more THEN m.finished_at ELSE clock_timestamp() END;
END
$$;
COMMENT ON FUNCTION porcupine.maintain(integer) IS
  'one step of maintenance, which looks at max rows (1-100000) or at 100 rooms: removes messages by the retention of their room, encrypted rooms that have had no member for porcupine.expired_retention, sessions, invites, bans and reports that were over porcupine.expired_retention ago, audit lines older than porcupine.audit_retention, answers to requests that were made porcupine.request_retention ago. more: the round is not over, call it again, in a transaction of its own; removed: rows of this step, of the kind that task names. It waits for nobody: a room that is being written to is left to the next round, and while another step is under way it does nothing. The background worker does this every porcupine.maintenance_interval; without shared_preload_libraries let cron do it. Errors: invalid. Example: SELECT more FROM porcupine.maintain()';

CREATE VIEW porcupine.stat_maintenance AS
  SELECT m.task, m.rounds, m.steps, m.rooms_waiting, m.started_at, m.stepped_at, m.finished_at,
         m.events, m.rooms, m.sessions, m.invites, m.bans, m.reports, m.audit, m.error, m.error_at
    FROM (SELECT true) one (row) LEFT JOIN porcupine.maintenance m ON m.only_row;
COMMENT ON VIEW porcupine.stat_maintenance IS 'what maintain() has done in this database since the extension was installed, one row, for monitoring';
COMMENT ON COLUMN porcupine.stat_maintenance.task IS 'what the next step is about: events, rooms, sessions, invites, bans, reports, audit or requests; null: no round is under way';
COMMENT ON COLUMN porcupine.stat_maintenance.rounds IS 'how often everything was looked through; null, like all others: never begun';
COMMENT ON COLUMN porcupine.stat_maintenance.steps IS 'transactions that took';
COMMENT ON COLUMN porcupine.stat_maintenance.rooms_waiting IS 'rooms in which something was too old when the round began, less those that it has been to';
COMMENT ON COLUMN porcupine.stat_maintenance.started_at IS 'when the last round began';
COMMENT ON COLUMN porcupine.stat_maintenance.stepped_at IS 'when the last step was taken';
COMMENT ON COLUMN porcupine.stat_maintenance.finished_at IS 'when a round was last finished';
COMMENT ON COLUMN porcupine.stat_maintenance.events IS 'events removed by retention';
COMMENT ON COLUMN porcupine.stat_maintenance.rooms IS 'encrypted rooms removed that everybody had left';
COMMENT ON COLUMN porcupine.stat_maintenance.sessions IS 'sessions removed';
COMMENT ON COLUMN porcupine.stat_maintenance.invites IS 'invites removed';
COMMENT ON COLUMN porcupine.stat_maintenance.bans IS 'bans and mutes removed';
COMMENT ON COLUMN porcupine.stat_maintenance.reports IS 'resolved reports removed';
COMMENT ON COLUMN porcupine.stat_maintenance.audit IS 'lines of the audit log removed';
COMMENT ON COLUMN porcupine.stat_maintenance.error IS 'what kept the last round from a room, if anything did';
COMMENT ON COLUMN porcupine.stat_maintenance.error_at IS 'when';
