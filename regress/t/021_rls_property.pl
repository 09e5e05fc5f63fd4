# Row-level security as a property: for random users, rooms, roles and acts, what a client sees through the tables is what the functions
# tell them; and what is secret, no column of it is readable by anybody but the owner.
#
# The acts are calls of any function that there is (regress/fuzz.sql). PORCUPINE_RLS_SEED repeats a run's choices, PORCUPINE_RLS_ROUNDS (3)
# says how often the world is stirred and compared.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use List::Util qw(shuffle);
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{PORCUPINE_RLS_SEED} // time % 1_000_000_000;
my $rounds = $ENV{PORCUPINE_RLS_ROUNDS} || 3;
my $cases = 0;
my @differences;

srand($seed);
note "seed $seed (PORCUPINE_RLS_SEED=$seed repeats its choices)";

my $node = new_node('rls');
$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/../fuzz.sql") . slurp_file("$FindBin::RealBin/../rls_property.sql"));
my @roles = split /\n/, $node->safe_psql('postgres', q{
	SELECT rolname FROM pg_roles WHERE rolname LIKE 'porcupine\_%' AND rolname <> 'porcupine_owner' OR rolname = 'pg_monitor' ORDER BY 1});
$node->safe_psql('postgres', "CREATE ROLE rls_$_ LOGIN IN ROLE $_") foreach @roles;
$node->safe_psql('postgres', 'CREATE ROLE rls_nobody LOGIN');
$node->safe_psql('postgres', 'SELECT setseed(' . rand . '); SELECT rls.populate(16, 12)');

foreach my $round (1 .. $rounds)
{
	act();
	compare();
}

# Calls of all kinds by a backend, each for a user of its own; those that are refused change nothing.
sub act
{
	my @functions = split /\n/, $node->safe_psql('postgres', q{
		SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'porcupine'::regnamespace AND p.prokind = 'f'
		   AND has_function_privilege('porcupine_backend', p.oid, 'EXECUTE') AND p.proname !~ 'register|login|password' ORDER BY p.proname COLLATE "C", 1});
	my $script = '';

	foreach my $function (shuffle(@functions, @functions, @functions))
	{
		$script .= sprintf "SELECT fuzz.batch(ARRAY['%s'::regprocedure], %.9f, false);\n", $function, rand;
	}
	$node->safe_psql('postgres', 'SELECT setseed(' . rand . "); SELECT rls.stir(); SELECT fuzz.refill();");
	$node->psql('postgres', "SET client_min_messages = error;\n$script", on_error_stop => 0, extra_params => [ '-U', 'rls_porcupine_backend' ]);
	return;
}

# Each user once, by a token or by act_as(), which the rules must not tell apart.
sub compare
{
	my @users = split /\n/, $node->safe_psql('postgres', q{
		SELECT u.id, (SELECT porcupine.access_token(s.user_id, s.id, s.device_id) FROM porcupine.sessions s WHERE s.user_id = u.id AND s.ended_at IS NULL LIMIT 1)
		  FROM porcupine.users u WHERE u.disabled_at IS NULL AND u.erased_at IS NULL ORDER BY 1});

	foreach (@users)
	{
		my ($id, $token) = split /\|/;
		my $by_token = ($token // '') ne '' && rand() < 0.7;

		take_down("user $id", $node->psql('postgres', "BEGIN;\n" . ($by_token ? "SELECT porcupine.authenticate('$token')" : "SELECT porcupine.act_as($id)") .
			";\nSELECT what, difference FROM rls.compare();\nCOMMIT;", on_error_stop => 1,
			extra_params => [ '-U', $by_token ? 'rls_porcupine_client' : 'rls_porcupine_backend' ]));
	}
	take_down('nobody', $node->psql('postgres', 'SELECT * FROM rls.nobody_sees()', on_error_stop => 1, extra_params => [ '-U', 'rls_porcupine_client' ]));
	return;
}

sub take_down
{
	my ($who, $code, $out, $err) = @_;

	push @differences, "$who: $err" if $code != 0;
	foreach (split /\n/, $out)
	{
		my ($what, $difference) = /^(.*?)\|(.*)$/ or next;
		$cases++;
		push @differences, "$what: " . substr($difference, 0, 800) if $difference ne '';
	}
	return;
}

note "$cases cases";
cmp_ok($cases, '>', 1000, 'thousands of users, rooms and tables');
is(scalar @differences, 0, 'tables and functions show the same') or diag(join("\n", splice(@differences, 0, 20)) . "\nseed $seed");

# What each role can read in fact is what the golden list says (expected/acl.out), and nothing of it is secret.
my %golden;
foreach (split /\n/, slurp_file("$FindBin::RealBin/../expected/acl.out"))
{
	my ($table, $who, $columns) = /^(\w+)\|([\w ]+)\|SELECT\|([\w ]+)$/ or next;
	foreach my $role (split / /, $who)
	{
		$golden{$role}{"$table $_"} = 1 foreach split / /, $columns;
	}
}
my @secrets;
foreach my $role (@roles, 'nobody')
{
	my @read = split /\n/, $node->safe_psql('postgres', 'SELECT rls.readable_columns()', extra_params => [ '-U', "rls_$role" ]);
	my $short = $role =~ s/^porcupine_//r;
	my %read = map { $_ => 1 } @read;
	my %listed = %{ $golden{$short} // {} };

	is(join(', ', (map { "reads $_" } grep { !$listed{$_} } sort keys %read), (map { "does not read $_" } grep { !$read{$_} } sort keys %listed)),
		'', "what $short can read of each table is what the golden list says");
	push @secrets, map { "$short: $_" } grep { /^(?:credentials|signing_keys|key_bundles|invites|outbox) |hash|salt|secret|password|token|sealed|bundle| email$/ } @read;
}
cmp_ok(scalar keys %golden, '>', 2, 'the golden list was read');
is(join(', ', @secrets), '', 'hashes, keys and codes are read by nobody');

$node->stop;
done_testing();
