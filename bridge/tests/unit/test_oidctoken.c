/*
 * test_oidctoken.c - what a provider answers is believed only as far as it must be.
 */
#include "oidctoken.h"
#include "tap.h"
#include "token.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000
#define ISSUER "https://id.example"
#define CLAIMS(iss, aud, times, nonce) \
	"{\"iss\":\"" iss "\",\"sub\":\"s1\",\"aud\":" aud "," times ",\"nonce\":\"" nonce "\",\"email\":\"ada@example.org\",\"email_verified\":true}"
#define TIMES "\"iat\":1799999990,\"exp\":1800000300"

static unsigned char secret[crypto_sign_SECRETKEYBYTES];
static JwsKeys keys;
static const OidcExpected expected = {ISSUER, "me", "n1", NOW};

static void
make_keys(void)
{
	char		x[64];
	Text		set = {0};

	token_key(secret, x);
	text_format(&set, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"o\",\"x\":\"%s\"}]}", x);
	ok(jws_read_keys(set.bytes, set.length, &keys), "the key is read");
	text_free(&set);
}

static OidcVerdict
verify(const char *payload, OidcClaims *claims)
{
	static const char header[] = "{\"alg\":\"EdDSA\",\"kid\":\"o\"}";
	Text		token = token_make(header, payload, secret);
	OidcVerdict verdict = oidc_verify(token.bytes, token.length, &keys, &expected, claims);

	text_free(&token);
	return verdict;
}

static void
check(OidcVerdict wanted, const char *payload, const char *name)
{
	OidcClaims	claims;
	OidcVerdict verdict = verify(payload, &claims);

	ok(verdict == wanted, "%s", name);
	oidc_free_claims(&claims);
}

static void
check_tokens(void)
{
	check(OIDC_VALID, CLAIMS(ISSUER, "\"me\"", TIMES, "n1"), "a token for us verifies");
	check(OIDC_VALID, CLAIMS(ISSUER, "[\"me\"]", TIMES, "n1"), "the audience may be a list of one");
	check(OIDC_VALID, CLAIMS(ISSUER, "[\"you\",\"me\"],\"azp\":\"me\"", TIMES, "n1"), "of several, where it was made for us");
	check(OIDC_WRONG_AUDIENCE, CLAIMS(ISSUER, "[\"you\",\"me\"]", TIMES, "n1"), "of several, and nobody named, is refused");
	check(OIDC_WRONG_AUDIENCE, CLAIMS(ISSUER, "\"me\",\"azp\":\"you\"", TIMES, "n1"), "made for somebody else is refused");
	check(OIDC_WRONG_AUDIENCE, CLAIMS(ISSUER, "\"you\"", TIMES, "n1"), "another audience is refused");
	check(OIDC_WRONG_AUDIENCE, CLAIMS(ISSUER, "{\"me\":\"me\"}", TIMES, "n1"), "an audience that is an object is refused");
	check(OIDC_WRONG_ISSUER, CLAIMS(ISSUER "/", "\"me\"", TIMES, "n1"), "another issuer is refused, by a slash even");
	check(OIDC_WRONG_NONCE, CLAIMS(ISSUER, "\"me\"", TIMES, "n2"), "another nonce is refused");
	check(OIDC_WRONG_NONCE, "{\"iss\":\"" ISSUER "\",\"sub\":\"s\",\"aud\":\"me\"," TIMES "}", "no nonce is refused");
	check(OIDC_VALID, CLAIMS(ISSUER, "\"me\"", "\"iat\":1799999000,\"exp\":1799999941", "n1"), "59 s over count as skew");
	check(OIDC_EXPIRED, CLAIMS(ISSUER, "\"me\"", "\"iat\":1799999000,\"exp\":1799999940", "n1"), "60 s over is expired");
	check(OIDC_EXPIRED, CLAIMS(ISSUER, "\"me\"", "\"iat\":1799999000", "n1"), "without an end it is refused");
	check(OIDC_EXPIRED, CLAIMS(ISSUER, "\"me\"", "\"iat\":1799999000,\"exp\":\"1800000300\"", "n1"), "an end that is text is none");
	check(OIDC_VALID, CLAIMS(ISSUER, "\"me\"", "\"iat\":1800000060,\"exp\":1800000300", "n1"), "60 s ahead count as skew");
	check(OIDC_NOT_YET, CLAIMS(ISSUER, "\"me\"", "\"iat\":1800000061,\"exp\":1800000300", "n1"), "61 s ahead is of the future");
	check(OIDC_NOT_YET, CLAIMS(ISSUER, "\"me\"", "\"nbf\":1800000061," TIMES, "n1"), "what is not valid yet is refused");
	check(OIDC_NO_SUBJECT, "{\"iss\":\"" ISSUER "\",\"sub\":\"\",\"aud\":\"me\"," TIMES ",\"nonce\":\"n1\"}", "an empty subject is nobody");
	check(OIDC_BAD_SIGNATURE, "{\"iss\":\"" ISSUER "\",\"iss\":\"" ISSUER "\",\"sub\":\"s\",\"aud\":\"me\"," TIMES ",\"nonce\":\"n1\"}",
		  "a claim that stands twice is refused");
}

