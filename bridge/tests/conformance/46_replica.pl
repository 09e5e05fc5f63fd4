# Pages of history from a standby: the same as the primary's, never without what has been acknowledged, never for somebody who was
# removed a moment ago; and from the primary whenever the standby lags, hangs, is away, or goes its own way.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use Porcupine::Test;
use Porcupine::Test::Metrics qw(scrape);
use Test::More;

my $stack = start_stack(
	conf => "wal_level = replica\nmax_wal_senders = 5\nhot_standby = on\nmax_connections = 60\n");
my $port = $stack->{metrics_port};
my $primary = $stack->node;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$stack->stop_bridge;
$stack->{env}{PORCUPINE_REPLICA} =
  'host=' . $standby->host . ' port=' . $standby->port . ' dbname=postgres user=porcupine_node';
$stack->start_bridge;

my ($ada, $ben, $cas) = map { $stack->person($_) } qw(ada ben cas);
my $room = $stack->room($ada, $ben, $cas);
$stack->sql(
	"DO \$\$ BEGIN PERFORM porcupine.act_as($ada->{id}); FOR i IN 1..200 LOOP PERFORM porcupine.send($room, gen_random_uuid(), convert_to('nr ' || i, 'UTF8')); END LOOP; END \$\$"
);

# How often the standby has answered, and how often it was left to the primary.
sub count_of
{
	my ($outcome) = @_;
	return scrape($port)->value('replica_pages_total', outcome => $outcome);
}

