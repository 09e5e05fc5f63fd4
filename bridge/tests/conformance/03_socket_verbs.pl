# Every verb of the socket: what it does, what it refuses, and in what words.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;
use Time::HiRes qw(time);

my $stack = start_stack();
my ($ada, $ben, $eve) = map { $stack->person($_) } qw(ada ben eve);
my $room = $stack->room($ada, $ben);
my $elsewhere = $stack->room($eve);

# --- auth --------------------------------------------------------------------------------------------

sub first_frame
{
	my ($bytes) = @_;
	my $ws = $stack->websocket;

	$ws->send_frame(1, $bytes);
	return $ws->closing;
}

my $ws = $stack->signed_in($ada);
is_deeply(
	$ws->{ready}{user},
	{ id => $ada->{id}, username => 'ada', display_name => 'Ada' },
	'ready says who one is'
);
is($ws->{ready}{session}, $ada->{session}, 'and which session');
is($ws->{ready}{device}, $ada->{device}, 'and device');
is($ws->{ready}{stream}, $stack->sql('SELECT porcupine.current_stream()'), 'and the stream');
is_deeply($ws->{ready}{limits}, { body => 65536, frame => 98304, behind => 500 }, 'and the limits');

my ($head, $claims, $signature) = split /\./, $ada->{token};
my %first = (
	'no JSON' => 'hello',
	'an array' => '["auth"]',
	'another verb' => '{"type":"ping"}',
	'no token' => '{"type":"auth"}',
	'a token that is no text' => '{"type":"auth","token":7}',
	'an empty token' => '{"type":"auth","token":""}',
	'a token of another kind' => qq({"type":"auth","token":"$ada->{refresh}"}),
	'a token with another signature' =>
	  qq({"type":"auth","token":"$head.$claims.@{[scalar reverse $signature]}"}),
	'a token without signature' => qq({"type":"auth","token":"$head.$claims."}),
	'an expired token' => json_text({ type => 'auth', token => $stack->earlier_token($ada->{token}, 601) }),
	'a token of algorithm none' => qq({"type":"auth","token":"eyJhbGciOiJub25lIn0.$claims."})
);

foreach my $name (sort keys %first)
{
	my $code = first_frame($first{$name});
	is($code, 4401, "first frame: $name");
}
ok($stack->signed_in({ token => $stack->earlier_token($ada->{token}, 300) }), 'first frame: a token that has not expired yet');
is(first_frame('{"type":"auth","token":"' . 'x' x 4096 . '"}'), 4413, 'first frame: more than 4 KiB');
my $padded = $stack->websocket;
$padded->say({ type => 'auth', token => $ada->{token}, padding => 'x' x 2000, deep => [ [ [] ] ] });
ok($padded->hear('ready'), 'unknown fields are passed over');

my ($begin, $begin_there) = (time, $stack->own_seconds);
my $silent = $stack->websocket;
my $trickling = $stack->websocket;
$trickling->send_frame(9, 'still here');
is($silent->closing, 4401, 'who does not say auth is closed');
cmp_ok(time - $begin, '>', 4.9, 'not at once');
cmp_ok($stack->own_seconds - $begin_there, '<', 7, 'but soon after five seconds');
is($trickling->closing, 4401, 'pings do not put it off');

$ws = $stack->signed_in($ada);
$ws->say({ type => 'auth', token => $ada->{token} });
my $error = $ws->hear('error');
is($error->{code}, 'invalid', 'auth a second time is refused');
is($error->{request}, 'auth', 'and named');

# --- what is no message at all ------------------------------------------------------------------------------

