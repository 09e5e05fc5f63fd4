# What DBAs set for a database or a session: serializable transactions, time limits of statements and locks, read-only
# transactions. Everything works or is refused with PostgreSQL's own SQLSTATE, and nothing is half done.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('settings');
my $key = 0;

plain_room($node, 1, 1, 2);
$node->safe_psql('postgres', q{SELECT setval('porcupine.users_id_seq', 10), setval('porcupine.rooms_id_seq', 10)});
serializable();
time_limits();
read_only();
$node->stop;
done_testing();

# as USER, STATEMENTS: a transaction of that user
sub as
{
	my ($user, $statements) = @_;

	return "BEGIN; SELECT porcupine.act_as($user) \\gset\n$statements; COMMIT;";
}

sub send_statement
{
	my ($body) = @_;

	return sprintf(q{SELECT seq FROM porcupine.send(1, '00000000-0000-4000-8000-%012d', '%s')}, ++$key, $body);
}

# The log is gap-free, and has so many events.
sub log_is_whole
{
	my ($events, $name) = @_;

	is($node->safe_psql('postgres', q{SELECT last_seq, (SELECT count(*) FROM porcupine.events WHERE room_id = 1), (SELECT max(seq) FROM porcupine.events WHERE room_id = 1)
		FROM porcupine.room_heads WHERE room_id = 1}), "$events|$events|$events", $name);
	return;
}

# holding CODE: meanwhile another transaction has the room's head, and commits nothing.
sub holding
{
	my ($code) = @_;
	my $holder = open_session($node);

	ask($holder, 'BEGIN; SELECT FROM porcupine.room_heads WHERE room_id = 1 FOR UPDATE;');
	$code->();
	ask($holder, 'ROLLBACK;');
	close_session($holder);
	return;
}

sub serializable
{
	$node->safe_psql('postgres', q{ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'});
	is($node->safe_psql('postgres', as(1, send_statement('a')) . as(2, send_statement('b') . '; SELECT count(*) FROM porcupine.history(1); SELECT read_seq FROM porcupine.my_rooms()')),
		"3\n4\n4\n0", 'serializable: send, history and my_rooms');
	is($node->safe_psql('postgres', q{SELECT username FROM porcupine.register('cas', 'correct horse'); SELECT username FROM porcupine.login('cas', 'correct horse')}),
		"cas\ncas", 'serializable: register and login');

	# whoever has looked before somebody else sent is told to try again, and then has the next seq
	my $late = open_session($node);
	my $sending = send_statement('d') . ';';
	ask($late, 'BEGIN; SELECT porcupine.act_as(2); SELECT count(*) FROM porcupine.events;');
	is($node->safe_psql('postgres', as(1, send_statement('c'))), '5', 'serializable: somebody else sends meanwhile');
	like(ask($late, $sending), qr/40001/, 'serializable: who looked before that is told to try again');
	like(ask($late, "ROLLBACK; BEGIN; SELECT porcupine.act_as(2); $sending COMMIT;"), qr/^6$/m, 'serializable: and then has the next seq');
	close_session($late);
	log_is_whole(6, 'serializable: no gap');
	$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET default_transaction_isolation');
	return;
}

sub time_limits
{
	holding(sub {
		foreach my $limit ([ statement_timeout => '57014' ], [ lock_timeout => '55P03' ])
		{
			my ($setting, $sqlstate) = @$limit;
			my $set = "SET $setting = '200ms';";

			is(sqlstate_of($node, "$set BEGIN; SELECT porcupine.act_as(1); " . send_statement('x') . '; COMMIT'), $sqlstate, "$setting: send");
			is(sqlstate_of($node, "$set BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.leave_room(1); COMMIT"), $sqlstate, "$setting: leave_room");
			is(sqlstate_of($node, "$set BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.remove_member(1, 2); COMMIT"), $sqlstate, "$setting: remove_member");
			# PostgreSQL ends the statement's time before a commit does its work
			my $end = $setting eq 'lock_timeout' ? 'COMMIT' : 'SET CONSTRAINTS ALL IMMEDIATE';
			is(sqlstate_of($node, "$set BEGIN; SELECT porcupine.act_as(1); SELECT porcupine.send_deferred(1, gen_random_uuid(), 'x'); $end"), $sqlstate,
				"$setting: $end after send_deferred");
			is(sqlstate_of($node, "$set SELECT porcupine.send_many('{1}', '{1}', ARRAY[(SELECT max(id) FROM porcupine.devices)], ARRAY[gen_random_uuid()], '{0}', '{message}', '{null}', '{x}')"),
				$sqlstate, "$setting: send_many");
		}
	});
	log_is_whole(6, 'time limits: nothing was half done');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM porcupine.outbox}), '0', 'time limits: nothing waits to be sent');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM porcupine.members WHERE room_id = 1}), '2', 'time limits: nobody left');
	is($node->safe_psql('postgres', as(1, send_statement('e'))), '7', 'time limits: the next send has the next seq');
	return;
}

sub read_only
{
	my $token = $node->safe_psql('postgres', q{SELECT access_token FROM porcupine.login('cas', 'correct horse')});
	my $read_only = 'SET default_transaction_read_only = on;';

	is($node->safe_psql('postgres', "$read_only " . as(1, q{SELECT count(*) FROM porcupine.history(1); SELECT name FROM porcupine.my_rooms(); SELECT count(*) FROM porcupine.room_members(1);
		SELECT reset FROM porcupine.cursor_state(1, 1); SELECT count(*) FROM porcupine.since(1, 0); SET LOCAL ROLE porcupine_client; SELECT count(*) FROM porcupine.events})),
		"7\nRoom 1\n2\nf\n7\n7", 'read-only: what only reads works');
	is($node->safe_psql('postgres', "$read_only BEGIN; SELECT porcupine.authenticate('$token') = porcupine.find_user('cas'); COMMIT"), 't', 'read-only: authenticate');
	foreach my $statement (send_statement('x'), q{SELECT porcupine.send_deferred(1, gen_random_uuid(), 'x')}, q{SELECT porcupine.create_room('x', false)}, 'SELECT porcupine.mark_read(1, 5)',
		'SELECT porcupine.leave_room(1)', q{SELECT porcupine.rename_room(1, 'y')}, 'SELECT porcupine.delete_room(1)', 'SELECT porcupine.create_invite(1)', 'SELECT porcupine.remove_member(1, 2)')
	{
		is(sqlstate_of($node, "$read_only BEGIN; SELECT porcupine.act_as(1); $statement; COMMIT"), '25006', "read-only: refused: $statement");
	}
	is(sqlstate_of($node, "$read_only $_"), '25006', "read-only: refused: $_")
	  foreach q{SELECT porcupine.register('eva', 'correct horse')}, q{SELECT porcupine.login('cas', 'correct horse')},
		q{SELECT porcupine.send_many('{1}', '{1}', ARRAY[(SELECT max(id) FROM porcupine.devices)], ARRAY[gen_random_uuid()], '{0}', '{message}', '{null}', '{x}')};
	log_is_whole(7, 'read-only: nothing was written');
	return;
}
