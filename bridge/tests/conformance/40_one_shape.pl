# An event looks the same, byte by byte, whichever way it comes: live from the bridge that sent it, which words it before it could
# read it; from another bridge, which reads it after a doorbell; to a cursor that catches up; and in a page by REST.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;

my $here = start_stack(conf => "max_connections = 60\n");
my $there = $here->another_bridge;
my ($ada, $ben) = map { $here->person($_) } qw(ada ben);
my $room = $here->room($ada, $ben);

sub subscribed
{
	my ($bridge, $person, %cursor) = @_;
	return $bridge->signed_in($person)->subscribe($room, %cursor);
}

# The events as they came, without what makes a frame of one.
sub words
{
	my ($ws, $up_to) = @_;

	$ws->events($room, $up_to);
	return map { s/\A\{"type":"event",/{/r } grep { /\A\{"type":"event",/ } @{ $ws->{words} };
}

my ($live, $other) = (subscribed($here, $ada), subscribed($there, $ben));
my @bodies = ("\0", "\xff" x 2, join('', map { chr } 0 .. 255), 'x' x 65536, "\xf8\x7f\xbf");
my $seq = 2;
foreach my $kind (qw(message edit reaction))
{
	foreach my $body (@bodies)
	{
		$live->say(
			{
				type => 'send',
				room => $room,
				client_id => uuid(),
				epoch => 0,
				body => b64($body),
				kind => $kind,
				$kind eq 'message' ? () : (ref => 3)
			}
		);
		$live->events($room, ++$seq);
	}
}
# what only the server writes
is( $here->http(
		'PATCH', "/api/rooms/$room/",
		token => $ada->{token},
		json => { name => "\x{e9}\"\\\x{1f994}" }
	)->{status},
	200,
	'renamed'
);
$seq++;
my $late = subscribed($there, $ada, after => 2);
my %came = (
	'at the sender' => [ words($live, $seq) ],
	'at another bridge' => [ words($other, $seq) ],
	'to a cursor' => [ words($late, $seq) ]
);

# The page's own pieces, unparsed: no event has an object within an array.
my $page = $here->http('GET', "/api/chat/rooms/$room/messages/?after=2", token => $ada->{token});
my ($results) = $page->{body} =~ /\A\{"results":\[(.*)\],"head":$seq,"stream":\d+,"reset":false\}\z/s;
my @paged = map { $_ . '}' } split /\},(?=\{"room")/, $results =~ s/\}\z//r;

is(scalar @paged, $seq - 2, 'all of them in a page');
foreach my $way (sort keys %came)
{
	is(scalar @{ $came{$way} }, scalar @paged, "as many $way");
	is($came{$way}[$_], $paged[$_], "the same $way: " . substr($paged[$_], 0, 60)) foreach 0 .. $#paged;
}

done_testing();
