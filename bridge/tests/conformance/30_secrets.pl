# Nothing secret stays anywhere: what a run used of passwords, tokens, codes and keys is in no log of the bridge (at level debug), of
# PostgreSQL (that logs each statement of everybody but the bridge, as docs/operations.md has it) and of nginx, in no dump, not in
# pg_stat_statements, pg_stat_activity, process lists and environments, nor in what Redis is told. Each is looked for as it is, in
# hexadecimal, in base64 however it is aligned, and percent-encoded; in each place the search finds what was put there to be found.
#
# Room codes are the exception for the dump: the server has to know and show them. The database keeps its signing key, too, in a table
# that no dump has.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Porcupine::Test;
use Porcupine::Test::Redis;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($nginx) = grep { -x } qw(/usr/sbin/nginx /usr/bin/nginx);
plan(skip_all => 'there is no nginx') unless $nginx;

my $logs = $PostgreSQL::Test::Utils::log_path;
my (%secret, %place);     # name => text; name => code that gives its bytes
my (@children, $sampled);
my $control = 'control-quokka-lantern';
my $redis_password = 'redis-password-73519';

my $redis = Porcupine::Test::Redis->new('--requirepass' => $redis_password);
my $stack = start_stack(
	conf => "shared_preload_libraries = 'porcupine, pg_stat_statements'\npg_stat_statements.track = 'all'\n"
	  . "log_statement = 'all'\nlog_min_duration_statement = 0\nlog_min_messages = 'debug1'\nlog_min_error_statement = 'debug1'\n"
	  . "log_connections = on\n",
	env => { PORCUPINE_REDIS => $redis->url(":$redis_password"), PORCUPINE_LOG_LEVEL => 'debug' });

# The bridge's login role, as an operator is told to make it; and a bridge that has come as it.
$stack->stop_bridge;
$stack->sql("ALTER ROLE porcupine_node SET $_")
  foreach "log_statement = 'none'", 'log_min_duration_statement = -1', 'log_parameter_max_length = 0',
  'log_parameter_max_length_on_error = 0', "log_min_error_statement = 'panic'";
$stack->sql('CREATE EXTENSION pg_stat_statements');
$stack->start_bridge;
wait_for('a connection to Redis', sub { $stack->logged('connected to Redis') });

my $monitor = start_monitor();
my $front = start_nginx();

# --- what runs beside it -------------------------------------------------------------------------------

# Everything that Redis is told, into a file.
sub start_monitor
{
	my $file = "$logs/monitor.txt";
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $redis->port) or die "cannot connect: $!";

	print $socket "AUTH $redis_password\r\nMONITOR\r\n";
	$socket->flush;
	<$socket> for 1 .. 2;
	child(sub {
		open(my $out, '>', $file) or die;
		$out->autoflush(1);
		while (<$socket>) { print $out $_ }
	});
	return $file;
}

