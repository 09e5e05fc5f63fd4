-- The bare table of the limit: the columns and keys of porcupine.events, and nothing that decides.

CREATE TABLE bench_raw (LIKE porcupine.events, PRIMARY KEY (room_id, seq));
CREATE UNIQUE INDEX ON bench_raw (room_id, device_id, client_id) WHERE client_id IS NOT NULL;
ALTER TABLE bench_raw ALTER COLUMN body SET STORAGE EXTERNAL;
