/*
 * fuzz_oidc.c - what an OpenID provider answers: a discovery document gives only fit addresses, an
 * answer only tokens that it has, and an ID token that is signed by the provider's key is taken only
 * when it is of this issuer, for this client, for this sign-in and of this time.
 *
 * Input: D, K, T or U and a discovery document, a key set, an answer with tokens, or of a user; or I,
 * a header, a line feed and a payload, which are signed here.
 */
#include "fuzz.h"
#include "json.h"
#include "oidctoken.h"
#include "text.h"

#include <sodium.h>

#define NOW 1800000000
#define ISSUER "https://id.example.org"
#define CLIENT "chat"
#define NONCE "n-0S6"

static JwsKeys keys;
static unsigned char secret_key[crypto_sign_SECRETKEYBYTES];

static void
make_keys(void)
{
	static const unsigned char seed[crypto_sign_SEEDBYTES];

	if (keys.count > 0)
		return;
	HOLDS(sodium_init() >= 0);
	crypto_sign_seed_keypair(keys.keys[0].ed25519, secret_key, seed);
	strcpy(keys.keys[0].kid, "k");
	keys.keys[0].algorithm = "EdDSA";
	keys.count = 1;
}

static void
check_text(const char *text, size_t most)
{
	HOLDS(text == NULL || (strlen(text) <= most && text_is_utf8(text, strlen(text))));
}

static void
check_claims(OidcClaims *claims)
{
	HOLDS(claims->subject != NULL && claims->subject[0] != '\0');
	check_text(claims->subject, OIDC_MAX_SUBJECT);
	check_text(claims->email, OIDC_MAX_EMAIL);
	check_text(claims->username, SIZE_MAX);
	check_text(claims->name, SIZE_MAX);
	HOLDS(claims->email != NULL || !claims->email_verified);
}

static void
check_discovery(const char *bytes, size_t length)
{
	OidcMetadata metadata = {0};
	const char *why = NULL;

	if (!oidc_read_metadata(bytes, length, ISSUER, false, &metadata, &why))
	{
		HOLDS(why != NULL);
		return;
	}
	HOLDS(oidc_url_is_fit(metadata.authorization_endpoint, false) && strlen(metadata.authorization_endpoint) <= OIDC_MAX_URL);
	HOLDS(oidc_url_is_fit(metadata.token_endpoint, false) && oidc_url_is_fit(metadata.jwks_uri, false));
	HOLDS(strncmp(metadata.token_endpoint, "https://", 8) == 0);
	HOLDS(metadata.userinfo_endpoint == NULL || oidc_url_is_fit(metadata.userinfo_endpoint, false));
	oidc_free_metadata(&metadata);
}

static void
check_keys(const char *bytes, size_t length)
{
	JwsKeys    *read = calloc(1, sizeof(JwsKeys));

	HOLDS(read != NULL);
	if (jws_read_keys(bytes, length, read))
	{
		HOLDS(read->count >= 0 && read->count <= JWS_MAX_KEYS);
		for (int i = 0; i < read->count; i++)
		{
			HOLDS(strlen(read->keys[i].kid) < JWS_MAX_KID && read->keys[i].algorithm != NULL);
			HOLDS((read->keys[i].key == NULL) == (strcmp(read->keys[i].algorithm, "EdDSA") == 0));
		}
	}
	jws_free_keys(read);
	free(read);
}

static void
check_answer(const char *bytes, size_t length)
{
	char	   *id_token = NULL;
	char	   *access_token = NULL;

	if (!oidc_read_tokens(bytes, length, &id_token, &access_token))
		return;
	HOLDS(id_token != NULL);
	free(id_token);
	free(access_token);
}

static void
check_user(const char *bytes, size_t length)
{
	OidcClaims	claims = {.subject = strdup("7")};

	if (oidc_add_userinfo(bytes, length, &claims))
		HOLDS(strcmp(claims.subject, "7") == 0);
	check_claims(&claims);
	oidc_free_claims(&claims);
}

static void
add_part(Text *token, const void *bytes, size_t length)
{
	size_t		size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);

	sodium_bin2base64(text_reserve(token, size), size, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	token->length += size - 1;
}

static OidcVerdict
verify(const char *token, size_t length, const char *issuer, const char *client, const char *nonce, int64_t now)
{
	OidcExpected expected = {issuer, client, nonce, now};
	OidcClaims	claims = {0};
	OidcVerdict verdict = oidc_verify(token, length, &keys, &expected, &claims);

	if (verdict == OIDC_VALID)
	{
		check_claims(&claims);
		oidc_free_claims(&claims);
	}
	return verdict;
}

static void
check_id_token(Input input)
{
	char	   *header = fuzz_line(&input);
	Text		token = {0};
	unsigned char signature[crypto_sign_BYTES];

	add_part(&token, header, strlen(header));
	text_add(&token, ".");
	add_part(&token, input.at, fuzz_left(&input));
	crypto_sign_detached(signature, NULL, (unsigned char *) token.bytes, token.length, secret_key);
	text_add(&token, ".");
	add_part(&token, signature, sizeof(signature));
	if (verify(token.bytes, token.length, ISSUER, CLIENT, NONCE, NOW) == OIDC_VALID)
	{
		HOLDS(verify(token.bytes, token.length, "https://evil.example.org", CLIENT, NONCE, NOW) == OIDC_WRONG_ISSUER);
		HOLDS(verify(token.bytes, token.length, ISSUER, CLIENT, "another", NOW) == OIDC_WRONG_NONCE);
		HOLDS(verify(token.bytes, token.length, ISSUER, CLIENT, NONCE, INT64_C(9007199254740991)) != OIDC_VALID);
		token.bytes[(token.length * 7) % token.length] ^= 1;
		HOLDS(verify(token.bytes, token.length, ISSUER, CLIENT, NONCE, NOW) != OIDC_VALID);
	}
	text_free(&token);
	free(header);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		input = {(const char *) data, (const char *) data + size};
	unsigned	kind = fuzz_byte(&input);
	size_t		length = fuzz_left(&input);
	char	   *bytes = fuzz_memory(input.at, length);

	make_keys();
	if (kind == 'D')
		check_discovery(bytes, length);
	else if (kind == 'K')
		check_keys(bytes, length);
	else if (kind == 'T')
		check_answer(bytes, length);
	else if (kind == 'U')
		check_user(bytes, length);
	else
	{
		check_id_token((Input) {bytes, bytes + length});
		(void) verify(bytes, length, ISSUER, CLIENT, NONCE, NOW);
	}
	free(bytes);
	return 0;
}
