# Who waits for a password to be hashed hears the timeouts, and gets a turn when one is free. A process that is stopped in the
# midst of a hash holds the only slot meanwhile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('waiting', conf => "porcupine.password_concurrency = 1\n");

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
