# Nobody is woken: the worker that rings the doorbell is stopped, and there is no Redis. What one bridge commits the other shows by its
# sweep, within five seconds, and nothing is lost.

use strict;
use warnings;

use FindBin;
use JSON::PP qw(decode_json);
use lib "$FindBin::RealBin/../lib";
use Porcupine::Faults;
use Porcupine::Faults::Process qw(wait_for signal_all);
use Test::More;

my $stack = Porcupine::Faults->new(bridges => 2);
my $cluster = $stack->cluster;

# How long after its ack each event came to the one who got it last, in seconds.
sub delays
{
	my ($round) = @_;
	my (%acked, %last);
	open(my $history, '<', $round->folder . '/history.jsonl') or die "no history: $!";
	while (my $line = <$history>)
	{
		my $did = decode_json($line);
		$acked{ $did->{id} } //= $did->{at} if $did->{op} eq 'ok';
		$last{ $did->{id} } = $did->{at} if $did->{op} eq 'event' && $did->{id};
	}
	return map { ($last{$_} - $acked{$_}) / 1e6 } grep { $last{$_} } keys %acked;
}

# The one worker of the database, which comes when there is something to do.
sub worker
{
	my $processes = $cluster->processes;
	return (grep { $processes->{$_} =~ /porcupine doorbell/ } keys %$processes)[0];
}

# The longest of these, of a round in which the worker is stopped.
sub slowest_of_a_round
{
	my $round = $stack->round(members => 8, rooms => 2, each => 1, rate => 20, cuts => 0);

	$round->start_client;
	# one that has begun: before that, commits notify by themselves
	my $worker = wait_for('the worker', sub { $cluster->sql(q{SELECT worker_pid FROM porcupine.stat_doorbell WHERE mode = 'worker'}) });
	signal_all('STOP', $worker);
	$round->let_send(150);
	$round->finish;
	$round->write_table;
	my $answer = $round->check;
	is(worker(), $worker, 'the worker stood still all the time');
	signal_all('CONT', $worker);
	is_deeply([ grep { $answer->{found}{$_} } sort keys %{ $answer->{found} } ], [], 'nothing is lost') || diag(explain($answer));
	my ($slowest) = sort { $b <=> $a } delays($round);
	cmp_ok($slowest, '>', 0.3, 'wake-ups were lost');
	return $slowest;
}

# A machine that stands still for seconds makes one round slow; a sweep that comes too late, each.
my $slowest = slowest_of_a_round();
for (my $rounds = 1; $slowest >= 5 && $rounds < 4; $rounds++)
{
	diag(sprintf('%.1f seconds: once more', $slowest));
	$slowest = slowest_of_a_round();
}
cmp_ok($slowest, '<', 5, sprintf('which costs %.1f seconds at most', $slowest));

done_testing();
