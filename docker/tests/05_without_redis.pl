# Redis is stopped: on the same bridge everything stays live, the other bridge is at most five seconds behind, nothing is lost. When
# it is back, with nothing in it, all is as before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test::Client;
use Porcupine::Test::Compose;
use Test::More;
use Time::HiRes qw(time);

my @bridges = map { container('bridge', $_) } 1, 2;
my @connected = map { logged($_, 'connected to Redis') } @bridges;
my ($ada, $ben) = map { person($_) } qw(ada ben);
my $room = room($ada, $ben);
my @sockets = (subscribed(bridge(1), $ada, $room), subscribed(bridge(2), $ben, $room));
my $head = $room->{head};

# exchange(WHAT, SECONDS): each says something, and the other sees it in that time.
sub exchange
{
	my ($what, $seconds) = @_;

	foreach my $from (0, 1)
	{
		my $begin = time;

		$sockets[$from]->say(message($room, $what));
		is(($sockets[$from]->events($room->{id}, ++$head))[-1]{seq}, $head, "$what: seen on the same bridge");
		is(($sockets[ 1 - $from ]->events($room->{id}, $head))[-1]{seq}, $head, "$what: seen on the other");
		cmp_ok(time - $begin, '<', $seconds, "$what: in time");
	}
	return;
}

exchange('with Redis', 5);
docker('stop', container('redis'));
exchange("without Redis, nr $_", 5) foreach 1 .. 5;
is((details($_)->{State}{Health}{Status}), 'healthy', 'a bridge does not need it to be healthy') foreach @bridges;

docker('start', container('redis'));
wait_healthy('redis');
foreach my $i (0, 1)
{
	wait_for('a connection to Redis', sub { logged($bridges[$i], 'connected to Redis') > $connected[$i] }, 60);
}
exchange('with Redis again', 5);
foreach my $ws (@sockets)
{
	is_deeply(
		[ map { $_->{seq} } $ws->events($room->{id}, $head) ],
		[ $room->{head} + 1 .. $head ],
		'everything, in order, once'
	);
}

done_testing();
