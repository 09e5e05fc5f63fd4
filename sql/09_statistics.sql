-- Counters for monitoring: of rooms, sessions and keys. Nobody's names, nobody's contents. Each is counted when it is asked for.

CREATE VIEW porcupine.stat_rooms AS
  SELECT r.id AS room_id, r.encrypted, h.archived, m.members, m.pending, h.last_seq AS head, h.first_seq, h.last_seq - h.first_seq + 1 AS events,
         h.bytes,
         h.log_length AS control_entries, h.epoch, h.epoch_open, e.created_at AS last_event_at, i.open_invites, b.bans, p.open_reports
    FROM porcupine.rooms r
    JOIN porcupine.room_heads h ON h.room_id = r.id
    LEFT JOIN porcupine.events e ON e.room_id = r.id AND e.seq = h.last_seq
   CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE m.role > 'pending') AS members, count(*) FILTER (WHERE m.role = 'pending') AS pending
                         FROM porcupine.members m WHERE m.room_id = r.id) m
   CROSS JOIN LATERAL (SELECT count(*) AS open_invites FROM porcupine.invites i
                        WHERE i.room_id = r.id AND i.expires_at > now() AND (i.max_uses IS NULL OR i.uses < i.max_uses)) i
   CROSS JOIN LATERAL (SELECT count(*) AS bans FROM porcupine.bans b WHERE b.room_id = r.id AND (b.until IS NULL OR b.until > now())) b
   CROSS JOIN LATERAL (SELECT count(*) AS open_reports FROM porcupine.reports p WHERE p.room_id = r.id AND p.resolved_at IS NULL) p;
COMMENT ON VIEW porcupine.stat_rooms IS
  'the rooms in numbers, for monitoring: some look-ups in indexes for each room that is asked for, and one for each of its members';
COMMENT ON COLUMN porcupine.stat_rooms.room_id IS 'the room';
COMMENT ON COLUMN porcupine.stat_rooms.encrypted IS 'whether it is encrypted';
COMMENT ON COLUMN porcupine.stat_rooms.archived IS 'whether it is closed';
COMMENT ON COLUMN porcupine.stat_rooms.members IS 'members that have been let in';
COMMENT ON COLUMN porcupine.stat_rooms.pending IS 'members that wait for it';
COMMENT ON COLUMN porcupine.stat_rooms.head IS 'seq of the newest event';
COMMENT ON COLUMN porcupine.stat_rooms.first_seq IS 'seq of the oldest one that retention has left';
COMMENT ON COLUMN porcupine.stat_rooms.events IS 'events from there on; entries of the control log below are not counted';
COMMENT ON COLUMN porcupine.stat_rooms.bytes IS 'how long the bodies are of what was said and is kept; porcupine.max_room_size bounds it';
COMMENT ON COLUMN porcupine.stat_rooms.control_entries IS 'length of the control log';
COMMENT ON COLUMN porcupine.stat_rooms.epoch IS 'the current epoch';
COMMENT ON COLUMN porcupine.stat_rooms.epoch_open IS 'whether messages are accepted in it; long false: no member''s client is there to make a new key';
COMMENT ON COLUMN porcupine.stat_rooms.last_event_at IS 'when the newest event was stored';
COMMENT ON COLUMN porcupine.stat_rooms.open_invites IS 'invites that can be used';
COMMENT ON COLUMN porcupine.stat_rooms.bans IS 'bans in force';
COMMENT ON COLUMN porcupine.stat_rooms.open_reports IS 'reports about it that nobody has resolved';

CREATE VIEW porcupine.stat_sessions AS
  SELECT state.name AS state, count(s.id) AS sessions, count(DISTINCT s.user_id) AS users,
         count(s.id) FILTER (WHERE s.created_at > now() - interval '1 day') AS begun_today,
         count(s.id) FILTER (WHERE s.last_used_at > now() - interval '1 day') AS used_today
    FROM (VALUES ('live'), ('expired'), ('ended')) state (name)
    LEFT JOIN porcupine.sessions s
      ON state.name = CASE WHEN s.ended_at IS NOT NULL THEN 'ended' WHEN s.expires_at <= now() THEN 'expired' ELSE 'live' END
   GROUP BY state.name;
COMMENT ON VIEW porcupine.stat_sessions IS
  'the sessions by their state, three rows, for monitoring. It reads the whole table: ask every minute, not every second';
COMMENT ON COLUMN porcupine.stat_sessions.state IS 'live; expired: nobody refreshed it in time; ended: by its user, an administrator or because the user was disabled';
COMMENT ON COLUMN porcupine.stat_sessions.sessions IS 'how many there are; those that are over stay for porcupine.expired_retention';
COMMENT ON COLUMN porcupine.stat_sessions.users IS 'of how many users';
COMMENT ON COLUMN porcupine.stat_sessions.begun_today IS 'of these, begun within 24 hours';
COMMENT ON COLUMN porcupine.stat_sessions.used_today IS 'of these, last refreshed within 24 hours';

CREATE VIEW porcupine.stat_keys AS
  SELECT h.room_id, h.epoch, h.epoch_open, count(*) AS members, count(*) FILTER (WHERE NOT k.covered) AS members_without,
         coalesce(sum(k.devices), 0)::bigint AS devices, coalesce(sum(k.devices - k.bundles), 0)::bigint AS devices_without
    FROM porcupine.rooms r
    JOIN porcupine.room_heads h ON h.room_id = r.id
    JOIN porcupine.members m ON m.room_id = r.id AND m.role > 'pending'
   CROSS JOIN LATERAL (SELECT count(*) AS devices, count(b.device_id) AS bundles, count(b.device_id) > 0 AS covered
                         FROM porcupine.devices d
                         LEFT JOIN porcupine.key_bundles b ON b.room_id = m.room_id AND b.epoch = h.epoch AND b.device_id = d.id
                        WHERE d.user_id = m.user_id AND d.keys IS NOT NULL AND d.revoked_at IS NULL) k
   WHERE r.encrypted
   GROUP BY h.room_id, h.epoch, h.epoch_open;
COMMENT ON VIEW porcupine.stat_keys IS
  'for each encrypted room, who has a bundle of the current epoch and who has not, for monitoring: look-ups in indexes for each member and device of the rooms that are asked for. Ask for a room, or for all of them every some minutes';
COMMENT ON COLUMN porcupine.stat_keys.room_id IS 'the room';
COMMENT ON COLUMN porcupine.stat_keys.epoch IS 'the current epoch';
COMMENT ON COLUMN porcupine.stat_keys.epoch_open IS 'whether messages are accepted in it';
COMMENT ON COLUMN porcupine.stat_keys.members IS 'members that have been let in';
COMMENT ON COLUMN porcupine.stat_keys.members_without IS 'of these, none of whose devices has a bundle of it: they read nothing new';
COMMENT ON COLUMN porcupine.stat_keys.devices IS 'devices of the members that have published keys';
COMMENT ON COLUMN porcupine.stat_keys.devices_without IS 'of these, without a bundle of it';
