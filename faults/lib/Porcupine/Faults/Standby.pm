# Porcupine::Faults::Standby: a streaming standby of the cluster, from which bridges read pages of history. It owns its data folder and
# processes; what it does not have yet the bridges have to notice.
package Porcupine::Faults::Standby;

use strict;
use warnings;

use parent -norequire, 'Porcupine::Faults::Cluster';
use Porcupine::Faults::Process qw(wait_for);

# new(CLUSTER): made from a backup, and started.
sub new
{
	my ($class, $primary) = @_;
	my $folder = "$primary->{folder}/standby";
	my $self = bless { %$primary, folder => $folder, data => "$folder/pg", socket => "$folder/sock", log => "$primary->{folder}/standby.log" }, $class;

	Porcupine::Faults::Cluster::mkdir_as_service($_) foreach $folder, $self->{socket};
	$self->tool('pg_basebackup', '-D', $self->{data}, '-c', 'fast', '-R', '-h', $primary->socket, '-U', 'postgres')
	  or die "the backup failed: see $self->{log}\n";
	$self->append('postgresql.conf', "unix_socket_directories = '$self->{socket}'\n");
	$self->start;
	return $self;
}

# It goes on receiving, and shows nothing of it.
sub lag { my ($self) = @_; return $self->sql('SELECT pg_wal_replay_pause()', 3); }
sub catch_up { my ($self) = @_; return $self->sql('SELECT pg_wal_replay_resume()', 3); }

sub mend
{
	my ($self) = @_;
	$self->SUPER::mend;
	return wait_for('the standby to go on', sub { defined $self->catch_up });
}

1;
