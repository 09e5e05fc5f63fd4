# Hundreds who say nothing, or a byte now and then, in every state of a connection: others chat, a newcomer gets in, and each of the
# slow ones is closed by its deadline. And so many of them that there would be no room for a header: the oldest give way.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Select;
use Porcupine::Test;
use Test::More;
use Time::HiRes qw(time);

use constant OF_EACH => 60;
# the bridge awaits 2,000 requests at a time
use constant AWAITED => 2000;
use constant CROWD => 2500;
use constant DEADLINE_S => 150;

system('prlimit', "--pid=$$", '--nofile=8000:') == 0 or plan(skip_all => 'this system gives a process too few descriptors');

my $stack = start_stack(env => { PORCUPINE_LIMITS => 'off' });
my ($ada, $ben, $cas) = map { $stack->person($_) } qw(ada ben cas);
my $room = $stack->room($ada, $ben, $cas);
my @chatting = map { come($_) } $ada, $ben;
my @said;
my $descriptors = descriptors();

$SIG{PIPE} = 'IGNORE';

sub descriptors { return scalar(() = glob "/proc/$stack->{pid}/fd/*"); }

sub come
{
	my ($person) = @_;
	my $ws = $stack->signed_in($person);

	$ws->say({ type => 'subscribe', room => $room });
	$ws->hear('subscribed') or die 'not subscribed';
	return $ws;
}

sub chat
{
	my ($speak) = @_;

	foreach my $who ($speak ? 0 .. $#chatting : ())
	{
		push @said, "$who says " . (1 + @said);
		$chatting[$who]->say({ type => 'send', room => $room, client_id => uuid(), epoch => 0, body => b64($said[-1]) });
	}
	foreach my $ws (@chatting)
	{
		1 while $ws->next_message(0);
	}
	return;
}

sub heard { my ($ws) = @_; return map { unb64($_->{body}) } grep { $_->{type} eq 'event' && defined $_->{body} } @{ $ws->{heard} }; }

# A new connection that has written this, and will write the rest byte by byte.
sub slow
{
	my ($kind, $bytes, $rest) = @_;
	my $socket = $stack->connect_tcp;

	syswrite($socket, $bytes) if length $bytes;
	$socket->blocking(0);
	return { kind => $kind, socket => $socket, rest => $rest // '' };
}

# Those that are still open; what they were told is read off.
sub still_open
{
	my (@slow) = @_;
	my %readable = map { fileno($_) => 1 } IO::Select->new(map { $_->{socket} } @slow)->can_read(0);
	my @open;

	foreach my $one (@slow)
	{
		my $got = $readable{ fileno $one->{socket} } ? sysread($one->{socket}, my $told, 65536) : 1;

		if ($got || !defined $got && $!{EAGAIN}) { push @open, $one; }
		else { close($one->{socket}); }
	}
	return @open;
}

# Asserts that whoever comes now gets in, by HTTP and by a WebSocket.
sub newcomer_gets_in
{
	my ($among) = @_;

	is($stack->http('GET', '/api/rooms/', token => $cas->{token})->{status}, 200, "a newcomer is answered among $among");
	my $ws = eval { come($cas) };
	ok($ws, 'and gets in') or return diag($@);
	my $seq = $stack->sql_send($cas, $room, 'hello');
	push @said, 'hello';
	ok((grep { $_->{seq} == $seq } $ws->events($room, $seq)), 'and hears what is said');
	return $ws->close;
}

# --- every state of a connection ----------------------------------------------------------------------------------------

my $post = "POST /api/auth/refresh/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{";
my $handshake = $stack->handshake('/ws/');
my @kinds = (
	[ 'silent', '' ],
	[ 'a header that stops', "GET /api/rooms/ HTTP/1.1\r\nHost: lo" ],
	[ 'a header byte by byte', "GET /api/rooms/ HTTP/1.1\r\nX-Slow: ", 'x' x 500 ],
	[ 'a body that stops', $post ],
	[ 'a body byte by byte', $post, ' ' x 500 ],
	[ 'a handshake that stops', substr($handshake, 0, -2) ],
	[ 'a socket that says nothing', $handshake ],
	[ 'a socket whose frame comes byte by byte', $handshake . "\x81\xfe\x04\x00aaaa", 'x' x 500 ]
);
my @slow = map { my $kind = $_; map { slow(@$kind) } 1 .. OF_EACH } @kinds;
is(scalar(@slow), OF_EACH * @kinds, scalar(@slow) . ' slow connections');
newcomer_gets_in('them');

my $deadline = time + DEADLINE_S;
my $trickled = 0;
while (@slow && time < $deadline)
{
	@slow = still_open(@slow);
	if (time > $trickled + 1)
	{
		$trickled = time;
		foreach my $one (grep { length $_->{rest} } @slow)
		{
			syswrite($one->{socket}, substr($one->{rest}, 0, 1, ''));
		}
		chat(1);
	}
	chat(0);
	IO::Select->new(map { $_->{socket} } @slow, @chatting)->can_read(0.1);
}
my %left;
$left{ $_->{kind} }++ foreach @slow;
is_deeply(\%left, {}, 'all of them are closed by their deadlines') or diag(explain(\%left));
close($_->{socket}) foreach @slow;
newcomer_gets_in('nobody');

# --- a crowd without a request --------------------------------------------------------------------------------------------

# More than there is room for. Had a newcomer to wait until they time out, all of them would be closed when it is in.
foreach my $crowd (@kinds[ 0, 2, 3 ])
{
	my ($what, @says) = @$crowd;

	@slow = map { slow($what, @says) } 1 .. CROWD;
	newcomer_gets_in("@{[CROWD]}, each $what");
	@slow = still_open(@slow);
	cmp_ok(scalar(@slow), '<=', AWAITED, 'the oldest gave way');
	cmp_ok(scalar(@slow), '>', AWAITED / 2, 'and only they') or diag(scalar(@slow));
	chat(1);
	wait_for('the others to be closed by their deadlines', sub { chat(0); @slow = still_open(@slow); !@slow }, DEADLINE_S);
}

wait_for('all that was said to be heard', sub { chat(0); !grep { heard($_) < @said } @chatting });
foreach my $ws (@chatting)
{
	my @words = heard($ws);
	foreach my $who ('0', '1', 'hello')
	{
		is_deeply([ grep { /\A$who/ } @words ], [ grep { /\A$who/ } @said ], "what was said meanwhile was heard once, in order ($who)");
	}
}
ok(eval { wait_for('descriptors', sub { descriptors() <= $descriptors + 2 }) }, 'no descriptor is left open') or diag(descriptors() . " after $descriptors");
is($stack->logged('too many connections without a whole request: the oldest are closed') > 0, 1, 'the crowd is in the log');
is($stack->stop_bridge, 0, 'the bridge ends well');
ok(!(grep { ($_->{level} // '') eq 'error' } $stack->log_lines), 'and has logged no error');

done_testing();
