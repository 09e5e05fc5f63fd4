# The extension is not dropped while a chat is in it, by whatever command, in a session that has loaded the library or not;
# a superuser who says so drops it, and an empty one goes without a word. Other people's objects are dropped as ever.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

foreach my $preload (0, 1)
{
	drops(new_node("preload_$preload", preload => $preload), $preload ? 'preloaded' : 'not preloaded');
}
done_testing();

sub drops
{
	my ($node, $how) = @_;

	is(sqlstate_of($node, 'DROP EXTENSION porcupine'), '00000', "$how: an empty one is dropped");
	$node->safe_psql('postgres', q{
		CREATE ROLE app SUPERUSER;
		SET ROLE app;
		SET porcupine.adopt_roles = on;
		CREATE EXTENSION porcupine;
		RESET ROLE;
		CREATE SCHEMA app;
		CREATE TABLE app.users (id int);
		INSERT INTO app.users VALUES (1);
		CREATE VIEW app.rooms AS SELECT * FROM porcupine.rooms;
	});
	plain_room($node, 1, 1, 2);
	refused($node, $how);

	# one kind of row is enough
	$node->safe_psql('postgres', 'DELETE FROM porcupine.rooms; DELETE FROM porcupine.users WHERE id = 1');
	is(sqlstate_of($node, 'DROP EXTENSION porcupine CASCADE'), '2BP01', "$how: one user is enough");
	$node->safe_psql('postgres', 'DELETE FROM porcupine.users');
	is(sqlstate_of($node, 'BEGIN; DROP EXTENSION porcupine CASCADE; ROLLBACK'), '00000', "$how: all gone, it is dropped");
	plain_room($node, 1, 1, 2);

	# nobody else's objects are any business of it
	is(sqlstate_of($node, 'DROP SCHEMA app CASCADE'), '00000', "$how: a schema with a table of that name and rows in it is dropped");
	is(sqlstate_of($node, 'CREATE TABLE public.users AS SELECT 1; DROP TABLE public.users'), '00000', "$how: and a table");
	is(sqlstate_of($node, 'CREATE EXTENSION hstore; DROP EXTENSION hstore'), '00000', "$how: and another extension") if has_hstore($node);

	# what is said by who may not say it
	$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; ALTER DATABASE postgres OWNER TO mallory');
	$node->psql('postgres', 'ALTER DATABASE postgres SET porcupine.allow_drop = on', extra_params => [ '-U', 'mallory' ]);
	is(sqlstate_of($node, 'DROP EXTENSION porcupine'), '2BP01', "$how: the owner of the database cannot allow it");

	is(sqlstate_of($node, 'SET porcupine.allow_drop = on; DROP EXTENSION porcupine'), '00000', "$how: a superuser who says so drops it");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_event_trigger}), '0', "$how: and nothing of it stays");
	is(sqlstate_of($node, 'SET porcupine.adopt_roles = on; CREATE EXTENSION porcupine'), '00000', "$how: installed again");

	# DROP DATABASE is another matter
	$node->safe_psql('postgres', 'CREATE DATABASE other TEMPLATE postgres');
	is(sqlstate_of($node, 'DROP DATABASE other'), '00000', "$how: a database is dropped as ever");
	$node->stop;
	return;
}

sub refused
{
	my ($node, $how) = @_;

	# each in a connection of its own
	foreach my $statement ('DROP EXTENSION porcupine CASCADE', 'DROP SCHEMA porcupine CASCADE', 'DROP OWNED BY porcupine_owner CASCADE',
		'DROP EXTENSION plpgsql CASCADE', 'DO $$BEGIN EXECUTE $q$DROP EXTENSION porcupine CASCADE$q$; END$$',
		'BEGIN; DELETE FROM porcupine.rooms; DROP EXTENSION porcupine CASCADE; COMMIT',
		# whoever installed it owns it
		'DROP OWNED BY app CASCADE')
	{
		is(sqlstate_of($node, $statement), '2BP01', "$how: refused: $statement");
	}
	my ($code, $out, $err) = $node->psql('postgres', 'DROP EXTENSION porcupine CASCADE');
	like($err, qr/not dropped while its chat is in it.*porcupine\.\w+ has rows.*SET porcupine\.allow_drop = on/s, "$how: and says what to do");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM porcupine.users'), '2', "$how: all is there");
	return;
}

sub has_hstore
{
	my ($node) = @_;

	return $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'});
}
