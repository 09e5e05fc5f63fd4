# Rooms are spread over two independent Redis nodes; each room goes on as well as its node, and without one of them nothing is lost.
# The bridge that passes doorbells on is killed, then another one is stopped: somebody else does it, or each bridge for itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Redis;
use Test::More;

my @nodes = map { Porcupine::Test::Redis->new } 1 .. 2;
my @urls = map { $_->url } @nodes;
my $first = start_stack(conf => "max_connections = 90\n", env => { PORCUPINE_REDIS => join(',', @urls) });
my @bridges = ($first, $first->another_bridge(PORCUPINE_REDIS => join(',', reverse @urls)), $first->another_bridge);
my ($ada, $ben) = map { $first->person($_) } qw(ada ben);
my @rooms = map { $first->room($ada, $ben) } 1 .. 20;
my %head = map { $_ => 2 } @rooms;

sub subscribed
{
	my ($bridge, $person) = @_;
	my $ws = $bridge->signed_in($person);

	$ws->subscribe($_) foreach @rooms;
	return $ws;
}

my (@sockets, $stopped);

# By the clock of a bridge that runs.
sub seconds { return (grep { !$stopped || $_ != $stopped } @bridges)[0]->own_seconds; }

# to_all(WHAT, SECONDS): a message in each room, by a socket and by SQL in turns; everybody has all of them in time after the last.
sub to_all
{
	my ($what, $seconds) = @_;

	foreach my $room (@rooms)
	{
		if ($room % 2)
		{
			$sockets[0]->say(sending($room, $what));
		}
		else
		{
			$first->sql_send($ben, $room, $what);
		}
		$head{$room}++;
	}
	my $begin = seconds();
	foreach my $ws (@sockets)
	{
		foreach my $room (@rooms)
		{
			my @events = $ws->events($room, $head{$room});
			is_deeply([ map { $_->{seq} } @events ], [ 3 .. $head{$room} ], "$what: room $room, everything, in order, once")
			  unless @events == $head{$room} - 2 && $events[-1]{seq} == $head{$room};
		}
	}
	cmp_ok(seconds() - $begin, '<', $seconds, "$what: within $seconds seconds");
	return;
}

sub all_is_well { return 2 == (grep { $_->relying } @bridges) && 1 == grep { $_->passing_on } @bridges; }

wait_for('two to rely on one', \&all_is_well);
@sockets = map { subscribed($_, $ada) } @bridges;
to_all('with both nodes', 4);
my @channels;
ok(wait_for('channels', sub { @channels = map { scalar(my @names = split /\n/, $_->command('PUBSUB', 'CHANNELS', 'porcupine:room:*')) } @nodes; $channels[0] + $channels[1] == @rooms }),
	'each room has a channel on one of the nodes');
ok($channels[0] && $channels[1], "and they are spread: @channels");

# --- one node goes ---------------------------------------------------------------------------------------------

$nodes[1]->stop('KILL');
wait_for('all to listen', sub { 0 == grep { $_->relying } @bridges });
to_all('without one node', 5);
to_all('without one node, still', 5);
$nodes[1]->start;
wait_for('two to rely on one', \&all_is_well);
to_all('with both nodes again', 4);

# --- the relay is stopped ------------------------------------------------------------------------------------------

# It holds the lock and does nothing.
my ($relay) = grep { $_->passing_on } @bridges;
$stopped = $relay;
kill 'STOP', $relay->{pid};
my @all = @sockets;
@sockets = map { $all[$_] } grep { $bridges[$_] != $relay } 0 .. 2;
to_all('while the relay is stopped', 5);
wait_for('the others to listen', sub { 0 == grep { $_ != $relay && $_->relying } @bridges });
to_all('while the relay is stopped, still', 4);
kill 'CONT', $relay->{pid};
$stopped = undef;
@sockets = @all;
wait_for('two to rely on one', \&all_is_well);
to_all('when it goes on', 6);

# --- the relay is killed --------------------------------------------------------------------------------------------

($relay) = grep { $_->passing_on } @bridges;
@sockets = map { $all[$_] } grep { $bridges[$_] != $relay } 0 .. 2;
my @left = grep { $_ != $relay } @bridges;
my $waiting = $left[0]->signed_in($ben);
$stopped = $relay;
my $begin = seconds();
$relay->stop_bridge('KILL');
my $new = $first->sql("INSERT INTO porcupine.rooms (encrypted, code, name) VALUES (false, porcupine.random_room_code(), 'new') RETURNING id");
$first->sql("INSERT INTO porcupine.room_heads (room_id) VALUES ($new)");
$first->sql("INSERT INTO porcupine.members (room_id, user_id, role) VALUES ($new, $ben->{id}, 'owner')");
ok($waiting->hear(sub { $_[0]{type} eq 'membership' && $_[0]{room} eq $new }), 'who is added while nobody listens hears of it');
wait_for('another one to pass doorbells on', sub { 1 == grep { $_->passing_on } @left });
cmp_ok(seconds() - $begin, '<', 6, 'another one takes over within seconds');
to_all('after that', 5);
$relay->start_bridge;

done_testing();
