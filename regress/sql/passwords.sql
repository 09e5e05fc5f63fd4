-- Password hashes: Argon2id with the agreed costs; every wrong input is false. That an unknown user waits for a hash like a known
-- one is shown by t/007, without a clock.
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

-- A slot is given back with the hash, not with the transaction.
SET porcupine.password_concurrency = 1;
BEGIN;
SELECT porcupine.verify_password(:'hash', 'correct horse');
SELECT count(*) AS slots_held FROM pg_locks WHERE locktype = 'advisory' AND objsubid > 2 AND pid = pg_backend_pid();
SELECT porcupine.verify_password(:'hash', 'correct horse');
COMMIT;
