# Databases: one of another encoding is refused with a sentence that says what to do, and nothing is left behind; several are
# installed into at once, in a cluster that has none of the roles yet, and each holds a chat of its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use Test::More;

my $node = new_node('databases', extension => 0, conf => "max_connections = 50\n");

foreach my $encoding ('LATIN1', 'SQL_ASCII', 'EUC_JP')
{
	$node->safe_psql('postgres', qq{CREATE DATABASE "$encoding" ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
	my ($code, $out, $err) = $node->psql($encoding, "\\set VERBOSITY verbose\nCREATE EXTENSION porcupine");

	like($err, qr/0A000: porcupine needs a database of encoding UTF8, and this one has $encoding.*HINT:.*CREATE DATABASE/s, "$encoding is refused");
	is($node->safe_psql($encoding, q{SELECT count(*) FROM pg_namespace WHERE nspname = 'porcupine'}), '0', "$encoding: nothing is left behind");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'porcupine%'}), '0', 'no role either');

# A client that speaks another encoding is another matter.
my @databases = map { "chat$_" } 1 .. 8;
$node->safe_psql('postgres', qq{CREATE DATABASE "$_"}) foreach @databases;
my @sessions = map { open_session($node, $node->connstr($_)) } @databases;
ask($_, 'SELECT 1;') foreach @sessions;
$_->{in} .= "CREATE EXTENSION porcupine;\n" foreach @sessions;
$_->{run}->pump_nb foreach @sessions;
is(join('', map { ask($_, '') } @sessions), '', 'installed into eight databases at once');
close_session($_) foreach @sessions;

foreach my $database (@databases)
{
	$node->safe_psql($database, qq{SELECT user_id FROM porcupine.register('only-$database', 'correct horse')});
}
is($node->safe_psql($_, 'SELECT string_agg(username, chr(32)) FROM porcupine.users'), "only-$_", "$_ has its own users") foreach @databases;
is( $node->safe_psql('chat1', q{
	SET client_encoding = 'LATIN1';
	BEGIN;
	SELECT porcupine.act_as(1) \gset
	SELECT name = U&'caf\00E9' FROM porcupine.create_room('caf} . "\xe9" . q{', false);
	COMMIT;}), 't', 'a client of another encoding is understood');

$node->stop;
done_testing();
