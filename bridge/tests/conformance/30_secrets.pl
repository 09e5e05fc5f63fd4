# Nothing secret stays anywhere: what a run used of passwords, tokens, codes and keys, people's and OpenID's, is in no log of the bridge (at
# level debug), of PostgreSQL (that logs all it can of everybody, and the bridge's role is made as docs/operations.md has it) and of nginx
# (docker/nginx.conf), in no metric, not in pg_stat_statements, pg_stat_activity, command lines and environments, nor in what Redis is told;
# dumps, tables and data files have what they must have, and nothing else. How each is looked for stands in Porcupine::Test::Secrets;
# that the search finds what is there is shown in each place: by what was planted there, and by what may be there, which must be found.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Digest::SHA qw(sha256_hex);
use File::Find ();
use IO::Socket::INET;
use POSIX ();
use Porcupine::Test;
use Porcupine::Test::Front;
use Porcupine::Test::Provider;
use Porcupine::Test::Redis;
use Porcupine::Test::Secrets;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ORIGIN => 'http://chat.test';

plan(skip_all => 'there is no nginx') unless Porcupine::Test::Front->is_there;

my $logs = $PostgreSQL::Test::Utils::log_path;
my $folder = PostgreSQL::Test::Utils::tempdir();
my $secrets = Porcupine::Test::Secrets->new;
my $control = 'control-quokka-lantern';
my (@children, %sampled, $of_the_bridge);

sub keep { return $secrets->keep(@_); }
sub keep_all { my ($whose, $from, @names) = @_; keep("$_ token of $whose", $from->{$_}) foreach @names; return $from; }

my $redis = Porcupine::Test::Redis->new('--requirepass' => keep('password of Redis', 'redis-password-73519'));
my $provider = Porcupine::Test::Provider->new($folder);
my $metrics = PostgreSQL::Test::Cluster::get_free_port();

append_to_file("$folder/secret", keep('client secret', Porcupine::Test::Provider::SECRET));
chmod 0600, "$folder/secret";

# Everything that a server can be told to log; of 'sample' the whole.
my $stack = start_stack(
	conf => "shared_preload_libraries = 'porcupine, pg_stat_statements, auto_explain'\npg_stat_statements.track = 'all'\n"
	  . "auto_explain.log_min_duration = 0\nauto_explain.log_nested_statements = on\nauto_explain.log_verbose = on\n"
	  . "log_statement = 'all'\nlog_min_duration_statement = 0\nlog_min_messages = 'debug5'\nlog_min_error_statement = 'debug5'\n"
	  . "log_parameter_max_length = -1\nlog_parameter_max_length_on_error = -1\nlog_transaction_sample_rate = 1\n"
	  . "log_error_verbosity = 'verbose'\nlog_connections = on\nlog_disconnections = on\nlog_duration = on\nlog_lock_waits = on\n",
	env => {
		PORCUPINE_REDIS => $redis->url(':' . $secrets->text('password of Redis')),
		PORCUPINE_LOG_LEVEL => 'debug',
		PORCUPINE_METRICS => "127.0.0.1:$metrics",
		PORCUPINE_ORIGINS => ORIGIN,
		PORCUPINE_OIDC_PROVIDERS => 'good',
		PORCUPINE_OIDC_INSECURE_LOOPBACK => 'on',
		PORCUPINE_OIDC_GOOD_ISSUER => $provider->issuer('good'),
		PORCUPINE_OIDC_GOOD_CLIENT_ID => Porcupine::Test::Provider::CLIENT,
		PORCUPINE_OIDC_GOOD_CLIENT_SECRET_FILE => "$folder/secret"
	});

# The bridge's login role, as an operator is told to make it; and a bridge that has come as it, by a password.
$stack->stop_bridge;
my @settings = slurp_file("$FindBin::RealBin/../../../docs/operations.md") =~ /^ALTER ROLE node (SET [^;]+);/mg;
cmp_ok(scalar @settings, '>', 5, 'docs/operations.md says how the role of a bridge is made');
$stack->sql("ALTER ROLE porcupine_node $_") foreach @settings;
$stack->sql('CREATE EXTENSION pg_stat_statements');
$stack->{env}{PORCUPINE_DATABASE} = 'host=' . $stack->node->host . ' port=' . $stack->node->port . ' dbname=postgres user=porcupine_node password='
  . keep('password of the database', 'database-password-84620');
