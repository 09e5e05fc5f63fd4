# Porcupine::Faults::Cluster: a PostgreSQL that is made, killed, stopped, filled up and taken back to an earlier day. Its socket is in
# a folder that only the service's user can enter, hence trust. It owns the data folder and every process of the server.
package Porcupine::Faults::Cluster;

use strict;
use warnings;

use Porcupine::Faults::Process qw(wait_for now_us as_service run output_of signal_all is_alive);

# new(FOLDER, BIN, wal => FOLDER, archive => 0 | 1, address => ADDRESS, peer => ADDRESS): makes and starts it; the folder belongs to
# the service's user. It listens on the address, for the one peer.
sub new
{
	my ($class, $folder, $bin, %options) = @_;
	my $self = bless { folder => $folder, bin => $bin, data => "$folder/pg", socket => "$folder/sock", log => "$folder/pg.log" }, $class;

	mkdir_as_service($self->{socket});
	my @wal = $options{wal} ? ("--waldir=$options{wal}") : ();
	$self->tool('initdb', '-D', $self->{data}, '-U', 'postgres', '--encoding=UTF8', '--locale=C.UTF-8',
		'--auth=trust', '--no-sync', '--no-instructions', '--data-checksums', @wal)
	  or die "initdb failed: see $self->{folder}\n";
	mkdir_as_service("$folder/archive");
	my $archive = $options{archive} ? 'on' : 'off';
	my $address = $options{address} // '';
	$self->append('pg_hba.conf', "host all porcupine_node $options{peer}/32 trust\n") if $options{peer};
	$self->append('postgresql.conf', <<"CONF");
listen_addresses = '$address'
archive_mode = $archive
archive_command = 'cp %p $folder/archive/%f'
port = 5432
unix_socket_directories = '$self->{socket}'
unix_socket_permissions = 0700
shared_preload_libraries = 'porcupine'
fsync = on
full_page_writes = on
checkpoint_timeout = 30s
max_wal_size = 64MB
min_wal_size = 32MB
log_statement = 'none'
CONF
	$self->start;
	$self->sql('CREATE EXTENSION porcupine; CREATE ROLE porcupine_node LOGIN IN ROLE porcupine_bridge')
	  // die "cannot create the extension: see $self->{folder}\n";
	return $self;
}

sub socket { return $_[0]{socket}; }
sub data { return $_[0]{data}; }

sub mkdir_as_service
{
	my ($folder) = @_;
	return run('/dev/null', as_service('mkdir', '-m', '0700', $folder)) || die "cannot make $folder\n";
}

sub append
{
	my ($self, $file, $text) = @_;
	open(my $out, '>>', "$self->{data}/$file") or die "cannot write $self->{data}/$file: $!\n";
	print {$out} $text;
	return close($out);
}

sub tool
{
	my ($self, $name, @arguments) = @_;
	return run($self->{log}, as_service("$self->{bin}/$name", @arguments));
}

# --- its life ---------------------------------------------------------------------------------------

# start(OPTIONS): OPTIONS go to the server. What was killed may hold its memory for a moment.
sub start
{
	my ($self, $options) = @_;
	my @options = $options ? ('-o', $options) : ();

	wait_for('PostgreSQL to start', sub { $self->try_start(@options) }, 120);
	return;
}

sub try_start
{
	my ($self, @options) = @_;
	return $self->tool('pg_ctl', 'start', '-s', '-w', '-t', '60', '-D', $self->{data}, '-l', "$self->{folder}/server.log", @options);
}

sub stop
{
	my ($self) = @_;
	return $self->tool('pg_ctl', 'stop', '-s', '-w', '-t', '15', '-m', 'fast', '-D', $self->{data});
}

# A server that is in the middle of its recovery from a crash may not stop in good order; then it is killed.
sub restart
{
	my ($self) = @_;

	$self->signal('CONT');
	$self->stop or $self->kill_all;
	return $self->start;
}

sub postmaster
{
	my ($self) = @_;
	open(my $file, '<', "$self->{data}/postmaster.pid") or return undef;
	my $pid = <$file>;
	return undef unless defined $pid && $pid =~ /\A(\d+)\n/ && is_alive($1);
	return $1;
}

# The processes of the server by what they are: {pid => title}, the postmaster left out.
sub processes
{
	my ($self) = @_;
	my $postmaster = $self->postmaster // return {};
	my %found;

	foreach my $stat (glob '/proc/[0-9]*/stat')
	{
		open(my $file, '<', $stat) or next;
		my $line = <$file> // next;
		my ($pid, $parent) = $line =~ /\A(\d+) \(.*\) \S (\d+) /s or next;
		next if $parent != $postmaster;
		$found{$pid} = title_of($pid);
	}
	return \%found;
}

sub title_of
{
	my ($pid) = @_;
	open(my $file, '<', "/proc/$pid/cmdline") or return '';
	my $title = <$file> // '';
	$title =~ tr/\0/ /;
	return $title;
}

# The processes that serve the bridges.
sub backends
{
	my ($self) = @_;
	my $processes = $self->processes;
	return grep { $processes->{$_} =~ /porcupine_node/ } keys %$processes;
}

sub kill_and_start
{
	my ($self) = @_;
	$self->kill_all;
	return $self->start;
}

# kill -9 of all of it, the postmaster first, or it would shut the others down in its own way.
sub kill_all
{
	my ($self) = @_;
	my $postmaster = $self->postmaster // return;
	my @all = ($postmaster, keys %{ $self->processes });

	signal_all('KILL', @all);
	wait_for('PostgreSQL to be gone', sub { !grep { is_alive($_) } @all });
	return;
}

