/*
 * token.h - makes JSON Web Signatures for the tests: by whatever header and payload, right or wrong.
 */
#ifndef PORCUPINE_TEST_TOKEN_H
#define PORCUPINE_TEST_TOKEN_H

#include "text.h"

#include <sodium.h>
#include <string.h>

/* Adds bytes in the base64 of tokens. */
static inline void
token_add(Text *token, const void *bytes, size_t length)
{
	char		part[2048];

	sodium_bin2base64(part, sizeof(part), bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	text_add(token, part);
}

/* A new Ed25519 key, and the public half of it as a JWK Set has it. */
static inline void
token_key(unsigned char *key, char x[64])
{
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES];

	crypto_sign_keypair(public_key, key);
	sodium_bin2base64(x, 64, public_key, sizeof(public_key), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* What is signed of a token: header and payload. */
static inline Text
token_begin(const char *header, const char *payload)
{
	Text		token = {0};

	token_add(&token, header, strlen(header));
	text_add(&token, ".");
	token_add(&token, payload, strlen(payload));
	return token;
}

/* A whole one, by an Ed25519 key; freed by text_free(). */
static inline Text
token_make(const char *header, const char *payload, const unsigned char *key)
{
	Text		token = token_begin(header, payload);
	unsigned char signature[crypto_sign_BYTES];

	crypto_sign_detached(signature, NULL, (unsigned char *) token.bytes, token.length, key);
	text_add(&token, ".");
	token_add(&token, signature, sizeof(signature));
	return token;
}

#endif
