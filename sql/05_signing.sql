-- The keys that sign access tokens, and how they follow each other: a new key is published for ten minutes before it signs, so that
-- whoever keeps the JWK Set for a while knows it by then; its predecessor verifies for another hour, the longest that one of its
-- tokens may live. So nobody is signed out.

CREATE FUNCTION porcupine.jwks() RETURNS jsonb
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  SELECT jsonb_build_object('keys', coalesce(jsonb_agg(jsonb_build_object(
           'kty', 'OKP', 'crv', 'Ed25519', 'use', 'sig', 'alg', 'EdDSA', 'kid', k.kid,
           'x', rtrim(translate(encode(k.public_key, 'base64'), E'+/\n', '-_'), '=')) ORDER BY k.created_at), '[]'))
    FROM porcupine.signing_keys k WHERE k.retired_at IS NULL OR k.retired_at > clock_timestamp()
$$;
COMMENT ON FUNCTION porcupine.jwks() IS 'the public keys that verify access tokens, as a JWK Set (RFC 7517, RFC 8037); it may be kept for five minutes. Example: SELECT porcupine.jwks()';

CREATE FUNCTION porcupine.make_signing_key(signs_from timestamptz) RETURNS text
  LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'porcupine_make_signing_key';
COMMENT ON FUNCTION porcupine.make_signing_key(timestamptz) IS 'a new signing key, and its kid';

CREATE FUNCTION porcupine.succeed_signing_key(at timestamptz) RETURNS text
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  UPDATE porcupine.signing_keys k SET retired_at = at + interval '1 hour' WHERE k.retired_at IS NULL;
  RETURN porcupine.make_signing_key(at);
END
$$;
COMMENT ON FUNCTION porcupine.succeed_signing_key(timestamptz) IS
  'a new signing key that takes over then, after which the others verify for an hour; gives its kid';

CREATE FUNCTION porcupine.rotate_signing_key(at_once boolean DEFAULT false, OUT kid text, OUT signs_from timestamptz) RETURNS record
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  LOCK TABLE porcupine.signing_keys IN SHARE ROW EXCLUSIVE MODE;
  signs_from := clock_timestamp();
  IF at_once THEN
    DELETE FROM porcupine.signing_keys;
  ELSIF EXISTS (SELECT FROM porcupine.signing_keys k WHERE k.signs_from > clock_timestamp()) THEN
    PERFORM porcupine.refuse('conflict', 'the next key is published already, and about to take over',
                             'Wait ten minutes, or say at_once => true if a key may be known to others.');
  ELSE
    signs_from := signs_from + interval '10 minutes';
  END IF;
  kid := porcupine.succeed_signing_key(signs_from);
  PERFORM porcupine.note_act('signing_key.rotated', detail => jsonb_build_object('kid', kid, 'at_once', coalesce(at_once, false)));
END
$$;
COMMENT ON FUNCTION porcupine.rotate_signing_key(boolean) IS
  'makes the next key that signs access tokens: published now, it signs after ten minutes, and the one before verifies for another hour. Nobody notices. at_once is for a key that others may know: the new one signs now and all others are gone, so that clients refresh once; bridges notice within seconds. Errors: conflict (a successor is on its way). Example: SELECT * FROM porcupine.rotate_signing_key()';

CREATE FUNCTION porcupine.maintain_signing_keys() RETURNS void
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  due interval := make_interval(mins => nullif(porcupine.setting('key_rotation'), 0)::integer);
BEGIN
  IF EXISTS (SELECT FROM porcupine.signing_keys k WHERE k.retired_at < clock_timestamp()) THEN
    DELETE FROM porcupine.signing_keys k WHERE k.retired_at < clock_timestamp();
  END IF;
  IF (SELECT max(k.created_at) FROM porcupine.signing_keys k) < clock_timestamp() - due THEN
    LOCK TABLE porcupine.signing_keys IN SHARE ROW EXCLUSIVE MODE;
    IF (SELECT max(k.created_at) FROM porcupine.signing_keys k) < clock_timestamp() - due THEN
      PERFORM porcupine.rotate_signing_key();
    END IF;
  END IF;
END
$$;
COMMENT ON FUNCTION porcupine.maintain_signing_keys() IS
  'removes the signing keys whose time is over, and makes the next one when porcupine.key_rotation has passed since the last was made';
