-- Links: a room whose members are whom a view or table of the application names, in the same commit.
--
-- A trigger on each table under the source notes that it was changed; at the commit, once a transaction, follow_links() finds
-- the links over what was changed, locks their rows in ascending order, reads their sources by a snapshot that is younger than
-- these locks (two transactions that together make a row of a join are both seen by the later one), locks the heads of the
-- rooms that differ in ascending order, and makes the members equal. It acts for nobody: what it does is the application's doing.

-- --- what lies under a source, and over a table ------------------------------------------------------

CREATE FUNCTION porcupine.source_oid(source_schema name, source_name name) RETURNS oid
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = source_schema AND c.relname = source_name
$$;
COMMENT ON FUNCTION porcupine.source_oid(name, name) IS
  'the view or table of this name, or null; unlike to_regclass() without asking whether the schema may be used, for nothing is read by it';

CREATE FUNCTION porcupine.is_still_theirs(source oid, source_owner name) RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT r.rolname = source_owner OR r.rolsuper FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = source
$$;
COMMENT ON FUNCTION porcupine.is_still_theirs(oid, name) IS
  'whether a source belongs to whom it belonged to when it was linked, or to a superuser, who may do everything anyway';

CREATE FUNCTION porcupine.objects_under(source oid) RETURNS TABLE (class oid, object oid)
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH RECURSIVE used (class, object) AS (
    SELECT 'pg_class'::regclass::oid, source
    UNION
    SELECT next.class, next.object FROM used u CROSS JOIN LATERAL (
      SELECT d.refclassid, d.refobjid                                              -- what a view reads and calls
        FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
       WHERE u.class = 'pg_class'::regclass AND r.ev_class = u.object AND r.ev_type = '1'
         AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass)
      UNION ALL
      SELECT d.refclassid, d.refobjid FROM pg_depend d                             -- what a function's parsed body does
       WHERE u.class = 'pg_proc'::regclass AND d.classid = u.class AND d.objid = u.object
         AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass)
      UNION ALL
      SELECT u.class, i.inhrelid FROM pg_inherits i                                -- partitions and children
       WHERE u.class = 'pg_class'::regclass AND i.inhparent = u.object) next (class, object))
  SELECT used.class, used.object FROM used
$$;
COMMENT ON FUNCTION porcupine.objects_under(oid) IS
  'the relations and functions that a view or table stands on, itself included, as far as the catalogue knows: not what a function hides whose body is text';

CREATE FUNCTION porcupine.links_over(relation oid) RETURNS SETOF bigint
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH RECURSIVE above (class, object) AS (
    SELECT 'pg_class'::regclass::oid, relation
    UNION ALL
    SELECT 'pg_proc'::regclass::oid, 'porcupine.find_user(text)'::regprocedure::oid WHERE relation = 'porcupine.users'::regclass
    UNION
    SELECT next.class, next.object FROM above a CROSS JOIN LATERAL (
      SELECT 'pg_class'::regclass::oid, r.ev_class
        FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
       WHERE d.refclassid = a.class AND d.refobjid = a.object AND d.classid = 'pg_rewrite'::regclass AND r.ev_type = '1'
      UNION ALL
      SELECT d.classid, d.objid FROM pg_depend d
       WHERE d.refclassid = a.class AND d.refobjid = a.object AND d.classid = 'pg_proc'::regclass
      UNION ALL
      SELECT a.class, i.inhparent FROM pg_inherits i WHERE a.class = 'pg_class'::regclass AND i.inhrelid = a.object) next (class, object))
  SELECT l.id
    FROM above a
    JOIN pg_class c ON a.class = 'pg_class'::regclass AND c.oid = a.object
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN porcupine.links l ON l.source_name = c.relname AND l.source_schema = n.nspname
$$;
COMMENT ON FUNCTION porcupine.links_over(oid) IS
  'the links whose source stands on a table; on porcupine.users also those that find people by find_user()';

