# A standby is read from and refuses whatever writes. It has no doorbell and needs none; promoted, it has one, which names the new
# stream.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C' ]);
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'porcupine'");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION porcupine');
plain_room($primary, 1, 1, 2);
my $before = $primary->safe_psql('postgres', 'SELECT porcupine.current_stream()');
$primary->backup('copy');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->start;

busy_doorbell($primary);
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', 'SELECT mode, worker_pid IS NULL FROM porcupine.stat_doorbell'), 'notify|t', 'a standby has no worker');
is(sqlstate_of($standby, 'SELECT porcupine.ring(ARRAY[1], ARRAY[1], 0)'), '25006', 'and cannot ring');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'porcupine%'}), '0', 'nothing runs there');
is( $standby->safe_psql('postgres', q{
	BEGIN;
	SELECT porcupine.act_as(1) \gset
	SELECT count(*) FROM porcupine.history(1);
	SELECT name FROM porcupine.my_rooms();
	SET LOCAL ROLE porcupine_client;
	SELECT count(*) FROM porcupine.events;
	COMMIT;}), "2\nRoom 1\n2", 'history, rooms and tables are read there');
is(sqlstate_of($standby, "BEGIN; SELECT porcupine.act_as(1); $_; COMMIT"), '25006', "refused there: $_")
  foreach q{SELECT porcupine.send(1, gen_random_uuid(), 'x')}, 'SELECT porcupine.mark_read(1, 2)', q{SELECT porcupine.create_room('x', false)};
is(sqlstate_of($standby, q{SELECT porcupine.register('eva', 'correct horse')}), '25006', 'nobody registers there');

$primary->stop('immediate');
$standby->promote;
my $listener = start_listener($standby);
ok(busy_doorbell($standby), 'promoted, it has one');
my $after = $standby->safe_psql('postgres', 'SELECT porcupine.current_stream()');
cmp_ok($after, '>', $before, 'the stream is another one');
$standby->safe_psql('postgres', q{BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.send(1, gen_random_uuid(), 'x'); COMMIT});
wait_for('a doorbell', sub { (hear($listener)->{rooms}{1} // 0) == 3 });
is($listener->{payloads}[-1]{stream}, $after, 'and doorbells name it');

stop_listener($listener);
$standby->stop;
done_testing();
