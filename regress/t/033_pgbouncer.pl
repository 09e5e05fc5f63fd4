# PgBouncer in transaction mode, four clients on one connection of the server: nobody meets the identity of the one before, a
# token and what is done by it in one transaction work, and so do prepared statements as far as this PgBouncer has them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use IPC::Run ();
use Test::More;

my ($bouncer) = grep { -x } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer';
plan skip_all => 'pgbouncer is not installed' unless $bouncer;
my ($major, $minor) = `$bouncer --version` =~ /PgBouncer (\d+)\.(\d+)/;
my $prepares = $major > 1 || $minor >= 21;

my $node = new_node('behind');
my $folder = PostgreSQL::Test::Utils::tempdir_short;
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $user = $node->safe_psql('postgres', 'SELECT session_user');

append_to_file("$folder/users", qq{"$user" ""\n});
append_to_file(
	"$folder/pgbouncer.ini", "[databases]
* = host=" . $node->host . ' port=' . $node->port . "
[pgbouncer]
pool_mode = transaction
default_pool_size = 1
unix_socket_dir = $folder
listen_port = $port
auth_type = trust
auth_file = $folder/users
logfile = $folder/log
ignore_startup_parameters = extra_float_digits
" . ($prepares ? "max_prepared_statements = 100\n" : ''));
my $running = IPC::Run::start([ $bouncer, "$folder/pgbouncer.ini" ], '<', \undef, '>', \my $said, '2>', \my $complained);
wait_for('PgBouncer', sub { -S "$folder/.s.PGSQL.$port" });

my $through = "host=$folder port=$port dbname=postgres user=$user";
my ($ada, $ben) = map { open_session($node, $through) } 1, 2;

plain_room($node, 1, 1, 2, 3, 4);
$node->safe_psql('postgres', q{SELECT setval('porcupine.users_id_seq', 10), setval('porcupine.rooms_id_seq', 10)});
is(ask($ada, 'SELECT pg_backend_pid();'), ask($ben, 'SELECT pg_backend_pid();'), 'two clients share one connection of the server');

is(ask($ada, 'BEGIN; SELECT porcupine.act_as(1); COMMIT;'), "1\n", 'one says who it is');
is(ask($ben, 'SELECT porcupine.current_user_id() IS NULL;'), "t\n", 'the other does not become that one');
like(ask($ben, 'SELECT * FROM porcupine.my_rooms();'), qr/PC002/, 'and reads nothing');
is(ask($ada, 'SELECT porcupine.current_user_id() IS NULL;'), "t\n", 'nor does the first stay who it was');

# an error, and a client that goes, in the middle of a transaction
like(ask($ada, 'BEGIN; SELECT porcupine.act_as(1); SELECT 1 / 0;'), qr/22012/, 'a transaction fails');
ask($ada, 'ROLLBACK;');
is(ask($ben, 'SELECT porcupine.current_user_id() IS NULL;'), "t\n", 'after which nobody is anybody');
ask($ada, 'BEGIN; SELECT porcupine.act_as(1);');
$ada->{run}->kill_kill;
is(ask($ben, 'SELECT porcupine.current_user_id() IS NULL;'), "t\n", 'nor after a client was killed in its transaction');

# a token, and what is done by it
my ($token) = ask($ben, q{SELECT access_token FROM porcupine.register('cas', 'correct horse');}) =~ /(\S+)/;
is(ask($ben, "BEGIN; SELECT username FROM porcupine.users WHERE id = porcupine.authenticate('$token'); SELECT name FROM porcupine.create_room('room', false);
	SELECT seq FROM porcupine.send((SELECT id FROM porcupine.my_rooms()), gen_random_uuid(), 'x'); COMMIT;"), "cas\nroom\n2\n", 'authenticate() and the work in one transaction');
like(ask($ben, "SELECT porcupine.authenticate('$token'); SELECT * FROM porcupine.my_rooms();"), qr/PC002/, 'but not in two');
is(ask($ben, q{BEGIN; SELECT porcupine.act_as(2); SELECT porcupine.send_deferred(1, gen_random_uuid(), 'later') IS NULL; COMMIT; SELECT last_seq FROM porcupine.room_heads WHERE room_id = 1;}) =~ /^5$/m, 1,
	'send_deferred');
close_session($ben);

# Four at once, each as somebody else: what is in the log is theirs.
my $script = "$folder/script.sql";
append_to_file($script, "\\set who :client_id + 1
BEGIN;
SELECT porcupine.act_as(:who);
SELECT porcupine.send(1, gen_random_uuid(), decode('0' || :who, 'hex'));
COMMIT;
");
foreach my $protocol ('simple', 'extended', 'prepared')
{
	my @run = ($node->installed_command('pgbench'), '-n', '-M', $protocol, '-c', '4', '-j', '4', '-t', '25', '-f', $script, $through);

	if ($protocol eq 'prepared' && !$prepares)
	{
		command_fails([@run], 'this PgBouncer knows no prepared statements in this mode');
		next;
	}
	command_ok([@run], "four clients, protocol $protocol");
}
is($node->safe_psql('postgres', q{SELECT bool_and(encode(body, 'hex')::int = sender_id), count(*) >= 200 FROM porcupine.events WHERE room_id = 1 AND kind = 'message' AND length(body) = 1}),
	't|t', 'each message is of who said so');
is($node->safe_psql('postgres', q{SELECT last_seq = (SELECT count(*) FROM porcupine.events WHERE room_id = 1) FROM porcupine.room_heads WHERE room_id = 1}), 't', 'without a gap');

$running->signal('TERM');
$running->finish;
$node->stop;
done_testing();
