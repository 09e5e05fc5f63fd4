# Porcupine::Faults::Menu: what can be done to a stack while people use it. Each fault stands in one table, with how often it is
# chosen and what it needs; it is done at once, and what must be undone is undone a little later, so that several overlap. It counts
# what it does and owns nothing: mend() makes all well again.
package Porcupine::Faults::Menu;

use strict;
use warnings;

use Porcupine::Faults::Process qw(wait_for as_service run signal_all is_alive);
use Time::HiRes qw(time);

# name => [weight, kills, deed]. The deed gets the menu and returns nothing, or (seconds, how it is undone). Weight 0: only when it is
# named.
my %faults = (
	'bridge killed' => [ 12, 1, sub { any($_[0]->bridges)->kill_and_start; return; } ],
	'bridge stopped' => [ 4, 0, sub { my $bridge = any($_[0]->bridges); $bridge->signal('STOP'); return (short(), sub { $bridge->signal('CONT') }); } ],
	'bridge\'s worker killed' => [ 8, 1, sub { my @all = any($_[0]->bridges)->workers; signal_all('KILL', any(@all)) if @all; return; } ],
	'bridge\'s worker stopped' => [ 4, 0, sub { my @all = any($_[0]->bridges)->workers; return unless @all; my $pid = any(@all); signal_all('STOP', $pid); return (short(), sub { signal_all('CONT', $pid) }); } ],
	'backend killed' => [ 4, 1, sub { my @all = $_[0]->cluster->backends; signal_all('KILL', any(@all)) if @all; return; } ],
	'backend ended' => [ 3, 0, sub { my @all = $_[0]->cluster->backends; signal_all('TERM', any(@all)) if @all; return; } ],
	'backend stopped' => [ 4, 0, sub { my @all = $_[0]->cluster->backends; return unless @all; my $pid = any(@all); signal_all('STOP', $pid); return (short(), sub { signal_all('CONT', $pid) }); } ],
	'PostgreSQL killed' => [ 4, 1, sub { my $cluster = $_[0]->cluster; $cluster->kill_all; $cluster->start; return; } ],
	'PostgreSQL\'s worker killed' => [ 3, 1, \&kill_worker ],
	'PostgreSQL stopped' => [ 3, 0, sub { my $cluster = $_[0]->cluster; $cluster->signal_everything('STOP'); return (short(), sub { $cluster->signal_everything('CONT') }); } ],
	'PostgreSQL restarted' => [ 1, 0, sub { $_[0]->cluster->restart; return; } ],
	'clients cut off' => [ 3, 0, sub { any($_[0]->bridges)->front->command('cut'); return; } ],
	'clients half-open' => [ 3, 0, sub { return spoil(any($_[0]->bridges)->front, 'half', 2 + rand(4)); } ],
	'clients delayed' => [ 2, 0, sub { return spoil(any($_[0]->bridges)->front, 'delay ' . int(5 + rand(150)), 3); } ],
	'clients throttled' => [ 2, 0, sub { return spoil(any($_[0]->bridges)->front, 'throttle ' . int(3000 + rand(30000)), 3); } ],
	'clients turned away' => [ 2, 0, sub { my $front = any($_[0]->bridges)->front; $front->command('cut'); return spoil($front, 'refuse', short()); } ],
	'database cut off' => [ 3, 0, sub { any($_[0]->bridges)->back->command('cut'); return; } ],
	'database half-open' => [ 3, 0, sub { return spoil(any($_[0]->bridges)->back, 'half', 2 + rand(4)); } ],
	'database delayed' => [ 2, 0, sub { return spoil(any($_[0]->bridges)->back, 'delay ' . int(2 + rand(50)), 3); } ],
	'database turned away' => [ 2, 0, sub { my $back = any($_[0]->bridges)->back; $back->command('cut'); return spoil($back, 'refuse', short()); } ],
	'Redis killed' => [ 4, 1, sub { my @all = $_[0]->redis; any(@all)->kill_and_start if @all; return; } ],
	'Redis stopped' => [ 3, 0, sub { my @all = $_[0]->redis; return unless @all; my $node = any(@all); $node->signal('STOP'); return (short(), sub { $node->signal('CONT') }); } ],
	'Redis half-open' => [ 2, 0, sub { my @all = $_[0]->redis; return unless @all; return spoil(any(@all)->front, 'half', 2 + rand(4)); } ],
	'Redis cut off' => [ 2, 0, sub { my @all = $_[0]->redis; any(@all)->front->command('cut') if @all; return; } ],
	'fdatasync fails' => [ 1, 0, \&fail_fdatasync ],
	'standby killed' => [ 6, 1, sub { my $standby = $_[0]{stack}->standby; $standby->kill_all; $standby->start; return; } ],
	'standby stopped' => [ 6, 0, sub { my $standby = $_[0]{stack}->standby; $standby->signal_everything('STOP'); return (short(), sub { $standby->signal_everything('CONT') }); } ],
	'standby lags' => [ 10, 0, sub { my $standby = $_[0]{stack}->standby; $standby->lag; return (1 + rand(4), sub { $standby->catch_up }); } ],
	'disk full' => [ 20, 0, \&fill_disk ],
	'network partitioned' => [ 20, 0, sub { my $network = $_[0]{stack}->network; $network->partition; return (2 + rand(8), sub { $network->mend }); } ],
	'restored from a copy' => [ 0, 0, \&restore_copy ],
	'restored to a point in time' => [ 0, 0, \&restore_moment ],
);

