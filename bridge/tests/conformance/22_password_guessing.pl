# Passwords are tried. A hundred addresses at one account: few tries reach the database, and its owner signs in meanwhile, from an
# address or with a device that has done so before. Ten thousand tries with as many names from a hundred addresses: what is hashed is
# bounded by the limits, memory stays as it was, and the owners of real accounts still sign in.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Metrics qw(scrape);
use PostgreSQL::Test::Cluster;
use Test::More;

my $metrics = PostgreSQL::Test::Cluster::get_free_port();
my %env = (
	PORCUPINE_METRICS => "127.0.0.1:$metrics",
	PORCUPINE_TRUSTED_PROXIES => '127.0.0.1',
	PORCUPINE_LIMITS => 'login=5/10h,login_account=20/10h,login_known=4/10h,known=20/10h'
);
my $stack = start_stack(conf => "max_connections = 60\n", env => \%env);

sub register
{
	my ($name, $address) = @_;
	my $answer = $stack->http('POST', '/api/auth/register/', json => { username => $name, password => "the password of $name" }, headers => ["X-Forwarded-For: $address"]);

	die "$answer->{status} $answer->{body}" unless $answer->{status} == 201;
	return $answer;
}

# login(NAME, PASSWORD, ADDRESS, COOKIE)
sub login
{
	my ($name, $password, $address, $cookie) = @_;
	return $stack->http('POST', '/api/auth/login/',
		json => { username => $name, password => $password },
		headers => [ "X-Forwarded-For: $address", defined $cookie ? "Cookie: porcupine_device=$cookie" : () ]);
}

