# Refresh tokens, at two bridges: fifty refreshes of one token at once are one session and one new token; an old token used again ends
# the session, whose sockets are cut at both bridges within two seconds, and nobody else's. The cookie lives as long as the session. A
# password that changes ends the others. Signing keys follow each other without anybody noticing, until one is taken back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Socket::INET;
use Porcupine::Test;
use Test::More;

my $here = start_stack(conf => "max_connections = 90\n");
my $there = $here->another_bridge;
my ($ada, $ben) = map { signed_up($_) } qw(ada ben);

sub signed_up
{
	my ($name) = @_;
	my $answer = $here->http('POST', '/api/auth/register/', json => { username => $name, password => 'correct horse' });

	die "no account: $answer->{status} $answer->{body}" unless $answer->{status} == 201;
	my $grant = json_value($answer->{body});
	return { %$grant, token => $grant->{access} };
}

sub refresh
{
	my ($bridge, $token) = @_;
	my $answer = $bridge->http('POST', '/api/auth/refresh/', json => { refresh => $token });

	return { status => $answer->{status}, %{ json_value($answer->{body}) } };
}

# Fifty at once: every request is on its way before the first answer is read.
my @ports = map { $_->port } $here, $there;
my @asking = map {
	my $port = $ports[ $_ % 2 ];
	my $body = json_text({ refresh => $ada->{refresh} });
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) // die "no connection: $!";
	print $socket "POST /api/auth/refresh/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
	  . length($body) . "\r\n\r\n$body";
	$socket->flush;
	$socket;
} 1 .. 50;
my @answers = map { local $/; my $socket = $_; scalar <$socket> } @asking;
is(scalar(grep { m{\AHTTP/1\.1 200 } } @answers), 50, 'fifty refreshes of one token at once: all are answered');
my %given = map { ($_ =~ /"refresh":"([^"]+)"/ ? $1 : 'none') => 1 } @answers;
is(scalar(keys %given), 1, 'with the same new token');
my ($live) = keys %given;
isnt($live, $ada->{refresh}, 'which is another one');
is($here->sql(qq{SELECT count(*) FROM porcupine.sessions WHERE user_id = $ada->{user}{id} AND ended_at IS NULL}), 1, 'it is one session');

# An old one is used again.
my @sockets = map { $_->signed_in($ada) } $here, $there;
my $bystander = $there->signed_in($ben);
my $next = refresh($there, $live);
is($next->{status}, 200, 'the new token refreshes');
my $stolen = refresh($here, $ada->{refresh});
is("$stolen->{status} $stolen->{code} $stolen->{reason}", '401 session_ended refresh token used again', 'an old one does not');
my @begin = map { $_->own_seconds } $here, $there;
is($_->closing, 4419, 'a socket of the session is closed') foreach @sockets;
cmp_ok($here->own_seconds - $begin[0], '<=', 2, 'at one bridge within two seconds');
cmp_ok($there->own_seconds - $begin[1], '<=', 2, 'and at the other');
my $owner = refresh($here, $next->{refresh});
is("$owner->{code} $owner->{reason}", 'session_ended refresh token used again', 'the session is over for whoever has its live token, too, who hears why');
is($here->http('GET', '/api/auth/user/', token => $ada->{token})->{status}, 401, 'and for its access token');
is($here->sql(qq{SELECT end_reason FROM porcupine.sessions WHERE id = $ada->{session}}), 'refresh token used again', 'it is on record why');
is($here->sql(qq{SELECT count(*) FROM porcupine.audit WHERE action = 'session.reused' AND subject_id = $ada->{user}{id} AND detail->>'address' = '127.0.0.1'}),
	1, 'and who asked');
is($there->http('GET', '/api/auth/user/', token => $ben->{token})->{status}, 200, 'nobody else is concerned');
$bystander->say({ type => 'ping' });
is($bystander->hear("pong")->{type}, "pong", 'nor their sockets');

