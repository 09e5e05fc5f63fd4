# Porcupine::Test::Compose: the containers that `make test-docker` has started, as someone beside the machine knows them: which run,
# what they log, how to break and mend them; and people who come by the address or by a bridge of their choice. It starts nothing
# by itself and takes nothing down: scripts/test-docker does.
package Porcupine::Test::Compose;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use Porcupine::Test::Client;

our @EXPORT = qw(docker meanwhile inside container details wait_healthy logged front bridge person room message subscribed);

# What a busy machine may take to start all of it.
use constant START => 120;

# docker(ARGUMENTS): what it prints; it must succeed.
sub docker
{
	my ($status, $output) = run('docker', @_);

	die "docker @_: status $status\n$output" if $status != 0;
	return $output;
}

# The same, under way while the test goes on: the process to wait for.
sub meanwhile
{
	my @command = ('docker', @_);
	my $pid = fork // die "cannot fork: $!";

	return $pid if $pid;
	open(STDOUT, '>&', \*STDERR);
	exec(@command) or POSIX::_exit(127);
}

# inside(CONTAINER, SCRIPT): (status, output) of a script of bash in a container, run as the user that its server is.
sub inside
{
	my ($container, $script) = @_;
	return run('docker', 'exec', $container, 'bash', '-c', $script);
}

sub run
{
	my @command = @_;
	my $pid = open(my $output, '-|') // die "cannot fork: $!";

	if ($pid == 0)
	{
		open(STDERR, '>&', \*STDOUT);
		exec(@command) or die "cannot run $command[0]: $!";
	}
	my $text = do { local $/ = undef; <$output> } // '';
	close($output);
	chomp $text;
	return ($? >> 8, $text);
}

# container(SERVICE, NUMBER): its id, whether it runs or not.
sub container
{
	my ($service, $number) = @_;
	my @filters = map { ('--filter', "label=com.docker.compose.$_") }
	  "project=$ENV{PORCUPINE_PROJECT}", "service=$service", 'container-number=' . ($number // 1);
	my $id = docker('ps', '--all', '--quiet', '--no-trunc', @filters);

	die "no single container of $service: $id" unless $id =~ /\A\w+\z/;
	return $id;
}

# What docker knows of a container, or undef when it is gone.
sub details
{
	my ($id) = @_;
	return json_value(docker('inspect', $id))->[0];
}

sub wait_healthy
{
	my ($service, $number) = @_;
	my $id = container($service, $number);
	my $is_healthy = sub { details($id)->{State}{Health}{Status} eq 'healthy' };

	return wait_for("$service to be healthy", $is_healthy, START);
}

# How often the bridge in a container has logged a message since it was first started.
sub logged
{
	my ($id, $message) = @_;
	my @lines = grep { ref $_ } map { json_value($_) } split /\n/, docker('logs', $id);

	return scalar grep { $_->{message} eq $message } @lines;
}

# --- people and what they say ------------------------------------------------------------------------------------------

# A client of the address that everybody uses.
sub front { return Porcupine::Test::Client->new($ENV{PORCUPINE_PORT}); }

# A client of one of the bridges, whose port is another one after each start.
sub bridge
{
	my ($number) = @_;
	my $ports = details(container('bridge', $number))->{NetworkSettings}{Ports};

	return Porcupine::Test::Client->new($ports->{'8080/tcp'}[0]{HostPort});
}

# Somebody who registers by the address, with these header lines: {id, username, token}.
sub person
{
	my ($name, @headers) = @_;
	my $username = "$name-" . substr(uuid(), 0, 8) . int(rand(1000));
	my $answer = front()->http('POST', '/api/auth/register/',
		json => { username => $username, password => 'correct horse battery' }, headers => \@headers);

	die "not registered: $answer->{body}" unless $answer->{status} == 201;
	return {
		id => $answer->{json}{user}{id},
		username => $username,
		token => $answer->{json}{access}
	};
}

# A room that nobody encrypts, its maker first: {id, head}.
sub room
{
	my ($owner, @joiners) = @_;
	my $room = front()->http(
		'POST', '/api/rooms/',
		token => $owner->{token},
		json => { name => 'a room', encrypted => JSON::PP::false() }
	)->{json};

	foreach my $joiner (@joiners)
	{
		my $answer = front()->http(
			'POST', '/api/rooms/join/',
			token => $joiner->{token},
			json => { code => $room->{code} }
		);
		die "not joined: $answer->{body}" unless $answer->{status} == 200;
		$room = $answer->{json};
	}
	return { id => $room->{id}, head => $room->{head} };
}

sub message { my ($room, $text) = @_; return sending($room->{id}, $text); }

# A socket of a person that hears a room; with a cursor, all that came after it.
sub subscribed
{
	my ($client, $person, $room, %cursor) = @_;
	return $client->signed_in($person)->subscribe($room->{id}, %cursor);
}

1;
