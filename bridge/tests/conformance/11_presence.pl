# Who is online and who types is seen across bridges: who was there before, who comes and goes, who is at both; the users of a bridge
# that is killed go offline by themselves; without Redis each bridge knows of its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Redis;
use Test::More;

my $redis = Porcupine::Test::Redis->new;
my $here = start_stack(conf => "max_connections = 60\n", env => { PORCUPINE_REDIS => $redis->url });
my $there = $here->another_bridge;
my ($ada, $ben, $cas) = map { $here->person($_) } qw(ada ben cas);
my $room = $here->room($ada, $ben, $cas);

$_->wait_for_redis foreach $here, $there;

sub subscribed
{
	my ($bridge, $person) = @_;
	return $bridge->signed_in($person)->subscribe($room);
}

# hears(SOCKET, PERSON, ONLINE): that this one has come or gone.
sub hears
{
	my ($ws, $person, $online) = @_;
	return $ws->hear(
		sub { $_[0]{type} eq 'presence' && $_[0]{user} eq $person->{id} && !$_[0]{online} == !$online });
}

sub names { my ($ids) = @_; return [ sort { $a <=> $b } @$ids ]; }

my $first = subscribed($here, $ada);
is_deeply($first->{subscribed}{online}, [ $ada->{id} ], 'the first is alone');
my $second = subscribed($there, $ben);
ok(hears($first, $ben, 1), 'who comes at the other bridge is seen to come');
ok($second->{subscribed}{online}[0] eq $ben->{id} && (@{ $second->{subscribed}{online} } > 1 || hears($second, $ada, 1)),
	'and sees who was there before');
my $third = subscribed($there, $cas);
is_deeply(names($third->{subscribed}{online}), names([ map { $_->{id} } $ada, $ben, $cas ]), 'the list has everybody, wherever they are');
ok(hears($first, $cas, 1), 'one more');

# Typing.
$first->say({ type => 'typing', room => $room });
is(($second->hear('typing') // {})->{user}, $ada->{id}, 'who types is seen to at the other bridge');

# At both bridges, then at one.
my $again = subscribed($here, $cas);
$third->close;
$second->say({ type => 'typing', room => $room });
ok($first->hear('typing'), 'something else comes meanwhile');
ok(!(grep { $_->{type} eq 'presence' && $_->{user} eq $cas->{id} && !$_->{online} } @{ $first->{heard} }),
	'who is still at another bridge has not gone');
$again->close;
ok(hears($first, $cas, 0), 'who has left both has');
ok(hears($second, $cas, 0), 'at either bridge');

# A bridge is killed.
my $begin = $here->own_seconds;
$there->stop_bridge('KILL');
ok(hears($first, $ben, 0), 'who was at a bridge that is killed goes offline');
cmp_ok($here->own_seconds - $begin, '<', 11, 'within ten seconds or so');
is($redis->command('SMEMBERS', 'porcupine:online:' . "$first->{ready}{stream}:{$room}") =~ tr/\n//, 0, 'and is taken out of the set');
$there->start_bridge;
$there->wait_for_redis(2);
$second = subscribed($there, $ben);
ok(hears($first, $ben, 1), 'and comes back with it');

# Redis loses everything; it is told again.
$redis->stop('KILL');
ok(hears($first, $ben, 0), 'without Redis each bridge knows of its own');
$redis->start;
ok(hears($first, $ben, 1), 'and with it of all again');
ok(hears($second, $ada, 1), 'on both sides');

# A clean end leaves nothing behind.
$there->stop_bridge;
ok(hears($first, $ben, 0), 'who is sent away by a clean end is offline at once');

done_testing();