$stack->start_bridge;
wait_for('a connection to Redis', sub { $stack->logged('connected to Redis') });

my $monitor = start_monitor();
my $front = Porcupine::Test::Front->start($stack->port);

# --- what runs beside it -------------------------------------------------------------------------------

# Everything that Redis is told, into a file.
sub start_monitor
{
	my $file = "$logs/monitor.txt";
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $redis->port) or die "cannot connect: $!";

	print $socket 'AUTH ' . $secrets->text('password of Redis') . "\r\nMONITOR\r\n";
	$socket->flush;
	<$socket> for 1 .. 2;
	child(sub {
		open(my $out, '>', $file) or die;
		$out->autoflush(1);
		while (<$socket>) { print $out $_ }
	});
	return $file;
}

sub child
{
	my ($code) = @_;
	my $pid = fork // die "cannot fork: $!";

	if ($pid == 0)
	{
		$code->();
		POSIX::_exit(0);
	}
	push @children, $pid;
	return;
}

END
{
	my $status = $?;

	kill 'TERM', @children;
	waitpid($_, 0) foreach @children;
	$? = $status;
}

# --- how it is used --------------------------------------------------------------------------------------

# By way of nginx; then a look at what runs and what was asked last. The answer.
sub call
{
	my ($method, $path, $expected, %with) = @_;
	my $answer = $front->http($method, $path, %with);

	is($answer->{status}, $expected, "$method " . $path =~ s/\?.*//r) or diag($answer->{body});
	sample();
	return $answer;
}

sub json { return call(@_)->{json} // {}; }

sub sample
{
	$sampled{$_} = 1 foreach split /\n/, $stack->sql('SELECT query FROM pg_stat_activity');
	foreach my $file (glob('/proc/[0-9]*/cmdline'), glob('/proc/[0-9]*/environ'))
	{
		next if $file eq "/proc/$$/environ";
		open(my $in, '<', $file) or next;
		my $bytes = do { local $/; <$in> } // '';
		if ($file eq "/proc/$stack->{pid}/environ") { $of_the_bridge = $bytes }
		else { $sampled{$bytes} = 1 }
	}
	return;
}

# What a browser has been given, kept as secrets: cookies by their names.
sub cookies
{
	my ($whose, $answer) = @_;
	my %cookies = map { /\A([^=]+)=([^;]+)/ ? ($1 => $2) : () } @{ $answer->{headers}{'set-cookie'} // [] };

	keep("cookie $_ of $whose", $cookies{$_}) foreach keys %cookies;
	return \%cookies;
}

sub in_a_browser { return headers => [ 'X-Porcupine: 1', 'Origin: ' . ORIGIN, @_ ]; }

# Signs up; {access, refresh, user}.
sub somebody
{
	my ($name, %more) = @_;
	my $password = keep("password of $name", "correct horse $name 48151");
	my $answer = json(POST => '/api/auth/register/', 201, json => { username => $name, password => $password, display_name => $name, %more });

	return keep_all($name, $answer, qw(access refresh));
}

sub idempotent { my ($name) = @_; return headers => [ 'Idempotency-Key: ' . keep("Idempotency-Key of $name", 'key-' . uuid() . '-of-a-call') ]; }

# --- accounts and sessions -------------------------------------------------------------------------------

my $ada = somebody('ada', email => 'ada@example.org');
my $ben = somebody('ben');

# Sign-ins that succeed, and that do not.
my $again = keep_all('ada again', json(POST => '/api/auth/login/', 200, json => { username => 'ada', password => $secrets->text('password of ada') },
	idempotent('a sign-in')), qw(access refresh));
is($stack->sql('SELECT count(*) FROM porcupine.requests'), 0, 'of a sign-in no answer is kept');
call(POST => '/api/auth/login/', 401, json => { username => 'ada', password => keep('wrong password', 'not the horse 62342') });
call(POST => '/api/auth/login/', 401, json => { username => 'nobody', password => keep('password of nobody', 'a horse of nobody 9') });
call(POST => '/api/auth/register/', 409, json => { username => 'ada', password => keep('password of a taken name', 'battery staple 777') });
call(POST => '/api/auth/register/', 413, json => { username => 'x' x 500, password => keep('password of a long name', 'staple battery 888') });
call(POST => '/api/auth/register/', 400, json => { username => 'eve', password => keep('password in a wrong type', 'staple horse 999'), email => 7 });
call(POST => '/api/auth/login/', 400, body => '{"username":"ada","password":"' . keep('password in broken JSON', 'horse battery 111') . '"');
call(POST => '/api/auth/login/', 415, type => 'text/plain', body => '{"password":"' . keep('password in a text', 'horse battery 222') . '"}');
call(GET => '/api/auth/user/', 400, token => keep('token in a header that is none', 'a-token-in-a-bad-header-44'), headers => [ 'Authorization : Bearer '
	  . keep('token in a second header', 'a-token-in-another-header-55') ]);

# A statement that fails for a reason of its own, with a password among its parameters.
$stack->sql(q{CREATE FUNCTION public.fails() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW.id / 0; END$$;
	CREATE TRIGGER fails BEFORE INSERT ON porcupine.users FOR EACH ROW WHEN (NEW.username = 'zed') EXECUTE FUNCTION public.fails()});
call(POST => '/api/auth/register/', 500, json => { username => 'zed', password => keep('password of a defect', 'horse staple 333') });

# Refresh tokens, in the body and in the cookie, and one that is used again.
my $fresh = keep_all('ada refreshed', json(POST => '/api/auth/refresh/', 200, json => { refresh => $again->{refresh} }), qw(access refresh));
my $third = keep_all('ada refreshed twice', json(POST => '/api/auth/refresh/', 200, json => { refresh => $fresh->{refresh} }), qw(access refresh));
is(json(POST => '/api/auth/refresh/', 401, json => { refresh => $again->{refresh} })->{code}, 'session_ended', 'an old token is theft');
call(POST => '/api/auth/refresh/', 401, json => { refresh => $third->{refresh} });
call(POST => '/api/auth/refresh/', 401, json => { refresh => keep('a refresh token that is none', 'no-refresh-token-31337') });
my $cookie = call(POST => '/api/auth/login/', 200, in_a_browser(), json => { username => 'ben', password => $secrets->text('password of ben'), cookie => \1 });
my $cookies = cookies('ben', $cookie);
keep('access token beside it', $cookie->{json}{access});
my $by_cookie = call(POST => '/api/auth/refresh/', 200, json => {}, in_a_browser("Cookie: porcupine_refresh=$cookies->{porcupine_refresh}; porcupine_device=$cookies->{porcupine_device}"));
keep('access token by the cookie', $by_cookie->{json}{access});
cookies('ben refreshed', $by_cookie);

# Access tokens that are none, or none any more.
(my $forged = $ada->{access}) =~ s/.{9}\z/AAAAAAAAA/;
call(GET => '/api/auth/user/', 401, token => keep('forged token', $forged));
call(GET => '/api/auth/user/', 401, token => keep('no token', 'nothing-like-a-token-5150'));
call(GET => '/api/auth/user/', 401, token => $third->{access});
call(GET => '/api/auth/user/', 200, token => $ada->{access});
my $out = keep_all('ada who leaves', json(POST => '/api/auth/login/', 200, json => { username => 'ada', password => $secrets->text('password of ada') }), qw(access refresh));
call(POST => '/api/auth/logout/', 204, token => $out->{access});

# Another password, and an account that goes.
my $cat = somebody('cat');
call(POST => '/api/auth/password/', 401, token => $cat->{access}, json => { old_password => keep('wrong old password', 'an old horse 18'), new_password => 'x' x 8 });
call(POST => '/api/auth/password/', 204, token => $cat->{access}, idempotent('a password'),
	json => { old_password => $secrets->text('password of cat'), new_password => keep('new password', 'a new horse of cat') });
my $eve = somebody('eve');
call(DELETE => '/api/auth/user/', 401, token => $eve->{access}, json => { password => keep('wrong password of who goes', 'a gone horse 19') });
call(DELETE => '/api/auth/user/', 204, token => $eve->{access}, json => { password => $secrets->text('password of eve') });

# --- rooms, codes and invites ------------------------------------------------------------------------------

my @create = (token => $ada->{access}, json => { name => 'Glass house', encrypted => \0 }, idempotent('a room'));
my $room = json(POST => '/api/rooms/', 201, @create);
keep('room code of before', $room->{code});
is(json(POST => '/api/rooms/', 201, @create)->{id}, $room->{id}, 'again with the key: the same room');
call(POST => '/api/rooms/', 422, @create, json => { name => 'Another' });
call(POST => '/api/rooms/', 400, @create, headers => [ 'Idempotency-Key: ' . keep('Idempotency-Key that is too long', 'too-long-a-key-' x 10) ]);
call(POST => '/api/rooms/join/', 200, token => $ben->{access}, json => { code => $room->{code} });
call(POST => '/api/rooms/join/', 404, token => $ben->{access}, json => { code => keep('a code of no room', 'NOROOMCODE77') });
keep('room code', json(POST => "/api/rooms/$room->{id}/code/", 200, token => $ada->{access}, json => {})->{code});

my @invite = (token => $ada->{access}, json => { max_uses => 2 }, idempotent('an invite'));
my $invite = json(POST => "/api/rooms/$room->{id}/invite/", 201, @invite);
keep('invite code', $invite->{code});
is(json(POST => "/api/rooms/$room->{id}/invite/", 201, @invite)->{code}, $invite->{code}, 'again with the key: the same invite');
call(POST => '/api/rooms/join/', 200, token => $cat->{access}, json => { code => $invite->{code} });

# One that a client has made: the server is told a hash, and the code itself by whoever comes.
my $sealed = json(POST => '/api/rooms/', 201, token => $ada->{access}, json => { name => 'Sealed', entries => [ b64('created') ], bundles => [] });
my $code = keep('code of a client', 'an-invite-code-of-a-client-0471');
call(POST => "/api/rooms/$sealed->{id}/invite/", 201, token => $ada->{access},
	json => { code_hash => b64(pack 'H*', sha256_hex($code)), sealed => b64('for you'), index => 1, entry => b64('signed') });
call(GET => '/api/invites/' . sha256_hex($code) . '/', 200, token => $cat->{access});
call(POST => '/api/rooms/join/', 200, token => $cat->{access}, json => { code => $code });

# --- sockets -----------------------------------------------------------------------------------------------

my $ws = $front->signed_in({ token => $ada->{access} }, '/ws/');
$ws->say({ type => 'subscribe', room => $room->{id} });
$ws->hear('subscribed') or die 'not subscribed';
$ws->say({ type => 'send', room => $room->{id}, client_id => uuid(), body => b64('a few words') });
ok($ws->hear('ack'), 'something was said');
$ws->say({ type => 'auth', token => $ben->{access} });
ok($ws->hear('error'), 'nobody else on the same socket');
foreach my $frame (json_text({ type => 'auth', token => $forged }), json_text({ type => 'auth', token => $out->{access} }),
	'{"type":"auth","token":"' . keep('token in a broken frame', 'a-token-in-half-a-frame-66'),
	json_text({ type => 'auth', token => keep('token in a long frame', 'a-token-in-a-long-frame-77'), more => 'x' x 5000 }),
	json_text({ type => 'send', token => keep('token in another frame', 'a-token-in-another-frame-88') }))
{
	my $stranger = $front->websocket('/ws/');
	$stranger->send_frame(1, $frame);
	ok(!$stranger->hear('ready'), 'a stranger is kept out');
}
sample();

# --- at a provider -----------------------------------------------------------------------------------------

# A browser goes there, and somebody of these claims signs in: the query of the way back, the cookie, the code.
sub to_provider
{
	my ($name, $claims, %how) = @_;
	my $begun = call(POST => $how{start} // '/api/auth/oidc/good/start/', 200, json => {}, in_a_browser(), token => $how{token});
	my $url = $begun->{json}{url};
	my $query = $provider->authorize($url, claims => $claims, access_token => keep("provider's access token of $name", 'of-the-provider-' . uuid()));

	keep("$_ of $name", $url =~ /\b$_=([^&]+)/) foreach qw(state nonce);
	my $code = keep("code of $name", $query =~ /\bcode=([^&]*)/ ? $1 =~ s/%(..)/chr hex $1/ger : undef);
	return ($query, cookies($name, $begun)->{porcupine_oidc}, $code);
}

# The whole way there and back: the cookies that the browser has then.
sub at_provider
{
	my ($name, @how) = @_;
	my ($query, $cookie, $code) = to_provider($name, @how);
	my $back = call(GET => "/api/auth/oidc/good/callback/?$query", 303, headers => ["Cookie: porcupine_oidc=$cookie"]);

	keep("verifier of $name", $provider->asked($code)->{code_verifier});
	keep("ID token of $name", $provider->asked($code)->{answer}{id_token});
	return cookies("$name, back", $back);
}

my %verified = (email_verified => JSON::PP::true);
my $dora = at_provider('dora', { sub => 'subject of dora', email => 'dora@example.org', %verified });
ok($dora->{porcupine_refresh}, 'somebody signs in at a provider');
at_provider('a wrong nonce', { sub => 'subject of nobody', nonce => 'another' });
my $offer = at_provider('ada at the provider', { sub => 'subject of ada', email => 'ada@example.org', %verified });
my @ticket = in_a_browser("Cookie: porcupine_link=$offer->{porcupine_link}");
call(GET => '/api/auth/oidc/link/', 200, @ticket);
call(POST => '/api/auth/oidc/link/', 401, @ticket, json => { password => keep('wrong password of a link', 'a linked horse 20') });
my $linked = call(POST => '/api/auth/oidc/link/', 200, @ticket, json => { password => $secrets->text('password of ada') });
keep('access token of ada, linked', $linked->{json}{access});
cookies('ada, linked', $linked);
my $asked = at_provider('ben at the provider', { sub => 'subject of ben' }, start => '/api/auth/oidc/good/link/', token => $ben->{access});
call(POST => '/api/auth/identities/', 410, in_a_browser('Cookie: porcupine_link=' . keep('a ticket that is none', 'no-ticket-at-all-' . uuid())), token => $ben->{access});
my ($query, $back) = to_provider('somebody who comes in vain', { sub => 'subject of nobody' });

# --- what the database keeps ---------------------------------------------------------------------------------

keep("signing key $_->[0]", pack('H*', $_->[1])) foreach map { [ split /\|/ ] } split /\n/, $stack->sql(
	q{SELECT kid, encode(substr(secret_key, 1, 32), 'hex') FROM porcupine.signing_keys});
keep("hash of $_->[0]'s password", $_->[1]) foreach map { [ split /\|/ ] } split /\n/, $stack->sql(
	'SELECT username, hash FROM porcupine.credentials JOIN porcupine.users ON users.id = user_id');

# --- where it is looked for ----------------------------------------------------------------------------------

sub output_of { my ($out) = run_command(\@_); return $out; }

# All files below, one by one.
sub files_below
{
	my ($top) = @_;
	my @all;
	File::Find::find({ no_chdir => 1, wanted => sub { push @all, slurp_file($_) if -f } }, $top);
	return @all;
}

# Also those that no dump has.
sub tables
{
	return map { $stack->sql("SELECT t::text FROM $_ t") } split /\n/, $stack->sql(
		q{SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace IN ('porcupine'::regnamespace, 'public'::regnamespace)});
}

my @connection = ('-d', $stack->node->connstr('postgres'));
my %place = (
	'the log of the bridge' => sub { slurp_file($stack->{log}) },
	'its metrics' => sub { Porcupine::Test::Client->new($metrics)->http('GET', '/metrics')->{body} },
	'the environment of the bridge' => sub { $of_the_bridge },
	'the log of PostgreSQL' => sub { slurp_file($stack->node->logfile) },
	'the errors of nginx' => sub { $front->log_text('error') },
	"nginx' log as docs/operations.md has it" => sub { $front->log_text('chat') },
	"nginx' usual log" => sub { $front->log_text('combined') },
	'what Redis is told' => sub { slurp_file($monitor) },
	'pg_stat_statements' => sub { $stack->sql('SELECT query FROM pg_stat_statements') },
	'pg_stat_activity and the processes' => sub { keys %sampled },
	'a dump' => sub { output_of('pg_dump', @connection) },
	'a dump of everything' => sub { output_of('pg_dumpall', @connection) },
	'the tables' => \&tables,
	'the data files, with the write-ahead log' => sub { files_below($stack->node->data_dir) });

# What may be there, and so has to be found: the server has to know and show room codes, checks passwords by their hashes, and signs. A
# bridge has come by the passwords that it was given. The usual log of nginx has what stands in an address, which is used up by then.
my $kept = qr/\A(?:room code\z|hash of)/;
my %may = (
	'the environment of the bridge' => qr/\Apassword of (?:Redis|the database)\z/,
	"nginx' usual log" => qr/\A(?:state|code) of (?!a client)/,
	'a dump' => $kept,
	'a dump of everything' => $kept,
	'the tables' => qr/$kept|\Asigning key/,
	'the data files, with the write-ahead log' => qr/$kept|\A(?:signing key|room code of before)/);

# Put into each place by whatever writes there; the bridge writes nothing that comes from outside, so there its own words are looked for.
my %planted = (
	'the log of the bridge' => 'the database refused a statement',
	'its metrics' => 'GET /api/auth/oidc/{provider}/callback/',
	'the environment of the bridge' => "PORCUPINE_METRICS=127.0.0.1:$metrics");
$stack->sql(qq{CREATE TABLE "$control" (id int); INSERT INTO "$control" SELECT 1 AS "$control"; CREATE TABLE words AS SELECT '$control'::text AS word});
print { my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $redis->port) } 'AUTH ' . $secrets->text('password of Redis') . "\r\nPING $control\r\n";
wait_for('the control to come by Redis', sub { slurp_file($monitor) =~ /\Q$control\E/ });
{
	local $ENV{PORCUPINE_CONTROL} = $control;
	child(sub { exec('sleep', '60') });
}
wait_for('the control to run', sub { my $found = `cat /proc/$children[-1]/comm`; $found =~ /sleep/ });
sample();
$place{'its metrics'} = do { my $text = $place{'its metrics'}->(); sub { $text } };

# The bridge is away: nginx says so, of a request for the control, and not of who comes back from the provider in vain.
$stack->stop_bridge;
is($front->http('GET', "/$control")->{status}, 502, 'nginx has nobody to ask');
is($front->http('GET', "/api/auth/oidc/good/callback/?$query", headers => ["Cookie: porcupine_oidc=$back"])->{status}, 502, 'nor for a code');
$stack->sql('CHECKPOINT');

foreach my $name (sort keys %place)
{
	my @bytes = $place{$name}->();
	my $planted = $planted{$name} // $control;

	ok(scalar(grep { index($_, $planted) >= 0 } @bytes), "$name: what was put there is found");
	my @found = $secrets->found_in(@bytes);
	my $allowed = $may{$name};
	is(join(', ', grep { !$allowed || !/$allowed/ } @found), '', "$name: no secret");
	is(join(', ', grep { /$allowed/ } @found), join(', ', grep { /$allowed/ } $secrets->names), "$name: what may be there is found") if $allowed;
}
like(slurp_file($stack->{log}), qr/"level":"debug"/, 'the bridge has logged at level debug');
ok(slurp_file($stack->node->logfile) =~ $_, "PostgreSQL has logged $_") foreach qr/DEBUG:  00000: StartTransaction/, qr/LOG:  00000: duration: [0-9.]+ ms  plan:/;

my @missed = $secrets->missed;
is(join("\n", @missed), '', 'the search finds each of ' . scalar(my @all = $secrets->names) . ' secrets, however it is written');
cmp_ok(scalar(@all), '>', 80, 'which are not few');

done_testing();
