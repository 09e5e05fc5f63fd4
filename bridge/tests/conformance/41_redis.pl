# Two bridges and Redis: what one commits, the other shows, in order and once, without asking the database; when Redis is killed or
# stopped, delivery on the same bridge goes on and the other bridge is behind by seconds, not for good; when it is back, all is as before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Redis;
use Test::More;

# With the rights that it needs and no others, as SECURITY.md names them.
my $redis = Porcupine::Test::Redis->new('--user',
	qw(chat on >se%cr:et ~porcupine:* &porcupine:* -@all +ping +select +publish +subscribe +unsubscribe +sadd +srem +smembers +scard +smismember +del +expire +evalsha +eval +time +exists +get +set));
my $here = start_stack(
	conf => "max_connections = 60\n",
	env => { PORCUPINE_REDIS => $redis->url('chat:se%25cr%3Aet') }
);
my $there = $here->another_bridge;
my ($ada, $ben, $cas) = map { $here->person($_) } qw(ada ben cas);
my $room = $here->room($ada, $ben, $cas);
my $head = 3;

sub subscribed
{
	my ($bridge, $person) = @_;
	return $bridge->signed_in($person)->subscribe($room);
}

$_->wait_for_redis foreach $here, $there;
my ($first, $second) = (subscribed($here, $ada), subscribed($there, $ben));

# --- all is well -------------------------------------------------------------------------------------------

sub all_is_well { return 1 == (grep { $_->passing_on } $here, $there) && 1 == grep { $_->relying } $here, $there; }

ok(wait_for('one to rely on the other', \&all_is_well), 'there is one relay');
my ($relay) = grep { $_->passing_on } $here, $there;
my $other = $relay == $here ? $there : $here;

$first->say(sending($room, "from one, nr $_")) foreach 1 .. 200;
$second->say(sending($room, "from the other, nr $_")) foreach 1 .. 200;
$head += 400;
foreach my $ws ($first, $second)
{
	my @events = $ws->events($room, $head);
	is_deeply([ map { $_->{seq} } @events ], [ 4 .. $head ], 'everything, in order, once');
}
is_deeply([ $second->events($room, $head) ], [ $first->events($room, $head) ], 'the same at both');

# each of them would have waited for two seconds
my $begin = $there->own_seconds;
foreach my $n (1 .. 20)
{
	$first->say(sending($room, "one at a time $n"));
	$second->events($room, ++$head);
}
cmp_ok($there->own_seconds - $begin, '<', 10, 'without waiting for a sweep');

# What SQL commits comes by the relay.
my $waited = 0;
foreach my $n (1 .. 10)
{
	$head = $here->sql_send($ada, $room, "by SQL $n");
	$begin = $there->own_seconds;
	$_->events($room, $head) foreach $first, $second;
	$waited += $there->own_seconds - $begin;
}
cmp_ok($waited, '<', 10, 'what SQL sends comes at once, at both');

# So do memberships and the ends of sessions.
my $waiting = $other->signed_in($cas);
my $new = $here->room($ada);
$here->sql("INSERT INTO porcupine.members (room_id, user_id) VALUES ($new, $cas->{id})");
ok($waiting->hear(sub { $_[0]{type} eq 'membership' && $_[0]{room} eq $new }), 'who is added hears of it');
is($relay->http('POST', '/api/auth/logout/', token => $cas->{token})->{status}, 204, 'logged out at the relay');
$begin = $other->own_seconds;
is($waiting->closing, 4419, 'cut at the other');
cmp_ok($other->own_seconds - $begin, '<=', 2, 'within two seconds');

# --- Redis is stopped, then killed ------------------------------------------------------------------------------

sub delivery_goes_on
{
	my ($how) = @_;
	my $near = subscribed($here, $ben);
	my @begin = map { $_->own_seconds } $here, $there;

	$first->say(sending($room, "while Redis is $how"));
	$near->events($room, ++$head);
	cmp_ok($here->own_seconds - $begin[0], '<', 1, "$how: the same bridge goes on");
	$second->events($room, $head);
	cmp_ok($there->own_seconds - $begin[1], '<=', 5, "$how: the other follows within five seconds");
	wait_for("$how: everybody to listen", sub { !grep { $_->relying } $here, $there });
	$begin = $there->own_seconds;
	foreach my $n (1 .. 10)
	{
		$first->say(sending($room, "$how, nr $n"));
		$second->events($room, ++$head);
	}
	cmp_ok($there->own_seconds - $begin, '<', 10, "$how: then doorbells do");
	$near->close;
	return;
}

sub redis_is_used_again
{
	my ($how) = @_;

	wait_for("$how: one to rely on the other", \&all_is_well);
	$begin = $here->own_seconds;
	foreach my $n (1 .. 20)
	{
		$second->say(sending($room, "$how, back, nr $n"));
		$first->events($room, ++$head);
	}
	cmp_ok($here->own_seconds - $begin, '<', 10, "$how: back, it is used again");
	return;
}

$redis->signal('STOP');
delivery_goes_on('stopped');
$redis->signal('CONT');
redis_is_used_again('stopped');
$redis->stop('KILL');
delivery_goes_on('killed');
$redis->start;
redis_is_used_again('killed');
foreach my $ws ($first, $second)
{
	is_deeply([ map { $_->{seq} } $ws->events($room, $head) ], [ 4 .. $head ], 'through all of it: everything, in order, once');
}

# --- what nobody should say -----------------------------------------------------------------------------------------

my $stream = $first->{ready}{stream};
sub forged
{
	my (%with) = (stream => $stream, origin => 5, room => $room, seq => $head + 1, @_);

	return "1 $with{stream} $with{origin}\ne $with{seq} 0 "
	  . json_text({ type => 'event' }) =~ s/}/,"room":"$with{room}","seq":$with{seq},"kind":"message","body":"forged"}/r . "\n";
}

foreach my $bytes (
	forged(stream => $stream - 1), forged(origin => 'x'), "2 $stream 5\ne 9999 0 {}\n",
	"1 $stream 5\ne " . ($head + 1) . " 0 {\"type\":\"presence\"}\n", substr(forged(), 0, 30), "1 $stream 5\ne 99999999999999999999 0 {}\n",
	"\0\n\n\n", '', "1 $stream 5\n? 1\nh x\nt\n+ 1 2\n")
{
	$redis->command('PUBLISH', "porcupine:room:{$room}", $bytes);
}
$redis->command('PUBLISH', 'porcupine:all', "1 $stream 5\nb 7 1\nd {\nd []\nd {\"members\":[[1,2],\"x\"],\"sessions\":7}\n");
$first->say(sending($room, 'after all that'));
$head++;
foreach my $ws ($first, $second)
{
	is(unb64(($ws->events($room, $head))[-1]{body}), 'after all that', 'nonsense is ignored');
}
foreach my $bridge ($here, $there)
{
	my $log = PostgreSQL::Test::Utils::slurp_file($bridge->{log});
	unlike($log, qr/se%|cr:et|cr%3A/, 'the password is not logged');
	unlike($log, qr/refuses a command/, 'nothing that the rights do not allow was asked for');
}

is($_->stop_bridge, 0, 'it ends well') foreach $here, $there;

done_testing();
