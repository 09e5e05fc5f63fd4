-- The limit of a batch: fifty such rows in one statement and one transaction.
\set room random(1, 1000)
\set seq random(1, 9000000000000000000)
INSERT INTO bench_raw SELECT :room + g, :seq, clock_timestamp(), 1, 1, gen_random_uuid(), 0, 'message', NULL, decode(repeat('ab', 300), 'hex') FROM generate_series(1, 50) g;
