# docs/sql.md is true: every function and view that somebody may use has a section, with the signature, the errors and the callers
# of the catalogue, and an example; all examples run from top to bottom and give what the document shows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('documented', extension => 0);
my $root = "$FindBin::RealBin/../..";

local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PATH} = $node->config_data('--bindir') . ":$ENV{PATH}";

my ($out, $err) = run_command([ "$root/scripts/sql-reference", '--check', 'docs/sql.md' ]);
ok($out eq '' && $err eq '', 'docs/sql.md is what the database says') or diag($out, $err);

# A check that finds nothing proves nothing: a wrong signature, a wrong result, a missing section.
my $text = slurp_file("$root/docs/sql.md");
my %planted = (
	'another signature' => sub { s/^act_as\(account bigint\)/act_as(account integer)/m },
	'another result' => sub { s/^-- ERROR: PC007: no such user$/-- ERROR: PC006: no such user/m },
	'an error that the comment does not name' => sub { s/(\*Errors:\* )`unauthenticated`/$1`gone`, `unauthenticated`/ },
	'no section' => sub { s/^### find_user\n.*?(?=^###)//ms },
	'no example' => sub { s/^(### find_user\n.*?)```sql\n.*?(?=^###)/$1/ms });

foreach my $name (sort keys %planted)
{
	local $_ = $text;
	my $file = PostgreSQL::Test::Utils::tempdir . '/planted.md';

	$planted{$name}->() or die "the document has no place for: $name";
	unlink $file;
	append_to_file($file, $_);
	command_fails([ "$root/scripts/sql-reference", '--check', $file ], "noticed: $name");
}

$node->stop;
done_testing();
