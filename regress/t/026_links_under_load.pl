# The application changes its tables from several sessions, with deferred sends in the same transactions, while members are kicked,
# leave, and accounts are disabled and enabled: in the end every room has whom its source names, but for who was sent away and
# stays out; nobody waited for each other in a circle; no log has a gap.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('links_under_load', conf => "deadlock_timeout = 100ms\nfsync = off\n");

# User 1 owns all rooms; rooms 1 to 5 are named by a source, room 6 follows another one alone.
$node->safe_psql(
	'postgres', q{
	INSERT INTO porcupine.users (id, username, display_name) SELECT i, 'user-' || i, 'User ' || i FROM generate_series(1, 20) i;
	INSERT INTO porcupine.rooms (id, encrypted, name) SELECT i, i = 4, 'room ' || i FROM generate_series(1, 6) i;
	INSERT INTO porcupine.room_heads (room_id) SELECT i FROM generate_series(1, 6) i;
	INSERT INTO porcupine.members (room_id, user_id, role) SELECT i, 1, 'owner' FROM generate_series(1, 6) i;
	CREATE TABLE staff (id bigint PRIMARY KEY, here boolean NOT NULL);
	CREATE TABLE teams (room_id bigint, user_id bigint, PRIMARY KEY (room_id, user_id));
	INSERT INTO staff SELECT i, true FROM generate_series(2, 20) i;
	CREATE VIEW team_rooms AS SELECT t.room_id, t.user_id FROM teams t JOIN staff s ON s.id = t.user_id WHERE s.here;
	CREATE VIEW present AS SELECT id AS user_id FROM staff WHERE here;
	SELECT porcupine.link_memberships('team_rooms');
	SELECT porcupine.link_membership(6, 'present');
	-- What a person does may come too late; that is an answer, not a failure.
	CREATE FUNCTION attempt(account bigint, statement text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
	  PERFORM porcupine.act_as(account);
	  EXECUTE statement;
	EXCEPTION WHEN SQLSTATE 'PC003' OR SQLSTATE 'PC004' OR SQLSTATE 'PC005' OR SQLSTATE 'PC006' OR SQLSTATE 'PC007' THEN NULL;
	END $$;
});

my %scripts = (
	hire => q{
		\set r random(1, 5)
		\set u random(2, 20)
		INSERT INTO teams VALUES (:r, :u) ON CONFLICT DO NOTHING;},
	move => q{
		\set a random(1, 6)
		\set b random(1, 6)
		\set r random(1, 5)
		\set u random(2, 20)
		BEGIN;
		SELECT porcupine.act_as(1);
		SELECT porcupine.send_deferred(:a, gen_random_uuid(), 'x');
		DELETE FROM teams WHERE room_id = :r AND user_id = :u;
		SELECT porcupine.send_deferred(:b, gen_random_uuid(), 'y');
		END;},
	holiday => q{
		\set u random(2, 20)
		UPDATE staff SET here = NOT here WHERE id = :u;},
	kick => q{
		\set r random(1, 6)
		\set u random(2, 20)
		SELECT attempt(1, 'SELECT porcupine.remove_member(' || :r || ', ' || :u || ')');},
	leave => q{
		\set r random(1, 6)
		\set u random(2, 20)
		SELECT attempt(:u, 'SELECT porcupine.leave_room(' || :r || ')');},
	disable => q{
		\set u random(2, 20)
		UPDATE porcupine.users SET disabled_at = CASE WHEN disabled_at IS NULL THEN clock_timestamp() END WHERE id = :u;});

my $folder = PostgreSQL::Test::Utils::tempdir;
my @files;
foreach my $name (sort keys %scripts)
{
	append_to_file("$folder/$name.sql", $scripts{$name});
	push @files, '-f', "$folder/$name.sql" . ($name eq 'disable' ? '@1' : '@4');
}
$node->command_ok([ 'pgbench', '-n', '-c', '6', '-j', '2', '-t', '250', @files, '-d', $node->connstr('postgres') ], 'nothing fails that may not');

# Whoever is disabled now may be in or out: they are not added, and not removed.
my $wanted = q{
	SELECT g.room_id, w.user_id FROM porcupine.linked_rooms g JOIN (SELECT * FROM team_rooms UNION ALL SELECT 6, user_id FROM present) w USING (room_id)};
is( $node->safe_psql(
		'postgres', qq{
		SELECT count(*) FROM (SELECT room_id, user_id FROM porcupine.members WHERE role < 'owner' EXCEPT $wanted) t}),
	'0',
	'nobody is in a room whom its source does not name');
is( $node->safe_psql(
		'postgres', qq{
		SELECT count(*) FROM ($wanted EXCEPT SELECT room_id, user_id FROM porcupine.members EXCEPT SELECT room_id, user_id FROM porcupine.link_exclusions) t
		  JOIN porcupine.users u ON u.id = t.user_id AND u.disabled_at IS NULL}),
	'0',
	'whom it names is in, unless they were sent away');
is( $node->safe_psql('postgres', qq{SELECT count(*) FROM (SELECT room_id, user_id FROM porcupine.link_exclusions EXCEPT $wanted) t}),
	'0', 'nobody is kept out whom it does not name');
is( $node->safe_psql('postgres', q{SELECT count(*) FROM porcupine.link_exclusions x JOIN porcupine.members m USING (room_id, user_id)}),
	'0', 'nobody is in and kept out');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM porcupine.link_exclusions'), '>', 0, 'somebody is');
is($node->safe_psql('postgres', 'SELECT count(*) FROM porcupine.stale_links'), '0', 'nothing is left to be compared');
is( $node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM porcupine.room_heads h WHERE last_seq <> (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id)}),
	'0',
	'no gap in any log');
is($node->safe_psql('postgres', q{SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'}), '0', 'nobody waited in a circle');

$node->stop;
done_testing();
