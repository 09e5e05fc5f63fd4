# The first line of a request, both ways: a method that is known, one spelling of a path, a version that is spoken. Whatever else comes is
# refused with a status, and a path in disguise reaches no call and no file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Test::More;

my $stack = start_stack(env => { PORCUPINE_LIMITS => 'off' });
stand_at_the_edge($stack);
my $ada = $stack->person('ada');
my $host = "Host: localhost\r\n";
my $end = "${host}Connection: close\r\n\r\n";

# --- targets ---------------------------------------------------------------------------------------------

# No file outside of the page. Where dots lead above the root nginx says so itself, before it looks at the rest.
foreach my $target (
	'/..%2f..%2f..%2fetc/passwd', '/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
	'/assets/../assets/', '/assets/./', '/./etc/passwd', '/assets/%2e/', '/assets/%2E%2e/', '/assets/.%2e/x', '/assets/..', '/assets/.',
	'//etc/passwd', '/assets//x', '/assets/x//', '/..\\..\\etc\\passwd', '/assets\\x', '/assets%5cx', '/assets%5C..%5Cx', '/assets%2Fx', '/assets/../assets/?x=1'
  )
{
	answers("a path $target", "GET $target HTTP/1.1\r\n$end", 400);
}
answers("a path that leads out: $_", "GET $_ HTTP/1.1\r\n$end", 400, BY_NGINX)
  foreach ('/../../../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/assets/../../etc/passwd', '/' . '../' x 50 . 'etc/passwd');
answers("a broken escape: $_", "GET $_ HTTP/1.1\r\n$end", 400, BY_NGINX) foreach ('/%', '/%z', '/%zz', '/a%4', "/etc/passwd%00.html", '/x?y=%');
answers("bytes that are no target: " . s/[^ -~]/./gr, "GET $_ HTTP/1.1\r\n$end", 400, BY_NGINX) foreach ("/\0", "/a\x01", "/a\x7f", 'etc/passwd', '?x=1', '#x', '*');
answers('a fragment', "GET /#x HTTP/1.1\r\n$end", 400);
# what nginx makes of bytes above 0x7f is to pass them on
answers('a letter that is not escaped', "GET /\xc3\xbc HTTP/1.1\r\n$end", 400);
# An overlong form of a dot is none: no segment of dots, a name of the page like any other.
answers('an overlong dot', "GET /%c0%ae%c0%ae/etc/passwd HTTP/1.1\r\n$end", 200);
answers('a question is not a path', "GET /livez?a=/../b//c%2fd HTTP/1.1\r\n$end", 200);
answers('dots that are no segment', "GET /.../..x/x../.x HTTP/1.1\r\n$end", 404);

# Each spelling has a room of its own, which it may delete or not, but must say which.
foreach my $case (
	[ 204, '/api/rooms/ROOM/' ], [ 204, '/api/rooms/ROOM' ], [ 204, '/api/room%73/ROOM/' ],
	[ 400, '/api%2frooms/ROOM/' ], [ 400, '/api/rooms%2fROOM/' ], [ 400, '/api/./rooms/ROOM/' ], [ 400, '/api/x/../rooms/ROOM/' ],
	[ 400, '//api/rooms/ROOM/' ], [ 400, '/api//rooms/ROOM/' ], [ 400, '/api/rooms/ROOM//' ], [ 400, '/api/%2e/rooms/ROOM/' ],
	[ 400, '/api/x/%2e%2e/rooms/ROOM/' ], [ 400, '/api%5crooms/ROOM/' ], [ 404, '/api/rooms/ROOM/;x' ], [ 405, '/API/rooms/ROOM/' ]
  )
{
	my ($status, $spelling) = @$case;
	both_ways(
		"DELETE $spelling: $status",
		sub {
			my ($client) = @_;
			my $room = $stack->room($ada);
			my $answer = $client->http('DELETE', $spelling =~ s/ROOM/$room/r, token => $ada->{token});
			is($answer->{status}, $status, 'the status');
			is($stack->sql("SELECT count(*) FROM porcupine.rooms WHERE id = $room"), $status == 204 ? 0 : 1, 'and what it has done');
		});
}

