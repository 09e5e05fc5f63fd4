# One bridge of three cannot reach Redis, the others can: what it commits reaches them by the one that listens for all, what they
# commit reaches it by the database. Each time it is the relay, or it is not. When it can reach Redis again, all is as before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Redis;
use Test::More;
use Time::HiRes qw(time);

my @rights = qw(~porcupine:* &porcupine:* -@all +ping +select +publish +subscribe +unsubscribe +sadd +srem +smembers +scard +smismember +del +expire);
my $redis = Porcupine::Test::Redis->new(map { ('--user', "node$_", 'on', '>secret', @rights) } 0 .. 2);
my $first = start_stack(conf => "max_connections = 90\n", env => { PORCUPINE_REDIS => $redis->url('node0:secret') });
my @bridges = ($first, map { $first->another_bridge(PORCUPINE_REDIS => $redis->url("node$_:secret")) } 1 .. 2);
my ($ada) = $first->person('ada');
my $room = $first->room($ada);
my $head = 1;

sub subscribed
{
	my ($bridge) = @_;
	return $bridge->signed_in($ada)->subscribe($room);
}

my @sockets;

# in_turns(WHAT, SECONDS): each says something in turns, and all have it before the next; all of it in time: had each of the twelve to wait for
# a sweep, it would be 24 seconds.
sub in_turns
{
	my ($what, $seconds) = @_;
	my $begin = time;

	foreach my $n (1 .. 4)
	{
		foreach my $from (@sockets)
		{
			$from->say(sending($room, "$what $n"));
			$head++;
			$_->events($room, $head) foreach @sockets;
		}
	}
	cmp_ok(time - $begin, '<', $seconds, "$what: within $seconds seconds");
	is(scalar(grep { json_text([ map { $_->{seq} } $_->events($room, $head, 1) ]) ne json_text([ 2 .. $head ]) } @sockets),
		0, "$what: everything, in order, once");
	return;
}

sub all_is_well { return 1 == (grep { $_->passing_on } @bridges) && 2 == grep { $_->relying } @bridges; }

wait_for('two to rely on one', \&all_is_well);
@sockets = map { subscribed($_) } @bridges;
in_turns('with Redis', 12);

foreach my $kind ('relay', 'other')
{
	my ($cut) = grep { $bridges[$_]->passing_on == ($kind eq 'relay') } 0 .. 2;

	$redis->command('ACL', 'SETUSER', "node$cut", 'off');
	$redis->command('CLIENT', 'KILL', 'USER', "node$cut");
	# no more than a sweep for each of the first
	in_turns("the $kind is cut off", 12 * 5);
	wait_for('it to listen for itself, and one of the others for both',
		sub {
			return !$bridges[$cut]->relying && 1 == grep { $_ != $cut && $bridges[$_]->relying } 0 .. 2;
		});
	in_turns("the $kind is cut off, still", 12);
	$redis->command('ACL', 'SETUSER', "node$cut", 'on');
	wait_for('two to rely on one', \&all_is_well);
	in_turns("the $kind is back", 12);
}

done_testing();