# new(STACK): nothing is done yet.
sub new
{
	my ($class, $stack) = @_;
	my $self = bless { stack => $stack, counts => {}, kills => 0, due => [] }, $class;

	$self->{left_out} = { map { $_ => 1 } grep { $faults{$_}[0] == 0 } keys %faults };
	$self->leave_out(grep { /Redis/ } keys %faults) unless $self->redis;
	$self->leave_out('fdatasync fails') unless -x '/usr/bin/strace';
	$self->leave_out(grep { /bridge's worker/ } keys %faults) unless map { $_->workers } $self->bridges;
	$self->leave_out(grep { /standby/ } keys %faults) unless $stack->standby;
	$self->leave_out('disk full') unless $stack->wal_space;
	$self->leave_out('network partitioned') unless $stack->network;
	return $self;
}

sub names { return sort keys %faults; }
sub bridges { return $_[0]{stack}->bridges; }
sub redis { return $_[0]{stack}->redis; }
sub cluster { return $_[0]{stack}->cluster; }
sub kills { return $_[0]{kills}; }
sub counts { return $_[0]{counts}; }
sub leave_out { my ($self, @names) = @_; $self->{left_out}{$_} = 1 foreach @names; return; }

sub any { return $_[ rand @_ ]; }
sub short { return 0.3 + rand(2.5); }

# One of those that are not left out, by weight.
sub do_something
{
	my ($self) = @_;
	my @names = grep { !$self->{left_out}{$_} } $self->names;
	my $sum = 0;

	$sum += $faults{$_}[0] foreach @names;
	my $at = rand($sum);
	foreach my $name (@names)
	{
		$at -= $faults{$name}[0];
		return $self->do($name) if $at < 0;
	}
	return;
}

sub do
{
	my ($self, $name) = @_;
	my (undef, $kills, $deed) = @{ $faults{$name} // die "there is no fault '$name'\n" };
	my ($seconds, $undo) = $deed->($self);

	$self->{counts}{$name}++;
	$self->{kills} += $kills;
	push @{ $self->{due} }, [ time + $seconds, $undo ] if $undo;
	return $name;
}

# Undoes what has lasted long enough.
sub tick
{
	my ($self) = @_;
	my @due = grep { $_->[0] <= time } @{ $self->{due} };

	$self->{due} = [ grep { $_->[0] > time } @{ $self->{due} } ];
	$_->[1]->() foreach @due;
	return;
}

# All well again, at once.
sub mend
{
	my ($self) = @_;

	$_->[1]->() foreach @{ $self->{due} };
	$self->{due} = [];
	$self->{stack}->network->mend if $self->{stack}->network;
	$_->mend foreach $self->bridges, $self->redis;
	$_->mend foreach grep { defined } $self->cluster, $self->{stack}->standby;
	$self->{stack}->wait_until_ready;
	return;
}

# --- faults of more than a line ------------------------------------------------------------------------------

sub spoil
{
	my ($proxy, $command, $seconds) = @_;
	$proxy->command($command);
	return ($seconds, sub { $proxy->command('open') });
}

# Whoever it is that serves no client: checkpointer, WAL writer, our doorbell. The server begins anew after it.
sub kill_worker
{
	my ($self) = @_;
	my $processes = $self->cluster->processes;
	my @workers = grep { $processes->{$_} !~ /porcupine_node|postgres postgres/ } sort keys %$processes;

	signal_all('KILL', any(@workers)) if @workers;
	return;
}

# The next flush of one backend fails: PostgreSQL must panic rather than say that it is stored.
sub fail_fdatasync
{
	my ($self) = @_;
	my @all = $self->cluster->backends or return;
	my $tracer = Porcupine::Faults::Process->start(
		log => $self->{stack}->folder . '/strace.log',
		command => [
			as_service('timeout', '5', 'strace', '-f', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=1', map { ('-p', $_) } @all)
		]
	);
	return (3, sub { $tracer->end('TERM') });
}

# No more WAL can be written: PostgreSQL panics, and does not come back before there is room.
sub fill_disk
{
	my ($self) = @_;
	my $ballast = $self->{stack}->wal_space . '/ballast';
	my $cluster = $self->cluster;

	run('/dev/null', 'sh', '-c', "cat /dev/zero >$ballast");
	# what is there already of the next segments is used up
	$cluster->sql('SELECT pg_switch_wal()', 2) foreach 1 .. 4;
	return (1 + rand(3), sub { unlink($ballast); $cluster->mend });
}

sub restore_copy
{
	my ($self) = @_;
	$self->mend;
	$self->{stack}->current_round->note($_) foreach $self->cluster->put_copy_back;
	return;
}

sub restore_moment
{
	my ($self) = @_;
	$self->mend;
	my $moment = $self->cluster->mark_moment // die "no moment to return to\n";
	$self->{stack}->current_round->let_send(100);
	$self->{stack}->current_round->note($_) foreach $self->cluster->return_to_moment($moment);
	return;
}

1;
