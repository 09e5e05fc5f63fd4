# Thousands of connections that say what no proper client would, while two people chat: nobody's message is lost, doubled or out of
# order, no answer puts the blame on the server, and in the end the bridge is the same process with no more descriptors and hardly
# more memory. PORCUPINE_MALFORMED says how many cases, PORCUPINE_MALFORMED_SEED which.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Select;
use Porcupine::Test;
use Porcupine::Test::Malformed qw(malformed_case);
use Socket ();
use Test::More;
use Time::HiRes qw(time);

use constant AT_ONCE => 48;
use constant GIVE_UP_S => 60;
# how long a client waits for a first word before it goes; nothing is asserted of it
use constant LISTEN_S => 0.1;
use constant CASES_A_MESSAGE => 25;
use constant GROWTH_KB => 20_000;

my $cases = $ENV{PORCUPINE_MALFORMED} || 5000;
my $seed = $ENV{PORCUPINE_MALFORMED_SEED} || 1;
my $warm_up = 3000;
my $stack = start_stack(env => { PORCUPINE_LIMITS => 'off' });
my ($ada, $ben, $mallory) = map { $stack->person($_) } qw(ada ben mallory);
my $room = $stack->room($ada, $ben);
my %known = (room => $stack->room($mallory), token => $mallory->{token}, handshake => $stack->handshake('/ws/'));
my @chatting = map { my $ws = $stack->signed_in($_); $ws->say({ type => 'subscribe', room => $room }); $ws->hear('subscribed'); $ws } $ada, $ben;
my $pid = $stack->{pid};
my (@said, %blamed, %statuses, @stuck, %codes);

$SIG{PIPE} = 'IGNORE';

# --- the malformed ones ----------------------------------------------------------------------------------------------

sub begin
{
	my ($number) = @_;
	my $case = malformed_case($seed, $number, %known);

	@$case{qw(number socket out in moved)} = ($number, $stack->connect_tcp, delete $case->{first}, '', time);
	$case->{socket}->blocking(0);
	return $case;
}

sub write_some
{
	my ($case) = @_;
	my $written = syswrite($case->{socket}, $case->{out});

	# a bridge that has heard enough has closed, which reading tells
	$case->{out} = defined $written ? substr($case->{out}, $written) : '' if defined $written || !$!{EAGAIN};
	$case->{moved} = time;
	$case->{heard} = 0;
	return;
}

# False when the connection has ended.
sub read_some
{
	my ($case) = @_;
	my $got = sysread($case->{socket}, $case->{in}, 65536, length($case->{in}));

	return 1 if !defined $got && $!{EAGAIN};
	$case->{heard} = 1;
	$case->{out} .= delete $case->{then} if exists $case->{then} && $case->{in} =~ /\r\n\r\n/;
	return $got;
}

# False when the client has gone altogether.
sub move_on
{
	my ($case) = @_;

	if (length($case->{out}) || $case->{half_closed})
	{
		push @stuck, $case->{number} if time > $case->{moved} + GIVE_UP_S;
		return time <= $case->{moved} + GIVE_UP_S;
	}
	return 1 unless $case->{heard} || time > $case->{moved} + LISTEN_S;
	if ($case->{ending} eq 'half')
	{
		shutdown($case->{socket}, 1);
		$case->{half_closed} = 1;
		$case->{moved} = time;
		return 1;
	}
	setsockopt($case->{socket}, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack('ii', 1, 0)) if $case->{ending} eq 'reset';
	return 0;
}