CREATE FUNCTION porcupine.watchable_tables(source oid) RETURNS SETOF oid
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT c.oid FROM porcupine.objects_under(source) u JOIN pg_class c ON u.class = 'pg_class'::regclass AND c.oid = u.object
   WHERE c.relkind IN ('r', 'p') AND c.relnamespace <> 'porcupine'::regnamespace
   ORDER BY c.oid
$$;
COMMENT ON FUNCTION porcupine.watchable_tables(oid) IS 'the tables under a source that need a trigger; partitions each have their own';

CREATE FUNCTION porcupine.is_watched(relation oid) RETURNS boolean
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT relation = 'porcupine.users'::regclass
         OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = relation AND t.tgname = 'porcupine_links'
                       AND t.tgfoid = 'porcupine.linked_table_changed()'::regprocedure AND t.tgenabled <> 'D')
$$;
COMMENT ON FUNCTION porcupine.is_watched(oid) IS 'whether changes of this table are noticed';

-- Scripts of pg_dump turn row_security off, and what reads under a policy is an error then: triggers that may fire meanwhile
-- have it on.

-- --- following ---------------------------------------------------------------------------------------

CREATE FUNCTION porcupine.read_source(source oid, names_rooms boolean, source_owner name) RETURNS TABLE (room_id bigint, user_id bigint)
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_read_source';
COMMENT ON FUNCTION porcupine.read_source(oid, boolean, name) IS
  'the rows of a source as they are now, with the rights of its owner, who can thereby do nothing that they could not before, and who must be source_owner or a superuser; room_id is null where it names none. Errors: conflict (it was dropped or replaced meanwhile)';

CREATE FUNCTION porcupine.linked_table_changed() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp SET row_security = on
AS $$
BEGIN
  INSERT INTO porcupine.stale_links (transaction, relation) VALUES (pg_current_xact_id(), TG_RELID) ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.linked_table_changed() IS
  'trigger, for each statement, on the tables under linked sources: the links over it are followed at the commit';

CREATE FUNCTION porcupine.link_differences(links bigint[], of_links bigint[], rooms bigint[], users bigint[])
  RETURNS TABLE (act text, link_id bigint, room_id bigint, user_id bigint)
  LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 100
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  -- Differences by EXCEPT: it hashes or sorts, however wrong the guess of how many rows an array has.
  WITH wanted AS MATERIALIZED (
    SELECT w.link_id, w.room_id, w.user_id FROM unnest(of_links, rooms, users) w (link_id, room_id, user_id)
     WHERE w.user_id IS NOT NULL AND w.room_id IN (SELECT h.room_id FROM porcupine.room_heads h)),
  governed AS MATERIALIZED (
    SELECT g.room_id, l.id, l.additive FROM porcupine.linked_rooms g JOIN porcupine.links l ON l.id = g.link_id WHERE l.id = ANY (links))
  SELECT 'claim', c.id, c.room_id, NULL::bigint FROM (
    (SELECT w.link_id, w.room_id FROM wanted w UNION SELECT l.id, l.room_id FROM porcupine.links l WHERE l.id = ANY (links) AND l.room_id IS NOT NULL)
    EXCEPT SELECT g.id, g.room_id FROM governed g) c (id, room_id)
  UNION ALL
  SELECT 'remove', r.* FROM (
    SELECT g.id, m.room_id, m.user_id FROM governed g JOIN porcupine.members m ON m.room_id = g.room_id
     WHERE m.role < 'owner' AND (m.via = 'link' OR NOT g.additive)
    EXCEPT SELECT w.link_id, w.room_id, w.user_id FROM wanted w) r
  UNION ALL
  SELECT 'forget', f.* FROM (
    SELECT g.id, x.room_id, x.user_id FROM governed g JOIN porcupine.link_exclusions x ON x.room_id = g.room_id
    EXCEPT SELECT w.link_id, w.room_id, w.user_id FROM wanted w) f
  UNION ALL
  SELECT 'add', a.* FROM (
    SELECT w.link_id, w.room_id, w.user_id FROM wanted w
    EXCEPT SELECT l.id, m.room_id, m.user_id FROM porcupine.links l, porcupine.members m
            WHERE l.id = ANY (links) AND m.room_id IN (SELECT w.room_id FROM wanted w WHERE w.link_id = l.id)
    EXCEPT SELECT g.id, x.room_id, x.user_id FROM governed g JOIN porcupine.link_exclusions x ON x.room_id = g.room_id) a (link_id, room_id, user_id)
    JOIN porcupine.users u ON u.id = a.user_id AND u.disabled_at IS NULL AND u.erased_at IS NULL
   WHERE NOT EXISTS (SELECT FROM porcupine.bans b WHERE b.room_id = a.room_id AND b.user_id = a.user_id
                        AND (b.until IS NULL OR b.until > clock_timestamp()))
