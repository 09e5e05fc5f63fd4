-- Invites: expiry and uses hold, a code is known to nobody but whoever has the link, and what is sealed is handed on as it is.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT pg_temp.people(3001, 3002, 3003, 3004, 3005);
SELECT pg_temp.room(3001, false, 3001, 3002);
SELECT pg_temp.room(3002, true, 3001, 3002);

-- create_invite
SELECT input, pg_temp.try(3001, format('SELECT i.id IS NOT NULL FROM porcupine.create_invite(3001, %s) i', input)) FROM (VALUES
  ('NULL'), ('''0'''), ('''-1 day'''), ('''59 seconds'''), ('''366 days'''), ('''178000000 years'''),
  ('''1 day'', 0'), ('''1 day'', -1'),
  ('''1 day'', code_hash => '''''), ('''1 day'', code_hash => decode(repeat(''00'', 31), ''hex'')'),
  ('''1 day'', code_hash => decode(repeat(''00'', 33), ''hex'')'),
  ('''1 day'', sealed => ''without a hash'''),
  ('''1 day'', code_hash => decode(repeat(''00'', 32), ''hex''), sealed => '''''),
  ('''1 day'', code_hash => decode(repeat(''00'', 32), ''hex''), sealed => decode(repeat(''00'', 8193), ''hex'')'),
  ('''1 day'', index => 0, entry => ''in a plain room''')) AS t (input);
SELECT pg_temp.try(3001, $$SELECT porcupine.create_invite(3002, index => 1, entry => 'wrong index')$$) AS wrong_index;
SELECT pg_temp.try(3001, $$SELECT porcupine.create_invite(3002, entry => 'no index')$$) AS no_index;
SELECT pg_temp.try(3001, $$SELECT porcupine.create_invite(3002, index => 0, entry => '')$$) AS empty_entry;
SELECT pg_temp.complain(3002, 'SELECT porcupine.create_invite(3001)') AS member;
SELECT count(*) AS nothing_left_behind FROM porcupine.invites WHERE room_id IN (3001, 3002);

-- One drawn by the server: its code is shown once and kept as a hash.
BEGIN;
SELECT porcupine.act_as(3001);
SELECT i.code, i.room_id, i.name, i.members, i.sealed, i.max_uses, i.expires_at - now() BETWEEN '59 minutes' AND '61 minutes' AS in_time
  FROM porcupine.create_invite(3001, '1 hour', 2) i \gset drawn_
COMMIT;
SELECT length(:'drawn_code'), :'drawn_room_id', :'drawn_max_uses', :'drawn_in_time';
SELECT code_hash = sha256(:'drawn_code'::bytea) AS hashed, uses, max_uses, created_by FROM porcupine.invites WHERE room_id = 3001;

-- One made by a client: the entry goes into the control log in the same transaction.
SELECT pg_temp.try(3001, $$SELECT i.code IS NULL AND i.id IS NOT NULL
  FROM porcupine.create_invite(3002, '1 hour', code_hash => sha256('client secret'), sealed => 'for joiners', index => 0, entry => 'signed invite') i$$) AS made;
SELECT pg_temp.complain(3001, $$SELECT porcupine.create_invite(3002, code_hash => sha256('client secret'), sealed => 'x', index => 1, entry => 'again')$$) AS same_secret;
SELECT seq, kind, sender_id, ref, body FROM pg_temp.log_of(3002);

-- read_invite: for whoever can name the hash.
SELECT pg_temp.try(3003, $$SELECT to_jsonb(i) - 'id' - 'expires_at' FROM porcupine.read_invite(sha256('client secret')) i$$) AS by_hash;
SELECT pg_temp.try(3002, $$SELECT i.name FROM porcupine.read_invite(sha256('client secret'), 3002) i$$) AS member;
SELECT pg_temp.try(3003, $$SELECT i.name FROM porcupine.read_invite(sha256('client secret'), 3002) i$$) AS stranger_by_room;
SELECT pg_temp.try(3002, $$SELECT i.name FROM porcupine.read_invite(sha256('client secret'), 3001) i$$) AS other_room;
SELECT input, pg_temp.try(3003, format('SELECT porcupine.read_invite(%s)', input)) FROM (VALUES
  ('NULL'), (''''''), ('sha256(''unknown'')'), ('decode(repeat(''00'', 1000000), ''hex'')')) AS t (input);
SELECT pg_temp.try(NULL, $$SELECT porcupine.read_invite(sha256('client secret'))$$) AS nobody;

-- Redeeming: a member uses nothing up, the last use is the last.
SELECT who, pg_temp.complain(who, format('SELECT r.role FROM porcupine.join_room(%L) r', :'drawn_code')) AS joined FROM (VALUES (3002), (3003), (3003), (3004), (3005), (3004)) AS t (who);
SELECT uses FROM porcupine.invites WHERE room_id = 3001;
SELECT pg_temp.try(3003, $$SELECT r.role FROM porcupine.join_room(' client secret ') r$$) AS waiting;
SELECT kind, body FROM pg_temp.log_of(3001) WHERE seq > 2;
SELECT body FROM pg_temp.log_of(3002) ORDER BY seq DESC LIMIT 1;

-- Expired: neither read nor redeemed, but a member is still told where they are.
UPDATE porcupine.invites SET expires_at = clock_timestamp() WHERE room_id = 3002;
SELECT pg_temp.complain(3004, $$SELECT porcupine.join_room('client secret')$$) AS expired;
SELECT pg_temp.complain(3004, $$SELECT porcupine.read_invite(sha256('client secret'))$$) AS expired;
SELECT pg_temp.try(3003, $$SELECT r.role FROM porcupine.join_room('client secret') r$$) AS member;

-- A full room does not use an invite up.
UPDATE porcupine.rooms SET max_members = 4 WHERE id = 3001;
UPDATE porcupine.invites SET max_uses = 3 WHERE room_id = 3001;
SELECT pg_temp.try(3005, format('SELECT porcupine.join_room(%L)', :'drawn_code')) AS room_full;
SELECT uses, max_uses FROM porcupine.invites WHERE room_id = 3001;

-- room_invites and revoke_invite: for admins; one that is over is not shown, and ends once.
SELECT last_value AS before FROM porcupine.invites_id_seq \gset
SELECT pg_temp.try(3001, $$SELECT i.id IS NOT NULL FROM porcupine.create_invite(3001, '1 hour', 2) i$$) AS made, pg_temp.try(3001, $$SELECT i.id IS NOT NULL FROM porcupine.create_invite(3001, '1 hour') i$$) AS made;
SELECT pg_temp.try(3001, format('SELECT string_agg(concat_ws('' '', i.id - %s, i.created_by, i.max_uses, i.uses), '', '' ORDER BY i.id) FROM porcupine.room_invites(3001) i WHERE i.id > %1$s', :before)) AS open_ones;
SELECT pg_temp.try(3001, format('SELECT porcupine.revoke_invite(3001, %s)', :before + 1)) AS revoked;
SELECT pg_temp.complain(3001, format('SELECT porcupine.revoke_invite(3001, %s)', :before + 1)) AS again;
SELECT pg_temp.complain(3001, format('SELECT porcupine.revoke_invite(3002, %s)', :before + 2)) AS of_another_room, pg_temp.try(3001, 'SELECT porcupine.revoke_invite(3001, NULL)') AS null_invite;
SELECT pg_temp.try(3001, format('SELECT string_agg((i.id - %s)::text, '', '') FROM porcupine.room_invites(3001) i WHERE i.id > %1$s', :before)) AS open_ones;
SELECT what, pg_temp.complain(3002, format(what, 3001)) AS member, pg_temp.try(3005, format(what, 3001)) AS stranger, pg_temp.try(3001, format(what, 3099)) AS no_room,
       pg_temp.try(3001, format(what, 'NULL')) AS null_room, pg_temp.try(NULL, format(what, 3001)) AS nobody
  FROM (VALUES ('SELECT porcupine.room_invites(%s)'), ('SELECT porcupine.revoke_invite(%s, 1)')) AS t (what);
SELECT actor_id, action, (detail ->> 'invite')::bigint - :before AS invite, detail -> 'max_uses' AS max_uses FROM porcupine.audit
 WHERE room_id = 3001 AND action LIKE 'invite.%' AND (detail ->> 'invite')::bigint > :before ORDER BY id;

-- Invites go with their room, not with who made them.
DELETE FROM porcupine.users WHERE id = 3001;
SELECT room_id, created_by FROM porcupine.invites WHERE room_id IN (3001, 3002) ORDER BY room_id;
DELETE FROM porcupine.rooms WHERE id IN (3001, 3002);
SELECT count(*) AS invites_left FROM porcupine.invites WHERE room_id IN (3001, 3002);
DELETE FROM porcupine.users WHERE id BETWEEN 3001 AND 3005;
