-- The log of a room: writing and reading.

CREATE TYPE porcupine.event AS (
  room_id bigint, seq bigint, kind porcupine.kind, sender_id bigint, device_id bigint, client_id uuid, epoch integer,
  ref bigint, created_at timestamptz, body bytea);
COMMENT ON TYPE porcupine.event IS
  'an event as it is read; ref is the seq it speaks of, for kind control the index of the entry; body is UTF-8 JSON where the server wrote it';

CREATE FUNCTION porcupine.send(room bigint, client_id uuid, body bytea, epoch integer DEFAULT 0, kind text DEFAULT 'message',
                               ref bigint DEFAULT NULL, OUT seq bigint, OUT created_at timestamptz) RETURNS record
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_send';
COMMENT ON FUNCTION porcupine.send(bigint, uuid, bytea, integer, text, bigint) IS
  'appends a message (kind message, edit or reaction; body 1-65536 bytes) for the current user and returns its seq. The same client_id with the same body returns the first seq. ref is the seq it speaks of: of a message that is replied to or reacted to, or for an edit of one''s own message. Errors: invalid, too_large, not_member, role (pending or a reader), muted (the detail says until when), archived, stale_epoch, epoch_closed, gone (an edit of what was redacted), quota (porcupine.max_room_size), duplicate_mismatch, unauthenticated, session_ended. Example: SELECT * FROM porcupine.send(1, gen_random_uuid(), ''hello'')';

CREATE FUNCTION porcupine.send_deferred(room bigint, client_id uuid, body bytea, epoch integer DEFAULT 0, kind text DEFAULT 'message',
                                        ref bigint DEFAULT NULL) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_send_deferred';
COMMENT ON FUNCTION porcupine.send_deferred(bigint, uuid, bytea, integer, text, bigint) IS
  'send() for long transactions: the message takes its seq when the transaction commits, so that until then nobody else''s sends to the room wait. It is sent for the current user of this call. What can never be sent is refused at once, what speaks against it at the commit is an error of COMMIT, and nothing of the transaction is done; SET CONSTRAINTS ALL IMMEDIATE sends what is queued and so asks before. Errors: invalid, too_large, not_member, role, muted, archived, unauthenticated, session_ended, stale_epoch (at the commit), epoch_closed (at the commit), gone (at the commit), quota (at the commit), duplicate_mismatch (at the commit). Example: BEGIN; SELECT porcupine.act_as(7); SELECT porcupine.send_deferred(1, gen_random_uuid(), ''shipped''); COMMIT';

CREATE FUNCTION porcupine.send_many(rooms bigint[], users bigint[], devices bigint[], client_ids uuid[], epochs integer[],
                                    kinds text[], refs bigint[], bodies bytea[], doorbell boolean DEFAULT true,
                                    origin bigint DEFAULT 0, wait boolean DEFAULT true)
  RETURNS TABLE (item integer, condition text, seq bigint, created_at timestamptz, epoch integer, repeated boolean, message text, hint text)
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_send_many';
COMMENT ON FUNCTION porcupine.send_many(bigint[], bigint[], bigint[], uuid[], integer[], text[], bigint[], bytea[], boolean, bigint, boolean) IS
  'sends for many users at once, for the bridge: one result row per item (from 1), in order; condition is null or the name of the refusal, message and hint say it in the words of send(), seq is also set with duplicate_mismatch, epoch is the room''s current one with stale_epoch and epoch_closed. An exception, say of a veto trigger, aborts the whole call: run the items one by one then. The commit rings with this origin, by which a bridge knows its own doorbells; doorbell false: the caller wakes listeners itself, after the commit, by ring(): see doorbell_mode(). wait false: a room that another transaction holds is not waited for, its items get the condition busy. Errors: invalid (the arrays differ in length, origin is negative)';

CREATE VIEW porcupine.log AS
  SELECT e.room_id, e.seq, e.kind, e.sender_id, e.device_id, e.client_id, e.epoch, e.ref, e.created_at, e.body FROM porcupine.events e;
COMMENT ON VIEW porcupine.log IS 'events with their columns as the type porcupine.event has them, for the functions that read';

CREATE FUNCTION porcupine.first_kept(room bigint) RETURNS bigint
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT h.first_seq FROM porcupine.room_heads h WHERE h.room_id = room $$;
COMMENT ON FUNCTION porcupine.first_kept(bigint) IS
  'the oldest seq of a room that is read; what retention has left below it, the entries of the control log, is read from there';

