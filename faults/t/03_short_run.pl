# A short run of what `make torture` does for hours: people send while bridges, PostgreSQL and Redis are killed, stopped, cut off and
# slowed down, members are removed and let in again, and the database is taken back to an earlier time. Nothing may be lost, doubled,
# out of order, or read after a removal; and something must have happened.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use Porcupine::Faults;
use Porcupine::Faults::Menu;
use Porcupine::Faults::Process qw(wait_for);
use Test::More;
use Time::HiRes qw(time usleep);

my $seed = $ENV{PORCUPINE_SEED} // time ^ $$;
srand($seed);
diag("PORCUPINE_SEED=$seed makes the same choices");

my $stack = Porcupine::Faults->new(bridges => 2, redis => 2);
my $menu = Porcupine::Faults::Menu->new($stack);
my @menu = ('bridge killed', 'bridge killed', 'bridge stopped', 'backend killed', 'PostgreSQL killed', "PostgreSQL's worker killed", 'PostgreSQL stopped',
	'clients half-open', 'database half-open', 'database cut off', 'clients cut off', 'Redis killed', 'Redis stopped', 'Redis half-open');

# All of the menu once, in some order, with a pause in which things go on.
sub spoil
{
	my @faults = sort { rand() <=> 0.5 } @_;
	foreach my $fault (@faults)
	{
		$menu->do($fault);
		my $until = time + 0.5 + rand(1);
		while (time < $until)
		{
			$menu->tick;
			usleep(50_000);
		}
	}
	$menu->mend;
	return;
}

# How many members the driver has removed.
sub removals
{
	my ($round) = @_;
	open(my $membership, '<', $round->folder . '/membership.jsonl') or die "no membership: $!";
	return scalar(grep { /"op":"removed"/ } <$membership>);
}

sub account
{
	my ($round, $name) = @_;

	$round->end_driver;
	$round->finish;
	$round->write_table;
	my $answer = $round->check;
	my $found = is_deeply([ grep { $answer->{found}{$_} } sort keys %{ $answer->{found} } ], [], "$name: nothing lost, doubled, out of order or read after a removal");
	diag(explain($answer)) unless $found;
	$stack->keep unless $found;
	note("$name: $_ $answer->{count}{$_}") foreach sort keys %{ $answer->{count} };
	return $answer;
}

my $round = $stack->round(members => 16, rooms => 4, each => 2, rate => 150);
$round->start_client;
$round->start_driver;
spoil(@menu);
# while something is broken there may be nobody to refuse what they read
my $so_far = removals($round);
wait_for('removals in peace', sub { removals($round) >= $so_far + 5 });
my $answer = account($round, 'pieces broken');
cmp_ok($answer->{count}{$_}, '>', 0, "there were $_") foreach qw(acknowledged in-doubt repeated removals reads-refused-after-removal);

$round = $stack->round(members => 8, rooms => 2, each => 1, rate => 100);
$stack->cluster->take_copy;
$stack->wait_until_ready;
$round->start_client;
$round->start_driver;
$round->let_send(150);
spoil('restored from a copy');
$round->let_send(50);
$answer = account($round, 'an earlier time restored');
cmp_ok($answer->{count}{$_}, '>', 0, "there were $_") foreach qw(undone-by-restore resets);

done_testing();
