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

# Exports take long and share the connections of sign-ins, so one is made at a time; one whose client has gone goes on in the database, and counts.
$stack->sql(q{CREATE TABLE public.go (); CREATE FUNCTION public.wait_for_go() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
	$$ BEGIN WHILE new.action = 'user.exported' AND NOT EXISTS (SELECT FROM public.go) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN new; END $$;
	CREATE TRIGGER wait_for_go BEFORE INSERT ON porcupine.audit FOR EACH ROW EXECUTE FUNCTION public.wait_for_go();});
my ($one, $other) = map { $stack->person($_) } qw(one other);
sub exported { my ($person) = @_; return $stack->http('GET', '/api/auth/export/', token => $person->{token}); }
my $asked = "GET /api/auth/export/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer $one->{token}\r\n\r\n";
sub under_way { return $stack->sql(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ~ 'export_me'}) - 1; }
my $first = $stack->connect_tcp;
syswrite($first, $asked);
wait_for('an export to be made', sub { under_way() == 1 });
my $second = exported($other);
is($second->{status}, 429, 'a second export waits');
cmp_ok($second->{json}{retry_after}, '>', 0, 'and is told how long');
close($first);
wait_for('its client to be missed', sub { exported($other)->{status} == 429 });
is(under_way(), 1, 'one that was left alone still counts');
is(status(PASSWORD, $home), 200, 'people sign in meanwhile');
$stack->sql('INSERT INTO public.go DEFAULT VALUES');
ok(wait_for('the next to be made', sub { exported($other)->{status} == 200 }), 'then it is the next one\'s turn');

done_testing();
