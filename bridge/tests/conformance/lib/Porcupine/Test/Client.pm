# Porcupine::Test::Client: someone before a bridge, by whatever address it is reached: HTTP and WebSockets that are nothing but
# sockets, so that they can say what no library would. It never sleeps, but polls with a deadline; it knows nothing of what runs
# behind the port, and nothing of what a test expects.
package Porcupine::Test::Client;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(encode_base64 decode_base64);
use Porcupine::Test::WebSocket;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(wait_for b64 unb64 uuid sending json_text json_value read_answer PATIENCE);

# Seconds after which something that was to happen is taken not to happen any more. Whoever passes never waits for so long, however slow the machine.
use constant PATIENCE => 60;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $uuids = 0;

sub b64 { my $text = encode_base64($_[0], ''); return $text; }
sub unb64 { return decode_base64($_[0]); }
sub json_text { return $json->encode($_[0]); }

# The value, or undef where the text is no JSON.
sub json_value
{
	my ($text) = @_;
	return eval { $json->decode($text) };
}

# A client id that nobody else in this test has.
sub uuid { return sprintf('%08x-%04x-4%03x-8%03x-%012x', $$, rand(65536), rand(4096), rand(4096), ++$uuids); }

# sending(ROOM, TEXT, CLIENT ID): what one says to a WebSocket to send a message; a client id of its own where none is given.
sub sending
{
	my ($room, $text, $client_id) = @_;
	return { type => 'send', room => "$room", client_id => $client_id // uuid(), epoch => 0, body => b64($text) };
}

# wait_for(WHAT, CODE, SECONDS): polls until CODE gives something true and returns it, or dies.
sub wait_for
{
	my ($what, $code, $seconds) = @_;
	my $deadline = time + ($seconds // PATIENCE);

	while (time < $deadline)
	{
		my $result = $code->();
		return $result if $result;
		usleep(10_000);
	}
	die "timed out waiting for $what";
}

# A client of what listens at a port of the loopback; from: its own address there.
sub new
{
	my ($class, $port, %how) = @_;
	return bless { port => $port, from => $how{from} }, $class;
}

# --- HTTP ------------------------------------------------------------------------------------------------------

sub connect_tcp
{
	my ($self) = @_;
	my $socket =
	  IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, LocalAddr => $self->{from}, Timeout => PATIENCE)
	  or die "cannot connect: $!";

	binmode($socket);
	$socket->autoflush(1);
	return $socket;
}

# http(METHOD, PATH, json => VALUE | body => BYTES, token => TEXT, headers => [LINE, ...], type => TEXT): one request on a connection of its
# own; returns {status, headers => {name => [values]}, body, json}.
sub http
{
	my ($self, $method, $path, %with) = @_;
	my $body = exists $with{json} ? json_text($with{json}) : $with{body};
	my $request = "$method $path HTTP/1.1\r\nHost: localhost:$self->{port}\r\nConnection: close\r\n";

	$request .= "Authorization: Bearer $with{token}\r\n" if defined $with{token};
	$request .= 'Content-Type: ' . ($with{type} // 'application/json') . "\r\n"
	  if defined $body && ($with{type} // 'x') ne '';
	$request .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
	$request .= "$_\r\n" foreach @{ $with{headers} // [] };
	return $self->exchange("$request\r\n" . ($body // ''), head => $method eq 'HEAD');
}

# exchange(BYTES): what comes back for whatever bytes, parsed; status 0 when the connection was closed without an answer.
sub exchange
{
	my ($self, $bytes, %how) = @_;
	my $socket = $self->connect_tcp;

	local $SIG{PIPE} = 'IGNORE';
	if ($how{second})
	{
		syswrite($socket, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
		read_answer($socket, '')->{status} == 200 or die "the first request of a connection was not answered\n";
	}
	my $written = 0;
	while ($written < length($bytes))
	{
		my $n = syswrite($socket, $bytes, 65536, $written);
		last unless defined $n;
		$written += $n;
	}
	my $answer = read_answer($socket, '', %how);
	close($socket);
	return $answer;
}

# read_answer(SOCKET, BYTES READ ALREADY): one answer; what was read beyond it is in {rest}.
sub read_answer
{
	my ($socket, $buffer, %how) = @_;
	my $deadline = time + ($how{seconds} // PATIENCE);
	my $open = 1;

	while (1)
	{
		if ($buffer =~ /\A(.*?\r\n)\r\n/s)
		{
			my ($head, $begin) = ($1, $+[0]);
			my %answer = (head => $head, headers => {}, closed => !$open);

			($answer{status}) = $head =~ /\AHTTP\/1\.1 (\d{3})/;
			$answer{status} //= 0;
			push @{ $answer{headers}{ lc $1 } }, $2 while $head =~ /^([^:\r\n]+):[ \t]*(.*?)\r$/mg;
			my $length =
				 $how{head}
			  || $answer{status} == 204
			  || $answer{status} == 304
			  || $answer{status} == 101 ? 0 : $answer{headers}{'content-length'}[0];
			if (!$open || defined $length && length($buffer) >= $begin + $length)
			{
				$answer{body} = substr($buffer, $begin, $length // length($buffer));
				$answer{rest} = substr($buffer, $begin + length($answer{body}));
				$answer{json} = json_value($answer{body});
				return \%answer;
			}
		}
		return { status => 0, headers => {}, body => $buffer, rest => '', closed => 1 } unless $open;
		return { status => -1, headers => {}, body => $buffer, rest => '', closed => 0 }
		  unless Porcupine::Test::WebSocket::becomes_readable($socket, $deadline);
		$open = 0 unless sysread($socket, $buffer, 65536, length($buffer));
	}
}

# --- WebSockets ----------------------------------------------------------------------------------------------------

# handshake(PATH, {header => value or undef}, HEADERS...): the request of RFC 6455, section 4.1, with headers changed or taken away.
sub handshake
{
	my ($self, $path, $changes, @further) = @_;
	my %headers = (
		'Host' => "localhost:$self->{port}",
		'Upgrade' => 'websocket',
		'Connection' => 'Upgrade',
		'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==',
		'Sec-WebSocket-Version' => '13',
		%{ $changes // {} }
	);

	return join('',
		'GET ' . ($path // '/ws/') . " HTTP/1.1\r\n",
		(map { defined $headers{$_} ? "$_: $headers{$_}\r\n" : () } sort keys %headers),
		(map { "$_\r\n" } @further), "\r\n");
}

# websocket(PATH): a connected WebSocket, or a failure of the test.
sub websocket
{
	my ($self, $path) = @_;
	my $socket = $self->connect_tcp;

	syswrite($socket, $self->handshake($path));
	my $answer = read_answer($socket, '');
	die "no WebSocket: status $answer->{status}" unless $answer->{status} == 101;
	return Porcupine::Test::WebSocket->new($socket, $answer->{rest}, PATIENCE);
}

# The same, with auth said and ready heard; {ready} has what the server said.
sub signed_in
{
	my ($self, $person, $path) = @_;
	my $ws = $self->websocket($path);

	$ws->say({ type => 'auth', token => $person->{token} });
	$ws->{ready} = $ws->hear('ready') or die 'no ready: ' . json_text($ws->{heard});
	return $ws;
}

1;
