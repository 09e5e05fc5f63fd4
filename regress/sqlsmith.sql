-- What the suite sqlsmith of scripts/test asks its queries of, on top of fuzz.sql and rls_property.sql, which make the data: a login of a
-- client, and a view over each table that somebody with an identity looks through.
SELECT setseed(0.5);
SELECT rls.populate(12, 12);

CREATE ROLE smith LOGIN IN ROLE porcupine_client;
-- A statement that does not end is none that crashes.
ALTER ROLE smith SET statement_timeout = '1s';
CREATE ROLE smith_backend IN ROLE porcupine_backend;
CREATE SCHEMA smith;
GRANT USAGE ON SCHEMA smith TO PUBLIC;
GRANT CREATE ON SCHEMA smith TO smith_backend;

-- Sometimes in the midst of a statement, the transaction acts for somebody, or for somebody else.
CREATE FUNCTION smith.me() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER AS $$ SELECT porcupine.act_as(1 + floor(random() * 12)::bigint) $$;
ALTER FUNCTION smith.me() OWNER TO smith_backend;

DO $$
DECLARE
  made record;
BEGIN
  FOR made IN SELECT c.relname, string_agg('t.' || quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
                FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND has_column_privilege('smith', c.oid, a.attnum, 'SELECT')
               GROUP BY 1 LOOP
    -- whoever looks is somebody before the first row is looked at
    EXECUTE format('CREATE VIEW smith.%1$I WITH (security_invoker) AS SELECT x.* FROM smith.me() i, LATERAL (SELECT %2$s FROM porcupine.%1$I t WHERE i IS NOT NULL OFFSET 0) x',
                   made.relname, made.columns);
    EXECUTE format('GRANT SELECT ON smith.%I TO smith', made.relname);
  END LOOP;
END
$$;

-- sqlsmith looks into pg_proc by its bare name for what to call: what this role may, and of PostgreSQL's own an eighth, or ours would
-- hardly be among what it tries.
CREATE SCHEMA smith_catalog;
GRANT USAGE ON SCHEMA smith_catalog TO smith;
CREATE VIEW smith_catalog.pg_proc AS
  SELECT p.* FROM pg_catalog.pg_proc p
   WHERE has_function_privilege('smith', p.oid, 'EXECUTE')
     AND (p.pronamespace IN ('porcupine'::regnamespace, 'smith'::regnamespace) OR p.pronamespace = 'pg_catalog'::regnamespace AND p.oid::bigint % 8 = 0);
GRANT SELECT ON smith_catalog.pg_proc TO smith;
ALTER ROLE smith SET search_path = smith_catalog, pg_catalog, public;

-- The helpers are no part of what is asked.
SET client_min_messages = warning;
DROP SCHEMA fuzz, rls CASCADE;
ANALYZE;
SET SESSION AUTHORIZATION smith;
SELECT (SELECT count(*) FROM smith.rooms) > 0 AS rooms_are_seen, (SELECT count(*) FROM porcupine.events) AS events;