$$;
COMMENT ON FUNCTION porcupine.link_differences(bigint[], bigint[], bigint[], bigint[]) IS
  'how links differ from what their sources say (the arrays after the first are the rows of the sources): rooms to claim, members to remove and to add, exclusions to forget';

CREATE FUNCTION porcupine.follow_links() RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  stale bigint[];
  of_links bigint[];
  rooms bigint[];
  users bigint[];
  differing bigint[];                           -- rooms
  claiming bigint[];
  claimed bigint[];
  difference record;
BEGIN
  WITH taken AS (DELETE FROM porcupine.stale_links s WHERE s.transaction = pg_current_xact_id() RETURNING s.link_id, s.relation)
  SELECT array_agg(DISTINCT ids.id) INTO stale
    FROM (SELECT t.link_id FROM taken t WHERE t.link_id <> 0
          UNION ALL SELECT porcupine.links_over(t.relation) FROM taken t WHERE t.relation <> 0
          UNION ALL SELECT l.id FROM porcupine.links l                              -- to warn of what may have stood on it
                     WHERE porcupine.source_oid(l.source_schema, l.source_name) IS NULL
                       AND EXISTS (SELECT FROM taken t WHERE t.relation NOT IN (0, 'porcupine.users'::regclass)
                                      AND NOT EXISTS (SELECT FROM porcupine.links_over(t.relation)))) ids (id);
  stale := porcupine.lock_links(stale);
  IF cardinality(stale) = 0 THEN
    RETURN;
  END IF;
  SELECT array_agg(l.id), array_agg(coalesce(l.room_id, s.room_id)), array_agg(s.user_id) INTO of_links, rooms, users
    FROM porcupine.links l CROSS JOIN LATERAL porcupine.read_source(porcupine.source_oid(l.source_schema, l.source_name), l.room_id IS NULL, l.source_owner) s
   WHERE l.id = ANY (stale);
  SELECT array_agg(DISTINCT d.room_id), array_agg(d.link_id) FILTER (WHERE d.act = 'claim'), array_agg(d.room_id) FILTER (WHERE d.act = 'claim')
    INTO differing, claiming, claimed
    FROM porcupine.link_differences(stale, of_links, rooms, users) d;
  IF differing IS NULL THEN
    RETURN;
  END IF;
  -- With the heads that deferred sends of this transaction are about to lock, so that all are locked in one order.
  PERFORM FROM porcupine.room_heads h
    WHERE h.room_id = ANY (differing)
       OR h.room_id IN (SELECT o.room_id FROM porcupine.outbox o WHERE o.transaction = pg_current_xact_id())
    ORDER BY h.room_id FOR UPDATE;
  INSERT INTO porcupine.linked_rooms (link_id, room_id)
    SELECT c.link_id, c.room_id FROM unnest(claiming, claimed) c (link_id, room_id) JOIN porcupine.room_heads h ON h.room_id = c.room_id
    ON CONFLICT DO NOTHING;
  FOR difference IN SELECT d.* FROM porcupine.link_differences(stale, of_links, rooms, users) d WHERE d.room_id = ANY (differing)
                     ORDER BY d.room_id, array_position('{claim,forget,remove,add}', d.act), d.user_id LOOP
    PERFORM porcupine.apply_difference(difference.act, difference.link_id, difference.room_id, difference.user_id);
  END LOOP;
