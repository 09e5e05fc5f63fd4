# Whoever is erased is in no dump any more: no name, address, key or word of theirs, whatever they did before; and whoever joins or sends at
# that moment is gone as well.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('erased');
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
my @words = qw(marie.curie Maria.Sklodowska marie@example.net Maries.Laptop polonium identitaet schluessel versiegelt 192.0.2.99 begruendung);

my $marie = $node->safe_psql(
	'postgres', q{
	SELECT user_id AS marie, session_id AS session, device_id AS device
	  FROM porcupine.register('marie.curie', 'correct horse', 'Maria.Sklodowska', 'marie@example.net', 'Maries.Laptop', '192.0.2.99') \gset
	\echo :marie
	INSERT INTO porcupine.users (id, username, display_name) VALUES (101, 'ben', 'Ben');
	BEGIN;
	SELECT porcupine.act_as_session(:session) \gset
	SELECT porcupine.publish_device('schluessel', 'identitaet', 1, 'schluessel list') \gset
	SELECT id AS room FROM porcupine.create_room('open', false) \gset
	SELECT id AS sealed FROM porcupine.create_room('sealed', true, '{create,rotate}', ARRAY[:device]::bigint[], '{versiegelt}') \gset
	SELECT seq AS said FROM porcupine.send(:room, gen_random_uuid(), 'polonium') \gset
	SELECT seq FROM porcupine.send(:room, gen_random_uuid(), 'polonium!', kind => 'edit', ref => :said) \gset
	SELECT seq FROM porcupine.send(:sealed, gen_random_uuid(), 'polonium') \gset
	SELECT porcupine.hint(:room, :said, '{polonium}') \gset
	SELECT porcupine.report(:room, :said, 'begruendung', 'polonium') \gset
	SELECT id FROM porcupine.create_invite(:room) \gset
	COMMIT;
	INSERT INTO porcupine.members (room_id, user_id) VALUES (:room, 101);
	INSERT INTO porcupine.rooms (id, code, encrypted, name) VALUES (999, 'JJJJJJ', false, 'late');
	INSERT INTO porcupine.room_heads (room_id) VALUES (999);
});

# The words as a dump has them, also those that are bytes.
sub found
{
	unlink $dump;
	$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dumped');
	my $text = slurp_file($dump);
	return join(' ', grep { my $hex = unpack('H*', $_); $text =~ /\Q$_\E|$hex/i } @words);
}

is(found(), join(' ', @words), 'a dump has all that somebody is, before');

# Somebody joins and says something while they are erased: one of the two waits for the other.
my $joining = $node->background_psql('postgres');
$joining->query_safe("BEGIN; SELECT porcupine.act_as($marie)");
$joining->query_safe(q{SELECT id FROM porcupine.join_room('JJJJJJ')});
$joining->query_safe(q{SELECT seq FROM porcupine.send(999, gen_random_uuid(), 'polonium')});
my $erasing = start_psql($node, "SELECT * FROM porcupine.erase_user($marie)");
wait_for('the erasure to wait', sub {
	$erasing->{run}->pump_nb;
	$node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%erase_user%'});
});
$joining->query_safe('COMMIT');
$joining->quit;
$erasing->{run}->finish;
is($erasing->{err}, '', 'erased');
like($erasing->{out}, qr/^3\|4\|f$/m, 'from three rooms, with four messages');

is(found(), '', 'a dump has nothing of it, after');
is($node->safe_psql('postgres', "SELECT count(*) FROM porcupine.members WHERE user_id = $marie"), '0', 'no membership is left');
is($node->safe_psql('postgres', q{SELECT count(*) FROM porcupine.room_heads h WHERE h.last_seq <> (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id)}),
	'0', 'and every log is whole');
is(sqlstate_of($node, qq{INSERT INTO porcupine.members (room_id, user_id) VALUES (999, $marie)}), 'PC013', 'nobody brings them back');
is($node->safe_psql('postgres', "SELECT * FROM porcupine.erase_user($marie)"), '0|0|f', 'a second time finds nothing');

$node->stop;
done_testing();
