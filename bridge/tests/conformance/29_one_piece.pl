# Requests that come in one piece, and whatever else comes before the answer is out. libwebsockets would read the head of the second as
# the body of the first and then what it has freed, or hang up without an answer; so a connection that has brought more than one request
# at once is closed after the answer to the first, which says so and arrives whole, however the second begins and wherever it is
# cut. What is read from freed memory is told by a bridge that was built with AddressSanitizer; any other would wait for the rest of
# a wrong body. nginx hands on one after the other, so through it each is answered.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Front;
use PostgreSQL::Test::Utils;
use Socket ();
use Test::More;

plan(skip_all => 'there is no nginx') unless Porcupine::Test::Front::is_there();

# more than sockets hold
my $large = join('', map { "$_\n" } 1 .. 2_000_000);
my $page = PostgreSQL::Test::Utils::tempdir();
mkdir "$page/assets";
append_to_file("$page/index.html", '<!doctype html><title>page</title>');
append_to_file("$page/assets/large.txt", $large);

use constant TCP_CORK => 3;

my $stack = start_stack(env => { PORCUPINE_LIMITS => 'off', PORCUPINE_PAGE => $page });
my $nginx = Porcupine::Test::Front->start($stack->port);
my $ada = $stack->person('ada');
my $host = "Host: localhost\r\n";
my $lines = "${host}Authorization: Bearer $ada->{token}\r\nContent-Type: application/json\r\n";
my $body = '{"code":"ZZZZZ0"}';
my $join = "POST /api/rooms/join/ HTTP/1.1\r\n${lines}Content-Length: " . length($body) . "\r\n\r\n$body";
my %before = (GET => [ 200, "GET /livez HTTP/1.1\r\n$host\r\n" ], POST => [ 404, $join ]);

# The first answer, which says that the connection is closed, and nothing after it.
sub is_first_and_last
{
	my ($socket, $status, $what) = @_;
	my $answer = Porcupine::Test::read_answer($socket, '', seconds => 10);

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

# An answer that is not out at once is whole all the same, whatever comes behind its request or while it is written.
sub large_is_whole
{
	my ($what, $behind, $meanwhile, $before) = @_;
	my $socket = $before // $stack->connect_tcp;
	my $got = '';

	local $SIG{PIPE} = 'IGNORE';
	syswrite($socket, "GET /assets/large.txt HTTP/1.1\r\n$host\r\n$behind");
	sysread($socket, $got, 1000);
	$meanwhile->($socket);
	1 while sysread($socket, $got, 1_000_000, length $got);
	my ($head, $body) = split /\r\n\r\n/, $got, 2;
	like($head, qr{\AHTTP/1\.1 200 .*^Connection: close\r?$}ms, "a large answer, $what: said to be the last");
	ok($body eq $large, 'and whole') or diag(length $body);
	return;
}

my $whole = "GET /livez HTTP/1.1\r\n$host\r\n";

# A connection that goes on after its first request.
sub answered_once
{
	my $socket = $stack->connect_tcp;

	syswrite($socket, $whole);
	is(Porcupine::Test::read_answer($socket, '')->{status}, 200, 'a request is answered');
	return $socket;
}

large_is_whole('and nothing else', '', sub { });
large_is_whole('another request behind it', $whole, sub { });
large_is_whole('half a megabyte behind it', 'x' x 500_000, sub { });
large_is_whole('another request meanwhile', '', sub { syswrite($_[0], $whole) });
large_is_whole('a byte meanwhile', '', sub { syswrite($_[0], "\0") });
large_is_whole('the sending side shut meanwhile', '', sub { shutdown($_[0], 1) });
large_is_whole('after another request', '', sub { }, answered_once());

# What ends a connection arrives, too, when it is not the first on it.
my $kept = answered_once();
syswrite($kept, "POST /api/auth/login/ HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 10000000\r\n\r\n" . ' ' x 100_000);
is_first_and_last($kept, 413, 'a body that is too large, after another request');

# The second comes by itself, while the database is asked about the first: a password takes its time.
my $login = '{"username":"nobody","password":"a guess"}';
foreach my $second ("GET /livez HTTP/1.1\r\n$host\r\n", 'GET', "\0")
{
	my $socket = $stack->connect_tcp;

	syswrite($socket, "POST /api/auth/login/ HTTP/1.1\r\n${lines}Content-Length: " . length($login) . "\r\n\r\n$login");
	# it has been looked at, let in and read, when another one has been answered
	$stack->http('GET', '/livez');
	syswrite($socket, $second);
	is_first_and_last($socket, 401, 'a request that is being answered, then ' . length($second) . ' bytes');
}

# Who shuts the sending side has still an answer coming.
foreach my $first (sort keys %before)
{
	my ($status, $bytes) = @{ $before{$first} };
	my $socket = $stack->connect_tcp;

	# both in one packet, or a quick answer comes before the end is known
	setsockopt($socket, Socket::IPPROTO_TCP, TCP_CORK, 1) or die "a socket is not corked: $!";
	syswrite($socket, $bytes);
	shutdown($socket, 1);
	is_first_and_last($socket, $status, "$first, then no more");
}

# --- through nginx ----------------------------------------------------------------------------------------

# What comes back until nothing more does, by status.
sub statuses
{
	my ($bytes, $count) = @_;
	my $socket = $nginx->connect_tcp;
	my ($rest, @found) = ('');

	syswrite($socket, $bytes);
	while (@found < $count)
	{
		my $answer = Porcupine::Test::read_answer($socket, $rest);
		push @found, $answer->{status};
		last if $answer->{status} <= 0;
		$rest = $answer->{rest};
	}
	return join(' ', @found, length $rest ? 'and more' : ());
}

my $get = $before{GET}[1];
my $had = $nginx->passed_on;
is(statuses($get x 3, 3), '200 200 200', 'three requests in one piece, through nginx: each is answered');
is(statuses("$get$join$get", 3), '200 404 200', 'with a body among them');
is(statuses($join x 20, 20), join(' ', (404) x 20), 'twenty bodies');
is(statuses("${get}DELETE /api/./rooms/1/ HTTP/1.1\r\n$lines\r\n$get", 3), '200 400 0', 'what nginx refuses ends it');
is(statuses("${get}GET /livez HTTP/9.9\r\n$host\r\n$get", 3), '200 505 0', 'and so does what is no request');
is(statuses($get . $stack->handshake('/ws/'), 2), '200 101', 'a handshake after another request');
wait_for('nginx to have written all of them down', sub { $nginx->passed_on - $had >= 30 });
is($nginx->passed_on - $had, 3 + 3 + 20 + 1 + 1 + 2, 'and as many requests are passed on');

is($stack->http('GET', '/livez')->{status}, 200, 'the bridge answers');
is($stack->stop_bridge, 0, 'and ends well');

done_testing();
