-- Golden: who may do what with each object of the schema. Grants through membership count (an admin is a backend is a client);
-- porcupine_owner and superusers are left out. A line that changes is a change of what somebody may do, and wants a second look.
--
-- Nothing here names an object. After adding one, run the suite, read the difference, and take it over; where acl is the only
-- test that differs:
--   scripts/test regress; patch regress/expected/acl.out .build/test/regress.diff
-- Where a rebase conflicts in acl.out, the union of both sides in alphabetical order is right.
\pset format unaligned
\pset tuples_only on

-- Everybody who was granted anything, and whoever has no grant: what nobody may, PUBLIC may not.
CREATE ROLE nobody;
CREATE TEMP VIEW roles AS
  SELECT r.oid, replace(r.rolname, 'porcupine_', '') AS name FROM pg_roles r
   WHERE r.rolname LIKE 'porcupine\_%' AND r.rolname <> 'porcupine_owner' OR r.rolname IN ('nobody', 'pg_monitor')
      OR r.oid IN (SELECT a.grantee FROM pg_proc p, aclexplode(p.proacl) a WHERE p.pronamespace = 'porcupine'::regnamespace AND a.grantee <> p.proowner
                   UNION SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'porcupine'::regnamespace AND a.grantee <> c.relowner);

-- The schema.
SELECT string_agg(r.name, ' ' ORDER BY r.name COLLATE "C"), p.privilege
  FROM roles r, unnest(ARRAY['USAGE', 'CREATE']) p (privilege) WHERE has_schema_privilege(r.oid, 'porcupine', p.privilege) GROUP BY 2 ORDER BY 2;

-- Functions.
SELECT p.proname || '(' || oidvectortypes(p.proargtypes) || ')',
       (SELECT string_agg(r.name || CASE WHEN has_function_privilege(r.oid, p.oid, 'EXECUTE WITH GRANT OPTION') THEN '*' ELSE '' END, ' '
                          ORDER BY r.name COLLATE "C")
          FROM roles r WHERE has_function_privilege(r.oid, p.oid, 'EXECUTE'))
  FROM pg_proc p WHERE p.pronamespace = 'porcupine'::regnamespace
 ORDER BY p.proname COLLATE "C", 1;

-- Tables, views and sequences. Columns are always named, so that a new one is seen even where the whole table was granted.
WITH held AS (
  SELECT c.oid, c.relname, r.name, p.privilege, string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped, roles r,
         unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p (privilege)
   WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_column_privilege(r.oid, c.oid, a.attnum, p.privilege)
   GROUP BY 1, 2, 3, 4
  UNION ALL
  SELECT c.oid, c.relname, r.name, p.privilege, NULL
    FROM pg_class c, roles r, unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) p (privilege)
   WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(r.oid, c.oid, p.privilege)
  UNION ALL
  SELECT c.oid, c.relname, r.name, p.privilege, NULL
    FROM pg_class c, roles r, unnest(ARRAY['SELECT', 'UPDATE', 'USAGE']) p (privilege)
   WHERE c.relnamespace = 'porcupine'::regnamespace
     AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(r.oid, c.oid, p.privilege) ELSE false END)
SELECT c.relname, string_agg(h.name, ' ' ORDER BY h.name COLLATE "C"), h.privilege, h.columns
  FROM pg_class c LEFT JOIN held h ON h.oid = c.oid
 WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
 GROUP BY 1, 3, 4 ORDER BY c.relname COLLATE "C", 3, 2;

-- Types. To name one takes USAGE of the schema, too.
SELECT t.typname, (SELECT string_agg(r.name, ' ' ORDER BY r.name COLLATE "C") FROM roles r WHERE has_type_privilege(r.oid, t.oid, 'USAGE'))
  FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
 WHERE t.typnamespace = 'porcupine'::regnamespace AND (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') ORDER BY t.typname COLLATE "C";

-- Which rows: the policies, beside owner_all of every table.
SELECT polrelid::regclass, polname, polcmd, (SELECT string_agg(r::regrole::text, ' ') FROM unnest(polroles) r),
       pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
  FROM pg_policy WHERE polrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'porcupine'::regnamespace) AND polname <> 'owner_all'
 ORDER BY polrelid::regclass::text COLLATE "C", 2;

-- A view reads with the powers of its owner, unless it says otherwise.
SELECT c.relname, c.relowner::regrole, c.reloptions FROM pg_class c
 WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('v', 'm') ORDER BY c.relname COLLATE "C";

-- What is made in the schema later belongs to nobody else.
SELECT d.defaclrole::regrole, d.defaclobjtype, d.defaclacl FROM pg_default_acl d WHERE d.defaclnamespace IN (0, 'porcupine'::regnamespace);

\pset tuples_only off
\pset format aligned
DROP VIEW pg_temp.roles;
DROP ROLE nobody;
