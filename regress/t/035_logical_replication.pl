# Logical replication of the chat to a subscriber that has the extension: rows arrive as they are, triggers of the subscriber
# add nothing of their own and ring nobody, the stream there is another one, and after a switch people go on once the sequences
# were carried over. What a publication of all tables does with the table of deferred sends and the signing keys is seen, too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_node('publisher', conf => "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\n");
# whose worker writes nothing of its own meanwhile
my $subscriber = new_node('subscriber', extension => 0, conf => "porcupine.maintenance_interval = 0\n");

plain_room($publisher, 1, 1, 2);
$publisher->safe_psql('postgres', q{
	SELECT setval('porcupine.users_id_seq', 10), setval('porcupine.rooms_id_seq', 10);
	SELECT username FROM porcupine.register('cas', 'correct horse');
	BEGIN; SELECT porcupine.act_as(1); SELECT count(porcupine.send(1, gen_random_uuid(), 'before')) FROM generate_series(1, 100); COMMIT;
	CREATE PUBLICATION chat FOR ALL TABLES;
});
my $stream = $publisher->safe_psql('postgres', 'SELECT porcupine.current_stream()');

$subscriber->safe_psql('postgres', 'CREATE EXTENSION porcupine');
my $listener = start_listener($subscriber);
# since 16 rows are applied as the owner of the table, whom row-level security binds, unless the subscription says otherwise
my $as_superuser = $subscriber->pg_version >= 16 ? ' WITH (run_as_owner = true)' : '';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION chat CONNECTION '" . ($publisher->connstr('postgres') =~ s{'}{}gr) . "' PUBLICATION chat$as_superuser");
$subscriber->wait_for_subscription_sync($publisher, 'chat');
$publisher->safe_psql('postgres', q{
	BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.send(1, gen_random_uuid(), 'after'); SELECT porcupine.send_deferred(1, gen_random_uuid(), 'deferred'); COMMIT;
	BEGIN; SELECT porcupine.act_as(2); SELECT porcupine.leave_room(1); COMMIT;
	BEGIN; SELECT porcupine.act_as(1); SELECT id FROM porcupine.create_room('made meanwhile', false); COMMIT;
});
$publisher->wait_for_catchup('chat');

foreach my $table (split /\n/, $publisher->safe_psql('postgres',
	q{SELECT relname FROM pg_class WHERE relnamespace = 'porcupine'::regnamespace AND relkind = 'r' AND relname <> 'maintenance' ORDER BY 1}))
{
	my $rows = "SELECT count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM porcupine.$table t";

	is($subscriber->safe_psql('postgres', $rows), $publisher->safe_psql('postgres', $rows), "$table is the same");
}
my $heard = hear($listener);
is_deeply([ $heard->{rooms}, $heard->{members}, $heard->{users} ], [ {}, [], [] ], 'the subscriber rings nobody');
stop_listener($listener);

# The switch: sequences are not replicated.
$publisher->safe_psql('postgres', q{SELECT 1});
my $sequences = $publisher->safe_psql('postgres',
	q{SELECT string_agg(format('SELECT setval(%L, %s)', 'porcupine.' || sequencename, last_value), '; ') FROM pg_sequences WHERE schemaname = 'porcupine' AND last_value IS NOT NULL});
$publisher->stop;
$subscriber->safe_psql('postgres', "ALTER SUBSCRIPTION chat DISABLE; ALTER SUBSCRIPTION chat SET (slot_name = NONE); DROP SUBSCRIPTION chat; $sequences");
cmp_ok($subscriber->safe_psql('postgres', 'SELECT porcupine.current_stream()'), '>', $stream, 'after the switch the stream is a new one');
is( $subscriber->safe_psql('postgres', q{
	SELECT username FROM porcupine.login('cas', 'correct horse');
	BEGIN;
	SELECT porcupine.act_as(1) \gset
	SELECT seq FROM porcupine.send(1, gen_random_uuid(), 'on the other server');
	SELECT name FROM porcupine.create_room('made there', false);
	COMMIT;
	SELECT count(*) FROM porcupine.room_heads h WHERE last_seq <> (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id);
	}), "cas\n106\nmade there\n0", 'and people go on without a gap');
$subscriber->stop;
done_testing();
