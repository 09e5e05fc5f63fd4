# Porcupine::Test: a real PostgreSQL with the extension, a real bridge in front of it, and clients that are nothing but sockets,
# so that they can say what no library would. It owns the cluster and the bridge processes of its test and ends them with it; a
# bridge that does not end as it should fails the test, whatever that was about. It never sleeps, but polls with a deadline, and
# knows nothing of what a test expects.
package Porcupine::Test;

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(encode_base64 decode_base64);
use POSIX ();
use Porcupine::Test::WebSocket;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(start_stack wait_for b64 unb64 uuid json_text json_value PATIENCE);

# Seconds after which something that was to happen is taken not to happen any more.
use constant PATIENCE => 20;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $uuids = 0;
my %running;    # the bridges: pid => where it logs
my $owner = $$;

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

# --- the stack -----------------------------------------------------------------------------------------

# start_stack(conf => TEXT, env => {NAME => VALUE}): both servers, running and ready.
sub start_stack
{
	my (%options) = @_;
	my $self = bless { env => $options{env} // {}, accounts => 0 }, __PACKAGE__;
	my $node = $self->{node} = PostgreSQL::Test::Cluster->new('bridge');

	plan(skip_all => 'PORCUPINE_BRIDGE names no program')
	  unless -x ($self->{program} = $ENV{PORCUPINE_BRIDGE} // '../bridge/porcupine-bridge');
	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'porcupine'\nfsync = on\nlog_statement = none\n"
		  . ($options{conf} // ''));
	$node->start;
	$node->safe_psql('postgres',
		'CREATE EXTENSION porcupine; CREATE ROLE porcupine_node LOGIN IN ROLE porcupine_bridge');
	$self->{port} = PostgreSQL::Test::Cluster::get_free_port();
	$self->{log} = $node->basedir . '/bridge.log';
	$self->start_bridge;
	return $self;
}

# A further bridge before the same database; it knows the first only through that.
sub another_bridge
{
	my ($self) = @_;
	my $other = bless { %$self, port => PostgreSQL::Test::Cluster::get_free_port() }, __PACKAGE__;

	delete $other->{pid};
	$other->{log} = $self->{node}->basedir . "/bridge_$other->{port}.log";
	$other->start_bridge;
	return $other;
}

sub port { return $_[0]{port}; }
sub node { return $_[0]{node}; }
sub sql { my ($self, $sql) = @_; return $self->{node}->safe_psql('postgres', $sql); }

sub start_bridge
{
	my ($self) = @_;
	my %env = (
		PATH => $ENV{PATH},
		PORCUPINE_PORT => $self->{port},
		PORCUPINE_DATABASE => 'host='
		  . $self->{node}->host
		  . ' port='
		  . $self->{node}->port
		  . ' dbname=postgres user=porcupine_node',
		PORCUPINE_PAGE => $self->page_folder,
		%{ $self->{env} }
	);
	my $pid = fork // die "cannot fork: $!";

	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', $self->{log});
		open(STDERR, '>&', \*STDOUT);
		%ENV = %env;
		exec($self->{program}) or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	$running{$pid} = $self->{log};
	eval { $self->wait_until_ready; 1 }
	  or BAIL_OUT("the bridge does not start:\n" . slurp_file($self->{log}));
	return;
}

sub wait_until_ready
{
	my ($self) = @_;

	wait_for(
		'the bridge to be ready',
		sub {
			die 'it has ended' if waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid};
			my $answer = eval { $self->http('GET', '/readyz') };
			return $answer && $answer->{status} == 200;
		}
	);
	return;
}

# The page, where there is one; else a folder with the least that a page is.
sub page_folder
{
	my ($self) = @_;
	my $folder = $ENV{PORCUPINE_PAGE} // '';

	return $folder if -e "$folder/index.html";
	$folder = $self->{node}->basedir . '/page';
	mkdir $folder;
	append_to_file("$folder/index.html", '<!doctype html><title>page</title>') unless -e "$folder/index.html";
	return $folder;
}

# Ends the bridge by a signal (TERM by default) and returns its wait status.
sub stop_bridge
{
	my ($self, $signal) = @_;
	my $pid = delete $self->{pid} // return;

	return end_process($pid, $signal // 'TERM');
}

sub end_process
{
	my ($pid, $signal) = @_;

	kill $signal, $pid;
	wait_for('the bridge to end', sub { waitpid($pid, POSIX::WNOHANG()) == $pid });
	delete $running{$pid};
	return $?;
}

# What the bridge has logged, parsed; a line that is no JSON counts as a failure of the caller's.
sub log_lines
{
	my ($self) = @_;
	return map { json_value($_) // { unparsable => $_ } } split /\n/, slurp_file($self->{log});
}

# Before the cluster goes. Sanitizers speak at the end of a process, and by its status.
END
{
	my $status = $?;

	foreach my $pid ($$ == $owner ? keys %running : ())
	{
		my $log = $running{$pid};
		my $ended = eval { end_process($pid, 'TERM') };

		next if defined $ended && $ended == 0;
		diag('a bridge has not ended as it should: ' . ($ended // $@));
		diag(grep { !/\A\{/ } split /^/, slurp_file($log));
		kill 'KILL', $pid unless defined $ended;
		$status ||= 1;
	}
	$? = $status;
}

# --- people ------------------------------------------------------------------------------------------------

# A user with a session, made by SQL without a password: {id, username, device, session, token}.
sub person
{
	my ($self, $name) = @_;
	my $refresh = "refresh token of $name";
	my ($id, $device, $session, $token) = split /\|/, $self->sql(qq{
		INSERT INTO porcupine.users (username, display_name) VALUES ('$name', initcap('$name')) RETURNING id AS who \\gset
		INSERT INTO porcupine.devices (user_id, name) VALUES (:who, 'test') RETURNING id AS device \\gset
		INSERT INTO porcupine.sessions (user_id, device_id, expires_at, refresh_hash)
			VALUES (:who, :device, now() + interval '1 hour', sha256('$refresh')) RETURNING id AS session \\gset
		SELECT :who, :device, :session, porcupine.access_token(:who, :session, :device);});

	return {
		id => $id,
		username => $name,
		device => $device,
		session => $session,
		token => $token,
		refresh => $refresh
	};
}

# A room of these people, the first its owner; returns its id.
sub room
{
	my ($self, @people) = @_;
	my $list = join(',', map { $_->{id} } @people);

	return $self->sql(qq{
		INSERT INTO porcupine.rooms (encrypted, code, name) VALUES (false, porcupine.random_room_code(), 'room') RETURNING id AS room \\gset
		INSERT INTO porcupine.room_heads (room_id) VALUES (:room);
		INSERT INTO porcupine.members (room_id, user_id, role)
			SELECT :room, u, CASE nr WHEN 1 THEN 'owner' ELSE 'member' END::porcupine.role FROM unnest(ARRAY[$list]) WITH ORDINALITY x (u, nr) ORDER BY nr;
		SELECT :room;});
}

# What SQL sends for a person, one transaction: the seq.
sub sql_send
{
	my ($self, $person, $room, $text) = @_;
	return $self->sql(
		"BEGIN; SELECT porcupine.act_as($person->{id}) \\gset\nSELECT seq FROM porcupine.send($room, gen_random_uuid(), '$text'); COMMIT;"
	);
}

# --- HTTP ------------------------------------------------------------------------------------------------------

sub connect_tcp
{
	my ($self) = @_;
	my $socket =
	  IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => PATIENCE)
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
	my $select = IO::Select->new($socket);
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
		  unless $select->can_read($deadline - time > 0 ? $deadline - time : 0);
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
