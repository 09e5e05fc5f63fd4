# Who comes too often is told so, both ways: by call and by socket, as a user and as an address, which no client can make up.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Porcupine::Test::Front;
use Test::More;

my $stack = start_stack(env => { PORCUPINE_TRUSTED_PROXIES => '127.0.0.2', PORCUPINE_LIMITS => 'register=2/1h,join=2/1h,sends=2/1h,sockets_user=2,subscriptions=1' });
stand_at_the_edge($stack);
my $people = 0;

sub newcomer { return $stack->person('person' . ++$people); }

both_ways(
	'three tries of a room code, of two: 429, with the time to wait',
	sub {
		my ($client) = @_;
		my $person = newcomer();
		my @answers = map { $client->http('POST', '/api/rooms/join/', token => $person->{token}, json => { code => 'ZZZZZ0' }) } 1 .. 3;
		is(join(' ', map { $_->{status} } @answers), '404 404 429', 'the statuses');
		is_problem_of($answers[2]);
		has_headers($answers[2]);
		like($answers[2]{headers}{'retry-after'}[0], qr/\A[1-9]\d*\z/, 'when to come back');
	});
both_ways(
	'three messages, of two: rate_limited',
	sub {
		my ($client) = @_;
		my $person = newcomer();
		my $room = $stack->room($person);
		my $ws = $client->signed_in($person);
		my @said = map {
			$ws->say({ type => 'send', room => $room, client_id => uuid(), epoch => 0, body => b64("nr $_") });
			my $heard = $ws->hear(sub { $_[0]{type} =~ /\A(?:ack|error)\z/ });
			$heard->{code} // $heard->{type};
		} 1 .. 3;
		is("@said", 'ack ack rate_limited', 'what is said');
	});
both_ways(
	'three sockets of a user, of two: 4429',
	sub {
		my ($client) = @_;
		my $person = newcomer();
		my @sockets = map { $client->signed_in($person) } 1 .. 2;
		my $third = $client->websocket;
		$third->say({ type => 'auth', token => $person->{token} });
		is($third->closing, 4429, 'the third is closed');
		$_->say({ type => 'ping' }) foreach @sockets;
		ok($_->hear('pong'), 'the others stay') foreach @sockets;
	});
both_ways(
	'two subscriptions of a socket, of one: refused',
	sub {
		my ($client) = @_;
		my $person = newcomer();
		my @rooms = map { $stack->room($person) } 1 .. 2;
		my $ws = $client->signed_in($person);
		my @said = map { $ws->say({ type => 'subscribe', room => $_ }); my $heard = $ws->hear(sub { $_[0]{type} =~ /\A(?:subscribed|error)\z/ }); $heard->{code} // $heard->{type} } @rooms;
		like("@said", qr/\Asubscribed (?:quota|rate_limited)\z/, 'what is said');
	});
both_ways(
	'another address for each call, as the client says: the address is that of the connection',
	sub {
		my ($client) = @_;
		my @statuses = map {
			$client->http('POST', '/api/auth/register/', json => { username => 'newcomer' . ++$people, password => 'correct horse' },
				headers => [ "X-Forwarded-For: 203.0.113.$_", "Forwarded: for=203.0.113.$_", "X-Real-IP: 203.0.113.$_" ])->{status}
		} 1 .. 3;
		is($statuses[2], 429, "the third is refused (@statuses)");
	});

# --- a proxy that is trusted ---------------------------------------------------------------------------------

# Behind it each client has an address of its own, and the limits of that; what else it claims counts for nothing.
my $trusting = $stack->another_bridge(PORCUPINE_LIMITS => 'register=2/1h,login=2/1h,refresh=2/1h,join_address=2/1h,sockets_address=2');
my $front = Porcupine::Test::Front->start($trusting->port, from => '127.0.0.2');
my ($here, $there) = map { Porcupine::Test::Client->new($front->{port}, from => $_) } '127.0.0.11', '127.0.0.12';
my $lie = 0;

# Whatever it is, of two a third is too many, and the neighbour has two, too.
sub each_has_two
{
	my ($what, $fine, @call) = @_;
	my $said = sub {
		my ($client) = @_;
		return join(' ', map { $client->http(ref $call[0] ? $call[0]->() : @call, headers => [ 'X-Forwarded-For: 203.0.113.' . ++$lie ])->{status} } 1 .. 3);
	};

	return subtest "$what: two of an address" => sub {
		is($said->($here), "$fine $fine 429", 'here');
		is($said->($there), "$fine $fine 429", 'and there');
	};
}

each_has_two('registrations', 201, sub { return ('POST', '/api/auth/register/', json => { username => 'newcomer' . ++$people, password => 'correct horse' }) });
each_has_two('wrong passwords', 401, sub { return ('POST', '/api/auth/login/', json => { username => 'nobody' . ++$people, password => 'wrong horse' }) });
each_has_two('refreshes', 401, 'POST', '/api/auth/refresh/', json => { refresh => 'none' });
each_has_two('room codes', 404, sub { return ('POST', '/api/rooms/join/', token => newcomer()->{token}, json => { code => 'ZZZZZ0' }) });
subtest 'sockets: two of an address' => sub {
	foreach my $client ($here, $there)
	{
		my @sockets = map { $client->websocket } 1 .. 2;
		my $third = $client->exchange($client->handshake('/ws/', {}, 'X-Forwarded-For: 203.0.113.1'));
		is($third->{status}, 429, 'the third is refused');
		is_problem_of($third);
		has_headers($third);
		like($third->{headers}{'retry-after'}[0], qr/\A[1-9]\d*\z/, 'when to come back');
	}
};

done_testing();
