# Porcupine::Node: clusters for the TAP tests of the extension, and what several of them need. It owns nothing that outlives a
# test; PostgreSQL::Test::Cluster removes the clusters.
package Porcupine::Node;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $scripts = 0;

our @EXPORT = qw(new_node plain_room start_psql wait_for sqlstate_of start_listener hear stop_listener busy_doorbell stop_doorbell open_session ask close_session);

# new_node(NAME, preload => 0 | 1, extension => 0 | 1, conf => '...'): a running cluster, by default with the extension
# preloaded and created in the database postgres.
sub new_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'porcupine'") if $options{preload} // 1;
	$node->append_conf('postgresql.conf', "log_statement = none\n" . ($options{conf} // ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION porcupine') if $options{extension} // 1;
	return $node;
}

# plain_room(NODE, ROOM, USERS...): a room that is not encrypted, the first user its owner; users are made where missing.
sub plain_room
{
	my ($node, $room, @users) = @_;
	my $list = join(',', @users);

	$node->safe_psql(
		'postgres', qq{
		INSERT INTO porcupine.users (id, username, display_name) SELECT u, 'user-' || u, 'User ' || u FROM unnest(ARRAY[$list]) u
			ON CONFLICT DO NOTHING;
		INSERT INTO porcupine.rooms (id, encrypted, code, name) VALUES ($room, false, 'R' || lpad('$room', 5, '0'), 'Room $room');
		INSERT INTO porcupine.room_heads (room_id) VALUES ($room);
		INSERT INTO porcupine.members (room_id, user_id, role)
			SELECT $room, u, CASE WHEN u = $users[0] THEN 'owner' ELSE 'member' END::porcupine.role FROM unnest(ARRAY[$list]) u;
	}
	);
	return;
}

# start_psql(NODE, SQL): a psql that runs in the background; its output grows in ->{out} and ->{err} whenever it is pumped.
sub start_psql
{
	my ($node, $sql) = @_;
	my %psql = (out => '', err => '');
	my $script = $node->basedir . '/script_' . $scripts++ . '.sql';

	append_to_file($script, $sql);
	$psql{run} = IPC::Run::start(
		[   $node->installed_command('psql'),
			'-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'),
			'-f', $script
		],
		'<',
		\undef,
		'>',
		\$psql{out},
		'2>',
		\$psql{err}
	);
	return \%psql;
}

# wait_for(WHAT, CODE): polls until CODE gives something true, and returns it; the test fails after PG_TEST_TIMEOUT_DEFAULT.
sub wait_for
{
	my ($what, $code) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	while (time < $deadline)
	{
		my $result = $code->();
		return $result if $result;
		usleep(20_000);
	}
	die "timed out waiting for $what";
}

# start_listener(NODE, DATABASE): a psql that listens to the doorbell from now on. What it has heard when hear() returns:
# ->{rooms} (id => highest seq, 0: gone), ->{members}, ->{sessions}, ->{users} (lists), ->{sweeps}, ->{payloads} (decoded).
sub start_listener
{
	my ($node, $database) = @_;
	my %listener = (in => '', out => '', err => '', rooms => {}, members => [], sessions => [], users => [], sweeps => 0, payloads => []);

	$listener{run} = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-d', $node->connstr($database // 'postgres') ],
		'<', \$listener{in}, '>', \$listener{out}, '2>', \$listener{err});
	$listener{in} = "LISTEN porcupine;\n";
	hear(\%listener);
	return \%listener;
}

# hear(LISTENER): it takes note of what has come until now.
sub hear
{
	my ($listener) = @_;
	my $end = 'asked ' . ++$listener->{asked};

	$listener->{in} .= "SELECT '$end';\n\\echo done $end\n";
	wait_for('the listener', sub { $listener->{run}->pump_nb; $listener->{out} =~ /^done $end$/m });
	while ($listener->{out} =~ /Asynchronous notification "porcupine" with payload "(.*)" received/g)
	{
		my $bell = JSON::PP::decode_json($1);
		my $rooms = $bell->{rooms} // {};

		push @{ $listener->{payloads} }, $bell;
		push @{ $listener->{$_} }, @{ $bell->{$_} // [] } foreach qw(members sessions users);
		$listener->{sweeps}++ if $bell->{sweep};
		foreach (keys %$rooms)
		{
			$listener->{rooms}{$_} = $rooms->{$_} if $rooms->{$_} == 0 || $rooms->{$_} > ($listener->{rooms}{$_} // 0);
		}
	}
	$listener->{out} = '';
	return $listener;
}

sub stop_listener
{
	my ($listener) = @_;

	$listener->{in} .= "\\q\n";
	$listener->{run}->finish;
	return;
}

# open_session(NODE, CONNSTR): a psql that stays; ask() it, and it answers with all that it said, errors with their SQLSTATE included.
sub open_session
{
	my ($node, $connstr) = @_;
	my %session = (in => '', out => '');

	$session{run} = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $connstr // $node->connstr('postgres') ],
		'<', \$session{in}, '>&', \$session{out});
	return \%session;
}

sub ask
{
	my ($session, $sql) = @_;
	my $end = 'asked ' . ++$session->{asked};

	$session->{out} = '';
	$session->{in} .= "$sql\n\\echo $end\n";
	wait_for("an answer to $sql", sub { $session->{run}->pump_nb; $session->{out} =~ /^$end$/m });
	return $session->{out} =~ s/^$end\n//mr;
}

sub close_session
{
	my ($session) = @_;

	$session->{in} .= "\\q\n";
	$session->{run}->finish;
	return;
}

# busy_doorbell(NODE, DATABASE): has a room of nobody's ring until there is a worker, and returns its process id. Twice in a row, for
# one that rings once a second has none.
sub busy_doorbell
{
	my ($node, $database) = @_;

	return wait_for('a worker', sub {
		$node->safe_psql($database // 'postgres', 'SELECT porcupine.ring(ARRAY[999999], ARRAY[1], 0); SELECT porcupine.ring(ARRAY[999999], ARRAY[1], 0)');
		$node->safe_psql($database // 'postgres', q{SELECT worker_pid FROM porcupine.stat_doorbell WHERE mode = 'worker'});
	});
}

# stop_doorbell(NODE): the same, and it is stopped, so that it neither tells nor leaves. Whoever continues it does so by its id.
sub stop_doorbell
{
	my ($node) = @_;

	return wait_for('a worker to be stopped', sub {
		my $pid = busy_doorbell($node);

		kill 'STOP', $pid;
		return $pid if $node->safe_psql('postgres', q{SELECT worker_pid FROM porcupine.stat_doorbell WHERE mode = 'worker'}) eq $pid;
		kill 'CONT', $pid;
		return 0;
	});
}

# sqlstate_of(NODE, SQL, DATABASE): the SQLSTATE that the statement fails with, '00000' when it does not.
sub sqlstate_of
{
	my ($node, $sql, $database) = @_;
	my ($code, $out, $err) =
	  $node->psql($database // 'postgres', "\\set VERBOSITY verbose\n$sql", on_error_stop => 1);

	return '00000' if $code == 0;
	return $err =~ /ERROR:\s+([0-9A-Z]{5}):/ ? $1 : $err;
}

1;
