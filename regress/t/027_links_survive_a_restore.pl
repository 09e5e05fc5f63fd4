# A link is in the dump: restoring changes no members, whichever rows come first, and from then on the room follows the
# application's tables as before, with whoever was excluded still out.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = new_node('source');

# "zoo" sorts behind "porcupine", "app" before it: the rows of one come after those of the chat, of the other before.
$source->safe_psql(
	'postgres', q{
	INSERT INTO porcupine.users (id, username, display_name) SELECT i, 'user-' || i, 'User ' || i FROM generate_series(1, 5) i;
	BEGIN;
	SELECT porcupine.act_as(1);
	SELECT porcupine.create_room('room ' || i, false) FROM generate_series(1, 3) i;
	COMMIT;
	CREATE SCHEMA app;
	CREATE SCHEMA zoo;
	CREATE TABLE app.departments (id integer PRIMARY KEY, room_id bigint);
	CREATE TABLE zoo.employees (id bigint PRIMARY KEY, login text, department integer REFERENCES app.departments);
	INSERT INTO app.departments VALUES (1, 1), (2, 2);
	INSERT INTO zoo.employees VALUES (2, 'user-2', 1), (3, 'user-3', 1), (4, 'user-4', 2);
	CREATE VIEW app.teams AS SELECT d.room_id, porcupine.find_user(e.login) AS user_id FROM app.departments d JOIN zoo.employees e ON e.department = d.id;
	CREATE VIEW zoo.everybody AS SELECT id AS user_id FROM porcupine.users WHERE id > 1;
	SELECT porcupine.link_memberships('app.teams');
	SELECT porcupine.link_membership(3, 'zoo.everybody', 'reader', additive => true);
	BEGIN;
	SELECT porcupine.act_as(1);
	SELECT porcupine.remove_member(1, 3);
	COMMIT;
});

my $state = q{
	SELECT md5(string_agg(r, E'\n' ORDER BY r)) FROM (
		SELECT m::text AS r FROM porcupine.members m UNION ALL SELECT e::text FROM porcupine.events e UNION ALL SELECT h::text FROM porcupine.room_heads h
		UNION ALL SELECT l::text FROM porcupine.links l UNION ALL SELECT g::text FROM porcupine.linked_rooms g UNION ALL SELECT x::text FROM porcupine.link_exclusions x
		UNION ALL SELECT a::text FROM porcupine.audit a) t};
my $who = q{SELECT string_agg(room_id || ':' || user_id || ' ' || role, ', ' ORDER BY room_id, user_id) FROM porcupine.members};
my $before = $source->safe_psql('postgres', $state);
is( $source->safe_psql('postgres', $who),
	'1:1 owner, 1:2 member, 2:1 owner, 2:4 member, 3:1 owner, 3:2 reader, 3:3 reader, 3:4 reader, 3:5 reader',
	'the rooms follow their sources, but for who was removed');
my $folder = PostgreSQL::Test::Utils::tempdir;

foreach my $format ('plain', 'custom')
{
	my $dump = "$folder/$format.dump";
	$source->command_ok([ 'pg_dump', "--format=$format", '-f', $dump, '-d', $source->connstr('postgres') ], "pg_dump $format");
	my $target = new_node("restored_$format", extension => 0);
	$target->command_ok(
		$format eq 'plain'
		? [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $target->connstr('postgres') ]
		: [ 'pg_restore', '--exit-on-error', '-d', $target->connstr('postgres'), $dump ],
		"restore $format");
	is($target->safe_psql('postgres', $state), $before, "$format: nobody came or went by the restore");
	is($target->safe_psql('postgres', q{SELECT count(*), bool_or(missing), bool_or(unwatched <> '{}') FROM porcupine.links()}),
		'2|f|f', "$format: the links are there, and watch their tables");

	$target->safe_psql('postgres', q{UPDATE zoo.employees SET department = 1 WHERE id = 4});
	$target->safe_psql('postgres', q{INSERT INTO porcupine.users (id, username, display_name) VALUES (6, 'user-6', 'User 6')});
	is( $target->safe_psql('postgres', $who),
		'1:1 owner, 1:2 member, 1:4 member, 2:1 owner, 3:1 owner, 3:2 reader, 3:3 reader, 3:4 reader, 3:5 reader, 3:6 reader',
		"$format: they follow on");

	isnt($target->psql('postgres', 'SET porcupine.allow_drop = on; DROP EXTENSION porcupine', on_error_stop => 1), 0, "$format: the extension does not go while tables call it");
	$target->safe_psql('postgres', q{SELECT porcupine.unlink_memberships('app.teams'); SELECT porcupine.unlink_membership(3)});
	$target->safe_psql('postgres', q{DROP VIEW app.teams, zoo.everybody; SET porcupine.allow_drop = on; DROP EXTENSION porcupine; DELETE FROM zoo.employees});
	$target->stop;
}

done_testing();