CREATE FUNCTION porcupine.page_size(wanted integer) RETURNS integer
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN greatest(least(wanted, 500), 1);
COMMENT ON FUNCTION porcupine.page_size(integer) IS 'how many events a call gives that was asked for so many: 1 to 500';

CREATE FUNCTION porcupine.history(room bigint, before bigint DEFAULT NULL, max integer DEFAULT 50) RETURNS SETOF porcupine.event
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT page.* FROM (
    SELECT e.* FROM porcupine.log e
     WHERE e.room_id = room AND e.seq < coalesce(before, 9223372036854775807) AND e.seq >= porcupine.first_kept(room)
     ORDER BY e.seq DESC LIMIT porcupine.page_size(max)) page
   ORDER BY page.seq;
END
$$;
COMMENT ON FUNCTION porcupine.history(bigint, bigint, integer) IS
  'the latest max (1-500) events of a room before a seq, in order. Errors: not_member, role, unauthenticated. Example: SELECT seq, kind, body FROM porcupine.history(1)';

CREATE FUNCTION porcupine.since(room bigint, after bigint, max integer DEFAULT 500) RETURNS SETOF porcupine.event
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room);
  RETURN QUERY SELECT r.* FROM porcupine.read_events(room, after, max) r;
END
$$;
COMMENT ON FUNCTION porcupine.since(bigint, bigint, integer) IS
  'up to max (1-500) events of a room after a seq, in order. Errors: not_member, role, unauthenticated. Example: SELECT seq, kind, body FROM porcupine.since(1, 41)';

CREATE FUNCTION porcupine.around(room bigint, seq bigint, max integer DEFAULT 50) RETURNS SETOF porcupine.event
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  wanted integer := porcupine.page_size(max);
BEGIN
  PERFORM porcupine.require_member(room);
  IF seq IS NULL THEN
    PERFORM porcupine.refuse('invalid', 'seq is a number');
  END IF;
  RETURN QUERY
  SELECT page.room_id, page.seq, page.kind, page.sender_id, page.device_id, page.client_id, page.epoch, page.ref, page.created_at, page.body
    FROM (SELECT before.*, sum(length(before.body)) OVER (ORDER BY before.seq DESC) AS bytes
            FROM (SELECT e.* FROM porcupine.log e
                   WHERE e.room_id = room AND e.seq < around.seq AND e.seq >= porcupine.first_kept(room) ORDER BY e.seq DESC LIMIT wanted / 2) before
          UNION ALL
          SELECT others.*, sum(length(others.body)) OVER (ORDER BY others.seq) AS bytes
            FROM (SELECT e.* FROM porcupine.log e
                   WHERE e.room_id = room AND e.seq >= greatest(around.seq, porcupine.first_kept(room)) ORDER BY e.seq LIMIT wanted - wanted / 2) others) page
   WHERE page.bytes <= 4 * 1024 * 1024
   ORDER BY page.seq;
END
$$;
COMMENT ON FUNCTION porcupine.around(bigint, bigint, integer) IS
  'up to max (1-500) events of a room around a seq, in order: half of them before it, it and the others after; fewer where the bodies of a half would be more than 4 MiB: history() and since() go on from its ends. Errors: invalid, not_member, role, unauthenticated, session_ended. Example: SELECT seq, kind, body FROM porcupine.around(1, 41, 20)';

CREATE FUNCTION porcupine.cursor_state(room bigint, after bigint DEFAULT NULL, stream bigint DEFAULT NULL, behind integer DEFAULT NULL,
  OUT head bigint, OUT current_stream bigint, OUT epoch integer, OUT epoch_open boolean, OUT reset boolean) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  first_seq bigint;
BEGIN
  PERFORM porcupine.require_member(room);
  current_stream := porcupine.current_stream();
  SELECT h.last_seq, h.epoch, h.epoch_open, h.first_seq INTO head, epoch, epoch_open, first_seq FROM porcupine.room_heads h WHERE h.room_id = room;
  reset := after IS NOT NULL
           AND (after < greatest(first_seq - 1, 0) OR after > head OR stream <> current_stream OR coalesce(head - after > behind, false)) IS TRUE;
