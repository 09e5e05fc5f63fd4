# Two bridges before one database, which know of each other only by doorbells: people on either see the same order, and a removal
# or a logout at one cuts the sockets at the other. Killing one leaves the other whole.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;

my $here = start_stack(conf => "max_connections = 60\n");
my $there = $here->another_bridge;
my ($ada, $ben, $cas) = map { $here->person($_) } qw(ada ben cas);
my $room = $here->room($ada, $ben, $cas);

sub subscribed
{
	my ($bridge, $person, %cursor) = @_;
	return $bridge->signed_in($person)->subscribe($room, %cursor);
}

my @sockets =
  (subscribed($here, $ada), subscribed($there, $ben), subscribed($here, $cas), subscribed($there, $ada));
my $each = 100;
foreach my $n (1 .. $each)
{
	$sockets[$_]->say(sending($room, "socket $_ nr $n")) foreach 0 .. $#sockets;
}
my $last = 3 + $each * @sockets;
my @transcripts = map { [ $_->events($room, $last) ] } @sockets;
foreach my $i (0 .. $#sockets)
{
	is_deeply(
		[ map { $_->{seq} } @{ $transcripts[$i] } ],
		[ 4 .. $last ],
		"socket $i: everything, in order, once"
	);
	is_deeply($transcripts[$i], $transcripts[0], "socket $i: the same as the others");
}

# The same message at both bridges at once is one message.
my $twice = sending($room, 'sent at both');
$sockets[0]->say($twice);
$sockets[3]->say($twice);
my @acks = map {
	my $ws = $_;
	$ws->hear(sub { $_[0]{type} eq 'ack' && $_[0]{client_id} eq $twice->{client_id} })->{seq}
} @sockets[ 0, 3 ];
is($acks[0], $acks[1], 'a message that is sent at both has one seq');
is( $here->sql(
		"SELECT count(*) FROM porcupine.events WHERE room_id = $room AND client_id = '$twice->{client_id}'"),
	'1',
	'and is there once'
);

# A removal at one cuts at the other.
is($here->http('DELETE', "/api/rooms/$room/members/$ben->{id}/", token => $ada->{token})->{status},
	204, 'removed at one');
my $begin = $there->own_seconds;
is($sockets[1]->hear('unsubscribed')->{code}, 'not_member', 'cut at the other');
cmp_ok($there->own_seconds - $begin, '<=', 2, 'within two seconds');
my $removal =
  $here->sql("SELECT seq FROM porcupine.events WHERE room_id = $room AND kind = 'member.removed'");
is(($sockets[1]->events($room, 0))[-1]{seq}, $removal, 'with the removal as its last event');

# So does a logout.
my $guest = $here->person('guest');
my $tab = $there->signed_in($guest);
is($here->http('POST', '/api/auth/logout/', token => $guest->{token})->{status}, 204, 'logged out at one');
$begin = $there->own_seconds;
is($tab->closing, 4419, 'cut at the other');
cmp_ok($there->own_seconds - $begin, '<=', 2, 'within two seconds');

# One is killed; what comes then is seen at the other, and the first catches up when it is back.
$here->stop_bridge('KILL');
my $head = $removal + 50;
$sockets[3]->say(sending($room, "while one is away $_")) foreach 1 .. 50;
is(($sockets[3]->events($room, $head))[-1]{seq}, $head, 'the other goes on');
$here->start_bridge;
my $back = subscribed($here, $cas, after => $removal);
is_deeply(
	[ map { $_->{seq} } $back->events($room, $head) ],
	[ $removal + 1 .. $head ],
	'and the first catches up'
);
$sockets[3]->say(sending($room, 'after'));
is(($back->events($room, $head + 1))[-1]{seq}, $head + 1, 'live again');

done_testing();
