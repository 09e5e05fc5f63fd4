# A bridge is killed: the other goes on, the address goes on, and who was on the killed one resumes on the other by a cursor and
# misses nothing. A bridge that is asked to end says so to its sockets, ends in time and is started again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test::Client;
use Porcupine::Test::Compose;
use Test::More;

my ($ada, $ben) = map { person($_) } qw(ada ben);
my $room = room($ada, $ben);
my ($at_first, $at_second) = (subscribed(bridge(1), $ada, $room), subscribed(bridge(2), $ben, $room));
my $head = $room->{head};

$at_second->say(message($room, "before $_")) foreach 1 .. 20;
my $cursor = ($at_first->events($room->{id}, $head += 20))[-1]{seq};
is($cursor, $head, 'ada has seen all until then');

$at_second->say(message($room, "during $_")) foreach 1 .. 50;
docker('kill', container('bridge', 1));
$at_second->say(message($room, "after $_")) foreach 1 .. 50;
is(($at_second->events($room->{id}, $head += 100))[-1]{seq}, $head, 'the other goes on');
is($at_first->closing, 0, 'the socket at the killed one has ended');
is_deeply(
	[ map { front()->http('GET', '/api/auth/user/', token => $ada->{token})->{status} } 1 .. 20 ],
	[ (200) x 20 ],
	'the address goes on'
);

my $stream = $at_first->{ready}{stream};
my $resumed = subscribed(bridge(2), $ada, $room, after => $cursor, stream => $stream);
is_deeply(
	[ map { $_->{seq} } $resumed->events($room->{id}, $head) ],
	[ $cursor + 1 .. $head ],
	'ada resumes on the other and misses nothing'
);
my $by_address = subscribed(front(), $ada, $room, after => $cursor, stream => $stream);
is_deeply([ $by_address->events($room->{id}, $head) ], [ $resumed->events($room->{id}, $head) ], 'by the address, too');

docker('start', container('bridge', 1));
wait_healthy('bridge', 1);
my $back = subscribed(bridge(1), $ada, $room, after => $cursor, stream => $stream);
$at_second->say(message($room, 'it is back'));
is_deeply(
	[ map { $_->{seq} } $back->events($room->{id}, ++$head) ],
	[ $cursor + 1 .. $head ],
	'the killed one is back, and has all of it'
);

# --- asked to end -----------------------------------------------------------------------------------------------

my $second = container('bridge', 2);
my $restarts = details($second)->{RestartCount};
is((inside($second, 'kill -TERM 1'))[0], 0, 'the other is asked to end');
is($at_second->closing, 4503, 'and asks its sockets to come back');
like($at_second->{close_reason}, qr/retry after \d+/, 'after a while');
wait_for('it to be started again', sub { details($second)->{RestartCount} > $restarts });
wait_healthy('bridge', 2);
is(logged($second, 'the loop did not close cleanly'), 0, 'it ended cleanly');
my $again = subscribed(bridge(2), $ben, $room, after => $cursor, stream => $stream);
is(($again->events($room->{id}, $head))[-1]{seq}, $head, 'it serves again');

done_testing();
