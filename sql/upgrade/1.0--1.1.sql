-- From 1.0 to 1.1, by hand: what changes in tables and types that 1.0 had, and what must go before it is made anew. All else
-- follows from the parts of the fresh install (assemble.awk). regress/t/018_upgrade.pl compares the outcomes.

\echo Use "ALTER EXTENSION porcupine UPDATE TO '1.1'" to load this file. \quit

-- What the roles may do is granted anew below, so that a right that was taken away does not stay. Grants to others stay.
DO $$
DECLARE
  o record;
BEGIN
  FOR o IN SELECT c.relname FROM pg_catalog.pg_class c
            WHERE c.relnamespace = 'porcupine'::pg_catalog.regnamespace AND c.relkind IN ('r', 'v') LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON porcupine.%I FROM porcupine_client, porcupine_backend, porcupine_bridge, porcupine_admin, pg_monitor',
                              o.relname);
  END LOOP;
  FOR o IN SELECT p.oid::pg_catalog.regprocedure AS signature FROM pg_catalog.pg_proc p
            WHERE p.pronamespace = 'porcupine'::pg_catalog.regnamespace LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM porcupine_client, porcupine_backend, porcupine_bridge, porcupine_admin, pg_monitor',
                              o.signature);
  END LOOP;
END
$$;

-- Types. A label is only good for use once this transaction has committed: see sql/upgrade/README.md.
ALTER TYPE porcupine.role ADD VALUE 'reader' BEFORE 'member';
ALTER TYPE porcupine.role ADD VALUE 'moderator' BEFORE 'admin';
ALTER TYPE porcupine.kind ADD VALUE 'room.changed';
ALTER TYPE porcupine.kind ADD VALUE 'member.muted';
ALTER TYPE porcupine.kind ADD VALUE 'redacted';
ALTER TYPE porcupine.kind ADD VALUE 'pinned';
ALTER TYPE porcupine.kind ADD VALUE 'unpinned';
ALTER TYPE porcupine.kind ADD VALUE 'system';
ALTER TYPE porcupine.kind ADD VALUE 'member.renamed';

ALTER TYPE porcupine.room
  ADD ATTRIBUTE description text, ADD ATTRIBUTE listed boolean, ADD ATTRIBUTE approval boolean, ADD ATTRIBUTE direct boolean,
  ADD ATTRIBUTE system boolean, ADD ATTRIBUTE archived boolean, ADD ATTRIBUTE retention interval, ADD ATTRIBUTE first_seq bigint,
  ADD ATTRIBUTE delivered_seq bigint, ADD ATTRIBUTE unread bigint, ADD ATTRIBUTE muted_until timestamptz;
ALTER TYPE porcupine.member
  ADD ATTRIBUTE read_seq bigint, ADD ATTRIBUTE delivered_seq bigint, ADD ATTRIBUTE muted_until timestamptz;
ALTER TYPE porcupine.session_grant ADD ATTRIBUTE refresh_expires_in integer;

-- Tables. None of this rewrites a table: a constant default is kept in the catalogue.
ALTER TABLE porcupine.users ADD COLUMN erased_at timestamptz;
-- What differs in the case of letters beyond ASCII differs now: never the other way round, so nothing collides.
DROP INDEX porcupine.users_username_key;
DROP INDEX porcupine.users_email_key;

ALTER TABLE porcupine.rooms
  ADD COLUMN description text NOT NULL DEFAULT '' CHECK (length(description) <= 1000),
  ADD COLUMN retention interval CHECK (retention >= '1 hour'),
  ADD COLUMN listed boolean NOT NULL DEFAULT false,
  ADD COLUMN approval boolean NOT NULL DEFAULT false,
  ADD COLUMN direct boolean NOT NULL DEFAULT false,
  ADD COLUMN system boolean NOT NULL DEFAULT false;

ALTER TABLE porcupine.room_heads
  ADD COLUMN archived boolean NOT NULL DEFAULT false,
  ADD COLUMN first_seq bigint NOT NULL DEFAULT 1,
  ADD COLUMN erasures bigint NOT NULL DEFAULT 0,
  ADD COLUMN bytes bigint NOT NULL DEFAULT 0;
UPDATE porcupine.room_heads h SET bytes = e.bytes
  FROM (SELECT e.room_id, pg_catalog.sum(pg_catalog.length(e.body)) AS bytes FROM porcupine.events e
         WHERE e.kind IN ('message', 'edit', 'reaction') GROUP BY e.room_id) e
 WHERE e.room_id = h.room_id;

ALTER TABLE porcupine.members
  ADD COLUMN delivered_seq bigint NOT NULL DEFAULT 0,
  ADD COLUMN muted_until timestamptz,
  DROP CONSTRAINT members_via_check,
  ADD CONSTRAINT members_via_check CHECK (via IN ('create', 'code', 'invite', 'sql', 'list', 'request', 'direct', 'link'));

ALTER TABLE porcupine.sessions ADD COLUMN family_key bytea;

-- In two steps, for the keys that are there sign already, and the lines were not written by whoever updates.
ALTER TABLE porcupine.signing_keys ADD COLUMN signs_from timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE porcupine.signing_keys ALTER COLUMN signs_from SET DEFAULT clock_timestamp();
ALTER TABLE porcupine.audit ADD COLUMN session_role text;
ALTER TABLE porcupine.audit ALTER COLUMN session_role SET DEFAULT session_user;

-- In the words of its part: what there is goes into it here.
CREATE TABLE porcupine.former_members (
  user_id bigint REFERENCES porcupine.users ON DELETE CASCADE,
  room_id bigint REFERENCES porcupine.rooms ON DELETE CASCADE,
  PRIMARY KEY (user_id, room_id)
);
INSERT INTO porcupine.former_members (user_id, room_id)
SELECT DISTINCT u.id, r.id FROM porcupine.events e JOIN porcupine.users u ON u.id = e.sender_id JOIN porcupine.rooms r ON r.id = e.room_id
 WHERE NOT EXISTS (SELECT FROM porcupine.members m WHERE m.room_id = e.room_id AND m.user_id = e.sender_id);

-- Functions that have other arguments now, or give more columns.
DROP FUNCTION porcupine.enter_room(bigint, porcupine.role);
DROP FUNCTION porcupine.admit_many(bigint[], bigint[], bigint[], bigint[], integer);
DROP FUNCTION porcupine.read_heads(bigint[]);
DROP FUNCTION porcupine.replica_page(bigint, bigint, bigint, bigint, integer, bigint, bigint);
DROP FUNCTION porcupine.refresh(text);
DROP FUNCTION porcupine.send_many(bigint[], bigint[], bigint[], uuid[], integer[], text[], bigint[], bytea[], boolean, bigint, boolean);
