-- Triggers, each named for what it keeps true. pg_restore copies rows while they exist, so none of them touches a row that is
-- complete: a member that has its joined_seq, a head that is inserted.

CREATE FUNCTION porcupine.members_have_their_event() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  muted_until timestamptz;
BEGIN
  PERFORM porcupine.lock_room(NEW.room_id);
  -- The same lock as the foreign key's, so that who is being erased joins nothing meanwhile.
  IF (SELECT u.erased_at IS NOT NULL FROM porcupine.users u WHERE u.id = NEW.user_id FOR KEY SHARE) THEN
    PERFORM porcupine.refuse('gone', 'this account was erased');
  END IF;
  IF (SELECT count(*) >= r.max_members FROM porcupine.rooms r, porcupine.members m
       WHERE r.id = NEW.room_id AND m.room_id = NEW.room_id GROUP BY r.max_members) THEN
    PERFORM porcupine.refuse('room_full', 'the room is full');
  END IF;
  DELETE FROM porcupine.join_requests j WHERE j.room_id = NEW.room_id AND j.user_id = NEW.user_id;
  DELETE FROM porcupine.mutes u WHERE u.room_id = NEW.room_id AND u.user_id = NEW.user_id
  RETURNING u.until INTO muted_until;
  NEW.muted_until := greatest(muted_until, NEW.muted_until);
  IF NEW.role > 'pending' AND NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = NEW.room_id AND m.role > 'pending')
     AND NOT (SELECT r.direct FROM porcupine.rooms r WHERE r.id = NEW.room_id) THEN
    NEW.role := 'owner';                        -- everybody had left
  END IF;
  NEW.joined_seq := porcupine.append_server_event(NEW.room_id, 'member.joined',
    jsonb_build_object('user', NEW.user_id::text, 'role', NEW.role, 'via', NEW.via));
  PERFORM porcupine.note_membership(NEW.room_id, NEW.user_id, 'member.joined', jsonb_build_object('role', NEW.role, 'via', NEW.via));
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION porcupine.members_have_their_event() IS
  'trigger: a new member without joined_seq gets the event that says so, if the room has a place left, and is as muted as when they left; whoever comes first, or after everybody has left, is the owner, but of a direct room, which has none';

CREATE FUNCTION porcupine.members_changes_are_events() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  kind porcupine.kind := 'member.role';
  data jsonb := jsonb_build_object('user', OLD.user_id::text);
BEGIN
  IF TG_OP = 'UPDATE' THEN
    data := data || jsonb_build_object('role', NEW.role);
  ELSIF NOT EXISTS (SELECT FROM porcupine.rooms r WHERE r.id = OLD.room_id) THEN
    RETURN NULL;                                -- the whole room is going
  ELSIF OLD.user_id = porcupine.current_user_id() THEN
    kind := 'member.left';
  ELSE
    kind := 'member.removed';
    data := data || jsonb_build_object('by', porcupine.current_user_id()::text);
    PERFORM porcupine.change_locks(OLD.room_id);
  END IF;
  PERFORM porcupine.append_server_event(OLD.room_id, kind, data);
  IF TG_OP = 'DELETE' AND OLD.role > 'pending' THEN
    PERFORM porcupine.close_epoch(OLD.room_id);
  END IF;
  IF TG_OP = 'DELETE' AND OLD.muted_until > clock_timestamp() THEN
    INSERT INTO porcupine.mutes (room_id, user_id, until)
    SELECT OLD.room_id, u.id, OLD.muted_until FROM porcupine.users u WHERE u.id = OLD.user_id    -- unless the account is going, too
    ON CONFLICT ON CONSTRAINT mutes_pkey DO UPDATE SET until = excluded.until;
  END IF;
  IF TG_OP = 'DELETE' THEN
    INSERT INTO porcupine.former_members (user_id, room_id)
    SELECT u.id, OLD.room_id FROM porcupine.users u WHERE u.id = OLD.user_id    -- likewise
    ON CONFLICT DO NOTHING;
  END IF;
  PERFORM porcupine.note_membership(OLD.room_id, OLD.user_id, kind::text, data - 'user');
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.members_changes_are_events() IS
  'trigger: a changed role and a departure are events of the room''s log; a departure closes the epoch of an encrypted room, a removal changes the room''s code and ends its invites';

CREATE FUNCTION porcupine.change_locks(room bigint) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  UPDATE porcupine.rooms r SET code = porcupine.fresh_room_code() WHERE r.id = room AND r.code IS NOT NULL;
  UPDATE porcupine.invites i SET expires_at = clock_timestamp() WHERE i.room_id = room AND i.expires_at > clock_timestamp()
