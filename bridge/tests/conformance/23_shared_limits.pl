# Two bridges and Redis: a bucket is one, whichever bridge is asked, over one node, several, and a forgotten script; buckets end by
# themselves. Redis that hangs or is away delays nobody: each bridge goes on from what was counted; when it is back, it decides again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Metrics qw(scrape);
use Porcupine::Test::Redis;
use Test::More;

my @redis = map { Porcupine::Test::Redis->new } 1 .. 3;
my %env = (
	PORCUPINE_REDIS => $redis[0]->url,
	PORCUPINE_TRUSTED_PROXIES => '127.0.0.1',
	PORCUPINE_LIMITS => 'join=4/1h,join_address=1000/1h,login=6/1h,login_account=4/1h,writes=2/1s'
);
my $here = start_stack(conf => "max_connections = 90\n", env => \%env);
my $there = $here->another_bridge;
my $people = 0;

sub decided_in_redis { my ($bridge) = @_; return scrape($bridge->{metrics_port})->value('limit_decisions_total', by => 'redis'); }

sub keys_of { my ($what) = @_; return split /\n/, $redis[0]->command('KEYS', "porcupine:$what:*"); }

# Tries a code; the status.
sub join_at { my ($bridge, $person) = @_; return $bridge->http('POST', '/api/rooms/join/', token => $person->{token}, json => { code => 'ZZZZZZ' })->{status}; }
sub somebody { return $here->person('somebody' . ++$people); }

# without_a_guess(BRIDGES, CODE): what CODE gives, which is done until neither has decided anything by itself meanwhile; and how often they have.
sub without_a_guess
{
	my ($one, $two, $code) = @_;
	my ($said, $guesses);

	foreach (1 .. 10)
	{
		$guesses = $one->guesses + $two->guesses;
		$said = $code->();
		$guesses = $one->guesses + $two->guesses - $guesses;
		last if $guesses == 0;
	}
	return "$said, $guesses guesses";
}

# Six tries by turns.
sub by_turns
{
	my ($one, $two) = @_;
	return without_a_guess($one, $two, sub { my $person = somebody(); join(' ', map { join_at($_ % 2 ? $one : $two, $person) } 1 .. 6) });
}

$_->wait_for_redis foreach $here, $there;
is(by_turns($here, $there), '404 404 404 404 429 429, 0 guesses', 'a bucket is shared');
cmp_ok(decided_in_redis($here), '>=', 3, 'for Redis decides');
my @keys = keys_of('limit:join');
ok(@keys >= 1 && @keys <= $people, 'it is one key for each who tried');
cmp_ok($redis[0]->command('PTTL', $keys[0]), '>', 0, 'that ends by itself');
like($keys[0], qr/\Aporcupine:limit:join:\{\d+\}:0\z/, 'and names nobody');
cmp_ok($redis[0]->command('INFO', 'commandstats') =~ /cmdstat_eval:calls=(\d+)/ ? $1 : 0, '<=', 2, 'the script is sent once, then named');
$redis[0]->command('SCRIPT', 'FLUSH');
is(by_turns($there, $here), '404 404 404 404 429 429, 0 guesses', 'a script that was forgotten is told again');

# Known by whichever bridge it was that welcomed.
my $owners = 0;
sub login
{
	my ($bridge, $password, $address) = @_;
	return $bridge->http('POST', '/api/auth/login/', json => { username => "owner$owners", password => $password }, headers => ["X-Forwarded-For: $address"])->{status};
}
my $said = without_a_guess($here, $there, sub {
	my $owner = 'owner' . ++$owners;
	my $registered = $here->http('POST', '/api/auth/register/', json => { username => $owner, password => 'correct horse' }, headers => ['X-Forwarded-For: 192.0.2.1']);
	join(' ', $registered->{status}, map { login($_ % 2 ? $here : $there, 'x', "198.51.$owners.$_") } 1 .. 6);
});
is($said, '201 401 401 401 401 429 429, 0 guesses', 'strangers share what they have');
is(login($there, 'correct horse', '192.0.2.1'), 200, 'an address is known at the other bridge, too');
is(join(' ', map { login($_ % 2 ? $here : $there, 'correct horse', '192.0.2.1') } 1 .. 10), join(' ', (200) x 10), 'what succeeds is given back at both');

# Nobody becomes known without end, for each is kept for a month.
my %roamer = (json => { username => 'roamer', password => 'correct horse' });
$here->http('POST', '/api/auth/register/', %roamer);
my $before = keys_of('known');
is(join(' ', map { $here->http('POST', '/api/auth/login/', %roamer, headers => ["X-Forwarded-For: 203.0.113.$_"])->{status} } 1 .. 30), join(' ', (200) x 30), 'somebody signs in from thirty addresses');
my $kept = keys_of('known') - $before;
cmp_ok($kept, '<=', 40, 'not all of them are kept, and their devices');
cmp_ok($kept, '>', 0, "some are: $kept");

