# Sockets that come at once are asked for together, and each gets its own answer: who is good and who is not, who may read which
# room and from where.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;

my $stack = start_stack(conf => "max_connections = 60\n");
my @people = map { $stack->person("user$_") } 0 .. 59;
my $room = $stack->room(@people[ 0 .. 39 ]);
my $other = $stack->room(@people[ 20 .. 59 ]);
my $head = 40;

# every fifth session has ended, every seventh account is disabled
sub is_good { my ($n) = @_; return $n % 5 != 0 && $n % 7 != 0; }
$stack->sql('UPDATE porcupine.sessions SET ended_at = now() WHERE id IN ('
	  . join(',', map { $people[$_]{session} } grep { $_ % 5 == 0 } 0 .. 59)
	  . ')');
$stack->sql('UPDATE porcupine.users SET disabled_at = now() WHERE id IN ('
	  . join(',', map { $people[$_]{id} } grep { $_ % 7 == 0 } 0 .. 59)
	  . ')');
$stack->sql("UPDATE porcupine.members SET role = 'pending' WHERE room_id = $room AND user_id IN ($people[1]{id}, $people[2]{id})");
$head += 2;

# All say who they are before any is listened to.
my @sockets = map { $stack->websocket } @people;
$sockets[$_]->say({ type => 'auth', token => $people[$_]{token} }) foreach 0 .. $#people;
foreach my $n (0 .. $#people)
{
	if (is_good($n))
	{
		my $ready = $sockets[$n]->hear('ready');
		is_deeply($ready->{user},
			{ id => $people[$n]{id}, username => "user$n", display_name => "User$n" }, "user$n is who they are");
		is($ready->{device}, $people[$n]{device}, 'on their device');
	}
	else
	{
		is($sockets[$n]->closing, 4419, "user$n is sent away");
	}
}

# All subscribe to both rooms, from cursors of their own.
my @good = grep { is_good($_) } 0 .. $#people;
foreach my $n (@good)
{
	$sockets[$n]->say({ type => 'subscribe', room => $room, after => $n });
	$sockets[$n]->say({ type => 'subscribe', room => $other, $n % 2 ? (after => 1000 + $n) : () });
}
foreach my $n (@good)
{
	my %answer;
	foreach (1, 2)
	{
		my $heard = $sockets[$n]->hear(sub { $_[0]{type} =~ /\A(?:subscribed|reset|error)\z/ });
		$answer{ $heard->{room} } = $heard;
	}
	if ($n == 1 || $n == 2)
	{
		is($answer{$room}{code}, 'role', "user$n waits to be let in");
	}
	elsif ($n < 40)
	{
		is("$answer{$room}{type} $answer{$room}{head}", "subscribed $head", "user$n is subscribed");
		is_deeply(
			[ map { $_->{seq} } $sockets[$n]->events($room, $head) ],
			[ $n + 1 .. $head ],
			'from their own cursor on'
		);
	}
	else
	{
		is($answer{$room}{code}, 'not_member', "user$n is no member");
	}
	is( $n < 20 ? $answer{$other}{code} : "$answer{$other}{type} $answer{$other}{head}",
		$n < 20 ? 'not_member' : $n % 2 ? 'reset 40' : 'subscribed 40',
		'and the other room has its own answer'
	);
}

done_testing();
