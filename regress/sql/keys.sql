-- The delivery service of the encryption: one order of the control log, one winner an epoch, a closed epoch takes no sends,
-- and removing, rekeying and letting in are one transaction.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(4001, 4002, 4003, 4004, 4005, 4006);
INSERT INTO porcupine.devices (id, user_id, name, keys) SELECT u, u, 'phone', 'keys' FROM generate_series(4001, 4004) u;
INSERT INTO porcupine.devices (id, user_id, name) VALUES (4005, 4005, 'without keys'), (4006, 4006, 'of a stranger');
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
SELECT d.id, d.user_id, d.id, now() + interval '1 hour', sha256(d.id::text::bytea) FROM porcupine.devices d WHERE d.id BETWEEN 4001 AND 4005;

-- A room that its creator's client made: entries and the bundles of epoch 0.
SELECT pg_temp.by_session(4001, $$SELECT porcupine.create_room('x', entries => '{e}', devices => '{4001,4001}', bundles => '{b,c}')$$) AS twice;
SELECT pg_temp.by_session(4001, $$SELECT porcupine.create_room('x', entries => '{e}', devices => '{4001}', bundles => ARRAY[''::bytea])$$) AS empty_bundle;
SELECT pg_temp.by_session(4001, $$SELECT porcupine.create_room('x', entries => '{e}', devices => '{4001}', bundles => ARRAY[decode(repeat('00', 2049), 'hex')])$$) AS too_large;
SELECT pg_temp.by_session(4001, $$SELECT porcupine.create_room('x', entries => '{e}', devices => '{4001}', bundles => '{NULL}')$$) AS null_bundle;
BEGIN;
SELECT porcupine.act_as_session(4001);
SELECT id AS room, code, log, epoch, epoch_open, head FROM porcupine.create_room('Sealed', entries => '{create,rotate}', devices => '{4001}', bundles => '{to-4001}') \gset
SELECT :log AS log, :epoch AS epoch, :'epoch_open' AS open, :head AS head;
SELECT epoch, index, sender_id, device_id, encode(bundle, 'escape') AS bundle FROM porcupine.my_epochs(:room);
SELECT index, seq, encode(entry, 'escape') AS entry, sender_id, device_id FROM porcupine.control_entries(:room);
COMMIT;

-- append_entry: the next index or nothing.
SELECT input, pg_temp.by_session(4001, format('SELECT porcupine.append_entry(%s, %s)', :room, input)) FROM (VALUES
  ('NULL, ''e'''), ('-1, ''e'''), ('0, ''e'''), ('1, ''e'''), ('3, ''e'''), ('2147483647, ''e'''),
  ('2, NULL'), ('2, '''''), ('2, decode(repeat(''00'', 8193), ''hex'')'), ('2, ''third'''), ('2, ''third''')) AS t (input);
SELECT pg_temp.complain(4001, format($$SELECT porcupine.append_entry(%s, 0, 'late')$$, :room)) AS late;

-- Three join and wait; one of them signs so in the log.
SELECT u, pg_temp.by_session(u, format('SELECT r.role FROM porcupine.join_room(%L) r', :'code')) FROM generate_series(4002, 4005) u;
SELECT pg_temp.by_session(4002, format('SELECT porcupine.append_entry(%s, 3, ''join'')', :room)) AS waiting_one_signs;
SELECT pg_temp.by_session(4002, format('SELECT count(*) FROM porcupine.control_entries(%s, 1)', :room)) AS reads_the_log;
SELECT pg_temp.by_session(4002, format('SELECT count(*) FROM porcupine.my_epochs(%s)', :room)) AS but_no_bundles;

