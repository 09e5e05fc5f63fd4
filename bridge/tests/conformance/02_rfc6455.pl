# The socket against RFC 6455: its handshake, its frames and how it is closed, by bytes that a proper client would never send.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;
use Time::HiRes qw(time);

my $stack = start_stack();
my $ada = $stack->person('ada');
my $room = $stack->room($ada);

# --- the handshake (section 4.2) ---------------------------------------------------------------------------

my $answer = $stack->exchange($stack->handshake('/ws/'));
is($answer->{status}, 101, 'a handshake is answered');
is( $answer->{headers}{'sec-websocket-accept'}[0],
	's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
	"with the accept of the RFC's example"
);
like($answer->{headers}{upgrade}[0] // '', qr/\Awebsocket\z/i, 'Upgrade: websocket');
like($answer->{headers}{connection}[0] // '', qr/\Aupgrade\z/i, 'Connection: Upgrade');
ok(!exists $answer->{headers}{'sec-websocket-extensions'}, 'no extension');
ok(!exists $answer->{headers}{'sec-websocket-protocol'}, 'no protocol');

sub handshake_status
{
	my ($changes, @further) = @_;
	return $stack->exchange($stack->handshake('/ws/', $changes, @further))->{status};
}

my $own = 'http://localhost:' . $stack->port;
my @handshakes = (
	[ 101, 'no Origin (no browser)', {} ],
	[ 101, 'our own Origin', { Origin => $own } ],
	[ 101, 'our own Origin by address', { Origin => 'http://127.0.0.1:' . $stack->port } ],
	[ 403, 'another Origin', { Origin => 'https://evil.example' } ],
	[ 403, 'an Origin that begins like ours', { Origin => "$own.evil.example" } ],
	[ 403, 'an Origin that ours ends with', { Origin => "http://evil-localhost:" . $stack->port } ],
	[ 403, 'our Origin with a path', { Origin => "$own/" } ],
	[ 403, 'our Origin by another scheme', { Origin => 'https://localhost:' . $stack->port } ],
	[ 403, 'Origin: null', { Origin => 'null' } ],
	[ 403, 'an Origin of 300 bytes', { Origin => 'http://' . 'o' x 300 } ],
	[ 426, 'version 8', { 'Sec-WebSocket-Version' => '8' } ],
	[ 426, 'version 0', { 'Sec-WebSocket-Version' => '0' } ],
	[ 426, 'no version', { 'Sec-WebSocket-Version' => undef } ],
	[ 426, 'a version that is no number', { 'Sec-WebSocket-Version' => 'thirteen' } ],
	[ 400, 'no key', { 'Sec-WebSocket-Key' => undef } ],
	[ 400, 'a key of 15 bytes', { 'Sec-WebSocket-Key' => b64('k' x 15) } ],
	[ 400, 'a key of 17 bytes', { 'Sec-WebSocket-Key' => b64('k' x 17) } ],
	[ 400, 'a key that is no base64', { 'Sec-WebSocket-Key' => '!' x 22 . '==' } ]
);
foreach my $case (@handshakes)
{
	is(handshake_status($case->[2]), $case->[0], "$case->[1]: $case->[0]");
}
is(
	$stack->exchange($stack->handshake('/ws/', { 'Sec-WebSocket-Version' => '8' }))
	  ->{headers}{'sec-websocket-version'}[0],
	'13',
	'the version that is spoken is named'
);
is($stack->exchange($stack->handshake('/ws'))->{status}, 101, 'without the trailing slash');
is($stack->exchange($stack->handshake('/ws/nowhere/'))->{status}, 404, 'no socket elsewhere');
is($stack->exchange($stack->handshake('/api/rooms/'))->{status}, 404, 'nor on the path of a call');
is($stack->exchange($stack->handshake('/ws/' . 'x' x 200))->{status}, 404, 'nor on a long path');
is(handshake_status({}, 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'),
	101, 'an offered extension is passed over');
ok(
	!exists $stack->exchange($stack->handshake('/ws/', {}, 'Sec-WebSocket-Extensions: permessage-deflate'))
	  ->{headers}{'sec-websocket-extensions'},
	'and not agreed to'
);

# What must never become a WebSocket, nor anything else: no 101, and the connection is given up.
my @no_upgrade = (
	[ 'h2c', $stack->handshake('/ws/', { Upgrade => 'h2c' }, 'HTTP2-Settings: AAMAAABkAAQAAP__') ],
	[   'h2c on a path of the page',
		$stack->handshake(
			'/',
			{ Upgrade => 'h2c', Connection => 'Upgrade, HTTP2-Settings' },
			'HTTP2-Settings: AAMAAABkAAQAAP__'
		)
	],
	[ 'websocket and h2c', $stack->handshake('/ws/', { Upgrade => 'websocket, h2c' }) ],
	[ 'an unknown protocol', $stack->handshake('/ws/', { Upgrade => 'foo' }) ],
	[ 'an unknown long protocol', $stack->handshake('/ws/', { Upgrade => 'f' x 500 }) ],
	[ 'an empty Upgrade', $stack->handshake('/ws/', { Upgrade => '' }) ],
	[ 'HTTP/2 from the first byte', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" ],
	[ 'CONNECT', "CONNECT localhost:5432 HTTP/1.1\r\nHost: localhost\r\n\r\n" ],
	[   'CONNECT with Upgrade',
		"CONNECT localhost:5432 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
	],
	[   'POST with Upgrade',
		"POST /ws/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n"
	],
	[   'HTTP/1.0',
		"GET /ws/ HTTP/1.0\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	]
);
foreach my $case (@no_upgrade)
{
	my $socket = $stack->connect_tcp;
	syswrite($socket, $case->[1]);
	my $given = Porcupine::Test::read_answer($socket, '');
	isnt($given->{status}, 101, "no upgrade: $case->[0] ($given->{status})");
	unlike($given->{body} // '', qr/\A\x00\x00.\x04/s, "no HTTP/2 frames: $case->[0]");
}
is($stack->http('GET', '/livez')->{status}, 200, 'and the bridge goes on');

# --- frames (section 5) ----------------------------------------------------------------------------------------

sub frame { return Porcupine::Test::WebSocket::frame(@_); }

# What comes back for one thing that is written after auth: the code by which the server closes.
sub code_for
{
	my ($bytes) = @_;
	my $ws = $stack->signed_in($ada);

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
	is(code_for($case->[2]), $case->[0], "$case->[1]: $case->[0]");
}

# Here libwebsockets hangs up without a close frame, which section 7.1.7 leaves open to it.
foreach my $case (
	[ 'a ping of 126 bytes', frame(9, 'x' x 126) ],
	[ 'a close of 126 bytes', frame(8, pack('n', 1000) . 'x' x 124) ],
	[ 'a length of 64 bits with its first bit set', "\x81\xff\x80" . "\0" x 7 . 'mask' ]
  )
{
	like(code_for($case->[1]), qr/\A(?:1002|0)\z/, "$case->[0]: refused");
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
	my $ws = $stack->signed_in($ada);
	$ws->write($case->[1]);
	ok($ws->hear('pong'), "$case->[0] is understood");
}

# Frames without a mask (section 5.1 wants them refused). libwebsockets 4.1 reads them and tells nobody; the mask protects proxies
# from what a page may make its browser say, and browsers always mask, so nothing is gained by leaving it out. What matters is that
# the frame is understood as it stands, or refused.
foreach my $bytes (frame(1, $ping, mask => undef), frame(9, 'x', mask => undef) . frame(1, $ping))
{
	my $ws = $stack->signed_in($ada);
	$ws->write($bytes);
	ok( $ws->hear('pong', 5) || ($ws->{close_code} // 0) == 1002,
		'a frame without a mask is understood or refused'
	);
}

# A length in a longer form than it needs (section 5.2 forbids it to senders). libwebsockets reads it all the same: the length is
# unambiguous and bounded, so nothing is gained by it. What matters is that it is either understood or refused.
foreach my $form (16, 64)
{
	my $ws = $stack->signed_in($ada);
	$ws->write(frame(1, $ping, form => $form));
	ok( $ws->hear('pong', 5) || defined $ws->{close_code},
		"a short length in $form bits is understood or refused"
	);
}

# --- pings (section 5.5.2) ----------------------------------------------------------------------------------------

foreach my $payload ('', 'x', "\x00\xff\x80 any bytes", 'p' x 125)
{
	my $ws = $stack->signed_in($ada);
	$ws->send_frame(9, $payload);
	my $frame = $ws->next_frame;
	ok( $frame && $frame->{opcode} == 10 && $frame->{payload} eq $payload,
		'a ping of ' . length($payload) . ' bytes is answered with its payload'
	);
}
my $ws = $stack->signed_in($ada);
$ws->write(join('', map { frame(9, "ping $_") } 1 .. 20) . frame(1, $ping));
ok($ws->hear('pong'), 'many pings at once do no harm');

# --- closing (section 7) ---------------------------------------------------------------------------------------------

# A close is answered with a close, and the server ends the connection.
sub closed_with
{
	my ($payload) = @_;
	my $closing = $stack->signed_in($ada);

	$closing->send_frame(8, $payload);
	my $code = $closing->closing(8);
	ok($closing->is_hung_up(8), 'the server hangs up');
	return $code // 'no answer';
}

is(closed_with(''), 1005, 'a close without a code is answered without one');
is(closed_with(pack('n', $_)), $_, "close $_ is answered in kind")
  foreach (1000, 1001, 1003, 1007, 1011, 3000, 3999, 4000, 4999);
is(closed_with(pack('n', 1000) . 'bye'), 1000, 'a close with a reason');
# 1004 to 1006 and 1015 must not be on the wire at all, the others are not in use (section 7.4).
foreach my $code (0, 999, 1004, 1005, 1006, 1015, 1016, 2999)
{
	like(closed_with(pack('n', $code)), qr/\A(?:1002|0)\z/, "close $code is a protocol error");
}
# These libwebsockets answers in kind, and a single byte as if it were none. The connection ends, and nobody acts on the number.
foreach my $payload ("\x03", pack('n', 5000), pack('n', 65535))
{
	like(
		closed_with($payload),
		qr/\A(?:1002|1005|5000|65535|0)\z/,
		'close ' . unpack('H*', $payload) . ' ends the connection'
	);
}
{
	my $said = closed_with(pack('n', 1000) . "\xff\xfe");
	# the connection ends either way; libwebsockets does not look at the reason's UTF-8, and the bridge never reads or logs it
	ok($said =~ /\A(?:1000|1002|1007|0)\z/, "a reason that is no UTF-8 ends the connection ($said)");
}
$ws = $stack->signed_in($ada);
$ws->write(
	frame(8, pack('n', 1000))
	  . frame(
		1, json_text({ type => 'send', room => $room, client_id => uuid(), epoch => 0, body => b64('late') })
	  )
);
$ws->closing;
is($stack->sql("SELECT count(*) FROM porcupine.events WHERE room_id = $room AND kind = 'message'"),
	'0', 'nothing after a close is read');

# --- slowness ------------------------------------------------------------------------------------------------------------

# Byte by byte: handshake, auth and a message.
my $socket = $stack->connect_tcp;
syswrite($socket, $_) foreach split //, $stack->handshake('/ws/');
$answer = Porcupine::Test::read_answer($socket, '');
is($answer->{status}, 101, 'a handshake byte by byte');
$ws = Porcupine::Test::WebSocket->new($socket, $answer->{rest}, PATIENCE);
$ws->write($_) foreach split //, frame(1, json_text({ type => 'auth', token => $ada->{token} }));
ok($ws->hear('ready'), 'auth byte by byte');
$ws->write($_) foreach split //, frame(1, $ping);
ok($ws->hear('pong'), 'a message byte by byte');

# Frames that follow the handshake in the same packet: a client must wait (section 4.1), so they may be lost, but never misread.
$socket = $stack->connect_tcp;
syswrite($socket,
		$stack->handshake('/ws/')
	  . frame(1, json_text({ type => 'auth', token => $ada->{token} }))
	  . frame(1, $ping));
$answer = Porcupine::Test::read_answer($socket, '');
$ws = Porcupine::Test::WebSocket->new($socket, $answer->{rest}, PATIENCE);
my $heard = $ws->hear('ready', 8);
ok( $heard ? $ws->hear('pong') : !grep({ $_->{type} ne 'error' } @{ $ws->{heard} }),
	'frames in the packet of the handshake are read, or not at all'
);

# A client that vanishes in the middle of a frame takes nothing down with it.
$ws = $stack->signed_in($ada);
$ws->write(
	substr(
		frame(
			1,
			json_text(
				{ type => 'send', room => $room, client_id => uuid(), epoch => 0, body => b64('half') }
			)
		),
		0, 40
	)
);
$ws->close;
# One that has shut its sending side is let go.
$ws = $stack->signed_in($ada);
shutdown($ws->{socket}, 1);
ok($ws->is_hung_up, 'a half-closed connection is ended');
$ws = $stack->signed_in($ada);
$ws->say({ type => 'ping' });
ok($ws->hear('pong'), 'others go on');
is($stack->sql("SELECT count(*) FROM porcupine.events WHERE room_id = $room AND kind = 'message'"),
	'0', 'half a message is none');

done_testing();
