# The socket against RFC 6455, both ways: its handshake, its frames and how it is closed, by bytes that a proper client would never send.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Test::More;

my $stack = start_stack();
stand_at_the_edge($stack);
my $ada = $stack->person('ada');
my $room = $stack->room($ada);

# --- the handshake (section 4.2) ---------------------------------------------------------------------------

both_ways(
	'a handshake',
	sub {
		my ($client) = @_;
		my $answer = $client->exchange($client->handshake('/ws/'));
		is($answer->{status}, 101, 'is answered');
		is($answer->{headers}{'sec-websocket-accept'}[0], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', "with the accept of the RFC's example");
		like($answer->{headers}{upgrade}[0] // '', qr/\Awebsocket\z/i, 'Upgrade: websocket');
		like($answer->{headers}{connection}[0] // '', qr/\Aupgrade\z/i, 'Connection: Upgrade');
		ok(!exists $answer->{headers}{'sec-websocket-extensions'}, 'no extension');
		ok(!exists $answer->{headers}{'sec-websocket-protocol'}, 'no protocol');
	});

# shakes(WHAT, STATUS, STATUS THROUGH NGINX, {changes}, PATH, HEADERS...): what becomes of a handshake.
sub shakes
{
	my ($what, $direct, $through, $changes, $path, @further) = @_;
	return answers($what, $stack->handshake($path, $changes, @further), $direct, $through);
}

my @handshakes = (
	[ 426, 'version 8', { 'Sec-WebSocket-Version' => '8' } ],
	[ 426, 'version 0', { 'Sec-WebSocket-Version' => '0' } ],
	[ 426, 'no version', { 'Sec-WebSocket-Version' => undef } ],
	[ 426, 'a version that is no number', { 'Sec-WebSocket-Version' => 'thirteen' } ],
	[ 400, 'no key', { 'Sec-WebSocket-Key' => undef } ],
	[ 400, 'a key of 15 bytes', { 'Sec-WebSocket-Key' => b64('k' x 15) } ],
	[ 400, 'a key of 17 bytes', { 'Sec-WebSocket-Key' => b64('k' x 17) } ],
	[ 400, 'a key that is no base64', { 'Sec-WebSocket-Key' => '!' x 22 . '==' } ]
);
shakes($_->[1], $_->[0], undef, $_->[2]) foreach @handshakes;
both_ways(
	'the version that is spoken is named',
	sub {
		my ($client) = @_;
		is($client->exchange($client->handshake('/ws/', { 'Sec-WebSocket-Version' => '8' }))->{headers}{'sec-websocket-version'}[0], '13', 'it is 13');
	});
shakes('without the trailing slash', 101, undef, {}, '/ws');
shakes('no socket elsewhere', 404, undef, {}, '/ws/nowhere/');
shakes('nor on the path of a call', 404, undef, {}, '/api/rooms/');
shakes('nor on a long path', 404, undef, {}, '/ws/' . 'x' x 200);
shakes('nor by another spelling', 400, undef, {}, $_) foreach ('/ws/./', '/x/../ws/', '//ws/', '/%2e/ws/');

# permessage-deflate, offered and not granted: a frame that says it is compressed is refused below.
foreach my $offer ('permessage-deflate', 'permessage-deflate; client_max_window_bits', 'permessage-deflate; server_no_context_takeover, x-webkit-deflate-frame')
{
	both_ways(
		"offered: $offer",
		sub {
			my ($client) = @_;
			my $answer = $client->exchange($client->handshake('/ws/', {}, "Sec-WebSocket-Extensions: $offer"));
			is($answer->{status}, 101, 'is passed over');
			ok(!exists $answer->{headers}{'sec-websocket-extensions'}, 'and not agreed to');
		});
}

# What must never become a WebSocket, nor anything else. nginx passes no upgrade on but to WebSocket: what is left is a call that there is not.
shakes('h2c', 400, 404, { Upgrade => 'h2c' }, '/ws/', 'HTTP2-Settings: AAMAAABkAAQAAP__');
shakes('h2c on a path of the page', 400, 200, { Upgrade => 'h2c', Connection => 'Upgrade, HTTP2-Settings' }, '/', 'HTTP2-Settings: AAMAAABkAAQAAP__');
shakes('websocket and h2c', 400, 404, { Upgrade => 'websocket, h2c' });
shakes('an unknown protocol', 400, 404, { Upgrade => 'foo' });
shakes('an unknown long protocol', 400, 404, { Upgrade => 'f' x 500 });
shakes('an empty Upgrade', 400, 404, { Upgrade => '' });
answers('CONNECT with Upgrade', "CONNECT localhost:5432 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 501, BY_NGINX);
answers('POST with Upgrade', $stack->handshake('/ws/', {}, 'Content-Length: 0') =~ s/\AGET/POST/r, 405);
# nginx speaks HTTP/1.1 to the bridge, whatever its client speaks
answers('HTTP/1.0', $stack->handshake('/ws/') =~ s/1\.1/1.0/r, 426, 101);

# --- frames (section 5) ----------------------------------------------------------------------------------------

sub frame { return Porcupine::Test::WebSocket::frame(@_); }

# What comes back for one thing that is written after auth: the code by which the server closes.
sub code_for
{
	my ($client, $bytes) = @_;
	my $ws = $client->signed_in($ada);

	$ws->write($bytes);
	my $code = $ws->closing(8);
	return $code // 'stays open';
}

my $ping = '{"type":"ping"}';
my @refused = (
	(map { [ '1002', "reserved bit $_", frame(1, $ping, rsv => $_) ] } 1, 2, 4, 7),
	(map { [ '1002', "reserved opcode $_", frame($_, $ping) ] } 3, 4, 5, 6, 7, 11, 12, 13, 14, 15),
	[ '1002', 'a fragmented ping', frame(9, 'x', fin => 0) ],
	[ '1002', 'a fragmented close', frame(8, pack('n', 1000), fin => 0) ],
	[ '1002', 'a continuation of nothing', frame(0, $ping) ],
	[ '1002', 'a text inside a fragmented text', frame(1, '{"type":', fin => 0) . frame(1, $ping) ],
	[ '1003', 'a binary frame', frame(2, $ping) ],
	[ '1003', 'an empty binary frame', frame(2, '') ],
	[ '1003', 'a fragmented binary message', frame(2, '{"type"', fin => 0) . frame(0, ':"ping"}') ],
	[ '1007', 'a byte that no UTF-8 begins with', frame(1, "{\"type\":\"\xff\"}") ],
	[ '1007', 'a lone continuation byte', frame(1, "\x80") ],
	[ '1007', 'an overlong form', frame(1, "{\"type\":\"\xc0\xaf\"}") ],
	[ '1007', 'an overlong form of three bytes', frame(1, "{\"type\":\"\xe0\x80\xaf\"}") ],
	[ '1007', 'a surrogate', frame(1, "{\"type\":\"\xed\xa0\x80\"}") ],
	[ '1007', 'beyond U+10FFFF', frame(1, "{\"type\":\"\xf4\x90\x80\x80\"}") ],
	[ '1007', 'a character that is cut off', frame(1, "{\"type\":\"\xe2\x82") ],
	[   '1007',
		'a bad character split over two fragments',
		frame(1, "{\"type\":\"\xe2", fin => 0) . frame(0, "\x28\xa1\"}")
	],
	[   '1007',
		'a character that the last fragment leaves unfinished',
		frame(1, "{\"type\":\"\xf0\x9f", fin => 0) . frame(0, "\x92")
	],
	[ '4413', 'a frame one byte too long', frame(1, '"' . 'x' x 98303 . '"') ],
	[ '4413', 'a frame that says it is a gigabyte', frame(1, 'x' x 10, length => 2**30) ],
	[ '4413', 'a frame that says it is 2^62 bytes', frame(1, 'x' x 10, length => 2**62) ],
	[   '4413',
		'fragments that are too long together',
		frame(1, 'x' x 60000, fin => 0) . frame(0, 'x' x 60000)
	],
	[   '4413',
		'too long in a hundred fragments',
		frame(1, 'x' x 1000, fin => 0) . frame(0, 'x' x 1000, fin => 0) x 98
	]
);
foreach my $case (@refused)
{
	both_ways("$case->[1]: $case->[0]", sub { is(code_for($_[0], $case->[2]), $case->[0], 'the code') });
}

# Here libwebsockets hangs up without a close frame, which section 7.1.7 leaves open to it, and gives nobody the occasion for one.
foreach my $case (
	[ 'a ping of 126 bytes', frame(9, 'x' x 126) ],
	[ 'a close of 126 bytes', frame(8, pack('n', 1000) . 'x' x 124) ],
	[ 'a close with a reason that is no UTF-8', frame(8, pack('n', 1000) . "\xff\xfe") ],
	[ 'a length of 64 bits with its first bit set', "\x81\xff\x80" . "\0" x 7 . 'mask' ]
  )
{
	both_ways("$case->[0]: refused", sub { like(code_for($_[0], $case->[1]), qr/\A(?:1002|0)\z/, 'closed') });
}

my @accepted = (
	[ 'a short frame', frame(1, $ping) ],
	[ 'a frame of 125 bytes', frame(1, $ping . ' ' x (125 - length $ping)) ],
	[ 'a frame of 126 bytes', frame(1, $ping . ' ' x (126 - length $ping)) ],
	[ 'a frame of 65535 bytes', frame(1, $ping . ' ' x (65535 - length $ping)) ],
	[ 'a frame of 65536 bytes', frame(1, $ping . ' ' x (65536 - length $ping)) ],
	[ 'a frame of 98304 bytes, the most', frame(1, $ping . ' ' x (98304 - length $ping)) ],
	[ 'a mask of zeros', frame(1, $ping, mask => "\0\0\0\0") ],
	[ 'two fragments', frame(1, '{"type":', fin => 0) . frame(0, '"ping"}') ],
	[   'a fragment for each byte',
		join('',
			map { frame($_ == 0 ? 1 : 0, substr($ping, $_, 1), fin => $_ == length($ping) - 1 ? 1 : 0) }
			  0 .. length($ping) - 1)
	],
	[   'empty fragments among others',
		frame(1, '', fin => 0) . frame(0, $ping, fin => 0) . frame(0, '', fin => 0) . frame(0, '')
	],
	[   'pings inside a fragmented text',
		frame(1, '{"type":', fin => 0)
		  . frame(9, 'a')
		  . frame(0, '"pi', fin => 0)
		  . frame(9, 'b')
		  . frame(0, 'ng"}')
	],
	[   'a character split over fragments',
		frame(1, "{\"type\":\"ping\",\"x\":\"\xe2", fin => 0)
		  . frame(0, "\x82", fin => 0)
		  . frame(0, "\xac\"}")
	],
	[   'characters of two, three and four bytes',
		frame(1, "{\"type\":\"ping\",\"x\":\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x92\xac\xef\xbf\xbf\"}")
	],
	[ 'an unasked pong', frame(10, 'nobody asked') . frame(1, $ping) ]
);
foreach my $case (@accepted)
{
	both_ways(
		"$case->[0] is understood",
		sub {
			my $ws = $_[0]->signed_in($ada);
			$ws->write($case->[1]);
			ok($ws->hear('pong'), 'and answered');
		});
}

# Frames without a mask (section 5.1 wants them refused). libwebsockets 4.1 reads them and tells nobody; the mask protects proxies
# from what a page may make its browser say, and browsers always mask, so nothing is gained by leaving it out. What matters is that
# the frame is understood as it stands, or refused.
foreach my $bytes (frame(1, $ping, mask => undef), frame(9, 'x', mask => undef) . frame(1, $ping))
{
	both_ways(
		'a frame without a mask is understood or refused',
		sub {
			my $ws = $_[0]->signed_in($ada);
			$ws->write($bytes);
			ok($ws->hear('pong', 5) || ($ws->{close_code} // 0) == 1002, 'one of them');
		});
}

# A length in a longer form than it needs (section 5.2 forbids it to senders). libwebsockets reads it all the same: the length is
# unambiguous and bounded, so nothing is gained by it. What matters is that it is either understood or refused.
foreach my $form (16, 64)
{
	both_ways(
		"a short length in $form bits is understood or refused",
		sub {
			my $ws = $_[0]->signed_in($ada);
			$ws->write(frame(1, $ping, form => $form));
			ok($ws->hear('pong', 5) || defined $ws->{close_code}, 'one of them');
		});
}

# --- pings (section 5.5.2) ----------------------------------------------------------------------------------------

foreach my $payload ('', 'x', "\x00\xff\x80 any bytes", 'p' x 125)
{
	both_ways(
		'a ping of ' . length($payload) . ' bytes is answered with its payload',
		sub {
			my $ws = $_[0]->signed_in($ada);
			$ws->send_frame(9, $payload);
			my $frame = $ws->next_frame;
			ok($frame && $frame->{opcode} == 10 && $frame->{payload} eq $payload, 'a pong');
		});
}
both_ways(
	'many pings at once do no harm',
	sub {
		my $ws = $_[0]->signed_in($ada);
		$ws->write(join('', map { frame(9, "ping $_") } 1 .. 20) . frame(1, $ping));
		ok($ws->hear('pong'), 'the message after them is answered');
	});

# --- closing (section 7) ---------------------------------------------------------------------------------------------

# A close is answered with a close, and the server ends the connection.
sub closed_with
{
	my ($payload, $code, $what) = @_;

	return both_ways(
		"$what: $code",
		sub {
			my $closing = $_[0]->signed_in($ada);
			$closing->send_frame(8, $payload);
			is($closing->closing(8), $code, 'the code');
			ok($closing->is_hung_up(8), 'the server hangs up');
		});
}

closed_with('', 1005, 'a close without a code is answered without one');
closed_with(pack('n', $_), $_, "close $_ is answered in kind") foreach (1000, 1001, 1002, 1003, 1007, 1011, 3000, 3999, 4000, 4999);
closed_with(pack('n', 1000) . 'bye', 1000, 'a close with a reason');
# 1004 to 1006 and 1015 must not be on the wire at all, the others are not in use (section 7.4); a code has two bytes, a reason is UTF-8.
closed_with(pack('n', $_), 1002, "close $_") foreach (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65535);
closed_with("\x03", 1002, 'a code of one byte');
closed_with(pack('n', 4000) . "\xe2\x82", 1002, 'a reason that is cut off');
both_ways(
	'nothing after a close is read',
	sub {
		my $ws = $_[0]->signed_in($ada);
		$ws->write(frame(8, pack('n', 1000)) . frame(1, json_text({ type => 'send', room => $room, client_id => uuid(), epoch => 0, body => b64('late') })));
		$ws->closing;
		is($stack->sql("SELECT count(*) FROM porcupine.events WHERE room_id = $room AND kind = 'message'"), '0', 'no message');
	});

# --- slowness ------------------------------------------------------------------------------------------------------------

both_ways(
	'byte by byte: handshake, auth and a message',
	sub {
		my ($client) = @_;
		my $socket = $client->connect_tcp;
		syswrite($socket, $_) foreach split //, $client->handshake('/ws/');
		my $answer = Porcupine::Test::read_answer($socket, '');
		is($answer->{status}, 101, 'a handshake');
		my $ws = Porcupine::Test::WebSocket->new($socket, $answer->{rest}, PATIENCE);
		$ws->write($_) foreach split //, frame(1, json_text({ type => 'auth', token => $ada->{token} }));
		ok($ws->hear('ready'), 'auth');
		$ws->write($_) foreach split //, frame(1, $ping);
		ok($ws->hear('pong'), 'a message');
	});

# A client must wait for the answer to its handshake (section 4.1), so what follows it in the same packet may be lost, but is never misread.
foreach my $case ([ 'auth and a message', frame(1, json_text({ type => 'auth', token => $ada->{token} })) . frame(1, $ping) ], [ 'a close of an odd code', frame(8, pack('n', 5000)) ])
{
	both_ways(
		"in the packet of the handshake: $case->[0]",
		sub {
			my ($client) = @_;
			my $socket = $client->connect_tcp;
			syswrite($socket, $client->handshake('/ws/') . $case->[1]);
			my $answer = Porcupine::Test::read_answer($socket, '');
			my $ws = Porcupine::Test::WebSocket->new($socket, $answer->{rest}, PATIENCE);
			my $is_ready = $ws->hear('ready', 8);
			# what comes before ready may be answered with an error
			$ws->say({ type => 'ping' }) if $is_ready;
			ok($is_ready ? $ws->hear('pong') : !grep({ $_->{type} ne 'error' } @{ $ws->{heard} }), 'is read, or not at all');
			is($client->http('GET', '/livez')->{status}, 200, 'and the bridge goes on');
		});
}

both_ways(
	'a client that vanishes in the middle of a frame, and one that has shut its sending side',
	sub {
		my ($client) = @_;
		my $ws = $client->signed_in($ada);
		$ws->write(substr(frame(1, json_text({ type => 'send', room => $room, client_id => uuid(), epoch => 0, body => b64('half') })), 0, 40));
		$ws->close;
		$ws = $client->signed_in($ada);
		shutdown($ws->{socket}, 1);
		ok($ws->is_hung_up, 'are let go');
		$ws = $client->signed_in($ada);
		$ws->say({ type => 'ping' });
		ok($ws->hear('pong'), 'others go on');
		is($stack->sql("SELECT count(*) FROM porcupine.events WHERE room_id = $room AND kind = 'message'"), '0', 'half a message is none');
	});

done_testing();
