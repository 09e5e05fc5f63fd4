# Porcupine::Faults::Menu: what can be done to a stack while people use it. Each fault stands in one table, with how often it is
# chosen and what it needs; it is done at once, and what must be undone is undone a little later, so that several overlap. It counts
# what it does and owns nothing: mend() makes all well again.
package Porcupine::Faults::Menu;

use strict;
use warnings;

use Porcupine::Faults::Process qw(as_service run signal_all);
use Time::HiRes qw(time);

# How long something is away that should be back before anybody gives it up: from, to, in seconds.
use constant SHORT => (0.3, 2.8);

# What a deed returns when there was nobody to do it to: then it does not count.
use constant NOBODY => 0;

# name => [weight, kills, deed]. The deed gets the menu and returns nothing, or (seconds, how it is undone), or NOBODY. Weight 0: only when it is
# named.
my %faults = (
	'bridge killed' => [ 12, 1, kills(\&bridges) ],
	'bridge stopped' => [ 4, 0, stops(\&bridges) ],
	'bridge\'s worker killed' => [ 8, 1, signals('KILL', \&bridge_workers) ],
	'bridge\'s worker stopped' => [ 4, 0, halts(\&bridge_workers) ],
	'backend killed' => [ 4, 1, signals('KILL', \&backends) ],
	'backend ended' => [ 3, 0, signals('TERM', \&backends) ],
	'backend stopped' => [ 4, 0, halts(\&backends) ],
	'PostgreSQL killed' => [ 4, 1, kills(\&cluster) ],
	'PostgreSQL\'s worker killed' => [ 3, 1, signals('KILL', \&server_workers) ],
	'PostgreSQL stopped' => [ 3, 0, stops(\&cluster) ],
	'PostgreSQL restarted' => [ 1, 0, sub { $_[0]->cluster->restart; return; } ],
	'clients cut off' => [ 3, 0, spoils(\&fronts, 'cut') ],
	'clients half-open' => [ 3, 0, spoils(\&fronts, 'half', 2, 6) ],
	'clients delayed' => [ 2, 0, spoils(\&fronts, sub { 'delay ' . int(5 + rand(150)) }, 1, 5) ],
	'clients throttled' => [ 2, 0, spoils(\&fronts, sub { 'throttle ' . int(3000 + rand(30000)) }, 1, 5) ],
	'clients turned away' => [ 2, 0, spoils(\&fronts, 'refuse', SHORT) ],
	'database cut off' => [ 3, 0, spoils(\&backs, 'cut') ],
	'database half-open' => [ 3, 0, spoils(\&backs, 'half', 2, 6) ],
	'database delayed' => [ 2, 0, spoils(\&backs, sub { 'delay ' . int(2 + rand(50)) }, 1, 5) ],
	'database turned away' => [ 2, 0, spoils(\&backs, 'refuse', SHORT) ],
	'Redis killed' => [ 4, 1, kills(\&redis) ],
	'Redis stopped' => [ 3, 0, stops(\&redis) ],
	'Redis half-open' => [ 2, 0, spoils(\&redis_fronts, 'half', 2, 6) ],
	'Redis cut off' => [ 2, 0, spoils(\&redis_fronts, 'cut') ],
	'standby killed' => [ 6, 1, kills(\&standby) ],
	'standby stopped' => [ 6, 0, stops(\&standby) ],
	'standby lags' => [ 10, 0, \&make_standby_lag ],
	'network partitioned' => [ 20, 0, \&partition ],
	'fdatasync fails' => [ 1, 0, \&fail_fdatasync ],
	'disk full' => [ 20, 0, \&fill_disk ],
	'restored from a copy' => [ 0, 0, \&restore_copy ],
	'restored to a point in time' => [ 0, 0, \&restore_moment ],
);

# new(STACK): nothing is done yet.
sub new
{
	my ($class, $stack) = @_;
	my $self = bless { stack => $stack, counts => {}, kills => 0, due => [] }, $class;

	$self->{left_out} = { map { $_ => 1 } grep { $faults{$_}[0] == 0 } keys %faults };
	$self->leave_out(qr/Redis/) unless $self->redis;
	$self->leave_out(qr/standby/) unless $self->standby;
	$self->leave_out(qr/partitioned/) unless $stack->network;
	$self->leave_out(qr/disk full/) unless $stack->wal_space;
	$self->leave_out(qr/bridge's worker/) unless $self->bridge_workers;
	$self->leave_out(qr/fdatasync/) unless -x '/usr/bin/strace';
	return $self;
}

sub names { return sort keys %faults; }
sub kills_done { return $_[0]{kills}; }
sub counts { return $_[0]{counts}; }

sub leave_out
{
	my ($self, $pattern) = @_;
	$self->{left_out}{$_} = 1 foreach grep { /$pattern/ } $self->names;
	return;
}

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

	return $name if defined $seconds && $seconds == NOBODY;
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
	$_->mend foreach $self->cluster, $self->standby;
	$self->{stack}->wait_until_ready;
	return;
}