-- commit_epoch: what it refuses.
SELECT input, pg_temp.by_session(4001, format('SELECT porcupine.commit_epoch(%s, %s)', :room, input)) FROM (VALUES
  ('NULL, 4, ''{r}'', ''{4001}'', ''{b}'''),
  ('0, 4, ''{r}'', ''{4001}'', ''{b}'''),
  ('2, 4, ''{r}'', ''{4001}'', ''{b}'''),
  ('1, NULL, ''{r}'', ''{4001}'', ''{b}'''),
  ('1, 3, ''{r}'', ''{4001}'', ''{b}'''),
  ('1, 4, NULL, ''{4001}'', ''{b}'''),
  ('1, 4, ''{}'', ''{4001}'', ''{b}'''),
  ('1, 4, ''{NULL}'', ''{4001}'', ''{b}'''),
  ('1, 4, ''{r}'', NULL, ''{b}'''),
  ('1, 4, ''{r}'', ''{4001}'', NULL'),
  ('1, 4, ''{r}'', ''{4001}'', ''{}'''),
  ('1, 4, ''{r}'', ''{4001,4001}'', ''{b,b}'''),
  ('1, 4, ''{r}'', ''{NULL}'', ''{b}'''),
  ('1, 4, ''{r}'', ''{4001}'', ''{b}'', ''{4001}'''),
  ('1, 4, ''{r}'', ''{4001}'', ''{b}'', ''{-1}'''),
  ('1, 4, ''{r}'', ''{4001}'', ''{b}'', ''{NULL}'''),
  ('1, 4, ''{r}'', array_fill(1::bigint, ARRAY[1001]), array_fill(''b''::bytea, ARRAY[1001])'),
  ('1, 4, ''{r}'', (SELECT array_agg(i) FROM generate_series(1::bigint, 1001) i), array_fill(''b''::bytea, ARRAY[1001])')) AS t (input);
SELECT last_seq, epoch, log_length, epoch_open FROM porcupine.room_heads WHERE room_id = :room;

-- One commit lets in 4002 and 4003, who have a bundle; 4004 and 4005 go on waiting. A device that somebody made up is left out.
-- The second to try has lost.
SELECT pg_temp.by_session(4001, format($$SELECT e FROM porcupine.commit_epoch(%s, 1, 4, '{add,rotate}', '{4001,4002,4003,-1}', '{a1,a2,a3,a4}') e$$, :room)) AS committed;
SELECT pg_temp.by_session(4001, format($$SELECT e FROM porcupine.commit_epoch(%s, 1, 4, '{add,rotate}', '{4001,4002,4003}', '{a1,a2,a3}') e$$, :room)) AS late;
SELECT user_id, role FROM porcupine.members WHERE room_id = :room ORDER BY user_id;
SELECT pg_temp.by_session(4002, format('SELECT string_agg(epoch || '':'' || encode(bundle, ''escape''), '' '' ORDER BY epoch) FROM porcupine.my_epochs(%s)', :room)) AS bundles_of_the_new;
SELECT pg_temp.by_session(4001, format('SELECT string_agg(epoch || '':'' || encode(bundle, ''escape''), '' '' ORDER BY epoch) FROM porcupine.my_epochs(%s)', :room)) AS bundles_of_the_old;
SELECT pg_temp.by_session(4001, format('SELECT string_agg(epoch || '':'' || encode(bundle, ''escape''), '' '' ORDER BY epoch) FROM porcupine.my_epochs(%s, 0)', :room)) AS after_0;
SELECT pg_temp.try(4001, format('SELECT count(*) FROM porcupine.my_epochs(%s)', :room)) AS another_device_of_the_same_user;

-- Sends name the current epoch.
SELECT epoch, pg_temp.by_session(4002, format('SELECT seq FROM porcupine.send(%s, gen_random_uuid(), ''x'', %s)', :room, coalesce(epoch::text, 'NULL')))
  FROM (VALUES (0), (2), (-1), (NULL), (1)) AS t (epoch);

-- A departure closes the epoch; nothing is sent until the next; a repeat of what was stored is still answered.
SELECT pg_temp.by_session(4002, format($$SELECT seq FROM porcupine.send(%s, '00000000-0000-4000-8000-000000004002', 'stored', 1)$$, :room)) AS stored;
SELECT pg_temp.by_session(4001, format('SELECT porcupine.remove_member(%s, 4003)', :room)) AS removed;
SELECT pg_temp.by_session(4002, format('SELECT seq FROM porcupine.send(%s, gen_random_uuid(), ''x'', 1)', :room)) AS closed;
SELECT pg_temp.by_session(4002, format($$SELECT seq FROM porcupine.send(%s, '00000000-0000-4000-8000-000000004002', 'stored', 1)$$, :room)) AS repeated;
SELECT pg_temp.by_session(4002, format('SELECT c.epoch_open FROM porcupine.cursor_state(%s) c', :room)) AS open;
SELECT pg_temp.by_session(4003, format('SELECT porcupine.my_epochs(%s)', :room)) AS removed_one_reads;
SELECT pg_temp.by_session(4002, format($$SELECT e FROM porcupine.commit_epoch(%s, 2, 6, '{rotate}', '{4001,4002}', '{b1,b2}', '{4001}') e$$, :room)) AS member_removes_owner;
-- Who committed this did not know yet of the removal, and somebody's list names a stranger's device: neither gets a bundle.
SELECT pg_temp.by_session(4002, format($$SELECT e FROM porcupine.commit_epoch(%s, 2, 6, '{rotate}', '{4001,4002,4003,4006}', '{b1,b2,b3,b6}') e$$, :room)) AS reopened;
SELECT pg_temp.by_session(4002, format('SELECT seq > 0 FROM porcupine.send(%s, gen_random_uuid(), ''x'', 2)', :room)) AS sends_again;

