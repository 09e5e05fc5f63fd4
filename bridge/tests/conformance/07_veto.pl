# An application's own trigger forbids some messages: whoever sent them is told so in its words, everybody else's in the same
# batch are stored, in order and without gaps; and a room that somebody's transaction holds delays no other room for long.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run ();
use Porcupine::Test;
use Test::More;

my $stack = start_stack();
my ($ada, $ben) = map { $stack->person($_) } qw(ada ben);
my ($room, $other) = ($stack->room($ada, $ben), $stack->room($ada, $ben));

$stack->sql(q{
	CREATE FUNCTION public.keep_it_polite() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		RAISE EXCEPTION 'please be polite' USING HINT = 'Say it another way.';
	END $$;
	CREATE TRIGGER polite BEFORE INSERT ON porcupine.events FOR EACH ROW WHEN (NEW.body = 'rude') EXECUTE FUNCTION public.keep_it_polite();
	CREATE FUNCTION public.break_down() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / 0; RETURN NEW; END';
	CREATE TRIGGER broken BEFORE INSERT ON porcupine.events FOR EACH ROW WHEN (NEW.body = 'breaks') EXECUTE FUNCTION public.break_down();
});

my $ws = $stack->signed_in($ada);
foreach my $to ($room, $other)
{
	$ws->say({ type => 'subscribe', room => $to });
	$ws->hear('subscribed') or die 'not subscribed';
}

# A hundred in one write, so that they share batches; every tenth is rude, in both rooms.
my @texts = map { $_ % 10 ? "nr $_" : 'rude' } 1 .. 100;
my @messages = map { sending($_ % 3 ? $room : $other, $texts[ $_ - 1 ]) } 1 .. 100;
my %text_of = map { $messages[$_]{client_id} => $texts[$_] } 0 .. $#messages;
$ws->write(join('', map { Porcupine::Test::WebSocket::frame(1, json_text($_)) } @messages));
my %answer;
$ws->hear(
	sub {
		$answer{ $_[0]{client_id} } = $_[0] if $_[0]{type} =~ /\A(?:ack|error)\z/ && defined $_[0]{client_id};
		return keys %answer == 100;
	}
);
is(scalar(keys %answer), 100, 'everything is answered');
is(scalar(grep { $text_of{$_} eq 'rude' && $answer{$_}{type} eq 'error' } keys %answer),
	10, 'what is forbidden is refused');
is(scalar(grep { $text_of{$_} ne 'rude' && $answer{$_}{type} eq 'ack' } keys %answer),
	90, 'all else is acknowledged');
my ($refusal) = grep { $_->{type} eq 'error' } values %answer;
is($refusal->{code}, 'role', 'as not allowed');
like(json_text($refusal), qr/please be polite/, "in the trigger's words");
foreach my $to ($room, $other)
{
	my @expected = map { $texts[ $_ - 1 ] } grep { ($_ % 3 ? $room : $other) eq $to && $_ % 10 } 1 .. 100;
	my @events = $ws->events($to, 2 + @expected);
	is_deeply([ map { $_->{seq} } @events ], [ 3 .. 2 + @expected ], 'no gap where something was refused');
	is_deeply([ map { unb64($_->{body}) } @events ], \@expected, 'and the order of sending is kept');
}
my $answer = $stack->http(
	'POST', "/api/chat/rooms/$room/messages/",
	token => $ada->{token},
	json => { client_id => uuid(), body => b64('rude') }
);
is_deeply([ $answer->{status}, $answer->{json}{code} ], [ 403, 'role' ], 'the same by REST')
  or diag($answer->{body});
like($answer->{json}{detail} // '', qr/please be polite/, 'with the same words');
is($answer->{json}{hint}, 'Say it another way.', 'and its hint');

# A trigger that breaks down is a defect, not the sender's fault, and what it says is for the log.
$ws->say(sending($room, 'breaks'));
my $said = $ws->hear(sub { $_[0]{type} =~ /\A(?:ack|error)\z/ });
is($said->{code}, 'internal', 'a broken trigger is an internal error');
unlike(json_text($said), qr/division/, 'which tells nobody how it is built');
$ws->say(sending($room, 'after it'));
is($ws->hear(sub { $_[0]{type} =~ /\A(?:ack|error)\z/ })->{type}, 'ack', 'and sending goes on');

# A transaction that holds one room: messages to another are not held up with it, and nothing is lost when it lets go.
my $node = $stack->node;
my %psql = (
	in => "BEGIN; SELECT FROM porcupine.room_heads WHERE room_id = $room FOR UPDATE;\n\\echo holding\n",
	out => '',
	err => ''
);
my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
	'<', \$psql{in}, '>', \$psql{out}, '2>', \$psql{err});
wait_for('psql to hold the room', sub { $psql->pump_nb; $psql{out} =~ /holding/ });
my @held = map { sending($room, "held $_") } 1 .. 3;
my @free = map { sending($other, "free $_") } 1 .. 3;
$ws->write(
	join('',
		map { Porcupine::Test::WebSocket::frame(1, json_text($_)) } map { ($held[$_], $free[$_]) } 0 .. 2)
);
my %free = map { $_->{client_id} => 1 } @free;
my $acks = 0;
$ws->hear(sub { $acks++ if $_[0]{type} eq 'ack' && $free{ $_[0]{client_id} }; return $acks == 3 }, 10);
is($acks, 3, 'another room is served meanwhile');
my %is_held = map { $_->{client_id} => 1 } @held;
is(scalar(grep { $_->{type} eq 'ack' && $is_held{ $_->{client_id} } } @{ $ws->{heard} }),
	0, 'nothing is acknowledged in the held one');
$psql{in} .= "COMMIT;\n\\q\n";
$psql->finish;
# What was refused as busy is sent again, as a client does.
my %owed = map { $_->{client_id} => $_ } @held;
wait_for(
	'what was held',
	sub {
		foreach my $message (splice @{ $ws->{heard} })
		{
			delete $owed{ $message->{client_id} } if $message->{type} eq 'ack';
			$ws->say($owed{ $message->{client_id} })
			  if $message->{type} eq 'error' && $owed{ $message->{client_id} // '' };
		}
		return 1 unless %owed;
		$ws->next_message(0.5);
		return 0;
	}
);
is( $stack->sql(
		"SELECT count(*) FROM porcupine.events WHERE room_id = $room AND convert_from(body, 'UTF8') LIKE 'held%'"
	),
	'3',
	'each of them is there once'
);
is( $stack->sql(
		'SELECT count(*) FROM porcupine.room_heads h WHERE last_seq <> (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id)'
	),
	'0',
	'and no gap'
);

done_testing();
