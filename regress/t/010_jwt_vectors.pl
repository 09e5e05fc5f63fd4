# authenticate() against tokens that others made: properly signed ones whose header or claims are not what they must be, and
# the JSON Web Signature vectors of Project Wycheproof, none of which is a token of ours.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('jwt');
my $folder = PostgreSQL::Test::Utils::tempdir();

# A user with a session, and the key that signs its tokens as a file that openssl reads.
$node->safe_psql('postgres', q{
	INSERT INTO porcupine.users (id, username, display_name) VALUES (1, 'one', 'One');
	INSERT INTO porcupine.devices (id, user_id, name) VALUES (2, 1, 'device');
	INSERT INTO porcupine.sessions (id, user_id, device_id, expires_at, refresh_hash) VALUES (3, 1, 2, now() + interval '1 day', '\x00');
});
my $token = $node->safe_psql('postgres', 'SELECT porcupine.access_token(1, 3, 2)');
my ($kid, $seed) = split /\|/, $node->safe_psql('postgres', q{SELECT kid, encode(substr(secret_key, 1, 32), 'hex') FROM porcupine.signing_keys});
write_private_key($seed);

my %header = (alg => 'EdDSA', typ => 'at+jwt', kid => $kid);
my $now = time;
my %claims = (iss => 'porcupine', aud => 'porcupine', sub => '1', sid => '3', did => '2', iat => $now, exp => $now + 600);
my $good_header = json(%header);
my $good_claims = json(%claims);

is(answer($token), '1', 'its own token');
is(answer(signed($good_header, $good_claims)), '1', 'the same made by openssl');
is(answer(signed($good_header, json(%claims, nbf => $now - 1))), '1', 'nbf that has passed');
is(answer(signed($good_header, json(%claims, other => 'x'))), '1', 'a claim that we do not know');