foreach my $text (
	'', ' ',
	'x', '7',
	'"ping"', '[]',
	'null', '{',
	'{}', '{"type":null}',
	'{"type":7}', '{"type":""}',
	'{"type":"unknown"}', '{"type":"PING"}',
	'{"Type":"ping"}', '{"type":"ping"}x',
	'{"type":"ping"}{"type":"ping"}', '{"type":"ping","type":"ping"}',
	'{"type":"ping","x":1,"x":2}', "{\"type\":\"pi\\u0000ng\"}",
	'{"type":"ping",}', "{'type':'ping'}",
	'{"type":"ping","x":01}', '{"type":"ping","x":NaN}',
	'{"type":"ping","x":"' . "\x01" . '"}', '{"type":"ping","x":"\ud800"}',
	'{"type":"ping"} //', '[' x 2000 . ']' x 2000,
	'{"x":' x 500 . '1' . '}' x 500
  )
{
	$ws->send_frame(1, $text);
	my $said = $ws->hear(sub { $_[0]{type} eq 'error' || $_[0]{type} eq 'pong' });
	is($said && $said->{code}, 'invalid', 'refused: ' . substr($text, 0, 40));
}
$ws->say({ type => 'ping', further => { x => [] } });
ok($ws->hear('pong'), 'and the socket goes on');

# --- subscribe ---------------------------------------------------------------------------------------------------

sub say_hear
{
	my ($socket, $message, $type) = @_;
	$socket->say($message);
	return $socket->hear(sub { $_[0]{type} eq $type || $_[0]{type} eq 'error' });
}

my $said = say_hear($ws, { type => 'subscribe', room => $room }, 'subscribed');
is_deeply(
	[ @$said{qw(type room head stream epoch)} ],
	[ 'subscribed', $room, 2, $ws->{ready}{stream}, 0 ],
	'subscribed with head, stream and epoch'
);
ok($said->{epoch_open}, 'the epoch is open');
is_deeply($said->{online}, [ $ada->{id} ], 'one is online oneself');

