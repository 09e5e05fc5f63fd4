# Point-in-time recovery: the chat is back as it was at that moment, on a new timeline and so in a new stream: cursors of what was
# undone are reset, and the seqs that are given again are of the new stream.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('before');
$node->init(has_archiving => 1, allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'porcupine'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION porcupine');
plain_room($node, 1, 1, 2);
my $stream = $node->safe_psql('postgres', 'SELECT porcupine.current_stream()');
$node->backup('copy');

say_something($node, 'kept');
my $moment = $node->safe_psql('postgres', q{SELECT pg_create_restore_point('here')});
say_something($node, 'undone', 'undone, too');
is($node->safe_psql('postgres', 'SELECT last_seq FROM porcupine.room_heads'), '5', 'five events before');
$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
$node->stop;

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($node, 'copy', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf', "recovery_target_name = 'here'\nrecovery_target_action = 'promote'\n");
$restored->start;
wait_for('the end of the recovery', sub { $restored->safe_psql('postgres', 'SELECT NOT pg_is_in_recovery()') eq 't' });

is($restored->safe_psql('postgres', q{SELECT string_agg(encode(body, 'escape'), ' ') FROM porcupine.events WHERE kind = 'message'}), 'kept', 'what came later is undone');
my $after = $restored->safe_psql('postgres', 'SELECT porcupine.current_stream()');
cmp_ok($after, '>', $stream, 'in a new stream');
is( $restored->safe_psql('postgres', qq{
	BEGIN;
	SELECT porcupine.act_as(1) \\gset
	SELECT reset FROM porcupine.cursor_state(1, 5, $stream);
	SELECT reset FROM porcupine.cursor_state(1, 3, $stream);
	SELECT reset FROM porcupine.cursor_state(1, 3, $after);
	COMMIT;}), "t\nt\nf", 'cursors of the old stream are reset, even such as point to what is there');
say_something($restored, 'said again');
is($restored->safe_psql('postgres', 'SELECT last_seq = 4 AND last_seq = (SELECT count(*) FROM porcupine.events) FROM porcupine.room_heads'), 't', 'the log goes on without a gap');
is($restored->safe_psql('postgres', 'SELECT count(*) FROM porcupine.stream'), '2', 'the stream was renewed once');
$restored->stop;
done_testing();

sub say_something
{
	my ($server, @what) = @_;

	$server->safe_psql('postgres', join("\n", map { "BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.send(1, gen_random_uuid(), '$_'); COMMIT;" } @what));
	return;
}