# The whole address (RFC 9112, section 3.2.2) is for proxies: nginx passes its path on, the bridge says that it wants a path.
answers('a whole address', "GET http://localhost/livez HTTP/1.1\r\n$end", 400, 200);
answers('a whole address of somebody else', "GET http://evil.example/livez HTTP/1.1\r\n$end", 400, qr/\A(?:200|400)\z/);
answers('a file', "GET file:///etc/passwd HTTP/1.1\r\n$end", 400);
answers('an authority', "CONNECT localhost:5432 HTTP/1.1\r\n$end", 501, BY_NGINX);
answers('the server itself', "OPTIONS * HTTP/1.1\r\n$end", 400, BY_NGINX);

# --- methods ------------------------------------------------------------------------------------------------

answers("method $_", "$_ /livez HTTP/1.1\r\n$end", 501) foreach qw(BREW GETX PROPFIND QUERY GE-T);
answers("method $_", "$_ /livez HTTP/1.1\r\n$end", 501, BY_NGINX) foreach qw(get Get gEt post TRACE);
answers('no method', " /livez HTTP/1.1\r\n$end", 400, BY_NGINX);
answers('a method with a NUL', "G\0T /livez HTTP/1.1\r\n$end", 400, BY_NGINX);
answers('a method that this path has not', "PUT /livez HTTP/1.1\r\n${host}Content-Length: 0\r\nConnection: close\r\n\r\n", 405);
both_ways('TRACE sends nothing back', sub { unlike($_[0]->exchange("TRACE / HTTP/1.1\r\nX-Secret: abc\r\n$end")->{body}, qr/abc/, 'indeed') });

# --- lines and versions -----------------------------------------------------------------------------------------

answers('two spaces', "GET  /livez HTTP/1.1\r\n$end", 400, 200);
answers('two spaces before the version', "GET /livez  HTTP/1.1\r\n$end", 400, 200);
answers('tabs', "GET\t/livez\tHTTP/1.1\r\n$end", 400, BY_NGINX);
answers('a space in front', " GET /livez HTTP/1.1\r\n$end", 400, BY_NGINX);
answers('something after the version', "GET /livez HTTP/1.1 x\r\n$end", 400, BY_NGINX);
answers('an empty line in front', "\r\nGET /livez HTTP/1.1\r\n$end", 400, 200);
answers('a line feed alone', "GET /livez HTTP/1.1\nHost: localhost\n\n", 400, 200);
answers('a return alone', "GET /livez HTTP/1.1\rHost: localhost\r\r", 400, BY_NGINX);
answers("version $_", "GET /livez $_\r\n$end", 400, BY_NGINX) foreach ('http/1.1', 'HTTP/1', 'HTTP/11', 'HTTP/x.y', 'HTTQ/1.1', 'HTTP/1.1.1');
answers('version HTTP/2.0', "GET /livez HTTP/2.0\r\n$end", 505);
answers('version HTTP/9.9', "GET /livez HTTP/9.9\r\n$end", 505);
answers('version HTTP/1.2', "GET /livez HTTP/1.2\r\n$end", 505, 200);
answers('version HTTP/1.0', "GET /livez HTTP/1.0\r\n$end", 200);
answers('HTTP/2 from the first byte', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, BY_NGINX);
answers('TLS from the first byte', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, BY_NGINX);
answers('NULs', "\0" x 100, 400, BY_NGINX);

# HTTP/0.9 has no status: the bridge refuses it, nginx passes it on without a Host and gives the words of the refusal.
both_ways(
	'HTTP/0.9: 400, through nginx what a 0.9 answer has of it',
	sub {
		my ($client, $is_nginx) = @_;
		my $answer = $client->exchange("GET /livez\r\n");
		if ($is_nginx) { like($answer->{body}, qr/"code":"invalid"/, 'a problem without a head'); }
		else { is($answer->{status}, 400, 'the status'); }
	});

# --- sizes ----------------------------------------------------------------------------------------------------------

answers('a path of 20 KB', 'GET /' . 'p' x 20000 . " HTTP/1.1\r\n$end", 414);
answers('a question of 20 KB', 'GET /livez?' . 'q' x 20000 . " HTTP/1.1\r\n$end", 414);
answers('a first line that does not end', 'A' x 20000, 414, BY_NGINX);
answers('a path of 7 KB', 'GET /livez?' . 'q' x 7000 . " HTTP/1.1\r\n$end", 200);

done_testing();