static void
check_claims(void)
{
	static const char theirs[] = "{\"sub\":\"s1\",\"email\":\"eve@example.org\",\"email_verified\":true,\"name\":\"Ada\"}";
	OidcClaims	claims;

	ok(verify("{\"iss\":\"" ISSUER "\",\"sub\":\"s1\",\"aud\":\"me\"," TIMES ",\"nonce\":\"n1\",\"email\":\"ada@example.org\","
			  "\"email_verified\":\"true\"}", &claims) == OIDC_VALID && strcmp(claims.email, "ada@example.org") == 0
	   && !claims.email_verified, "that an address is verified is said by true, not by a text");
	ok(oidc_add_userinfo(theirs, strlen(theirs), &claims) && strcmp(claims.email, "ada@example.org") == 0
	   && !claims.email_verified && strcmp(claims.name, "Ada") == 0, "userinfo adds what is missing and changes nothing");
	ok(!oidc_add_userinfo("{\"sub\":\"s2\"}", 12, &claims) && !oidc_add_userinfo("{}", 2, &claims), "somebody else's userinfo is refused");
	oidc_free_claims(&claims);
}

#define METADATA(issuer, token, more) "{\"issuer\":\"" issuer "\",\"authorization_endpoint\":\"https://id.example/a\"," \
	"\"token_endpoint\":\"" token "\",\"jwks_uri\":\"https://id.example/j\"" more "}"

static void
check_metadata(bool wanted, const char *json, const char *name)
{
	OidcMetadata metadata;
	const char *why;

	ok(oidc_read_metadata(json, strlen(json), ISSUER, false, &metadata, &why) == wanted && (why == NULL) == wanted, "%s", name);
	oidc_free_metadata(&metadata);
}

static void
check_documents(void)
{
	static const char body[] = METADATA(ISSUER, "https://id.example/t", ",\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"],"
										"\"authorization_response_iss_parameter_supported\":true");
	static const char both[] = "{\"id_token\":\"a.b.c\",\"access_token\":\"x\"}";
	static const char broken[] = "{\"id_token\":\"a\",\"access_token\":\"x\\r\\ny\"}";
	OidcMetadata metadata;
	const char *why;
	char	   *id;
	char	   *kept;
	char	   *access;

	check_metadata(true, METADATA(ISSUER, "https://id.example/t", ""), "a discovery document is read");
	check_metadata(false, METADATA("https://evil.example", "https://id.example/t", ""), "of another issuer it is refused");
	check_metadata(false, METADATA(ISSUER, "http://id.example/t", ""), "an endpoint without TLS is refused");
	check_metadata(false, METADATA(ISSUER, "https://id.example/t", ",\"userinfo_endpoint\":\"file:///etc/passwd\""), "so is a file");
	check_metadata(false, METADATA(ISSUER, "https://id.example/t", ",\"code_challenge_methods_supported\":[\"plain\"]"), "without S256 it is refused");
	check_metadata(false, "{\"issuer\":\"" ISSUER "\"}", "without endpoints it is refused");
	check_metadata(false, "<html>", "what is no JSON is refused");
	ok(oidc_read_metadata(body, strlen(body), ISSUER, false, &metadata, &why) && metadata.secret_in_body && metadata.names_itself,
	   "how it wants the secret and whether it names itself is read");
	oidc_free_metadata(&metadata);

	ok(oidc_read_tokens(both, strlen(both), &id, &access) && strcmp(id, "a.b.c") == 0
	   && strcmp(access, "x") == 0, "tokens are read");
	free(id);
	free(access);
	ok(oidc_read_tokens(broken, strlen(broken), &kept, &access) && access == NULL,
	   "an access token that is no header's is left out");
	free(kept);
	ok(!oidc_read_tokens("{\"access_token\":\"x\"}", 20, &id, &access), "without an ID token it is no answer");
}

static void
check_urls(void)
{
	static const char *const bad[] = {
		"", "https://", "https:///x", "ftp://a/", "http://a/", "http://127.0.0.1/", "https://a@b/", "https://a/#f", "https://a/ b",
		"https://a\r\nX: y/", "https://a/\xc3\xa9", "https://a\\b/", "//a/", "/a",
	};
	static const char *const not_loopback[] = {"http://a/", "http://127.0.0.1.evil.example/", "http://localhost@evil.example/"};
	bool		refused = true;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused = refused && !oidc_url_is_fit(bad[i], false);
	ok(refused, "what is no https URL of a host is refused");
	refused = true;
	for (size_t i = 0; i < sizeof(not_loopback) / sizeof(not_loopback[0]); i++)
		refused = refused && !oidc_url_is_fit(not_loopback[i], true);
	ok(refused && oidc_url_is_fit("http://127.0.0.1:80/x", true) && oidc_url_is_fit("http://[::1]/", true)
	   && oidc_url_is_fit("https://a:8443/x?y=z", false), "http goes to this machine only, where that is allowed");
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	make_keys();
	check_tokens();
	check_claims();
	check_documents();
	check_urls();
	jws_free_keys(&keys);
	return done();
}
