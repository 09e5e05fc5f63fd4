# faults/torture.pl: what faults/torture runs. Rounds follow each other, each with people and rooms of its own; a stack serves some
# rounds and is then made anew. Every run shows first, in real traffic, that the checker finds what it has to find. It ends at the
# first finding, and leaves the round's folder to be looked at.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use JSON::PP ();
use Porcupine::Faults;
use Porcupine::Faults::Menu;
use Time::HiRes qw(time usleep);

# NAME=VALUE on the command line. A run ends after so many seconds, or once the totals have so many kills and sends.
my %options = (
	seconds => 600,
	kills => 1_000_000,
	sends => 1_000_000_000,
	seed => time ^ $$,
	round => 40,			# seconds of traffic
	rate => 900,			# sends a second that are tried
	rounds => 4,			# of one stack
	members => 24,
	rooms => 6,
	pause => 0.6,			# seconds between two faults, on average
	plants => 1,			# 0: leave out what the checker must find first
	record => undef,
	only => undef			# stacks of this kind
);

# What a stack is made of, in turn, and how it is restored; some need root and are left out where this is not root.
my @kinds = (
	{ name => 'with Redis', stack => { bridges => 3, redis => 2 }, restore => 'restored from a copy' },
	{ name => 'without Redis', stack => { bridges => 2, archive => 1 }, restore => 'restored to a point in time' },
	{ name => 'with a standby', stack => { bridges => 2, redis => 1, standby => 1 }, rounds => 4 },
	{ name => 'with workers', stack => { bridges => 2, redis => 1, workers => 2 }, rounds => 3 },
	{ name => 'partitioned', stack => { bridges => 1, network => 1 }, possible => Porcupine::Faults::Network::is_possible(), rounds => 3 },
	{ name => 'disk full', stack => { bridges => 2, redis => 1, wal_space => 160 }, possible => $> == 0, rounds => 2 },
);

my $json = JSON::PP->new->utf8->canonical->pretty;
my $began = time;
my ($stack, $totals);

# so that whatever was started ends too
local $SIG{INT} = local $SIG{TERM} = sub { exit 130 };
main();