# Headers.
is(answer(signed($_->[1], $good_claims)), 'PC002', "header: $_->[0]")
  for (
	[ 'alg none', json(%header, alg => 'none') ], [ 'alg None', json(%header, alg => 'None') ], [ 'alg HS256', json(%header, alg => 'HS256') ],
	[ 'alg Ed25519', json(%header, alg => 'Ed25519') ], [ 'alg eddsa', json(%header, alg => 'eddsa') ], [ 'no alg', without(\%header, 'alg') ],
	[ 'typ JWT', json(%header, typ => 'JWT') ], [ 'no typ', without(\%header, 'typ') ], [ 'no kid', without(\%header, 'kid') ],
	[ 'another kid', json(%header, kid => 'AAAAAAAAAAAA') ], [ 'a short kid', json(%header, kid => 'A') ], [ 'an empty kid', json(%header, kid => '') ],
	[ 'a kid of SQL', json(%header, kid => q{' OR 1=1 --}) ], [ 'a long kid', json(%header, kid => 'A' x 300) ],
	[ 'crit', json(%header, crit => 'exp') ], [ 'crit as a list', qq({"alg":"EdDSA","typ":"at+jwt","kid":"$kid","crit":["exp"]}) ],
	[ 'two algs', qq({"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"$kid"}) ], [ 'alg a number', qq({"alg":1,"typ":"at+jwt","kid":"$kid"}) ],
	[ 'an embedded key', qq({"alg":"EdDSA","typ":"at+jwt","kid":"$kid","jwk":{"kty":"OKP"}}) ],
	[ 'white space', qq({ "alg":"EdDSA","typ":"at+jwt","kid":"$kid"}) ], [ 'trailing comma', qq({"alg":"EdDSA","typ":"at+jwt","kid":"$kid",}) ],
	[ 'trailing text', $good_header . 'x' ], [ 'trailing zero', $good_header . "\0" ], [ 'a list', "[$good_header]" ], [ 'empty', '' ],
	[ 'an empty object', '{}' ], [ 'cut short', substr($good_header, 0, -1) ], [ 'an open string', '{"alg' ], [ 'no JSON', 'EdDSA' ],
	[ 'a zero inside', qq({"alg":"EdDSA\0","typ":"at+jwt","kid":"$kid"}) ], [ 'an escape', qq({"alg":"Ed\\u0044SA","typ":"at+jwt","kid":"$kid"}) ],
	[ 'deep', '[' x 300 ], [ 'many members', '{' . join(',', map { qq("$_":"") } 1 .. 40) . '}' ]);

# Claims, properly signed.
is(answer(signed($good_header, $_->[1])), 'PC002', "claims: $_->[0]")
  for (
	(map { [ "no $_", without(\%claims, $_) ] } sort keys %claims),
	[ 'another iss', json(%claims, iss => 'Porcupine') ], [ 'an iss with more', json(%claims, iss => 'porcupine2') ], [ 'an empty iss', json(%claims, iss => '') ],
	[ 'another aud', json(%claims, aud => 'other') ], [ 'aud as a list', raw(aud => '["porcupine"]') ],
	[ 'expired', json(%claims, exp => $now - 1) ], [ 'expires at 0', json(%claims, exp => 0) ], [ 'exp a string', raw(exp => qq("@{[ $now + 600 ]}")) ],
	[ 'exp negative', raw(exp => '-1') ], [ 'exp a fraction', raw(exp => ($now + 600) . '.5') ], [ 'exp 1e12', raw(exp => '1e12') ],
	[ 'exp beyond the year 9999', raw(exp => '253402300800') ], [ 'exp beyond 64 bits', raw(exp => '99999999999999999999') ], [ 'exp null', raw(exp => 'null') ],
	[ 'not yet', json(%claims, nbf => $now + 100) ], [ 'nbf a string', json(%claims, nbf => 'x') ],
	[ 'sub a number', raw(sub => '1') ], [ 'sub with a zero in front', json(%claims, sub => '01') ], [ 'sub with a plus', json(%claims, sub => '+1') ],
	[ 'sub negative', json(%claims, sub => '-1') ], [ 'sub 0', json(%claims, sub => '0') ], [ 'sub empty', json(%claims, sub => '') ],
	[ 'sub with a space', json(%claims, sub => ' 1') ], [ 'sub beyond 64 bits', json(%claims, sub => '18446744073709551617') ],
	[ 'sub 2^63', json(%claims, sub => '9223372036854775808') ], [ 'sub of digits elsewhere', json(%claims, sub => "\x{661}") ],
	[ 'another sub', json(%claims, sub => '2') ], [ 'another did', json(%claims, did => '3') ],
	[ 'two subs', qq({"sub":"9",) . substr($good_claims, 1) ], [ 'a list', "[$good_claims]" ], [ 'empty', '' ], [ 'cut short', substr($good_claims, 0, -1) ],
	[ 'two objects', $good_claims . $good_claims ], [ 'a newline at the end', "$good_claims\n" ]);
is(answer(signed($good_header, json(%claims, sid => '4'))), 'PC004', 'claims: a session that is not there');

# The signature: of another key, and what a signature with one bit changed is worth.
my ($first, $second) = split /\./, $token;
is(answer("$first.$second." . encode_base64url("\0" x 64)), 'PC002', 'signature: zeros');
is(answer("$first.$second." . encode_base64url("\xff" x 64)), 'PC002', 'signature: ones');
is(answer("$first.$second." . encode_base64url("\0" x 63)), 'PC002', 'signature: a byte short');
is(answer("$first.$second." . encode_base64url("\0" x 65)), 'PC002', 'signature: a byte long');
write_private_key('01' x 32);
is(answer(signed($good_header, $good_claims)), 'PC002', 'signature: of another key under the name of ours');

# A token that expires in the midst of its transaction.
write_private_key($seed);
my $short = signed($good_header, json(%claims, iat => time, exp => time + 2));
my $expired = $node->safe_psql('postgres', qq{
	CREATE FUNCTION pg_temp.until_refused() RETURNS text LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM porcupine.authenticate('$short');
		FOR i IN 1..1000 LOOP
			PERFORM porcupine.require_user(), pg_sleep(0.02);
		END LOOP;
		RETURN 'still good';
	EXCEPTION WHEN SQLSTATE 'PC002' THEN
		RETURN SQLERRM;
	END \$\$;
	SELECT pg_temp.until_refused();
});
is($expired, 'the access token has expired', 'a token that expires within its transaction');

SKIP:
{
	my $path = ($ENV{PORCUPINE_VECTORS} // "$FindBin::RealBin/../../../shared/vectors") . '/json_web_signature_test.json';
	skip('the vectors of Project Wycheproof are not here', 1) unless -r $path;
	my $vectors = decode_json(slurp_file($path));
	my @tokens = map { map { $_->{jws} } @{ $_->{tests} } } @{ $vectors->{testGroups} };
	my $values = join(', ', map { my $t = $_; $t =~ s/'/''/g; "('$t')" } grep { !ref } @tokens);
	is( $node->safe_psql('postgres', qq{
			CREATE FUNCTION pg_temp.answer(token text) RETURNS text LANGUAGE plpgsql AS
				\$\$ BEGIN RETURN porcupine.authenticate(token); EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END \$\$;
			SELECT string_agg(DISTINCT pg_temp.answer(t), ',') || ' ' || (count(*) >= 400) FROM (VALUES $values) AS v (t)}),
		'PC002 true', 'the JSON Web Signature vectors of Project Wycheproof');
}

$node->stop;
done_testing();

# What authenticate() says to a token: the user's id or the SQLSTATE.
sub answer
{
	my ($candidate) = @_;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT porcupine.authenticate('$candidate')");

	return $code == 0 ? $out : ($err =~ /ERROR:  (\w{5})/)[0] // $err;
}

sub json { my %members = @_; return JSON::PP->new->canonical->encode(\%members); }

sub without { my ($members, $name) = @_; my %rest = %$members; delete $rest{$name}; return json(%rest); }

# The claims with one of them spelled by hand.
sub raw { my ($name, $text) = @_; return substr(without(\%claims, $name), 0, -1) . qq(,"$name":$text}); }

sub signed
{
	my ($head, $body) = @_;
	utf8::encode($body);
	my $input = encode_base64url($head) . '.' . encode_base64url($body);

	open my $file, '>', "$folder/input" or die $!;
	print $file $input;
	close $file;
	system_or_bail('openssl', 'pkeyutl', '-sign', '-rawin', '-inkey', "$folder/key.pem", '-in', "$folder/input", '-out', "$folder/signature");
	return "$input." . encode_base64url(slurp_file("$folder/signature"));
}

# An Ed25519 private key as PKCS #8 (RFC 8410): a fixed preamble and the seed.
sub write_private_key
{
	my ($hex) = @_;

	open my $file, '>', "$folder/key.pem" or die $!;
	print $file "-----BEGIN PRIVATE KEY-----\n", MIME::Base64::encode_base64(pack('H*', '302e020100300506032b657004220420' . $hex)), "-----END PRIVATE KEY-----\n";
	close $file;
	return;
}
