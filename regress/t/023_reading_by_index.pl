# Whatever reads of a room goes by an index, in a log of 100,000 events, too: no plan of the reading functions has a sequential scan of
# what grows, whether it is made for the arguments or once for all. The server's log has every plan.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('reading_by_index', conf => <<'CONF');
session_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
autovacuum = off
CONF

# Room 1 has half of the events, of which one in four speaks of one of the 25 messages before it; 500 rooms share the rest. Each
# has its members, hints and pins.
$node->safe_psql('postgres', <<'SQL');
SET auto_explain.log_min_duration = -1;
INSERT INTO porcupine.users (id, username, display_name) SELECT i, 'user-' || i, 'User' FROM generate_series(1, 20000) i;
INSERT INTO porcupine.rooms (id, encrypted, code, name) SELECT i, false, 'R' || lpad(i::text, 5, '0'), 'Room' FROM generate_series(1, 500) i;
INSERT INTO porcupine.room_heads (room_id, last_seq) SELECT i, CASE i WHEN 1 THEN 50000 ELSE 100 END FROM generate_series(1, 500) i;
INSERT INTO porcupine.members (room_id, user_id, joined_seq) SELECT r, u, 1 FROM generate_series(1, 500) r, unnest(ARRAY[1, 1 + r % 499 + 1]) u;
INSERT INTO porcupine.members (room_id, user_id, joined_seq) SELECT 1, u, 1 FROM generate_series(4, 100) u;
INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, epoch, kind, ref, body)
SELECT room, seq, now(), 1, 0, (CASE WHEN seq % 4 = 0 THEN (ARRAY['edit', 'reaction', 'message'])[1 + seq % 3] ELSE 'message' END)::porcupine.kind,
       CASE WHEN seq % 4 = 0 THEN seq - 1 - 2 * (seq % 13) END, 'body'
  FROM (SELECT 1 AS room, seq FROM generate_series(1, 50000) seq UNION ALL SELECT room, seq FROM generate_series(2, 500) room, generate_series(1, 100) seq) s
 ORDER BY seq, room;
INSERT INTO porcupine.mention_hints (room_id, seq, hint) SELECT room_id, seq, convert_to('hint-' || lpad((seq % 50)::text, 8, '0'), 'UTF8') FROM porcupine.events WHERE seq % 3 = 0;
INSERT INTO porcupine.pins (room_id, seq, pinned_by) SELECT room, seq, 1 FROM generate_series(1, 500) room, generate_series(1, 99, 2) seq WHERE seq % 4 > 0;
ANALYZE porcupine.events, porcupine.mention_hints, porcupine.pins, porcupine.members, porcupine.rooms, porcupine.room_heads, porcupine.users;
SQL
is($node->safe_psql('postgres', 'SELECT count(*) >= 99900 FROM porcupine.events'), 't', 'the log is large');

# plans_of(SQL): what it returned, and what the server's log says of it, within a transaction of user 1.
sub plans_of
{
	my ($sql, $settings) = @_;
	my $offset = -s $node->logfile;
	my $result = $node->safe_psql('postgres', "$settings; BEGIN; SELECT porcupine.act_as(1); $sql; COMMIT");

	return ((split /\n/, $result)[-1], slurp_file($node->logfile, $offset));
}

my ($answered, $edited) =
  map { $node->safe_psql('postgres', "SELECT min(ref) FROM porcupine.events WHERE room_id = 1 AND kind = '$_' AND ref > 25000") } 'message', 'edit';
my %calls = (
	'history(1)' => 'events_pkey',
	'history(1, 25000, 500)' => 'events_pkey',
	'since(1, 25000)' => 'events_pkey',
	'around(1, 25000)' => 'events_pkey',
	"thread(1, $answered)" => 'events_ref_idx',
	"edits(1, $edited)" => 'events_ref_idx',
	'folded_history(1)' => 'events_ref_idx',
	'folded_history(1, 25000, 500)' => 'events_ref_idx',
	"mentions(1, 'hint-00000003')" => 'mention_hints_pkey',
	'pins(1)' => 'pins_pkey',
	'marks(1)' => 'members_pkey');

foreach my $mode ('force_custom_plan', 'force_generic_plan')
{
	foreach my $call (sort keys %calls)
	{
		my ($count, $plans) = plans_of("SELECT count(*) FROM porcupine.$call", "SET plan_cache_mode = $mode");

		cmp_ok($count, '>', 0, "$call finds something");
		like($plans, qr/(Index|Bitmap).* $calls{$call}/, "$call by $calls{$call}, $mode");
		unlike($plans, qr/Seq Scan on (events|mention_hints|pins|members|rooms|room_heads|users)/, "$call without a sequential scan, $mode");
	}
}

# A user in 500 rooms: their memberships by index; the heads may all be read, for they all are wanted.
my ($unread, $plans) = plans_of('SELECT concat(count(*), chr(32), sum(unread)) FROM porcupine.unread()', 'SET enable_seqscan = on');
is($unread, '500 ' . (49999 + 499 * 99), 'unread in 500 rooms is one statement');
like($plans, qr/Index.* members_user_id_idx/, 'by the index of memberships');
unlike($plans, qr/Seq Scan on (events|members)/, 'without a look at the log');

# The snapshot of all of them; a user who is in all rooms may have half of the memberships read.
foreach my $mode ('force_custom_plan', 'force_generic_plan')
{
	(my $events, $plans) = plans_of('SELECT sum(cardinality(events)) FROM porcupine.snapshot(20)', "SET plan_cache_mode = $mode");
	is($events, 500 * 20, 'the last page of 500 rooms is one statement');
	like($plans, qr/Index Scan Backward using events_pkey/, "by events_pkey, $mode");
	unlike($plans, qr/Seq Scan on (events|rooms|room_heads|users)/, "without a sequential scan, $mode");
}

# What somebody said is looked for in the rooms that they are or were in, not in all that there are.
$node->safe_psql('postgres', q{
	SET auto_explain.log_min_duration = -1;
	INSERT INTO porcupine.devices (user_id, name) SELECT 20000, 'device' FROM generate_series(1, 20);
	INSERT INTO porcupine.members (room_id, user_id) VALUES (2, 20000);
	DELETE FROM porcupine.members WHERE room_id = 2 AND user_id = 20000;
	ANALYZE porcupine.devices, porcupine.former_members});
foreach my $call ('rows_about(20000)', 'rooms_of(20000)')
{
	my $plan = $node->safe_psql('postgres', "SELECT count(*) FROM porcupine.$call; EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM porcupine.$call");
	my ($touched) = $plan =~ /Function Scan.*?\n\s+Buffers: shared hit=(\d+)/s;

	# twenty devices in one room of 500: one look-up of three pages each, and what the rest of the query takes. The first
	# call reads the catalogue, too.
	cmp_ok($touched, '>', 20, "$call looked where they were");
	cmp_ok($touched, '<', 1000, "$call looks into one room, not into 500");
}

$node->stop;
done_testing();