END
$$;
COMMENT ON FUNCTION porcupine.cursor_state(bigint, bigint, bigint, integer) IS
  'whether the cursor (stream, after) can be resumed from: not when it is of another stream, beyond the head, below what retention has left, or more than behind events back. Errors: not_member, role, unauthenticated';

CREATE FUNCTION porcupine.admit_many(sessions bigint[], rooms bigint[], afters bigint[], streams bigint[], behind integer DEFAULT NULL)
  RETURNS TABLE (item integer, condition text, head bigint, stream bigint, epoch integer, epoch_open boolean, reset boolean, erasures bigint)
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_admit_many';
COMMENT ON FUNCTION porcupine.admit_many(bigint[], bigint[], bigint[], bigint[], integer) IS
  'cursor_state() for many sessions at once, for the bridge: one result row per item (from 1), in order; condition is null or the name of the refusal (session_ended, not_member, role). Membership, head and erasures (see room_heads) are of one snapshot. Errors: invalid (the arrays differ in length), too_large (more than 1000 items)';

CREATE FUNCTION porcupine.read_events(room bigint, after bigint, max integer DEFAULT 500) RETURNS SETOF porcupine.event
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT e.* FROM porcupine.log e
   WHERE e.room_id = room AND e.seq > coalesce(after, 0) AND e.seq >= porcupine.first_kept(room) ORDER BY e.seq LIMIT porcupine.page_size(max)
$$;
COMMENT ON FUNCTION porcupine.read_events(bigint, bigint, integer) IS
  'since() without its check';

CREATE FUNCTION porcupine.read_frames(room bigint, after bigint, max integer DEFAULT 500, max_bytes integer DEFAULT 1048576)
  RETURNS TABLE (seq bigint, event json, ends bigint)
  LANGUAGE c STABLE PARALLEL SAFE SECURITY DEFINER ROWS 50
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_read_frames';
COMMENT ON FUNCTION porcupine.read_frames(bigint, bigint, integer, integer) IS
  'up to max (1-500) events of a room after a seq (null: the latest), in order, each as the JSON object of API.md, for the hub of a bridge, which checks who reads. Reading stops with the event by which the bodies pass max_bytes. ends: the user whose membership ends with it';

CREATE FUNCTION porcupine.history_page(session bigint, room bigint, before bigint DEFAULT NULL, after bigint DEFAULT NULL,
                                       stream bigint DEFAULT NULL, max integer DEFAULT 50) RETURNS json
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_history_page';
COMMENT ON FUNCTION porcupine.history_page(bigint, bigint, bigint, bigint, bigint, integer) IS
  'history() or, with after, since() for the user of a session whose token the bridge has verified, as the answer of API.md: {"results": [event, ...], "head", "stream", "reset"}. reset: the cursor (stream, after) is of another stream, beyond the head or below what retention has left, and the page is the latest. A page ends with the event by which its bodies pass 1 MiB. Errors: session_ended, not_member, role';

CREATE FUNCTION porcupine.event_json(event porcupine.event) RETURNS json
  LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'porcupine_event_json';
COMMENT ON FUNCTION porcupine.event_json(porcupine.event) IS
  'an event that was read, as the JSON object of API.md. Errors: invalid (it is not whole, or its data none that the server writes)';

CREATE FUNCTION porcupine.replica_page(room bigint, before bigint, after bigint, stream bigint, max integer, head bigint, current_stream bigint,
                                       erasures bigint) RETURNS json
  LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_replica_page';
COMMENT ON FUNCTION porcupine.replica_page(bigint, bigint, bigint, bigint, integer, bigint, bigint, bigint) IS
  'history_page() on a standby, for a bridge that the primary told by admit_many() that the room may be read, its head, the current stream and how often it has lost something; null while the standby is of another stream or has not yet replayed what the page may hold, or what must not be in it any more. Nothing above head is shown. It checks no membership and writes nothing';

CREATE FUNCTION porcupine.read_heads(rooms bigint[]) RETURNS TABLE (room_id bigint, last_seq bigint, erasures bigint)
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT h.room_id, h.last_seq, h.erasures FROM porcupine.room_heads h WHERE h.room_id = ANY (rooms) $$;
COMMENT ON FUNCTION porcupine.read_heads(bigint[]) IS 'the heads of the rooms that still exist; a bridge''s sweep';

