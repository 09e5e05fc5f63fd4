# Porcupine::Test::Malformed: what no proper client would send. It makes up cases from a seed and their number, so that each can be had
# again alone: valid requests, frames and messages that were changed at random. It sends nothing, and knows nothing of answers.
package Porcupine::Test::Malformed;

use strict;
use warnings;

use Exporter 'import';
use Porcupine::Test::Client;
use Porcupine::Test::WebSocket;

our @EXPORT_OK = qw(malformed_case);

my @numbers = ('0', '-1', '1e999', '2147483648', '9223372036854775808', '18446744073709551616', '0x10', '', '1.5', '9' x 400);
my @bad_text = ("\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\0", '\\ud800', '\\u0000', "\x7f\x01");

sub any { return $_[ rand @_ ]; }
sub noise { my ($length) = @_; return join('', map { chr(rand 256) } 1 .. $length); }

# malformed_case(SEED, NUMBER, room => ID, token => TEXT, handshake => BYTES): {first, then, ending}: bytes, those that follow when
# the first have been answered, and how the client goes: half, abrupt or reset.
sub malformed_case
{
	my ($seed, $number, %known) = @_;

	srand($seed * 1_000_003 + $number);
	my $kind = rand;
	my %case =
		$kind < 0.05 ? (first => noise(1 + rand 3000))
	  : $kind < 0.50 ? (first => changed(request(%known), \&change_request))
	  : $kind < 0.58 ? (first => changed($known{handshake}, \&change_request))
	  : $kind < 0.66 ? (first => $known{handshake} . frames(%known))
	  : (first => $known{handshake}, then => frames(%known));
	$case{ending} = any(qw(half half half half abrupt reset));
	return \%case;
}

sub changed
{
	my ($bytes, $change) = @_;

	$bytes = $change->($bytes) foreach 1 .. 1 + rand 4;
	return $bytes;
}

# --- requests ------------------------------------------------------------------------------------------------------

sub request
{
	my (%known) = @_;
	my ($method, $path, $body) = @{ any(
			[ 'GET', '/api/rooms/' ],
			[ 'GET', "/api/chat/rooms/$known{room}/messages/?after=0&limit=5" ],
			[ 'GET', '/livez' ],
			[ 'GET', '/' ],
			[ 'OPTIONS', '/api/rooms/' ],
			[ 'POST', '/api/rooms/join/', { code => 'ZZZZZ0' } ],
			[ 'PATCH', "/api/rooms/$known{room}/", { name => 'a name' } ],
			[ 'POST', '/api/auth/refresh/', { refresh => 'nothing' } ]
		) };
	my $head = "$method $path HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer $known{token}\r\n";

	return "$head\r\n" unless $body;
	$body = rand() < 0.5 ? json_text($body) : changed(json_text($body), \&change_json);
	return "${head}Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body" if rand() < 0.7;
	return "${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" . sprintf("%x\r\n%s\r\n0\r\n\r\n", length($body), $body);
}

sub change_request
{
	my ($bytes) = @_;
	my $line = any(
		'Content-Length: ' . any(@numbers),
		'Transfer-Encoding: ' . any('chunked', 'identity', 'gzip', 'chunked, chunked', ''),
		'Host: ' . any('', 'a b', '[', 'x' x 300, '..'),
		'Expect: ' . any('100-continue', 'x'),
		'Upgrade: ' . any('websocket', 'h2c', ''),
		'Sec-WebSocket-Key: ' . any('', 'x' x 100, "\xff"),
		'Origin: ' . any('null', 'http://' . 'o' x 400, "\xff"),
		'Authorization: Bearer ' . any('', 'x' x 6000, 'a.b.c'),
		'Cookie: ' . any(';' x 500, "=\x01", 'a=' . 'b' x 5000),
		'X-' . noise(8) . ': ' . noise(8),
		'X-Long: ' . 'x' x any(100, 4000, 9000, 70000),
		any(' folded', ': nothing', 'no colon', "a\0: b"));

	return any(\&change_bytes, \&change_bytes, \&change_bytes)->($bytes) if rand() < 0.5;
	$line = join("\r\n", ($line) x any(1, 1, 1, 2, 150)) . any("\r\n", "\r\n", "\n", "\r");
	$bytes =~ s/\r\n\K(?=[A-Za-z])/$line/;
	return $bytes;
}

