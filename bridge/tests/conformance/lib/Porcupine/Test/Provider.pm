# Porcupine::Test::Provider: an OpenID provider on the loopback, as good or as bad as a test wants it. Each issuer is a path of it,
# and how its discovery goes wrong is that path's name. It owns its process, and ends it with the test; a connection that is to
# hang hangs until the other side has had enough of it.
package Porcupine::Test::Provider;

use strict;
use warnings;

use Digest::SHA qw(sha256 hmac_sha256);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64 encode_base64url decode_base64);
use POSIX ();
use Porcupine::Test::Client;

use constant { CLIENT => 'porcupine', SECRET => 'a secret: with + and %' };

my $owner = $$;
my @running;

sub new
{
	my ($class, $folder) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16) // die "cannot listen: $!";
	my $self = bless { folder => $folder, base => 'http://127.0.0.1:' . $listener->sockport, codes => 0 }, $class;

	system('openssl', 'genrsa', '-out', "$folder/$_.pem", '2048') == 0 || die 'no key' foreach qw(first second unpublished);
	$self->publish('first');
	my $pid = fork // die "cannot fork: $!";
	if ($pid == 0)
	{
		$SIG{CHLD} = 'IGNORE';
		while (my $socket = $listener->accept)
		{
			next if fork;
			eval { $self->serve($socket) };
			warn $@ if $@;
			POSIX::_exit(0);
		}
		POSIX::_exit(0);
	}
	push @running, $pid;
	return $self;
}

END
{
	my $status = $?;
	if ($$ == $owner) { kill('TERM', $_), waitpid($_, 0) foreach @running }
	$? = $status;
}

sub issuer { my ($self, $name) = @_; return "$self->{base}/$name"; }

# The keys that verify what it signs, from now on.
sub publish
{
	my ($self, @names) = @_;
	my @keys;

	foreach my $name (@names)
	{
		my ($modulus) = `openssl rsa -in $self->{folder}/$name.pem -noout -modulus` =~ /=([0-9A-F]+)/;
		push @keys, { kty => 'RSA', use => 'sig', alg => 'RS256', kid => $name, n => encode_base64url(pack 'H*', $modulus), e => 'AQAB' };
	}
	$self->keep('published', { keys => \@keys });
	return;
}

sub keep
{
	my ($self, $name, $value) = @_;
	open(my $file, '>', "$self->{folder}/$name.new") or die "cannot write: $!";
	print $file json_text($value);
	close $file;
	rename "$self->{folder}/$name.new", "$self->{folder}/$name";
	return;
}

sub kept
{
	my ($self, $name) = @_;
	open(my $file, '<', "$self->{folder}/$name") or return;
	local $/;
	return json_value(scalar <$file>);
}

# What was asked of the token endpoint for this code: the form, and {answer}.
sub asked { my ($self, $code) = @_; return $self->kept('asked-' . unpack('H*', $code)); }