END
$$;
COMMENT ON FUNCTION porcupine.follow_links() IS
  'makes the members of rooms equal to what their sources say, for the links under which this transaction has changed something since the last time';

CREATE FUNCTION porcupine.lock_links(links bigint[]) RETURNS bigint[]
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  link porcupine.links;
  found bigint[] := '{}';
BEGIN
  FOR link IN SELECT l.* FROM porcupine.links l WHERE l.id = ANY (links) ORDER BY l.id FOR UPDATE LOOP
    IF porcupine.source_oid(link.source_schema, link.source_name) IS NULL THEN
      RAISE WARNING 'the source %.% of a link is gone: its rooms keep the members they have', quote_ident(link.source_schema), quote_ident(link.source_name)
        USING HINT = 'Make it again, or call porcupine.unlink_membership().';
    ELSIF NOT porcupine.is_still_theirs(porcupine.source_oid(link.source_schema, link.source_name), link.source_owner) THEN
      RAISE WARNING 'the source %.% of a link belongs to another role than when it was linked: its rooms keep the members they have',
        quote_ident(link.source_schema), quote_ident(link.source_name)
        USING HINT = 'Link it again if that is right, or call porcupine.unlink_membership().';
    ELSE
      -- written, not only locked: whoever waits with an older snapshot (REPEATABLE READ) must fail, not read what was before
      UPDATE porcupine.links l SET followed_at = clock_timestamp() WHERE l.id = link.id;
      found := found || link.id;
    END IF;
  END LOOP;
  RETURN found;
END
$$;
COMMENT ON FUNCTION porcupine.lock_links(bigint[]) IS 'locks the rows of links in ascending order and returns those whose source is there, and belongs to whom it did';

