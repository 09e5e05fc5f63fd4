# No statement of the extension is compiled by the JIT: where nothing but a scan is left, the pretended cost of it would have that
# done each time, for tens of milliseconds. The server's log has every plan.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('no_jit', conf => <<'CONF');
session_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
CONF

if ($node->safe_psql('postgres', 'SELECT pg_jit_available()') ne 't')
{
	plan(skip_all => 'this PostgreSQL has no JIT');
}

# plans_of(SQL): what the log says of it.
sub plans_of
{
	my ($sql) = @_;
	my $offset = -s $node->logfile;

	$node->safe_psql('postgres', $sql);
	return slurp_file($node->logfile, $offset);
}

$node->safe_psql('postgres', q{SELECT user_id FROM porcupine.register('ada', 'a password')});
like(
	plans_of(q{SET enable_seqscan = off; SELECT kid FROM porcupine.signing_keys WHERE retired_at IS NULL}),
	qr/Seq Scan on signing_keys.*^\s*JIT:/ms,
	'a scan alone is compiled'
);

my $plans = plans_of(q{
	SELECT refresh_token AS refresh FROM porcupine.login('ada', 'a password') \gset
	SELECT user_id AS ada, session_id AS session, access_token AS token FROM porcupine.refresh(:'refresh') \gset
	BEGIN;
	SELECT porcupine.authenticate(:'token');
	SELECT porcupine.act_as_session(:session);
	SELECT id AS room FROM porcupine.create_room('a room', false) \gset
	SELECT porcupine.send(:room, gen_random_uuid(), 'x');
	SELECT porcupine.send_deferred(:room, gen_random_uuid(), 'y');
	SELECT count(*) FROM porcupine.history(:room);
	COMMIT;
	SELECT count(*) FROM porcupine.history_page(:session, :room, NULL, NULL, NULL, 10);
	SELECT count(*) FROM porcupine.whoami_many(ARRAY[:session]);
	SELECT count(*) FROM porcupine.admit_many(ARRAY[:session], ARRAY[:room], ARRAY[0], ARRAY[NULL]::bigint[], 500)});
like($plans, qr/Seq Scan on signing_keys/, 'for a token the signing keys are scanned');
unlike($plans, qr/^\s*JIT:/m, 'and nothing is compiled');

$node->stop;
done_testing();
