-- What there is about a person: given out, and taken away. A row of users stays for whoever is erased, by which the log knows who sent
-- what; so do the seqs and the control log, whose entries others verify.

CREATE TABLE porcupine.former_members (
  user_id bigint REFERENCES porcupine.users ON DELETE CASCADE,
  room_id bigint REFERENCES porcupine.rooms ON DELETE CASCADE,
  PRIMARY KEY (user_id, room_id)
);
CREATE INDEX former_members_room_id_idx ON porcupine.former_members (room_id);
COMMENT ON TABLE porcupine.former_members IS
  'who was in which room and left it: where to look for what somebody said, for the log has no index by sender and the audit log ends';

CREATE FUNCTION porcupine.recount() RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT FROM porcupine.room_heads h ORDER BY h.room_id FOR UPDATE;
  UPDATE porcupine.room_heads h SET bytes = r.bytes
    FROM (SELECT h.room_id, coalesce(sum(length(e.body)), 0) AS bytes
            FROM porcupine.room_heads h LEFT JOIN porcupine.events e ON e.room_id = h.room_id AND porcupine.is_said(e.kind) GROUP BY h.room_id) r
   WHERE r.room_id = h.room_id AND r.bytes <> h.bytes;
  INSERT INTO porcupine.former_members (user_id, room_id)
  SELECT DISTINCT u.id, r.id FROM porcupine.events e JOIN porcupine.users u ON u.id = e.sender_id JOIN porcupine.rooms r ON r.id = e.room_id
   WHERE NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = e.room_id AND m.user_id = e.sender_id)
  ON CONFLICT DO NOTHING;
$$;
COMMENT ON FUNCTION porcupine.recount() IS
  'works out anew from the log what is kept beside it: how much each room holds, and who has said something in a room that they left. For after somebody has changed the log by hand, or has restored a dump of 1.0 straight into this version. It reads the whole log and stops all sends meanwhile. Example: SELECT porcupine.recount()';

