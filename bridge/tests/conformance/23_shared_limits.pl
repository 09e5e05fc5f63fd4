# Two bridges and Redis: a bucket is one, whichever bridge is asked, over one node, several, and a forgotten script; buckets end by
# themselves. Redis that hangs or is away delays nobody: each bridge goes on from what was counted; when it is back, it decides again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Metrics qw(scrape);
use Porcupine::Test::Redis;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

my @redis = map { Porcupine::Test::Redis->new } 1 .. 3;
my @metrics = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 3;
my %env = (
	PORCUPINE_REDIS => $redis[0]->url,
	PORCUPINE_METRICS => "127.0.0.1:$metrics[0]",
	PORCUPINE_TRUSTED_PROXIES => '127.0.0.1',
	PORCUPINE_LIMITS => 'join=4/1h,join_address=1000/1h,login=6/1h,login_account=4/1h,writes=2/1s'
);
my $here = start_stack(conf => "max_connections = 90\n", env => \%env);
my $there = $here->another_bridge(PORCUPINE_METRICS => "127.0.0.1:$metrics[1]");
my $people = 0;

sub decided { my ($n, $by) = @_; return scrape($metrics[$n])->value('limit_decisions_total', by => $by); }

# Tries a code; the status.
sub join_at { my ($bridge, $person) = @_; return $bridge->http('POST', '/api/rooms/join/', token => $person->{token}, json => { code => 'ZZZZZZ' })->{status}; }
sub somebody { return $here->person('somebody' . ++$people); }

# Six tries by turns.
sub by_turns
{
	my ($one, $two) = @_;
	my $person = somebody();
	return join(' ', map { join_at($_ % 2 ? $one : $two, $person) } 1 .. 6);
}

$_->wait_for_redis foreach $here, $there;
is(by_turns($here, $there), '404 404 404 404 429 429', 'a bucket is shared');
cmp_ok(decided(0, 'redis'), '>=', 3, 'for Redis decides');
is(decided(0, 'bridge'), 0, 'and nobody else');
my @keys = grep { /limit:join:/ } split /\n/, $redis[0]->command('KEYS', 'porcupine:limit:*');
is(scalar(@keys), 1, 'it is one key');
cmp_ok($redis[0]->command('PTTL', $keys[0]), '>', 0, 'that ends by itself');
like($keys[0], qr/\Aporcupine:limit:join:\{\d+\}:0\z/, 'and names nobody');
cmp_ok($redis[0]->command('INFO', 'commandstats') =~ /cmdstat_eval:calls=(\d+)/ ? $1 : 0, '<=', 2, 'the script is sent once, then named');
$redis[0]->command('SCRIPT', 'FLUSH');
is(by_turns($there, $here), '404 404 404 404 429 429', 'a script that was forgotten is told again');
is(decided(0, 'bridge'), 0, 'without a decision by guess');

# Known by whichever bridge it was that welcomed.
my $registered = $here->http('POST', '/api/auth/register/', json => { username => 'owner', password => 'correct horse' }, headers => ['X-Forwarded-For: 192.0.2.1']);
is($registered->{status}, 201, 'an account');
sub login
{
	my ($bridge, $password, $address) = @_;
	return $bridge->http('POST', '/api/auth/login/', json => { username => 'owner', password => $password }, headers => ["X-Forwarded-For: $address"])->{status};
}
is(join(' ', map { login($_ % 2 ? $here : $there, 'x', "198.51.100.$_") } 1 .. 6), '401 401 401 401 429 429', 'strangers share what they have');
is(login($there, 'correct horse', '192.0.2.1'), 200, 'an address is known at the other bridge, too');
is(join(' ', map { login($_ % 2 ? $here : $there, 'correct horse', '192.0.2.1') } 1 .. 10), join(' ', (200) x 10), 'what succeeds is given back at both');

# --- Redis hangs ----------------------------------------------------------------------------------------

my $person = somebody();
is(join(' ', map { join_at($here, $person) } 1 .. 3), '404 404 404', 'three before it hangs');
$redis[0]->signal('STOP');
my $begin = time;
is(join_at($here, $person), 404, 'the fourth');
cmp_ok(time - $begin, '<', 5, 'is not kept waiting');
is(join(' ', map { join_at($here, $person) } 1 .. 3), '429 429 429', 'the stand-in goes on from what was counted');
cmp_ok(decided(0, 'bridge'), '>=', 4, 'it is the bridge that decides');
is(login($here, 'correct horse', '192.0.2.1'), 200, 'people sign in');
$redis[0]->signal('CONT');
my $count = decided(0, 'redis');
ok(wait_for('Redis to decide again', sub { join_at($here, somebody()); decided(0, 'redis') > $count }), 'it answers again: it decides again');

# --- and is away ------------------------------------------------------------------------------------------

$redis[0]->stop('KILL');
wait_for('it to be missed', sub { $here->logged('no connection to Redis') >= 1 });
$person = somebody();
is(join(' ', map { join_at($here, $person) } 1 .. 5), '404 404 404 404 429', 'without Redis each bridge counts');
is(join_at($there, $person), 404, 'by itself');
$redis[0]->start;
$count = decided(0, 'redis');
ok(wait_for('Redis to decide again', sub { join_at($here, somebody()); decided(0, 'redis') > $count }), 'it is back: it decides again');
wait_for('the other to see it, too', sub { my $n = decided(1, 'redis'); join_at($there, somebody()); decided(1, 'redis') > $n });
is(by_turns($here, $there), '404 404 404 404 429 429', 'for both');

# --- several nodes -----------------------------------------------------------------------------------------

my $three = join(',', map { $_->url } @redis);
my $wide = $here->another_bridge(PORCUPINE_REDIS => $three, PORCUPINE_METRICS => "127.0.0.1:$metrics[2]");
$there->stop_bridge;
my $other = $here->another_bridge(PORCUPINE_REDIS => $three, PORCUPINE_METRICS => '');
$_->wait_for_redis(3) foreach $wide, $other;
is(by_turns($wide, $other), '404 404 404 404 429 429', "over several nodes ($_)") foreach 1 .. 5;
is(decided(2, 'bridge'), 0, 'each decided there');
my $spread = grep { $_->command('KEYS', 'porcupine:limit:join:*') ne '' } @redis;
cmp_ok($spread, '>', 1, 'they are spread');

done_testing();
