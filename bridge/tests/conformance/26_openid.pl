# Signing in at an OpenID provider: somebody new gets an account, and the same one again, at whichever bridge they come back; whatever
# is wrong with what comes back is refused, and makes nothing; an address that an account has is linked by that account's password only.
# What a browser has to do with it goes both ways, directly and through nginx; what the bridge asks the provider has only one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run ();
use Porcupine::Test;
use Porcupine::Test::Edge;
use Porcupine::Test::Process;
use Porcupine::Test::Provider;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ORIGIN => 'http://chat.test';

my $folder = PostgreSQL::Test::Utils::tempdir();
my $provider = Porcupine::Test::Provider->new($folder);
my @bad = qw(redirects other huge hangs invalid);
my %env = (
	PORCUPINE_ORIGINS => ORIGIN,
	PORCUPINE_OIDC_PROVIDERS => join(',', 'good', 'posts', 'untrusted', @bad),
	PORCUPINE_OIDC_INSECURE_LOOPBACK => 'on',
	PORCUPINE_OIDC_GOOD_LABEL => 'The "good" one',
	https_proxy => 'http://127.0.0.1:1', http_proxy => 'http://127.0.0.1:1', ALL_PROXY => 'http://127.0.0.1:1');

append_to_file("$folder/secret", Porcupine::Test::Provider::SECRET . "\n");
chmod 0600, "$folder/secret";
foreach my $name ('good', 'posts', 'untrusted', @bad)
{
	$env{ 'PORCUPINE_OIDC_' . uc($name) . '_ISSUER' } = $provider->issuer($name);
	$env{ 'PORCUPINE_OIDC_' . uc($name) . '_CLIENT_ID' } = Porcupine::Test::Provider::CLIENT;
	$env{ 'PORCUPINE_OIDC_' . uc($name) . '_CLIENT_SECRET_FILE' } = "$folder/secret";
}
make_certificate($_) foreach qw(untrusted vouched);
my %tls = map { $_ => serve_tls($_) } qw(untrusted vouched);
END
{
	my $status = $?;

	foreach my $pid (map { $_->{pid} } values %tls)
	{
		kill 'TERM', $pid;
		waitpid $pid, 0;
	}
	$? = $status;
}
$env{PORCUPINE_OIDC_UNTRUSTED_ISSUER} = "https://localhost:$tls{untrusted}{port}";

my $here = start_stack(env => \%env);
my (undef, $front) = stand_at_the_edge($here);
my $there = $here->another_bridge;

# A certificate that nobody has vouched for, yet.
sub make_certificate
{
	my ($name) = @_;

	system("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=$name -addext subjectAltName=DNS:localhost -days 2 -keyout $folder/$name.key -out $folder/$name.crt 2>/dev/null") == 0
	  or die 'no certificate';
	return;
}

# A server by TLS: {pid, port}. It is no provider.
sub serve_tls
{
	my ($name) = @_;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $pid = start_process(
		program => '/usr/bin/openssl',
		words => [ 's_server', '-accept', "127.0.0.1:$port", '-cert', "$folder/$name.crt", '-key', "$folder/$name.key", '-www' ],
		log => "$folder/tls.log"
	);

	wait_for('openssl to listen', sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });
	return { pid => $pid, port => $port };
}