$$;
COMMENT ON FUNCTION porcupine.change_locks(bigint) IS
  'draws a new room code, unless it is switched off, and ends the open invites: somebody who is gone may know the old ones';

CREATE FUNCTION porcupine.close_epoch(room bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  closed integer;
BEGIN
  UPDATE porcupine.room_heads h SET epoch_open = false
   WHERE h.room_id = room AND h.epoch_open AND (SELECT r.encrypted FROM porcupine.rooms r WHERE r.id = room)
  RETURNING h.epoch INTO closed;
  IF closed IS NOT NULL THEN
    PERFORM porcupine.append_server_event(room, 'epoch.closed', jsonb_build_object('epoch', closed));
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.close_epoch(bigint) IS
  'refuses sends to an encrypted room until a member has committed the next epoch: somebody who is gone has the key of this one';

CREATE FUNCTION porcupine.note_membership(room bigint, account bigint, action text, detail jsonb) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT porcupine.note_act(action, account, room, detail);
  SELECT porcupine.ring_member(account, room)
$$;
COMMENT ON FUNCTION porcupine.note_membership(bigint, bigint, text, jsonb) IS 'audits a change of membership and wakes the user''s sockets';

CREATE FUNCTION porcupine.rooms_changes_are_events() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  was jsonb := to_jsonb(OLD) || jsonb_build_object('retention', extract(epoch FROM OLD.retention)::bigint);
  is_now jsonb := to_jsonb(NEW) || jsonb_build_object('retention', extract(epoch FROM NEW.retention)::bigint);
  changes jsonb := (SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(is_now - '{name,code}'::text[]) n
                     WHERE n.value IS DISTINCT FROM was -> n.key);
BEGIN
  IF NEW.name <> OLD.name THEN
    PERFORM porcupine.append_server_event(NEW.id, 'room.renamed', jsonb_build_object('name', NEW.name));
    PERFORM porcupine.note_act('room.renamed', room => NEW.id, detail => jsonb_build_object('name', NEW.name));
  END IF;
  IF changes IS NOT NULL THEN
    PERFORM porcupine.note_room_change(NEW.id, changes);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.rooms_changes_are_events() IS
  'trigger: a new name and changed settings are events of the room''s log, whoever changes them (retention in seconds); the code is not, for the log is kept';

CREATE FUNCTION porcupine.rooms_take_their_log_along() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  DELETE FROM porcupine.events e WHERE e.room_id = OLD.id;
  PERFORM porcupine.note_act('room.deleted', room => OLD.id);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.rooms_take_their_log_along() IS 'trigger: a deleted room leaves no events behind, and a line in the audit log, whoever deletes it';

CREATE FUNCTION porcupine.what_retention_took_leaves_nothing() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  DELETE FROM porcupine.pins p WHERE p.room_id = NEW.room_id AND p.seq < NEW.first_seq;
  DELETE FROM porcupine.mention_hints h WHERE h.room_id = NEW.room_id AND h.seq < NEW.first_seq;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.what_retention_took_leaves_nothing() IS 'trigger: pins and hints of what is not kept any more go, too';

CREATE FUNCTION porcupine.heads_ring() RETURNS boolean
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_heads_ring';
COMMENT ON FUNCTION porcupine.heads_ring() IS 'whether a head that advances rings by its trigger; the send path rings for itself, which costs less';

CREATE FUNCTION porcupine.room_heads_ring_the_doorbell() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'porcupine_room_heads_ring_the_doorbell';
COMMENT ON FUNCTION porcupine.room_heads_ring_the_doorbell() IS
  'trigger: at commit, one NOTIFY for all rooms whose log grew in the transaction or that went';

CREATE TRIGGER members_have_their_event BEFORE INSERT ON porcupine.members
  FOR EACH ROW WHEN (NEW.joined_seq IS NULL) EXECUTE FUNCTION porcupine.members_have_their_event();
COMMENT ON TRIGGER members_have_their_event ON porcupine.members IS 'joined_seq is the seq of the event by which a member joined';

CREATE TRIGGER members_changes_are_events AFTER UPDATE OF role ON porcupine.members
  FOR EACH ROW WHEN (OLD.role IS DISTINCT FROM NEW.role) EXECUTE FUNCTION porcupine.members_changes_are_events();
COMMENT ON TRIGGER members_changes_are_events ON porcupine.members IS 'every change of role is an event';

CREATE TRIGGER members_departures_are_events AFTER DELETE ON porcupine.members
  FOR EACH ROW EXECUTE FUNCTION porcupine.members_changes_are_events();
COMMENT ON TRIGGER members_departures_are_events ON porcupine.members IS 'every departure is an event and closes the epoch';

CREATE TRIGGER rooms_changes_are_events AFTER UPDATE OF name, description, listed, approval, max_members, retention, system ON porcupine.rooms
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION porcupine.rooms_changes_are_events();
COMMENT ON TRIGGER rooms_changes_are_events ON porcupine.rooms IS 'every change of a room''s name and settings is an event';

CREATE TRIGGER rooms_take_their_log_along AFTER DELETE ON porcupine.rooms
  FOR EACH ROW EXECUTE FUNCTION porcupine.rooms_take_their_log_along();
COMMENT ON TRIGGER rooms_take_their_log_along ON porcupine.rooms IS 'a deleted room leaves no events behind';

CREATE TRIGGER what_retention_took_leaves_nothing AFTER UPDATE OF first_seq ON porcupine.room_heads
  FOR EACH ROW WHEN (NEW.first_seq > OLD.first_seq) EXECUTE FUNCTION porcupine.what_retention_took_leaves_nothing();
COMMENT ON TRIGGER what_retention_took_leaves_nothing ON porcupine.room_heads IS 'pins and hints of what is not kept any more go, too';

CREATE TRIGGER room_heads_ring_the_doorbell AFTER UPDATE OF last_seq ON porcupine.room_heads
  FOR EACH ROW WHEN (NEW.last_seq > OLD.last_seq AND porcupine.heads_ring()) EXECUTE FUNCTION porcupine.room_heads_ring_the_doorbell();
COMMENT ON TRIGGER room_heads_ring_the_doorbell ON porcupine.room_heads IS 'whoever listens hears of every grown log once a transaction';

CREATE TRIGGER room_heads_ring_when_they_go AFTER DELETE ON porcupine.room_heads
  FOR EACH ROW EXECUTE FUNCTION porcupine.room_heads_ring_the_doorbell();
COMMENT ON TRIGGER room_heads_ring_when_they_go ON porcupine.room_heads IS 'whoever listens hears of a deleted room';

CREATE FUNCTION porcupine.users_who_go_ring_the_doorbell() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.ring_user(OLD.id);
  IF TG_OP = 'DELETE' THEN
    PERFORM porcupine.note_act('user.deleted', OLD.id);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.users_who_go_ring_the_doorbell() IS 'trigger: at commit, whoever serves the user''s sockets hears that they are over; a row that is deleted leaves a line in the audit log';

CREATE TRIGGER users_ring_when_disabled AFTER UPDATE OF disabled_at ON porcupine.users
  FOR EACH ROW WHEN (NEW.disabled_at IS NOT NULL AND OLD.disabled_at IS NULL) EXECUTE FUNCTION porcupine.users_who_go_ring_the_doorbell();
COMMENT ON TRIGGER users_ring_when_disabled ON porcupine.users IS 'the sockets of a disabled user end at once';

CREATE TRIGGER users_ring_when_they_go AFTER DELETE ON porcupine.users
  FOR EACH ROW EXECUTE FUNCTION porcupine.users_who_go_ring_the_doorbell();
COMMENT ON TRIGGER users_ring_when_they_go ON porcupine.users IS 'the sockets of a deleted user end at once';

CREATE FUNCTION porcupine.outbox_is_sent_at_commit() RETURNS trigger
  LANGUAGE c VOLATILE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
  AS 'MODULE_PATHNAME', 'porcupine_outbox_is_sent_at_commit';
COMMENT ON FUNCTION porcupine.outbox_is_sent_at_commit() IS 'trigger: sends all that this transaction has queued by send_deferred(), rooms in ascending order';

CREATE CONSTRAINT TRIGGER outbox_is_sent_at_commit AFTER INSERT ON porcupine.outbox DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION porcupine.outbox_is_sent_at_commit();
COMMENT ON TRIGGER outbox_is_sent_at_commit ON porcupine.outbox IS 'a deferred send takes its seq at the commit, or at SET CONSTRAINTS ... IMMEDIATE';

CREATE FUNCTION porcupine.guard() RETURNS event_trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'porcupine_guard';
COMMENT ON FUNCTION porcupine.guard() IS
  'event trigger: loads the library, which refuses to drop the extension while there are users, rooms or events, unless porcupine.allow_drop is on';

-- Of all commands only those that can take the extension along: its own drop, its owner's, and of what its objects stand on.
CREATE EVENT TRIGGER porcupine_guard ON ddl_command_start WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED', 'DROP SCHEMA', 'DROP LANGUAGE')
  EXECUTE FUNCTION porcupine.guard();
COMMENT ON EVENT TRIGGER porcupine_guard IS 'the chat is not dropped by mistake: SET porcupine.allow_drop = on first';
