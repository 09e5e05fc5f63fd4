# Porcupine::Faults::Network: a network namespace in which one bridge runs, with a cable to the rest, which can be cut in either
# direction by nftables. It needs root, and owns the namespace, which goes with it.
package Porcupine::Faults::Network;

use strict;
use warnings;

use Porcupine::Faults::Process qw(run output_of);

# What is dropped inside: what comes, what goes, or both; of the database alone, or of everybody.
my %rules = (
	'answers of the database' => ['in', 'tcp sport 5432'],
	'questions to the database' => ['out', 'tcp dport 5432'],
	'all that comes' => ['in', 'meta l4proto tcp'],
	'all that goes' => ['out', 'meta l4proto tcp'],
);

sub is_possible { return $> == 0 && -x '/usr/sbin/nft' && (-x '/usr/sbin/ip' || -x '/sbin/ip'); }

sub new
{
	my ($class, $log) = @_;
	my $number = $$ % 250 + 1;
	my $self = bless { log => $log, name => "porcupine-faults-$$", cable => "pf$$", outside => "10.213.$number.1", inside => "10.213.$number.2" }, $class;

	foreach my $words (
		[ 'netns', 'add', $self->{name} ],
		[ 'link', 'add', "$self->{cable}a", 'type', 'veth', 'peer', 'name', "$self->{cable}b", 'netns', $self->{name} ],
		[ 'addr', 'add', "$self->{outside}/30", 'dev', "$self->{cable}a" ],
		[ 'link', 'set', "$self->{cable}a", 'up' ],
		[ '-n', $self->{name}, 'addr', 'add', "$self->{inside}/30", 'dev', "$self->{cable}b" ],
		[ '-n', $self->{name}, 'link', 'set', "$self->{cable}b", 'up' ],
		[ '-n', $self->{name}, 'link', 'set', 'lo', 'up' ]
	  )
	{
		run($log, 'ip', @$words) or die "ip @$words failed: see $log\n";
	}
	return $self;
}

sub outside { return $_[0]{outside}; }
sub inside { return $_[0]{inside}; }
# The beginning of a command that shall run inside.
sub enter { return ('ip', 'netns', 'exec', $_[0]{name}); }

sub partition
{
	my ($self) = @_;
	my @names = sort keys %rules;
	my ($way, $what) = @{ $rules{ $names[ rand @names ] } };
	my $hook = $way eq 'in' ? 'input' : 'output';

	$self->mend;
	return defined output_of($self->{log}, "table inet faults {\nchain c {\ntype filter hook $hook priority 0;\n$what drop;\n}\n}\n", $self->enter, 'nft', '-f', '-')
	  || die "nft failed: see $self->{log}\n";
}

sub mend
{
	my ($self) = @_;
	return defined output_of($self->{log}, "table inet faults\ndelete table inet faults\n", $self->enter, 'nft', '-f', '-');
}

sub end
{
	my ($self) = @_;
	return run($self->{log}, 'ip', 'netns', 'del', $self->{name});
}

1;
