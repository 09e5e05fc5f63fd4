# Refresh tokens under load and at random. Fifty refreshes of one token at once give one session one new token; a walk of many random
# steps, with tokens of every age and junk, while time passes, always ends as a model of the rule says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('refresh', conf => 'max_connections = 70');
my $seed = $ENV{PORCUPINE_FUZZ_SEED} // int(rand(1_000_000_000));

note("seed $seed (PORCUPINE_FUZZ_SEED=$seed repeats its choices)");
$node->safe_psql('postgres', q{
	CREATE TABLE given (session bigint, nr integer, token text);
	CREATE TABLE answers (client integer, token text);
	CREATE FUNCTION new_session() RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		account bigint;
		fresh porcupine.session_grant;
	BEGIN
		INSERT INTO porcupine.users AS u (username, display_name) VALUES (left('u' || gen_random_uuid(), 32), 'U') RETURNING u.id INTO account;
		fresh := porcupine.open_session(account, NULL, 'test', NULL);
		INSERT INTO given VALUES (fresh.session_id, 0, fresh.refresh_token);
		RETURN fresh.session_id;
	END $$;
});

# At once.
my $one = $node->safe_psql('postgres', 'SELECT new_session()');
$node->pgbench('-n -c 50 -j 2 -t 1', 0, [qr{processed: 50/50}], [qr/^(?!.*ERROR)/s], 'fifty at once',
	{ refresh_once => "INSERT INTO answers SELECT :client_id, (porcupine.refresh((SELECT token FROM given WHERE session = $one))).refresh_token;" });
is($node->safe_psql('postgres', 'SELECT count(*), count(token), count(DISTINCT token) FROM answers'), '50|50|1', 'all were given the same token');
is($node->safe_psql('postgres', "SELECT ended_at IS NULL, (SELECT count(*) FROM porcupine.sessions) FROM porcupine.sessions WHERE id = $one"), 't|1', 'one session, no logout');

# At random. The model: tokens have numbers in the order they were first given out; the last one is live.
my $complaints = $node->safe_psql('postgres', sprintf(q{
	CREATE FUNCTION walk(steps integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
	DECLARE
		mine bigint := new_session();
		last integer := 0;
		pick integer;
		age interval := '1 hour';                -- since the last rotation
		over boolean := false;
		expected text;
		got text;
		fresh porcupine.session_grant;
		sent text;
	BEGIN
		FOR step IN 1 .. steps LOOP
			IF random() < 0.3 THEN                -- time passes
				age := age + interval '4 seconds';
			END IF;
			-- the last one mostly, often its parent, sometimes an older one, sometimes one that nobody gave out
			pick := CASE WHEN random() < 0.55 THEN last WHEN random() < 0.7 THEN last - 1 WHEN random() < 0.4 THEN floor(random() * (last + 1)) END;
			IF pick < 0 THEN
				CONTINUE;
			END IF;
			sent := coalesce((SELECT g.token FROM given g WHERE g.session = mine AND g.nr = pick), porcupine.refresh_token(mine, porcupine.random_key()));
			expected := CASE WHEN pick IS NULL OR over THEN 'PC004' WHEN pick = last THEN 'another' WHEN pick = last - 1 AND age < '10 seconds' THEN 'the same'
			                 ELSE 'nothing' END;
			-- as old as that and no older, however long it took to come here
			UPDATE porcupine.sessions s SET rotated_at = clock_timestamp() - age WHERE s.id = mine;
			BEGIN
				fresh := porcupine.refresh(sent);
				got := CASE WHEN fresh.refresh_token IS NULL THEN 'nothing'
				            WHEN fresh.refresh_token = (SELECT g.token FROM given g WHERE g.session = mine AND g.nr = last) THEN 'the same'
				            WHEN EXISTS (SELECT FROM given g WHERE g.token = fresh.refresh_token) THEN 'an older one' ELSE 'another' END;
			EXCEPTION WHEN OTHERS THEN
				got := SQLSTATE;
			END;
			IF got <> expected THEN
				RETURN NEXT format('step %%s: token %%s of %%s, %%s after the rotation: %%s instead of %%s', step, pick, last, age, got, expected);
			END IF;
			IF got = 'another' THEN
				last := last + 1;
				age := '0';
				INSERT INTO given VALUES (mine, last, fresh.refresh_token);
			END IF;
			over := over OR got = 'nothing';
			IF over <> (SELECT s.ended_at IS NOT NULL FROM porcupine.sessions s WHERE s.id = mine) THEN
				RETURN NEXT format('step %%s: the session is over or not, against the rule', step);
			END IF;
		END LOOP;
	END $$;
	SELECT setseed(%s / 1000000000.0) \gset
	SELECT walk(25) FROM generate_series(1, 200);}, $seed));
is($complaints, '', 'two hundred walks, each as the model says') or diag("PORCUPINE_FUZZ_SEED=$seed");
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM porcupine.sessions WHERE ended_at IS NOT NULL'), '>', 50, 'many of which met a token that was used again');
is($node->safe_psql('postgres', q{SELECT count(*) FROM porcupine.sessions s WHERE (s.ended_at IS NOT NULL) <>
	(1 = (SELECT count(*) FROM porcupine.audit a WHERE a.action = 'session.reused' AND a.detail->>'session' = s.id::text))}), '0', 'each with one line in the audit log');
is($node->safe_psql('postgres', q{SELECT count(*) FROM given g, porcupine.sessions s WHERE s::text LIKE '%' || g.token || '%'}), '0', 'no row holds a token');

$node->stop;
done_testing();
