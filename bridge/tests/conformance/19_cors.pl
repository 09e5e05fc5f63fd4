# Which origins may call from a browser, both ways: by status and by kind of call, from our own origin, from a listed one, from others.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Test::More;

my $own = 'https://chat.example.org';
my $listed = 'https://shop.example.org:8443';
my $stack = start_stack(env => { PORCUPINE_ORIGINS => "$own,https://chat.example.com", PORCUPINE_CORS_ORIGINS => "http://localhost:3000,$listed" });
my ($client) = stand_at_the_edge($stack);
my $ada = $stack->person('ada');
my $room = $stack->room($ada);
my $messages = "/api/chat/rooms/$room/messages/";

sub call { return $client->http(@_); }

sub header
{
	my ($answer, $name) = @_;
	return join(' | ', @{ $answer->{headers}{$name} // [] });
}

# What of CORS an answer has, beside Vary.
sub cors
{
	my ($answer) = @_;
	return { map { s/\Aaccess-control-//r => header($answer, $_) } grep { /\Aaccess-control-/ } keys %{ $answer->{headers} } };
}

my $exposed = 'ETag, Location, RateLimit, RateLimit-Policy, Retry-After';
my %granted = (
	$own => { 'allow-origin' => $own, 'allow-credentials' => 'true', 'expose-headers' => $exposed },
	$listed => { 'allow-origin' => $listed, 'expose-headers' => $exposed }
);

# --- calls --------------------------------------------------------------------------------------------------

# Whatever becomes of the call, its caller may read the answer.
my @calls = (
	[ 200, 'GET', '/api/rooms/', token => $ada->{token} ],
	[ 201, 'POST', '/api/rooms/', token => $ada->{token}, json => { name => 'x', encrypted => JSON::PP::false } ],
	[ 401, 'GET', '/api/rooms/' ],
	[ 404, 'GET', '/api/nothing/', token => $ada->{token} ],
	[ 405, 'PATCH', '/api/rooms/', token => $ada->{token}, json => {} ],
	[ 400, 'POST', '/api/rooms/join/', token => $ada->{token}, json => {} ],
	[ 413, 'POST', '/api/rooms/', token => $ada->{token}, body => 'x' x 600_000 ],
	[ 200, 'GET', '/.well-known/jwks.json' ]
);
foreach my $case (@calls)
{
	my ($status, $method, $path, %with) = @$case;

	both_ways(
		"$method $path: $status",
		sub {
			($client) = @_;
			my $answer = call($method, $path, %with);

			is($answer->{status}, $status, 'the status');
			is_deeply(cors($answer), {}, 'nothing where there is no Origin');
			is(header($answer, 'vary'), 'Origin', 'but the answer varies by it');
			foreach my $origin ($own, $listed)
			{
				$answer = call($method, $path, %with, headers => ["Origin: $origin"]);
				is($answer->{status}, $status, "from $origin: $status");
				is_deeply(cors($answer), $granted{$origin}, 'its caller may read it');
				is(header($answer, 'vary'), 'Origin', 'the answer varies by Origin');
			}
		});
}

# The cookie is our own page's: no other signs a browser in to it, as whomever it likes.
foreach my $case ([ $own, 200 ], [ $listed, 403 ])
{
	my ($origin, $status) = @$case;
	my $grant = json_value(call('POST', '/api/auth/register/', json => { username => "by-$status", password => 'correct horse' })->{body});
	my @calls = ([ 'login', username => "by-$status", password => 'correct horse' ], [ 'refresh', refresh => $grant->{refresh} ]);

	foreach my $call (@calls)
	{
		my ($path, %json) = @$call;
		my $answer = call('POST', "/api/auth/$path/", json => { %json, cookie => JSON::PP::true }, headers => ["Origin: $origin"]);
		is($answer->{status}, $status, "$path with a cookie, from $origin: $status");
		is(scalar(grep { /\Aporcupine_refresh=/ } @{ $answer->{headers}{'set-cookie'} // [] }), $status == 200 ? 1 : 0, 'the cookie accordingly');
		is(call('POST', "/api/auth/$path/", json => \%json, headers => ["Origin: $origin"])->{status}, 200, 'without one it may') if $status == 403;
	}
}

# Others: the same as at the WebSocket.
my $before = $stack->sql('SELECT count(*) FROM porcupine.rooms');
foreach my $origin (
	'null', 'https://evil.example', 'http://chat.example.org', "$own:443", "$own/", uc $own, "$own.evil.example", "https://evil.example/$own",
	'https://shop.example.org', 'https://xchat.example.org', "$own, $own", '*', 'x' x 3000
  )
{
	my $what = substr($origin, 0, 40);

	both_ways(
		"from $what: 403",
		sub {
			($client) = @_;
			my $answer = call('POST', '/api/rooms/', token => $ada->{token}, json => { name => 'foreign' }, headers => ["Origin: $origin"]);

			is($answer->{status}, 403, 'refused');
			is_deeply(cors($answer), {}, 'and may not be read');
			is(header($answer, 'vary'), 'Origin', 'but the answer varies by Origin');
			is($client->exchange($client->handshake('/ws/', { Origin => $origin }))->{status}, 403, 'the socket says the same');
		});
}
both_ways(
	'two Origins are none, one of the list may connect',
	sub {
		($client) = @_;
		is(call('GET', '/api/rooms/', token => $ada->{token}, headers => [ "Origin: $own", "Origin: $listed" ])->{status}, 400, 'two Origins');
		is($client->exchange($client->handshake('/ws/', { Origin => $_ }))->{status}, 101, "a socket from $_") foreach ($own, $listed);
	});
is($stack->sql('SELECT count(*) FROM porcupine.rooms'), $before, 'nothing was done for any of them');

# --- preflights -----------------------------------------------------------------------------------------------

sub preflight
{
	my ($path, $origin, $method, $headers) = @_;
	return call('OPTIONS', $path,
		headers => [ "Origin: $origin", "Access-Control-Request-Method: $method", defined $headers ? "Access-Control-Request-Headers: $headers" : () ]);
}

foreach my $origin ($own, $listed)
{
	foreach my $case ([ '/api/rooms/', 'GET, HEAD, POST' ], [ "/api/rooms/$room/", 'GET, HEAD, PATCH, DELETE' ], [ $messages, 'GET, HEAD, POST' ])
	{
		both_ways(
			"a preflight from $origin for $case->[0]",
			sub {
				($client) = @_;
				my $answer = preflight($case->[0], $origin, 'POST', 'authorization,content-type,idempotency-key,x-porcupine');
				my %cors = %{ cors($answer) };

				is($answer->{status}, 204, 'is answered');
				# further methods may come
				my %methods = map { $_ => 1 } split /, /, $cors{'allow-methods'} // '';
				is(join(' ', grep { !$methods{$_} } split /, /, $case->[1]), '', 'has every method of the path');
				ok(!$methods{OPTIONS} && !$methods{'*'}, 'and no more');
				is($cors{'allow-origin'}, $origin, 'says for whom');
				is($cors{'allow-headers'}, 'Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Porcupine', 'which headers');
				like($cors{'max-age'}, qr/\A[1-9]\d*\z/, 'for how long');
				is($cors{'allow-credentials'}, $origin eq $own ? 'true' : undef, 'the cookie: our own origins only');
				is(header($answer, 'vary'), 'Origin', 'varies by Origin');
			});
	}
}
both_ways(
	'a preflight from elsewhere, or for nothing',
	sub {
		($client) = @_;
		my $answer = preflight('/api/rooms/', 'https://evil.example', 'POST');
		is($answer->{status}, 403, 'a preflight from elsewhere is refused');
		is_deeply(cors($answer), {}, 'without a word of what would be allowed');
		is(preflight('/api/nothing/', $listed, 'GET')->{status}, 404, 'a preflight for nothing');
		$answer = call('OPTIONS', '/api/rooms/');
		is_deeply([ $answer->{status}, cors($answer) ], [ 204, {} ], 'OPTIONS of no browser');
		like(header($answer, 'allow'), qr/\AGET, HEAD, POST/, 'says what the path has');
		is(call('OPTIONS', '/')->{status}, 405, 'the page takes no OPTIONS');
	});

# The page is nobody else's.
foreach my $origin ($own, $listed, 'https://evil.example')
{
	both_ways(
		"the page, from $origin",
		sub {
			($client) = @_;
			my $answer = call('GET', '/', headers => ["Origin: $origin"]);
			is_deeply([ $answer->{status}, cors($answer) ], [ 200, {} ], 'no word of CORS');
		});
}

# --- forms ------------------------------------------------------------------------------------------------------------

foreach my $type ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '')
{
	both_ways(
		"what a form can send is no call: '$type'",
		sub {
			($client) = @_;
			is(call('POST', '/api/auth/login/', body => '{"username":"ada","password":"x"}', type => $type)->{status}, 415, 'the status');
		});
}

# Without TLS nobody is told to come by it.
my $plain = $stack->another_bridge(PORCUPINE_ORIGINS => "$own,http://localhost:1234", PORCUPINE_CORS_ORIGINS => '');
is(header($plain->http('GET', $_), 'strict-transport-security'), '', "$_ where an origin is without TLS: no HSTS") foreach ('/', '/livez');
is($plain->http('GET', '/api/rooms/', token => $ada->{token}, headers => ["Origin: $listed"])->{status}, 403, 'where none is listed, none may call');

# What is no origin is no setting.
foreach my $value ('*', 'null', 'https://a.example/', 'a.example', 'https://', 'https://u@a.example', "https://a.example,,https://b.example", 'https://a.example, https://b.example')
{
	foreach my $name ('PORCUPINE_CORS_ORIGINS', 'PORCUPINE_ORIGINS')
	{
		my $said = `env -i '$name=$value' '$stack->{program}' 2>&1 </dev/null`;
		is($? >> 8, 2, "$name=$value ends the bridge");
		like($said, qr/\A\S+: \Q$name=$value\E is not a list of at most 16 origins/, 'and says why');
	}
}

done_testing();
