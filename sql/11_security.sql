-- Who owns what, who may call what, who sees which rows. Last but for the dump, so that nothing is forgotten.

-- Row-level security, forced on the owner too. The extension's own functions run as porcupine_owner and see all rows by the
-- first policy of each table; SQL users see what concerns them, and the bridge reads no table at all.
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.relname FROM pg_catalog.pg_class c
            WHERE c.relnamespace = 'porcupine'::pg_catalog.regnamespace AND c.relkind = 'r'
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'owner_all')
            ORDER BY c.relname LOOP
    EXECUTE pg_catalog.format('ALTER TABLE porcupine.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.relname);
    EXECUTE pg_catalog.format('CREATE POLICY owner_all ON porcupine.%I TO porcupine_owner USING (true) WITH CHECK (true)', t.relname);
    EXECUTE pg_catalog.format('COMMENT ON POLICY owner_all ON porcupine.%I IS ''the functions of the extension''', t.relname);
  END LOOP;
END
$$;

CREATE FUNCTION porcupine.my_peer_ids() RETURNS SETOF bigint
  LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT porcupine.live_user_id()
  UNION SELECT m.user_id FROM porcupine.members m WHERE m.room_id IN (SELECT porcupine.my_room_ids())
$$;
COMMENT ON FUNCTION porcupine.my_peer_ids() IS 'the current user and everybody in their rooms; row-level security asks this';

CREATE POLICY peers ON porcupine.users FOR SELECT TO porcupine_client USING (id IN (SELECT porcupine.my_peer_ids()));
CREATE POLICY own ON porcupine.devices FOR SELECT TO porcupine_client USING (user_id = (SELECT porcupine.live_user_id()));
CREATE POLICY peers ON porcupine.device_lists FOR SELECT TO porcupine_client USING (user_id IN (SELECT porcupine.my_peer_ids()));
CREATE POLICY own ON porcupine.sessions FOR SELECT TO porcupine_client USING (user_id = (SELECT porcupine.live_user_id()));
CREATE POLICY readers ON porcupine.rooms FOR SELECT TO porcupine_client USING (id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.room_heads FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.members FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.events FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.control_log FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
CREATE POLICY readers ON porcupine.epochs FOR SELECT TO porcupine_client USING (room_id IN (SELECT porcupine.my_room_ids()));
COMMENT ON POLICY peers ON porcupine.users IS 'oneself and everybody in one''s rooms';
COMMENT ON POLICY own ON porcupine.devices IS 'one''s own';
COMMENT ON POLICY peers ON porcupine.device_lists IS 'of oneself and everybody in one''s rooms';
COMMENT ON POLICY own ON porcupine.sessions IS 'one''s own';
COMMENT ON POLICY readers ON porcupine.rooms IS 'the rooms one may read';
COMMENT ON POLICY readers ON porcupine.room_heads IS 'of the rooms one may read';
COMMENT ON POLICY readers ON porcupine.members IS 'of the rooms one may read';
COMMENT ON POLICY readers ON porcupine.events IS 'of the rooms one may read';
COMMENT ON POLICY readers ON porcupine.control_log IS 'of the rooms one may read';
COMMENT ON POLICY readers ON porcupine.epochs IS 'of the rooms one may read';

-- Ownership: nothing belongs to the superuser who installs, so that no definer function runs with their powers. But for the event
-- trigger's function, which runs in the sessions of superusers: nobody else may change it.
DO $$
DECLARE
  o record;
BEGIN
  FOR o IN SELECT c.relname FROM pg_catalog.pg_class c
            WHERE c.relnamespace = 'porcupine'::pg_catalog.regnamespace AND c.relkind IN ('r', 'v') LOOP
    EXECUTE pg_catalog.format('ALTER TABLE porcupine.%I OWNER TO porcupine_owner', o.relname);
    EXECUTE pg_catalog.format('REVOKE ALL ON porcupine.%I FROM PUBLIC', o.relname);
  END LOOP;
  FOR o IN SELECT p.oid::pg_catalog.regprocedure AS signature, p.prorettype FROM pg_catalog.pg_proc p
            WHERE p.pronamespace = 'porcupine'::pg_catalog.regnamespace LOOP
    IF o.prorettype <> 'pg_catalog.event_trigger'::pg_catalog.regtype THEN
      EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO porcupine_owner', o.signature);
    END IF;
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', o.signature);
  END LOOP;
  FOR o IN SELECT t.oid::pg_catalog.regtype AS name FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
            WHERE t.typnamespace = 'porcupine'::pg_catalog.regnamespace AND (t.typtype = 'e' OR c.relkind = 'c') LOOP
    EXECUTE pg_catalog.format('ALTER TYPE %s OWNER TO porcupine_owner', o.name);
  END LOOP;
END
$$;
ALTER SCHEMA porcupine OWNER TO porcupine_owner;
REVOKE ALL ON SCHEMA porcupine FROM PUBLIC;
GRANT USAGE ON SCHEMA porcupine TO porcupine_client, porcupine_bridge, porcupine_admin;

-- Tables: columns with hashes, codes and keys are nobody's but the owner's.
GRANT SELECT (id, created_at, username, display_name) ON porcupine.users TO porcupine_client;
GRANT SELECT (id, user_id, created_at, revoked_at, name, backend) ON porcupine.devices TO porcupine_client;
GRANT SELECT ON porcupine.device_lists, porcupine.rooms, porcupine.room_heads, porcupine.members, porcupine.events, porcupine.control_log,
                porcupine.epochs TO porcupine_client;
GRANT SELECT (id, user_id, device_id, created_at, last_used_at, expires_at, ended_at, end_reason, address) ON porcupine.sessions TO porcupine_client;

-- Functions for whoever has an identity: SQL users, backends, and the bridge on behalf of its users.
DO $$
DECLARE
  f record;
BEGIN
  FOR f IN SELECT p.oid::pg_catalog.regprocedure AS signature FROM pg_catalog.pg_proc p
            WHERE p.pronamespace = 'porcupine'::pg_catalog.regnamespace
              AND p.proname IN ('current_user_id', 'current_session_id', 'current_device_id', 'whoami', 'logout', 'jwks', 'current_stream',
                                'my_sessions', 'end_session', 'end_other_sessions', 'change_password', 'change_profile', 'erase_me',
                                'my_identities', 'unlink_identity', 'publish_device', 'user_devices', 'my_rooms', 'my_room', 'create_room', 'rename_room', 'delete_room', 'allow_system',
                                'change_room', 'archive_room', 'unarchive_room', 'rotate_code', 'disable_code', 'set_role', 'transfer_room',
                                'ban_user', 'unban_user', 'room_bans', 'mute_member', 'unmute_member',
                                'direct_room', 'list_rooms', 'join_listed', 'request_to_join', 'withdraw_request', 'my_requests',
                                'room_requests', 'approve_request', 'decline_request',
                                'room_members', 'join_room', 'leave_room', 'remove_member', 'create_invite', 'read_invite', 'room_invites', 'revoke_invite',
                                'append_entry', 'control_entries', 'commit_epoch', 'my_epochs',
                                'send', 'send_deferred', 'history', 'since', 'cursor_state', 'mark_read',
                                'redact', 'around', 'mark_delivered', 'marks', 'unread', 'thread', 'edits',
                                'pin', 'unpin', 'pins', 'hint', 'mentions', 'folded_history', 'snapshot') LOOP
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO porcupine_client, porcupine_bridge', f.signature);
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION porcupine.authenticate(text), porcupine.live_user_id(), porcupine.my_room_ids(), porcupine.my_peer_ids() TO porcupine_client;
GRANT EXECUTE ON FUNCTION porcupine.act_as(bigint), porcupine.find_user(text) TO porcupine_backend;
GRANT EXECUTE ON FUNCTION
  porcupine.link_membership(bigint, regclass, porcupine.role, boolean), porcupine.link_memberships(regclass, porcupine.role, boolean),
  porcupine.unlink_membership(bigint), porcupine.unlink_memberships(text), porcupine.links(), porcupine.refresh_memberships(),
  porcupine.send_system(bigint, uuid, text), porcupine.send_system_deferred(bigint, uuid, text),
  porcupine.linked_table_changed()              -- whoever makes a trigger must be allowed to call its function
  TO porcupine_backend;
GRANT EXECUTE ON FUNCTION
  porcupine.register(text, text, text, text, text, inet), porcupine.login(text, text, bigint, text, inet), porcupine.refresh(text, inet)
  TO porcupine_bridge, porcupine_backend;
GRANT EXECUTE ON FUNCTION
  porcupine.begin_sign_in(bytea, text, text, text, bigint[], text, boolean), porcupine.take_sign_in(bytea, text),
  porcupine.sign_in_identity(bytea, text, text, text, boolean, text, text, inet), porcupine.read_offer(text),
  porcupine.confirm_identity(text, text, inet), porcupine.decline_identity(text, inet), porcupine.link_identity(text, text),
  porcupine.act_as_session(bigint), porcupine.whoami_many(bigint[]),
  porcupine.admit_many(bigint[], bigint[], bigint[], bigint[], integer),
  porcupine.send_many(bigint[], bigint[], bigint[], uuid[], integer[], text[], bigint[], bytea[], boolean, bigint, boolean),
  porcupine.history_page(bigint, bigint, bigint, bigint, bigint, integer), porcupine.event_json(porcupine.event), porcupine.recall_request(text, bytea),
  porcupine.remember_request(text, text), porcupine.read_frames(bigint, bigint, integer, integer),
  porcupine.replica_page(bigint, bigint, bigint, bigint, integer, bigint, bigint, bigint),
  porcupine.read_heads(bigint[]), porcupine.ended_sessions(bigint[]),
  porcupine.read_role(bigint, bigint), porcupine.ring(bigint[], bigint[], bigint), porcupine.doorbell_mode()
  TO porcupine_bridge;
GRANT EXECUTE ON FUNCTION
  porcupine.log_out_everywhere(), porcupine.revoke_device(bigint), porcupine.set_retention(bigint, interval), porcupine.export_me(), porcupine.export_my_rows(),
  porcupine.report(bigint, bigint, text, bytea)
  TO porcupine_client, porcupine_bridge;
GRANT EXECUTE ON FUNCTION
  porcupine.new_stream(), porcupine.disable_user(bigint, text), porcupine.enable_user(bigint), porcupine.log_out_everywhere(bigint),
  porcupine.audit_log(bigint, bigint, timestamptz, bigint, integer), porcupine.revoke_device(bigint, bigint), porcupine.remove_room(bigint), porcupine.recount(), porcupine.maintain(integer),
  porcupine.erase_user(bigint, bigint), porcupine.export_user(bigint), porcupine.export_user_rows(bigint),
  porcupine.open_reports(bigint, integer), porcupine.resolve_report(bigint, text, text),
  porcupine.set_password(bigint, text), porcupine.rotate_signing_key(boolean)
  TO porcupine_admin;

-- Monitoring: counters, nobody's data. Whoever may see the server's own statistics may see these.
GRANT USAGE ON SCHEMA porcupine TO pg_monitor;
GRANT SELECT ON porcupine.stat_doorbell, porcupine.stat_maintenance, porcupine.stat_rooms, porcupine.stat_sessions, porcupine.stat_keys TO porcupine_admin, pg_monitor;
GRANT EXECUTE ON FUNCTION porcupine.doorbell_status() TO porcupine_admin, pg_monitor;

