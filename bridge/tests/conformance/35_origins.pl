# From where a browser may call, both ways: an Origin is one of the list, byte by byte, at the socket as at REST; and the refresh cookie counts with the
# page's own Origin and a header of our own, never without either.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Test::More;

my $own = 'https://chat.example.org';
my $listed = 'https://shop.example.org:8443';
my $stack = start_stack(env => { PORCUPINE_ORIGINS => $own, PORCUPINE_CORS_ORIGINS => $listed });
stand_at_the_edge($stack);
my $ada = $stack->person('ada');
my $auth = "Authorization: Bearer $ada->{token}\r\n";

sub vary { my ($answer) = @_; return join(' | ', @{ $answer->{headers}{vary} // [] }); }

# --- whose page ---------------------------------------------------------------------------------------------------

foreach my $origin (
	'null', 'https://evil.example', 'http://chat.example.org', "$own:443", "$own/", uc $own, "$own.evil.example", "https://evil.example/$own",
	'https://xchat.example.org', 'https://chat.example.orgx', 'https://shop.example.org', "$own, $own", "$own $own", '*', 'chat.example.org', 'x' x 3000, "\xff"
  )
{
	both_ways(
		'Origin ' . (substr($origin, 0, 40) =~ s/[^ -~]/./gr) . ': 403, of a call as of a socket',
		sub {
			my ($client) = @_;
			my $had = $stack->sql('SELECT count(*) FROM porcupine.rooms');
			my $answer = $client->http('POST', '/api/rooms/', token => $ada->{token}, json => { name => 'foreign', encrypted => JSON::PP::false() }, headers => ["Origin: $origin"]);
			is("$answer->{status} $answer->{json}{code}", '403 role', 'the call');
			is(vary($answer), 'Origin', 'varies by it');
			ok(!exists $answer->{headers}{'access-control-allow-origin'}, 'may not be read');
			is($stack->sql('SELECT count(*) FROM porcupine.rooms'), $had, 'and has done nothing');
			is($client->exchange($client->handshake('/ws/', { Origin => $origin }))->{status}, 403, 'the socket');
		});
}
foreach my $origin ($own, $listed, undef)
{
	both_ways(
		'Origin ' . ($origin // 'that is absent, of no browser') . ' may',
		sub {
			my ($client) = @_;
			my $answer = $client->http('GET', '/api/rooms/', token => $ada->{token}, headers => [ defined $origin ? "Origin: $origin" : () ]);
			is($answer->{status}, 200, 'call');
			is($answer->{headers}{'access-control-allow-origin'}[0], $origin, 'and its answer be read');
			is(vary($answer), 'Origin', 'which varies by it');
			is($client->exchange($client->handshake('/ws/', { Origin => $origin }))->{status}, 101, 'open a socket');
		});
}
# which libwebsockets tells like one that is absent
answers('an empty Origin', "GET /api/rooms/ HTTP/1.1\r\nHost: localhost\r\n${auth}Origin:\r\n\r\n", 400);
answers('an empty Origin of a socket', $stack->handshake('/ws/', { Origin => '' }), 400);
answers('two Origins', "GET /api/rooms/ HTTP/1.1\r\nHost: localhost\r\nOrigin: $own\r\nOrigin: $listed\r\n\r\n", 400);

# --- the cookie -----------------------------------------------------------------------------------------------------

my $site = 'Sec-Fetch-Site: same-origin';
my @cookies = (
	[ 200, 'the page itself', 'X-Porcupine: 1', "Origin: $own" ],
	[ 403, 'without an Origin', 'X-Porcupine: 1' ],
	[ 403, 'without an Origin, from the same site as it says', 'X-Porcupine: 1', $site ],
	[ 403, 'without our header', "Origin: $own" ],
	[ 403, 'with neither' ],
	[ 403, 'with another value of our header', 'X-Porcupine: 2', "Origin: $own" ],
	[ 403, 'from a listed origin', 'X-Porcupine: 1', "Origin: $listed" ],
	[ 403, 'from null', 'X-Porcupine: 1', 'Origin: null' ],
	[ 403, 'from elsewhere', 'X-Porcupine: 1', 'Origin: https://evil.example' ]
);
my $people = 0;
foreach my $case (@cookies)
{
	my ($status, $what, @headers) = @$case;

	both_ways(
		"the refresh cookie, $what: $status",
		sub {
			my ($client) = @_;
			my $login = $client->http('POST', '/api/auth/register/', json => { username => 'person' . ++$people, password => 'correct horse', cookie => JSON::PP::true() });
			my ($cookie) = join("\n", @{ $login->{headers}{'set-cookie'} }) =~ /^(porcupine_refresh=[^;]+)/m;
			my ($line) = grep { /\Aporcupine_refresh=/ } @{ $login->{headers}{'set-cookie'} };
			like($line, qr/;\s*$_(?:;|\z)/, "is set with $_") foreach ('HttpOnly', 'Secure', 'SameSite=Strict', 'Path=/api/auth/');
			ok(!exists $login->{json}{refresh}, 'and not told besides');
			is($client->http('POST', '/api/auth/refresh/', json => {}, headers => [ "Cookie: $cookie", @headers ])->{status}, $status, 'the status');
			is($client->http('POST', '/api/auth/refresh/', json => {}, headers => [ "Cookie: $cookie", 'X-Porcupine: 1', "Origin: $own" ])->{status}, 200, 'the page goes on')
			  if $status != 200;
		});
}

# What waits to be linked is read by GET, in which a browser leaves out the Origin of the page itself: 410 is that nothing waits, 403 that one may not ask.
foreach my $case (
	[ 410, 'the page itself', 'X-Porcupine: 1', $site ],
	[ 410, 'with its Origin', 'X-Porcupine: 1', "Origin: $own" ],
	[ 403, 'with no evidence of it', 'X-Porcupine: 1' ],
	[ 403, 'from the same site', 'X-Porcupine: 1', 'Sec-Fetch-Site: same-site' ],
	[ 403, 'by an address that was typed', 'X-Porcupine: 1', 'Sec-Fetch-Site: none' ],
	[ 403, 'from elsewhere', 'X-Porcupine: 1', 'Sec-Fetch-Site: cross-site' ],
	[ 403, 'from another origin, whatever else it says', 'X-Porcupine: 1', $site, "Origin: $listed" ],
	[ 403, 'without our header', $site ]
  )
{
	my ($status, $what, @headers) = @$case;
	both_ways("the cookie of an offer, read $what: $status", sub { is($_[0]->http('GET', '/api/auth/oidc/link/', headers => \@headers)->{status}, $status, 'the status') });
}

done_testing();
