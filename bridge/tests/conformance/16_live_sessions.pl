# The list of one's sessions says which of them has a socket, at whichever bridge: until the socket closes, or the bridge is killed; again
# after Redis was away or has lost everything. Without Redis each bridge knows of its own. A session that is ended from another
# one loses its sockets at every bridge.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Redis;
use PostgreSQL::Test::Utils;
use Test::More;

my $redis = Porcupine::Test::Redis->new;
my $here = start_stack(conf => "max_connections = 90\n", env => { PORCUPINE_REDIS => $redis->url });
my $there = $here->another_bridge;
my $alone = $here->another_bridge(PORCUPINE_REDIS => '');
my ($ada, $ben) = map { $here->person($_) } qw(ada ben);
my $phone = further_session($ada, 'phone');

# A session of the same user on a device of its own.
sub further_session
{
	my ($person, $name) = @_;
	my ($device, $session, $token) = split /\|/, $here->sql(qq{
		INSERT INTO porcupine.devices (user_id, name) VALUES ($person->{id}, '$name') RETURNING id AS device \\gset
		INSERT INTO porcupine.sessions (user_id, device_id, expires_at, refresh_hash, address)
			VALUES ($person->{id}, :device, now() + interval '1 hour', sha256('$name'), '192.0.2.1') RETURNING id AS session \\gset
		SELECT :device, :session, porcupine.access_token($person->{id}, :session, :device);});

	return { %$person, device => $device, session => $session, token => $token };
}

# What the list has of a session, asked by Ada's first one.
sub listed
{
	my ($bridge, $session) = @_;
	my $answer = $bridge->http('GET', '/api/auth/sessions/', token => $ada->{token});

	die "no list: $answer->{status} $answer->{body}" unless $answer->{status} == 200;
	return (grep { $_->{id} eq $session->{session} } @{ json_value($answer->{body})->{results} })[0];
}

# becomes(LIVE, BRIDGE, SESSION, SECONDS, NAME): it is said so there, in so many seconds of that bridge.
sub becomes
{
	my ($live, $bridge, $session, $seconds, $name) = @_;
	my $begin = $bridge->own_seconds;

	wait_for($name, sub { !listed($bridge, $session)->{live} == !$live });
	cmp_ok($bridge->own_seconds - $begin, '<', $seconds, $name);
	return;
}

$_->wait_for_redis foreach $here, $there;

my $answer = json_value($here->http('GET', '/api/auth/sessions/', token => $ada->{token})->{body});
is_deeply([ map { $_->{id} } @{ $answer->{results} } ], [ $ada->{session}, $phone->{session} ], 'the current one first; nobody else\'s');
my %phone = %{ $answer->{results}[1] };
like(delete $phone{$_}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\z/, $_) foreach qw(created_at last_used_at);
is_deeply(
	\%phone,
	{
		id => $phone->{session},
		device => $phone->{device},
		device_name => 'phone',
		address => '192.0.2.1',
		current => JSON::PP::false,
		live => JSON::PP::false
	},
	'what is said of one'
);
ok($answer->{results}[0]{current} && !defined $answer->{results}[0]{address}, 'and of the current one');

# A socket at the other bridge.
my @sockets = map { $there->signed_in($phone) } 1 .. 2;
becomes(1, $here, $phone, 5, 'a socket at the other bridge shows');
ok(!listed($here, $ada)->{live}, 'a session without one is not live');
ok(!listed($alone, $phone)->{live}, 'a bridge without Redis does not know of it');
my $own = $alone->signed_in($ada);
ok(listed($alone, $ada)->{live}, 'but of its own');
ok(!listed($here, $ada)->{live}, 'of which the others do not');
$own->close;
$sockets[0]->close;
my $marker = $there->signed_in($ada);
becomes(1, $here, $ada, 5, 'something else comes meanwhile');
ok(listed($here, $phone)->{live}, 'one of two sockets is closed: it is still live');
$marker->close;
$sockets[1]->close;
becomes(0, $here, $phone, 5, 'the last is closed: no longer');

# A bridge is killed.
my $socket = $there->signed_in($phone);
becomes(1, $here, $phone, 5, 'a new one');
$there->stop_bridge('KILL');
becomes(0, $here, $phone, 11, 'a bridge that is killed: not for more than ten seconds or so');
ok(wait_for('its set to end', sub { $redis->command('KEYS', 'porcupine:sessions:*') eq '' }), 'and it leaves nothing behind');
$there->start_bridge;

