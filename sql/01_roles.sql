-- The database, the roles and the schema. What people are called and what JSON may say is any character there is, so the
-- database has to be able to hold it.
--
-- porcupine_owner    owns tables and functions; nobody logs in as it, nobody is a member of it, it is no superuser,
--                    so that row-level security binds even the extension's own functions.
-- porcupine_client   SQL users who prove who they are by porcupine.authenticate(jwt).
-- porcupine_backend  a trusted application: a client that may also act_as() any user.
-- porcupine_bridge   the bridge's login role is a member of this one.
-- porcupine_admin    people who administer the chat from psql.
--
-- Roles belong to the whole cluster and survive DROP EXTENSION, so this may meet its own from another database or from
-- pg_dumpall. A role that somebody else prepared, with a login or with members, would hand them the chat: refused,
-- members of the four group roles being accepted when the superuser says so (porcupine.adopt_roles = on). ALTER EXTENSION UPDATE
-- meets its own, too: those that objects of this extension name already.

DO $$
BEGIN
  IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
    RAISE EXCEPTION 'porcupine needs a database of encoding UTF8, and this one has %', pg_catalog.getdatabaseencoding()
      USING ERRCODE = 'feature_not_supported', HINT = 'CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0 makes one.';
  END IF;
END
$$;

-- Another database may be doing the same at this moment.
LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE;

DO $$
DECLARE
  wanted text;
  found record;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['porcupine_owner', 'porcupine_client', 'porcupine_backend', 'porcupine_bridge', 'porcupine_admin'] LOOP
    SELECT r.oid, r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolbypassrls OR r.rolreplication OR r.rolcreatedb AS powerful,
           EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                    WHERE m.roleid = r.oid AND NOT (SELECT s.rolsuper FROM pg_catalog.pg_roles s WHERE s.oid = m.member)
                      AND m.member NOT IN (SELECT o.oid FROM pg_catalog.pg_roles o WHERE o.rolname IN ('porcupine_backend', 'porcupine_admin')))
             AS has_members,
           EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                    WHERE m.member = r.oid
                      AND m.roleid NOT IN (SELECT o.oid FROM pg_catalog.pg_roles o WHERE o.rolname IN ('porcupine_client', 'porcupine_backend')))
             AS is_member,
           EXISTS (SELECT FROM pg_catalog.pg_shdepend s
                     JOIN pg_catalog.pg_database b ON b.oid = s.dbid AND b.datname = pg_catalog.current_database()
                     JOIN pg_catalog.pg_depend d ON d.classid = s.classid AND d.objid = s.objid AND d.deptype = 'e'
                     JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'porcupine'
                    WHERE s.refobjid = r.oid AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass) AS is_ours
      INTO found FROM pg_catalog.pg_roles r WHERE r.rolname = wanted;
    IF found.oid IS NULL THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', wanted);
    ELSIF found.is_ours THEN
      NULL;
    ELSIF found.powerful THEN
      RAISE EXCEPTION 'role "%" exists and has a login or other powers', wanted
        USING ERRCODE = 'duplicate_object', HINT = 'Drop the role, or take LOGIN and its other attributes away, before you install.';
    ELSIF found.is_member THEN
      RAISE EXCEPTION 'role "%" exists and is a member of other roles', wanted
        USING ERRCODE = 'duplicate_object', HINT = 'Revoke the memberships, or drop the role, before you install.';
    ELSIF found.has_members AND (wanted = 'porcupine_owner'
                                 OR coalesce(pg_catalog.current_setting('porcupine.adopt_roles', true), 'off') NOT IN ('on', 'true', '1')) THEN
      RAISE EXCEPTION 'role "%" exists and has members', wanted
        USING ERRCODE = 'duplicate_object',
              HINT = CASE WHEN wanted = 'porcupine_owner' THEN 'Nobody may be a member of it: revoke the memberships.'
                          ELSE 'If you made these grants yourself (another database, a restore), SET porcupine.adopt_roles = on first.' END;
    END IF;
  END LOOP;
END
$$;

-- The backend and the administrator can do what a client can.
GRANT porcupine_client TO porcupine_backend;
GRANT porcupine_backend TO porcupine_admin;

COMMENT ON ROLE porcupine_owner IS 'owns the objects of the extension porcupine; no login, no members';
COMMENT ON ROLE porcupine_client IS 'SQL users of porcupine who identify themselves by porcupine.authenticate(jwt)';
COMMENT ON ROLE porcupine_backend IS 'trusted applications: may act for any user of porcupine by porcupine.act_as(user)';
COMMENT ON ROLE porcupine_bridge IS 'the login roles of porcupine''s bridges';
COMMENT ON ROLE porcupine_admin IS 'administrators of porcupine';

CREATE SCHEMA porcupine;
COMMENT ON SCHEMA porcupine IS 'end-to-end encrypted chat: accounts, rooms, keys and one ordered log of events per room';

