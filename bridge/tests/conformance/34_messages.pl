# What is said inside of a frame or a body, both ways: the token first and soon, sizes, UTF-8, and JSON that several readers could read in several
# ways; each is refused, and nothing of it is done.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Test::More;

use constant FRAME => 98304;    # the most, after auth
use constant FIRST => 4096;     # and before
use constant BODY => 65536;     # of a message, in bytes before base64

my $stack = start_stack();
stand_at_the_edge($stack);
my $ada = $stack->person('ada');
my $room = $stack->room($ada);

sub count { return $stack->sql("SELECT count(*) FROM porcupine.events WHERE room_id = $room AND kind = 'message'"); }

# --- the token: in the first frame, soon, and small --------------------------------------------------------

both_ways(
	'who does not say auth within five seconds: 4401',
	sub {
		my ($client) = @_;
		my ($silent, $trickling) = map { $client->websocket } 1, 2;
		$trickling->send_frame(9, 'still here');
		$trickling->write(substr(Porcupine::Test::WebSocket::frame(1, json_text({ type => 'auth', token => $ada->{token} })), 0, 20));
		is($_->closing, 4401, 'closed') foreach ($silent, $trickling);
	});
foreach my $case (
	[ 4401, 'another verb', '{"type":"ping"}' ],
	[ 4401, 'no token', '{"type":"auth"}' ],
	[ 4401, 'a token that is none', '{"type":"auth","token":"nonsense"}' ],
	[ 4401, 'no JSON', 'hello' ],
	[ 4413, 'one byte more than 4 KiB', '"' . 'x' x (FIRST - 1) . '"' ],
	[ 4413, 'what would be small enough later', '"' . 'x' x 60000 . '"' ]
  )
{
	both_ways(
		"a first frame of $case->[1]: $case->[0]",
		sub {
			my $ws = $_[0]->websocket;
			$ws->send_frame(1, $case->[2]);
			is($ws->closing, $case->[0], 'closed');
		});
}
both_ways(
	'4 KiB are enough for the first frame',
	sub {
		my $ws = $_[0]->websocket;
		my $auth = json_text({ type => 'auth', token => $ada->{token} });
		$ws->send_frame(1, $auth . ' ' x (FIRST - length $auth));
		ok($ws->hear('ready'), 'ready');
	});

# Never in a URL, where it would be written down on the way.
foreach my $name (qw(token access access_token authorization))
{
	both_ways(
		"a token in the URL, as $name, is none",
		sub {
			my ($client) = @_;
			is($client->http('GET', "/api/rooms/?$name=$ada->{token}")->{status}, 401, 'of a call');
			my $ws = $client->websocket("/ws/?$name=$ada->{token}");
			$ws->say({ type => 'subscribe', room => $room });
			is($ws->closing, 4401, 'of a socket');
		});
}
both_ways('a token in a cookie is none', sub { is($_[0]->http('GET', '/api/rooms/', headers => ["Cookie: token=$ada->{token}; porcupine_refresh=$ada->{token}"])->{status}, 401, 'of a call') });

# --- sizes ------------------------------------------------------------------------------------------------------

sub message { my ($body) = @_; return { client_id => uuid(), epoch => 0, body => b64($body) }; }

