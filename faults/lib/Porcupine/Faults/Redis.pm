# Porcupine::Faults::Redis: one node, behind a proxy that all bridges go through. It keeps nothing on disk, so whoever kills it takes
# all it knew. It owns both processes.
package Porcupine::Faults::Redis;

use strict;
use warnings;

use Porcupine::Faults::Process qw(as_service free_port);

# The one program of Debian's redis-tools is the server, too, when it is called so.
my ($program) = grep { -x } qw(/usr/bin/redis-server /usr/bin/valkey-server /usr/bin/redis-check-rdb);

# new(NUMBER, FOLDER, PROXY PROGRAM)
sub new
{
	my ($class, $number, $folder, $proxy) = @_;
	my $self = bless { log => "$folder/redis$number.log", port => free_port(), front_port => free_port() }, $class;

	die "there is no Redis server: install redis-tools\n" unless $program;
	symlink($program, "$folder/redis-server");
	$self->{program} = "$folder/redis-server";
	$self->{front} = Porcupine::Faults::Process->start(
		log => $self->{log},
		command => [ as_service($proxy, $self->{front_port}, $self->{port}) ],
		led => 1
	);
	$self->start;
	return $self;
}

sub start
{
	my ($self) = @_;

	$self->{process} = Porcupine::Faults::Process->start(
		log => $self->{log},
		command => [
			as_service(
				$self->{program}, '--port', $self->{port}, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp',
				# never one that another server has left there
				'--dbfilename', "porcupine-$self->{port}.rdb"
			)
		]
	);
	return;
}

sub url { return "redis://127.0.0.1:$_[0]{front_port}"; }
sub front { return $_[0]{front}; }
sub signal { my ($self, $signal) = @_; return $self->{process}->signal($signal); }

sub kill_and_start
{
	my ($self) = @_;
	$self->{process}->end('KILL');
	$self->start;
	return;
}

sub mend
{
	my ($self) = @_;
	$self->{front}->command('open');
	$self->{process}->signal('CONT') unless $self->{process}->has_ended;
	$self->start if $self->{process}->has_ended;
	return;
}

sub end
{
	my ($self) = @_;
	$_->end('KILL') foreach grep { defined } @$self{qw(process front)};
	return;
}

1;