sub page
{
	my ($query, $person) = @_;
	return $stack->http('GET', "/api/chat/rooms/$room/messages/$query", token => ($person // $ada)->{token});
}

# page_by(OUTCOME, QUERY): a page, and a test that it came from there.
sub page_by
{
	my ($outcome, $query, $name) = @_;
	my ($before, $answer);

	# the standby has a second; where the machine stood still for so long, it is asked once more
	foreach (1 .. 5)
	{
		$before = count_of($outcome);
		$answer = page($query);
		last if count_of($outcome) > $before;
	}
	is(count_of($outcome), $before + 1, "$name: $outcome");
	is($answer->{status}, 200, $name);
	return $answer;
}

sub send_one
{
	my ($text) = @_;
	my $answer = $stack->http(
		'POST',
		"/api/chat/rooms/$room/messages/",
		token => $ada->{token},
		json => { client_id => uuid(), body => b64($text) }
	);

	die "not sent: $answer->{status}" unless $answer->{status} == 201;
	return $answer->{json}{seq};
}

sub last_of { my ($answer) = @_; return $answer->{json}{results}[-1]{seq}; }

# Until the standby answers for the room as it is.
sub wait_for_standby
{
	my $before = count_of('answered');
	wait_for('the standby to answer', sub { page(''); count_of('answered') > $before });
	return;
}

# Every kind of page is, byte by byte, what the primary would say.
$primary->wait_for_catchup($standby);
wait_for_standby();
my $stream = $stack->sql('SELECT porcupine.current_stream()');
foreach my $case (
	[ '', 'NULL, NULL, NULL' ],
	[ '?limit=3', 'NULL, NULL, NULL, 3' ],
	[ '?before=50&limit=500', '50, NULL, NULL, 500' ],
	[ '?before=1', '1, NULL, NULL' ],
	[ '?before=0', '0, NULL, NULL' ],
	[ '?before=9007199254740991', '9007199254740991, NULL, NULL' ],
	[ '?after=0', 'NULL, 0, NULL' ],
	[ "?after=100&stream=$stream", "NULL, 100, $stream" ],
	[ '?after=203', 'NULL, 203, NULL' ],
	[ '?after=204', 'NULL, 204, NULL' ],
	[ '?after=100&stream=1', 'NULL, 100, 1' ],
	[ '?after=9007199254740991&before=7', '7, 9007199254740991, NULL' ])
{
	my ($query, $arguments) = @$case;
	my $expected = $stack->sql("SELECT porcupine.history_page($ada->{session}, $room, $arguments)");

	is(page_by('answered', $query, "page $query")->{body}, $expected, "the primary's own: $query");
}
is(page('?limit=501')->{status}, 400, 'what is malformed is refused');
is(page('', $stack->person('stranger'))->{json}{code}, 'not_member', 'and strangers are, in the same words');

# What has been acknowledged is in every page, whoever answers.
my $missing = 0;
foreach my $n (1 .. 100)
{
	my $seq = send_one("own $n");
	my $answer = page('?limit=2');
	$missing++ unless last_of($answer) == $seq && $answer->{json}{head} == $seq;
}
is($missing, 0, 'one reads what one has written');

# A standby that does not go on: what is new comes from the primary, what is old from it all the same.
wait_for_standby();
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
wait_for(
	'the replay to be paused',
	sub { $standby->safe_psql('postgres', 'SELECT pg_get_wal_replay_pause_state()') eq 'paused' }
);
my $new = send_one('while it is paused');
is(last_of(page_by('left_to_primary', '', 'the latest page')), $new, 'with what is new');
is(last_of(page_by('left_to_primary', '?after=' . ($new - 1), 'what came after')), $new, 'too');
is(last_of(page_by('answered', '?before=50', 'an old page')), 49, 'as ever');

# What is redacted meanwhile it still has, and is not asked for.
$stack->sql("BEGIN; SELECT porcupine.act_as($ada->{id}); SELECT porcupine.redact($room, 49); COMMIT;");
isnt($standby->safe_psql('postgres', "SELECT length(body) FROM porcupine.events WHERE room_id = $room AND seq = 49"), 0, 'a body that the standby has');
is(page_by('left_to_primary', '?before=50', 'a page with what was redacted')->{json}{results}[-1]{body}, '', 'without its body');

# Who may read is the primary's to say, at once.
is(page('?before=50', $ben)->{status}, 200, 'a member reads');
is($stack->http('DELETE', "/api/rooms/$room/members/$ben->{id}/", token => $ada->{token})->{status},
	204, 'is removed');
is($standby->safe_psql('postgres', "SELECT count(*) FROM porcupine.members WHERE room_id = $room AND user_id = $ben->{id}"),
	1, 'of which the standby does not know yet');
is(page('?before=50', $ben)->{json}{code}, 'not_member', 'and reads nothing more');
is($stack->http('POST', '/api/auth/logout/', token => $cas->{token})->{status}, 204, 'another signs out');
is(page('?before=50', $cas)->{json}{code}, 'session_ended', 'and reads nothing more');

# A new stream is unknown to it: cursors of the old one are reset, by the primary.
my $renewed = $stack->sql('SELECT porcupine.new_stream()');
is(page_by('left_to_primary', "?before=50", 'a page of another stream')->{json}{stream}, $renewed, 'names that stream');
ok(page("?after=100&stream=$stream")->{json}{reset}, 'and resets the cursor of the old');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
wait_for_standby();
is(page_by('answered', '', 'going on, the latest page')->{json}{stream}, $renewed, 'is of the new stream');

# A standby that hangs costs a second, once.
my @backends = split /\n/,
  $standby->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'porcupine-bridge'");
cmp_ok(scalar @backends, '>', 0, 'the bridge is connected to it');
my $begin = $stack->own_seconds;
kill 'STOP', @backends;
is(page('')->{status}, 200, 'hanging: the primary answers');
cmp_ok($stack->own_seconds - $begin, '<', 4, 'soon');
kill 'CONT', @backends;
wait_for_standby();

# One that is away.
$standby->stop('immediate');
$new = send_one('while it is away');
is(last_of(page('')), $new, 'away: the primary answers');
$standby->start;
wait_for_standby();
is(last_of(page_by('answered', '', 'back')), $new, 'with all of it');

# One that was promoted has a history of its own, of which nothing is shown.
$standby->promote;
$standby->safe_psql('postgres',
	"BEGIN; SELECT porcupine.act_as($ada->{id}); SELECT porcupine.send($room, gen_random_uuid(), 'astray'); COMMIT");
my $answer = page_by('left_to_primary', '?before=50', 'promoted');
is($answer->{json}{stream}, $renewed, 'the page is of the primary');
is(last_of(page('')), $new, 'and has nothing that went astray');

is($stack->stop_bridge, 0, 'the bridge ends cleanly');
done_testing();
