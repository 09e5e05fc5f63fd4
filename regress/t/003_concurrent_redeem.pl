# Sixteen people redeem an invite for ten at once, several times over: exactly ten get in each time, none twice, and the others
# are told why.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('redeem', conf => 'max_connections = 40');
my $rounds = 5;

$node->safe_psql(
	'postgres', q{
	INSERT INTO porcupine.users (id, username, display_name) SELECT u, 'user-' || u, 'User' FROM generate_series(1000, 1016) u;
	CREATE TABLE outcome (round integer, account bigint, result text);
	CREATE FUNCTION redeem(code text, account bigint, round integer) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		result text;
	BEGIN
		BEGIN
			PERFORM porcupine.act_as(account);
			SELECT r.role INTO result FROM porcupine.join_room(code) r;
		EXCEPTION WHEN OTHERS THEN
			result := SQLSTATE;
		END;
		INSERT INTO outcome VALUES (round, account, result);
	END $$;
}
);

foreach my $round (1 .. $rounds)
{
	my $code = $node->safe_psql(
		'postgres', q{
		BEGIN;
		SELECT porcupine.act_as(1016) \gset
		SELECT id AS room FROM porcupine.create_room('room', false) \gset
		SELECT code FROM porcupine.create_invite(:room, '1 hour', 10);
		COMMIT;}
	);
	$node->pgbench(
		"-n -c 16 -j 2 -t 1",
		0, [qr/processed: 16\/16/], [qr/^(?!.*ERROR)/s],
		"round $round: 16 at once",
		{ "redeem_$round" => "SELECT redeem('$code', 1000 + :client_id, $round);" }
	);
}

is( $node->safe_psql(
		'postgres',
		q{SELECT string_agg(n, ' ' ORDER BY round) FROM (SELECT round, string_agg(result || ':' || c, ',' ORDER BY result) AS n
	FROM (SELECT round, result, count(*) AS c FROM outcome GROUP BY 1, 2) x GROUP BY round) y}
	),
	join(' ', ('PC013:6,member:10') x $rounds),
	'ten got in each time, six were told that it is used up'
);
is($node->safe_psql('postgres', 'SELECT count(*), min(uses), max(uses) FROM porcupine.invites'),
	"$rounds|10|10", 'uses are exact');
is($node->safe_psql('postgres', 'SELECT DISTINCT count(*) FROM porcupine.members GROUP BY room_id'),
	'11', 'members are ten and the owner');
is( $node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM porcupine.room_heads h WHERE last_seq <> 11 OR 11 <> (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id AND kind = 'member.joined')}
	),
	'0',
	'one event for each'
);

done_testing();