sub change_bytes
{
	my ($bytes) = @_;
	my $at = int(rand(1 + length($bytes)));
	my $some = int(rand(20));
	my $how = int(rand(8));

	return substr($bytes, 0, $at) if $how == 0;
	return $bytes . noise(1 + rand 200) if $how == 1;
	return $bytes . $bytes if $how == 2;
	return $bytes =~ s/\r\n/any("\n", "\r", "\r\n\r\n", "\0\r\n", ' ')/er if $how == 3;
	return $bytes =~ s/(\d+)/any(@numbers)/er if $how == 4;
	substr($bytes, $at, $some) = any('', noise(1 + $some), any(@bad_text), 'A' x any(10, 1000, 20000), substr($bytes, 0, $some));
	return $bytes;
}

# --- frames --------------------------------------------------------------------------------------------------------

sub frames
{
	my (%known) = @_;
	my $frame = \&Porcupine::Test::WebSocket::frame;
	my $bytes = rand() < 0.7 ? $frame->(1, json_text({ type => 'auth', token => $known{token} })) : '';

	$bytes .= rand() < 0.2 ? $frame->(1, json_text({ type => 'ping' })) : malformed_frame($frame, %known) foreach 1 .. 1 + rand 4;
	return rand() < 0.2 ? change_bytes($bytes) : $bytes;
}

sub malformed_frame
{
	my ($frame, %known) = @_;
	my $text = message(%known);
	my $half = int(length($text) / 2);

	return any(
		sub { $frame->(1, changed($text, \&change_json)) },
		sub { $frame->(1, changed($text, \&change_json)) },
		sub { $frame->(1, changed($text, \&change_bytes)) },
		sub { $frame->(int(rand 16), $text, fin => int(rand 2), rsv => int(rand 8)) },
		sub { $frame->(1, $text, mask => any(undef, "\0\0\0\0")) },
		sub { $frame->(1, $text, length => any(length($text) + 1, length($text) + 60000, 0), form => 16) },
		sub { $frame->(1, $text, form => any(16, 64)) },
		sub { $frame->(1, $text, length => any(2**62, 2**31, 2**32), form => 64) },
		sub { pack('CCQ>', 0x81, 0xff, ~0) . $text },
		sub { $frame->(1, any(@bad_text) . $text) },
		sub { $frame->(1, substr($text, 0, $half), fin => 0) . $frame->(any(0, 1, 9, 8), substr($text, $half), fin => int(rand 2)) },
		sub { join('', map { $frame->($_ ? 0 : 1, '[', fin => 0) } 0 .. any(5, 300)) },
		sub { $frame->(8, any('', "\x03", pack('n', int(rand 65536)) . any('', @bad_text), pack('n', 1000) . 'x' x 200)) },
		sub { $frame->(any(9, 10), 'p' x any(0, 125, 126, 70000), fin => int(rand 2)) },
		sub { $frame->(1, 'x' x any(1000, 66000, 300_000)) },
		sub { noise(1 + rand 300) })->();
}

sub message
{
	my (%known) = @_;

	return json_text(any(
		{ type => 'send', room => $known{room}, client_id => uuid(), epoch => 0, body => b64('malformed') },
		{ type => 'subscribe', room => $known{room}, after => 0 },
		{ type => 'unsubscribe', room => $known{room} },
		{ type => 'auth', token => $known{token} },
		{ type => 'ping' }));
}

sub change_json
{
	my ($text) = @_;
	my $value = any('null', '[]', '{}', 'true', '""', any(@numbers), '"' . any(@bad_text) . '"', '"' . 'x' x 70000 . '"', '[' x 2000, '{"a":' x 500);
	my $how = int(rand(5));

	return $text =~ s/:\K("[^"]*"|\d+)/$value/r if $how == 0;
	return $text =~ s/\A(.*),/$1,"type":$value,/sr if $how == 1;
	return $value if $how == 2;
	return $text =~ s/"(\w)/any('"\\\\u00', "'", '""')/er if $how == 3;
	return change_bytes($text);
}

1;
