# Who comes too often is refused, by REST and on sockets, with the time to wait, and heard again after it; others are not touched. Each
# limit is of whom it says it is, and what is refused costs nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run ();
use Porcupine::Test;
use Porcupine::Test::Metrics qw(scrape);
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

my $metrics = PostgreSQL::Test::Cluster::get_free_port();
my $stack = start_stack(
	conf => "max_connections = 60\n",
	env => {
		PORCUPINE_METRICS => "127.0.0.1:$metrics",
		PORCUPINE_TRUSTED_PROXIES => '127.0.0.1',
		PORCUPINE_LIMITS => 'register=2/1h,join=3/1h,join_address=5/1h,preview=2/1h,reads=4/1h,writes=3/1h,profile=2/1h,sends=5/1h,sends_room=8/1h,'
		  . 'refresh=3/1h,frames=100/1h,sockets_user=3,sockets_address=6,subscriptions=2'
	}
);
my $quick = $stack->another_bridge(PORCUPINE_METRICS => '', PORCUPINE_LIMITS => 'reads=1/5s');
my @people = map { $stack->person($_) } qw(ada ben cas dee eve);
my ($ada, $ben, $cas, $dee, $eve) = @people;
my $room = $stack->room($ada, $ben, $cas);
my $other_room = $stack->room($ada, $ben);

sub from { my ($address) = @_; return headers => ["X-Forwarded-For: $address"]; }
sub limited { my ($limit) = @_; return scrape($metrics)->value('limited_total', limit => $limit); }

# The statuses of so many of the same call.
sub statuses
{
	my ($count, @call) = @_;
	return join(' ', map { $stack->http(@call)->{status} } 1 .. $count);
}

# --- REST ---------------------------------------------------------------------------------------------

is(statuses(5, 'GET', '/api/auth/user/', token => $ada->{token}), '200 200 200 200 429', 'reads of a user');
is(statuses(1, 'GET', '/api/rooms/', token => $ada->{token}), '429', 'all of them together');
is(statuses(1, 'GET', '/api/auth/user/', token => $ben->{token}), '200', 'not of another');
is(limited('reads'), 2, 'they are counted');
my $answer = $stack->http('GET', '/api/auth/user/', token => $ben->{token});
is($answer->{headers}{'ratelimit-policy'}[0], '"reads";q=4;w=3600', 'an answer tells the policy');
like($answer->{headers}{ratelimit}[0], qr/\A"reads";r=2;t=\d+\z/, 'and what is left of it');
$answer = $stack->http('GET', '/api/auth/user/', token => $ada->{token});
is($answer->{json}{code}, 'rate_limited', 'a refusal is a problem like any other');
is($answer->{headers}{'content-type'}[0], 'application/problem+json', 'by its type, too');
cmp_ok($answer->{json}{retry_after}, '>', 600, 'it tells how long to wait');
cmp_ok($answer->{json}{retry_after}, '<=', 900, 'until there is one again, not until all are');
is($answer->{headers}{'retry-after'}[0], $answer->{json}{retry_after}, 'in the header, too');
is($answer->{headers}{ratelimit}[0], "\"reads\";r=0;t=$answer->{json}{retry_after}", 'and in the other one');
is(statuses(4, 'POST', "/api/rooms/$room/read/", token => $ada->{token}, json => { seq => 1 }), '204 204 204 429', 'writes are counted by themselves');
is(statuses(2, 'POST', '/api/rooms/', token => $ada->{token}, json => { name => 'x' }), '429 429', 'all of them together');

is(statuses(3, 'PATCH', '/api/auth/user/', token => $ada->{token}, json => { display_name => 'Ada' }), '200 200 429', 'and so are changes of a name');

# Codes have six characters: guessing is limited for a user and for an address.
my %code = (json => { code => 'ZZZZZZ' });
is(statuses(4, 'POST', '/api/rooms/join/', token => $dee->{token}, %code, from('192.0.2.1')), '404 404 404 429', 'codes of a user');
is(statuses(1, 'POST', '/api/rooms/join/', token => $dee->{token}, %code, from('192.0.2.2')), '429', 'from wherever');
is(statuses(3, 'POST', '/api/rooms/join/', token => $eve->{token}, %code, from('192.0.2.1')), '404 404 429', 'of an address, by whomever');
is(statuses(1, 'POST', '/api/rooms/join/', token => $eve->{token}, %code, from('192.0.2.3')), '404', 'what is refused by one limit takes from no other');
is(limited('join') . ' ' . limited('join_address'), '2 1', 'by the limit that was reached');
is(statuses(3, 'GET', '/api/invites/' . '0' x 64 . '/', token => $dee->{token}), '404 404 429', 'invites that are looked at');

# Addresses: one of IPv4, the first half of one of IPv6.
my $names = 0;
sub registered
{
	my ($address) = @_;
	return $stack->http('POST', '/api/auth/register/', json => { username => 'person' . ++$names, password => 'correct horse' }, from($address))->{status};
}
is(join(' ', map { registered('198.51.100.1') } 1 .. 3), '201 201 429', 'registrations from an address');
is(registered('198.51.100.2'), 201, 'from the next one');
is(join(' ', map { registered("2001:db8::$_") } 1 .. 3), '201 201 429', 'from a network of IPv6');
is(registered('2001:db8:0:1::1'), 201, 'from the next one');
is($stack->sql(q{SELECT count(*) FROM porcupine.users WHERE username LIKE 'person%'}), 6, 'who was refused was not made');
is(statuses(4, 'POST', '/api/auth/refresh/', json => { refresh => $ben->{refresh} }, from('192.0.2.9')), '200 200 200 429', 'refreshes of an address');
is(statuses(20, 'GET', '/livez'), join(' ', (200) x 20), 'a look at the process is not limited by any of these');

