# Every REST call of accounts in API.md: what it gives for right input, who counts as signed in, and in what words it refuses.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Problem;
use Test::More;

my $stack = start_stack();

sub call { return $stack->http(@_); }

# --- accounts -------------------------------------------------------------------------------------------

my %ada_registers = (
	username => 'ada',
	password => 'correct horse',
	display_name => 'Ada L.',
	email => 'ada@example.net',
	device_name => 'laptop'
);
my $answer = call('POST', '/api/auth/register/', json => \%ada_registers);
is($answer->{status}, 201, 'register');
my $ada = $answer->{json};
is_deeply([ sort keys %$ada ], [qw(access device expires_in refresh session user)], 'gives what API.md says');
is_deeply(
	{ %{ $ada->{user} }, id => 0 },
	{ id => 0, username => 'ada', display_name => 'Ada L.' },
	'and who one is'
);
is($ada->{expires_in}, 600, 'ten minutes');
ok(!ref $ada->{user}{id} && $ada->{user}{id} =~ /\A\d+\z/ && $answer->{body} =~ /"session" ?: ?"/,
	'ids are strings');
is_problem(call('POST', '/api/auth/register/', json => \%ada_registers), 'conflict', 'register again');

my %can = (token => $ada->{access});
$answer = call('GET', '/api/auth/user/', %can);
is_deeply([ @{ $answer->{json} }{qw(username email device)} ],
	[ 'ada', 'ada@example.net', $ada->{device} ], 'user');
like($answer->{json}{created_at}, qr/\A\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)\z/, 'times are RFC 3339 in UTC');

$answer = call('POST', '/api/auth/login',
	json => { username => 'ADA@example.net', password => 'correct horse', device => $ada->{device} });
is($answer->{status}, 200, 'login by address, without the slash');
is($answer->{json}{device}, $ada->{device}, 'on the earlier device');
isnt($answer->{json}{session}, $ada->{session}, 'a session of its own');
my $second = $answer->{json};
is_problem(call('POST', '/api/auth/login/', json => { username => 'ada', password => 'wrong horse' }),
	'bad_credentials', 'login with a wrong password');
is_problem(call('POST', '/api/auth/login/', json => { username => 'nobody', password => 'wrong horse' }),
	'bad_credentials', 'login of nobody');
is_problem(
	call(
		'POST', '/api/auth/login/',
		json => { username => 'ada', password => 'correct horse', device => '999999' }
	),
	'not_found',
	'login on no such device'
);

$answer = call('POST', '/api/auth/refresh/', json => { refresh => $second->{refresh} });
is($answer->{status}, 200, 'refresh');
is($answer->{json}{session}, $second->{session}, 'goes on in its session');
is_problem(call('POST', '/api/auth/refresh/', json => { refresh => 'unknown' }),
	'session_ended', 'refresh with no such token');
is_problem(call('POST', '/api/auth/refresh/', json => {}), 'invalid', 'refresh with nothing');

# The cookie: never without the header of our own page, never together with a readable token.
$answer = call('POST', '/api/auth/login/',
	json => { username => 'ada', password => 'correct horse', cookie => JSON::PP::true });
my $cookie = $answer->{headers}{'set-cookie'}[0] // '';
like($cookie, qr/\Aporcupine_refresh=[A-Za-z0-9_-]{75};/, 'a cookie when asked for');
like($cookie, qr/;\s*$_(?:;|\z)/i, "with $_")
  foreach ('HttpOnly', 'Secure', 'SameSite=Strict', 'Path=/api/auth/');
ok(!exists $answer->{json}{refresh}, 'and no refresh token in the body');
my ($pair) = $cookie =~ /\A([^;]+)/;
is( call(
		'POST', '/api/auth/refresh/',
		headers => [ "Cookie: other=1; $pair; more=2", 'X-Porcupine: 1', 'Origin: http://localhost:' . $stack->port ],
		json => {}
	)->{status},
	200,
	'refresh by cookie'
);
isnt(call('POST', '/api/auth/refresh/', headers => ["Cookie: $pair"], json => {})->{status},
	200, 'not without X-Porcupine');
isnt(
	call(
		'POST', '/api/auth/refresh/',
		headers => [ 'Cookie: porcupine_refreshed=x; porcupine_refresh=', 'X-Porcupine: 1' ],
		json => {}
	)->{status},
	200,
	'not by an empty cookie'
);
isnt(
	call(
		'POST', '/api/auth/refresh/',
		headers => [ "Cookie: $pair", 'X-Porcupine: 1', 'Origin: https://evil.example' ],
		json => {}
	)->{status},
	200,
	'not from another origin'
);

is(call('POST', '/api/auth/logout/', token => $second->{access})->{status}, 204, 'logout');
is_problem(call('GET', '/api/auth/user/', token => $second->{access}),
	'session_ended', 'its access token is dead');
is_problem(call('POST', '/api/auth/refresh/', json => { refresh => $second->{refresh} }),
	'session_ended', 'its refresh token is dead');
is(call('GET', '/api/auth/user/', %can)->{status}, 200, 'other sessions live');

$answer = call('GET', '/.well-known/jwks.json');
is($answer->{status}, 200, 'jwks');
is_deeply(
	[ map { @$_{qw(kty crv alg use)}, exists $_->{d} ? 'secret' : 'public' } @{ $answer->{json}{keys} } ],
	[ 'OKP', 'Ed25519', 'EdDSA', 'sig', 'public' ],
	'one public key'
);

# --- who is asking ------------------------------------------------------------------------------------------

my ($head, $claims, $signature) = split /\./, $ada->{access};
my %tokens = (
	'no token' => undef,
	'an empty one' => '',
	'nonsense' => 'nonsense',
	'dots' => '..',
	'another signature' => "$head.$claims." . reverse($signature),
	'no signature' => "$head.$claims.",
	'algorithm none' => 'eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.' . $claims . '.',
	'a refresh token' => $ada->{refresh},
	'a very long one' => 'x' x 3000,
	'an expired one' => $stack->earlier_token($ada->{access}, 601),
	'other claims' => "$head." . reverse($claims) . ".$signature"
);
foreach my $name (sort keys %tokens)
{
	is_problem(call('GET', '/api/rooms/', token => $tokens{$name}), 'unauthenticated', "token: $name");
}
is(call('GET', '/api/rooms/', token => $stack->earlier_token($ada->{access}, 300))->{status}, 200, 'one that has not expired yet');
is_problem(call('GET', '/api/rooms/', headers => ["Authorization: Basic $ada->{access}"]),
	'unauthenticated', 'another scheme');
is(call('GET', '/api/rooms/', headers => ["authorization: bearer $ada->{access}"])->{status},
	200, 'names and scheme in any case');
is_problem(call('GET', "/api/rooms/?token=$ada->{access}"), 'unauthenticated', 'never by the URL');

# The log is JSON and has no secret in it.
ok(!(grep { $_->{unparsable} } $stack->log_lines), 'the log is JSON lines');
unlike($stack->all_logs, qr/correct horse|\Q$ada->{refresh}\E|\Q$signature\E/, 'no log has a password or a token');

done_testing();