CREATE FUNCTION porcupine.ended_sessions(sessions bigint[]) RETURNS SETOF bigint
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT given.id FROM unnest(sessions) AS given (id)
    LEFT JOIN porcupine.sessions s ON s.id = given.id
    LEFT JOIN porcupine.users u ON u.id = s.user_id
   WHERE s.id IS NULL OR s.ended_at IS NOT NULL OR s.expires_at < clock_timestamp() OR u.disabled_at IS NOT NULL
$$;
COMMENT ON FUNCTION porcupine.ended_sessions(bigint[]) IS 'which of these sessions are over; a bridge''s sweep';

CREATE FUNCTION porcupine.read_role(room bigint, account bigint) RETURNS porcupine.role
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT m.role FROM porcupine.members m WHERE m.room_id = room AND m.user_id = account $$;
COMMENT ON FUNCTION porcupine.read_role(bigint, bigint) IS 'the role of a user in a room, or null, for the bridge';

CREATE FUNCTION porcupine.ring(rooms bigint[], seqs bigint[], origin bigint) RETURNS void
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_ring';
COMMENT ON FUNCTION porcupine.ring(bigint[], bigint[], bigint) IS
  'the doorbell of a bridge for events it has committed, in a transaction of its own: each room has at least this seq. origin, a number that the bridge chose at random, lets it ignore its own. Errors: invalid';

CREATE FUNCTION porcupine.doorbell_mode() RETURNS text
  LANGUAGE c VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_doorbell_mode';
COMMENT ON FUNCTION porcupine.doorbell_mode() IS
  'who wakes listeners: worker (commits ring, and a background worker tells it) or notify (a commit that rings does NOTIFY itself, which makes commits wait for each other: a bridge sends with doorbell => false and calls ring() after its commit)';

CREATE FUNCTION porcupine.doorbell_status(
  OUT mode text, OUT worker_pid integer, OUT ring_size integer, OUT used integer, OUT pushed bigint, OUT dropped bigint, OUT sweeps bigint,
  OUT batches bigint, OUT notifies bigint, OUT direct bigint, OUT last_notify timestamptz, OUT last_delay interval, OUT lag interval) RETURNS record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_doorbell_status';
COMMENT ON FUNCTION porcupine.doorbell_status() IS 'what the view porcupine.stat_doorbell shows';

CREATE VIEW porcupine.stat_doorbell AS SELECT * FROM porcupine.doorbell_status();
COMMENT ON VIEW porcupine.stat_doorbell IS
  'the doorbell of this database, one row, for monitoring; counted since the server started. dropped or a growing lag: the worker cannot keep up, or is stopped';
COMMENT ON COLUMN porcupine.stat_doorbell.mode IS 'worker or notify, as doorbell_mode() says';
COMMENT ON COLUMN porcupine.stat_doorbell.worker_pid IS 'the process that tells; null: none is needed, or none to be had (see direct)';
COMMENT ON COLUMN porcupine.stat_doorbell.ring_size IS 'bells that can wait for it (porcupine.doorbell_ring); null, like all that follow: not preloaded, or nothing rang yet';
COMMENT ON COLUMN porcupine.stat_doorbell.used IS 'bells that wait now';
COMMENT ON COLUMN porcupine.stat_doorbell.pushed IS 'bells that commits have left for the worker';
COMMENT ON COLUMN porcupine.stat_doorbell.dropped IS 'bells that did not fit, and became a sweep';
COMMENT ON COLUMN porcupine.stat_doorbell.sweeps IS 'doorbells that said "sweep"';
COMMENT ON COLUMN porcupine.stat_doorbell.batches IS 'transactions in which the worker told';
COMMENT ON COLUMN porcupine.stat_doorbell.notifies IS 'NOTIFYs in them';
COMMENT ON COLUMN porcupine.stat_doorbell.direct IS 'commits that did NOTIFY by themselves, there being no worker';
COMMENT ON COLUMN porcupine.stat_doorbell.last_notify IS 'when the last batch was told';
COMMENT ON COLUMN porcupine.stat_doorbell.last_delay IS 'how long its oldest bell had waited, about';
COMMENT ON COLUMN porcupine.stat_doorbell.lag IS 'how long the oldest bell has been waiting, about; 0: none waits';
