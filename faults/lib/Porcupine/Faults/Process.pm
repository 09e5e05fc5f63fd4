# Porcupine::Faults::Process: programs that are started, led by lines, hurt and ended. All of them run as the user of the service,
# in a session of their own, and end with this one. It owns their ids: nothing is ever signalled by name.
package Porcupine::Faults::Process;

use strict;
use warnings;

use Exporter 'import';
use IO::Handle;
use IO::Select;
use POSIX ();
use Time::HiRes qw(time usleep clock_gettime CLOCK_MONOTONIC);

our @EXPORT_OK = qw(wait_for now_us as_service run output_of free_port signal_all is_alive);

# Seconds after which something that was to happen is taken not to happen any more.
use constant PATIENCE => 60;

my %started;
my %given;

# The clock of the histories (faults/clock.h).
sub now_us { return int(clock_gettime(CLOCK_MONOTONIC) * 1e6); }

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
	die "timed out waiting for $what\n";
}

# The command as the service's user: PostgreSQL refuses to run as root.
sub as_service
{
	my @command = @_;
	return @command if $> != 0;
	my ($user, $group) = (getpwnam('postgres'))[ 0, 3 ];
	return ('setpriv', "--reuid=$user", "--regid=$group", '--init-groups', @command);
}

# Runs to its end; its output goes to the log. True when it ended well.
sub run
{
	my ($log, @command) = @_;
	my $pid = fork // die "cannot fork: $!";

	become($log, '/dev/null', @command) if $pid == 0;
	waitpid($pid, 0);
	return $? == 0;
}

# Runs to its end, and returns what it said; undef when it failed. INPUT goes to its standard input.
sub output_of
{
	my ($log, $input, @command) = @_;
	pipe(my $from, my $to) or die "cannot make a pipe: $!";
	pipe(my $in, my $feed) or die "cannot make a pipe: $!";
	my $pid = fork // die "cannot fork: $!";

	if ($pid == 0)
	{
		close($_) foreach $from, $feed;
		open(STDIN, '<&', $in);
		open(STDOUT, '>&', $to);
		open(STDERR, '>>', $log);
		exec(@command) or POSIX::_exit(127);
	}
	close($_) foreach $in, $to;
	local $SIG{PIPE} = 'IGNORE';
	print {$feed} $input;
	close($feed);
	my $output = do { local $/ = undef; <$from> };
	waitpid($pid, 0);
	return $? == 0 ? $output : undef;
}

# start(log => FILE, command => [...], env => {...}, led => 0 | 1): led processes are told lines and answer lines.
sub start
{
	my ($class, %how) = @_;
	my $self = bless { name => $how{command}[0], buffer => '' }, $class;
	my ($in, $out);

	if ($how{led})
	{
		pipe($in, $self->{to}) or die "cannot make a pipe: $!";
		pipe($self->{from}, $out) or die "cannot make a pipe: $!";
		$self->{to}->autoflush(1);
	}
	my $pid = fork // die "cannot fork: $!";
	if ($pid == 0)
	{
		POSIX::setsid();
		open(STDIN, '<&', $in) if $in;
		%ENV = (PATH => $ENV{PATH}, %{ $how{env} }) if $how{env};
		become($how{log}, $in ? undef : '/dev/null', @{ $how{command} }, $out);
	}
	close($_) foreach grep { defined } $in, $out;
	$self->{pid} = $pid;
	$started{$pid} = 1;
	return $self;
}

# In the child: the last argument may be where its output goes.
sub become
{
	my ($log, $input, @command) = @_;
	my $out = ref $command[-1] || !defined $command[-1] ? pop @command : undef;

	open(STDIN, '<', $input) if $input;
	open(STDERR, '>>', $log);
	if ($out) { open(STDOUT, '>&', $out); }
	else { open(STDOUT, '>&', \*STDERR); }
	exec(@command) or POSIX::_exit(127);
}

sub pid { return $_[0]{pid}; }

sub say
{
	my ($self, $line) = @_;
	local $SIG{PIPE} = 'IGNORE';
	return print { $self->{to} } "$line\n";
}

# The next line that matches; undef when it has not come in time, or the process has ended.
sub hear
{
	my ($self, $pattern, $seconds) = @_;
	my $deadline = time + ($seconds // PATIENCE);

	while (1)
	{
		while ($self->{buffer} =~ s/\A([^\n]*)\n//)
		{
			my $line = $1;
			return $line if $line =~ $pattern;
		}
		my $left = $deadline - time;
		return undef if $left <= 0 || !IO::Select->new($self->{from})->can_read($left);
		return undef unless sysread($self->{from}, $self->{buffer}, 4096, length($self->{buffer}));
	}
}

# Tells it, and waits for the answer.
sub command
{
	my ($self, $line) = @_;
	$self->say($line);
	return ($self->hear(qr/\A(?:ok|not understood)\z/) // '') eq 'ok' || die "$self->{name} does not obey: $line\n";
}

sub signal { my ($self, $signal) = @_; return kill $signal, $self->{pid}; }

sub has_ended
{
	my ($self) = @_;
	return 1 unless $started{ $self->{pid} };
	return 0 if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;
	$self->{status} = $?;
	delete $started{ $self->{pid} };
	return 1;
}

# Ends it by a signal and waits until it has ended; its wait status.
sub end
{
	my ($self, $signal, $seconds) = @_;

	return $self->{status} if $self->has_ended;
	kill $signal, $self->{pid};
	eval { wait_for("$self->{name} to end", sub { $self->has_ended }, $seconds // 15) } or do
	{
		kill 'KILL', $self->{pid};
		wait_for("$self->{name} to be killed", sub { $self->has_ended });
	};
	return $self->{status};
}

sub signal_all { my ($signal, @pids) = @_; return kill $signal, @pids; }
sub is_alive { return kill 0, $_[0]; }

# A port that nobody listens on just now and that was not given before, below those that the kernel gives to clients.
sub free_port
{
	require IO::Socket::INET;
	foreach (1 .. 100)
	{
		my $port = 20000 + int(rand(10000));
		my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1);
		next if !$socket || $given{$port}++;
		close($socket);
		return $port;
	}
	die "no free port\n";
}

END
{
	local ($?, $!);
	kill 'CONT', keys %started;
	kill 'KILL', keys %started;
	waitpid($_, 0) foreach keys %started;
}

1;