CREATE FUNCTION porcupine.apply_difference(act text, link bigint, room bigint, account bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  CASE act
    WHEN 'claim' THEN
      PERFORM porcupine.refuse('conflict', format('room %s follows another link', room), 'A room follows one link; porcupine.links() shows them.');
    WHEN 'forget' THEN
      DELETE FROM porcupine.link_exclusions x WHERE x.room_id = room AND x.user_id = account;
    WHEN 'remove' THEN
      DELETE FROM porcupine.members m WHERE m.room_id = room AND m.user_id = account;
      DELETE FROM porcupine.link_exclusions x WHERE x.room_id = room AND x.user_id = account;
    WHEN 'add' THEN
      INSERT INTO porcupine.members (room_id, user_id, role, via)
      SELECT room, account, CASE WHEN r.encrypted THEN 'pending' ELSE l.role END, 'link'
        FROM porcupine.rooms r, porcupine.links l WHERE r.id = room AND l.id = link;
  END CASE;
END
$$;
COMMENT ON FUNCTION porcupine.apply_difference(text, bigint, bigint, bigint) IS 'does away with one of link_differences(), under the lock of the room''s head; a room that could not be claimed is another link''s';

CREATE FUNCTION porcupine.links_are_followed_at_commit() RETURNS trigger
  LANGUAGE c VOLATILE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp SET row_security = on
  AS 'MODULE_PATHNAME', 'porcupine_links_are_followed_at_commit';
COMMENT ON FUNCTION porcupine.links_are_followed_at_commit() IS 'trigger: follow_links(), acting for nobody';

CREATE CONSTRAINT TRIGGER links_are_followed_at_commit AFTER INSERT ON porcupine.stale_links DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION porcupine.links_are_followed_at_commit();
COMMENT ON TRIGGER links_are_followed_at_commit ON porcupine.stale_links IS
  'members follow their source at the commit, or at SET CONSTRAINTS ... IMMEDIATE';

-- --- what else changes who is to be in a linked room ---------------------------------------------------

CREATE FUNCTION porcupine.members_follow_links() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.lock_room(NEW.room_id);
  IF EXISTS (SELECT FROM porcupine.linked_rooms g JOIN porcupine.links l ON l.id = g.link_id WHERE g.room_id = NEW.room_id AND NOT l.additive) THEN
    PERFORM porcupine.refuse('role', 'who is in this room is decided by the application that it is linked to', 'Ask whoever runs the application.');
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION porcupine.members_follow_links() IS 'trigger: nobody joins a linked room by another way, unless the link is additive';

CREATE TRIGGER members_follow_links BEFORE INSERT ON porcupine.members
  FOR EACH ROW WHEN (NEW.joined_seq IS NULL AND NEW.via <> 'link' AND NEW.role < 'owner') EXECUTE FUNCTION porcupine.members_follow_links();
COMMENT ON TRIGGER members_follow_links ON porcupine.members IS 'a linked room lets nobody in by another way';

CREATE FUNCTION porcupine.members_who_go_stay_out() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  INSERT INTO porcupine.link_exclusions (room_id, user_id)
    SELECT g.room_id, u.id FROM porcupine.linked_rooms g, porcupine.users u WHERE g.room_id = OLD.room_id AND u.id = OLD.user_id
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.members_who_go_stay_out() IS
  'trigger: who leaves a linked room or is removed from it stays out of it while the source goes on to name them';

CREATE TRIGGER members_who_go_stay_out AFTER DELETE ON porcupine.members
  FOR EACH ROW EXECUTE FUNCTION porcupine.members_who_go_stay_out();
COMMENT ON TRIGGER members_who_go_stay_out ON porcupine.members IS 'a link does not bring back who was removed by somebody';

CREATE FUNCTION porcupine.role_when_let_in(membership porcupine.members) RETURNS porcupine.role
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT coalesce((SELECT l.role FROM porcupine.linked_rooms g JOIN porcupine.links l ON l.id = g.link_id
                    WHERE g.room_id = membership.room_id AND membership.via = 'link'), 'member')
$$;
COMMENT ON FUNCTION porcupine.role_when_let_in(porcupine.members) IS 'what a pending member becomes: whom a link has added gets its role';

CREATE FUNCTION porcupine.mark_links(room bigint DEFAULT NULL) RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  INSERT INTO porcupine.stale_links (transaction, link_id)
    SELECT pg_current_xact_id(), l.id FROM porcupine.links l
     WHERE room IS NULL OR l.id = (SELECT g.link_id FROM porcupine.linked_rooms g WHERE g.room_id = room)
    ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION porcupine.mark_links(bigint) IS 'the link of a room, or every link, is compared with its source at the commit';

CREATE FUNCTION porcupine.owners_change_links() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.mark_links(OLD.room_id);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.owners_change_links() IS 'trigger: a link that let an owner stay looks again at who is none any more';

CREATE TRIGGER members_who_owned_follow_links AFTER UPDATE OF role ON porcupine.members
  FOR EACH ROW WHEN (OLD.role = 'owner' AND NEW.role < 'owner') EXECUTE FUNCTION porcupine.owners_change_links();
COMMENT ON TRIGGER members_who_owned_follow_links ON porcupine.members IS 'only the owner stays in a linked room whatever its source says';

CREATE FUNCTION porcupine.users_change_links() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp SET row_security = on
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM porcupine.links) THEN
    RETURN NULL;
  ELSIF TG_LEVEL = 'ROW' THEN
    PERFORM porcupine.mark_links();
  ELSE
    INSERT INTO porcupine.stale_links (transaction, relation) VALUES (pg_current_xact_id(), TG_RELID) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION porcupine.users_change_links() IS
  'trigger: a new account or name may be whom a source means; one that is enabled again returns to its linked rooms';

-- While a dump is restored there are no links yet when users come: links have a foreign key to them.
CREATE TRIGGER users_change_links AFTER INSERT OR UPDATE OF username, email ON porcupine.users
  FOR EACH STATEMENT EXECUTE FUNCTION porcupine.users_change_links();
COMMENT ON TRIGGER users_change_links ON porcupine.users IS 'sources may find people by what their accounts are called';

