-- The settings porcupine.*: each with its unit and bounds, a name that is none is refused once the library is loaded, and nobody
-- but a superuser changes one.
LOAD 'porcupine';
SELECT name, boot_val, unit, context, vartype, min_val, max_val FROM pg_settings WHERE name LIKE 'porcupine.%' ORDER BY name COLLATE "C";
SELECT name AS without_words FROM pg_settings WHERE name LIKE 'porcupine.%' AND short_desc !~ '^[A-Z].*\.$';

-- Each number at its bounds, and a step beyond.
CREATE FUNCTION pg_temp.set_to(name text, value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config(name, value, true);
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;
SELECT s.name, pg_temp.set_to(s.name, s.min_val) AS lowest, pg_temp.set_to(s.name, s.max_val) AS highest,
       pg_temp.set_to(s.name, (s.min_val::bigint - 1)::text) AS below, pg_temp.set_to(s.name, (s.max_val::bigint + 1)::text) AS above
  FROM pg_settings s WHERE s.name LIKE 'porcupine.%' AND s.vartype = 'integer' AND s.context = 'superuser' ORDER BY s.name COLLATE "C";
SELECT pg_temp.set_to('porcupine.issuer', ''), pg_temp.set_to('porcupine.issuer', 'a"b'), pg_temp.set_to('porcupine.issuer', repeat('i', 201)),
       pg_temp.set_to('porcupine.issuer', 'chat.example.org');

-- A name that is none.
\set VERBOSITY terse
SET porcupine.nonsense = 'x';
SET porcupine.access_lifetimes = '10min';
ALTER DATABASE :DBNAME SET porcupine.nonsense = 'x';
SET porcupine.access_lifetime = 'soon';
SET porcupine.access_lifetime = '2 parsecs';

-- Who may.
SET ROLE porcupine_admin;
SET porcupine.access_lifetime = '1h';
RESET ROLE;
SET ROLE porcupine_backend;
SET porcupine.doorbell_worker = off;
RESET ROLE;

-- As functions read them, in the setting's own unit.
SET porcupine.access_lifetime = '5min';
SELECT porcupine.setting('access_lifetime'), porcupine.setting('nonsense') IS NULL;
SELECT porcupine.setting('access_lifetime');
SELECT porcupine.setting('issuer');
RESET porcupine.access_lifetime;
