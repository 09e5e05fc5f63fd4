# Who reads as fast as the network goes is never cut, whatever comes in one burst; who does not read is cut with the code that says
# "resume", holds up nobody, costs the bridge little memory meanwhile, and misses nothing when it comes back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Metrics qw(scrape);
use Porcupine::Test::Psql;
use Socket ();
use Test::More;
use Time::HiRes qw(time);

# megabytes that the kernel may keep for one who does not read are not the bridge's, and not the same everywhere
use constant MOST => 400;

my $stack = start_stack();
my $port = $stack->{metrics_port};
my ($ada, $ben, $cas) = map { $stack->person($_) } qw(ada ben cas);
my $holder = Porcupine::Test::Psql->new($stack->node->connstr('postgres'));

sub subscribed
{
	my ($person, $room, %how) = @_;
	my $ws = $stack->signed_in($person);

	# so that it is the bridge that notices, not the kernel that keeps it all
	setsockopt($ws->{socket}, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 65536) if $how{small};
	$ws->say({ type => 'subscribe', room => $room, exists $how{after} ? (after => $how{after}) : () });
	$ws->hear('subscribed') or die 'not subscribed' unless $how{unheard};
	return $ws;
}

# All of them are committed in one batch: they wait for somebody who holds the room.
sub burst
{
	my ($sender, $room, $count, $size) = @_;

	$holder->has_said("BEGIN; SELECT FROM porcupine.room_heads WHERE room_id = $room FOR UPDATE;");
	$sender->say(sending($room, 'x' x $size)) foreach 1 .. $count;
	wait_for('all to wait', sub { scrape($port)->value('sends_waiting') == $count });
	$holder->has_said('COMMIT;');
	return;
}

# Reads what the sender is told, for whoever answers no ping is hung up on; on a busy machine all of this takes minutes.
sub heed { my ($ws) = @_; 1 while $ws->next_message(0); return; }

sub seqs
{
	my (@events) = @_;
	return join(',', map { $_->{seq} } @events);
}

# --- a burst ------------------------------------------------------------------------------------------------------------

my $room = $stack->room($ada, $ben, $cas);
my @readers = map { subscribed($_, $room) } $ada, $ben, $cas, $ada, $ben;
my $sender = $stack->signed_in($cas);
burst($sender, $room, 45, 60_000);
foreach my $reader (@readers)
{
	is(seqs($reader->events($room, 48, 30)), join(',', 4 .. 48), 'a burst of megabytes reaches who reads');
	ok(!defined $reader->closing(0), 'and does not end them') or diag($reader->{close_code});
}
is(scrape($port)->value('sockets_closed_total', code => '4408'), 0, 'nobody was too slow');
$_->close foreach @readers;

# Many small ones, too.
my $crowd = $stack->room($ada, $ben);
@readers = map { subscribed($_, $crowd) } $ada, $ben;
my $chatty = $stack->signed_in($ben);
foreach my $n (1 .. 1000)
{
	$chatty->say(sending($crowd, "nr $n " . 'y' x 900));
	$_->next_message(0) foreach @readers, $chatty;
}
heed($sender);
is(seqs($_->events($crowd, 1002, 60)), join(',', 3 .. 1002), 'a flood of small ones reaches who reads along') foreach @readers;
$_->close foreach @readers;

# --- one that does not read -----------------------------------------------------------------------------------------------

my $busy = $stack->room($ada, $ben, $cas);
my ($reader, $slow) = (subscribed($ada, $busy), subscribed($ben, $busy, small => 1));
my $beside = 0;
my $kept = 0;
foreach my $n (1 .. 160)
{
	$sender->say(sending($busy, 'z' x 60_000));
	$reader->events($busy, 3 + $n, 30);
	heed($sender);
	# what waits now waits for the other, which has not been cut yet
	my $seen = scrape($port);
	my $queued = $seen->value('socket_queued_bytes');
	$kept = $queued if $queued > $kept;
	$beside++ if $queued >= 60_000 && $seen->value('sockets_closed_total', code => '4408') == 0;
}
is(seqs($reader->events($busy, 163)), join(',', 4 .. 163), 'the one who reads gets everything');
cmp_ok($beside, '>', 10, 'without waiting for the other to read or to be cut');
cmp_ok($kept, '<=', 1024 * 1024 + 100_000, 'for whom no more than the limit is kept');
wait_for(
	'the other to be cut',
	sub {
		heed($sender);
		return scrape($port)->value('sockets_closed_total', code => '4408') == 1;
	},
	40
);
is(scrape($port)->value('socket_queued_bytes'), 0, 'then nothing is kept');

# It begins to read again: what it had got is whole, the code says why, and the rest comes by its cursor.
my $code = $slow->closing(10);
ok($code == 4408 || $code == 0, "it is told to resume, if it reads in time ($code)");
my @got = grep { $_->{type} eq 'event' } @{ $slow->{heard} };
is(seqs(@got), join(',', 4 .. 3 + @got), 'what it had got has no gap');
cmp_ok(scalar(@got), '<', 150, 'and ends long before the end');
my $again = subscribed($ben, $busy, after => 3 + @got);
is(seqs($again->events($busy, 163, 30)), join(',', 4 + @got .. 163), 'what it had missed comes when it is back, once');

# Cut while it can still be told: it hears the code. It has some seconds for that, which this test, too, may need for something else
# when the machine is busy; then it tries once more.
my $seq = 163;
my $cut = 1;
my $told;
foreach (1 .. 5)
{
	my ($from, $uncut) = ($seq, time);

	$told = subscribed($ben, $busy, small => 1);
	foreach (1 .. MOST)
	{
		$sender->say(sending($busy, 'z' x 60_000));
		$seq++;
		$_->events($busy, $seq, 30) foreach $reader, $again;
		heed($sender);
		last if scrape($port)->value('sockets_closed_total', code => '4408') > $cut;
		$uncut = time;
	}
	cmp_ok($seq, '<', $from + MOST, 'what passes it by is bounded in bytes');
	note('cut after ' . ($seq - $from));
	is(scrape($port)->value('sockets_closed_total', code => '4408'), ++$cut, 'it is cut, and nobody else');
	my $came = time - $uncut;
	last if $told->closing == 4408 || $came < 3;
}
is($told->{close_code}, 4408, 'who reads again within seconds hears that it was too slow');
is($told->{close_reason}, 'slow', 'in a word');

# --- one that catches up ----------------------------------------------------------------------------------------------------

# Far behind and slow: it is sent as much as it reads, from a cursor, and not cut as long as it goes on.
my $head = $stack->sql("SELECT last_seq FROM porcupine.room_heads WHERE room_id = $busy");
$kept = 0;
my $from = $head - 120;
my $late = subscribed($ben, $busy, small => 1, after => $from, unheard => 1);
my @late;
my $deadline = time + 60;
while (@late < 120 && time < $deadline)
{
	my $event = $late->next_message(5) or last;
	push @late, $event if $event->{type} eq 'event';
	next if @late % 10;
	my $queued = scrape($port)->value('socket_queued_bytes');
	$kept = $queued if $queued > $kept;
}
is(seqs(@late), join(',', $from + 1 .. $head), 'who is far behind gets all of it, in order');
cmp_ok($kept, '<=', 1024 * 1024, 'a piece at a time') or diag($kept);

is($stack->stop_bridge, 0, 'the bridge ends well');
ok(!(grep { ($_->{level} // '') eq 'error' } $stack->log_lines), 'and has logged no error');

done_testing();