CREATE FUNCTION porcupine.erase_account(account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  devices bigint[] := (SELECT array_agg(d.id) FROM porcupine.devices d WHERE d.user_id = account);
  name text := 'erased-' || account;
BEGIN
  WHILE EXISTS (SELECT FROM porcupine.users u WHERE lower(u.username COLLATE "C") = name AND u.id <> account) LOOP
    name := left(name, 31) || '-';              -- somebody took it before
  END LOOP;
  UPDATE porcupine.users u
     SET username = name, display_name = 'erased', email = NULL, disabled_at = coalesce(u.disabled_at, clock_timestamp()),
         erased_at = clock_timestamp()
   WHERE u.id = account AND u.erased_at IS NULL;
  PERFORM porcupine.end_sessions(account, 'erased');
  DELETE FROM porcupine.sessions s WHERE s.user_id = account;
  DELETE FROM porcupine.credentials c WHERE c.user_id = account;
  DELETE FROM porcupine.identities i WHERE i.user_id = account;
  DELETE FROM porcupine.sign_ins s WHERE s.account_id = account;
  DELETE FROM porcupine.identity_offers o WHERE o.account_id = account;
  DELETE FROM porcupine.device_lists l WHERE l.user_id = account;
  DELETE FROM porcupine.key_bundles b WHERE b.device_id = ANY (devices);
  DELETE FROM porcupine.join_requests j WHERE j.user_id = account;
  DELETE FROM porcupine.requests r WHERE r.user_id = account;
  UPDATE porcupine.bans b SET reason = '' WHERE b.user_id = account AND b.reason <> '';
  UPDATE porcupine.audit a SET detail = a.detail - 'reason' WHERE a.subject_id = account AND a.detail ? 'reason';
  UPDATE porcupine.reports r SET reporter_id = NULL, reason = '', note = NULL WHERE r.reporter_id = account;
  UPDATE porcupine.reports r SET reason = '', evidence = NULL, note = NULL
   WHERE r.sender_id = account AND (r.reason <> '' OR r.evidence IS NOT NULL OR r.note IS NOT NULL);
  UPDATE porcupine.devices d SET name = 'erased', keys = NULL, revoked_at = coalesce(d.revoked_at, clock_timestamp())
   WHERE d.user_id = account AND (d.name <> 'erased' OR d.keys IS NOT NULL OR d.revoked_at IS NULL);
END
$$;
COMMENT ON FUNCTION porcupine.erase_account(bigint) IS
  'takes away what an account is but its id: names, address, password, identities, sessions, what its devices have published or were given, why it was banned or disabled, what it has written in reports and what others have written and quoted of it there; rows of devices stay, for they are how messages are found';

CREATE FUNCTION porcupine.rooms_of(account bigint) RETURNS SETOF bigint
  LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT m.room_id FROM porcupine.members m WHERE m.user_id = account
  UNION
  SELECT f.room_id FROM porcupine.former_members f
   WHERE f.user_id = account
     AND EXISTS (SELECT FROM porcupine.devices d,
                        LATERAL (SELECT FROM porcupine.events e
                                  WHERE e.room_id = f.room_id AND e.device_id = d.id AND e.client_id IS NOT NULL AND length(e.body) > 0 LIMIT 1) own
                  WHERE d.user_id = account)
   ORDER BY 1
$$;
COMMENT ON FUNCTION porcupine.rooms_of(bigint) IS
  'the rooms that a user is in or has said something in that is still there; one look at an index for each room that they have left and each device';

CREATE FUNCTION porcupine.erase_from_room(room bigint, account bigint, max bigint) RETURNS bigint
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  membership porcupine.members;
  places tid[];
  emptied bigint;
  freed bigint;
BEGIN
  PERFORM FROM porcupine.room_heads h WHERE h.room_id = room FOR UPDATE;
  SELECT m.* INTO membership FROM porcupine.members m WHERE m.room_id = room AND m.user_id = account;
  IF membership.user_id IS NOT NULL THEN
    PERFORM porcupine.end_membership(membership);
  END IF;
  -- By their places, so that no plan reads all events to find them; under the lock nobody else moves one.
  SELECT array_agg(said.ctid), count(*), sum(said.length) INTO places, emptied, freed
    FROM (SELECT own.* FROM porcupine.devices d,
                 LATERAL (SELECT o.ctid, length(o.body) FROM porcupine.events o
                           WHERE o.room_id = room AND o.device_id = d.id AND o.client_id IS NOT NULL AND length(o.body) > 0
                          OFFSET 0) own
           WHERE d.user_id = account LIMIT max) said;
  IF emptied = 0 THEN
    RETURN 0;
  END IF;
  WITH said AS (UPDATE porcupine.events e SET body = '' WHERE e.ctid = ANY (places) RETURNING e.seq),
  unpinned AS (DELETE FROM porcupine.pins p USING said s WHERE p.room_id = room AND p.seq = s.seq),
  unhinted AS (DELETE FROM porcupine.mention_hints h USING said s WHERE h.room_id = room AND h.seq = s.seq)
  UPDATE porcupine.room_heads h SET bytes = h.bytes - freed WHERE h.room_id = room;
  -- by which bridges and clients forget what they hold
  PERFORM porcupine.append_server_event(room, 'redacted', jsonb_build_object('user', account::text));
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION porcupine.erase_from_room(bigint, bigint, bigint) IS
  'ends a user''s membership, empties up to max of what they have sent to a room, with pins and hints of it, and says how many; one event redacted without ref, {"user"}, speaks for all of them';

CREATE FUNCTION porcupine.erase_user(account bigint, max bigint DEFAULT NULL, OUT rooms integer, OUT messages bigint, OUT more boolean) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  found porcupine.users;
  theirs bigint[];
  room bigint;
  told_at timestamptz := clock_timestamp();
BEGIN
  IF max < 1 THEN
    PERFORM porcupine.refuse('invalid', 'a step erases at least one message', 'Leave max out to erase all at once.');
  END IF;
  found := porcupine.lock_account(account);
  rooms := 0;
  messages := 0;
  more := false;
  IF found.erased_at IS NULL THEN
    PERFORM porcupine.note_act('user.erased', account);
  END IF;
  PERFORM porcupine.erase_account(account);
  theirs := ARRAY(SELECT porcupine.rooms_of(account));
  FOREACH room IN ARRAY theirs LOOP
    messages := messages + porcupine.erase_from_room(room, account, max - messages);
    rooms := rooms + 1;
    IF clock_timestamp() > told_at + interval '1 second' THEN
      RAISE NOTICE 'erasing: % of % rooms, % messages', rooms, cardinality(theirs), messages;
      told_at := clock_timestamp();
    END IF;
    IF messages >= max THEN
      more := true;
      RETURN;
    END IF;
  END LOOP;
  -- What they were doing meanwhile has committed once this lock is there, and what begins later finds them erased.
  PERFORM FROM porcupine.users u WHERE u.id = account FOR UPDATE;
  FOR room IN SELECT m.room_id FROM porcupine.members m WHERE m.user_id = account ORDER BY 1 LOOP
    messages := messages + porcupine.erase_from_room(room, account, NULL);
    rooms := rooms + 1;
  END LOOP;
  PERFORM porcupine.erase_account(account);
END
$$;
COMMENT ON FUNCTION porcupine.erase_user(bigint, bigint) IS
  'erases a person: names, email address, password, identities, sessions, device names and keys go; what they have sent becomes empty, in place; their memberships end, their rooms are handed over as by leave_room(); their reports become anonymous; what these say, and what others said and quoted of them in reports, goes. An id stays, under the name erased-<id>, and the client-signed control log, which others verify. It holds the rooms it has been to until the commit: for somebody who has sent a great deal, max bounds the messages of a call, and it is called again while more is true, each time in a transaction of its own. A second time finds nothing. What the disk held goes by VACUUM; backups are for their owner to see to. Errors: not_found, invalid. Example: SELECT * FROM porcupine.erase_user(7)';

CREATE FUNCTION porcupine.as_base64(bytes bytea) RETURNS text
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT translate(encode(bytes, 'base64'), E'\n', '') $$;
COMMENT ON FUNCTION porcupine.as_base64(bytea) IS 'base64 in one line';

CREATE FUNCTION porcupine.rows_about(account bigint) RETURNS TABLE (type text, row_about jsonb)
  LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT 'account', jsonb_build_object('id', u.id::text, 'username', u.username, 'display_name', u.display_name, 'email', u.email,
                      'created_at', u.created_at, 'disabled_at', u.disabled_at, 'erased_at', u.erased_at, 'password_changed_at', c.changed_at)
    FROM porcupine.users u LEFT JOIN porcupine.credentials c ON c.user_id = u.id WHERE u.id = account
  UNION ALL
  SELECT 'device', jsonb_build_object('id', d.id::text, 'name', d.name, 'backend', d.backend, 'keys', porcupine.as_base64(d.keys),
                     'created_at', d.created_at, 'revoked_at', d.revoked_at)
    FROM porcupine.devices d WHERE d.user_id = account
  UNION ALL
  SELECT 'device_list', jsonb_build_object('version', l.version, 'identity', porcupine.as_base64(l.identity), 'list', porcupine.as_base64(l.list),
                          'created_at', l.created_at)
    FROM porcupine.device_lists l WHERE l.user_id = account
  UNION ALL
  SELECT 'session', jsonb_build_object('id', s.id::text, 'device', s.device_id::text, 'address', host(s.address), 'created_at', s.created_at,
                      'last_used_at', s.last_used_at, 'expires_at', s.expires_at, 'ended_at', s.ended_at, 'end_reason', s.end_reason)
    FROM porcupine.sessions s WHERE s.user_id = account
  UNION ALL
  SELECT 'identity', jsonb_build_object('id', i.id::text, 'issuer', i.issuer, 'subject', i.subject, 'email', i.email,
                       'created_at', i.created_at, 'last_used_at', i.last_used_at)
    FROM porcupine.identities i WHERE i.user_id = account
  UNION ALL
  SELECT 'membership', jsonb_build_object('room', m.room_id::text, 'name', r.name, 'role', m.role, 'via', m.via, 'joined_seq', m.joined_seq,
                         'joined_at', m.joined_at, 'read_seq', m.read_seq, 'delivered_seq', m.delivered_seq, 'muted_until', m.muted_until)
    FROM porcupine.members m JOIN porcupine.rooms r ON r.id = m.room_id WHERE m.user_id = account
  UNION ALL
  SELECT 'join_request', jsonb_build_object('room', j.room_id::text, 'name', r.name, 'message', j.message, 'requested_at', j.requested_at)
    FROM porcupine.join_requests j JOIN porcupine.rooms r ON r.id = j.room_id WHERE j.user_id = account
  UNION ALL
  SELECT 'ban', jsonb_build_object('room', b.room_id::text, 'until', b.until, 'reason', b.reason, 'banned_at', b.banned_at)
    FROM porcupine.bans b WHERE b.user_id = account
  UNION ALL
  SELECT 'invite', jsonb_build_object('id', i.id::text, 'room', i.room_id::text, 'created_at', i.created_at, 'expires_at', i.expires_at,
                     'max_uses', i.max_uses, 'uses', i.uses)
    FROM porcupine.invites i WHERE i.created_by = account
  UNION ALL
  SELECT 'report', jsonb_build_object('id', p.id::text, 'room', p.room_id::text, 'seq', p.seq, 'reported_at', p.reported_at, 'reason', p.reason,
                     'evidence', porcupine.as_base64(p.evidence), 'resolved_at', p.resolved_at, 'outcome', p.outcome)
    FROM porcupine.reports p WHERE p.reporter_id = account
  UNION ALL
  SELECT 'audit', jsonb_build_object('id', a.id::text, 'at', a.at, 'action', a.action, 'room', a.room_id::text, 'actor', a.actor_id::text,
                    'subject', a.subject_id::text, 'detail', a.detail)
    FROM porcupine.audit a WHERE a.subject_id = account
  UNION ALL
  SELECT 'event', jsonb_build_object('room', own.room_id::text, 'seq', own.seq, 'kind', own.kind, 'device', own.device_id::text,
                    'client_id', own.client_id, 'epoch', own.epoch, 'ref', own.ref, 'created_at', own.created_at, 'body', porcupine.as_base64(own.body))
    FROM (SELECT m.room_id FROM porcupine.members m WHERE m.user_id = account
          UNION SELECT f.room_id FROM porcupine.former_members f WHERE f.user_id = account) r, porcupine.devices d,
         LATERAL (SELECT e.* FROM porcupine.events e
                   WHERE e.room_id = r.room_id AND e.device_id = d.id AND e.client_id IS NOT NULL OFFSET 0) own
   WHERE d.user_id = account
$$;
COMMENT ON FUNCTION porcupine.rows_about(bigint) IS
  'what there is about a user, without what is secret; events by one look at an index for each device and room that they are or were in';

CREATE FUNCTION porcupine.export_user_rows(account bigint) RETURNS SETOF jsonb
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1000
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM porcupine.users u WHERE u.id = account) THEN
    PERFORM porcupine.refuse('not_found', 'no such user');
  END IF;
  PERFORM porcupine.note_act('user.exported', account);
  RETURN QUERY SELECT jsonb_build_object('type', a.type) || a.row_about FROM porcupine.rows_about(account) a;