# Another clock, or a setting of before: a bucket that is said to be empty for a month is as empty as buckets get.
my $late;
my $its_key;
without_a_guess($here, $there, sub {
	my %seen = map { $_ => 1 } keys_of('limit:join');
	$late = somebody();
	join_at($here, $late);
	($its_key) = grep { !$seen{$_} } keys_of('limit:join');
});
$redis[0]->command('SET', $its_key, int(time * 1e6) + 30 * 86400 * 1e6, 'PX', 3600_000);
my $refused = $there->http('POST', '/api/rooms/join/', token => $late->{token}, json => { code => 'ZZZZZZ' });
is($refused->{status}, 429, 'it is empty');
cmp_ok($refused->{json}{retry_after}, '<=', 900, 'and fills as it does from nothing');

# Full, and told to keep what it has: it counts no more, and each bridge does.
$redis[0]->command(qw(CONFIG SET maxmemory-policy noeviction));
$redis[0]->command(qw(CONFIG SET maxmemory 1));
my $guesses = $here->guesses;
my $person = somebody();
is(join(' ', map { join_at($here, $person) } 1 .. 6), '404 404 404 404 429 429', 'with a Redis that is full');
is($here->guesses - $guesses, 6, 'the bridge decides');
is($here->logged('Redis does not count for rate limits: each bridge does by itself'), 1, 'and says so once');
is(login($here, 'correct horse', '192.0.2.1'), 200, 'people sign in');
$redis[0]->command(qw(CONFIG SET maxmemory 0));
is(by_turns($here, $there), '404 404 404 404 429 429, 0 guesses', 'when it has room again, it decides');

# Emptied in the middle: buckets are full again, and nothing else happens.
$said = without_a_guess($here, $there, sub {
	my $flushed = somebody();
	my @two = map { join_at($here, $flushed) } 1 .. 2;
	$redis[0]->command('FLUSHALL');
	join(' ', @two, map { join_at($_ % 2 ? $here : $there, $flushed) } 1 .. 6);
});
is($said, '404 404 404 404 404 404 429 429, 0 guesses', 'of what was flushed one has all again, and no more');

# --- Redis hangs ----------------------------------------------------------------------------------------

$person = somebody();
is(join(' ', map { join_at($here, $person) } 1 .. 3), '404 404 404', 'three before it hangs');
$redis[0]->signal('STOP');
my $begin = $here->own_seconds;
is(join_at($here, $person), 404, 'the fourth');
cmp_ok($here->own_seconds - $begin, '<', 5, 'is not kept waiting');
is(join(' ', map { join_at($here, $person) } 1 .. 3), '429 429 429', 'the stand-in goes on from what was counted');
cmp_ok($here->guesses, '>=', 4, 'it is the bridge that decides');
is(login($here, 'correct horse', '192.0.2.1'), 200, 'people sign in');
$redis[0]->signal('CONT');
my $count = decided_in_redis($here);
ok(wait_for('Redis to decide again', sub { join_at($here, somebody()); decided_in_redis($here) > $count }), 'it answers again: it decides again');

# --- and is away ------------------------------------------------------------------------------------------

$redis[0]->stop('KILL');
wait_for('it to be missed', sub { $here->logged('no connection to Redis') >= 1 });
$person = somebody();
is(join(' ', map { join_at($here, $person) } 1 .. 5), '404 404 404 404 429', 'without Redis each bridge counts');
is(join_at($there, $person), 404, 'by itself');
$redis[0]->start;
$count = decided_in_redis($here);
ok(wait_for('Redis to decide again', sub { join_at($here, somebody()); decided_in_redis($here) > $count }), 'it is back: it decides again');
wait_for('the other to see it, too', sub { my $n = decided_in_redis($there); join_at($there, somebody()); decided_in_redis($there) > $n });
is(by_turns($here, $there), '404 404 404 404 429 429, 0 guesses', 'for both');

# --- several nodes -----------------------------------------------------------------------------------------

my $three = join(',', map { $_->url } @redis);
my $wide = $here->another_bridge(PORCUPINE_REDIS => $three);
$there->stop_bridge;
my $other = $here->another_bridge(PORCUPINE_REDIS => $three);
$_->wait_for_redis(3) foreach $wide, $other;
is(by_turns($wide, $other), '404 404 404 404 429 429, 0 guesses', "over several nodes ($_)") foreach 1 .. 5;
# which node somebody's bucket is on depends on its port, another one each time: of thirty not all are on one
join_at($wide, somebody()) foreach 1 .. 25;
my $spread = grep { $_->command('KEYS', 'porcupine:limit:join:*') ne '' } @redis;
cmp_ok($spread, '>', 1, 'they are spread');

done_testing();