# Why each provider could not be read, as this bridge has logged it.
sub reasons
{
	my ($bridge) = @_;
	return map { $_->{provider} => $_->{why} } grep { ($_->{message} // '') eq 'an OpenID provider cannot be read' } $bridge->log_lines;
}

sub start
{
	my ($bridge, $name, %with) = @_;
	my $path = $with{path} // "/api/auth/oidc/$name/start/";

	return $bridge->http('POST', $path, json => $with{json} // {}, token => $with{token},
		headers => $with{headers} // [ 'X-Porcupine: 1', 'Origin: ' . ORIGIN ]);
}

sub cookie { my ($answer, $name) = @_; return $answer->{head} =~ /^Set-Cookie: (\Q$name\E=[^;]+)/mi ? $1 : undef; }

# The whole way, and what the browser has at its end. how: what the provider does, and
# at (the bridge that it comes back to), provider, json (of the start), cookie (another browser's), query (changes it).
sub sign_in
{
	my (%how) = @_;
	my $name = $how{provider} // 'good';
	my $begun = start($how{from} // $here, $name, json => $how{json}, path => $how{path}, token => $how{token});
	die "no start: $begun->{status} $begun->{body}" unless $begun->{status} == 200;
	my $query = $provider->authorize(json_value($begun->{body})->{url}, %{ $how{does} // {} });
	$query = $how{query}->($query) if $how{query};
	my $cookie = exists $how{cookie} ? $how{cookie} : cookie($begun, 'porcupine_oidc');

	return { %{ come_back($how{at} // $here, $name, $query, $cookie) }, query => $query, cookie => $cookie, begun => $begun };
}

sub come_back
{
	my ($bridge, $name, $query, $cookie) = @_;
	my $answer = $bridge->http('GET', "/api/auth/oidc/$name/callback/?$query", headers => defined $cookie ? ["Cookie: $cookie"] : []);
	my ($location) = $answer->{head} =~ /^Location: (.*?)\r?$/mi;

	return { status => $answer->{status}, to => $location // '', refresh => cookie($answer, 'porcupine_refresh'), link => cookie($answer, 'porcupine_link'),
		head => $answer->{head}, headers => $answer->{headers} };
}

# Somebody with whom nothing is wrong but what a test makes wrong.
sub nine { my (%claims) = @_; return who('subject 9', email => 'nine@example.org', email_verified => JSON::PP::true, %claims); }
sub who { my ($sub, %claims) = @_; return (claims => { sub => $sub, %claims }); }

sub session_of
{
	my ($bridge, $refresh) = @_;
	my $answer = $bridge->http('POST', '/api/auth/refresh/', json => {}, headers => [ "Cookie: $refresh", 'X-Porcupine: 1', 'Origin: ' . ORIGIN ]);
	return json_value($answer->{body});
}

sub counts { return $here->sql('SELECT (SELECT count(*) FROM porcupine.users), (SELECT count(*) FROM porcupine.identities), (SELECT count(*) FROM porcupine.sessions)'); }

# --- somebody new, and again ------------------------------------------------------------------------------------------

my $list = json_value($here->http('GET', '/api/auth/oidc/')->{body});
is_deeply($list->{results}[0], { name => 'good', label => 'The "good" one', issuer => $provider->issuer('good') }, 'providers are listed');
is(scalar @{ $list->{results} }, 8, 'all of them');

my %ada = (email => 'ada@example.org', email_verified => JSON::PP::true, preferred_username => 'ada', name => 'Ada L.');
my $first = sign_in(does => { who('subject 1', %ada) }, json => { return_to => '/rooms/7?x=1#here', device_name => 'laptop' });
is($first->{status}, 303, 'a sign-in ends with a redirect');
is($first->{to}, '/rooms/7?x=1#here', 'to where it began');
like($first->{begun}{head}, qr{^Set-Cookie: porcupine_oidc=[0-9a-f]{64}; Max-Age=600; Path=/api/auth/oidc/; HttpOnly; Secure; SameSite=Lax\r?$}mi, 'the browser keeps the secret');
like($first->{head}, qr{^Set-Cookie: porcupine_oidc=; Max-Age=0;}mi, 'and loses it');
like($first->{head}, qr{^Set-Cookie: porcupine_refresh=\S+; Max-Age=\d+; Path=/api/auth/; HttpOnly; Secure; SameSite=Strict\r?$}mi, 'and has a session');
my $ada = session_of($here, $first->{refresh});
is("$ada->{user}{username} $ada->{user}{display_name}", 'ada Ada L.', 'of a new account');
is($here->sql("SELECT device_name FROM porcupine.sessions JOIN LATERAL (SELECT name AS device_name FROM porcupine.devices d WHERE d.id = device_id) x ON true WHERE sessions.id = $ada->{session}"),
	'laptop', 'with a device');
unlike($first->{begun}{body}, qr/\Q${\ substr($first->{cookie}, 15)}\E/, 'the secret stands in no URL');
my $again = sign_in(does => { who('subject 1', %ada) }, json => { devices => [ $ada->{device} ] }, at => $there);
my $ada_again = session_of($there, $again->{refresh});
is($ada_again->{user}{id}, $ada->{user}{id}, 'again, back at another bridge: the same account');
is($ada_again->{device}, $ada->{device}, 'and the same device');
is($again->{to}, '/', 'without a return path to the page');
my $posted = sign_in(provider => 'posts', does => { who('subject 1'), userinfo => { sub => 'subject 1', email => 'p@example.org', email_verified => JSON::PP::true },
		query => { iss => $provider->issuer('posts') } });
is($posted->{status} . $posted->{to}, '303/', 'a provider that wants the secret in the body, names itself, and has the address elsewhere');
is($here->sql(q{SELECT email FROM porcupine.users WHERE email LIKE 'p@%'}), 'p@example.org', 'which is asked for');
$provider->publish(qw(first second));
is(sign_in(does => { who('subject 2', email => 'two@example.org'), kid => 'second' })->{to}, '/', 'a key that is new is read');

# --- what is refused ----------------------------------------------------------------------------------------------------

my $before = counts();
sub refused
{
	my ($word, $what, $result) = @_;
	is("$result->{status} $result->{to}", "303 /?sign-in=$word", "$what: $word");
	is($result->{refresh} // $result->{link}, undef, 'no session, no offer');
	return;
}

sub refused_claims { my ($what, %claims) = @_; return refused('refused', $what, sign_in(does => { nine(%claims) })); }

refused_claims('a wrong nonce', nonce => 'another');
refused_claims('a wrong issuer', iss => $provider->issuer('posts'));
refused_claims('a wrong audience', aud => 'another');
refused_claims('an expired token', exp => time - 3600);
refused_claims('no subject', sub => '');
refused('refused', 'a token without a signature', sign_in(does => { nine(), sign => 'none' }));
refused('refused', 'a token signed by the client secret', sign_in(does => { nine(), sign => 'HS256' }));
refused('refused', 'an unknown key', sign_in(does => { nine(), kid => 'unpublished' }));
refused('refused', 'a known name of another key', sign_in(does => { nine(), kid => 'first', key => 'unpublished' }));
refused('refused', "the token endpoint $_", sign_in(does => { nine(), endpoint => $_ })) foreach qw(redirects invalid refuses);
refused('unreachable', "the token endpoint: $_", sign_in(does => { nine(), endpoint => $_ })) foreach qw(fails huge hangs);
refused('refused', 'userinfo of somebody else',
	sign_in(provider => 'posts', does => { who('subject 9'), userinfo => { sub => 'subject 1' }, query => { iss => $provider->issuer('posts') } }));
refused('refused', 'another issuer beside the code', sign_in(does => { nine(), query => { iss => $provider->issuer('posts') } }));
refused('refused', 'no issuer, where there is to be one', sign_in(provider => 'posts', does => { nine() }));
refused('cancelled', 'access denied', sign_in(query => sub { $_[0] =~ s/code=[^&]*/error=access_denied/r }));
refused('refused', 'another error', sign_in(query => sub { $_[0] =~ s/code=[^&]*/error=server_error/r }));
refused('refused', 'no code', sign_in(query => sub { $_[0] =~ s/code=[^&]*&//r }));
refused('expired', 'another state', sign_in(does => { nine() }, query => sub { $_[0] =~ s/state=(.)/'state=' . ($1 eq '_' ? '-' : '_')/er }));
refused('expired', 'no cookie', sign_in(does => { nine() }, cookie => undef));
my $mallory = start($here, 'good');
refused('expired', "another browser's cookie", sign_in(does => { nine() }, cookie => cookie($mallory, 'porcupine_oidc')));
my $swapped = $provider->authorize(json_value(start($here, 'good')->{body})->{url}, nine());
refused('refused', 'a code of another sign-in',
	sign_in(does => { nine() }, query => sub { my ($code) = $swapped =~ /code=([^&]*)/; $_[0] =~ s/code=[^&]*/code=$code/r }));
refused('expired', 'the same answer again', come_back($here, 'good', $first->{query}, $first->{cookie}));
refused('expired', "another provider's callback", do {
	my $begun = start($here, 'good');
	come_back($here, 'posts', $provider->authorize(json_value($begun->{body})->{url}, nine()), cookie($begun, 'porcupine_oidc'));
});
my $late = start($here, 'good');
my $answer = $provider->authorize(json_value($late->{body})->{url}, nine());
$here->sql('UPDATE porcupine.sign_ins SET expires_at = now() - interval \'1 second\'');
refused('expired', 'too late', come_back($here, 'good', $answer, cookie($late, 'porcupine_oidc')));

foreach my $path ('//evil.test', '/\\evil.test', 'https://evil.test/', "/\r\nX: 1", '/' . 'x' x 600)
{
	is(start($here, 'good', json => { return_to => $path })->{status} =~ /\A4(00|13)\z/, 1, 'a return path to elsewhere is refused: ' . substr($path, 0, 20) =~ s/\s/ /gr);
}
is(start($here, 'good', headers => $_)->{status}, 403, 'a start from elsewhere is refused')
  foreach [ 'Origin: ' . ORIGIN ], ['X-Porcupine: 1'], [ 'X-Porcupine: 1', 'Origin: http://evil.test' ];
is(start($here, 'nobody')->{status}, 404, 'an unknown provider');
is(start($here, $_)->{status}, 503, "a provider whose discovery is wrong: $_") foreach @bad, 'untrusted';
my %why = reasons($here);
like($why{untrusted}, qr/certificate/i, 'a certificate of nobody is not believed');
like($why{other}, qr/another issuer/, 'nor a discovery document of another');
like($why{huge}, qr/too large/, 'nor one that does not end');
like($why{hangs}, qr/time/i, 'nor one that does not come');
is(counts(), $before, 'nothing was made by any of that');
unlike(slurp_file($here->{log}), qr/\Q${\ Porcupine::Test::Provider::SECRET}\E|an-access-token|code%2F|code\/\d/, 'the log has neither secret nor token nor code');
is(sign_in(does => { nine() })->{to}, '/', 'and that with which nothing is wrong signs in');
is(counts() =~ s/\|.*//r, $before =~ s/(\d+).*/$1 + 1/er, 'which makes an account');

# --- who vouches for a provider --------------------------------------------------------------------------------------

# The authorities in PORCUPINE_OIDC_CA_FILE stand beside the system's, not in their place. The system's own are here a folder in the place of the system's, in a
# namespace of mounts. None of these is a provider, whoever vouches for it, but what is heard of it is no JSON.
my %asks = (PORCUPINE_ORIGINS => ORIGIN, PORCUPINE_OIDC_PROVIDERS => join(',', sort keys %tls), PORCUPINE_OIDC_CA_FILE => "$folder/untrusted.crt");
foreach my $name (keys %tls)
{
	$asks{ 'PORCUPINE_OIDC_' . uc($name) . '_ISSUER' } = "https://localhost:$tls{$name}{port}";
	$asks{ 'PORCUPINE_OIDC_' . uc($name) . '_CLIENT_ID' } = Porcupine::Test::Provider::CLIENT;
	$asks{ 'PORCUPINE_OIDC_' . uc($name) . '_CLIENT_SECRET_FILE' } = "$folder/secret";
}

# What a bridge with these settings, run by this program, has against each.
sub asked_by
{
	my ($program) = @_;
	local @$here{qw(env program)} = (\%asks, $program);
	my $bridge = $here->another_bridge;

	is(start($bridge, $_)->{status}, 503, "no provider: $_") foreach sort keys %tls;
	is($bridge->stop_bridge, 0, 'it ends well');
	return reasons($bridge);
}

my %heard = asked_by($here->{program});
like($heard{untrusted}, qr/JSON/, 'whose certificate is in PORCUPINE_OIDC_CA_FILE is heard');
like($heard{vouched}, qr/certificate/i, 'another is not');
SKIP:
{
	my @namespace = ('unshare', '--map-root-user', '--mount');

	skip('this system gives nobody a namespace', 5) unless eval { IPC::Run::run([ @namespace, 'true' ], '>&', \my $said) };
	my ($hash) = `openssl x509 -in $folder/vouched.crt -noout -hash` =~ /(\w+)/;
	mkdir "$folder/authorities";
	append_to_file("$folder/authorities/$hash.0", slurp_file("$folder/vouched.crt"));
	append_to_file("$folder/bridge", "#!/bin/sh\nexec @namespace sh -c 'mount --bind $folder/authorities /etc/ssl/certs && exec $here->{program}'\n");
	chmod 0755, "$folder/bridge";
	%heard = asked_by("$folder/bridge");
	like($heard{$_}, qr/JSON/, "vouched for by the file or by the system: $_ is heard") foreach sort keys %tls;
}

# --- an address that an account has ---------------------------------------------------------------------------------

my $ben = json_value($here->http('POST', '/api/auth/register/', json => { username => 'ben', password => 'correct horse', email => 'ben@example.org' })->{body});
my %ben = (email => 'ben@example.org', email_verified => JSON::PP::true, preferred_username => 'ben');
sub link_call
{
	my ($bridge, $method, $cookie, %with) = @_;
	my $to = $with{path} // '/api/auth/oidc/link/';
	my $done = $bridge->http($method, $to, ($with{json} ? (json => $with{json}) : ()), ($with{token} ? (token => $with{token}) : ()),
		headers => [ ($cookie ? "Cookie: $cookie" : ()), @{ $with{headers} // [ 'X-Porcupine: 1', 'Origin: ' . ORIGIN ] } ]);
	return $done;
}

my $offered = sign_in(does => { who('subject of ben', %ben) });
is("$offered->{to} " . ($offered->{refresh} // 'no session'), '/?sign-in=link no session', 'a verified address of an account signs nobody in');
like($offered->{head}, qr{^Set-Cookie: porcupine_link=\S+; Max-Age=600; Path=/api/auth/; HttpOnly; Secure; SameSite=Strict\r?$}mi, 'it is an offer');
is_deeply(json_value(link_call($there, 'GET', $offered->{link})->{body}), { provider => 'good', email => 'ben@example.org', by_session => JSON::PP::false },
	'of which one can read what it is');
is(link_call($here, 'POST', $offered->{link}, json => { password => 'correct horse' }, headers => ['Origin: ' . ORIGIN])->{status}, 403, 'not without the header');
is(json_value(link_call($here, 'POST', $offered->{link}, json => { password => 'guessed' })->{body})->{code}, 'bad_credentials', 'a wrong password links nothing');
is($here->sql(q{SELECT count(*) FROM porcupine.identities WHERE subject = 'subject of ben'}), 0, 'indeed nothing');
is(link_call($here, 'GET', undef)->{status}, 410, 'without a ticket there is nothing');
my $confirmed = link_call($there, 'POST', $offered->{link}, json => { password => 'correct horse' });
is("$confirmed->{status} " . json_value($confirmed->{body})->{user}{id}, "200 $ben->{user}{id}", 'the password links it, and signs in');
ok(cookie($confirmed, 'porcupine_refresh'), 'with the cookie');
is(json_value($confirmed->{body})->{refresh}, undef, 'and without the token in the body');
is(link_call($there, 'POST', $offered->{link}, json => { password => 'correct horse' })->{status}, 410, 'once');
is(session_of($here, sign_in(does => { who('subject of ben', %ben) })->{refresh})->{user}{id}, $ben->{user}{id}, 'from now on the identity signs in to it');
my $declined = link_call($here, 'DELETE', sign_in(does => { who('not ben', %ben) })->{link});
isnt(json_value($declined->{body})->{user}{id}, $ben->{user}{id}, 'who declines has another account');
is($here->sql('SELECT count(*) FROM porcupine.users WHERE email = \'ben@example.org\''), 1, 'without the address');
is(sign_in(does => { who('unverified', email => 'ben@example.org') })->{to}, '/', 'an address that is not verified is none');

# Who comes back with ever new tickets, as somebody who runs a provider can, has no more tries at the password.
my $limited = $here->another_bridge(PORCUPINE_LIMITS => 'login=1000/1h,login_account=3/10h');
my @tickets = map { sign_in(does => { who("guesser $_", %ben) })->{link} } 1 .. 3;
is(join(' ', map { link_call($limited, 'POST', $tickets[ $_ % 3 ], json => { password => "guess $_" })->{status} } 1 .. 5), '401 401 401 429 429', 'all tickets of an account are one');
$limited->stop_bridge;

# In a session.
my $cat = json_value($here->http('POST', '/api/auth/register/', json => { username => 'cat', password => 'correct horse' })->{body});
my $asked = sign_in(path => '/api/auth/oidc/good/link/', token => $cat->{access},
	does => { who('subject of cat', email => 'cat@example.org', email_verified => JSON::PP::true) });
is($asked->{to}, '/?sign-in=link', 'a session asks for a link');
is(link_call($here, 'POST', $asked->{link}, path => '/api/auth/identities/', token => $ben->{access})->{status}, 410, 'which is nobody else\'s');
# who has got hold of a session must not get a way to sign in for good
foreach my $without ({}, { password => 'guessed' })
{
	my $refused = link_call($here, 'POST', $asked->{link}, path => '/api/auth/identities/', token => $cat->{access}, json => $without);
	is("$refused->{status} " . json_value($refused->{body})->{code}, '401 bad_credentials', 'a session alone links nothing: ' . join(' ', %$without));
}
is(link_call($here, 'POST', $asked->{link}, path => '/api/auth/identities/', token => $cat->{access}, json => { password => 'correct horse' })->{status}, 204,
	'its owner confirms it by the password');
my $identities = json_value($here->http('GET', '/api/auth/identities/', token => $cat->{access})->{body})->{results};
is("@{[ scalar @$identities ]} $identities->[0]{issuer} $identities->[0]{email}", '1 ' . $provider->issuer('good') . ' cat@example.org', 'it is listed');
is($here->http('DELETE', "/api/auth/identities/$identities->[0]{id}/", token => $ben->{access})->{status}, 404, 'nobody else unlinks it');
is($here->http('DELETE', "/api/auth/identities/$identities->[0]{id}/", token => $cat->{access})->{status}, 204, 'its owner does');
my $adas = json_value($here->http('GET', '/api/auth/identities/', token => $ada->{access})->{body})->{results};
is($here->http('DELETE', "/api/auth/identities/$adas->[0]{id}/", token => $ada->{access})->{status}, 409, 'but not the last way to sign in');

# --- through nginx -------------------------------------------------------------------------------------------------------

# What its browser has: a cookie for the way, then a session, and is back where it was.
both_ways(
	'a sign-in: its cookies, its way back, its session',
	sub {
		my ($client) = @_;
		my $done = sign_in(from => $client, at => $client, does => { who('subject 1', %ada) }, json => { return_to => '/rooms/7?x=1#here' });
		is("$done->{status} $done->{to}", '303 /rooms/7?x=1#here', 'back to where it began');
		is(scalar(@{ $done->{headers}{location} }), 1, 'one place');
		has_headers($done);
		like($done->{begun}{head}, qr{^Set-Cookie: porcupine_oidc=[0-9a-f]{64}; Max-Age=600; Path=/api/auth/oidc/; HttpOnly; Secure; SameSite=Lax\r?$}mi, 'the cookie of the way');
		like($done->{head}, qr{^Set-Cookie: porcupine_oidc=; Max-Age=0;}mi, 'which is taken back');
		like($done->{head}, qr{^Set-Cookie: porcupine_refresh=\S+; Max-Age=\d+; Path=/api/auth/; HttpOnly; Secure; SameSite=Strict\r?$}mi, 'that of the session');
		is($done->{headers}{'cache-control'}[0], 'no-store', 'which nobody keeps');
		is(session_of($client, $done->{refresh})->{user}{id}, $ada->{user}{id}, 'whose it is');
		my $used = come_back($client, 'good', $done->{query}, $done->{cookie});
		is("$used->{to} " . ($used->{refresh} // 'no session'), '/?sign-in=expired no session', 'the same answer again is none');
	});
both_ways(
	'what is wrong with the way back',
	sub {
		my ($client) = @_;
		my @way = (from => $client, at => $client, does => { nine() });
		refused('expired', 'another state', sign_in(@way, query => sub { $_[0] =~ s/state=(.)/'state=' . ($1 eq '_' ? '-' : '_')/er }));
		refused('expired', 'no cookie', sign_in(@way, cookie => undef));
		refused('expired', "another browser's cookie", sign_in(@way, cookie => cookie(start($client, 'good'), 'porcupine_oidc')));
		refused('cancelled', 'access denied', sign_in(@way, query => sub { $_[0] =~ s/code=[^&]*/error=access_denied/r }));
		refused('refused', 'no code', sign_in(@way, query => sub { $_[0] =~ s/code=[^&]*&//r }));
		refused('refused', 'another issuer beside the code', sign_in(@way, does => { nine(), query => { iss => $provider->issuer('posts') } }));
		refused('refused', 'a wrong nonce', sign_in(@way, does => { nine(nonce => 'another') }));
	});
both_ways(
	'a start from elsewhere, or for elsewhere',
	sub {
		my ($client) = @_;
		foreach my $lines ([ 'Origin: ' . ORIGIN ], ['X-Porcupine: 1'], [ 'X-Porcupine: 1', 'Origin: http://evil.test' ])
		{
			my $answer = start($client, 'good', headers => $lines);
			is($answer->{status}, 403, "with @$lines");
			is(cookie($answer, 'porcupine_oidc'), undef, 'no cookie');
		}
		like(start($client, 'good', json => { return_to => $_ })->{status}, qr/\A4(?:00|13)\z/, 'back to ' . substr($_, 0, 20)) foreach '//evil.test', '/\\evil.test', 'https://evil.test/', '/' . 'x' x 600;
		is(start($client, 'nobody')->{status}, 404, 'a provider that there is not');
	});
both_ways(
	'an offer to link: a cookie, a password, once',
	sub {
		my ($client, $is_nginx) = @_;
		my $name = $is_nginx ? 'dee' : 'eve';
		my $owner = json_value($client->http('POST', '/api/auth/register/', json => { username => $name, password => 'correct horse', email => "$name\@example.org" })->{body});
		my $offer = sign_in(from => $client, at => $client, does => { who("subject of $name", email => "$name\@example.org", email_verified => JSON::PP::true) });
		is("$offer->{to} " . ($offer->{refresh} // 'no session'), '/?sign-in=link no session', 'it signs nobody in');
		like($offer->{head}, qr{^Set-Cookie: porcupine_link=\S+; Max-Age=600; Path=/api/auth/; HttpOnly; Secure; SameSite=Strict\r?$}mi, 'its cookie');
		is(json_value(link_call($client, 'GET', $offer->{link})->{body})->{email}, "$name\@example.org", 'can be read');
		is(link_call($client, 'POST', $offer->{link}, json => { password => 'correct horse' }, headers => ['Origin: ' . ORIGIN])->{status}, 403, 'not without the header');
		is(link_call($client, 'POST', $offer->{link}, json => { password => 'guessed' })->{status}, 401, 'nor by a guess');
		my $linked = link_call($client, 'POST', $offer->{link}, json => { password => 'correct horse' });
		is("$linked->{status} " . json_value($linked->{body})->{user}{id}, "200 $owner->{user}{id}", 'the password links');
		ok(cookie($linked, 'porcupine_refresh'), 'and signs in');
		is(link_call($client, 'POST', $offer->{link}, json => { password => 'correct horse' })->{status}, 410, 'once');
	});

# Who comes back while the bridge is away is told so, and nginx writes down where they came from, but no code: neither in its errors, which quote the address of
# any other request, nor in the format of docs/operations.md.
my $begun = start($front, 'good');
my $way_back = $provider->authorize(json_value($begun->{body})->{url}, nine());
my %secret = map { split /=/, $_, 2 } split /&/, $way_back;
$here->stop_bridge;
is($front->http('GET', '/api/rooms/?a=control')->{status}, 502, 'the bridge is away');
my $away = $front->http('GET', "/api/auth/oidc/good/callback/?$way_back", headers => [ 'Cookie: ' . cookie($begun, 'porcupine_oidc') ]);
is($away->{status}, 502, 'also to who comes back');
is_problem_of($away);
has_headers($away);
wait_for('nginx to write it down', sub { $front->log_text('chat') =~ m{"GET /api/auth/oidc/good/callback/" 502} });
like($front->log_text('error'), qr/a=control/, 'nginx quotes the address of other requests');
foreach my $log (qw(error chat))
{
	unlike($front->log_text($log), qr/\Q$secret{$_}\E/, "no $_ in its log $log") foreach qw(code state);
}
$here->start_bridge;
is(come_back($front, 'good', $way_back, cookie($begun, 'porcupine_oidc'))->{to}, '/', 'who comes back again gets in');

# --- settings --------------------------------------------------------------------------------------------------------

sub start_with
{
	my (%changes) = @_;
	my %all = (%env, PORCUPINE_PAGE => $here->page_folder, PORCUPINE_PORT => 1, %changes);
	my @set = map { defined $all{$_} ? "$_=$all{$_}" : () } sort keys %all;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'env', '-i', @set, $here->{program} ], '>', \$out, '2>', \$err);
	return ($? >> 8) . " $err";
}

append_to_file("$folder/open", 'secret');
chmod 0644, "$folder/open";
like(start_with(PORCUPINE_OIDC_GOOD_CLIENT_SECRET_FILE => "$folder/open"), qr/\A2 .*GOOD_CLIENT_SECRET_FILE is not a file that can be read, and not by everybody/, 'a secret that everybody may read');
like(start_with(PORCUPINE_OIDC_GOOD_CLIENT_SECRET_FILE => undef), qr/\A2 .*GOOD_CLIENT_SECRET is not set/, 'no secret');
like(start_with(PORCUPINE_OIDC_INSECURE_LOOPBACK => 'off'), qr/\A2 .*GOOD_ISSUER is not the https URL/, 'no TLS');
like(start_with(PORCUPINE_OIDC_GOOD_ISSUER => 'http://idp.example.org'), qr/\A2 .*GOOD_ISSUER is not the https URL/, 'nor elsewhere than on this machine');
like(start_with(PORCUPINE_OIDC_GOOD_SECRET => 'x'), qr/\A2 .*there is no setting PORCUPINE_OIDC_GOOD_SECRET/, 'an unknown setting of a provider');
like(start_with(PORCUPINE_OIDC_CA_FILE => "$folder/untrusted.key"), qr/\A2 .*PORCUPINE_OIDC_CA_FILE=\S+ is not a file that can be read, with certificates/, 'a file without a certificate');
like(start_with(PORCUPINE_OIDC_CA_FILE => "$folder/none"), qr/\A2 .*PORCUPINE_OIDC_CA_FILE=\S+ is not a file/, 'no file');
like(start_with(PORCUPINE_OIDC_PROVIDERS => 'Good'), qr/\A2 .*PORCUPINE_OIDC_PROVIDERS=Good is not a list/, 'a name that is none');

done_testing();
