# What goes wrong beneath the bridge is noticed and made good: doorbells that were lost, a database that was rolled back, a hole
# in a log. And what a stranger asks for, however often, costs others nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;
use Time::HiRes qw(time);

my $stack = start_stack();
my ($ada, $ben, $eve) = map { $stack->person($_) } qw(ada ben eve);

sub subscribed
{
	my ($person, $room, %cursor) = @_;
	return $stack->signed_in($person)->subscribe($room, %cursor);
}

# --- lost doorbells ---------------------------------------------------------------------------------------

# The listening connection is cut and something happens at once, before there is another one.
my $room = $stack->room($ada);
my ($watching, $waiting) = (subscribed($ada, $room), $stack->signed_in($ben));
my $listener =
  q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'porcupine_node' AND query LIKE 'LISTEN%'};
my $cut = $stack->sql(qq{
	$listener \\gset
	INSERT INTO porcupine.members (room_id, user_id) VALUES ($room, $ben->{id});
	SELECT :'pg_terminate_backend';});
is($cut, 't', 'the listener was cut');
my $told = $waiting->hear(sub { $_[0]{type} eq 'membership' && $_[0]{room} eq $room });
# or the socket is ended, so that the client lists its rooms anew
ok($told || defined $waiting->{close_code}, 'who was added meanwhile hears of it, or is sent to look');
ok(($watching->events($room, 2))[-1] || defined $watching->{close_code}, 'so does who watches the room');
$_->close foreach $watching, $waiting;

# The database itself says that doorbells were lost: a membership that nothing rang for is found by looking at all of them.
$room = $stack->room($ada);
$waiting = $stack->signed_in($ben);
$stack->sql(qq{
	SET session_replication_role = replica;
	INSERT INTO porcupine.members (room_id, user_id, joined_seq) VALUES ($room, $ben->{id}, 1)});
$stack->sql(q{SELECT pg_notify('porcupine', '{"origin":"0","sweep":true}')});
is($waiting->hear(sub { $_[0]{type} eq 'membership' && $_[0]{room} eq $room })->{role}, 'member', '"sweep" has the bridge look for itself');
$waiting->close;

# --- a database that was rolled back -------------------------------------------------------------------------

# As after a snapshot of the same server was restored: the log ends earlier, and the administrator calls new_stream().
$room = $stack->room($ada, $ben);
my $live = subscribed($ada, $room);
my $old_stream = $live->{ready}{stream};
$live->say(sending($room, "lost $_")) foreach 1 .. 4;
$live->events($room, 6);
my $stream = $stack->sql(qq{
	BEGIN;
	SET LOCAL session_replication_role = replica;
	DELETE FROM porcupine.events WHERE room_id = $room AND seq > 2;
	UPDATE porcupine.room_heads SET last_seq = 2 WHERE room_id = $room;
	SELECT porcupine.new_stream();
	COMMIT;});
splice @{ $live->{heard} };
$live->{highest} = {};
my $reset = $live->hear(sub { $_[0]{type} =~ /\A(?:reset|ready)\z/ });
ok($reset || defined $live->{close_code}, 'a live socket is told, or ended')
  or diag(json_text($live->{heard}));
is($reset->{stream}, $stream, 'with the new stream') if $reset && !defined $live->{close_code};
my $fresh = $stack->signed_in($ben);
is($fresh->{ready}{stream}, $stream, 'a new socket is given the new stream');
$fresh->say({ type => 'subscribe', room => $room, after => 6, stream => $old_stream });
my $answer = $fresh->hear(sub { $_[0]{type} =~ /\A(?:reset|subscribed)\z/ });
is_deeply([ @$answer{qw(type head stream)} ], [ 'reset', 2, $stream ],
	'and a cursor of the old one is reset');

