# The maintenance worker removes what is too old in every database that has the extension, and is in nobody's way: a room that is being
# written to, DROP DATABASE, DROP EXTENSION, a standby.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# old_events(NODE, DATABASE, ROOM, COUNT): a room whose messages are two days old and kept for one, but for the newest.
sub old_events
{
	my ($node, $database, $room, $count) = @_;

	$node->safe_psql(
		$database, qq{
		INSERT INTO porcupine.users (id, username, display_name) VALUES (1, 'user-1', 'User 1') ON CONFLICT DO NOTHING;
		INSERT INTO porcupine.rooms (id, encrypted, code, name, retention) VALUES ($room, false, 'R' || lpad('$room', 5, '0'), 'Room', '1 day');
		INSERT INTO porcupine.room_heads (room_id, last_seq) VALUES ($room, $count);
		INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, device_id, client_id, epoch, kind, body)
			SELECT $room, i, now() - interval '2 days', 1, 1, gen_random_uuid(), 0, 'message', 'old' FROM generate_series(1, $count) i;
		INSERT INTO porcupine.members (room_id, user_id, role) VALUES ($room, 1, 'owner');
	}
	);
	return;
}

my $left = q{SELECT count(*) FROM porcupine.events WHERE body = 'old'};

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'porcupine'\nporcupine.maintenance_interval = 1s\nporcupine.maintenance_delay = 1ms\nlog_statement = none\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(one two without);
$node->safe_psql($_, 'CREATE EXTENSION porcupine') foreach qw(one two);

# --- every database that has the extension ---------------------------------------------------------------------------

old_events($node, $_, 1, 2500) foreach qw(one two);
foreach my $database (qw(one two))
{
	wait_for("maintenance of $database", sub { $node->safe_psql($database, $left) eq '0' });
	is($node->safe_psql($database, q{SELECT h.first_seq, h.last_seq, count(e) FROM porcupine.room_heads h LEFT JOIN porcupine.events e USING (room_id) GROUP BY 1, 2}),
		'2501|2501|1', "$database has lost what was too old, and nothing else");
	is($node->safe_psql($database, 'SELECT events, error IS NULL FROM porcupine.stat_maintenance'), '2500|t', "$database has it on record");
}
# a round in which there is nothing to do has one for each of the eight tasks
my $further = wait_for('the end of a round', sub { $node->safe_psql('one', 'SELECT steps - 8 * rounds FROM porcupine.stat_maintenance WHERE task IS NULL') });
cmp_ok($further, '>=', 2, 'in steps');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'porcupine maintenance launcher' AND datname IS NULL}),
	'1', 'the launcher is connected to no database');

# --- a room that is being written to is left out, and nobody waits -------------------------------------------------------

my $writer = $node->background_psql('one');
$writer->query_safe('BEGIN; SELECT porcupine.act_as(1)');
$writer->query_safe(q{SELECT porcupine.send(1, gen_random_uuid(), 'held')});
$node->safe_psql('one', q{UPDATE porcupine.events SET body = 'old', created_at = now() - interval '2 days' WHERE room_id = 1});
old_events($node, 'one', 2, 10);
wait_for('the other room', sub { $node->safe_psql('one', "$left AND room_id = 2") eq '0' });
is($node->safe_psql('one', "$left AND room_id = 1"), '1', 'a room whose head is held keeps what it has');
$writer->query_safe('COMMIT');
wait_for('the room', sub { $node->safe_psql('one', "$left AND room_id = 1") eq '0' });
is($node->safe_psql('one', 'SELECT last_seq - first_seq FROM porcupine.room_heads WHERE room_id = 1'), '0', 'until it is free');
$writer->quit;

# --- DROP DATABASE, CREATE DATABASE ... TEMPLATE and DROP EXTENSION while there is much to do -------------------------------------

my $log = -s $node->logfile;
$node->safe_psql('postgres', 'ALTER SYSTEM SET porcupine.maintenance_delay = 50; SELECT pg_reload_conf()');
old_events($node, $_, 3, 60000) foreach qw(one two);
my $worker = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'porcupine maintenance' AND datname = '%s'};
wait_for('a worker', sub { $node->safe_psql('postgres', sprintf($worker, 'two')) });
is(sqlstate_of($node, 'CREATE DATABASE three TEMPLATE two'), '00000', 'a database is copied while it has a worker');
wait_for('a worker', sub { $node->safe_psql('postgres', sprintf($worker, 'two')) });
is(sqlstate_of($node, 'DROP DATABASE two'), '00000', 'one is dropped');
wait_for('a worker', sub { $node->safe_psql('postgres', sprintf($worker, 'one')) });
is(sqlstate_of($node, 'SET porcupine.allow_drop = on; DROP EXTENSION porcupine', 'one'), '00000', 'the extension is dropped');
unlike(slurp_file($node->logfile, $log), qr/PANIC|ERROR:  (?!.*lock timeout)/, 'and nothing went wrong');
$node->safe_psql('one', 'CREATE EXTENSION porcupine');
old_events($node, 'one', 1, 10);
$node->safe_psql('postgres', 'ALTER SYSTEM RESET porcupine.maintenance_delay; SELECT pg_reload_conf()');
wait_for('maintenance of the new one', sub { $node->safe_psql('one', $left) eq '0' });
pass('made anew it is maintained');

# --- a launcher that is ended is back; an interval of 0 stops it --------------------------------------------------------------------

my $launcher = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'porcupine maintenance launcher'};
my $pid = $node->safe_psql('postgres', $launcher);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for('another launcher', sub { my $now = $node->safe_psql('postgres', $launcher); $now ne '' && $now ne $pid });
old_events($node, 'one', 4, 10);
wait_for('its work', sub { $node->safe_psql('one', $left) eq '0' });
pass('a launcher that was ended has come back');

# --- a standby has none ----------------------------------------------------------------------------------------------------------------

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('one', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'porcupine%'}), '0', 'a standby has no launcher');
is($standby->safe_psql('one', 'SELECT events > 0 FROM porcupine.stat_maintenance'), 't', 'and shows what the primary did');
is(sqlstate_of($standby, 'SELECT porcupine.maintain()', 'one'), '25006', 'and does nothing by hand');
$node->stop('immediate');
$standby->promote;
old_events($standby, 'one', 5, 10);
wait_for('maintenance after the promotion', sub { $standby->safe_psql('one', $left) eq '0' });
pass('promoted, it has one');
$standby->stop;

# --- without shared_preload_libraries it is cron's ------------------------------------------------------------------------------------------

my $plain = new_node('plain', preload => 0);
old_events($plain, 'postgres', 1, 2500);
my $calls = 0;
do { $calls++ } while ($plain->safe_psql('postgres', 'SELECT more FROM porcupine.maintain()') eq 't');
is($plain->safe_psql('postgres', $left), '0', 'called by hand, it does the same');
cmp_ok($calls, '>', 3, 'in steps');
is($plain->safe_psql('postgres', 'SELECT events, rounds FROM porcupine.stat_maintenance'), '2500|1', 'and has it on record');
$plain->stop;

done_testing();
