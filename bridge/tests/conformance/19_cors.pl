# Which origins may call from a browser, and what every answer tells a browser to keep to: by status and by kind of answer, from
# our own origin, from a listed one, from others.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;

my $own = 'https://chat.example.org';
my $listed = 'https://shop.example.org:8443';
my $stack = start_stack(env => { PORCUPINE_ORIGINS => "$own,https://chat.example.com", PORCUPINE_CORS_ORIGINS => "http://localhost:3000,$listed" });
my $ada = $stack->person('ada');
my $room = $stack->room($ada);
my $messages = "/api/chat/rooms/$room/messages/";

sub call { return $stack->http(@_); }

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
	my $answer = call($method, $path, %with);

	is($answer->{status}, $status, "$method $path: $status");
	is_deeply(cors($answer), {}, 'nothing where there is no Origin');
	is(header($answer, 'vary'), 'Origin', 'but the answer varies by it');
	foreach my $origin ($own, $listed)
	{
		$answer = call($method, $path, %with, headers => ["Origin: $origin"]);
		is($answer->{status}, $status, "from $origin: $status");
		is_deeply(cors($answer), $granted{$origin}, 'its caller may read it');
		is(header($answer, 'vary'), 'Origin', 'the answer varies by Origin');
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
	my $answer = call('POST', '/api/rooms/', token => $ada->{token}, json => { name => 'foreign' }, headers => ["Origin: $origin"]);

	is($answer->{status}, 403, "from $what: refused");
	is_deeply(cors($answer), {}, 'and may not be read');
	is(header($answer, 'vary'), 'Origin', 'but the answer varies by Origin');
	is($stack->exchange($stack->handshake('/ws/', { Origin => $origin }))->{status}, 403, 'the socket says the same');
}
is(call('GET', '/api/rooms/', token => $ada->{token}, headers => [ "Origin: $own", "Origin: $listed" ])->{status}, 400, 'two Origins');
is($stack->sql('SELECT count(*) FROM porcupine.rooms'), $before, 'nothing was done for any of them');
is($stack->exchange($stack->handshake('/ws/', { Origin => $_ }))->{status}, 101, "a socket from $_") foreach ($own, $listed);

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
		my $answer = preflight($case->[0], $origin, 'POST', 'authorization,content-type,idempotency-key,x-porcupine');
		my %cors = %{ cors($answer) };

		is($answer->{status}, 204, "a preflight from $origin for $case->[0]");
		# further methods may come
		my %methods = map { $_ => 1 } split /, /, $cors{'allow-methods'} // '';
		is(join(' ', grep { !$methods{$_} } split /, /, $case->[1]), '', 'has every method of the path');
		ok(!$methods{OPTIONS} && !$methods{'*'}, 'and no more');
		is($cors{'allow-origin'}, $origin, 'says for whom');
		is($cors{'allow-headers'}, 'Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Porcupine', 'which headers');
		like($cors{'max-age'}, qr/\A[1-9]\d*\z/, 'for how long');
		is($cors{'allow-credentials'}, $origin eq $own ? 'true' : undef, 'the cookie: our own origins only');
		is(header($answer, 'vary'), 'Origin', 'varies by Origin');
	}
}
my $answer = preflight('/api/rooms/', 'https://evil.example', 'POST');
is($answer->{status}, 403, 'a preflight from elsewhere is refused');
is_deeply(cors($answer), {}, 'without a word of what would be allowed');
is(preflight('/api/nothing/', $listed, 'GET')->{status}, 404, 'a preflight for nothing');
$answer = call('OPTIONS', '/api/rooms/');
is_deeply([ $answer->{status}, cors($answer) ], [ 204, {} ], 'OPTIONS of no browser');
like(header($answer, 'allow'), qr/\AGET, HEAD, POST/, 'says what the path has');
is(call('OPTIONS', '/')->{status}, 405, 'the page takes no OPTIONS');

# The page is nobody else's.
foreach my $origin ($own, $listed, 'https://evil.example')
{
	$answer = call('GET', '/', headers => ["Origin: $origin"]);
	is_deeply([ $answer->{status}, cors($answer) ], [ 200, {} ], "the page, from $origin: no word of CORS");
}

# --- the cookie -------------------------------------------------------------------------------------------------

sub refresh_from
{
	my (@headers) = @_;
	return call('POST', '/api/auth/refresh/', json => {}, headers => [ "Cookie: porcupine_refresh=$ada->{refresh}", @headers ])->{status};
}

