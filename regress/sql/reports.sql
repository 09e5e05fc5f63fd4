-- Reports: who reads a message may show it to administrators, who work off a queue; and the quotas, of reports and of all else.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
ALTER SEQUENCE porcupine.reports_id_seq RESTART 6701;
SELECT pg_temp.people(6701, 6702, 6703);
SELECT pg_temp.room(6701, false, 6701, 6702);
INSERT INTO porcupine.members (room_id, user_id, role) VALUES (6701, 6703, 'pending');
SELECT pg_temp.try(6701, format('SELECT (porcupine.send(6701, gen_random_uuid(), ''word %s'')).seq', i)) FROM generate_series(1, 5) i;

-- report
SELECT input, pg_temp.complain(6702, format('SELECT porcupine.report(%s)', input)) FROM (VALUES
  ('NULL, 4, ''r'''), ('-1, 4, ''r'''), ('6701, NULL, ''r'''), ('6701, 0, ''r'''), ('6701, 99, ''r'''), ('6701, 1, ''r'''),
  ('6701, 4, NULL'), ('6701, 4, ''  '''), ('6701, 4, repeat(''r'', 1001)'), ('6701, 4, ''r'', '''''), ('6701, 4, ''r'', decode(repeat(''00'', 65537), ''hex'')')) AS t (input);
SELECT who, pg_temp.complain(who, 'SELECT porcupine.report(6701, 4, ''r'')') FROM (VALUES (6703), (NULL)) AS t (who);
SELECT pg_temp.try(6702, 'SELECT porcupine.report(6701, 4, '' threats '', ''I will find you'')') AS first \gset
SELECT pg_temp.try(6702, 'SELECT porcupine.report(6701, 4, ''again'')') = :'first' AS the_same;
SELECT pg_temp.try(6702, 'SELECT porcupine.report(6701, 5, repeat(''ü'', 1000), decode(repeat(''00'', 65536), ''hex'')) > 0') AS largest;
SELECT pg_temp.try(6701, 'SELECT porcupine.report(6701, 4, ''it was me'') > 0') AS another_reporter;
-- What retention has taken away, nobody reads, and nobody reports.
UPDATE porcupine.room_heads SET first_seq = 5 WHERE room_id = 6701;
SELECT pg_temp.try(6702, 'SELECT porcupine.report(6701, 4, ''r'')') AS below_what_is_kept;
UPDATE porcupine.room_heads SET first_seq = 1 WHERE room_id = 6701;

-- The queue, oldest first.
SELECT room_id, seq, sender_name, reporter_name, left(reason, 10) AS reason, left(encode(evidence, 'escape'), 20) AS evidence FROM porcupine.open_reports();
SELECT seq, reporter_name FROM porcupine.open_reports(max => 1);
SELECT count(*) FROM porcupine.open_reports(:first, 2000000);
SELECT count(*) FROM porcupine.open_reports(NULL, NULL) r WHERE r.room_id = 6701;

-- resolve_report
SELECT input, pg_temp.complain(NULL, format('SELECT porcupine.resolve_report(%s)', input)) FROM (VALUES
  ('NULL, ''upheld'''), ('-1, ''upheld'''), (:'first' || ', NULL'), (:'first' || ', ''perhaps'''), (:'first' || ', ''upheld'', repeat(''n'', 1001)')) AS t (input);
SELECT porcupine.resolve_report(:first, 'upheld', 'warned');
SELECT porcupine.resolve_report(:first, 'upheld', 'warned twice');
SELECT pg_temp.complain(NULL, format('SELECT porcupine.resolve_report(%s, ''dismissed'')', :first));
SELECT reason, outcome, note, resolved_at >= reported_at AS resolved FROM porcupine.reports WHERE id = :first;
SELECT action, subject_id, detail - 'report' AS detail FROM porcupine.audit_log(room => 6701) WHERE action LIKE 'report%';
SELECT seq, reporter_name FROM porcupine.open_reports();
SELECT pg_temp.try(6702, 'SELECT porcupine.report(6701, 4, ''once more'')') <> :'first' AS a_new_one;

-- It outlives the room, and who made it.
DELETE FROM porcupine.rooms WHERE id = 6701;
DELETE FROM porcupine.users WHERE id = 6702;
SELECT room_id, seq, sender_name, reporter_name, left(reason, 10) AS reason FROM porcupine.open_reports();

-- Quotas.
SELECT pg_temp.people(6702);
SELECT pg_temp.room(6702, false, 6701, 6702);
SELECT pg_temp.try(6701, format('SELECT (porcupine.send(6702, gen_random_uuid(), ''word %s'')).seq', i)) FROM generate_series(1, 3) i;
SET porcupine.max_reports = 2;
SELECT seq, pg_temp.complain(6702, format('SELECT porcupine.report(6702, %s, ''r'') > 0', seq)) FROM generate_series(3, 5) seq;
SELECT pg_temp.try(6702, 'SELECT porcupine.report(6702, 3, ''r'') > 0') AS an_open_one_again;
SELECT porcupine.resolve_report(r.id, 'dismissed') FROM porcupine.open_reports() r WHERE r.room_id = 6702 AND r.seq = 3;
SELECT pg_temp.try(6702, 'SELECT porcupine.report(6702, 5, ''r'') > 0') AS there_is_a_place;
RESET porcupine.max_reports;
SET porcupine.max_invites = 1;
SELECT pg_temp.try(6701, 'SELECT (porcupine.create_invite(6702, max_uses => 1)).max_uses') AS first_invite;
SELECT pg_temp.complain(6701, 'SELECT porcupine.create_invite(6702)') AS second;
UPDATE porcupine.invites SET uses = 1 WHERE room_id = 6702;
SELECT pg_temp.try(6701, 'SELECT (porcupine.create_invite(6702)).max_uses') AS one_is_used_up;
RESET porcupine.max_invites;
SET porcupine.max_sessions = 2;
SET porcupine.max_devices = 1;
SELECT device_id AS device FROM porcupine.open_session(6702, NULL, 'first', NULL) \gset
SELECT pg_temp.complain(NULL, 'SELECT porcupine.open_session(6702, NULL, ''second'', NULL)') AS a_second_device;
SELECT session_id IS NOT NULL AS a_second_session FROM porcupine.open_session(6702, :device, NULL, NULL);
SELECT pg_temp.complain(NULL, format('SELECT porcupine.open_session(6702, %s, NULL, NULL)', :device)) AS a_third;
SELECT porcupine.log_out_everywhere(6702);
SELECT session_id IS NOT NULL AS there_is_a_place FROM porcupine.open_session(6702, :device, NULL, NULL);
RESET porcupine.max_sessions;
RESET porcupine.max_devices;

-- Who may.
\set VERBOSITY sqlstate
SET ROLE porcupine_backend;
SELECT porcupine.open_reports();
SELECT porcupine.resolve_report(1, 'upheld');
SELECT count(*) FROM porcupine.reports;
RESET ROLE;
SET ROLE porcupine_admin;
SELECT count(*) > 0 AS may FROM porcupine.open_reports();
RESET ROLE;

DELETE FROM porcupine.reports;
DELETE FROM porcupine.rooms WHERE id = 6702;
DELETE FROM porcupine.users WHERE id BETWEEN 6701 AND 6703;
