# No more passwords are hashed at once than porcupine.password_concurrency says: who comes later waits, can be cancelled while
# waiting, and everybody is served in the end. An unknown user waits like a known one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('hashes', conf => "max_connections = 40\nporcupine.password_concurrency = 1");

$node->safe_psql('postgres', q{SELECT user_id FROM porcupine.register('ada', 'correct horse')});
# pg_locks shows each hash that runs or waits; more than one that is granted would be one too many.
my $watch = start_psql(
	$node, q{
	CREATE TABLE seen (granted bigint, waiting bigint);
	DO $$ BEGIN
		WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'enough') LOOP
			INSERT INTO seen SELECT count(*) FILTER (WHERE granted), count(*) FILTER (WHERE NOT granted) FROM pg_locks WHERE locktype = 'advisory';
			COMMIT;
		END LOOP;
	END $$;
}
);
wait_for('the watch to begin',
	sub { ($node->psql('postgres', q{SELECT 1 / (count(*) > 0)::int FROM seen}))[0] == 0 });
$node->pgbench(
	'-n -c 6 -j 2 -t 6',
	0,
	[qr/processed: 36\/36/],
	[qr/^(?!.*aborted)/s],
	'six clients sign in at once',
	{   'known@1' => q{SELECT (porcupine.login('ada', 'correct horse')).user_id;},
		'unknown@1' =>
		  q{DO $$ BEGIN PERFORM porcupine.login('nobody', 'correct horse'); RAISE 'signed in'; EXCEPTION WHEN SQLSTATE 'PC003' THEN NULL; END $$;}
	}
);
$node->safe_psql('postgres', 'CREATE TABLE enough ()');
wait_for('the watch to end',
	sub { $watch->{run}->pump_nb if $watch->{run}->pumpable; !$watch->{run}->pumpable });
$watch->{run}->finish;
is($watch->{err}, '', 'the watch saw everything');
is($node->safe_psql('postgres', 'SELECT max(granted) FROM seen'), '1', 'never two at once');
cmp_ok($node->safe_psql('postgres', 'SELECT max(waiting) FROM seen'), '>=', 2, 'others waited their turn');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}),
	'0', 'no turn is kept');

done_testing();
