# The one address: the page, registering, WebSockets. It hands on an upgrade to WebSocket and to nothing else, an Origin as the
# bridge shall judge it, bodies up to the bridge's own limit, and it spreads sockets over both bridges.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test::Client;
use Porcupine::Test::Compose;
use Test::More;

wait_healthy('front');
my $front = front();
my $page = $front->http('GET', '/');

is($page->{status}, 200, 'the page is there');
like($page->{headers}{'content-type'}[0], qr/\Atext\/html/, 'as a page');
like($page->{headers}{'content-security-policy'}[0], qr/default-src 'none'/, 'with the headers of the bridge');
my ($script) = $page->{body} =~ /<script[^>]* src="([^"]+)"/;
is($front->http('GET', $script)->{status}, 200, 'and its script');

my ($ada, $ben) = map { person($_) } qw(ada ben);
my $room = room($ada, $ben);
my @sockets = map { subscribed($front, $_, $room) } ($ada, $ben) x 8;
my $first = $room->{head} + 1;

$sockets[$_]->say(message($room, "socket $_")) foreach 0 .. $#sockets;
my $last = $room->{head} + @sockets;
foreach my $i (0 .. $#sockets)
{
	is_deeply(
		[ map { $_->{seq} } $sockets[$i]->events($room->{id}, $last) ],
		[ $first .. $last ],
		"socket $i: everything, in order, once"
	);
}

# sockets that the server end of a bridge has, as the kernel there lists them: local port 8080, established
my $established = q{awk '$2 ~ /:1F90$/ && $4 == "01"' /proc/net/tcp | wc -l};
foreach my $number (1, 2)
{
	cmp_ok((inside(container('bridge', $number), $established))[1], '>', 0, "bridge $number has a share of them");
}

# --- what a proxy could get wrong ----------------------------------------------------------------------------

sub upgrade
{
	my (%changes) = @_;
	return $front->exchange($front->handshake('/ws/', \%changes))->{status};
}

is(upgrade(Origin => "http://localhost:$ENV{PORCUPINE_PORT}"), 101, 'the page of this address may connect');
is(upgrade(Origin => "http://127.0.0.1:$ENV{PORCUPINE_PORT}"), 101, 'by its number, too');
is(upgrade(Origin => 'http://localhost:1'), 403, 'a page of another may not');
is(upgrade(Upgrade => 'h2c', Connection => 'Upgrade, HTTP2-Settings', 'HTTP2-Settings' => 'AAMAAABkAAQAAP__'),
	$front->http('GET', '/ws/')->{status}, 'an upgrade to HTTP/2 is to a bridge as if none had been asked for');
is($front->http('GET', '/api/rooms/%2e%2e/rooms/', token => $ada->{token})->{status},
	bridge(1)->http('GET', '/api/rooms/%2e%2e/rooms/', token => $ada->{token})->{status},
	'a path reaches the bridge as it was written');
# whose a session is, as its owner sees it
sub seen_as
{
	my (@headers) = @_;
	my $token = person('ada', @headers)->{token};
	return front()->http('GET', '/api/auth/sessions/', token => $token)->{json}{results}[0]{address};
}

my $address = seen_as();
like($address, qr/\A\d+(?:\.\d+){3}\z/, 'a client has an address');
my @of_front = map { $_->{IPAddress} } values %{ details(container('front'))->{NetworkSettings}{Networks} };
is((grep { $_ eq $address } @of_front), 0, 'which is not that of the front');
is(seen_as("$_: 203.0.113.9"), $address, "$_ of a client changes nothing") foreach 'X-Forwarded-For', 'X-Real-IP', 'True-Client-IP';
is(seen_as('Forwarded: for=203.0.113.9;host=evil.test;proto=https'), $address, 'nor does Forwarded');
my $kept = $front->http('GET', '/');
foreach my $name (qw(content-security-policy x-content-type-options referrer-policy cross-origin-opener-policy))
{
	is_deeply($kept->{headers}{$name}, bridge(1)->http('GET', '/')->{headers}{$name}, "$name: once, as the bridge says it");
}
is($kept->{headers}{server}[0], 'nginx', 'the front does not say which version it is');
my $large = message($room, 'x' x 65536);
is($front->http('POST', "/api/chat/rooms/$room->{id}/messages/", token => $ada->{token}, json => $large)->{status},
	201, 'a message of 64 KiB');
$large = message($room, 'x' x 65537);
is($front->http('POST', "/api/chat/rooms/$room->{id}/messages/", token => $ada->{token}, json => $large)->{status},
	413, 'not one byte more');

done_testing();
