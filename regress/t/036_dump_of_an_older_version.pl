# A dump of version 1.0, made by its own script, goes into this version in both ways: restored as 1.0 and updated, and straight into a
# fresh install. Straight, what 1.0 did not keep beside the log is missing until recount() has worked it out; then both are the same.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('server');
my $dump = PostgreSQL::Test::Utils::tempdir . '/old.dump';

$node->safe_psql('postgres', 'CREATE DATABASE old; CREATE DATABASE straight; CREATE DATABASE updated');
$node->safe_psql('old', q{SET porcupine.adopt_roles = on; CREATE EXTENSION porcupine VERSION '1.0'});

# Plain SQL only, for the library is of this version. Ada is in both rooms; ben has said something in the plain one and has left,
# cas has left without a word; what the server itself wrote counts for nothing.
$node->safe_psql('old', q{
	INSERT INTO porcupine.stream VALUES (17, 1, 1, 1);
	INSERT INTO porcupine.users (id, username, display_name) VALUES (1, 'ada', 'Ada'), (2, 'ben', 'Ben'), (3, 'cas', 'Cas');
	INSERT INTO porcupine.devices (id, user_id, name) VALUES (1, 1, 'laptop'), (2, 2, 'phone');
	INSERT INTO porcupine.rooms (id, created_by, encrypted, code, name) VALUES (1, 1, false, 'ABCDEF', 'plain'), (2, 1, true, 'ABCDEG', 'sealed');
	INSERT INTO porcupine.room_heads (room_id, last_seq, epoch, log_length) VALUES (1, 8, 0, 0), (2, 3, 0, 1);
	INSERT INTO porcupine.members (room_id, user_id, joined_seq, role, via) VALUES (1, 1, 1, 'owner', 'create'), (2, 1, 1, 'owner', 'create');
	INSERT INTO porcupine.events (created_at, room_id, seq, sender_id, device_id, client_id, epoch, kind, body) SELECT now(), e.* FROM (VALUES
		(1, 1, NULL::bigint, NULL::bigint, NULL::uuid, 0, 'member.joined'::porcupine.kind, '{"user": "1"}'::bytea), (1, 2, NULL, NULL, NULL, 0, 'member.joined', '{"user": "2"}'),
		(1, 3, 1, 1, gen_random_uuid(), 0, 'message', 'hello'), (1, 4, 2, 2, gen_random_uuid(), 0, 'message', 'from ben'),
		(1, 5, 2, 2, gen_random_uuid(), 0, 'reaction', '+1'), (1, 6, NULL, NULL, NULL, 0, 'member.left', '{"user": "2"}'),
		(1, 7, NULL, NULL, NULL, 0, 'member.joined', '{"user": "3"}'), (1, 8, NULL, NULL, NULL, 0, 'member.left', '{"user": "3"}'),
		(2, 1, NULL, NULL, NULL, 0, 'member.joined', '{"user": "1"}'), (2, 2, 1, 1, NULL, 0, 'control', 'entry'),
		(2, 3, 1, 1, gen_random_uuid(), 0, 'message', 'ciphertext')) e;
	INSERT INTO porcupine.control_log VALUES (2, 0, 2);
	SELECT setval(pg_get_serial_sequence('porcupine.' || t, 'id'), 10) FROM unnest('{users,devices,rooms}'::text[]) t;
});
my $log = 'SELECT string_agg(e::text, chr(10) ORDER BY room_id, seq) FROM porcupine.events e';
my $kept = $node->safe_psql('old', $log);
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('old') ], 'dumped');

sub restore
{
	my ($database, @options) = @_;
	local $ENV{PGOPTIONS} = '-c porcupine.adopt_roles=on';

	$node->command_ok([ 'pg_restore', '--exit-on-error', @options, '-d', $node->connstr($database), $dump ], "$database: restored");
	return;
}

sub counts
{
	my ($database) = @_;
	return $node->safe_psql($database, q{
		SELECT string_agg(room_id || ': ' || bytes, ', ' ORDER BY room_id) FROM porcupine.room_heads;
		SELECT string_agg(user_id || ' in ' || room_id, ', ' ORDER BY user_id, room_id) FROM porcupine.former_members;});
}

my $right = '1: ' . length('hellofrom ben+1') . ', 2: ' . length('ciphertext') . "\n2 in 1";

restore('straight');
is($node->safe_psql('straight', q{SELECT extversion FROM pg_extension WHERE extname = 'porcupine'}), $node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'porcupine'}),
	'straight: it is of this version');
is($node->safe_psql('straight', $log), $kept, 'straight: each event is there, and no other');
is(counts('straight'), "1: 0, 2: 0\n", 'straight: what 1.0 did not count is missing');
$node->safe_psql('straight', 'SELECT porcupine.recount()');
is(counts('straight'), $right, 'straight: recount() has counted');
$node->safe_psql('straight', 'SELECT porcupine.recount()');
is(counts('straight'), $right, 'straight: again changes nothing');

$node->safe_psql('updated', q{SET porcupine.adopt_roles = on; CREATE EXTENSION porcupine VERSION '1.0'});
restore('updated');
$node->safe_psql('updated', 'ALTER EXTENSION porcupine UPDATE');
is($node->safe_psql('updated', $log), $kept, 'updated: each event is there, and no other');
is(counts('updated'), $right, 'updated: the update has counted');

foreach my $database ('straight', 'updated')
{
	is( $node->safe_psql($database, q{
		BEGIN;
		SELECT porcupine.act_as(1) \gset
		SELECT seq FROM porcupine.send(1, gen_random_uuid(), 'twelve bytes');
		COMMIT;
		SELECT messages, more FROM porcupine.erase_user(2);
		SELECT string_agg(convert_from(body, 'UTF8'), ',' ORDER BY seq) FROM porcupine.events WHERE room_id = 1 AND kind IN ('message', 'reaction');}),
		"9\n2|f\nhello,,,twelve bytes",
		"$database: people go on, and what somebody said who has left is found to be erased");
	is(counts($database) =~ s/\n.*//sr, '1: ' . length('hellotwelve bytes') . ', 2: 10', "$database: and counted");
}

done_testing();