foreach my $n (3 .. 8)
{
	$fresh->say(sending($room, "new $n"));
}
my @events = $fresh->events($room, 8);
is_deeply(
	[ map { unb64($_->{body} // '') } @events ],
	[ map { "new $_" } 3 .. 8 ],
	'nothing of the lost history is shown, nothing of the new left out'
);
unless (defined $live->{close_code})
{
	@events = grep { $_->{seq} > 2 } $live->events($room, 8);
	is_deeply(
		[ map { unb64($_->{body} // '') } @events ],
		[ map { "new $_" } 3 .. 8 ],
		'nor at the live socket'
	);
}
my $page =
  $stack->http('GET', "/api/chat/rooms/$room/messages/?after=6&stream=$old_stream", token => $ada->{token})
  ->{json};
ok($page->{reset}, 'and REST says so too');

# The bridge has the old log in memory, and learns of the new one by the very answer to a subscription: between two sweeps, over
# connections that were made anew.
$room = $stack->room($ada, $ben);
$live = subscribed($ada, $room);
my $keeps_it_there = subscribed($ben, $room);
$old_stream = $live->{ready}{stream};
$live->say(sending($room, "lost $_")) foreach 1 .. 4;
$live->events($room, 6);
$stack->sql(qq{
	BEGIN;
	SET LOCAL session_replication_role = replica;
	DELETE FROM porcupine.events WHERE room_id = $room AND seq > 2;
	UPDATE porcupine.room_heads SET last_seq = 2 WHERE room_id = $room;
	SELECT porcupine.new_stream();
	COMMIT;
	SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'porcupine_node' AND query NOT LIKE 'LISTEN%';});
splice @{ $live->{heard} };
$live->{highest} = {};
$reset = wait_for(
	'an answer',
	sub {
		$live->say({ type => 'subscribe', room => $room, after => 6, stream => $old_stream });
		my $answer = $live->hear(sub { $_[0]{type} =~ /\A(?:reset|subscribed|error)\z/ }, 5);
		return $answer && $answer->{type} ne 'error' && $answer;
	}
);
is_deeply([ @$reset{qw(type head)} ], [ 'reset', 2 ], 'who subscribes in that moment is reset');
$stack->wait_until_ready;
$live->say(sending($room, "newer $_")) foreach 3 .. 5;
@events = grep { $_->{seq} > 2 } $live->events($room, 5);
is_deeply(
	[ map { unb64($_->{body} // '') } @events ],
	[ map { "newer $_" } 3 .. 5 ],
	'and is shown nothing that the bridge still had of the lost history'
);

# --- a hole --------------------------------------------------------------------------------------------------------

# An administrator has deleted a row. Nobody may wait for it for ever, nor ask the database for it again and again.
$room = $stack->room($ada, $ben);
$stack->sql_send($ben, $room, "text $_") foreach 1 .. 10;
$stack->sql("DELETE FROM porcupine.events WHERE room_id = $room AND seq = 6");
my $ws = $stack->signed_in($ada);
$ws->say({ type => 'subscribe', room => $room, after => 2, stream => $ws->{ready}{stream} });
my $end = $ws->hear(sub { $_[0]{type} =~ /\A(?:subscribed|reset|error|unsubscribed)\z/ });
ok($end || defined $ws->{close_code},
	'a log with a hole is answered somehow: ' . ($end ? $end->{type} : 'closed'));
my @seqs = map { $_->{seq} } grep { $_->{type} eq 'event' } @{ $ws->{heard} };
ok(!grep({ $_ > 6 } @seqs) || $end, 'and nothing beyond it is shown as if nothing were missing');
my $count = q{SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()};
my ($before, $begin) = ($stack->sql($count), time);
wait_for('a few sweeps to pass', sub { time > $begin + 3 });
cmp_ok($stack->sql($count) - $before, '<', 300, 'the database is left in peace');

# --- strangers -----------------------------------------------------------------------------------------------------------

# A room with a long log, which somebody who is no member asks for again and again.
$room = $stack->room($ada, $ben);
$stack->sql(
	qq{BEGIN; SELECT porcupine.act_as($ada->{id}) \\gset
	SELECT count(porcupine.send($room, gen_random_uuid(), decode(repeat('ab', 60000), 'hex'))) FROM generate_series(1, 130); COMMIT;}
);
my $stranger = $stack->signed_in($eve);
my $frame = Porcupine::Test::WebSocket::frame(1, json_text({ type => 'subscribe', room => $room }));
$stranger->write($frame x 300);
$begin = time;
is($stack->http('GET', '/api/rooms/', token => $ada->{token})->{status}, 200,
	'others are answered meanwhile');
cmp_ok(time - $begin, '<', 5, 'and do not wait for it');
# a subscribe that is not answered yet gives way to the next of the same room, so fewer refusals may come than were asked for
is($stranger->hear('error')->{code}, 'not_member', 'the stranger is refused');
$stranger->say({ type => 'ping' });
ok($stranger->hear('pong'), 'and answered otherwise');
ok(!(grep { $_->{type} eq 'event' } @{ $stranger->{heard} }), 'and shown nothing');

# Twenty who ask for all of it and read nothing cost no more memory than a bound.
my @greedy = map { $stack->signed_in($ben) } 1 .. 20;
$_->say({ type => 'subscribe', room => $room, after => 0, stream => $_->{ready}{stream} }) foreach @greedy;
my @pages = map {
	my $socket = $stack->connect_tcp;
	syswrite($socket,
		"GET /api/chat/rooms/$room/messages/?limit=500 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ben->{token}\r\n\r\n"
	);
	$socket;
} 1 .. 20;
my $reader = subscribed($ada, $room);
my $seq = $stack->sql_send($ben, $room, 'after all that');
is(($reader->events($room, $seq))[-1]{seq}, $seq, 'others are served');
my $memory = (PostgreSQL::Test::Utils::slurp_file("/proc/$stack->{pid}/status") =~ /VmRSS:\s+(\d+)/)[0];
cmp_ok($memory, '<', 150_000, "memory is bounded ($memory kB)");

# A page is bounded by bytes as well, and says by its last seq where to go on.
my $all = 0;
my $after = 0;
while ($after < $seq)
{
	my $results =
	  $stack->http('GET', "/api/chat/rooms/$room/messages/?after=$after&limit=500", token => $ada->{token})
	  ->{json}{results};
	last unless @$results && $results->[0]{seq} == $after + 1;
	$all += @$results;
	$after = $results->[-1]{seq};
}
is($after, $seq, 'page by page one gets to the end');
is($all, $seq, 'without a gap');

done_testing();
