# Only so many passwords wait to be hashed. Whoever tries passwords from an address that has just been wrong fills half of the places,
# whoever comes from an address that was not three quarters of them, and who is known to the account finds a place still.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Select;
use Porcupine::Test;
use Porcupine::Test::Psql;
use Test::More;

use constant PASSWORD => 'a password of ours';

my $stack = start_stack(env => { PORCUPINE_TRUSTED_PROXIES => '127.0.0.1', PORCUPINE_LIMITS => 'hashes=4' });
my ($home, $known_too, $wrong) = qw(192.0.2.1 192.0.2.2 198.51.100.1);
my @unanswered;

sub request
{
	my ($password, $address) = @_;
	my $body = json_text({ username => 'owner', password => $password });

	return "POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
	  . "X-Forwarded-For: $address\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
}

sub status { my (@request) = @_; return $stack->exchange(request(@request))->{status}; }

# Begins as many sign-ins; the status of the first that is answered. The others are left unanswered.
sub first_answered
{
	my (@requests) = @_;
	my @sockets = map { my $socket = $stack->connect_tcp; syswrite($socket, request(@$_)); $socket } @requests;
	my ($first) = IO::Select->new(@sockets)->can_read(PATIENCE) or return 'none';

	push @unanswered, grep { $_ != $first } @sockets;
	return Porcupine::Test::Client::read_answer($first, '')->{status};
}

my $answer = $stack->http('POST', '/api/auth/register/', json => { username => 'owner', password => PASSWORD }, headers => ["X-Forwarded-For: $home"]);
is($answer->{status}, 201, 'somebody has an account');
is(status(PASSWORD, $known_too), 200, 'and two addresses that are known to it');
is(status('a guess', $wrong), 401, 'from another a wrong password comes');

# Nobody's password is looked at while this lasts.
my $holder = Porcupine::Test::Psql->new($stack->node->connstr('postgres'));
$holder->has_said('BEGIN; LOCK TABLE porcupine.users IN ACCESS EXCLUSIVE MODE;');

is(first_answered(map { [ "guess $_", $wrong ] } 1 .. 3), 429, 'the third at a time from there is put off');
is(first_answered(map { [ PASSWORD, "203.0.113.$_" ] } 1, 2), 429, 'one from a new address has a place, and a second has not');
is(first_answered(map { [ PASSWORD, $_ ] } $home, $known_too), 429, 'the last place is for who is known');
is(scalar(@unanswered), 4, 'four wait');

$holder->has_said('COMMIT;');
is(join(' ', map { Porcupine::Test::Client::read_answer($_, '')->{status} } @unanswered), '401 401 200 200', 'and are answered, each as it deserves');
is(status(PASSWORD, '203.0.113.9'), 200, 'then there are places again');

done_testing();
