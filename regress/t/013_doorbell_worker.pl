# The doorbell by the worker: many backends send at once, and listeners hear of every head at least once, of nothing that was
# rolled back, and of an origin what it rang itself. A setting takes a session out.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('bells', conf => 'max_connections = 40');
my $status = sub { $node->safe_psql('postgres', "SELECT $_[0] FROM porcupine.stat_doorbell") };

plain_room($node, $_, 1, 2) foreach (1 .. 20);
$node->safe_psql('postgres', q{INSERT INTO porcupine.devices (id, user_id, name) VALUES (11, 1, 'phone');
	INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash) VALUES (21, 1, 11, now() + interval '1 day', '\x00')});

# --- nobody is there at first; who rings often has a worker come ---------------------------------------------

is($status->('mode'), 'worker', 'a busy database would have a worker');
is($node->safe_psql('postgres', 'SELECT porcupine.doorbell_mode()'), 'worker', 'as bridges are told');
my $listener = start_listener($node);
# what made the rooms may have had one come
wait_for('quiet', sub { $status->('worker_pid IS NULL') eq 't' });
$node->safe_psql('postgres', q{BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.send(1, gen_random_uuid(), 'alone'); COMMIT});
is(hear($listener)->{rooms}{1}, 3, 'a commit that finds no worker notifies by itself');
cmp_ok($listener->{payloads}[-1]{stream} // 0, '==', $node->safe_psql('postgres', 'SELECT coalesce(max(stream), 0) FROM porcupine.stream'),
	'and names the stream, where there is one');
my $pid = busy_doorbell($node);
like($node->safe_psql('postgres', "SELECT backend_type FROM pg_stat_activity WHERE pid = $pid"), qr/porcupine doorbell/, 'there is one for many');

# --- doorbells against heads -------------------------------------------------------------------------------------

my $stream = $node->safe_psql('postgres', 'SELECT porcupine.current_stream()');
my ($one, $batch) = (q{
	\set room random(1, 20)
	BEGIN;
	SELECT porcupine.act_as(1 + :client_id % 2);
	SELECT seq FROM porcupine.send(:room, gen_random_uuid(), 'x');
	END;
}, q{
	\set room random(1, 18)
	SELECT condition FROM porcupine.send_many(ARRAY[:room + 2, :room, :room + 1, :room]::bigint[], '{1,1,1,1}', '{11,11,11,11}',
		ARRAY[gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid()], '{0,0,0,0}', '{message,message,message,message}',
		'{NULL,NULL,NULL,NULL}', '{x,x,x,x}', true, 77);
});
$node->pgbench('-n -c 8 -j 2 -t 200', 0, [qr{processed: 1600/1600}], [qr/^(?!.*(ERROR|aborted))/s], 'eight backends send',
	{ 'bell-one@2' => $one, 'bell-batch@1' => $batch });
my %heads = split /[|\n]/, $node->safe_psql('postgres', 'SELECT room_id, last_seq FROM porcupine.room_heads');
wait_for('all heads', sub { hear($listener); !grep { ($listener->{rooms}{$_} // 0) < $heads{$_} } keys %heads });
delete $listener->{rooms}{999999};
is_deeply($listener->{rooms}, \%heads, 'listeners hear of every head, and of nothing above it');
is_deeply([ sort { $a <=> $b } keys %{ { map { $_->{origin} => 1 } @{ $listener->{payloads} } } } ], [ 0, 77 ], 'in the name of who rang');
is($listener->{payloads}[-1]{stream}, $stream, 'in the stream that the seqs belong to');
is($listener->{sweeps}, 0, 'without a sweep');
cmp_ok($status->('notifies'), '<', $status->('pushed'), 'what came together was told together');
# what is told is told before it is taken out
wait_for('the ring to be empty', sub { $status->('used') eq '0' });
is($status->(q{used || ' ' || dropped || ' ' || lag}), '0 0 00:00:00', 'nothing is left');
is($status->(q{last_notify > now() - interval '1 minute' AND last_delay < interval '1 minute'}), 't', 'the last batch has its time');

# --- what is rolled back does not ring; the rest of a transaction does --------------------------------------------------

busy_doorbell($node);
$node->safe_psql('postgres', q{
	BEGIN;
	SELECT porcupine.act_as_session(21);
	SELECT seq FROM porcupine.send(1, gen_random_uuid(), 'stays');
	SAVEPOINT a;
	SELECT seq FROM porcupine.send(2, gen_random_uuid(), 'goes');
	DELETE FROM porcupine.members WHERE room_id = 3 AND user_id = 2;
	ROLLBACK TO a;
	SELECT seq FROM porcupine.send(4, gen_random_uuid(), 'stays');
	RELEASE a;
	DELETE FROM porcupine.members WHERE room_id = 5 AND user_id = 2;
	SELECT porcupine.logout();
	UPDATE porcupine.users SET disabled_at = now() WHERE id = 2;
	DELETE FROM porcupine.rooms WHERE id = 6;
	COMMIT;
	BEGIN;
	SELECT porcupine.act_as(1);
	SELECT seq FROM porcupine.send(7, gen_random_uuid(), 'goes');
	ROLLBACK});
wait_for('the session', sub { @{ hear($listener)->{sessions} } });
my %now = split /[|\n]/, $node->safe_psql('postgres', 'SELECT room_id, last_seq FROM porcupine.room_heads');
is_deeply([ map { $listener->{rooms}{$_} - $heads{$_} } 1 .. 5, 7 ], [ 1, 0, 0, 1, 1, 0 ], 'rooms');
is($listener->{rooms}{6}, 0, 'a room that is gone');
is_deeply([ $listener->{members}, $listener->{sessions}, $listener->{users} ], [ [ [ 2, 5 ] ], [21], [2] ], 'a membership, a session, a user');

# --- a session that is not to use the worker ------------------------------------------------------------------------------

my $direct = $status->('direct');
is($node->safe_psql('postgres', q{
	SET porcupine.doorbell_worker = off;
	SELECT porcupine.doorbell_mode();
	SELECT porcupine.ring(ARRAY[8], ARRAY[1000000], 5)}), "notify\n", 'a setting takes a session out');
is(hear($listener)->{rooms}{8}, 1000000, 'and its commit notifies by itself');
is($status->('direct'), $direct + 1, 'which is counted');

# --- without work it leaves -----------------------------------------------------------------------------------------------------

wait_for('the worker to leave', sub { $status->('worker_pid') eq '' });
$node->safe_psql('postgres', 'SELECT porcupine.ring(ARRAY[9], ARRAY[1000000], 0)');
is(hear($listener)->{rooms}{9}, 1000000, 'a commit that finds it gone notifies by itself');

# A role of PostgreSQL's own may look, without being anybody in the chat.
$node->safe_psql('postgres', 'CREATE ROLE prometheus LOGIN IN ROLE pg_monitor');
is($node->safe_psql('postgres', 'SELECT mode FROM porcupine.stat_doorbell', extra_params => [ '-U', 'prometheus' ]), 'worker', 'monitoring may look');
is(sqlstate_of($node, 'SET ROLE prometheus; SELECT count(*) FROM porcupine.rooms'), '42501', 'at nothing else');

stop_listener($listener);
$node->stop;
done_testing();
