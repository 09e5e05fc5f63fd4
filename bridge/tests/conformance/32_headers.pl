# The headers of a request, both ways: what could be read in two ways (RFC 9112, section 5), what decides about it and is there twice or not
# at all, what is too much of it, and a head that comes in pieces.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Test::More;
use Time::HiRes qw(time);

my $stack = start_stack(env => { PORCUPINE_LIMITS => 'off' });
stand_at_the_edge($stack);
my $ada = $stack->person('ada');
my $room = $stack->room($ada);
my $host = "Host: localhost\r\n";
my $auth = "Authorization: Bearer $ada->{token}\r\n";
my $json = "Content-Type: application/json\r\n";
my $body = '{"code":"ZZZZZ0"}';
my $length = 'Content-Length: ' . length($body) . "\r\n";

sub get { my ($lines) = @_; return "GET /livez HTTP/1.1\r\n$lines" . "Connection: close\r\n\r\n"; }
sub post { my ($lines, $with) = @_; return "POST /api/rooms/join/ HTTP/1.1\r\n$host$auth$json$lines\r\n" . ($with // $body); }

# --- how a header is written --------------------------------------------------------------------------------

answers('as it should be', get($host), 200);
answers('names in any case, blanks around the value', get("HOST:   localhost  \r\n"), 200);
answers('tabs around a value', get("${host}X-Tabs:\t a\t\r\n"), 200);
answers('a folded header', get("${host}X-Folded: a\r\n b\r\n"), 400, BY_NGINX);
answers('folded by a tab', get("${host}X-Folded: a\r\n\tb\r\n"), 400, BY_NGINX);
answers('folded at the very beginning', get(" X-Folded: a\r\n$host"), 400, BY_NGINX);
answers('a blank before the colon', get("Host : localhost\r\n"), 400, BY_NGINX);
answers('no name', get("$host: x\r\n"), 400, BY_NGINX);
answers('a name with a blank', get("${host}X Y: a\r\n"), 400, BY_NGINX);
answers('a name with a bracket', get("${host}X(Y): a\r\n"), 400);
# nginx takes it for a header without a value
answers('no colon', get("${host}nonsense\r\n"), 400, 200);
answers('a NUL in a value', get("${host}X-Nul: a\0b\r\n"), 400, BY_NGINX);
answers('a NUL in a name', get("${host}X\0Y: a\r\n"), 400, BY_NGINX);
answers('a bare CR in a value', get("${host}X-Cr: a\rContent-Length: 7\r\n"), 400, BY_NGINX);
# nginx reads two headers, and passes them on as two
answers('a bare LF in a value', get("${host}X-Lf: a\nX-B: b\r\n"), 400, 200);
answers('a control character in a value', get("${host}X-Ctl: a\x01b\r\n"), 400);
answers('bytes above 0x7f in a value', get("${host}X-Any: \xff\xfe\r\n"), 200);

# --- whose, and how long ----------------------------------------------------------------------------------------

answers('no Host', get(''), 400, BY_NGINX);
answers('no Host in HTTP/1.0', "GET /livez HTTP/1.0\r\n\r\n", 400);
answers('an empty Host', get("Host:\r\n"), 400, BY_NGINX);
answers('two Hosts', get("Host: a\r\nHost: b\r\n"), 400, BY_NGINX);
answers('the same Host twice', get("Host: a\r\nHost: a\r\n"), 400, BY_NGINX);
answers("a Host that is none: $_", get("Host: $_\r\n"), 400, BY_NGINX) foreach ('a/b', "a\tb");
answers("a Host that is none: $_", get("Host: $_\r\n"), 400) foreach ('a b', 'a@b', 'a,b', 'x' x 300);

answers('two Content-Lengths', post("${length}Content-Length: 0\r\n"), 400, BY_NGINX);
answers('the same Content-Length twice', post($length x 2), 400, BY_NGINX);
answers("a Content-Length of $_", post("Content-Length: $_\r\n"), 400, BY_NGINX) foreach ('17, 17', '-1', '+17', '0x11', '1 7', '', '17a', '18446744073709551616', '9' x 30);
answers('Content-Length with Transfer-Encoding', post("${length}Transfer-Encoding: chunked\r\n", "11\r\n$body\r\n0\r\n\r\n"), 400, BY_NGINX);
answers('Transfer-Encoding with Content-Length', post("Transfer-Encoding: chunked\r\n$length", "11\r\n$body\r\n0\r\n\r\n"), 400, BY_NGINX);
# nginx reads chunks, and passes the body on with its length
answers('chunks', post("Transfer-Encoding: chunked\r\n", "11\r\n$body\r\n0\r\n\r\n"), 411, 404);
answers('chunks with an extension', post("Transfer-Encoding: chunked\r\n", "11;a=\"b\"\r\n$body\r\n0\r\n\r\n"), 411, 404);
answers('chunks with trailers', post("Transfer-Encoding: chunked\r\n", "11\r\n$body\r\n0\r\nContent-Length: 5\r\n\r\n"), 411, 404);
answers("chunks of size $_", post("Transfer-Encoding: chunked\r\n", "$_\r\n$body\r\n0\r\n\r\n"), 411, BY_NGINX) foreach ('-1', '+11', '0x11', 'zz', 'ffffffffffffffffff', '');
answers("Transfer-Encoding: $_", post("Transfer-Encoding: $_\r\n", "11\r\n$body\r\n0\r\n\r\n"), 411, qr/\A(?:400|501)\z/) foreach ('gzip', 'identity', 'gzip, chunked', 'xchunked', '');
answers('two Transfer-Encodings', post("Transfer-Encoding: chunked\r\n" x 2, "11\r\n$body\r\n0\r\n\r\n"), 400, BY_NGINX);
answers('Transfer-Encoding in HTTP/1.0', "POST /api/rooms/join/ HTTP/1.0\r\n$host$auth${json}Transfer-Encoding: chunked\r\n\r\n11\r\n$body\r\n0\r\n\r\n", 411, BY_NGINX);
answers('no length at all', post('', ''), 411);
answers("twice: $_", post("$length$_$_"), 400) foreach ("Origin: null\r\n", "Cookie: a=b\r\n", "X-Porcupine: 1\r\n", "Idempotency-Key: \"a\"\r\n", "Expect: 100-continue\r\n");
answers('two Content-Types', post("${length}Content-Type: text/plain\r\n"), 400);
answers('two Authorizations', post("$length$auth"), 400, BY_NGINX);
answers('Expect of something else', post("${length}Expect: 200-ok\r\n"), 417, 404);

# --- what is asked to be something else -----------------------------------------------------------------------------

# nginx passes no upgrade on but to WebSocket: what is left is a request like any other.
answers("Upgrade: $_", "GET /livez HTTP/1.1\r\n${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: $_\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 400, 200)
  foreach ('h2c', 'foo', 'TLS/1.0', 'websocket, h2c', 'f' x 500);

# --- how much of it ------------------------------------------------------------------------------------------------------

answers('a header of 20 KB', get("${host}X-Long: " . 'x' x 20000 . "\r\n"), 431);
answers('headers of 20 KB', get($host . join('', map { "X-H$_: " . 'x' x 1000 . "\r\n" } 1 .. 20)), 431);
answers('500 headers', get($host . join('', map { "X-H$_: v\r\n" } 1 .. 500)), 431);
answers('50 headers', get($host . join('', map { "X-H$_: v\r\n" } 1 .. 50)), 200);
answers('a header of 7 KB', get("${host}X-Long: " . 'x' x 7000 . "\r\n"), 200);
answers('a body of 100 GB', "POST /api/rooms/join/ HTTP/1.1\r\n$host$auth${json}Content-Length: 100000000000\r\n\r\n{", 413);
answers('a body of 600 KB', post("Content-Length: 600000\r\n", ' ' x 600000), 413);

# --- in pieces ----------------------------------------------------------------------------------------------------------------

both_ways(
	'a request byte by byte, and another on the same connection',
	sub {
		my $socket = $_[0]->connect_tcp;
		foreach my $n (1, 2)
		{
			syswrite($socket, $_) foreach split //, "POST /api/rooms/join/ HTTP/1.1\r\n$host$auth$json$length\r\n$body";
			is(Porcupine::Test::read_answer($socket, '')->{status}, 404, "answered, request $n");
		}
	});
both_ways(
	'a faulty head after a good one on the same connection',
	sub {
		my ($client, $is_nginx) = @_;
		my $socket = $client->connect_tcp;
		syswrite($socket, "GET /livez HTTP/1.1\r\n$host\r\n");
		is(Porcupine::Test::read_answer($socket, '')->{status}, 200, 'the first is answered');
		syswrite($socket, "DELETE /api/./rooms/$room/ HTTP/1.1\r\n$host$auth\r\n");
		is(Porcupine::Test::read_answer($socket, '')->{status}, 400, 'the second refused');
	});
both_ways(
	'a faulty head behind a good one in one packet',
	sub {
		my $socket = $_[0]->connect_tcp;
		syswrite($socket, "GET /livez HTTP/1.1\r\n$host\r\nDELETE /api/./rooms/$room/ HTTP/1.1\r\n$host$auth\r\n");
		my $answer = Porcupine::Test::read_answer($socket, '');
		my $next = Porcupine::Test::read_answer($socket, $answer->{rest}, seconds => 5);
		like("$answer->{status} $next->{status}", qr/\A(?:200 (?:400|0)|0 0)\z/, "is not carried out ($answer->{status} $next->{status})");
	});
is($stack->sql("SELECT count(*) FROM porcupine.rooms WHERE id = $room"), 1, 'the room is still there');
both_ways(
	'half a head, and the client goes',
	sub {
		my $socket = $_[0]->connect_tcp;
		syswrite($socket, "GET /livez HTTP/1.1\r\nHost: lo");
		shutdown($socket, 1);
		like(Porcupine::Test::read_answer($socket, '')->{status}, qr/\A(?:0|4\d\d)\z/, 'the connection ends');
	});
both_ways(
	'half a head, and no more of it',
	sub {
		my $socket = $_[0]->connect_tcp;
		syswrite($socket, "GET /livez HTTP/1.1\r\nHost: lo");
		is($_[0]->http('GET', '/livez')->{status}, 200, 'holds nobody up');
		like(Porcupine::Test::read_answer($socket, '', seconds => 30)->{status}, qr/\A(?:0|408)\z/, 'and is given up');
	});

done_testing();
