# While others send, join, leave and are given roles, each snapshot is of one instant: its last event is the one at the head, its
# members are those that the log up to the head makes, and the counts are theirs; and one that were not so would be noticed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('snapshot', conf => "max_connections = 40");

# User 1 looks, 2 to 5 send, the others come and go.
plain_room($node, $_, 1 .. 20) foreach (1 .. 3);
$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE looked (way text, torn bigint, moved boolean)');

# What the log makes of a room, up to a seq: who is in it, with which role. It is read by the same statement, and so by its snapshot.
$node->safe_psql('postgres', q{
	CREATE FUNCTION folded(room bigint, head bigint) RETURNS text[] STABLE LANGUAGE sql AS $$
		SELECT array_agg(last.who || ' ' || last.role ORDER BY last.who) FROM (
			SELECT DISTINCT ON (data->>'user') (data->>'user')::bigint AS who, e.kind, coalesce(data->>'role', '') AS role
			  FROM porcupine.events e, LATERAL (SELECT convert_from(e.body, 'UTF8')::jsonb AS data OFFSET 0) parsed
			 WHERE e.room_id = room AND e.seq <= head AND e.kind::text LIKE 'member.%' ORDER BY data->>'user', e.seq DESC) last
		 WHERE last.kind NOT IN ('member.left', 'member.removed') $$;
	CREATE FUNCTION is_torn(room porcupine.room, members porcupine.member[], events porcupine.event[]) RETURNS boolean STABLE LANGUAGE sql AS $$
		SELECT events[cardinality(events)].seq <> room.head OR room.members <> cardinality(members)
			OR array(SELECT m.user_id || ' ' || m.role FROM unnest(members) m ORDER BY m.user_id) <> folded(room.id, room.head)
			OR events[cardinality(events)].seq - events[1].seq <> cardinality(events) - 1 $$;
	-- the same in pieces, as a client would ask for them
	CREATE FUNCTION in_pieces() RETURNS TABLE (room porcupine.room, members porcupine.member[], events porcupine.event[]) VOLATILE LANGUAGE plpgsql AS $$
	BEGIN
		FOR room IN SELECT r.* FROM porcupine.my_rooms() r LOOP
			members := array(SELECT m FROM porcupine.room_members(room.id) m);
			events := array(SELECT h FROM porcupine.history(room.id, NULL, 20) h);
			RETURN NEXT;
		END LOOP;
	END $$;
	ALTER FUNCTION folded(bigint, bigint) OWNER TO porcupine_owner;
	ALTER FUNCTION is_torn(porcupine.room, porcupine.member[], porcupine.event[]) OWNER TO porcupine_owner});

sub look
{
	my ($way, $call) = @_;

	return qq{
		BEGIN;
		SELECT porcupine.act_as(1);
		INSERT INTO looked SELECT '$way', count(*) FILTER (WHERE is_torn(s.room, s.members, s.events)), max((s.room).head) > 25 FROM $call s;
		COMMIT;
	};
}

$node->pgbench(
	'-n -c 10 -j 2 -t 120',
	0, [qr{processed: 1200/1200}],
	[qr/^(?!.*(ERROR|aborted))/s],
	'ten backends, three rooms',
	{
		'send@4' => q{
			\set user random(2, 5)
			\set room random(1, 3)
			BEGIN;
			SELECT porcupine.act_as(:user);
			SELECT seq FROM porcupine.send(:room, gen_random_uuid(), 'x');
			COMMIT;
		},
		'come_and_go@2' => q{
			\set user random(6, 20)
			\set room random(1, 3)
			BEGIN;
			SELECT porcupine.lock_room(:room);
			WITH gone AS (DELETE FROM porcupine.members WHERE room_id = :room AND user_id = :user RETURNING user_id)
			SELECT count(*) AS gone FROM gone \gset
			INSERT INTO porcupine.members (room_id, user_id) SELECT :room, :user WHERE :gone = 0;
			COMMIT;
		},
		'roles@1' => q{
			\set user random(2, 20)
			\set room random(1, 3)
			BEGIN;
			SELECT porcupine.lock_room(:room);
			UPDATE porcupine.members SET role = CASE role WHEN 'member' THEN 'moderator' ELSE 'member' END::porcupine.role WHERE room_id = :room AND user_id = :user;
			COMMIT;
		},
		'look@4' => look('snapshot', 'porcupine.snapshot(20)'),
		'look_in_pieces@2' => look('in pieces', 'in_pieces()')
	});

my ($looked, $torn) = split /\|/,
  $node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE moved), coalesce(sum(torn), 0) FROM looked WHERE way = 'snapshot'});
cmp_ok($looked, '>', 20, "snapshots were taken while the rooms moved");
is($torn, 0, 'none is torn');
is($node->safe_psql('postgres', q{SELECT sum(torn) > 0 FROM looked WHERE way = 'in pieces'}), 't', 'whoever asks for the pieces gets some that are');

$node->stop;
done_testing();
