# What runs is confined: every container as a user that is not root, without capabilities or a way to new ones, on a file system
# that it cannot write to, from an image without a compiler; the database without a network, and Redis for none without its password.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test::Client;
use Porcupine::Test::Compose;
use Test::More;

# The paths of what could build or fetch further programs; nothing is printed where there is none.
my $tools = 'type -P cc gcc c++ g++ clang tcc as ld make git curl wget npm node || true';

foreach my $service (qw(database redis bridge front))
{
	my $id = container($service);
	my $details = details($id);
	my $host = $details->{HostConfig};

	wait_healthy($service);
	like($details->{Config}{User}, qr/\A[1-9]\d+\z/, "$service: its user is a number, and not root's");
	is((inside($id, 'id -u'))[1], $details->{Config}{User}, "$service: it runs as that");
	is_deeply([ inside($id, 'sed -nE "s/^(CapEff|CapBnd|NoNewPrivs):\s*//p" /proc/1/status | sort -u') ],
		[ 0, "0000000000000000\n1" ], "$service: no capability, and no way to one");
	is((inside($id, 'find / -xdev -type f -perm /6000 2>/dev/null'))[1], '', "$service: no program gives rights away");
	isnt((inside($id, 'touch /opt/porcupine/x'))[0], 0, "$service: its files stay as they are");
	ok($host->{ReadonlyRootfs}, "$service: all of them");
	is((inside($id, $tools))[1], '', "$service: no compiler, nothing that fetches");
	cmp_ok($host->{Memory}, '>', 0, "$service: its memory has a limit");
	is($host->{RestartPolicy}{Name}, 'unless-stopped', "$service: it is started again when it ends");
	is((split / /, $details->{Config}{Cmd}[0])[0], "docker/$service", "$service: started without a shell's command line");
}

is((inside(container('database'), 'ls /sys/class/net'))[1], 'lo', 'the database has no network');
is_deeply([ keys %{ details(container('redis'))->{NetworkSettings}{Ports}{'6379/tcp'} // {} } ],
	[], 'Redis is at no port of the machine');
like((inside(container('redis'), 'redis-cli ping'))[1], qr/NOAUTH/, 'and wants a password');
like(
	(inside(container('redis'), 'redis-cli --user porcupine --pass "$(cat /run/porcupine-redis/password)" --no-auth-warning keys "*"'))[1],
	qr/NOPERM/,
	'with which one may do what a bridge does, and nothing else'
);
isnt((inside(container('front'), 'cat /run/porcupine-redis/password'))[0], 0, 'the front does not have it');
isnt((inside(container('front'), 'ls /run/porcupine/.s.PGSQL.5432'))[0], 0, 'nor the way to the database');

done_testing();
