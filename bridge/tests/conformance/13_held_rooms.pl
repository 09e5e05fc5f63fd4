# A transaction of somebody's holds a room, idle: messages to other rooms go on as if nothing was; those to the held one wait, in
# order and without being asked for again, are stored when it lets go, and are answered when that takes too long.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Metrics qw(scrape);
use Porcupine::Test::Psql;
use Test::More;
use Time::HiRes qw(time);

my $stack = start_stack();
my $port = $stack->{metrics_port};
my ($ada, $ben) = map { $stack->person($_) } qw(ada ben);
my @rooms = map { $stack->room($ada, $ben) } 1 .. 24;
# rooms that share a connection, however many there are
my ($held, $free) = @rooms[ 0, 12 ];
my $holder = Porcupine::Test::Psql->new($stack->node->connstr('postgres'));
my ($slow, $quick) = ($stack->signed_in($ada), $stack->signed_in($ben));

foreach my $ws ($slow, $quick)
{
	foreach my $room ($held, $free)
	{
		$ws->say({ type => 'subscribe', room => $room });
		$ws->hear('subscribed') or die 'not subscribed';
	}
}

sub hold
{
	my (@held) = @_;
	my $list = join(',', @held);

	$holder->has_said("BEGIN; SELECT porcupine.act_as($ben->{id});"
		  . "SELECT porcupine.send(room, gen_random_uuid(), 'held it') FROM unnest(ARRAY[$list]) AS room;");
	return;
}

# What a socket has been answered, by client id.
sub answers
{
	my ($ws) = @_;
	1 while $ws->next_message(0);
	return map { $_->{client_id} => $_ } grep { $_->{type} =~ /\A(?:ack|error)\z/ } @{ $ws->{heard} };
}

