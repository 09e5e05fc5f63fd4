# Porcupine::Test: a real PostgreSQL with the extension, and a real bridge in front of it, of which it is a client, too. It owns the
# cluster and the bridge processes of its test and ends them with it; a bridge that does not end as it should fails the test,
# whatever that was about. It never sleeps, but polls with a deadline, and knows nothing of what a test expects.
package Porcupine::Test;

use strict;
use warnings;

use Exporter 'import';
use parent 'Porcupine::Test::Client';
use MIME::Base64 qw(encode_base64url decode_base64url);
use POSIX ();
use Porcupine::Test::Client;
use Porcupine::Test::Metrics ();
use Porcupine::Test::Process;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_stack wait_for b64 unb64 uuid sending json_text json_value PATIENCE);

my %running;    # the bridges: pid => where it logs
my $owner = $$;

# --- the stack -----------------------------------------------------------------------------------------

# start_stack(conf => TEXT, env => {NAME => VALUE}): both servers, running and ready.
sub start_stack
{
	my (%options) = @_;
	my $self = bless { env => $options{env} // {}, accounts => 0 }, __PACKAGE__;
	my $node = $self->{node} = PostgreSQL::Test::Cluster->new('bridge');

	plan(skip_all => 'PORCUPINE_BRIDGE names no program')
	  unless -x ($self->{program} = $ENV{PORCUPINE_BRIDGE} // '../bridge/porcupine-bridge');
	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'porcupine'\nfsync = on\nlog_statement = none\n"
		  . ($options{conf} // ''));
	$node->start;
	$node->safe_psql('postgres',
		'CREATE EXTENSION porcupine; CREATE ROLE porcupine_node LOGIN IN ROLE porcupine_bridge');
	$self->{$_} = PostgreSQL::Test::Cluster::get_free_port() foreach qw(port metrics_port);
	$self->{log} = $node->basedir . '/bridge.log';
	$self->start_bridge;
	return $self;
}

# another_bridge(NAME => VALUE, ...): a further bridge before the same database, with the first one's settings but for these.
sub another_bridge
{
	my ($self, %env) = @_;
	my $other = bless {
		%$self,
		(map { $_ => PostgreSQL::Test::Cluster::get_free_port() } qw(port metrics_port)),
		env => { %{ $self->{env} }, %env }
	}, __PACKAGE__;

	delete $other->{pid};
	$other->{log} = $self->{node}->basedir . "/bridge_$other->{port}.log";
	$other->start_bridge;
	return $other;
}

sub port { return $_[0]{port}; }
sub node { return $_[0]{node}; }
sub sql { my ($self, $sql) = @_; return $self->{node}->safe_psql('postgres', $sql); }

sub start_bridge
{
	my ($self) = @_;
	my %env = (
		PATH => $ENV{PATH},
		# of a bridge that watches over its memory and arithmetic
		(map { $_ => $ENV{$_} // '' } qw(ASAN_OPTIONS UBSAN_OPTIONS)),
		PORCUPINE_PORT => $self->{port},
		PORCUPINE_DATABASE => 'host='
		  . $self->{node}->host
		  . ' port='
		  . $self->{node}->port
		  . ' dbname=postgres user=porcupine_node',
		PORCUPINE_PAGE => $self->page_folder,
		PORCUPINE_METRICS => "127.0.0.1:$self->{metrics_port}",
		# the limits are there, and out of the way: everybody in a test has one address
		PORCUPINE_LIMITS => 'scale=1000',
		%{ $self->{env} }
	);

	$self->{pid} = start_process(program => $self->{program}, log => $self->{log}, env => \%env);
	$running{ $self->{pid} } = $self->{log};
	eval { $self->wait_until_ready; 1 }
	  or BAIL_OUT("the bridge does not start:\n" . slurp_file($self->{log}));
	return;
}

sub wait_until_ready
{
	my ($self) = @_;

	wait_for(
		'the bridge to be ready',
		sub {
			die 'it has ended' if waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid};
			my $answer = eval { $self->http('GET', '/readyz') };
			return $answer && $answer->{status} == 200;
		}
	);
	return;
}

# The page, where there is one; else a folder with the least that a page is.
sub page_folder
{
	my ($self) = @_;
	my $folder = $ENV{PORCUPINE_PAGE} // '';

	return $folder if -e "$folder/index.html";
	$folder = $self->{node}->basedir . '/page';
	mkdir $folder;
	append_to_file("$folder/index.html", '<!doctype html><title>page</title>') unless -e "$folder/index.html";
	return $folder;
}

# Ends the bridge by a signal (TERM by default) and returns its wait status.
sub stop_bridge
{
	my ($self, $signal) = @_;
	my $pid = delete $self->{pid} // return;

	return end_process($pid, $signal // 'TERM');
}

sub end_process
{
	my ($pid, $signal) = @_;

	kill $signal, $pid;
	wait_for('the bridge to end', sub { waitpid($pid, POSIX::WNOHANG()) == $pid });
	delete $running{$pid};
	return $?;
}

# What the bridge has logged, parsed; a line that is no JSON counts as a failure of the caller's.
sub log_lines
{
	my ($self) = @_;
	return map { json_value($_) // { unparsable => $_ } } split /\n/, slurp_file($self->{log});
}

# Until it has connected to Redis, to so many nodes or so often; once where nothing is said.
sub wait_for_redis { my ($self, $times) = @_; return wait_for('a connection to Redis', sub { $self->logged('connected to Redis') >= ($times // 1) }); }

# What it and PostgreSQL have logged, as it stands.
sub all_logs { my ($self) = @_; return slurp_file($self->{log}) . slurp_file($self->{node}->logfile); }

# How often it has logged this message; and what two pairs of messages say of it: whether it passes the database's doorbells on
# to other bridges, or relies on another one that does.
sub logged { my ($self, $message) = @_; return scalar grep { ($_->{message} // '') eq $message } $self->log_lines; }
sub passing_on { my ($self) = @_; return $self->logged('passing doorbells on') > $self->logged('no longer passing doorbells on'); }

sub relying
{
	my ($self) = @_;
	return $self->logged('relying on another bridge for doorbells') > $self->logged('listening to the database again');
}

# Before the cluster goes. Sanitizers speak at the end of a process, and by its status.
END
{
	my $status = $?;

	foreach my $pid ($$ == $owner ? keys %running : ())
	{
		my $log = $running{$pid};
		my $ended = eval { end_process($pid, 'TERM') };

		next if defined $ended && $ended == 0;
		diag('a bridge has not ended as it should: ' . ($ended // $@));
		diag(grep { !/\A\{/ } split /^/, slurp_file($log));
		kill 'KILL', $pid unless defined $ended;
		$status ||= 1;
	}
	$? = $status;
}

# How many seconds it has lived, as its own loop counts them, a tenth at a time. What it promises within some seconds is timed by these: they
# stand still while the machine does, and are longer where it is short of processors.
sub own_seconds
{
	my ($self) = @_;
	return Porcupine::Test::Metrics::scrape($self->{metrics_port})->value('loop_lag_seconds_count') / 10;
}

# How often it has decided about limits by itself: Redis has a quarter of a second to answer, which it misses where a machine stands still.
sub guesses
{
	my ($self) = @_;
	return Porcupine::Test::Metrics::scrape($self->{metrics_port})->value('limit_decisions_total', by => 'bridge');
}

# --- people ------------------------------------------------------------------------------------------------

# A user with a session, made by SQL without a password: {id, username, device, session, token}.
sub person
{
	my ($self, $name) = @_;
	my $refresh = "refresh token of $name";
	my ($id, $device, $session, $token) = split /\|/, $self->sql(qq{
		INSERT INTO porcupine.users (username, display_name) VALUES ('$name', initcap('$name')) RETURNING id AS who \\gset
		INSERT INTO porcupine.devices (user_id, name) VALUES (:who, 'test') RETURNING id AS device \\gset
		INSERT INTO porcupine.sessions (user_id, device_id, expires_at, refresh_hash)
			VALUES (:who, :device, now() + interval '1 hour', sha256('$refresh')) RETURNING id AS session \\gset
		SELECT :who, :device, :session, porcupine.access_token(:who, :session, :device);});

	return {
		id => $id,
		username => $name,
		device => $device,
		session => $session,
		token => $token,
		refresh => $refresh
	};
}

# The same access token made some seconds earlier, signed by the key that signs here: good but for its time.
sub earlier_token
{
	my ($self, $token, $seconds) = @_;
	my ($head, $payload) = split /\./, $token;
	my $claims = json_value(decode_base64url($payload));
	my $key = pack('H*', '302e020100300506032b657004220420' . $self->sql(
			q{SELECT encode(substr(secret_key, 1, 32), 'hex') FROM porcupine.signing_keys WHERE kid = '} . json_value(decode_base64url($head))->{kid} . q{'}));
	my $folder = PostgreSQL::Test::Utils::tempdir();

	$claims->{$_} -= $seconds foreach qw(iat exp);
	my $text = "$head." . encode_base64url(json_text($claims));
	append_to_file("$folder/text", $text);
	append_to_file("$folder/key.pem", "-----BEGIN PRIVATE KEY-----\n" . b64($key) . "\n-----END PRIVATE KEY-----\n");
	return "$text." . encode_base64url(scalar `openssl pkeyutl -sign -rawin -inkey $folder/key.pem -in $folder/text`);
}

# A room of these people, the first its owner; returns its id.
sub room
{
	my ($self, @people) = @_;
	my $list = join(',', map { $_->{id} } @people);

	return $self->sql(qq{
		INSERT INTO porcupine.rooms (encrypted, code, name) VALUES (false, porcupine.random_room_code(), 'room') RETURNING id AS room \\gset
		INSERT INTO porcupine.room_heads (room_id) VALUES (:room);
		INSERT INTO porcupine.members (room_id, user_id, role)
			SELECT :room, u, CASE nr WHEN 1 THEN 'owner' ELSE 'member' END::porcupine.role FROM unnest(ARRAY[$list]) WITH ORDINALITY x (u, nr) ORDER BY nr;
		SELECT :room;});
}

# What SQL sends for a person, one transaction: the seq.
sub sql_send
{
	my ($self, $person, $room, $text) = @_;
	return $self->sql(
		"BEGIN; SELECT porcupine.act_as($person->{id}) \\gset\nSELECT seq FROM porcupine.send($room, gen_random_uuid(), '$text'); COMMIT;"
	);
}

1;
