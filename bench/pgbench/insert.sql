-- The limit of a send: the same row into a bare table with the same keys, one a transaction.
\set room random(1, 1000)
\set seq random(1, 9000000000000000000)
INSERT INTO bench_raw VALUES (:room, :seq, clock_timestamp(), 1, 1, gen_random_uuid(), 0, 'message', NULL, decode(repeat('ab', 300), 'hex'));
