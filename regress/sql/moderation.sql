-- Keeping the peace: a ban keeps out whoever it names, by any way in, until it is over or lifted; a mute silences a member, and
-- leaving does not shake it off. Both only against somebody of a lower role.
\getenv here PG_ABS_SRCDIR
\set helpers :here '/helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- A time to come, and how the log has it.
SELECT date_trunc('day', now() + interval '1 year') AS later, to_char(date_trunc('day', now() + interval '1 year') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS later_utc \gset
-- By their number: 1 owner, 2 admin, 3 and 4 moderators, 5 and 6 members, 7 and 8 strangers.
SELECT pg_temp.people(4301, 4302, 4303, 4304, 4305, 4306, 4307, 4308);
SELECT pg_temp.room(4301, false, 4301, 4302, 4303, 4304, 4305, 4306);
SELECT pg_temp.room(4302, true, 4301, 4305);
UPDATE porcupine.members SET role = 'admin' WHERE room_id = 4301 AND user_id = 4302;
UPDATE porcupine.members SET role = 'moderator' WHERE room_id = 4301 AND user_id IN (4303, 4304);
SELECT last_seq AS before FROM porcupine.room_heads WHERE room_id = 4301 \gset

-- ban_user: a member goes at once.
SELECT pg_temp.complain(4303, $$SELECT porcupine.ban_user(4301, 4305, 'advertising', '2099-01-01 12:00+00')$$) AS member;
SELECT pg_temp.complain(4303, $$SELECT porcupine.ban_user(4301, 4307)$$) AS stranger;
SELECT pg_temp.try(4305, 'SELECT porcupine.history(4301)') AS reads;
SELECT seq - :before AS seq, kind, body FROM pg_temp.log_of(4301) WHERE seq > :before;
SELECT actor_id, subject_id, action, detail FROM porcupine.audit WHERE room_id = 4301 AND (action LIKE '%ban%' OR action = 'member.removed') ORDER BY id;

-- No way in: by code, by invite, or by looking at one.
SELECT code FROM porcupine.rooms WHERE id = 4301 \gset
BEGIN;
SELECT porcupine.act_as(4302);
SELECT code AS invite FROM porcupine.create_invite(4301, '1 hour', 5) \gset
COMMIT;
SELECT who, way, pg_temp.complain(who, statement) FROM (VALUES
  (4305, 'code', format('SELECT porcupine.join_room(%L)', :'code')),
  (4307, 'code', format('SELECT porcupine.join_room(%L)', :'code')),
  (4305, 'invite', format('SELECT porcupine.join_room(%L)', :'invite')),
  (4305, 'a look at the invite', format('SELECT porcupine.read_invite(sha256(%L))', :'invite'))) t (who, way, statement);
SELECT uses FROM porcupine.invites WHERE room_id = 4301 AND expires_at > clock_timestamp();

-- room_bans: what moderators see.
SELECT pg_temp.try(4304, $$SELECT jsonb_agg(to_jsonb(b) - 'banned_at' ORDER BY b.user_id) FROM porcupine.room_bans(4301) b$$) AS moderator;

-- Banning again replaces; a ban that is over does not count.
SELECT pg_temp.try(4304, $$SELECT porcupine.ban_user(4301, 4305)$$) AS again;
SELECT user_id, until, reason, banned_by FROM porcupine.bans WHERE room_id = 4301 ORDER BY user_id;
UPDATE porcupine.bans SET until = clock_timestamp() WHERE room_id = 4301 AND user_id = 4307;
SELECT pg_temp.try(4304, 'SELECT count(*) FROM porcupine.room_bans(4301)') AS in_force;
SELECT pg_temp.try(4307, format('SELECT r.role FROM porcupine.join_room(%L) r', :'code')) AS after_its_end;
SELECT pg_temp.try(4304, 'SELECT porcupine.unban_user(4301, 4305)') AS lifted;
SELECT pg_temp.complain(4304, 'SELECT porcupine.unban_user(4301, 4305)') AS again;
SELECT pg_temp.try(4305, format('SELECT r.role FROM porcupine.join_room(%L) r', :'invite')) AS by_the_invite;

-- Refusals.
SELECT who, call, pg_temp.complain(who, 'SELECT porcupine.' || call) FROM (VALUES
  (4303, 'ban_user(4301, 4304)'), (4303, 'ban_user(4301, 4302)'), (4303, 'ban_user(4301, 4301)'), (4303, 'ban_user(4301, 4303)'),
  (4303, 'ban_user(4301, 4399)'), (4303, 'ban_user(4301, NULL)'),
  (4303, 'ban_user(4301, 4306, repeat(''r'', 501))'), (4303, 'ban_user(4301, 4306, until => now() - interval ''1 second'')'),
  (4303, 'ban_user(4301, 4306, until => ''infinity'')'), (4303, 'ban_user(4301, 4306, until => ''-infinity'')'),
  (4303, 'unban_user(4301, 4306)'), (4303, 'unban_user(4301, NULL)'),
  (4303, 'mute_member(4301, 4304, now() + interval ''1 hour'')'), (4303, 'mute_member(4301, 4301, now() + interval ''1 hour'')'),
  (4303, 'mute_member(4301, 4303, now() + interval ''1 hour'')'), (4303, 'mute_member(4301, 4308, now() + interval ''1 hour'')'),
  (4303, 'mute_member(4301, NULL, now() + interval ''1 hour'')'),
  (4303, 'mute_member(4301, 4306, NULL)'), (4303, 'mute_member(4301, 4306, now())'), (4303, 'mute_member(4301, 4306, ''infinity'')'),
  (4303, 'mute_member(4301, 4306, ''-infinity'')'), (4303, 'mute_member(4301, 4306, now() + interval ''11 years'')'),
  (4303, 'unmute_member(4301, 4304)'), (4303, 'unmute_member(4301, 4308)'), (4303, 'unmute_member(4301, NULL)')) t (who, call);
SELECT what, pg_temp.complain(4306, format(what, 4301)) AS member, pg_temp.try(4308, format(what, 4301)) AS stranger,
       pg_temp.try(4301, format(what, 4399)) AS no_room, pg_temp.try(4301, format(what, 'NULL')) AS null_room, pg_temp.try(NULL, format(what, 4301)) AS nobody
  FROM (VALUES
  ('SELECT porcupine.ban_user(%s, 4305)'),
  ('SELECT porcupine.unban_user(%s, 4305)'),
  ('SELECT porcupine.room_bans(%s)'),
  ('SELECT porcupine.mute_member(%s, 4305, now() + interval ''1 hour'')'),
  ('SELECT porcupine.unmute_member(%s, 4305)')) AS t (what);

-- A mute: an event, and sends are refused; reading goes on.
SELECT last_seq AS before FROM porcupine.room_heads WHERE room_id = 4301 \gset
SELECT pg_temp.try(4303, format('SELECT porcupine.mute_member(4301, 4306, %L)', :'later')) AS muted;
SELECT pg_temp.try(4306, $$SELECT porcupine.send(4301, gen_random_uuid(), 'x')$$) AS sends;
SELECT pg_temp.try(4306, format('SELECT r.muted_until = %L FROM porcupine.my_room(4301) r', :'later')) AS sees_it;
SELECT pg_temp.try(4306, 'SELECT count(*) > 0 FROM porcupine.history(4301)') AS reads;
SELECT pg_temp.try(4303, format('SELECT porcupine.mute_member(4301, 4306, %L::timestamptz + interval ''1 hour'')', :'later')) AS longer;
SELECT pg_temp.try(4304, 'SELECT porcupine.unmute_member(4301, 4306)') AS unmuted;
SELECT pg_temp.try(4304, 'SELECT porcupine.unmute_member(4301, 4306)') AS again;
SELECT pg_temp.try(4306, $$SELECT seq > 0 FROM porcupine.send(4301, gen_random_uuid(), 'x')$$) AS sends;
SELECT seq - :before AS seq, e.kind, d ->> 'user' AS "user", d ->> 'by' AS by, d ->> 'until' = :'later_utc' AS later, (d ->> 'until')::timestamptz - :'later' AS after
  FROM porcupine.read_events(4301, :before) e, LATERAL (SELECT convert_from(e.body, 'UTF8')::jsonb) t (d) WHERE kind <> 'message';
SELECT actor_id, subject_id, action, (detail ->> 'until')::timestamptz - :'later' AS after FROM porcupine.audit WHERE room_id = 4301 AND action = 'member.muted' ORDER BY id;

-- Leaving and coming back, or being removed, does not end it; its end does, and so does unmute_member() in between.
SELECT pg_temp.try(4303, format('SELECT porcupine.mute_member(4301, 4306, %L)', :'later')) AS muted;
SELECT pg_temp.try(4306, 'SELECT porcupine.leave_room(4301)') AS leaves;
SELECT pg_temp.try(4306, format('SELECT r.muted_until = %L FROM porcupine.join_room(%L) r', :'later', :'code')) AS still_muted;
SELECT count(*) AS kept FROM porcupine.mutes WHERE room_id = 4301;
SELECT pg_temp.try(4303, 'SELECT porcupine.remove_member(4301, 4306)') AS removed;
SELECT pg_temp.try(4303, 'SELECT porcupine.unmute_member(4301, 4306)') AS unmuted_while_gone;
SELECT code FROM porcupine.rooms WHERE id = 4301 \gset
SELECT pg_temp.try(4306, format('SELECT coalesce(r.muted_until::text, ''not muted'') FROM porcupine.join_room(%L) r', :'code')) AS back;
INSERT INTO porcupine.members (room_id, user_id, muted_until) VALUES (4301, 4308, :'later');
SELECT muted_until = :'later' AS as_inserted FROM porcupine.members WHERE room_id = 4301 AND user_id = 4308;

-- An archived room: people are kept out, but not silenced.
SELECT pg_temp.try(4301, 'SELECT r.archived FROM porcupine.archive_room(4301) r') AS archived;
SELECT call, pg_temp.try(4301, 'SELECT porcupine.' || call) FROM (VALUES
  ('mute_member(4301, 4306, now() + interval ''1 hour'')'), ('unmute_member(4301, 4308)'), ('ban_user(4301, 4306)'), ('unban_user(4301, 4306)')) t (call);

-- In an encrypted room a ban closes the epoch, as any departure.
SELECT pg_temp.try(4301, 'SELECT porcupine.ban_user(4302, 4305)') AS banned;
SELECT kind, body FROM pg_temp.log_of(4302) WHERE seq > 2;

-- By a session, who was never here, has not asked and is in no other room of the moderator's is nobody: ids can be counted through, and
-- the list of bans says what they are called.
SELECT pg_temp.people(4309);
INSERT INTO porcupine.devices (id, user_id, name) VALUES (4303, 4303, 'phone');
INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash) VALUES (4303, 4303, 4303, now() + interval '1 day', 'moderation');
CREATE FUNCTION pg_temp.bans(account bigint) RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.complain(NULL, format('SELECT porcupine.ban_user(4301, %s, ''again'', now() + interval ''1 day'') FROM porcupine.act_as_session(4303)', account))
$$;
SELECT pg_temp.bans(4309) AS stranger, pg_temp.bans(4399) AS nobody, pg_temp.try(4303, 'SELECT count(*) FROM porcupine.room_bans(4301) b WHERE b.user_id = 4309') AS listed;
INSERT INTO porcupine.join_requests (room_id, user_id) VALUES (4301, 4309);
SELECT pg_temp.bans(4309) AS asked, pg_temp.bans(4309) AS banned_before, pg_temp.bans(4305) AS member;
SELECT pg_temp.try(4303, 'SELECT porcupine.unban_user(4301, 4305)'), pg_temp.bans(4305) AS was_here;

-- An account that goes while muted or banned takes both along; a moderator who goes leaves the bans behind.
SELECT pg_temp.try(4303, 'SELECT porcupine.ban_user(4301, 4307)') AS banned;
DELETE FROM porcupine.users WHERE id IN (4303, 4305, 4308, 4309);
SELECT room_id, user_id, banned_by FROM porcupine.bans WHERE room_id IN (4301, 4302);
SELECT count(*) AS mutes FROM porcupine.mutes WHERE room_id = 4301;
DELETE FROM porcupine.rooms WHERE id IN (4301, 4302);
SELECT count(*) AS left_behind FROM porcupine.bans WHERE room_id IN (4301, 4302);
DELETE FROM porcupine.users WHERE id BETWEEN 4301 AND 4308;
