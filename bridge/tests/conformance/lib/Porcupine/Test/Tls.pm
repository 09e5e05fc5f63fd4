# Porcupine::Test::Tls: a client that speaks by TLS, by way of openssl, one process a connection, which believes this one certificate only.
package Porcupine::Test::Tls;

use strict;
use warnings;

use parent 'Porcupine::Test::Client';
use POSIX ();
use Socket;

my @running;
my $owner = $$;

sub new
{
	my ($class, $port, $certificate) = @_;
	return bless { port => $port, certificate => $certificate }, $class;
}

# One end of a pair of sockets; the other is openssl's, which ends with it.
sub connect_tcp
{
	my ($self) = @_;
	socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "no sockets: $!";
	my $pid = fork // die "cannot fork: $!";

	if ($pid == 0)
	{
		close($ours);
		open(STDIN, '<&', $theirs);
		open(STDOUT, '>&', $theirs);
		open(STDERR, '>', '/dev/null');
		exec('openssl', 's_client', '-quiet', '-connect', "127.0.0.1:$self->{port}", '-servername', 'localhost', '-CAfile', $self->{certificate}, '-verify_return_error',
			'-verify_hostname', 'localhost') or POSIX::_exit(127);
	}
	push @running, $pid;
	close($theirs);
	binmode($ours);
	$ours->autoflush(1);
	return $ours;
}

END
{
	my $status = $?;

	foreach my $pid ($$ == $owner ? @running : ())
	{
		kill 'TERM', $pid;
		waitpid($pid, 0);
	}
	$? = $status;
}

1;
