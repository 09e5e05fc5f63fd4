# A POST that is repeated with its Idempotency-Key is answered as it was the first time and done once, also when both come at the same time;
# another request with the key is refused, a refusal is tried anew, and what is kept tells nobody what was answered.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;

my $stack = start_stack();
my ($ada, $ben) = map { $stack->person($_) } qw(ada ben);
my $key = 'd5b3a0e2-7f3c-4c57-9f0d-1f5f2f0c6a11';

sub post
{
	my ($who, $path, $json, $with) = @_;
	return $stack->http('POST', $path, token => $who->{token}, json => $json, headers => defined $with ? ["Idempotency-Key: $with"] : []);
}

sub rooms { return $stack->sql('SELECT count(*) FROM porcupine.rooms'); }

# repeats(WHAT, WHO, PATH, BODY, KEY): it is answered twice the same
sub repeats
{
	my ($what, @call) = @_;
	my ($first, $second) = (post(@call), post(@call));

	cmp_ok($first->{status}, '<', 300, $what) or diag($first->{body});
	is_deeply([ @$second{qw(status body)} ], [ @$first{qw(status body)} ], "$what: repeated");
	return $first;
}

my $made = repeats('a room', $ada, '/api/rooms/', { name => 'one', encrypted => \0 }, $key);
is(rooms(), 1, 'is made once');
is(post($ada, '/api/rooms', { name => 'one', encrypted => \0 }, "\"$key\"")->{body}, $made->{body}, 'the key in quotes and the path without its slash are the same');
my $other = post($ada, '/api/rooms/', { name => 'two', encrypted => \0 }, $key);
is_deeply([ $other->{status}, $other->{json}{code} ], [ 422, 'key_reused' ], 'another body is refused');
is(post($ada, '/api/rooms/join/', { code => $made->{json}{code} }, $key)->{status}, 422, 'and another path');
is(post($ben, '/api/rooms/', { name => 'one', encrypted => \0 }, $key)->{status}, 201, 'somebody else may have the same key');
is(rooms(), 2, 'and makes a room of their own');

my $room = "/api/rooms/$made->{json}{id}/";
my $invite = repeats('an invite', $ada, "${room}invite/", { max_uses => 1 }, 'invite-' . uuid());
is($stack->sql('SELECT count(*) FROM porcupine.invites'), 1, 'is made once');
my $kept = $stack->sql(q{SELECT string_agg(encode(answer, 'escape') || encode(fingerprint, 'escape') || encode(key_hash, 'escape'), '') FROM porcupine.requests});
cmp_ok(length $kept, '>', 500, 'answers are kept');
unlike($kept, qr/\Q$invite->{json}{code}\E|expires_at/, 'which nobody can read');
isnt(post($ada, "${room}invite/", { max_uses => 1 })->{body}, $invite->{body}, 'without a key each is its own');

post($ben, '/api/rooms/join/', { code => $made->{json}{code} });
repeats('what has no answer', $ben, "${room}leave/", {}, 'leave-' . uuid());
is(post($ben, "${room}leave/", {}, 'leave-' . uuid())->{status}, 403, 'is over all the same');

my $again = 'again-' . uuid();
is(post($ben, '/api/rooms/join/', { code => 'ZZZZZZ' }, $again)->{status}, 404, 'a refusal');
$stack->sql("UPDATE porcupine.rooms SET code = 'ZZZZZZ' WHERE id = $made->{json}{id}");
is(post($ben, '/api/rooms/join/', { code => 'ZZZZZZ' }, $again)->{status}, 200, 'is tried anew');

foreach my $bad ('short', 'x' x 129, 'with a blank in it', 'a,comma,between,them', '"0123456789abcdef')
{
	is(post($ada, '/api/rooms/', { name => 'bad' }, $bad)->{status}, 400, "'$bad' is no key");
}

# At the same time: whoever is second waits until the first has committed.
my $before = rooms();
my $bytes = json_text({ name => 'hot', encrypted => \0 });
my $request = "POST /api/rooms/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer $ada->{token}\r\nContent-Type: application/json\r\n"
  . "Idempotency-Key: " . ('k' x 20) . "\r\nContent-Length: " . length($bytes) . "\r\n\r\n$bytes";
my @sockets = map { $stack->connect_tcp } 1 .. 8;
syswrite($_, $request) foreach @sockets;
my %answers;
$answers{ $_->{status} . ' ' . $_->{body} }++ foreach map { Porcupine::Test::Client::read_answer($_, '') } @sockets;
is_deeply([ values %answers ], [8], 'eight at once have one answer') or diag(explain(\%answers));
is(rooms(), $before + 1, 'of one room');

# Forgotten after its time, and with the person.
$stack->sql(q{UPDATE porcupine.requests SET made_at = made_at - interval '25 hours' WHERE user_id = } . $ada->{id});
$stack->sql(q{DO $$ BEGIN WHILE (SELECT more FROM porcupine.maintain()) LOOP NULL; END LOOP; END $$});
is($stack->sql("SELECT count(*) FROM porcupine.requests WHERE user_id = $ada->{id}"), 0, 'what is old enough is forgotten');
cmp_ok($stack->sql("SELECT count(*) FROM porcupine.requests WHERE user_id = $ben->{id}"), '>', 0, 'what is not stays');
$stack->sql("SELECT porcupine.erase_user($ben->{id})");
is($stack->sql('SELECT count(*) FROM porcupine.requests'), 0, 'until its user is erased');

done_testing();
