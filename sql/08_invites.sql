-- Invites. A code is known to those who hold the link; the database keeps its hash.

CREATE TYPE porcupine.invite AS (
  id bigint, code text, room_id bigint, name text, members bigint, sealed bytea, expires_at timestamptz, max_uses integer);
COMMENT ON TYPE porcupine.invite IS 'an invite; code is set once, when the server made it; sealed is what the inviter left for joiners';

CREATE FUNCTION porcupine.create_invite(room bigint, expires_in interval DEFAULT '7 days', max_uses integer DEFAULT NULL,
                                        code_hash bytea DEFAULT NULL, sealed bytea DEFAULT NULL,
                                        index integer DEFAULT NULL, entry bytea DEFAULT NULL) RETURNS porcupine.invite
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  made porcupine.invite;
  drawn text;
BEGIN
  IF expires_in IS NULL OR expires_in < '1 minute' OR expires_in > '365 days' THEN
    PERFORM porcupine.refuse('invalid', 'an invite lives between a minute and 365 days');
  ELSIF max_uses < 1 THEN
    PERFORM porcupine.refuse('invalid', 'an invite has at least one use', 'Leave max_uses out for any number.');
  ELSIF length(code_hash) <> 32 OR length(sealed) = 0 OR (code_hash IS NULL AND sealed IS NOT NULL) THEN
    PERFORM porcupine.refuse('invalid', 'code_hash has 32 bytes and comes with what is sealed');
  ELSIF length(sealed) > 8192 THEN
    PERFORM porcupine.refuse('too_large', 'what is sealed has at most 8192 bytes');
  END IF;
  PERFORM porcupine.enter_room(room, 'admin');
  IF (SELECT count(*) >= porcupine.setting('max_invites') FROM porcupine.invites i
       WHERE i.room_id = room AND i.expires_at > clock_timestamp() AND (i.max_uses IS NULL OR i.uses < i.max_uses)) THEN
    PERFORM porcupine.refuse('quota', 'the room has too many open invites', 'Wait until some have expired.',
                             format('at most %s', porcupine.setting('max_invites')));
  END IF;
  IF code_hash IS NULL THEN
    drawn := porcupine.random_token();
    code_hash := sha256(convert_to(drawn, 'UTF8'));
  END IF;
  IF entry IS NOT NULL THEN
    PERFORM porcupine.append_entries(room, index, ARRAY[entry]);
  END IF;
  INSERT INTO porcupine.invites AS i (room_id, created_by, expires_at, max_uses, code_hash, sealed)
  VALUES (room, porcupine.current_user_id(), clock_timestamp() + expires_in, create_invite.max_uses, create_invite.code_hash,
          create_invite.sealed)
  ON CONFLICT ON CONSTRAINT invites_code_hash_key DO NOTHING
  RETURNING i.id, drawn, i.room_id, NULL, NULL, NULL, i.expires_at, i.max_uses INTO made;
  IF made.id IS NULL THEN
    PERFORM porcupine.refuse('conflict', 'there is an invite with this code already', 'Draw a new secret.');
  END IF;
  PERFORM porcupine.note_act('invite.created', NULL, room, jsonb_build_object('invite', made.id::text, 'max_uses', create_invite.max_uses));
  RETURN made;
END
$$;
COMMENT ON FUNCTION porcupine.create_invite(bigint, interval, integer, bytea, bytea, integer, bytea) IS
  'makes an invite (admins, owner) that lives for expires_in and lets in max_uses joiners (null: any number). Without code_hash the server draws the code and returns it once. Errors: invalid, too_large, not_member, role, conflict, unauthenticated. Example: SELECT code FROM porcupine.create_invite(1, ''2 hours'', 5)';

CREATE FUNCTION porcupine.read_invite(code_hash bytea, room bigint DEFAULT NULL) RETURNS porcupine.invite
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  found porcupine.invite;
  used_up boolean;
BEGIN
  PERFORM porcupine.require_user();
  IF room IS NOT NULL THEN
    PERFORM porcupine.require_member(room, 'pending');
  END IF;
  SELECT i.id, NULL, i.room_id, r.name, (SELECT count(*) FROM porcupine.members m WHERE m.room_id = r.id), i.sealed, i.expires_at,
         i.max_uses
    INTO found
    FROM porcupine.invites i JOIN porcupine.rooms r ON r.id = i.room_id
   WHERE i.code_hash = read_invite.code_hash AND (room IS NULL OR i.room_id = room);
  used_up := (SELECT i.uses >= i.max_uses FROM porcupine.invites i WHERE i.id = found.id)
             AND NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = found.room_id AND m.user_id = porcupine.current_user_id());
  IF found.id IS NULL THEN
    PERFORM porcupine.refuse('not_found', 'there is no such invite', 'Check the link, or ask for a new one.');
  ELSIF found.expires_at <= clock_timestamp() OR used_up THEN
    PERFORM porcupine.refuse('gone', 'this invite has expired or is used up', 'Ask for a new one.');
  END IF;
  PERFORM porcupine.refuse_banned(found.room_id, porcupine.current_user_id());
  RETURN found;
END
$$;
COMMENT ON FUNCTION porcupine.read_invite(bytea, bigint) IS
  'what an invite leads to, for whoever can name the SHA-256 of its code while it can be redeemed, and for members of its room until it expires. Errors: not_found, gone, banned, not_member, unauthenticated';

CREATE FUNCTION porcupine.room_invites(room bigint)
  RETURNS TABLE (id bigint, created_by bigint, created_at timestamptz, expires_at timestamptz, max_uses integer, uses integer)
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 20
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.require_member(room, 'admin');
  RETURN QUERY SELECT i.id, i.created_by, i.created_at, i.expires_at, i.max_uses, i.uses FROM porcupine.invites i
    WHERE i.room_id = room AND i.expires_at > clock_timestamp() AND (i.max_uses IS NULL OR i.uses < i.max_uses) ORDER BY i.id;
END
$$;
COMMENT ON FUNCTION porcupine.room_invites(bigint) IS
  'the invites that let somebody into a room still, without their codes, which the database does not know (admins, owner). Errors: not_member, role, unauthenticated. Example: SELECT id, uses, expires_at FROM porcupine.room_invites(1)';

CREATE FUNCTION porcupine.revoke_invite(room bigint, invite bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  PERFORM porcupine.enter_room(room, 'admin', even_archived => true);
  UPDATE porcupine.invites i SET expires_at = clock_timestamp()
   WHERE i.id = invite AND i.room_id = room AND i.expires_at > clock_timestamp();
  IF NOT FOUND THEN
    PERFORM porcupine.refuse('not_found', 'this room has no such invite, or it is over already');
  END IF;
  PERFORM porcupine.note_act('invite.revoked', room => room, detail => jsonb_build_object('invite', invite::text));
END
$$;
COMMENT ON FUNCTION porcupine.revoke_invite(bigint, bigint) IS
  'ends an invite (admins, owner); who came by it stays. Errors: not_member, role, not_found, unauthenticated. Example: SELECT porcupine.revoke_invite(1, 3)';
