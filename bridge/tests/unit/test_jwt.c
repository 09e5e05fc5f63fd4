/*
 * test_jwt.c - only tokens signed by a key of ours, for us, and still alive, pass.
 */
#include "jwt.h"
#include "tap.h"
#include "token.h"

#include <sodium.h>
#include <string.h>

#define NOW 1800000000
#define HEADER "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}"
#define PAYLOAD "{\"iss\":\"porcupine\",\"aud\":\"porcupine\",\"sub\":\"7\",\"sid\":\"8\",\"did\":\"9\",\"iat\":1799999900,\"exp\":1800000500}"

static unsigned char secret[crypto_sign_SECRETKEYBYTES];
static JwtKeys keys;

static JwtVerdict
verify(const char *token, JwtClaims *claims)
{
	return jwt_verify(token, strlen(token), &keys, "porcupine", NOW, claims);
}

static void
check(JwtVerdict expected, const char *header, const char *payload, const char *name)
{
	Text		token = token_make(header, payload, secret);
	JwtClaims	claims;

	ok(verify(token.bytes, &claims) == expected, "%s", name);
	text_free(&token);
}

static void
make_keys(void)
{
	char		x[64];
	Text		set = {0};

	token_key(secret, x);
	text_format(&set, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k0\",\"x\":\"%s\"},"
				"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k1\",\"x\":\"%s\"}]}", x, x);
	ok(jwt_read_keys(set.bytes, set.length, &keys) && keys.count == 1, "reads the Ed25519 keys of a set and no others");
	ok(!jwt_read_keys("{\"keys\":1}", 10, &(JwtKeys) {0}), "a set without a list is none");
	text_free(&set);
}

static void
check_signatures(void)
{
	unsigned char other[crypto_sign_SECRETKEYBYTES];
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
	Text		token = token_make(HEADER, PAYLOAD, secret);
	JwtClaims	claims = {0};
	char		kept;

	ok(verify(token.bytes, &claims) == JWT_VALID && claims.user == 7 && claims.session == 8 && claims.device == 9
	   && claims.expires == 1800000500, "a good token has its claims");
	ok(jwt_verify(token.bytes, token.length, &keys, "porcupine", 1800000500, &claims) == JWT_INVALID, "an expired token");
	ok(jwt_verify(token.bytes, token.length, &keys, "other", NOW, &claims) == JWT_INVALID, "another issuer");
	ok(jwt_verify(token.bytes, token.length - 1, &keys, "porcupine", NOW, &claims) == JWT_INVALID, "a cut token");
	kept = token.bytes[60];
	token.bytes[60] = kept == 'A' ? 'B' : 'A';
	ok(verify(token.bytes, &claims) == JWT_INVALID, "a changed payload");
	token.bytes[60] = kept;
	text_add(&token, ".x");
	ok(verify(token.bytes, &claims) == JWT_INVALID, "a fourth part");
	text_free(&token);

	crypto_sign_keypair(public_key, other);
	token = token_make(HEADER, PAYLOAD, other);
	ok(verify(token.bytes, &claims) == JWT_INVALID, "signed by another key");
	text_free(&token);
	ok(verify("", &claims) == JWT_INVALID && verify("..", &claims) == JWT_INVALID && verify("a.b", &claims) == JWT_INVALID,
	   "no token at all");
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	make_keys();
	check_signatures();
	check(JWT_INVALID, "{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}", PAYLOAD, "alg none");
	check(JWT_INVALID, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}", PAYLOAD, "alg HS256");
	check(JWT_INVALID, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"k1\"}", PAYLOAD, "another typ");
	check(JWT_INVALID, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", PAYLOAD, "no kid");
	check(JWT_INVALID, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k1\",\"crit\":[\"x\"]}", PAYLOAD, "a critical extension");
	check(JWT_INVALID, "{\"alg\":\"none\",\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}", PAYLOAD, "a member twice");
	check(JWT_UNKNOWN_KEY, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k2\"}", PAYLOAD, "an unknown key is told apart");
	check(JWT_INVALID, HEADER, "{\"iss\":\"porcupine\",\"aud\":\"other\",\"sub\":\"7\",\"sid\":\"8\",\"did\":\"9\",\"iat\":1799999900,\"exp\":1800000500}",
		  "another audience");
	check(JWT_INVALID, HEADER, "{\"iss\":\"porcupine\",\"aud\":\"porcupine\",\"sub\":\"7\",\"sid\":\"8\",\"did\":\"9\",\"iat\":1799999900}", "no expiry");
	check(JWT_INVALID, HEADER, "{\"iss\":\"porcupine\",\"aud\":\"porcupine\",\"sub\":7,\"sid\":\"8\",\"did\":\"9\",\"iat\":1799999900,\"exp\":1800000500}",
		  "a subject that is a number");
	check(JWT_INVALID, HEADER, "{\"iss\":\"porcupine\",\"aud\":\"porcupine\",\"sub\":\"7\",\"sid\":\"8\",\"did\":\"9\",\"iat\":1799999900,"
		  "\"exp\":1800000500,\"nbf\":1800000100}", "not yet valid");
	check(JWT_INVALID, HEADER, "{\"iss\":\"porcupine\",\"aud\":\"porcupine\",\"sub\":\"0\",\"sid\":\"8\",\"did\":\"9\",\"iat\":1799999900,"
		  "\"exp\":1800000500}", "a subject that nobody is");
	check(JWT_INVALID, HEADER, "{\"iss\":\"porcupine\",\"aud\":\"porcupine\",\"sub\":\"7\",\"sid\":\"8\",\"did\":\"9\",\"exp\":1800000500}",
		  "no time of issue");
	check(JWT_INVALID, HEADER, "{\"iss\":\"porcupine\",\"aud\":\"porcupine\",\"sub\":\"7\",\"sid\":\"8\",\"did\":\"9\",\"iat\":1799999900,"
		  "\"exp\":253402300800}", "valid beyond the year 9999");
	return done();
}
