# A Redis Cluster: three masters and a replica, of which the bridges are told one. Rooms are on the masters that have their slots; a
# slot moves, a master is killed and its replica takes over: nothing is lost, and it is fast again afterwards.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Redis;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @user = ('--user', qw(chat on >secret ~porcupine:* &porcupine:* -@all +ping +spublish +ssubscribe +sunsubscribe +sadd +srem +smembers),
	qw(+scard +smismember +del +expire +evalsha +eval +time +exists +get +set +cluster|slots));
my @nodes = map {
	my $bus = PostgreSQL::Test::Cluster::get_free_port();
	my $node = Porcupine::Test::Redis->new(@user, '--cluster-enabled', 'yes', '--cluster-port', $bus, '--cluster-config-file',
		PostgreSQL::Test::Utils::tempdir() . '/nodes.conf', '--cluster-node-timeout', 1500, '--cluster-require-full-coverage', 'no');
	$node->{bus} = $bus;
	$node;
} 1 .. 4;
my @ids = map { $_->command('CLUSTER', 'MYID') } @nodes;
$nodes[0]->command('CLUSTER', 'MEET', '127.0.0.1', $_->port, $_->{bus}) foreach @nodes[ 1 .. 3 ];
$nodes[$_]->command('CLUSTER', 'ADDSLOTSRANGE', $_ * 5461, $_ == 2 ? 16383 : $_ * 5461 + 5460) foreach 0 .. 2;
foreach my $node (@nodes)
{
	wait_for('the cluster to know itself',
		sub { $node->command('CLUSTER', 'INFO') =~ /cluster_state:ok/ && 4 == (() = $node->command('CLUSTER', 'NODES') =~ /connected/g) });
}
like($nodes[3]->command('CLUSTER', 'REPLICATE', $ids[0]), qr/OK/, 'three masters and a replica');
wait_for('the replica to be known', sub { $nodes[1]->command('CLUSTER', 'NODES') =~ /slave/ });

# By another name than the cluster's own, which must make no difference.
my $here = start_stack(
	conf => "max_connections = 60\n",
	env => { PORCUPINE_REDIS => 'redis://chat:secret@localhost:' . $nodes[1]->port, PORCUPINE_REDIS_CLUSTER => 'on',
		PORCUPINE_LIMITS => 'join=4/1h,sends=off,sends_room=off,frames=off,reads=off,writes=off' }
);
my $there = $here->another_bridge;
my ($ada, $ben) = map { $here->person($_) } qw(ada ben);
my @rooms = map { $here->room($ada, $ben) } 1 .. 12;
my %head = map { $_ => 2 } @rooms;

sub relying
{
	return 1 == grep { $_->relying } $here, $there;
}

sub subscribed
{
	my ($bridge, $person) = @_;
	my $ws = $bridge->signed_in($person);

	$ws->subscribe($_) foreach @rooms;
	return $ws;
}

wait_for('one to rely on the other', \&relying);

# What a user has and what an address has are in different slots; both bridges ask for both.
foreach my $n (1 .. 5)
{
	my @statuses;
	foreach my $try (1 .. 10)
	{
		my $person = $here->person("joiner${n}_$try");
		my $guesses = $here->guesses + $there->guesses;

		@statuses = map {
			($_ % 2 ? $here : $there)->http('POST', '/api/rooms/join/', token => $person->{token}, json => { code => 'ZZZZZZ' })->{status}
		} 1 .. 6;
		push @statuses, $here->guesses + $there->guesses - $guesses;
		last if $statuses[-1] == 0;
	}
	is("@statuses", '404 404 404 404 429 429 0', "a limit is shared in a cluster, without a guess ($n)");
}
unlike(slurp_file($_->{log}), qr/Redis does not count/, 'by the script') foreach $here, $there;
my @sockets = (subscribed($here, $ada), subscribed($there, $ben));

# to_all(WHAT, SECONDS): in each room a message of each of the two; both have all of them in time.
sub to_all
{
	my ($what, $seconds) = @_;

	foreach my $room (@rooms)
	{
		$_->say(sending($room, $what)) foreach @sockets;
		$head{$room} += 2;
	}
	my $begin = $here->own_seconds;
	my @wrong = grep {
		my $ws = $_;
		grep { json_text([ map { $_->{seq} } $ws->events($_, $head{$_}) ]) ne json_text([ 3 .. $head{$_} ]) } @rooms
	} @sockets;
	is(@wrong, 0, "$what: everything, in order, once");
	cmp_ok($here->own_seconds - $begin, '<', $seconds, "$what: within $seconds seconds");
	return;
}

to_all('at first', 2);
my @channels = map { [ split /\n/, $_->command('PUBSUB', 'SHARDCHANNELS', 'porcupine:room:*') ] } @nodes[ 0 .. 2 ];
is(@{ $channels[0] } + @{ $channels[1] } + @{ $channels[2] }, @rooms, 'each room has a channel on one of the masters');
ok(!(grep { !@$_ } @channels), 'and they are spread');
my $ws = $there->signed_in($ada);
$ws->say({ type => 'subscribe', room => $rooms[0] });
is(@{ $ws->hear('subscribed')->{online} }, 2, 'presence is known from the masters, too');
ok(wait_for('the list of sessions', sub {
	json_value($here->http('GET', '/api/auth/sessions/', token => $ben->{token})->{body})->{results}[0]{live}
}), 'and so is a session with a socket at the other bridge');
$ws->close;

# --- a slot moves ------------------------------------------------------------------------------------------------

my ($moved) = $channels[1][0] =~ /\{(\d+)\}/;
my $slot = $nodes[0]->command('CLUSTER', 'KEYSLOT', "{$moved}");
$nodes[1]->command('DEL', "porcupine:online:$sockets[0]{ready}{stream}:{$moved}");
like($nodes[$_]->command('CLUSTER', 'SETSLOT', $slot, 'NODE', $ids[2]), qr/OK/, "slot $slot moves to the third, says node $_") foreach 2, 1, 0;
to_all('while a slot moves', 5);
wait_for('the channel to have moved', sub { $nodes[2]->command('PUBSUB', 'SHARDNUMSUB', "porcupine:room:{$moved}") =~ /\b2\z/ });
wait_for('one to rely on the other', \&relying);
to_all('when it has moved', 2);

# --- a master is killed --------------------------------------------------------------------------------------------

$nodes[0]->stop('KILL');
to_all('while a master is gone', 5);
wait_for('the replica to be the master', sub { $nodes[3]->command('ROLE') =~ /\Amaster/ });
wait_for('its channels to be there',
	sub { @{ $channels[0] } == split /\n/, $nodes[3]->command('PUBSUB', 'SHARDCHANNELS', 'porcupine:room:*') });
wait_for('one to rely on the other', \&relying);
to_all('with the replica in its place', 2);
foreach my $bridge ($here, $there)
{
	is($bridge->logged('Redis refuses a command'), 0, 'no more rights are needed than these');
}

is($_->stop_bridge, 0, 'it ends well') foreach $here, $there;

done_testing();