# All of it at once.
sub signal
{
	my ($self, $signal) = @_;
	my $postmaster = $self->postmaster // return;
	return signal_all($signal, $postmaster, keys %{ $self->processes });
}

# Running and answering, whatever was done to it.
sub mend
{
	my ($self) = @_;

	$self->signal('CONT');
	wait_for(
		'PostgreSQL to answer',
		sub {
			$self->try_start unless $self->postmaster;
			return defined $self->sql('SELECT 1', 5);
		},
		120
	);
	return;
}

# Whatever state it is in.
sub end
{
	my ($self) = @_;
	return eval { $self->signal('CONT'); $self->kill_all };
}

# --- SQL -----------------------------------------------------------------------------------------------

# sql(SQL, SECONDS): what psql prints, undef when it fails or takes too long.
sub sql
{
	my ($self, $sql, $seconds) = @_;
	my $answer = output_of($self->{log}, $sql,
		as_service('timeout', '-k', '1', $seconds // 60, "$self->{bin}/psql", '-XAtq', '-v', 'ON_ERROR_STOP=1',
			'-h', $self->{socket_now} // $self->{socket}, '-U', 'postgres', '-d', 'postgres', '-f', '-'));
	chomp $answer if defined $answer;
	return $answer;
}

# --- an earlier day ---------------------------------------------------------------------------------------

# A copy of the data, taken while the server is down for a moment.
sub take_copy
{
	my ($self) = @_;
	$self->stop or die "PostgreSQL does not stop\n";
	run($self->{log}, as_service('rm', '-rf', "$self->{folder}/copy")) or die "cannot remove the old copy\n";
	run($self->{log}, as_service('cp', '-a', $self->{data}, "$self->{folder}/copy")) or die "cannot copy the data\n";
	$self->start;
	return;
}

# Puts the copy back as an administrator does: nobody is let in before the stream is a new one. Returns the lines for the
# histories that say how far each room's log goes now.
sub put_copy_back
{
	my ($self) = @_;
	my $aside = "$self->{folder}/aside";

	$self->kill_all;
	my $began = now_us();
	run($self->{log}, as_service('rm', '-rf', $self->{data})) or die "cannot remove the data\n";
	run($self->{log}, as_service('cp', '-a', "$self->{folder}/copy", $self->{data})) or die "cannot put the copy back\n";
	mkdir_as_service($aside) unless -d $aside;
	$self->start("-k $aside -c listen_addresses=");
	my @lines = do
	{
		local $self->{socket_now} = $aside;
		my $stream = $self->sql('SELECT porcupine.new_stream()') // die "no new stream\n";
		$self->restored_lines($stream, $began);
	};
	$self->stop or die "PostgreSQL does not stop\n";
	$self->start;
	return @lines;
}

# A base backup, while the server runs; with the archive it leads to every later moment.
sub take_backup
{
	my ($self) = @_;
	run($self->{log}, as_service('rm', '-rf', "$self->{folder}/backup")) or die "cannot remove the old backup\n";
	return $self->tool('pg_basebackup', '-D', "$self->{folder}/backup", '-c', 'fast', '-X', 'none', '-h', $self->{socket}, '-U', 'postgres')
	  || die "the backup failed: see $self->{log}\n";
}

# A moment to which one may return later. Undefined when the database does not answer.
sub mark_moment
{
	my ($self) = @_;
	my $moment = 'moment_' . ++$self->{moments};
	my $segment = $self->sql("SELECT pg_walfile_name(pg_create_restore_point('$moment')) FROM pg_switch_wal()", 5) // return;

	# the one after it, too, is closed, for the restore point stands there
	$self->sql('SELECT pg_switch_wal()', 5) // return;
	wait_for('the archive', sub { ($self->sql("SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver", 5) // '') eq 't' });
	return $moment;
}

# Back to that moment, by the backup and the archive. The server notices by itself that its history is another one.
sub return_to_moment
{
	my ($self, $moment) = @_;
	my $aside = "$self->{folder}/aside";

	$self->kill_all;
	my $began = now_us();
	run($self->{log}, as_service('rm', '-rf', $self->{data})) or die "cannot remove the data\n";
	run($self->{log}, as_service('cp', '-a', "$self->{folder}/backup", $self->{data})) or die "cannot put the backup back\n";
	$self->append('postgresql.conf',
		"restore_command = 'cp $self->{folder}/archive/%f %p'\nrecovery_target_name = '$moment'\nrecovery_target_action = promote\n");
	run($self->{log}, as_service('touch', "$self->{data}/recovery.signal"));
	mkdir_as_service($aside) unless -d $aside;
	$self->start("-k $aside -c listen_addresses=");
	my @lines = do
	{
		local $self->{socket_now} = $aside;
		wait_for('the recovery to end', sub { ($self->sql('SELECT pg_is_in_recovery()', 5) // '') eq 'f' });
		my $stream = $self->sql('SELECT porcupine.current_stream()') // die "no stream\n";
		$self->restored_lines($stream, $began);
	};
	$self->stop or die "PostgreSQL does not stop\n";
	$self->start;
	return @lines;
}

sub restored_lines
{
	my ($self, $stream, $began) = @_;
	my $heads = $self->sql('SELECT room_id, last_seq FROM porcupine.room_heads') // die "no heads\n";
	my $at = now_us();

	return map { my ($room, $head) = split /\|/; qq({"at":$at,"op":"restored","room":$room,"head":$head,"stream":$stream,"began":$began}) }
	  split /\n/, $heads;
}

1;
