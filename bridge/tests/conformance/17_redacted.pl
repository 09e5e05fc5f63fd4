# Once a message is redacted, no bridge shows its body any more, though it had it in memory: neither the one that sent it, nor one
# that has it from Redis. The same where something is taken out of the log without an event that says so.

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
my ($ada, $ben) = map { $here->person($_) } qw(ada ben);
my $room = $here->room($ada, $ben);
my $joined = 2;

$_->wait_for_redis foreach $here, $there;

sub subscribed
{
	my ($bridge, $person, %cursor) = @_;
	return $bridge->signed_in($person)->subscribe($room, %cursor);
}

# bodies(SOCKET, SEQ): of all events up to that, by seq.
sub bodies
{
	my ($ws, $seq) = @_;
	return { map { $_->{seq} => defined $_->{body} ? unb64($_->{body}) : undef } $ws->events($room, $seq) };
}

my ($here_ws, $there_ws) = (subscribed($here, $ada), subscribed($there, $ben));
my %names = ($joined + 1 => 'before', $joined + 2 => 'secret', $joined + 3 => 'after');
$here_ws->say(sending($room, $names{$_})) foreach sort keys %names;
is_deeply(bodies($_, $joined + 3), \%names, 'all is shown, and kept') foreach $here_ws, $there_ws;
is_deeply(bodies(subscribed(@$_, after => $joined), $joined + 3), \%names, 'and shown again') foreach [ $here, $ben ], [ $there, $ada ];

$here->sql("BEGIN; SELECT porcupine.act_as($ada->{id}); SELECT porcupine.redact($room, $joined + 2); COMMIT;");
my $redacted = $joined + 4;
foreach my $ws ($here_ws, $there_ws)
{
	my ($event) = grep { $_->{seq} == $redacted } $ws->events($room, $redacted);
	is_deeply([ @$event{qw(kind ref)} ], [ 'redacted', $joined + 2 ], 'the redaction is an event');
}

my $now = { %names, $joined + 2 => '', $redacted => undef };
foreach my $bridge ($here, $there)
{
	is_deeply(bodies(subscribed($bridge, $ben, after => $joined), $redacted), $now, 'whoever resumes from before it gets no body');
	my $page = json_value($bridge->http('GET', "/api/chat/rooms/$room/messages/?after=$joined", token => $ben->{token})->{body});
	is_deeply({ map { $_->{seq} => defined $_->{body} ? unb64($_->{body}) : undef } @{ $page->{results} } }, $now, 'nor who pages');
}
$there_ws->say(sending($room, 'goes on'));
is(bodies($_, $redacted + 1)->{ $redacted + 1 }, 'goes on', 'and the room goes on') foreach $here_ws, $there_ws;

$here->sql(qq{
	BEGIN;
	SELECT porcupine.lock_room($room);
	UPDATE porcupine.events SET body = '' WHERE room_id = $room AND seq = $redacted + 1;
	UPDATE porcupine.room_heads SET erasures = erasures + 1 WHERE room_id = $room;
	COMMIT;});
is(bodies(subscribed($_, $ben, after => $joined), $redacted + 1)->{ $redacted + 1 }, '', 'what went without an event is not shown either') foreach $here, $there;

done_testing();
