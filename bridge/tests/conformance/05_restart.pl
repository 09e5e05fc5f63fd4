# The bridge is killed while people send, then PostgreSQL: what was acknowledged is there once, what was not is sent again under
# the same id and is there once, nobody is told of anything that was not stored, and everybody goes on from their cursor.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $stack = start_stack();
my ($ada, $ben) = map { $stack->person($_) } qw(ada ben);
my $room = $stack->room($ada, $ben);
my $number = 0;
my (%sent, %acked, %shown);

sub new_message
{
	my $id = uuid();
	$sent{$id} =
	  { type => 'send', room => $room, client_id => $id, epoch => 0, body => b64('message ' . ++$number) };
	return $sent{$id};
}

# What a socket has heard: acks and events, each checked against what was heard before.
sub account_for
{
	my ($ws) = @_;

	foreach my $message (splice @{ $ws->{heard} })
	{
		if ($message->{type} eq 'ack')
		{
			my $before = $acked{ $message->{client_id} };
			$acked{ $message->{client_id} } = $message->{seq};
			is($message->{seq}, $before, 'a repeat gets the first seq')
			  if defined $before && $before != $message->{seq};
		}
		elsif ($message->{type} eq 'event' && $message->{client_id})
		{
			my $before = $shown{ $message->{seq} };
			$shown{ $message->{seq} } = $message->{client_id};
			is($message->{client_id}, $before, 'a seq keeps its message')
			  if defined $before && $before ne $message->{client_id};
		}
	}
	return;
}

sub all_is_there_once
{
	my ($when) = @_;
	my %stored;

	$stored{ (split /\|/)[1] }{ (split /\|/)[0] } = 1
	  foreach split /\n/,
	  $stack->sql(
		"SELECT seq, client_id FROM porcupine.events WHERE room_id = $room AND client_id IS NOT NULL");
	is(scalar(grep { !$stored{$_} || !$stored{$_}{ $acked{$_} } } keys %acked),
		0, "$when: all " . scalar(keys %acked) . ' acknowledged are there, at their seq');
	is(scalar(grep { keys %{ $stored{$_} } > 1 } keys %stored), 0, "$when: nothing twice");
	is(scalar(grep { !$stored{ $shown{$_} } || !$stored{ $shown{$_} }{$_} } keys %shown),
		0, "$when: nothing was shown that is not there");
	is(scalar(grep { !$acked{$_} } keys %sent), 0, "$when: everything was acknowledged in the end");
	is( $stack->sql(
			"SELECT last_seq = count(*) AND last_seq = max(seq) FROM porcupine.room_heads JOIN porcupine.events USING (room_id) WHERE room_id = $room GROUP BY last_seq"
		),
		't',
		"$when: no gap"
	);
	return;
}

# A socket that goes on from a cursor, and what it is missing by then.
sub resume
{
	my ($person, $after) = @_;
	my $ws = wait_for(
		'a socket again',
		sub {
			eval { $stack->signed_in($person) }
		}
	);

	$ws->say({ type => 'subscribe', room => $room, after => $after, stream => $ws->{ready}{stream} });
	$ws->hear(sub { $_[0]{type} =~ /\A(?:subscribed|reset)\z/ })
	  or die 'no subscription: ' . json_text($ws->{heard});
	return $ws;
}

sub send_again
{
	my ($ws) = @_;
	$ws->say($sent{$_}) foreach grep { !$acked{$_} } sort keys %sent;
	return;
}

# Sends until enough was acknowledged, with a crowd always under way, then does the deed.
sub send_until
{
	my ($ws, $watcher, $acks, $deed) = @_;
	my $goal = keys(%acked) + $acks;

	while (keys(%acked) < $goal)
	{
		$ws->say(new_message()) foreach 1 .. 4;
		$ws->next_message(0.2);
		1 while IO::Select->new($ws->{socket})->can_read(0) && $ws->next_message(0.2);
		1 while IO::Select->new($watcher->{socket})->can_read(0) && $watcher->next_message(0.2);
		account_for($ws);
		account_for($watcher);
	}
	$ws->say(new_message()) foreach 1 .. 30;
	$deed->();
	return;
}

sub drain
{
	my ($ws) = @_;
	1 while $ws->{open} && !defined $ws->{close_code} && $ws->next_message(5);
	account_for($ws);
	return;
}

# The watcher has shown every event in order from its cursor on.
sub watcher_is_whole
{
	my ($when) = @_;
	my @seqs = sort { $a <=> $b } keys %shown;
	is_deeply(
		\@seqs,
		[ $seqs[0] .. $seqs[-1] ],
		"$when: the watcher has seen everything, over all its sockets"
	);
	return;
}

my ($sender, $watcher) = (resume($ada, 2), resume($ben, 2));

