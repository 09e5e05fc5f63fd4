# What befalls the doorbell's worker delays doorbells, and loses none without saying so: terminated, stopped, killed, or none to
# be had. Senders go on meanwhile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('faults', conf => "max_connections = 40\nporcupine.doorbell_ring = 64\nrestart_after_crash = on\n");
my $status = sub { $node->safe_psql('postgres', "SELECT $_[0] FROM porcupine.stat_doorbell") };
my $listener = start_listener($node);

plain_room($node, $_, 1, 2) foreach (1 .. 100);

# start_load(): eight backends that send until finish_load().
sub start_load
{
	my $endless = q{
		DO $$ BEGIN
			WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'enough') LOOP
				PERFORM porcupine.act_as(USER);
				PERFORM porcupine.send(1 + floor(random() * 100)::bigint, gen_random_uuid(), 'x');
				COMMIT;
			END LOOP;
		END $$;
	};

	return [ map { my $user = 1 + $_ % 2; start_psql($node, $endless =~ s/USER/$user/r) } 1 .. 8 ];
}

# all_heard(WHAT, SWEEPS): every head is heard of, or listeners were told to look since there had been so many sweeps.
sub all_heard
{
	my ($what, $sweeps) = @_;
	my %heads = split /[|\n]/, $node->safe_psql('postgres', 'SELECT room_id, last_seq FROM porcupine.room_heads');

	wait_for($what, sub {
		hear($listener);
		$listener->{sweeps} > $sweeps || !grep { ($listener->{rooms}{$_} // 0) < $heads{$_} } keys %heads });
	return pass($what);
}

sub finish_load
{
	my ($load, $what) = @_;

	$node->safe_psql('postgres', 'CREATE TABLE enough ()');
	$_->{run}->finish foreach @$load;
	is(join('', map { $_->{err} } @$load), '', "$what: senders noticed nothing");
	$node->safe_psql('postgres', 'DROP TABLE enough');
	return;
}

# --- terminated under load: it tells what it has; until there is another one commits notify by themselves ---------------

my $load = start_load();
my $pid = wait_for('a worker', sub { $status->('worker_pid') });
my $direct = $status->('direct');
# as soon as it has gone, for after five seconds there is another one
is( $node->safe_psql('postgres', qq{
	CREATE FUNCTION pg_temp.mode_without() RETURNS text LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM pg_terminate_backend($pid);
		WHILE $pid = (SELECT worker_pid FROM porcupine.stat_doorbell) LOOP
			PERFORM pg_sleep(0.001);
		END LOOP;
		RETURN porcupine.doorbell_mode();
	END \$\$;
	SELECT pg_temp.mode_without()}), 'notify', 'without it bridges are told to ring by themselves');
wait_for('commits that notify by themselves', sub { $status->('direct') > $direct });
pass('some commits have notified by themselves');
finish_load($load, 'terminated');
all_heard('terminated: every head is heard of', 0);
wait_for('as many sweeps as there were', sub { hear($listener)->{sweeps} == $status->('sweeps') });
pass('with sweeps only where bells were dropped');
isnt(busy_doorbell($node), $pid, 'after a while there is another one');

# --- stopped: the ring overflows, and a sweep says so --------------------------------------------------------------------

my $next = stop_doorbell($node);
my $dropped = $status->('dropped');
$load = start_load();
wait_for('the ring to overflow', sub { $status->('dropped') > $dropped });
finish_load($load, 'stopped');
is($status->('used'), 64, 'the ring is full');
hear($listener);
my $heard = $listener->{sweeps};
kill 'CONT', $next;
wait_for('a sweep', sub { hear($listener)->{sweeps} > $heard });
pass('listeners are told to look for themselves');
wait_for('the ring to be empty', sub { $status->('used') eq '0' });
my $after = $status->('sweeps');
$node->safe_psql('postgres', q{BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.send(100, gen_random_uuid(), 'x'); COMMIT});
my $head = $node->safe_psql('postgres', 'SELECT last_seq FROM porcupine.room_heads WHERE room_id = 100');
wait_for('the next doorbell', sub { (hear($listener)->{rooms}{100} // 0) == $head });
is($status->('sweeps'), $after, 'once');

# --- a lock that it needs: it gives up and tries again ----------------------------------------------------------------------

# stopped meanwhile, or it might leave, and whoever rings then would wait for the lock by itself
$next = stop_doorbell($node);
my $log = -s $node->logfile;
my $locker = start_psql($node, "BEGIN; LOCK porcupine.stream;\nSELECT pg_sleep(3600);");
my $holder = q{FROM pg_locks WHERE relation = 'porcupine.stream'::regclass AND mode = 'AccessExclusiveLock' AND granted};
wait_for('the lock', sub { $node->safe_psql('postgres', "SELECT count(*) $holder") });
$node->safe_psql('postgres', 'SELECT porcupine.ring(ARRAY[100], ARRAY[2000000], 0)');
kill 'CONT', $next;
wait_for('it to give up', sub { slurp_file($node->logfile, $log) =~ /lock timeout/ });
pass('an error is logged');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $holder");
wait_for('what was rung meanwhile', sub { (hear($listener)->{rooms}{100} // 0) == 2000000 });
pass('and what was to be told is told later');
$locker->{run}->finish;

# --- killed: the server starts anew, and the doorbell with it ------------------------------------------------------------------

$pid = stop_doorbell($node);
$log = -s $node->logfile;
kill 'KILL', $pid;
wait_for('the server', sub { slurp_file($node->logfile, $log) =~ /database system is ready to accept connections/ });
stop_listener($listener);
$listener = start_listener($node);
busy_doorbell($node);
$node->safe_psql('postgres', q{BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.send(1, gen_random_uuid(), 'x'); COMMIT});
$head = $node->safe_psql('postgres', 'SELECT last_seq FROM porcupine.room_heads WHERE room_id = 1');
wait_for('a doorbell', sub { (hear($listener)->{rooms}{1} // 0) == $head });
pass('killed: after the crash it works');
stop_listener($listener);
$node->stop;

# --- none to be had: commits notify by themselves, and the log says why ---------------------------------------------------------

$node = new_node('none', conf => "max_worker_processes = 1\nmax_parallel_workers = 0\n");
plain_room($node, 1, 1);
$listener = start_listener($node);
$log = -s $node->logfile;
# in a row, for it takes two within a second
$node->safe_psql('postgres', q{BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.send(1, gen_random_uuid(), 'x'); COMMIT;} x 3);
is(hear($listener)->{rooms}{1}, 4, 'none to be had: listeners hear all the same');
is($node->safe_psql('postgres', 'SELECT porcupine.doorbell_mode()'), 'notify', 'bridges are told to ring by themselves');
my @said = slurp_file($node->logfile, $log) =~ /doorbell worker could not be started/g;
is(scalar(@said), 1, 'the log says it once');
stop_listener($listener);
$node->stop;
done_testing();