# What it was told: statuses, and after a handshake close codes and errors.
sub judge
{
	my ($case) = @_;
	my $rest = $case->{in};

	while ($rest =~ s/\AHTTP\/1\.1 (\d{3})(.*?)\r\n\r\n//s)
	{
		my ($status, $head) = ($1, $2);

		$statuses{$status}++;
		$blamed{$status} //= $case->{number} if $status >= 500 && $status != 501 && $status != 505;
		last if $status == 101;
		substr($rest, 0, $1, '') if $head =~ /^Content-Length: (\d+)/mi && $1 <= length($rest);
	}
	return unless ($case->{in} =~ /\AHTTP\/1\.1 101/);
	my $ws = Porcupine::Test::WebSocket->new(undef, $rest, 0);
	while (my $frame = $ws->take_frame)
	{
		my $message = $frame->{opcode} == 1 ? json_value($frame->{payload}) : undef;
		my $code = $frame->{opcode} == 8 ? unpack('n', $frame->{payload} . "\0\0") : ($message // {})->{code} // next;

		$codes{$code}++;
		$blamed{$code} //= $case->{number} if $code =~ /\A(?:1011|internal)\z/;
	}
	return;
}

# --- those who chat ----------------------------------------------------------------------------------------------------

sub chat
{
	my ($speak) = @_;

	foreach my $who ($speak ? 0 .. $#chatting : ())
	{
		my $text = "$who says " . (1 + @said);
		push @said, $text;
		$chatting[$who]->say({ type => 'send', room => $room, client_id => uuid(), epoch => 0, body => b64($text) });
	}
	foreach my $ws (@chatting)
	{
		1 while $ws->next_message(0);
	}
	return;
}

sub heard { my ($ws) = @_; return map { unb64($_->{body}) } grep { $_->{type} eq 'event' && defined $_->{body} } @{ $ws->{heard} }; }

# run_cases(FIRST, LAST): all of them, some at a time.
sub run_cases
{
	my ($next, $last) = @_;
	my %open;

	while ($next <= $last || %open)
	{
		while ($next <= $last && keys %open < AT_ONCE)
		{
			my $case = begin($next);
			$open{ fileno $case->{socket} } = $case;
			chat($next % CASES_A_MESSAGE == 0);
			$next++;
		}
		my $reading = IO::Select->new(map { $_->{socket} } values %open);
		my $writing = IO::Select->new(map { $_->{socket} } grep { length $_->{out} } values %open);
		my ($readable, $writable) = IO::Select->select($reading, $writing, undef, 0.02);

		write_some($open{ fileno $_ }) foreach @{ $writable // [] };
		my %ended = map { fileno($_) => 1 } grep { !read_some($open{ fileno $_ }) } @{ $readable // [] };
		foreach my $fd (keys %open)
		{
			next if !$ended{$fd} && move_on($open{$fd});
			my $case = delete $open{$fd};
			judge($case);
			close($case->{socket});
		}
		chat(0);
	}
	return;
}

sub memory_kb { return (PostgreSQL::Test::Utils::slurp_file("/proc/$pid/status") =~ /VmRSS:\s+(\d+)/)[0]; }
sub descriptors { return scalar(() = glob "/proc/$pid/fd/*"); }

# What is still being closed is no leak.
sub settled
{
	my ($least, $since) = (descriptors(), time);
	wait_for('the connections to be closed', sub { my $now = descriptors(); ($least, $since) = ($now, time) if $now < $least; time > $since + 3; });
	return $least;
}

run_cases(-$warm_up, -1);
my ($fds, $kb) = (settled(), memory_kb());
run_cases(1, $cases);
wait_for('all that was said to be heard', sub { chat(0); !grep { heard($_) < @said } @chatting }, GIVE_UP_S);

my ($fds_now, $kb_now) = (settled(), memory_kb());
note("$cases cases of seed $seed; $kb kB before, $kb_now kB after; $fds descriptors before, $fds_now after; " . @said . ' messages');
note("statuses: " . join(' ', map { "$_:$statuses{$_}" } sort keys %statuses) . '; codes: ' . join(' ', map { "$_:$codes{$_}" } sort keys %codes));
is(waitpid($pid, POSIX::WNOHANG()), 0, 'the bridge is the same process');
is($stack->http('GET', '/livez')->{status}, 200, 'and answers');
is_deeply(\%blamed, {}, 'no answer blames the server') or diag(explain(\%blamed));
is_deeply(\@stuck, [], 'no connection is left open after its client has gone');
cmp_ok($statuses{$_} // 0, '>', $cases / 200, "$_ is among the answers") foreach 101, 200, 400;
cmp_ok($codes{$_} // 0, '>', $cases / 500, "$_ is among the codes") foreach 1002, 1007;
foreach my $n (0, 1)
{
	my @words = heard($chatting[$n]);
	is(scalar(@words), scalar(@said), 'every message has come');
	foreach my $who (0, 1)
	{
		is_deeply([ grep { /\A$who / } @words ], [ grep { /\A$who / } @said ], "once, and in the order in which $who has said them");
	}
}
cmp_ok($fds_now, '<=', $fds, 'no descriptor is left open');
cmp_ok($kb_now, '<', $kb + GROWTH_KB, 'memory is as it was');
is($stack->stop_bridge, 0, 'the bridge ends well');
ok(!(grep { ($_->{level} // '') eq 'error' || $_->{unparsable} } $stack->log_lines), 'and has logged no error');

done_testing();