# Somebody has signed in here, for the request of this URL; returns the query of the browser's way back. how: claims of the ID token,
# and sign, kid, endpoint (how the token endpoint behaves), userinfo, query (further fields of the way back), access_token.
sub authorize
{
	my ($self, $url, %how) = @_;
	my %asked = fields($url =~ /\?(.*)/);
	my $code = 'code/' . ++$self->{codes} . '+=&?' . uuid();

	$self->keep('code-' . unpack('H*', $code), { %asked, %how });
	return form(code => $code, state => $asked{state}, %{ $how{query} // {} });
}

sub fields { my ($form) = @_; return map { s/%(..)/chr hex $1/ger } map { split /=/, $_, 2 } split /&/, $form; }
sub escape { my ($text) = @_; return $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger; }

sub form
{
	my (@pairs) = @_;
	my @fields;
	while (my ($name, $value) = splice @pairs, 0, 2) { push @fields, "$name=" . escape($value) }
	return join '&', @fields;
}

# --- its own process ----------------------------------------------------------------------------------------------

sub serve
{
	my ($self, $socket) = @_;
	my $request = '';

	binmode $socket;
	while ($request !~ /\r\n\r\n/) { sysread($socket, $request, 65536, length $request) || return }
	my ($head, $body) = split /\r\n\r\n/, $request, 2;
	my ($length) = $head =~ /^Content-Length: (\d+)/mi;
	while (length $body < ($length // 0)) { sysread($socket, $body, 65536, length $body) || return }
	my ($method, $name, $path) = $head =~ m{\A(\S+) /(\w+)(/\S*)} or return answer($socket, 404, {});
	return $self->discovery($socket, $name) if $path eq '/.well-known/openid-configuration';
	# as good as any, so that whoever follows finds nothing wrong
	return $self->discovery($socket, $name, 1) if $path eq '/moved';
	return answer($socket, 200, $self->kept('published')) if $path eq '/keys';
	return $self->token($socket, $name, $head, $body) if $path eq '/token' && $method eq 'POST';
	return $self->userinfo($socket, $head) if $path eq '/userinfo';
	return answer($socket, 404, {});
}

sub answer
{
	my ($socket, $status, $value, @lines) = @_;
	my $body = ref $value ? json_text($value) : $value;
	print $socket join("\r\n", "HTTP/1.1 $status X", 'Content-Type: application/json', 'Content-Length: ' . length($body), 'Connection: close', @lines),
	  "\r\n\r\n$body";
	return $socket->flush;
}

# An answer that is none, or false: there is to be a good one.
sub misbehave
{
	my ($self, $socket, $how) = @_;

	if ($how eq 'redirects') { answer($socket, 302, {}, 'Location: ' . $self->issuer('redirects') . '/moved') }
	elsif ($how eq 'invalid') { answer($socket, 200, '{"issuer":') }
	elsif ($how eq 'fails') { answer($socket, 500, {}) }
	elsif ($how eq 'refuses') { answer($socket, 400, { error => 'invalid_grant' }) }
	elsif ($how eq 'huge') { $SIG{PIPE} = 'IGNORE'; answer($socket, 200, '{"a":"' . ('x' x 1_000_000) . '"}') }
	elsif ($how eq 'hangs') { sysread($socket, my $byte, 1) }
	else { return 0 }
	return 1;
}

sub discovery
{
	my ($self, $socket, $name, $moved) = @_;
	my $issuer = $self->issuer($name);

	return if !$moved && $self->misbehave($socket, $name);
	return answer($socket, 200, {
		issuer => $name eq 'other' ? $self->issuer('good') : $issuer,
		authorization_endpoint => "$issuer/authorize",
		token_endpoint => "$issuer/token",
		jwks_uri => "$issuer/keys",
		userinfo_endpoint => "$issuer/userinfo",
		code_challenge_methods_supported => ['S256'],
		$name eq 'posts'
		? (token_endpoint_auth_methods_supported => ['client_secret_post'], authorization_response_iss_parameter_supported => JSON::PP::true)
		: () });
}

sub token
{
	my ($self, $socket, $name, $head, $body) = @_;
	my %asked = fields($body);
	my $sign_in = $self->kept('code-' . unpack('H*', $asked{code} // '')) // return answer($socket, 400, { error => 'invalid_grant' });
	my ($basic) = $head =~ /^Authorization: Basic (\S+)/mi;
	my ($client, $secret) = map { s/%(..)/chr hex $1/ger } split /:/, decode_base64($basic // '');

	unlink "$self->{folder}/code-" . unpack('H*', $asked{code});
	($client, $secret) = @asked{qw(client_id client_secret)} if $name eq 'posts' && !defined $basic;
	return answer($socket, 401, { error => 'invalid_client' }) unless ($client // '') eq CLIENT && ($secret // '') eq SECRET;
	return answer($socket, 400, { error => 'invalid_grant' })
	  unless $asked{grant_type} eq 'authorization_code'
	  && $asked{redirect_uri} eq $sign_in->{redirect_uri}
	  && encode_base64url(sha256($asked{code_verifier})) eq $sign_in->{code_challenge};
	return if $self->misbehave($socket, $sign_in->{endpoint} // '');
	$self->keep('userinfo', $sign_in->{userinfo}) if $sign_in->{userinfo};
	my $claims = { iss => $self->issuer($name), aud => CLIENT, iat => time, exp => time + 300, nonce => $sign_in->{nonce}, %{ $sign_in->{claims} } };
	my $answer = { access_token => $sign_in->{access_token} // 'an-access-token', token_type => 'Bearer', id_token => $self->sign($claims, $sign_in) };
	$self->keep('asked-' . unpack('H*', $asked{code}), { %asked, answer => $answer });
	return answer($socket, 200, $answer);
}

sub sign
{
	my ($self, $claims, $how) = @_;
	my $kid = $how->{kid} // 'first';
	my $alg = $how->{sign} // 'RS256';
	my $text = join '.', map { encode_base64url(json_text($_)) } { alg => $alg, kid => $kid, typ => 'JWT' }, $claims;

	return "$text." if $alg eq 'none';
	return "$text." . encode_base64url(hmac_sha256($text, SECRET)) if $alg eq 'HS256';
	my $file = "$self->{folder}/signed-$$";
	open(my $out, '>', $file) or die "cannot write: $!";
	print $out $text;
	close $out;
	my $key = $how->{key} // $kid;
	my $signature = `openssl dgst -sha256 -sign $self->{folder}/$key.pem $file`;
	return "$text." . encode_base64url($signature);
}

sub userinfo
{
	my ($self, $socket, $head) = @_;
	return answer($socket, 401, {}) unless $head =~ /^Authorization: Bearer an-access-token\r?$/mi;
	return answer($socket, 200, $self->kept('userinfo') // {});
}

1;