foreach my $case ([ 'a message of 64 KiB', BODY, 201, 'ack' ], [ 'one byte more', BODY + 1, 413, 'too_large' ])
{
	my ($what, $size, $status, $said) = @$case;

	both_ways(
		"$what: $status, and on a socket $said",
		sub {
			my ($client) = @_;
			my $had = count();
			is($client->http('POST', "/api/chat/rooms/$room/messages/", token => $ada->{token}, json => message('x' x $size))->{status}, $status, 'by REST');
			my $ws = $client->signed_in($ada);
			$ws->say({ type => 'send', room => $room, %{ message('x' x $size) } });
			my $answer = $ws->hear(sub { $_[0]{type} =~ /\A(?:ack|error)\z/ });
			is($answer->{code} // $answer->{type}, $said, 'on the socket');
			is(count() - $had, $status == 201 ? 2 : 0, 'so many messages');
		});
}
both_ways(
	'a frame longer than 96 KiB: 4413',
	sub {
		my $ws = $_[0]->signed_in($ada);
		$ws->send_frame(1, '{"type":"ping"}' . ' ' x (FRAME - 14));
		is($ws->closing, 4413, 'closed');
	});

# --- what cJSON would take ---------------------------------------------------------------------------------------

my $before = count();
my $id = '"client_id":"00000000-0000-4000-8000-00000000000f"';
my $body = '"body":"eA=="';
my %traps = (
	'something after it' => qq({$id,$body}x),
	'a second object' => qq({$id,$body}{"a":1}),
	'a NUL after it' => qq({$id,$body}\0),
	'a duplicate key' => qq({$id,$body,"body":"eQ=="}),
	'a duplicate key deeper down' => qq({$id,$body,"x":{"a":1,"a":2}}),
	'a duplicate key by an escape' => qq({$id,$body,"\\u0062ody":"eQ=="}),
	'a NUL in a value' => qq({$id,"body":"eA==\\u0000eQ=="}),
	'a NUL in a name' => qq({$id,"body\\u0000x":"eA=="}),
	'a NUL as a byte' => qq({$id,"body":"eA\0=="}),
	'names in another case' => qq({"Client_ID":"00000000-0000-4000-8000-00000000000f","BODY":"eA=="}),
	'an integer of 64 bits' => qq({$id,$body,"epoch":9223372036854775807}),
	'an integer beyond 2^53' => qq({$id,$body,"epoch":9007199254740992}),
	'an integer beyond 2^64' => qq({$id,$body,"epoch":18446744073709551616}),
	'an integer with a fraction' => qq({$id,$body,"epoch":0.5}),
	'an infinite number' => qq({$id,$body,"epoch":1e999}),
	'a number that is none' => qq({$id,$body,"epoch":NaN}),
	'a number with a zero in front' => qq({$id,$body,"epoch":00}),
	'a lone surrogate' => qq({$id,$body,"x":"\\ud800"}),
	'invalid UTF-8' => qq({$id,$body,"x":"\xff"}),
	'an overlong form' => qq({$id,$body,"x":"\xc0\xaf"}),
	'a line feed in a text' => qq({$id,$body,"x":"a\nb"}),
	'a comment' => qq({$id,/**/$body}),
	'a comma at the end' => qq({$id,$body,}),
	'single quotes' => qq({'client_id':'x',$body}),
	'a byte order mark' => "\xef\xbb\xbf{$id,$body}",
	'depth' => qq({$id,$body,"x":) . '[' x 1000 . ']' x 1000 . '}',
	'an array' => qq([{$id,$body}]),
	'a text' => '"' . qq({$id,$body}) =~ s/"/\\"/gr . '"',
	'half of it' => qq({$id,$body)
);
foreach my $trap (sort keys %traps)
{
	my $text = $traps{$trap};

	both_ways(
		"JSON with $trap",
		sub {
			my ($client) = @_;
			my $answer = $client->http('POST', "/api/chat/rooms/$room/messages/", token => $ada->{token}, body => $text);
			is("$answer->{status} " . ($answer->{json}{code} // ''), '400 invalid', 'is refused by REST') or diag($answer->{body});
			my $ws = $client->signed_in($ada);
			$ws->send_frame(1, $text =~ s/\A(\W*?)\{/$1\{"type":"send","room":"$room",/r);
			my $said = $ws->hear(sub { $_[0]{type} =~ /\A(?:ack|error)\z/ }, 10);
			is($said ? $said->{code} // 'ack' : $ws->{close_code}, $trap =~ /UTF-8|overlong/ ? 1007 : 'invalid', 'and on the socket');
		});
}
is(count(), $before, 'nothing of all that was sent');

# 2^53 - 1 is the largest that every reader reads; what is larger, an id, is a text.
both_ways(
	'numbers up to 2^53 - 1 are read as they stand',
	sub {
		my $ws = $_[0]->signed_in($ada);
		$ws->send_frame(1, qq({"type":"subscribe","room":"$room","after":9007199254740991}));
		is($ws->hear(sub { $_[0]{type} =~ /\A(?:reset|error)\z/ })->{type}, 'reset', 'read, and beyond the head');
		$ws->send_frame(1, qq({"type":"subscribe","room":"9223372036854775807"}));
		is($ws->hear('error')->{code}, 'not_member', 'as is the largest id');
	});

done_testing();
