-- What CREATE EXTENSION leaves behind: who owns it, how it is declared, and that every object says what it is for. Who may do
-- what with it is in acl.sql.

-- Every object of the extension has a comment.
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS without_comment
  FROM pg_depend d
 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'porcupine') AND d.deptype = 'e'
   AND obj_description(d.objid, d.classid::regclass::name) IS NULL
   AND NOT (d.classid = 'pg_class'::regclass AND (SELECT relkind FROM pg_class WHERE oid = d.objid) IN ('S', 'c'))
   AND NOT (d.classid = 'pg_type'::regclass AND (SELECT typelem <> 0 OR typrelid <> 0 AND (SELECT relkind FROM pg_class WHERE oid = typrelid) IN ('r', 'v')
                                                   FROM pg_type WHERE oid = d.objid))
 ORDER BY 1;
SELECT t.tgname AS without_comment FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = 'porcupine'::regnamespace AND NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL ORDER BY 1;
SELECT p.polname AS without_comment, p.polrelid::regclass FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
 WHERE c.relnamespace = 'porcupine'::regnamespace AND obj_description(p.oid, 'pg_policy') IS NULL ORDER BY 1, 2;

-- All of it belongs to porcupine_owner, which is nobody; but for the event trigger, which PostgreSQL wants to be a superuser's.
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS owned_by_somebody_else
  FROM pg_depend d
 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'porcupine') AND d.deptype = 'e'
   AND 'porcupine_owner'::regrole IS DISTINCT FROM CASE d.classid
         WHEN 'pg_class'::regclass THEN (SELECT relowner FROM pg_class WHERE oid = d.objid)
         WHEN 'pg_proc'::regclass THEN (SELECT proowner FROM pg_proc WHERE oid = d.objid)
         WHEN 'pg_type'::regclass THEN (SELECT typowner FROM pg_type WHERE oid = d.objid)
         WHEN 'pg_namespace'::regclass THEN (SELECT nspowner FROM pg_namespace WHERE oid = d.objid) END
 ORDER BY 1;
SELECT rolname, rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS powerful,
       (SELECT array_agg(m.member::regrole::text ORDER BY m.member::regrole::text) FROM pg_auth_members m WHERE m.roleid = r.oid) AS members
  FROM pg_roles r WHERE rolname LIKE 'porcupine\_%' ORDER BY 1;

-- Nothing but the event trigger lies outside of the schema, and nothing in the schema belongs to somebody else.
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS outside
  FROM pg_depend d
 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'porcupine') AND d.deptype = 'e'
   AND NOT EXISTS (SELECT FROM pg_depend s WHERE s.classid = d.classid AND s.objid = d.objid AND s.refclassid = 'pg_namespace'::regclass
                      AND s.refobjid = 'porcupine'::regnamespace)
   AND pg_describe_object(d.classid, d.objid, d.objsubid) <> 'schema porcupine'
   AND NOT (d.classid = 'pg_type'::regclass AND (SELECT typelem <> 0 OR typrelid <> 0 FROM pg_type WHERE oid = d.objid))
 ORDER BY 1;

-- Row-level security is on and forced for every table.
SELECT relname AS without_row_security FROM pg_class
 WHERE relnamespace = 'porcupine'::regnamespace AND relkind = 'r' AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY 1;

-- Functions: nothing for PUBLIC, definers with pg_temp last, whatever is granted without being a definer named here, nothing
-- leakproof, and nothing volatile safe in parallel but what raises errors and writes nothing.
SELECT p.oid::regprocedure AS executable_by_public FROM pg_proc p
 WHERE p.pronamespace = 'porcupine'::regnamespace
   AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0) ORDER BY 1;
SELECT p.oid::regprocedure AS on_the_callers_path, p.proconfig FROM pg_proc p
 WHERE p.pronamespace = 'porcupine'::regnamespace AND p.prosecdef
   AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog, porcupine, pg_temp'] ORDER BY 1;
-- (A body that was parsed when the function was made looks for nothing any more.)
SELECT p.oid::regprocedure AS on_the_callers_path FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace = 'porcupine'::regnamespace AND l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL
   AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog, porcupine, pg_temp'] ORDER BY 1;
SELECT p.oid::regprocedure AS granted_without_being_a_definer FROM pg_proc p
 WHERE p.pronamespace = 'porcupine'::regnamespace AND NOT p.prosecdef
   AND EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner) ORDER BY 1;
SELECT p.oid::regprocedure AS leakproof FROM pg_proc p WHERE p.pronamespace = 'porcupine'::regnamespace AND p.proleakproof ORDER BY 1;
SELECT p.oid::regprocedure AS volatile_though_parallel FROM pg_proc p
 WHERE p.pronamespace = 'porcupine'::regnamespace AND p.provolatile = 'v' AND p.proparallel = 's' ORDER BY 1;

-- Every table and sequence is carried by pg_dump, but for the signing keys.
SELECT c.relname AS not_dumped FROM pg_class c
 WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('r', 'S')
   AND NOT c.oid = ANY (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'porcupine') ORDER BY 1;
SELECT DISTINCT unnest(extcondition) AS dumped_only_where FROM pg_extension WHERE extname = 'porcupine';

-- Every foreign key is led by an index, so that a deletion never reads a whole table.
SELECT k.conrelid::regclass, k.conname AS without_index FROM pg_constraint k
 WHERE k.connamespace = 'porcupine'::regnamespace AND k.contype = 'f'
   AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1] AND i.indpred IS NULL) ORDER BY 1, 2;

-- The extension cannot be moved, nor be installed by anybody but a superuser.
SELECT superuser, trusted, relocatable, schema FROM pg_available_extension_versions WHERE name = 'porcupine' AND version = '1.1';
