# Porcupine::Faults::Bridge: one bridge with a proxy before it, which the clients speak to, and one behind it, which leads to the
# database. It owns the three processes.
package Porcupine::Faults::Bridge;

use strict;
use warnings;

use IO::Socket::INET;
use Porcupine::Faults::Process qw(wait_for as_service free_port);

# new(NUMBER, FOLDER, CLUSTER, programs => {bridge, proxy}, env => {...}, network => NETWORK): all three are started. In a network of
# its own the bridge reaches the database by its address, with no proxy between them.
sub new
{
	my ($class, $number, $folder, $cluster, %options) = @_;
	my $self = bless {
		number => $number,
		folder => $folder,
		log => "$folder/bridge$number.log",
		port => free_port(),
		front_port => free_port(),
		way => "$folder/way$number",
		programs => $options{programs},
		env => $options{env} // {},
		network => $options{network}
	}, $class;

	Porcupine::Faults::Cluster::mkdir_as_service($self->{way});
	$self->{address} = $self->{network} ? $self->{network}->inside : '127.0.0.1';
	$self->{back} = $self->proxy("$self->{way}/.s.PGSQL.5432", $cluster->socket . '/.s.PGSQL.5432');
	$self->{front} = $self->proxy($self->{front_port}, "$self->{address}:$self->{port}");
	$self->start;
	return $self;
}

sub proxy
{
	my ($self, @between) = @_;
	return Porcupine::Faults::Process->start(
		log => $self->{log},
		command => [ as_service($self->{programs}{proxy}, @between) ],
		led => 1
	);
}

sub front { return $_[0]{front}; }
sub back { return $_[0]{back}; }
sub front_port { return $_[0]{front_port}; }
sub pid { return $_[0]{process}->pid; }

sub start
{
	my ($self) = @_;

	$self->{process} = Porcupine::Faults::Process->start(
		log => $self->{log},
		command => [ $self->{network} ? $self->{network}->enter : (), as_service($self->{programs}{bridge}) ],
		env => {
			# of a bridge that watches over its memory and arithmetic
			(map { $_ => $ENV{$_} // '' } qw(ASAN_OPTIONS UBSAN_OPTIONS)),
			PORCUPINE_LISTEN => $self->{address},
			PORCUPINE_PORT => $self->{port},
			PORCUPINE_LIMITS => 'scale=1000000',
			PORCUPINE_DATABASE => "host=" . ($self->{network} ? $self->{network}->outside : $self->{way}) . " port=5432 dbname=postgres user=porcupine_node",
			PORCUPINE_PAGE => $self->{programs}{page},
			%{ $self->{env} }
		}
	);
	return;
}

# The processes that do the work, where one process is not all there is.
sub workers
{
	my ($self) = @_;
	my $pid = $self->pid;

	open(my $file, '<', "/proc/$pid/task/$pid/children") or return;
	return split / /, <$file> // '';
}

sub signal { my ($self, $signal) = @_; return $self->{process}->signal($signal); }
sub has_ended { return $_[0]{process}->has_ended; }

# kill -9, and another one in its place.
sub kill_and_start
{
	my ($self) = @_;
	$self->{process}->end('KILL');
	$self->start;
	return;
}

sub is_ready
{
	my ($self) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => $self->{address}, PeerPort => $self->{port}, Timeout => 5) or return 0;

	$socket->timeout(5);
	print {$socket} "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	return 0 unless IO::Select->new($socket)->can_read(5);
	my $line = <$socket> // '';
	return $line =~ /\AHTTP\/1\.1 200/;
}

# All well again, whatever was done to it.
sub mend
{
	my ($self) = @_;

	$self->{front}->command('open');
	$self->{back}->command('open');
	$self->{process}->signal('CONT') unless $self->has_ended;
	$self->start if $self->has_ended;
	return;
}

sub end
{
	my ($self) = @_;
	$_->end('KILL') foreach grep { defined } @$self{qw(process front back)};
	return;
}

1;
