# What is sent arrives: the same contiguous order at every socket, whoever sends it and by whatever way, exactly once; and it
# stops where a membership or a session does.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Psql;
use Socket ();
use Test::More;

my $stack = start_stack(conf => "max_connections = 60\n");
my @people = map { $stack->person($_) } qw(ada ben cas dot);
my ($ada, $ben, $cas, $dot) = @people;

sub subscribed
{
	my ($person, $room, %cursor) = @_;
	return $stack->signed_in($person)->subscribe($room, %cursor);
}

# --- many senders, several sockets, all ways of sending ----------------------------------------------------------

my $room = $stack->room(@people);
my $begin = 4;
my @watchers = map { subscribed($_, $room, after => $begin) } $ada, $ben, $cas, $dot, $ada;
my $each = 60;
my @bodies;
foreach my $n (1 .. $each)
{
	foreach my $i (0 .. $#people)
	{
		my $text = "$people[$i]{username} $n";
		push @bodies, $text;
		$watchers[$i]->say(sending($room, $text));
	}
	if ($n % 20 == 0)
	{
		push @bodies, "sql $n", "rest $n";
		$stack->sql_send($dot, $room, "sql $n");
		is( $stack->http(
				'POST', "/api/chat/rooms/$room/messages/",
				token => $cas->{token},
				json => { client_id => uuid(), body => b64("rest $n") }
			)->{status},
			201,
			'a send by REST among them'
		);
	}
}
my $last = $begin + @bodies;
my @transcripts = map { [ $_->events($room, $last) ] } @watchers;
foreach my $i (0 .. $#watchers)
{
	is_deeply(
		[ map { $_->{seq} } @{ $transcripts[$i] } ],
		[ $begin + 1 .. $last ],
		"watcher $i: every event, in order, once"
	);
	is_deeply($transcripts[$i], $transcripts[0], "watcher $i: the same as everybody") if $i;
}
is_deeply([ sort map { unb64($_->{body}) } @{ $transcripts[0] } ], [ sort @bodies ], 'each message once');
foreach my $i (0 .. $#people)
{
	my @own = grep { $_->{sender} eq $people[$i]{id} && unb64($_->{body}) =~ /\A$people[$i]{username}/ }
	  @{ $transcripts[0] };
	is_deeply(
		[ map { unb64($_->{body}) } @own ],
		[ map { "$people[$i]{username} $_" } 1 .. $each ],
		"$people[$i]{username}'s in the order of sending"
	);
	wait_for(
		'the acks',
		sub {
			(grep { $_->{type} eq 'ack' } @{ $watchers[$i]{heard} }) >= $each
			  || $watchers[$i]->next_message(1) && 0;
		}
	);
}
is(scalar(grep { $_->{type} eq 'error' } map { @{ $_->{heard} } } @watchers), 0, 'nobody was refused');

# Somebody who subscribes in the middle of it, from a cursor, sees what the others see.
my @late;
foreach my $n (1 .. 120)
{
	$watchers[ $n % 4 ]->say(sending($room, "more $n"));
	push @late, subscribed($dot, $room, after => $begin + $n) if $n % 30 == 0;
}
my @reference = $watchers[0]->events($room, $last + 120);
foreach my $i (0 .. $#late)
{
	my $from = $begin + 30 * ($i + 1);
	is_deeply(
		[ $late[$i]->events($room, $last + 120) ],
		[ grep { $_->{seq} > $from } @reference ],
		"joined in the middle, from $from: no gap, no repeat"
	);
}
$_->close foreach @late;

# --- a late commit -----------------------------------------------------------------------------------------------------

my ($first, $second) = map { Porcupine::Test::Psql->new($stack->node->connstr('postgres')) } 1, 2;
my $head = $stack->sql("SELECT last_seq FROM porcupine.room_heads WHERE room_id = $room");
$first->has_said(
	"BEGIN; SELECT porcupine.act_as($ada->{id}); SELECT porcupine.send($room, gen_random_uuid(), 'sent first, committed late');"
);
$second->says(
	"BEGIN; SELECT porcupine.act_as($ben->{id}); SELECT porcupine.send($room, gen_random_uuid(), 'sent second'); COMMIT;"
);
wait_for('the second to wait for the first',
	sub { $stack->sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) > 0 });
my $elsewhere = $stack->room($cas, $dot);
my $watcher = subscribed($cas, $elsewhere);
my $there = $stack->sql_send($dot, $elsewhere, 'elsewhere');
ok((grep { $_->{seq} == $there } $watcher->events($elsewhere, $there)), 'a room does not wait for another');
$first->has_said('COMMIT;');
is_deeply(
	[ map { unb64($_->{body} // '') } grep { $_->{seq} > $head } $watchers[0]->events($room, $head + 2) ],
	[ 'sent first, committed late', 'sent second' ],
	'two transactions, one committing late: both, in order'
);
is_deeply(
	[ map { $_->{seq} } grep { $_->{seq} > $head } $watchers[3]->events($room, $head + 2) ],
	[ $head + 1, $head + 2 ],
	'at every socket'
);

# One transaction into several rooms, together with a new member and a message.
$first->has_said(
	"BEGIN; SELECT porcupine.act_as($cas->{id}); SELECT porcupine.send($elsewhere, gen_random_uuid(), 'both'); SELECT porcupine.send($room, gen_random_uuid(), 'both'); COMMIT;"
);
ok((grep { unb64($_->{body} // '') eq 'both' } $watcher->events($elsewhere, $there + 1)),
	'one transaction, first room');
ok((grep { unb64($_->{body} // '') eq 'both' } $watchers[0]->events($room, $head + 3)),
	'one transaction, second room');
# A transaction that is rolled back rings nothing and shows nothing.
$first->has_said(
	"BEGIN; SELECT porcupine.act_as($cas->{id}); SELECT porcupine.send($room, gen_random_uuid(), 'never'); ROLLBACK;"
);
$watchers[0]->say(sending($room, 'after it'));
is(unb64(($watchers[0]->events($room, $head + 4))[-1]{body}), 'after it',
	'what is rolled back leaves no gap');

# --- memberships ------------------------------------------------------------------------------------------------------------

# The removed one's socket gets the event that says so and nothing after it.
my $members = $stack->room($ada, $ben, $cas);
my ($removed, $witness) = (subscribed($ben, $members, after => 3), subscribed($ada, $members, after => 3));
$witness->say(sending($members, 'before'));
$removed->events($members, 4);
$stack->sql(
	"BEGIN; SELECT porcupine.act_as($ada->{id}) \\gset\nSELECT porcupine.send($members, gen_random_uuid(), 'just before'); SELECT porcupine.remove_member($members, $ben->{id}); SELECT porcupine.send($members, gen_random_uuid(), 'just after'); COMMIT;"
);
$begin = $stack->own_seconds;
my $end = $removed->hear('unsubscribed');
cmp_ok($stack->own_seconds - $begin, '<=', 2, 'a removal is noticed within two seconds');
is($end->{code}, 'not_member', 'the subscription of a removed member ends');
$witness->events($members, 7);
is_deeply([ map { $_->{seq} } $witness->events($members, 7) ], [ 4 .. 7 ], 'others see all of it');
my @seen = grep { $_->{type} eq 'event' && $_->{room} eq $members } @{ $removed->{heard} };
cmp_ok($seen[-1]{seq}, '<=', 6, 'the removed one nothing after the removal');
is($seen[-1]{seq}, 6, 'and the removal itself, the last');
ok( (   grep { $_->{type} eq 'membership' && $_->{room} eq $members && !defined $_->{role} }
		  @{ $removed->{heard} }
	)
	  || $removed->hear('membership'),
	'the membership change is told'
);
$removed->say(sending($members, 'let me in'));
is($removed->hear('error')->{code}, 'not_member', 'and sending is refused');
$removed->say({ type => 'subscribe', room => $members });
is($removed->hear('error')->{code}, 'not_member', 'so is subscribing');

# A flood while somebody is removed: nothing after the removal's seq, at any socket.
my $flooded = $stack->room($ada, $ben);
my ($target, $flooder) = (subscribed($ben, $flooded), subscribed($ada, $flooded));
my $sender = $stack->signed_in($ben);
foreach my $n (1 .. 100)
{
	$flooder->say(sending($flooded, "flood $n"));
	$sender->say(sending($flooded, "mine $n"));
	$second->says("DELETE FROM porcupine.members WHERE room_id = $flooded AND user_id = $ben->{id};")
	  if $n == 50;
}
wait_for(
	'the removal',
	sub {
		$second->pump;
		$stack->sql("SELECT count(*) FROM porcupine.members WHERE room_id = $flooded") eq '1';
	}
);
my $seq =
  $stack->sql("SELECT seq FROM porcupine.events WHERE room_id = $flooded AND kind = 'member.removed'");
is($target->hear('unsubscribed')->{code}, 'not_member', 'cut in a flood');
@seen = grep { $_->{type} eq 'event' } @{ $target->{heard} };
cmp_ok($seen[-1]{seq}, '<=', $seq, 'nothing after the seq of the removal is delivered');
is_deeply([ map { $_->{seq} } @seen ], [ $seen[0]{seq} .. $seen[-1]{seq} ], 'and nothing left out before');
wait_for(
	'all answers',
	sub {
		$sender->next_message(0.2);
		(grep { $_->{type} eq 'ack' || $_->{type} eq 'error' } @{ $sender->{heard} }) >= 100;
	}
);
is( $stack->sql(
		"SELECT count(*) FROM porcupine.events WHERE room_id = $flooded AND sender_id = $ben->{id} AND seq > $seq"
	),
	'0',
	'and nothing of theirs is stored after it'
);
is( $stack->sql("SELECT count(*) FROM porcupine.events WHERE room_id = $flooded AND sender_id = $ben->{id}"),
	scalar(grep { $_->{type} eq 'ack' } @{ $sender->{heard} }),
	'what was acknowledged is what is stored'
);

# Joining is told to the joiner's other sockets; so is being let in.
my $tab = $stack->signed_in($dot);
$stack->sql("INSERT INTO porcupine.members (room_id, user_id) VALUES ($members, $dot->{id})");
is_deeply(
	$tab->hear('membership'),
	{ type => 'membership', room => $members, role => 'member' },
	'somebody added by SQL is told'
);
my $sealed = $stack->sql(
	"BEGIN; SELECT porcupine.act_as($ada->{id}) \\gset\nSELECT id FROM porcupine.create_room('sealed'); COMMIT;"
);
$stack->sql("INSERT INTO porcupine.members (room_id, user_id, role) VALUES ($sealed, $dot->{id}, 'pending')");
is($tab->hear(sub { $_[0]{type} eq 'membership' && $_[0]{room} eq $sealed })->{role},
	'pending', 'that they wait');
$tab->say({ type => 'subscribe', room => $sealed });
is($tab->hear('error')->{code}, 'role', 'who waits cannot subscribe');
$stack->sql("UPDATE porcupine.members SET role = 'member' WHERE room_id = $sealed AND user_id = $dot->{id}");
is($tab->hear(sub { $_[0]{type} eq 'membership' && $_[0]{room} eq $sealed })->{role},
	'member', 'and that they are let in');

# A room that is deleted ends its subscriptions.
my $doomed = $stack->room($ada, $ben);
my @inside = (subscribed($ada, $doomed), subscribed($ben, $doomed));
is($stack->http('DELETE', "/api/rooms/$doomed/", token => $ada->{token})->{status}, 204, 'a room is deleted');
is($_->hear('unsubscribed')->{room}, $doomed, 'its subscriptions end') foreach @inside;
# One room's own socket is closed.
my $only = $stack->signed_in($cas, "/ws/chat/$members/");
$only->hear('subscribed');
$stack->sql("DELETE FROM porcupine.members WHERE room_id = $members AND user_id = $cas->{id}");
is($only->closing, 4403, "a room's own socket is closed with 4403");

# --- sessions ---------------------------------------------------------------------------------------------------------------

my $guest = $stack->person('guest');
my @tabs = map { $stack->signed_in($guest) } 1 .. 3;
is($stack->http('POST', '/api/auth/logout/', token => $guest->{token})->{status}, 204, 'logout');
$begin = $stack->own_seconds;
is($_->closing, 4419, 'closes the sockets of the session') foreach @tabs;
cmp_ok($stack->own_seconds - $begin, '<=', 2, 'within two seconds');
my $again = $stack->websocket;
$again->say({ type => 'auth', token => $guest->{token} });
my $code = $again->closing;
ok($code == 4419 || $code == 4401, "its token opens no other ($code)");
my $banned = $stack->person('banned');
my $ws = $stack->signed_in($banned);
$stack->sql("UPDATE porcupine.users SET disabled_at = now() WHERE id = $banned->{id}");
is($ws->closing, 4419, 'a disabled account is cut by the sweep');
my $ended = $stack->person('ended');
$ws = $stack->signed_in($ended);
$stack->sql("UPDATE porcupine.sessions SET ended_at = now() WHERE id = $ended->{session}");
is($ws->closing, 4419, 'so is a session that SQL has ended');

# --- a reader that does not read -----------------------------------------------------------------------------------------------

my $busy = $stack->room($ada, $ben);
my ($reader, $slow) = (subscribed($ada, $busy, after => 2), subscribed($ben, $busy, after => 2));
my $payload = 'x' x 60000;
my $many = 150;
# a small window, so that it is the bridge that notices, not the kernel that keeps it all
setsockopt($slow->{socket}, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 65536);
foreach my $n (1 .. $many)
{
	$reader->say(sending($busy, $payload));
	# read along: never more than a few behind
	$reader->events($busy, $n - 2, 60) if $n > 4;
}
is_deeply(
	[ map { $_->{seq} } $reader->events($busy, $many + 2, 60) ],
	[ 3 .. $many + 2 ],
	'the one who reads gets everything'
);
my $slow_code = $slow->closing(30);
ok(defined $slow_code && ($slow_code == 4408 || $slow_code == 0), 'the one who does not is cut')
  or diag($slow_code // 'stays open');
@seen = grep { $_->{type} eq 'event' } @{ $slow->{heard} };
ok(!@seen || $seen[-1]{seq} < $many + 2, 'long before the end');
is_deeply([ map { $_->{seq} } @seen ], [ 3 .. 2 + @seen ], 'and what it got has no gap');
my $memory = (PostgreSQL::Test::Utils::slurp_file("/proc/$stack->{pid}/status") =~ /VmRSS:\s+(\d+)/)[0];
cmp_ok($memory, '<', 150_000, 'the bridge has not kept it all in memory');

# --- heads ------------------------------------------------------------------------------------------------------------------------

# Doorbells get lost; the sweep finds what they did not tell. NOTIFY is switched off here by holding back the trigger.
my $quiet = $stack->room($ada, $ben);
my $listener = subscribed($ada, $quiet);
my $unheard = $stack->sql(
	qq{BEGIN;
	SET LOCAL session_replication_role = replica;
	UPDATE porcupine.room_heads SET last_seq = last_seq + 1 WHERE room_id = $quiet;
	INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, client_id, epoch, kind, body) VALUES ($quiet, 3, now(), $ben->{id}, NULL, 0, 'message', 'unheard') RETURNING seq;
	COMMIT;}
);
$begin = $stack->own_seconds;
is(unb64(($listener->events($quiet, $unheard))[-1]{body}), 'unheard', 'an event without a doorbell arrives');
cmp_ok($stack->own_seconds - $begin, '<=', 5, 'within five seconds');

ok(!(grep { ($_->{level} // '') eq 'error' } $stack->log_lines), 'the bridge has logged no error')
  or diag(map { json_text($_) . "\n" } grep { ($_->{level} // '') eq 'error' } $stack->log_lines);

done_testing();
