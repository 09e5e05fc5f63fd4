# What ends with a transaction, and what its end does: PREPARE TRANSACTION, a connection that serves one user after another, the
# flush of a commit that sent.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('transactions', conf => "max_prepared_transactions = 2\nwal_writer_delay = 10s\n");
plain_room($node, 1, 1, 2);

# An identity does not outlive PREPARE TRANSACTION, and does not come back with COMMIT PREPARED.
is( $node->safe_psql('postgres', q{
		BEGIN;
		SELECT porcupine.act_as(1);
		PREPARE TRANSACTION 'identity';
		SELECT porcupine.current_user_id() IS NULL;
		COMMIT PREPARED 'identity';
		SELECT porcupine.current_user_id() IS NULL}), "1\nt\nt", 'an identity ends with PREPARE TRANSACTION');

# What would have rung in a rolled-back savepoint does not stand in the way of PREPARE; what is left does.
is(sqlstate_of($node, q{
		BEGIN;
		SELECT porcupine.act_as(1);
		SAVEPOINT s;
		SELECT porcupine.send(1, gen_random_uuid(), 'x');
		ROLLBACK TO s;
		PREPARE TRANSACTION 'nothing rings';
		ROLLBACK PREPARED 'nothing rings'}), '00000', 'PREPARE of a transaction whose sends are rolled back');
is(sqlstate_of($node, q{
		BEGIN;
		SELECT porcupine.act_as(1);
		SELECT porcupine.send(1, gen_random_uuid(), 'x');
		PREPARE TRANSACTION 'rings'}), '0A000', 'PREPARE of a transaction that sent');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '0', 'nothing stays prepared');

# One connection, one user after another, as behind a pooler: nobody meets the one before.
my $poolers = join("\n", map { my $who = 1 + $_ % 2; my $end = qw(COMMIT ROLLBACK)[ $_ % 3 > 0 ];
	qq{SELECT porcupine.current_user_id() IS NULL; BEGIN; SELECT porcupine.act_as($who); SELECT porcupine.current_user_id() = $who; $end;} } 1 .. 30);
is(join(',', sort keys %{ { map { $_ => 1 } split /\n/, $node->safe_psql('postgres', $poolers) } }), '1,2,t', 'a pooled connection hands no identity on');

# The commit of a send is flushed, whatever synchronous_commit says; without one it would not be. What is behind the position
# that a transaction itself has reached is its commit record.
sub flushed_by_commit
{
	my ($statement) = @_;
	my @lines = split /\n/, $node->safe_psql('postgres', qq{
		SET synchronous_commit = off;
		BEGIN;
		SELECT porcupine.act_as(1);
		$statement;
		SELECT pg_current_wal_insert_lsn() AS reached \\gset
		COMMIT;
		SELECT pg_current_wal_flush_lsn() > :'reached'});

	return $lines[-1];
}
# at times the WAL writer or another process flushes at that very moment
my $other = 't';
for (my $tries = 0; $tries < 20 && $other eq 't'; $tries++)
{
	$other = flushed_by_commit('UPDATE porcupine.room_heads SET epoch = epoch WHERE room_id = 1');
}
is($other, 'f', 'another change is not flushed by its commit');
is(flushed_by_commit(q{SELECT porcupine.send(1, gen_random_uuid(), 'x')}), 't', 'a send is');

$node->stop;
done_testing();
