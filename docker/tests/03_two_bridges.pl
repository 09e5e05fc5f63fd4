# Two people at two bridges, which tell each other over Redis: both see everything, in one order, each event once and at once. One of
# the bridges listens to the database for both.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test::Client;
use Porcupine::Test::Compose;
use Test::More;
use Time::HiRes qw(time);

my @bridges = map { container('bridge', $_) } 1, 2;
foreach my $id (@bridges)
{
	wait_for('a connection to Redis', sub { logged($id, 'connected to Redis') });
}
wait_for('one to rely on the other', sub { grep { logged($_, 'relying on another bridge for doorbells') } @bridges });

my ($ada, $ben) = map { person($_) } qw(ada ben);
my $room = room($ada, $ben);
my @sockets = (subscribed(bridge(1), $ada, $room), subscribed(bridge(2), $ben, $room));
my $each = 200;
foreach my $n (1 .. $each)
{
	$sockets[$_]->say(message($room, "socket $_ nr $n")) foreach 0, 1;
}
my $last = $room->{head} + 2 * $each;
my @transcripts = map { [ $_->events($room->{id}, $last) ] } @sockets;

foreach my $i (0, 1)
{
	is_deeply(
		[ map { $_->{seq} } @{ $transcripts[$i] } ],
		[ $room->{head} + 1 .. $last ],
		"at bridge $i: everything, in order, once"
	);
	my @own = grep { $_->{sender} eq ($ada, $ben)[$i]{id} } @{ $transcripts[1 - $i] };
	is_deeply(
		[ map { unb64($_->{body}) } @own ],
		[ map { "socket $i nr $_" } 1 .. $each ],
		'the other sees them in the order in which they were sent'
	);
}
is_deeply($transcripts[0], $transcripts[1], 'the same at both');

my $begin = time;
foreach my $n (1 .. 20)
{
	$sockets[$n % 2]->say(message($room, "one at a time $n"));
	$sockets[1 - $n % 2]->events($room->{id}, ++$last);
}
cmp_ok(time - $begin, '<', 5, 'one at a time, without waiting for a sweep');

$sockets[0]->say({ type => 'typing', room => $room->{id} });
is(($sockets[1]->hear('typing', 5) // {})->{user}, $ada->{id}, 'who types is seen at the other');
foreach my $number (1, 2)
{
	my $sees_both = sub { @{ subscribed(bridge($number), $ada, $room)->{subscribed}{online} } == 2 };

	ok(wait_for('both to be online', $sees_both), "bridge $number knows who is online at either");
}
is(logged($_, 'Redis refuses a command'), 0, 'a bridge may say to Redis what it says') foreach @bridges;

done_testing();