is(refresh_from('X-Porcupine: 1', "Origin: $listed"), 403, 'the cookie does not count from a listed origin');
is(refresh_from('X-Porcupine: 1', 'Origin: null'), 403, 'nor from null');
is(refresh_from("Origin: $own"), 403, 'nor without our own header');
is(refresh_from('X-Porcupine: 2', "Origin: $own"), 403, 'which says 1');
isnt(refresh_from('X-Porcupine: 1', "Origin: $own"), 403, 'it does from our page');
foreach my $type ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '')
{
	is(call('POST', '/api/auth/login/', body => '{"username":"ada","password":"x"}', type => $type)->{status}, 415, "what a form can send is no call: '$type'");
}

# --- what every answer has ----------------------------------------------------------------------------------------

my $page = call('GET', '/');
my ($script) = $page->{body} =~ m{(/assets/[^"]+\.js)"};
my %everywhere = (
	'x-content-type-options' => 'nosniff',
	'referrer-policy' => 'no-referrer',
	'cross-origin-opener-policy' => 'same-origin',
	'cross-origin-resource-policy' => 'same-origin',
	'strict-transport-security' => 'max-age=31536000'
);
my @answers = (
	[ 'page', '200 the page', $page ],
	[ 'page', '200 a view of the page', call('GET', '/rooms/7') ],
	[ 'page', '200 HEAD', call('HEAD', '/') ],
	[ 'page', '304', call('GET', '/', headers => ["If-None-Match: $page->{headers}{etag}[0]"]) ],
	(defined $script ? [ 'page', '200 a script', call('GET', $script) ] : ()),
	[ 'call', '404 no file', call('GET', '/nothing.js') ],
	[ 'call', '405 the page', call('DELETE', '/') ],
	[ 'call', '200 livez', call('GET', '/livez') ],
	[ 'call', '200 jwks', call('GET', '/.well-known/jwks.json') ],
	[ 'call', '200 a call', call('GET', '/api/rooms/', token => $ada->{token}) ],
	[ 'call', '204 a call', call('POST', "/api/rooms/$room/read/", token => $ada->{token}, json => { seq => 1 }) ],
	[ 'call', '204 a preflight', preflight('/api/rooms/', $listed, 'GET') ],
	[ 'call', '401', call('GET', '/api/rooms/') ],
	[ 'call', '403 an origin', preflight('/api/rooms/', 'null', 'GET') ],
	[ 'call', '404 a call', call('GET', '/api/nothing/') ],
	[ 'call', '413', call('POST', '/api/rooms/', token => $ada->{token}, body => 'x' x 600_000) ],
	[ 'call', '403 a handshake', $stack->exchange($stack->handshake('/ws/', { Origin => 'null' })) ],
	[ 'call', '426 a handshake', $stack->exchange($stack->handshake('/ws/', { 'Sec-WebSocket-Version' => 8 })) ],
	[ 'call', '400 no Host', $stack->exchange("GET /livez HTTP/1.1\r\n\r\n") ],
	[ 'call', '411 chunked', $stack->exchange("POST /api/rooms/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") ]
);
foreach my $case (@answers)
{
	my ($kind, $what, $given) = @$case;
	my ($status) = $what =~ /\A(\d+)/;
	my $policy = header($given, 'content-security-policy');
	my %rules = map { my ($name, $values) = split / /, $_, 2; $name => $values // '' } split /; /, $policy;

	is($given->{status}, $status, "$what: the status");
	is(header($given, $_), $everywhere{$_}, "$what: $_") foreach sort keys %everywhere;
	is($rules{'default-src'}, "'none'", "$what: nothing by default");
	is($rules{$_}, "'none'", "$what: $_ none") foreach ('frame-ancestors', 'base-uri');
	unlike($policy, qr/unsafe|https?:|\*/, "$what: nothing unsafe and nobody else's");
	is(header($given, 'server'), '', "$what: no word of the server");
	is(scalar(@{ $given->{headers}{'content-length'} // [] }), $status =~ /204|304/ ? 0 : 1, "$what: one length");
	if ($kind eq 'page')
	{
		is($rules{'require-trusted-types-for'}, "'script'", "$what: trusted types");
		is($rules{'trusted-types'}, "'none'", "$what: and no policy that makes them");
		is($rules{'script-src'}, "'self'", "$what: scripts of our own");
		is($rules{'connect-src'}, "'self' wss://chat.example.org wss://chat.example.com", "$what: connects to its own origins, by name");
		like(header($given, 'permissions-policy'), qr/camera=\(\).*microphone=\(\)/, "$what: no camera, no microphone");
	}
	else
	{
		is($rules{sandbox}, '', "$what: shown, it runs nothing");
	}
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
