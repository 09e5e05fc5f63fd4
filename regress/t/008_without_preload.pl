# Everything works without shared_preload_libraries, function by function in connections that have loaded nothing yet; settings
# that a user made up before the library was there are worth nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('plain', preload => 0);
my $refresh =
  $node->safe_psql('postgres', q{SELECT refresh_token FROM porcupine.register('ada', 'correct horse')});

# Each of these is the first thing that its connection does.
is($node->safe_psql('postgres', qq{SELECT username, expires_in FROM porcupine.refresh('$refresh')}),
	'ada|600', 'refresh');
is($node->safe_psql('postgres', q{SELECT username FROM porcupine.login('ada', 'correct horse')}),
	'ada', 'login');
is($node->safe_psql('postgres', q{SELECT jsonb_array_length(porcupine.jwks() -> 'keys')}), '1', 'jwks');
is($node->safe_psql('postgres', q{SELECT porcupine.current_stream() > 0}), 't', 'current_stream');
is($node->safe_psql('postgres', q{SELECT porcupine.current_user_id() IS NULL}), 't', 'current_user_id');
is(sqlstate_of($node, q{SELECT * FROM porcupine.my_rooms()}), 'PC002', 'my_rooms without an identity');
is(sqlstate_of($node, q{SELECT porcupine.authenticate('x')}), 'PC002', 'authenticate');
is( $node->safe_psql(
		'postgres', q{
	BEGIN;
	SELECT porcupine.act_as(porcupine.find_user('ada')) > 0;
	SELECT name FROM porcupine.create_room('room', false);
	SELECT seq FROM porcupine.send((SELECT id FROM porcupine.rooms), gen_random_uuid(), 'x');
	COMMIT;
	SELECT count(*) FROM porcupine.rooms;}
	),
	"t\nroom\n2\n1",
	'a room and a message'
);
is( $node->safe_psql(
		'postgres',
		q{SELECT string_agg(event->>'kind', ' ' ORDER BY seq) FROM porcupine.read_frames((SELECT id FROM porcupine.rooms), 0)}
	),
	'member.joined message',
	'read_frames'
);

# A made-up setting, from before the library was loaded.
$node->safe_psql('postgres', 'CREATE ROLE bridge LOGIN IN ROLE porcupine_bridge');
my ($code, $out, $err) = $node->psql(
	'postgres',
	qq{SET porcupine.access_lifetime = '3600'; SELECT expires_in FROM porcupine.refresh('$refresh')},
	extra_params => [ '-U', 'bridge' ]
);
is($out =~ /3600/ ? 'longer' : 'not longer',
	'not longer', 'nobody but a superuser lengthens the life of tokens');

# NOTIFY comes straight from the transaction here.
my $listener = start_psql(
	$node, q{
	LISTEN porcupine;
	BEGIN;
	SELECT porcupine.act_as(porcupine.find_user('ada')) > 0;
	SELECT seq FROM porcupine.send((SELECT id FROM porcupine.rooms), gen_random_uuid(), 'y');
	COMMIT;
	SELECT 'end';
}
);
wait_for('the listener',
	sub { $listener->{run}->pump_nb if $listener->{run}->pumpable; !$listener->{run}->pumpable });
$listener->{run}->finish;
my @notified = $listener->{out} =~ /Asynchronous notification "porcupine"/g;
is(scalar(@notified), 1, 'one doorbell for the transaction');

$node->safe_psql('postgres', 'SET porcupine.allow_drop = on; DROP EXTENSION porcupine');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'porcupine'}),
	'0', 'dropped without a trace but its roles');
$node->safe_psql('postgres', 'REVOKE porcupine_bridge FROM bridge; CREATE EXTENSION porcupine');
is($node->safe_psql('postgres', q{SELECT count(*) FROM porcupine.users}), '0', 'and installed again');

done_testing();
