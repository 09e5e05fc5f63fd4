# Porcupine::Faults: a stack that is there to be broken: one cluster, some bridges with their proxies, in a folder of its own that
# goes with it unless something was found. It finds the programs; the environment may name others (PORCUPINE_BRIDGE, PG_CONFIG).
package Porcupine::Faults;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use IO::Select;
use Porcupine::Faults::Bridge;
use Porcupine::Faults::Cluster;
use Porcupine::Faults::Network;
use Porcupine::Faults::Process qw(wait_for run);
use Porcupine::Faults::Redis;
use Porcupine::Faults::Round;
use Porcupine::Faults::Standby;

my @stacks;

# new(bridges => N, redis => N, standby => 0 | 1, archive => 0 | 1, wal_space => MB, network => 0 | 1, workers => N): all of it runs and is ready. With wal_space the
# WAL has a file system of that size; with network one more bridge runs behind a cable. Both need root.
sub new
{
	my ($class, %options) = @_;
	my @place = $ENV{TESTDATADIR} ? (DIR => $ENV{TESTDATADIR}) : (TMPDIR => 1);
	my $folder = File::Temp::tempdir('faults.XXXXXX', @place);
	my $self = bless { folder => $folder, owner => $$, rounds => 0, redis => [], bridges => [] }, $class;

	push @stacks, $self;
	# nobody's idea of another database may lead the tools there
	delete @ENV{ grep { /\APG(?!_)/ } keys %ENV };
	chmod 0755, $folder;
	chown((getpwnam('postgres'))[ 2, 3 ], $folder) if $> == 0;
	$self->{programs} = programs($folder);
	my %cluster = (archive => $options{archive});
	$cluster{wal} = $self->make_wal_space($options{wal_space}) if $options{wal_space};
	if ($options{network})
	{
		$self->{network} = Porcupine::Faults::Network->new("$folder/network.log");
		@cluster{qw(address peer)} = ($self->{network}->outside, $self->{network}->inside);
	}
	$self->{cluster} = Porcupine::Faults::Cluster->new($folder, bin_folder(), %cluster);
	$self->{redis} = [ map { Porcupine::Faults::Redis->new($_, $folder, $self->{programs}{proxy}) } 1 .. $options{redis} // 0 ];
	$self->{standby} = Porcupine::Faults::Standby->new($self->{cluster}) if $options{standby};
	my %env = (PORCUPINE_WORKERS => $options{workers} // 1);
	$env{PORCUPINE_REDIS} = join(',', map { $_->url } $self->redis) if $self->redis;
	$env{PORCUPINE_REPLICA} = 'host=' . $self->{standby}->socket . ' port=5432 dbname=postgres user=porcupine_node' if $self->{standby};
	$self->{bridges} = [
		map { Porcupine::Faults::Bridge->new($_, $folder, $self->{cluster}, programs => $self->{programs}, env => \%env) }
		  1 .. $options{bridges} // 1
	];
	push @{ $self->{bridges} },
	  Porcupine::Faults::Bridge->new('behind', $folder, $self->{cluster}, programs => $self->{programs}, network => $self->{network})
	  if $self->{network};
	$self->wait_until_ready;
	return $self;
}

sub cluster { return $_[0]{cluster}; }
sub bridges { return @{ $_[0]{bridges} }; }
sub redis { return @{ $_[0]{redis} }; }
sub standby { return $_[0]{standby}; }
sub network { return $_[0]{network}; }
sub wal_space { return $_[0]{wal_space}; }
sub current_round { return $_[0]{round}; }
sub folder { return $_[0]{folder}; }
# The folder stays when the stack goes.
sub keep { $_[0]{kept} = 1; return; }

sub wait_until_ready
{
	my ($self) = @_;
	foreach my $bridge ($self->bridges)
	{
		wait_for("the bridges to be ready (see $self->{folder})", sub { $bridge->is_ready }, 90);
	}
	return;
}

# A new round of people and rooms (Porcupine::Faults::Round).
sub round
{
	my ($self, %options) = @_;
	return $self->{round} = Porcupine::Faults::Round->new('round' . ++$self->{rounds}, $self->{folder}, $self->{cluster}, $self->{bridges},
		programs => $self->{programs}, %options);
}

sub make_wal_space
{
	my ($self, $size) = @_;
	my $space = "$self->{folder}/wal_space";

	Porcupine::Faults::Cluster::mkdir_as_service($space);
	run('/dev/null', 'mount', '-t', 'tmpfs', '-o', "size=${size}m,mode=0777", 'tmpfs', $space) or die "cannot mount a tmpfs on $space\n";
	$self->{wal_space} = $space;
	return "$space/pg_wal";
}

# Copies: they stay as they are while the project is built again, and the service's user can reach them.
sub programs
{
	my ($folder) = @_;
	my $here = dirname(abs_path(__FILE__)) . '/../..';
	my %built = (bridge => $ENV{PORCUPINE_BRIDGE} // "$here/../bridge/porcupine-bridge", map { $_ => "$here/$_" } qw(client checker proxy));

	mkdir "$folder/page";
	open(my $index, '>', "$folder/page/index.html") or die "cannot write to $folder: $!\n";
	print {$index} "<!doctype html><title>page</title>\n";
	close($index);
	foreach my $name (sort keys %built)
	{
		die "$built{$name} is not built: run 'make bridge' and 'make -C faults'\n" unless -x $built{$name};
		run('/dev/null', 'cp', $built{$name}, "$folder/$name") or die "cannot copy $built{$name} to $folder\n";
	}
	return { page => "$folder/page", map { $_ => "$folder/$_" } keys %built };
}

sub bin_folder
{
	if ($ENV{PG_CONFIG})
	{
		chomp(my $folder = qx($ENV{PG_CONFIG} --bindir));
		return $folder;
	}
	foreach my $folder (split /:/, $ENV{PATH})
	{
		return $folder if -x "$folder/initdb" && -x "$folder/psql";
	}
	die "no initdb on the path: set PG_CONFIG\n";
}

# At the end of the program, while all of it is still there.
END
{
	my $failed = $?;
	local ($?, $@, $!);

	foreach my $stack (grep { $_->{owner} == $$ } @stacks)
	{
		$stack->keep if $failed;
		$stack->end;
	}
}

sub end
{
	my ($self) = @_;

	return if $self->{ended}++;
	$self->{round}->abandon if $self->{round};
	$_->end foreach $self->bridges, $self->redis;
	$_->end foreach grep { defined } @$self{qw(standby cluster)};
	$self->{network}->end if $self->{network};
	run('/dev/null', 'umount', $self->{wal_space}) if $self->{wal_space} && !$self->{kept};
	run('/dev/null', 'rm', '-rf', $self->{folder}) unless $self->{kept};
	return;
}

1;