# Redis loses everything, with and without being away.
$socket = $there->signed_in($phone);
my $at_home = $here->signed_in($ada);
becomes(1, $here, $phone, 5, 'it is back');
$redis->command('FLUSHALL');
becomes(1, $here, $phone, 5, 'Redis was emptied: it is told again');
$redis->signal('STOP');
my $asked = $here->own_seconds;
ok(listed($here, $ada)->{live}, 'Redis hangs: the list comes without the others');
cmp_ok($here->own_seconds - $asked, '<', 5, 'in time');
$redis->signal('CONT');
becomes(1, $here, $phone, 10, 'Redis answers again');
$redis->stop('KILL');
becomes(0, $here, $phone, 5, 'Redis is away: nothing is known of the other');
ok(listed($here, $ada)->{live}, 'only of oneself');
$redis->start;
becomes(1, $here, $phone, 10, 'Redis is back');

# Ended from another session.
is($here->http('DELETE', "/api/auth/sessions/$phone->{session}/", token => $ben->{token})->{status}, 404, 'nobody ends a foreign one');
is($here->http('DELETE', '/api/auth/sessions/x/', token => $ada->{token})->{status}, 404, 'nor one that does not exist');
is($here->http('DELETE', "/api/auth/sessions/$phone->{session}/")->{status}, 401, 'nor without a token');
is($here->http('DELETE', "/api/auth/sessions/$phone->{session}/", token => $ada->{token})->{status}, 204, 'one\'s own ends');
my $begin = $there->own_seconds;
is($socket->closing, 4419, 'its socket at the other bridge is closed');
cmp_ok($there->own_seconds - $begin, '<=', 2, 'within two seconds');
is(listed($here, $phone), undef, 'and it is not listed any more');
is(json_value($there->http('GET', '/api/auth/sessions/', token => $phone->{token})->{body})->{code}, 'session_ended', 'its token is dead');
is($here->http('DELETE', "/api/auth/sessions/$phone->{session}/", token => $ada->{token})->{status}, 404, 'it ends once');

# At every call: its token, which has minutes left, gets as far as the database, and no further. What a call needs is taken from openapi.yaml.
SKIP:
{
	my $file = $here->page_folder . '/api/openapi.json';
	skip 'the page is not built', 2 unless -e $file;
	my $api = json_value(slurp_file($file));
	my %values = (room => $here->room($ada), user => $ada->{id});
	my @got;

	foreach my $path (sort keys %{ $api->{paths} })
	{
		foreach my $method (sort grep { /\A(get|post|patch|delete)\z/ } keys %{ $api->{paths}{$path} })
		{
			my $call = $api->{paths}{$path}{$method};
			my @params = map { defined $_->{'$ref'} ? $api->{components}{parameters}{ $_->{'$ref'} =~ s/.*\///r } : $_ }
			  @{ $api->{paths}{$path}{parameters} // [] }, @{ $call->{parameters} // [] };
			my %hexadecimal = map { $_->{name} => 'a' x 64 } grep { ($_->{schema}{pattern} // '') =~ /0-9a-f/ } @params;
			my $to = $path =~ s/\{(\w+)\}/$hexadecimal{$1} || $values{$1} || 1/gre;
			my $example = $call->{requestBody}{content}{'application/json'}{example};

			# no provider is there
			next if ($call->{security} && !@{ $call->{security} }) || $path =~ m{/oidc/};
			$to .= '?' . join('&', map { "$_->{name}=1" } grep { $_->{in} eq 'query' && $_->{required} } @params);
			my $answer = $there->http(uc $method, $to, token => $phone->{token}, defined $example ? (json => $example) : (),
				headers => [ 'X-Porcupine: 1', 'Cookie: porcupine_link=1:x', 'Origin: http://localhost:' . $there->port ]);
			push @got, "$method $path: $answer->{status} " . ($answer->{json}{code} // '');
		}
	}
	cmp_ok(scalar @got, '>', 60, 'every call is made');
	is(join("\n", grep { !/: 401 session_ended\z/ } @got), '', 'by whom it is refused');
}

# Its device is lost.
my $lost = further_session($ada, 'lost');
$socket = $there->signed_in($lost);
is($here->http('DELETE', "/api/devices/$lost->{device}/", token => $ben->{token})->{status}, 404, 'nobody ends a foreign device');
is($here->http('DELETE', "/api/devices/$lost->{device}/", token => $ada->{token})->{status}, 204, 'one\'s own is ended');
is($socket->closing, 4419, 'with its socket at the other bridge');
is(json_value($there->http('GET', '/api/auth/user/', token => $lost->{token})->{body})->{code}, 'session_ended', 'and its token');

# A clean end takes what is told with it.
$socket = $there->signed_in($ada);
wait_for('both to be told', sub { 2 == split /\n/, $redis->command('KEYS', 'porcupine:sessions:*') });
$there->stop_bridge;
is(scalar(split /\n/, $redis->command('KEYS', 'porcupine:sessions:*')), 1, 'a clean end leaves nothing behind');
ok(listed($here, $ada)->{live}, 'and touches nothing of the other');

done_testing();
