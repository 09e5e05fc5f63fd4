# The SQL in README.md runs as it is written, one block after the other, and does what it says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../../regress/t/lib";
use PostgreSQL::Test::Utils;
use Porcupine::Node;
use Test::More;

my $node = new_node('readme', extension => 0);
my @blocks = slurp_file("$FindBin::RealBin/../../README.md") =~ /^```sql\n(.*?)^```$/msg;

cmp_ok(scalar @blocks, '>=', 2, 'README.md has SQL for DBAs and for backends');
foreach my $block (@blocks)
{
	my ($code, $out, $err) = $node->psql('postgres', $block, extra_params => [ '-v', 'ON_ERROR_STOP=1' ]);
	my ($title) = $block =~ /\A(.*)/;

	ok($code == 0 && $err eq '', "runs: $title") or diag($err);
}
is($node->safe_psql('postgres', 'SELECT state, last_seq FROM orders JOIN porcupine.room_heads USING (room_id)'), 'shipped|2', 'the order is shipped, and the room was told');

$node->stop;
done_testing();