# What only looks like a token ends nothing.
my $forged = $ben->{refresh};
substr($forged, 40, 1) = substr($forged, 40, 1) eq 'A' ? 'B' : 'A';
my $guess = refresh($here, $forged);
is($guess->{code} . ($guess->{reason} // ''), 'session_ended', 'a made-up token of a session that there is');
my $unharmed = refresh($here, $ben->{refresh});
is($unharmed->{status}, 200, 'does it no harm');

# The cookie.
$here->sql('ALTER ROLE porcupine_node SET porcupine.refresh_lifetime = 86400');
$here->stop_bridge;
$here->start_bridge;
my $login = $here->http('POST', '/api/auth/login/', json => { username => 'ada', password => 'correct horse', cookie => JSON::PP::true });
like($login->{head}, qr/^Set-Cookie: porcupine_refresh=\S{75}; Max-Age=86400;/mi, 'the cookie lives as long as the session');
my ($cookie) = $login->{head} =~ /^Set-Cookie: (porcupine_refresh=[^;]+)/mi;
my $session = json_value($login->{body});
my $kept = $here->http('POST', '/api/auth/refresh/', json => {}, headers => [ "Cookie: $cookie", 'X-Porcupine: 1', 'Origin: http://localhost:' . $here->port ]);
like($kept->{head}, qr/^Set-Cookie: porcupine_refresh=\S{75}; Max-Age=86400;/mi, 'a refresh gives another');
unlike($kept->{head}, qr/\Q$cookie\E/, 'indeed another');

# The password.
my $other = json_value($there->http('POST', '/api/auth/login/', json => { username => 'ada', password => 'correct horse' })->{body});
my $cut = $there->signed_in({ token => $other->{access} });
my $own = $there->signed_in({ token => $session->{access} });
my $wrong = $here->http('POST', '/api/auth/password/', token => $session->{access}, json => { old_password => 'guessed', new_password => 'battery staple' });
is(json_value($wrong->{body})->{code}, 'bad_credentials', 'the old password is needed');
is($here->http('POST', '/api/auth/password/', token => $session->{access}, json => { old_password => 'correct horse', new_password => 'battery staple' })->{status},
	204, 'with it the password changes');
is($cut->closing, 4419, 'the other session is over');
is(refresh($there, $other->{refresh})->{reason}, 'password changed', 'and its owner is told why');
$forged = $other->{refresh};
substr($forged, 40, 1) = substr($forged, 40, 1) eq 'A' ? 'B' : 'A';
is(refresh($there, $forged)->{reason}, undef, 'but not who made a token up');
$own->say({ type => 'ping' });
is($own->hear("pong")->{type}, "pong", 'one\'s own goes on');
is($here->http('POST', '/api/auth/login/', json => { username => 'ada', password => 'correct horse' })->{status}, 401, 'the old password is none any more');

# All others, and one's own.
$other = json_value($there->http('POST', '/api/auth/login/', json => { username => 'ada', password => 'battery staple' })->{body});
is($here->http('DELETE', '/api/auth/sessions/', token => $session->{access})->{status}, 204, 'all others are ended');
is(json_value($there->http('GET', '/api/auth/user/', token => $other->{access})->{body})->{code}, 'session_ended', 'they are over');
is($here->http('GET', '/api/auth/user/', token => $session->{access})->{status}, 200, 'but for the one that asked');
my $profile = json_value($here->http('PATCH', '/api/auth/user/', token => $session->{access}, json => { display_name => 'Ada L.' })->{body});
is($profile->{display_name}, 'Ada L.', 'a name changes');

# Signing keys: the next one is published, takes over, and the last is gone.
my @kids = kids($here);
$here->sql('SELECT porcupine.rotate_signing_key()');
my @both = kids($here);
is(scalar(@both), 2, 'the next key is published');
is(kid_of(signed_in_again()), $kids[0], 'and does not sign yet');
$here->sql(q{UPDATE porcupine.signing_keys SET signs_from = now() - interval '1 second' WHERE retired_at IS NULL});
my $fresh = signed_in_again();
isnt(kid_of($fresh), $kids[0], 'it takes over');
is($_->http('GET', '/api/auth/user/', token => $fresh)->{status}, 200, 'its tokens count at each bridge') foreach $here, $there;
is($_->http('GET', '/api/auth/user/', token => $session->{access})->{status}, 200, 'those of before still do') foreach $here, $there;
$own->say({ type => 'ping' });
is($own->hear("pong")->{type}, "pong", 'sockets go on');
$here->sql('SELECT porcupine.rotate_signing_key(true)');
foreach my $bridge ($here, $there)
{
	ok(wait_for('the key to be forgotten', sub { $bridge->http('GET', '/api/auth/user/', token => $session->{access})->{status} == 401 }),
		'a key that was taken back verifies nothing any more');
}
$own->say({ type => 'ping' });
is($own->hear("pong")->{type}, "pong", 'and still sockets go on');
is(refresh($here, $unharmed->{refresh})->{status}, 200, 'sessions, too');

# The end of an account.
my $end = $here->http('DELETE', '/api/auth/user/', token => signed_in_again(), json => { password => 'guessed' });
is(json_value($end->{body})->{code}, 'bad_credentials', 'nobody erases an account without its password');
my $last = signed_in_again();
is($here->http('DELETE', '/api/auth/user/', token => $last, json => { password => 'battery staple' })->{status}, 204, 'with it one does');
is($here->http('GET', '/api/auth/user/', token => $last)->{status}, 401, 'and is nobody');

sub kids
{
	my ($bridge) = @_;
	my $answer = $bridge->http('GET', '/.well-known/jwks.json');

	like($answer->{head}, qr/^Cache-Control: public, max-age=300\r?$/mi, 'the keys may be kept for five minutes');
	return map { $_->{kid} } @{ json_value($answer->{body})->{keys} };
}

sub signed_in_again
{
	return json_value($here->http('POST', '/api/auth/login/', json => { username => 'ada', password => 'battery staple' })->{body})->{access};
}

sub kid_of
{
	my ($token) = @_;
	my ($head) = split /\./, $token;

	return json_value(unb64($head =~ tr{-_}{+/}r . '=' x (-length($head) % 4)))->{kid};
}

done_testing();
