# Who is silent is pinged, and hung up when no answer comes; whoever answers stays, both ways. The bridge pings after 25 seconds and gives up
# after 60, and nginx waits longer than that.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Test::More;
use Time::HiRes qw(time);

use constant GIVEN_UP_AFTER_S => 100;

my $stack = start_stack();
my @clients = stand_at_the_edge($stack);
my $ada = $stack->person('ada');
# all at once, for it takes a minute
my @sockets = map { [ $_->signed_in($ada), $_->signed_in($ada) ] } @clients;

foreach my $i (0, 1)
{
	$sockets[$i][1]{answer_pings} = 0;
}
my $deadline = time + GIVEN_UP_AFTER_S;
while (time < $deadline && grep { $_->[1]{open} } @sockets)
{
	foreach my $pair (@sockets)
	{
		my ($answering, $silent) = @$pair;
		1 while $answering->next_message(0.1);
		while (my $frame = $silent->{open} ? $silent->next_frame(0.1) : undef)
		{
			$silent->{pinged}++ if $frame->{opcode} == 9;
		}
	}
}
foreach my $i (0, 1)
{
	my ($answering, $silent) = @{ $sockets[$i] };

	subtest $i ? 'through nginx' : 'direct' => sub {
		ok($silent->{pinged}, 'who is silent is pinged');
		ok(!$silent->{open}, 'who does not answer is hung up');
		ok($answering->{open}, 'who does stays');
		$answering->say({ type => 'ping' });
		ok($answering->hear('pong'), 'and goes on');
	};
}

done_testing();