# Sends one after the other, each after the answer to the one before; the times that they took.
sub paced
{
	my ($ws, $room, $count, $beside) = @_;
	my @times;

	foreach my $n (1 .. $count)
	{
		my $began = time;
		my $message = sending($room, "paced $n");

		$beside->($n) if $beside;
		$ws->say($message);
		my $answer = $ws->hear(sub { ($_[0]{client_id} // '') eq $message->{client_id} && $_[0]{type} ne 'event' });
		die 'not stored: ' . json_text($answer) unless $answer && $answer->{type} eq 'ack';
		push @times, time - $began;
	}
	return sort { $a <=> $b } @times;
}

sub bodies
{
	my ($room) = @_;
	return split /\n/, $stack->sql("SELECT convert_from(body, 'UTF8') FROM porcupine.events WHERE room_id = $room AND kind = 'message' ORDER BY seq");
}

# --- others go on ---------------------------------------------------------------------------------------------------

my (@before, @waiting, @times, %answered, $early, $now);
# where the machine stands still for a second, that says nothing of the bridge: then all of it is done again
foreach (1 .. 5)
{
	my $began = time;

	@before = bodies($held);
	@waiting = ();
	hold($held);
	@times = paced(
		$quick, $free, 40,
		sub {
			push @waiting, sending($held, "waiting $_[0]");
			$slow->say($waiting[-1]);
		}
	);
	%answered = answers($slow);
	$early = grep { $answered{ $_->{client_id} } } @waiting;
	$now = scrape($port);
	my $let_go = time;
	$holder->has_said('COMMIT;');
	wait_for('the answers', sub { %answered = answers($slow); 40 == grep { $answered{ $_->{client_id} } } @waiting });
	last if $times[-1] < 1 && time - $let_go < 2 && time - $began < 5;
}
# each of them would have waited half a second, if it had waited for the held room
cmp_ok($times[20], '<', 0.25, 'half of them at once');
cmp_ok($times[-1], '<', 1, 'none for long') or diag("@times");
cmp_ok(scalar(grep { $_ > 0.25 } @times), '<', 5, 'only the first meets the held room') or diag("@times");
is($early, 0, 'what was sent to the held one is not answered yet');
is($now->value('rooms_held'), 1, 'one room is held');
cmp_ok($now->value('sends_held_total'), '>=', 40, 'with what was sent to it');
is($now->value('sends_waiting'), 40, 'and that waits');
# who waits for more than five seconds is told that it is busy
is_deeply([ map { $answered{ $_->{client_id} }{type} } @waiting ], [ ('ack') x 40 ], 'all are stored, nothing sent twice');
my @expected = (@before, 'held it', map { "waiting $_" } 1 .. 40);
is_deeply([ bodies($held) ], \@expected, 'in the order of sending, after what held them up');
is_deeply([ map { unb64($_->{body}) } $quick->events($held, 2 + @expected) ], \@expected, 'and so they were shown');
wait_for('the room to be one like others', sub { scrape($port)->value('rooms_held') == 0 });
is($now->value('sends_waiting') - scrape($port)->value('sends_waiting'), 40, 'nothing waits any more');
@times = paced($slow, $held, 20);
cmp_ok($times[10], '<', 0.25, 'which is quick again');

# --- what happens to it meanwhile --------------------------------------------------------------------------------------

# A veto in the middle of what waits, and a removal by the one who holds.
$stack->sql(q{
	CREATE FUNCTION veto() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$;
	CREATE TRIGGER veto BEFORE INSERT ON porcupine.events FOR EACH ROW WHEN (NEW.body = 'rude') EXECUTE FUNCTION veto();});
my $from = @{[ bodies($held) ]};
hold($held);
@waiting = map { sending($held, $_) } 'one', 'rude', 'two', 'rude', 'three';
$slow->say($_) foreach @waiting;
wait_for('the room to be found held', sub { scrape($port)->value('rooms_held') == 1 });
$holder->has_said('COMMIT;');
wait_for('the answers', sub { %answered = answers($slow); 5 == grep { $answered{ $_->{client_id} } } @waiting });
is_deeply([ map { $answered{ $_->{client_id} }{code} // 'ack' } @waiting ], [qw(ack role ack role ack)], 'a veto is for those it means');
is_deeply([ (bodies($held))[ $from .. $from + 3 ] ], [ 'held it', 'one', 'two', 'three' ], 'and the others keep their order');

$holder->has_said("BEGIN; SELECT porcupine.act_as($ada->{id}); SELECT porcupine.remove_member($held, $ben->{id});");
my $late = sending($held, 'too late');
$quick->say($late);
wait_for('the room to be found held', sub { scrape($port)->value('rooms_held') == 1 });
$holder->has_said('COMMIT;');
is($quick->hear(sub { ($_[0]{client_id} // '') eq $late->{client_id} })->{code}, 'not_member', 'a removal counts for what waited for it');

# --- for too long ----------------------------------------------------------------------------------------------------------

hold(@rooms[ 1 .. 10 ]);
@waiting = map { sending($rooms[$_], "long $_") } map { ($_, $_) } 1 .. 10;
my ($began, $worst) = (time, 0);
$slow->say($_) foreach @waiting;
wait_for(
	'all to be told',
	sub {
		my $before = $stack->own_seconds;
		paced($quick, $free, 5);
		my $took = $stack->own_seconds - $before;
		$worst = $took if $took > $worst;
		%answered = answers($slow);
		return @waiting == grep { $answered{ $_->{client_id} } } @waiting;
	}
);
cmp_ok(time - $began, '>', 4, 'whoever waits is given some seconds');
cmp_ok(time - $began, '<', 20, 'but not for ever');
is(scalar(grep { ($answered{ $_->{client_id} }{code} // '') eq 'busy' && defined $answered{ $_->{client_id} }{retry_after} } @waiting),
	20, 'and told to try again');
cmp_ok($worst, '<', 2, 'while the others go on');
is(scrape($port)->value('rooms_held'), 0, 'nothing is kept of it');
$holder->has_said('COMMIT;');
$slow->say($_) foreach @waiting;
delete @answered{ map { $_->{client_id} } @waiting };
@{ $slow->{heard} } = ();
wait_for('the second answers', sub { %answered = answers($slow); @waiting == grep { $answered{ $_->{client_id} } } @waiting });
is(scalar(grep { $_->{type} eq 'ack' } values %answered), 20, 'then they are stored');
is_deeply([ map { join(',', bodies($rooms[$_])) } 1 .. 10 ], [ map { "held it,long $_,long $_" } 1 .. 10 ], 'each once, in order');

# --- and at the end ------------------------------------------------------------------------------------------------------------

hold($rooms[11]);
my $posted = sending($rooms[11], 'never stored');
$slow->say($posted);
wait_for('the room to be found held', sub { scrape($port)->value('rooms_held') == 1 });
$began = time;
is($stack->stop_bridge, 0, 'a bridge stops, held room or not');
cmp_ok(time - $began, '<', 20, 'in time');
$holder->has_said('COMMIT;');
is( $stack->sql(
		'SELECT count(*) FROM porcupine.room_heads h WHERE last_seq <> (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id)'
	),
	'0',
	'and no room has a gap'
);
ok(!(grep { ($_->{level} // '') eq 'error' } $stack->log_lines), 'the bridge has logged no error');

done_testing();
