# Porcupine::Test::Redis: a real Redis server of a test's own, whose files lie beside its log, that can be stopped, killed and
# started again on the same port. It owns the process and ends it; what it is asked over the wire goes through a socket.
package Porcupine::Test::Redis;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Porcupine::Test::Client qw(PATIENCE);
use Porcupine::Test::Process;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);

# The one program of Debian's redis-tools is the server, too, when it is called so. PORCUPINE_REDIS_SERVER names another one.
my ($program) = grep { -x } $ENV{PORCUPINE_REDIS_SERVER} // (), qw(/usr/bin/redis-server /usr/bin/redis-check-rdb);

# new(SETTINGS...): redis.conf's lines as arguments, such as '--user' => 'chat on >secret ~* &* +@all'.
sub new
{
	my ($class, @settings) = @_;
	my $self = bless {
		port => PostgreSQL::Test::Cluster::get_free_port(),
		settings => \@settings
	}, $class;

	die 'there is no Redis server: install redis-tools' unless $program;
	$self->start;
	return $self;
}

sub port { return $_[0]{port}; }

# url(CREDENTIALS): as the bridge is configured.
sub url
{
	my ($self, $credentials) = @_;
	return 'redis://' . (defined $credentials ? "$credentials\@" : '') . "127.0.0.1:$self->{port}";
}

sub start
{
	my ($self) = @_;
	my $log = "$PostgreSQL::Test::Utils::log_path/redis_$self->{port}.log";
	my $pid = $self->{pid} = start_process(
		program => $program,
		name => 'redis-server',
		words => [ '--port' => $self->{port}, '--bind' => '127.0.0.1', '--save' => '', '--dir' => $PostgreSQL::Test::Utils::log_path, @{ $self->{settings} } ],
		log => $log
	);
	my $deadline = time + PATIENCE;
	until (my $answer = eval { $self->command('PING') })
	{
		die "Redis does not start: see $log" if time > $deadline || waitpid($pid, POSIX::WNOHANG()) == $pid;
		usleep(10_000);
	}
	return;
}

sub signal { my ($self, $signal) = @_; return kill $signal, $self->{pid}; }

sub stop
{
	my ($self, $signal) = @_;
	my $pid = delete $self->{pid} // return;

	kill $signal // 'KILL', $pid;
	waitpid($pid, 0);
	return;
}

# command(WORDS...): the reply as text, lines joined; what stands for nothing is empty.
sub command
{
	my ($self, @words) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => PATIENCE)
	  or die "cannot connect: $!";

	print $socket '*' . @words . "\r\n", map { '$' . length($_) . "\r\n$_\r\n" } @words;
	$socket->flush;
	my @lines = read_reply($socket);
	close($socket);
	return join("\n", @lines);
}

sub read_reply
{
	my ($socket) = @_;
	my $line = <$socket> // die 'no reply';

	$line =~ s/\r\n\z//;
	my ($kind, $rest) = $line =~ /\A(.)(.*)\z/;
	return map { read_reply($socket) } 1 .. $rest if $kind eq '*';
	return $rest if $kind ne '$';
	return '' if $rest < 0;
	read($socket, my $bytes, $rest + 2);
	return substr($bytes, 0, $rest);
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@);

	kill 'CONT', $self->{pid} if $self->{pid};
	$self->stop;
	return;
}

1;
