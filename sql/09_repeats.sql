-- Requests that are repeated: a client that does not know what became of a call makes it again with the same Idempotency-Key, and gets
-- the first answer. The bridge wraps a call's statement as coalesce(recall_request(...), remember_request(..., the statement)), so that the key
-- is taken, the effect happens and the answer is kept in one transaction, or nothing of it.

-- No foreign key: it would lock the account in share before what locks it for itself, and two requests at once would be a deadlock.
CREATE TABLE porcupine.requests (
  user_id bigint NOT NULL,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
  fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
  answer bytea,
  PRIMARY KEY (user_id, key_hash)
);
CREATE INDEX requests_made_at_idx ON porcupine.requests (made_at);
COMMENT ON TABLE porcupine.requests IS
  'what was answered to requests with an Idempotency-Key, sealed by that key, for porcupine.request_retention. Never dumped: nobody repeats a request of another server''s';

CREATE FUNCTION porcupine.seal_answer(key text, answer text) RETURNS bytea
  LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'porcupine_seal_answer';
COMMENT ON FUNCTION porcupine.seal_answer(text, text) IS 'an answer, encrypted with a key that is made of an Idempotency-Key';

CREATE FUNCTION porcupine.open_answer(key text, sealed bytea) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'porcupine_open_answer';
COMMENT ON FUNCTION porcupine.open_answer(text, bytea) IS 'the answer again; null with another key';

CREATE FUNCTION porcupine.recall_request(key text, fingerprint bytea) RETURNS text
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
DECLARE
  me bigint := porcupine.require_user();
  hash bytea := sha256(convert_to(key, 'UTF8'));
  known porcupine.requests;
BEGIN
  IF key IS NULL OR length(key) NOT BETWEEN 16 AND 128 OR fingerprint IS NULL OR length(fingerprint) <> 32 THEN
    PERFORM porcupine.refuse('invalid', 'an Idempotency-Key has 16 to 128 characters');
  END IF;
  -- Waits for whoever has the same key under way.
  INSERT INTO porcupine.requests (user_id, key_hash, fingerprint) VALUES (me, hash, recall_request.fingerprint) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    RETURN NULL;
  END IF;
  SELECT r.* INTO known FROM porcupine.requests r WHERE r.user_id = me AND r.key_hash = hash;
  IF known.answer IS NULL THEN
    PERFORM porcupine.refuse('busy', 'this request is being forgotten', 'Repeat it.');
  ELSIF known.fingerprint <> recall_request.fingerprint THEN
    PERFORM porcupine.refuse('key_reused', 'this Idempotency-Key was used for another request', 'Each request needs a key of its own.');
  END IF;
  RETURN porcupine.open_answer(key, known.answer);
END
$$;
COMMENT ON FUNCTION porcupine.recall_request(text, bytea) IS
  'what was answered to the current user''s request with this Idempotency-Key; null: it is the first one, and the key is taken until this transaction fails. One that is under way is waited for. fingerprint, 32 bytes, tells one request from another. Errors: invalid, key_reused, busy, unauthenticated, session_ended';

CREATE FUNCTION porcupine.remember_request(key text, answer text) RETURNS text
  LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
BEGIN
  IF answer IS NULL THEN                        -- nothing was there, which is asked again
    DELETE FROM porcupine.requests r WHERE r.user_id = porcupine.current_user_id() AND r.key_hash = sha256(convert_to(key, 'UTF8'));
  ELSE
    UPDATE porcupine.requests r SET answer = porcupine.seal_answer(key, remember_request.answer)
     WHERE r.user_id = porcupine.current_user_id() AND r.key_hash = sha256(convert_to(key, 'UTF8')) AND r.answer IS NULL;
  END IF;
  RETURN answer;
END
$$;
COMMENT ON FUNCTION porcupine.remember_request(text, text) IS
  'keeps the answer to the request whose key recall_request() has taken in this transaction, and returns it';

CREATE FUNCTION porcupine.maintain_requests(max integer, OUT reached bigint, OUT removed bigint) RETURNS record
  LANGUAGE sql VOLATILE PARALLEL UNSAFE
  SET search_path = pg_catalog, porcupine, pg_temp
AS $$
  WITH old AS (
    SELECT r.user_id, r.key_hash FROM porcupine.requests r
     WHERE r.made_at < clock_timestamp() - make_interval(mins => porcupine.setting('request_retention')::integer)
     ORDER BY r.made_at LIMIT max FOR UPDATE SKIP LOCKED),
  gone AS (DELETE FROM porcupine.requests r USING old o WHERE r.user_id = o.user_id AND r.key_hash = o.key_hash RETURNING 1)
  SELECT CASE WHEN count(*) = max THEN 0 END, count(*) FROM gone
$$;
COMMENT ON FUNCTION porcupine.maintain_requests(integer) IS
  'removes up to max requests that were made porcupine.request_retention ago; reached is null when that was all';