# Both go on from what the watcher was shown, what is in doubt is said again; then everything is there, and was shown, once.
sub come_back
{
	my ($when) = @_;
	my $cursor = (sort { $b <=> $a } keys %shown)[0] // 2;

	($sender, $watcher) = (resume($ada, $cursor), resume($ben, $cursor));
	send_again($sender);
	wait_for(
		'what was in doubt',
		sub {
			$sender->next_message(0.2);
			account_for($sender);
			!grep { !$acked{$_} } keys %sent;
		}
	);
	my $head = $stack->sql("SELECT last_seq FROM porcupine.room_heads WHERE room_id = $room");
	wait_for('the watcher to catch up',
		sub { account_for($watcher); $shown{$head} || ($watcher->next_message(0.2) && 0) });
	all_is_there_once($when);
	watcher_is_whole($when);
	return;
}

# --- kill -9 of the bridge, three times -----------------------------------------------------------------------------

foreach my $round (1 .. 3)
{
	send_until($sender, $watcher, 40, sub { $stack->stop_bridge('KILL') });
	drain($sender);
	drain($watcher);
	$stack->start_bridge;
	come_back("bridge killed, round $round");
}

# --- a bridge that is told to end drains -------------------------------------------------------------------------------

send_until($sender, $watcher, 20, sub { kill 'TERM', $stack->{pid} });
is($sender->closing, 4503, 'a draining bridge says so');
like($sender->{close_reason}, qr/\Aretry after \d+\z/, 'and when to come back');
account_for($sender);
drain($watcher);
is($stack->stop_bridge('TERM'), 0, 'and ends well');
$stack->start_bridge;
come_back('bridge ended');

# --- PostgreSQL is killed ----------------------------------------------------------------------------------------------------

my $node = $stack->node;
send_until(
	$sender, $watcher, 40,
	sub {
		my @backends = split /\n/,
		  $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
		my $postmaster = $node->{_pid};
		$node->kill9;
		kill 9, @backends;
		wait_for(
			'PostgreSQL to be gone',
			sub {
				!grep { kill 0, $_ } $postmaster, @backends;
			}
		);
	}
);
# While it is away: nothing is acknowledged, what is asked is answered with busy, and the bridge lives.
my $probe = new_message();
1 while IO::Select->new($sender->{socket})->can_read(0.5) && $sender->next_message(0.2);
account_for($sender);
$sender->say($probe) if $sender->{open};
my $answer =
	$sender->{open}
  ? $sender->hear(sub { ($_[0]{client_id} // '') eq $probe->{client_id} && $_[0]{type} ne 'event' }, 20)
  : undef;
ok(!$answer || $answer->{type} eq 'error' && $answer->{code} eq 'busy', 'no ack while the database is away')
  or diag(json_text($answer));
is($stack->http('GET', '/livez')->{status}, 200, 'the bridge is alive');
wait_for('readyz to notice', sub { $stack->http('GET', '/readyz')->{status} == 503 });
my $refused = $stack->http('GET', '/readyz');
is($refused->{json}{code}, 'busy', 'readyz says why');
my $listing = $stack->http('GET', '/api/rooms/', token => $ada->{token});
is_deeply([ $listing->{status}, $listing->{json}{code} ], [ 503, 'busy' ], 'calls are busy');
ok($listing->{headers}{'retry-after'}, 'with Retry-After');
is($stack->http('GET', '/')->{status}, 200, 'the page is still there');

wait_for('PostgreSQL to start', sub { $node->start(fail_ok => 1) });
wait_for('the bridge to be ready again', sub { $stack->http('GET', '/readyz')->{status} == 200 });
drain($sender) if !$sender->{open};
come_back('PostgreSQL killed');
# Doorbells come again, too.
my $seq = $stack->sql_send($ben, $room, 'by SQL');
ok((grep { $_->{seq} == $seq } $watcher->events($room, $seq)), 'and the bridge listens again');

# --- PostgreSQL stops answering -------------------------------------------------------------------------------------------------

# A server that hangs is as good as none: no ack, and it goes on when the server does.
my @stopped = split /\n/,
  $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE usename = 'porcupine_node'});
kill 'STOP', @stopped;
my $held = new_message();
$sender->say($held);
my $early =
  $sender->hear(sub { ($_[0]{client_id} // '') eq $held->{client_id} && $_[0]{type} eq 'ack' }, 1.5);
ok(!$early, 'no ack from a server that hangs');
is($stack->http('GET', '/livez')->{status}, 200, 'the bridge is alive');
kill 'CONT', @stopped;
$sender = resume($ada, $seq) unless $sender->{open};
account_for($sender);
wait_for(
	'the ack',
	sub {
		$sender->next_message(0.5);
		account_for($sender);
		$sender->say($held) unless $acked{ $held->{client_id} };
		$acked{ $held->{client_id} };
	}
);
wait_for(
	'what was in doubt',
	sub {
		send_again($sender);
		$sender->next_message(0.2);
		account_for($sender);
		!grep { !$acked{$_} } keys %sent;
	}
);
all_is_there_once('PostgreSQL stopped for a while');

ok(!(grep { $_->{unparsable} } $stack->log_lines), 'the log is JSON lines');
done_testing();
