# Every condition of the table in extension/errors.c is met once by somebody who calls a function that they may call: with its SQLSTATE and
# words that say what is wrong. A condition without a way to meet it fails here, and so does one that stands among those that nothing
# raises yet, once something does.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $node = new_node('sqlstates');

# Conditions that the wire knows (the bridge answers with them by itself, or they are reserved) and no SQL raises.
my %raised_by_no_sql = map { $_ => 1 } qw(rate_limited);

# condition => who calls: [ role, user (0: nobody), statement, what makes it so (as superuser) ]
my $uuid = "'00000000-0000-4000-8000-000000000001'";
my %met = (
	invalid => [ 'backend', 1, "SELECT porcupine.rename_room(1, '')" ],
	unauthenticated => [ 'client', 0, 'SELECT * FROM porcupine.my_rooms()' ],
	bad_credentials => [ 'bridge', 0, "SELECT porcupine.login('nobody-here', 'password-1')" ],
	session_ended => [ 'bridge', 0, "SELECT porcupine.refresh('never-given-out')" ],
	not_member => [ 'backend', 3, 'SELECT porcupine.history(1)' ],
	role => [ 'backend', 2, "SELECT porcupine.rename_room(1, 'mine')" ],
	not_found => [ 'backend', 1, "SELECT porcupine.join_room('ZZZZZZ')" ],
	conflict => [ 'backend', 1, "SELECT porcupine.append_entry(2, 7, 'entry')" ],
	stale_epoch => [ 'backend', 1, "SELECT porcupine.send(1, gen_random_uuid(), 'x', 5)" ],
	epoch_closed => [ 'backend', 1, "SELECT porcupine.send(2, gen_random_uuid(), 'x')", 'UPDATE porcupine.room_heads SET epoch_open = false WHERE room_id = 2' ],
	duplicate_mismatch => [ 'backend', 1, "SELECT porcupine.send(1, $uuid, 'one'); SELECT porcupine.send(1, $uuid, 'two')" ],
	room_full => [ 'backend', 3, "SELECT porcupine.join_room('R00001')", 'UPDATE porcupine.rooms SET max_members = 2 WHERE id = 1' ],
	gone => [ 'backend', 3, "SELECT porcupine.join_room('used-up-code')", q{
		INSERT INTO porcupine.invites (room_id, created_by, expires_at, code_hash) VALUES (1, 1, now() - interval '1 day', sha256('used-up-code'))} ],
	too_large => [ 'backend', 1, "SELECT porcupine.rename_room(1, repeat('x', 101))" ],
	busy => [ 'client', 0, 'SET TRANSACTION READ ONLY; SELECT porcupine.current_stream()', 'SELECT porcupine.current_stream(); UPDATE porcupine.stream SET timeline = 0' ],
	muted => [ 'backend', 2, "SELECT porcupine.send(1, gen_random_uuid(), 'x')", "SELECT porcupine.act_as(1); SELECT porcupine.mute_member(1, 2, now() + interval '1 hour')" ],
	banned => [ 'backend', 3, "SELECT porcupine.join_room('R00002')", 'SELECT porcupine.act_as(1); SELECT porcupine.ban_user(2, 3)' ],
	quota => [ 'backend', 1, "SELECT porcupine.create_invite(1)", 'ALTER DATABASE postgres SET porcupine.max_invites = 1; SELECT porcupine.act_as(1); SELECT porcupine.create_invite(1)' ],
	key_reused => [ 'bridge', 0, q{SELECT porcupine.act_as_session(1) \gset
		SELECT porcupine.recall_request('0123456789abcdef', sha256('one')); SELECT porcupine.remember_request('0123456789abcdef', 'done');
		SELECT porcupine.recall_request('0123456789abcdef', sha256('two'))}, q{
		INSERT INTO porcupine.devices (id, user_id, name) VALUES (901, 1, 'd');
		INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash) VALUES (1, 1, 901, now() + interval '1 hour', sha256('r'))} ],
	archived => [ 'backend', 1, "SELECT porcupine.send(3, gen_random_uuid(), 'x')", 'UPDATE porcupine.room_heads SET archived = true WHERE room_id = 3' ],
);

plain_room($node, 1, 1, 2);
plain_room($node, 2, 1);
plain_room($node, 3, 1);
$node->safe_psql('postgres', q{
	INSERT INTO porcupine.users (id, username, display_name) VALUES (3, 'user-3', 'User 3');
	UPDATE porcupine.rooms SET encrypted = true WHERE id = 2;
	CREATE ROLE meet_client LOGIN IN ROLE porcupine_client;
	CREATE ROLE meet_backend LOGIN IN ROLE porcupine_backend;
	CREATE ROLE meet_bridge LOGIN IN ROLE porcupine_bridge;
	CREATE ROLE meet_admin LOGIN IN ROLE porcupine_admin});

my %sqlstate = conditions_of_the_table();
cmp_ok(scalar keys %sqlstate, '>', 15, 'the table of conditions was read');
foreach my $condition (sort keys %sqlstate)
{
	if ($met{$condition})
	{
		meet($condition, @{ $met{$condition} });
	}
	elsif ($raised_by_no_sql{$condition})
	{
		is(raisers_of($condition), '', "$condition: nothing in SQL raises it yet") or diag('it is raised now: say in %met how it is met');
	}
	else
	{
		fail("$condition: a way to meet it");
	}
}
is(join(' ', grep { !$sqlstate{$_} } sort keys %met, keys %raised_by_no_sql), '', 'no condition is tried that there is not');

# name => SQLSTATE, as errors.c has them.
sub conditions_of_the_table
{
	my %found;

	my $source = slurp_file("$root/extension/errors.c");
	$found{$1} = "PC0$2$3" while $source =~ /\[CONDITION_\w+\] = \{"(\w+)", PORCUPINE_SQLSTATE\('(\d)', '(\d)'\)\}/g;
	return %found;
}

# Where a condition is raised, by SQL or by C, beside the table itself.
sub raisers_of
{
	my ($condition) = @_;
	my $constant = 'CONDITION_' . uc $condition;
	my @found;

	foreach my $file (glob "$root/sql/[0-9]*.sql $root/extension/*.c")
	{
		next if $file =~ /errors\.c$/;
		push @found, $file if slurp_file($file) =~ /refuse\(\s*'$condition'|\b$constant\b/;
	}
	return join(' ', @found);
}

sub meet
{
	my ($condition, $role, $user, $statement, $before) = @_;

	$node->safe_psql('postgres', "BEGIN; $before; COMMIT") if defined $before;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nBEGIN;\n" . ($user ? "SELECT porcupine.act_as($user);\n" : '') . "$statement;\nCOMMIT;",
		on_error_stop => 1, extra_params => [ '-U', "meet_$role" ]);
	like($err, qr/ERROR:\s+$sqlstate{$condition}: \S+/, "$condition is $sqlstate{$condition}, and says what is wrong");
	return;
}

$node->stop;
done_testing();
