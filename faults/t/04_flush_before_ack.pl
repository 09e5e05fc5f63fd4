# The order of a send, as the kernel sees it: the WAL is written, flushed, and only then does the backend answer the bridge and the
# bridge the client. And where the flush fails there is no ack: PostgreSQL panics, and the send is repeated and stored once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use Porcupine::Faults;
use Porcupine::Faults::Process qw(wait_for as_service);
use Test::More;

my $stack = Porcupine::Faults->new;
my $cluster = $stack->cluster;
my ($bridge) = $stack->bridges;
my $round = $stack->round(members => 1, rooms => 1, each => 1, rate => 0, cuts => 0);
my ($room, $user) = $round->somebody;
my $trace = $cluster->socket . '/trace';

# The calls of several processes stand in one file, in the order in which they were made.
sub attach
{
	my ($pids, @how) = @_;
	my @pids = @$pids;
	my $strace = Porcupine::Faults::Process->start(
		log => "$trace.log",
		command => [ as_service('strace', '-f', '-y', '-s', '3000', '-o', $trace, @how, map { ('-p', $_) } @pids) ]
	);

	wait_for(
		'strace to attach',
		sub {
			return 1 if (() = slurp("$trace.log") =~ / attached/g) >= @pids;
			return 0 unless $strace->has_ended;
			my $said = slurp("$trace.log");
			plan(skip_all => "strace may not attach here: $said") if $said =~ /not permitted/;
			die "strace ended: $said\n";
		}
	);
	return $strace;
}

sub slurp
{
	my ($path) = @_;
	open(my $file, '<', $path) or return '';
	local $/ = undef;
	return <$file> // '';
}

sub stored { return $cluster->sql("SELECT count(*) FROM porcupine.events WHERE room_id = $room AND client_id IS NOT NULL"); }

# The number of the first line from this one on that matches, or undef.
sub line_of
{
	my ($lines, $from, $pattern) = @_;
	foreach my $number ($from .. $#$lines)
	{
		return $number if $lines->[$number] =~ $pattern;
	}
	return undef;
}

$round->start_client;

# --- the order ----------------------------------------------------------------------------------------------

my $processes = $cluster->processes;
# who may be gone at any moment has no part in it
my @lasting = grep { $processes->{$_} !~ /autovacuum worker|porcupine maintenance/ } keys %$processes;
my $strace = attach([ $bridge->pid, $cluster->postmaster, @lasting ], '-e', 'trace=pwrite64,pwritev,fdatasync,fsync,sendto,send,sendmsg,write,writev');
$round->probe($room, $user);
wait_for('the message', sub { stored() > 0 });
wait_for('the ack', sub { slurp($trace) =~ /type\\":\\"ack/ });
$strace->end('TERM');

my @lines = split /\n/, slurp($trace);
my $bridge_pid = $bridge->pid;
# the event may go to the sender in the same write, before the ack
my $ack = line_of(\@lines, 0, qr/\A$bridge_pid .*type\\":\\"(?:ack|event)/);
my $asked = line_of(\@lines, 0, qr/\A$bridge_pid .*porcupine\.send_many/);
# the answer has the names of the columns
my $told = (grep { $lines[$_] !~ /\A$bridge_pid / && $lines[$_] =~ /sendto\(\d+<(?:UNIX|socket).*condition/ } $asked // 0 .. $ack // 0)[-1];
my $flushed = (grep { $lines[$_] =~ /(?:fdatasync\(\d+<[^>]*pg_wal|fdatasync resumed).*= 0/ } $asked // 0 .. $told // 0)[-1];
my $written = (grep { $lines[$_] =~ /pwritev?(?:64)?\(\d+<[^>]*pg_wal/ } $asked // 0 .. $flushed // 0)[-1];
ok(defined $asked, 'the bridge asks that it be stored');
ok(defined $written, 'then the WAL is written');
ok(defined $flushed, 'then flushed');
ok(defined $told, 'then the backend answers');
ok(defined $ack, 'then the bridge acknowledges and shows it');
my @between = map { $_ // 'nowhere' } ($asked, $written, $flushed, $told, $ack);
is("@between", join(' ', sort { $a <=> $b } grep { /\d/ } @between), 'in this order') || diag(join("\n", @lines));

# --- a flush that fails ------------------------------------------------------------------------------------------

my $tries = 0;
my $panic = sub { slurp($stack->folder . '/server.log') =~ /PANIC:.*Input\/output error/ };
$strace = attach([ $cluster->backends ], '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO');
# the WAL writer, whose flushes succeed, may have been there first
until ($panic->() || $tries++ >= 20)
{
	$round->probe($room, $user);
	eval { wait_for('a panic', $panic, 1) };
}
ok($panic->(), 'PostgreSQL panics');
$strace->end('TERM');
$cluster->mend;
$stack->wait_until_ready;
my $sent = $round->finish;
$round->write_table;
my $answer = $round->check;
is_deeply([ grep { $answer->{found}{$_} } sort keys %{ $answer->{found} } ], [], 'and nothing is lost or stored twice') || diag(explain($answer));
is($answer->{count}{acknowledged}, $sent, 'all are acknowledged in the end');
cmp_ok($answer->{count}{'in-doubt'}, '>', 0, 'the one whose flush failed after it had no answer');

done_testing();
