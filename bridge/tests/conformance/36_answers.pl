# What every answer tells a browser to keep to, both ways, whatever the status and whoever gives it: nothing is loaded or run that is not ours, and nothing
# is guessed, framed or passed on; each header once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Test::More;

my $own = 'https://chat.example.org';
my $listed = 'https://shop.example.org:8443';
my $stack = start_stack(env => { PORCUPINE_ORIGINS => "$own,https://chat.example.com", PORCUPINE_CORS_ORIGINS => $listed });
my (undef, $front) = stand_at_the_edge($stack);
my $ada = $stack->person('ada');
my $room = $stack->room($ada);
my $host = "Host: localhost\r\n";
my ($script) = $stack->http('GET', '/')->{body} =~ m{(/assets/[^"]+\.js)"};
my $etag = $stack->http('GET', '/')->{headers}{etag}[0];

sub header { my ($answer, $name) = @_; return join(' | ', @{ $answer->{headers}{$name} // [] }); }

sub call { my (@call) = @_; return sub { $_[0]->http(@call) }; }
sub say_bytes { my ($bytes) = @_; return sub { $_[0]->exchange($bytes) }; }
sub shake { my (%changes) = @_; return sub { $_[0]->exchange($_[0]->handshake('/ws/', \%changes)) }; }

my @answers = (
	[ 'page', 200, 'the page', call('GET', '/') ],
	[ 'page', 200, 'a view of the page', call('GET', '/rooms/7') ],
	[ 'page', 200, 'HEAD', call('HEAD', '/') ],
	[ 'page', 304, 'not modified', call('GET', '/', headers => ["If-None-Match: $etag"]) ],
	(defined $script ? [ 'page', 200, 'a script', call('GET', $script) ] : ()),
	[ 'call', 404, 'no file', call('GET', '/nothing.js') ],
	[ 'call', 405, 'the page', call('DELETE', '/') ],
	[ 'call', 200, 'livez', call('GET', '/livez') ],
	[ 'call', 200, 'jwks', call('GET', '/.well-known/jwks.json') ],
	[ 'call', 200, 'a call', call('GET', '/api/rooms/', token => $ada->{token}) ],
	[ 'call', 204, 'a call without content', call('POST', "/api/rooms/$room/read/", token => $ada->{token}, json => { seq => 1 }) ],
	[ 'call', 204, 'a preflight', call('OPTIONS', '/api/rooms/', headers => [ "Origin: $listed", 'Access-Control-Request-Method: GET' ]) ],
	[ 'call', 401, 'no token', call('GET', '/api/rooms/') ],
	[ 'call', 403, 'an origin', call('OPTIONS', '/api/rooms/', headers => [ 'Origin: null', 'Access-Control-Request-Method: GET' ]) ],
	[ 'call', 404, 'no call', call('GET', '/api/nothing/', token => $ada->{token}) ],
	[ 'call', 413, 'too large a body', call('POST', '/api/rooms/', token => $ada->{token}, body => 'x' x 600_000) ],
	[ 'call', 413, 'too large a body for nginx', call('POST', '/api/rooms/', token => $ada->{token}, body => 'x' x 1_100_000) ],
	[ 'call', 415, 'no JSON', call('POST', '/api/rooms/', token => $ada->{token}, body => 'x', type => 'text/plain') ],
	[ 'call', 403, 'a handshake from elsewhere', shake(Origin => 'null') ],
	[ 'call', 426, 'a handshake of another version', shake('Sec-WebSocket-Version' => 8) ],
	[ 'call', 400, 'a path in disguise', call('GET', '/api/%2e%2e/rooms/') ],
	[ 'call', 400, 'no Host', say_bytes("GET /livez HTTP/1.1\r\n\r\n") ],
	[ 'call', 400, 'a folded header', say_bytes("GET /livez HTTP/1.1\r\n${host}X: y\r\n z\r\n\r\n") ],
	[ 'call', 400, 'no request', say_bytes("\x16\x03\x01") ],
	[ 'call', 414, 'a long target', say_bytes('GET /' . 'x' x 20000 . " HTTP/1.1\r\n$host\r\n") ],
	[ 'call', 431, 'a long header', say_bytes("GET / HTTP/1.1\r\n${host}X: " . 'x' x 20000 . "\r\n\r\n") ],
	[ 'call', [ 501, 405 ], 'an unknown method', say_bytes("TRACE / HTTP/1.1\r\n$host\r\n") ],
	[ 'call', 505, 'an unknown version', say_bytes("GET / HTTP/2.0\r\n$host\r\n") ],
	[ 'call', [ 411, 404 ], 'chunks', say_bytes("POST /api/nothing/ HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") ]
);
foreach my $case (@answers)
{
	my ($kind, $expected, $what, $ask) = @$case;
	my ($direct, $through) = ref $expected ? @$expected : ($expected, $expected);

	both_ways(
		"$what: $direct" . ($through != $direct ? ", through nginx $through" : ''),
		sub {
			my ($client, $is_nginx) = @_;
			my $answer = $ask->($client);
			my $policy = header($answer, 'content-security-policy');
			my %rules = map { my ($name, $values) = split / /, $_, 2; $name => $values // '' } split /; /, $policy;

			is($answer->{status}, $is_nginx ? $through : $direct, 'the status');
			has_headers($answer);
			is($rules{'default-src'}, "'none'", 'nothing by default');
			is($rules{$_}, "'none'", "$_ none") foreach ('frame-ancestors', 'base-uri');
			unlike($policy, qr/unsafe|https?:|\*/, "nothing unsafe and nobody else's");
			unlike(header($answer, 'server'), qr/\d/, 'no version of the server');
			is(header($answer, 'cache-control'), 'no-store', 'a refusal is not kept') if $answer->{status} >= 400 && !$is_nginx;
			is(scalar(@{ $answer->{headers}{'content-length'} // [] }), $answer->{status} =~ /204|304/ ? 0 : 1, 'one length');
			if ($kind eq 'page')
			{
				is($rules{'require-trusted-types-for'}, "'script'", 'trusted types');
				is($rules{'trusted-types'}, "'none'", 'and no policy that makes them');
				is($rules{'script-src'}, "'self'", 'scripts of our own, none of a string');
				is($rules{'connect-src'}, "'self' wss://chat.example.org wss://chat.example.com", 'connects to its own origins, by name');
				like(header($answer, 'permissions-policy'), qr/camera=\(\).*microphone=\(\)/, 'no camera, no microphone');
			}
			else { is($rules{sandbox}, '', 'shown, it runs nothing'); }
		});
}
both_ways('the server does not name itself', sub { my ($client, $is_nginx) = @_; is(header($client->http('GET', '/livez'), 'server'), $is_nginx ? 'nginx' : '', 'or not its version') });

# The bridge is away: nginx answers alone.
$stack->stop_bridge;
subtest 'no bridge, through nginx: 502' => sub {
	my $answer = $front->http('GET', '/api/rooms/');
	is($answer->{status}, 502, 'the status');
	is_problem_of($answer);
	has_headers($answer);
};
$stack->start_bridge;

done_testing();