my @foreign = (
	[ $elsewhere, 'somebody else\'s' ],
	[ '999999', 'one that is not there' ],
	[ 'abc', 'a name' ],
	[ '-1', 'a negative one' ],
	[ '0', 'zero' ],
	[ '9223372036854775808', 'one too large' ],
	[ '', 'an empty one' ],
	[ '1 OR 1=1', 'a statement' ],
	[ '1' x 1000, 'a very long one' ]
);
foreach my $case (@foreign)
{
	$said = say_hear($ws, { type => 'subscribe', room => $case->[0] }, 'subscribed');
	ok( $said->{type} eq 'error' && $said->{code} =~ /\A(?:not_member|invalid)\z/,
		"subscribe to $case->[1]: " . ($said->{code} // 'subscribed')
	);
	is($said->{request}, 'subscribe', 'the verb is named');
}
foreach my $wrong (
	{},
	{ room => undef },
	{ room => 7 },
	{ room => [] },
	{ room => $room, after => -1 },
	{ room => $room, after => '1' },
	{ room => $room, after => 1.5 },
	{ room => $room, after => 2**60 },
	{ room => $room, after => 1, stream => 'x' },
	{ room => $room, after => 1, stream => -1 }
  )
{
	$said = say_hear($ws, { type => 'subscribe', %$wrong }, 'subscribed');
	ok($said->{type} eq 'error' && $said->{code} eq 'invalid', 'subscribe refused: ' . json_text($wrong));
}

# From a cursor: what was missed, in order, then subscribed.
$stack->sql_send($ben, $room, "text $_") foreach 1 .. 5;
my $resuming = $stack->signed_in($ada);
$said = say_hear($resuming,
	{ type => 'subscribe', room => $room, after => 3, stream => $resuming->{ready}{stream} }, 'subscribed');
is_deeply(
	[ map { $_->{seq} } grep { $_->{type} eq 'event' } @{ $resuming->{heard} } ],
	[ 4 .. 7 ],
	'what was missed comes before subscribed'
);
is($said->{head}, 7, 'and the head with it');
$said = say_hear($resuming,
	{ type => 'subscribe', room => $room, after => 7, stream => $resuming->{ready}{stream} }, 'subscribed');
ok($said->{type} =~ /subscribed|error/, 'subscribing again is answered');

foreach my $case (
	[ 99, $ws->{ready}{stream}, 'beyond the head' ],
	[ 3, $ws->{ready}{stream} + 1, 'of another stream' ],
	[ 3, 1, 'of an old stream' ]
  )
{
	my $lost = $stack->signed_in($ada);
	my $reset =
	  say_hear($lost, { type => 'subscribe', room => $room, after => $case->[0], stream => $case->[1] },
		'reset');
	is($reset->{type}, 'reset', "a cursor $case->[2] is a reset");
	is_deeply(
		[ @$reset{qw(room head stream epoch)} ],
		[ $room, 7, $ws->{ready}{stream}, 0 ],
		'with head, stream and epoch'
	);
	$lost->close;
}
my $far = $stack->room($ada, $ben);
$stack->sql(
	"BEGIN; SELECT porcupine.act_as($ben->{id}) \\gset\nSELECT count(porcupine.send($far, gen_random_uuid(), 'x')) FROM generate_series(1, 510); COMMIT;"
);
$said = say_hear($resuming, { type => 'subscribe', room => $far, after => 1 }, 'reset');
is($said->{type}, 'reset', 'more than 500 behind is a reset');
my $live = $stack->sql_send($ben, $far, 'live');
is(($resuming->events($far, $live))[0]{seq}, $live, 'and lives on from the head');
$resuming->close;
$resuming = $stack->signed_in($ada);
$said = say_hear($resuming, { type => 'subscribe', room => $far, after => $live - 500 }, 'subscribed');
is($said->{type}, 'subscribed', 'exactly 500 behind is no reset');
is_deeply(
	[ map { $_->{seq} } grep { $_->{type} eq 'event' } @{ $resuming->{heard} } ],
	[ $live - 499 .. $live ],
	'exactly 500 behind is caught up'
);

# --- send ---------------------------------------------------------------------------------------------------------------

my $other = $stack->signed_in($ben);
say_hear($other, { type => 'subscribe', room => $room }, 'subscribed');
my $id = uuid();
my %message = (type => 'send', room => $room, client_id => $id, epoch => 0, body => b64("body \x00\xff"));
$ws->say(\%message);
my $ack = $ws->hear('ack');
is_deeply([ @$ack{qw(room client_id seq)} ], [ $room, $id, 8 ], 'a send is acknowledged with its seq');
like($ack->{created_at}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)\z/,
	'and its time in UTC');
my ($event) = grep { $_->{seq} == 8 } $other->events($room, 8);
is_deeply(
	[ @$event{qw(kind sender device client_id epoch ref body)} ],
	[ 'message', $ada->{id}, $ada->{device}, $id, 0, undef, b64("body \x00\xff") ],
	'others get the event'
);
is($event->{created_at}, $ack->{created_at}, 'with the same time');
ok((grep { $_->{seq} == 8 } $ws->events($room, 8)), 'so does the sender');
delete $event->{type};
is_deeply(
	$event,
	$stack->http('GET', "/api/chat/rooms/$room/messages/?limit=1", token => $ada->{token})
	  ->{json}{results}[0],
	'the same as by REST'
) or diag(json_text($event));

$ws->say(\%message);
is($ws->hear('ack')->{seq}, 8, 'the same again is acknowledged with the same seq');
$ws->say({ %message, body => b64('another') });
$error = $ws->hear('error');
is_deeply(
	[ @$error{qw(code seq request room client_id)} ],
	[ 'duplicate_mismatch', 8, 'send', $room, $id ],
	'another body under the same id is refused with the seq'
);
$ws->say({ %message, client_id => uuid(), epoch => 1 });
$error = $ws->hear('error');
is_deeply([ @$error{qw(code epoch)} ], [ 'stale_epoch', 0 ], 'another epoch is refused with the current one');

