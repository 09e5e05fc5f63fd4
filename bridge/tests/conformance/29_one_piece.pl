# A body that begins in one piece with the request before it. libwebsockets would read its head as the body and then what it has
# freed; so a connection that has brought more than one request at once is closed after the answer to the first, which says so, however the
# second begins and wherever it is cut. What is read from freed memory is told by a bridge that was built with AddressSanitizer;
# any other would wait for the rest of a wrong body.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;

my $stack = start_stack(env => { PORCUPINE_LIMITS => 'off' });
my $ada = $stack->person('ada');
my $host = "Host: localhost\r\n";
my $lines = "${host}Authorization: Bearer $ada->{token}\r\nContent-Type: application/json\r\n";
my $body = '{"code":"ZZZZZ0"}';
my $join = "POST /api/rooms/join/ HTTP/1.1\r\n${lines}Content-Length: " . length($body) . "\r\n\r\n$body";
my %before = (GET => [ 200, "GET /livez HTTP/1.1\r\n$host\r\n" ], POST => [ 404, $join ]);
my $may_close = Porcupine::Test::may_lose_an_answer();

# The first answer, which says that the connection is closed, and nothing after it.
sub is_first_and_last
{
	my ($socket, $status, $what) = @_;
	my $answer = Porcupine::Test::read_answer($socket, '', seconds => 10);

	return ok($may_close, "$what: closed without an answer") if $answer->{status} == 0;
	is("$answer->{status} " . lc($answer->{headers}{connection}[0] // 'open'), "$status close", "$what: answered, and said to be closed");
	return is(Porcupine::Test::read_answer($socket, $answer->{rest}, seconds => 10)->{status}, 0, 'and closed');
}

# More is announced than comes, so the whole piece is taken for the beginning of the body.
sub is_refused
{
	my ($first, $begin) = @_;
	my ($status, $bytes) = @{ $before{$first} };
	my $socket = $stack->connect_tcp;
	my $what = "$first, then " . $begin =~ s/[^ -~]+/ /gr;

	local $SIG{PIPE} = 'IGNORE';
	syswrite($socket, "$bytes$begin HTTP/1.1\r\n${lines}Content-Length: 3000\r\n\r\n$body" . ' ' x 200);
	is_first_and_last($socket, $status, $what);
	close($socket);
	is(waitpid($stack->{pid}, POSIX::WNOHANG()), 0, 'and the bridge goes on') or BAIL_OUT('the bridge has ended');
	return;
}

foreach my $first (sort keys %before)
{
	foreach my $method (qw(GET POST PUT PATCH DELETE OPTIONS HEAD post Patch oPTIONS))
	{
		is_refused($first, "$method /api/rooms/join/");
	}
	# what libwebsockets takes for a first line, or before one
	is_refused($first, 'PATCH/api/rooms/join/');
	is_refused($first, "Cookie: a=b\r\nPOST /api/rooms/join/");
	is_refused($first, "Accept: a\r\ndelete /api/rooms/join/");
}

# Cut anywhere in its head.
foreach my $first (sort keys %before)
{
	my ($status, $bytes) = @{ $before{$first} };
	my $end = length($join) - length($body);

	foreach my $cut (1 .. 8, 20, 40, 60, 100, 200, $end - 3 .. $end - 1)
	{
		my $socket = $stack->connect_tcp;

		local $SIG{PIPE} = 'IGNORE';
		syswrite($socket, $bytes . substr($join, 0, $cut));
		is_first_and_last($socket, $status, "$first, then $cut bytes of a head");
	}
}

is($stack->http('GET', '/livez')->{status}, 200, 'the bridge answers');
is($stack->stop_bridge, 0, 'and ends well');

done_testing();
