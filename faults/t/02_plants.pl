# The checker is shown what it must find, one lie at a time, in real traffic of a real stack: a proxy drops, doubles, swaps, alters
# and makes up what a bridge says, and the database is made to do what it never may. Each must be found as what it is. Without a
# lie nothing may be found.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use Porcupine::Faults;
use Porcupine::Faults::Process qw(wait_for now_us);
use Test::More;
use Time::HiRes qw(time);

my $stack = Porcupine::Faults->new;
my ($bridge) = $stack->bridges;
my $cluster = $stack->cluster;

# A round in which something is done while people send; what the checker says of it. AFTER comes when all is over. With a lie not all
# arrives, so nobody waits for it long.
sub account
{
	my ($options, $deed, $after) = @_;
	my $round = $stack->round(members => 6, rooms => 2, each => 2, rate => 300, cuts => 0, twice => 0, patience => 2, %$options);

	$round->start_client;
	$deed->($round);
	$round->let_send(200);
	$round->finish;
	$after->($round) if $after;
	$round->write_table;
	return $round->check;
}

sub finds
{
	my ($class, $what, @how) = @_;
	# of what was said twice the second answer may be the true one, and a lie about the first proves nothing
	my $answer = account({}, @how);

	return cmp_ok($answer->{found}{$class}, '>', 0, "$class: $what") || diag(explain($answer));
}

sub plant
{
	my ($name) = @_;
	return sub {
		$bridge->front->command("plant $name");
		$bridge->front->hear(qr/\Aplanted\z/, 20) // die "$name could not be planted\n";
	};
}

sub by_sql
{
	my ($sql) = @_;
	return $cluster->sql($sql) // die "the plant failed: $sql\n";
}

# --- without a lie -----------------------------------------------------------------------------------------

my $honest = account({ twice => 20, patience => 20 }, sub { });
is_deeply([ grep { $honest->{found}{$_} } sort keys %{ $honest->{found} } ], [], 'nothing is found where nothing is wrong')
  or diag(explain($honest));
cmp_ok($honest->{count}{$_}, '>', 0, "there were $_") foreach qw(sends acknowledged refused repeated events);

# --- between bridge and client -------------------------------------------------------------------------------

finds('lost', 'an ack before the commit, which never came', plant('forge-ack'));
finds('gap', 'an event is dropped', plant('drop'));
finds('twice', 'an event is shown twice', plant('double'));
finds('order', 'two events change places', plant('swap'));
finds('disagree', 'two see different bodies', plant('alter'));
finds('undelivered', 'a socket falls silent', plant('mute'));
finds('phantom', 'an event is made up', plant('phantom'));
finds('refused-stored', 'what was stored is answered with a refusal', plant('forge-refusal'));

# --- in the database -------------------------------------------------------------------------------------------

# Whoever removed the member says so, and the server goes on as if it had not heard.
finds(
	'revoked',
	'a removal that does nothing: pages are served, events shown',
	sub {
		my ($round) = @_;
		my ($room, $user) = $round->somebody;
		my $seq = by_sql("SELECT last_seq FROM porcupine.room_heads WHERE room_id = $room");
		$round->note_removal($room, $user, $seq, by_sql('SELECT porcupine.current_stream()'));
	}
);
# The log says that the member went, and the server accepts what they send.
finds(
	'revoked',
	'a send is accepted after a removal, by the log',
	sub {
		my ($round) = @_;
		my ($room, $user) = $round->somebody;
		by_sql("SELECT porcupine.append_server_event($room, 'member.removed', jsonb_build_object('user', '$user'))");
		$round->probe($room, $user);
	}
);
finds(
	'hole', 'a row is taken out of the table',
	sub { },
	sub {
		my ($room) = $_[0]->somebody;
		by_sql("DELETE FROM porcupine.events WHERE room_id = $room AND seq = 20");
	}
);
finds(
	'lost',
	'the last rows are gone, and the head says so',
	sub { },
	sub {
		my ($room) = $_[0]->somebody;
		by_sql("DELETE FROM porcupine.events e USING porcupine.room_heads h WHERE e.room_id = $room AND h.room_id = $room AND e.seq > h.last_seq - 5;
			UPDATE porcupine.room_heads SET last_seq = last_seq - 5 WHERE room_id = $room");
	}
);
finds(
	'twice',
	'a repeat is stored again',
	sub {
		my ($round) = @_;
		my ($room) = $round->somebody;
		wait_for('something to repeat', sub { by_sql("SELECT count(*) FROM porcupine.events WHERE room_id = $room AND client_id IS NOT NULL") > 0 });
		# under another device, or the table's own index would not have it
		by_sql("BEGIN;
			UPDATE porcupine.room_heads SET last_seq = last_seq + 1 WHERE room_id = $room;
			INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, device_id, client_id, epoch, kind, ref, body)
			SELECT room_id, h.last_seq, clock_timestamp(), sender_id, NULL, client_id, e.epoch, kind, ref, body
			  FROM porcupine.events e JOIN porcupine.room_heads h USING (room_id)
			 WHERE room_id = $room AND client_id IS NOT NULL ORDER BY seq DESC LIMIT 1; COMMIT");
	}
);

done_testing();