my @sends = (
	[ 'invalid', 'no room', { room => undef } ],
	[ 'invalid', 'a room that is a number', { room => 7 } ],
	[ 'not_member', 'a room of others', { room => $elsewhere } ],
	[ 'not_member', 'no such room', { room => '999999' } ],
	[ 'invalid', 'no client_id', { client_id => undef } ],
	[ 'invalid', 'a client_id that is none', { client_id => 'x' } ],
	[ 'invalid', 'a client_id that is almost one', { client_id => '0000000000004000800000000000000g' } ],
	[ 'invalid', 'no body', { body => undef } ],
	[ 'invalid', 'an empty body', { body => '' } ],
	[ 'invalid', 'a body that is no base64', { body => '!!!!' } ],
	[ 'invalid', 'base64 without padding', { body => 'YQ' } ],
	[ 'invalid', 'base64 of the URL kind', { body => '__8=' } ],
	[ 'invalid', 'base64 with a line break', { body => "YWFh\nYWFh" } ],
	[ 'invalid', 'base64 with bits left over', { body => 'YR==' } ],
	[ 'invalid', 'a body that is an object', { body => {} } ],
	[ 'invalid', 'an epoch that is text', { epoch => '0' } ],
	[ 'invalid', 'a negative epoch', { epoch => -1 } ],
	[ 'invalid', 'half an epoch', { epoch => 0.5 } ],
	[ 'invalid', 'an unknown kind', { kind => 'shout' } ],
	[ 'invalid', 'a kind of the server\'s', { kind => 'member.left' } ],
	[ 'invalid', 'a control entry', { kind => 'control' } ],
	[ 'invalid', 'a reaction to nothing', { kind => 'reaction' } ],
	[ 'invalid', 'a ref that is text', { ref => '1' } ],
	[ 'too_large', 'a body of 65537 bytes', { body => b64('x' x 65537) } ]
);

