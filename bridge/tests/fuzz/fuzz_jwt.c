/*
 * fuzz_jwt.c - bridge and extension accept the same access tokens and see the same claims in them;
 * only what our key has signed is accepted, and no byte of it may change.
 *
 * Where a header or a payload is not of the form that the extension writes, it is allowed to refuse
 * what the bridge takes, for nobody but the extension has the key.
 *
 * Input: a header, a line feed, a payload; both are signed here. The whole input is also taken for a
 * token, and for a set of keys.
 */
#include "extension_jwt.h"
#include "fuzz.h"
#include "jwt.h"
#include "text.h"

#include <sodium.h>

#define NOW 1800000000
#define ISSUER "porcupine"

static unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
static unsigned char secret_key[crypto_sign_SECRETKEYBYTES];
static JwtKeys keys;

static void check_ours(void);

/* The key is made of zeros, so that its name, E545QOZLVJFy, can stand in a corpus. */
static void
make_keys(void)
{
	static const unsigned char seed[crypto_sign_SEEDBYTES];

	if (keys.count > 0)
		return;
	HOLDS(sodium_init() >= 0);
	crypto_sign_seed_keypair(public_key, secret_key, seed);
	keys.count = 1;
	extension_kid(public_key, keys.keys[0].kid);
	memcpy(keys.keys[0].public_key, public_key, sizeof(public_key));
	check_ours();
}

static bool
bridge_accepts(const char *token, size_t length, JwtClaims *claims)
{
	char	   *exact = fuzz_memory(token, length);
	JwtVerdict	verdict = jwt_verify(exact, length, &keys, ISSUER, NOW, claims);

	free(exact);
	return verdict == JWT_VALID;
}

/* Whether the extension accepts it; if so, the bridge does, and sees the same. */
static bool
both_accept(const char *token, size_t length)
{
	ExtensionClaims theirs = {0};
	JwtClaims	ours = {0};
	char	   *exact = fuzz_memory(token, length);
	bool		accepted = extension_accepts(exact, length, public_key, ISSUER, NOW, &theirs);

	free(exact);
	if (!accepted)
		return false;
	HOLDS(bridge_accepts(token, length, &ours));
	HOLDS(ours.user == theirs.user && ours.session == theirs.session && ours.device == theirs.device
		  && ours.expires == theirs.expires);
	HOLDS(ours.user > 0 && ours.session > 0 && ours.device > 0 && ours.expires > NOW);
	return true;
}

static void
check_ours(void)
{
	char		token[JWT_MAX_LENGTH];
	ExtensionClaims claims = {7, 8, INT64_MAX, NOW + 600};
	size_t		length = extension_signs(&claims, ISSUER, keys.keys[0].kid, secret_key, token, sizeof(token));

	HOLDS(length > 0 && both_accept(token, length));
}

static void
add_part(Text *token, const char *bytes, size_t length)
{
	size_t		size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);

	sodium_bin2base64(text_reserve(token, size), size, (const unsigned char *) bytes, length,
					  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	token->length += size - 1;
}

static void
check_changed(Text *token, size_t at, char bits)
{
	JwtClaims	claims;

	token->bytes[at] ^= bits;
	HOLDS(!bridge_accepts(token->bytes, token->length, &claims) && !both_accept(token->bytes, token->length));
	token->bytes[at] ^= bits;
}

static void
check_signed(const char *header, size_t header_length, const char *payload, size_t payload_length)
{
	Text		token = {0};
	unsigned char signature[crypto_sign_BYTES];
	size_t		signed_length;
	bool		accepted;
	JwtClaims	claims;

	add_part(&token, header, header_length);
	text_add(&token, ".");
	add_part(&token, payload, payload_length);
	signed_length = token.length;
	crypto_sign_detached(signature, NULL, (unsigned char *) token.bytes, token.length, secret_key);
	text_add(&token, ".");
	add_part(&token, (char *) signature, sizeof(signature));

	accepted = both_accept(token.bytes, token.length);
	if (extension_reads(header, header_length) && extension_reads(payload, payload_length))
		HOLDS(bridge_accepts(token.bytes, token.length, &claims) == accepted);
	if (bridge_accepts(token.bytes, token.length, &claims))
	{
		/* one byte is another one, which one is the input's to say; or not of the alphabet at all */
		check_changed(&token, (header_length * 31 + payload_length * 7) % token.length, 1);
		for (size_t i = 0; i < token.length; i++)
		{
			if (token.bytes[i] == '_' || i == token.length - 1)
				check_changed(&token, i, 0x80);
		}
		/* nor may it be cut, or longer */
		HOLDS(!bridge_accepts(token.bytes, token.length - 1, &claims) && !bridge_accepts(token.bytes, signed_length, &claims));
		text_add(&token, "A");
		HOLDS(!bridge_accepts(token.bytes, token.length, &claims) && !both_accept(token.bytes, token.length));
	}
	text_free(&token);
}

static void
check_key_set(const char *bytes, size_t length)
{
	JwtKeys		read = {0};

	if (!jwt_read_keys(bytes, length, &read))
		return;
	HOLDS(read.count >= 0 && read.count <= JWT_MAX_KEYS);
	for (int i = 0; i < read.count; i++)
		HOLDS(strlen(read.keys[i].kid) < sizeof(read.keys[i].kid));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *bytes = fuzz_memory(data, size);
	const char *feed = memchr(bytes, '\n', size);
	size_t		header_length = feed != NULL ? (size_t) (feed - bytes) : size;

	make_keys();
	/* nobody of ours writes longer ones; signing them here would only take time */
	if (feed != NULL && size <= JWT_MAX_LENGTH)
		check_signed(bytes, header_length, feed + 1, size - header_length - 1);
	(void) both_accept(bytes, size);
	check_key_set(bytes, size);
	free(bytes);
	return 0;
}