# --- who can be hurt: a list each ------------------------------------------------------------------------------

sub bridges { return $_[0]{stack}->bridges; }
sub redis { return $_[0]{stack}->redis; }
sub cluster { return $_[0]{stack}->cluster; }
sub standby { return grep { defined } $_[0]{stack}->standby; }
sub fronts { return map { $_->front } $_[0]->bridges; }
sub backs { return map { $_->back } $_[0]->bridges; }
sub redis_fronts { return map { $_->front } $_[0]->redis; }
sub bridge_workers { return map { $_->workers } $_[0]->bridges; }
sub backends { return $_[0]->cluster->backends; }

# Who serves no client: checkpointer, WAL writer, the doorbell. The server begins anew after it.
sub server_workers
{
	my ($self) = @_;
	my $processes = $self->cluster->processes;
	return grep { $processes->{$_} !~ /porcupine_node|postgres postgres/ } sort keys %$processes;
}

# --- what is done to one of them: these make deeds ----------------------------------------------------------------

sub any { return $_[ rand @_ ]; }
sub between { my ($from, $to) = @_; return $from + rand($to - $from); }

sub kills
{
	my ($who) = @_;
	return sub { my @all = $who->(@_); return NOBODY unless @all; any(@all)->kill_and_start; return; };
}

sub stops
{
	my ($who) = @_;
	return sub {
		my @all = $who->(@_) or return NOBODY;
		my $one = any(@all);
		$one->signal('STOP');
		return (between(SHORT), sub { $one->signal('CONT') });
	};
}

sub signals
{
	my ($signal, $whose_pids) = @_;
	return sub { my @all = $whose_pids->(@_); return @all && signal_all($signal, any(@all)) ? () : NOBODY; };
}

sub halts
{
	my ($whose_pids) = @_;
	return sub {
		my @all = $whose_pids->(@_) or return NOBODY;
		my $pid = any(@all);
		signal_all('STOP', $pid);
		return (between(SHORT), sub { signal_all('CONT', $pid) });
	};
}

# What a proxy is told; for a while, or once. Whoever is turned away is hung up on first.
sub spoils
{
	my ($which, $command, @seconds) = @_;
	return sub {
		my @all = $which->(@_) or return NOBODY;
		my $proxy = any(@all);
		my $words = ref $command ? $command->() : $command;
		$proxy->command('cut') if $words eq 'refuse';
		$proxy->command($words);
		return unless @seconds;
		return (between(@seconds), sub { $proxy->command('open') });
	};
}

# --- faults of their own kind ---------------------------------------------------------------------------------------

sub make_standby_lag
{
	my ($self) = @_;
	my ($standby) = $self->standby;
	$standby->lag;
	return (between(1, 5), sub { $standby->catch_up });
}

sub partition
{
	my ($self) = @_;
	my $network = $self->{stack}->network;
	$network->partition;
	return (between(2, 10), sub { $network->mend });
}

# The next flush of one backend fails: PostgreSQL must panic rather than say that it is stored.
sub fail_fdatasync
{
	my ($self) = @_;
	my @all = $self->cluster->backends or return NOBODY;
	my $tracer = Porcupine::Faults::Process->start(
		log => $self->{stack}->folder . '/strace.log',
		command => [
			as_service('timeout', '5', 'strace', '-f', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=1', map { ('-p', $_) } @all)
		]
	);
	return (3, sub { $tracer->end('TERM') });
}

# No more WAL can be written: PostgreSQL panics, and does not come back before there is room. Nothing else is done meanwhile, for
# whoever started it would wait in vain.
sub fill_disk
{
	my ($self) = @_;
	my $ballast = $self->{stack}->wal_space . '/ballast';
	my $cluster = $self->cluster;

	run('/dev/null', 'sh', '-c', "cat /dev/zero >$ballast");
	# what is there already of the next segments is used up
	$cluster->sql('SELECT pg_switch_wal()', 2) foreach 1 .. 4;
	select(undef, undef, undef, between(1, 4));
	unlink($ballast);
	$cluster->mend;
	return;
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
