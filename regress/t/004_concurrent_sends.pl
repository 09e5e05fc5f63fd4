# Many backends send to few rooms at once, alone and in batches, with repeats of the same messages among them: each room's log
# has no gap, each message is there once, and whoever asked was told its one seq.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('sends', conf => "max_connections = 40");
my ($clients, $transactions) = (12, 60);

plain_room($node, $_, 1 .. $clients) foreach (1 .. 3);
$node->safe_psql(
	'postgres', qq{
	INSERT INTO porcupine.devices (id, user_id, name) SELECT 1000 + u, u, 'phone' FROM generate_series(1, $clients) u;
	INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash)
		SELECT 1000 + u, u, 1000 + u, now() + interval '1 hour', sha256(u::text::bytea) FROM generate_series(1, $clients) u;
	CREATE UNLOGGED TABLE told (room bigint, device bigint, client_id uuid, seq bigint);
}
);

# The client id depends on the device and a small number, so that the same one comes again and again, from several backends:
# two connections share each device.
my $one = q{
	\set device 1001 + (:client_id % 6)
	\set room random(1, 3)
	\set n random(1, 200)
	BEGIN;
	SELECT porcupine.act_as_session(:device);
	INSERT INTO told SELECT :room, :device, md5(:n::text)::uuid, s.seq FROM porcupine.send(:room, md5(:n::text)::uuid, convert_to('body ' || :n, 'UTF8')) s;
	COMMIT;
};
my $batch = q{
	\set user 1 + (:client_id % 6)
	\set device 1000 + :user
	\set n random(1, 200)
	\set m random(1, 200)
	INSERT INTO told SELECT (ARRAY[3, 1, 2, 1])[s.item], :device, md5((ARRAY[:n, :m, :n, :n])[s.item]::text)::uuid, s.seq
	FROM porcupine.send_many('{3,1,2,1}', array_fill(:user::bigint, ARRAY[4]), array_fill(:device::bigint, ARRAY[4]),
		ARRAY[md5(:n::text), md5(:m::text), md5(:n::text), md5(:n::text)]::uuid[], '{0,0,0,0}', '{message,message,message,message}', '{NULL,NULL,NULL,NULL}',
		ARRAY['body ' || :n, 'body ' || :m, 'body ' || :n, 'body ' || :n]::bytea[]) s;
};
my $alone = q{
	\set user 7 + (:client_id % 6)
	\set room random(1, 3)
	BEGIN;
	SELECT porcupine.act_as(:user);
	SELECT seq FROM porcupine.send(:room, gen_random_uuid(), 'new');
	COMMIT;
};
$node->pgbench(
	"-n -c $clients -j 2 -t $transactions",
	0, [qr/processed: \d+\/\d+/],
	[qr/^(?!.*(ERROR|aborted))/s],
	'twelve backends, three rooms',
	{ 'one@3' => $one, 'batch@2' => $batch, 'alone@2' => $alone }
);

is( $node->safe_psql(
		'postgres', q{SELECT count(*) FROM porcupine.room_heads h
	WHERE NOT EXISTS (SELECT FROM porcupine.events e WHERE e.room_id = h.room_id HAVING count(*) = h.last_seq AND max(seq) = h.last_seq AND min(seq) = 1)}
	),
	'0',
	'no gap in any room'
);
is( $node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM (SELECT FROM porcupine.events WHERE client_id IS NOT NULL GROUP BY room_id, device_id, client_id HAVING count(*) > 1) x}
	),
	'0',
	'nothing twice'
);
is( $node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM told t LEFT JOIN porcupine.events e ON (e.room_id, e.device_id, e.client_id, e.seq) = (t.room, t.device, t.client_id, t.seq) WHERE e.seq IS NULL}
	),
	'0',
	'whoever sent was told the one seq'
);
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) - count(DISTINCT (room, device, client_id)) FROM told'),
	'>', 50, 'there were repeats to catch');
is( $node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM porcupine.events e WHERE kind = 'message' AND e.sender_id IS DISTINCT FROM (SELECT user_id FROM porcupine.devices d WHERE d.id = e.device_id)}
	),
	'0',
	'every message is its device\'s owner\'s'
);

done_testing();
