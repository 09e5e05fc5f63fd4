# Every function that somebody may call, called with typed values that nobody expects (regress/fuzz.sql), as each role that may: each
# call succeeds or is refused by an error of ours with a message, no backend goes down, and afterwards every log is whole.
#
# PORCUPINE_FUZZ_SECONDS (20) says how long, PORCUPINE_FUZZ_SEED repeats the choices of another run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use List::Util qw(shuffle);
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seconds = $ENV{PORCUPINE_FUZZ_SECONDS} || 20;
my $seed = $ENV{PORCUPINE_FUZZ_SEED} // time % 1_000_000_000;
my %findings;    # what it is => the first example
my %calls;       # function => SQLSTATE => how many
my $asked = 0;

srand($seed);
note "seed $seed, $seconds s (PORCUPINE_FUZZ_SEED=$seed repeats its choices)";

my $node = new_node('fuzz',
	conf => "max_prepared_transactions = 2\nlog_line_prefix = '%m [%p] %e %q%a '\nautovacuum_naptime = 1s\nlog_error_verbosity = terse\nlog_min_error_statement = panic\nstatement_timeout = 60s\n");

$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/../fuzz.sql"));

# What every group role of the extension may call, and its monitors; each by a login of its own.
my %callable = roles_and_functions();
$node->safe_psql('postgres', "CREATE ROLE fuzz_$_ LOGIN IN ROLE $_") foreach sort keys %callable;

my %all = map { $_ => 1 } map { @$_ } values %callable;
my $started = time;
my $round = 0;

# what comes after a refusal in its transaction is not called, so that some may take their time
while (time - $started < $seconds || $round < 2 || (uncalled() && $round < 10))
{
	foreach my $role (sort keys %callable)
	{
		# administrators disable and erase most people whenever it is their turn
		prepare();
		call_all($role, map { shuffle(@{ $callable{$role} }) } 1 .. 4);
	}
	look_for_damage();
	$round++;
	last if $node->psql('postgres', 'SELECT 1') != 0;
}

sub roles_and_functions
{
	my %found;

	foreach (split /\n/, $node->safe_psql('postgres', q{
		SELECT r.rolname, p.oid::regprocedure FROM pg_roles r, pg_proc p
		 WHERE p.pronamespace = 'porcupine'::regnamespace AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
		   AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
		   AND (r.rolname LIKE 'porcupine\_%' AND r.rolname <> 'porcupine_owner' OR r.rolname = 'pg_monitor')
		 ORDER BY 1, p.proname COLLATE "C", 2}))
	{
		my ($role, $function) = split /\|/;
		push @{ $found{$role} }, $function;
	}
	return %found;
}

sub prepare
{
	my ($code, $out, $err) = $node->psql('postgres', "SELECT setseed(" . rand . ");\nSELECT fuzz.replenish();\nSELECT fuzz.refill();", on_error_stop => 1);

	finding('the people and rooms of the test cannot be made', $err) if $code != 0;
	# an application's transaction, which may be refused for what the chat thinks of it
	(undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT fuzz.work()");
	finding("the application's own transaction", $err) if $err =~ /ERROR:\s+(\w{5})/ && !allowed($1);
	return;
}

# call_all(ROLE, FUNCTIONS...): some in each transaction, which commits or not; each transaction is of some kind.
sub call_all
{
	my ($role, @functions) = @_;
	my $script = "SET client_min_messages = notice;\n";

	# Argon2 takes some hundredths of a second
	@functions = grep { !/(register|login|password)/ || rand() < 0.15 } @functions;
	while (my @some = splice @functions, 0, 1 + int rand 10)
	{
		my $list = join(', ', map { "'$_'::regprocedure" } @some);
		my $mode = (('') x 8, 'ISOLATION LEVEL REPEATABLE READ', 'ISOLATION LEVEL SERIALIZABLE', 'READ ONLY')[ rand 11 ];

		$script .= sprintf "BEGIN %s;\nSELECT fuzz.batch(ARRAY[%s], %.9f, %s);\n%s;\n", $mode, $list, rand, (rand() < 0.3 ? 'true' : 'false'),
		  (rand() < 0.7 ? 'COMMIT' : 'ROLLBACK');
	}
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$script", on_error_stop => 0,
		extra_params => [ '-U', "fuzz_$role" ]);

	$asked += tally($_) foreach split /\n/, $out // '';
	while ($err =~ /NOTICE:\s+00000: finding\x01([^\x01]*)\x01([^\x01]*)\x01([^\x01]*)\x01([^\x01]*)\x01([^\n]*)/g)
	{
		finding("$1: $2 $3", "as $role: $4\n$5");
	}
	# what failed without a savepoint, and at the commit
	while ($err =~ /^psql:\S*\s+(?:ERROR|FATAL|PANIC):\s+([0-9A-Z]{5}):[ ]*([^\n]*)(.*?)(?=^psql:|\z)/gms)
	{
		my ($state, $said, $more) = ($1, $2, $3);
		$asked++;
		finding("bare or at a commit: $state $said", "as $role$more") if $said eq '' || !allowed($state);
	}
	finding('a connection is lost', "as $role: $err\n" . log_end()) if $code == 2 || $err =~ /server closed the connection|connection to server was lost/;
	return;
}

