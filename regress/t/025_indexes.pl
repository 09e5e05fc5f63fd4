# In a long history a page, the unread counts of somebody in 500 rooms, a snapshot and a join are answered by indexes: no table
# that grows is looked through. The plans are those of the statements within the functions. bench/ten-million asks the same of ten
# million events.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('indexes', conf => "autovacuum = off\n");
my $scripts = "$FindBin::RealBin/../../bench/sql";

sub run
{
	my ($sql, @options) = @_;
	my ($out, $err);
	IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', @options, '-d', $node->connstr('postgres') ], '<', \$sql, '>', \$out, '2>', \$err)
	  or die $err;
	return $out . $err;
}

run(q{INSERT INTO porcupine.users (id, username, display_name) SELECT i, 'user-' || i, 'User' FROM generate_series(1, 5000) i});
run(slurp_file("$scripts/history.sql"), '-v', 'rooms=1000', '-v', 'events=100');
run(slurp_file("$scripts/questions_people.sql"), '-v', 'accounts=100000');
is(run('SELECT count(*) FROM porcupine.events'), "100000\n", 'a hundred thousand events');

my $grows = qr/Seq Scan on (events|members|rooms|room_heads|users)\b/;
my $questions = slurp_file("$scripts/questions.sql");

# plans(QUESTION): of what it does inside
sub plans
{
	my ($question) = @_;

	return run(
		$questions . qq{
		SELECT pg_temp.ask('$question') \\gset
		LOAD 'auto_explain';
		SET auto_explain.log_min_duration = 0;
		SET auto_explain.log_nested_statements = on;
		SET client_min_messages = log;
		SELECT pg_temp.ask('$question') \\gset
	});
}

my @expected = (
	[ 'latest page of history', 'events_pkey', 'members_pkey' ],
	[ 'page anywhere', 'events_pkey', 'members_pkey' ],
	[ 'unread in 500 rooms', 'members_user_id_idx', 'room_heads_pkey' ],
	[ 'snapshot of 20 rooms', 'members_user_id_idx', 'room_heads_pkey', 'rooms_pkey', 'members_pkey', 'users_pkey', 'events_pkey' ],
	[ 'join', 'rooms_code_key', 'room_heads_pkey', 'members_pkey' ]);

foreach (@expected)
{
	my ($question, @indexes) = @$_;
	my $plans = plans($question);

	unlike($plans, $grows, "$question: no table that grows is looked through");
	like($plans, qr/(using|on) $_\b/, "$question: uses $_") foreach @indexes;
}

# The test can fail: without its index the same question is a scan.
run('DROP INDEX porcupine.members_user_id_idx; ALTER TABLE porcupine.room_heads DROP CONSTRAINT room_heads_pkey CASCADE');
like(plans('unread in 500 rooms'), $grows, 'without an index a table is looked through, and that is seen');

$node->stop;
done_testing();
