# A dump of a database with a conversation, plain, custom and by several jobs, restored into fresh clusters: every row is there,
# sequences go on, restoring itself appends, audits and rings nothing, cursors are told to reset, and people go on where they were.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = new_node('source');

# A conversation that has filled every table: one account with a password, an encrypted room with two epochs and an invite, a
# plain room with messages.
my ($refresh, $access, $code) = split /\n/, $source->safe_psql(
	'postgres', q{
	SELECT refresh_token, access_token, user_id AS ada, session_id AS session, device_id AS device FROM porcupine.register('ada', 'correct horse') \gset
	\echo :refresh_token
	\echo :access_token
	INSERT INTO porcupine.users (id, username, display_name) VALUES (101, 'ben', 'Ben');
	INSERT INTO porcupine.devices (id, user_id, name, keys) VALUES (101, 101, 'phone', 'keys');
	INSERT INTO porcupine.identities (user_id, issuer, subject) VALUES (101, 'https://id.example', 'ben');
	INSERT INTO porcupine.identity_offers (ticket_hash, account_id, expires_at, by_session, devices, provider, issuer, subject, email)
	VALUES (sha256('ticket'), 101, now() + interval '1 hour', true, '{}', 'corp', 'https://id.example', 'ben2', 'ben@example.org');
	SELECT porcupine.begin_sign_in(sha256('state'), 'corp', 'https://chat.example') \gset
	BEGIN;
	SELECT porcupine.act_as_session(:session) \gset
	SELECT porcupine.publish_device('keys', 'identity', 1, 'list') \gset
	SELECT id AS room, code AS room_code FROM porcupine.create_room('sealed', true, '{create,rotate}', ARRAY[:device]::bigint[], '{bundle}') \gset
	SELECT code AS invite FROM porcupine.create_invite(:room, '30 days', 2) \gset
	\echo :invite
	SELECT seq FROM porcupine.send(:room, '00000000-0000-4000-8000-000000000001', 'ciphertext', 0) \gset
	COMMIT;
	BEGIN;
	SELECT porcupine.act_as(101) \gset
	SELECT id FROM porcupine.join_room(:'room_code') \gset
	SELECT id AS plain FROM porcupine.create_room('plain', false) \gset
	SELECT count(porcupine.send(:plain, gen_random_uuid(), decode(lpad(to_hex(i), 512, '0'), 'hex'))) FROM generate_series(1, 200) i \gset
	SELECT porcupine.mark_read(:plain, 100) \gset
	COMMIT;
	BEGIN;
	SELECT porcupine.act_as_session(:session) \gset
	SELECT committed FROM porcupine.commit_epoch(:room, 1, 2, '{add,rotate}', ARRAY[:device, 101]::bigint[], '{b1,b2}') \gset
	COMMIT;
	INSERT INTO porcupine.users (id, username, display_name) VALUES (103, 'dan', 'Dan');
	CREATE TABLE staff AS SELECT 103::bigint AS user_id;
	SELECT porcupine.link_membership(:plain, 'staff') \gset
	DELETE FROM porcupine.members WHERE user_id = 103;
	BEGIN;
	SELECT porcupine.act_as(101) \gset
	SELECT id AS peaceful FROM porcupine.create_room('peaceful', false) \gset
	SELECT seq AS said FROM porcupine.send(:peaceful, gen_random_uuid(), 'said') \gset
	SELECT porcupine.hint(:peaceful, :said, '{12345678}') \gset
	SELECT porcupine.pin(:peaceful, :said) \gset
	SELECT porcupine.report(:peaceful, :said, 'reason', 'evidence') \gset
	SELECT id FROM porcupine.change_room(:peaceful, approval => true) \gset
	INSERT INTO porcupine.members (room_id, user_id) VALUES (:peaceful, 103);
	SELECT porcupine.mute_member(:peaceful, 103, now() + interval '1 day') \gset
	SELECT porcupine.ban_user(:peaceful, 103, 'reason') \gset
	SELECT id FROM porcupine.direct_room(:ada, false) \gset
	SELECT code AS peaceful_code FROM porcupine.my_room(:peaceful) \gset
	SELECT porcupine.act_as(:ada) \gset
	SELECT room_id FROM porcupine.request_to_join(:'peaceful_code') \gset
	COMMIT;
}
);
my $rows_of = q{
	SELECT string_agg(query_to_xml(format('SELECT %L AS name, md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '''')) AS rows, count(*) FROM porcupine.%I t', c.relname, c.relname),
		false, false, '')::text, '' ORDER BY c.relname)
	FROM pg_class c WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('signing_keys', 'maintenance', 'requests', 'sign_ins', 'identity_offers')};
my $sequences_of =
  q{SELECT string_agg(sequencename || '=' || coalesce(last_value::text, ''), ' ' ORDER BY sequencename) FROM pg_sequences WHERE schemaname = 'porcupine'};
my $empty_tables =
  q{SELECT string_agg(c.relname, ' ') FROM pg_class c WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('maintenance', 'requests')
	AND (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM porcupine.%I', c.relname), false, true, '')))[1]::text = '0'};

is($source->safe_psql('postgres', $empty_tables), 'outbox stale_links', 'the conversation has filled every table, but for those that live inside transactions only');
my $rows = $source->safe_psql('postgres', $rows_of);
my $sequences = $source->safe_psql('postgres', $sequences_of);
my $stream = $source->safe_psql('postgres', 'SELECT porcupine.current_stream()');
my $folder = PostgreSQL::Test::Utils::tempdir;

# PostgreSQL keeps no order among an extension's tables when several jobs restore, and their foreign keys exist already: so the jobs
# say that they replicate, whereupon no trigger fires, those of foreign keys included.
my %jobs = (directory => [ '-j', '4' ], 'custom by jobs' => [ '-j', '4' ]);

foreach my $format ('plain', 'custom', 'directory', 'custom by jobs')
{
	my $dump = "$folder/$format.dump";
	my ($how) = split / /, $format;
	my @dump_jobs = $how eq 'directory' ? @{ $jobs{directory} } : ();
	$source->command_ok([ 'pg_dump', "--format=$how", @dump_jobs, '-f', $dump, '-d', $source->connstr('postgres') ],
		"pg_dump $format");
	if ($format eq 'plain')
	{
		my $text = slurp_file($dump);
		unlike($text, qr/COPY porcupine\.signing_keys/, 'the signing key is not in the dump');
		unlike($text, qr/COPY porcupine\.(?:sign_ins|identity_offers)/, 'nor is who is just signing in');
		unlike($text, qr/\Q$refresh\E/, 'nor is the refresh token');
		unlike($text, qr/\Q$code\E/, 'nor the code of an invite');
	}

	my $target = new_node('restored_' . ($format =~ tr/ /_/r), extension => 0);
	if ($format eq 'plain')
	{
		$target->command_ok(
			[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $target->connstr('postgres') ],
			'restore plain');
	}
	else
	{
		local $ENV{PGOPTIONS} = $jobs{$format} ? '-c session_replication_role=replica' : '';
		$target->command_ok([ 'pg_restore', '--exit-on-error', @{ $jobs{$format} // [] }, '-d', $target->connstr('postgres'), $dump ],
			"restore $format");
	}

	is($target->safe_psql('postgres', $rows_of), $rows, "$format: every row, and none besides");
	is($target->safe_psql('postgres', $sequences_of), $sequences, "$format: sequences go on");
	is($target->safe_psql('postgres', 'SELECT count(*) FROM porcupine.signing_keys'),
		'0', "$format: no signing key");
	cmp_ok($target->safe_psql('postgres', 'SELECT porcupine.current_stream()'),
		'>', $stream, "$format: a new stream");
	is( $target->safe_psql(
			'postgres',
			"SELECT porcupine.current_stream() = max(stream) AND count(*) = 2 FROM porcupine.stream"
		),
		't',
		"$format: once"
	);

	is(sqlstate_of($target, "SELECT porcupine.authenticate('$access')"),
		'PC002', "$format: the old access token is worth nothing");
	my $fresh = $target->safe_psql('postgres', "SELECT access_token FROM porcupine.refresh('$refresh')");
	is($target->safe_psql('postgres', 'SELECT count(*) FROM porcupine.signing_keys'),
		'1', "$format: a signing key was made");
	is( $target->safe_psql(
			'postgres', qq{
		BEGIN;
		SELECT porcupine.authenticate('$fresh') > 0;
		SELECT seq FROM porcupine.send((SELECT id FROM porcupine.rooms WHERE name = 'sealed'), '00000000-0000-4000-8000-000000000001', 'ciphertext', 0);
		SELECT reset FROM porcupine.cursor_state((SELECT id FROM porcupine.rooms WHERE name = 'sealed'), 1, $stream);
		SELECT seq - last FROM (SELECT last_seq AS last FROM porcupine.room_heads JOIN porcupine.rooms ON id = room_id WHERE name = 'sealed') h,
			porcupine.send((SELECT id FROM porcupine.rooms WHERE name = 'sealed'), gen_random_uuid(), 'next', 1);
		SELECT name FROM porcupine.create_room('made later', false);
		COMMIT;
	}
		),
		"t\n4\nt\n1\nmade later",
		"$format: refresh, repeat, reset, the next send and a new room"
	);
	is( $target->safe_psql(
			'postgres', qq{
		INSERT INTO porcupine.users (id, username, display_name) VALUES (102, 'cas', 'Cas');
		BEGIN; SELECT porcupine.act_as(102) \\gset
		SELECT role FROM porcupine.join_room('$code'); COMMIT;
		SELECT uses FROM porcupine.invites;}
		),
		"pending\n1",
		"$format: the invite still works"
	);
	is( $target->safe_psql(
			'postgres',
			q{SELECT count(*) FROM porcupine.room_heads h WHERE last_seq <> (SELECT count(*) FROM porcupine.events e WHERE e.room_id = h.room_id)
		OR last_seq <> (SELECT max(seq) FROM porcupine.events e WHERE e.room_id = h.room_id)}
		),
		'0',
		"$format: no gap in any room"
	);
	# into a database that has one already: only when a superuser says so
	if ($format eq 'custom')
	{
		my @again = ('pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', $target->connstr('postgres'), $dump);
		$target->command_fails([@again], 'a restore does not take the chat that is there away');
		local $ENV{PGOPTIONS} = '-c porcupine.allow_drop=on -c porcupine.adopt_roles=on';
		$target->command_ok([@again], 'but for a superuser who allows it');
		is($target->safe_psql('postgres', $rows_of), $rows, 'and all is as it was dumped');
	}
	$target->stop;
}

done_testing();