sub tally
{
	my ($line) = @_;
	my ($function, $state) = $line =~ /^(.+) ([0-9A-Z]{5})$/ or return 0;

	$calls{$function}{$state}++;
	return 1;
}

sub uncalled
{
	return grep { !$calls{$_} && !/(register|login|password)/ } sort keys %all;
}

sub allowed
{
	my ($state) = @_;

	return $state =~ /^PC0[0-9][0-9]$/ || grep { $_ eq $state } '40001', '40P01', '25006', '25P02';
}

sub finding
{
	my ($what, $example) = @_;

	# one line for all that differ in what they quote
	$what =~ s/"[^"]*"/"..."/g;
	$what =~ s/(?:0x[0-9a-f]{2} ?)+/.../g;
	$what =~ s/(?<![A-Z0-9])(?!\d{5} )\d+(?![A-Z0-9])/#/g;
	$findings{$what} //= $example;
	return;
}

sub look_for_damage
{
	my ($code, $out, $err) = $node->psql('postgres', 'SELECT * FROM fuzz.broken()');

	finding("broken: $_", "$_ (round $round)") foreach split /\n/, ($code == 0 ? $out : "$err" . log_end());
	return;
}

sub log_end
{
	my @lines = split /\n/, slurp_file($node->logfile);

	return join("\n", map { substr $_, 0, 600 } @lines > 25 ? @lines[ -25 .. -1 ] : @lines);
}

# What the server itself says: internal errors of whichever process, forgotten resources, crashes.
foreach (split /\n/, slurp_file($node->logfile))
{
	finding("the server's log: $1", $_) if /\] (XX\d{3} .*)/;
	finding("the server's log: $1", $_) if /(WARNING:.*(?:leak|not closed|not freed|still referenced|you don't own).*)/;
	finding("the server's log: $1", $_) if /((?:PANIC|TRAP): .*|terminated by signal .*)/;
}

my @uncalled = uncalled();
my @refused = grep { !$calls{$_}{'00000'} } sort keys %calls;

note "$asked calls of " . keys(%all) . " functions by " . keys(%callable) . " roles in $round rounds, " . int(time - $started) . ' s';
foreach my $function (@refused)
{
	note "  never succeeded: $function: " . join(', ', map { "$_ $calls{$function}{$_} times" } sort keys %{ $calls{$function} });
}
is(join(', ', @uncalled), '', 'every function that somebody may call was called');
cmp_ok($asked, '>', 1000, 'with thousands of arguments');
is(scalar(keys %findings), 0, 'nothing but refusals of our own, no damage, no crash')
  or diag(join("\n", map { "$_\n    " . substr($findings{$_}, 0, 1500) =~ s/\n/\n    /gr } sort keys %findings) . "\nseed $seed");

$node->stop;
done_testing();