foreach my $case (@sends)
{
	my %wrong = (%message, client_id => uuid(), %{ $case->[2] });
	delete $wrong{$_} foreach grep { !defined $wrong{$_} } keys %wrong;
	$ws->say(\%wrong);
	$said = $ws->hear(sub { $_[0]{type} eq 'error' || $_[0]{type} eq 'ack' });
	is($said->{code} // 'acknowledged', $case->[0], "send refused: $case->[1]");
}
is($stack->sql("SELECT last_seq FROM porcupine.room_heads WHERE room_id = $room"),
	'8', 'no refusal has stored anything');
$ws->say({ %message, client_id => uuid(), body => b64('x' x 65536) });
is($ws->hear('ack')->{seq}, 9, 'a body of 65536 bytes is taken');
foreach my $kind ('edit', 'reaction')
{
	my $seq = $kind eq 'edit' ? 10 : 11;
	$ws->say({ %message, client_id => uuid(), kind => $kind, ref => 8 });
	is($ws->hear('ack')->{seq}, $seq, "a send of kind $kind");
	($event) = grep { $_->{seq} == $seq } $other->events($room, $seq);
	is_deeply([ @$event{qw(kind ref)} ], [ $kind, 8 ], 'says what it speaks of');
}
# Many at once keep their order.
$ws->write(
	join(
		'',
		map {
			Porcupine::Test::WebSocket::frame(1,
				json_text({ %message, client_id => uuid(), body => b64("nr $_") }))
		} 1 .. 100
	)
);
my @seen = grep { $_->{seq} > 11 } $other->events($room, 111);
is_deeply(
	[ map { unb64($_->{body}) } @seen ],
	[ map { "nr $_" } 1 .. 100 ],
	'a hundred sends in one write arrive in their order'
);

# --- typing, presence, read, unsubscribe -------------------------------------------------------------------------------------

$other->say({ type => 'typing', room => $room });
is_deeply(
	$ws->hear('typing'),
	{ type => 'typing', room => $room, user => $ben->{id} },
	'typing reaches others'
);
$other->say({ type => 'ping' });
$other->hear('pong');
ok(!(grep { $_->{type} eq 'typing' } @{ $other->{heard} }), 'but not oneself');
$ws->say({ type => 'typing', room => $elsewhere });
is($ws->hear('error')->{request}, 'typing', 'typing where one does not listen is refused');

$other->close;
is_deeply(
	$ws->hear('presence'),
	{ type => 'presence', room => $room, user => $ben->{id}, online => JSON::PP::false },
	'presence says who goes'
);
$other = $stack->signed_in($ben);
say_hear($other, { type => 'subscribe', room => $room }, 'subscribed');
is_deeply(
	$ws->hear('presence'),
	{ type => 'presence', room => $room, user => $ben->{id}, online => JSON::PP::true },
	'and who comes'
);

$ws->say({ type => 'read', room => $room, seq => 5 });
wait_for(
	'the read mark',
	sub {
		$stack->sql("SELECT read_seq FROM porcupine.members WHERE room_id = $room AND user_id = $ada->{id}")
		  eq '5';
	}
);
pass('read raises the mark');
foreach my $wrong (
	{ room => $room },
	{ room => $room, seq => -1 },
	{ room => $room, seq => '5' },
	{ room => $elsewhere, seq => 1 },
	{ seq => 1 }
  )
{
	$ws->say({ type => 'read', %$wrong });
	is($ws->hear('error')->{request}, 'read', 'read refused: ' . json_text($wrong));
}

$ws->say({ type => 'unsubscribe', room => $room });
is_deeply($ws->hear('unsubscribed'), { type => 'unsubscribed', room => $room }, 'unsubscribed');
my $after = $stack->sql_send($ben, $room, 'unheard');
$other->events($room, $after);
$ws->say({ type => 'ping' });
$ws->hear('pong');
ok(!(grep { $_->{type} eq 'event' && $_->{seq} == $after } @{ $ws->{heard} }),
	'nothing of the room comes any more');

# --- one room's socket -----------------------------------------------------------------------------------------------------------

my $stream = $ws->{ready}{stream};
my $one = $stack->signed_in($ada, "/ws/chat/$room/?after=" . ($after - 2) . "&stream=$stream");
$said = $one->hear('subscribed');
is($said->{head}, $after, '/ws/chat/{room}/ subscribes by itself');
is_deeply(
	[ map { $_->{seq} } grep { $_->{type} eq 'event' } @{ $one->{heard} } ],
	[ $after - 1, $after ],
	'from its cursor'
);
is(say_hear($one, { type => 'subscribe', room => $far }, 'subscribed')->{type},
	'error', 'and to no other room');
$one->say({ %message, client_id => uuid() });
ok($one->hear('ack'), 'one sends there, too');
is($stack->signed_in($eve, "/ws/chat/$room/")->closing, 4403, 'a stranger is closed with 4403');
is($stack->signed_in($ada, '/ws/chat/999999/')->closing, 4403, 'so is everybody where no room is');
is($stack->signed_in($ada, '/ws/chat/nonsense/')->closing, 4403, 'or no id');
$stack->sql(
	"BEGIN; SELECT porcupine.act_as($ada->{id}) \\gset\nSELECT porcupine.remove_member($room, $ben->{id}); COMMIT;"
);
$one = $stack->signed_in($ben, "/ws/chat/$room/");
is($one->closing, 4403, 'and who was removed');

# The log has one JSON object a line and none of what was said.
my @log = $stack->log_lines;
ok(!(grep { $_->{unparsable} } @log), 'the log is JSON lines')
  or diag((grep { $_->{unparsable} } @log)[0]{unparsable});
my $raw = PostgreSQL::Test::Utils::slurp_file($stack->{log});
unlike($raw, qr/\Q$ada->{token}\E|\Q$signature\E/, 'and no token');

done_testing();