sub main
{
	read_options();
	srand($options{seed});
	print "seed $options{seed}\n";
	$totals = read_totals();
	$totals->{runs}++;
	show_that_it_catches() if $options{plants};
	my @turns = grep { ($_->{possible} // 1) && (!defined $options{only} || $_->{name} eq $options{only}) } @kinds;
	print "left out, for it needs root and nftables: $_->{name}\n" foreach grep { !($_->{possible} // 1) } @kinds;
	die "there is no kind of stack '$options{only}'\n" unless @turns;
	for (my $turn = 0; !is_enough(); $turn++)
	{
		torture($turns[ $turn % @turns ]);
	}
	summary();
	return;
}

sub read_options
{
	foreach my $argument (@ARGV)
	{
		my ($name, $value) = $argument =~ /\A(\w+)=(.*)\z/ or die "not NAME=VALUE: $argument\n";
		die "there is no option '$name'; they are: @{[ sort keys %options ]}\n" unless exists $options{$name};
		$options{$name} = $value;
	}
	return;
}

# The lies of faults/t/02_plants.pl, and the histories of 01_checker.pl.
sub show_that_it_catches
{
	system('prove', map { "$FindBin::RealBin/t/$_" } '01_checker.pl', '02_plants.pl') == 0
	  or die "the checker does not catch what it must catch; then it proves nothing\n";
	return;
}

sub is_enough
{
	return time - $began > $options{seconds} || $totals->{kills} >= $options{kills} && $totals->{count}{sends} >= $options{sends};
}

# --- one stack, some rounds ---------------------------------------------------------------------------------

sub torture
{
	my ($kind) = @_;

	$stack = Porcupine::Faults->new(%{ $kind->{stack} });
	foreach my $number (1 .. $kind->{rounds} // $options{rounds})
	{
		last if is_enough();
		my $menu = Porcupine::Faults::Menu->new($stack);
		my ($answer, $seconds) = one_round($kind, $menu, $number);

		add_to_totals($answer, $menu, $seconds);
		report($kind, $answer, $menu, $seconds);
		give_up($answer) if grep { $_ } values %{ $answer->{found} };
	}
	$stack->end;
	return;
}

sub one_round
{
	my ($kind, $menu, $number) = @_;
	my $round = $stack->round(map { $_ => $options{$_} } qw(members rooms rate));
	my $restore = $number % 2 == 0 ? $kind->{restore} : undef;
	my $started = time;

	prepare($restore) if $restore;
	$round->start_client;
	$round->start_driver;
	my $until = time + $options{round};
	my $restore_at = $until - $options{round} / 2;
	my $next = time;
	while (time < $until)
	{
		$menu->tick;
		usleep(20_000);
		if ($restore && time > $restore_at)
		{
			$menu->do($restore);
			$restore = undef;
		}
		next if time < $next;
		$menu->do_something;
		$next = time + rand(2 * $options{pause});
	}
	$menu->mend;
	$round->end_driver;
	$round->finish;
	$round->write_table;
	return ($round->check, time - $started);
}

sub prepare
{
	my ($restore) = @_;

	if ($restore =~ /copy/) { $stack->cluster->take_copy; }
	else { $stack->cluster->take_backup; }
	$stack->wait_until_ready;
	return;
}

sub give_up
{
	my ($answer) = @_;

	$stack->keep;
	print "$_\n" foreach @{ $answer->{violations} };
	print 'what everybody did is in ', $stack->current_round->folder, "\n";
	summary();
	exit 1;
}

# --- the totals -------------------------------------------------------------------------------------------------

sub read_totals
{
	my $empty = { runs => 0, rounds => 0, seconds => 0, kills => 0, faults => {}, count => { sends => 0 }, found => {} };

	open(my $file, '<', $options{record} // '/nonexistent') or return $empty;
	local $/ = undef;
	return $json->decode(<$file>);
}

sub add_to_totals
{
	my ($answer, $menu, $seconds) = @_;

	$totals->{rounds}++;
	$totals->{seconds} += int($seconds);
	$totals->{kills} += $menu->kills_done;
	$totals->{faults}{$_} += $menu->counts->{$_} foreach keys %{ $menu->counts };
	foreach my $part (qw(count found))
	{
		$totals->{$part}{$_} += $answer->{$part}{$_} foreach keys %{ $answer->{$part} };
	}
	return unless defined $options{record};
	open(my $file, '>', "$options{record}.new") or die "cannot write $options{record}.new: $!\n";
	print {$file} $json->encode($totals);
	close($file);
	return rename("$options{record}.new", $options{record});
}

sub report
{
	my ($kind, $answer, $menu, $seconds) = @_;
	my $faults = 0;

	$faults += $_ foreach values %{ $menu->counts };
	printf "round %d, %s: %d s, %d faults, %d kills, %d sends, %d acknowledged, %d in doubt, %d shown, %d removals, found %s\n", $totals->{rounds},
	  $kind->{name}, $seconds, $faults, $menu->kills_done, @{ $answer->{count} }{qw(sends acknowledged in-doubt events removals)},
	  join(', ', map { "$answer->{found}{$_} $_" } grep { $answer->{found}{$_} } sort keys %{ $answer->{found} }) || 'nothing';
	STDOUT->flush;
	return;
}

sub summary
{
	my ($count, $found, $faults) = @{$totals}{qw(count found faults)};
	my $sum = sub { my $n = 0; $n += $found->{$_} // 0 foreach @_; return $n; };

	printf "\nin all: %d runs, %d rounds, %d minutes, %d kills, %d sends, %d acknowledged, %d events shown\n", @{$totals}{qw(runs rounds)},
	  $totals->{seconds} / 60, $totals->{kills}, map { $_ // 0 } @{$count}{qw(sends acknowledged events)};
	printf "  %-32s %6d\n", $_, $faults->{$_} foreach sort keys %$faults;
	printf "  %-32s %6d\n", $_, $count->{$_} foreach sort keys %$count;
	printf "%d lost, %d duplicated, %d out of order, %d reads after removal\n", $sum->(qw(lost gap undelivered hole)), $sum->('twice'),
	  $sum->('order'), $sum->('revoked');
	printf "%d shown but never stored or sent, %d disagreements, %d refused but stored\n", $sum->('phantom'), $sum->('disagree'), $sum->('refused-stored');
	return;
}
