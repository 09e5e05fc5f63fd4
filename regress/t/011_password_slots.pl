# Passwords are hashed at most porcupine.password_concurrency at once; who waits for a slot can be interrupted, and gets one
# when it is free.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('slots', conf => "porcupine.password_concurrency = 2\n");

# Ten sessions hash without a pause, watched until each has begun and all have ended.
my $rounds = 8;
my @sessions = map { start_psql($node, "SELECT count(porcupine.hash_password(i::text)) FROM generate_series(1, $rounds) i;\n") } 1 .. 10;
my ($most_held, $most_waiting) = (0, 0);
wait_for('the sessions to end', sub {
	my ($held, $waiting) = split /\|/, $node->safe_psql('postgres', q{
		SELECT count(*) FILTER (WHERE granted), count(*) FILTER (WHERE NOT granted) FROM pg_locks WHERE locktype = 'advisory' AND objsubid > 2});

	$most_held = $held if $held > $most_held;
	$most_waiting = $waiting if $waiting > $most_waiting;
	my @running = grep { $_->{run}->pumpable } @sessions;

	$_->{run}->pump_nb for @running;
	return !@running;
});
$_->{run}->finish for @sessions;
is(scalar(grep { $_->{out} eq "$rounds\n" } @sessions), 10, 'every hash came, however many at once');
is($most_held, 2, 'at most two hashes at once, and two of them');
ok($most_waiting > 0, 'others waited');

# A slot that a stopped process holds: nobody else gets it, and they give up when they are told to.
$node->safe_psql('postgres', 'ALTER SYSTEM SET porcupine.password_concurrency = 1');
$node->reload;
my $holder = start_psql($node, "SELECT count(porcupine.hash_password(i::text)) FROM generate_series(1, 100000) i;\n");
my $pid = wait_for('a hash to run', sub {
	return $node->safe_psql('postgres', q{SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid > 2 AND granted LIMIT 1});
});
wait_for('it to be stopped in the midst of a hash', sub {
	kill 'STOP', $pid;
	return 1 if $node->safe_psql('postgres', "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid > 2 AND granted AND pid = $pid");
	kill 'CONT', $pid;
	return 0;
});
is(sqlstate_of($node, q{SET statement_timeout = '300ms'; SELECT porcupine.hash_password('x')}), '57014', 'a waiter hears statement_timeout');
is(sqlstate_of($node, q{SET lock_timeout = '300ms'; SELECT porcupine.verify_password(NULL, 'x')}), '55P03', 'and lock_timeout');
kill 'CONT', $pid;
is(sqlstate_of($node, q{SELECT porcupine.hash_password('x')}), '00000', 'the slot goes round');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$holder->{run}->finish;
like($holder->{err}, qr/57014/, 'a session that hashes hears a cancel between two hashes');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'no slot is left behind');

$node->stop;
done_testing();