# --- sockets ------------------------------------------------------------------------------------------------

# What becomes of a send: its seq, or the error.
sub sent
{
	my ($ws, $in) = @_;
	my $message = sending($in, 'x');

	$ws->say($message);
	return $ws->hear(sub { ($_[0]{client_id} // '') eq $message->{client_id} && $_[0]{type} =~ /ack|error/ });
}

my $one = $stack->signed_in($ada);
my $second = $stack->signed_in($ada);
my $bens = $stack->signed_in($ben);
is(join(' ', map { sent($_ % 2 ? $one : $second, $_ > 3 ? $other_room : $room)->{type} } 1 .. 6), 'ack ack ack ack ack error', 'sends of a user, over all of their sockets and rooms');
$answer = sent($one, $room);
is($answer->{code}, 'rate_limited', 'a refusal is an error');
cmp_ok($answer->{retry_after}, '>', 600, 'with the time to wait');
is(join(' ', map { sent($bens, $room)->{type} } 1 .. 6), 'ack ack ack ack ack error', 'of another one');
my $third = $stack->signed_in($cas);
is(sent($third, $room)->{code}, 'rate_limited', 'sends into a room, by whomever');
is(limited('sends') . ' ' . limited('sends_room'), '3 1', 'by the limit that was reached');
is($stack->sql("SELECT last_seq FROM porcupine.room_heads WHERE room_id = $room"), 3 + 8, 'what was refused is not in the log');

$second->say({ type => 'subscribe', room => $_ }) foreach $room, $other_room;
$second->hear('subscribed') or die foreach 1 .. 2;
$second->say({ type => 'subscribe', room => $room });
$second->hear('subscribed') or die;
my $further = $stack->room($ada);
$second->say({ type => 'subscribe', room => $further });
is($second->hear('error')->{code}, 'rate_limited', 'rooms on a socket');

my $last = $stack->signed_in($ada);
my $excess = $stack->websocket;
$excess->say({ type => 'auth', token => $ada->{token} });
is($excess->closing, 4429, 'sockets of a user');
like($excess->{close_reason}, qr/\Aretry after \d+\z/, 'with the time to wait');
$_->close foreach $last, $excess;
wait_for('it to be gone', sub { scrape($metrics)->value('sockets', state => 'ready') == 4 });
$last = $stack->signed_in($ada);
ok($last->{ready}, 'one has gone, one may come');

# There are five of this address now, and one more may be.
my $sixth = wait_for('room for one more', sub { eval { $stack->websocket } });
$answer = $stack->exchange($stack->handshake('/ws/'));
is($answer->{status}, 429, 'sockets of an address');
is($answer->{json}{code}, 'rate_limited', 'with a problem');
ok($answer->{headers}{'retry-after'}[0], 'and the time to wait');
is($stack->exchange($stack->handshake('/ws/', {}, 'X-Forwarded-For: 192.0.2.77'))->{status}, 101, 'not of another address');
$sixth->close;
wait_for('it to be gone', sub { $stack->exchange($stack->handshake('/ws/'))->{status} == 101 });

$third->say({ type => 'ping' }) foreach 1 .. 110;
is($third->closing, 4429, 'who says far too much is hung up on');
like($third->{close_reason}, qr/\Aretry after \d+\z/, 'with the time to wait');
cmp_ok(scalar(grep { $_->{type} eq 'pong' } @{ $third->{heard} }), '<=', 100, 'and gets no more answers than that');

# --- it passes --------------------------------------------------------------------------------------------

my $first;
# on a machine that stood still in between there may be one again, and both are allowed
foreach (1 .. 5)
{
	$first = time;
	is($quick->http('GET', '/api/auth/user/', token => $ada->{token})->{status}, 200, 'one in five seconds');
	$answer = $quick->http('GET', '/api/auth/user/', token => $ada->{token});
	last if time - $first < 4;
	wait_for('a full bucket', sub { time - $first > 11 });
}
is($answer->{status}, 429, 'not two');
cmp_ok($answer->{json}{retry_after}, '<=', 5, 'with the time to wait');
cmp_ok($answer->{json}{retry_after}, '>=', 5 - (time - $first), 'the whole of it');
ok(wait_for('it to be allowed again', sub { $quick->http('GET', '/api/auth/user/', token => $ada->{token})->{status} == 200 }), 'but then it is');
cmp_ok(time - $first, '>', 4.9, 'and not before');

# What many may keep is the keys, never a refusal: it would be everybody's.
my $narrow = $stack->another_bridge(PORCUPINE_METRICS => '', PORCUPINE_LIMITS => 'requests=30/10h');
my @kept = map { my $got = $narrow->http('GET', '/.well-known/jwks.json', from('192.0.2.40')); "$got->{status} $got->{headers}{'cache-control'}[0]" } 1 .. 40;
is_deeply([ @kept[ 0, 39 ] ], [ '200 public, max-age=300', '429 no-store' ], 'a cache keeps the keys, and no refusal');

# --- settings ---------------------------------------------------------------------------------------------

foreach my $wrong ('', 'yes', 'login=20', 'logins=1/1m', 'login=0/1m', 'sockets_user=1/1m', 'scale=0')
{
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'env', '-i', "PORCUPINE_LIMITS=$wrong", $stack->{program} ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(20));
	is($? >> 8, 2, "'$wrong' is refused");
	like($err, qr/\Aporcupine-bridge: PORCUPINE_LIMITS=\Q$wrong\E is not on, off or a list of limits [^\n]+\n\z/, 'and one is told so');
}

done_testing();