sub device_of
{
	my ($answer) = @_;
	my ($cookie) = map { /\Aporcupine_device=([0-9a-f]{32});/ } @{ $answer->{headers}{'set-cookie'} // [] };

	return $cookie;
}

sub hashed { return scrape($metrics)->value('database_duration_seconds_count', lane => 'slow'); }

# --- one account ----------------------------------------------------------------------------------------

my $home = '192.0.2.1';
my $device = device_of(register('owner', $home));
my $mallory = device_of(register('mallory', '192.0.2.66'));
ok($device && $mallory && $device ne $mallory, 'each device gets a number of its own');
my $cookie = (grep { /porcupine_device/ } @{ login('owner', 'the password of owner', $home)->{headers}{'set-cookie'} })[0];
like($cookie, qr/; Path=\/api\/auth\/; HttpOnly; Secure; SameSite=Strict; Max-Age=31536000\z/, 'in a cookie that no script reads');
is(device_of(login('owner', 'the password of owner', $home, $device)), undef, 'which it keeps');

my $before = hashed();
my %statuses;
foreach my $round (1 .. 3)
{
	$statuses{ login(qw(owner Owner OWNER)[ $round - 1 ], "guess $round", "198.51.100.$_")->{status} }++ foreach 1 .. 100;
}
is_deeply(\%statuses, { 401 => 20, 429 => 280 }, 'a hundred addresses get twenty tries at an account together, however they spell it');
is(hashed() - $before, 20, 'and no more passwords are hashed');
# A Kelvin sign and a dotted I are k and i in lower case, in the locales of many databases. Their bytes are none that the bridge counts by,
# so as spellings of this name they would have tries of their own.
register('kim', '192.0.2.99');
is(login($_, 'the password of kim', '198.51.100.150')->{status}, 401, 'nor signs it in') foreach "\x{212a}im", "k\x{130}m";
my $answer = login('owner', 'the password of owner', '198.51.100.200');
is($answer->{status}, 429, 'a stranger is refused meanwhile, even with the right password');
cmp_ok($answer->{json}{retry_after}, '>', 0, 'and told when to come back');
is(login('owner', 'the password of owner', $home)->{status}, 200, 'the owner signs in from an address that is known');
is(login('owner', 'the password of owner', '203.0.113.7', $device)->{status}, 200, 'and from anywhere with a device that is known');
is(login('owner', 'the password of owner', '203.0.113.7')->{status}, 200, 'which makes that address known');
is(login('owner', 'x', '198.51.100.200', $mallory)->{status}, 429, 'a device of another account is none of this one');
is(login('owner', 'x', '198.51.100.200', '0' x 32)->{status}, 429, 'nor is an invented one');
is(join(' ', map { login('owner', 'a slip', '203.0.113.8', $device)->{status} } 1 .. 6), '401 401 401 401 429 429', 'a known device has its own, smaller, number of tries');
is(login('owner', 'the password of owner', $home)->{status}, 200, 'which are not those of the known address');
is(login('mallory', 'the password of mallory', '192.0.2.66')->{status}, 200, 'other accounts are not touched');
is(join(' ', map { login('mallory', 'the password of mallory', '192.0.2.67')->{status} } 1 .. 12), join(' ', (200) x 12), 'what succeeds is not counted');

# Whose email differs by a letter that is no ASCII is somebody else: their devices are none that the owner's account knows.
my %emails = (target => 'target@example.org', double => "target\x{e9}\@example.org");
foreach my $who (sort keys %emails)
{
	my $made = $stack->http('POST', '/api/auth/register/', json => { username => $who, password => "the password of $who", email => $emails{$who} },
		headers => ['X-Forwarded-For: 192.0.2.90']);
	is($made->{status}, 201, "$who, by email");
}
my $doubles = device_of(login($emails{double}, 'the password of double', '192.0.2.91'));
ok($doubles, 'one signs in by email, as a device that is known to that account');
is(join(' ', map { login($emails{target}, "guess $_", "198.51.101.$_")->{status} } 1 .. 21), join(' ', (401) x 20, 429), 'strangers try the other one');
is(login($emails{target}, 'a guess', '198.51.101.99', $doubles)->{status}, 429, 'of whom that device is one');
is(login($emails{double}, 'a guess', '198.51.101.99', $doubles)->{status}, 401, 'as it is not to its own');

# Nobody becomes known without end: each is remembered for a month.
my @numbers = map { device_of(login('mallory', 'the password of mallory', "192.0.2.$_")) } 101 .. 130;
is(scalar(grep { defined } @numbers), 30, 'thirty devices sign in to an account');
my $owners = join(' ', map { login('mallory', 'x', "203.0.114.$_")->{status} } 1 .. 20);
is($owners, join(' ', (401) x 20), 'strangers try it');
is(login('mallory', 'x', '203.0.114.1')->{status}, 429, 'as often as they may');
%statuses = ();
$statuses{ login('mallory', 'the password of mallory', "203.0.115.$_", $numbers[$_])->{status} }++ foreach 0 .. 29;
cmp_ok($statuses{200}, '<=', 20, 'some of the thirty are known: ' . json_text(\%statuses));
cmp_ok($statuses{200}, '>', 0, 'others are strangers still');

# The attackers' own address is spent for names that exist and names that do not, all alike.
my @spent = map { login("nobody$_", 'x', '198.51.100.77') } 1 .. 6;
is(join(' ', map { $_->{status} } @spent), '401 401 401 401 401 429', 'an address has so many, whatever the name');
is(device_of($spent[0]), undef, 'who fails gets no number');

# --- many accounts -------------------------------------------------------------------------------------------

my @real = map { "real$_" } 1 .. 10;
my %device = map { $_ => device_of(register($_, '192.0.2.20')) } @real;
my $stuffing = $stack->another_bridge(PORCUPINE_METRICS => '127.0.0.1:' . ($metrics = PostgreSQL::Test::Cluster::get_free_port()));
$stack->stop_bridge;
$stack = $stuffing;
is(login($_, "the password of $_", '192.0.2.20', $device{$_})->{status}, 200, "$_ is there") foreach @real;

my ($first, %answers, %sign_ins) = (scrape($metrics));
foreach my $try (1 .. 10_000)
{
	my $address = sprintf('198.51.100.%d', $try % 100 + 1);
	my $name = $try % 2 ? "leaked$try" : $real[ $try % 10 ];

	$answers{ login($name, "leaked password $try", $address)->{status} }++;
	if ($try % 500 == 0)
	{
		my $who = $real[ $try / 500 % 10 ];
		$sign_ins{ login($who, "the password of $who", '203.0.113.50', $device{$who})->{status} }++;
	}
}
my $after = scrape($metrics);
is($answers{401} + $answers{429}, 10_000, 'every try is answered');
# half of the addresses try names that leaked; the others five real accounts, which strangers get twenty tries at each
is($answers{401}, 50 * 5 + 5 * 20, 'five of an address are tried, and twenty at an account');
is($after->value('limited_total', limit => 'login') - $first->value('limited_total', limit => 'login')
	  + $after->value('limited_total', limit => 'login_account') - $first->value('limited_total', limit => 'login_account'),
	9_650, 'the rest is refused');
is_deeply(\%sign_ins, { 200 => 20 }, 'owners sign in all the while');
is($after->value('database_duration_seconds_count', lane => 'slow') - $first->value('database_duration_seconds_count', lane => 'slow'),
	350 + 20, 'so many passwords were hashed, and no more');
cmp_ok($after->value('database_duration_seconds_count', lane => 'query') - $first->value('database_duration_seconds_count', lane => 'query'), '<', 200, 'nothing else was asked of the database');
# a bridge that watches over its memory keeps what was freed for a while
my $most = $ENV{ASAN_OPTIONS} ? 48 : 8;
cmp_ok($after->value('process_resident_memory_bytes') - $first->value('process_resident_memory_bytes'), '<', $most * 1024 * 1024, 'memory is as before');

done_testing();