CREATE TRIGGER users_return_to_linked_rooms AFTER UPDATE OF disabled_at ON porcupine.users
  FOR EACH ROW WHEN (OLD.disabled_at IS NOT NULL AND NEW.disabled_at IS NULL) EXECUTE FUNCTION porcupine.users_change_links();
COMMENT ON TRIGGER users_return_to_linked_rooms ON porcupine.users IS 'who was disabled while a source named them is added when they are enabled';

-- --- making and ending links -----------------------------------------------------------------------------

CREATE FUNCTION porcupine.check_source(source oid, names_rooms boolean) RETURNS SETOF oid
  LANGUAGE plpgsql STABLE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  wanted text;
BEGIN
  IF (SELECT c.relpersistence = 't' FROM pg_class c WHERE c.oid = source) THEN
    PERFORM porcupine.refuse('invalid', 'a temporary view or table cannot be linked', 'Nobody but your session can read it, and only until it ends.');
  END IF;
  FOREACH wanted IN ARRAY CASE WHEN names_rooms THEN '{room_id,user_id}'::text[] ELSE '{user_id}' END LOOP
    IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = wanted AND NOT a.attisdropped
                      AND a.atttypid IN ('bigint'::regtype, 'integer'::regtype, 'smallint'::regtype)) THEN
      PERFORM porcupine.refuse('invalid', format('the source needs a column %s that is a bigint', wanted),
                               'Make a view that gives porcupine''s ids these names; porcupine.find_user() knows them.');
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM porcupine.objects_under(source) u JOIN pg_class c ON u.class = 'pg_class'::regclass AND c.oid = u.object
              WHERE c.relnamespace = 'porcupine'::regnamespace
                AND NOT (c.relname = 'users' AND (SELECT r.rolsuper OR r.rolbypassrls FROM pg_class s JOIN pg_roles r ON r.oid = s.relowner WHERE s.oid = source))) THEN
    PERFORM porcupine.refuse('invalid', 'a source reads the application''s tables, not porcupine''s own',
                             'Find people by porcupine.find_user(name); a superuser''s view may read porcupine.users.');
  END IF;
  RETURN QUERY SELECT t.id FROM porcupine.watchable_tables(source) t (id) WHERE NOT porcupine.is_watched(t.id);
END
$$;
COMMENT ON FUNCTION porcupine.check_source(oid, boolean) IS
  'refuses a source that names nobody, or that reads the chat itself: what it shows would depend on who is asking, or on what it decides. Gives the tables under it that need a trigger yet';

CREATE FUNCTION porcupine.others_under(source oid) RETURNS SETOF text
  LANGUAGE sql STABLE PARALLEL SAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT pg_describe_object(u.class, u.object, 0)
    FROM porcupine.objects_under(source) u
    LEFT JOIN pg_class c ON u.class = 'pg_class'::regclass AND c.oid = u.object
    LEFT JOIN pg_proc p ON u.class = 'pg_proc'::regclass AND p.oid = u.object
    JOIN pg_roles o ON o.oid = coalesce(c.relowner, p.proowner)
   WHERE o.oid <> (SELECT s.relowner FROM pg_class s WHERE s.oid = source)
     AND NOT o.rolsuper AND o.oid <> 'porcupine_owner'::regrole
   ORDER BY 1
$$;
COMMENT ON FUNCTION porcupine.others_under(oid) IS
  'what a source stands on and neither its owner nor a superuser made: who owns that can have things done with the rights of the source''s owner by having it read';