# The whole request line and what a client says of itself, as Debian's own settings log it.
sub start_nginx
{
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $client = Porcupine::Test::Client->new($port);
	my $temporary = join('', map { "${_}_temp_path $logs/nginx_$_;\n" } qw(client_body proxy fastcgi scgi uwsgi));

	append_to_file("$logs/nginx.conf", <<"CONF");
daemon off; worker_processes 1; pid $logs/nginx.pid;
error_log $logs/nginx_error.log info;
events { worker_connections 256; }
http {
access_log $logs/nginx_access.log combined;
$temporary
map \$http_upgrade \$up { default ""; "~*^websocket\$" websocket; }
map \$up \$hop { default close; websocket upgrade; }
server { listen 127.0.0.1:$port; location / {
	proxy_pass http://127.0.0.1:@{[ $stack->port ]}; proxy_http_version 1.1; proxy_set_header Host \$http_host;
	proxy_set_header Upgrade \$up; proxy_set_header Connection \$hop;
} } }
CONF
	child(sub {
		open(STDOUT, '>', "$logs/nginx_output.log");
		open(STDERR, '>&', \*STDOUT);
		exec($nginx, '-e', "$logs/nginx_error.log", '-c', "$logs/nginx.conf") or POSIX::_exit(127);
	});
	wait_for('nginx', sub { my $answer = eval { $client->http('GET', '/livez') }; $answer && $answer->{status} == 200 });
	return $client;
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

# --- what happens ----------------------------------------------------------------------------------------

sub keep { my ($name, $text) = @_; $secret{$name} = $text if defined $text; return $text; }

# By way of nginx; then a look at what runs and what was asked last.
sub call
{
	my ($method, $path, $expected, %with) = @_;
	my $answer = $front->http($method, $path, %with);

	is($answer->{status}, $expected, "$method $path");
	sample();
	return $answer->{json} // {};
}

sub sample
{
	$sampled .= $stack->sql('SELECT query FROM pg_stat_activity') . "\n";
	foreach my $file (glob('/proc/[0-9]*/cmdline'), glob('/proc/[0-9]*/environ'))
	{
		next if $file eq "/proc/$$/environ";
		open(my $in, '<', $file) or next;
		my $bytes = do { local $/; <$in> } // '';
		# what a bridge is configured by is its own to read
		$bytes =~ s/\QPORCUPINE_REDIS=\E[^\0]*//;
		$sampled .= "$file: $bytes\n";
	}
	return;
}

# Signs up and in; {access, refresh, user}.
sub somebody
{
	my ($name) = @_;
	my $password = keep("password of $name", "correct horse $name 48151");
	my $answer = call(POST => '/api/auth/register/', 201, json => { username => $name, password => $password, display_name => $name });

	keep("$_ token of $name", $answer->{$_}) foreach qw(access refresh);
	return $answer;
}

my $ada = somebody('ada');
my $ben = somebody('ben');

# Sign-ins that succeed, and that do not.
my $again = call(POST => '/api/auth/login/', 200, json => { username => 'ada', password => $secret{'password of ada'} });
keep("$_ token of ada again", $again->{$_}) foreach qw(access refresh);
call(POST => '/api/auth/login/', 401, json => { username => 'ada', password => keep('wrong password', 'not the horse 62342') });
call(POST => '/api/auth/login/', 401, json => { username => 'nobody', password => keep('password of nobody', 'a horse of nobody 9') });
call(POST => '/api/auth/register/', 409, json => { username => 'ada', password => keep('password of a taken name', 'battery staple 777') });
call(POST => '/api/auth/register/', 413, json => { username => 'x' x 500, password => keep('password of a long name', 'staple battery 888') });
call(POST => '/api/auth/register/', 400, json => { username => 'eve', password => keep('password in a wrong type', 'staple horse 999'), email => 7 });
call(POST => '/api/auth/login/', 400, body => '{"username":"ada","password":"' . keep('password in broken JSON', 'horse battery 111') . '"');
call(POST => '/api/auth/login/', 415, type => 'text/plain', body => '{"password":"' . keep('password in a text', 'horse battery 222') . '"}');

# Refresh tokens, in the body and in the cookie.
my $fresh = call(POST => '/api/auth/refresh/', 200, json => { refresh => $again->{refresh} });
keep("$_ token refreshed", $fresh->{$_}) foreach qw(access refresh);
call(POST => '/api/auth/refresh/', 401, json => { refresh => keep('a refresh token that is none', 'no-refresh-token-31337') });
my $cookie = $front->http('POST', '/api/auth/login/', json => { username => 'ben', password => $secret{'password of ben'}, cookie => JSON::PP::true() });
my %cookies = map { /\A([^=]+)=([^;]+)/ } @{ $cookie->{headers}{'set-cookie'} // [] };
my $refresh = delete $cookies{porcupine_refresh};
keep("cookie $_", $cookies{$_}) foreach keys %cookies;
ok(keep('refresh token in a cookie', $refresh), 'a token in a cookie');
keep('access token beside it', $cookie->{json}{access});
my $by_cookie = $front->http('POST', '/api/auth/refresh/', json => {}, headers => [ "Cookie: porcupine_refresh=$refresh", 'X-Porcupine: 1' ]);
is($by_cookie->{status}, 200, 'refreshed by the cookie');
keep('access token by the cookie', $by_cookie->{json}{access});
keep('refresh token by the cookie', (map { /\Aporcupine_refresh=([^;]+)/ } @{ $by_cookie->{headers}{'set-cookie'} // [] })[0]);

# Access tokens that are none.
(my $forged = $ada->{access}) =~ s/.{9}\z/AAAAAAAAA/;
call(GET => '/api/auth/user/', 401, token => keep('forged token', $forged));
call(GET => '/api/auth/user/', 401, token => keep('no token', 'nothing-like-a-token-5150'));
call(GET => '/api/auth/user/', 200, token => $ada->{access});

# Rooms, codes and invites.
my $room = call(POST => '/api/rooms/', 201, token => $ada->{access}, json => { name => 'Glass house', encrypted => JSON::PP::false() });
keep('room code', $room->{code});
call(POST => '/api/rooms/join/', 200, token => $ben->{access}, json => { code => $room->{code} });
call(POST => '/api/rooms/join/', 404, token => $ben->{access}, json => { code => keep('a code of no room', 'NOROOMCODE77') });
my $invite = call(POST => "/api/rooms/$room->{id}/invite/", 201, token => $ada->{access}, json => { max_uses => 2 });
keep('invite code', $invite->{code});
my $cat = somebody('cat');
call(POST => '/api/rooms/join/', 200, token => $cat->{access}, json => { code => $invite->{code} });

# Sockets: who may, who may not; and something said.
my $ws = $front->signed_in({ token => $ada->{access} }, '/ws/');
$ws->say({ type => 'subscribe', room => $room->{id} });
$ws->hear('subscribed') or die 'not subscribed';
$ws->say({ type => 'send', room => $room->{id}, client_id => uuid(), body => b64('a few words') });
ok($ws->hear('ack'), 'something was said');
my $stranger = $front->websocket('/ws/');
$stranger->say({ type => 'auth', token => $forged });
ok(!$stranger->hear('ready'), 'and a stranger kept out');
sample();
call(POST => '/api/auth/logout/', 204, token => $again->{access});

# What the database signs by.
keep("signing key $_->[0]", pack('H*', $_->[1])) foreach map { [ split /\|/ ] } split /\n/, $stack->sql(
	q{SELECT kid, encode(substr(secret_key, 1, 32), 'hex') FROM porcupine.signing_keys});
keep('password of Redis', $redis_password);

# --- where it is looked for -------------------------------------------------------------------------------

# How a text may be written.
sub writings
{
	my ($text) = @_;
	my $hex = unpack('H*', $text);
	my @found = ($text, $hex, uc $hex, join('', map { /[A-Za-z0-9._~-]/ ? $_ : sprintf('%%%02X', ord) } split //, $text));

	foreach my $before (0 .. 2)
	{
		my $base64 = encode_base64(("\0" x $before) . $text, '') =~ s/=+\z//r;
		my ($first, $last) = (POSIX::ceil($before * 8 / 6), int(($before + length $text) * 8 / 6));
		my $aligned = substr($base64, $first, $last - $first);

		push @found, $aligned, $aligned =~ tr{+/}{-_}r;
	}
	return @found;
}

sub holds
{
	my ($bytes, $text) = @_;
	return scalar grep { index($bytes, $_) >= 0 } writings($text);
}

%place = (
	'the log of the bridge' => sub { slurp_file($stack->{log}) },
	'the log of PostgreSQL' => sub { slurp_file($stack->node->logfile) },
	'the logs of nginx' => sub { slurp_file("$logs/nginx_access.log") . slurp_file("$logs/nginx_error.log") },
	'what Redis is told' => sub { slurp_file($monitor) },
	'pg_stat_statements' => sub { $stack->sql('SELECT query FROM pg_stat_statements') },
	'pg_stat_activity and the processes' => sub { $sampled },
	'a dump' => sub { run_dump() }
);

sub run_dump
{
	my ($out, $err) = run_command([ 'pg_dump', '-d', $stack->node->connstr('postgres') ]);
	return $out;
}

# Put into each place by whatever writes there; the bridge writes nothing that comes from outside, so there its own words are looked for.
$stack->sql(qq{CREATE TABLE "$control" (id int); SELECT 1 AS "$control"});
$front->http('GET', "/$control");
print { my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $redis->port) } "AUTH $redis_password\r\nPING $control\r\n";
wait_for('the control to come by Redis', sub { slurp_file($monitor) =~ /\Q$control\E/ });
local $ENV{PORCUPINE_CONTROL} = $control;
child(sub { exec('sleep', '60') });
wait_for('the control to run', sub { my $found = `cat /proc/$children[-1]/comm`; $found =~ /sleep/ });
sample();

foreach my $name (sort keys %place)
{
	my $bytes = $place{$name}->();
	my $planted = $name eq 'the log of the bridge' ? 'connected to Redis' : $control;

	ok(holds($bytes, $planted), "$name has what was put there");
	like($bytes, qr/"level":"debug"/, 'at level debug') if $planted ne $control;
	is(join(', ', grep { !($name eq 'a dump' && $_ eq 'room code') && holds($bytes, $secret{$_}) } sort keys %secret), '', "$name has no secret");
}

# The search itself: each secret in each writing, in the midst of something else.
my $missed = 0;
foreach my $text (values %secret)
{
	$missed += !holds("before $_ after", $text) foreach writings($text);
	$missed += !holds('x' . encode_base64("$_$text after", ''), $text) foreach '', 'b', 'be', 'bef';
}
is($missed, 0, scalar(keys %secret) . ' secrets, and the search finds each of them however it is written');
cmp_ok(scalar(keys %secret), '>', 25, 'which are not few');

done_testing();