END
$$;
COMMENT ON FUNCTION porcupine.export_user_rows(bigint) IS
  'all there is about a user, an object a row: type is account, device, device_list, session, identity, membership, join_request, ban, invite, report (those they made), audit (what was done to them) or event (what they sent, the body in base64 as the client sent it). No hashes and no keys of the server. For any amount: psql -At -c writes a file of lines. Errors: not_found. Example: SELECT porcupine.export_user_rows(7)';

CREATE FUNCTION porcupine.export_user(account bigint) RETURNS jsonb
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  most CONSTANT bigint := 64 * 1024 * 1024;
  bytes bigint := 0;
  line jsonb;
  lines jsonb[] := '{}';
BEGIN
  FOR line IN SELECT * FROM porcupine.export_user_rows(account) LOOP
    lines := lines || line;
    bytes := bytes + pg_column_size(line);
    IF bytes > most THEN
      PERFORM porcupine.refuse('too_large', 'this is more than fits into one value', 'Ask for it row by row, by export_user_rows() or export_my_rows().');
    END IF;
  END LOOP;
  RETURN (SELECT jsonb_object_agg(t.type, t.rows)
            FROM (SELECT l ->> 'type' AS type, jsonb_agg(l - 'type') AS rows FROM unnest(lines) l GROUP BY 1) t);
END
$$;
COMMENT ON FUNCTION porcupine.export_user(bigint) IS
  'the same as one object, an array for each type that there is; up to 64 MiB. Errors: not_found, too_large. Example: SELECT jsonb_pretty(porcupine.export_user(7))';

CREATE FUNCTION porcupine.export_my_rows() RETURNS SETOF jsonb
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1000
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT porcupine.export_user_rows(porcupine.require_user());
END
$$;
COMMENT ON FUNCTION porcupine.export_my_rows() IS
  'all there is about the current user, as export_user_rows() gives it. Errors: unauthenticated, session_ended. Example: SELECT porcupine.export_my_rows()';

CREATE FUNCTION porcupine.export_me() RETURNS jsonb
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  RETURN porcupine.export_user(porcupine.require_user());
END
$$;
COMMENT ON FUNCTION porcupine.export_me() IS
  'all there is about the current user as one object, up to 64 MiB. Errors: unauthenticated, session_ended, too_large. Example: SELECT jsonb_pretty(porcupine.export_me())';