CREATE FUNCTION porcupine.store_link(room bigint, source oid, role porcupine.role, additive boolean) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  link porcupine.links;
BEGIN
  IF role IN ('pending', 'owner') THEN
    PERFORM porcupine.refuse('invalid', 'a link adds readers, members, moderators or admins');
  END IF;
  SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner) INTO link.source_schema, link.source_name, link.source_owner
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = source;
  -- not under the lock of the head: links are locked before heads
  IF room IS NOT NULL AND NOT EXISTS (SELECT FROM porcupine.rooms r WHERE r.id = room) THEN
    PERFORM porcupine.refuse('not_found', 'there is no such room');
  ELSIF (SELECT r.direct FROM porcupine.rooms r WHERE r.id = room) THEN
    PERFORM porcupine.refuse('invalid', 'a direct room has its two members');
  END IF;
  INSERT INTO porcupine.links AS l (room_id, created_by, source_schema, source_name, source_owner, role, additive)
  VALUES (room, porcupine.current_user_id(), link.source_schema, link.source_name, link.source_owner, store_link.role, store_link.additive)
  ON CONFLICT DO NOTHING RETURNING l.id INTO link.id;
  IF link.id IS NULL THEN                       -- the same again: with other options, or over other tables
    UPDATE porcupine.links l SET role = store_link.role, additive = store_link.additive, source_owner = link.source_owner
     WHERE l.room_id IS NOT DISTINCT FROM room AND l.source_schema = link.source_schema AND l.source_name = link.source_name
    RETURNING l.id INTO link.id;
  END IF;
  IF link.id IS NULL OR EXISTS (SELECT FROM porcupine.linked_rooms g WHERE g.room_id = room AND g.link_id <> link.id) THEN
    PERFORM porcupine.refuse('conflict', 'this room follows another source', 'End that link first; porcupine.links() shows it.');
  END IF;
  PERFORM porcupine.note_act('room.linked', NULL, room, jsonb_build_object(
            'source', format('%I.%I', link.source_schema, link.source_name), 'role', store_link.role, 'additive', store_link.additive));
  INSERT INTO porcupine.stale_links (transaction, link_id) VALUES (pg_current_xact_id(), link.id) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION porcupine.store_link(bigint, oid, porcupine.role, boolean) IS 'keeps a link; room null: its source names the rooms';

CREATE FUNCTION porcupine.drop_link(room bigint, source text) RETURNS SETOF oid
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  link porcupine.links;
BEGIN
  IF room IS NULL AND source IS NULL THEN
    PERFORM porcupine.refuse('invalid', 'a link is ended by its room or, where it names the rooms, by its source');
  END IF;
  DELETE FROM porcupine.links l
   WHERE l.room_id = room OR (l.room_id IS NULL AND format('%I.%I', l.source_schema, l.source_name) = source)
  RETURNING l.* INTO link;
  IF link.id IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'there is no such link', 'porcupine.links() shows those there are, with the names of their sources.');
  END IF;
  PERFORM porcupine.note_act('room.unlinked', NULL, link.room_id, jsonb_build_object(
            'source', format('%I.%I', link.source_schema, link.source_name)));
  RETURN QUERY SELECT t.tgrelid FROM pg_trigger t
    WHERE t.tgname = 'porcupine_links' AND t.tgfoid = 'porcupine.linked_table_changed()'::regprocedure
      AND NOT EXISTS (SELECT FROM porcupine.links_over(t.tgrelid)) ORDER BY 1;
END
$$;
COMMENT ON FUNCTION porcupine.drop_link(bigint, text) IS
  'forgets the link of a room, or the one of a source that names rooms, and says which tables need their trigger no more';

CREATE FUNCTION porcupine.link_membership(room bigint, source regclass, role porcupine.role DEFAULT 'member', additive boolean DEFAULT false) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_link_membership';
COMMENT ON FUNCTION porcupine.link_membership(bigint, regclass, porcupine.role, boolean) IS
  'keeps the members of a room equal to a view or table of the application with a column user_id (porcupine''s ids), in the same commit as every change below it. The caller needs SELECT on the source and TRIGGER on the tables below it, which get one; the source is read with its owner''s rights, so that who links somebody else''s needs all below it to be theirs or a superuser''s. The rule: whom the source names is a member, whom it does not name is not, but for the owner, and nobody joins by another way; who leaves or is removed by somebody stays out until the source has been without them; disabled and banned users are not added. additive: the link adds and removes only its own, others come and go as ever. role: of those it adds (reader to admin); in an encrypted room they are pending until a member''s client lets them in. A room that is full, and whatever else speaks against it, is an error of the commit. Transactions that change tables below one source commit one after the other; one that also sends does so by send_deferred(), which locks rooms in the same order. Call it again when the view has come to stand on other tables. Errors: invalid, role (a missing right on the source or a table), not_found, conflict (the room follows another source), room_full. Example: SELECT porcupine.link_membership(1, ''staff'')';

