# A bridge before which nothing happens does nothing: in whatever state a connection waits, the process sleeps. One that turns
# in circles looks well from outside, answers at once, and takes a whole processor.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;
use Time::HiRes qw(time sleep);

use constant OF_EACH => 5;
use constant WATCHED_S => 1;

my $stack = start_stack(env => { PORCUPINE_LIMITS => 'off' });
my $ada = $stack->person('ada');
my $host = "Host: localhost\r\n";
my $get = "GET /livez HTTP/1.1\r\n$host\r\n";
my $half = "POST /api/auth/login/ HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";

# Seconds in which it ran or wanted to, whatever else the machine is busy with.
sub awake
{
	my ($ran, $waited) = split ' ', PostgreSQL::Test::Utils::slurp_file("/proc/$stack->{pid}/schedstat");
	return ($ran + $waited) / 1e9;
}

# The least share of several spans: what the bridge does now and then falls into some of them.
sub busy
{
	my $least = 1;

	foreach (1 .. 3)
	{
		my ($began, $before) = (time, awake());
		sleep WATCHED_S;
		my $share = (awake() - $before) / (time - $began);
		$least = $share if $share < $least;
	}
	return $least;
}

sub sleeps_beside
{
	my ($what, @connections) = @_;

	cmp_ok(busy(), '<', 0.3, "the bridge sleeps beside connections $what");
	$_->close foreach @connections;
	return;
}

# A connection that has said this, has been answered so, and has said that.
sub saying
{
	my ($bytes, $status, $then) = @_;
	my $socket = $stack->connect_tcp;

	syswrite($socket, $bytes) if length $bytes;
	is(Porcupine::Test::read_answer($socket, '')->{status}, $status, 'answered') or diag($bytes) if defined $status;
	syswrite($socket, $then) if defined $then;
	return $socket;
}

SKIP:
{
	skip('this system does not count how long a process has run', 1) unless -r "/proc/$stack->{pid}/schedstat";
	# a program that is awake all the time is known by the same measure
	my $pid = $stack->{pid};
	my $spinning = fork // die "cannot fork: $!";
	if ($spinning == 0) { my $end = time + 60; 1 while time < $end; POSIX::_exit(0); }
	$stack->{pid} = $spinning;
	cmp_ok(busy(), '>', 0.7, 'a program that does not sleep is told from one that does');
	$stack->{pid} = $pid;
	kill 'KILL', $spinning;
	waitpid($spinning, 0);

	foreach my $case (
		[ 'that say nothing', '' ],
		[ 'with half of a head', substr($get, 0, 20) ],
		[ 'that were answered and may ask again', $get, 200 ],
		[ 'that were answered, and have begun to ask again', $get, 200, substr($get, 0, 20) ],
		[ 'that were answered, and are in the midst of a body', $get, 200, $half ],
		[ 'with half of a body', $half ],
		[ 'that were refused', "GET /a/../b HTTP/1.1\r\n$host\r\n", 400 ],
		[ 'with a handshake', $stack->handshake('/ws/'), 101 ],
		[ 'with half of a frame', $stack->handshake('/ws/'), 101, "\x81\xfe\x04\x00aaaa" ]
	)
	{
		my ($what, @says) = @$case;
		sleeps_beside($what, map { saying(@says) } 1 .. OF_EACH);
	}
	sleeps_beside('that are signed in', map { $stack->signed_in($ada) } 1 .. OF_EACH);
	sleeps_beside('that were closed');
}

is($stack->stop_bridge, 0, 'the bridge ends well');

done_testing();
