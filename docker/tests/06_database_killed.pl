# The database is killed while people send, and started again: what was acknowledged is there, once, with the seq that was
# acknowledged; what was not is sent again and is there once. Then all containers are taken down and made anew: the volume has it all.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use POSIX qw(WNOHANG);
use Porcupine::Test::Client;
use Porcupine::Test::Compose;
use Test::More;

use constant {
	AHEAD => 20,    # a sender waits for the answer to what it sent so many messages before
	PATIENTLY => 0.05,    # but not for long
	FURTHER => 40,    # messages that each still sends once the database is dead
	DEADLINE => 60    # seconds for Docker to kill it
};

my ($ada, $ben) = map { person($_) } qw(ada ben);
my $room = room($ada, $ben);
my @sockets = (subscribed(bridge(1), $ada, $room), subscribed(bridge(2), $ben, $room));
my @sent = map { [] } @sockets;    # by each socket: messages
my %acked;    # client id => seq
my %refused;    # client id => as what

# Hears until each of these messages has an answer, or the time is over.
sub hear_answers
{
	my ($ws, $messages, $seconds) = @_;
	my $is_answer = sub { $_[0]{type} eq 'ack' || $_[0]{type} eq 'error' };

	foreach my $message (@$messages)
	{
		my $id = $message->{client_id};

		while (!exists $acked{$id} && !exists $refused{$id})
		{
			my $answer = $ws->hear($is_answer, $seconds) // return;

			$acked{ $answer->{client_id} } = $answer->{seq} if $answer->{type} eq 'ack';
			$refused{ $answer->{client_id} } = $answer->{code} if $answer->{type} eq 'error';
		}
	}
	return;
}

# --- killed under way ----------------------------------------------------------------------------------------------

my ($killer, $dead, $after_death) = (undef, 0, 0);
my $end = time + DEADLINE;
for (my $n = 1; time < $end; $n++)
{
	foreach my $i (0, 1)
	{
		push @{ $sent[$i] }, message($room, "socket $i nr $n");
		$sockets[$i]->say($sent[$i][-1]);
		hear_answers($sockets[$i], [ $sent[$i][ -AHEAD ] ], PATIENTLY) if $n >= AHEAD;
	}
	$killer = meanwhile('kill', container('database')) if $n == 5 * AHEAD;
	# once it refuses it is dead, and Docker is about to say so
	$dead ||= defined $killer && waitpid($killer, %refused ? 0 : WNOHANG) == $killer;
	last if $dead && ++$after_death == FURTHER;
}
ok($dead, 'the database was killed while they sent');
docker('start', container('database'));
hear_answers($sockets[$_], $sent[$_], 10) foreach 0, 1;
my %acked_before = %acked;
my $all = map { @$_ } @sent;
note("sent $all, acknowledged " . keys(%acked_before) . ', refused ' . keys %refused);
cmp_ok(keys %acked_before, '>', 5 * AHEAD, 'much was acknowledged');
is_deeply([ grep { $_ ne 'busy' } values %refused ], [], 'what was refused may be sent again');

wait_healthy('database');
wait_healthy('bridge', $_) foreach 1, 2;

# People whose outcome is unknown come back and send the same again.
foreach my $i (0, 1)
{
	my @unknown = grep { !exists $acked{ $_->{client_id} } } @{ $sent[$i] };
	my $ws = subscribed(front(), ($ada, $ben)[$i], $room);

	foreach my $message (@unknown)
	{
		delete $refused{ $message->{client_id} };
		$ws->say($message);
		hear_answers($ws, [$message]);
	}
}
is(keys %acked, $all, 'in the end, all were acknowledged');

# --- what is there ---------------------------------------------------------------------------------------------------

# The room's messages from its beginning on, by pages: [seq, client id].
sub log_of_room
{
	my ($after, @log) = ($room->{head});

	while (1)
	{
		my $page = front()->http('GET', "/api/chat/rooms/$room->{id}/messages/?after=$after&limit=500", token => $ben->{token})->{json};
		my @results = @{ $page->{results} } or last;

		push @log, map { [ $_->{seq}, $_->{client_id} ] } @results;
		$after = $results[-1]{seq};
	}
	return @log;
}

sub check_log
{
	my ($when) = @_;
	my @log = log_of_room();

	is_deeply([ map { $_->[0] } @log ], [ $room->{head} + 1 .. $room->{head} + $all ], "$when: one log without gaps");
	is_deeply({ map { $_->[1] => $_->[0] } @log }, \%acked, "$when: each message once, as it was acknowledged");
	is_deeply([ grep { $acked{$_} != $acked_before{$_} } keys %acked_before ],
		[], "$when: what was acknowledged first stays where it was");
	return;
}

check_log('after the kill');
my $compose = $ENV{PORCUPINE_COMPOSE};
is(system("$compose down >&2 && $compose up -d >&2"), 0, 'all containers are taken down and made anew');
wait_healthy('front');
check_log('with new containers');
is(($_->{status}), 200, 'people stay signed in') foreach front()->http('GET', '/api/auth/user/', token => $ada->{token});

done_testing();