CREATE FUNCTION porcupine.link_memberships(source regclass, role porcupine.role DEFAULT 'member', additive boolean DEFAULT false) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_link_memberships';
COMMENT ON FUNCTION porcupine.link_memberships(regclass, porcupine.role, boolean) IS
  'link_membership() for many rooms by one source with the columns room_id and user_id, which is read once a commit, however many rooms there are. A room that it has named stays linked when it is named no more, with its owner alone in it; rooms that do not exist are passed over. Errors: invalid, role, not_found, conflict (a room follows another link), room_full. Example: SELECT porcupine.link_memberships(''teams'')';

CREATE FUNCTION porcupine.unlink_membership(room bigint) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_unlink_membership';
COMMENT ON FUNCTION porcupine.unlink_membership(bigint) IS
  'ends the link of a room: its members stay, and come and go as in other rooms from now on. Triggers that no link needs any more go with it, where the caller owns the table. Errors: invalid, not_found. Example: SELECT porcupine.unlink_membership(1)';

CREATE FUNCTION porcupine.unlink_memberships(source text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_unlink_memberships';
COMMENT ON FUNCTION porcupine.unlink_memberships(text) IS
  'ends what link_memberships() began, for all its rooms; source is the name as links() shows it, with its schema, for the view may be gone. Errors: invalid, not_found. Example: SELECT porcupine.unlink_memberships(''public.teams'')';

CREATE FUNCTION porcupine.links()
  RETURNS TABLE (room bigint, source text, role porcupine.role, additive boolean, rooms bigint, excluded bigint, followed_at timestamptz,
                 missing boolean, foreign_source boolean, unwatched regclass[])
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 20
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT l.room_id, format('%I.%I', l.source_schema, l.source_name), l.role, l.additive,
         (SELECT count(*) FROM porcupine.linked_rooms g WHERE g.link_id = l.id),
         (SELECT count(*) FROM porcupine.linked_rooms g JOIN porcupine.link_exclusions x ON x.room_id = g.room_id WHERE g.link_id = l.id),
         l.followed_at, s.id IS NULL, s.id IS NOT NULL AND NOT porcupine.is_still_theirs(s.id, l.source_owner),
         ARRAY(SELECT c.oid::regclass FROM porcupine.objects_under(s.id) u JOIN pg_class c ON u.class = 'pg_class'::regclass AND c.oid = u.object
                WHERE c.relkind IN ('r', 'p', 'f', 'm') AND NOT porcupine.is_watched(c.oid) ORDER BY c.oid)
    FROM porcupine.links l CROSS JOIN LATERAL porcupine.source_oid(l.source_schema, l.source_name) s (id)
   ORDER BY l.id
$$;
COMMENT ON FUNCTION porcupine.links() IS
  'the links there are, for trusted backends: room is null where the source names the rooms, of which there are so many; excluded: how many stay out though the source names them; followed_at: when it was last compared with its source; missing: the source is gone, and the members stay as they are; foreign_source: the same, for what has its name belongs to another role than when it was linked (link it again if that is right); unwatched: what lies under the source and changes unnoticed (link again where it is a table, else call refresh_memberships()). Example: SELECT * FROM porcupine.links() WHERE missing OR foreign_source OR unwatched <> ''{}''';

CREATE FUNCTION porcupine.refresh_memberships() RETURNS void
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$ SELECT porcupine.mark_links() $$;
COMMENT ON FUNCTION porcupine.refresh_memberships() IS
  'compares every link with its source at the commit: for sources that change with the time, or stand on what no trigger sees (materialized views, foreign tables, what a function hides). Example: SELECT porcupine.refresh_memberships()';
