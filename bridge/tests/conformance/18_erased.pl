# Whoever is erased or disabled in SQL is cut off at once, and no bridge shows what an erased user has said, though it had it in memory; the
# same for what retention has taken away: whoever comes back from before it begins anew.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;

my $stack = start_stack(conf => "max_connections = 40\nporcupine.maintenance_interval = 1s\n");
my ($ada, $ben, $cas) = map { $stack->person($_) } qw(ada ben cas);
my $room = $stack->room($ada, $ben, $cas);
my $joined = 3;

sub subscribed
{
	my ($person, %cursor) = @_;
	return $stack->signed_in($person)->subscribe($room, %cursor);
}

sub bodies
{
	my ($ws, $seq) = @_;
	return { map { $_->{seq} => defined $_->{body} ? unb64($_->{body}) : undef } $ws->events($room, $seq) };
}

my ($ada_ws, $ben_ws, $cas_ws) = map { subscribed($_) } $ada, $ben, $cas;
$ben_ws->say(sending($room, 'secret'));
is(bodies($ada_ws, $joined + 1)->{ $joined + 1 }, 'secret', 'a message is shown');
$ada_ws->say(sending($room, 'an answer'));
is(bodies($cas_ws, $joined + 2)->{ $joined + 2 }, 'an answer', 'and another one');

# --- erased ---------------------------------------------------------------------------------------------------------

is($stack->sql("SELECT rooms, messages FROM porcupine.erase_user($ben->{id})"), '1|1', 'its sender is erased');
is($ben_ws->closing, 4419, 'their socket is cut');
is(json_value($stack->http('GET', '/api/auth/sessions/', token => $ben->{token})->{body})->{code}, 'session_ended', 'their token is dead');
my ($gone, $redacted) = ($joined + 3, $joined + 4);
my ($notice) = grep { $_->{seq} == $redacted } $ada_ws->events($room, $redacted);
is_deeply([ @$notice{qw(kind ref)}, $notice->{data}{user} ], [ 'redacted', undef, $ben->{id} ], 'an event says so for all that they have sent');
is_deeply(bodies(subscribed($ada, after => $joined), $redacted),
	{ $joined + 1 => '', $joined + 2 => 'an answer', $gone => undef, $redacted => undef }, 'whoever resumes from before gets nothing of it');
my $page = json_value($stack->http('GET', "/api/chat/rooms/$room/messages/?after=$joined", token => $ada->{token})->{body});
is(unb64($page->{results}[0]{body}), '', 'nor who pages');

# --- disabled ----------------------------------------------------------------------------------------------------------

$stack->sql("SELECT porcupine.disable_user($cas->{id}, 'a test')");
is($cas_ws->closing, 4419, 'a disabled user is cut off');

# --- retention ------------------------------------------------------------------------------------------------------------

$stack->sql(qq{
	UPDATE porcupine.rooms SET retention = '1 day' WHERE id = $room;
	UPDATE porcupine.events SET created_at = now() - interval '2 days' WHERE room_id = $room AND seq <= $redacted});
wait_for('maintenance', sub { $stack->sql("SELECT first_seq FROM porcupine.room_heads WHERE room_id = $room") == $redacted + 1 });
my $late = $stack->signed_in($ada);
$late->say({ type => 'subscribe', room => $room, after => $joined });
ok($late->hear('reset'), 'a cursor below what is kept is reset');
$page = json_value($stack->http('GET', "/api/chat/rooms/$room/messages/", token => $ada->{token})->{body});
is_deeply([ map { $_->{seq} } @{ $page->{results} } ], [ $redacted + 1 ], 'the newest page begins with what is kept');
$ada_ws->say(sending($room, 'goes on'));
is(bodies($_, $redacted + 2)->{ $redacted + 2 }, 'goes on', 'and the room goes on') foreach $ada_ws, $late;

done_testing();
