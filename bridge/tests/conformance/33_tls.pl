# The front with TLS, by docker/tls.conf itself: what it speaks and what not, and that behind it everything is as without: a call, the page, a WebSocket, what is
# refused. Its certificate is made here.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run ();
use Porcupine::Test;
use Porcupine::Test::Edge;
use Porcupine::Test::Tls;
use PostgreSQL::Test::Utils;
use Test::More;

plan(skip_all => 'there is no nginx') unless Porcupine::Test::Front::is_there();

my $folder = PostgreSQL::Test::Utils::tempdir();
my $made = run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
	'-addext', 'subjectAltName=DNS:localhost', '-keyout', "$folder/privkey.pem", '-out', "$folder/fullchain.pem");
ok(-s "$folder/fullchain.pem", 'a certificate') or BAIL_OUT($made);

my $origin = 'https://localhost';
my $stack = start_stack(env => { PORCUPINE_ORIGINS => $origin });
my $nginx = Porcupine::Test::Front->start($stack->port, tls => $folder);
my $client = Porcupine::Test::Tls->new($nginx->{tls_port}, "$folder/fullchain.pem");
my $ada = $stack->person('ada');
my $room = $stack->room($ada);

# openssl with these arguments, and what it says.
sub run
{
	my (@arguments) = @_;
	my $said = '';

	IPC::Run::run([ 'openssl', @arguments ], '<', \'', '>&', \$said, IPC::Run::timeout(60));
	return $said;
}

sub spoken
{
	my (@arguments) = @_;
	return run('s_client', '-connect', "127.0.0.1:$nginx->{tls_port}", '-servername', 'localhost', @arguments) =~ /^(?:New, |\s*Protocol *: )(TLSv[\d.]+)/m ? $1 : 'nothing';
}

# --- what is spoken ----------------------------------------------------------------------------------------

is(spoken('-tls1_3'), 'TLSv1.3', 'TLS 1.3');
is(spoken('-tls1_2'), 'TLSv1.2', 'TLS 1.2');
unlike(run('s_client', '-connect', "127.0.0.1:$nginx->{tls_port}", $_, '-cipher', 'ALL:@SECLEVEL=0'), qr/Cipher is [A-Z0-9]+-/, "not $_") foreach ('-tls1', '-tls1_1');
unlike(run('s_client', '-connect', "127.0.0.1:$nginx->{tls_port}", '-tls1_2', '-cipher', $_), qr/Cipher is [A-Z0-9]+-/, "no cipher of $_") foreach ('RSA', 'AES128-SHA', 'SHA1');
like(run('s_client', '-connect', "127.0.0.1:$nginx->{tls_port}", '-alpn', 'h2,http/1.1'), qr/ALPN protocol: h2/, 'HTTP/2 ends here');
unlike(run('s_client', '-connect', "127.0.0.1:$nginx->{tls_port}", '-tls1_2'), qr/TLS session ticket:/, 'no tickets');
like($nginx->exchange("\x16\x03\x01\x00\x05hello")->{status}, qr/\A400\z/, 'TLS at the other port is no request');

# --- what is behind it -----------------------------------------------------------------------------------------

my $page = $client->http('GET', '/');
is($page->{status}, 200, 'the page');
has_headers($page);
is($page->{headers}{'strict-transport-security'}[0], 'max-age=31536000', 'which is to be had by TLS only');
is(scalar(@{ $page->{headers}{'strict-transport-security'} }), 1, 'as is said once');
is($client->http('GET', '/api/rooms/', token => $ada->{token})->{status}, 200, 'a call');
my $refused = $client->http('GET', '/api/%2e%2e/rooms/', token => $ada->{token});
is($refused->{status}, 400, 'a path in disguise');
is_problem_of($refused);
has_headers($refused);
is($refused->{headers}{'strict-transport-security'}[0], 'max-age=31536000', 'nginx says so, too, of what it refuses itself');
is($client->exchange("GET / HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n")->{status}, 400, 'a header that is none');

is($client->exchange($client->handshake('/ws/', { Origin => 'https://evil.example' }))->{status}, 403, 'a socket from elsewhere');
is($client->exchange($client->handshake('/ws/', { Origin => $origin }))->{status}, 101, 'a socket from the page');
my $ws = $client->signed_in($ada);
$ws->say({ type => 'subscribe', room => $room });
ok($ws->hear('subscribed'), 'subscribes');
$ws->say({ type => 'send', room => $room, client_id => uuid(), epoch => 0, body => b64('by TLS') });
is(unb64($ws->hear('event')->{body}), 'by TLS', 'and chats');

done_testing();
