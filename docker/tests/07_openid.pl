# Sign-in at an OpenID provider by docker/openid.yml: each bridge has its settings, reaches the provider over TLS that the system's
# certificates verify, and gives it the secret of the file, which stands in no image, no log and nothing that Docker shows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test::Client;
use Porcupine::Test::Compose;
use Test::More;

use constant SECRET => 'kept-by-the-test-only';

my @bridges = map { container('bridge', $_) } 1, 2;
my $origin = "http://localhost:$ENV{PORCUPINE_PORT}";

wait_healthy('bridge', $_) foreach 1, 2;
wait_healthy('front');

# Lines of a bridge's log about the provider.
sub whys { my ($id) = @_; return map { $_->{why} } grep { ref $_ && ($_->{provider} // '') eq 'test' } map { json_value($_) } split /\n/, docker('logs', $id); }

foreach my $number (1, 2)
{
	my ($listed) = @{ bridge($number)->http('GET', '/api/auth/oidc/')->{json}{results} };

	is("$listed->{name}: $listed->{label}", 'test: Test provider', "bridge $number: the provider is listed, with the name that has a blank in it");
	cmp_ok((inside($bridges[ $number - 1 ], 'ls /etc/ssl/certs/*.pem | wc -l'))[1], '>', 100, "bridge $number: the image has Debian's certificates");
	is((inside($bridges[ $number - 1 ], 'stat -c "%a %u" /run/secrets/test'))[1], '400 7701', "bridge $number: the secret is a file for nobody else");
}

my $begun = front()->http('POST', '/api/auth/oidc/test/start/', json => { return_to => '/rooms/7' }, headers => [ 'X-Porcupine: 1', "Origin: $origin" ]);
is($begun->{status}, 200, 'a sign-in begins at the address') or diag($begun->{body});
my $url = $begun->{json}{url} // '';
like($url, qr{\Ahttps://provider\.test:8443/authorize\?}, 'the browser is sent to the provider');
my $redirect = "$origin/api/auth/oidc/test/callback/" =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
like($url, qr/[?&]redirect_uri=\Q$redirect\E&/, 'to come back to the address that it came from');
my ($cookie) = ($begun->{headers}{'set-cookie'}[0] // '') =~ /\A(porcupine_oidc=[0-9a-f]{64}); Max-Age=600; Path=\/api\/auth\/oidc\/; HttpOnly; Secure; SameSite=Lax\z/;
ok($cookie, 'its cookie passes the front as the bridge has set it');

my ($state) = $url =~ /[?&]state=([^&]+)/;
my $back = front()->http('GET', "/api/auth/oidc/test/callback/?state=$state&code=of-this-test", headers => ["Cookie: $cookie"]);
is("$back->{status} $back->{headers}{location}[0]", '303 /rooms/7?sign-in=refused', 'it comes back to whichever bridge');
is_deeply([ map { whys($_) } @bridges ], ['the token endpoint gave no ID token'], 'which the provider knows by its secret');

foreach my $id (@bridges)
{
	unlike(docker('inspect', $id) . docker('logs', $id) . docker('top', $id, '-eo', 'pid,args'), qr/${\SECRET}/, 'Docker shows the secret nowhere');
	unlike(docker('history', '--no-trunc', details($id)->{Image}), qr/${\SECRET}|PORCUPINE_OIDC/, 'nor has the image any of it');
	unlike((inside($id, 'tr "\0" "\n" </proc/1/environ'))[1], qr/${\SECRET}/, 'nor the environment of the bridge');
	like((inside($id, 'cat /run/secrets/test'))[1], qr/\A${\SECRET}\z/, 'the file has it');
}
isnt((inside(container('front'), 'ls /run/secrets/test'))[0], 0, 'the front does not have it');
unlike(docker('logs', container('front')), qr/of-this-test/, 'nor a log of its own with the code');

done_testing();