-- One who waits never had a key: whether they leave or are removed, the epoch stays open.
SELECT pg_temp.by_session(4005, format('SELECT porcupine.leave_room(%s)', :room)) AS waiting_one_leaves;
SELECT pg_temp.by_session(4001, format('SELECT porcupine.remove_member(%s, 4004)', :room)) AS waiting_one_is_removed;
SELECT pg_temp.by_session(4002, format('SELECT seq > 0 FROM porcupine.send(%s, gen_random_uuid(), ''x'', 2)', :room)) AS still_open;

-- Removing with the bundles at hand: one transaction, nobody is ever shut out of sending.
SELECT pg_temp.by_session(4001, format($$SELECT e FROM porcupine.commit_epoch(%s, 3, 7, '{remove,rotate}', '{4001,4002}', '{c1,c2}', '{4002}') e$$, :room)) AS removed_and_rekeyed;
SELECT pg_temp.by_session(4002, format('SELECT porcupine.send(%s, gen_random_uuid(), ''x'', 3)', :room)) AS removed_one_sends;
-- A device that was revoked gets no bundle, and its user is not let in by it.
SELECT code FROM porcupine.rooms WHERE id = :room \gset
SELECT pg_temp.by_session(4004, format('SELECT r.role FROM porcupine.join_room(%L) r', :'code')) AS waits_again;
-- Waiting, one may add one entry, to join; more would keep the members from committing theirs.
SELECT pg_temp.by_session(4004, format('SELECT porcupine.append_entry(%s, 9, ''join'') > 0', :room)) AS joins;
SELECT pg_temp.by_session(4004, format('SELECT porcupine.append_entry(%s, 10, ''noise'')', :room)) AS no_more;
UPDATE porcupine.devices SET revoked_at = now() WHERE id = 4004;
SELECT pg_temp.by_session(4001, format($$SELECT e FROM porcupine.commit_epoch(%s, 4, 10, '{rotate}', '{4001,4004}', '{d1,d4}') e$$, :room)) AS revoked_device;
SELECT pg_temp.try(4004, format('SELECT r.role FROM porcupine.my_room(%s) r', :room)) AS still_waiting;

-- Two were let in at once, in no order of their own.
SELECT seq, kind, sender_id, epoch, ref, CASE kind WHEN 'member.role' THEN regexp_replace(body, '400[23]', '4002 or 4003') ELSE body END AS body
  FROM pg_temp.log_of(:room);
SELECT last_seq, epoch, log_length, epoch_open, (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id) AS events FROM porcupine.room_heads h WHERE room_id = :room;
SELECT p.epoch, p.index, p.device_id,
       (SELECT string_agg(b.device_id::text, ' ' ORDER BY b.device_id) FROM porcupine.key_bundles b WHERE (b.room_id, b.epoch) = (p.room_id, p.epoch)) AS bundles
  FROM porcupine.epochs p WHERE room_id = :room ORDER BY 1;

-- A committer whose account is gone leaves the epochs readable.
DELETE FROM porcupine.users WHERE id = 4002;
SELECT pg_temp.by_session(4001, format('SELECT string_agg(epoch || '' by '' || sender_id, '' '' ORDER BY epoch) FROM porcupine.my_epochs(%s)', :room)) AS epochs;

-- A plain room has none of this.
SELECT pg_temp.room(4002, false, 4001);
SELECT pg_temp.complain(4001, $$SELECT porcupine.append_entry(4002, 0, 'e')$$) AS plain;
SELECT pg_temp.complain(4001, $$SELECT porcupine.commit_epoch(4002, 1, 0, '{e}', '{}', '{}')$$) AS plain;
SELECT pg_temp.try(4001, 'SELECT count(*) FROM porcupine.control_entries(4002)') AS plain;
SELECT pg_temp.try(4001, 'SELECT count(*) FROM porcupine.my_epochs(4002)') AS plain;

DELETE FROM porcupine.rooms WHERE id IN (:room, 4002);
SELECT count(*) AS bundles_left FROM porcupine.key_bundles WHERE room_id = :room;
DELETE FROM porcupine.users WHERE id BETWEEN 4001 AND 4006;
