/*
 * oidcsecret.c - see oidcsecret.h.
 */
#include "oidcsecret.h"

#include <sodium.h>
#include <string.h>

static void derive(const unsigned char key[32], const char *label, char text[OIDCSECRET_TEXT]);
static void encode(const unsigned char bytes[32], char text[OIDCSECRET_TEXT]);

void
oidcsecret_draw(char hex[OIDCSECRET_HEX + 1])
{
	unsigned char bytes[32];

	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2hex(hex, OIDCSECRET_HEX + 1, bytes, sizeof(bytes));
	sodium_memzero(bytes, sizeof(bytes));
}

bool
oidcsecret_read(const char *hex, size_t length, OidcSecret *secret)
{
	unsigned char key[32];
	unsigned char hash[32];
	size_t		decoded;

	if (length != OIDCSECRET_HEX || sodium_hex2bin(key, sizeof(key), hex, length, NULL, &decoded, NULL) != 0 || decoded != sizeof(key))
		return false;
	derive(key, "porcupine oidc state", secret->state);
	derive(key, "porcupine oidc nonce", secret->nonce);
	derive(key, "porcupine oidc verifier", secret->verifier);
	crypto_hash_sha256(hash, (const unsigned char *) secret->verifier, strlen(secret->verifier));
	encode(hash, secret->challenge);
	crypto_hash_sha256(secret->state_hash, (const unsigned char *) secret->state, strlen(secret->state));
	sodium_memzero(key, sizeof(key));
	return true;
}

static void
derive(const unsigned char key[32], const char *label, char text[OIDCSECRET_TEXT])
{
	unsigned char bytes[32];

	crypto_generichash(bytes, sizeof(bytes), (const unsigned char *) label, strlen(label), key, 32);
	encode(bytes, text);
}

static void
encode(const unsigned char bytes[32], char text[OIDCSECRET_TEXT])
{
	sodium_bin2base64(text, OIDCSECRET_TEXT, bytes, 32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void
oidcsecret_add_field(Text *form, const char *name, const char *value)
{
	if (form->length > 0 && form->bytes[form->length - 1] != '?')
		text_add(form, "&");
	text_format(form, "%s=", name);
	oidcsecret_escape(form, value);
}

void
oidcsecret_escape(Text *text, const char *value)
{
	for (; *value != '\0'; value++)
	{
		unsigned char c = (unsigned char) *value;

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL)
			text_bytes(text, value, 1);
		else
			text_format(text, "%%%02X", c);
	}
}
