# A database of an older version, with a conversation in it, is updated: the whole catalogue is that of a fresh install, no row is
# lost or changed, and people go on. Before the update the new library refuses, and says what to do.
#
# When this fails after a change in sql/: CONTRIBUTING.md, "Changing sql/".

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Catalogue;
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('updated');
my $current = $node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'porcupine'});
my @older = split /\n/, $node->safe_psql('postgres',
	qq{SELECT source FROM pg_extension_update_paths('porcupine') WHERE target = '$current' AND path IS NOT NULL ORDER BY source});

cmp_ok(scalar(@older), '>=', 1, "there is a way to $current from an older version");
foreach my $version (@older)
{
	update_from($version);
}
done_testing();

sub update_from
{
	my ($version) = @_;
	my $database = "from_$version";

	$node->safe_psql('postgres', qq{CREATE DATABASE "$database"});
	$node->safe_psql($database, qq{SET porcupine.adopt_roles = on; CREATE EXTENSION porcupine VERSION '$version'});
	fill($database);
	foreach my $statement ('SELECT porcupine.act_as(1)', 'SELECT porcupine.act_as_session(1)',
		'SELECT porcupine.read_frames(1, 0, 10, 1000)',
		q{SELECT porcupine.send_many('{1}', '{1}', '{1}', ARRAY[gen_random_uuid()], '{0}', '{message}', '{null}', '{x}')})
	{
		my ($code, $out, $err) = $node->psql($database, "\\set VERBOSITY verbose\nBEGIN; $statement");

		like($err, qr/ERROR:  55000: the library of porcupine is \Q$current\E, its objects in this database are of \Q$version\E.*HINT:  .*ALTER EXTENSION porcupine UPDATE/s,
			"$version: before the update refused with a hint: $statement");
	}
	my $columns = columns_of($database);
	my $rows = rows_of($database, $columns);
	my $files = $node->safe_psql($database, q{SELECT string_agg(relname || ' ' || relfilenode, ', ' ORDER BY relname) FROM pg_class
		WHERE relnamespace = 'porcupine'::regnamespace AND relkind = 'r'});

	my ($code, $out, $err) = $node->psql($database, 'ALTER EXTENSION porcupine UPDATE');
	unless (is($code, 0, "$version: updated"))
	{
		diag("$err\nsql/upgrade/README.md says what to write into the delta.");
		return;
	}
	my @different = differences(catalogue_of($node, 'postgres'), catalogue_of($node, $database));
	is(scalar(@different), 0, "$version: the catalogue is that of a fresh install")
	  or diag(join("\n", @different), "\n\nsql/upgrade/README.md says what to write into the delta.");
	is(rows_of($database, $columns), $rows, "$version: no row of a column that was there has changed");
	like($node->safe_psql($database, q{SELECT string_agg(relname || ' ' || relfilenode, ', ' ORDER BY relname) FROM pg_class
		WHERE relnamespace = 'porcupine'::regnamespace AND relkind = 'r'}), qr/\b$_\b/, "$version: not rewritten: $_") foreach split /, /, $files;
	goes_on($database, $version);
}

# Plain SQL only, which any library understands: tables of 1.0 with rows in each.
sub fill
{
	my ($database) = @_;

	$node->safe_psql($database, q{
	INSERT INTO porcupine.stream VALUES (17, 1, 1, 1);
	INSERT INTO porcupine.users (id, username, display_name, email) VALUES (1, 'ada', 'Ada', 'ada@example.org'), (2, 'ben', 'Ben', NULL);
	INSERT INTO porcupine.credentials (user_id, hash) VALUES (1, 'x');
	INSERT INTO porcupine.devices (id, user_id, name, backend) VALUES (1, 1, 'laptop', false), (2, 2, 'backend', true);
	INSERT INTO porcupine.device_lists VALUES (1, 1, 'identity', 'list');
	INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash) VALUES (1, 1, 1, 'infinity', 'hash');
	INSERT INTO porcupine.rooms (id, created_by, encrypted, code, name) VALUES (1, 1, false, 'ABCDEF', 'plain'), (2, 1, true, 'ABCDEG', 'sealed');
	INSERT INTO porcupine.room_heads (room_id, last_seq, epoch, log_length) VALUES (1, 4, 0, 0), (2, 2, 1, 1);
	INSERT INTO porcupine.members (room_id, user_id, joined_seq, role, via) VALUES (1, 1, 1, 'owner', 'create'), (1, 2, 2, 'member', 'code'), (2, 1, 1, 'owner', 'create');
	INSERT INTO porcupine.invites (room_id, created_by, expires_at, max_uses, uses, code_hash) VALUES (1, 1, 'infinity', 2, 1, sha256('code'));
	INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, device_id, client_id, epoch, kind, body) VALUES
		(1, 1, now(), NULL, NULL, NULL, 0, 'member.joined', '{"user": "1"}'), (1, 2, now(), NULL, NULL, NULL, 0, 'member.joined', '{"user": "2"}'),
		(1, 3, now(), 1, 1, '00000000-0000-4000-8000-000000000001', 0, 'message', 'hello'), (1, 4, now(), 2, 2, '00000000-0000-4000-8000-000000000002', 0, 'message', 'hi'),
		(2, 1, now(), NULL, NULL, NULL, 0, 'member.joined', '{"user": "1"}'), (2, 2, now(), 1, 1, NULL, 1, 'control', 'entry');
	INSERT INTO porcupine.control_log VALUES (2, 0, 2);
	INSERT INTO porcupine.epochs VALUES (2, 1, 0, 1, 2);
	INSERT INTO porcupine.key_bundles VALUES (2, 1, 1, 'bundle');
	INSERT INTO porcupine.audit (room_id, actor_id, action) VALUES (1, 1, 'room.created');
	SELECT setval(pg_get_serial_sequence('porcupine.' || t, 'id'), 10) FROM unnest('{users,devices,rooms,sessions,invites,audit}'::text[]) t;
	});
	return;
}

# Table => its columns. (An identity column's default and the like are the catalogue's business.)
sub columns_of
{
	my ($database) = @_;
	my %columns;

	foreach (split /\n/, $node->safe_psql($database, q{
		SELECT relname, string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
		WHERE relnamespace = 'porcupine'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped GROUP BY relname}))
	{
		my ($table, $columns) = split /\|/;
		$columns{$table} = $columns;
	}
	return \%columns;
}

sub rows_of
{
	my ($database, $columns) = @_;

	return $node->safe_psql($database, join(";\n",
		map { "SELECT '$_', x.* FROM (SELECT $columns->{$_} FROM porcupine.$_) x ORDER BY x::text" } sort keys %$columns));
}

# What an updated database is for.
sub goes_on
{
	my ($database, $version) = @_;

	is( $node->safe_psql($database, q{
		BEGIN;
		SELECT porcupine.act_as(2) \gset
		SELECT seq FROM porcupine.send(1, '00000000-0000-4000-8000-000000000002', 'hi');
		SELECT seq FROM porcupine.send(1, gen_random_uuid(), 'after the update');
		SELECT string_agg(seq || kind::text, ' ' ORDER BY seq) FROM porcupine.history(1);
		SELECT name, role, head FROM porcupine.my_rooms();
		COMMIT;}),
		"4\n5\n1member.joined 2member.joined 3message 4message 5message\nplain|member|5",
		"$version: a repeat is known, the next send has the next seq, history is whole");
	is( $node->safe_psql($database, 'SELECT room_id, bytes FROM porcupine.room_heads ORDER BY 1'), '1|' . length('hellohiafter the update') . "\n2|0",
		"$version: what was there before is counted");
	return;
}
