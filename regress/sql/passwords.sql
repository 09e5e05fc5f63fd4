-- Password hashes: Argon2id with the agreed costs; every wrong input is false at the cost of a right one.
\set VERBOSITY sqlstate

SELECT porcupine.hash_password('correct horse') AS hash \gset
SELECT :'hash' ~ '^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$' AS shape;
SELECT porcupine.hash_password('correct horse') <> :'hash' AS salted;
SELECT porcupine.verify_password(:'hash', 'correct horse') AS right, porcupine.verify_password(:'hash', 'correct horsf') AS wrong,
       porcupine.verify_password(:'hash', '') AS empty, porcupine.verify_password(:'hash', 'correct horse ') AS longer,
       porcupine.verify_password(:'hash', 'Correct horse') AS upper;
SELECT porcupine.verify_password(NULL, 'correct horse') AS no_hash, porcupine.verify_password(:'hash', NULL) AS no_password,
       porcupine.verify_password(NULL, NULL) AS neither;
SELECT porcupine.hash_password(NULL) IS NULL AS nothing_of_null;

-- Any characters, any length up to 4096 bytes; what is longer is refused, packed or not.
SELECT porcupine.verify_password(porcupine.hash_password(p), p), length(p) FROM (VALUES (''), ('ü'), ('🦔 päss wörd'), (repeat('x', 4096))) AS t (p);
SELECT porcupine.hash_password(repeat('x', 4097));
SELECT porcupine.verify_password(:'hash', repeat('x', 4097));
SELECT porcupine.hash_password(repeat('x', 100000000));
CREATE TEMP TABLE packed (p text);
INSERT INTO packed VALUES (repeat('x', 4096)), (repeat('x', 10000000));
SELECT porcupine.verify_password(porcupine.hash_password(p), p) FROM packed WHERE length(p) = 4096;
SELECT porcupine.hash_password(p) FROM packed WHERE length(p) > 4096;

-- Hashes that are none.
SELECT hash, porcupine.verify_password(hash, 'password') FROM (VALUES
  (''), ('x'), ('password'), ('$'), ('$argon2id$'), ('$argon2id$v=19$m=19456,t=2,p=1$'), ('$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA'),
  ('$argon2id$v=19$m=0,t=0,p=0$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'),
  ('$argon2id$v=19$m=99999999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'),
  ('$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'), ('$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA')) AS t (hash);
SELECT porcupine.verify_password(left(:'hash', -1), 'correct horse') AS shortened, porcupine.verify_password(:'hash' || 'A', 'correct horse') AS lengthened,
       porcupine.verify_password(' ' || :'hash', 'correct horse') AS padded, porcupine.verify_password(repeat(:'hash', 10000), 'correct horse') AS repeated;

-- An unknown user costs what a known one does: the least of five of each, in milliseconds, is not half of the other.
CREATE FUNCTION pg_temp.cost(hash text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz;
  least_of_all double precision := 'infinity';
BEGIN
  FOR i IN 1..5 LOOP
    started := clock_timestamp();
    PERFORM porcupine.verify_password(hash, 'correct horsf');
    least_of_all := least(least_of_all, 1000 * extract(epoch FROM clock_timestamp() - started));
  END LOOP;
  RETURN least_of_all;
END
$$;
SELECT costs.known > 1 AS costly, costs.unknown BETWEEN costs.known / 2 AND costs.known * 2 AS unknown_alike,
       costs.malformed BETWEEN costs.known / 2 AND costs.known * 2 AS malformed_alike
  FROM (SELECT pg_temp.cost(:'hash') AS known, pg_temp.cost(NULL) AS unknown, pg_temp.cost('no hash') AS malformed) costs;

-- A slot is given back with the hash, not with the transaction.
SET porcupine.password_concurrency = 1;
BEGIN;
SELECT porcupine.verify_password(:'hash', 'correct horse');
SELECT count(*) AS slots_held FROM pg_locks WHERE locktype = 'advisory' AND objsubid > 2 AND pid = pg_backend_pid();
SELECT porcupine.verify_password(:'hash', 'correct horse');
COMMIT;
