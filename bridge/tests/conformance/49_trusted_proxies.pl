# A client's address is the one of its connection, unless a proxy of the list says another: then what that proxy appended to
# X-Forwarded-For counts, and nothing that anybody else wrote into it; directly, through a real nginx, and through two of them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run ();
use Porcupine::Test;
use Porcupine::Test::Front;
use PostgreSQL::Test::Utils;
use Test::More;

plan(skip_all => 'there is no nginx') unless Porcupine::Test::Front::is_there();

my $strict = start_stack(conf => "max_connections = 90\n", env => { PORCUPINE_LISTEN => '0.0.0.0' });
my $trusting = $strict->another_bridge(PORCUPINE_TRUSTED_PROXIES => '127.0.0.1,198.51.100.0/24,2001:db8:1::/48');
my $people = 0;

# The address of a session that begins by way of this client, with these header lines.
sub seen_as
{
	my ($client, @headers) = @_;
	my $name = 'person' . ++$people;
	my $answer = $client->http('POST', '/api/auth/register/', json => { username => $name, password => 'correct horse' }, headers => \@headers);

	die "$answer->{status} $answer->{body}" unless $answer->{status} == 201;
	return $strict->sql("SELECT host(s.address) FROM porcupine.sessions s JOIN porcupine.users u ON u.id = s.user_id WHERE u.username = '$name'");
}

# --- directly ----------------------------------------------------------------------------------------------

is(seen_as($strict), '127.0.0.1', 'an address is the connection\'s');
ok(!$strict->logged('X-Forwarded-For is not believed: if that is your proxy, name it in PORCUPINE_TRUSTED_PROXIES'), 'and there is nothing to say');
is(seen_as($strict, 'X-Forwarded-For: 192.0.2.1'), '127.0.0.1', 'nobody is trusted unless named');
seen_as($strict, 'X-Forwarded-For: 192.0.2.1');
is($strict->logged('X-Forwarded-For is not believed: if that is your proxy, name it in PORCUPINE_TRUSTED_PROXIES'), 1, 'which is said once');
my @walks = (
	[ '127.0.0.1', 'without the header' ],
	[ '192.0.2.1', 'what a trusted one says', 'X-Forwarded-For: 192.0.2.1' ],
	[ '192.0.2.1', 'only what it appended', 'X-Forwarded-For: 203.0.113.9, 192.0.2.1' ],
	[ '192.0.2.1', 'through a second one', 'X-Forwarded-For: 203.0.113.9, 192.0.2.1, 198.51.100.7' ],
	[ '2001:db8:2::1', 'IPv6', 'X-Forwarded-For: 192.0.2.1, 2001:db8:2::1, 2001:db8:1::5' ],
	[ '127.0.0.1', 'what is no address: the last trusted one', 'X-Forwarded-For: 192.0.2.1, unknown' ],
	[ '198.51.100.7', 'of several', 'X-Forwarded-For: 192.0.2.1, "x, 198.51.100.7' ],
	[ '127.0.0.1', 'an empty header', 'X-Forwarded-For:' ],
	[ '192.0.2.2', 'two lines are one list', 'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 192.0.2.2' ],
	[ '192.0.2.1', 'in any spelling', 'x-FORWARDED-for: 192.0.2.1' ],
	[ '127.0.0.1', 'other headers say nothing', 'Forwarded: for=192.0.2.1', 'X-Real-IP: 192.0.2.1' ],
	[ '127.0.0.1', 'more than a proxy would write', 'X-Forwarded-For: ' . '192.0.2.1, ' x 200 . '192.0.2.1' ]
);
is(seen_as($trusting, @$_[ 2 .. $#$_ ]), $_->[0], $_->[1]) foreach @walks;

# --- through nginx -------------------------------------------------------------------------------------------

my $appending = '$proxy_add_x_forwarded_for';
my $nginx = Porcupine::Test::Front->start($trusting->port, forwarded => $appending);
my $second = Porcupine::Test::Front->start($nginx->{port}, forwarded => $appending, from => '127.0.0.1');
my $stranger = Porcupine::Test::Front->start($trusting->port, forwarded => $appending, from => '127.0.0.2');
my $overwriting = Porcupine::Test::Front->start($trusting->port);

is(seen_as($nginx), '127.0.0.1', 'the client of nginx is this test');
is(seen_as($nginx, 'X-Forwarded-For: 203.0.113.9'), '203.0.113.9', 'which is trusted itself, and so is believed');
is(seen_as($second, 'X-Forwarded-For: 203.0.113.9'), '203.0.113.9', 'through two');
is(seen_as($second, 'X-Forwarded-For: 192.0.2.66, 203.0.113.9'), '203.0.113.9', 'a client that lies to the first of them gains nothing');
is(seen_as($stranger, 'X-Forwarded-For: 203.0.113.9'), '127.0.0.2', 'a proxy that is not in the list is a client like any other');
is(seen_as($overwriting, 'X-Forwarded-For: 203.0.113.9'), '127.0.0.1', 'one that overwrites lets nothing through');

# --- settings ------------------------------------------------------------------------------------------------

foreach my $wrong ('10.0.0.0/33', '10.0.0.1/8', '0.0.0.0/0', 'proxy', '10.0.0.1,', '10.0.0.1 10.0.0.2')
{
	my ($out, $err) = ('', '');

	IPC::Run::run(
		[ 'env', '-i', "PORCUPINE_TRUSTED_PROXIES=$wrong", $ENV{PORCUPINE_BRIDGE} // '../bridge/porcupine-bridge' ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(20));
	is($? >> 8, 2, "'$wrong' is refused");
	like($err, qr/\Aporcupine-bridge: PORCUPINE_TRUSTED_PROXIES=\Q$wrong\E is not a list of at most 64 addresses and ranges [^\n]+\n\z/, 'and one is told so');
}

done_testing();
