# An ordinary user who owns the database plants a schema, functions, operators, settings and roles that the extension's script
# or its functions could fall for. A superuser's CREATE EXTENSION is refused where it must be and otherwise calls none of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('hostile', preload => 0, extension => 0);
my @roles = map { "porcupine_$_" } qw(owner client backend bridge admin);

$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE ROLE accomplice LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE hostile OWNER mallory');
my @as_mallory = (extra_params => [ '-U', 'mallory' ]);

sub install { return sqlstate_of($node, shift // 'CREATE EXTENSION porcupine', 'hostile'); }

sub nothing_is_left
{
	my ($what) = @_;

	is($node->safe_psql('hostile', q{SELECT count(*) FROM pg_extension WHERE extname = 'porcupine'}),
		'0', "$what: not installed");
	is( $node->safe_psql(
			'postgres', q{SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = 'mallory'}
		),
		'f',
		"$what: nothing gained"
	);
	return;
}

# The schema is there first, with functions that have the names of the extension's own.
$node->safe_psql(
	'hostile', q{
	CREATE SCHEMA porcupine;
	CREATE FUNCTION porcupine.require_user() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN ALTER ROLE mallory SUPERUSER; RETURN 1; END';
	CREATE FUNCTION porcupine.refuse(text, text, text, text) RETURNS void LANGUAGE plpgsql AS 'BEGIN ALTER ROLE mallory SUPERUSER; END';
}, @as_mallory
);
is(install(), '42P06', 'a schema that is there first is refused');
nothing_is_left('planted schema');
is(install('CREATE EXTENSION porcupine CASCADE'), '42P06', 'with CASCADE, too');
is(install('CREATE EXTENSION porcupine SCHEMA public'), '0A000', 'another schema is refused');
$node->safe_psql('hostile', 'DROP SCHEMA porcupine CASCADE', @as_mallory);

# Neither may the owner of the database install it, nor somebody who is let into the schema.
is(sqlstate_of($node, 'CREATE EXTENSION porcupine', 'hostile'), '00000', 'installs where nothing is planted');
$node->safe_psql('hostile', 'SET porcupine.allow_drop = on; DROP EXTENSION porcupine');
my ($code, $out, $err) = $node->psql('hostile', 'CREATE EXTENSION porcupine', @as_mallory);
like($err, qr/permission denied|must be superuser/i, 'nobody but a superuser installs');
is($node->safe_psql('hostile', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'porcupine'}),
	'0', 'the schema goes with the extension');

# Roles that somebody prepared.
my $reset = join(';', map { "DROP ROLE IF EXISTS $_" } @roles) . ';';
my @prepared = (
	[ 'a login', 'CREATE ROLE porcupine_owner LOGIN' ],
	[ 'a login for the bridge', 'CREATE ROLE porcupine_bridge LOGIN' ],
	[ 'BYPASSRLS', 'CREATE ROLE porcupine_client BYPASSRLS' ],
	[ 'CREATEROLE', 'CREATE ROLE porcupine_admin CREATEROLE' ],
	[ 'SUPERUSER', 'CREATE ROLE porcupine_backend SUPERUSER' ],
	[ 'a member of the owner', 'CREATE ROLE porcupine_owner; GRANT porcupine_owner TO mallory' ],
	[ 'a member of the backend', 'CREATE ROLE porcupine_backend; GRANT porcupine_backend TO mallory' ],
	[ 'an owner in another role', 'CREATE ROLE porcupine_owner; GRANT accomplice TO porcupine_owner' ],
	[ 'a client in another role', 'CREATE ROLE porcupine_client; GRANT accomplice TO porcupine_client' ]
);
foreach my $case (@prepared)
{
	$node->safe_psql('postgres', "$reset $case->[1]");
	is(install(), '42710', "a role with $case->[0] is refused");
	nothing_is_left($case->[0]);
}

# A superuser may adopt members of the group roles; the owner of a database cannot say so in its settings, and members of
# the owner's role are never adopted.
$node->safe_psql('postgres', "$reset CREATE ROLE porcupine_client; GRANT porcupine_client TO mallory");
($code, $out, $err) =
  $node->psql('hostile', 'ALTER DATABASE hostile SET porcupine.adopt_roles = on', @as_mallory);
isnt($code, 0, "the database's settings cannot adopt members");
is(install('SET porcupine.adopt_roles = on; CREATE EXTENSION porcupine'), '00000', 'the superuser does');
$node->safe_psql('hostile', 'SET porcupine.allow_drop = on; DROP EXTENSION porcupine');
$node->safe_psql('postgres', "$reset CREATE ROLE porcupine_owner; GRANT porcupine_owner TO mallory");
is(install('SET porcupine.adopt_roles = on; CREATE EXTENSION porcupine'),
	'42710', 'but no member of the owner');
$node->safe_psql('postgres', $reset);

# Overloads and operators that fit better than PostgreSQL's own, first on the path of everybody who connects. Each of them
# notes that it was called and by whose rights.
$node->safe_psql(
	'hostile', q{
	CREATE SCHEMA trap;
	CREATE TABLE trap.caught (what text, by_whom text);
	GRANT USAGE ON SCHEMA trap TO PUBLIC;
	GRANT ALL ON trap.caught TO PUBLIC;
	CREATE FUNCTION trap.note(what text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $f$
	BEGIN
		INSERT INTO trap.caught VALUES (what, current_user);
		IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE mallory SUPERUSER; END IF;
	END $f$;
}, @as_mallory
);
my @functions = (
	[ 'format', 'a text, b text', 'text', q{''} ],
	[ 'format', 'a text, b name', 'text', q{''} ],
	[ 'format', 'a text, b regprocedure', 'text', q{''} ],
	[ 'sha256', 'a bytea', 'bytea', q{'\x00'} ],
	[ 'length', 'a text', 'int', '0' ],
	[ 'length', 'a bytea', 'int', '0' ],
	[ 'lower', 'a text', 'text', q{'x'} ],
	[ 'upper', 'a text', 'text', q{'x'} ],
	[ 'btrim', 'a text', 'text', q{'x'} ],
	[ 'clock_timestamp', '', 'timestamptz', q{'2000-01-01'} ],
	[ 'convert_to', 'a text, b name', 'bytea', q{'x'} ],
	[ 'convert_to', 'a text, b text', 'bytea', q{'x'} ],
	[ 'cardinality', 'a bytea[]', 'int', '0' ],
	[ 'cardinality', 'a bigint[]', 'int', '0' ],
	[ 'jsonb_build_object', 'a text, b text', 'jsonb', q{'{}'} ],
	[ 'pg_extension_config_dump', 'a regclass, b text', 'void', q{''} ],
	[ 'current_setting', 'a text', 'text', q{'x'} ],
	[ 'random_token', '', 'text', q{'x'} ]
);
my @operators = (
	[ '=', 'text', 'text' ],
	[ '=', 'bigint', 'bigint' ],
	[ '=', 'oid', 'oid' ],
	[ '=', 'name', 'text' ],
	[ '<>', 'name', 'text' ],
	[ '=', 'bytea', 'bytea' ],
	[ '<', 'integer', 'integer' ],
	[ '>', 'bigint', 'bigint' ],
	[ '~', 'text', 'text' ],
	[ '!~', 'text', 'text' ],
	[ '=', 'timestamptz', 'timestamptz' ]
);
my $planting = '';
foreach my $f (@functions)
{
	$planting .=
	  qq{CREATE FUNCTION trap.$f->[0]($f->[1]) RETURNS $f->[2] LANGUAGE plpgsql AS \$f\$ BEGIN PERFORM trap.note('$f->[0]'); RETURN $f->[3]; END \$f\$;\n}
	  unless $f->[2] eq 'void';
	$planting .=
	  qq{CREATE FUNCTION trap.$f->[0]($f->[1]) RETURNS void LANGUAGE plpgsql AS \$f\$ BEGIN PERFORM trap.note('$f->[0]'); END \$f\$;\n}
	  if $f->[2] eq 'void';
}
my $number = 0;
foreach my $o (@operators)
{
	$number++;
	$planting .=
	  qq{CREATE FUNCTION trap.operator_$number(a $o->[1], b $o->[2]) RETURNS boolean LANGUAGE plpgsql AS \$f\$ BEGIN PERFORM trap.note('operator $o->[0] $o->[1]'); RETURN true; END \$f\$;
		CREATE OPERATOR trap.$o->[0] (LEFTARG = $o->[1], RIGHTARG = $o->[2], FUNCTION = trap.operator_$number);\n};
}
$planting .= q{
	CREATE TABLE trap.pg_class (relname name, relnamespace oid, relkind "char", oid oid, typrelid oid);
	CREATE TABLE trap.members (room_id bigint, user_id bigint, role text);
	CREATE TYPE trap.bytea AS ENUM ('no');
	ALTER DATABASE hostile SET search_path = trap, public, pg_catalog, pg_temp;
	ALTER DATABASE hostile SET default_transaction_isolation = 'serializable';
	ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
};
$node->safe_psql('hostile', $planting, @as_mallory);
my $sprung = $node->safe_psql(
	'hostile', q{BEGIN; SELECT length('x'::text) AS trapped \gset
SELECT count(*) OPERATOR(pg_catalog.>) 0 FROM trap.caught; ROLLBACK}
);
is($sprung, 't', 'the trap works on who walks into it');

my $planted_temp = q{
	CREATE TEMP TABLE members (room_id bigint, user_id bigint, role text);
	CREATE TEMP TABLE users (id bigint, username text);
	CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE plpgsql AS 'BEGIN PERFORM trap.note(''temp''); RETURN ''x''; END';
};
is(install("$planted_temp CREATE EXTENSION porcupine"),
	'00000', 'installs past overloads, operators and temporary objects');
is($node->safe_psql('hostile', 'SELECT pg_catalog.count(*) FROM trap.caught'),
	'0', 'the script called none of them');

my $use = $node->safe_psql(
	'hostile', $planted_temp . q{
	BEGIN ISOLATION LEVEL READ COMMITTED;
	SELECT (porcupine.register('victim', 'password-1')).user_id AS victim \gset
	SELECT porcupine.act_as(:victim);
	SELECT (porcupine.create_room('room', false)).id AS room \gset
	SELECT seq FROM porcupine.send(:room, pg_catalog.gen_random_uuid(), 'x');
	SELECT (porcupine.create_invite(:room)).code AS code \gset
	SELECT (porcupine.join_room(:'code')).id OPERATOR(pg_catalog.=) :room;
	SELECT pg_catalog.count(*) FROM porcupine.history(:room);
	SELECT (porcupine.rename_room(:room, 'other')).name;
	SELECT porcupine.leave_room(:room);
	COMMIT;
}
);
like($use, qr/2\nt\n2\nother/, 'the functions do their work on a hostile path');
is($node->safe_psql('hostile', 'SELECT pg_catalog.count(*) FROM trap.caught'), '0', 'and call none of it');
is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}),
	'f', 'nothing gained');

# The owner of the database has no part in it, nor can they come by one.
foreach my $attempt (
	'SELECT * FROM porcupine.credentials',
	'SELECT porcupine.act_as(1)',
	'CREATE TABLE porcupine.x ()',
	'DROP EXTENSION porcupine',
	'ALTER SCHEMA porcupine OWNER TO mallory',
	'ALTER TABLE porcupine.users DISABLE ROW LEVEL SECURITY',
	'GRANT porcupine_owner TO mallory',
	'DROP SCHEMA porcupine CASCADE',
	'CREATE FUNCTION porcupine.x() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
	'ALTER FUNCTION porcupine.act_as(bigint) OWNER TO mallory',
	'SET ROLE porcupine_owner',
	'REASSIGN OWNED BY porcupine_owner TO mallory',
	'ALTER EXTENSION porcupine ADD TABLE trap.members'
  )
{
	($code, $out, $err) = $node->psql('hostile', $attempt, @as_mallory);
	isnt($code, 0, "the database's owner is refused: $attempt");
}

done_testing();
