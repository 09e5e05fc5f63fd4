# A member is removed while two of their connections send as fast as they can: nothing of theirs comes after the event that
# says so, and both are told. The same for one who leaves by themselves.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('removal');
my $endless = q{
	DO $$ BEGIN
		LOOP
			PERFORM porcupine.act_as(2);
			PERFORM porcupine.send(ROOM, gen_random_uuid(), 'x');
			COMMIT;
		END LOOP;
	END $$;
};
my %ways = (
	1 => [
		'removed', q{BEGIN; SELECT porcupine.act_as(1) \gset
		SELECT porcupine.remove_member(1, 2); COMMIT;}, 'member.removed'
	],
	2 => [
		'left', q{BEGIN; SELECT porcupine.act_as(2) \gset
		SELECT porcupine.leave_room(2); COMMIT;}, 'member.left'
	],
	3 => [
		'deleted by SQL',
		'DELETE FROM porcupine.members WHERE room_id = 3 AND user_id = 2',
		'member.removed'
	]
);

foreach my $room (sort keys %ways)
{
	my ($how, $sql, $kind) = @{ $ways{$room} };
	plain_room($node, $room, 1, 2);
	(my $loop = $endless) =~ s/ROOM/$room/;
	my @senders = map { start_psql($node, $loop) } 1 .. 2;

	wait_for(
		'both to send',
		sub {
			$node->safe_psql('postgres',
				"SELECT last_seq > 100 FROM porcupine.room_heads WHERE room_id = $room") eq 't';
		}
	);
	$node->safe_psql('postgres', $sql);
	foreach my $sender (@senders)
	{
		wait_for("a sender to end",
			sub { $sender->{run}->pump_nb if $sender->{run}->pumpable; !$sender->{run}->pumpable });
		$sender->{run}->finish;
		like($sender->{err}, qr/ERROR:  PC005: not a member of this room/, "$how: a sender was told");
	}
	is( $node->safe_psql(
			'postgres', qq{SELECT count(*) FROM porcupine.events e WHERE room_id = $room AND sender_id = 2
		AND seq > (SELECT seq FROM porcupine.events WHERE room_id = $room AND kind = '$kind')}
		),
		'0',
		"$how: nothing of theirs after it"
	);
	is( $node->safe_psql(
			'postgres',
			qq{SELECT seq = (SELECT last_seq FROM porcupine.room_heads WHERE room_id = $room) FROM porcupine.events WHERE room_id = $room AND kind = '$kind'}
		),
		't',
		"$how: it is the last of the log"
	);
}

done_testing();
