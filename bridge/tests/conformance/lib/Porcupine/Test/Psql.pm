# Porcupine::Test::Psql: a psql that stays, for transactions that are open while other things happen.
package Porcupine::Test::Psql;

use strict;
use warnings;

use IPC::Run ();
use Porcupine::Test::Client;

# new(CONNECTION STRING)
sub new
{
	my ($class, $connection) = @_;
	my $self = bless { in => '', out => '', err => '' }, $class;

	$self->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $connection ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err});
	return $self;
}

# Says it without waiting for the answer.
sub says
{
	my ($self, $sql) = @_;

	$self->{in} .= "$sql\n";
	$self->{run}->pump_nb;
	return;
}

# The same, and waits until it is done; an error fails the test.
sub has_said
{
	my ($self, $sql) = @_;
	my $mark = 'said_' . uuid();

	$self->says("$sql\n\\echo $mark");
	wait_for("psql to have said $sql", sub { $self->{run}->pump_nb; $self->{out} =~ /$mark/ });
	die $self->{err} if $self->{err} =~ /ERROR/;
	return;
}

sub pump { my ($self) = @_; return $self->{run}->pump_nb; }

1;
