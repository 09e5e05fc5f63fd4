-- What pg_dump carries: every table and sequence, but for signing_keys, whose loss only ends access tokens early,
-- maintenance, which counts what was done to this database, requests, which
-- nobody repeats elsewhere, and sign_ins and identity_offers, which live for minutes.
-- The script inserts no rows, so nothing needs to be left out.

DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.oid::pg_catalog.regclass AS name FROM pg_catalog.pg_class c
            WHERE c.relnamespace = 'porcupine'::pg_catalog.regnamespace AND c.relkind IN ('r', 'S') AND c.relname NOT IN ('signing_keys', 'maintenance', 'requests', 'sign_ins', 'identity_offers')
            ORDER BY c.oid LOOP
    PERFORM pg_catalog.pg_extension_config_dump(t.name, '');
  END LOOP;
END
$$;
