# Each database has a doorbell of its own, which is in nobody's way: databases and the extension are dropped while a worker is
# there, and more databases than there are rings work without one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('databases', conf => "max_worker_processes = 20\nmax_prepared_transactions = 2\nautovacuum = off\n");
my @databases = map { "chat$_" } 1 .. 9;

$node->safe_psql('postgres', "CREATE DATABASE $_") foreach @databases;
$node->safe_psql($_, 'CREATE EXTENSION porcupine') foreach @databases;

# --- each hears its own ---------------------------------------------------------------------------------------------

my %listeners = map { $_ => start_listener($node, $_) } 'chat1', 'chat2';
my %pids = map { $_ => busy_doorbell($node, $_) } 'chat1', 'chat2';
isnt($pids{chat1}, $pids{chat2}, 'a worker for each');
busy_doorbell($node, $_) foreach 'chat1', 'chat2';
$node->safe_psql($_, 'SELECT porcupine.ring(ARRAY[' . ($_ eq 'chat1' ? 1 : 2) . '], ARRAY[5], 0)') foreach 'chat1', 'chat2';
foreach (1, 2)
{
	wait_for("the doorbell of chat$_", sub { hear($listeners{"chat$_"})->{rooms}{$_} });
	is_deeply([ grep { $_ < 999999 } keys %{ $listeners{"chat$_"}{rooms} } ], [$_], "chat$_ hears its own");
}

# --- more databases than rings: the last one waits until another one is quiet ----------------------------------------------

# a worker leaves after three quiet seconds; these are never quiet
my @ringing = map { open_session($node, $node->connstr($_)) } @databases[ 0 .. 7 ];
foreach my $session (@ringing)
{
	$session->{in} .= "SELECT porcupine.ring(ARRAY[999999], ARRAY[1], 0) \\watch 0.1\n";
	$session->{run}->pump_nb;
}
wait_for("the worker of $_", sub { $_->{run}->pump_nb foreach @ringing; $node->safe_psql($_, q{SELECT worker_pid FROM porcupine.stat_doorbell WHERE mode = 'worker'}) })
  foreach @databases[ 0 .. 7 ];
is($node->safe_psql('chat9', 'SELECT porcupine.ring(ARRAY[999999], ARRAY[1], 0); SELECT mode FROM porcupine.stat_doorbell') =~ s/^\n//r, 'notify',
	'the ninth busy database has no ring');
my $ninth = start_listener($node, 'chat9');
$node->safe_psql('chat9', 'SELECT porcupine.ring(ARRAY[9], ARRAY[5], 0)');
is(hear($ninth)->{rooms}{9}, 5, 'and its commits notify by themselves');
$_->{run}->kill_kill foreach @ringing;
ok(busy_doorbell($node, 'chat9'), 'until another one is quiet');
stop_listener($ninth);

# --- DROP EXTENSION ------------------------------------------------------------------------------------------------------------

busy_doorbell($node, 'chat1');
is(sqlstate_of($node, 'SET porcupine.allow_drop = on; DROP EXTENSION porcupine', 'chat1'), '00000', 'the extension is dropped at once');
stop_listener($listeners{chat1});
$listeners{chat1} = start_listener($node, 'chat1');
$node->safe_psql('chat1', 'CREATE EXTENSION porcupine');
busy_doorbell($node, 'chat1');
$node->safe_psql('chat1', 'SELECT porcupine.ring(ARRAY[3], ARRAY[6], 0)');
wait_for('the doorbell', sub { (hear($listeners{chat1})->{rooms}{3} // 0) == 6 });
pass('and made anew it rings');

# What was rung in the very transaction that drops it finds no extension: the worker leaves without a word.
my $log = -s $node->logfile;
my $pid = busy_doorbell($node, 'chat1');
$node->safe_psql('chat1', 'BEGIN; SELECT porcupine.ring(ARRAY[4], ARRAY[6], 0); SET porcupine.allow_drop = on; DROP EXTENSION porcupine; COMMIT');
wait_for('the worker to leave', sub { $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' });
unlike(slurp_file($node->logfile, $log), qr/ERROR|FATAL|PANIC/, 'a worker without an extension leaves quietly');
is(hear($listeners{chat1})->{rooms}{4}, undef, 'and tells nothing');

# Two-phase commit: what would ring is refused, in words of what was done.
is(sqlstate_of($node, q{BEGIN; SELECT porcupine.ring(ARRAY[1], ARRAY[1], 0); PREPARE TRANSACTION 'rings'}, 'chat2'), '0A000', 'PREPARE TRANSACTION is refused');

# --- DROP DATABASE and its like wait for connections to go for five seconds -----------------------------------------------------------

stop_listener($listeners{$_}) foreach 'chat1', 'chat2';
busy_doorbell($node, $_) foreach 'chat2', 'chat3', 'chat4';
is(sqlstate_of($node, 'DROP DATABASE chat2'), '00000', 'a database is dropped while it has a worker');
is(sqlstate_of($node, 'ALTER DATABASE chat3 RENAME TO renamed'), '00000', 'one is renamed');
is(sqlstate_of($node, 'CREATE DATABASE copied TEMPLATE chat4'), '00000', 'one is copied');
ok(busy_doorbell($node, 'copied'), 'the copy has a worker of its own');

$node->stop;
done_testing();
